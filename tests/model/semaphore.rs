//! The semaphore: permits are neither lost nor made, whoever gives up when.

use super::{Inside, Target, check, threads};
use lowthread::base::handle::Handle;
use lowthread::base::status::Error;
use lowthread::sync::semaphore::Semaphore;

const SOON: f64 = 1e-3;

fn end(semaphore: Handle<Semaphore>, permits: u32) {
    assert_eq!(semaphore.value(), Ok(permits), "the count is another one");
    for _ in 0..permits {
        semaphore.try_acquire().unwrap();
    }
    assert_eq!(semaphore.try_acquire(), Err(Error::Busy));
    semaphore.free().unwrap();
}

#[test]
fn as_many_inside_as_there_are_permits() {
    check(|| {
        let (semaphore, inside) = (Handle::<Semaphore>::new(2, 2).unwrap(), Inside::default());
        threads(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    semaphore.acquire().unwrap();
                    inside.visit(2);
                    semaphore.release(1).unwrap();
                });
            }
        });
        end(semaphore, 2);
    });
}

#[test]
fn who_gives_up_neither_loses_nor_makes_a_permit() {
    check(|| {
        let (semaphore, inside, target) =
            (Handle::<Semaphore>::new(1, 9).unwrap(), Inside::default(), Target::default());
        let hold = |expected: Error, result: Result<(), Error>| match result {
            Ok(()) => {
                inside.visit(1);
                semaphore.release(1).unwrap();
            }
            result => assert_eq!(result, Err(expected)),
        };
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| hold(Error::TimedOut, semaphore.acquire_timeout(SOON)));
            }
            scope.spawn(|| {
                target.enter();
                hold(Error::Interrupted, semaphore.acquire());
            });
            scope.spawn(|| {
                semaphore.acquire().unwrap();
                inside.visit(1);
                semaphore.release(1).unwrap();
            });
            target.interrupt();
        });
        end(semaphore, 1);
    });
}

#[test]
fn a_release_of_many_serves_as_many() {
    check(|| {
        let semaphore = Handle::<Semaphore>::new(0, 9).unwrap();
        let took = std::sync::atomic::AtomicU32::new(0);
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| semaphore.acquire().unwrap());
            }
            scope.spawn(|| match semaphore.acquire_timeout(SOON) {
                Ok(()) => took.store(1, std::sync::atomic::Ordering::SeqCst),
                result => assert_eq!(result, Err(Error::TimedOut)),
            });
            scope.spawn(|| semaphore.release(2).unwrap());
            semaphore.release(1).unwrap();
        });
        end(semaphore, 1 - took.into_inner());
    });
}

// One gives up as the permit comes, which goes to the other, who keeps it.
#[test]
fn a_time_out_ends_a_wait_whose_permit_went_to_who_came_later() {
    check(|| {
        let semaphore = Handle::<Semaphore>::new(0, 9).unwrap();
        let took = std::sync::atomic::AtomicU32::new(0);
        let acquire = || match semaphore.acquire_timeout(SOON) {
            Ok(()) => _ = took.fetch_add(1, std::sync::atomic::Ordering::SeqCst),
            result => assert_eq!(result, Err(Error::TimedOut)),
        };
        threads(|scope| {
            scope.spawn(acquire);
            semaphore.release(1).unwrap();
            acquire();
        });
        end(semaphore, 1 - took.into_inner());
    });
}
