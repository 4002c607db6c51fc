//! One side of a queue: where threads sleep that wait for what the other side does.
//!
//! | from | by | to |
//! |---|---|---|
//! | n waiters | one that is about to sleep | n + 1; then it looks again, and sleeps until it is granted |
//! | n > 0 | something done for one | n - 1, and one grant is posted |
//! | n > 0 | a waiter that found what it wants, or gives up | n - 1 |
//! | 0 | the same | unchanged: its grant is on the way; it takes that, and passes it on if somebody waits by then |
//!
//! So each sleeper is woken once, and nobody pays for those who are awake.
//!
//! The grant that one who gives up waits for may be taken by another, who has had its own and waits again. Then
//! that one's count will do: of those who wait, as many are counted as there are no grants for. So who gives up
//! goes by the one or the other, and is called when there is more of either.

use crate::base::atomic::{self, AtomicU32, Ordering};
use crate::base::block::Block;
use crate::base::deadline::Deadline;
use crate::base::fence;
use crate::base::registry;
use crate::base::wait::{self, Wake};
use crate::sync::grants::Grants;

/// Beside the count: somebody watches the side (`base::watchers`).
const WATCHED: u32 = 1 << 31;

/// On a cache line of its own: those who do something look at it all the time.
#[repr(align(64))]
#[derive(Debug)]
pub struct Side {
    /// How many wait, and `WATCHED`.
    waiters: AtomicU32,
    /// How many give up, and cannot yet.
    leavers: AtomicU32,
    /// Changes when they are called. A futex.
    calls: AtomicU32,
    grants: Grants,
}

impl Side {
    pub const fn new() -> Side {
        Side {
            waiters: AtomicU32::new(0),
            leavers: AtomicU32::new(0),
            calls: AtomicU32::new(0),
            grants: Grants::none(),
        }
    }

    /// Whether somebody waits, or watches. Who has just done something for them fences first: `fence::light`.
    #[inline(always)]
    pub fn is_awaited(&self) -> bool {
        // Relaxed: the fences order it.
        self.waiters.load(Ordering::Relaxed) > 0
    }

    /// Whether somebody watches, as far as is known.
    pub fn is_watched(&self) -> bool {
        // Relaxed: as above.
        self.waiters.load(Ordering::Relaxed) & WATCHED != 0
    }

    /// Says that somebody watches: who does so fences, heavily, and looks then.
    pub fn set_watched(&self) {
        self.waiters.fetch_or(WATCHED, Ordering::Relaxed);
    }

    pub fn set_unwatched(&self) {
        self.waiters.fetch_and(!WATCHED, Ordering::Relaxed);
    }

    /// Wakes up to `n` waiters.
    pub fn wake(&self, n: usize) {
        let mut woken = 0;
        while (woken as usize) < n && self.withdraw() {
            woken += 1;
        }
        if woken > 0 {
            self.grants.post(woken);
            self.call_leavers();
        }
    }

    /// Says that the calling thread waits. It looks once more before it sleeps.
    pub fn register(&self) {
        // Relaxed: the fence orders it before the look, and before that for leavers.
        self.waiters.fetch_add(1, Ordering::Relaxed);
        fence::heavy();
        self.call_leavers();
    }

    /// Takes one waiter from the count; false if all have been granted something.
    fn withdraw(&self) -> bool {
        let less = |n: u32| (n & !WATCHED > 0).then(|| n - 1);
        // Relaxed: the grant orders what it is given for.
        self.waiters.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    /// Sleeps until granted: then it does not wait any more. Fails with what ended the wait before.
    pub fn sleep(&self, block: &Block) -> Result<(), Wake> {
        self.grants.take(block)
    }

    /// Waits no more.
    pub fn leave(&self) {
        if !self.withdraw() {
            self.leave_slowly();
        }
    }

    #[cold]
    fn leave_slowly(&self) {
        // SeqCst: of this thread, which looks for both next, and one that makes more of either and then looks
        // for leavers, one sees the other. Those looks need not be SeqCst, behind a fence.
        let process = registry::forks();
        self.leavers.fetch_add(1, Ordering::SeqCst);
        atomic::fence(Ordering::SeqCst);
        loop {
            // In a child that was forked meanwhile it is forgotten.
            if process != registry::forks() {
                return;
            }
            // Acquire: with a call comes what it was made for.
            let calls = self.calls.load(Ordering::Acquire);
            if self.withdraw() {
                break;
            }
            if self.grants.try_take() {
                // Another may have had this one's before, and waits again: then what was just taken was given
                // for something done since this one looked, and is for the next.
                self.wake(1);
                break;
            }
            wait::wait(&self.calls, calls, Deadline::Never, None);
        }
        // Relaxed: one too many only costs a call.
        self.leavers.fetch_sub(1, Ordering::Relaxed);
    }

    /// There is one waiter more, or a grant.
    fn call_leavers(&self) {
        // SeqCst: see `leave_slowly`.
        if self.leavers.load(Ordering::SeqCst) > 0 {
            // Release: pairs with the load.
            self.calls.fetch_add(1, Ordering::Release);
            wait::wake_all(&self.calls);
        }
    }

    /// In a forked child: nobody waits.
    pub fn forget(&self) {
        self.waiters.store(0, Ordering::Relaxed);
        self.leavers.store(0, Ordering::Relaxed);
        self.calls.store(0, Ordering::Relaxed);
        self.grants.forget();
    }
}
