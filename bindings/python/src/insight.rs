//! Who waits for what.

use crate::errors;
use lowthread::base::status::{LT_INVALID, LT_OK};
use lowthread::ffi::insight::lt_dump;
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

/// Write what each thread waits for to a descriptor.
#[pyfunction]
#[pyo3(signature = (fd, /))]
fn _dump(py: Python<'_>, fd: i32) -> PyResult<()> {
    // The descriptor may be a pipe that another thread of Python reads.
    match py.detach(|| lt_dump(fd)) {
        LT_OK => Ok(()),
        LT_INVALID => Err(PyOSError::new_err("the file cannot be written to")),
        status => Err(errors::of(status)),
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(_dump, module)?)
}
