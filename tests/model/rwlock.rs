//! The read-write lock: readers together, writers alone, and nobody forgotten in the line.

use super::{Target, check, end, threads};
use lowthread::base::atomic::{AtomicI32, AtomicU32, Ordering::SeqCst};
use lowthread::base::handle::{Handle, Kind};
use lowthread::base::model;
use lowthread::base::status::Error;
use lowthread::sync::barrier::Barrier;
use lowthread::sync::rwlock::{Access, RwLock};
use std::ptr;

/// A bound that passes sometimes before the patience of a waiter does, and sometimes after.
const SOON: f64 = 1.5e-3;

fn end_free(rwlock: Handle<RwLock>) {
    assert_eq!(rwlock.state(SeqCst), Ok(0), "something was left in the state");
    rwlock.free().unwrap();
}

/// As the functions of the interface do it.
fn acquire(rwlock: Handle<RwLock>, access: Access) -> Result<(), Error> {
    if rwlock.acquire_at_once(access) { Ok(()) } else { rwlock.acquire(access) }
}

fn release(rwlock: Handle<RwLock>, access: Access) {
    if !rwlock.release_at_once(access) {
        rwlock.release(access).unwrap();
    }
}

/// Who is inside: readers count up, a writer sets it far down.
#[derive(Default)]
struct Both(AtomicI32);

impl Both {
    fn visit(&self, access: Access) {
        let weight = if access == Access::Write { -100 } else { 1 };
        let before = self.0.fetch_add(weight, SeqCst);
        assert!(if weight < 0 { before == 0 } else { before >= 0 }, "not exclusive");
        model::point();
        self.0.fetch_sub(weight, SeqCst);
    }
}

#[test]
fn writers_are_alone_and_everybody_comes_in() {
    check(|| {
        let (rwlock, both) = (Handle::<RwLock>::new().unwrap(), Both::default());
        threads(|scope| {
            for accesses in [[Access::Read, Access::Write], [Access::Read; 2], [Access::Write, Access::Read]]
            {
                let both = &both;
                scope.spawn(move || {
                    for access in accesses {
                        acquire(rwlock, access).unwrap();
                        both.visit(access);
                        release(rwlock, access);
                    }
                });
            }
            acquire(rwlock, Access::Write).unwrap();
            both.visit(Access::Write);
            release(rwlock, Access::Write);
        });
        end_free(rwlock);
    });
}

#[test]
fn who_gives_up_stands_in_nobodys_way() {
    check(|| {
        let (rwlock, both, target) = (Handle::<RwLock>::new().unwrap(), Both::default(), Target::default());
        let came = |access: Access, result: Result<(), Error>, otherwise: Error| match result {
            Ok(()) => {
                both.visit(access);
                release(rwlock, access);
            }
            result => assert_eq!(result, Err(otherwise)),
        };
        let any = || if model::chance(2) { Access::Read } else { Access::Write };
        threads(|scope| {
            scope.spawn(|| {
                let access = any();
                came(access, rwlock.acquire_timeout(access, SOON), Error::TimedOut);
            });
            scope.spawn(|| {
                target.enter();
                let access = any();
                came(access, rwlock.acquire(access), Error::Interrupted);
            });
            scope.spawn(|| target.interrupt());
            for _ in 0..2 {
                scope.spawn(|| {
                    let access = any();
                    acquire(rwlock, access).unwrap();
                    came(access, Ok(()), Error::Busy);
                });
            }
        });
        end_free(rwlock);
    });
}

#[test]
fn readers_behind_a_writer_that_gives_up_join_those_inside() {
    check(|| {
        let rwlock = Handle::<RwLock>::new().unwrap();
        acquire(rwlock, Access::Read).unwrap();
        threads(|scope| {
            scope.spawn(|| {
                assert_eq!(rwlock.acquire_timeout(Access::Write, SOON), Err(Error::TimedOut));
            });
            for _ in 0..2 {
                scope.spawn(|| {
                    acquire(rwlock, Access::Read).unwrap();
                    release(rwlock, Access::Read);
                });
            }
        });
        // Only now.
        release(rwlock, Access::Read);
        end_free(rwlock);
    });
}

/// Each reader stays until the other has come: once no writer stands in line any more, nothing keeps them apart.
#[test]
fn readers_meet_inside_though_writers_come_and_give_up() {
    check(|| {
        let rwlock = Handle::<RwLock>::new().unwrap();
        let both = Handle::<Barrier>::new(2, None, ptr::null_mut()).unwrap();
        acquire(rwlock, Access::Write).unwrap();
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    acquire(rwlock, Access::Read).unwrap();
                    // SAFETY: it has no action.
                    unsafe { both.wait() }.unwrap();
                    release(rwlock, Access::Read);
                });
            }
            scope.spawn(|| {
                for _ in 0..2 {
                    if rwlock.acquire_timeout(Access::Write, SOON).is_ok() {
                        release(rwlock, Access::Write);
                    }
                }
            });
            release(rwlock, Access::Write);
        });
        end_free(rwlock);
        both.free().unwrap();
    });
}

/// A writer that is woken competes, is promised the lock, and gives up, at any time; those behind it come in.
#[test]
fn a_writer_that_was_promised_the_lock_may_give_it_up() {
    check(|| {
        let (rwlock, both) = (Handle::<RwLock>::new().unwrap(), Both::default());
        acquire(rwlock, Access::Read).unwrap();
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| match rwlock.acquire_timeout(Access::Write, SOON) {
                    Ok(()) => {
                        both.visit(Access::Write);
                        release(rwlock, Access::Write);
                    }
                    result => assert_eq!(result, Err(Error::TimedOut)),
                });
            }
            scope.spawn(|| {
                acquire(rwlock, Access::Read).unwrap();
                both.visit(Access::Read);
                release(rwlock, Access::Read);
            });
            for _ in 0..2 {
                release(rwlock, Access::Read);
                // Before who was woken, or behind.
                acquire(rwlock, Access::Read).unwrap();
            }
            release(rwlock, Access::Read);
        });
        end_free(rwlock);
    });
}

/// A release lets the line move up before anybody else can have the lock, if those who are first are readers. Else
/// writers that come at the right time could keep them out for ever.
#[test]
fn no_writer_comes_before_readers_whose_turn_it_is() {
    const QUEUED: u64 = 2;
    check(|| {
        let (rwlock, came) = (Handle::<RwLock>::new().unwrap(), AtomicU32::new(0));
        acquire(rwlock, Access::Write).unwrap();
        threads(|scope| {
            scope.spawn(|| {
                acquire(rwlock, Access::Read).unwrap();
                came.store(1, SeqCst);
                release(rwlock, Access::Read);
            });
            scope.spawn(|| {
                let waits = rwlock.state(SeqCst).unwrap() & QUEUED != 0;
                if rwlock.try_acquire(Access::Write).is_ok() {
                    assert!(!waits || came.load(SeqCst) == 1, "the reader was overtaken");
                    release(rwlock, Access::Write);
                }
            });
            release(rwlock, Access::Write);
        });
        end_free(rwlock);
    });
}

#[test]
fn a_free_that_races_is_seen_as_a_stale_handle_or_not_at_all() {
    check(|| {
        let (rwlock, freed) = (Handle::<RwLock>::new().unwrap(), AtomicU32::new(0));
        let stale = Error::StaleHandle(Kind::RwLock);
        threads(|scope| {
            for access in [Access::Read, Access::Write] {
                scope.spawn(move || match acquire(rwlock, access) {
                    // It may be freed while it is held.
                    Ok(()) => assert!(matches!(rwlock.release(access), Ok(()) | Err(Error::StaleHandle(_)))),
                    result => assert_eq!(result, Err(stale)),
                });
            }
            scope.spawn(|| match rwlock.free() {
                Ok(()) => freed.store(1, SeqCst),
                result => assert_eq!(result, Err(Error::Busy)),
            });
            let other = Handle::<RwLock>::new().unwrap();
            acquire(other, Access::Write).unwrap();
            release(other, Access::Write);
            end(|| other.free());
        });
        if freed.load(SeqCst) == 1 {
            assert_eq!(rwlock.free(), Err(stale));
        } else {
            end_free(rwlock);
        }
    });
}
