//! src/exec/bunch.rs: a visitor takes one task after the other without the pool's lock; who counts those that are over
//! finds what they did.

use crate::explore;
use loom::sync::Arc;
use loom::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};
use loom::sync::atomic::{AtomicU32, AtomicUsize};
use loom::thread;

/// One visitor, which is in the first task, and takes the second. It was counted under the lock.
fn count_those_that_are_over(take: Ordering) {
    explore(move || {
        let shared = Arc::new((AtomicUsize::new(1), AtomicU32::new(0)));
        let visitor = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1.store(42, Relaxed);
                shared.0.compare_exchange(1, 2, take, Relaxed).unwrap();
            })
        };
        let over = shared.0.load(Acquire) - 1;
        assert!(over == 0 || shared.1.load(Relaxed) == 42);
        visitor.join().unwrap();
    });
}

#[test]
fn what_a_task_did_is_seen_by_who_finds_it_over() {
    count_those_that_are_over(Release);
}

#[test]
#[should_panic]
fn not_if_the_next_is_taken_relaxed() {
    count_those_that_are_over(Relaxed);
}
