//! Timers and the watchdog, whose thread is one of the model's: each is called as often as it is to be, none once its
//! cancel has returned, and the one that is due first is not slept past.

use super::{check, end, threads};
use core::ffi::c_void;
use core::ptr::from_ref;
use lowthread::base::atomic::{AtomicU32, Ordering::SeqCst};
use lowthread::base::handle::Handle;
use lowthread::base::model;
use lowthread::base::this_thread;
use lowthread::exec::timer::Timer;
use lowthread::exec::{alarm, timer, watchdog};

/// Calls, and whether there may be more.
#[derive(Default)]
struct Calls {
    begun: AtomicU32,
    over: AtomicU32,
    forbidden: AtomicU32,
}

impl Calls {
    fn argument(&self) -> *mut c_void {
        from_ref(self).cast_mut().cast()
    }

    fn await_over(&self, n: u32) {
        while self.over.load(SeqCst) < n {
            model::yield_now();
        }
    }

    /// From here on.
    fn forbid(&self) {
        assert_eq!(self.begun.load(SeqCst), self.over.load(SeqCst), "it runs still");
        self.forbidden.store(1, SeqCst);
    }
}

unsafe extern "C-unwind" fn call(calls: *mut c_void) {
    // SAFETY: the models pass it, and stay until the thread that calls has come back.
    let calls = unsafe { &*calls.cast::<Calls>() };
    assert_eq!(calls.forbidden.load(SeqCst), 0, "called after its cancel");
    calls.begun.fetch_add(1, SeqCst);
    model::point();
    assert_eq!(calls.forbidden.load(SeqCst), 0, "its cancel has not waited");
    calls.over.fetch_add(1, SeqCst);
}

/// Something is done beside the thread of the alarms.
fn served(f: impl FnOnce()) {
    super::served(alarm::modelled(), f);
}

fn some_time() -> f64 {
    model::draw(3) as f64 * 1e-6
}

fn start(calls: &Calls, seconds: f64, repeat: f64, kept: bool) -> Handle<Timer> {
    timer::start(seconds, repeat, call, calls.argument(), kept).unwrap()
}

#[test]
fn each_timer_is_called_once() {
    check(|| {
        let calls = Calls::default();
        served(|| {
            threads(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| start(&calls, some_time(), 0.0, false));
                }
                let kept = start(&calls, some_time(), 0.0, true);
                calls.await_over(3);
                end(|| kept.free());
            });
        });
        assert_eq!(calls.over.load(SeqCst), 3);
    });
}

#[test]
fn none_is_called_once_its_cancel_has_returned() {
    check(|| {
        let (calls, others) = (Calls::default(), Calls::default());
        served(|| {
            let repeat = if model::chance(2) { 1e-6 } else { 0.0 };
            let own = start(&calls, some_time(), repeat, true);
            threads(|scope| {
                scope.spawn(|| start(&others, some_time(), 0.0, false));
                scope.spawn(|| own.cancel().unwrap());
                own.cancel().unwrap();
                calls.forbid();
            });
            others.await_over(1);
            end(|| own.free());
        });
    });
}

#[test]
fn a_free_waits_for_the_call() {
    check(|| {
        let calls = [Calls::default(), Calls::default()];
        served(|| {
            threads(|scope| {
                for calls in &calls {
                    scope.spawn(move || {
                        let own = start(calls, some_time(), 0.0, true);
                        end(|| own.free());
                        calls.forbid();
                    });
                }
            });
        });
    });
}

#[test]
fn a_watchdog_that_is_fed_and_stopped_is_armed_again_by_the_next_feed() {
    check(|| {
        served(|| {
            let dog = watchdog::start(1e-6, libc::SIGUSR1).unwrap();
            threads(|scope| {
                scope.spawn(|| dog.feed().unwrap());
                scope.spawn(|| dog.cancel().unwrap());
                dog.feed().unwrap();
            });
            dog.cancel().unwrap();
            let interrupt = &this_thread::main_record().interrupt;
            while interrupt.take().is_some() {}
            model::point();
            assert!(!interrupt.pending(), "it barks after its cancel");
            dog.feed().unwrap();
            while interrupt.take().is_none() {
                model::yield_now();
            }
            end(|| dog.free());
        });
    });
}
