//! src/base/arena.rs and src/base/handle.rs: entering a slot, and freeing it.

use crate::explore;
use crate::seq_cst::{self, AtomicU32};
use loom::sync::Arc;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use loom::thread;

const LIVE: u32 = 1;
const DEAD: u32 = 2;

struct Slot {
    word: AtomicU32,
    residents: AtomicU32,
    given_back: AtomicU32,
}

impl Slot {
    fn live() -> Slot {
        let (word, residents) = (AtomicU32::new(LIVE), AtomicU32::new(1));
        Slot { word, residents, given_back: AtomicU32::new(0) }
    }

    fn enter(&self) -> bool {
        let mut residents = self.residents.load(Relaxed);
        while residents != 0 {
            match seq_cst::exchange(&self.residents, residents, residents + 1) {
                Ok(_) => return true,
                Err(found) => residents = found,
            }
        }
        false
    }

    fn release(&self) {
        if self.residents.fetch_sub(1, AcqRel) == 1 {
            self.given_back.fetch_add(1, Relaxed);
        }
    }
}

/// A resident that has seen the object alive sleeps: then the free must have seen the resident, and woken it.
fn enter_and_free(look: fn(&AtomicU32) -> u32) {
    explore(move || {
        let slot = Arc::new(Slot::live());
        let freer = {
            let slot = slot.clone();
            thread::spawn(move || {
                seq_cst::exchange(&slot.word, LIVE, DEAD).unwrap();
                let seen = seq_cst::load(&slot.residents) > 1;
                slot.release();
                seen
            })
        };
        let entered = slot.enter();
        let sleeps = entered && look(&slot.word) == LIVE;
        let woken = freer.join().unwrap();
        assert!(!sleeps || woken);
        assert_eq!(slot.given_back.load(Relaxed), u32::from(!entered));
        if entered {
            slot.release();
        }
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
fn leave_and_reuse(release: fn(&Slot) -> bool) {
    explore(move || {
        let shared = Arc::new((Slot::live(), AtomicU32::new(0)));
        shared.0.residents.store(2, Relaxed);
        let resident = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1.store(1, Relaxed);
                release(&shared.0);
            })
        };
        if release(&shared.0) {
            assert_eq!(shared.1.load(Relaxed), 1);
        }
        resident.join().unwrap();
    });
}

#[test]
fn the_last_to_leave_sees_what_the_others_did() {
    leave_and_reuse(|slot| slot.residents.fetch_sub(1, AcqRel) == 1);
}

#[test]
#[should_panic]
fn not_if_they_leave_relaxed() {
    leave_and_reuse(|slot| slot.residents.fetch_sub(1, Relaxed) == 1);
}
