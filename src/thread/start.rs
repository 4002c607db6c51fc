//! Starting threads.

use crate::base::atomic::Ordering;
use crate::base::errno;
use crate::base::record::{Record, Role};
use crate::base::status::Error;
use crate::base::unwind;
use crate::thread::{excepthook, failure, joinable, names, stack};
use core::ffi::{CStr, c_void};
use core::mem::MaybeUninit;
use core::ptr;

pub use crate::base::record::Function;

/// All that is decided of a thread before it is started.
pub struct Plan<'a> {
    pub function: Function,
    pub argument: *mut c_void,
    /// Allocated with malloc, to be freed after the thread; or NULL. The plan's until it has a record.
    pub copied: *mut c_void,
    /// Effective; 0 for the platform's default.
    pub stack_size: usize,
    pub name: Option<&'a CStr>,
    pub daemon: bool,
    /// The handle of the lt_errors for its errors, or NULL.
    pub errors: *mut c_void,
    /// Whether somebody is told its ident, and so may interrupt it.
    pub told: bool,
}

impl Plan<'_> {
    /// As `_thread` would start it.
    pub fn new(function: Function, argument: *mut c_void) -> Self {
        Plan {
            function,
            argument,
            copied: ptr::null_mut(),
            stack_size: stack::size(),
            name: None,
            daemon: false,
            errors: ptr::null_mut(),
            told: false,
        }
    }

    /// A record for the thread. `end` it if the thread is not created.
    pub fn record(&self, role: Role) -> Result<&'static Record, Error> {
        let record = Record::for_new_thread(role, self.copied).inspect_err(|_| {
            // SAFETY: NULL, or allocated with malloc and given to this plan.
            unsafe { libc::free(self.copied) };
        })?;
        record.own().entry.set(Some((self.function, self.argument)));
        record.own().errors.set(self.errors);
        // Relaxed: a flag, for lt_enumerate.
        record.daemon.store(self.daemon, Ordering::Relaxed);
        if self.told {
            record.interrupt.expect();
        }
        if let Some(name) = self.name {
            names::set(record, name).inspect_err(|_| record.end())?;
        }
        Ok(record)
    }

    /// Creates the OS thread for a record.
    pub fn create(&self, record: &'static Record, detach: libc::c_int) -> Result<libc::pthread_t, Error> {
        // The thread may be over before its starter knows what it was created as.
        record.keep();
        let create = |stack_size| errno::keeping(|| create_with(stack_size, detach, record));
        let mut created = create(self.stack_size);
        // The minimum can be larger than the library could know: once more, with more.
        if created == Err(libc::EINVAL) && self.stack_size != 0 {
            created = create(stack::more_than(self.stack_size));
        }
        if let Ok(thread) = created {
            record.known_as(thread as usize);
        }
        record.release();
        created.map_err(Error::NoThread)
    }
}

/// Starts a detached thread; its ident.
pub fn start(plan: Plan) -> Result<u64, Error> {
    let record = plan.record(Role::Started)?;
    // Read before the thread runs: it may be over, and its record another's, a moment later.
    let ident = record.ident();
    plan.create(record, libc::PTHREAD_CREATE_DETACHED).inspect_err(|_| record.end())?;
    Ok(ident)
}

/// Starts a detached thread with a copy of `size` bytes at `arguments`, which may be NULL if that is 0.
///
/// # Safety
/// `arguments` is valid for reading `size` bytes.
pub unsafe fn start_copy(
    function: Function,
    arguments: *const c_void,
    size: usize,
    told: bool,
) -> Result<u64, Error> {
    // SAFETY: any size can be asked for; at least a byte, so that NULL means only one thing.
    let copied = unsafe { libc::malloc(size.max(1)) };
    if copied.is_null() {
        return Err(Error::NoMemory);
    }
    if size > 0 {
        // SAFETY: the caller vouches for the source; the copy was just allocated with this size.
        unsafe { ptr::copy_nonoverlapping(arguments.cast::<u8>(), copied.cast::<u8>(), size) };
    }
    start(Plan { copied, told, ..Plan::new(function, copied) })
}

/// Creates the OS thread, or says which errno it failed with.
fn create_with(
    stack_size: usize,
    detach: libc::c_int,
    record: &'static Record,
) -> Result<libc::pthread_t, i32> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let attributes = attributes.as_mut_ptr();
    let mut thread = MaybeUninit::<libc::pthread_t>::uninit();
    // SAFETY: the attributes are initialised first, and destroyed last, here. `main` has the type of a
    // start routine, and gets the record that is for it alone.
    let errno = unsafe {
        let mut errno = libc::pthread_attr_init(attributes);
        if errno != 0 {
            return Err(errno);
        }
        errno = libc::pthread_attr_setdetachstate(attributes, detach);
        if errno == 0 && stack_size != 0 {
            errno = libc::pthread_attr_setstacksize(attributes, stack_size);
        }
        if errno == 0 {
            errno = pthread_create(thread.as_mut_ptr(), attributes, main, ptr::from_ref(record).cast());
        }
        libc::pthread_attr_destroy(attributes);
        errno
    };
    // SAFETY: written by pthread_create, which succeeded.
    if errno == 0 { Ok(unsafe { thread.assume_init() }) } else { Err(errno) }
}

unsafe extern "C" {
    // As libc has it, but for a start routine that may be unwound.
    fn pthread_create(
        thread: *mut libc::pthread_t,
        attributes: *const libc::pthread_attr_t,
        main: unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void,
        argument: *const c_void,
    ) -> i32;
}

/// The first frame of a thread. Nothing in it has a destructor: `lt_exit` unwinds through it.
unsafe extern "C-unwind" fn main(record: *mut c_void) -> *mut c_void {
    // SAFETY: a record, made for this thread; records are never unmapped.
    let record = unsafe { &*record.cast::<Record>() };
    let adopted = begin(record);
    if let Some((function, argument)) = record.own().entry.get() {
        // SAFETY: the function and its argument are what the user asked to be called.
        if let Some(caught) = unsafe { unwind::call(function, argument) } {
            // SAFETY: caught here.
            unsafe { excepthook::deliver_caught(record, caught) };
        } else if let Some(failure) = failure::end(record, None) {
            excepthook::deliver_report(record, failure.report(record));
        }
    }
    if !adopted {
        record.end();
    }
    ptr::null_mut()
}

/// Where the code of a thread's first frame begins.
#[cfg(target_env = "musl")]
pub fn first_frame() -> usize {
    main as *const () as usize
}

/// What a thread does first. Whether the record will end by itself.
fn begin(record: &'static Record) -> bool {
    let adopted = record.adopt();
    joinable::begun(record);
    names::tell_system_first(record);
    adopted
}
