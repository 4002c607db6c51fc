//! Section 9 of the header: the future.

use crate::base::deadline::Timeout;
use crate::base::errno::{Errno, keeping};
use crate::base::handle::Handle;
use crate::base::status::{Argument, Error, lt_status};
use crate::exec::callbacks::Callback;
use crate::exec::future::Future;
use crate::exec::watch::{self, Mode};
use crate::ffi::{at, free, report_count, report_of, report_value_of, value_or_default};
use crate::thread::report::lt_error_info;
use core::ffi::{c_int, c_void};

/// A future stands for what becomes of a task. All that the task did happens before the return of
/// who waits for it. A worker that waits for a task of its own pool which nobody has begun runs it
/// itself, on its stack and under whatever locks it holds, so that tasks can wait for each other in
/// a pool of one worker.
pub struct lt_future {
    _opaque: [u8; 0],
}

/// What is called when a task is over, perhaps after the return of who waits for it: with its
/// future, whose handle may have been freed meanwhile, and may be by it.
pub type lt_future_fn = Option<unsafe extern "C-unwind" fn(future: *mut lt_future, arg: *mut c_void)>;

/// For lt_future_wait_many(): until all are over.
pub const LT_ALL: c_int = 0;
/// Until one is over.
pub const LT_ANY: c_int = 1;
/// Until one has failed, or all are over.
pub const LT_FIRST_ERROR: c_int = 2;

/// Blocks until the task is over; `result` is what it returned. LT_FAILED if it ended with an error,
/// LT_CANCELLED; LT_INTERRUPTED: not over yet; LT_DEADLOCK from the task itself, or on a worker that has
/// neither stack left to run the task nor another thread to be had for it.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lt_future_result(
    future: *mut lt_future,
    result: *mut *mut c_void,
) -> lt_status {
    // SAFETY: a handle, as the header asks; so everywhere in this file. `result` is NULL or valid to
    // write to. Nothing here has a destructor.
    keeping(|| unsafe {
        report_value_of(
            future,
            &"lt_future_result",
            at::<Future>(future).and_then(Handle::<Future>::result),
            result,
        )
    })
}

/// The same, but LT_BUSY if the task is not over, and never LT_DEADLOCK. Never blocks.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_future_try_result(future: *mut lt_future, result: *mut *mut c_void) -> lt_status {
    // SAFETY: see lt_future_result.
    unsafe {
        let outcome = at::<Future>(future).and_then(Handle::<Future>::try_result);
        report_value_of(future, &"lt_future_try_result", outcome, result)
    }
}

/// The same as lt_future_result(); blocks for at most this many seconds. A worker that runs the task
/// itself does so to its end.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lt_future_result_timeout(
    future: *mut lt_future,
    seconds: f64,
    result: *mut *mut c_void,
) -> lt_status {
    // SAFETY: see lt_future_result.
    keeping(|| unsafe {
        let outcome = at::<Future>(future).and_then(|future| future.result_timeout(seconds));
        report_value_of(future, &"lt_future_result_timeout", outcome, result)
    })
}

/// The error that the task ended with, valid as long as the handle. LT_EMPTY if it did not, or not
/// yet. The first call renders the trace, which can take some milliseconds.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_future_error(
    future: *mut lt_future,
    info: *mut *const lt_error_info,
) -> lt_status {
    let _errno = Errno::keep();
    // SAFETY: see above; `info` is NULL or valid to write to, as the header asks.
    unsafe {
        let error = at::<Future>(future).and_then(Handle::<Future>::error);
        report_value_of(future, &"lt_future_error", error, info)
    }
}

/// Whether the task is over: it returned, failed, or was cancelled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_future_done(future: *const lt_future) -> bool {
    // SAFETY: see above.
    value_or_default(&"lt_future_done", unsafe { at::<Future>(future) }.and_then(Handle::<Future>::is_over))
}

/// Whether a thread is in the task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_future_running(future: *const lt_future) -> bool {
    // SAFETY: see above.
    let running = unsafe { at::<Future>(future) }.and_then(Handle::<Future>::is_running);
    value_or_default(&"lt_future_running", running)
}

/// Whether the task was cancelled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_future_cancelled(future: *const lt_future) -> bool {
    // SAFETY: see above.
    let cancelled = unsafe { at::<Future>(future) }.and_then(Handle::<Future>::is_cancelled);
    value_or_default(&"lt_future_cancelled", cancelled)
}

/// Cancels the task if nobody has begun it: it will not be called. LT_OK too if that was done
/// before; LT_BUSY if it runs or has ended. Never blocks.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lt_future_cancel(future: *mut lt_future) -> lt_status {
    // SAFETY: see above.
    let cancel = || unsafe { at::<Future>(future) }.and_then(Handle::<Future>::cancel);
    report_of(future, &"lt_future_cancel", keeping(cancel))
}

/// Has callback(future, arg) called once when the task is over, on the thread that ended it; at once,
/// on this one, if it is over and all that were added before have been called. Those of one future
/// are called one after the other, as they were added; an error in one goes to the hook. LT_INVALID
/// for NULL, LT_NO_MEMORY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lt_future_add_done_callback(
    future: *mut lt_future,
    callback: lt_future_fn,
    arg: *mut c_void,
) -> lt_status {
    // SAFETY: see above; the callback may be called with the argument. Nothing here has a destructor.
    let added = unsafe { at::<Future>(future) }.and_then(|future| {
        future.check()?;
        let callback = callback.ok_or(Error::NullArgument(Argument::Callback))?;
        // SAFETY: as above. The two types differ in what the first pointer is said to lead to.
        unsafe {
            let callback = core::mem::transmute::<
                unsafe extern "C-unwind" fn(*mut lt_future, *mut c_void),
                Callback,
            >(callback);
            keeping(|| future.add_done_callback(callback, arg))
        }
    });
    report_of(future, &"lt_future_add_done_callback", added)
}

/// Blocks until so many of the n futures are over as the mode says: LT_ALL, LT_ANY, LT_FIRST_ERROR;
/// for at most this many seconds. `done` is how many are over, cancelled ones too, also with
/// LT_TIMED_OUT and LT_INTERRUPTED. With n = 0 it returns at once. LT_NO_MEMORY;
/// LT_DEADLOCK as of lt_future_result().
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lt_future_wait_many(
    futures: *const *mut lt_future,
    n: usize,
    mode: c_int,
    seconds: f64,
    done: *mut usize,
) -> lt_status {
    // SAFETY: there are n handles, and `done` is NULL or valid to write to, as the header asks. Nothing
    // here has a destructor.
    keeping(|| unsafe {
        let waited = wait_many(futures, n, mode, seconds);
        report_count(&"lt_future_wait_many", waited, done)
    })
}

/// Frees the handle; the task goes on, and what it ends with is forgotten, or an error told to the
/// hook. LT_BUSY, and nothing is freed, while a thread waits for it. NULL is LT_OK.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_future_free(future: *mut lt_future) -> lt_status {
    // SAFETY: see above.
    unsafe { free(&"lt_future_free", future, Handle::<Future>::free) }
}

/// # Safety
/// As for lt_future_wait_many.
unsafe fn wait_many(
    futures: *const *mut lt_future,
    n: usize,
    mode: c_int,
    seconds: f64,
) -> Result<(usize, Result<(), Error>), Error> {
    if futures.is_null() && n > 0 {
        return Err(Error::NullArgument(Argument::Futures));
    }
    for i in 0..n {
        // SAFETY: there are n of them.
        unsafe { at::<Future>(*futures.add(i)) }?.check()?;
    }
    let futures = match n {
        0 => &[],
        // SAFETY: n handles, none of which is NULL; a `Handle` is the handle that C has.
        _ => unsafe { core::slice::from_raw_parts(futures.cast::<Handle<Future>>(), n) },
    };
    let mode = match mode {
        LT_ALL => Mode::All,
        LT_ANY => Mode::Any,
        LT_FIRST_ERROR => Mode::FirstError,
        _ => return Err(Error::BadMode),
    };
    let waited = match watch::wait_many(futures, mode, Timeout::from_seconds(seconds)?) {
        Err(error) if error.status() < 0 => return Err(error),
        waited => waited,
    };
    Ok((watch::count_over(futures)?, waited))
}
