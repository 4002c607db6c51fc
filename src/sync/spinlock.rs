//! The spinlock: for sections of a few instructions. Who waits stays awake.
//!
//! | state | by | to |
//! |---|---|---|
//! | `FREE` | acquire | `LOCKED` |
//! | `LOCKED` | release | `FREE` |
//!
//! A waiter looks less and less often, and then gives its core away between two looks: the holder may be
//! waiting for just that.

use crate::base::arena::Arena;
use crate::base::atomic::{AtomicU64, Ordering};
use crate::base::block::Block;
use crate::base::handle::{Handle, Kind, Object};
use crate::base::holding::{Holding, How, Owned};
use crate::base::insight;
use crate::base::spin::{give_way, pause_for};
use crate::base::status::Error;
use crate::base::waiting::{Verb, What};
use crate::base::watchers::{News, Sides};

/// What a spinlock has beside its word: what insight knows.
#[derive(Debug)]
pub struct Spinlock {
    holding: Holding,
}

const FREE: u64 = 0;
const LOCKED: u64 = 1;

/// So many pauses are between the first two looks: each takes the line from who has it. And the most, before the core is
/// given away instead.
const SHORTEST: u32 = if cfg!(shuttle) { 1 } else { 16 };
const LONGEST: u32 = if cfg!(shuttle) { 1 } else { 64 };

impl Object for Spinlock {
    const KIND: Kind = Kind::Spinlock;
    const RECORDED: bool = true;

    fn arena() -> &'static Arena<Spinlock> {
        &SPINLOCKS
    }

    fn blank() -> Spinlock {
        Spinlock { holding: Holding::unknown() }
    }

    fn reset(&self) {
        self.holding.reset();
    }

    fn forget(&self, _word: &AtomicU64) {}
}

impl Owned for Spinlock {
    fn holding(&self) -> &Holding {
        &self.holding
    }
}

static SPINLOCKS: Arena<Spinlock> = Arena::new();

impl Handle<Spinlock> {
    pub fn new() -> Result<Handle<Spinlock>, Error> {
        Handle::make(FREE, |_| ())
    }

    /// Ends the spinlock, held or not, unless a thread waits for it.
    pub fn free(self) -> Result<(), Error> {
        self.end_unless_visited()
    }

    #[inline]
    pub fn acquire_at_once(self) -> bool {
        // Acquire, here and below: sees what was done before the release.
        self.exchange(FREE, LOCKED, Ordering::Acquire).is_ok()
    }

    #[inline]
    pub fn try_acquire_at_once(self) -> Option<bool> {
        self.try_at_once(|state| state != LOCKED, || self.acquire_at_once())
    }

    pub fn acquire(self) -> Result<(), Error> {
        if self.acquire_at_once() {
            return Ok(());
        }
        self.is_wanted(Verb::Acquire);
        self.acquire_slowly()
    }

    pub fn try_acquire(self) -> Result<(), Error> {
        self.try_take().inspect(|()| self.has_acquired(How::Alone))
    }

    #[inline]
    fn try_take(self) -> Result<(), Error> {
        // Relaxed: a first look, which spares a held lock the write.
        if self.state(Ordering::Relaxed)? == LOCKED {
            return Err(Error::Busy);
        }
        let take = |state: u64| if state == FREE { Ok(LOCKED) } else { Err(Error::Busy) };
        self.update(Ordering::Acquire, take).map(drop)
    }

    #[inline]
    pub fn release_at_once(self) -> bool {
        // Release: what this thread did happens before the next acquire.
        self.exchange(LOCKED, FREE, Ordering::Release).is_ok()
    }

    pub fn release(self) -> Result<(), Error> {
        // Relaxed: a look for insight.
        if insight::is_on(insight::SOME_HOLDERS) && self.state(Ordering::Relaxed)? == LOCKED {
            self.releases(How::Alone);
        }
        let release = |state: u64| if state == LOCKED { Ok(FREE) } else { Err(Error::NotHeld) };
        self.update(Ordering::Release, release)?;
        self.tell(Sides::ONE, 1, News::New);
        Ok(())
    }

    #[cold]
    fn acquire_slowly(self) -> Result<(), Error> {
        if self.try_take() != Ok(()) {
            self.check()?;
            if insight::is_on(insight::DEADLOCK | insight::CONTENTION) {
                self.spin_watched()?;
            } else {
                self.spin()?;
            }
        }
        self.has_acquired(How::Alone);
        Ok(())
    }

    /// The same for insight, which does not refuse it.
    #[cold]
    fn spin_watched(self) -> Result<(), Error> {
        let block = Block::irrefusable(What::of(Verb::Acquire, self));
        let _told = block.declare()?;
        self.set_watched()?;
        let result = self.spin();
        self.has_waited(&block);
        result
    }

    fn spin(self) -> Result<(), Error> {
        // From here on, `free` sees that a thread waits.
        let _resident = self.reside()?;
        let mut pauses = SHORTEST;
        loop {
            match self.try_take() {
                Err(Error::Busy) => (),
                result => return result,
            }
            if pauses > LONGEST {
                give_way();
            } else {
                pause_for(pauses);
                pauses *= 2;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::UnsafeCell;

    struct Counter(UnsafeCell<u64>);
    // SAFETY: the test counts under the lock.
    unsafe impl Sync for Counter {}

    #[test]
    fn four_threads_count_together() {
        const EACH: u64 = if cfg!(miri) { 100 } else { 20_000 };
        let spinlock = Handle::<Spinlock>::new().unwrap();
        let counter = Counter(UnsafeCell::new(0));
        std::thread::scope(|threads| {
            for _ in 0..4 {
                let counter = &counter;
                threads.spawn(move || {
                    for _ in 0..EACH {
                        spinlock.acquire().unwrap();
                        // SAFETY: under the lock.
                        unsafe { *counter.0.get() += 1 };
                        spinlock.release().unwrap();
                    }
                });
            }
        });
        // SAFETY: the others are through.
        assert_eq!(unsafe { *counter.0.get() }, 4 * EACH);
        assert_eq!(spinlock.release(), Err(Error::NotHeld));
        assert_eq!(spinlock.try_acquire(), Ok(()));
        assert_eq!(spinlock.try_acquire(), Err(Error::Busy));
        spinlock.free().unwrap();
        assert_eq!(spinlock.release(), Err(Error::StaleHandle(Kind::Spinlock)));
    }
}
