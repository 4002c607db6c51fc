//! src/base/arena.rs and src/base/handle.rs: entering a slot, and freeing it.

use crate::explore;
use crate::seq_cst::{self, AtomicU32};
use loom::sync::Arc;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use loom::thread;

const LIVE: u32 = 1;
const DEAD: u32 = 2;
const LEFT: u32 = 1 << 31;

struct Slot {
    word: AtomicU32,
    residents: AtomicU32,
    given_back: AtomicU32,
}

impl Slot {
    fn live(residents: u32) -> Slot {
        let (word, residents) = (AtomicU32::new(LIVE), AtomicU32::new(residents));
        Slot { word, residents, given_back: AtomicU32::new(0) }
    }

    fn enter(&self) {
        seq_cst::add(&self.residents, 1);
    }

    /// Whether the slot goes back by this.
    fn release(&self, order: loom::sync::atomic::Ordering) -> bool {
        self.residents.fetch_sub(1, order) == LEFT | 1 && self.settle()
    }

    fn leave(&self) -> bool {
        if seq_cst::load(&self.residents) & !LEFT == 0 {
            self.give_back()
        } else {
            self.residents.fetch_add(LEFT, AcqRel) == 0 && self.settle()
        }
    }

    fn settle(&self) -> bool {
        self.residents.compare_exchange(LEFT, 0, Acquire, Relaxed).is_ok() && self.give_back()
    }

    fn give_back(&self) -> bool {
        assert_eq!(self.given_back.fetch_add(1, Relaxed), 0, "given back twice");
        true
    }

    fn free(&self) -> bool {
        seq_cst::exchange(&self.word, LIVE, DEAD).unwrap();
        let seen = seq_cst::load(&self.residents) > 0;
        self.leave();
        seen
    }
}

/// A resident that has seen the object alive sleeps: then the free must have seen the resident, and woken it, and the
/// slot stays.
fn enter_and_free(look: fn(&AtomicU32) -> u32) {
    explore(move || {
        let slot = Arc::new(Slot::live(0));
        let freer = {
            let slot = slot.clone();
            thread::spawn(move || slot.free())
        };
        slot.enter();
        let sleeps = look(&slot.word) == LIVE;
        let woken = freer.join().unwrap();
        assert!(!sleeps || woken);
        assert!(!sleeps || slot.given_back.load(Relaxed) == 0);
        slot.release(AcqRel);
        assert_eq!(slot.given_back.load(Relaxed), 1);
    });
}

#[test]
fn a_resident_sees_the_free_or_is_seen_by_it() {
    enter_and_free(seq_cst::load);
}

#[test]
#[should_panic]
fn not_if_the_resident_looks_with_acquire() {
    enter_and_free(|word| word.load(Acquire));
}

/// What a resident did with the slot happens before its next use.
fn leave_and_reuse(order: loom::sync::atomic::Ordering) {
    explore(move || {
        let shared = Arc::new((Slot::live(1), AtomicU32::new(0)));
        let resident = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1.store(1, Relaxed);
                shared.0.release(order);
            })
        };
        if shared.0.leave() {
            assert_eq!(shared.1.load(Relaxed), 1);
        }
        resident.join().unwrap();
        assert_eq!(shared.0.given_back.load(Relaxed), 1);
    });
}

#[test]
fn the_last_to_leave_sees_what_the_others_did() {
    leave_and_reuse(AcqRel);
}

#[test]
#[should_panic]
fn not_if_they_leave_relaxed() {
    leave_and_reuse(Relaxed);
}

/// One resident leaves, another comes too late, and the object ends: the slot goes back once.
#[test]
fn who_comes_late_is_no_reason_to_give_it_back_twice_nor_never() {
    explore(|| {
        let slot = Arc::new(Slot::live(1));
        let others = [false, true].map(|comes| {
            let slot = slot.clone();
            thread::spawn(move || {
                if comes {
                    slot.enter();
                }
                slot.release(AcqRel);
            })
        });
        slot.free();
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(slot.given_back.load(Relaxed), 1);
        assert_eq!(slot.residents.load(Relaxed), 0);
    });
}
