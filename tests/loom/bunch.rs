//! src/exec/bunch.rs: a visitor takes one task after the other without the pool's lock; who counts those that are over
//! finds what they did.

use crate::explore;
use crate::seq_cst;
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

/// One is put in beside a visitor that looked and takes the one before, to be in it for long: who submits sees that it
/// looks no more, or it sees that there is another.
fn put_and_take(store: fn(&seq_cst::AtomicU32, u32), look: fn(&seq_cst::AtomicU32) -> u32) {
    const LOOKING: u32 = 1 << 8;
    explore(move || {
        let shared = Arc::new((seq_cst::AtomicU32::new(1), seq_cst::AtomicU32::new(LOOKING)));
        let visitor = {
            let shared = shared.clone();
            thread::spawn(move || {
                seq_cst::exchange(&shared.1, LOOKING, 1).unwrap();
                look(&shared.0) > 1
            })
        };
        store(&shared.0, 2);
        let is_seen = seq_cst::load(&shared.1) >= LOOKING;
        let has_more = visitor.join().unwrap();
        assert!(has_more || !is_seen);
    });
}

#[test]
fn what_is_put_in_beside_one_that_looks_is_seen_by_it_or_by_who_submits() {
    put_and_take(seq_cst::store, seq_cst::load);
}

#[test]
#[should_panic]
fn not_if_the_visitor_looks_with_acquire() {
    put_and_take(seq_cst::store, |put| put.load(Acquire));
}
