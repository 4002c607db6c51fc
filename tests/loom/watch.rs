//! src/exec/watch.rs and `Block::until` in src/base/block.rs: a word that changes when something may be so.

use crate::futex::Futex;
use crate::{explore, explore_some};
use loom::sync::Arc;
use loom::sync::atomic::AtomicU32;
use loom::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};
use loom::thread;

struct Tally {
    left: AtomicU32,
    failed: AtomicU32,
    changes: Futex,
}

/// `n` futures end; the wait is for all. Its last look sees how many have failed.
fn wait_for_all(n: u32, change: Ordering, before: Ordering) {
    let explore = if n == 1 { explore } else { explore_some };
    explore(move || {
        let (left, failed) = (AtomicU32::new(n), AtomicU32::new(0));
        let tally = Arc::new(Tally { left, failed, changes: Futex::new(0) });
        let end = || {
            let tally = tally.clone();
            thread::spawn(move || {
                tally.failed.fetch_add(1, Release);
                tally.left.fetch_sub(1, Release);
                if tally.left.load(Acquire) == 0 {
                    tally.changes.word.fetch_add(1, change);
                    tally.changes.wake_all();
                }
            })
        };
        let mut futures: Vec<_> = (0..n).map(|_| end()).collect();
        loop {
            let found = tally.changes.word.load(before);
            if tally.left.load(Acquire) == 0 {
                break;
            }
            tally.changes.sleep(found, || futures.drain(..).for_each(|future| future.join().unwrap()));
        }
        assert_eq!(tally.failed.load(Relaxed), n);
        futures.into_iter().for_each(|future| future.join().unwrap());
    });
}

#[test]
fn a_wait_for_all_ends() {
    wait_for_all(1, Release, Acquire);
    wait_for_all(2, Release, Acquire);
}

#[test]
#[should_panic]
fn not_if_the_change_is_relaxed() {
    wait_for_all(1, Relaxed, Acquire);
}

#[test]
#[should_panic]
fn not_if_the_change_is_read_relaxed() {
    wait_for_all(1, Release, Relaxed);
}
