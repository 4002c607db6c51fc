//! A lock for what takes long: looking up the lines of a trace, writing a report.
//!
//! A fork does not wait for whoever has it, as it does for a [`Mutex`](crate::base::mutex::Mutex): a child in
//! which that thread is gone begins anew, with a value of its own. And nobody waits for ever: who has no more
//! patience does without.
//!
//! | state | meaning |
//! |---|---|
//! | `FREE` | |
//! | `TAKEN` | somebody has it, nobody sleeps |
//! | `AWAITED` | somebody has it, somebody may sleep: giving it back wakes one |

use crate::base::atomic::{AtomicU32, Ordering};
use crate::base::deadline::Timeout;
use crate::base::wait;
use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};

const FREE: u32 = 0;
const TAKEN: u32 = 1;
const AWAITED: u32 = 2;

pub struct Turn<T> {
    state: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only by who has the turn, and that is one thread at a time.
unsafe impl<T: Send> Sync for Turn<T> {}

impl<T> Turn<T> {
    pub const fn new(value: T) -> Turn<T> {
        Turn { state: AtomicU32::new(FREE), value: UnsafeCell::new(value) }
    }

    /// Waits for the turn, but not longer than this. Async cancellation and lt_exit must not come meanwhile.
    pub fn take(&self, patience: Timeout) -> Option<Taken<'_, T>> {
        // Acquire, here and below: sees what the last one wrote. Relaxed on failure: nothing was taken.
        if self.state.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            return Some(Taken(self));
        }
        let deadline = patience.start();
        while self.state.swap(AWAITED, Ordering::Acquire) != FREE {
            if wait::wait(&self.state, AWAITED, deadline, None).ends_wait() {
                // A give that came meanwhile may have woken this thread and nobody else.
                return (self.state.swap(AWAITED, Ordering::Acquire) == FREE).then(|| Taken(self));
            }
        }
        Some(Taken(self))
    }

    /// In a forked child: if a thread had it that is gone, what that was working on is left as it is, for good.
    /// Whether that was so.
    pub fn forget(&self, fresh: T) -> bool {
        // Relaxed: there is one thread.
        let taken = self.state.swap(FREE, Ordering::Relaxed) != FREE;
        if taken {
            // SAFETY: there is one thread, and it does not have the turn: nothing that does forks.
            unsafe { self.value.get().write(fresh) };
        }
        taken
    }
}

/// The turn, given back at the end of the scope.
pub struct Taken<'a, T>(&'a Turn<T>);

impl<T> Deref for Taken<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: who has the turn is alone with the value.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Taken<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and this is borrowed mutably.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        // Release: the next one sees what this one wrote.
        if self.0.state.swap(FREE, Ordering::Release) == AWAITED {
            wait::wake_untold(&self.0.state, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_threads_count_together() {
        const EACH: u32 = if cfg!(miri) { 100 } else { 5_000 };
        let total = Turn::new(0);
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| (0..EACH).for_each(|_| *total.take(Timeout::Forever).unwrap() += 1));
            }
        });
        assert_eq!(*total.take(Timeout::Poll).unwrap(), 4 * EACH);
    }

    #[test]
    fn who_has_had_it_wakes_the_next() {
        for _ in 0..20 {
            let turn = Turn::new(());
            std::thread::scope(|threads| {
                let taken = turn.take(Timeout::Forever);
                threads.spawn(|| assert!(turn.take(Timeout::Forever).is_some()));
                while turn.state.load(Ordering::Relaxed) != AWAITED {
                    std::thread::yield_now();
                }
                // Until it sleeps, most often.
                std::thread::yield_now();
                drop(taken);
            });
        }
    }

    #[test]
    fn patience_ends() {
        let turn = Turn::new(());
        let taken = turn.take(Timeout::Forever);
        assert!(turn.take(Timeout::Poll).is_none());
        let began = crate::base::deadline::now();
        assert!(turn.take(Timeout::Nanoseconds(30_000_000)).is_none());
        assert!(crate::base::deadline::now() - began >= 30_000_000);
        drop(taken);
        assert!(turn.take(Timeout::Poll).is_some());
    }

    #[test]
    fn a_child_begins_anew_only_where_somebody_was_at_work() {
        let turn = Turn::new(1);
        turn.forget(2);
        assert_eq!(*turn.take(Timeout::Poll).unwrap(), 1);
        core::mem::forget(turn.take(Timeout::Poll));
        turn.forget(2);
        assert_eq!(*turn.take(Timeout::Poll).unwrap(), 2);
    }
}
