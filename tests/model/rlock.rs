//! The re-entrant lock: one owner at a time, who is known, and comes in as often as it likes.

use super::{Inside, Target, check, threads};
use lowthread::base::atomic::Ordering::SeqCst;
use lowthread::base::handle::Handle;
use lowthread::base::model;
use lowthread::base::status::Error;
use lowthread::sync::rlock::RLock;

const SOON: f64 = 1.5e-3;

fn end_free(rlock: Handle<RLock>) {
    assert_eq!(rlock.state(SeqCst), Ok(0), "something was left in the state");
    assert_eq!(rlock.recursion_count(), Ok(0));
    rlock.free().unwrap();
}

/// What an owner may do.
fn own(rlock: Handle<RLock>, inside: &Inside) {
    assert_eq!(rlock.recursion_count(), Ok(1));
    inside.visit(1);
    rlock.enter().unwrap();
    rlock.try_enter().unwrap();
    inside.visit(1);
    assert_eq!(rlock.recursion_count(), Ok(3));
    rlock.leave().unwrap();
    rlock.leave().unwrap();
    inside.visit(1);
    rlock.leave().unwrap();
    assert_eq!(rlock.is_owned(), Ok(false));
}

#[test]
fn one_owner_at_a_time_and_everybody_comes_in() {
    check(|| {
        let (rlock, inside) = (Handle::<RLock>::new().unwrap(), Inside::default());
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    rlock.enter().unwrap();
                    own(rlock, &inside);
                });
            }
            rlock.enter().unwrap();
            rlock.enter().unwrap();
            let count = rlock.release_save().unwrap();
            assert_eq!(count, 2);
            assert_eq!(rlock.is_owned(), Ok(false));
            rlock.acquire_restore(count).unwrap();
            inside.visit(1);
            assert_eq!(rlock.recursion_count(), Ok(2));
            rlock.leave().unwrap();
            own(rlock, &inside);
        });
        end_free(rlock);
    });
}

#[test]
fn who_is_not_the_owner_is_told_so_at_any_moment() {
    check(|| {
        let (rlock, inside) = (Handle::<RLock>::new().unwrap(), Inside::default());
        threads(|scope| {
            scope.spawn(|| {
                assert!(matches!(rlock.leave(), Err(Error::NotOwner | Error::NotHeld)));
                assert!(matches!(rlock.release_save(), Err(Error::NotOwner | Error::NotHeld)));
                match rlock.try_enter() {
                    Ok(()) => own(rlock, &inside),
                    result => assert_eq!(result, Err(Error::Busy)),
                }
            });
            for _ in 0..2 {
                scope.spawn(|| {
                    assert_eq!(rlock.is_owned(), Ok(false));
                    rlock.enter().unwrap();
                    own(rlock, &inside);
                });
            }
        });
        end_free(rlock);
    });
}

#[test]
fn who_gives_up_takes_no_wake_up_along() {
    check(|| {
        let (rlock, inside, target) = (Handle::<RLock>::new().unwrap(), Inside::default(), Target::default());
        let came = |result: Result<(), Error>, otherwise: Error| match result {
            Ok(()) => own(rlock, &inside),
            result => assert_eq!(result, Err(otherwise)),
        };
        threads(|scope| {
            scope.spawn(|| came(rlock.enter_timeout(SOON), Error::TimedOut));
            scope.spawn(|| {
                target.enter();
                let restored = model::chance(2);
                came(if restored { rlock.acquire_restore(1) } else { rlock.enter() }, Error::Interrupted);
            });
            scope.spawn(|| target.interrupt());
            rlock.acquire_restore_uninterruptible(1).unwrap();
            own(rlock, &inside);
        });
        end_free(rlock);
    });
}
