//! The library's own threads. They do not count, and come back when user code that they run ends them with
//! lt_exit.
//!
//! | state of a service | meaning | goes on by |
//! |---|---|---|
//! | `ABSENT` | there is no thread: not yet, or not any more | the next use, which starts one |
//! | `STARTING` | somebody starts one: the first user, or the thread that was ended | that thread: `SERVED`; if there is none to be had, `ABSENT` |
//! | `SERVED` | there is a thread | the end of that: `STARTING` |
//!
//! While it waits, a service thread takes no signals but those that its own instructions raise, and that of
//! a profiler: the program may wait for the others elsewhere. User code runs on it as on any thread: with
//! the signals blocked that were so on the thread that the service was first wanted by, with the usual timer
//! slack, and on the main thread's processors. What is started there inherits it: threads and programs.

use crate::base::atomic::{AtomicU32, Ordering};
use crate::base::deadline::Deadline;
use crate::base::record::{Record, Role};
use crate::base::status::Error;
use crate::base::{this_thread, wait};
use crate::sys::cpus::Cpus;
use crate::sys::mask::{self, Mask};
use crate::sys::thread::{End, set_slack};
use crate::thread::start::Plan;
use core::cell::{Cell, UnsafeCell};
use core::ffi::{CStr, c_void};
use core::mem::MaybeUninit;
use core::ptr;

/// What a service is for.
pub struct Duty {
    /// The name of its thread.
    pub name: &'static CStr,
    /// What that does, as long as it is one.
    pub work: fn(&mut Attendance),
    /// Told on it that user code has ended it.
    pub left: fn(),
}

/// All zeros at first, so that a table of them takes no room in the library's file.
pub struct Service {
    /// A futex.
    state: AtomicU32,
    /// This, the argument and the mask are the starter's, then the thread's.
    duty: Cell<Option<&'static Duty>>,
    /// For the work.
    argument: Cell<usize>,
    /// The signal mask that user code has.
    ordinary: UnsafeCell<MaybeUninit<Mask>>,
}

const ABSENT: u32 = 0;
const STARTING: u32 = 1;
const SERVED: u32 = 2;

// SAFETY: the state says whose the cells are.
unsafe impl Sync for Service {}

impl Service {
    pub const fn absent() -> Service {
        Service {
            state: AtomicU32::new(ABSENT),
            duty: Cell::new(None),
            argument: Cell::new(0),
            ordinary: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Makes sure that there is a thread for this duty, always the same, with this argument for its work. It waits
    /// for whoever else is starting it, so nothing is locked meanwhile.
    #[inline]
    pub fn ensure(&'static self, duty: &'static Duty, argument: usize) -> Result<(), Error> {
        // Relaxed: there is or was a thread, and what it needs is given to it otherwise.
        if self.state.load(Ordering::Relaxed) == SERVED { Ok(()) } else { self.begin(duty, argument) }
    }

    #[cold]
    fn begin(&'static self, duty: &'static Duty, argument: usize) -> Result<(), Error> {
        loop {
            // Acquire: the cells are no longer those of the thread before.
            match self.state.compare_exchange(ABSENT, STARTING, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => break,
                Err(STARTING) => drop(wait::wait(&self.state, STARTING, Deadline::Never, None)),
                Err(_) => return Ok(()),
            }
        }
        self.duty.set(Some(duty));
        self.argument.set(argument);
        // SAFETY: who has set `STARTING` has the cell.
        unsafe { (*self.ordinary.get()).write(mask::current()) };
        self.start()
    }

    /// The state is `STARTING`, by this thread.
    fn start(&'static self) -> Result<(), Error> {
        let service = ptr::from_ref(self).cast_mut().cast();
        let plan =
            Plan { name: self.duty.get().map(|duty| duty.name), stack_size: 0, ..Plan::new(run, service) };
        let started = plan.record(Role::Service).and_then(|record| {
            let created = with_mask(&mask::resting(), || plan.create(record, End::Detached));
            created.inspect_err(|_| record.end())
        });
        if started.is_err() {
            self.go_on(ABSENT);
        }
        started
    }

    fn go_on(&self, state: u32) {
        // Release: with it, the cells.
        self.state.store(state, Ordering::Release);
        wait::wake_all(&self.state);
    }

    /// In a forked child: the thread did not come along.
    pub fn forget(&self) {
        // Relaxed: there is one thread.
        self.state.store(ABSENT, Ordering::Relaxed);
    }
}

/// A service thread's own view of itself. Without a destructor: lt_exit unwinds past it.
pub struct Attendance {
    service: &'static Service,
    pub record: &'static Record,
    /// Whether its signals are those of any thread.
    ordinary: bool,
    /// Whether its timer slack is the least.
    precise: bool,
}

/// A service thread's function.
unsafe extern "C-unwind" fn run(service: *mut c_void) {
    // SAFETY: `start` gives the service, which is static.
    let service = unsafe { &*service.cast::<Service>() };
    let Some(record) = this_thread::current() else {
        // Without memory for what every thread needs.
        return service.go_on(ABSENT);
    };
    record.interrupt.expect();
    record.own().on_end.set(Some(succeed));
    Cpus::share(this_thread::main_native_id());
    service.go_on(SERVED);
    if let Some(duty) = service.duty.get() {
        (duty.work)(&mut Attendance { service, record, ordinary: false, precise: false });
    }
}

/// User code has ended a service thread.
fn succeed(record: &'static Record) {
    let Some((_, service)) = record.own().entry.get() else { return };
    // SAFETY: the argument of `run`.
    let service = unsafe { &*service.cast::<Service>() };
    // Relaxed: the cells stay this thread's. Before what follows: who hears of the end and wants the service
    // waits for the next thread, or learns that there is none.
    service.state.store(STARTING, Ordering::Relaxed);
    if let Some(duty) = service.duty.get() {
        (duty.left)();
    }
    set_slack(USUAL);
    // Without a thread to be had, the next user tries again.
    let _ = service.start();
}

impl Attendance {
    pub fn argument(&self) -> usize {
        self.service.argument.get()
    }

    /// Whether this still serves: not if user code has forked, and this is the child; nor if an exception of it has
    /// left something on this thread, when another one follows.
    pub fn serving(&self) -> bool {
        // Relaxed: of a model's, who ends it wakes this thread by another word.
        if cfg!(shuttle) {
            return self.service.state.load(Ordering::Relaxed) == SERVED;
        }
        self.record.role() == Role::Service && !self.record.own().spoilt.get()
    }

    /// For user code. Stays so until the next `rest` or `sleep`.
    pub fn be_ordinary(&mut self) {
        if core::mem::take(&mut self.precise) {
            set_slack(USUAL);
        }
        if !core::mem::replace(&mut self.ordinary, true) {
            // SAFETY: written before the thread was started.
            mask::set(unsafe { (*self.service.ordinary.get()).assume_init_ref() });
        }
    }

    /// For waiting.
    pub fn rest(&mut self) {
        if core::mem::take(&mut self.ordinary) {
            mask::set(&mask::resting());
        }
    }

    /// Sleeps on `word` while it holds `expected`; wakes as near to the deadline as the system can.
    pub fn sleep(&mut self, word: &AtomicU32, expected: u32, deadline: Deadline) {
        self.rest();
        if deadline != Deadline::Never && !core::mem::replace(&mut self.precise, true) {
            set_slack(LEAST);
        }
        wait::wait(word, expected, deadline, None);
    }
}

/// In nanoseconds; 0 is what the thread had at first.
const USUAL: u32 = 0;
const LEAST: u32 = 1;

/// Does something with another mask, as a thread that is created meanwhile then has it.
pub(super) fn with_mask<R>(mask: &Mask, f: impl FnOnce() -> R) -> R {
    let before = mask::current();
    mask::set(mask);
    let result = f();
    mask::set(&before);
    result
}

/// A service in a model, whose own threads serve: the one that calls `attend`, between `begin` and `end`.
#[cfg(shuttle)]
#[derive(Clone, Copy)]
pub struct Modelled {
    pub service: &'static Service,
    pub duty: &'static Duty,
    /// What its thread sleeps on.
    pub changes: &'static AtomicU32,
}

#[cfg(shuttle)]
impl Modelled {
    pub fn begin(self) {
        self.service.go_on(SERVED);
    }

    pub fn attend(self) {
        let service = self.service;
        // SAFETY: the models have one thread that serves, and the others do not touch the cell.
        unsafe { (*service.ordinary.get()).write(mask::current()) };
        if let Some(record) = this_thread::current() {
            (self.duty.work)(&mut Attendance { service, record, ordinary: false, precise: false });
        }
        service.go_on(ABSENT);
    }

    pub fn end(self) {
        // Relaxed: a model's threads are one after the other.
        let dismiss =
            || self.service.state.compare_exchange(SERVED, STARTING, Ordering::Relaxed, Ordering::Relaxed);
        while dismiss() != Err(ABSENT) {
            self.changes.fetch_add(1, Ordering::SeqCst);
            wait::wake(self.changes, 1);
            crate::base::model::yield_now();
        }
    }
}
