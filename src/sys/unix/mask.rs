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

/// Does something that may write to a pipe which nobody reads, or to a file that is as long as it may be, without the
/// signals that this raises on the calling thread, by which the process would end. What was pending stays so.
pub fn without_signals_of_writes<R>(f: impl FnOnce() -> R) -> R {
    let before = current();
    let raised = [libc::SIGPIPE, libc::SIGXFSZ].map(|signum| (signum, only(signum), is_pending(signum)));
    for (_, mask, _) in &raised {
        // SAFETY: a mask; there is no place for the old one.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, mask, ptr::null_mut()) };
    }
    let result = f();
    for (signum, mask, was_pending) in &raised {
        if !was_pending && is_pending(*signum) {
            let mut taken = 0;
            // SAFETY: takes the one that is pending, and so does not wait.
            unsafe { libc::sigwait(mask, &mut taken) };
        }
    }
    set(&before);
    result
}

fn only(signum: c_int) -> Mask {
    let mut mask = MaybeUninit::<Mask>::uninit();
    // SAFETY: the set is written before it is changed and read.
    unsafe {
        libc::sigemptyset(mask.as_mut_ptr());
        libc::sigaddset(mask.as_mut_ptr(), signum);
        mask.assume_init()
    }
}

fn is_pending(signum: c_int) -> bool {
    let mut pending = MaybeUninit::<Mask>::uninit();
    // SAFETY: asks, and writes what there is.
    unsafe {
        libc::sigpending(pending.as_mut_ptr());
        libc::sigismember(pending.as_ptr(), signum) == 1
    }
}
