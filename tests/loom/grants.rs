//! src/sync/grants.rs: a post, and one that is about to sleep.

use crate::explore;
use crate::seq_cst::{self, AtomicU32};
use loom::sync::Arc;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use loom::thread;

fn post_and_sleep(add: fn(&AtomicU32), look: fn(&AtomicU32) -> u32) {
    explore(move || {
        let shared = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
        let poster = {
            let shared = shared.clone();
            thread::spawn(move || {
                add(&shared.0);
                look(&shared.1) > 0
            })
        };
        let (count, sleepers) = (&shared.0, &shared.1);
        seq_cst::add(sleepers, 1);
        let sleeps = seq_cst::load(count) == 0;
        let woken = poster.join().unwrap();
        assert!(!sleeps || woken);
    });
}

fn add(word: &AtomicU32) {
    seq_cst::add(word, 1);
}

#[test]
fn a_sleeper_sees_the_grant_or_is_seen_by_the_post() {
    post_and_sleep(add, seq_cst::load);
}

#[test]
#[should_panic]
fn not_if_the_post_looks_with_acquire() {
    post_and_sleep(add, |sleepers| sleepers.load(Acquire));
}

/// What was done before the grant is seen by who takes it.
fn post_and_take(post: fn(&AtomicU32)) {
    explore(move || {
        let shared = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
        let poster = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1.store(1, Relaxed);
                post(&shared.0);
            })
        };
        if shared.0.fetch_update(Acquire, Relaxed, |n| n.checked_sub(1)).is_ok() {
            assert_eq!(shared.1.load(Relaxed), 1);
        }
        poster.join().unwrap();
    });
}

#[test]
fn a_grant_brings_what_was_done_before_it() {
    post_and_take(add);
    post_and_take(|count| {
        count.fetch_add(1, Release);
    });
    post_and_take(|count| {
        count.fetch_add(1, AcqRel);
    });
}

#[test]
#[should_panic]
fn not_if_the_post_is_relaxed() {
    post_and_take(|count| {
        count.fetch_add(1, Relaxed);
    });
}
