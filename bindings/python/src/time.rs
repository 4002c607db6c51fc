//! Sleep.

use crate::{errors, gil};
use lowthread::base::status::LT_OK;
use lowthread::ffi::time::{LT_TIMEOUT_MAX, lt_sleep};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;

/// Sleep for at least so many seconds; interrupt_main() and interrupt() end it, too.
#[pyfunction]
#[pyo3(signature = (seconds, /))]
fn sleep(py: Python<'_>, seconds: f64) -> PyResult<()> {
    if seconds.is_nan() {
        return Err(PyValueError::new_err("Invalid value NaN (not a number)"));
    }
    if seconds < 0.0 {
        return Err(PyValueError::new_err("sleep length must be non-negative"));
    }
    if seconds > LT_TIMEOUT_MAX {
        return Err(PyOverflowError::new_err("sleep length is too large"));
    }
    match gil::wait_for(py, seconds, |left| lt_sleep(left))? {
        LT_OK => Ok(()),
        status => Err(errors::of(status)),
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(sleep, module)?)
}
