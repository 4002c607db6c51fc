//! Section 4 of the header: interrupts.

use crate::base::status::{LT_OK, lt_status};
use crate::ffi::thread::lt_ident;
use crate::ffi::{report, report_in_handler};
use crate::thread::interrupt;
use core::ffi::c_int;

/// Simulates the arrival of a signal on the main thread, which gets LT_INTERRUPTED from its wait, or
/// its next one that would block; before that a handler that the program has installed runs there.
/// Nothing happens if the signal is ignored; the default action is never taken. LT_INVALID outside
/// 1..64. It happens before the LT_INTERRUPTED. Async-signal-safe.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_interrupt_main(signum: c_int) -> lt_status {
    report_in_handler(&"lt_interrupt_main", interrupt::interrupt_main(signum))
}

/// Interrupts a thread, without a signal: it gets LT_INTERRUPTED from its wait, or its next one that
/// would block. Any thread that has an ident: the main one, one that the library started, one of
/// the program's after its first call. LT_INVALID if no living thread has this ident.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_interrupt(ident: lt_ident) -> lt_status {
    report(&"lt_interrupt", interrupt::interrupt(ident))
}

/// For loops that compute: LT_INTERRUPTED, and it is taken, if an interrupt is pending for the
/// calling thread, else LT_OK.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_check_interrupt() -> lt_status {
    // Of the C kind, so that the call to it can be a jump.
    #[cold]
    #[inline(never)]
    extern "C" fn check() -> lt_status {
        report(&"lt_check_interrupt", interrupt::check())
    }
    if interrupt::is_none_pending() { LT_OK } else { check() }
}

/// The signal behind the calling thread's last LT_INTERRUPTED; 0 if there was none.
#[unsafe(no_mangle)]
pub extern "C" fn lt_interrupt_signal() -> c_int {
    interrupt::signal()
}
