//! Section 8 of the header: the condition.

use crate::base::handle::Handle;
use crate::base::status::{Argument, Error, lt_status};
use crate::ffi::lock::lt_lock;
use crate::ffi::rlock::lt_rlock;
use crate::ffi::{at, at_once, free, new_handle, report, value_or_default};
use crate::sync::condition::{Condition, Held};
use crate::sync::lock::Lock;
use crate::sync::rlock::RLock;
use core::ffi::c_void;

/// A condition lets threads that hold a lock wait for what another thread does under that lock. A
/// wait releases the lock, sleeps until it is notified, and holds the lock again when it returns,
/// whatever it returns. Waiters are notified in the order in which they came; none wakes without a
/// notify, which happens before the return of the wait.
pub struct lt_condition {
    _opaque: [u8; 0],
}

/// Says whether what is waited for is so. Called with the lock held; an error in it goes on up, and
/// leaves the lock so.
pub type lt_predicate = Option<unsafe extern "C-unwind" fn(arg: *mut c_void) -> bool>;

/// A new condition; NULL when out of memory. The lock is named at each wait.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_condition_new() -> *mut lt_condition {
    new_handle(&"lt_condition_new", Handle::<Condition>::new())
}

/// Frees a condition. LT_BUSY, and nothing is freed, while a thread waits for it. NULL is LT_OK.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_condition_free(condition: *mut lt_condition) -> lt_status {
    // SAFETY: a handle, as the header asks; so everywhere in this file.
    unsafe { free(&"lt_condition_free", condition, Handle::<Condition>::free) }
}

/// Releases the lock, blocks until notified, and acquires it again. LT_NOT_HELD if the lock is not
/// acquired. LT_INTERRUPTED: not notified. Acquiring it again is not interrupted.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_condition_wait(condition: *mut lt_condition, lock: *mut lt_lock) -> lt_status {
    // SAFETY: see above.
    unsafe {
        wait_with::<Lock>(&"lt_condition_wait", condition, lock, |condition, lock| condition.wait(lock))
    }
}

/// The same; waits for at most this many seconds to be notified. LT_TIMED_OUT: not notified. With
/// 0 the lock is released for a moment only.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_condition_wait_timeout(
    condition: *mut lt_condition,
    lock: *mut lt_lock,
    seconds: f64,
) -> lt_status {
    // SAFETY: see above.
    unsafe {
        wait_with::<Lock>(&"lt_condition_wait_timeout", condition, lock, |condition, lock| {
            condition.wait_timeout(lock, seconds)
        })
    }
}

/// Waits until predicate(arg) is true: asks before the first wait and after each. LT_TIMED_OUT if
/// that was false `seconds` after the call, LT_INTERRUPTED; LT_INVALID for a NULL predicate;
/// LT_NOT_HELD.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lt_condition_wait_for(
    condition: *mut lt_condition,
    lock: *mut lt_lock,
    predicate: lt_predicate,
    arg: *mut c_void,
    seconds: f64,
) -> lt_status {
    // SAFETY: see above; the predicate may be called with its argument, as the header asks.
    unsafe {
        wait_with::<Lock>(&"lt_condition_wait_for", condition, lock, |condition, lock| {
            lock.check()?;
            let predicate = predicate.ok_or(Error::NullArgument(Argument::Predicate))?;
            condition.wait_for(lock, predicate, arg, seconds)
        })
    }
}

/// lt_condition_wait() with a re-entrant lock, which is released wholly and then held as often as
/// before. LT_NOT_OWNER if another thread holds it.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_condition_wait_rlock(
    condition: *mut lt_condition,
    rlock: *mut lt_rlock,
) -> lt_status {
    // SAFETY: see above.
    unsafe {
        wait_with::<RLock>(&"lt_condition_wait_rlock", condition, rlock, |condition, lock| {
            condition.wait(lock)
        })
    }
}

/// lt_condition_wait_timeout() with a re-entrant lock.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_condition_wait_rlock_timeout(
    condition: *mut lt_condition,
    rlock: *mut lt_rlock,
    seconds: f64,
) -> lt_status {
    // SAFETY: see above.
    unsafe {
        wait_with::<RLock>(&"lt_condition_wait_rlock_timeout", condition, rlock, |condition, lock| {
            condition.wait_timeout(lock, seconds)
        })
    }
}

/// lt_condition_wait_for() with a re-entrant lock. LT_NOT_OWNER if another thread holds it.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lt_condition_wait_for_rlock(
    condition: *mut lt_condition,
    rlock: *mut lt_rlock,
    predicate: lt_predicate,
    arg: *mut c_void,
    seconds: f64,
) -> lt_status {
    // SAFETY: see above; the predicate may be called with its argument, as the header asks.
    unsafe {
        wait_with::<RLock>(&"lt_condition_wait_for_rlock", condition, rlock, |condition, lock| {
            lock.check()?;
            let predicate = predicate.ok_or(Error::NullArgument(Argument::Predicate))?;
            condition.wait_for(lock, predicate, arg, seconds)
        })
    }
}

/// Wakes the n threads that have waited longest, or all if there are fewer; 0 wakes none. With or
/// without the lock. Never blocks.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_condition_notify(condition: *mut lt_condition, n: u32) -> lt_status {
    // SAFETY: see above.
    unsafe {
        at_once(condition, Handle::<Condition>::is_idle, |condition| {
            report(&"lt_condition_notify", condition.and_then(|condition| condition.notify(n as usize)))
        })
    }
}

/// Wakes all threads that wait; of more than eight those woken wake the others.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_condition_notify_all(condition: *mut lt_condition) -> lt_status {
    // SAFETY: see above.
    unsafe {
        at_once(condition, Handle::<Condition>::is_idle, |condition| {
            report(&"lt_condition_notify_all", condition.and_then(|condition| condition.notify(usize::MAX)))
        })
    }
}

/// How many threads wait at this moment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_condition_waiting(condition: *const lt_condition) -> u32 {
    // SAFETY: see above.
    let waiting = unsafe { at::<Condition>(condition) }.and_then(Handle::<Condition>::waiting);
    value_or_default(&"lt_condition_waiting", waiting.map(|waiting| waiting as u32))
}

/// The status of a wait with a lock: of the condition first, then of the lock, then of the wait.
///
/// # Safety
/// As for [`at`], of both.
unsafe fn wait_with<L: Held>(
    function: &'static &'static str,
    condition: *mut lt_condition,
    lock: *mut impl Sized,
    wait: impl FnOnce(Handle<Condition>, Handle<L>) -> Result<(), Error>,
) -> lt_status {
    // SAFETY: passed on.
    let handles = unsafe { at::<Condition>(condition) }.and_then(|condition| {
        condition.check()?;
        // SAFETY: passed on.
        Ok((condition, unsafe { at::<L>(lock) }?))
    });
    report(function, handles.and_then(|(condition, lock)| wait(condition, lock)))
}
