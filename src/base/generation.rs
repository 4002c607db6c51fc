//! Generations: what tells the objects apart that a slot has served one after the other.
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

/// The bits of the generation in a handle.
const IN_HANDLE: u64 = 0xffff << 48 | 63;
const ROTATION: u32 = 6;
/// The bits of the generation in a word.
pub const IN_WORD: u64 = IN_HANDLE.rotate_right(ROTATION);

/// What every handle has set.
const MARK: u64 = 1 << 62;
const HIGH_BITS: u32 = 14;
const HIGH: u64 = (1 << HIGH_BITS) - 1;
const LOW: u64 = 63;
const LOW_SHIFT: u32 = 58;
const HIGH_SHIFT: u32 = 42;

/// Whether a value can be a handle: not NULL, not a pointer, not a number that is small or negative.
#[inline]
pub fn has_mark(raw: u64) -> bool {
    raw >> 62 == MARK >> 62
}

/// From a handle to a word.
#[inline]
pub fn in_word(raw: u64) -> u64 {
    (raw & IN_HANDLE).rotate_right(ROTATION)
}

/// From a word to a handle.
pub fn in_handle(word: u64) -> u64 {
    (word & IN_WORD).rotate_left(ROTATION)
}

fn of(high: u64, low: u64) -> u64 {
    MARK.rotate_right(ROTATION) | (high & HIGH) << HIGH_SHIFT | (low & LOW) << LOW_SHIFT
}

/// The first generation of the slot at this address, in its place in a word: each slot has its own, so that
/// a handle's bits do not fit another slot.
pub fn first(address: u64) -> u64 {
    // Fibonacci hashing spreads neighbours over the whole range.
    let hash = (address >> 6).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    of(hash >> (64 - HIGH_BITS), 1 + hash % LOW)
}

/// The generation after that of a word, in its place. Behind the last comes the first.
pub fn next(word: u64) -> u64 {
    let (high, low) = (word >> HIGH_SHIFT, word >> LOW_SHIFT);
    if low == LOW { of(high + 1, 1) } else { of(high, low + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_generation_comes_once_and_then_the_first_again() {
        let mut seen = std::collections::HashSet::new();
        let first = first(0x7f12_3456_7840);
        let mut now = first;
        loop {
            assert!(seen.insert(now));
            assert_eq!(now & !IN_WORD, 0);
            assert_eq!(in_word(in_handle(now)), now);
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
            let handle = in_handle(first(address)) | address;
            assert!(has_mark(handle) && handle as i64 > 0);
            assert_ne!(handle as f64 as u64, handle);
        }
    }

    #[test]
    fn other_values_are_no_handles() {
        for value in [0, 1, 4096, 0x7fff_ffff_ffff, MARK - 1, 1 << 63, u64::MAX, u64::MAX - 63] {
            assert!(!has_mark(value), "{value:#x}");
        }
    }
}
