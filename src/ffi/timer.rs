//! Section 10 of the header: timers and the watchdog.

use crate::base::errno::Errno;
use crate::base::handle::Handle;
use crate::base::status::{Argument, Error, lt_status};
use crate::exec::timer::{self, Timer};
use crate::exec::watchdog::{self, Watchdog};
use crate::ffi::{at, free, report_of, report_value};
use core::ffi::{c_int, c_void};

/// A timer calls a function later, once or again and again. One thread of the library's serves all
/// of them, in the order in which they are due: a callback that takes long holds up the others.
/// One that raises is told to the excepthook, and the timer goes on. A forked child has no timers.
pub struct lt_timer {
    _opaque: [u8; 0],
}

/// What a timer calls.
pub type lt_timer_fn = Option<unsafe extern "C-unwind" fn(arg: *mut c_void)>;

/// Calls callback(arg) after `seconds`, 0 for at once; then every `repeat` seconds, 0 for once. A
/// repeating timer keeps its phase and leaves out the periods that it missed. With a NULL `timer`
/// it cannot be cancelled. LT_INVALID for a negative time, LT_NO_MEMORY, LT_NO_THREAD.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_timer_start(
    seconds: f64,
    repeat: f64,
    callback: lt_timer_fn,
    arg: *mut c_void,
    timer: *mut *mut lt_timer,
) -> lt_status {
    let _errno = Errno::keep();
    let callback = callback.ok_or(Error::NullArgument(Argument::Callback));
    let started = callback.and_then(|f| timer::start(seconds, repeat, f, arg, !timer.is_null()));
    // SAFETY: `timer` is NULL or valid to write to, as the header asks.
    unsafe { report_value(&"lt_timer_start", started.map(|timer| timer.into_raw().cast()), timer) }
}

/// Cancels the timer: when it returns, the callback neither runs nor will. It blocks while the
/// callback runs; called from that, it does not, and only the next calls are cancelled.
/// LT_INTERRUPTED: cancelled, but the callback may still run.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_timer_cancel(timer: *mut lt_timer) -> lt_status {
    // SAFETY: a handle, as the header asks; so everywhere in this file.
    report_of(timer, &"lt_timer_cancel", unsafe { at::<Timer>(timer) }.and_then(Handle::<Timer>::cancel))
}

/// Cancels the timer as lt_timer_cancel() does, and frees it. LT_INTERRUPTED, or LT_BUSY while
/// another thread cancels it: not freed. NULL is LT_OK.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_timer_free(timer: *mut lt_timer) -> lt_status {
    // SAFETY: see above.
    unsafe { free(&"lt_timer_free", timer, Handle::<Timer>::free) }
}

/// A watchdog interrupts the main thread unless it is fed in time: for a main loop that may hang in
/// a wait. It does so once; the next feed arms it again.
pub struct lt_watchdog {
    _opaque: [u8; 0],
}

/// Starts a watchdog: lt_interrupt_main(signum) once it was not fed for so many seconds, which are
/// above 0. LT_INVALID for a bad argument, LT_NO_MEMORY, LT_NO_THREAD.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_watchdog_start(
    seconds: f64,
    signum: c_int,
    watchdog: *mut *mut lt_watchdog,
) -> lt_status {
    let _errno = Errno::keep();
    let started = watchdog::start(seconds, signum).map(|watchdog| watchdog.into_raw().cast());
    // SAFETY: `watchdog` is NULL or valid to write to, as the header asks.
    unsafe { report_value(&"lt_watchdog_start", started, watchdog) }
}

/// Feeds the watchdog: its time begins anew.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_watchdog_feed(watchdog: *mut lt_watchdog) -> lt_status {
    // SAFETY: see above.
    report_of(
        watchdog,
        &"lt_watchdog_feed",
        unsafe { at::<Watchdog>(watchdog) }.and_then(Handle::<Watchdog>::feed),
    )
}

/// Stops the watchdog: when it returns, it does not interrupt. The next feed arms it again. It blocks
/// while the watchdog is at it. LT_INTERRUPTED: stopped, but it may be at it still.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_watchdog_cancel(watchdog: *mut lt_watchdog) -> lt_status {
    // SAFETY: see above.
    report_of(
        watchdog,
        &"lt_watchdog_cancel",
        unsafe { at::<Watchdog>(watchdog) }.and_then(Handle::<Watchdog>::cancel),
    )
}

/// Stops the watchdog as lt_watchdog_cancel() does, and frees it. LT_INTERRUPTED, or LT_BUSY while
/// another thread stops it: not freed. NULL is LT_OK.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_watchdog_free(watchdog: *mut lt_watchdog) -> lt_status {
    // SAFETY: see above.
    unsafe { free(&"lt_watchdog_free", watchdog, Handle::<Watchdog>::free) }
}
