//! The queue: nothing is lost, doubled or overtaken, and nobody is forgotten.

use super::{Target, check, end, threads};
use core::ffi::c_void;
use core::ptr::without_provenance_mut;
use lowthread::base::atomic::{AtomicUsize, Ordering::SeqCst};
use lowthread::base::handle::Handle;
use lowthread::base::model;
use lowthread::base::status::Error;
use lowthread::sync::chain::Chain;
use lowthread::sync::queue::{Queue, Store};

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
    unsafe { queue.free() }.unwrap();
}

/// As the functions of the interface do it.
fn put(queue: Handle<Queue>, item: *mut c_void) -> Result<(), Error> {
    if queue.put_at_once(item) { Ok(()) } else { queue.put(item) }
}

fn get(queue: Handle<Queue>) -> Result<*mut c_void, Error> {
    queue.get_at_once().map_or_else(|| queue.get(), Ok)
}

/// Gets until there is no more; the sum. At each consumer a producer's items come in their order.
fn drain(queue: Handle<Queue>) -> usize {
    let (mut sum, mut last) = (0, [0; PRODUCERS]);
    loop {
        match get(queue) {
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
    nothing_is_lost_on(Handle::<Queue>::new(capacity).unwrap());
}

fn nothing_is_lost_on(queue: Handle<Queue>) {
    let (sum, producing) = (AtomicUsize::new(0), AtomicUsize::new(PRODUCERS));
    threads(|scope| {
        for producer in 0..PRODUCERS {
            let producing = &producing;
            scope.spawn(move || {
                (0..EACH).for_each(|n| put(queue, item(producer, n)).unwrap());
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
        let (queue, target) = (Handle::<Queue>::new(1).unwrap(), Target::default());
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
        let (full, empty) = (Handle::<Queue>::new(1).unwrap(), Handle::<Queue>::new(1).unwrap());
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

#[test]
fn nothing_is_lost_in_a_queue_with_more_cells_than_room() {
    check(|| nothing_is_lost(3));
}

#[test]
fn nothing_is_lost_in_a_bounded_chain() {
    check(|| {
        let capacity = 1 + model::draw(3) as usize;
        nothing_is_lost_on(Handle::<Queue>::new_on(Store::Chain(Chain::new(capacity).unwrap())).unwrap());
    });
}

/// Who finds room at its last look, and has been granted some meanwhile, takes that grant along: it may be
/// a later one, that another sleeper was to have.
#[test]
fn what_is_granted_to_who_needs_it_no_more_goes_to_the_next() {
    check(|| {
        let queue = Handle::<Queue>::new(1).unwrap();
        queue.put(item(0, 0)).unwrap();
        threads(|scope| {
            for producer in 0..3 {
                scope.spawn(move || queue.put(item(producer, 1)).unwrap());
            }
            scope.spawn(|| (0..2).for_each(|_| assert!(queue.get().is_ok())));
            (0..2).for_each(|_| assert!(queue.get().is_ok()));
        });
        free(queue);
    });
}

#[test]
fn batches_are_neither_lost_nor_doubled() {
    check(|| {
        let (queue, got) = (Handle::<Queue>::new(2).unwrap(), AtomicUsize::new(0));
        let batch = |producer: usize| [0, 1, 2].map(|n| item(producer, n));
        let take = |seconds: f64| {
            let mut items = [core::ptr::null_mut(); 2];
            // SAFETY: there is room for two.
            let (n, result) = unsafe { queue.get_many(items.as_mut_ptr(), 2, seconds) }.unwrap();
            items.iter().take(n).for_each(|item| {
                got.fetch_add(bit(*item), SeqCst);
            });
            (n, result)
        };
        threads(|scope| {
            scope.spawn(|| {
                let (n, result) = queue.put_many(&batch(0), -1.0).unwrap();
                assert_eq!((n, result), (3, Ok(())));
                close(queue, false);
            });
            scope.spawn(|| {
                let (n, result) = queue.put_many(&batch(1), SOON).unwrap();
                assert!(n == 3 && result.is_ok() || matches!(result, Err(Error::TimedOut | Error::Closed)));
                // Taken back, as if these had never been.
                batch(1).iter().skip(n).for_each(|item| {
                    got.fetch_add(bit(*item), SeqCst);
                });
            });
            scope.spawn(|| take(SOON));
            while take(-1.0).1.is_ok() {}
            assert_eq!(take(0.0), (0, Err(Error::Closed)));
        });
        assert_eq!(got.into_inner(), 0x111_111, "an item was lost or doubled");
        free(queue);
    });
}

#[test]
fn who_joins_goes_on_when_all_is_done() {
    check(|| {
        let (queue, done, target) =
            (Handle::<Queue>::new(2).unwrap(), AtomicUsize::new(0), Target::default());
        queue.put(item(0, 0)).unwrap();
        queue.put(item(0, 1)).unwrap();
        let joined = |result: Result<(), Error>, otherwise: Error| match result {
            Ok(()) => assert_eq!(done.load(SeqCst), 2, "not all is done"),
            result => assert_eq!(result, Err(otherwise)),
        };
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    queue.get().unwrap();
                    done.fetch_add(1, SeqCst);
                    queue.task_done().unwrap();
                });
            }
            scope.spawn(|| joined(queue.join_timeout(SOON), Error::TimedOut));
            scope.spawn(|| {
                target.enter();
                joined(queue.join(), Error::Interrupted);
            });
            scope.spawn(|| target.interrupt());
            queue.join().unwrap();
            joined(Ok(()), Error::Busy);
        });
        assert_eq!(queue.task_done(), Err(Error::NothingToBeDone));
        free(queue);
    });
}

// Who is in the middle of a get hides the room behind that, also from who was woken for it.
#[test]
fn two_gets_are_enough_for_two_who_wait_to_put() {
    check(|| {
        let queue = Handle::<Queue>::new(2).unwrap();
        (0..2).for_each(|n| queue.put(item(0, n)).unwrap());
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| queue.put(item(1, 0)).unwrap());
            }
            scope.spawn(|| assert!(queue.get().is_ok()));
            assert!(queue.get().is_ok());
        });
        assert_eq!(queue.size(), Ok(2));
        free(queue);
    });
}

// And who is in the middle of a put the item behind that.
#[test]
fn two_puts_are_enough_for_two_who_wait_to_get() {
    check(|| {
        let queue = Handle::<Queue>::new(2).unwrap();
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| assert!(queue.get().is_ok()));
            }
            scope.spawn(|| queue.put(item(0, 0)).unwrap());
            queue.put(item(1, 0)).unwrap();
        });
        assert_eq!(queue.size(), Ok(0));
        free(queue);
    });
}

/// What was discarded.
unsafe extern "C-unwind" fn discard(item: *mut c_void) {
    DISCARDED.fetch_add(bit(item), SeqCst);
}

static DISCARDED: AtomicUsize = AtomicUsize::new(0);

#[test]
fn an_immediate_close_discards_what_nobody_got() {
    check(|| {
        DISCARDED.store(0, SeqCst);
        let queue = match model::draw(3) {
            0 => Handle::<Queue>::new_on(Store::Chain(Chain::new(1).unwrap())).unwrap(),
            capacity => Handle::<Queue>::new(capacity as usize).unwrap(),
        };
        let (put, got) = (AtomicUsize::new(0), AtomicUsize::new(0));
        queue.set_drop(Some(discard)).unwrap();
        threads(|scope| {
            for producer in 0..2 {
                let put = &put;
                scope.spawn(move || {
                    for item in [item(producer, 0), item(producer, 1)] {
                        match queue.put(item) {
                            Ok(()) => put.fetch_add(bit(item), SeqCst),
                            result => {
                                assert_eq!(result, Err(Error::Closed));
                                0
                            }
                        };
                    }
                });
            }
            scope.spawn(|| {
                while let Ok(item) = queue.get() {
                    got.fetch_add(bit(item), SeqCst);
                    queue.task_done().unwrap();
                }
            });
            scope.spawn(|| close(queue, true));
            // All that was put is got or discarded, and there is an end to that.
            while !queue.is_closed().unwrap() {
                model::yield_now();
            }
            queue.join().unwrap();
        });
        assert_eq!(put.into_inner(), got.into_inner() + DISCARDED.load(SeqCst));
        free(queue);
    });
}

#[test]
fn who_frees_it_beside_who_closes_it_keeps_no_item_from_being_discarded() {
    check(|| {
        DISCARDED.store(0, SeqCst);
        let queue = Handle::<Queue>::new(3).unwrap();
        queue.set_drop(Some(discard)).unwrap();
        let items = [item(0, 0), item(0, 1), item(0, 2)];
        items.iter().for_each(|item| queue.put(*item).unwrap());
        threads(|scope| {
            scope.spawn(|| close(queue, true));
            // Not while the other one comes.
            while DISCARDED.load(SeqCst) == 0 {
                model::yield_now();
            }
            // SAFETY: no frame here is left but by returning.
            end(|| unsafe { queue.free() });
            // What has its place by then knows nothing of the drop function.
            free(Handle::<Queue>::new(1).unwrap());
        });
        assert_eq!(DISCARDED.load(SeqCst), items.into_iter().map(bit).sum());
    });
}

// Its grant may have been taken by one that has had its own, and waits again.
#[test]
fn who_gives_up_waits_for_no_put_to_come() {
    check(|| {
        let (queue, target, left) =
            (Handle::<Queue>::new(4).unwrap(), Target::default(), AtomicUsize::new(0));
        threads(|scope| {
            scope.spawn(|| {
                target.enter();
                assert!(matches!(queue.get(), Ok(_) | Err(Error::Interrupted)));
                left.store(1, SeqCst);
            });
            scope.spawn(|| (0..3).for_each(|_| assert!(queue.get().is_ok())));
            scope.spawn(|| target.interrupt());
            (0..2).for_each(|n| queue.put(item(0, n)).unwrap());
            while left.load(SeqCst) == 0 {
                model::yield_now();
            }
            (0..2).for_each(|n| queue.put(item(1, n)).unwrap());
        });
        free(queue);
    });
}
