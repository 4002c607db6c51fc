//! Who has woken whom: a waker leaves word where a sleeper looks once it is up, for the arrows of a trace.
//!
//! There are a few places, some for each address that is slept on. Who comes later writes over what was there for the same
//! address, so of two that wake at one at once the later one is told for both; else over what is the oldest. Who finds a
//! place in use goes by it, and so does a handler that interrupts its thread there: then one arrow is missing, and none is
//! wrong.
//!
//! A thread wakes others, too, when it is over and has no more part in the timeline: who joins it. So it leaves word of its
//! own end, in such a place.

use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

/// How many there are that an address may have, and how often.
const WAYS: usize = 4;
const SETS: usize = 64;

struct Place {
    /// Odd while somebody writes.
    version: AtomicU32,
    address: AtomicUsize,
    ident: AtomicU64,
    when: AtomicU64,
}

// Not the models': no thread goes another way for what stands here.
static ALL: [[Place; WAYS]; SETS] = [const { [const { Place::empty() }; WAYS] }; SETS];

impl Place {
    const fn empty() -> Place {
        Place {
            version: AtomicU32::new(0),
            address: AtomicUsize::new(0),
            ident: AtomicU64::new(0),
            when: AtomicU64::new(0),
        }
    }

    fn all_of(address: usize) -> &'static [Place] {
        // Fibonacci hashing: words are neighbours.
        let spread = (address as u64 >> 2).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        ALL.get(spread as usize % SETS).map_or(&[], |set| set)
    }
}

/// The thread with this ident is about to wake whoever sleeps there. Before it wakes.
pub fn leave_word(address: usize, ident: u64, when: u64) {
    // Relaxed: what changes meanwhile is written over a little too early.
    let age = |place: &&Place| match place.address.load(Ordering::Relaxed) == address {
        true => 0,
        false => place.when.load(Ordering::Relaxed),
    };
    let Some(place) = Place::all_of(address).iter().min_by_key(age).filter(|_| ident != 0) else { return };
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

/// The thread with this ident is over since then: of what it wakes from now on, nothing can be told but that.
pub fn leave_last_word(ident: u64, over: u64) {
    leave_word(instead_of_an_address(ident), ident, over);
}

/// Since when it is over, if it has told so.
pub fn read_last_word(ident: u64) -> Option<u64> {
    read_word(instead_of_an_address(ident), 0).map(|(_, over)| over)
}

/// Words that are slept on have even ones.
fn instead_of_an_address(ident: u64) -> usize {
    (ident << 2 | 1) as usize
}

/// Who was the last to wake there, after this time, and when.
pub fn read_word(address: usize, since: u64) -> Option<(u64, u64)> {
    let words = Place::all_of(address).iter().filter_map(|place| place.read(address));
    words.max_by_key(|(_, when)| *when).filter(|(_, when)| *when >= since)
}

impl Place {
    fn read(&self, address: usize) -> Option<(u64, u64)> {
        // Acquire, and the fence below: as in `base::waiting`.
        let version = self.version.load(Ordering::Acquire);
        let found = self.address.load(Ordering::Relaxed);
        let (ident, when) = (self.ident.load(Ordering::Relaxed), self.when.load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        let whole = version % 2 == 0 && self.version.load(Ordering::Relaxed) == version;
        (whole && found == address).then_some((ident, when))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::insight::TURNED;
    use core::ptr;

    // The places are the whole process's: each test has them alone, without those who leave words for a trace.

    #[test]
    fn the_last_word_is_read_by_who_sleeps_there_and_slept_before_it() {
        let _alone = TURNED.write();
        let word = 0;
        let address = core::ptr::from_ref(&word).addr();
        leave_word(address, 7, 100);
        leave_word(address, 8, 101);
        assert_eq!(read_word(address, 101), Some((8, 101)));
        assert_eq!(read_word(address, 102), None);
        assert_eq!(read_word(address + 4, 0), None);
    }

    #[test]
    fn what_is_said_meanwhile_elsewhere_leaves_the_word_there() {
        let _alone = TURNED.write();
        // Later than what a trace has left.
        let (address, said) = (1000, 1 << 62);
        leave_word(address, 7, said);
        let same_places = |other: &usize| ptr::eq(Place::all_of(*other), Place::all_of(address));
        let others = (address + 4..).step_by(4).filter(same_places).take(WAYS - 1);
        others.for_each(|other| leave_word(other, 8, said + 1));
        assert_eq!(read_word(address, said), Some((7, said)));
    }

    #[test]
    fn a_last_word_is_no_waker_s() {
        let _alone = TURNED.write();
        // No thread's.
        let ident = 1 << 60;
        leave_last_word(ident, 100);
        assert_eq!(read_last_word(ident), Some(100));
        assert_eq!(read_last_word(ident + 1), None);
        assert_eq!(read_word((ident as usize) << 2, 0), None);
    }

    #[test]
    fn a_word_is_read_whole_or_not_at_all() {
        let _alone = TURNED.write();
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
