//! Mutual exclusion: the state machine of the lock, and of the re-entrant lock around it.
//!
//! The state, in the 36 bits that the handle leaves (all flags and the count lie in the futex half):
//!
//! | bits | name | meaning |
//! |---|---|---|
//! | 0 | `LOCKED` | acquired |
//! | 1 | `WAKING` | a sleeper was woken and has not decided yet: no release wakes another |
//! | 2 | `STARVING` | the lock is promised to one starving waiter: the next release hands it over |
//! | 4..31 | count | how many threads are registered as waiters |
//!
//! Each row has its name in [`State`]:
//!
//! | from | by | to | |
//! |---|---|---|---|
//! | not `LOCKED` | acquire | `LOCKED` | `acquired` |
//! | `LOCKED` | acquire that must sleep | count + 1 | `joined` |
//! | `LOCKED` | the same, after it has stayed awake for `PATIENCE` | count + 1, `STARVING` | `joined_starving` |
//! | `LOCKED`, count 0, or `WAKING` | release, if not `STARVING` | not `LOCKED` | `opened` |
//! | `LOCKED`, count > 0 | release, if not `STARVING` | not `LOCKED`, `WAKING`; then one sleeper is woken | `opened_waking` |
//! | `LOCKED`, `STARVING` | release | still `LOCKED`, not `STARVING`, count - 1: the starving waiter has it | `handed_over` |
//! | not `LOCKED`, count > 0 | acquire by a waiter | `LOCKED`, not `WAKING`, count - 1 | `acquired_by_waiter` |
//! | `LOCKED`, count > 0 | a waiter that sleeps again | not `WAKING` | `asleep_again` |
//! | `LOCKED`, not `STARVING` | the same, after it has waited for `PATIENCE` | not `WAKING`, `STARVING` | `starving` |
//! | `LOCKED`, count > 0 | a waiter that gives up | not `WAKING`, count - 1 | `given_up` |
//! | `LOCKED`, `STARVING` | the starving waiter gives up | not `STARVING`, count - 1 | `promise_given_up` |
//! | `WAKING` | a release that finds nobody asleep | not `WAKING`; then who has fallen asleep is woken | `hint_taken_back` |
//! | any | fork, in the child | `LOCKED` if it was; nothing else | `without_waiters` |
//!
//! Whoever comes may take a free lock before those who wait (that keeps a busy lock fast), but only
//! until a waiter starves; sleepers are woken in the order in which they fell asleep. So no wait is
//! unbounded. `WAKING` is a hint with one rule: while it is set, somebody is awake who will clear it.

use crate::base::atomic::{AtomicU64, Ordering};
use crate::base::block::Block;
use crate::base::deadline::Timeout;
use crate::base::handle::{self, Handle, bits_of_word};
use crate::base::holding::{How, Owned};
use crate::base::insight;
use crate::base::spin::Spin;
use crate::base::status::Error;
use crate::base::wait::{self, Wake};
use crate::base::waiting::{Verb, What};
use crate::base::watchers::{News, Sides};
use crate::sync::grants::Grants;

const LOCKED: u64 = 1;
const WAKING: u64 = 2;
const STARVING: u64 = 4;
const WAITER: u64 = 16;

/// The state: what it says, and what it becomes.
#[derive(Clone, Copy)]
struct State(u64);

impl State {
    /// Free, or held, and nobody waits.
    const FREE: State = State(0);
    const HELD: State = State(LOCKED);

    fn is_locked(self) -> bool {
        self.0 & LOCKED != 0
    }

    fn is_waking(self) -> bool {
        self.0 & WAKING != 0
    }

    fn is_starving(self) -> bool {
        self.0 & STARVING != 0
    }

    fn has_waiters(self) -> bool {
        self.0 >= WAITER
    }

    fn with(self, flag: u64) -> State {
        State(self.0 | flag)
    }

    fn without(self, flag: u64) -> State {
        State(self.0 & !flag)
    }

    /// One waiter less; none, in a forked child, was forgotten.
    fn left(self) -> State {
        if self.has_waiters() { State(self.0 - WAITER) } else { self }
    }

    fn acquired(self) -> State {
        self.with(LOCKED)
    }

    fn joined(self) -> State {
        State(self.0 + WAITER)
    }

    fn joined_starving(self) -> State {
        self.joined().with(STARVING)
    }

    fn opened(self) -> State {
        self.without(LOCKED)
    }

    fn opened_waking(self) -> State {
        self.opened().with(WAKING)
    }

    fn handed_over(self) -> State {
        self.without(STARVING).left()
    }

    /// By a release: whichever of the three it comes to.
    fn released(self) -> State {
        if self.is_starving() {
            self.handed_over()
        } else if self.has_waiters() && !self.is_waking() {
            self.opened_waking()
        } else {
            self.opened()
        }
    }

    fn acquired_by_waiter(self) -> State {
        self.given_up().acquired()
    }

    fn asleep_again(self) -> State {
        self.without(WAKING)
    }

    fn starving(self) -> State {
        self.without(WAKING).with(STARVING)
    }

    fn given_up(self) -> State {
        self.without(WAKING).left()
    }

    fn promise_given_up(self) -> State {
        self.without(STARVING).left()
    }

    /// Busy: the lock was handed over.
    fn promise_taken_back(self) -> Result<State, Error> {
        if self.is_starving() { Ok(self.promise_given_up()) } else { Err(Error::Busy) }
    }

    fn hint_taken_back(self) -> State {
        self.without(WAKING)
    }

    fn without_waiters(self) -> State {
        State(self.0 & LOCKED)
    }
}

bits_of_word!(State);

/// A type whose state is this one.
pub trait Exclusive: Owned {
    /// Hand-overs that starving waiters have not seen yet.
    fn handovers(&self) -> &Grants;
    /// It has ended, by whoever holds it.
    fn disown(&self) {}
}

/// In a forked child: nobody waits. What is held stays so.
pub fn forget_waiters<T: Exclusive>(word: &AtomicU64, body: &T) {
    handle::amend(word, State::without_waiters);
    body.handovers().forget();
}

impl<T: Exclusive> Handle<T> {
    /// Ends the lock, held or not, unless a thread waits for it.
    pub fn free(self) -> Result<(), Error> {
        self.end_unvisited().map(|ended| ended.disown())
    }

    /// Acquires if nothing stands in the way: the lock is free, and nobody waits for it.
    #[inline]
    pub fn acquire_at_once(self) -> bool {
        // Acquire, here and wherever the lock is taken: sees what was done before the release.
        self.exchange(State::FREE, State::HELD, Ordering::Acquire).is_ok()
    }

    /// Acquires without bound.
    pub fn acquire(self) -> Result<(), Error> {
        if self.acquire_at_once() {
            Ok(())
        } else {
            self.is_wanted(Verb::Acquire);
            self.acquire_slowly(|what| Block::begin(what, Timeout::Forever))
        }
    }

    /// Acquires, and leaves an interrupt pending.
    pub fn acquire_uninterruptible(self) -> Result<(), Error> {
        if self.acquire_at_once() {
            Ok(())
        } else {
            self.is_wanted(Verb::Acquire);
            self.acquire_slowly(|what| Ok(Block::uninterruptible(what)))
        }
    }

    /// The same for who cannot go on without, whatever insight says.
    pub fn acquire_in_any_case(self) -> Result<(), Error> {
        if self.acquire_at_once() { Ok(()) } else { self.acquire_slowly(|what| Ok(Block::irrefusable(what))) }
    }

    pub fn acquire_timeout(self, seconds: f64) -> Result<(), Error> {
        self.check()?;
        let timeout = Timeout::from_seconds(seconds)?;
        if self.acquire_at_once() {
            return Ok(());
        }
        if timeout == Timeout::Forever {
            self.is_wanted(Verb::Acquire);
        }
        self.acquire_slowly(|what| Block::begin(what, timeout))
    }

    #[inline]
    pub fn try_acquire_at_once(self) -> Option<bool> {
        self.try_at_once(|state| !State(state).is_locked(), || self.acquire_at_once())
    }

    pub fn try_acquire(self) -> Result<(), Error> {
        let taken = self.try_take();
        if taken == Err(Error::Busy) {
            self.tell_held();
        }
        taken.inspect(|()| self.has_acquired_in_handler(How::Alone))
    }

    /// The same, not seen by those who watch, nor by insight.
    #[inline]
    fn try_take(self) -> Result<(), Error> {
        // A refusal is a look alone, which spares a held lock the write.
        let acquired = |s: State| if s.is_locked() { Err(Error::Busy) } else { Ok(s.acquired()) };
        self.update(Ordering::Acquire, acquired).map(|_| ())
    }

    /// Releases if nothing more is to be done: nobody waits.
    #[inline]
    pub fn release_at_once(self) -> bool {
        // Release, here and below: what this thread did happens before the next acquire.
        self.exchange(State::HELD, State::FREE, Ordering::Release).is_ok()
    }

    pub fn release(self) -> Result<(), Error> {
        if self.release_at_once() { Ok(()) } else { self.release_slowly() }
    }

    pub fn locked(self) -> Result<bool, Error> {
        // Acquire: who sees the lock free sees what was done under it.
        Ok(State(self.state(Ordering::Acquire)?).is_locked())
    }

    /// Tells those who watch that it was found held.
    #[inline]
    fn tell_held(self) {
        self.lull(Sides::ONE, || self.locked() == Ok(false));
    }

    #[cold]
    fn acquire_slowly(self, begin: impl FnOnce(What) -> Result<Block, Error>) -> Result<(), Error> {
        if self.try_take() != Ok(()) {
            self.check()?;
            self.tell_held();
            let block = begin(What::of(Verb::Acquire, self))?;
            let result = self.acquire_later(&block);
            self.has_waited(&block);
            result?;
        }
        self.has_acquired(How::Alone);
        Ok(())
    }

    fn acquire_later(self, block: &Block) -> Result<(), Error> {
        let _told = block.declare()?;
        if insight::is_on(insight::CONTENTION) {
            self.set_watched()?;
        }
        let mut spin = Spin::for_a_lock();
        while spin.pause() {
            match self.try_take() {
                Err(Error::Busy) => (),
                result => return result,
            }
        }
        // From here on, `free` sees that a thread waits.
        let mut lock = self.reside()?;
        loop {
            while spin.again() {
                match self.try_take() {
                    Err(Error::Busy) => (),
                    result => return result,
                }
            }
            if let Some(result) = self.acquire_asleep(&lock, block) {
                return result;
            }
            // In a forked child it was none any more.
            lock = self.reside()?;
            spin = Spin::for_a_lock();
        }
    }

    /// Registers as a waiter and sleeps. None if the reason to give up was gone once it had given up.
    fn acquire_asleep(self, lock: &T, block: &Block) -> Option<Result<(), Error>> {
        // On a busy machine the spin alone can have lasted that long.
        let join = if block.is_starving() { State::joined_starving } else { State::joined };
        let mut turn = self.take_or(State::acquired, join);
        loop {
            let asleep = match turn {
                Ok(Turn::Taken) => return Some(Ok(())),
                Ok(Turn::Promised) => return self.await_handover(lock, block),
                Ok(Turn::Waiting(state)) => state,
                Err(error) => return Some(Err(error)),
            };
            let wake = block.sleep(self.futex(), asleep.0 as u32);
            turn = if wake == Wake::Forked {
                return block.reason(wake).map(Err);
            } else if wake.ends_wait() {
                match self.take_or(State::acquired_by_waiter, State::given_up) {
                    Ok(Turn::Waiting(_)) => return block.reason(wake).map(Err),
                    turn => turn,
                }
            } else if block.is_starving() {
                self.take_or(State::acquired_by_waiter, State::starving)
            } else {
                self.spin_as_waiter()
            };
        }
    }

    /// Stays awake for a moment after a wake, then prepares to sleep again.
    fn spin_as_waiter(self) -> Result<Turn, Error> {
        let mut spin = Spin::for_a_lock();
        loop {
            // Relaxed: the exchange decides.
            let free = !State(self.state(Ordering::Relaxed)?).is_locked();
            if free || !spin.again() {
                match self.take_or(State::acquired_by_waiter, State::asleep_again)? {
                    // Somebody else was faster: there is time left to spin.
                    Turn::Waiting(_) if free && spin.again() => (),
                    turn => return Ok(turn),
                }
            }
        }
    }

    /// Waits for the next release, which will hand the lock over. None as for `acquire_asleep`.
    fn await_handover(self, lock: &T, block: &Block) -> Option<Result<(), Error>> {
        let Err(wake) = lock.handovers().take(block) else {
            block.handed_over.set(true);
            return Some(Ok(()));
        };
        let served = wake != Wake::Forked && self.served_after_all(lock);
        block.handed_over.set(served);
        if served { Some(Ok(())) } else { block.reason(wake).map(Err) }
    }

    /// Takes the promise back, unless the lock was handed over, which it takes then.
    fn served_after_all(self, lock: &T) -> bool {
        // Relaxed: nothing was acquired.
        lock.handovers()
            .served_after_all(|| self.update(Ordering::Relaxed, State::promise_taken_back).is_ok())
    }

    /// Has the lock promised to who sleeps elsewhere, and is told; or takes it: then true. Busy if it is promised to
    /// another. The caller is a resident, as for the next two.
    pub fn stand_in_line(self) -> Result<bool, Error> {
        let turn = match self.take_or(State::acquired, State::joined_starving)? {
            Turn::Waiting(_) => self.take_or(State::acquired_by_waiter, State::given_up)?,
            turn => turn,
        };
        match turn {
            Turn::Taken => Ok(self.served(true)),
            Turn::Promised => Ok(false),
            Turn::Waiting(_) => Err(Error::Busy),
        }
    }

    /// Passed on: who stands in line has acquired it, if that is so.
    fn served(self, served: bool) -> bool {
        if served {
            self.has_acquired(How::Alone);
        }
        served
    }

    /// Whether who stands there has been handed the lock.
    pub fn is_served(self) -> Result<bool, Error> {
        Ok(self.served(self.alive()?.handovers().try_take()))
    }

    /// Stands there no more. True if it has been handed the lock after all.
    pub fn stand_down(self) -> Result<bool, Error> {
        let lock = self.alive()?;
        Ok(self.served(self.served_after_all(lock)))
    }

    /// Takes the lock, to the state `taken`, if it is free; else changes the state to `otherwise`.
    fn take_or(self, taken: fn(State) -> State, otherwise: fn(State) -> State) -> Result<Turn, Error> {
        let next = |s: State| Ok(if s.is_locked() { otherwise(s) } else { taken(s) });
        let (from, to) = self.update(Ordering::Acquire, next)?;
        Ok(match to {
            _ if !from.is_locked() => Turn::Taken,
            _ if to.is_starving() && !from.is_starving() => Turn::Promised,
            _ => Turn::Waiting(to),
        })
    }

    #[cold]
    fn release_slowly(self) -> Result<(), Error> {
        if insight::is_on(insight::SOME_HOLDERS) && self.locked()? {
            self.releases(How::Alone);
        }
        let released = |s: State| if s.is_locked() { Ok(s.released()) } else { Err(Error::NotHeld) };
        let (from, to) = self.update(Ordering::Release, released)?;
        if from.is_starving() {
            // SAFETY: the state was just read from a live word. The starving waiter resides until it has
            // taken this hand-over.
            unsafe { self.body() }.handovers().post(1);
        } else if to.is_waking() && !from.is_waking() {
            self.wake_sleeper();
        }
        self.tell(Sides::ONE, 1, if to.is_locked() { News::InLine } else { News::New });
        Ok(())
    }

    /// Wakes the sleeper that `WAKING` was just set for.
    fn wake_sleeper(self) {
        if wait::wake(self.futex(), 1) > 0 {
            return;
        }
        // All waiters were awake, on their way in or out. Take the hint back; if one of them has
        // fallen asleep on a state with the hint in it, a free lock must not be left to it unseen.
        let take_back = |s: State| if s.is_waking() { Ok(s.hint_taken_back()) } else { Err(Error::Busy) };
        // Relaxed: nothing was acquired or released.
        if self.update(Ordering::Relaxed, take_back).is_ok_and(|(_, to)| !to.is_locked() && to.has_waiters())
        {
            wait::wake(self.futex(), 1);
        }
    }
}

/// What became of a waiter's look at the lock.
enum Turn {
    Taken,
    /// The next release hands the lock over to it.
    Promised,
    /// It may sleep on this state, or has given up.
    Waiting(State),
}
