//! Semaphores, without a bound and with one.

use crate::{errors, gil, timeout};
use lowthread::base::status::{LT_OK, LT_OVERFLOW, LT_TIMED_OUT};
use lowthread::ffi::semaphore::{
    lt_semaphore, lt_semaphore_acquire_timeout, lt_semaphore_free, lt_semaphore_new,
    lt_semaphore_new_bounded, lt_semaphore_release, lt_semaphore_try_acquire, lt_semaphore_value,
};
use pyo3::exceptions::{PyMemoryError, PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// A counter of permits. release() gives them to threads that wait before those that come later.
#[pyclass(frozen, weakref, subclass, module = "lowthread")]
pub struct Semaphore(*mut lt_semaphore);

// SAFETY: a handle may be used on any thread.
unsafe impl Send for Semaphore {}
// SAFETY: likewise.
unsafe impl Sync for Semaphore {}

fn permits(value: i64) -> PyResult<u32> {
    if value < 0 {
        return Err(PyValueError::new_err("semaphore initial value must be >= 0"));
    }
    u32::try_from(value).map_err(|_| PyOverflowError::new_err("semaphore initial value must be < 2**32"))
}

impl Semaphore {
    pub fn handle(&self) -> *mut lt_semaphore {
        self.0
    }

    fn of(semaphore: *mut lt_semaphore) -> PyResult<Self> {
        if semaphore.is_null() { Err(PyMemoryError::new_err(())) } else { Ok(Self(semaphore)) }
    }
}

// SAFETY, in this file: the handle is the object's own, and who waits holds a reference to the object.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
#[pymethods]
impl Semaphore {
    #[new]
    #[pyo3(signature = (value=1))]
    fn new(value: i64) -> PyResult<Self> {
        Self::of(lt_semaphore_new(permits(value)?))
    }

    /// Take a permit, after waiting for one if need be; return whether there was one.
    #[pyo3(signature = (blocking=true, timeout=None))]
    fn acquire(&self, py: Python<'_>, blocking: bool, timeout: Option<f64>) -> PyResult<bool> {
        let seconds = timeout::of_semaphore(blocking, timeout)?;
        if unsafe { lt_semaphore_try_acquire(self.0) } == LT_OK {
            return Ok(true);
        }
        if seconds == 0.0 {
            return Ok(false);
        }
        match gil::wait_for(py, seconds, |left| unsafe { lt_semaphore_acquire_timeout(self.0, left) })? {
            LT_OK => Ok(true),
            LT_TIMED_OUT => Ok(false),
            status => Err(errors::of(status)),
        }
    }

    /// Give back so many permits.
    #[pyo3(signature = (n=1))]
    fn release(&self, n: i64) -> PyResult<()> {
        if n < 1 {
            return Err(PyValueError::new_err("n must be one or more"));
        }
        match u32::try_from(n).map_or(LT_OVERFLOW, |n| unsafe { lt_semaphore_release(self.0, n) }) {
            LT_OK => Ok(()),
            LT_OVERFLOW => Err(PyValueError::new_err("Semaphore released too many times")),
            status => Err(errors::of(status)),
        }
    }

    /// How many permits there are at this moment.
    #[getter]
    fn value(&self) -> u32 {
        unsafe { lt_semaphore_value(self.0) }
    }

    fn __enter__(&self, py: Python<'_>) -> PyResult<bool> {
        self.acquire(py, true, None)
    }

    #[pyo3(signature = (*_args))]
    fn __exit__(&self, _args: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.release(1)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        Ok(format!(
            "<lowthread.{} at {:p}: value={}>",
            slf.get_type().qualname()?,
            slf.as_ptr(),
            slf.get().value()
        ))
    }
}

impl Drop for Semaphore {
    fn drop(&mut self) {
        // SAFETY: nobody has the object.
        let _ = unsafe { lt_semaphore_free(self.0) };
    }
}

/// A semaphore whose value may not rise above its first one: release() raises ValueError then.
#[pyclass(frozen, weakref, subclass, extends = Semaphore, module = "lowthread")]
pub struct BoundedSemaphore;

#[pymethods]
impl BoundedSemaphore {
    #[new]
    #[pyo3(signature = (value=1))]
    fn new(value: i64) -> PyResult<PyClassInitializer<Self>> {
        let value = permits(value)?;
        let semaphore = Semaphore::of(lt_semaphore_new_bounded(value, value))?;
        Ok(PyClassInitializer::from(semaphore).add_subclass(Self))
    }
}
