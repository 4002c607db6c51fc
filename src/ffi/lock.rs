//! Section 2 of the header: the lock.

use crate::base::deadline::Timeout;
use crate::base::handle::Handle;
use crate::base::status::{Error, lt_status};
use crate::ffi::{
    acquired_at_once, at, at_once, free, from_here, new_handle, report, report_in_handler, report_of,
    tried_at_once, value_or_default,
};
use crate::sync::lock::Lock;

/// A lock is a binary semaphore: acquired or not. Nobody owns it, so any thread may release it,
/// which also makes it a signal from one thread to another. It is not re-entrant.
///
/// A release happens before the acquire that it makes possible: what was written before the one
/// is seen after the other. Under contention a lock may be taken by whoever comes first, but no
/// waiter starves: one that has waited for a millisecond is handed the lock by the next release.
pub struct lt_lock {
    _opaque: [u8; 0],
}

/// A new lock, not acquired; NULL when out of memory.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_allocate_lock() -> *mut lt_lock {
    new_handle(&"lt_allocate_lock", Handle::<Lock>::new())
}

/// Frees a lock, acquired or not. LT_BUSY, and nothing is freed, while a thread waits for it.
/// NULL is LT_OK.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_lock_free(lock: *mut lt_lock) -> lt_status {
    // SAFETY: a handle, as the header asks; so everywhere in this file.
    unsafe { free(&"lt_lock_free", lock, Handle::<Lock>::free) }
}

/// Acquires the lock; blocks until that is possible. LT_INTERRUPTED: not acquired.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_lock_acquire(lock: *mut lt_lock) -> lt_status {
    // SAFETY: see above.
    unsafe {
        acquired_at_once(lock, Handle::<Lock>::acquire_at_once, |lock| {
            report(&"lt_lock_acquire", lock.and_then(Handle::<Lock>::acquire))
        })
    }
}

/// Acquires the lock if it is free, else returns LT_BUSY. Never blocks; async-signal-safe.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_lock_try_acquire(lock: *mut lt_lock) -> lt_status {
    // SAFETY: see above.
    unsafe {
        tried_at_once(lock, Handle::<Lock>::try_acquire_at_once, |lock| {
            report_in_handler(&"lt_lock_try_acquire", lock.and_then(Handle::<Lock>::try_acquire))
        })
    }
}

/// Acquires the lock; blocks for at most this many seconds. LT_TIMED_OUT or LT_INTERRUPTED: not
/// acquired.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_lock_acquire_timeout(lock: *mut lt_lock, seconds: f64) -> lt_status {
    // SAFETY: see above.
    unsafe {
        acquired_at_once(
            lock,
            |lock: Handle<Lock>| Timeout::is_valid(seconds) && lock.acquire_at_once(),
            move |lock| {
                report(&"lt_lock_acquire_timeout", lock.and_then(|lock| lock.acquire_timeout(seconds)))
            },
        )
    }
}

/// Acquires the lock; blocks until that is possible, and leaves an interrupt pending.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_lock_acquire_uninterruptible(lock: *mut lt_lock) -> lt_status {
    // SAFETY: see above.
    unsafe {
        from_here(lock, move |lock: Result<Handle<Lock>, Error>| {
            report(&"lt_lock_acquire_uninterruptible", lock.and_then(Handle::<Lock>::acquire_uninterruptible))
        })
    }
}

/// Releases the lock, whichever thread acquired it. LT_NOT_HELD if it is not acquired: of two
/// releases that race, one fails. Never blocks; async-signal-safe.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_lock_release(lock: *mut lt_lock) -> lt_status {
    // SAFETY: see above.
    unsafe {
        at_once(lock, Handle::<Lock>::release_at_once, |lock| {
            report_in_handler(&"lt_lock_release", lock.and_then(Handle::<Lock>::release))
        })
    }
}

/// Whether the lock is acquired at this moment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_lock_locked(lock: *const lt_lock) -> bool {
    // SAFETY: see above.
    value_or_default(&"lt_lock_locked", unsafe { at::<Lock>(lock) }.and_then(Handle::<Lock>::locked))
}

/// Makes the lock free, in a forked child: its holder may be a thread that the child does not have.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_lock_at_fork_reinit(lock: *mut lt_lock) -> lt_status {
    // SAFETY: see above.
    report_of(
        lock,
        &"lt_lock_at_fork_reinit",
        unsafe { at::<Lock>(lock) }.and_then(Handle::<Lock>::at_fork_reinit),
    )
}
