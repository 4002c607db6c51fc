//! Select: one wait for several things, of which exactly one happens.
//!
//! It has no state of its own in any object. To *look* is to try each case as its own try form does, until one
//! happens; between two looks the thread sleeps, and each object tells it when a case may have become possible
//! (`base::watchers`):
//!
//! | step | so that |
//! |---|---|
//! | look | what is possible happens at once |
//! | a watcher for each case, into the lists | what becomes possible from here on is told |
//! | look | what became possible before is found |
//! | sleep on the one bell, look again, and so on | |
//! | all watchers out of the lists; who was told passes on what is left | nothing is lost that this one was woken for |
//!
//! While it is among the watchers it counts as one that waits, by what each object has for that: so a free says that
//! the object is busy. Where it would have to wait for its own thread it says so before it looks.

use crate::base::arena::Resident;
use crate::base::awaited::Waits;
use crate::base::block::Block;
use crate::base::deadline::{Timeout, now};
use crate::base::fence;
use crate::base::handle::Handle;
use crate::base::heap;
use crate::base::spin::Spin;
use crate::base::status::Error;
use crate::base::this_thread;
use crate::base::waiting::{Verb, What};
use crate::base::watchers::{Bell, Key, Sides, Watcher};
use crate::exec::future::Future;
use crate::sync::event::Event;
use crate::sync::lock::Lock;
use crate::sync::queue::{self, Queue};
use crate::sync::rlock::RLock;
use crate::sync::rwlock::{Access, RwLock};
use crate::sync::semaphore::Semaphore;
use crate::sys::quiet::quiet;
use crate::thread::joinable::{Joiner, SeeOut, Thread};
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
enum Try {
    /// Never waits.
    Poll,
    /// A join may see a thread out that has ended.
    Wait,
}

impl Case {
    /// Whether it can ever be: an error if not.
    fn check(self) -> Result<(), Error> {
        match self {
            Case::Lock(lock) => lock.check(),
            Case::RLock(rlock) => rlock.check(),
            Case::Semaphore(semaphore) => semaphore.check(),
            Case::Event(event) => event.check(),
            Case::Get(queue) | Case::Put(queue, _) => queue.check(),
            Case::Access(rwlock, _) => rwlock.check(),
            Case::Join(thread) => thread.check_other(),
            Case::Future(future) => future.check_other(),
        }
    }

    /// What happens now, if anything can. An error: it cannot be any more.
    fn attempt(self, how: Try) -> Result<Option<Outcome>, Error> {
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

    /// Whether it may be possible, for all that can be seen without doing it.
    fn is_possible(self) -> bool {
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

    /// What its watchers are found by.
    fn key(self) -> Result<(Key, Sides), Error> {
        Ok(match self {
            Case::Lock(lock) => (lock.key(), Sides::ONE),
            Case::RLock(rlock) => (rlock.key(), Sides::ONE),
            Case::Semaphore(semaphore) => (semaphore.key(), Sides::ONE),
            Case::Event(event) => (event.key(), Sides::ONE),
            Case::Get(queue) => (queue.alive()?.key(), queue::ITEMS),
            Case::Put(queue, _) => (queue.alive()?.key(), queue::ROOM),
            Case::Access(rwlock, access) => (rwlock.key(), access.side()),
            Case::Join(thread) => (thread.alive()?.key(), Sides::ONE),
            Case::Future(future) => (future.alive()?.key(), Sides::ONE),
        })
    }

    /// Has the object's operations tell: its watcher is in the list.
    fn watch(self) -> Result<Stay, Error> {
        /// For those whose state is in their word, and whose free asks for residents.
        fn stay<T: crate::base::handle::Object>(handle: Handle<T>) -> Result<Resident<T>, Error> {
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
            Case::Join(thread) => {
                let (joins, stays) = thread.watch()?;
                Stay::Thread { _joins: joins, _stays: stays }
            }
            Case::Future(future) => Stay::Future { _waits: future.watch(|_| ())? },
        })
    }
}

/// What makes the thread count as one that waits for an object, until it is dropped.
enum Stay {
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
        _waits: Waits<'static>,
    },
    Thread {
        _joins: Joiner<'static>,
        _stays: Resident<Thread>,
    },
    Future {
        _waits: Option<Waits<'static>>,
    },
}

/// One case of a select that waits.
struct Entry {
    case: Case,
    watcher: Watcher,
    stay: Option<Stay>,
}

/// So many are on the stack.
const FEW: usize = 8;

/// Which case it was, and what has happened.
pub type Chosen = (usize, Outcome);

/// Why nothing has happened, and, where it is the fault of a case, which.
pub type Refused = (Option<usize>, Error);

/// The cases, as they are where the caller has them.
type Cases<'a> = &'a dyn Fn(usize) -> Result<Case, Error>;

/// Waits until one of `n` cases happens.
pub fn select(n: usize, cases: Cases, seconds: f64) -> Result<Chosen, Refused> {
    for i in 0..n {
        cases(i).and_then(Case::check).map_err(|error| (Some(i), error))?;
    }
    let timeout = Timeout::from_seconds(seconds).map_err(|error| (None, error))?;
    if n == 0 && timeout == Timeout::Forever {
        return Err((None, Error::NoCases));
    }
    let how = if timeout == Timeout::Poll { Try::Poll } else { Try::Wait };
    if let Some(chosen) = look(n, cases, how)? {
        return Ok(chosen);
    }
    let block = Block::begin(What::plain(Verb::Select), timeout).map_err(|error| (None, error))?;
    let mut spin = Spin::new();
    while n <= FEW && spin.pause() {
        if let Some(chosen) = look(n, cases, how)? {
            return Ok(chosen);
        }
    }
    let mut few = [const { None }; FEW];
    let mut many = Vec::new();
    if n > FEW {
        heap::reserve(|| many.try_reserve_exact(n)).map_err(|error| (None, error))?;
        many.extend((0..n).map(|_| None));
    }
    let entries = if n > FEW { many.as_mut_slice() } else { few.get_mut(..n).unwrap_or_default() };
    let bell = Bell::silent();
    // SAFETY: the entries are made where they stay, until all are out of the lists again, as the bell, below.
    let result = unsafe { enter(entries, cases, &bell) }.and_then(|()| wait(entries, &bell, &block));
    leave(entries);
    result
}

/// Tries the cases, each as often first as any other, until one happens.
fn look(n: usize, cases: Cases, how: Try) -> Result<Option<Chosen>, Refused> {
    for i in order(n) {
        let happened = cases(i).and_then(|case| case.attempt(how)).map_err(|error| (Some(i), error))?;
        if let Some(outcome) = happened {
            return Ok(Some((i, outcome)));
        }
    }
    Ok(None)
}

/// Puts a watcher for each case into the lists.
///
/// # Safety
/// The entries and the bell stay where they are until `leave`.
unsafe fn enter(entries: &mut [Option<Entry>], cases: Cases, bell: &Bell) -> Result<(), Refused> {
    let quiet = quiet();
    for (i, place) in entries.iter_mut().enumerate() {
        let case = cases(i).map_err(|error| (Some(i), error))?;
        let (key, side) = case.key().map_err(|error| (Some(i), error))?;
        let entry = place.insert(Entry { case, watcher: Watcher::new(key, side, bell), stay: None });
        // SAFETY: as the caller vouches.
        unsafe { entry.watcher.enter(&quiet) };
    }
    drop(quiet);
    for (i, entry) in entries.iter_mut().flatten().enumerate() {
        entry.stay = Some(entry.case.watch().map_err(|error| (Some(i), error))?);
    }
    if asleep_at(entries).next().is_some() {
        // For the queues: see `Queue::watch`.
        fence::heavy();
    }
    // SeqCst: that it watches comes before the next look; see `Thread::tell_of_change`.
    Ok(())
}

/// Sleeps until one happens.
fn wait(entries: &[Option<Entry>], bell: &Bell, block: &Block) -> Result<Chosen, Refused> {
    let look = || {
        bell.silence();
        for i in order(entries.len()) {
            let Some(Some(entry)) = entries.get(i) else { continue };
            entry.watcher.begin_look();
            if let Some(outcome) = entry.case.attempt(Try::Wait).map_err(|error| (Some(i), error))? {
                return Ok(Some((i, outcome)));
            }
        }
        Ok(None)
    };
    loop {
        if let Some(chosen) = look()? {
            return Ok(chosen);
        }
        asleep_at(entries).for_each(|queue| queue.set_asleep(true));
        let wake = bell.sleep(block);
        asleep_at(entries).for_each(|queue| queue.set_asleep(false));
        if wake.ends_wait() {
            if let Some(chosen) = look()? {
                return Ok(chosen);
            }
            if let Some(reason) = block.reason(wake) {
                return Err((None, reason));
            }
        }
    }
}

/// Takes the watchers out of the lists, and tells others of what is left.
fn leave(entries: &mut [Option<Entry>]) {
    let quiet = quiet();
    entries.iter().flatten().for_each(|entry| entry.watcher.leave(&quiet));
    drop(quiet);
    for entry in entries.iter_mut().flatten() {
        entry.stay = None;
        entry.watcher.pass_on(|| entry.case.is_possible());
    }
}

/// The queues that count their sleepers.
fn asleep_at(entries: &[Option<Entry>]) -> impl Iterator<Item = &Queue> {
    entries.iter().flatten().filter_map(|entry| match &entry.stay {
        Some(Stay::Queue(queue)) => Some(&**queue),
        _ => None,
    })
}

/// The numbers below `n`, in an order by chance: the first is any of them as often as any other, and of two neither
/// comes before the other more often. By odd steps around a ring that has a power of two of places, since these meet
/// every place.
fn order(n: usize) -> impl Iterator<Item = usize> {
    let places = n.next_power_of_two();
    let (first, step) = if n > 1 { (draw(n), draw(places) | 1) } else { (0, 1) };
    (0..places).map(move |i| first.wrapping_add(i.wrapping_mul(step)) & (places - 1)).filter(move |i| *i < n)
}

/// A number below `n`, by chance.
fn draw(n: usize) -> usize {
    #[cfg(shuttle)]
    if crate::base::model::inside() {
        return crate::base::model::draw(n as u64) as usize;
    }
    let chance = this_thread::existing().map(|record| &record.own().chance);
    let mut bits = chance.map_or(0, core::cell::Cell::get);
    if bits == 0 {
        bits = now() | 1;
    }
    // Marsaglia's xorshift, which is never 0.
    bits ^= bits << 13;
    bits ^= bits >> 7;
    bits ^= bits << 17;
    if let Some(chance) = chance {
        chance.set(bits);
    }
    // The high half, as a fraction of n.
    (((bits >> 32) * n as u64) >> 32) as usize
}
