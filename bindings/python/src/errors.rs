//! From statuses to Python's exceptions.

use lowthread::base::status::{
    LT_BAD_HANDLE, LT_CLOSED, LT_DEADLOCK, LT_INVALID, LT_NO_MEMORY, LT_NO_THREAD, LT_OVERFLOW,
    LT_UNSUPPORTED, lt_status,
};
use lowthread::ffi::status::{lt_last_error, lt_status_message};
use pyo3::exceptions::{
    PyException, PyMemoryError, PyNotImplementedError, PyOverflowError, PyRuntimeError, PyValueError,
};
use pyo3::prelude::*;
use std::ffi::CStr;

pyo3::create_exception!(
    lowthread,
    Interrupted,
    PyException,
    "A wait was ended by Thread.interrupt() or interrupt()."
);
pyo3::create_exception!(lowthread, Deadlock, PyRuntimeError, "The thread would have to wait for itself.");

/// The sentence on this thread's last error, or what the status means.
fn sentence(status: lt_status) -> String {
    let text = if status < 0 { lt_last_error() } else { lt_status_message(status) };
    // SAFETY: both give a string that is valid until the thread's next call.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// The exception for a status for which the caller has none of its own.
pub fn of(status: lt_status) -> PyErr {
    let text = sentence(status);
    match status {
        LT_NO_MEMORY => PyMemoryError::new_err(()),
        LT_INVALID => PyValueError::new_err(text),
        LT_OVERFLOW => PyOverflowError::new_err(text),
        LT_DEADLOCK => Deadlock::new_err(text),
        LT_UNSUPPORTED => PyNotImplementedError::new_err(text),
        LT_NO_THREAD => PyRuntimeError::new_err("can't start new thread"),
        LT_BAD_HANDLE | LT_CLOSED => PyRuntimeError::new_err(text),
        _ => PyRuntimeError::new_err(text),
    }
}

/// Sets `Interrupted`, for functions that say by a NULL that an exception is set.
pub fn set_interrupted() {
    // SAFETY: called with the GIL.
    let py = unsafe { Python::assume_attached() };
    Interrupted::new_err("interrupted while waiting").restore(py);
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("Interrupted", py.get_type::<Interrupted>())?;
    module.add("Deadlock", py.get_type::<Deadlock>())
}
