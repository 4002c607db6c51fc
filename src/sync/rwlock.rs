//! The read-write lock: many readers, or one writer.
//!
//! The state:
//!
//! | bits | name | meaning |
//! |---|---|---|
//! | 0 | `WRITER` | held by a writer |
//! | 1 | `QUEUED` | the line is not empty |
//! | 2 | `WAKING` | a writer was woken and has not decided yet: no release wakes another |
//! | 3 | `PROMISED` | the lock is promised to who is first in line: nobody overtakes |
//! | 4..33 | count | how many readers hold it |
//!
//! Each row has its name in [`State`]:
//!
//! | from | by | to | |
//! |---|---|---|---|
//! | not held, not `PROMISED` | write | `WRITER` | `acquired` |
//! | the same, or held by readers and not `QUEUED` | read | count + 1 | `acquired` |
//! | anything else | read, write, once it has spun in vain | `QUEUED`: it is last in line | `joined` |
//! | held | the release | one holder less | `released` |
//! | held, `QUEUED`, not `WAKING` | the last release | not held, `PROMISED`; then the line moves up | `released` |
//! | not `WRITER`, readers are first | the line moves up | count + n, for all readers in the line; not `PROMISED` | `handed_over` |
//! | not held, a writer that starves is first | the line moves up | `WRITER` for that one, not `PROMISED` | `handed_over` |
//! | not held, another writer is first, not `WAKING` | the line moves up | `WAKING`, not `PROMISED`: that one leaves the line | `waking` |
//! | not held | a writer that was woken | `WRITER`, not `WAKING` | `acquired_awake` |
//! | held | the same, once it has spun in vain | `QUEUED`, not `WAKING`: it is first in line | `joined_again` |
//! | held | the same, if it finds readers, or has waited for `PATIENCE`: it starves | and `PROMISED` | `joined_again` |
//! | any | some have left the line | `QUEUED` and `PROMISED` as the line now is | `settled` |
//! | any | the holders are gone by a fork | not held; then the line moves up | `without_holders` |
//! | any | fork, in the child | held as before, and nobody waits | `without_line` |
//!
//! Whoever comes may take a lock that nobody holds before those who wait: that keeps a busy lock fast. But a
//! reader does not join readers while somebody stands in line; readers in line are let in together when it is their
//! turn; and a writer that was woken lets nobody go before it any more as soon as it starves, or it is readers who did.
//! A release promises the lock for the moment that it takes to look at the line: else somebody could come in each
//! time before the line has moved up. So no wait is unbounded.
//!
//! No wake-up is lost, by one rule: where who is first in line could hold the lock, a thread is about to move the line
//! up, or `WAKING` is set. And while that is set, a writer is awake that will clear it: by taking the lock, or,
//! in the same exchange that finds it held, by standing in line again. Either way a release is to come, which moves the
//! line up.

use crate::base::arena::Arena;
use crate::base::atomic::{AtomicU64, Ordering};
use crate::base::awaited::{Awaited, Waiting};
use crate::base::block::Block;
use crate::base::deadline::Timeout;
use crate::base::handle::{self, Handle, Kind, Object, bits_of_word};
use crate::base::holding::{Holding, How, Owned};
use crate::base::insight;
use crate::base::mutex::{Guard, Mutex};
use crate::base::spin::Spin;
use crate::base::status::Error;
use crate::base::waiting::{Verb, What};
use crate::base::watchers::{self, News, Sides};
use crate::sync::waiters::{Waiter, Waiters};

const WRITER: u64 = 1;
const QUEUED: u64 = 2;
const WAKING: u64 = 4;
const PROMISED: u64 = 8;
const READER: u64 = 16;
/// No more readers come in. Those who stood in line may: there is room for a few more.
const READERS: u64 = (1 << 30) - 1;

/// What a read-write lock has beside its word.
#[derive(Debug)]
pub struct RwLock {
    line: Mutex<Waiters>,
    /// By those in the line, and those about to join it.
    awaited: Awaited,
    holding: Holding,
}

/// How a thread wants the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

impl Access {
    /// As what a waiter wants.
    fn of(wants: usize) -> Access {
        if wants == Access::Read as usize { Access::Read } else { Access::Write }
    }

    fn how(self) -> How {
        match self {
            Access::Read => How::Shared,
            Access::Write => How::Alone,
        }
    }

    fn verb(self) -> Verb {
        match self {
            Access::Read => Verb::Read,
            Access::Write => Verb::Write,
        }
    }
}

impl Access {
    /// As what those who watch the lock want.
    pub fn side(self) -> Sides {
        match self {
            Access::Read => Sides::ONE,
            Access::Write => Sides::OTHER,
        }
    }
}

/// What a writer wants that starves.
const STARVED_WRITE: usize = 2;

/// Whether who is first in line, and wants this, is let in; a writer that does not starve is woken to try.
fn is_let_in(wants: usize) -> bool {
    wants != Access::Write as usize
}

/// What a waiter is served with: it has the lock, or, a writer, may try to take it.
const HANDED_OVER: u32 = 1;
const WOKEN: u32 = 2;

impl Object for RwLock {
    const KIND: Kind = Kind::RwLock;
    const RECORDED: bool = true;

    fn arena() -> &'static Arena<RwLock> {
        &RWLOCKS
    }

    fn blank() -> RwLock {
        RwLock { line: Mutex::new(Waiters::none()), awaited: Awaited::by_none(), holding: Holding::unknown() }
    }

    /// Nobody waits for a lock that is freed.
    fn reset(&self) {
        // SAFETY: nobody else has it.
        unsafe { *self.line.as_ptr() = Waiters::none() };
        self.holding.reset();
    }

    fn forget(&self, word: &AtomicU64) {
        self.awaited.forget();
        if handle::amend(word, State::without_line) {
            self.line.lock().forget();
        }
    }
}

impl Owned for RwLock {
    fn holding(&self) -> &Holding {
        &self.holding
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
            Access::Read => self.0 >= READER,
            Access::Write => self.has(WRITER),
        }
    }

    fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    fn with(self, flag: u64, set: bool) -> State {
        State(if set { self.0 | flag } else { self.0 & !flag })
    }

    /// Whether who is first in line can have it.
    fn admits(self, access: Access) -> bool {
        !self.is_held(Access::Write) && (access == Access::Read || !self.is_held(Access::Read))
    }

    /// Whether who comes can have it.
    fn is_open_to(self, access: Access) -> bool {
        let beside_readers = access == Access::Read && !self.has(QUEUED);
        !self.has(PROMISED) && self.admits(if beside_readers { Access::Read } else { Access::Write })
    }

    fn news_of(self, to: State, access: Access) -> News {
        match (self.is_open_to(access), to.is_open_to(access)) {
            (_, false) => News::InLine,
            (false, true) => News::New,
            (true, true) => News::More,
        }
    }

    /// Whether nobody holds it, and whose release that was has to move the line up.
    fn is_due(self) -> bool {
        self.admits(Access::Write) && self.has(QUEUED) && !self.has(WAKING)
    }

    /// Busy: it must wait.
    #[inline]
    fn acquired(self, access: Access) -> Result<State, Error> {
        if !self.is_open_to(access) {
            Err(Error::Busy)
        } else if self.0 / READER >= READERS {
            Err(Error::TooManyReaders)
        } else {
            Ok(State(self.0 + State::held(access).0))
        }
    }

    fn joined(self) -> State {
        self.with(QUEUED, true)
    }

    fn released(self, access: Access) -> Result<State, Error> {
        if !self.is_held(access) {
            return Err(Error::NotHeld);
        }
        let left = State(self.0 - State::held(access).0);
        Ok(if left.is_due() { left.with(PROMISED, true) } else { left })
    }

    /// To the first `n` in line.
    fn handed_over(self, access: Access, n: usize) -> State {
        State(self.0 + n as u64 * State::held(access).0).with(PROMISED, false)
    }

    fn waking(self) -> State {
        self.with(WAKING, true).with(PROMISED, false)
    }

    /// For the first `n` in line, who want this. Busy: it is not their turn.
    fn moved_up(self, wants: usize, n: usize) -> Result<State, Error> {
        let access = Access::of(wants);
        if !self.admits(access) {
            Err(Error::Busy)
        } else if is_let_in(wants) {
            Ok(self.handed_over(access, n))
        } else if self.has(WAKING) {
            Err(Error::Busy)
        } else {
            Ok(self.waking())
        }
    }

    /// Busy: it must spin, or stand in line again.
    fn acquired_awake(self) -> Result<State, Error> {
        if self.admits(Access::Write) {
            Ok(State(self.0 + WRITER).with(WAKING, false))
        } else {
            Err(Error::Busy)
        }
    }

    fn joined_again(self, starving: bool) -> State {
        self.with(WAKING, false).with(QUEUED, true).with(PROMISED, starving)
    }

    fn settled(self, line: &Waiters) -> State {
        self.with(QUEUED, !line.is_empty()).with(PROMISED, line.first_wants() == Some(STARVED_WRITE))
    }

    fn without_holders(self) -> State {
        State(self.0 & (QUEUED | WAKING | PROMISED))
    }

    fn without_line(self) -> State {
        self.with(QUEUED | WAKING | PROMISED, false)
    }
}

bits_of_word!(State);

impl Handle<RwLock> {
    pub fn new() -> Result<Handle<RwLock>, Error> {
        Handle::make(0, |_| ())
    }

    /// Ends the lock, held or not, unless a thread waits for it.
    pub fn free(self) -> Result<(), Error> {
        self.end(|rwlock, _| rwlock.awaited.check()).map(drop)
    }

    /// Acquires if it is free, or, to read, if only readers hold it, and nobody waits.
    #[inline]
    pub fn acquire_at_once(self, access: Access) -> bool {
        // Acquire: sees what was done before the release.
        match access {
            Access::Read => self.exchange_beside(|others| (others, others + 1), Ordering::Acquire),
            Access::Write => self.exchange(State::FREE, State::held(access), Ordering::Acquire).is_ok(),
        }
    }

    /// Changes how many readers there are, where there is nobody else, from one number to another, by how many there are
    /// beside this one: as many as the last time, or as are found.
    #[inline]
    fn exchange_beside(self, from_to: impl Fn(u64) -> (u64, u64), success: Ordering) -> bool {
        // Without a look at the word before: in a pair of one thread, that would wait for the exchange of the other half.
        // Relaxed, here and below: it is a guess.
        let (from, to) = from_to(self.guess().load(Ordering::Relaxed).into());
        let Err(found) = self.exchange(State(from * READER), State(to * READER), success) else {
            return true;
        };
        // In one comparison: the handle is right, and the word tells of readers and nothing else; as many as `from` has at
        // the least.
        let least = from_to(0).0;
        let others = found.wrapping_sub(self.tag()).rotate_right(READER.trailing_zeros()).wrapping_sub(least);
        if others >= READERS {
            return false;
        }
        let (from, to) = from_to(others);
        // While this core has the line, by the exchange that failed.
        self.guess().store(others as u8, Ordering::Relaxed);
        self.exchange(State(from * READER), State(to * READER), success).is_ok()
    }

    #[inline]
    pub fn try_acquire_at_once(self, access: Access) -> Option<bool> {
        self.try_at_once(|state| State(state).is_open_to(access), || self.acquire_at_once(access))
    }

    pub fn acquire(self, access: Access) -> Result<(), Error> {
        self.is_wanted(access.verb());
        match self.try_acquire(access) {
            Err(Error::Busy) => self.acquire_slowly(access, Timeout::Forever),
            result => result,
        }
    }

    pub fn try_acquire(self, access: Access) -> Result<(), Error> {
        let taken = self.try_take(access);
        if taken == Err(Error::Busy) {
            self.lull(access.side(), || self.is_open(access) == Ok(true));
        }
        taken.inspect(|()| self.has_acquired(access.how()))
    }

    /// The same, not seen by those who watch.
    #[inline]
    fn try_take(self, access: Access) -> Result<(), Error> {
        self.update(Ordering::Acquire, |state: State| state.acquired(access))?;
        Ok(())
    }

    pub fn acquire_timeout(self, access: Access, seconds: f64) -> Result<(), Error> {
        self.check()?;
        let timeout = Timeout::from_seconds(seconds)?;
        if timeout == Timeout::Forever {
            self.is_wanted(access.verb());
        }
        match self.try_acquire(access) {
            Err(Error::Busy) => self.acquire_slowly(access, timeout),
            result => result,
        }
    }

    /// Releases if nothing more is to be done: nobody waits.
    #[inline]
    pub fn release_at_once(self, access: Access) -> bool {
        // Release: what this thread did happens before the next acquire.
        match access {
            Access::Read => self.exchange_beside(|others| (others + 1, others), Ordering::Release),
            Access::Write => self.exchange(State::held(access), State::FREE, Ordering::Release).is_ok(),
        }
    }

    pub fn release(self, access: Access) -> Result<(), Error> {
        // Relaxed: a look for insight.
        if insight::is_on(insight::SOME_HOLDERS) && State(self.state(Ordering::Relaxed)?).is_held(access) {
            self.releases(access.how());
        }
        // AcqRel: what other readers did happens before the hand-over too.
        let (from, to) = self.update(Ordering::AcqRel, |state: State| state.released(access))?;
        if to.is_due() {
            self.pass_on();
        } else {
            self.tell_of_change(from, to);
        }
        Ok(())
    }

    /// Frees the lock from holders that did not survive a fork.
    pub fn at_fork_reinit(self) -> Result<(), Error> {
        let rwlock = self.reside()?;
        self.forget_holders()?;
        let line = rwlock.line.lock();
        // AcqRel: as a release.
        self.update(Ordering::AcqRel, |state: State| Ok(state.without_holders()))?;
        self.move_up(line);
        Ok(())
    }

    /// Moves the line up after a release.
    #[cold]
    fn pass_on(self) {
        // Freed since: nobody was in line any more.
        let Ok(rwlock) = self.reside() else { return };
        self.move_up(rwlock.line.lock());
    }

    /// If those who are first in line can have the lock, lets them in, or wakes them to try.
    fn move_up(self, line: Guard<'_, Waiters>) {
        self.let_in(line);
        // Relaxed: a hint. Nobody could have it while there was something to be done here.
        let now = self.state(Ordering::Relaxed).map(State);
        self.tell_of_change(State::held(Access::Write), now.unwrap_or(State::FREE));
    }

    /// Tells those who watch that whoever comes may have the lock now, or join its readers.
    #[inline]
    fn tell_of_change(self, from: State, to: State) {
        self.tell(Access::Read.side(), watchers::AT_ONCE, from.news_of(to, Access::Read));
        self.tell(Access::Write.side(), 1, from.news_of(to, Access::Write));
    }

    fn let_in(self, line: Guard<'_, Waiters>) {
        let Some(wants) = line.first_wants() else { return };
        let access = Access::of(wants);
        let n = match access {
            Access::Read => line.wanting(access as usize),
            Access::Write => 1,
        };
        // AcqRel: from who has released to who acquires, by way of this thread.
        if self.update(Ordering::AcqRel, |state: State| state.moved_up(wants, n)).is_err() {
            return;
        }
        let chosen = line.choose(n, |wants| Access::of(wants) == access);
        self.settle(&line);
        drop(line);
        chosen.serve(if is_let_in(wants) { HANDED_OVER } else { WOKEN });
    }

    /// Tells the state that some have left the line.
    fn settle(self, line: &Waiters) {
        // Relaxed: nothing is acquired or released. It does not fail: they still count as waiters, so nobody has
        // freed the lock.
        let _ = self.update(Ordering::Relaxed, |state: State| Ok(state.settled(line)));
    }

    #[cold]
    fn acquire_slowly(self, access: Access, timeout: Timeout) -> Result<(), Error> {
        let block = Block::begin(What::of(access.verb(), self), timeout)?;
        let result = self.acquire_later(access, &block);
        self.has_waited(&block);
        result?;
        self.has_acquired(access.how());
        Ok(())
    }

    fn acquire_later(self, access: Access, block: &Block) -> Result<(), Error> {
        let _told = block.declare()?;
        if insight::is_on(insight::CONTENTION) {
            self.set_watched()?;
        }
        let mut spin = Spin::for_a_lock();
        while spin.pause() {
            match self.try_take(access) {
                Err(Error::Busy) => (),
                result => return result,
            }
        }
        loop {
            let rwlock = self.reside()?;
            // From here on, `free` sees that a thread waits.
            let _waits = rwlock.awaited.wait();
            while spin.again() {
                match self.try_take(access) {
                    Err(Error::Busy) => (),
                    result => return result,
                }
            }
            if self.acquire_in_line(&rwlock, access, block)? {
                return Ok(());
            }
            spin = Spin::for_a_lock();
        }
    }

    /// False if the thread was forked meanwhile: in the child it neither waits nor stands in line.
    fn acquire_in_line(self, rwlock: &RwLock, access: Access, block: &Block) -> Result<bool, Error> {
        let waiter = Waiter::new(access as usize);
        if self.join(rwlock, &waiter, access)? {
            return Ok(true);
        }
        match self.await_turn(rwlock, &waiter, block)? {
            None => Ok(false),
            Some(HANDED_OVER) => Ok(true),
            Some(_) => self.write_awake(rwlock, block),
        }
    }

    /// Counts as one that waits, and says that somebody watches: who is in the list of `base::watchers` by now.
    pub fn watch(self) -> Result<Waiting<RwLock>, Error> {
        let waiting = Waiting::begin(self, |rwlock| &rwlock.awaited)?;
        self.set_watched()?;
        Ok(waiting)
    }

    /// Whether whoever comes could have it.
    pub fn is_open(self, access: Access) -> Result<bool, Error> {
        // Relaxed: a hint.
        Ok(State(self.state(Ordering::Relaxed)?).is_open_to(access))
    }

    /// What stands in line for a thread that sleeps elsewhere, and is told: as one that starves.
    pub fn waiter(access: Access) -> Waiter {
        Waiter::new(if access == Access::Read { access as usize } else { STARVED_WRITE })
    }

    /// Puts it at the end of the line; or acquires the lock: then true. The caller counts as one that waits, as for the
    /// next two.
    ///
    /// # Safety
    /// It is from `waiter`, and stays where it is until it is served, or stands there no more.
    pub unsafe fn stand_in_line(self, waiter: &Waiter, access: Access) -> Result<bool, Error> {
        let acquired = self.join(self.alive()?, waiter, access)?;
        if acquired {
            self.has_acquired(access.how());
        }
        Ok(acquired)
    }

    /// Who stands there was let in.
    pub fn was_served(self, access: Access) {
        self.has_acquired(access.how());
    }

    /// Stands there no more. True if it has the lock after all.
    pub fn stand_down(self, waiter: &Waiter) -> Result<bool, Error> {
        let line = self.alive()?.line.lock();
        if !line.has(waiter) {
            drop(line);
            // One that starves is let in, and nothing else.
            let served = waiter.sleep_till_served();
            let acquired = served.is_some_and(|served| served.with() == HANDED_OVER);
            if acquired {
                self.has_acquired(Access::of(waiter.wants()).how());
            }
            return Ok(acquired);
        }
        line.leave(waiter);
        self.settle(&line);
        self.move_up(line);
        Ok(false)
    }

    /// Acquires after all, or puts the waiter at the end of the line. Whether it was the former.
    fn join(self, rwlock: &RwLock, waiter: &Waiter, access: Access) -> Result<bool, Error> {
        let line = rwlock.line.lock();
        let next = |state: State| match state.acquired(access) {
            Err(Error::Busy) => Ok(state.joined()),
            result => result,
        };
        let (from, _) = self.update(Ordering::Acquire, next)?;
        if from.is_open_to(access) {
            return Ok(true);
        }
        // SAFETY: the caller keeps it until it is served, or out of the line.
        unsafe { line.join(waiter) };
        Ok(false)
    }

    /// Sleeps in line. What it was served with; None as in `acquire_in_line`.
    fn await_turn(self, rwlock: &RwLock, waiter: &Waiter, block: &Block) -> Result<Option<u32>, Error> {
        // In a forked child it is counted among those who hold it.
        let chosen = is_let_in(waiter.wants()).then_some(HANDED_OVER);
        match waiter.await_service(block, &rwlock.line, chosen) {
            Ok(served) => {
                let with = served.map(|served| served.with());
                block.handed_over.set(with == Some(HANDED_OVER));
                Ok(with)
            }
            Err((line, reason)) => {
                line.leave(waiter);
                self.settle(&line);
                // Those behind it may go before it was their turn.
                self.move_up(line);
                Err(reason)
            }
        }
    }

    /// For a writer that was woken: takes the lock, in competition with those who come. False as in `acquire_in_line`.
    fn write_awake(self, rwlock: &RwLock, block: &Block) -> Result<bool, Error> {
        loop {
            let mut spin = Spin::for_a_lock();
            let starving = loop {
                match self.update(Ordering::Acquire, State::acquired_awake) {
                    Err(Error::Busy) => (),
                    result => return result.map(|_| true),
                }
                // Relaxed: the next exchange decides.
                if State(self.state(Ordering::Relaxed)?).is_held(Access::Read) {
                    // Readers can go on without ever leaving it free.
                    break true;
                }
                if !spin.again() {
                    break block.is_starving();
                }
            };
            let wants = if starving { STARVED_WRITE } else { Access::Write as usize };
            let waiter = Waiter::new(wants);
            if self.join_again(rwlock, &waiter, starving)? {
                return Ok(true);
            }
            match self.await_turn(rwlock, &waiter, block)? {
                None => return Ok(false),
                Some(HANDED_OVER) => return Ok(true),
                Some(_) => (),
            }
        }
    }

    /// The same as `join` for that writer, and the beginning of the line.
    fn join_again(self, rwlock: &RwLock, waiter: &Waiter, starving: bool) -> Result<bool, Error> {
        let line = rwlock.line.lock();
        let next = |state: State| match state.acquired_awake() {
            Err(Error::Busy) => Ok(state.joined_again(starving)),
            result => result,
        };
        let (from, _) = self.update(Ordering::Acquire, next)?;
        if from.admits(Access::Write) {
            return Ok(true);
        }
        // SAFETY: as in `join`.
        unsafe { line.join_first(waiter) };
        Ok(false)
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
    fn the_short_way_is_open_beside_any_number_of_readers() {
        let _off = insight::TURNED.read();
        let rwlock = Handle::<RwLock>::new().unwrap();
        // More than a guess can tell.
        const MANY: u32 = 1000;
        for i in 0..MANY {
            assert!(rwlock.acquire_at_once(Access::Read), "beside {i}");
            // The guess is right, or too low.
            assert!(
                rwlock.release_at_once(Access::Read) && rwlock.acquire_at_once(Access::Read),
                "beside {i}"
            );
        }
        assert!(!rwlock.acquire_at_once(Access::Write) && !rwlock.release_at_once(Access::Write));
        for i in 0..MANY {
            // It is too high.
            assert!(rwlock.release_at_once(Access::Read), "{i} released");
        }
        assert!(!rwlock.release_at_once(Access::Read));
        assert!(rwlock.acquire_at_once(Access::Write));
        assert!(!rwlock.acquire_at_once(Access::Read) && !rwlock.release_at_once(Access::Read));
        assert!(rwlock.release_at_once(Access::Write));
        rwlock.free().unwrap();
        assert!(!rwlock.acquire_at_once(Access::Read) && !rwlock.release_at_once(Access::Read));
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
