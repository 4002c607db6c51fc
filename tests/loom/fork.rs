//! src/base/fork.rs: the gate, and a thread that goes in.

use crate::explore;
use crate::seq_cst::{self, AtomicU32, full_fence};
use loom::sync::Arc;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::thread;

const CLOSED: u32 = 1;

/// A thread says that it is inside, and looks at the gate.
fn close_beside(enter: fn(&AtomicU32), look: fn(&AtomicU32) -> u32) {
    explore(move || {
        let shared = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
        let forker = {
            let shared = shared.clone();
            thread::spawn(move || {
                seq_cst::swap(&shared.0, CLOSED);
                full_fence();
                seq_cst::load(&shared.1) > 0
            })
        };
        let (gate, inside) = (&shared.0, &shared.1);
        enter(inside);
        let outside = look(gate) == CLOSED;
        let waited_for = forker.join().unwrap();
        assert!(outside || waited_for);
    });
}

fn knock(stays: &AtomicU32) {
    stays.store(1, Relaxed);
}

fn look_behind_a_fence(gate: &AtomicU32) -> u32 {
    full_fence();
    gate.load(Relaxed)
}

#[test]
fn who_goes_in_sees_the_gate_closed_or_is_waited_for() {
    close_beside(knock, look_behind_a_fence);
}

#[test]
#[should_panic]
fn not_without_the_light_fence() {
    close_beside(knock, |gate| gate.load(Relaxed));
}

// A handler has interrupted its thread between the word and the look at the gate.
#[test]
fn a_handler_that_looks_itself_is_waited_for_or_waits() {
    close_beside(knock, look_behind_a_fence);
}

#[test]
#[should_panic]
fn a_handler_is_not_if_it_takes_its_thread_for_one_that_has_looked() {
    close_beside(knock, |_| 0);
}

/// What was done inside is seen by the fork that finds nobody there.
fn leave_and_fork(leave: fn(&AtomicU32)) {
    explore(move || {
        let shared = Arc::new((AtomicU32::new(1), AtomicU32::new(0)));
        let inside = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1.store(1, Relaxed);
                leave(&shared.0);
            })
        };
        if seq_cst::load(&shared.0) == 0 {
            assert_eq!(shared.1.load(Relaxed), 1);
        }
        inside.join().unwrap();
    });
}

#[test]
fn a_fork_sees_what_was_done_inside() {
    leave_and_fork(|stays| stays.store(0, Release));
}

#[test]
#[should_panic]
fn not_if_the_exit_is_relaxed() {
    leave_and_fork(|stays| stays.store(0, Relaxed));
}

/// A thread without a record goes in and out by a count that all such threads share.
fn count_in(strays: &AtomicU32) {
    seq_cst::add(strays, 1);
}

#[test]
fn a_stray_sees_the_gate_closed_or_is_waited_for() {
    close_beside(count_in, seq_cst::load);
}

#[test]
#[should_panic]
fn a_stray_does_not_if_it_looks_with_acquire() {
    close_beside(count_in, |gate| gate.load(Acquire));
}
