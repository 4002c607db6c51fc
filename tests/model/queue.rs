//! The queue: nothing is lost, doubled or overtaken, and nobody is forgotten.

use crate::{Target, check, threads};
use core::ffi::c_void;
use core::ptr::without_provenance_mut;
use lowthread::base::atomic::{AtomicUsize, Ordering::SeqCst};
use lowthread::base::handle::Handle;
use lowthread::base::status::Error;
use lowthread::sync::queue::Queue;

const SOON: f64 = 1e-3;
const PRODUCERS: usize = 2;
const EACH: usize = 3;

/// What a producer's nth item looks like.
fn item(producer: usize, n: usize) -> *mut c_void {
    without_provenance_mut(1 + producer * EACH + n)
}

/// Each item has a digit of its own in a hexadecimal sum.
fn bit(item: *mut c_void) -> usize {
    1 << (4 * (item.addr() - 1))
}

fn close(queue: Handle<Queue>, immediate: bool) {
    // SAFETY: no frame here is left but by returning.
    unsafe { queue.close(immediate) }.unwrap();
}

fn free(queue: Handle<Queue>) {
    // SAFETY: as above.
    unsafe { queue.free_queue() }.unwrap();
}

/// Gets until there is no more; the sum. At each consumer a producer's items come in their order.
fn drain(queue: Handle<Queue>) -> usize {
    let (mut sum, mut last) = (0, [0; PRODUCERS]);
    loop {
        match queue.get() {
            Ok(item) => {
                let before = last.get_mut((item.addr() - 1) / EACH).unwrap();
                assert!(*before < item.addr(), "overtaken");
                *before = item.addr();
                sum += bit(item);
            }
            result => {
                assert_eq!(result, Err(Error::Closed));
                return sum;
            }
        }
    }
}

fn nothing_is_lost(capacity: usize) {
    let (queue, sum, producing) =
        (Handle::new_queue(capacity).unwrap(), AtomicUsize::new(0), AtomicUsize::new(PRODUCERS));
    threads(|scope| {
        for producer in 0..PRODUCERS {
            let producing = &producing;
            scope.spawn(move || {
                (0..EACH).for_each(|n| queue.put(item(producer, n)).unwrap());
                if producing.fetch_sub(1, SeqCst) == 1 {
                    close(queue, false);
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| sum.fetch_add(drain(queue), SeqCst));
        }
    });
    assert_eq!(sum.into_inner(), 0x111_111, "an item was lost or doubled");
    free(queue);
}

#[test]
fn nothing_is_lost_in_a_narrow_queue() {
    check(|| nothing_is_lost(1));
}

#[test]
fn nothing_is_lost_in_a_wider_queue() {
    check(|| nothing_is_lost(2));
}

#[test]
fn nothing_is_lost_in_an_unbounded_queue() {
    check(|| nothing_is_lost(0));
}

#[test]
fn who_gives_up_leaves_neither_an_item_nor_a_wake_up_behind() {
    check(|| {
        let (queue, target) = (Handle::new_queue(1).unwrap(), Target::default());
        let (put, got, producing) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(2));
        let produce = |items: [*mut c_void; 2], put_one: &dyn Fn(*mut c_void) -> Result<(), Error>| {
            for item in items {
                match put_one(item) {
                    Ok(()) => put.fetch_add(bit(item), SeqCst),
                    result => {
                        assert_eq!(result, Err(Error::TimedOut));
                        0
                    }
                };
            }
            if producing.fetch_sub(1, SeqCst) == 1 {
                close(queue, false);
            }
        };
        let consume = |result: Result<*mut c_void, Error>, otherwise: Error| match result {
            Ok(item) => {
                got.fetch_add(bit(item), SeqCst);
            }
            Err(error) => assert!(error == otherwise || error == Error::Closed),
        };
        threads(|scope| {
            scope.spawn(|| produce([item(0, 0), item(0, 1)], &|item| queue.put_timeout(item, SOON)));
            scope.spawn(|| produce([item(1, 0), item(1, 1)], &|item| queue.put(item)));
            scope.spawn(|| consume(queue.get_timeout(SOON), Error::TimedOut));
            scope.spawn(|| {
                target.enter();
                consume(queue.get(), Error::Interrupted);
            });
            scope.spawn(|| target.interrupt());
            got.fetch_add(drain(queue), SeqCst);
        });
        assert_eq!(got.into_inner(), put.into_inner(), "an item was lost or doubled");
        free(queue);
    });
}

#[test]
fn a_close_wakes_all_who_wait() {
    check(|| {
        let (full, empty) = (Handle::new_queue(1).unwrap(), Handle::new_queue(1).unwrap());
        full.put(item(0, 0)).unwrap();
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| assert_eq!(full.put(item(1, 0)), Err(Error::Closed)));
                scope.spawn(|| assert_eq!(empty.get(), Err(Error::Closed)));
            }
            close(full, false);
            close(empty, true);
        });
        assert_eq!(full.get(), Ok(item(0, 0)));
        assert_eq!(full.get(), Err(Error::Closed));
        free(full);
        free(empty);
    });
}
