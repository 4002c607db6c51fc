//! src/sync/side.rs and src/base/fence.rs: a queue's put and one that is about to sleep.

use crate::explore;
use crate::seq_cst::{AtomicU32, full_fence};
use loom::sync::Arc;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use loom::thread;

fn put_and_register(light: fn(), heavy: fn()) {
    explore(move || {
        let shared = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
        let putter = {
            let shared = shared.clone();
            thread::spawn(move || {
                // An item, or room for one.
                shared.0.fetch_add(1, AcqRel);
                light();
                shared.1.load(Relaxed) > 0
            })
        };
        let (items, waiters) = (&shared.0, &shared.1);
        waiters.fetch_add(1, Relaxed);
        heavy();
        let found = items.load(Acquire) > 0;
        let granted = putter.join().unwrap();
        assert!(found || granted);
    });
}

#[test]
fn a_waiter_sees_the_item_or_is_seen_by_the_put() {
    put_and_register(full_fence, full_fence);
}

/// When the system has refused membarrier after it was asked for, and nothing stands in for it.
#[test]
#[should_panic]
fn not_without_the_light_fence() {
    put_and_register(|| (), full_fence);
}

#[test]
#[should_panic]
fn not_without_the_heavy_fence() {
    put_and_register(full_fence, || ());
}
