//! The library's own lock, for its short internal sections: the classic futex mutex on the wait engine.
//!
//! Not std's, which cannot be unlocked by a fork handler without its guard, and not the public lock,
//! which is built on the arenas that this one guards.
//!
//! | state | meaning |
//! |---|---|
//! | `FREE` | |
//! | `LOCKED` | held, nobody sleeps |
//! | `CONTENDED` | held, somebody may sleep: the unlock wakes one |

use crate::base::atomic::{AtomicU32, Ordering};
use crate::base::deadline::Deadline;
use crate::base::{spin::Spin, wait};
use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};

const FREE: u32 = 0;
const LOCKED: u32 = 1;
const CONTENDED: u32 = 2;

pub struct Mutex<T> {
    state: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through a guard, and there is one guard at a time.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    pub const fn new(value: T) -> Mutex<T> {
        Mutex { state: AtomicU32::new(FREE), value: UnsafeCell::new(value) }
    }

    pub fn lock(&self) -> Guard<'_, T> {
        self.raw_lock();
        Guard { mutex: self }
    }

    /// Locks without a guard, for a fork handler. Pair with `raw_unlock`.
    pub fn raw_lock(&self) {
        let mut spin = Spin::new();
        // Acquire: sees what the last holder wrote. Relaxed on failure: nothing was acquired.
        while self.state.compare_exchange(FREE, LOCKED, Ordering::Acquire, Ordering::Relaxed).is_err() {
            if !spin.again() {
                while self.state.swap(CONTENDED, Ordering::Acquire) != FREE {
                    wait::wait(&self.state, CONTENDED, Deadline::Never, None);
                }
                return;
            }
        }
    }

    /// In a forked child: unlocks what a thread may have locked that is gone.
    pub fn reset(&self) {
        // Relaxed: there is one thread.
        self.state.store(FREE, Ordering::Relaxed);
    }

    /// The value, for whoever locked without a guard.
    ///
    /// # Safety
    /// The calling thread holds the lock, by `raw_lock`.
    pub unsafe fn peek(&self) -> &T {
        // SAFETY: the caller holds the lock and makes no guard, so there is no `&mut`.
        unsafe { &*self.value.get() }
    }

    /// The value, to be changed, for whoever locked without a guard.
    ///
    /// # Safety
    /// As for `peek`, and the caller holds no other reference to the value.
    #[allow(clippy::mut_from_ref, reason = "the lock is what makes it exclusive")]
    pub unsafe fn peek_mut(&self) -> &mut T {
        // SAFETY: the caller holds the lock, so nobody else has a reference.
        unsafe { &mut *self.value.get() }
    }

    /// Unlocks what `raw_lock` locked, in this process or in the child that was forked meanwhile.
    pub fn raw_unlock(&self) {
        // Release: the next holder sees what this one wrote.
        if self.state.swap(FREE, Ordering::Release) == CONTENDED {
            wait::wake(&self.state, 1);
        }
    }
}

pub struct Guard<'a, T> {
    mutex: &'a Mutex<T>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock, so nobody else has a reference to the value.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the guard is borrowed mutably.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        self.mutex.raw_unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_threads_count_together() {
        let total = Mutex::new(0);
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| (0..20_000).for_each(|_| *total.lock() += 1));
            }
        });
        assert_eq!(*total.lock(), 80_000);
    }
}
