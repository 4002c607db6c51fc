//! One side of a queue: where threads sleep that wait for what the other side does.
//!
//! | from | by | to |
//! |---|---|---|
//! | n waiters | one that is about to sleep | n + 1; then it looks again, and sleeps until it is granted |
//! | n > 0 | something done for one | n - 1, and one grant is posted |
//! | n > 0 | a waiter that found what it wants, or gives up | n - 1 |
//! | 0 | the same | unchanged: its grant is on the way; it takes that, and passes it on if somebody waits by then |
//!
//! So each sleeper is woken once, and nobody pays for those who are awake. But the grant that one who gives up waits
//! for may be taken by another, that has had its own and sleeps again. That one's count stands for both then. So
//! who takes a grant while somebody gives up wakes one more: what it took may have been for that one, who waits
//! for nothing else.

use crate::base::atomic::{AtomicU32, Ordering};
use crate::base::block::Block;
use crate::base::fence;
use crate::base::wait::Wake;
use crate::sync::grants::Grants;

/// On a cache line of its own: those who do something look at it all the time.
#[repr(align(64))]
#[derive(Debug)]
pub struct Side {
    waiters: AtomicU32,
    /// How many give up.
    leavers: AtomicU32,
    grants: Grants,
}

impl Side {
    pub const fn new() -> Side {
        Side { waiters: AtomicU32::new(0), leavers: AtomicU32::new(0), grants: Grants::none() }
    }

    /// Whether somebody waits. Who has just done something for them fences first: `fence::light`.
    #[inline(always)]
    pub fn is_awaited(&self) -> bool {
        // Relaxed: the fences order it.
        self.waiters.load(Ordering::Relaxed) > 0
    }

    /// Wakes up to `n` waiters.
    pub fn wake(&self, n: u32) {
        let mut woken = 0;
        while woken < n && self.withdraw() {
            woken += 1;
        }
        if woken > 0 {
            self.grants.post(woken);
        }
    }

    /// Says that the calling thread waits. It looks once more before it sleeps.
    pub fn register(&self) {
        // The fence orders it before the look. SeqCst: see `leave`.
        self.waiters.fetch_add(1, Ordering::SeqCst);
        fence::heavy();
    }

    /// Takes one waiter from the count; false if all have been granted something.
    fn withdraw(&self) -> bool {
        let less = |n: u32| n.checked_sub(1);
        // The grant orders what it is given for. SeqCst: see `leave`.
        self.waiters.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
    }

    /// Sleeps until granted: then it does not wait any more. Fails with what ended the wait before.
    pub fn sleep(&self, block: &Block) -> Result<(), Wake> {
        self.grants.take(block)?;
        // SeqCst: see `leave`.
        if self.leavers.load(Ordering::SeqCst) > 0 {
            self.wake(1);
        }
        Ok(())
    }

    /// Waits no more.
    pub fn leave(&self) {
        // SeqCst: of this thread, which looks at the waiters next, and one that waits again and then takes its
        // grant, one sees the other.
        self.leavers.fetch_add(1, Ordering::SeqCst);
        let withdrawn = self.withdraw();
        if !withdrawn {
            self.grants.take_the_coming();
        }
        self.leavers.fetch_sub(1, Ordering::SeqCst);
        if !withdrawn {
            // Another may have had this one's before, and sleeps again: then what was just taken was given
            // for something done since this one looked, and is for the next.
            self.wake(1);
        }
    }

    /// In a forked child: nobody waits.
    pub fn forget(&self) {
        self.waiters.store(0, Ordering::Relaxed);
        self.leavers.store(0, Ordering::Relaxed);
        self.grants.forget();
    }
}
