//! src/sync/event.rs

use crate::explore;
use crate::seq_cst::{self, AtomicU32};
use loom::sync::Arc;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use loom::thread;

const SET: u32 = 1;
const ONE_TIME: u32 = 2;

/// One writes something and sets the event, which is set already; the other clears it, and looks for what was
/// written. Either it is there, or the event is set again.
fn set_of_what_is_set(set: fn(&AtomicU32)) {
    explore(move || {
        let shared = Arc::new((AtomicU32::new(SET), AtomicU32::new(0)));
        let setter = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1.store(1, Relaxed);
                set(&shared.0);
            })
        };
        let (event, data) = (&shared.0, &shared.1);
        while event.load(Relaxed) & SET != 0 {
            let state = event.load(Relaxed);
            if event.compare_exchange(state, state & !SET, AcqRel, Relaxed).is_ok() {
                break;
            }
        }
        let seen = data.load(Relaxed) == 1;
        setter.join().unwrap();
        assert!(seen || event.load(Relaxed) & SET != 0);
    });
}

/// As `Handle<Event>::set` does it.
fn set(event: &AtomicU32) {
    let mut state = event.load(Relaxed);
    loop {
        let new = if state & SET != 0 { state } else { (state + ONE_TIME) | SET };
        match seq_cst::exchange(event, state, new) {
            Ok(_) => return,
            Err(found) => state = found,
        }
    }
}

#[test]
fn a_set_of_what_is_set_is_a_set() {
    set_of_what_is_set(set);
}

#[test]
#[should_panic]
fn not_if_it_only_looks() {
    set_of_what_is_set(|event| {
        if event.load(Acquire) & SET == 0 {
            set(event);
        }
    });
}

/// A waiter becomes a resident, and then looks at the event; a set changes the event, and then looks for
/// residents, whom it wakes.
fn set_and_wait(look: fn(&AtomicU32) -> u32) {
    explore(move || {
        let shared = Arc::new((AtomicU32::new(0), AtomicU32::new(1)));
        let setter = {
            let shared = shared.clone();
            thread::spawn(move || {
                set(&shared.0);
                seq_cst::load(&shared.1) > 1
            })
        };
        let (event, residents) = (&shared.0, &shared.1);
        seq_cst::add(residents, 1);
        let is_set = look(event) & SET != 0;
        let woken = setter.join().unwrap();
        assert!(is_set || woken);
    });
}

#[test]
fn a_waiter_sees_the_set_or_is_seen_by_it() {
    set_and_wait(seq_cst::load);
}

#[test]
#[should_panic]
fn not_if_the_waiter_looks_with_acquire() {
    set_and_wait(|event| event.load(Acquire));
}
