//! What the primitives stand on: the internal mutex, slots and handles, interrupts.

use super::{Inside, check, end, threads};
use lowthread::base::atomic::{AtomicU32, Ordering::SeqCst};
use lowthread::base::deadline::{Deadline, Timeout};
use lowthread::base::handle::{Handle, Kind};
use lowthread::base::interrupt::Interrupt;
use lowthread::base::model;
use lowthread::base::mutex::Mutex;
use lowthread::base::status::Error;
use lowthread::base::turn::Turn;
use lowthread::base::wait::{self, Wake};
use lowthread::sync::event::Event;

#[test]
fn the_mutex_has_one_holder_and_wakes_the_next() {
    check(|| {
        let (mutex, inside) = (Mutex::new(0), Inside::default());
        threads(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..2 {
                        let mut count = mutex.lock();
                        inside.visit(1);
                        *count += 1;
                    }
                });
            }
        });
        assert_eq!(*mutex.lock(), 6);
    });
}

#[test]
fn the_turn_is_one_threads_and_is_passed_on_by_who_gives_up() {
    check(|| {
        let (turn, inside) = (Turn::new(0), Inside::default());
        let taken = AtomicU32::new(0);
        threads(|scope| {
            for patience in [Timeout::Forever, Timeout::Forever, Timeout::Nanoseconds(1_000_000)] {
                let (turn, inside, taken) = (&turn, &inside, &taken);
                scope.spawn(move || {
                    for _ in 0..2 {
                        let Some(mut count) = turn.take(patience) else { continue };
                        inside.visit(1);
                        *count += 1;
                        taken.fetch_add(1, SeqCst);
                    }
                });
            }
        });
        assert_eq!(Some(taken.load(SeqCst)), turn.take(Timeout::Poll).as_deref().copied());
        assert!(taken.load(SeqCst) >= 4);
    });
}

#[test]
fn a_slot_is_used_again_only_when_nobody_resides_in_it() {
    check(|| {
        let event = Handle::<Event>::new().unwrap();
        let slot = event.into_raw().addr() as u64 & 0xffff_ffff_ffff;
        let residing = AtomicU32::new(0);
        threads(|scope| {
            scope.spawn(|| match event.reside() {
                Ok(resident) => {
                    // Else it resides with the next object in the slot.
                    if event.check().is_ok() {
                        residing.store(1, SeqCst);
                        model::point();
                        residing.store(0, SeqCst);
                    }
                    drop(resident);
                }
                Err(error) => assert_eq!(error, Error::StaleHandle(Kind::Event)),
            });
            scope.spawn(|| event.end(|_, _| Ok(())).unwrap());
            for _ in 0..3 {
                let other = Handle::<Event>::new().unwrap();
                // Whoever resides now did so when the slot was given away.
                let same = other.into_raw().addr() as u64 & 0xffff_ffff_ffff == slot;
                assert!(!same || residing.load(SeqCst) == 0, "used again too early");
                assert!(other.into_raw() != event.into_raw(), "the same handle twice");
                end(|| other.free());
            }
        });
        assert_eq!(event.is_set(), Err(Error::StaleHandle(Kind::Event)));
    });
}

#[test]
fn of_two_frees_one_is_late() {
    check(|| {
        let event = Handle::<Event>::new().unwrap();
        let freed = AtomicU32::new(0);
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| match event.free() {
                    Ok(()) => {
                        freed.fetch_add(1, SeqCst);
                    }
                    result => assert_eq!(result, Err(Error::StaleHandle(Kind::Event))),
                });
            }
            let others = [(); 2].map(|_| Handle::<Event>::new().unwrap());
            others.iter().for_each(|other| end(|| other.free()));
        });
        assert_eq!(freed.into_inner(), 1);
    });
}

#[test]
fn every_interrupt_is_taken_once_and_ends_a_wait() {
    check(|| {
        let (interrupt, word) = (Interrupt::new(), AtomicU32::new(0));
        threads(|scope| {
            scope.spawn(|| interrupt.raise(15));
            scope.spawn(|| interrupt.raise(2));
            scope.spawn(|| {
                interrupt.mark();
                interrupt.rouse();
            });
            let mut taken = Vec::new();
            while taken.len() < 3 {
                // Sleeps for ever if one of them is hidden.
                if wait::wait(&word, 0, Deadline::Never, Some(&interrupt)) == Wake::Interrupted {
                    taken.extend(interrupt.take());
                }
            }
            taken.sort_unstable();
            assert_eq!(taken, [0, 2, 15]);
        });
        assert_eq!(interrupt.take(), None);
        assert!(!interrupt.pending());
    });
}
