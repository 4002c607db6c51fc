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
//! | from | by | to | |
//! |---|---|---|---|
//! | 0 | write | `WRITER` | `acquired` |
//! | no `WRITER`, no `QUEUED` | read | count + 1 | `acquired` |
//! | anything else | read, write | `QUEUED`, once it has spun in vain, and it joins the line | `queued` |
//! | count > 0 | a reader's release | count - 1; if it was the last and `QUEUED`, the line moves up | `released` |
//! | `WRITER` | the release | not `WRITER`; if `QUEUED`, the line moves up | `released` |
//! | `QUEUED`, a writer is first, nobody holds it | the line moves up | `WRITER` for that one | `handed_over` |
//! | `QUEUED`, a reader is first, no `WRITER` | the line moves up | count + n, for all readers in the line | `handed_over` |
//! | any | the holders are gone by a fork | `QUEUED` if it was; then the line moves up | `without_holders` |
//! | any | fork, in the child | not `QUEUED`: nobody is in line | `without_line` |
//!
//! While somebody stands in line nobody overtakes: the lock is handed over. So writers wait for the readers
//! that came before them and no others, and readers for the writers that stand before the first reader.

use crate::base::arena::Arena;
use crate::base::atomic::{AtomicU64, Ordering};
use crate::base::awaited::Awaited;
use crate::base::block::Block;
use crate::base::deadline::Timeout;
use crate::base::handle::{self, Handle, Kind, Object, bits_of_word};
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

impl Access {
    /// As what a waiter wants.
    fn of(wants: usize) -> Access {
        if wants == Access::Read as usize { Access::Read } else { Access::Write }
    }
}

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
        if handle::amend(word, State::without_line) {
            self.line.lock().forget();
        }
    }
}

static RWLOCKS: Arena<RwLock> = Arena::new();

#[derive(Clone, Copy)]
struct State(u64);

impl State {
    const FREE: State = State(0);

    /// What one holder is in the state.
    const fn held(access: Access) -> State {
        match access {
            Access::Read => State(READER),
            Access::Write => State(WRITER),
        }
    }

    fn is_held(self, access: Access) -> bool {
        match access {
            Access::Read => self.0 & READERS != 0,
            Access::Write => self.0 & WRITER != 0,
        }
    }

    fn is_queued(self) -> bool {
        self.0 & QUEUED != 0
    }

    /// Whether nobody holds it, and somebody is in line.
    fn is_due(self) -> bool {
        self.0 == QUEUED
    }

    /// Whether who is first in line can have it.
    fn admits(self, access: Access) -> bool {
        !self.is_held(Access::Write) && (access == Access::Read || !self.is_held(Access::Read))
    }

    /// Busy: it must wait.
    #[inline]
    fn acquired(self, access: Access) -> Result<State, Error> {
        if self.is_queued() || !self.admits(access) {
            Err(Error::Busy)
        } else if self.0 >= READERS {
            Err(Error::TooManyReaders)
        } else {
            Ok(State(self.0 + State::held(access).0))
        }
    }

    fn queued(self) -> State {
        State(self.0 | QUEUED)
    }

    fn released(self, access: Access) -> Result<State, Error> {
        if self.is_held(access) { Ok(State(self.0 - State::held(access).0)) } else { Err(Error::NotHeld) }
    }

    /// To the first `n` in line; `more` stay there.
    fn handed_over(self, access: Access, n: usize, more: bool) -> State {
        let left = if more { self.queued() } else { self.without_line() };
        State(left.0 + n as u64 * State::held(access).0)
    }

    fn without_holders(self) -> State {
        State(self.0 & QUEUED)
    }

    fn without_line(self) -> State {
        State(self.0 & !QUEUED)
    }
}

bits_of_word!(State);

impl Handle<RwLock> {
    pub fn new() -> Result<Handle<RwLock>, Error> {
        Handle::make(0, |_| ())
    }

    /// Ends the lock, held or not, unless a thread waits for it.
    pub fn free(self) -> Result<(), Error> {
        self.end(|rwlock, _| rwlock.awaited.check())
    }

    /// Acquires if it is free.
    #[inline]
    pub fn acquire_at_once(self, access: Access) -> bool {
        // Acquire, here and below: sees what was done before the release.
        self.exchange(State::FREE, State::held(access), Ordering::Acquire).is_ok()
    }

    pub fn acquire(self, access: Access) -> Result<(), Error> {
        match self.try_acquire(access) {
            Err(Error::Busy) => self.acquire_slowly(access, Timeout::Forever),
            result => result,
        }
    }

    #[inline]
    pub fn try_acquire(self, access: Access) -> Result<(), Error> {
        self.update(Ordering::Acquire, |state: State| state.acquired(access))?;
        Ok(())
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
        // Release, here and below: what this thread did happens before the next acquire.
        self.exchange(State::held(access), State::FREE, Ordering::Release).is_ok()
    }

    pub fn release(self, access: Access) -> Result<(), Error> {
        // AcqRel: what other readers did happens before the hand-over too.
        let (_, to) = self.update(Ordering::AcqRel, |state: State| state.released(access))?;
        if to.is_due() { self.move_up() } else { Ok(()) }
    }

    /// Frees the lock from holders that did not survive a fork.
    pub fn at_fork_reinit(self) -> Result<(), Error> {
        let rwlock = self.reside()?;
        let line = rwlock.line.lock();
        // AcqRel: as a release.
        self.update(Ordering::AcqRel, |state: State| Ok(state.without_holders()))?;
        self.hand_over(line);
        Ok(())
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
        let access = line.first_wants().map_or(Access::Write, Access::of);
        let n = match access {
            Access::Read => line.wanting(access as usize),
            Access::Write => line.len().min(1),
        };
        let hand_over = |state: State| {
            if n == 0 || state.admits(access) {
                Ok(state.handed_over(access, n, line.len() > n))
            } else {
                Err(Error::Busy)
            }
        };
        // While `QUEUED`, the state changes only under the line's lock, but for readers that leave.
        // AcqRel: from who has released to who acquires, by way of this thread.
        if self.update(Ordering::AcqRel, hand_over).is_ok() {
            let chosen = line.choose(n, |wants| Access::of(wants) == access);
            drop(line);
            chosen.serve(SERVED);
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
        let waiter = Waiter::new(access as usize);
        if self.join_line(&rwlock, &waiter, access)? {
            return Ok(());
        }
        self.await_turn(&rwlock, &waiter, &block)
    }

    /// Acquires after all, or puts the waiter in line. Whether it was the former.
    fn join_line(self, rwlock: &RwLock, waiter: &Waiter, access: Access) -> Result<bool, Error> {
        let line = rwlock.line.lock();
        let next = |state: State| match state.acquired(access) {
            Err(Error::Busy) => Ok(state.queued()),
            result => result,
        };
        let (_, to) = self.update(Ordering::Acquire, next)?;
        if !to.is_queued() {
            return Ok(true);
        }
        // SAFETY: the caller keeps it until it is served, or out of the line.
        unsafe { line.join(waiter) };
        Ok(false)
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
        let rwlock = Handle::<RwLock>::new().unwrap();
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
        rwlock.free().unwrap();
        assert_eq!(rwlock.acquire(Access::Read), Err(Error::StaleHandle(Kind::RwLock)));
    }

    #[test]
    fn the_state_is_as_new_after_contention() {
        let rwlock = Handle::<RwLock>::new().unwrap();
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
        rwlock.free().unwrap();
    }
}
