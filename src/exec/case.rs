//! A case: one of the things that a select waits for, as each type of object sees it.
//!
//! | | |
//! |---|---|
//! | `check` | whether it can ever be |
//! | `attempt` | does it, if that is possible now: what its own try form does |
//! | `watch` | has the object's operations tell, and counts as one that waits |
//! | `stand_in_line` | for who was told in vain for too long: a place in the object's line, where it has one |

use crate::base::arena::Resident;
use crate::base::awaited::Waiting;
use crate::base::fence;
use crate::base::handle::{Handle, Object};
use crate::base::status::Error;
use crate::base::watchers::{self, Key, Sides};
use crate::exec::future::Future;
use crate::sync::event::Event;
use crate::sync::lock::Lock;
use crate::sync::queue::{self, Queue};
use crate::sync::rlock::RLock;
use crate::sync::rwlock::{Access, RwLock};
use crate::sync::semaphore::Semaphore;
use crate::sync::waiters::Waiter;
use crate::thread::joinable::{SeeOut, Thread};
use core::ffi::c_void;

/// What may happen.
#[derive(Clone, Copy, Debug)]
pub enum Case {
    Lock(Handle<Lock>),
    RLock(Handle<RLock>),
    Semaphore(Handle<Semaphore>),
    Event(Handle<Event>),
    Get(Handle<Queue>),
    Put(Handle<Queue>, *mut c_void),
    Access(Handle<RwLock>, Access),
    Join(Handle<Thread>),
    Future(Handle<Future>),
}

/// What has happened: what the case's own call would have returned, and the item of a get.
pub type Outcome = Result<Option<*mut c_void>, Error>;

/// How a case is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Try {
    /// Never waits.
    Poll,
    /// A join may see a thread out that has ended.
    Wait,
}

impl Case {
    /// Whether it can ever be: an error if not.
    #[inline(never)]
    pub fn check(self) -> Result<(), Error> {
        match self {
            Case::Join(thread) => thread.check_other(),
            Case::Future(future) => future.check_other(),
            _ => self.check_handle(),
        }
    }

    /// What happens now, if anything can. An error: it cannot be any more.
    #[inline(never)]
    pub fn attempt(self, how: Try) -> Result<Option<Outcome>, Error> {
        let result = match self {
            Case::Lock(lock) => lock.try_acquire().map(|()| None),
            Case::RLock(rlock) => rlock.try_enter().map(|()| None),
            Case::Semaphore(semaphore) => semaphore.try_acquire().map(|()| None),
            Case::Event(event) => event.try_wait().map(|()| None),
            Case::Get(queue) => queue.try_get().map(Some),
            Case::Put(queue, item) => queue.try_put(item).map(|()| None),
            Case::Access(rwlock, access) => rwlock.try_acquire(access).map(|()| None),
            Case::Join(thread) => thread
                .join_if_finished(if how == Try::Poll { SeeOut::IfOut } else { SeeOut::Wait })
                .map(|()| None),
            Case::Future(future) => future.try_result().map(|_| None),
        };
        match result {
            Ok(item) => Ok(Some(Ok(item))),
            Err(Error::Busy | Error::Empty | Error::Full) => Ok(None),
            Err(answer @ (Error::Closed | Error::Failed | Error::Cancelled)) => Ok(Some(Err(answer))),
            Err(error) => Err(error),
        }
    }

    /// The same for one that was refused before: meanwhile somebody may have freed a queue, and its cells, of which a
    /// resident is told.
    pub fn attempt_again(self, how: Try) -> Result<Option<Outcome>, Error> {
        let _stays = match self {
            Case::Get(queue) | Case::Put(queue, _) => Some(queue.reside()?),
            _ => None,
        };
        self.attempt(how)
    }

    /// Whether it may be possible, for all that can be seen without doing it.
    #[inline(never)]
    pub fn is_possible(self) -> bool {
        let possible = match self {
            Case::Lock(lock) => lock.locked().map(|locked| !locked),
            Case::RLock(rlock) => rlock.locked().map(|locked| !locked),
            Case::Semaphore(semaphore) => semaphore.value().map(|value| value > 0),
            Case::Event(event) => event.is_set(),
            Case::Get(queue) => queue.is_open(queue::ITEMS),
            Case::Put(queue, _) => queue.is_open(queue::ROOM),
            Case::Access(rwlock, access) => rwlock.is_open(access),
            Case::Join(thread) => thread.is_over(),
            Case::Future(future) => future.is_over(),
        };
        possible.unwrap_or(false)
    }

    /// Whether the object has a line that something is given to, past those who only try.
    pub fn has_line(self) -> bool {
        matches!(self, Case::Lock(_) | Case::RLock(_) | Case::Semaphore(_) | Case::Access(..))
    }

    /// What its watchers are found by.
    #[inline(never)]
    pub fn key(self) -> (Key, Sides) {
        match self {
            Case::Lock(lock) => (lock.key(), Sides::ONE),
            Case::RLock(rlock) => (rlock.key(), Sides::ONE),
            Case::Semaphore(semaphore) => (semaphore.key(), Sides::ONE),
            Case::Event(event) => (event.key(), Sides::ONE),
            Case::Get(queue) => (queue.key(), queue::ITEMS),
            Case::Put(queue, _) => (queue.key(), queue::ROOM),
            Case::Access(rwlock, access) => (rwlock.key(), access.side()),
            Case::Join(thread) => (thread.key(), Sides::ONE),
            Case::Future(future) => (future.key(), Sides::ONE),
        }
    }

    /// Whether the object is alive.
    pub fn check_handle(self) -> Result<(), Error> {
        match self {
            Case::Lock(lock) => lock.check(),
            Case::RLock(rlock) => rlock.check(),
            Case::Semaphore(semaphore) => semaphore.check(),
            Case::Event(event) => event.check(),
            Case::Get(queue) | Case::Put(queue, _) => queue.check(),
            Case::Access(rwlock, _) => rwlock.check(),
            Case::Join(thread) => thread.check(),
            Case::Future(future) => future.check(),
        }
    }

    /// Has the object's operations tell, and its free too: for a watch, which counts as nobody that waits. It is in the
    /// list.
    pub fn be_watched(self) -> Result<(), Error> {
        match self {
            Case::Lock(lock) => lock.set_watched(),
            Case::RLock(rlock) => rlock.set_watched(),
            Case::Semaphore(semaphore) => semaphore.set_watched(),
            Case::Event(event) => event.set_watched(),
            Case::Get(queue) | Case::Put(queue, _) => {
                queue.set_watched()?;
                drop(queue.watch(self.key().1)?);
                // See `Queue::watch`.
                fence::heavy();
                Ok(())
            }
            Case::Access(rwlock, _) => rwlock.set_watched(),
            Case::Join(thread) => thread.set_watched(),
            Case::Future(future) => {
                future.set_watched()?;
                future.watch(|_| ()).map(drop)
            }
        }
    }

    /// It was found not to be possible: tells those who are to know that.
    pub fn lull(self) {
        let (key, side) = self.key();
        watchers::lull(key, side, &|| self.is_possible());
    }

    /// Where it is possible but for a thread's last few steps, sees them out, so that its try form does not fail for them.
    pub fn settle(self) {
        if let Case::Join(thread) = self {
            let _ = thread.join_if_finished(SeeOut::Wait);
        }
    }

    /// Has the object's operations tell: its watcher is in the list.
    #[inline(never)]
    pub fn watch(self) -> Result<Stay, Error> {
        /// For those whose state is in their word, and whose free asks for residents.
        fn stay<T: Object>(handle: Handle<T>) -> Result<Resident<T>, Error> {
            let resident = handle.reside()?;
            handle.set_watched()?;
            Ok(resident)
        }
        Ok(match self {
            Case::Lock(lock) => Stay::Lock { _stays: stay(lock)? },
            Case::RLock(rlock) => Stay::RLock { _stays: stay(rlock)? },
            Case::Semaphore(semaphore) => Stay::Semaphore { _stays: stay(semaphore)? },
            Case::Event(event) => Stay::Event { _stays: stay(event)? },
            Case::Get(queue) => Stay::Queue(queue.watch(queue::ITEMS)?),
            Case::Put(queue, _) => Stay::Queue(queue.watch(queue::ROOM)?),
            Case::Access(rwlock, _) => Stay::RwLock { _waits: rwlock.watch()? },
            Case::Join(thread) => Stay::Thread { _waits: thread.watch()? },
            Case::Future(future) => Stay::Future { _waits: future.watch(|_| ())? },
        })
    }

    /// Stands in the object's line, or does it: then true. Busy if it has no line, or no place there. The thread counts
    /// as one that waits for the object, as for the next two.
    ///
    /// # Safety
    /// What is put into `place` stays where it is until it is served, or stands there no more.
    pub unsafe fn stand_in_line(self, place: &mut Option<Waiter>) -> Result<bool, Error> {
        match self {
            Case::Lock(lock) => lock.stand_in_line(),
            Case::RLock(rlock) => rlock.stand_in_line().and_then(|served| entered(rlock, served)),
            Case::Semaphore(semaphore) => semaphore.stand_in_line(),
            Case::Access(rwlock, access) => {
                let waiter = place.insert(Handle::<RwLock>::waiter(access));
                // SAFETY: as the caller vouches.
                unsafe { rwlock.stand_in_line(waiter, access) }
            }
            _ => Err(Error::Busy),
        }
    }

    /// Whether who stands there was served: then it has happened.
    pub fn is_served(self, place: &Option<Waiter>) -> Result<bool, Error> {
        match self {
            Case::Lock(lock) => lock.is_served(),
            Case::RLock(rlock) => rlock.is_served().and_then(|served| entered(rlock, served)),
            Case::Semaphore(semaphore) => semaphore.is_served(),
            Case::Access(rwlock, access) => {
                let served = place.as_ref().is_some_and(|waiter| waiter.served().is_some());
                if served {
                    rwlock.was_served(access);
                }
                Ok(served)
            }
            _ => Ok(false),
        }
    }

    /// Stands there no more. Whether it was served after all.
    pub fn stand_down(self, place: &Option<Waiter>) -> Result<bool, Error> {
        match (self, place) {
            (Case::Lock(lock), _) => lock.stand_down(),
            (Case::RLock(rlock), _) => rlock.stand_down().and_then(|served| entered(rlock, served)),
            (Case::Semaphore(semaphore), _) => semaphore.stand_down(),
            (Case::Access(rwlock, _), Some(waiter)) => rwlock.stand_down(waiter),
            _ => Ok(false),
        }
    }
}

fn entered(rlock: Handle<RLock>, served: bool) -> Result<bool, Error> {
    if served {
        rlock.enter_served()?;
    }
    Ok(served)
}

/// What makes the thread count as one that waits for an object, until it is dropped.
pub enum Stay {
    Lock {
        _stays: Resident<Lock>,
    },
    RLock {
        _stays: Resident<RLock>,
    },
    Semaphore {
        _stays: Resident<Semaphore>,
    },
    Event {
        _stays: Resident<Event>,
    },
    /// Only while it sleeps: see `Queue::set_asleep`.
    Queue(Resident<Queue>),
    RwLock {
        _waits: Waiting<RwLock>,
    },
    Thread {
        _waits: Waiting<Thread>,
    },
    Future {
        _waits: Option<Waiting<Future>>,
    },
}
