//! The barrier: whole rounds, or LT_BROKEN for all, with an action in between.

use super::{Inside, Target, check, end, threads, throw, throws};
use core::ffi::c_void;
use core::ptr;
use lowthread::base::atomic::{AtomicU32, Ordering::SeqCst};
use lowthread::base::handle::Handle;
use lowthread::base::model;
use lowthread::base::status::Error;
use lowthread::sync::barrier::Barrier;

const SOON: f64 = 1e-3;

fn wait(barrier: Handle<Barrier>) -> Result<u32, Error> {
    // SAFETY: the models' frames may be left by what is thrown.
    unsafe { barrier.wait() }
}

fn wait_timeout(barrier: Handle<Barrier>, seconds: f64) -> Result<u32, Error> {
    // SAFETY: as above.
    unsafe { barrier.wait_timeout(seconds) }
}

/// A digit for each index.
fn digit(index: u32) -> u32 {
    1 << (4 * index)
}

#[test]
fn nobody_goes_on_before_all_have_come() {
    check(|| {
        let barrier = Handle::<Barrier>::new(3, None, ptr::null_mut()).unwrap();
        let rounds = [(); 2].map(|()| (AtomicU32::new(0), AtomicU32::new(0)));
        threads(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for (came, indices) in &rounds {
                        came.fetch_add(1, SeqCst);
                        let index = wait(barrier).unwrap();
                        assert_eq!(came.load(SeqCst), 3, "went on too early");
                        indices.fetch_add(digit(index), SeqCst);
                    }
                    end_once(barrier);
                });
            }
        });
        rounds.into_iter().for_each(|(_, indices)| assert_eq!(indices.into_inner(), 0x111));
    });
}

/// Frees it, unless somebody was faster.
fn end_once(barrier: Handle<Barrier>) {
    end(|| match barrier.free() {
        Err(Error::StaleHandle(_)) => Ok(()),
        result => result,
    });
}

#[test]
fn who_gives_up_breaks_it_for_the_others() {
    check(|| {
        let (barrier, target) =
            (Handle::<Barrier>::new(3, None, ptr::null_mut()).unwrap(), Target::default());
        let reasons = AtomicU32::new(0);
        let came = |result: Result<u32, Error>, reason: Error| {
            let result = result.unwrap_err();
            assert!(result == reason || result == Error::Broken, "{result:?}");
            reasons.fetch_add((result != Error::Broken).into(), SeqCst);
        };
        threads(|scope| {
            scope.spawn(|| came(wait_timeout(barrier, SOON), Error::TimedOut));
            scope.spawn(|| {
                target.enter();
                came(wait(barrier), Error::Interrupted);
            });
            target.interrupt();
        });
        // One that comes too late finds it broken.
        assert_eq!(reasons.into_inner(), 1);
        assert_eq!(barrier.is_broken(), Ok(true));
        assert_eq!(wait(barrier), Err(Error::Broken));
        barrier.reset().unwrap();
        assert_eq!(wait_timeout(barrier, 0.0), Err(Error::TimedOut));
        barrier.free().unwrap();
    });
}

#[test]
fn a_round_is_released_or_sent_away_as_a_whole() {
    check(|| {
        let barrier = Handle::<Barrier>::new(2, None, ptr::null_mut()).unwrap();
        let (released, over, timed) = (AtomicU32::new(0), AtomicU32::new(0), model::chance(2));
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    match wait_timeout(barrier, if timed { SOON } else { -1.0 }) {
                        Ok(index) => {
                            released.fetch_add(digit(index), SeqCst);
                        }
                        Err(Error::TimedOut) if timed => (),
                        result => assert_eq!(result, Err(Error::Broken)),
                    }
                    over.fetch_add(1, SeqCst);
                });
            }
            scope.spawn(|| barrier.reset().unwrap());
            if model::chance(2) {
                barrier.reset().unwrap();
            }
            // Sends away who has come alone, after the last reset.
            while over.load(SeqCst) < 2 {
                barrier.abort().unwrap();
                model::yield_now();
            }
        });
        let released = released.into_inner();
        assert!(released == 0 || released == 0x11, "{released:x}");
        barrier.free().unwrap();
    });
}

/// What an action knows.
#[derive(Default)]
struct Act {
    barrier: Option<Handle<Barrier>>,
    begun: AtomicU32,
    done: AtomicU32,
    inside: Inside,
    throws: bool,
    aborts: bool,
    resets: bool,
}

unsafe extern "C-unwind" fn act(act: *mut c_void) {
    // SAFETY: `Act::barrier` passes one.
    let act = unsafe { &*act.cast::<Act>() };
    act.begun.fetch_add(1, SeqCst);
    act.inside.visit(1);
    if let Some(barrier) = act.barrier {
        if act.aborts {
            barrier.abort().unwrap();
        }
        if act.resets {
            barrier.reset().unwrap();
        }
    }
    if act.throws {
        throw();
    }
    act.done.fetch_add(1, SeqCst);
}

impl Act {
    fn barrier(&self, parties: u32) -> Handle<Barrier> {
        Handle::<Barrier>::new(parties, Some(act), ptr::from_ref(self).cast_mut().cast()).unwrap()
    }
}

#[test]
fn who_comes_during_an_action_is_of_a_later_round() {
    check(|| {
        let act = Act::default();
        let parties = 1 + model::draw(2) as u32;
        let (barrier, indices) = (act.barrier(parties), AtomicU32::new(0));
        threads(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let index = wait(barrier).unwrap();
                    let before = indices.fetch_add(digit(index), SeqCst);
                    let released = (before & 0xf) + (before >> 4) + 1;
                    assert!(
                        act.done.load(SeqCst) * parties >= released,
                        "released before the action was over"
                    );
                });
            }
        });
        let expected = if parties == 1 { (4, 0x4) } else { (2, 0x22) };
        assert_eq!((act.done.into_inner(), indices.into_inner()), expected);
        barrier.free().unwrap();
    });
}

#[test]
fn who_gives_up_during_an_action_leaves_its_round_whole() {
    check(|| {
        let act = Act::default();
        let (barrier, indices) = (act.barrier(2), AtomicU32::new(0));
        threads(|scope| {
            for _ in 0..4 {
                scope.spawn(|| match wait_timeout(barrier, SOON) {
                    Ok(index) => {
                        indices.fetch_add(digit(index), SeqCst);
                    }
                    result => assert!(matches!(result, Err(Error::TimedOut | Error::Broken))),
                });
            }
            if model::chance(2) {
                barrier.reset().unwrap();
            }
        });
        assert_eq!(act.done.into_inner() * 0x11, indices.into_inner());
        barrier.free().unwrap();
    });
}

#[test]
fn an_action_may_abort_and_reset() {
    check(|| {
        let mut act = Act { aborts: model::chance(2), resets: model::chance(2), ..Act::default() };
        let parties = 2;
        let barrier = act.barrier(parties);
        act.barrier = Some(barrier);
        let act = &act;
        let (indices, over) = (AtomicU32::new(0), AtomicU32::new(0));
        threads(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    match wait(barrier) {
                        Ok(index) => indices.fetch_add(digit(index), SeqCst),
                        Err(error) => {
                            assert_eq!(error, Error::Broken);
                            0
                        }
                    };
                    over.fetch_add(1, SeqCst);
                });
            }
            while over.load(SeqCst) < 2 {
                model::yield_now();
            }
            // The third, if it waits for another, or is to come yet.
            barrier.abort().unwrap();
        });
        assert_eq!(indices.into_inner(), 0x11);
        assert_eq!(act.done.load(SeqCst), 1);
        assert_eq!(barrier.is_broken(), Ok(true));
        barrier.free().unwrap();
    });
}

#[test]
fn an_action_that_throws_breaks_it_for_all() {
    check(|| {
        let act = Act { throws: true, ..Act::default() };
        let (barrier, thrown) = (act.barrier(2), AtomicU32::new(0));
        threads(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    if throws(|| assert_eq!(wait(barrier), Err(Error::Broken))) {
                        thrown.fetch_add(1, SeqCst);
                    }
                });
            }
        });
        assert_eq!(thrown.into_inner(), 1);
        assert_eq!(barrier.is_broken(), Ok(true));
        barrier.free().unwrap();
    });
}

#[test]
fn who_drops_out_is_missed_by_nobody() {
    check(|| {
        let (act, acts) = (Act::default(), model::chance(2));
        let barrier =
            if acts { act.barrier(3) } else { Handle::<Barrier>::new(3, None, ptr::null_mut()).unwrap() };
        let indices = AtomicU32::new(0);
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..2 {
                        indices.fetch_add(digit(wait(barrier).unwrap()), SeqCst);
                    }
                });
            }
            barrier.drop_out().unwrap();
        });
        assert_eq!(indices.into_inner(), 0x22);
        assert_eq!(act.done.into_inner(), if acts { 2 } else { 0 });
        barrier.free().unwrap();
    });
}

#[test]
fn the_last_drop_leaves_nobody_waiting() {
    check(|| {
        let act = Act::default();
        let (barrier, released) = (act.barrier(1), AtomicU32::new(0));
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| match wait(barrier) {
                    Ok(index) => {
                        released.fetch_add(digit(index), SeqCst);
                    }
                    result => assert_eq!(result, Err(Error::Broken)),
                });
            }
            barrier.drop_out().unwrap();
        });
        assert_eq!(act.done.into_inner(), released.into_inner());
        assert_eq!(barrier.is_broken(), Ok(true));
        barrier.free().unwrap();
    });
}

#[test]
fn who_comes_while_it_is_freed_is_sent_away_or_finds_it_gone() {
    check(|| {
        let barrier = Handle::<Barrier>::new(3, None, ptr::null_mut()).unwrap();
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    assert!(matches!(wait(barrier), Err(Error::Broken | Error::StaleHandle(_))));
                });
            }
            while barrier.free() == Err(Error::Busy) {
                barrier.abort().unwrap();
                model::yield_now();
            }
        });
    });
}

#[test]
fn it_is_not_freed_while_its_action_runs() {
    check(|| {
        let act = Act::default();
        let barrier = act.barrier(1);
        threads(|scope| {
            scope.spawn(|| assert!(matches!(wait(barrier), Ok(0) | Err(Error::StaleHandle(_)))));
            end(|| {
                let freed = barrier.free();
                let runs = act.begun.load(SeqCst) != act.done.load(SeqCst);
                assert!(freed.is_err() || !runs, "freed under its action");
                freed
            });
        });
    });
}
