//! The semaphore: a count of permits, handed to sleeping waiters in turn.
//!
//! The state is one signed number: positive, the permits that are left; negative, the waiters that
//! have none. A release that finds waiters gives its permits to them: who comes later does not overtake
//! those who wait.
//!
//! | from | by | to | |
//! |---|---|---|---|
//! | n > 0 | acquire | n - 1 | `acquired` |
//! | any | acquire that must sleep | n - 1; if there was no permit, the thread waits for a grant | `acquired_or_joined` |
//! | any | release of k | n + k; min(k, waiters) grants are posted | `released` |
//! | n < 0 | a waiter that gives up | n + 1 | `given_up` |
//! | n >= 0 | a waiter that gives up | unchanged: a grant is on the way; it takes that, or leaves in the end if another does | |
//! | n < 0 | fork, in the child | 0 | `without_waiters` |

use crate::base::arena::{Arena, Kept};
use crate::base::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::base::block::Block;
use crate::base::deadline::Timeout;
use crate::base::handle::{self, Handle, Kind, Object, STATE_BITS};
use crate::base::spin::Spin;
use crate::base::status::Error;
use crate::base::wait::Wake;
use crate::base::waiting::{Verb, What};
use crate::base::watchers::{News, Sides};
use crate::sync::grants::Grants;

/// What a semaphore has beside its word.
#[derive(Debug)]
pub struct Semaphore {
    /// The most that the value may be.
    max: AtomicU32,
    /// The value as it was last, by guess: what an exchange tries first. A look at the word would wait for this thread's
    /// own exchange before. It may be written late, by who has given the semaphore away.
    last: Kept<AtomicU32>,
    grants: Grants,
}

impl Object for Semaphore {
    const KIND: Kind = Kind::Semaphore;
    const ORDERS: bool = true;

    fn arena() -> &'static Arena<Semaphore> {
        &SEMAPHORES
    }

    fn blank() -> Semaphore {
        Semaphore { max: AtomicU32::new(0), last: Kept(AtomicU32::new(0)), grants: Grants::none() }
    }

    fn reset(&self) {
        // Relaxed: nobody else has it.
        self.max.store(0, Ordering::Relaxed);
        self.grants.forget();
    }

    /// Nobody waits. The permits stay as they were.
    fn forget(&self, word: &AtomicU64) {
        handle::amend(word, State::without_waiters);
        self.grants.forget();
    }
}

static SEMAPHORES: Arena<Semaphore> = Arena::new();

/// Above all positive values, and below the negative ones as they are in the state.
const POSITIVE: u64 = 1 << (STATE_BITS - 1);

/// The state as the signed number that it is.
#[derive(Clone, Copy)]
struct State(i64);

impl State {
    fn permits(self) -> u32 {
        self.0.max(0) as u32
    }

    fn waiters(self) -> u32 {
        self.0.min(0).unsigned_abs() as u32
    }

    fn acquired(self) -> Result<State, Error> {
        if self.permits() > 0 { Ok(State(self.0 - 1)) } else { Err(Error::Busy) }
    }

    fn acquired_or_joined(self) -> State {
        State(self.0 - 1)
    }

    fn released(self, n: u32, max: u32) -> Result<State, Error> {
        match self.permits().checked_add(n) {
            Some(permits) if permits <= max => Ok(State(self.0 + i64::from(n))),
            _ => Err(Error::AboveBound),
        }
    }

    /// Busy: it was served already.
    fn given_up(self) -> Result<State, Error> {
        if self.waiters() > 0 { Ok(State(self.0 + 1)) } else { Err(Error::Busy) }
    }

    /// What a release tells.
    fn news_of(self, to: State) -> News {
        match (self.permits(), to.permits()) {
            (_, 0) => News::InLine,
            (0, _) => News::New,
            _ => News::More,
        }
    }

    fn without_waiters(self) -> State {
        State(self.permits().into())
    }
}

impl From<u64> for State {
    fn from(bits: u64) -> State {
        let sign = u64::BITS - STATE_BITS;
        State(((bits << sign) as i64) >> sign)
    }
}

impl From<State> for u64 {
    fn from(state: State) -> u64 {
        state.0 as u64
    }
}

impl Handle<Semaphore> {
    pub fn new(initial: u32, max: u32) -> Result<Handle<Semaphore>, Error> {
        if initial > max {
            return Err(Error::InitialAboveMax);
        }
        Handle::make(initial.into(), |semaphore: &Semaphore| {
            // Relaxed: published by the word.
            semaphore.max.store(max, Ordering::Relaxed);
            semaphore.last.store(initial, Ordering::Relaxed);
        })
    }

    /// Ends the semaphore, unless a thread waits for it.
    pub fn free(self) -> Result<(), Error> {
        self.end_unless_visited()
    }

    /// Takes a permit if there is one, and the first tries succeed.
    #[inline(always)]
    pub fn acquire_at_once(self) -> bool {
        // Acquire: sees what was done before the release of the permit.
        self.exchange_at_once(|_, value| value > 0, |value| value - 1, Ordering::Acquire)
    }

    /// Gives one permit back if nobody waits, and the first tries succeed.
    #[inline(always)]
    pub fn release_at_once(self, n: u32) -> bool {
        // Relaxed: does not change while the semaphore is alive. Release: what this thread did happens before the
        // acquire of the permit.
        n == 1
            && self.exchange_at_once(
                |semaphore, value| value < semaphore.max.load(Ordering::Relaxed).into(),
                |value| value + 1,
                Ordering::Release,
            )
    }

    /// Changes the value, where nobody waits, from what it was last.
    #[inline(always)]
    fn exchange_at_once(
        self,
        may: impl Fn(&Semaphore, u64) -> bool,
        next: impl Fn(u64) -> u64,
        success: Ordering,
    ) -> bool {
        let Some(semaphore) = self.body_before_look() else { return false };
        // Relaxed: the exchange decides.
        let mut value = semaphore.last.load(Ordering::Relaxed).into();
        for _ in 0..2 {
            if !may(semaphore, value) {
                value = self.word().load(Ordering::Relaxed).wrapping_sub(self.tag());
            }
            // In one comparison: the handle is right, and the value not negative.
            if value >= POSITIVE || !may(semaphore, value) {
                return false;
            }
            match self.exchange(value, next(value), success) {
                Ok(()) => {
                    semaphore.last.store(next(value) as u32, Ordering::Relaxed);
                    return true;
                }
                Err(found) => value = found.wrapping_sub(self.tag()),
            }
        }
        false
    }

    pub fn acquire(self) -> Result<(), Error> {
        match self.try_acquire() {
            Err(Error::Busy) => self.acquire_slowly(Timeout::Forever),
            result => result,
        }
    }

    pub fn acquire_timeout(self, seconds: f64) -> Result<(), Error> {
        self.check()?;
        let timeout = Timeout::from_seconds(seconds)?;
        match self.try_acquire() {
            Err(Error::Busy) => self.acquire_slowly(timeout),
            result => result,
        }
    }

    #[inline]
    pub fn try_acquire(self) -> Result<(), Error> {
        let taken = self.try_take();
        if taken == Err(Error::Busy) {
            self.lull(Sides::ONE, || self.value().is_ok_and(|value| value > 0));
        }
        taken
    }

    /// The same, not seen by those who watch.
    #[inline]
    fn try_take(self) -> Result<(), Error> {
        // Acquire: sees what was done before the release of the permit.
        self.update(Ordering::Acquire, State::acquired)?;
        self.happens_after();
        Ok(())
    }

    /// Gives `n` permits back: all, or none if that would exceed the bound.
    pub fn release(self, n: u32) -> Result<(), Error> {
        let semaphore = self.alive()?;
        if n == 0 {
            return Err(Error::ZeroCount);
        }
        // Relaxed: published by the word, and if the slot was reused since, the update fails.
        let max = semaphore.max.load(Ordering::Relaxed);
        let released = |state: State| {
            let to = state.released(n, max)?;
            // What is refused orders nothing.
            self.happens_before();
            Ok(to)
        };
        // Release: what this thread did happens before the acquire of the permit.
        let (from, to) = self.update(Ordering::Release, released)?;
        if from.waiters() > 0 {
            // They reside until each has taken its grant.
            semaphore.grants.post(n.min(from.waiters()));
        }
        self.tell(Sides::ONE, n as usize, from.news_of(to));
        Ok(())
    }

    /// The permits that are left.
    pub fn value(self) -> Result<u32, Error> {
        // Acquire: who sees the permit sees what was done before its release.
        Ok(State::from(self.state(Ordering::Acquire)?).permits())
    }

    #[cold]
    fn acquire_slowly(self, timeout: Timeout) -> Result<(), Error> {
        let block = Block::begin(What::of(Verb::Acquire, self), timeout)?;
        let mut spin = Spin::for_a_lock();
        while spin.pause() {
            match self.try_take() {
                Err(Error::Busy) => (),
                result => return result,
            }
        }
        // From here on, `free` sees that a thread waits.
        let mut semaphore = self.reside()?;
        loop {
            while spin.again() {
                match self.try_take() {
                    Err(Error::Busy) => (),
                    result => return result,
                }
            }
            if let Some(result) = self.acquire_asleep(&semaphore, &block) {
                return result.inspect(|()| self.happens_after());
            }
            // In a forked child it was none any more.
            semaphore = self.reside()?;
            spin = Spin::for_a_lock();
        }
    }

    /// Stands in line, for who sleeps elsewhere, and is told; or takes a permit: then true. The caller is a resident,
    /// as for the next two.
    pub fn stand_in_line(self) -> Result<bool, Error> {
        // Acquire: it may be a permit that is taken.
        let (from, _) = self.update(Ordering::Acquire, |state: State| Ok(state.acquired_or_joined()))?;
        Ok(self.served(from.permits() > 0))
    }

    /// Passed on: who stands in line has been given a permit, if that is so.
    fn served(self, served: bool) -> bool {
        if served {
            self.happens_after();
        }
        served
    }

    /// Whether who stands there has been given a permit.
    pub fn is_served(self) -> Result<bool, Error> {
        Ok(self.served(self.alive()?.grants.try_take()))
    }

    /// Stands there no more. True if it has been given a permit after all.
    pub fn stand_down(self) -> Result<bool, Error> {
        let semaphore = self.alive()?;
        Ok(self.served(self.served_after_all(semaphore)))
    }

    /// Leaves the line, unless there is a grant for it, which it takes then.
    fn served_after_all(self, semaphore: &Semaphore) -> bool {
        // Relaxed: nothing is taken.
        semaphore.grants.served_after_all(|| self.update(Ordering::Relaxed, State::given_up).is_ok())
    }

    /// Registers as a waiter and sleeps. None if the reason to give up was gone once it had given up.
    fn acquire_asleep(self, semaphore: &Semaphore, block: &Block) -> Option<Result<(), Error>> {
        // Acquire: it may be a permit that is taken.
        match self.update(Ordering::Acquire, |state: State| Ok(state.acquired_or_joined())) {
            Ok((from, _)) if from.permits() > 0 => return Some(Ok(())),
            Ok(_) => (),
            Err(stale) => return Some(Err(stale)),
        }
        let Err(wake) = semaphore.grants.take_in_turn(block) else { return Some(Ok(())) };
        let served = wake != Wake::Forked && self.served_after_all(semaphore);
        if served { Some(Ok(())) } else { block.reason(wake).map(Err) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_counted_and_bounded() {
        let semaphore = Handle::<Semaphore>::new(1, 2).unwrap();
        assert_eq!(semaphore.acquire(), Ok(()));
        assert_eq!(semaphore.try_acquire(), Err(Error::Busy));
        assert_eq!(semaphore.acquire_timeout(1e-4), Err(Error::TimedOut));
        assert_eq!(semaphore.release(3), Err(Error::AboveBound));
        assert_eq!(semaphore.value(), Ok(0));
        assert_eq!(semaphore.release(2), Ok(()));
        assert_eq!(semaphore.release(1), Err(Error::AboveBound));
        assert_eq!(semaphore.release(0), Err(Error::ZeroCount));
        assert_eq!(semaphore.value(), Ok(2));
        semaphore.free().unwrap();
        assert_eq!(semaphore.value(), Err(Error::StaleHandle(Kind::Semaphore)));
    }

    #[test]
    fn the_largest_value_fits() {
        let semaphore = Handle::<Semaphore>::new(u32::MAX, u32::MAX).unwrap();
        assert_eq!(semaphore.release(1), Err(Error::AboveBound));
        assert_eq!(semaphore.acquire(), Ok(()));
        assert_eq!(semaphore.release(u32::MAX), Err(Error::AboveBound));
        assert_eq!(semaphore.release(1), Ok(()));
        assert_eq!(semaphore.value(), Ok(u32::MAX));
        semaphore.free().unwrap();
    }

    #[test]
    fn no_permit_is_lost_or_made_by_time_outs() {
        let semaphore = Handle::<Semaphore>::new(2, u32::MAX).unwrap();
        let inside = AtomicU64::new(0);
        std::thread::scope(|threads| {
            for i in 0..6 {
                let inside = &inside;
                threads.spawn(move || {
                    for n in 0..20_000 {
                        let timed = (n + i) % 3 == 0;
                        if !timed {
                            semaphore.acquire().unwrap();
                        } else if semaphore.acquire_timeout(1e-5).is_err() {
                            continue;
                        }
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < 2);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        semaphore.release(1).unwrap();
                    }
                });
            }
        });
        assert_eq!(semaphore.value(), Ok(2));
        semaphore.free().unwrap();
    }
}
