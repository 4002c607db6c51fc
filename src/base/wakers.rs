//! Who has woken whom: a waker leaves word where a sleeper looks once it is up, for the arrows of a trace.
//!
//! There are a few places, by the address that is slept on. Who comes later writes over what was there; so of two that
//! wake at one address at once, the later one is told for both. Who finds a place in use goes by it, and so does a
//! handler that interrupts its thread there: then one arrow is missing, and none is wrong.

use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

const PLACES: usize = 256;

struct Place {
    /// Odd while somebody writes.
    version: AtomicU32,
    address: AtomicUsize,
    ident: AtomicU64,
    when: AtomicU64,
}

// Not the models': no thread goes another way for what stands here.
static ALL: [Place; PLACES] = [const { Place::empty() }; PLACES];

impl Place {
    const fn empty() -> Place {
        Place {
            version: AtomicU32::new(0),
            address: AtomicUsize::new(0),
            ident: AtomicU64::new(0),
            when: AtomicU64::new(0),
        }
    }

    fn of(address: usize) -> Option<&'static Place> {
        // Fibonacci hashing: words are neighbours.
        let spread = (address as u64 >> 2).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        ALL.get(spread as usize % PLACES)
    }
}

/// The thread with this ident is about to wake whoever sleeps there. Before it wakes.
pub fn leave_word(address: usize, ident: u64, when: u64) {
    let Some(place) = Place::of(address).filter(|_| ident != 0) else { return };
    let version = place.version.load(Ordering::Relaxed);
    // Acquire: what is written below comes after. The rest as in `base::waiting`.
    let taken = version % 2 == 0
        && place.version.compare_exchange(version, version | 1, Ordering::Acquire, Ordering::Relaxed).is_ok();
    if taken {
        fence(Ordering::Release);
        place.address.store(address, Ordering::Relaxed);
        place.ident.store(ident, Ordering::Relaxed);
        place.when.store(when, Ordering::Relaxed);
        place.version.store(version.wrapping_add(2), Ordering::Release);
    }
}

/// Who was the last to wake there, after this time, and when.
pub fn read_word(address: usize, since: u64) -> Option<(u64, u64)> {
    let place = Place::of(address)?;
    // Acquire, and the fence below: as in `base::waiting`.
    let version = place.version.load(Ordering::Acquire);
    let found = place.address.load(Ordering::Relaxed);
    let (ident, when) = (place.ident.load(Ordering::Relaxed), place.when.load(Ordering::Relaxed));
    fence(Ordering::Acquire);
    let whole = version % 2 == 0 && place.version.load(Ordering::Relaxed) == version;
    (whole && found == address && when >= since).then_some((ident, when))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_is_read_by_who_sleeps_there_and_slept_before_it() {
        let word = 0;
        let address = core::ptr::from_ref(&word).addr();
        leave_word(address, 7, 100);
        leave_word(address, 8, 101);
        assert_eq!(read_word(address, 101), Some((8, 101)));
        assert_eq!(read_word(address, 102), None);
        assert_eq!(read_word(address + 4, 0), None);
    }

    #[test]
    fn a_word_is_read_whole_or_not_at_all() {
        const READS: u64 = if cfg!(miri) { 500 } else { 100_000 };
        let word = 0;
        let address = core::ptr::from_ref(&word).addr();
        std::thread::scope(|threads| {
            for start in [1, 2] {
                threads.spawn(move || {
                    (start..2 * READS).step_by(2).for_each(|n| leave_word(address, n, n * 3));
                });
            }
            for _ in 0..READS {
                if let Some((ident, when)) = read_word(address, 0) {
                    assert_eq!(when, ident * 3);
                }
            }
        });
    }
}
