//! The library's own lock, for its short internal sections.

use crate::base::fork::{self, Inside};
use core::cell::UnsafeCell;
use core::fmt;
use core::ops::{Deref, DerefMut};

/// The lock alone.
#[cfg(any(not(parking), shuttle))]
pub use crate::base::raw::Raw;
#[cfg(all(parking, not(shuttle)))]
pub use crate::base::wait::Raw;

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

    // For each type once: it is in many places.
    #[inline(never)]
    pub fn lock(&self) -> Guard<'_, T> {
        let inside = fork::enter();
        self.raw.lock();
        Guard { mutex: self, _inside: inside }
    }

    /// None if another thread holds it, or this one, in what a signal handler has interrupted. Async-signal-safe where
    /// threads can be woken in handlers.
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        let inside = fork::enter();
        self.raw.try_lock().then(|| Guard { mutex: self, _inside: inside })
    }

    /// What it guards: for who has it to himself.
    pub fn as_ptr(&self) -> *mut T {
        self.value.get()
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
        const EACH: u32 = if cfg!(miri) { 100 } else { 20_000 };
        let total = Mutex::new(0);
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| (0..EACH).for_each(|_| *total.lock() += 1));
            }
        });
        assert_eq!(*total.lock(), 4 * EACH);
    }
}
