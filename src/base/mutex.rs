//! The library's own lock, for its short internal sections: the classic futex mutex on the wait engine.
//!
//! Not std's, which a forked child may find locked, and not the public lock, which is built on the arenas
//! that this one guards.
//!
//! | state | meaning |
//! |---|---|
//! | `FREE` | |
//! | `LOCKED` | held, nobody sleeps |
//! | `CONTENDED` | held, somebody may sleep: the unlock wakes one |

use crate::base::atomic::{AtomicU32, Ordering};
use crate::base::deadline::Deadline;
use crate::base::fork::{self, Inside};
use crate::base::{spin::Spin, wait};
use core::cell::UnsafeCell;
use core::fmt;
use core::ops::{Deref, DerefMut};

const FREE: u32 = 0;
const LOCKED: u32 = 1;
const CONTENDED: u32 = 2;

/// The lock alone.
pub struct Raw {
    state: AtomicU32,
}

impl Raw {
    pub const fn free() -> Raw {
        Raw { state: AtomicU32::new(FREE) }
    }

    pub fn lock(&self) {
        let mut spin = Spin::new();
        // Acquire: sees what the last holder wrote. Relaxed on failure: nothing was acquired.
        while self.state.compare_exchange(FREE, LOCKED, Ordering::Acquire, Ordering::Relaxed).is_err() {
            if !spin.again() {
                if fork::is_alone() {
                    // Held by what is interrupted: its unlock will find it free, and comes to no harm.
                    return;
                }
                while self.state.swap(CONTENDED, Ordering::Acquire) != FREE {
                    wait::wait(&self.state, CONTENDED, Deadline::Never, None);
                }
                return;
            }
        }
    }

    /// Unlocks what this thread locked, in this process or in the child that was forked meanwhile.
    pub fn unlock(&self) {
        // Release: the next holder sees what this one wrote.
        if self.state.swap(FREE, Ordering::Release) == CONTENDED {
            wait::wake(&self.state, 1);
        }
    }
}

/// A lock around what it guards. Whoever holds it is inside the library: see [`fork`] for the rule.
pub struct Mutex<T> {
    raw: Raw,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through a guard, and there is one guard at a time.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    pub const fn new(value: T) -> Mutex<T> {
        Mutex { raw: Raw::free(), value: UnsafeCell::new(value) }
    }

    pub fn lock(&self) -> Guard<'_, T> {
        let inside = fork::enter();
        self.raw.lock();
        Guard { mutex: self, _inside: inside }
    }
}

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().fmt(f)
    }
}

/// Unlocks, and then leaves the library.
pub struct Guard<'a, T> {
    mutex: &'a Mutex<T>,
    _inside: Inside,
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
        self.mutex.raw.unlock();
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
