//! Section 8 of the header: the spinlock.

use crate::base::handle::Handle;
use crate::base::status::lt_status;
use crate::ffi::{acquired_at_once, at_once, free, new_handle, report, tried_at_once};
use crate::sync::spinlock::Spinlock;

/// A spinlock is for sections of a few instructions: who waits for it stays awake. Nobody owns it,
/// and nothing keeps waiters in order. A release happens before the next acquire. Where the section
/// may block or take long, use a lock.
pub struct lt_spinlock {
    _opaque: [u8; 0],
}

/// A new spinlock, not acquired; NULL when out of memory.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_spinlock_new() -> *mut lt_spinlock {
    new_handle(&"lt_spinlock_new", Handle::<Spinlock>::new())
}

/// Frees a spinlock, acquired or not. LT_BUSY, and nothing is freed, while a thread waits for it.
/// NULL is LT_OK.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_spinlock_free(spinlock: *mut lt_spinlock) -> lt_status {
    // SAFETY: a handle, as the header asks; so everywhere in this file.
    unsafe { free(&"lt_spinlock_free", spinlock, Handle::<Spinlock>::free) }
}

/// Acquires the spinlock; spins, and yields when it must, until that is possible. Not interrupted.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_spinlock_acquire(spinlock: *mut lt_spinlock) -> lt_status {
    // SAFETY: see above.
    unsafe {
        acquired_at_once(spinlock, Handle::<Spinlock>::acquire_at_once, |spinlock| {
            report(&"lt_spinlock_acquire", spinlock.and_then(Handle::<Spinlock>::acquire))
        })
    }
}

/// Acquires the spinlock if it is free, else returns LT_BUSY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_spinlock_try_acquire(spinlock: *mut lt_spinlock) -> lt_status {
    // SAFETY: see above.
    unsafe {
        tried_at_once(spinlock, Handle::<Spinlock>::try_acquire_at_once, |spinlock| {
            report(&"lt_spinlock_try_acquire", spinlock.and_then(Handle::<Spinlock>::try_acquire))
        })
    }
}

/// Releases the spinlock, whichever thread acquired it. LT_NOT_HELD if it is not acquired.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_spinlock_release(spinlock: *mut lt_spinlock) -> lt_status {
    // SAFETY: see above.
    unsafe {
        at_once(spinlock, Handle::<Spinlock>::release_at_once, |spinlock| {
            report(&"lt_spinlock_release", spinlock.and_then(Handle::<Spinlock>::release))
        })
    }
}
