//! The read-write lock: many readers, or one writer; whoever must wait does so in line.
//!
//! The state:
//!
//! | bits | name | meaning |
//! |---|---|---|
//! | 0 | `WRITER` | held by a writer |
//! | 1 | `QUEUED` | the line is not empty |
//! | 2..31 | count | how many readers hold it |
//!
//! | from | by | to |
//! |---|---|---|
//! | 0 | write | `WRITER` |
//! | no `WRITER`, no `QUEUED` | read | count + 1 |
//! | anything else | read, write | `QUEUED`, once it has spun in vain, and it joins the line |
//! | count > 0 | a reader's release | count - 1; if it was the last and `QUEUED`, the line moves up |
//! | `WRITER` | the release | not `WRITER`; if `QUEUED`, the line moves up |
//! | `QUEUED`, a writer is first, nobody holds it | the line moves up | `WRITER` for that one |
//! | `QUEUED`, a reader is first, no `WRITER` | the line moves up | count + n, for all readers in the line |
//!
//! While somebody stands in line nobody overtakes: the lock is handed over. So writers wait for the readers
//! that came before them and no others, and readers for the writers that stand before the first reader.

use crate::base::arena::Arena;
use crate::base::atomic::{AtomicU64, Ordering};
use crate::base::awaited::Awaited;
use crate::base::block::Block;
use crate::base::deadline::Timeout;
use crate::base::handle::{Handle, Kind, Object};
use crate::base::mutex::{Guard, Mutex};
use crate::base::spin::Spin;
use crate::base::status::Error;
use crate::sync::waiters::{Waiter, Waiters};

const WRITER: u64 = 1;
const QUEUED: u64 = 2;
const READER: u64 = 4;
const READERS: u64 = u32::MAX as u64 & !(READER - 1);

/// What a read-write lock has beside its word.
#[derive(Debug)]
pub struct RwLock {
    line: Mutex<Waiters>,
    /// By those in the line, and those about to join it.
    awaited: Awaited,
}

/// How a thread wants the lock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// The same, as what a waiter wants.
const READ: u32 = Access::Read as u32;
const WRITE: u32 = Access::Write as u32;
/// What a waiter is served with.
const SERVED: u32 = 1;

impl Object for RwLock {
    const KIND: Kind = Kind::RwLock;

    fn arena() -> &'static Arena<RwLock> {
        &RWLOCKS
    }

    fn blank() -> RwLock {
        RwLock { line: Mutex::new(Waiters::none()), awaited: Awaited::by_none() }
    }

    /// Nobody waits for a lock that is freed.
    fn reset(&self) {}

    fn forget(&self, word: &AtomicU64) {
        self.awaited.forget();
        // Relaxed: there is one thread.
        if word.load(Ordering::Relaxed) & QUEUED != 0 {
            word.fetch_and(!QUEUED, Ordering::Relaxed);
            self.line.lock().forget();
        }
    }
}

static RWLOCKS: Arena<RwLock> = Arena::new();

impl Access {
    /// The state after this access, if it can be had at once.
    #[inline]
    fn of(self, state: u64) -> Result<u64, Error> {
        match self {
            Access::Write if state == 0 => Ok(WRITER),
            Access::Read if state & (WRITER | QUEUED) == 0 => {
                if state < READERS {
                    Ok(state + READER)
                } else {
                    Err(Error::TooManyReaders)
                }
            }
            _ => Err(Error::Busy),
        }
    }
}

impl Handle<RwLock> {
    pub fn new_rwlock() -> Result<Handle<RwLock>, Error> {
        Handle::new(0, |_| ())
    }

    /// Ends the lock, held or not, unless a thread waits for it.
    pub fn free_rwlock(self) -> Result<(), Error> {
        self.free(|_, rwlock, _| rwlock.awaited.check())
    }

    /// Acquires if it is free.
    #[inline]
    pub fn acquire_at_once(self, access: Access) -> bool {
        let to = if access == Access::Write { WRITER } else { READER };
        // Acquire, here and below: sees what was done before the release.
        self.exchange(0, to, Ordering::Acquire).is_ok()
    }

    pub fn acquire(self, access: Access) -> Result<(), Error> {
        match self.try_acquire(access) {
            Err(Error::Busy) => self.acquire_slowly(access, Timeout::Forever),
            result => result,
        }
    }

    #[inline]
    pub fn try_acquire(self, access: Access) -> Result<(), Error> {
        // Relaxed: the exchange decides.
        let mut word = self.word().load(Ordering::Relaxed);
        loop {
            let state = self.state_of(word)?;
            match self.exchange(state, access.of(state)?, Ordering::Acquire) {
                Ok(()) => return Ok(()),
                Err(found) => word = found,
            }
        }
    }

    pub fn acquire_timeout(self, access: Access, seconds: f64) -> Result<(), Error> {
        self.check()?;
        let timeout = Timeout::from_seconds(seconds)?;
        match self.try_acquire(access) {
            Err(Error::Busy) => self.acquire_slowly(access, timeout),
            result => result,
        }
    }

    /// Releases if nothing more is to be done: nobody waits, and no other reader holds it.
    #[inline]
    pub fn release_at_once(self, access: Access) -> bool {
        let from = if access == Access::Write { WRITER } else { READER };
        // Release, here and below: what this thread did happens before the next acquire.
        self.exchange(from, 0, Ordering::Release).is_ok()
    }

    pub fn release(self, access: Access) -> Result<(), Error> {
        // Relaxed: the exchange decides.
        let mut word = self.word().load(Ordering::Relaxed);
        loop {
            let state = self.state_of(word)?;
            let held = if access == Access::Write { state & WRITER } else { state & READERS };
            if held == 0 {
                return Err(Error::NotHeld);
            }
            let left = state - if access == Access::Write { WRITER } else { READER };
            // AcqRel: what other readers did happens before the hand-over too.
            match self.exchange(state, left, Ordering::AcqRel) {
                Ok(()) if left == QUEUED => return self.move_up(),
                Ok(()) => return Ok(()),
                Err(found) => word = found,
            }
        }
    }

    /// Frees the lock from holders that did not survive a fork.
    pub fn at_fork_reinit_rwlock(self) -> Result<(), Error> {
        let rwlock = self.reside()?;
        let line = rwlock.line.lock();
        // Relaxed: the exchange decides.
        let mut word = self.word().load(Ordering::Relaxed);
        loop {
            let state = self.state_of(word)?;
            // AcqRel: as a release.
            match self.exchange(state, state & QUEUED, Ordering::AcqRel) {
                Ok(()) => {
                    self.hand_over(line);
                    return Ok(());
                }
                Err(found) => word = found,
            }
        }
    }

    /// Hands the lock, which nobody holds, to who is first in line.
    #[cold]
    fn move_up(self) -> Result<(), Error> {
        let Ok(rwlock) = self.reside() else {
            // Freed since: nobody was in line any more.
            return Ok(());
        };
        let line = rwlock.line.lock();
        self.hand_over(line);
        Ok(())
    }

    /// Lets those in who can be: called when the lock has become free, or the first in line has gone.
    fn hand_over(self, line: Guard<'_, Waiters>) {
        // While `QUEUED`, the state changes only under the line's lock, but for readers that leave.
        loop {
            // Relaxed: the exchange decides.
            let Ok(state) = self.state(Ordering::Relaxed) else { return };
            let (served, more) = match line.first_wants() {
                None => (0, 0),
                Some(READ) if state & WRITER == 0 => {
                    let readers = line.wanting(READ);
                    (readers, readers as u64 * READER)
                }
                Some(WRITE) if state & (WRITER | READERS) == 0 => (1, WRITER),
                Some(_) => return,
            };
            let queued = if line.len() > served { QUEUED } else { 0 };
            // AcqRel: from who has released to who acquires, by way of this thread.
            if self.exchange(state, (state & !QUEUED | queued) + more, Ordering::AcqRel).is_ok() {
                let wanted = line.first_wants();
                let chosen = line.choose(served, |wants| Some(wants) == wanted);
                drop(line);
                return chosen.serve(SERVED);
            }
        }
    }

    #[cold]
    fn acquire_slowly(self, access: Access, timeout: Timeout) -> Result<(), Error> {
        let block = Block::begin(timeout)?;
        let mut spin = Spin::new();
        while spin.pause() {
            match self.try_acquire(access) {
                Err(Error::Busy) => (),
                result => return result,
            }
        }
        let rwlock = self.reside()?;
        // From here on, `free` sees that a thread waits.
        let _waits = rwlock.awaited.wait();
        while spin.again() {
            match self.try_acquire(access) {
                Err(Error::Busy) => (),
                result => return result,
            }
        }
        let waiter = Waiter::new(access as u32);
        if self.join_line(&rwlock, &waiter, access)? {
            return Ok(());
        }
        self.await_turn(&rwlock, &waiter, &block)
    }

    /// Acquires after all, or puts the waiter in line. Whether it was the former.
    fn join_line(self, rwlock: &RwLock, waiter: &Waiter, access: Access) -> Result<bool, Error> {
        let line = rwlock.line.lock();
        // Relaxed: the exchange decides.
        let mut word = self.word().load(Ordering::Relaxed);
        loop {
            let state = self.state_of(word)?;
            let (to, acquired) = match access.of(state) {
                Ok(to) => (to, true),
                Err(Error::Busy) => (state | QUEUED, false),
                Err(error) => return Err(error),
            };
            match self.exchange(state, to, Ordering::Acquire) {
                Ok(()) if acquired => return Ok(true),
                Ok(()) => {
                    // SAFETY: the caller keeps it until it is served, or out of the line.
                    unsafe { line.join(waiter) };
                    return Ok(false);
                }
                Err(found) => word = found,
            }
        }
    }

    fn await_turn(self, rwlock: &RwLock, waiter: &Waiter, block: &Block) -> Result<(), Error> {
        match waiter.await_service(block, &rwlock.line) {
            Ok(_) => Ok(()),
            Err((line, reason)) => {
                line.leave(waiter);
                // Those behind it may go before it was their turn.
                self.hand_over(line);
                Err(reason)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::atomic::AtomicI64;

    #[test]
    fn readers_share_and_a_writer_does_not() {
        let rwlock = Handle::new_rwlock().unwrap();
        rwlock.acquire(Access::Read).unwrap();
        rwlock.try_acquire(Access::Read).unwrap();
        assert_eq!(rwlock.try_acquire(Access::Write), Err(Error::Busy));
        assert_eq!(rwlock.acquire_timeout(Access::Write, 1e-4), Err(Error::TimedOut));
        assert_eq!(rwlock.release(Access::Write), Err(Error::NotHeld));
        rwlock.release(Access::Read).unwrap();
        rwlock.release(Access::Read).unwrap();
        assert_eq!(rwlock.release(Access::Read), Err(Error::NotHeld));
        rwlock.acquire(Access::Write).unwrap();
        assert_eq!(rwlock.try_acquire(Access::Read), Err(Error::Busy));
        rwlock.release(Access::Write).unwrap();
        rwlock.free_rwlock().unwrap();
        assert_eq!(rwlock.acquire(Access::Read), Err(Error::StaleHandle(Kind::RwLock)));
    }

    #[test]
    fn the_state_is_as_new_after_contention() {
        let rwlock = Handle::new_rwlock().unwrap();
        // Readers count up, a writer sets it far down.
        let inside = AtomicI64::new(0);
        std::thread::scope(|threads| {
            for i in 0..6 {
                let inside = &inside;
                threads.spawn(move || {
                    for n in 0..10_000 {
                        let access = if (n + i) % 4 == 0 { Access::Write } else { Access::Read };
                        let timed = (n + i) % 3 == 0;
                        let result =
                            if timed { rwlock.acquire_timeout(access, 1e-5) } else { rwlock.acquire(access) };
                        if result.is_err() {
                            assert!(timed);
                            continue;
                        }
                        let weight = if access == Access::Write { -1_000 } else { 1 };
                        let before = inside.fetch_add(weight, Ordering::SeqCst);
                        assert!(if weight < 0 { before == 0 } else { before >= 0 });
                        inside.fetch_sub(weight, Ordering::SeqCst);
                        rwlock.release(access).unwrap();
                    }
                });
            }
        });
        assert_eq!(rwlock.state(Ordering::SeqCst), Ok(0));
        rwlock.free_rwlock().unwrap();
    }
}
