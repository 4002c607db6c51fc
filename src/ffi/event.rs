//! Section 8 of the header: the event.

use crate::base::handle::Handle;
use crate::base::status::lt_status;
use crate::ffi::{at, at_once, free, new_handle, report, report_in_handler, value_at_once, value_or_default};
use crate::sync::event::Event;

/// An event is a flag that threads wait for. It stays set, and lets everybody through, until it is
/// cleared. A set wakes all who wait at that moment, even when a clear follows at once. A set, of what
/// is set already too, happens before the waits that it ends and the clear that undoes it.
pub struct lt_event {
    _opaque: [u8; 0],
}

/// A new event, not set; NULL when out of memory.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_event_new() -> *mut lt_event {
    new_handle(&"lt_event_new", Handle::<Event>::new())
}

/// Frees an event. LT_BUSY, and nothing is freed, while a thread waits for it. NULL is LT_OK.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_event_free(event: *mut lt_event) -> lt_status {
    // SAFETY: a handle, as the header asks; so everywhere in this file.
    unsafe { free(&"lt_event_free", event, Handle::<Event>::free) }
}

/// Sets the event and wakes all who wait for it; of more than eight those woken wake the others. Never
/// blocks; async-signal-safe.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_event_set(event: *mut lt_event) -> lt_status {
    // SAFETY: see above.
    report_in_handler(&"lt_event_set", unsafe { at::<Event>(event) }.and_then(Handle::<Event>::set))
}

/// Clears the event: later waits block until the next set.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_event_clear(event: *mut lt_event) -> lt_status {
    // SAFETY: see above.
    report(&"lt_event_clear", unsafe { at::<Event>(event) }.and_then(Handle::<Event>::clear))
}

/// Whether the event is set at this moment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_event_is_set(event: *const lt_event) -> bool {
    // SAFETY: see above.
    let found = unsafe { at::<Event>(event) };
    value_at_once(found.ok().and_then(Handle::<Event>::is_set_at_once), move || {
        // SAFETY: see above.
        value_or_default(&"lt_event_is_set", unsafe { at::<Event>(event) }.and_then(Handle::<Event>::is_set))
    })
}

/// Blocks until the event is set. LT_INTERRUPTED: it was not.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_event_wait(event: *mut lt_event) -> lt_status {
    // SAFETY: see above.
    unsafe {
        at_once(
            event,
            |event: Handle<Event>| event.is_set_at_once() == Some(true),
            |event| report(&"lt_event_wait", event.and_then(Handle::<Event>::wait)),
        )
    }
}

/// LT_OK if the event is set, else LT_BUSY. Never blocks.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_event_try_wait(event: *mut lt_event) -> lt_status {
    // SAFETY: see above.
    report(&"lt_event_try_wait", unsafe { at::<Event>(event) }.and_then(Handle::<Event>::try_wait))
}

/// Blocks until the event is set, for at most this many seconds. LT_TIMED_OUT or LT_INTERRUPTED:
/// it was not.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_event_wait_timeout(event: *mut lt_event, seconds: f64) -> lt_status {
    // SAFETY: see above.
    report(
        &"lt_event_wait_timeout",
        unsafe { at::<Event>(event) }.and_then(|event| event.wait_timeout(seconds)),
    )
}
