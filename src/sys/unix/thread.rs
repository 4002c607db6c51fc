//! Threads of the system.

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr;

/// A thread that was started here.
pub type Native = libc::pthread_t;

/// A thread's first function, and what that returns.
pub type Main = unsafe extern "C-unwind" fn(*mut c_void) -> Over;
pub type Over = *mut c_void;
pub const OVER: Over = ptr::null_mut();

/// What becomes of a thread at its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    Joined,
    Detached,
}

/// Whether threads are those of POSIX: what that ends, cancels and cleans up is seen here.
pub const OF_POSIX: bool = true;

/// The smallest stack that a thread is started on.
pub const LEAST_STACK: usize = libc::PTHREAD_STACK_MIN;

/// How many bytes of a name the system keeps.
pub const LONGEST_NAME: usize = 15;

/// Starts a thread, with so large a stack or, for 0, the usual one. The error is the system's.
///
/// # Safety
/// The function may be called with the argument, on another thread.
pub unsafe fn create(stack_size: usize, end: End, main: Main, argument: *mut c_void) -> Result<Native, i32> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let attributes = attributes.as_mut_ptr();
    let mut thread = MaybeUninit::<libc::pthread_t>::uninit();
    let detach = match end {
        End::Joined => libc::PTHREAD_CREATE_JOINABLE,
        End::Detached => libc::PTHREAD_CREATE_DETACHED,
    };
    // SAFETY: the attributes are initialised first, and destroyed last, here. Of the function the caller vouches.
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
            errno = pthread_create(thread.as_mut_ptr(), attributes, main, argument);
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
        main: Main,
        argument: *mut c_void,
    ) -> i32;
}

/// Whether that error says that the stack was too small.
pub fn wants_more_stack(errno: i32) -> bool {
    errno == libc::EINVAL
}

/// Waits for the end of a thread. A cancellation point.
///
/// # Safety
/// Started to be joined, and neither joined nor detached before.
pub unsafe fn join(thread: Native) -> bool {
    // SAFETY: as the caller vouches.
    unsafe { libc::pthread_join(thread, ptr::null_mut()) == 0 }
}

/// Leaves it to the system to see the thread out.
///
/// # Safety
/// As for `join`.
pub unsafe fn detach(thread: Native) -> bool {
    // SAFETY: as the caller vouches.
    unsafe { libc::pthread_detach(thread) == 0 }
}

/// The calling thread, which was started to be joined, for whoever comes to that.
pub fn joinable() -> Option<Native> {
    Some(current())
}

/// Its starter will not join the thread: who will has it from `joinable`.
pub fn let_go(_thread: Native, _end: End) {}

/// The calling thread.
pub fn current() -> Native {
    // SAFETY: cannot fail and touches no memory.
    unsafe { libc::pthread_self() }
}

/// A number that no other thread has as long as this one lives; not 0.
pub fn number(thread: Native) -> usize {
    thread as usize
}

// What follows stands for those that have nothing better.

/// What the kernel tells the calling thread by: there, the thread itself.
#[allow(dead_code, reason = "Linux has ids")]
pub fn native_id() -> i64 {
    number(current()) as i64
}

/// The same of the process's first thread, where others can know it; 0 where they cannot.
#[allow(dead_code, reason = "as above")]
pub fn first_native_id() -> i64 {
    0
}

/// Whether the calling thread is the process's first one.
#[cfg(not(target_os = "linux"))]
pub fn is_first() -> bool {
    // SAFETY: cannot fail and touches no memory.
    unsafe { libc::pthread_main_np() != 0 }
}

/// Whether the calling thread is known to be the only one.
#[allow(dead_code, reason = "glibc knows")]
pub fn is_alone() -> bool {
    false
}

/// Joins a thread that is on its last few steps.
///
/// # Safety
/// As for `join`.
#[allow(dead_code, reason = "Linux can do it without waiting for those")]
pub unsafe fn try_join(thread: Native) -> bool {
    // SAFETY: passed on.
    super::cancellation::put_off(|| unsafe { join(thread) })
}

/// What the C library takes from a stack before the thread can use it.
#[allow(dead_code, reason = "glibc says")]
pub fn stack_overhead() -> usize {
    0
}

/// By how many nanoseconds the system may put off a wake-up of the calling thread.
#[allow(dead_code, reason = "Linux can be told")]
pub fn set_slack(_nanoseconds: u32) {}
