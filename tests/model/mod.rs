//! Models: small programs on the library's own code, of which the model checker runs thousands of
//! interleavings: `make model`, or `make model MODEL=lock::` for some of them.
//!
//! A model is a function without arguments that starts threads (as `std::thread::scope` does), lets
//! them use the library, and asserts what must be so. It fails also if its threads wait for each other
//! for ever. What is chosen by chance must come from `model::draw` and `model::chance`.
//!
//! | environment | |
//! |---|---|
//! | `LT_MODEL_ITERATIONS` | how often each model is run by each scheduler |
//! | `LT_MODEL_SCHEDULE` | runs once, by this schedule: a failing model prints it |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "that is how a model fails")]

mod barrier;
mod base;
mod condition;
mod errors;
mod event;
mod fork;
mod future;
mod hold;
mod lock;
mod map;
mod once;
mod pool;
mod queue;
mod ring;
mod rlock;
mod rwlock;
mod select;
mod semaphore;
mod spinlock;
mod stall;
mod timer;
mod watch;

use core::ffi::{c_int, c_void};
use lowthread::base::atomic::{AtomicPtr, AtomicU32, Ordering::SeqCst};
use lowthread::base::model;
use lowthread::base::record::Record;
use lowthread::base::status::Error;
use lowthread::base::this_thread;
use lowthread::base::unwind::{self, Exception};
use lowthread::thread::service::Modelled;
use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, RoundRobinScheduler, Scheduler};
use shuttle::{Config, MaxSteps, Runner};
use std::sync::Mutex;

pub use shuttle::thread::scope as threads;

const ITERATIONS: usize = 8_000;
/// The depth of the second kind of schedules: how many changes of the thread a defect may need.
const PREEMPTIONS: usize = 3;

/// Does something beside the thread of a service.
pub fn served(service: Modelled, f: impl FnOnce()) {
    service.begin();
    threads(|scope| {
        scope.spawn(move || service.attend());
        f();
        service.end();
    });
}

/// Runs a model under three schedulers: one takes any thread at each point, one seldom changes it, and
/// one leaves a thread where it is for long.
pub fn check(model: fn()) {
    check_at_most(usize::MAX, model);
}

/// The same, in so many interleavings of each kind at the most.
pub fn check_at_most(most: usize, model: fn()) {
    // The library's state is the process's: one model at a time.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().expect("a model failed before this one, and left the library as it was then");
    let iterations = std::env::var("LT_MODEL_ITERATIONS");
    let iterations =
        iterations.map_or(ITERATIONS, |n| n.parse().expect("LT_MODEL_ITERATIONS: a number")).min(most);
    if let Ok(schedule) = std::env::var("LT_MODEL_SCHEDULE") {
        // Not the library's first steps, which are others.
        run(model, fork::Forking(RoundRobinScheduler::new(1)));
        run(model, fork::Forking(ReplayScheduler::new_from_encoded(schedule.trim())));
    } else {
        run(model, fork::Forking(hold::Holding(RandomScheduler::new(iterations))));
        run(model, fork::Forking(hold::Holding(PctScheduler::new(PREEMPTIONS, iterations))));
        run(model, fork::Forking(hold::Holding(stall::StallScheduler::new(iterations))));
    }
}

fn run(model: fn(), scheduler: impl Scheduler + 'static) {
    let mut config = Config::new();
    config.stack_size = 0x40000;
    config.max_steps = MaxSteps::FailAfter(100_000);
    let once = move || {
        model::begin();
        model();
    };
    model::explore(|| {
        Runner::new(scheduler, config).run(once);
    });
}

/// Frees an object that nobody else knows. A thread with the handle of an object that was in the slot
/// before can be resident for a moment, and then this one counts as busy.
pub fn end(free: impl Fn() -> Result<(), Error>) {
    loop {
        match free() {
            Err(Error::Busy) => model::yield_now(),
            result => return result.unwrap(),
        };
    }
}

/// Throws what is neither a panic nor C++'s: of a panic the model checker would hear.
pub fn throw() {
    unsafe extern "C-unwind" fn cleanup(_: c_int, exception: *mut Exception) {
        // SAFETY: from below.
        drop(unsafe { Box::from_raw(exception) });
    }
    let exception = Box::into_raw(Box::new(Exception::new(u64::from_be_bytes(*b"ltmodel\0"), cleanup)));
    // SAFETY: valid until its cleanup is called.
    unsafe { unwind::throw(exception) };
}

/// Whether `f` throws.
pub fn throws<F: FnMut()>(mut f: F) -> bool {
    unsafe extern "C-unwind" fn run<F: FnMut()>(f: *mut c_void) {
        // SAFETY: passed below.
        let f = unsafe { &mut *f.cast::<F>() };
        f();
    }
    // SAFETY: `run` is given what it asks for; what was caught is used no more.
    unsafe {
        let caught = unwind::call(run::<F>, (&raw mut f).cast());
        caught.is_some_and(|caught| {
            unwind::delete(caught.exception);
            true
        })
    }
}

/// Counts threads in a place that only so many may be in.
#[derive(Default)]
pub struct Inside(AtomicU32);

impl Inside {
    /// Goes in, and out again. Fails if there are more than `most`.
    pub fn visit(&self, most: u32) {
        assert!(self.0.fetch_add(1, SeqCst) < most, "too many threads inside");
        model::point();
        self.0.fetch_sub(1, SeqCst);
    }
}

/// A thread that others interrupt.
#[derive(Default)]
pub struct Target(AtomicPtr<Record>);

impl Target {
    /// The calling thread is it from now on.
    pub fn enter(&self) {
        let record = this_thread::current().expect("memory for a record");
        record.interrupt.expect();
        // Until it was interrupted, no other thread has the record.
        record.keep();
        self.0.store(std::ptr::from_ref(record).cast_mut(), SeqCst);
    }

    /// Interrupts it once it has entered.
    pub fn interrupt(&self) {
        loop {
            // SAFETY: NULL or a record, and these are never unmapped.
            if let Some(record) = unsafe { self.0.load(SeqCst).as_ref() } {
                record.interrupt.mark();
                record.interrupt.rouse();
                return record.release();
            }
            model::yield_now();
        }
    }
}
