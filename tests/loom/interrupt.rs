//! src/base/interrupt.rs: an interrupt that comes while another is taken.

use crate::explore;
use crate::seq_cst::{self, AtomicU32};
use loom::sync::Arc;
use loom::sync::atomic::Ordering::{Acquire, Relaxed};
use loom::thread;

const NONE: u32 = 0;
const SOME: u32 = 1;

/// Who interrupts adds to the set, and then marks the word that sleepers watch. Who finds the set empty clears
/// the word, and then looks at the set again. In the end, the word says what the set is.
fn interrupt_and_take(look: fn(&AtomicU32) -> u32) {
    explore(move || {
        let shared = Arc::new((AtomicU32::new(0), AtomicU32::new(SOME)));
        let interrupter = {
            let shared = shared.clone();
            thread::spawn(move || {
                seq_cst::add(&shared.0, 1);
                seq_cst::store(&shared.1, SOME);
            })
        };
        let (set, word) = (&shared.0, &shared.1);
        if seq_cst::load(set) == 0 {
            seq_cst::store(word, NONE);
            if look(set) != 0 {
                seq_cst::store(word, SOME);
            }
        }
        interrupter.join().unwrap();
        assert_eq!(word.load(Relaxed), SOME);
    });
}

#[test]
fn an_interrupt_that_comes_during_a_take_is_not_lost() {
    interrupt_and_take(seq_cst::load);
}

#[test]
#[should_panic]
fn not_if_the_second_look_is_an_acquire() {
    interrupt_and_take(|set| set.load(Acquire));
}
