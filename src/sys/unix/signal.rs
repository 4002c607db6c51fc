//! Handlers of signals.

use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr;

/// How many signals there can be; they are counted from 1.
pub const SIGNALS: usize = 64;

/// What a dump can be asked for by, in the environment.
pub const NAMES: [(&str, c_int); 10] = [
    ("HUP", libc::SIGHUP),
    ("INT", libc::SIGINT),
    ("QUIT", libc::SIGQUIT),
    ("ABRT", libc::SIGABRT),
    ("USR1", libc::SIGUSR1),
    ("USR2", libc::SIGUSR2),
    ("ALRM", libc::SIGALRM),
    ("TERM", libc::SIGTERM),
    ("PROF", libc::SIGPROF),
    ("WINCH", libc::SIGWINCH),
];

/// Whether every signal can be routed.
pub const ALL: bool = true;

/// What the system tells a handler of a signal.
pub type Info = libc::siginfo_t;

/// A handler, as the kernel calls each: with three arguments, whether or not it was installed with SA_SIGINFO.
pub type Handler = unsafe extern "C-unwind" fn(c_int, *mut Info, *mut c_void);

/// What is done with a signal.
#[derive(Clone, Copy)]
pub struct Action(libc::sigaction);

impl Action {
    /// That of a signal now, or None if the system has none to tell. Async-signal-safe.
    pub fn of(signum: c_int) -> Option<Action> {
        let mut now = MaybeUninit::uninit();
        // SAFETY: asks without changing; on success the action was written.
        unsafe {
            (libc::sigaction(signum, ptr::null(), now.as_mut_ptr()) == 0).then(|| Action(now.assume_init()))
        }
    }

    /// The default one, with an empty mask.
    pub fn usual() -> Action {
        // SAFETY: that is all zeros.
        Action(unsafe { core::mem::zeroed() })
    }

    /// Our handler in the place of this: with the mask and flags of this, if our handler calls it.
    pub fn replaced(&self, ours: Handler, calls_it: bool) -> Action {
        let mut action = self.0;
        if !calls_it {
            action.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
            // SAFETY: a mask to be written.
            unsafe { libc::sigemptyset(&mut action.sa_mask) };
        }
        action.sa_flags |= libc::SA_SIGINFO;
        action.sa_sigaction = ours as *const () as usize;
        Action(action)
    }

    /// Makes this a signal's; the one before, or None if the system refuses.
    pub fn exchange(&self, signum: c_int) -> Option<Action> {
        let mut before = MaybeUninit::uninit();
        // SAFETY: a valid action to be read, and one to be written, which it is on success.
        unsafe {
            (libc::sigaction(signum, &self.0, before.as_mut_ptr()) == 0).then(|| Action(before.assume_init()))
        }
    }

    /// The address of the handler, where it is one.
    pub fn address(&self) -> usize {
        self.0.sa_sigaction
    }

    pub fn is_handler(&self) -> bool {
        !matches!(self.0.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN)
    }

    pub fn is_ignored(&self) -> bool {
        self.0.sa_sigaction == libc::SIG_IGN
    }

    /// Whether it is for one signal, with the default action for the next.
    pub fn is_for_one(&self) -> bool {
        self.0.sa_flags & libc::SA_RESETHAND != 0
    }
}

/// Whether there may be a handler for it, as far as can be told without asking.
pub fn can_be_handled(signum: c_int) -> bool {
    !matches!(signum, libc::SIGKILL | libc::SIGSTOP)
}

/// Whether it tells of what a thread has done, and does again when the handler returns.
pub fn is_fault(signum: c_int) -> bool {
    matches!(signum, libc::SIGSEGV | libc::SIGBUS | libc::SIGFPE | libc::SIGILL)
}

/// Sends a thread of this process a signal, without a mark. Async-signal-safe.
#[allow(dead_code, reason = "Linux has marks")]
pub fn send_marked(signum: c_int, thread: i64) {
    if thread != 0 {
        // SAFETY: here the native id of a thread is its pthread_t; the main thread has one.
        unsafe { libc::pthread_kill(thread as libc::pthread_t, signum) };
    }
}

/// Without a mark, a chain that was called for a signal that was sent so makes a second interrupt pending.
///
/// # Safety
/// What the kernel has told a handler.
#[allow(dead_code, reason = "as above")]
pub unsafe fn is_marked(_info: *const Info) -> bool {
    false
}
