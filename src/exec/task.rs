//! Calling a task: what it returned, threw, or said to have failed with.

use crate::base::cleanup;
use crate::base::record::Record;
use crate::base::trace::{self, Event, Opened, Point};
use crate::base::unwind::{self, Caught};
use crate::thread::excepthook;
use crate::thread::failure::{self, Failure};
use crate::thread::report::Report;
use core::ffi::c_void;
use core::ptr;

/// A task of the user's.
pub type TaskFunction = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;

/// One call of a task.
pub struct Task {
    pub function: TaskFunction,
    pub argument: *mut c_void,
    pub result: *mut c_void,
    /// What a trace shows: the program's function, and what it was submitted as. Nothing, if it shows parts of it.
    pub shown: Option<(TaskFunction, u64)>,
}

/// Begins what a trace shows of a task.
#[inline]
pub fn open(record: &'static Record, function: TaskFunction, traced: u64) -> Option<Opened> {
    trace::open(record, || Event { object: traced, ..Event::begins(Point::Task, 0, function as usize) })
}

impl Task {
    /// Calls the function: what it threw, if it did. `exited` is told if it is left by lt_exit.
    ///
    /// # Safety
    /// The task's function may be called with its argument, and `exited` with its own.
    pub unsafe fn run(
        &mut self,
        record: &'static Record,
        exited: unwind::Function,
        argument: *mut c_void,
    ) -> Option<Problem> {
        let outer = failure::begin(record);
        let slice = self.shown.and_then(|(function, traced)| open(record, function, traced));
        let mut guarded = Guarded { task: self, record, threw: ptr::null_mut() };
        // SAFETY: as the caller vouches; nothing here has a destructor.
        unsafe { cleanup::call(Guarded::run, (&raw mut guarded).cast(), exited, argument) };
        trace::close(record, slice);
        let failed = failure::end(record, outer);
        if guarded.threw.is_null() {
            return failed.map(Problem::Failed);
        }
        // SAFETY: given away by `Guarded::run`.
        Some(Problem::Threw(unsafe { Report::from_raw(guarded.threw) }))
    }
}

/// What went wrong in a task.
pub enum Problem {
    /// It threw this.
    Threw(Report),
    /// It said so, and returned.
    Failed(Box<Failure>),
}

impl Problem {
    /// Out of line: tasks are on the stack under each other, and this needs much of it.
    #[cold]
    #[inline(never)]
    pub fn report(self, record: &'static Record) -> Report {
        match self {
            Problem::Threw(report) => report,
            Problem::Failed(failure) => failure.report(record),
        }
    }
}

struct Guarded<'a> {
    task: &'a mut Task,
    record: &'static Record,
    /// The report of what it threw, given away; or NULL.
    threw: *mut c_void,
}

impl Guarded<'_> {
    unsafe extern "C-unwind" fn run(guarded: *mut c_void) {
        // SAFETY: `Task::run` passes one.
        unsafe {
            let guarded = &mut *guarded.cast::<Guarded>();
            if let Some(caught) = unwind::call(Guarded::call, ptr::from_mut(guarded.task).cast()) {
                guarded.threw = Guarded::report(guarded.record, caught);
            }
        }
    }

    /// Here, since it may run code of the user's, which may leave by lt_exit as the task may. Out of line, as
    /// `Problem::report`.
    ///
    /// # Safety
    /// It was caught on this thread, and nobody else uses it.
    #[cold]
    #[inline(never)]
    unsafe fn report(record: &'static Record, caught: Caught) -> *mut c_void {
        // SAFETY: as the caller vouches.
        unsafe { excepthook::report(record, caught) }.into_raw()
    }

    unsafe extern "C-unwind" fn call(task: *mut c_void) {
        // SAFETY: `run` passes a task, whose function is the user's.
        unsafe {
            let task = &mut *task.cast::<Task>();
            task.result = (task.function)(task.argument);
        }
    }
}
