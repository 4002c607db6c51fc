//! What was given to a sleeping waiter that has not seen it yet.
//!
//! Whoever gives has already changed the object's word in the waiter's favour; the waiter has only to
//! fetch. A waiter that gives up must therefore look at the word: if it was served meanwhile, a grant is on the
//! way, and it takes that, however late; unless another is faster, who has left something in the word for it.
//!
//! To be woken takes a thread longer than one that is awake needs to come, take what was posted for that thread, and
//! give it again. Where it is promised that who waits goes first (`take_in_turn`), that ends after a while: who has
//! slept, was woken for nothing, and has waited for long is due. Of the grants, as many as there are threads due are
//! for them; who comes leaves those alone until it has waited for as long itself.

use crate::base::atomic::{AtomicU32, Ordering};
use crate::base::block::Block;
use crate::base::deadline::Timeout;
use crate::base::registry;
use crate::base::spin::Spin;
use crate::base::wait::{self, Wake};

/// A count of grants. All waiters of one object are alike: any grant will do for any of them, and one
/// that is awake may take what was posted for one that sleeps.
#[derive(Debug)]
pub struct Grants {
    /// The futex.
    count: AtomicU32,
    /// How many sleep, or are about to: without any, a post makes no system call. And how many are due.
    sleepers: AtomicU32,
}

/// One that is due, beside the count of those who sleep.
const DUE: u32 = 1 << 22;

/// How long who finds all grants spoken for, or none, sleeps before it looks again, if nothing is posted. In nanoseconds.
const LOOK_AGAIN: u64 = 1_000_000;

/// A thread that is due, or sleeps, until it has a grant or gives up; also where it is cancelled. In a child that was forked
/// meanwhile, in a signal handler, it is forgotten.
struct Counted<'a> {
    sleepers: &'a AtomicU32,
    as_what: u32,
    /// Read before it was counted: a fork in between leaves one too many, not one too few.
    process: u32,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if self.process == registry::forks() {
            // Relaxed: a count; one too many only costs a wake, or a sleep that is a little too long.
            self.sleepers.fetch_sub(self.as_what, Ordering::Relaxed);
        }
    }
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
        if self.sleepers.load(Ordering::SeqCst) % DUE > 0 {
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

    /// The same, and does not overtake for long who has waited for long.
    pub fn take_in_turn(&self, block: &Block) -> Result<(), Wake> {
        let mut spin = Spin::new();
        let mut due = None;
        let mut slept = false;
        loop {
            let yields = due.is_none() && self.are_spoken_for() && !block.is_starving();
            if !yields && self.try_take() {
                return Ok(());
            }
            if spin.again() {
                continue;
            }
            if slept && due.is_none() && block.is_starving() {
                due = self.fall_due();
            }
            slept = true;
            let wake = if yields { self.stand_back() } else { self.sleep(block) };
            if wake.ends_wait() {
                return if self.try_take() { Ok(()) } else { Err(wake) };
            }
        }
    }

    /// Whether there are no more grants than threads that are due.
    fn are_spoken_for(&self) -> bool {
        // Relaxed, both: who is wrong about it overtakes once more, or looks again.
        let due = self.sleepers.load(Ordering::Relaxed) / DUE;
        due > 0 && self.count.load(Ordering::Relaxed) <= due
    }

    /// None if there are too many already.
    fn fall_due(&self) -> Option<Counted<'_>> {
        let process = registry::forks();
        let more = |n: u32| n.checked_add(DUE);
        // Relaxed: as in `are_spoken_for`.
        let fallen = self.sleepers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        fallen.ok().map(|_| Counted { sleepers: &self.sleepers, as_what: DUE, process })
    }

    /// One more that sleeps, or is about to.
    fn fall_asleep(&self) -> Counted<'_> {
        let process = registry::forks();
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        Counted { sleepers: &self.sleepers, as_what: 1, process }
    }

    /// Sleeps while all grants are for others. The wake that it may have had was theirs.
    fn stand_back(&self) -> Wake {
        let posted = self.count.load(Ordering::Relaxed);
        if posted > 0 {
            wait::wake(&self.count, 1);
        }
        let _asleep = self.fall_asleep();
        // They may give up, of which nothing is seen: so not for long.
        wait::wait(&self.count, posted, Timeout::Nanoseconds(LOOK_AGAIN).start(), None);
        Wake::Changed
    }

    /// Takes one that will come, by who has been awake for long enough.
    pub fn take_asleep(&self, block: &Block) {
        while !self.try_take() {
            let wake = self.sleep(block);
            if wake.ends_wait() {
                block.reason(wake);
            }
        }
    }

    /// For who gives up: takes back from the word what it left there for a grant, unless there is one for it, which it
    /// takes then; whether it did. Another may take that first, and has left its own in the word for it: of which nothing
    /// is seen, so it is not waited for long at once.
    pub fn served_after_all(&self, take_back: impl Fn() -> bool) -> bool {
        while !take_back() {
            if self.take(&Block::moment(LOOK_AGAIN)).is_ok() {
                return true;
            }
        }
        false
    }

    /// In a forked child: those it was meant for are gone.
    pub fn forget(&self) {
        // Relaxed: there is one thread.
        self.count.store(0, Ordering::Relaxed);
        self.sleepers.store(0, Ordering::Relaxed);
    }

    /// Sleeps until there may be a grant.
    fn sleep(&self, block: &Block) -> Wake {
        let _asleep = self.fall_asleep();
        match self.count.load(Ordering::SeqCst) {
            0 => block.sleep(&self.count, 0),
            _ => Wake::Changed,
        }
    }

    /// Takes one if there is one.
    pub fn try_take(&self) -> bool {
        // Acquire: pairs with `post`. Relaxed elsewhere: nothing was taken.
        let take = |n: u32| n.checked_sub(1);
        self.count.fetch_update(Ordering::Acquire, Ordering::Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::deadline::now;

    #[test]
    fn of_two_grants_one_is_for_whoever_is_due() {
        let grants = Grants::none();
        let due = grants.fall_due();
        grants.post(1);
        assert!(grants.are_spoken_for());
        grants.post(1);
        assert!(!grants.are_spoken_for());
        drop(due);
        assert!(grants.try_take());
        assert!(!grants.are_spoken_for());
    }

    #[test]
    fn who_comes_leaves_a_grant_to_who_is_due_for_a_while() {
        let grants = Grants::none();
        let due = grants.fall_due();
        grants.post(1);
        let began = now();
        assert_eq!(grants.take_in_turn(&Block::brief()), Ok(()));
        assert!(now() - began >= 1_000_000);
        drop(due);
        grants.post(1);
        assert_eq!(grants.take_in_turn(&Block::brief()), Ok(()));
    }

    #[test]
    fn who_stands_back_passes_its_wake_on() {
        const LONG: u64 = 60_000_000_000;
        for _ in 0..20 {
            let grants = Grants::none();
            std::thread::scope(|threads| {
                let sleeper = threads.spawn(|| {
                    let began = now();
                    assert_eq!(grants.take(&Block::moment(LONG)), Ok(()));
                    now() - began
                });
                while grants.sleepers.load(Ordering::Relaxed) == 0 {
                    std::thread::yield_now();
                }
                // Until it sleeps, most often.
                std::thread::yield_now();
                // Posted, and the wake was another's.
                grants.count.store(1, Ordering::SeqCst);
                grants.stand_back();
                assert!(sleeper.join().unwrap() < LONG / 2);
            });
        }
    }

    #[test]
    fn there_is_room_for_some_that_are_due_beside_those_that_sleep() {
        let grants = Grants::none();
        let due: Vec<_> = core::iter::from_fn(|| grants.fall_due()).collect();
        assert_eq!(due.len(), 1023);
        drop(due);
        assert!(!grants.are_spoken_for());
    }
}
