//! Mutual exclusion: the state machine of the lock, and of the re-entrant lock around it.
//!
//! The state, in the 43 bits that the handle leaves (all flags and the count lie in the futex half):
//!
//! | bits | name | meaning |
//! |---|---|---|
//! | 0 | `LOCKED` | acquired |
//! | 1 | `WAKING` | a sleeper was woken and has not decided yet: no release wakes another |
//! | 2 | `STARVING` | the lock is promised to one starving waiter: the next release hands it over |
//! | 4..31 | count | how many threads are registered as waiters |
//!
//! | from | by | to |
//! |---|---|---|
//! | not `LOCKED` | acquire | `LOCKED` |
//! | `LOCKED`, count 0 | acquire that must sleep | count + 1 |
//! | `LOCKED`, count 0, or `WAKING` | release | not `LOCKED` |
//! | `LOCKED`, count > 0 | release | not `LOCKED`, `WAKING`; then one sleeper is woken |
//! | not `LOCKED`, count > 0 | acquire by a waiter | `LOCKED`, not `WAKING`, count - 1 |
//! | `LOCKED`, count > 0 | a waiter that sleeps again, or gives up | not `WAKING`; count - 1 if it gives up |
//! | `LOCKED`, not `STARVING` | a waiter that has waited for `PATIENCE` | `STARVING`, not `WAKING` |
//! | `LOCKED`, `STARVING` | release | still `LOCKED`, not `STARVING`, count - 1: the starving waiter has it |
//!
//! Whoever comes may take a free lock before those who wait (that keeps a busy lock fast), but only
//! until a waiter starves; sleepers are woken in the order in which they fell asleep. So no wait is
//! unbounded. `WAKING` is a hint with one rule: while it is set, somebody is awake who will clear it.

use crate::base::atomic::{AtomicU64, Ordering};
use crate::base::block::Block;
use crate::base::deadline::Timeout;
use crate::base::handle::{Handle, Object, STATE_MASK};
use crate::base::spin::Spin;
use crate::base::status::Error;
use crate::base::wait;
use crate::sync::grants::Grants;

const LOCKED: u64 = 1;
const WAKING: u64 = 2;
const STARVING: u64 = 4;
const WAITER: u64 = 16;

/// How long a waiter lets others overtake it, in nanoseconds.
const PATIENCE: u64 = 1_000_000;

/// A type whose state is this one.
pub trait Exclusive: Object {
    /// Hand-overs that starving waiters have not seen yet.
    fn handovers(&self) -> &Grants;
}

/// In a forked child: nobody waits. What is held stays so.
pub fn forget_waiters<T: Exclusive>(word: &AtomicU64, body: &T) {
    // Relaxed: there is one thread.
    word.fetch_and(!STATE_MASK | LOCKED, Ordering::Relaxed);
    body.handovers().forget();
}

impl<T: Exclusive> Handle<T> {
    /// Ends the lock, held or not, unless a thread waits for it.
    pub fn free_exclusive(self) -> Result<(), Error> {
        self.free(|_, _, waiting| if waiting == 0 { Ok(()) } else { Err(Error::Busy) })
    }

    /// Acquires if nothing stands in the way: the lock is free, and nobody waits for it.
    #[inline]
    pub fn acquire_at_once(self) -> bool {
        // Acquire, here and wherever the lock is taken: sees what was done before the release.
        self.exchange(0, LOCKED, Ordering::Acquire).is_ok()
    }

    /// Acquires without bound.
    pub fn acquire(self) -> Result<(), Error> {
        if self.acquire_at_once() { Ok(()) } else { self.acquire_slowly(|| Block::begin(Timeout::Forever)) }
    }

    /// Acquires, and leaves an interrupt pending.
    pub fn acquire_uninterruptible(self) -> Result<(), Error> {
        match self.exchange(0, LOCKED, Ordering::Acquire) {
            Ok(()) => Ok(()),
            Err(_) => self.acquire_slowly(|| Ok(Block::uninterruptible())),
        }
    }

    pub fn acquire_timeout(self, seconds: f64) -> Result<(), Error> {
        self.check()?;
        let timeout = Timeout::from_seconds(seconds)?;
        match self.exchange(0, LOCKED, Ordering::Acquire) {
            Ok(()) => Ok(()),
            Err(_) => self.acquire_slowly(|| Block::begin(timeout)),
        }
    }

    #[inline]
    pub fn try_acquire(self) -> Result<(), Error> {
        // Relaxed: a first look, which spares a held lock the write.
        let mut word = self.word().load(Ordering::Relaxed);
        loop {
            let state = self.state_of(word)?;
            if state & LOCKED != 0 {
                return Err(Error::Busy);
            }
            match self.exchange(state, state | LOCKED, Ordering::Acquire) {
                Ok(()) => return Ok(()),
                Err(found) => word = found,
            }
        }
    }

    /// Releases if nothing more is to be done: nobody waits.
    #[inline]
    pub fn release_at_once(self) -> bool {
        // Release, here and below: what this thread did happens before the next acquire.
        self.exchange(LOCKED, 0, Ordering::Release).is_ok()
    }

    pub fn release(self) -> Result<(), Error> {
        // Relaxed: the exchange decides.
        if self.release_at_once() { Ok(()) } else { self.release_slowly(self.word().load(Ordering::Relaxed)) }
    }

    pub fn locked(self) -> Result<bool, Error> {
        // Acquire: who sees the lock free sees what was done under it.
        Ok(self.state(Ordering::Acquire)? & LOCKED != 0)
    }

    #[cold]
    fn acquire_slowly(self, begin: impl FnOnce() -> Result<Block, Error>) -> Result<(), Error> {
        if self.try_acquire() == Ok(()) {
            return Ok(());
        }
        self.check()?;
        let block = begin()?;
        let mut spin = Spin::new();
        while spin.pause() {
            match self.try_acquire() {
                Err(Error::Busy) => (),
                result => return result,
            }
        }
        // From here on, `free` sees that a thread waits.
        let lock = self.reside()?;
        loop {
            while spin.again() {
                match self.try_acquire() {
                    Err(Error::Busy) => (),
                    result => return result,
                }
            }
            if let Some(result) = self.acquire_asleep(&lock, &block) {
                return result;
            }
            spin = Spin::new();
        }
    }

    /// Registers as a waiter and sleeps. None if the reason to give up was gone once it had given up.
    fn acquire_asleep(self, lock: &T, block: &Block) -> Option<Result<(), Error>> {
        // On a busy machine the spin alone can have lasted that long.
        let promise = if block.waited() < PATIENCE { 0 } else { STARVING };
        let mut turn = self.take_or(|s| s | LOCKED, |s| (s + WAITER) | promise);
        loop {
            let asleep = match turn {
                Ok(Turn::Taken) => return Some(Ok(())),
                Ok(Turn::Changed { from, to }) if to & STARVING > from & STARVING => {
                    return self.await_handover(lock, block);
                }
                Ok(Turn::Changed { to, .. }) => to,
                Err(error) => return Some(Err(error)),
            };
            let wake = block.sleep(self.futex(), asleep as u32);
            turn = if wake.ends_wait() {
                match self.take_or(take_as_waiter, |s| (s & !WAKING) - WAITER) {
                    Ok(Turn::Changed { .. }) => return block.reason(wake).map(Err),
                    turn => turn,
                }
            } else if block.waited() < PATIENCE {
                self.spin_as_waiter()
            } else {
                self.take_or(take_as_waiter, |s| s & !WAKING | STARVING)
            };
        }
    }

    /// Stays awake for a moment after a wake, then prepares to sleep again.
    fn spin_as_waiter(self) -> Result<Turn, Error> {
        let mut spin = Spin::new();
        loop {
            // Relaxed: the exchange decides.
            let free = self.state(Ordering::Relaxed)? & LOCKED == 0;
            if free || !spin.again() {
                match self.take_or(take_as_waiter, |s| s & !WAKING)? {
                    // Somebody else was faster: there is time left to spin.
                    Turn::Changed { .. } if free && spin.again() => (),
                    turn => return Ok(turn),
                }
            }
        }
    }

    /// Waits for the next release, which will hand the lock over. None as for `acquire_asleep`.
    fn await_handover(self, lock: &T, block: &Block) -> Option<Result<(), Error>> {
        loop {
            let wake = match lock.handovers().take(block) {
                Ok(()) => return Some(Ok(())),
                Err(wake) => wake,
            };
            // Relaxed: the exchange decides.
            // Freed counts as not starving: nobody frees the lock before it is handed over.
            let state = self.state(Ordering::Relaxed).unwrap_or_default();
            if state & STARVING == 0 {
                lock.handovers().take_the_coming();
                return Some(Ok(()));
            }
            if self.exchange(state, (state & !STARVING) - WAITER, Ordering::Relaxed).is_ok() {
                return block.reason(wake).map(Err);
            }
        }
    }

    /// Takes the lock, to the state `taken`, if it is free; else changes the state to `otherwise`.
    fn take_or(self, taken: impl Fn(u64) -> u64, otherwise: impl Fn(u64) -> u64) -> Result<Turn, Error> {
        // Relaxed: the exchange decides.
        let mut word = self.word().load(Ordering::Relaxed);
        loop {
            let from = self.state_of(word)?;
            let free = from & LOCKED == 0;
            let to = if free { taken(from) } else { otherwise(from) };
            match self.exchange(from, to, Ordering::Acquire) {
                Ok(()) if free => return Ok(Turn::Taken),
                Ok(()) => return Ok(Turn::Changed { from, to }),
                Err(found) => word = found,
            }
        }
    }

    #[cold]
    fn release_slowly(self, mut word: u64) -> Result<(), Error> {
        loop {
            let from = self.state_of(word)?;
            if from & LOCKED == 0 {
                return Err(Error::NotHeld);
            }
            let to = if from & STARVING != 0 {
                (from & !STARVING) - WAITER
            } else if from >= WAITER && from & WAKING == 0 {
                from & !LOCKED | WAKING
            } else {
                from & !LOCKED
            };
            match self.exchange(from, to, Ordering::Release) {
                Err(found) => word = found,
                Ok(()) if from & STARVING != 0 => {
                    // SAFETY: the state was just read from a live word. The starving waiter resides
                    // until it has taken this hand-over.
                    unsafe { self.body() }.handovers().post(1);
                    return Ok(());
                }
                Ok(()) => {
                    if to & WAKING > from & WAKING {
                        self.wake_sleeper();
                    }
                    return Ok(());
                }
            }
        }
    }

    /// Wakes the sleeper that `WAKING` was just set for.
    fn wake_sleeper(self) {
        if wait::wake(self.futex(), 1) > 0 {
            return;
        }
        // All waiters were awake, on their way in or out. Take the hint back; if one of them has
        // fallen asleep on a state with the hint in it, a free lock must not be left to it unseen.
        while let Ok(state) = self.state(Ordering::Relaxed) {
            if state & WAKING == 0 {
                return;
            }
            if self.exchange(state, state & !WAKING, Ordering::Relaxed).is_ok() {
                if state & LOCKED == 0 && state >= WAITER {
                    wait::wake(self.futex(), 1);
                }
                return;
            }
        }
    }
}

/// What became of a waiter's look at the lock.
enum Turn {
    Taken,
    Changed { from: u64, to: u64 },
}

fn take_as_waiter(state: u64) -> u64 {
    (state & !WAKING | LOCKED) - WAITER
}
