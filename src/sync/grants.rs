//! What was given to a sleeping waiter that has not seen it yet.
//!
//! Whoever gives has already changed the object's word in the waiter's favour; the waiter has only to
//! fetch. A waiter that gives up must therefore look at the word: if it was served meanwhile, its
//! grant is on the way and it takes that, however late.

use crate::base::atomic::{AtomicU32, Ordering};
use crate::base::block::Block;
use crate::base::spin::Spin;
use crate::base::wait::{self, Wake};

/// A count of grants. All waiters of one object are alike: any grant will do for any of them, and one
/// that is awake may take what was posted for one that sleeps.
#[derive(Debug)]
pub struct Grants {
    /// The futex.
    count: AtomicU32,
    /// How many sleep, or are about to: without any, a post makes no system call.
    sleepers: AtomicU32,
}

impl Grants {
    pub const fn none() -> Grants {
        Grants { count: AtomicU32::new(0), sleepers: AtomicU32::new(0) }
    }

    /// Gives `n` grants. Async-signal-safe on Linux.
    pub fn post(&self, n: u32) {
        // SeqCst, here and in `sleep`: of a post and one that is about to sleep, one sees the other. And what
        // was done before the grant happens before its taking.
        self.count.fetch_add(n, Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            wait::wake(&self.count, n);
        }
    }

    /// Takes one, as soon as there is one. Fails with what ended the wait before.
    pub fn take(&self, block: &Block) -> Result<(), Wake> {
        let mut spin = Spin::new();
        loop {
            if self.try_take() {
                return Ok(());
            }
            if spin.again() {
                continue;
            }
            let wake = self.sleep(block);
            if wake.ends_wait() {
                return if self.try_take() { Ok(()) } else { Err(wake) };
            }
        }
    }

    /// Takes one that has been decided and must arrive.
    pub fn take_the_coming(&self) {
        while self.take(&Block::brief()).is_err() {}
    }

    /// In a forked child: those it was meant for are gone.
    pub fn forget(&self) {
        // Relaxed: there is one thread.
        self.count.store(0, Ordering::Relaxed);
        self.sleepers.store(0, Ordering::Relaxed);
    }

    /// Sleeps until there may be a grant.
    fn sleep(&self, block: &Block) -> Wake {
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let wake = match self.count.load(Ordering::SeqCst) {
            0 => block.sleep(&self.count, 0),
            _ => Wake::Changed,
        };
        // Relaxed: one too many only costs a wake.
        self.sleepers.fetch_sub(1, Ordering::Relaxed);
        wake
    }

    /// Takes one if there is one.
    pub fn try_take(&self) -> bool {
        // Acquire: pairs with `post`. Relaxed elsewhere: nothing was taken.
        let take = |n: u32| n.checked_sub(1);
        self.count.fetch_update(Ordering::Acquire, Ordering::Relaxed, take).is_ok()
    }
}
