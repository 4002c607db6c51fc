//! src/base/watchers.rs: one that finds the list taken and leaves a note, and one that lets go of the list.

use crate::explore;
use loom::sync::Arc;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use loom::sync::atomic::{AtomicU32, fence};
use loom::thread;

struct Place {
    /// 1 while somebody has the list.
    list: AtomicU32,
    noted: AtomicU32,
}

fn note_and_let_go(teller_fence: fn(), holder_fence: fn()) {
    explore(move || {
        let place = Arc::new(Place { list: AtomicU32::new(1), noted: AtomicU32::new(0) });
        let teller = {
            let place = place.clone();
            thread::spawn(move || {
                place.noted.fetch_or(1, AcqRel);
                teller_fence();
                place.list.compare_exchange(0, 1, Acquire, Relaxed).is_ok()
            })
        };
        place.list.swap(0, Release);
        holder_fence();
        let found = place.noted.load(Relaxed) != 0;
        assert!(teller.join().unwrap() || found, "a note that nobody reads");
    });
}

fn full() {
    fence(SeqCst);
}

#[test]
fn a_note_is_found_or_who_left_it_gets_the_list() {
    note_and_let_go(full, full);
}

#[test]
#[should_panic]
fn not_without_the_fence_of_who_lets_go() {
    note_and_let_go(full, || ());
}

#[test]
#[should_panic]
fn not_without_the_fence_of_who_leaves_the_note() {
    note_and_let_go(|| (), full);
}
