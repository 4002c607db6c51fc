//! Starting threads.

use crate::base::status::Error;
use crate::base::this_thread::Record;
use crate::thread::stack;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr;

/// What a thread runs. It may be left by an unwinding that is not ours to stop.
pub type Function = unsafe extern "C-unwind" fn(*mut c_void);

/// What a new thread needs to know. Lives in the heap until the thread has read it.
struct Start {
    record: &'static Record,
    function: Function,
    argument: *mut c_void,
}

/// Starts a detached thread; its ident.
pub fn start(function: Function, argument: *mut c_void) -> Result<u64, Error> {
    start_with(function, argument, ptr::null_mut())
}

/// Starts a detached thread with a copy of `size` bytes at `arguments`, which may be NULL if that is 0.
///
/// # Safety
/// `arguments` is valid for reading `size` bytes.
pub unsafe fn start_copy(function: Function, arguments: *const c_void, size: usize) -> Result<u64, Error> {
    // SAFETY: any size can be asked for; at least a byte, so that NULL means only one thing.
    let copy = unsafe { libc::malloc(size.max(1)) };
    if copy.is_null() {
        return Err(Error::NoMemory);
    }
    if size > 0 {
        // SAFETY: the caller vouches for the source; the copy was just allocated with this size.
        unsafe { ptr::copy_nonoverlapping(arguments.cast::<u8>(), copy.cast::<u8>(), size) };
    }
    start_with(function, copy, copy)
}

/// `copied` is freed when the thread ends, or now if it cannot be started.
fn start_with(function: Function, argument: *mut c_void, copied: *mut c_void) -> Result<u64, Error> {
    let record = match Record::for_new_thread(copied) {
        Ok(record) => record,
        Err(error) => {
            // SAFETY: NULL, or allocated with malloc by the caller, who gave it away.
            unsafe { libc::free(copied) };
            return Err(error);
        }
    };
    // Read before the thread runs: it may be over, and its record another's, a moment later.
    let ident = record.ident();
    create(record, function, argument).map(|()| ident).inspect_err(|_| record.end())
}

fn create(record: &'static Record, function: Function, argument: *mut c_void) -> Result<(), Error> {
    // SAFETY: the size is not 0.
    let start = unsafe { libc::malloc(size_of::<Start>()) }.cast::<Start>();
    if start.is_null() {
        return Err(Error::NoMemory);
    }
    // SAFETY: just allocated for a Start.
    unsafe { start.write(Start { record, function, argument }) };
    let mut errno = create_with(stack::size(), start);
    // The minimum can be larger than the library could know: once more, with more.
    if errno == libc::EINVAL
        && stack::size() != 0
        && let Some(larger) = stack::more_than(stack::size())
    {
        errno = create_with(larger, start);
    }
    if errno == 0 {
        return Ok(());
    }
    // SAFETY: no thread was created, so nobody else has it.
    unsafe { libc::free(start.cast()) };
    Err(Error::NoThread(errno))
}

/// Creates the OS thread; 0 or an errno.
fn create_with(stack_size: usize, start: *mut Start) -> i32 {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let attributes = attributes.as_mut_ptr();
    // SAFETY: the attributes are initialised first, and destroyed last, here. `main` has the type of a
    // start routine, and gets a Start of its own.
    unsafe {
        let mut errno = libc::pthread_attr_init(attributes);
        if errno != 0 {
            return errno;
        }
        errno = libc::pthread_attr_setdetachstate(attributes, libc::PTHREAD_CREATE_DETACHED);
        if errno == 0 && stack_size != 0 {
            errno = libc::pthread_attr_setstacksize(attributes, stack_size);
        }
        if errno == 0 {
            let mut thread = MaybeUninit::<libc::pthread_t>::uninit();
            errno = pthread_create(thread.as_mut_ptr(), attributes, main, start.cast());
        }
        libc::pthread_attr_destroy(attributes);
        errno
    }
}

unsafe extern "C" {
    // As libc has it, but for a start routine that may be unwound.
    fn pthread_create(
        thread: *mut libc::pthread_t,
        attributes: *const libc::pthread_attr_t,
        main: unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void,
        argument: *mut c_void,
    ) -> i32;
}

/// The first frame of a thread. Nothing in it has a destructor: `lt_exit` unwinds through it.
unsafe extern "C-unwind" fn main(start: *mut c_void) -> *mut c_void {
    // SAFETY: `create` made it for this thread alone.
    let Start { record, function, argument } = unsafe { start.cast::<Start>().read() };
    // SAFETY: allocated with malloc in `create`.
    unsafe { libc::free(start) };
    let adopted = record.adopt();
    // SAFETY: the function and its argument are what the user asked to be called.
    unsafe { function(argument) };
    if !adopted {
        record.end();
    }
    ptr::null_mut()
}
