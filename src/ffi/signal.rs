//! Section 4 of the header, second part: signal routing, behind the types that signals go to.

use crate::base::errno::Errno;
use crate::base::status::{Argument, Error, lt_status};
use crate::ffi::event::lt_event;
use crate::ffi::queue::lt_queue;
use crate::ffi::{at, report};
use crate::sync::event::Event;
use crate::sync::queue::Queue;
use crate::thread::signal::{self, Target, Theirs};
use core::ffi::{c_int, c_void};

/// A callback for signals: runs on a thread of the library's, in ordinary context.
pub type lt_signal_fn = Option<unsafe extern "C-unwind" fn(signum: c_int, arg: *mut c_void)>;

/// Routes a signal in the place of a handler of the program's.
fn routed(signum: c_int, target: Target) -> Result<(), Error> {
    signal::route(signum, target, Theirs::Replaced)
}

/// Routes a signal to the main thread: each arrival does what lt_interrupt_main() does, so that
/// Ctrl-C makes a wait there return LT_INTERRUPTED. A signal has one route; a later call replaces
/// it. LT_INVALID for what cannot be caught; on Windows LT_UNSUPPORTED for all but three. LT_NO_MEMORY,
/// LT_NO_THREAD.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_signal_to_main(signum: c_int) -> lt_status {
    let _errno = Errno::keep();
    report(&"lt_signal_to_main", routed(signum, Target::Main))
}

/// Routes a signal to the main thread, and leaves the handler that is installed at work: it is called
/// as before, by ours, with its mask and flags, on the same thread; when it has returned, the main
/// thread is interrupted. Where there is none, this is lt_signal_to_main(). For runtimes like Python.
/// Errors as of lt_signal_to_main().
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_signal_chain_to_main(signum: c_int) -> lt_status {
    let _errno = Errno::keep();
    report(&"lt_signal_chain_to_main", signal::route(signum, Target::Main, Theirs::Chained))
}

/// Routes a signal to an event, which it sets. Errors as of lt_signal_to_main().
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_signal_to_event(signum: c_int, event: *mut lt_event) -> lt_status {
    let _errno = Errno::keep();
    // SAFETY: a handle, as the header asks.
    let event = unsafe { at::<Event>(event) }.and_then(|event| event.check().map(|()| event));
    report(&"lt_signal_to_event", event.and_then(|event| routed(signum, Target::Event(event))))
}

/// Routes a signal to a queue: each arrival puts (void *)(intptr_t)signum. While the queue is full,
/// that signal waits, and no other; the kernel keeps real-time signals apart and merges the others.
/// Errors as of lt_signal_to_main().
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_signal_to_queue(signum: c_int, queue: *mut lt_queue) -> lt_status {
    let _errno = Errno::keep();
    // SAFETY: a handle, as the header asks.
    let queue = unsafe { at::<Queue>(queue) }.and_then(|queue| queue.make_ready().map(|()| queue));
    report(&"lt_signal_to_queue", queue.and_then(|queue| routed(signum, Target::Queue(queue))))
}

/// Routes a signal to a callback, which may block and call anything. LT_INVALID for NULL; errors as of
/// lt_signal_to_main().
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_signal_to_callback(
    signum: c_int,
    callback: lt_signal_fn,
    arg: *mut c_void,
) -> lt_status {
    let _errno = Errno::keep();
    let callback = callback.ok_or(Error::NullArgument(Argument::Callback));
    let result = callback.and_then(|callback| routed(signum, Target::Callback(callback, arg)));
    report(&"lt_signal_to_callback", result)
}

/// Puts back what the signal did before its first route; LT_OK if it has none. A callback that is
/// running runs on. LT_INVALID and LT_UNSUPPORTED for what has no routes.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_signal_restore(signum: c_int) -> lt_status {
    let _errno = Errno::keep();
    report(&"lt_signal_restore", signal::restore(signum))
}
