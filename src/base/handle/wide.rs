//! Handles of 64 bits: the address of a slot, and a generation, which tells the objects apart that the slot has
//! served one after the other.
//!
//! A generation has 20 bits, which lie where a handle and a word have room for them:
//!
//! ```text
//! handle   63..48  0 1 high | 47..6 address of the slot | 5..0 low
//! word     63..58 low | 57..42  0 1 high | 41..0 kind and state
//! ```
//!
//! So the one is the other, rotated. A handle, taken as a number, is positive and at least 2^62. Between
//! 2^62 and 2^63 a double knows the multiples of 1,024, and `low` is never 0: a handle that went through a
//! double is another number, and names nothing, whatever slot it falls on.

use crate::base::chunk::HEADER;
use crate::base::status::Error;
use core::ffi::c_void;
use core::ptr;

/// The bits of the generation in a handle.
const IN_HANDLE: u64 = 0xffff << 48 | 63;
const ROTATION: u32 = 6;
/// The bits of the generation in a word.
pub const IN_WORD: u64 = IN_HANDLE.rotate_right(ROTATION);
/// The address's part of a handle: slots are aligned.
const ADDRESS_MASK: u64 = (1 << 48) - 64;

/// What every handle has set.
const MARK: u64 = 1 << 62;
const HIGH_BITS: u32 = 14;
const HIGH: u64 = (1 << HIGH_BITS) - 1;
const LOW: u64 = 63;
const LOW_SHIFT: u32 = 58;
const HIGH_SHIFT: u32 = 42;

/// The first chunk of an arena has so many bytes, and each that follows twice as many as the one before, up to
/// the largest: multiples of any page.
const FIRST: usize = 16 << 10;
const LARGEST: usize = 1 << 20;

/// So many bytes behind the slots serve nobody: a handle that was rounded up is still an address of the chunk.
const MARGIN: usize = 512;

/// How many bytes the chunk has that follows one of so many, or of 0, and how many slots of a size are in it.
pub fn chunk(before: usize, slot: usize) -> (usize, usize) {
    let bytes = if before == 0 { FIRST } else { (before * 2).min(LARGEST) };
    (bytes, (bytes - HEADER - MARGIN) / slot)
}

/// What a handle has of its slot besides the address: nothing.
#[derive(Clone, Copy)]
pub struct Place;

impl Place {
    /// That of a new chunk. NoMemory if its slots could not be named.
    pub fn of_chunk(chunk: *const c_void, _slot: usize) -> Result<Place, Error> {
        if chunk.expose_provenance() >> 48 == 0 { Ok(Place) } else { Err(Error::NoMemory) }
    }

    /// Of a chunk that nobody has seen.
    pub fn give_up(self) {}

    /// That of a slot of the chunk.
    pub fn at(self, _index: usize) -> Place {
        self
    }

    /// The first generation of the slot there, in its place in a word: each slot has its own, so that a handle's
    /// bits do not fit another slot.
    pub fn first(self, slot: *const c_void) -> u64 {
        // Fibonacci hashing spreads neighbours over the whole range.
        let hash = (slot.addr() as u64 >> 6).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        of(hash >> (64 - HIGH_BITS), 1 + hash % LOW)
    }
}

fn of(high: u64, low: u64) -> u64 {
    MARK.rotate_right(ROTATION) | (high & HIGH) << HIGH_SHIFT | (low & LOW) << LOW_SHIFT
}

/// The generation after that of a word, in its place. Behind the last comes the first.
pub fn next(word: u64) -> u64 {
    let (high, low) = (word >> HIGH_SHIFT, word >> LOW_SHIFT);
    if low == LOW { of(high + 1, 1) } else { of(high, low + 1) }
}

/// A handle's value.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Raw(u64);

impl Raw {
    /// None for what cannot be a handle: NULL, a pointer, a number that is small or negative.
    #[inline]
    pub fn from_c(value: *const c_void) -> Option<Raw> {
        let raw = value as u64;
        (raw >> 62 == MARK >> 62).then_some(Raw(raw))
    }

    #[inline]
    pub fn number(self) -> usize {
        self.0 as usize
    }

    /// That of the slot, with the generation of a word.
    pub fn of(_place: Place, slot: *const c_void, word: u64) -> Raw {
        Raw((word & IN_WORD).rotate_left(ROTATION) | slot.expose_provenance() as u64)
    }

    /// Where the slot is.
    #[inline]
    pub fn slot(self) -> *const c_void {
        ptr::with_exposed_provenance((self.0 & ADDRESS_MASK) as usize)
    }

    /// The generation, in its place in a word.
    #[inline]
    pub fn in_word(self) -> u64 {
        (self.0 & IN_HANDLE).rotate_right(ROTATION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(address: u64) -> *const c_void {
        ptr::without_provenance(address as usize)
    }

    #[test]
    #[cfg_attr(miri, ignore = "a million numbers, and no memory")]
    fn every_generation_comes_once_and_then_the_first_again() {
        let mut seen = std::collections::HashSet::new();
        let slot = slot(0x7f12_3456_7840);
        let first = Place.first(slot);
        let mut now = first;
        loop {
            assert!(seen.insert(now));
            assert_eq!(now & !IN_WORD, 0);
            assert_eq!(Raw::of(Place, slot, now).in_word(), now);
            now = next(now);
            if now == first {
                break;
            }
        }
        assert_eq!(seen.len(), 63 << 14);
    }

    #[test]
    fn a_handle_is_a_positive_number_that_no_double_knows() {
        for address in (0x7fff_0000_0000_u64..0x7fff_0001_0000).step_by(64) {
            let slot = slot(address);
            let handle = Raw::of(Place, slot, Place.first(slot)).number();
            assert_eq!(Raw::from_c(ptr::without_provenance(handle)).map(Raw::slot), Some(slot));
            assert!(handle as i64 > 0);
            assert_ne!(handle as f64 as usize, handle);
        }
    }

    #[test]
    fn other_values_are_no_handles() {
        for value in [0, 1, 4096, 0x7fff_ffff_ffff, MARK - 1, 1 << 63, u64::MAX, u64::MAX - 63] {
            assert!(Raw::from_c(slot(value)).is_none(), "{value:#x}");
        }
    }

    #[test]
    fn a_chunk_has_room_for_a_slot_that_was_rounded_up() {
        let mut bytes = 0;
        for _ in 0..10 {
            let slots;
            (bytes, slots) = chunk(bytes, 192);
            let last = HEADER + (slots - 1) * 192;
            assert!(((last + 512) & !1023) + 8 <= bytes);
        }
        assert_eq!(bytes, LARGEST);
    }
}
