//! Two locks that are acquired in both orders, at whatever times: two threads that do so at once may wait for each
//! other for ever.
//!
//! Each time that a thread goes for a lock, and would wait for it without bound, what it holds is remembered with
//! that as a pair. The first time that the pair comes the other way round, it is told. Readers of a read-write lock are
//! in nobody's way but a writer's.

use crate::base::handle::{Any, Kind};
use crate::base::mutex::Mutex;
use crate::base::record::Record;
use crate::base::status::Error;
use crate::base::waiting::{Verb, What};
use crate::insight::found::{self, Part};
use crate::insight::holder;
use crate::insight::table::{Entry, Table};

/// How many pairs are remembered.
const PAIRS: usize = 4096;

static ORDERS: Mutex<Table<Pair>> = Mutex::new(Table::none());

/// One was held when the other was acquired.
#[derive(Clone, Copy)]
struct Pair {
    held: What,
    wanted: What,
    /// In which ways: a bit for each, by whether they were shared.
    ways: u8,
    told: bool,
    /// Whether another thread did so too.
    by_others: bool,
    /// How it was the first time.
    thread: u64,
    held_from: usize,
    wanted_from: usize,
}

impl Entry for Pair {
    const NONE: Pair = {
        let none = What { verb: Verb::Acquire, kind: None, handle: 0 };
        Pair {
            held: none,
            wanted: none,
            ways: 0,
            told: false,
            by_others: false,
            thread: 0,
            held_from: 0,
            wanted_from: 0,
        }
    };

    /// The same for both orders.
    fn key(&self) -> u64 {
        (self.held.handle as u64).wrapping_add(self.wanted.handle as u64)
    }

    fn is_over(&self) -> bool {
        [self.held, self.wanted].iter().any(|what| Any::numbered(what.handle).is_none())
    }
}

impl Pair {
    fn is(&self, held: What, wanted: What) -> bool {
        self.held.handle == held.handle && self.wanted.handle == wanted.handle
    }
}

/// Where it is in `Pair::ways`.
fn way(held_shared: bool, wanted_shared: bool) -> u8 {
    1 << (u8::from(held_shared) << 1 | u8::from(wanted_shared))
}

/// Those ways the other way round that are in the way of this one: not where both only read the same.
fn conflicts(held_shared: bool, wanted_shared: bool) -> u8 {
    let mut conflicting = 0;
    for (their_held, their_wanted) in [(false, false), (false, true), (true, false), (true, true)] {
        if !(held_shared && their_wanted || wanted_shared && their_held) {
            conflicting |= way(their_held, their_wanted);
        }
    }
    conflicting
}

/// Makes the table, if there is none.
pub fn prepare() -> Result<(), Error> {
    Table::prepare(&ORDERS, PAIRS)
}

/// A thread is about to acquire: see above. May call the hook, so nothing above has a destructor.
pub fn goes_for(record: &'static Record, wanted: What) {
    // What it holds itself, another thread is to release: a signal, though nobody knows so far.
    if holder::is_signal(wanted.handle) || holder::alone(wanted) == Some(record.ident()) {
        return;
    }
    for hold in record.held.iter() {
        let Some(object) = Any::numbered(hold.handle).filter(|_| hold.handle != wanted.handle) else {
            continue;
        };
        let held = What { verb: Verb::Acquire, kind: Some(object.kind()), handle: hold.handle };
        let alone = holder::alone(held) == Some(record.ident());
        let shared = !alone && object.kind() == Kind::RwLock;
        if holder::is_signal(hold.handle) || !alone && !shared {
            continue;
        }
        let pair = Pair {
            held,
            wanted,
            ways: 0,
            told: false,
            by_others: false,
            thread: record.ident(),
            held_from: hold.place,
            wanted_from: record.own().called_from.get(),
        };
        if let Some(other) = note(pair, shared, wanted.verb == Verb::Read) {
            found::order(record, &[part(&pair, false), part(&other, true)]);
        }
    }
}

/// Remembers a pair; the same the other way round, if that is to be told now.
fn note(pair: Pair, held_shared: bool, wanted_shared: bool) -> Option<Pair> {
    let mut orders = ORDERS.lock();
    let noted = orders.entry(pair, |known| known.is(pair.held, pair.wanted))?;
    noted.ways |= way(held_shared, wanted_shared);
    noted.by_others |= noted.thread != pair.thread;
    let told = noted.told;
    let key = pair.key();
    let other = orders.find(key, |known| known.is(pair.wanted, pair.held))?;
    if told || other.told || other.ways & conflicts(held_shared, wanted_shared) == 0 {
        return None;
    }
    // It may hold a signal that is new: then that was the other order, in which it waited for nobody.
    let is_its_own = other.thread == pair.thread && !other.by_others;
    if is_its_own && holder::may_become_signal(pair.held.handle) {
        return None;
    }
    other.told = true;
    Some(*other)
}

fn part(pair: &Pair, earlier: bool) -> Part {
    Part {
        thread: pair.thread,
        holds: pair.held,
        wants: pair.wanted,
        held_from: pair.held_from,
        wanted_from: pair.wanted_from,
        earlier,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_in_nobodys_way_but_a_writers() {
        // Both read A: one that holds it, and one that wants it.
        assert_eq!(conflicts(true, false) & way(false, true), 0);
        assert_ne!(conflicts(true, false) & way(false, false), 0);
        assert_eq!(conflicts(false, false), 0b1111);
        assert_eq!(conflicts(true, true), way(false, false));
    }
}
