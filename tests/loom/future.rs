//! src/exec/future.rs: the end of a task, and who waits for it.

use crate::explore;
use crate::futex::Futex;
use loom::sync::Arc;
use loom::sync::atomic::AtomicU32;
use loom::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed};
use loom::thread;

const RUNNING: u32 = 1;
const FINISHED: u32 = 2;
const AWAITED: u32 = 8;

/// The state and the flag are one word, so each sees the other; the result is published by the state.
fn wait_for_a_result(end: Ordering, mark: bool) {
    explore(move || {
        let shared = Arc::new((Futex::new(RUNNING), AtomicU32::new(0)));
        let task = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1.store(42, Relaxed);
                if shared.0.word.swap(FINISHED, end) & AWAITED != 0 {
                    shared.0.wake_all();
                }
            })
        };
        let mut task = Some(task);
        let state = &shared.0;
        loop {
            let found = state.word.load(Acquire);
            if found & FINISHED != 0 {
                break;
            }
            let marked = found | if mark { AWAITED } else { 0 };
            if state.word.compare_exchange(found, marked, AcqRel, Acquire).is_ok() {
                state.sleep(marked, || task.take().into_iter().for_each(|task| task.join().unwrap()));
            }
        }
        assert_eq!(shared.1.load(Relaxed), 42);
        task.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn a_wait_ends_with_the_result() {
    wait_for_a_result(AcqRel, true);
}

#[test]
#[should_panic]
fn not_if_the_end_is_relaxed() {
    wait_for_a_result(Relaxed, true);
}

#[test]
#[should_panic]
fn not_if_the_wait_does_not_say_so() {
    wait_for_a_result(AcqRel, false);
}
