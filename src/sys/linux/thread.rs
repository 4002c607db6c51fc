//! Threads of the system: what Linux knows of them beyond POSIX.

use super::late::{Late, MIN_STACK};
use core::ffi::c_void;
use core::ptr;

pub use crate::sys::unix::thread::{
    End, LEAST_STACK, LONGEST_NAME, Native, OF_POSIX, OVER, Over, create, current, detach, join, joinable,
    let_go, number, wants_more_stack,
};

/// What the kernel tells the calling thread by.
pub fn native_id() -> i64 {
    // SAFETY: cannot fail and touches no memory.
    i64::from(unsafe { libc::gettid() })
}

/// The same of the process's first thread, where others can know it.
pub fn first_native_id() -> i64 {
    // SAFETY: cannot fail and touches no memory. The first thread's id is the process's.
    i64::from(unsafe { libc::getpid() })
}

/// Whether the calling thread is the process's first one.
pub fn is_first() -> bool {
    native_id() == first_native_id()
}

/// glibc, from 2.32 on: whether there is one thread.
static SINGLE_THREADED: Late = Late::new(c"__libc_single_threaded");

/// Whether the calling thread is known to be the only one, without a system call.
pub fn is_alone() -> bool {
    // SAFETY: a `char` of the C library's, which is always there.
    SINGLE_THREADED.get().is_some_and(|flag| unsafe { flag.cast::<u8>().read() } != 0)
}

/// Joins a thread if that needs no waiting.
///
/// # Safety
/// As for `join`.
pub unsafe fn try_join(thread: Native) -> bool {
    unsafe extern "C" {
        fn pthread_tryjoin_np(thread: libc::pthread_t, value: *mut *mut c_void) -> i32;
    }
    // SAFETY: passed on.
    unsafe { pthread_tryjoin_np(thread, ptr::null_mut()) == 0 }
}

/// Names the calling thread.
pub fn set_name(name: &[u8; LONGEST_NAME + 1]) {
    // SAFETY: NUL-terminated, and short enough, for the calling thread itself.
    unsafe { libc::pthread_setname_np(libc::pthread_self(), name.as_ptr().cast()) };
}

/// The lowest address of the calling thread's stack, and its size. Slow: asks the C library. The lowest page may
/// be a guard, as some C libraries count.
pub fn stack() -> Option<(usize, usize)> {
    let mut attributes = core::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let attributes = attributes.as_mut_ptr();
    let (mut lowest, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the attributes are written by the first call, if that succeeds, and destroyed by the last.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes) != 0 {
            return None;
        }
        libc::pthread_attr_getstack(attributes, &mut lowest, &mut size);
        libc::pthread_attr_destroy(attributes);
    }
    Some((lowest.addr(), size))
}

/// Whether `stack` can tell anything at all here.
pub const TELLS_STACKS: bool = true;

/// What the C library takes from a stack before the thread can use it: in glibc, the static
/// thread-local storage of all loaded libraries.
pub fn stack_overhead() -> usize {
    type MinStack = unsafe extern "C" fn(*const libc::pthread_attr_t) -> usize;
    MIN_STACK.get().map_or(0, |function| {
        // SAFETY: the function is of this type, and reads nothing through its argument.
        unsafe { core::mem::transmute::<*const c_void, MinStack>(function)(ptr::null()) }
    })
}

/// By how many nanoseconds the system may put off a wake-up of the calling thread; 0 is what the thread had at
/// first.
pub fn set_slack(nanoseconds: u32) {
    // SAFETY: a setting of the calling thread.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, libc::c_ulong::from(nanoseconds)) };
}
