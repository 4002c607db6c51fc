//! The lock: one holder at a time, no wake-up lost, no trace left.

use super::hold::{hold, let_go};
use super::{Inside, Target, check, end, threads};
use lowthread::base::atomic::{AtomicU32, Ordering::SeqCst};
use lowthread::base::handle::{Handle, Kind};
use lowthread::base::model;
use lowthread::base::status::Error;
use lowthread::sync::lock::Lock;

/// A bound that passes sometimes before the patience of a waiter does, and sometimes after.
const SOON: f64 = 1.5e-3;

fn end_free(lock: Handle<Lock>) {
    assert_eq!(lock.state(SeqCst), Ok(0), "something was left in the state");
    lock.free().unwrap();
}

#[test]
fn one_holder_at_a_time_and_everybody_comes_in() {
    check(|| {
        let (lock, inside) = (Handle::<Lock>::new().unwrap(), Inside::default());
        threads(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..2 {
                        lock.acquire().unwrap();
                        inside.visit(1);
                        lock.release().unwrap();
                    }
                });
            }
        });
        end_free(lock);
    });
}

/// Others may make the state again that a thread which is late to sleep expects, flag and count: then it
/// falls asleep though it was passed over. Chance alone does not get there, so it is led a little.
#[test]
fn who_is_late_to_sleep_is_not_forgotten() {
    check(|| {
        let (lock, stage) = (Handle::<Lock>::new().unwrap(), AtomicU32::new(0));
        // Not for ever: the schedule may be another one.
        let until = |come: &dyn Fn() -> bool| (0..20).any(|_| come() || !model::yield_now());
        let waiters = |n: u64| move || lock.state(SeqCst).is_ok_and(|state| state >> 4 == n);
        lock.acquire().unwrap();
        threads(|scope| {
            let third = || {
                until(&|| stage.load(SeqCst) == 3);
                lock.acquire().unwrap();
                lock.release().unwrap();
            };
            let the_same = model::chance(2);
            scope.spawn(move || {
                lock.acquire().unwrap();
                lock.release().unwrap();
                if the_same {
                    third();
                }
            });
            if !the_same {
                scope.spawn(third);
            }
            scope.spawn(|| {
                until(&|| stage.load(SeqCst) == 1);
                lock.acquire().unwrap();
                lock.release().unwrap();
            });
            until(&waiters(1));
            lock.release().unwrap();
            lock.acquire().unwrap();
            stage.store(1, SeqCst);
            until(&waiters(2));
            lock.release().unwrap();
            until(&waiters(1));
            lock.acquire().unwrap();
            stage.store(3, SeqCst);
            until(&waiters(2));
            lock.release().unwrap();
        });
        end_free(lock);
    });
}

/// The same of two of them, both with `WAKING` in what they expect: a release that found nobody asleep takes it back when
/// they are, and the lock is free. One is held up before it sleeps, and the release before it looks back.
#[test]
fn two_who_sleep_by_a_hint_that_is_taken_back_are_not_forgotten() {
    const LOCKED: u64 = 1;
    const WAKING: u64 = 2;
    const WAITER: u64 = 16;
    const RELEASER: usize = 1;
    const LATE: usize = 2;
    check(|| {
        let lock = Handle::<Lock>::new().unwrap();
        let until = |state: u64| (0..100).any(|_| lock.state(SeqCst) == Ok(state) || !model::yield_now());
        let pass = |n: u64| (0..n).for_each(|_| _ = model::yield_now());
        let visit = || {
            lock.acquire().unwrap();
            lock.release().unwrap();
        };
        lock.acquire().unwrap();
        threads(|scope| {
            scope.spawn(visit);
            until(LOCKED | WAITER);
            pass(20);
            // It is woken, and not yet there.
            hold(RELEASER);
            lock.release().unwrap();
            lock.acquire().unwrap();
            scope.spawn(visit);
            until(LOCKED | WAKING | (2 * WAITER));
            hold(LATE);
            let_go(RELEASER);
            lock.release().unwrap();
            until(WAKING | WAITER);
            pass(model::draw(4));
            hold(RELEASER);
            lock.acquire().unwrap();
            scope.spawn(visit);
            until(LOCKED | WAKING | (2 * WAITER));
            let_go(LATE);
            pass(20);
            lock.release().unwrap();
            let_go(RELEASER);
        });
        end_free(lock);
    });
}

#[test]
fn who_gives_up_takes_no_wake_up_along() {
    check(|| {
        let (lock, inside, target) = (Handle::<Lock>::new().unwrap(), Inside::default(), Target::default());
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    lock.acquire().unwrap();
                    inside.visit(1);
                    lock.release().unwrap();
                });
            }
            scope.spawn(|| match lock.acquire_timeout(SOON) {
                Ok(()) => {
                    inside.visit(1);
                    lock.release().unwrap();
                }
                result => assert_eq!(result, Err(Error::TimedOut)),
            });
            scope.spawn(|| {
                target.enter();
                match lock.acquire() {
                    Ok(()) => {
                        inside.visit(1);
                        lock.release().unwrap();
                    }
                    result => assert_eq!(result, Err(Error::Interrupted)),
                }
            });
            target.interrupt();
        });
        end_free(lock);
    });
}

#[test]
fn an_interrupt_ends_a_wait_that_nothing_else_ends() {
    check(|| {
        let (lock, target) = (Handle::<Lock>::new().unwrap(), Target::default());
        lock.acquire().unwrap();
        threads(|scope| {
            scope.spawn(|| {
                target.enter();
                assert_eq!(lock.acquire(), Err(Error::Interrupted));
            });
            scope.spawn(|| {
                let result = lock.acquire_timeout(SOON);
                assert_eq!(result, Err(Error::TimedOut));
            });
            target.interrupt();
        });
        lock.release().unwrap();
        end_free(lock);
    });
}

#[test]
fn another_thread_may_release() {
    check(|| {
        let (lock, turn) = (Handle::<Lock>::new().unwrap(), AtomicU32::new(0));
        lock.acquire().unwrap();
        threads(|scope| {
            scope.spawn(|| {
                turn.fetch_add(1, SeqCst);
                lock.release().unwrap();
            });
            scope.spawn(|| {
                lock.acquire().unwrap();
                assert_eq!(turn.load(SeqCst), 1);
                lock.release().unwrap();
            });
            lock.acquire().unwrap();
            assert_eq!(turn.load(SeqCst), 1);
            lock.release().unwrap();
        });
        end_free(lock);
    });
}

#[test]
fn a_free_that_races_is_seen_as_a_stale_handle_or_not_at_all() {
    check(|| {
        let (lock, freed) = (Handle::<Lock>::new().unwrap(), AtomicU32::new(0));
        let stale = Error::StaleHandle(Kind::Lock);
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| match lock.acquire() {
                    // The lock may be freed while it is held.
                    Ok(()) => assert!(matches!(lock.release(), Ok(()) | Err(Error::StaleHandle(_)))),
                    result => assert_eq!(result, Err(stale)),
                });
            }
            scope.spawn(|| match lock.free() {
                Ok(()) => {
                    freed.fetch_add(1, SeqCst);
                }
                result => assert_eq!(result, Err(Error::Busy)),
            });
            // Another one may get the slot.
            let other = Handle::<Lock>::new().unwrap();
            other.acquire().unwrap();
            other.release().unwrap();
            end(|| other.free());
        });
        if freed.load(SeqCst) == 1 {
            assert_eq!(lock.free(), Err(stale));
        } else {
            end_free(lock);
        }
    });
}

// One gives up as the lock is handed over, which goes to who was promised it next, and keeps it.
#[test]
fn who_gives_up_does_not_wait_for_a_lock_that_went_to_who_came_later() {
    check(|| {
        let (lock, has_it) = (Handle::<Lock>::new().unwrap(), AtomicU32::new(0));
        // Busy: it is promised to the other one.
        let stand_there = |look: bool| {
            let _resident = lock.reside().unwrap();
            let served = lock.stand_in_line();
            let served = served == Ok(true)
                || served == Ok(false) && (look && lock.is_served().unwrap() || lock.stand_down().unwrap());
            has_it.fetch_add(served.into(), SeqCst);
        };
        lock.acquire().unwrap();
        threads(|scope| {
            scope.spawn(|| stand_there(false));
            lock.release().unwrap();
            stand_there(true);
        });
        assert_eq!(lock.state(SeqCst), Ok(has_it.into_inner().into()));
        lock.free().unwrap();
    });
}
