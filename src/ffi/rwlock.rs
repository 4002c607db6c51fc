//! Section 8 of the header: the read-write lock.

use crate::base::handle::Handle;
use crate::base::status::{Error, lt_status};
use crate::ffi::{
    acquired_at_once, at, at_once, free, from_here, new_handle, report, report_of, tried_at_once,
};
use crate::sync::rwlock::{Access, RwLock};

/// A read-write lock is held by any number of readers or by one writer. Nobody owns it: any thread
/// may release. It is not re-entrant: a thread that reads and comes again may wait for a writer that
/// waits for it. A release happens before the acquires that it makes possible. Who comes may take a
/// free lock before a writer that waits, but not without end: neither readers nor writers starve.
pub struct lt_rwlock {
    _opaque: [u8; 0],
}

/// A new lock, not acquired; NULL when out of memory.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_rwlock_new() -> *mut lt_rwlock {
    new_handle(&"lt_rwlock_new", Handle::<RwLock>::new())
}

/// Frees a lock, acquired or not. LT_BUSY, and nothing is freed, while a thread waits for it.
/// NULL is LT_OK.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rwlock_free(rwlock: *mut lt_rwlock) -> lt_status {
    // SAFETY: a handle, as the header asks; so everywhere in this file.
    unsafe { free(&"lt_rwlock_free", rwlock, Handle::<RwLock>::free) }
}

/// Acquires the lock for reading; blocks while a writer holds it or others wait in line.
/// LT_INTERRUPTED: not acquired. LT_OVERFLOW beyond 2^30 - 1 readers.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rwlock_read_acquire(rwlock: *mut lt_rwlock) -> lt_status {
    // SAFETY: see above.
    unsafe {
        acquired_at_once(
            rwlock,
            |rwlock: Handle<RwLock>| rwlock.acquire_at_once(Access::Read),
            |rwlock| {
                report(&"lt_rwlock_read_acquire", rwlock.and_then(|rwlock| rwlock.acquire(Access::Read)))
            },
        )
    }
}

/// Acquires the lock for reading if that needs no waiting, else returns LT_BUSY. Never blocks.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rwlock_try_read_acquire(rwlock: *mut lt_rwlock) -> lt_status {
    // SAFETY: see above.
    unsafe {
        tried_at_once(
            rwlock,
            |rwlock: Handle<RwLock>| rwlock.try_acquire_at_once(Access::Read),
            |rwlock| {
                report(
                    &"lt_rwlock_try_read_acquire",
                    rwlock.and_then(|rwlock| rwlock.try_acquire(Access::Read)),
                )
            },
        )
    }
}

/// Acquires the lock for reading; blocks for at most this many seconds. LT_TIMED_OUT or
/// LT_INTERRUPTED: not acquired.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rwlock_read_acquire_timeout(rwlock: *mut lt_rwlock, seconds: f64) -> lt_status {
    // SAFETY: see above.
    unsafe {
        from_here(rwlock, move |rwlock: Result<Handle<RwLock>, Error>| {
            report(
                &"lt_rwlock_read_acquire_timeout",
                rwlock.and_then(|rwlock| rwlock.acquire_timeout(Access::Read, seconds)),
            )
        })
    }
}

/// Releases the lock for one reader. LT_NOT_HELD if no reader holds it.
/// Never blocks.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rwlock_read_release(rwlock: *mut lt_rwlock) -> lt_status {
    // SAFETY: see above.
    unsafe {
        at_once(
            rwlock,
            |rwlock: Handle<RwLock>| rwlock.release_at_once(Access::Read),
            |rwlock| {
                report(&"lt_rwlock_read_release", rwlock.and_then(|rwlock| rwlock.release(Access::Read)))
            },
        )
    }
}

/// Acquires the lock for writing; blocks while anybody holds it.
/// LT_INTERRUPTED: not acquired.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rwlock_write_acquire(rwlock: *mut lt_rwlock) -> lt_status {
    // SAFETY: see above.
    unsafe {
        acquired_at_once(
            rwlock,
            |rwlock: Handle<RwLock>| rwlock.acquire_at_once(Access::Write),
            |rwlock| {
                report(&"lt_rwlock_write_acquire", rwlock.and_then(|rwlock| rwlock.acquire(Access::Write)))
            },
        )
    }
}

/// Acquires the lock for writing if that needs no waiting, else returns LT_BUSY. Never blocks.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rwlock_try_write_acquire(rwlock: *mut lt_rwlock) -> lt_status {
    // SAFETY: see above.
    unsafe {
        tried_at_once(
            rwlock,
            |rwlock: Handle<RwLock>| rwlock.try_acquire_at_once(Access::Write),
            |rwlock| {
                report(
                    &"lt_rwlock_try_write_acquire",
                    rwlock.and_then(|rwlock| rwlock.try_acquire(Access::Write)),
                )
            },
        )
    }
}

/// Acquires the lock for writing; blocks for at most this many seconds. LT_TIMED_OUT or
/// LT_INTERRUPTED: not acquired.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rwlock_write_acquire_timeout(rwlock: *mut lt_rwlock, seconds: f64) -> lt_status {
    // SAFETY: see above.
    unsafe {
        from_here(rwlock, move |rwlock: Result<Handle<RwLock>, Error>| {
            report(
                &"lt_rwlock_write_acquire_timeout",
                rwlock.and_then(|rwlock| rwlock.acquire_timeout(Access::Write, seconds)),
            )
        })
    }
}

/// Releases the lock for its writer. LT_NOT_HELD if no writer holds it.
/// Never blocks.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rwlock_write_release(rwlock: *mut lt_rwlock) -> lt_status {
    // SAFETY: see above.
    unsafe {
        at_once(
            rwlock,
            |rwlock: Handle<RwLock>| rwlock.release_at_once(Access::Write),
            |rwlock| {
                report(&"lt_rwlock_write_release", rwlock.and_then(|rwlock| rwlock.release(Access::Write)))
            },
        )
    }
}

/// Makes the lock free, in a forked child: its holders may be threads that the child does not have.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rwlock_at_fork_reinit(rwlock: *mut lt_rwlock) -> lt_status {
    // SAFETY: see above.
    let result = unsafe { at::<RwLock>(rwlock) }.and_then(Handle::<RwLock>::at_fork_reinit);
    report_of(rwlock, &"lt_rwlock_at_fork_reinit", result)
}
