//! The event: a set is seen by all who wait, even with a clear behind it.

use super::hold::{hold, let_go};
use super::{Target, check, end, threads};
use lowthread::base::atomic::{AtomicU32, Ordering::SeqCst};
use lowthread::base::handle::{Handle, Kind};
use lowthread::base::model;
use lowthread::base::status::Error;
use lowthread::sync::event::Event;

const SOON: f64 = 1e-3;

#[test]
fn a_set_with_a_clear_behind_it_wakes_all_who_waited() {
    check(|| {
        let event = Handle::<Event>::new().unwrap();
        // Each time is another one.
        for _ in 0..model::draw(3) {
            event.set().unwrap();
            event.clear().unwrap();
        }
        threads(|scope| {
            for _ in 0..3 {
                scope.spawn(|| event.wait().unwrap());
            }
            while event.visitors() != Ok(3) {
                model::yield_now();
            }
            event.set().unwrap();
            event.clear().unwrap();
        });
        assert_eq!(event.is_set(), Ok(false));
        event.free().unwrap();
    });
}

/// So many wait for a set, at which it calls the one; and so many come after the clear, at which it calls the other. Nobody
/// sets it again before the first are all awake.
fn clear_before_others_come(first: u32, others: u32, when_set: fn(), when_cleared: fn()) {
    let (event, awake) = (Handle::<Event>::new().unwrap(), AtomicU32::new(0));
    threads(|scope| {
        for _ in 0..first {
            scope.spawn(|| {
                event.wait().unwrap();
                awake.fetch_add(1, SeqCst);
            });
        }
        while event.visitors() != Ok(first) {
            model::yield_now();
        }
        event.set().unwrap();
        when_set();
        event.clear().unwrap();
        for _ in 0..others {
            scope.spawn(|| event.wait().unwrap());
        }
        when_cleared();
        while awake.load(SeqCst) < first {
            model::yield_now();
        }
        event.set().unwrap();
    });
    event.free().unwrap();
}

#[test]
fn who_comes_after_a_clear_takes_no_wake_from_those_before() {
    check(|| clear_before_others_come(2, 1, || (), || ()));
}

/// More of both. Those who come are held up once they sleep: they get wakes, and pass none on.
#[test]
fn those_who_come_after_a_clear_take_no_wakes_from_those_before() {
    check(|| {
        let go_on = || {
            (0..20).for_each(|_| {
                model::yield_now();
            });
            (1..4).for_each(let_go);
        };
        // As if none of the three got a processor until the others sleep.
        clear_before_others_come(3, 2, || (1..4).for_each(hold), go_on);
    });
}

#[test]
fn a_set_is_seen_by_whoever_waits_and_by_whoever_comes() {
    check(|| {
        let (event, done, target) = (Handle::<Event>::new().unwrap(), AtomicU32::new(0), Target::default());
        let seen = |otherwise: Error, result: Result<(), Error>| match result {
            Ok(()) => assert_eq!(done.load(SeqCst), 1),
            result => assert_eq!(result, Err(otherwise)),
        };
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    event.wait().unwrap();
                    assert_eq!(done.load(SeqCst), 1);
                });
            }
            scope.spawn(|| seen(Error::TimedOut, event.wait_timeout(SOON)));
            scope.spawn(|| {
                target.enter();
                seen(Error::Interrupted, event.wait());
            });
            scope.spawn(|| target.interrupt());
            done.store(1, SeqCst);
            event.set().unwrap();
        });
        event.free().unwrap();
    });
}

#[test]
fn a_free_that_races_with_a_wait_ends_it_or_is_refused() {
    check(|| {
        let event = Handle::<Event>::new().unwrap();
        let stale = Err(Error::StaleHandle(Kind::Event));
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let result = event.wait();
                    assert!(result == Ok(()) || result == stale);
                });
            }
            while event.free() == Err(Error::Busy) {
                event.set().unwrap();
                model::yield_now();
            }
            // Others may get the slot.
            let others = [(); 2].map(|_| Handle::<Event>::new().unwrap());
            others.iter().for_each(|other| end(|| other.free()));
        });
        assert_eq!(event.free(), stale);
    });
}
