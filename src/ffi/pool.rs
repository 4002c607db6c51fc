//! Section 9 of the header: the pool.

use crate::base::errno::{Errno, keeping};
use crate::base::handle::Handle;
use crate::base::status::{Argument, Error, lt_status};
use crate::exec::pool::{Pool, Stats};
use crate::ffi::future::lt_future;
use crate::ffi::queue::lt_drop_fn;
use crate::ffi::sized::{self, sized};
use crate::ffi::{at, free, new_handle, report_of};
use core::ffi::{CStr, c_char, c_void};

/// A pool runs tasks on threads of its own, its workers, in the order in which they were submitted.
/// A worker is started when a task comes and none is idle, up to a bound; idle ones are kept. What
/// was done before a submit happens before the task. A task that raises, throws or calls lt_exit()
/// ends itself alone; but lt_exit() ends its thread, and so a task there that waits for it. A forked
/// child has the pool without its workers and tasks.
pub struct lt_pool {
    _opaque: [u8; 0],
}

/// What a pool runs. What it returns is for the future.
pub type lt_task_fn = Option<unsafe extern "C-unwind" fn(arg: *mut c_void) -> *mut c_void>;

/// What lt_pool_stats() tells. Set `size` to sizeof(lt_pool_info).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lt_pool_info {
    pub size: usize,
    pub max_workers: u32,
    /// More than max_workers while some wait for tasks that they have no stack left to run.
    pub workers: u32,
    /// Workers that wait for a task.
    pub idle: u32,
    /// Workers that are in a task, or just coming out of one.
    pub running: u32,
    /// Tasks that no worker has taken yet.
    pub queued: usize,
    /// Tasks that workers are through with, in whatever way; not those that were cancelled. Quick ones
    /// of a map are counted some at a time.
    pub completed: u64,
}
sized!(lt_pool_info { size, max_workers, workers, idle, running, queued, completed });

/// A new pool of at most so many workers; 0: the number of processors + 4, but at most 32. Their
/// names are name_prefix_0 and so on; NULL for a default. NULL if the prefix is not UTF-8, or out
/// of memory.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_pool_new(max_workers: u32, name_prefix: *const c_char) -> *mut lt_pool {
    // SAFETY: NULL or a C string, as the header asks.
    let prefix = unsafe { name_prefix.as_ref().map(|prefix| CStr::from_ptr(prefix)) };
    new_handle(&"lt_pool_new", Handle::<Pool>::new(max_workers, prefix))
}

/// Shuts the pool down, blocks until all its tasks have run and its workers ended, and frees it.
/// LT_DEADLOCK from a worker of it: nothing is done. LT_INTERRUPTED, or LT_BUSY while another thread
/// waits for its end: shut down, not freed. NULL is LT_OK.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lt_pool_free(pool: *mut lt_pool) -> lt_status {
    // SAFETY: a handle, as the header asks; so everywhere in this file. Nothing here has a destructor.
    unsafe { free(&"lt_pool_free", pool, |pool: Handle<Pool>| keeping(|| pool.free())) }
}

/// Has a worker call function(arg). With a NULL `future` nobody hears of its end; its error goes to
/// the hook. LT_CLOSED after a shutdown, LT_INVALID for a NULL function, LT_NO_MEMORY; LT_NO_THREAD
/// if there is no worker and none can be started. Then it is not called. `arg` must last as long.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_pool_submit(
    pool: *mut lt_pool,
    function: lt_task_fn,
    arg: *mut c_void,
    future: *mut *mut lt_future,
) -> lt_status {
    let _errno = Errno::keep();
    // SAFETY: see above; `future` is NULL or valid to write to, as the header asks.
    let submitted = unsafe { at::<Pool>(pool) }.and_then(|pool| {
        pool.check()?;
        let function = function.ok_or(Error::NullArgument(Argument::Function))?;
        if future.is_null() {
            return pool.submit_forgotten(function, arg);
        }
        let submitted = pool.submit(function, arg)?;
        // SAFETY: as above.
        unsafe { future.write(submitted.into_raw().cast()) };
        Ok(())
    });
    report_of(pool, &"lt_pool_submit", submitted)
}

/// Calls function(args[i]) for each of the n, on the workers; blocks until all are done, for at most
/// this many seconds. `results` may be NULL. LT_FAILED at the first error, which the hook hears of,
/// LT_TIMED_OUT, LT_INTERRUPTED, LT_CANCELLED by a shutdown: what has not begun is cancelled; results of
/// what has not ended are NULL, and what runs goes on with its argument. Errors as of lt_pool_submit().
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lt_pool_map(
    pool: *mut lt_pool,
    function: lt_task_fn,
    args: *const *mut c_void,
    n: usize,
    results: *mut *mut c_void,
    seconds: f64,
) -> lt_status {
    // SAFETY: see above; there are n arguments, and room for as many results, as the header asks.
    let mapped = unsafe { at::<Pool>(pool) }.and_then(|pool| {
        pool.check()?;
        let function = function.ok_or(Error::NullArgument(Argument::Function))?;
        if args.is_null() && n > 0 {
            return Err(Error::NullArgument(Argument::Args));
        }
        // SAFETY: as above.
        keeping(|| unsafe { pool.map(function, args, n, results, seconds) })
    });
    report_of(pool, &"lt_pool_map", mapped)
}

/// Shuts the pool down: submits return LT_CLOSED from now on. Tasks that have not begun are run, or,
/// with `cancel_pending`, cancelled. With `wait` it blocks until all workers have ended: LT_DEADLOCK
/// from one of them, and nothing is done; LT_INTERRUPTED: shut down, but not at its end.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lt_pool_shutdown(
    pool: *mut lt_pool,
    wait: bool,
    cancel_pending: bool,
) -> lt_status {
    // SAFETY: see above; nothing here has a destructor.
    let shut = keeping(|| unsafe { at::<Pool>(pool).and_then(|pool| pool.shutdown(wait, cancel_pending)) });
    report_of(pool, &"lt_pool_shutdown", shut)
}

/// Sets the function that is called with the argument of each task that is cancelled and has no
/// future, on the thread that cancels it; NULL for none. Who has a future learns of it there.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_pool_set_drop(pool: *mut lt_pool, drop: lt_drop_fn) -> lt_status {
    // SAFETY: see above.
    report_of(pool, &"lt_pool_set_drop", unsafe { at::<Pool>(pool) }.and_then(|pool| pool.set_drop(drop)))
}

/// Tells how the pool does at this moment: the members that lie within info->size, and that the
/// library knows; the others are left alone. LT_INVALID for a size below that of a size_t or above
/// 4096, and for NULL.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_pool_stats(pool: *mut lt_pool, info: *mut lt_pool_info) -> lt_status {
    // SAFETY: see above.
    let stats = unsafe { at::<Pool>(pool) }.and_then(Handle::<Pool>::stats);
    // SAFETY: `info` is NULL or valid for as many bytes as it says, as the header asks.
    report_of(pool, &"lt_pool_stats", stats.and_then(|stats| unsafe { write_info(&stats, info) }))
}

/// # Safety
/// `info` is NULL, or valid for as many bytes as its size says.
unsafe fn write_info(stats: &Stats, info: *mut lt_pool_info) -> Result<(), Error> {
    if info.is_null() {
        return Err(Error::NullArgument(Argument::Info));
    }
    let all = lt_pool_info {
        size: size_of::<lt_pool_info>(),
        max_workers: stats.max_workers,
        workers: stats.workers,
        idle: stats.idle,
        running: stats.running,
        queued: stats.queued,
        completed: stats.completed,
    };
    // SAFETY: as the caller vouches.
    unsafe { sized::write(info, all) }
}
