//! The condition: as many wake as are notified, in their order, and nobody else.

use super::{Inside, Target, check, end, threads};
use core::ffi::c_void;
use lowthread::base::atomic::{AtomicU32, Ordering::SeqCst};
use lowthread::base::handle::Handle;
use lowthread::base::model;
use lowthread::base::status::Error;
use lowthread::sync::condition::Condition;
use lowthread::sync::lock::Lock;
use lowthread::sync::rlock::RLock;

const SOON: f64 = 1e-3;

/// As `lt_condition_notify` does it.
fn notify(condition: Handle<Condition>, n: usize) {
    if !condition.is_idle() {
        condition.notify(n).unwrap();
    }
}

/// Until notified, or for a moment.
fn come_and_wait(condition: Handle<Condition>, lock: Handle<Lock>, came: &AtomicU32, timed: bool) {
    lock.acquire().unwrap();
    came.fetch_add(1, SeqCst);
    let result = condition.wait_timeout(lock, if timed { SOON } else { -1.0 });
    assert!(result == Ok(()) || timed && result == Err(Error::TimedOut));
    lock.release().unwrap();
}

fn await_number(number: &AtomicU32, n: u32) {
    while number.load(SeqCst) != n {
        model::yield_now();
    }
}

#[test]
fn so_many_are_woken_in_the_order_in_which_they_came() {
    check(|| {
        let (condition, lock) = (Handle::<Condition>::new().unwrap(), Handle::<Lock>::new().unwrap());
        let (came, notified) = (AtomicU32::new(0), AtomicU32::new(0));
        let inside = Inside::default();
        threads(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    lock.acquire().unwrap();
                    let place = came.fetch_add(1, SeqCst);
                    condition.wait(lock).unwrap();
                    assert!(place < notified.load(SeqCst), "woken before its turn");
                    inside.visit(1);
                    lock.release().unwrap();
                });
            }
            await_number(&came, 3);
            let hold = model::chance(2);
            lock.acquire().unwrap();
            if !hold {
                lock.release().unwrap();
            }
            for n in [2, 1] {
                notified.fetch_add(n, SeqCst);
                notify(condition, n as usize);
            }
            if hold {
                lock.release().unwrap();
            }
        });
        assert_eq!(lock.state(SeqCst), Ok(0));
        assert_eq!(condition.waiting(), Ok(0));
        assert!(condition.is_idle());
        condition.free().unwrap();
        lock.free().unwrap();
    });
}

/// Three, so that an heir has one, too; and one of them may give up meanwhile.
#[test]
fn all_who_are_notified_come_through() {
    check(|| {
        let (condition, lock) = (Handle::<Condition>::new().unwrap(), Handle::<Lock>::new().unwrap());
        let came = AtomicU32::new(0);
        threads(|scope| {
            for timed in [false, true, false] {
                let came = &came;
                scope.spawn(move || come_and_wait(condition, lock, came, timed));
            }
            await_number(&came, 3);
            lock.acquire().unwrap();
            assert!(condition.waiting().unwrap() >= 2);
            condition.notify(usize::MAX).unwrap();
            assert_eq!(condition.waiting(), Ok(0));
            lock.release().unwrap();
        });
        end(|| condition.free());
        lock.free().unwrap();
    });
}

#[test]
fn whoever_waits_with_one_lock_keeps_nobody_with_another() {
    check(|| {
        let condition = Handle::<Condition>::new().unwrap();
        let [first, held, last] = [(); 3].map(|()| Handle::<Lock>::new().unwrap());
        let through = AtomicU32::new(0);
        threads(|scope| {
            for (i, lock) in [first, held, last].into_iter().enumerate() {
                let through = &through;
                scope.spawn(move || {
                    lock.acquire().unwrap();
                    condition.wait(lock).unwrap();
                    through.fetch_add(1, SeqCst);
                    lock.release().unwrap();
                });
                while condition.waiting() != Ok(i + 1) {
                    model::yield_now();
                }
            }
            held.acquire().unwrap();
            condition.notify(usize::MAX).unwrap();
            await_number(&through, 2);
            held.release().unwrap();
        });
        end(|| condition.free());
        [first, held, last].iter().for_each(|lock| end(|| lock.free()));
    });
}

#[test]
fn who_gives_up_swallows_no_notify() {
    check(|| {
        let (condition, rlock) = (Handle::<Condition>::new().unwrap(), Handle::<RLock>::new().unwrap());
        let [came, gone, over] = [(); 3].map(|()| AtomicU32::new(0));
        let target = Target::default();
        let wait = |seconds: f64| {
            rlock.enter().unwrap();
            rlock.enter().unwrap();
            came.fetch_add(1, SeqCst);
            let result = condition.wait_timeout(rlock, seconds);
            assert_eq!(rlock.recursion_count(), Ok(2));
            rlock.leave().unwrap();
            rlock.leave().unwrap();
            gone.fetch_add(result.is_ok().into(), SeqCst);
            result
        };
        threads(|scope| {
            scope.spawn(|| {
                assert!(matches!(wait(SOON), Ok(()) | Err(Error::TimedOut)));
                over.fetch_add(1, SeqCst);
            });
            scope.spawn(|| {
                target.enter();
                assert!(matches!(wait(-1.0), Ok(()) | Err(Error::Interrupted)));
                over.fetch_add(1, SeqCst);
            });
            await_number(&came, 2);
            scope.spawn(|| wait(-1.0).unwrap());
            await_number(&came, 3);
            // Who has come is in the line once the lock is free.
            rlock.enter().unwrap();
            rlock.leave().unwrap();
            scope.spawn(|| target.interrupt());
            notify(condition, 1);
            await_number(&over, 2);
            // Else it has gone to the third.
            if condition.waiting() == Ok(1) {
                assert_eq!(gone.load(SeqCst), 1, "the notify was swallowed");
                notify(condition, 1);
            }
        });
        condition.free().unwrap();
        rlock.free().unwrap();
    });
}

struct Shared {
    items: AtomicU32,
}

unsafe extern "C-unwind" fn has_items(shared: *mut c_void) -> bool {
    // SAFETY: passed below.
    unsafe { &*shared.cast::<Shared>() }.items.load(SeqCst) > 0
}

#[test]
fn what_a_predicate_waits_for_is_not_missed() {
    check(|| {
        let (condition, lock) = (Handle::<Condition>::new().unwrap(), Handle::<Lock>::new().unwrap());
        let shared = Shared { items: AtomicU32::new(0) };
        let argument = core::ptr::from_ref(&shared).cast_mut().cast::<c_void>().expose_provenance();
        let take = |seconds: f64| {
            lock.acquire().unwrap();
            let argument = core::ptr::with_exposed_provenance_mut(argument);
            // SAFETY: the predicate takes this argument.
            let result = unsafe { condition.wait_for(lock, has_items, argument, seconds) };
            if result.is_ok() {
                assert!(shared.items.fetch_sub(1, SeqCst) > 0);
            }
            lock.release().unwrap();
            result
        };
        let taken = AtomicU32::new(0);
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| take(-1.0).unwrap());
            }
            scope.spawn(|| match take(SOON) {
                Ok(()) => taken.store(1, SeqCst),
                result => assert_eq!(result, Err(Error::TimedOut)),
            });
            for _ in 0..3 {
                lock.acquire().unwrap();
                shared.items.fetch_add(1, SeqCst);
                lock.release().unwrap();
                notify(condition, 1);
            }
        });
        assert_eq!(shared.items.into_inner() + taken.into_inner(), 1);
        condition.free().unwrap();
        lock.free().unwrap();
    });
}

#[test]
fn it_may_be_freed_once_all_are_notified() {
    check(|| {
        let (condition, lock) = (Handle::<Condition>::new().unwrap(), Handle::<Lock>::new().unwrap());
        let came = AtomicU32::new(0);
        threads(|scope| {
            for timed in [false, true] {
                let came = &came;
                scope.spawn(move || come_and_wait(condition, lock, came, timed));
            }
            await_number(&came, 2);
            lock.acquire().unwrap();
            assert!(condition.waiting().unwrap() >= 1);
            condition.notify(usize::MAX).unwrap();
            condition.free().unwrap();
            lock.release().unwrap();
            let others = [(); 2].map(|_| Handle::<Condition>::new().unwrap());
            others.iter().for_each(|other| end(|| other.free()));
        });
        lock.free().unwrap();
    });
}

#[test]
fn who_comes_while_it_is_freed_has_waited_or_finds_it_gone() {
    check(|| {
        let (condition, lock) = (Handle::<Condition>::new().unwrap(), Handle::<Lock>::new().unwrap());
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    lock.acquire().unwrap();
                    let result = condition.wait(lock);
                    assert!(matches!(result, Ok(()) | Err(Error::StaleHandle(_))));
                    lock.release().unwrap();
                });
            }
            while condition.free() == Err(Error::Busy) {
                condition.notify(2).unwrap();
                model::yield_now();
            }
        });
        assert_eq!(lock.state(SeqCst), Ok(0));
        lock.free().unwrap();
    });
}
