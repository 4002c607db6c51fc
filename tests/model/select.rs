//! Select: exactly one case happens, nothing is taken by another, and nobody who could go on is forgotten.

use super::{Inside, Target, check, end, threads};
use core::ffi::c_void;
use core::ptr::without_provenance_mut;
use lowthread::base::atomic::{AtomicU32, Ordering::SeqCst};
use lowthread::base::handle::Handle;
use lowthread::base::model;
use lowthread::base::status::Error;
use lowthread::exec::case::Case;
use lowthread::exec::future::{Future, Promise};
use lowthread::exec::select::{Refused, select};
use lowthread::sync::event::Event;
use lowthread::sync::lock::Lock;
use lowthread::sync::queue::Queue;
use lowthread::sync::rlock::RLock;
use lowthread::sync::rwlock::{Access, RwLock};
use lowthread::sync::semaphore::Semaphore;

const FOREVER: f64 = -1.0;
/// A bound that passes sometimes before the patience of a waiter does, and sometimes after.
const SOON: f64 = 1.5e-3;

/// Which one happens, and the item of a get.
fn choose(cases: &[Case], seconds: f64) -> Result<(usize, Option<*mut c_void>), Error> {
    let case_at = |i: usize| Ok(*cases.get(i).unwrap());
    match select(cases.len(), &case_at, seconds) {
        Ok((i, outcome)) => Ok((i, outcome?)),
        Err((_, error)) => Err(error),
    }
}

fn semaphore(permits: u32) -> Handle<Semaphore> {
    Handle::<Semaphore>::new(permits, 9).unwrap()
}

fn end_semaphore(semaphore: Handle<Semaphore>, permits: u32) {
    assert_eq!(semaphore.value(), Ok(permits), "the count is another one");
    end(|| semaphore.free());
}

#[test]
fn of_two_semaphores_each_selects_one_permit() {
    check(|| {
        let (one, other) = (semaphore(0), semaphore(0));
        threads(|scope| {
            for _ in 0..3 {
                scope.spawn(move || {
                    choose(&[Case::Semaphore(one), Case::Semaphore(other)], FOREVER).unwrap();
                });
            }
            scope.spawn(|| one.release(1).unwrap());
            scope.spawn(|| other.release(1).unwrap());
            one.release(1).unwrap();
        });
        end_semaphore(one, 0);
        end_semaphore(other, 0);
    });
}

#[test]
fn selects_and_waiters_in_line_share_the_permits() {
    check(|| {
        let (permits, never, inside) = (semaphore(1), Handle::<Event>::new().unwrap(), Inside::default());
        threads(|scope| {
            for turn in 0..3 {
                let inside = &inside;
                scope.spawn(move || {
                    for _ in 0..2 {
                        if turn == 0 {
                            permits.acquire().unwrap();
                        } else {
                            let cases = [Case::Event(never), Case::Semaphore(permits)];
                            assert_eq!(choose(&cases, FOREVER), Ok((1, None)));
                        }
                        inside.visit(1);
                        permits.release(1).unwrap();
                    }
                });
            }
        });
        end_semaphore(permits, 1);
        end(|| never.free());
    });
}

#[test]
fn who_gives_up_has_taken_nothing() {
    check(|| {
        let (one, other, target) = (semaphore(0), semaphore(0), Target::default());
        let taken = [AtomicU32::new(0), AtomicU32::new(0)];
        let count = |expected: Error, result: Result<(usize, _), Error>| match result {
            Ok((i, _)) => drop(taken.get(i).unwrap().fetch_add(1, SeqCst)),
            Err(error) => assert_eq!(error, expected),
        };
        let try_both = |seconds| choose(&[Case::Semaphore(one), Case::Semaphore(other)], seconds);
        threads(|scope| {
            scope.spawn(|| count(Error::TimedOut, try_both(SOON)));
            scope.spawn(|| {
                target.enter();
                count(Error::Interrupted, try_both(FOREVER));
            });
            scope.spawn(|| one.release(1).unwrap());
            other.release(1).unwrap();
            target.interrupt();
        });
        let [from_one, from_other] = taken.map(|n| n.load(SeqCst));
        end_semaphore(one, 1 - from_one);
        end_semaphore(other, 1 - from_other);
    });
}

#[test]
fn a_lock_is_one_threads_at_a_time() {
    check(|| {
        let (lock, rlock) = (Handle::<Lock>::new().unwrap(), Handle::<RLock>::new().unwrap());
        let inside = [Inside::default(), Inside::default()];
        threads(|scope| {
            for turn in 0..3 {
                let inside = &inside;
                scope.spawn(move || {
                    for _ in 0..2 {
                        let chosen = match turn {
                            0 => lock.acquire().map(|()| 0),
                            1 => rlock.enter().map(|()| 1),
                            _ => choose(&[Case::Lock(lock), Case::RLock(rlock)], FOREVER).map(|(i, _)| i),
                        };
                        let chosen = chosen.unwrap();
                        inside.get(chosen).unwrap().visit(1);
                        if chosen == 0 { lock.release() } else { rlock.leave() }.unwrap();
                    }
                });
            }
            scope.spawn(|| {
                if let Ok((i, _)) = choose(&[Case::RLock(rlock), Case::Lock(lock)], SOON) {
                    if i == 1 { lock.release() } else { rlock.leave() }.unwrap();
                }
            });
        });
        assert_eq!(lock.state(SeqCst), Ok(0), "something was left in the state");
        assert_eq!(rlock.state(SeqCst), Ok(0), "something was left in the state");
        end(|| lock.free());
        end(|| rlock.free());
    });
}

#[test]
fn each_item_comes_through_once() {
    check(|| {
        let (narrow, wide) = (Handle::<Queue>::new(1).unwrap(), Handle::<Queue>::new(0).unwrap());
        let got = AtomicU32::new(0);
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..2 {
                        let (_, item) = choose(&[Case::Get(narrow), Case::Get(wide)], FOREVER).unwrap();
                        got.fetch_add(item.unwrap().addr() as u32, SeqCst);
                    }
                });
            }
            for item in [1, 0x10] {
                scope.spawn(move || {
                    for item in [item, item * 0x100].map(without_provenance_mut) {
                        choose(&[Case::Put(narrow, item), Case::Put(wide, item)], FOREVER).unwrap();
                    }
                });
            }
        });
        assert_eq!(got.load(SeqCst), 0x1111, "lost, or doubled");
        for queue in [narrow, wide] {
            // SAFETY: no frame here is left but by returning.
            end(|| unsafe { queue.free() });
        }
    });
}

#[test]
fn ordinary_gets_and_a_close_come_between() {
    check(|| {
        let queue = Handle::<Queue>::new(1).unwrap();
        let got = AtomicU32::new(0);
        let close = || {
            // SAFETY: no frame here is left but by returning.
            unsafe { queue.close(false) }.unwrap();
        };
        threads(|scope| {
            for turn in 0..3 {
                let got = &got;
                scope.spawn(move || {
                    loop {
                        let item = match turn {
                            0 => queue.get().map(Some),
                            _ => choose(&[Case::Get(queue)], FOREVER).map(|(_, item)| item),
                        };
                        match item {
                            Ok(item) => got.fetch_add(item.unwrap().addr() as u32, SeqCst),
                            Err(error) => return assert_eq!(error, Error::Closed),
                        };
                    }
                });
            }
            for item in [1, 0x10, 0x100].map(without_provenance_mut) {
                queue.put(item).unwrap();
            }
            close();
        });
        assert_eq!(got.load(SeqCst), 0x111, "lost, or doubled");
        // SAFETY: as above.
        end(|| unsafe { queue.free() });
    });
}

#[test]
fn readers_share_and_writers_are_alone() {
    check(|| {
        let rwlock = Handle::<RwLock>::new().unwrap();
        let (readers, writers) = (Inside::default(), Inside::default());
        threads(|scope| {
            for (turn, accesses) in
                [[Access::Read, Access::Write], [Access::Write, Access::Read], [Access::Read, Access::Read]]
                    .into_iter()
                    .enumerate()
            {
                let (readers, writers) = (&readers, &writers);
                scope.spawn(move || {
                    for access in accesses {
                        if turn == 0 {
                            rwlock.acquire(access).unwrap();
                        } else {
                            choose(&[Case::Access(rwlock, access)], FOREVER).unwrap();
                        }
                        if access == Access::Write {
                            writers.visit(1)
                        } else {
                            readers.visit(3)
                        }
                        rwlock.release(access).unwrap();
                    }
                });
            }
            scope.spawn(|| {
                if choose(&[Case::Access(rwlock, Access::Write)], SOON).is_ok() {
                    writers.visit(1);
                    rwlock.release(Access::Write).unwrap();
                }
            });
        });
        assert_eq!(rwlock.state(SeqCst), Ok(0), "something was left in the state");
        end(|| rwlock.free());
    });
}

#[test]
fn a_set_lets_all_through() {
    check(|| {
        let (event, other) = (Handle::<Event>::new().unwrap(), Handle::<Event>::new().unwrap());
        threads(|scope| {
            for _ in 0..3 {
                scope.spawn(move || {
                    let cases = [Case::Event(other), Case::Event(event)];
                    assert_eq!(choose(&cases, FOREVER), Ok((1, None)));
                });
            }
            event.set().unwrap();
        });
        end(|| event.free());
        end(|| other.free());
    });
}

unsafe extern "C-unwind" fn task(argument: *mut c_void) -> *mut c_void {
    argument
}

/// The task's residence, sent to another thread as the pool does it.
struct Sent(Promise);

// SAFETY: as a pool's tasks are.
unsafe impl Send for Sent {}

impl Sent {
    fn run(self) -> bool {
        self.0.run()
    }
}

fn promised() -> (Handle<Future>, Promise) {
    Handle::<Future>::new(task, core::ptr::null_mut(), core::ptr::null_mut()).unwrap()
}

#[test]
fn the_end_of_a_task_reaches_all_who_select_on_it() {
    check(|| {
        let (future, promise) = promised();
        let (never, sent) = (semaphore(0), Sent(promise));
        let cancels = model::chance(3);
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(move || {
                    let case_at =
                        |i: usize| Ok(if i == 0 { Case::Future(future) } else { Case::Semaphore(never) });
                    let chosen: Result<_, Refused> = select(2, &case_at, FOREVER);
                    let (i, outcome) = chosen.unwrap();
                    assert!(i == 0 && matches!(outcome, Ok(None) | Err(Error::Cancelled)));
                });
            }
            if cancels {
                scope.spawn(move || future.cancel().is_ok());
            }
            scope.spawn(move || assert!(sent.run() || cancels));
        });
        end(|| future.free());
        end_semaphore(never, 0);
    });
}

#[test]
fn the_next_future_knows_nothing_of_who_came_late_to_the_one_before() {
    check(|| {
        let (future, promise) = promised();
        let last = threads(|scope| {
            scope.spawn(move || {
                let case_at = |_: usize| Ok(Case::Future(future));
                let chosen: Result<_, Refused> = select(1, &case_at, FOREVER);
                assert!(matches!(chosen, Ok((0, _)) | Err((Some(0), Error::StaleHandle(_)))));
            });
            let freed = future.free();
            assert!(promise.run());
            if freed.is_err() {
                return future;
            }
            let (next, promise) = promised();
            assert!(promise.run());
            next
        });
        assert_eq!(last.free(), Ok(()));
    });
}
