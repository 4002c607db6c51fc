//! The lock under [`Mutex`](crate::base::mutex::Mutex): the classic futex mutex on the wait engine.
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
use crate::base::{fork, spin::Spin, wait};

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

    pub fn try_lock(&self) -> bool {
        // Acquire: sees what the last holder wrote. Relaxed on failure: nothing was acquired.
        self.state.compare_exchange(FREE, LOCKED, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[inline]
    pub fn lock(&self) {
        if !self.try_lock() {
            self.lock_slowly();
        }
    }

    #[cold]
    #[inline(never)]
    fn lock_slowly(&self) {
        let mut spin = Spin::new();
        while !self.try_lock() {
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
            wait::wake_untold(&self.state, 1);
        }
    }
}
