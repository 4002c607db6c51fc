//! Section 8 of the header: the re-entrant lock.

use crate::base::handle::Handle;
use crate::base::status::{Error, lt_status};
use crate::ffi::thread::lt_ident;
use crate::ffi::{
    acquired_at_once, at, at_once, free, from_here, new_handle, report, report_of, report_value_of,
    value_or_default,
};
use crate::sync::rlock::RLock;

/// A re-entrant lock is owned by the thread that acquired it, which may acquire it again and must
/// release it as often. For the others it is as a lock: the last release happens before the next
/// acquire, and no waiter starves.
pub struct lt_rlock {
    _opaque: [u8; 0],
}

/// A new re-entrant lock, not acquired; NULL when out of memory.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_rlock_new() -> *mut lt_rlock {
    new_handle(&"lt_rlock_new", Handle::<RLock>::new())
}

/// Frees a lock, acquired or not. LT_BUSY, and nothing is freed, while a thread waits for it.
/// NULL is LT_OK.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rlock_free(rlock: *mut lt_rlock) -> lt_status {
    // SAFETY: a handle, as the header asks; so everywhere in this file.
    unsafe { free(&"lt_rlock_free", rlock, Handle::<RLock>::free) }
}

/// Acquires the lock; blocks while another thread holds it. LT_INTERRUPTED: not acquired.
/// LT_OVERFLOW if the calling thread holds it 2^64 - 1 times.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rlock_acquire(rlock: *mut lt_rlock) -> lt_status {
    // SAFETY: see above.
    unsafe {
        acquired_at_once(rlock, Handle::<RLock>::enter_at_once, |rlock| {
            report(&"lt_rlock_acquire", rlock.and_then(Handle::<RLock>::enter))
        })
    }
}

/// The same as lt_rlock_acquire(), but no interrupt ends it: that stays pending for the next wait.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rlock_acquire_uninterruptible(rlock: *mut lt_rlock) -> lt_status {
    // SAFETY: see above.
    unsafe {
        from_here(rlock, move |rlock: Result<Handle<RLock>, Error>| {
            report(
                &"lt_rlock_acquire_uninterruptible",
                rlock.and_then(Handle::<RLock>::enter_uninterruptible),
            )
        })
    }
}

/// Acquires the lock unless another thread holds it: then LT_BUSY. Never blocks.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rlock_try_acquire(rlock: *mut lt_rlock) -> lt_status {
    // SAFETY: see above.
    unsafe {
        from_here(rlock, move |rlock: Result<Handle<RLock>, Error>| {
            report(&"lt_rlock_try_acquire", rlock.and_then(Handle::<RLock>::try_enter))
        })
    }
}

/// Acquires the lock; blocks for at most this many seconds. LT_TIMED_OUT or LT_INTERRUPTED: not
/// acquired.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rlock_acquire_timeout(rlock: *mut lt_rlock, seconds: f64) -> lt_status {
    // SAFETY: see above.
    unsafe {
        from_here(rlock, move |rlock: Result<Handle<RLock>, Error>| {
            report(&"lt_rlock_acquire_timeout", rlock.and_then(|rlock| rlock.enter_timeout(seconds)))
        })
    }
}

/// Releases the lock once. LT_NOT_OWNER if another thread holds it, LT_NOT_HELD if none does.
/// Never blocks.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rlock_release(rlock: *mut lt_rlock) -> lt_status {
    // SAFETY: see above.
    unsafe {
        at_once(rlock, Handle::<RLock>::leave_at_once, |rlock| {
            report(&"lt_rlock_release", rlock.and_then(Handle::<RLock>::leave))
        })
    }
}

/// Whether the lock is acquired at this moment, by whatever thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rlock_locked(rlock: *const lt_rlock) -> bool {
    // SAFETY: see above.
    value_or_default(&"lt_rlock_locked", unsafe { at::<RLock>(rlock) }.and_then(Handle::<RLock>::locked))
}

/// Whether the calling thread holds the lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rlock_is_owned(rlock: *const lt_rlock) -> bool {
    // SAFETY: see above.
    value_or_default(&"lt_rlock_is_owned", unsafe { at::<RLock>(rlock) }.and_then(Handle::<RLock>::is_owned))
}

/// How often the calling thread holds the lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rlock_recursion_count(rlock: *const lt_rlock) -> u64 {
    // SAFETY: see above.
    value_or_default(
        &"lt_rlock_recursion_count",
        unsafe { at::<RLock>(rlock) }.and_then(Handle::<RLock>::recursion_count),
    )
}

/// The ident of the thread that holds the lock, 0 if none does. Unless that is the calling thread, it
/// may have changed by the return: for messages and debuggers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rlock_owner(rlock: *const lt_rlock) -> lt_ident {
    // SAFETY: see above.
    value_or_default(&"lt_rlock_owner", unsafe { at::<RLock>(rlock) }.and_then(Handle::<RLock>::owner))
}

/// How often the thread that holds the lock does, whichever that is; 0 if none does. Otherwise as
/// lt_rlock_owner().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rlock_depth(rlock: *const lt_rlock) -> u64 {
    // SAFETY: see above.
    value_or_default(&"lt_rlock_depth", unsafe { at::<RLock>(rlock) }.and_then(Handle::<RLock>::depth))
}

/// Releases the lock wholly and tells how often it was held, for lt_rlock_acquire_restore().
/// LT_NOT_OWNER or LT_NOT_HELD as for a release. Never blocks.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rlock_release_save(rlock: *mut lt_rlock, count: *mut u64) -> lt_status {
    // SAFETY: see above; `count` is NULL or valid to write to, as the header asks.
    unsafe {
        let saved = at::<RLock>(rlock).and_then(Handle::<RLock>::release_save);
        report_value_of(rlock, &"lt_rlock_release_save", saved, count)
    }
}

/// Acquires the lock as often as it was held; blocks while another thread holds it. LT_DEADLOCK if
/// the calling thread does; LT_INVALID for 0. LT_INTERRUPTED: not acquired.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rlock_acquire_restore(rlock: *mut lt_rlock, count: u64) -> lt_status {
    // SAFETY: see above.
    unsafe {
        from_here(rlock, move |rlock: Result<Handle<RLock>, Error>| {
            report(&"lt_rlock_acquire_restore", rlock.and_then(|rlock| rlock.acquire_restore(count)))
        })
    }
}

/// The same as lt_rlock_acquire_restore(), but no interrupt ends it: that stays pending.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rlock_acquire_restore_uninterruptible(
    rlock: *mut lt_rlock,
    count: u64,
) -> lt_status {
    // SAFETY: see above.
    unsafe {
        from_here(rlock, move |rlock: Result<Handle<RLock>, Error>| {
            report(
                &"lt_rlock_acquire_restore_uninterruptible",
                rlock.and_then(|rlock| rlock.acquire_restore_uninterruptible(count)),
            )
        })
    }
}

/// Makes the lock free, in a forked child: its owner may be a thread that the child does not have.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_rlock_at_fork_reinit(rlock: *mut lt_rlock) -> lt_status {
    // SAFETY: see above.
    let result = unsafe { at::<RLock>(rlock) }.and_then(Handle::<RLock>::at_fork_reinit);
    report_of(rlock, &"lt_rlock_at_fork_reinit", result)
}
