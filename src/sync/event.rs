//! The event: a flag that threads wait for, set and cleared by hand.
//!
//! The state lies in the futex half: bit 0 is `SET`, the rest counts how often it was set. A waiter
//! remembers the count that it found, so a set wakes it even when a clear follows at once.
//!
//! | from | by | to |
//! |---|---|---|
//! | not `SET` | set | `SET`, count + 1; all residents are woken |
//! | `SET` | set | written anew, unchanged |
//! | any | clear | not `SET`, count unchanged; written anew even so |
//!
//! Every set and every clear is a write, so that there is one order of them all and each knows what was done
//! before those before it. A set that only looked would not: a look can overtake the caller's own writes, and
//! who waits, clears and looks for work would then miss the last of it.

use crate::base::arena::Arena;
use crate::base::atomic::{AtomicU64, Ordering};
use crate::base::block::Block;
use crate::base::deadline::Timeout;
use crate::base::handle::{Handle, Kind, Object};
use crate::base::spin::Spin;
use crate::base::status::Error;
use crate::base::wait;

const SET: u64 = 1;
const ONE_TIME: u64 = 2;
/// The state stays within the futex half.
const MASK: u64 = u32::MAX as u64;

/// What an event has beside its word: nothing.
#[derive(Debug)]
pub struct Event;

impl Object for Event {
    const KIND: Kind = Kind::Event;
    const SLEEPS_ON_WORD: bool = true;

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
    pub fn new_event() -> Result<Handle<Event>, Error> {
        Handle::new(0, |_| ())
    }

    /// Ends the event, unless a thread waits for it.
    pub fn free_event(self) -> Result<(), Error> {
        self.free(|_, _, waiting| if waiting == 0 { Ok(()) } else { Err(Error::Busy) })
    }

    #[inline]
    pub fn is_set(self) -> Result<bool, Error> {
        // Acquire: who sees it set sees what was done before the set.
        Ok(self.state(Ordering::Acquire)? & SET != 0)
    }

    pub fn set(self) -> Result<(), Error> {
        // Relaxed: the exchange decides.
        let mut state = self.state(Ordering::Relaxed)?;
        loop {
            let was_set = state & SET != 0;
            let set = if was_set { state } else { ((state + ONE_TIME) | SET) & MASK };
            // SeqCst: a waiter becomes a resident and then looks at the word; this is the other order.
            match self.exchange(state, set, Ordering::SeqCst) {
                Ok(()) => {
                    if !was_set && self.visitors().is_ok_and(|n| n > 0) {
                        wait::wake_all(self.futex());
                    }
                    return Ok(());
                }
                Err(found) => state = self.state_of(found)?,
            }
        }
    }

    pub fn clear(self) -> Result<(), Error> {
        // Relaxed: the exchange decides.
        let mut state = self.state(Ordering::Relaxed)?;
        loop {
            // AcqRel: who clears sees what was done before the sets that this undoes.
            match self.exchange(state, state & !SET, Ordering::AcqRel) {
                Ok(()) => return Ok(()),
                Err(found) => state = self.state_of(found)?,
            }
        }
    }

    pub fn try_wait(self) -> Result<(), Error> {
        if self.is_set()? { Ok(()) } else { Err(Error::Busy) }
    }

    #[inline]
    pub fn wait(self) -> Result<(), Error> {
        if self.is_set()? { Ok(()) } else { self.wait_slowly(Timeout::Forever) }
    }

    pub fn wait_timeout(self, seconds: f64) -> Result<(), Error> {
        let set = self.is_set()?;
        let timeout = Timeout::from_seconds(seconds)?;
        if set { Ok(()) } else { self.wait_slowly(timeout) }
    }

    #[cold]
    fn wait_slowly(self, timeout: Timeout) -> Result<(), Error> {
        let block = Block::begin(timeout)?;
        let found = self.state(Ordering::Acquire)?;
        // Set, or set and cleared: either way the state is not what it was, unless it was set before.
        let happened = |state: u64| state & SET != 0 || state != found;
        if happened(found) {
            return Ok(());
        }
        let mut spin = Spin::new();
        while spin.pause() {
            if happened(self.state(Ordering::Acquire)?) {
                return Ok(());
            }
        }
        // From here on, `free` sees that a thread waits.
        let _resident = self.reside()?;
        while spin.again() {
            if happened(self.state(Ordering::Acquire)?) {
                return Ok(());
            }
        }
        loop {
            // SeqCst: see `set`. The event may have been freed before this thread was a resident.
            if happened(self.state(Ordering::SeqCst)?) {
                return Ok(());
            }
            let wake = block.sleep(self.futex(), found as u32);
            if wake.ends_wait() {
                if happened(self.state(Ordering::SeqCst)?) {
                    return Ok(());
                }
                if let Some(reason) = block.reason(wake) {
                    return Err(reason);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_clear_and_free() {
        let event = Handle::new_event().unwrap();
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
        event.free_event().unwrap();
        assert_eq!(event.set(), Err(Error::StaleHandle(Kind::Event)));
    }

    #[test]
    fn a_set_with_a_clear_behind_it_wakes_all_who_waited() {
        for _ in 0..200 {
            let event = Handle::new_event().unwrap();
            let go = Handle::new_semaphore(0, u32::MAX).unwrap();
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
            event.free_event().unwrap();
            go.free_semaphore().unwrap();
        }
    }
}
