//! A table of a fixed size, for what may be asked for under a lock: it takes no memory once it is made.
//!
//! An entry has its place in one of a few, by its key. Where all of them are taken, by objects that live, it is left
//! out, and counted; those of objects that are no more make room.

use crate::base::heap;
use crate::base::mutex::Mutex;
use crate::base::status::Error;
use core::mem;

/// How many places there are for each entry.
const WAYS: usize = 8;

pub trait Entry: Copy {
    const NONE: Self;
    /// 0 for none.
    fn key(&self) -> u64;
    /// Whether that which it tells of is no more.
    fn is_over(&self) -> bool;
}

pub struct Table<E> {
    entries: Vec<E>,
    left_out: u64,
}

impl<E: Entry> Table<E> {
    pub const fn none() -> Table<E> {
        Table { entries: Vec::new(), left_out: 0 }
    }

    /// Gives it room for so many, a multiple of `WAYS`, if it has none yet.
    pub fn prepare(table: &Mutex<Table<E>>, many: usize) -> Result<(), Error> {
        if table.lock().is_none() {
            let fresh = Table::with_room_for(many)?;
            let former = mem::replace(&mut *table.lock(), fresh);
            drop(former);
        }
        Ok(())
    }

    fn with_room_for(many: usize) -> Result<Table<E>, Error> {
        let mut entries = Vec::new();
        heap::reserve(|| entries.try_reserve_exact(many))?;
        entries.resize(many, E::NONE);
        Ok(Table { entries, left_out: 0 })
    }

    pub fn is_none(&self) -> bool {
        self.entries.is_empty()
    }

    fn places(&mut self, key: u64) -> &mut [E] {
        let sets = (self.entries.len() / WAYS).max(1);
        // Fibonacci hashing spreads neighbours over the whole range.
        let set = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % sets;
        self.entries.get_mut(set * WAYS..(set + 1) * WAYS).unwrap_or_default()
    }

    pub fn find(&mut self, key: u64, is: impl Fn(&E) -> bool) -> Option<&mut E> {
        self.places(key).iter_mut().find(|entry| entry.key() == key && is(entry))
    }

    /// The entry, or a new one that is `fresh`; None if there is no room.
    pub fn entry(&mut self, fresh: E, is: impl Fn(&E) -> bool) -> Option<&mut E> {
        let key = fresh.key();
        let places = self.places(key);
        let there = places.iter().position(|entry| entry.key() == key && is(entry));
        let place = there
            .or_else(|| places.iter().position(|entry| entry.key() == 0))
            .or_else(|| places.iter().position(E::is_over));
        let Some(place) = place else {
            self.left_out += 1;
            return None;
        };
        let entry = self.places(key).get_mut(place)?;
        if there.is_none() {
            *entry = fresh;
        }
        Some(entry)
    }

    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.entries.iter().filter(|entry| entry.key() != 0)
    }

    /// How often there was no room.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    struct Number(u64, bool);

    impl Entry for Number {
        const NONE: Number = Number(0, false);
        fn key(&self) -> u64 {
            self.0
        }
        fn is_over(&self) -> bool {
            self.1
        }
    }

    #[test]
    fn what_is_over_makes_room_and_what_is_not_stays() {
        let mut table = Table::with_room_for(WAYS).unwrap();
        for key in 1..=WAYS as u64 {
            assert!(table.entry(Number(key, false), |_| true).is_some());
        }
        assert!(table.entry(Number(3, false), |_| true).is_some());
        assert!(table.entry(Number(100, false), |_| true).is_none());
        assert_eq!(table.left_out(), 1);
        table.find(4, |_| true).unwrap().1 = true;
        assert!(table.entry(Number(100, false), |_| true).is_some());
        assert!(table.find(4, |_| true).is_none());
        assert_eq!(table.iter().count(), WAYS);
    }
}
