//! Waits without the GIL, and what may end them.
//!
//! A wait first tries without letting go of the GIL, which its caller has done. Only when it would sleep does it come
//! here. An interrupt of the main thread is mostly a signal whose Python handler is to run now: if that raises, the
//! wait is over, else it goes on until its deadline.

use crate::errors;
use crate::object::truth;
use crate::signals;
use lowthread::base::spin::{Spin, yield_briefly};
use lowthread::base::status::{LT_INTERRUPTED, LT_OK, LT_TIMED_OUT, lt_status};
use lowthread::ffi::interrupt::lt_interrupt_signal;
use lowthread::ffi::time::lt_monotonic;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

/// Without bound.
pub const FOREVER: f64 = -1.0;

/// Whether the last of these waits that took the GIL or let go of it took it. A hint, as others do that, too.
///
/// Who ends a wait has the GIL, and is mostly about to let go of it in a wait of its own: so who has waited stays awake for
/// a moment, since the interpreter has it sleep for a GIL that is held, and be woken once more.
static TAKEN: AtomicBool = AtomicBool::new(true);

/// Why a wait did not come to its answer: a Python exception is set.
pub struct Raised;

/// Runs `attempt` without the GIL.
///
/// The thread may never get the GIL again, if the interpreter ends meanwhile: then it sleeps in here for ever, and
/// nothing is unwound.
pub fn without<T>(attempt: impl FnOnce() -> T) -> T {
    // Before: afterwards another may have taken it, and said so.
    TAKEN.store(false, Ordering::Relaxed);
    // SAFETY: the caller has the GIL, as every function that Python calls, and `attempt` touches no object.
    let state = unsafe { ffi::PyEval_SaveThread() };
    let result = attempt();
    let mut spin = Spin::new();
    while TAKEN.load(Ordering::Relaxed) {
        if !spin.again() {
            break;
        }
    }
    // SAFETY: the state is the one that was just saved.
    unsafe { ffi::PyEval_RestoreThread(state) };
    TAKEN.store(true, Ordering::Relaxed);
    result
}

/// Calls `attempt` with the seconds that are left until it answers with something else than an interrupt.
pub fn wait(seconds: f64, attempt: impl Fn(f64) -> lt_status) -> Result<lt_status, Raised> {
    signals::before_a_wait();
    wait_or_chain(seconds, |left| Some(attempt(left)))
}

/// The same. None has the signals chained that somebody has taken back, and is called again.
fn wait_or_chain(seconds: f64, attempt: impl Fn(f64) -> Option<lt_status>) -> Result<lt_status, Raised> {
    let deadline = if seconds < 0.0 { f64::INFINITY } else { lt_monotonic() + seconds };
    let mut left = seconds;
    loop {
        let (status, signum) = without(|| {
            let status = attempt(left);
            let signum = if status == Some(LT_INTERRUPTED) { lt_interrupt_signal() } else { 0 };
            (status, signum)
        });
        match status {
            None => signals::before_a_wait(),
            Some(LT_INTERRUPTED) if signum == 0 => {
                errors::set_interrupted();
                return Err(Raised);
            }
            // SAFETY: the GIL is held.
            Some(LT_INTERRUPTED) if unsafe { ffi::PyErr_CheckSignals() } != 0 => return Err(Raised),
            Some(LT_INTERRUPTED) => (),
            Some(status) => return Ok(status),
        }
        if seconds >= 0.0 {
            left = (deadline - lt_monotonic()).max(0.0);
        }
    }
}

/// [`wait`], for those who give Python's errors on.
pub fn wait_for(py: Python<'_>, seconds: f64, attempt: impl Fn(f64) -> lt_status) -> PyResult<lt_status> {
    wait(seconds, attempt).map_err(|Raised| PyErr::fetch(py))
}

/// [`wait`], for a lock's method: whether it was acquired in time, or the exception of what refused it. `is_acquired` tries
/// without a wait.
#[cold]
pub fn acquire(
    seconds: f64,
    is_acquired: impl Fn() -> bool,
    attempt: impl Fn(f64) -> lt_status,
    refused: fn(lt_status) -> *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let looked = Cell::new(false);
    let attempt = |left| {
        // With the GIL another can go on now, and it is mostly that one which releases the lock, on this core.
        yield_briefly();
        // Before the look at the signals, a system call that only who sleeps needs.
        if is_acquired() {
            Some(LT_OK)
        } else if !looked.replace(true) && signals::are_taken_back() {
            None
        } else {
            Some(attempt(left))
        }
    };
    match wait_or_chain(seconds, attempt) {
        Ok(LT_OK) => truth(true),
        Ok(LT_TIMED_OUT) => truth(false),
        Ok(status) => refused(status),
        Err(Raised) => std::ptr::null_mut(),
    }
}

/// Calls a function in Python from a method, on whatever thread.
pub fn call<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = function.py();
    let none = PyTuple::empty(py);
    // SAFETY: a function, an empty tuple, no names.
    let result = Hang::around(|| unsafe {
        unwinding::PyObject_Call(function.as_ptr(), none.as_ptr(), std::ptr::null_mut())
    });
    // SAFETY: a new reference, or NULL with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, result) }
}

/// Keeps a thread that the interpreter ends by pthread_exit(), as those before 3.14 do to a daemon at their own end,
/// from being unwound through frames of Rust: it sleeps for ever instead, as in 3.14.
pub struct Hang;

impl Hang {
    /// Calls something that may run Python code on a thread that is not the main one.
    pub fn around<T>(call: impl FnOnce() -> T) -> T {
        let hang = Self;
        let result = call();
        std::mem::forget(hang);
        result
    }
}

impl Drop for Hang {
    fn drop(&mut self) {
        while !std::thread::panicking() {
            // SAFETY: no argument.
            unsafe { libc::pause() };
        }
    }
}

/// Called through these, the interpreter may end the thread: see [`Hang`].
///
/// PyO3 declares the same functions as such that never unwind, and the linker would believe that for these too. So the
/// compiler is not told which functions they are.
#[allow(non_snake_case, reason = "these are the interpreter's names")]
pub mod unwinding {
    use pyo3::ffi::{self, PyObject, PyThreadState};
    use std::ffi::c_int;
    use std::hint::black_box;

    macro_rules! opaque {
        ($($name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => { $(
            #[inline]
            pub unsafe fn $name($($argument: $type),*) $(-> $result)? {
                type Function = unsafe extern "C-unwind" fn($($type),*) $(-> $result)?;
                let function = black_box(ffi::$name as unsafe extern "C" fn($($type),*) $(-> $result)?);
                // SAFETY: the same function, but for what may happen in it.
                let function = unsafe { std::mem::transmute::<unsafe extern "C" fn($($type),*) $(-> $result)?, Function>(function) };
                // SAFETY: the caller's.
                unsafe { function($($argument),*) }
            }
        )* };
    }

    opaque! {
        PyObject_Call(function: *mut PyObject, args: *mut PyObject, kwargs: *mut PyObject) -> *mut PyObject;
        PyErr_WriteUnraisable(object: *mut PyObject);
        PyErr_ExceptionMatches(class: *mut PyObject) -> c_int;
        PyErr_Clear();
        Py_DecRef(object: *mut PyObject);
        PyThreadState_Clear(state: *mut PyThreadState);
    }
}
