//! The calling thread's signal mask.

use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::ptr;

pub type Mask = libc::sigset_t;

/// What a thread keeps away that is not to run the program's handlers: all but those that its own instructions
/// raise, and that of a profiler.
pub fn resting() -> Mask {
    const TAKEN: [c_int; 7] =
        [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS, libc::SIGPROF];
    let mut mask = MaybeUninit::<Mask>::uninit();
    // SAFETY: the set is written before it is changed and read.
    unsafe {
        libc::sigfillset(mask.as_mut_ptr());
        for signum in TAKEN {
            libc::sigdelset(mask.as_mut_ptr(), signum);
        }
        mask.assume_init()
    }
}

/// What the calling thread keeps away now.
pub fn current() -> Mask {
    let mut mask = MaybeUninit::<Mask>::uninit();
    // SAFETY: asks, and writes what there is.
    unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), mask.as_mut_ptr());
        mask.assume_init()
    }
}

pub fn set(mask: &Mask) {
    // SAFETY: a mask, for the calling thread.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, ptr::null_mut()) };
}

/// Has the program's handlers run for the signals that are pending for the calling thread, and that it lets
/// through. Whoever sets the mask has them before the call returns: POSIX.
pub fn take_pending() {
    // SAFETY: an empty set is added to the mask, which stays as it is; there is no place for the old one.
    unsafe {
        let mut none = MaybeUninit::<Mask>::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, none.as_ptr(), ptr::null_mut());
    }
}
