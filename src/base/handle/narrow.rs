//! Handles of 32 bits: the number of a chunk, of a slot in it, and a generation, which tells the objects apart that
//! the slot has served one after the other.
//!
//! ```text
//! handle   31  0 | 30..19 chunk | 18..11 slot | 10..0 generation
//! word     63..42 the low 22 bits of the handle | 41..0 kind and state
//! ```
//!
//! Chunks have numbers from 1 on, so a handle, taken as a number, is positive and at least 2^19. The table says where
//! the chunk is that a number stands for, if there is one: any value at all may be asked about. A pointer is a
//! number that no chunk has, as long as there are few; and were it one, what is behind it is a slot's word, which
//! has the low 22 bits of one handle, and that is it.
//!
//! There are 4,095 chunks of 256 slots, for all types together: 1,048,320 objects at once. A slot serves 2,048.

use crate::base::atomic::{AtomicUsize, Ordering};
use crate::base::chunk::HEADER;
use crate::base::status::Error;
use core::ffi::c_void;
use core::ptr;

const GENERATION_BITS: u32 = 11;
const SLOT_BITS: u32 = 8;
const CHUNK_BITS: u32 = 12;
const SLOT_SHIFT: u32 = GENERATION_BITS;
const CHUNK_SHIFT: u32 = SLOT_SHIFT + SLOT_BITS;
const GENERATION: u32 = (1 << GENERATION_BITS) - 1;
const SLOTS: usize = 1 << SLOT_BITS;

const WORD_SHIFT: u32 = 42;
/// The bits of the handle in a word.
pub const IN_WORD: u64 = u64::MAX << WORD_SHIFT;

/// The chunks by their numbers: each one's address, and in the bits that a page's address leaves, how many lines of
/// 64 bytes a slot has. 0 is none, and number 0 is nobody's.
static CHUNKS: [AtomicUsize; 1 << CHUNK_BITS] = [const { AtomicUsize::new(0) }; 1 << CHUNK_BITS];
const LINE: usize = 64;
const LINES: usize = 4095;

/// The next number to be tried.
static NEXT: AtomicUsize = AtomicUsize::new(1);

/// How many bytes a chunk has, and how many slots of a size are in it: those that a handle can tell apart.
pub fn chunk(_before: usize, slot: usize) -> (usize, usize) {
    ((HEADER + SLOTS * slot).next_multiple_of(LINES + 1), SLOTS)
}

/// What the handles of a slot have in common: that with generation 0. Of a chunk, that of its first slot.
#[derive(Clone, Copy)]
pub struct Place(u32);

impl Place {
    /// A number for a new chunk. NoMemory if there is none left.
    pub fn of_chunk(chunk: *const c_void, slot: usize) -> Result<Place, Error> {
        debug_assert!(slot % LINE == 0 && slot / LINE <= LINES && chunk.addr() & LINES == 0);
        let entry = chunk.expose_provenance() | (slot / LINE);
        // Relaxed: a hint.
        let from = NEXT.load(Ordering::Relaxed);
        let numbers = (from..CHUNKS.len()).chain(1..from);
        for (number, place) in numbers.filter_map(|number| Some((number, CHUNKS.get(number)?))) {
            // Relaxed: only that each is taken once matters; see `Raw::from_c`.
            if place.compare_exchange(0, entry, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                NEXT.store(number + 1, Ordering::Relaxed);
                return Ok(Place((number as u32) << CHUNK_SHIFT));
            }
        }
        Err(Error::NoMemory)
    }

    /// Of a chunk that nobody has seen: the number is another's.
    pub fn give_up(self) {
        let number = (self.0 >> CHUNK_SHIFT) as usize;
        if let Some(place) = CHUNKS.get(number) {
            place.store(0, Ordering::Relaxed);
            NEXT.fetch_min(number, Ordering::Relaxed);
        }
    }

    /// That of a slot of the chunk.
    pub fn at(self, index: usize) -> Place {
        Place(self.0 | (index as u32) << SLOT_SHIFT)
    }

    /// The first generation of the slot there, in its place in a word.
    pub fn first(self, _slot: *const c_void) -> u64 {
        u64::from(self.0) << WORD_SHIFT
    }
}

/// The generation after that of a word, in its place. Behind the last comes the first.
pub fn next(word: u64) -> u64 {
    let generation = u64::from(GENERATION) << WORD_SHIFT;
    word & (IN_WORD & !generation) | word.wrapping_add(1 << WORD_SHIFT) & generation
}

/// A handle's value.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Raw(u32);

impl Raw {
    /// None for what cannot be a handle: NULL, a number that is small or negative, or of no chunk.
    #[inline]
    pub fn from_c(value: *const c_void) -> Option<Raw> {
        let raw = Raw(u32::try_from(value.addr()).ok()?);
        (raw.entry() != 0).then_some(raw)
    }

    #[inline]
    pub fn number(self) -> usize {
        self.0 as usize
    }

    /// That of the slot, with the generation of a word.
    pub fn of(place: Place, _slot: *const c_void, word: u64) -> Raw {
        Raw(place.0 | (word >> WORD_SHIFT) as u32 & GENERATION)
    }

    #[inline]
    fn entry(self) -> usize {
        // Relaxed: who was given a handle sees the chunk that it is of; and for who has made one up, a new chunk is as
        // good as none.
        CHUNKS.get((self.0 >> CHUNK_SHIFT) as usize).map_or(0, |chunk| chunk.load(Ordering::Relaxed))
    }

    /// Where the slot is.
    #[inline]
    pub fn slot(self) -> *const c_void {
        let (chunk, lines) = (self.entry() & !LINES, self.entry() & LINES);
        let index = (self.0 >> SLOT_SHIFT) as usize % SLOTS;
        ptr::with_exposed_provenance(chunk + HEADER + index * lines * LINE)
    }

    /// What of the handle is in the slot's word, in its place.
    #[inline]
    pub fn in_word(self) -> u64 {
        u64::from(self.0) << WORD_SHIFT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 192;

    fn named(value: usize) -> Option<Raw> {
        Raw::from_c(ptr::without_provenance(value))
    }

    // The addresses are those of nothing: no test looks behind them.
    fn with_chunk(f: impl FnOnce(usize, Place)) {
        let address = 0x5555_5000;
        let place = Place::of_chunk(ptr::without_provenance(address), SIZE).unwrap();
        f(address, place);
        place.give_up();
    }

    #[test]
    #[cfg_attr(miri, ignore = "thousands of numbers, and no memory")]
    fn every_generation_comes_once_and_then_the_first_again() {
        with_chunk(|_, place| {
            let mut seen = std::collections::HashSet::new();
            let slot = ptr::null();
            let first = place.at(5).first(slot);
            let mut now = first;
            loop {
                assert!(seen.insert(now));
                assert_eq!(now & !IN_WORD, 0);
                assert_eq!(Raw::of(place.at(5), slot, now).in_word(), now);
                now = next(now | 0x1f_1234_5678);
                if now == first {
                    break;
                }
            }
            assert_eq!(seen.len(), 2048);
        });
    }

    #[test]
    fn a_handle_leads_to_its_slot_and_is_a_positive_number() {
        with_chunk(|address, place| {
            for index in (0..SLOTS).step_by(if cfg!(miri) { SLOTS - 1 } else { 1 }) {
                let slot = ptr::without_provenance(address + HEADER + index * SIZE);
                let handle = Raw::of(place.at(index), slot, place.at(index).first(slot)).number();
                assert!(handle as i32 > 0 && handle >= 1 << 19);
                for generation in [0, 1, GENERATION as usize] {
                    assert_eq!(named(handle | generation).map(Raw::slot), Some(slot));
                }
            }
            let bytes = chunk(0, SIZE).0;
            assert!(HEADER + SLOTS * SIZE <= bytes && bytes % 4096 == 0);
        });
    }

    #[test]
    fn other_values_are_no_handles() {
        for value in [0, 1, 4096, (1 << 19) - 1, 1 << 31, u32::MAX as usize, i32::MAX as usize] {
            assert!(named(value).is_none(), "{value:#x}");
        }
    }

    #[test]
    fn the_number_of_a_chunk_that_was_given_up_is_nobodys() {
        let place = Place::of_chunk(ptr::without_provenance(0x7000), 64).unwrap();
        assert!(named(place.0 as usize).is_some());
        place.give_up();
        assert!(named(place.0 as usize).is_none_or(|other| other.slot().addr() != 0x7000 + HEADER));
    }
}
