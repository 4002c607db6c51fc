//! Time-outs, by the rules that each of Python's classes has for its own.

use crate::gil::FOREVER;
use lowthread::ffi::time::LT_TIMEOUT_MAX;
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;

fn bounded(seconds: f64) -> PyResult<f64> {
    if seconds.is_nan() {
        return Err(PyValueError::new_err("Invalid value NaN (not a number)"));
    }
    if seconds > LT_TIMEOUT_MAX {
        return Err(PyOverflowError::new_err("timeout value is too large"));
    }
    Ok(seconds)
}

/// A lock's: -1 is without bound, and nothing else may be negative; a lock that is not to block has none.
pub fn of_lock(blocking: bool, timeout: Option<f64>) -> PyResult<f64> {
    let seconds = timeout.unwrap_or(FOREVER);
    if !blocking && seconds != FOREVER {
        return Err(PyValueError::new_err("can't specify a timeout for a non-blocking call"));
    }
    if seconds < 0.0 && seconds != FOREVER {
        return Err(PyValueError::new_err("timeout value must be a non-negative number"));
    }
    if blocking { bounded(seconds) } else { Ok(0.0) }
}

/// That of an event, a condition, a join: None is without bound, and what is negative does not wait.
pub fn of_wait(timeout: Option<f64>) -> PyResult<f64> {
    match timeout {
        None => Ok(FOREVER),
        Some(seconds) => Ok(bounded(seconds)?.max(0.0)),
    }
}

/// A semaphore's.
pub fn of_semaphore(blocking: bool, timeout: Option<f64>) -> PyResult<f64> {
    if !blocking && timeout.is_some() {
        return Err(PyValueError::new_err("can't specify timeout for non-blocking acquire"));
    }
    if blocking { of_wait(timeout) } else { Ok(0.0) }
}

/// A queue's: it does not matter where it is not to block.
pub fn of_queue(block: bool, timeout: Option<f64>) -> PyResult<f64> {
    match timeout {
        _ if !block => Ok(0.0),
        Some(seconds) if seconds < 0.0 => {
            Err(PyValueError::new_err("'timeout' must be a non-negative number"))
        }
        _ => of_wait(timeout),
    }
}
