//! Section 8 of the header: the semaphore.

use crate::base::deadline::Timeout;
use crate::base::handle::Handle;
use crate::base::status::lt_status;
use crate::ffi::{at, at_once, free, new_handle, report, report_in_handler, report_of, value_or_default};
use crate::sync::semaphore::Semaphore;

/// A semaphore counts permits: an acquire takes one, or waits for one; a release gives some back.
/// A release happens before the acquires that take its permits. Released permits go to threads
/// that wait, if there are any, before those that come later.
pub struct lt_semaphore {
    _opaque: [u8; 0],
}

/// A new semaphore with this many permits; NULL when out of memory.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_semaphore_new(initial: u32) -> *mut lt_semaphore {
    new_handle(&"lt_semaphore_new", Handle::<Semaphore>::new(initial, u32::MAX))
}

/// The same, but the value may never rise above `max`. NULL also if `initial` is above it.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_semaphore_new_bounded(initial: u32, max: u32) -> *mut lt_semaphore {
    new_handle(&"lt_semaphore_new_bounded", Handle::<Semaphore>::new(initial, max))
}

/// Frees a semaphore. LT_BUSY, and nothing is freed, while a thread waits for it. NULL is LT_OK.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_semaphore_free(semaphore: *mut lt_semaphore) -> lt_status {
    // SAFETY: a handle, as the header asks; so everywhere in this file.
    unsafe { free(&"lt_semaphore_free", semaphore, Handle::<Semaphore>::free) }
}

/// Takes a permit; blocks until there is one. LT_INTERRUPTED: not taken.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_semaphore_acquire(semaphore: *mut lt_semaphore) -> lt_status {
    // SAFETY: see above.
    unsafe {
        at_once(semaphore, Handle::<Semaphore>::acquire_at_once, |semaphore| {
            report(&"lt_semaphore_acquire", semaphore.and_then(Handle::<Semaphore>::acquire))
        })
    }
}

/// Takes a permit if there is one, else returns LT_BUSY. Never blocks.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_semaphore_try_acquire(semaphore: *mut lt_semaphore) -> lt_status {
    // SAFETY: see above.
    let result = unsafe { at::<Semaphore>(semaphore) }.and_then(Handle::<Semaphore>::try_acquire);
    report_of(semaphore, &"lt_semaphore_try_acquire", result)
}

/// Takes a permit; blocks for at most this many seconds. LT_TIMED_OUT or LT_INTERRUPTED: not taken.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_semaphore_acquire_timeout(
    semaphore: *mut lt_semaphore,
    seconds: f64,
) -> lt_status {
    // SAFETY: see above.
    unsafe {
        at_once(
            semaphore,
            |semaphore: Handle<Semaphore>| Timeout::is_valid(seconds) && semaphore.acquire_at_once(),
            |semaphore| {
                report(
                    &"lt_semaphore_acquire_timeout",
                    semaphore.and_then(|semaphore| semaphore.acquire_timeout(seconds)),
                )
            },
        )
    }
}

/// Gives `n` permits back. LT_OVERFLOW, and none is given, if the value would rise above the bound
/// (2^32 - 1 for one without); LT_INVALID for 0. Never blocks; async-signal-safe.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_semaphore_release(semaphore: *mut lt_semaphore, n: u32) -> lt_status {
    // SAFETY: see above.
    unsafe {
        at_once(
            semaphore,
            |semaphore: Handle<Semaphore>| semaphore.release_at_once(n),
            |semaphore| {
                report_in_handler(
                    &"lt_semaphore_release",
                    semaphore.and_then(|semaphore| semaphore.release(n)),
                )
            },
        )
    }
}

/// How many permits there are at this moment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_semaphore_value(semaphore: *const lt_semaphore) -> u32 {
    // SAFETY: see above.
    let value = unsafe { at::<Semaphore>(semaphore) }.and_then(Handle::<Semaphore>::value);
    value_or_default(&"lt_semaphore_value", value)
}
