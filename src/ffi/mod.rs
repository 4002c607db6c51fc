//! The C surface: one file for each section of the header, in its order. A function here looks its
//! handles up, calls, and turns the result into a status; everything else happens below.

#![allow(non_camel_case_types, reason = "these are the names that C sees")]
#![allow(clippy::missing_safety_doc, reason = "the comments become the header's, and are written for C")]

pub mod status;
pub mod time;
pub mod features;
pub mod lock;
pub mod thread;
pub mod interrupt;
pub mod signal;
pub mod error;
pub mod joinable;
pub mod local;
pub mod rlock;
pub mod semaphore;
pub mod event;
pub mod condition;
pub mod barrier;
pub mod rwlock;
pub mod once;
pub mod spinlock;
pub mod queue;
pub mod timer;
pub mod pool;
pub mod future;
pub mod insight;
pub mod select;
pub mod watch;
mod sized;

use crate::base::handle::{Handle, Object};
use crate::base::insight as asked;
use crate::base::last_error::{record_error, record_error_in_handler};
use crate::base::status::{Error, LT_BUSY, LT_OK, lt_status};
use crate::base::this_thread;
use crate::insight::found;
use crate::sys::caller;

/// The object behind a handle.
///
/// # Safety
/// As for [`Handle::from_raw`].
#[inline]
unsafe fn at<T: Object>(raw: *const impl Sized) -> Result<Handle<T>, Error> {
    // SAFETY: passed on.
    unsafe { Handle::from_raw(raw.cast()) }
}

/// The status of a call.
#[inline]
fn report(function: &'static &'static str, result: Result<(), Error>) -> lt_status {
    match result {
        Ok(()) => LT_OK,
        Err(error) => failed(function, error),
    }
}

/// The same, of a call for this object: an error is told with its name, if it has one.
#[inline]
fn report_of<H>(raw: *const H, function: &'static &'static str, result: Result<(), Error>) -> lt_status {
    about(raw, report(function, result))
}

/// A status, passed on; if it is an error, it is about this object.
#[inline]
fn about<H>(raw: *const H, status: lt_status) -> lt_status {
    if status < LT_OK {
        is_about(raw.addr());
    }
    status
}

#[cold]
fn is_about(number: usize) {
    if let Some(record) = this_thread::existing() {
        record.own().last_error.is_about(number);
    }
}

/// The status of a call that failed. One that was refused tells who wants to know.
#[cold]
#[inline(never)]
fn failed(function: &'static &'static str, error: Error) -> lt_status {
    if error == Error::ClosesCircle {
        found::deliver(function);
    }
    record_error(function, error)
}

/// The status of a call that signal handlers may make.
#[inline]
fn report_in_handler(function: &'static &'static str, result: Result<(), Error>) -> lt_status {
    match result {
        Ok(()) => LT_OK,
        // The answer that is as common as success.
        Err(Error::Busy) => LT_BUSY,
        Err(error) => record_error_in_handler(function, error),
    }
}

/// The status of a call that mostly has nothing to do but one exchange: that is tried here, and all the
/// rest is out of line, so that the short way needs no stack frame.
///
/// # Safety
/// As for [`Handle::from_raw`].
#[inline(always)]
unsafe fn at_once<T: Object, H>(
    raw: *mut H,
    short: impl FnOnce(Handle<T>) -> bool,
    full: impl FnOnce(Result<Handle<T>, Error>) -> lt_status,
) -> lt_status {
    // Of the C kind, which does not unwind, so that the call to it can be a jump.
    #[cold]
    #[inline(never)]
    #[allow(improper_ctypes_definitions, reason = "only the kind of the call matters")]
    unsafe extern "C" fn out_of_line<T: Object, H>(
        raw: *mut H,
        full: impl FnOnce(Result<Handle<T>, Error>) -> lt_status,
    ) -> lt_status {
        // SAFETY: passed on.
        about(raw, full(unsafe { at(raw) }))
    }
    // SAFETY: passed on.
    unsafe { if is_done(raw, short) { LT_OK } else { out_of_line(raw, full) } }
}

/// What the short way has found, or what `full` does, out of line: as `at_once`, for a call that gives a value.
#[inline(always)]
fn value_at_once<R>(short: Option<R>, full: impl FnOnce() -> R) -> R {
    // Of the C kind, as above.
    #[cold]
    #[inline(never)]
    #[allow(improper_ctypes_definitions, reason = "only the kind of the call matters")]
    extern "C" fn out_of_line<R>(full: impl FnOnce() -> R) -> R {
        full()
    }
    match short {
        Some(value) => value,
        None => out_of_line(full),
    }
}

/// Whether there is an object, and the short way did it.
///
/// # Safety
/// As for [`Handle::from_raw`].
#[inline(always)]
unsafe fn is_done<T: Object>(raw: *const impl Sized, short: impl FnOnce(Handle<T>) -> bool) -> bool {
    // SAFETY: passed on.
    unsafe { at(raw) }.is_ok_and(short)
}

/// The same for a call that acquires what is held from then on: see `from_here`.
///
/// # Safety
/// As for [`Handle::from_raw`].
#[inline(always)]
unsafe fn acquired_at_once<T: Object, H>(
    raw: *mut H,
    short: impl FnOnce(Handle<T>) -> bool,
    full: impl FnOnce(Result<Handle<T>, Error>) -> lt_status,
) -> lt_status {
    // SAFETY: passed on.
    unsafe { if is_done(raw, short) { LT_OK } else { from_here(raw, full) } }
}

/// The same for a call that never waits: the short way may also find that it is refused.
///
/// # Safety
/// As for [`Handle::from_raw`].
#[inline(always)]
unsafe fn tried_at_once<T: Object, H>(
    raw: *mut H,
    short: impl FnOnce(Handle<T>) -> Option<bool>,
    full: impl FnOnce(Result<Handle<T>, Error>) -> lt_status,
) -> lt_status {
    // SAFETY: passed on.
    match unsafe { at(raw) }.ok().and_then(short) {
        Some(true) => LT_OK,
        Some(false) => LT_BUSY,
        // SAFETY: passed on.
        None => unsafe { from_here(raw, full) },
    }
}

/// The status of a call, all of it out of line, which notes where it came from if insight wants to know: what `full`
/// takes along it takes by value.
///
/// # Safety
/// As for [`Handle::from_raw`].
#[inline(always)]
unsafe fn from_here<T: Object, H, F>(raw: *mut H, full: F) -> lt_status
where
    F: FnOnce(Result<Handle<T>, Error>) -> lt_status,
{
    // Of the C kind, which does not unwind, so that the call to it can be a jump.
    #[cold]
    #[inline(never)]
    #[allow(improper_ctypes_definitions, reason = "only the kind of the call matters")]
    unsafe extern "C" fn out_of_line<T: Object, H, F>(raw: *mut H, caller: usize, full: F) -> lt_status
    where
        F: FnOnce(Result<Handle<T>, Error>) -> lt_status,
    {
        let outer = if asked::is_on(asked::SOME_HOLDERS) { called_from(caller) } else { caller };
        // SAFETY: passed on.
        let status = about(raw, full(unsafe { at(raw) }));
        if outer != caller {
            called_from(outer);
        }
        status
    }
    // SAFETY: passed on.
    unsafe { caller::tell(raw, out_of_line::<T, H, F>, full) }
}

/// What stood there before. That is put back: a hook or a handler may have come in the midst of another call, and what
/// acquires elsewhere, as a select does, comes from nowhere that is known.
#[cold]
fn called_from(caller: usize) -> usize {
    this_thread::existing().map_or(caller, |record| record.own().called_from.replace(caller))
}

/// The status of a call that gives a value, which is written on success if `out` is not NULL.
///
/// # Safety
/// `out` is NULL or valid to write to.
unsafe fn report_value<V>(
    function: &'static &'static str,
    result: Result<V, Error>,
    out: *mut V,
) -> lt_status {
    let written = result.map(|value| {
        if !out.is_null() {
            // SAFETY: as the caller vouches.
            unsafe { out.write(value) };
        }
    });
    report(function, written)
}

/// The same, of a call for this object.
///
/// # Safety
/// As for `report_value`.
unsafe fn report_value_of<H, V>(
    raw: *const H,
    function: &'static &'static str,
    result: Result<V, Error>,
    out: *mut V,
) -> lt_status {
    // SAFETY: as the caller vouches.
    about(raw, unsafe { report_value(function, result, out) })
}

/// The status of a call that counts what it did: the count is written though not all was done.
///
/// # Safety
/// `out` is NULL or valid to write to.
unsafe fn report_count(
    function: &'static &'static str,
    result: Result<(usize, Result<(), Error>), Error>,
    out: *mut usize,
) -> lt_status {
    let result = result.and_then(|(count, result)| {
        if !out.is_null() {
            // SAFETY: as the caller vouches.
            unsafe { out.write(count) };
        }
        result
    });
    report(function, result)
}

/// What a getter returns: the value, or its default for a bad handle.
#[inline]
fn value_or_default<V: Default>(function: &'static &'static str, result: Result<V, Error>) -> V {
    result.unwrap_or_else(|error| {
        record_error(function, error);
        V::default()
    })
}

/// What a constructor returns: the handle, or NULL.
/// Who has made one has a record, so that the calls which make none find it.
fn new_handle<T: Object, H>(function: &'static &'static str, result: Result<Handle<T>, Error>) -> *mut H {
    match result {
        Ok(handle) => handle.into_raw().cast(),
        Err(error) => {
            record_error(function, error);
            core::ptr::null_mut()
        }
    }
}

/// Frees what a handle stands for; NULL stands for nothing.
///
/// # Safety
/// As for [`Handle::from_raw`].
unsafe fn free<T: Object>(
    function: &'static &'static str,
    raw: *mut impl Sized,
    free: impl FnOnce(Handle<T>) -> Result<(), Error>,
) -> lt_status {
    if raw.is_null() {
        return LT_OK;
    }
    // SAFETY: passed on.
    report(function, unsafe { at::<T>(raw) }.and_then(free))
}
