//! The re-entrant lock: exclusion with an owner, who may acquire it again.
//!
//! The word has the state of `sync::exclusion`. Beside it:
//!
//! | owner | count | meaning | goes on by |
//! |---|---|---|---|
//! | 0 | 0 | free, or on its way to an owner | the exclusion's acquire: this thread, 1 |
//! | a thread | n | held n times | that thread's acquire: n + 1; its release: n - 1 |
//! | a thread | 1 | held once | its release: 0, 0, and then the exclusion's release |
//!
//! Only the owner writes the two, and only it can find itself there: a thread that reads another ident
//! than its own, however old, knows that it is not the owner.

use crate::base::arena::Arena;
use crate::base::atomic::{AtomicU64, Ordering};
use crate::base::deadline::Timeout;
use crate::base::handle::{Handle, Kind, Object};
use crate::base::holding::{Holding, Owned};
use crate::base::record::Record;
use crate::base::status::Error;
use crate::base::this_thread;
use crate::sync::exclusion::{Exclusive, forget_waiters};
use crate::sync::grants::Grants;

/// What a re-entrant lock has beside its word.
#[derive(Debug)]
pub struct RLock {
    handovers: Grants,
    holding: Holding,
    /// The ident of the owner, or `NOBODY`.
    owner: AtomicU64,
    count: AtomicU64,
}

const NOBODY: u64 = 0;

impl Object for RLock {
    const KIND: Kind = Kind::RLock;
    const SLEEPS_ON_WORD: bool = true;
    const RECORDED: bool = true;

    fn arena() -> &'static Arena<RLock> {
        &RLOCKS
    }

    fn blank() -> RLock {
        RLock {
            handovers: Grants::none(),
            holding: Holding::unknown(),
            owner: AtomicU64::new(NOBODY),
            count: AtomicU64::new(0),
        }
    }

    fn reset(&self) {
        self.handovers.forget();
        self.holding.reset();
        self.set(NOBODY, 0);
    }

    fn forget(&self, word: &AtomicU64) {
        forget_waiters(word, self);
    }
}

impl Owned for RLock {
    fn holding(&self) -> &Holding {
        &self.holding
    }
}

impl Exclusive for RLock {
    fn handovers(&self) -> &Grants {
        &self.handovers
    }

    /// Who held it, and comes with the handle that was its, must not take itself for the owner of what lives there next:
    /// it writes before it looks.
    fn disown(&self) {
        self.set(NOBODY, 0);
    }
}

static RLOCKS: Arena<RLock> = Arena::new();

// Relaxed for the owner and the count throughout: see above, and the exclusion orders the owners.
impl RLock {
    fn set(&self, owner: u64, count: u64) {
        self.count.store(count, Ordering::Relaxed);
        self.owner.store(owner, Ordering::Relaxed);
    }

    /// How often this thread holds it.
    fn held_by(&self, ident: u64) -> Option<u64> {
        (self.owner.load(Ordering::Relaxed) == ident).then(|| self.count.load(Ordering::Relaxed))
    }
}

/// The calling thread's ident.
fn me() -> Result<u64, Error> {
    match this_thread::ident() {
        0 => Err(Error::NoMemory),
        ident => Ok(ident),
    }
}

impl Handle<RLock> {
    pub fn new() -> Result<Handle<RLock>, Error> {
        Handle::make(0, |_| ())
    }

    /// Acquires once more, or for the first time, if nothing stands in the way.
    #[inline]
    pub fn enter_at_once(self) -> bool {
        let Some(me) = this_thread::existing().map(Record::ident) else { return false };
        let Some(rlock) = self.body_before_look() else { return false };
        let Some(count) = rlock.held_by(me) else {
            let acquired = self.acquire_at_once();
            if acquired {
                rlock.set(me, 1);
            }
            return acquired;
        };
        // Which may be another object than the handle's.
        let more = count.checked_add(1).filter(|_| self.check().is_ok());
        more.is_some_and(|count| {
            rlock.count.store(count, Ordering::Relaxed);
            true
        })
    }

    /// Releases once, if it is the calling thread's and nobody waits for it.
    #[inline]
    pub fn leave_at_once(self) -> bool {
        let Some(me) = this_thread::existing().map(Record::ident) else { return false };
        let Some(rlock) = self.body_before_look() else { return false };
        match rlock.held_by(me) {
            None => false,
            Some(1) => {
                rlock.set(NOBODY, 0);
                // Else for `leave`, which is to find it as it was; and it may be another object than the handle's.
                self.release_at_once() || {
                    rlock.set(me, 1);
                    false
                }
            }
            Some(count) => {
                let is_right = self.check().is_ok();
                if is_right {
                    rlock.count.store(count - 1, Ordering::Relaxed);
                }
                is_right
            }
        }
    }

    /// Acquires once more, or for the first time, without bound.
    pub fn enter(self) -> Result<(), Error> {
        self.enter_by(|| self.acquire())
    }

    /// The same, and leaves an interrupt pending.
    pub fn enter_uninterruptible(self) -> Result<(), Error> {
        self.enter_by(|| self.acquire_uninterruptible())
    }

    pub fn try_enter(self) -> Result<(), Error> {
        self.enter_by(|| self.try_acquire())
    }

    pub fn enter_timeout(self, seconds: f64) -> Result<(), Error> {
        self.check()?;
        Timeout::from_seconds(seconds)?;
        self.enter_by(|| self.acquire_timeout(seconds))
    }

    fn enter_by(self, acquire: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        if self.enter_at_once() {
            return Ok(());
        }
        let rlock = self.alive()?;
        let me = me()?;
        // Not once more: so it is held as often as can be counted.
        if rlock.held_by(me).is_some() {
            return Err(Error::TooOften);
        }
        acquire()?;
        rlock.set(me, 1);
        Ok(())
    }

    /// Acquired by a hand-over: for the first time.
    pub fn enter_served(self) -> Result<(), Error> {
        self.alive()?.set(me()?, 1);
        Ok(())
    }

    /// Releases once.
    pub fn leave(self) -> Result<(), Error> {
        // Held once, if at all, by who comes past that.
        if self.leave_at_once() { Ok(()) } else { self.release_save().map(|_| ()) }
    }

    /// Whether the calling thread holds it.
    pub fn is_owned(self) -> Result<bool, Error> {
        Ok(self.recursion_count()? > 0)
    }

    /// How often the calling thread holds it.
    pub fn recursion_count(self) -> Result<u64, Error> {
        Ok(self.alive()?.held_by(me()?).unwrap_or(0))
    }

    /// The ident of the thread that holds it, 0 if none does; a moment later it may be another.
    pub fn owner(self) -> Result<u64, Error> {
        Ok(self.alive()?.owner.load(Ordering::Relaxed))
    }

    /// How often the thread that holds it does.
    pub fn depth(self) -> Result<u64, Error> {
        Ok(self.alive()?.count.load(Ordering::Relaxed))
    }

    /// Releases it wholly; how often it was held.
    pub fn release_save(self) -> Result<u64, Error> {
        let (rlock, count) = self.mine()?;
        rlock.set(NOBODY, 0);
        self.release()?;
        Ok(count)
    }

    /// Acquires it as often as it was held.
    pub fn acquire_restore(self, count: u64) -> Result<(), Error> {
        self.restore_by(count, Handle::<RLock>::acquire)
    }

    /// The same in any case: leaves an interrupt pending, and is not refused by insight.
    pub fn acquire_restore_uninterruptible(self, count: u64) -> Result<(), Error> {
        self.restore_by(count, Handle::<RLock>::acquire_in_any_case)
    }

    fn restore_by(self, count: u64, acquire: impl Fn(Self) -> Result<(), Error>) -> Result<(), Error> {
        let rlock = self.alive()?;
        let me = me()?;
        if count == 0 {
            return Err(Error::CountIsZero);
        }
        if rlock.held_by(me).is_some() {
            return Err(Error::HeldAlready);
        }
        acquire(self)?;
        rlock.set(me, count);
        Ok(())
    }

    /// Frees the lock from an owner that did not survive a fork.
    pub fn at_fork_reinit(self) -> Result<(), Error> {
        self.alive()?.set(NOBODY, 0);
        self.forget_holders()?;
        match self.release() {
            Err(Error::NotHeld) => Ok(()),
            result => result,
        }
    }

    /// Whether the calling thread holds it; who does, if it does not.
    pub fn check_owned(self) -> Result<(), Error> {
        self.mine().map(|_| ())
    }

    /// How often the calling thread holds it; why it does not, if it does not.
    fn mine(self) -> Result<(&'static RLock, u64), Error> {
        let rlock = self.alive()?;
        match rlock.held_by(me()?) {
            Some(count) => Ok((rlock, count)),
            None if self.locked()? => Err(Error::NotOwner),
            None => Err(Error::NotHeld),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_comes_in_again_and_nobody_else() {
        let rlock = Handle::<RLock>::new().unwrap();
        assert_eq!(rlock.leave(), Err(Error::NotHeld));
        rlock.enter().unwrap();
        rlock.try_enter().unwrap();
        rlock.enter_timeout(0.0).unwrap();
        assert_eq!(rlock.recursion_count(), Ok(3));
        assert_eq!((rlock.owner(), rlock.depth()), (Ok(this_thread::ident()), Ok(3)));
        std::thread::scope(|threads| {
            threads.spawn(|| {
                assert_eq!(rlock.try_enter(), Err(Error::Busy));
                assert_eq!(rlock.enter_timeout(1e-4), Err(Error::TimedOut));
                assert_eq!(rlock.leave(), Err(Error::NotOwner));
                assert_eq!(rlock.recursion_count(), Ok(0));
            });
        });
        let count = rlock.release_save().unwrap();
        assert_eq!(rlock.locked(), Ok(false));
        assert_eq!((rlock.owner(), rlock.depth()), (Ok(0), Ok(0)));
        rlock.acquire_restore(count).unwrap();
        assert_eq!(rlock.acquire_restore(1), Err(Error::HeldAlready));
        (0..3).for_each(|_| rlock.leave().unwrap());
        assert_eq!(rlock.leave(), Err(Error::NotHeld));
        rlock.free().unwrap();
        assert_eq!(rlock.enter(), Err(Error::StaleHandle(Kind::RLock)));
    }

    #[test]
    fn who_held_it_when_it_was_freed_owns_nothing_there() {
        let rlock = Handle::<RLock>::new().unwrap();
        rlock.enter().unwrap();
        let body = rlock.alive().unwrap();
        rlock.free().unwrap();
        // The slot is this thread's, until it makes another.
        assert_eq!(body.held_by(me().unwrap()), None);
        assert_eq!(rlock.leave(), Err(Error::StaleHandle(Kind::RLock)));
    }

    #[test]
    fn counting_goes_to_the_end_and_not_beyond() {
        let rlock = Handle::<RLock>::new().unwrap();
        rlock.acquire_restore(u64::MAX).unwrap();
        assert_eq!(rlock.enter(), Err(Error::TooOften));
        assert_eq!(rlock.recursion_count(), Ok(u64::MAX));
        assert_eq!(rlock.acquire_restore(0), Err(Error::CountIsZero));
        rlock.free().unwrap();
    }
}
