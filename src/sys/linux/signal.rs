//! Handlers of signals, and sending one to a thread with a mark that the handler sees.

use core::ffi::{c_int, c_void};

pub use crate::sys::unix::semaphore::Semaphore;
pub use crate::sys::unix::signal::{ALL, Action, Handler, Info, NAMES, SIGNALS, can_be_handled, is_fault};

/// Sends a thread of this process a signal, marked, if that can be. Async-signal-safe.
pub fn send_marked(signum: c_int, thread: i64) {
    let info = Marked::new(signum);
    // SAFETY: plain system calls; the second one reads a siginfo_t, as long as that.
    unsafe {
        let (process, thread) = (libc::getpid(), thread as libc::pid_t);
        if libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signum, &raw const info) != 0 {
            // A filter, or too many real-time signals that are pending: then without a mark.
            libc::syscall(libc::SYS_tgkill, process, thread, signum);
        }
    }
}

/// # Safety
/// What the kernel has told a handler.
pub unsafe fn is_marked(info: *const Info) -> bool {
    // SAFETY: as the caller vouches; the value of one that was queued is there.
    unsafe { (*info).si_code == libc::SI_QUEUE && (*info).si_value().sival_ptr.cast_const() == mark() }
}

/// An address that nobody else has.
fn mark() -> *const c_void {
    static MARK: u8 = 0;
    (&raw const MARK).cast()
}

/// The kernel's siginfo_t of a signal that was sent so.
#[repr(C)]
struct Marked {
    signum: c_int,
    errno: c_int,
    code: c_int,
    sender: Sender,
    rest: [u64; 13],
}

const _: () = assert!(size_of::<Marked>() >= size_of::<libc::siginfo_t>());

#[repr(C)]
struct Sender {
    process: libc::pid_t,
    user: libc::uid_t,
    value: *const c_void,
}

impl Marked {
    fn new(signum: c_int) -> Marked {
        // SAFETY: asks for two numbers.
        let (process, user) = unsafe { (libc::getpid(), libc::getuid()) };
        let sender = Sender { process, user, value: mark() };
        Marked { signum, errno: 0, code: libc::SI_QUEUE, sender, rest: [0; 13] }
    }
}
