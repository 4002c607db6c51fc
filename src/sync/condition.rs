//! The condition: threads that wait, having released a lock, until they are notified.
//!
//! | from | by | to |
//! |---|---|---|
//! | holds the lock | wait | in the line, the lock released |
//! | in the line, among the first n | notify(n) | notified |
//! | in the line | the end of its time, an interrupt | out of the line |
//! | notified, or out of the line | | holds the lock again, and returns |
//!
//! A thread is in the line before it releases the lock, so whoever acquires that next can notify it. Who
//! is notified was in the line at that moment: nobody wakes without a notify, and none is lost.

use crate::base::arena::{Arena, Resident};
use crate::base::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::base::block::Block;
use crate::base::deadline::Timeout;
use crate::base::handle::{Handle, Kind, Object};
use crate::base::mutex::{Guard, Mutex};
use crate::base::status::Error;
use crate::base::waiting::{Verb, What};
use crate::sync::lock::Lock;
use crate::sync::rlock::RLock;
use crate::sync::waiters::{Served, Waiter, Waiters};
use core::ffi::c_void;

/// What a condition has beside its word, which is only its handle check.
#[derive(Debug)]
pub struct Condition {
    line: Mutex<Waiters>,
    /// The line's length, so that a notify need not take its lock to find nobody.
    waiting: AtomicUsize,
}

/// What a waiter is served with.
const NOTIFIED: u32 = 1;
/// The condition was freed at the moment in which the waiter came.
const GONE: u32 = 2;

impl Object for Condition {
    const KIND: Kind = Kind::Condition;

    fn arena() -> &'static Arena<Condition> {
        &CONDITIONS
    }

    fn blank() -> Condition {
        Condition { line: Mutex::new(Waiters::none()), waiting: AtomicUsize::new(0) }
    }

    /// Nobody waits on a condition that is freed.
    fn reset(&self) {
        // SAFETY: nobody else has it.
        unsafe { *self.line.as_ptr() = Waiters::none() };
    }

    fn forget(&self, _word: &AtomicU64) {
        // Relaxed: there is one thread.
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.line.lock().forget();
            self.waiting.store(0, Ordering::Relaxed);
        }
    }
}

static CONDITIONS: Arena<Condition> = Arena::new();

/// A lock that a thread can put down for the time of a wait.
pub trait Held: Object {
    /// What is needed to take it up again.
    type Token: Copy;
    /// Whether the calling thread may put it down.
    fn check_held(lock: Handle<Self>) -> Result<(), Error>;
    fn put_down(lock: Handle<Self>) -> Result<Self::Token, Error>;
    /// Blocks, whatever is pending.
    fn take_up(lock: Handle<Self>, token: Self::Token) -> Result<(), Error>;
}

impl Held for Lock {
    type Token = ();

    fn check_held(lock: Handle<Lock>) -> Result<(), Error> {
        if lock.locked()? { Ok(()) } else { Err(Error::NotHeld) }
    }

    fn put_down(lock: Handle<Lock>) -> Result<(), Error> {
        lock.release()
    }

    fn take_up(lock: Handle<Lock>, (): ()) -> Result<(), Error> {
        lock.acquire_in_any_case()
    }
}

impl Held for RLock {
    type Token = u64;

    fn check_held(lock: Handle<RLock>) -> Result<(), Error> {
        lock.check_owned()
    }

    fn put_down(lock: Handle<RLock>) -> Result<u64, Error> {
        lock.release_save()
    }

    fn take_up(lock: Handle<RLock>, count: u64) -> Result<(), Error> {
        lock.acquire_restore_uninterruptible(count)
    }
}

/// The user's question whether what it waits for is so.
pub type Predicate = unsafe extern "C-unwind" fn(*mut c_void) -> bool;

impl Handle<Condition> {
    pub fn new() -> Result<Handle<Condition>, Error> {
        Handle::make(0, |_| ())
    }

    /// Ends the condition, unless a thread waits for it.
    pub fn free(self) -> Result<(), Error> {
        let ended = match self.end_unvisited() {
            Err(Error::Busy) => return self.free_visited(),
            ended => ended?,
        };
        if !ended.is_alone() {
            ended.serve(ended.line.lock(), usize::MAX, GONE);
        }
        Ok(())
    }

    /// Somebody has come: to wait, or to notify, or is on the way out.
    #[cold]
    fn free_visited(self) -> Result<(), Error> {
        let (_resident, line) = self.line()?;
        let ended = self.end(|_, _| if line.is_empty() { Ok(()) } else { Err(Error::Busy) })?;
        drop(line);
        drop(ended);
        Ok(())
    }

    /// Waits without bound.
    pub fn wait<L: Held>(self, lock: Handle<L>) -> Result<(), Error> {
        self.check()?;
        L::check_held(lock)?;
        self.wait_once(lock, &self.begin(Timeout::Forever))
    }

    pub fn wait_timeout<L: Held>(self, lock: Handle<L>, seconds: f64) -> Result<(), Error> {
        self.check()?;
        let block = self.begin(check_arguments(lock, seconds)?);
        self.wait_once(lock, &block)
    }

    /// Waits until the predicate says so. It is asked with the lock held, before each wait and after it.
    ///
    /// # Safety
    /// The predicate may be called with the argument.
    pub unsafe fn wait_for<L: Held>(
        self,
        lock: Handle<L>,
        predicate: Predicate,
        argument: *mut c_void,
        seconds: f64,
    ) -> Result<(), Error> {
        self.check()?;
        let block = self.begin(check_arguments(lock, seconds)?);
        // Nothing here has a destructor: the predicate may be left by an unwinding.
        // SAFETY: as the caller vouches.
        while !unsafe { predicate(argument) } {
            match self.wait_once(lock, &block) {
                Ok(()) => (),
                // SAFETY: as above.
                Err(Error::TimedOut) if unsafe { predicate(argument) } => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether a notify has nobody to wake.
    #[inline]
    pub fn is_idle(self) -> bool {
        // Relaxed: who joined the line before something that this thread knows of is seen there, as who released
        // the lock that this thread has acquired since. Who joins later looked before at what it waits for, and
        // not after: so it would not be helped if this came after its caller's last write, as a fence would make
        // sure of. Without the lock the two can miss each other, with any condition.
        self.alive().is_ok_and(|condition| condition.waiting.load(Ordering::Relaxed) == 0)
    }

    /// Wakes the `n` threads that have waited longest.
    pub fn notify(self, n: usize) -> Result<(), Error> {
        let (condition, line) = self.line()?;
        condition.serve(line, n, NOTIFIED);
        Ok(())
    }

    /// How many threads wait.
    pub fn waiting(self) -> Result<usize, Error> {
        let (_resident, line) = self.line()?;
        Ok(line.len())
    }

    /// A wait begins now.
    fn begin(self, timeout: Timeout) -> Block {
        Block::start(What::of(Verb::Wait, self), timeout)
    }

    /// The line, locked. Who does that resides: `free` takes the lock only beside residents.
    fn line(self) -> Result<(Resident<Condition>, Guard<'static, Waiters>), Error> {
        let resident = self.reside()?;
        let line = self.alive()?.line.lock();
        // SeqCst: of a resident and a free, one sees the other. What was freed beside one was so under the lock.
        self.state(Ordering::SeqCst)?;
        Ok((resident, line))
    }

    fn wait_once<L: Held>(self, lock: Handle<L>, block: &Block) -> Result<(), Error> {
        let mut put_down = None;
        loop {
            if self.wait_in_line(lock, block, &mut put_down)? {
                return Ok(());
            }
        }
    }

    /// False if the thread was forked meanwhile: in the child it stands in no line, and the lock is put down.
    fn wait_in_line<L: Held>(
        self,
        lock: Handle<L>,
        block: &Block,
        put_down: &mut Option<L::Token>,
    ) -> Result<bool, Error> {
        // While they are there, the lock is not freed, and what this wakes up to is the same condition.
        let _kept = lock.reside()?;
        let waiter = Waiter::new(lock.into_raw().addr());
        let (condition, line) = self.line()?;
        // SAFETY: stays here, and is out of the line and served, or not chosen, before it goes.
        unsafe { condition.join(line, &waiter) };
        let token = match put_down.map_or_else(|| L::put_down(lock), Ok) {
            Ok(token) => *put_down.insert(token),
            // Somebody else released it at this moment, wrongly.
            Err(error) => {
                condition.give_back(&waiter);
                return Err(error);
            }
        };
        let served = condition.await_notify(&waiter, block);
        if matches!(served, Ok(None)) {
            return Ok(false);
        }
        L::take_up(lock, token)?;
        // With the lock, which the heirs want: they come when it is about to be free.
        match served?.map(|served| served.with()) {
            Some(GONE) => Err(Error::StaleHandle(Kind::Condition)),
            _ => Ok(true),
        }
    }
}

// Relaxed for the length throughout: changes under the line's lock.
impl Condition {
    /// # Safety
    /// As for [`Waiters::join`].
    unsafe fn join(&self, line: Guard<'_, Waiters>, waiter: &Waiter) {
        // SAFETY: as the caller vouches.
        unsafe { line.join(waiter) };
        self.waiting.store(line.len(), Ordering::Relaxed);
    }

    fn leave(&self, line: Guard<'_, Waiters>, waiter: &Waiter) {
        line.leave(waiter);
        self.waiting.store(line.len(), Ordering::Relaxed);
    }

    /// Serves the first `n` of the line.
    fn serve(&self, line: Guard<'_, Waiters>, n: usize, with: u32) {
        let chosen = line.take(n);
        self.waiting.store(line.len(), Ordering::Relaxed);
        drop(line);
        chosen.serve_in_turn(with);
    }

    /// Sleeps until notified, or until the wait ends; then the waiter is out of the line.
    fn await_notify<'a>(&self, waiter: &'a Waiter, block: &Block) -> Result<Option<Served<'a>>, Error> {
        waiter.await_service(block, &self.line, Some(NOTIFIED)).map_err(|(line, reason)| {
            self.leave(line, waiter);
            reason
        })
    }

    /// Takes a waiter out that has not waited; a notify that had come for it goes to the next.
    fn give_back(&self, waiter: &Waiter) {
        let line = self.line.lock();
        if line.has(waiter) {
            return self.leave(line, waiter);
        }
        drop(line);
        drop(waiter.sleep_till_served());
        self.serve(self.line.lock(), 1, NOTIFIED);
    }
}

/// The time of a wait, if it is one and the lock is held.
fn check_arguments<L: Held>(lock: Handle<L>, seconds: f64) -> Result<Timeout, Error> {
    // A bad handle of the lock goes before the time, and that before what the lock is at this moment.
    lock.check()?;
    let timeout = Timeout::from_seconds(seconds)?;
    L::check_held(lock)?;
    Ok(timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_must_be_held_and_is_held_again() {
        let (condition, lock) = (Handle::<Condition>::new().unwrap(), Handle::<Lock>::new().unwrap());
        assert_eq!(condition.wait(lock), Err(Error::NotHeld));
        lock.acquire().unwrap();
        assert_eq!(condition.wait_timeout(lock, 1e-4), Err(Error::TimedOut));
        assert_eq!(condition.wait_timeout(lock, 0.0), Err(Error::TimedOut));
        assert_eq!(condition.wait_timeout(lock, f64::NAN), Err(Error::TimeoutNotANumber));
        assert_eq!(lock.locked(), Ok(true));
        assert_eq!(condition.notify(7), Ok(()));
        condition.free().unwrap();
        assert_eq!(condition.notify(1), Err(Error::StaleHandle(Kind::Condition)));
        lock.free().unwrap();
    }

    #[test]
    fn notify_wakes_as_many_as_it_says_in_their_order() {
        let (condition, lock) = (Handle::<Condition>::new().unwrap(), Handle::<RLock>::new().unwrap());
        let woken = AtomicUsize::new(0);
        std::thread::scope(|threads| {
            for i in 0..4 {
                let woken = &woken;
                threads.spawn(move || {
                    lock.enter().unwrap();
                    lock.enter().unwrap();
                    condition.wait(lock).unwrap();
                    assert_eq!(lock.recursion_count(), Ok(2));
                    // One at a time is notified, so the order of the line is that of these.
                    assert_eq!(woken.fetch_add(1, Ordering::SeqCst), i);
                    lock.leave().unwrap();
                    lock.leave().unwrap();
                });
                while condition.waiting() != Ok(i + 1) {
                    std::thread::yield_now();
                }
            }
            assert_eq!(condition.free(), Err(Error::Busy));
            for i in 0..4 {
                condition.notify(1).unwrap();
                while woken.load(Ordering::SeqCst) != i + 1 {
                    std::thread::yield_now();
                }
            }
        });
        condition.free().unwrap();
        lock.free().unwrap();
    }
}
