//! Helping: a worker that waits for a task of its own pool which nobody has begun runs it itself, so that tasks
//! may wait for others of their pool, however few workers that has.
//!
//! | the task | the stack | the worker |
//! |---|---|---|
//! | not in line, or of another pool | | waits |
//! | in line | there is enough | takes it out, as any worker would, and runs it |
//! | in line | little is left | waits, and counts as no worker meanwhile: the pool may have one more |

use crate::base::awaited::Waiting;
use crate::base::cleanup;
use crate::base::handle::Handle;
use crate::base::status::Error;
use crate::base::this_thread;
use crate::exec::future::{Future, Promise};
use crate::exec::pool::{self, Aside};
use crate::thread::stack;
use core::ffi::c_void;
use core::mem::ManuallyDrop;

/// What a thread could do before it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Help {
    /// It has run the task.
    Ran,
    /// Somebody else has, or will.
    NotNeeded,
    /// It would have to, and has not the stack for it.
    NoRoom,
}

/// A run of the task that its thread waits for.
struct Run {
    promise: Promise,
    /// While it is in the task the thread counts as one that waits: the handle is not freed.
    waits: ManuallyDrop<Waiting<Future>>,
    ran: bool,
}

impl Handle<Future> {
    /// What the calling thread can do before it waits, done. An error if it is in the task itself.
    pub fn help(self) -> Result<Help, Error> {
        let future = self.alive()?;
        let Some(record) = this_thread::current() else { return Ok(Help::NotNeeded) };
        if future.is_run_by(record.ident()) {
            return Err(Error::WaitsForItself);
        }
        if !future.is_pending()
            || record.own().pool.get().is_null()
            || record.own().pool.get() != future.pool.get()
        {
            return Ok(Help::NotNeeded);
        }
        if stack::is_short(&record.own().stack_reserve) {
            return Ok(Help::NoRoom);
        }
        let mut waits = ManuallyDrop::new(self.wait()?);
        let Some(promise) = pool::take(future) else {
            // SAFETY: once, and not used any more.
            unsafe { ManuallyDrop::drop(&mut waits) };
            return Ok(Help::NotNeeded);
        };
        let mut run = Run { promise, waits, ran: false };
        let argument = (&raw mut run).cast();
        // SAFETY: each function gets the argument that it asks for; nothing here has a destructor.
        unsafe {
            cleanup::call(Run::run, argument, Run::over, argument);
            Run::over(argument);
        }
        Ok(if run.ran { Help::Ran } else { Help::NotNeeded })
    }
}

impl Handle<Future> {
    /// The calling worker waits for a task that it has no room for, until what this returns is dropped.
    pub fn stand_aside(self) -> Result<Aside, Error> {
        pool::stand_aside(self.alive()?)
    }
}

impl Run {
    /// # Safety
    /// The argument is a run.
    unsafe extern "C-unwind" fn run(run: *mut c_void) {
        // SAFETY: as the caller vouches.
        let run = unsafe { &mut *run.cast::<Run>() };
        run.ran = true;
        run.ran = run.promise.run();
    }

    /// The task has returned, or was left by lt_exit.
    ///
    /// # Safety
    /// The argument is a run.
    unsafe extern "C-unwind" fn over(run: *mut c_void) {
        // SAFETY: as the caller vouches.
        let run = unsafe { &mut *run.cast::<Run>() };
        // In a child that the task has forked, the counts are those of the child's own threads.
        if run.ran && run.promise.is_valid() {
            // SAFETY: the handle is not freed before the last line, and so the future is still the same.
            pool::count_helped(unsafe { run.promise.future() });
        }
        // SAFETY: once: it is called once.
        unsafe { ManuallyDrop::drop(&mut run.waits) };
    }
}
