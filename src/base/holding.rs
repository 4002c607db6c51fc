//! Who holds what: recorded while insight is on.
//!
//! An object remembers its owner, and a thread what it holds, from where, and since when. Only operations of objects
//! with the bit in their word that says so are recorded: while insight wants to know all holders, all locks have it.
//!
//! | | the object's owner | the thread's list |
//! |---|---|---|
//! | acquired | it, once it is acquired | one more entry |
//! | read | | one more entry |
//! | released by its owner | nobody, before it is released | one entry less |
//! | released by another thread | nobody; it is a *signal* from then on | what is left there counts no more |
//! | read, and released by a thread that does not read it | it is a signal | the same |
//!
//! Before its first release nothing tells a signal from a lock.
//!
//! A signal is not owned: nobody is told to hold it, whatever stands here. So an owner that is written late, by a thread
//! from which the lock was taken meanwhile, misleads nobody. What was acquired before insight was on has no owner, and
//! makes nothing a signal.
//!
//! All of it is read without a lock, and may be of different moments: who draws conclusions looks twice.

use crate::base::block::Block;
use crate::base::deadline::now;
use crate::base::handle::{Handle, Object};
use crate::base::insight;
use crate::base::record::{self, Record};
use crate::base::status::Error;
use crate::base::this_thread;
use crate::base::trace::{self, Point};
use crate::base::waiting::{Verb, What};
use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// A type that is held.
pub trait Owned: Object {
    fn holding(&self) -> &Holding;
}

/// An object's part. Relaxed throughout: see above. Not the models': no thread goes another way for it.
pub struct Holding {
    owner: AtomicU64,
    marks: AtomicU32,
    /// The longest that it was held while insight looked, in microseconds.
    longest: AtomicU32,
}

impl fmt::Debug for Holding {
    /// Without its values: they may be written late, also those of an object that has just begun.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Holding")
    }
}

const NOBODY: u64 = 0;
/// A thread without a record: in a signal handler none is made.
const SOMEBODY: u64 = u64::MAX;

/// Was released by another thread than its owner.
const SIGNAL: u32 = 1;
/// Was acquired before anybody looked.
const BEFORE: u32 = 2;
/// Was released while somebody looked.
const RELEASED: u32 = 4;

impl Holding {
    pub const fn unknown() -> Holding {
        Holding { owner: AtomicU64::new(NOBODY), marks: AtomicU32::new(0), longest: AtomicU32::new(0) }
    }

    /// Another object's from now on.
    pub fn reset(&self) {
        self.begin(0);
        self.longest.store(0, Ordering::Relaxed);
    }

    fn begin(&self, marks: u32) {
        self.owner.store(NOBODY, Ordering::Relaxed);
        self.marks.store(marks, Ordering::Relaxed);
    }

    /// The ident of the thread that holds it alone, as far as is known.
    pub fn owner(&self) -> Option<u64> {
        let owner = self.owner.load(Ordering::Relaxed);
        (owner != NOBODY && owner != SOMEBODY && !self.is_signal()).then_some(owner)
    }

    pub fn is_signal(&self) -> bool {
        self.marks.load(Ordering::Relaxed) & SIGNAL != 0
    }

    pub fn was_released(&self) -> bool {
        self.marks.load(Ordering::Relaxed) & RELEASED != 0
    }

    /// In microseconds.
    pub fn longest(&self) -> u32 {
        self.longest.load(Ordering::Relaxed)
    }

    fn held_since(&self, since: u64) {
        if since != 0 {
            let microseconds = now().saturating_sub(since) / 1000;
            self.longest.fetch_max(u32::try_from(microseconds).unwrap_or(u32::MAX), Ordering::Relaxed);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Alone,
    /// Beside others.
    Shared,
}

/// How many objects a thread is known to hold at most.
const MOST: usize = 24;

/// A thread's part. Written by that thread and its signal handlers; read by all.
#[derive(Debug)]
pub struct Held {
    entries: [Entry; MOST],
    /// How many it holds besides.
    others: AtomicU32,
}

#[derive(Debug)]
struct Entry {
    /// The number of the handle; 0 for none.
    handle: AtomicUsize,
    place: AtomicUsize,
    /// 0 if nobody wants to know.
    since: AtomicU64,
}

/// One of what a thread holds, or held before another released it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    pub handle: usize,
    /// The return address of the call; 0 if it is not known.
    pub place: usize,
    since: u64,
}

impl Held {
    pub const fn nothing() -> Held {
        Held { entries: [const { Entry::none() }; MOST], others: AtomicU32::new(0) }
    }

    pub fn clear(&self) {
        for entry in &self.entries {
            entry.handle.store(0, Ordering::Relaxed);
            entry.place.store(0, Ordering::Relaxed);
            entry.since.store(0, Ordering::Relaxed);
        }
        self.others.store(0, Ordering::Relaxed);
    }

    /// In a free entry; or, if there is none, in that of what `is_over`.
    fn add(&self, hold: Hold, is_over: impl Fn(usize) -> bool) {
        let free = self.entries.iter().find(|entry| entry.take(hold.handle, |there| there == 0));
        match free.or_else(|| self.entries.iter().find(|entry| entry.take(hold.handle, &is_over))) {
            Some(entry) => {
                entry.place.store(hold.place, Ordering::Relaxed);
                entry.since.store(hold.since, Ordering::Relaxed);
            }
            None => drop(self.others.fetch_add(1, Ordering::Relaxed)),
        }
    }

    fn remove(&self, handle: usize) -> Option<Hold> {
        let entry = self.entries.iter().find(|entry| entry.handle.load(Ordering::Relaxed) == handle)?;
        let hold = entry.read();
        entry.handle.store(0, Ordering::Relaxed);
        Some(hold)
    }

    /// One of what is in no entry. Whether there was one.
    fn remove_other(&self) -> bool {
        let less = |n: u32| n.checked_sub(1);
        self.others.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    pub fn iter(&self) -> impl Iterator<Item = Hold> {
        self.entries.iter().map(Entry::read).filter(|hold| hold.handle != 0)
    }

    pub fn find(&self, handle: usize) -> Option<Hold> {
        self.iter().find(|hold| hold.handle == handle)
    }
}

impl Entry {
    const fn none() -> Entry {
        Entry { handle: AtomicUsize::new(0), place: AtomicUsize::new(0), since: AtomicU64::new(0) }
    }

    /// Makes it that of another handle, if that which is there may go.
    fn take(&self, handle: usize, may_go: impl Fn(usize) -> bool) -> bool {
        let there = self.handle.load(Ordering::Relaxed);
        // By an exchange: a handler may come between the look and the store.
        may_go(there)
            && self.handle.compare_exchange(there, handle, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    fn read(&self) -> Hold {
        Hold {
            handle: self.handle.load(Ordering::Relaxed),
            place: self.place.load(Ordering::Relaxed),
            since: self.since.load(Ordering::Relaxed),
        }
    }
}

impl<T: Owned> Handle<T> {
    /// The calling thread wants it, and waits as long as it must. Not where there are destructors above: insight may
    /// call code of the user's.
    #[inline]
    pub fn is_wanted(self, verb: Verb) {
        if insight::is_on(insight::ORDER) {
            self.tell_wanted(verb);
        }
    }

    #[cold]
    fn tell_wanted(self, verb: Verb) {
        if let Some((hooks, record)) = insight::told(insight::ORDER).zip(this_thread::current()) {
            if self.check().is_ok() {
                (hooks.goes_for)(record, What::of(verb, self));
            }
        }
    }

    /// The calling thread has waited for it, by this block, whether it has got it or not.
    pub fn has_waited(self, block: &Block) {
        block.count(|| self.alive().map_or(0, |object| object.holding().longest()));
    }

    /// The calling thread has acquired it.
    #[inline]
    pub fn has_acquired(self, how: How) {
        if insight::is_on(insight::SOME_HOLDERS) {
            self.record_acquired(how, this_thread::current());
        }
    }

    /// The same, async-signal-safe.
    #[inline]
    pub fn has_acquired_in_handler(self, how: How) {
        if insight::is_on(insight::SOME_HOLDERS) {
            self.record_acquired(how, this_thread::existing());
        }
    }

    /// The calling thread is about to release it.
    #[inline]
    pub fn releases(self, how: How) {
        if insight::is_on(insight::SOME_HOLDERS) {
            self.record_release(how);
        }
    }

    /// It is free again, whoever held it: in a forked child, where those are no more.
    pub fn forget_holders(self) -> Result<(), Error> {
        self.alive()?.holding().begin(BEFORE);
        if insight::is_on(insight::SOME_HOLDERS) {
            record::each(|record| while record.held.remove(self.number()).is_some() {});
        }
        Ok(())
    }

    #[cold]
    fn record_acquired(self, how: How, record: Option<&'static Record>) {
        self.acquired_after(how);
        let Some(holding) = self.recorded() else { return };
        if how == How::Alone {
            holding.marks.fetch_and(!BEFORE, Ordering::Relaxed);
            holding.owner.store(record.map_or(SOMEBODY, Record::ident), Ordering::Relaxed);
        }
        if let Some(record) = record {
            let since = if insight::is_on(insight::CONTENTION) { now() } else { 0 };
            let hold = Hold { handle: self.number(), place: record.own().called_from.get(), since };
            let hooks = insight::told(insight::SOME_HOLDERS);
            record.held.add(hold, |handle| hooks.is_some_and(|hooks| (hooks.is_over)(handle)));
            trace::held(Point::Acquired, self, if how == How::Alone { 0 } else { record.ident() });
        }
    }

    #[cold]
    fn record_release(self, how: How) {
        self.released_before(how);
        let Some(holding) = self.recorded() else { return };
        let record = this_thread::existing();
        let hold = record.and_then(|record| record.held.remove(self.number()));
        let among = if how == How::Alone { 0 } else { record.map_or(SOMEBODY, Record::ident) };
        let mut known = hold.is_some();
        let mine = match how {
            How::Alone => {
                let owner = holding.owner.swap(NOBODY, Ordering::Relaxed);
                let me = record.map_or(SOMEBODY, Record::ident);
                known = owner != NOBODY;
                if owner == me && hold.is_none() {
                    record.map(|record| record.held.remove_other());
                }
                owner == me
            }
            How::Shared => hold.is_some() || record.is_none_or(|record| record.held.remove_other()),
        };
        if known {
            trace::held(Point::Released, self, among);
        }
        if let Some(hold) = hold.filter(|_| mine) {
            holding.held_since(hold.since);
        }
        let is_signal = !mine && holding.marks.load(Ordering::Relaxed) & BEFORE == 0;
        holding.marks.fetch_or(if is_signal { SIGNAL | RELEASED } else { RELEASED }, Ordering::Relaxed);
        if how == How::Alone {
            holding.marks.fetch_and(!BEFORE, Ordering::Relaxed);
        }
    }

    /// If its operations are recorded.
    fn recorded(self) -> Option<&'static Holding> {
        // SAFETY: it was just seen alive.
        self.is_watched().then(|| unsafe { self.body() }.holding())
    }
}

/// From now on the operations of all objects of a type are recorded: what is held at this moment has no owner.
pub fn begin<T: Owned>() {
    T::arena().each(|slot| {
        // Before the bit: who finds that finds this.
        slot.body.holding().begin(BEFORE);
        slot.watch();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    // The check of a reused slot passes over this.
    #[test]
    fn who_held_the_object_before_is_forgotten() {
        let holding = Holding::unknown();
        holding.owner.store(7, Ordering::Relaxed);
        holding.marks.store(BEFORE, Ordering::Relaxed);
        holding.longest.store(7, Ordering::Relaxed);
        assert_eq!((holding.owner(), holding.longest()), (Some(7), 7));
        holding.reset();
        assert_eq!((holding.owner(), holding.longest()), (None, 0));
        assert_eq!(holding.marks.load(Ordering::Relaxed), 0);
    }
}
