//! src/sync/queue.rs: the last item that is done, and one that joins.

use crate::explore;
use crate::futex::Futex;
use crate::seq_cst::{self, AtomicU32};
use loom::sync::Arc;
use loom::sync::atomic::Ordering::{Acquire, Release};
use loom::thread;

struct Queue {
    done: AtomicU32,
    joiners: AtomicU32,
    rests: Futex,
}

/// One item was put. Who is done with it looks for joiners; a joiner says so, and looks again.
fn join(look: fn(&AtomicU32) -> u32) {
    explore(move || {
        let (done, joiners) = (AtomicU32::new(0), AtomicU32::new(0));
        let queue = Arc::new(Queue { done, joiners, rests: Futex::new(0) });
        let worker = {
            let queue = queue.clone();
            thread::spawn(move || {
                seq_cst::add(&queue.done, 1);
                if look(&queue.joiners) > 0 {
                    queue.rests.word.fetch_add(1, Release);
                    queue.rests.wake_all();
                }
            })
        };
        let mut worker = Some(worker);
        seq_cst::add(&queue.joiners, 1);
        loop {
            let before = queue.rests.word.load(Acquire);
            if seq_cst::load(&queue.done) == 1 {
                break;
            }
            queue.rests.sleep(before, || worker.take().into_iter().for_each(|worker| worker.join().unwrap()));
        }
        worker.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

#[test]
fn a_join_ends() {
    join(seq_cst::load);
}

#[test]
#[should_panic]
fn not_if_the_worker_looks_with_acquire() {
    join(|joiners| joiners.load(Acquire));
}
