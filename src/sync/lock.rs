//! The lock: exclusion that nobody owns, so any thread may release it.

use crate::base::arena::Arena;
use crate::base::atomic::AtomicU64;
use crate::base::handle::{Handle, Kind, Object};
use crate::base::holding::{Holding, Owned};
use crate::base::status::Error;
use crate::sync::exclusion::{Exclusive, forget_waiters};
use crate::sync::grants::Grants;

/// What a lock has beside its word. Its state: see `sync::exclusion`.
#[derive(Debug)]
pub struct Lock {
    handovers: Grants,
    holding: Holding,
}

impl Object for Lock {
    const KIND: Kind = Kind::Lock;
    const SLEEPS_ON_WORD: bool = true;
    const RECORDED: bool = true;

    fn arena() -> &'static Arena<Lock> {
        &LOCKS
    }

    fn blank() -> Lock {
        Lock { handovers: Grants::none(), holding: Holding::unknown() }
    }

    fn reset(&self) {
        self.handovers.forget();
        self.holding.reset();
    }

    fn forget(&self, word: &AtomicU64) {
        forget_waiters(word, self);
    }
}

impl Owned for Lock {
    fn holding(&self) -> &Holding {
        &self.holding
    }
}

impl Exclusive for Lock {
    fn handovers(&self) -> &Grants {
        &self.handovers
    }
}

static LOCKS: Arena<Lock> = Arena::new();

impl Handle<Lock> {
    pub fn new() -> Result<Handle<Lock>, Error> {
        Handle::make(0, |_| ())
    }

    /// Frees the lock from a holder that did not survive a fork.
    pub fn at_fork_reinit(self) -> Result<(), Error> {
        self.forget_holders()?;
        match self.release() {
            Err(Error::NotHeld) => Ok(()),
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::atomic::{AtomicU64, Ordering};

    #[test]
    fn of_two_releases_one_fails() {
        let lock = Handle::<Lock>::new().unwrap();
        lock.acquire().unwrap();
        assert_eq!(lock.try_acquire(), Err(Error::Busy));
        assert_eq!(lock.release(), Ok(()));
        assert_eq!(lock.release(), Err(Error::NotHeld));
        lock.free().unwrap();
        assert_eq!(lock.release(), Err(Error::StaleHandle(Kind::Lock)));
        assert_eq!(lock.acquire(), Err(Error::StaleHandle(Kind::Lock)));
    }

    #[test]
    fn the_handle_is_checked_before_the_timeout() {
        let lock = Handle::<Lock>::new().unwrap();
        assert_eq!(lock.acquire_timeout(f64::NAN), Err(Error::TimeoutNotANumber));
        assert_eq!(lock.acquire_timeout(0.0), Ok(()));
        assert_eq!(lock.acquire_timeout(0.0), Err(Error::TimedOut));
        assert_eq!(lock.acquire_timeout(1e-3), Err(Error::TimedOut));
        lock.free().unwrap();
        assert_eq!(lock.acquire_timeout(f64::NAN), Err(Error::StaleHandle(Kind::Lock)));
    }

    #[test]
    fn the_state_is_as_new_after_contention() {
        let lock = Handle::<Lock>::new().unwrap();
        let counter = AtomicU64::new(0);
        std::thread::scope(|threads| {
            for i in 0..6 {
                let counter = &counter;
                threads.spawn(move || {
                    for n in 0..20_000 {
                        let timed = (n + i) % 3 == 0;
                        let result = if timed { lock.acquire_timeout(1e-5) } else { lock.acquire() };
                        if result.is_ok() {
                            let seen = counter.load(Ordering::Relaxed);
                            core::hint::spin_loop();
                            counter.store(seen + 1, Ordering::Relaxed);
                            lock.release().unwrap();
                        } else {
                            assert_eq!(result, Err(Error::TimedOut));
                            assert!(timed);
                        }
                    }
                });
            }
        });
        assert_eq!(lock.state(Ordering::SeqCst), Ok(0));
        lock.free().unwrap();
    }
}
