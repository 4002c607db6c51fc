//! The event: a flag that threads wait for, set and cleared by hand.
//!
//! The state lies in the futex half: bit 0 is `SET`, the rest counts how often it was set. A waiter
//! remembers the count that it found, so a set wakes it even when a clear follows at once.
//!
//! | from | by | to |
//! |---|---|---|
//! | not `SET` | set | `SET`, count + 1; sleepers are woken, or of many one |
//! | `SET` | set | written anew, unchanged |
//! | `SET` | clear | not `SET`, count unchanged; whoever is still asleep is woken |
//! | not `SET` | clear | written anew, unchanged |
//!
//! To wake a thread takes microseconds, and a set should not cost as many as there are waiters. So beside more than
//! `AT_ONCE` of them it wakes one, and each that slept wakes `NEXT` more before it returns. (Then one that gets no
//! processor, or is in a signal handler, delays others.) That reaches all, since nobody falls asleep while the event
//! is set: whoever is woken has slept since before, and knows that it is to wake others. A clear ends that time. So it
//! wakes all who are left itself: after it, one that has come to wait for the next set could be woken in place of one
//! that waited for the last.
//!
//! Every set and every clear is a write, so that there is one order of them all and each knows what was done
//! before those before it. A set that only looked would not: a look can overtake the caller's own writes, and
//! who waits, clears and looks for work would then miss the last of it.

use crate::base::arena::Arena;
use crate::base::atomic::{AtomicU64, Ordering};
use crate::base::block::Block;
use crate::base::deadline::Timeout;
use crate::base::handle::{Handle, Kind, Object, bits_of_word};
use crate::base::race;
use crate::base::spin::Spin;
use crate::base::status::Error;
use crate::base::wait;
use crate::base::waiting::{Verb, What};
use crate::base::watchers::{self, News, Sides};
use crate::sync::waiters::AT_ONCE;

const SET: u64 = 1;
const ONE_TIME: u64 = 2;
/// The state stays within the futex half.
const MASK: u64 = u32::MAX as u64;

/// How many sleepers one that a set has woken wakes.
const NEXT: u32 = if cfg!(shuttle) { 1 } else { 2 };

#[derive(Clone, Copy, PartialEq, Eq)]
struct State(u64);

impl State {
    fn is_set(self) -> bool {
        self.0 & SET != 0
    }

    fn set(self) -> State {
        if self.is_set() { self } else { State(((self.0 + ONE_TIME) | SET) & MASK) }
    }

    fn cleared(self) -> State {
        State(self.0 & !SET)
    }

    /// Whether there was a set since the state was `found`, which was not set: it may be cleared again.
    fn was_set_since(self, found: State) -> bool {
        self.is_set() || self != found
    }
}

bits_of_word!(State);

/// What an event has beside its word: nothing.
#[derive(Debug)]
pub struct Event;

impl Object for Event {
    const KIND: Kind = Kind::Event;
    const SLEEPS_ON_WORD: bool = true;
    const ORDERS: bool = true;

    fn arena() -> &'static Arena<Event> {
        &EVENTS
    }

    fn blank() -> Event {
        Event
    }

    fn reset(&self) {}

    fn forget(&self, _word: &AtomicU64) {}
}

static EVENTS: Arena<Event> = Arena::new();

impl Handle<Event> {
    pub fn new() -> Result<Handle<Event>, Error> {
        Handle::make(0, |_| ())
    }

    /// Ends the event, unless a thread waits for it.
    pub fn free(self) -> Result<(), Error> {
        self.end_unless_visited()
    }

    #[inline]
    pub fn is_set(self) -> Result<bool, Error> {
        // Acquire: who sees it set sees what was done before the set.
        let set = State(self.state(Ordering::Acquire)?).is_set();
        if set {
            self.happens_after();
        }
        Ok(set)
    }

    /// Whether it is set, if nobody is to be told that it was seen.
    #[inline]
    pub fn is_set_at_once(self) -> Option<bool> {
        // Acquire: as in `is_set`.
        Some(State(self.state_at_once(Ordering::Acquire)?).is_set())
    }

    pub fn set(self) -> Result<(), Error> {
        if race::is_looked_for() { self.set_told() } else { self.set_now() }
    }

    #[cold]
    fn set_told(self) -> Result<(), Error> {
        self.happens_before();
        self.set_now()
    }

    #[inline]
    fn set_now(self) -> Result<(), Error> {
        // SeqCst: a waiter becomes a resident and then looks at the word; this is the other order.
        let (from, _) = self.update(Ordering::SeqCst, |state: State| Ok(state.set()))?;
        if !from.is_set() && !self.is_left_alone() {
            self.wake_and_tell();
        }
        Ok(())
    }

    pub fn clear(self) -> Result<(), Error> {
        // SeqCst: as for a set. And who clears sees what was done before the sets that this undoes.
        let (from, _) = self.update(Ordering::SeqCst, |state: State| Ok(state.cleared()))?;
        if from.is_set() && !self.is_left_alone() {
            self.wake_and_lull();
        }
        Ok(())
    }

    pub fn try_wait(self) -> Result<(), Error> {
        if self.is_set()? {
            return Ok(());
        }
        self.tell_unset();
        Err(Error::Busy)
    }

    #[inline]
    pub fn wait(self) -> Result<(), Error> {
        if self.is_set()? { Ok(()) } else { self.wait_until(Timeout::Forever) }
    }

    pub fn wait_timeout(self, seconds: f64) -> Result<(), Error> {
        let set = self.is_set()?;
        let timeout = Timeout::from_seconds(seconds)?;
        if set { Ok(()) } else { self.wait_until(timeout) }
    }

    #[cold]
    fn wait_until(self, timeout: Timeout) -> Result<(), Error> {
        self.wait_slowly(timeout).inspect(|()| self.happens_after())
    }

    fn wait_slowly(self, timeout: Timeout) -> Result<(), Error> {
        self.tell_unset();
        let block = Block::begin(What::of(Verb::Wait, self), timeout)?;
        let found = State(self.state(Ordering::Acquire)?);
        let happened = |order| self.state(order).map(|now| State(now).was_set_since(found));
        if found.is_set() {
            return Ok(());
        }
        let mut spin = Spin::new();
        while spin.pause() {
            if happened(Ordering::Acquire)? {
                return Ok(());
            }
        }
        // From here on, `free` sees that a thread waits.
        let mut _resident = self.reside()?;
        while spin.again() {
            if happened(Ordering::Acquire)? {
                return Ok(());
            }
        }
        // SeqCst: see `set`. The event may have been freed before this thread was a resident.
        if happened(Ordering::SeqCst)? {
            return Ok(());
        }
        loop {
            let wake = block.sleep(self.futex(), found.0 as u32);
            if happened(Ordering::SeqCst)? {
                // Whatever it was that ended the sleep: a wake may have been spent on it too.
                self.wake_the_next();
                return Ok(());
            }
            if wake.ends_wait() {
                if let Some(reason) = block.reason(wake) {
                    return Err(reason);
                }
                // In a forked child it was none any more.
                _resident = self.reside()?;
            }
        }
    }

    /// For a set: wakes all who may sleep, or one of many.
    #[cold]
    fn wake_and_tell(self) {
        // None if it was freed since: then nobody is left.
        if let Some(n) = self.visitors().ok().filter(|n| *n > 0) {
            wait::wake(self.futex(), if n as usize <= AT_ONCE { n } else { 1 });
        }
        self.tell(Sides::ONE, watchers::AT_ONCE, News::New);
    }

    /// For a clear: wakes all who are left, and tells who watches.
    #[cold]
    fn wake_and_lull(self) {
        self.happens_after();
        if self.visitors().is_ok_and(|n| n > 0) {
            wait::wake_all(self.futex());
        }
        self.tell_unset();
    }

    /// Tells those who watch that it was found not to be set.
    #[inline]
    fn tell_unset(self) {
        self.lull(Sides::ONE, || self.is_set() == Ok(true));
    }

    /// Does its part in waking all. The caller is a visitor itself.
    fn wake_the_next(self) {
        if self.visitors().is_ok_and(|n| n > 1) {
            wait::wake(self.futex(), NEXT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::semaphore::Semaphore;

    #[test]
    fn set_clear_and_free() {
        let event = Handle::<Event>::new().unwrap();
        assert_eq!(event.is_set(), Ok(false));
        assert_eq!(event.try_wait(), Err(Error::Busy));
        assert_eq!(event.wait_timeout(0.0), Err(Error::TimedOut));
        assert_eq!(event.wait_timeout(1e-4), Err(Error::TimedOut));
        event.set().unwrap();
        event.set().unwrap();
        assert_eq!(event.wait(), Ok(()));
        assert_eq!(event.wait_timeout(f64::NAN), Err(Error::TimeoutNotANumber));
        event.clear().unwrap();
        assert_eq!(event.try_wait(), Err(Error::Busy));
        event.free().unwrap();
        assert_eq!(event.set(), Err(Error::StaleHandle(Kind::Event)));
    }

    #[test]
    fn a_set_with_a_clear_behind_it_wakes_all_who_waited() {
        for _ in 0..200 {
            let event = Handle::<Event>::new().unwrap();
            let go = Handle::<Semaphore>::new(0, u32::MAX).unwrap();
            std::thread::scope(|threads| {
                for _ in 0..3 {
                    threads.spawn(move || {
                        go.release(1).unwrap();
                        event.wait().unwrap();
                    });
                }
                (0..3).for_each(|_| go.acquire().unwrap());
                while event.visitors().unwrap() < 3 {
                    std::thread::yield_now();
                }
                event.set().unwrap();
                event.clear().unwrap();
            });
            assert_eq!(event.is_set(), Ok(false));
            event.free().unwrap();
            go.free().unwrap();
        }
    }
}
