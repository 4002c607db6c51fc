//! Interrupting the main thread, and seeing that one was interrupted.

use crate::base::errno::Errno;
use crate::base::status::Error;
use crate::base::this_thread;
use crate::thread::signal;
use core::mem::MaybeUninit;

/// The signals that can be simulated.
const SIGNALS: core::ops::RangeInclusive<i32> = 1..=64;

/// Simulates the arrival of a signal on the main thread. Async-signal-safe on Linux.
pub fn interrupt_main(signum: i32) -> Result<(), Error> {
    check_number(signum)?;
    let _errno = Errno::keep();
    let disposition = disposition(signum);
    if disposition == Disposition::Ignored {
        return Ok(());
    }
    this_thread::with_main(|main| {
        main.interrupt.raise(signum as u32);
        if disposition == Disposition::Handled {
            send_to_main(signum);
        }
    });
    Ok(())
}

/// Whether a signal can be simulated.
pub fn check_number(signum: i32) -> Result<(), Error> {
    if SIGNALS.contains(&signum) { Ok(()) } else { Err(Error::SignalOutOfRange) }
}

/// Whether an interrupt was pending for the calling thread; takes it.
pub fn check() -> Result<(), Error> {
    match this_thread::current() {
        Some(record) if record.interruptible().is_some() && record.take_interrupt() => {
            Err(Error::Interrupted)
        }
        _ => Ok(()),
    }
}

/// The signal behind the last interrupt that this thread took, 0 if there was none.
pub fn signal() -> i32 {
    this_thread::current().map_or(0, |record| record.interrupt_signal())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Disposition {
    Default,
    Ignored,
    /// The program has a handler of its own.
    Handled,
}

fn disposition(signum: i32) -> Disposition {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: asks without changing; on success the action was written.
    let handler = unsafe {
        if libc::sigaction(signum, core::ptr::null(), action.as_mut_ptr()) != 0 {
            // The C library keeps some signals to itself.
            return Disposition::Default;
        }
        let action = action.assume_init();
        if action.sa_flags & libc::SA_RESETHAND != 0 {
            // The handler is for one signal, and the default action for the next: none is sent.
            return Disposition::Default;
        }
        action.sa_sigaction
    };
    match handler {
        libc::SIG_IGN => Disposition::Ignored,
        libc::SIG_DFL => Disposition::Default,
        // A simulated signal does not fire a route.
        handler if signal::is_ours(handler) => Disposition::Default,
        _ => Disposition::Handled,
    }
}

#[cfg(target_os = "linux")]
fn send_to_main(signum: i32) {
    // SAFETY: plain system calls.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), this_thread::main_native_id(), signum) };
}

#[cfg(not(target_os = "linux"))]
fn send_to_main(signum: i32) {
    let thread = this_thread::main_record().native_id();
    if thread != 0 {
        // SAFETY: there, the native id of a thread is its pthread_t; the main thread has one.
        unsafe { libc::pthread_kill(thread as libc::pthread_t, signum) };
    }
}
