//! The read-write lock.

use crate::{errors, gil, timeout};
use lowthread::base::status::{LT_BUSY, LT_NOT_HELD, LT_OK, LT_TIMED_OUT, lt_status};
use lowthread::ffi::rwlock::{
    lt_rwlock, lt_rwlock_at_fork_reinit, lt_rwlock_free, lt_rwlock_new, lt_rwlock_read_acquire_timeout,
    lt_rwlock_read_release, lt_rwlock_try_read_acquire, lt_rwlock_try_write_acquire,
    lt_rwlock_write_acquire_timeout, lt_rwlock_write_release,
};
use pyo3::exceptions::{PyMemoryError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// A lock that is held by any number of readers or by one writer. It is not re-entrant, not for readers either.
///
///     with lock.reading(): ...
///     with lock.writing(): ...
#[pyclass(frozen, weakref, module = "lowthread")]
pub struct RWLock(*mut lt_rwlock);

// SAFETY: a handle may be used on any thread.
unsafe impl Send for RWLock {}
// SAFETY: likewise.
unsafe impl Sync for RWLock {}

fn taken(
    py: Python<'_>,
    seconds: f64,
    first: lt_status,
    attempt: impl Fn(f64) -> lt_status,
) -> PyResult<bool> {
    let status =
        if first == LT_BUSY && seconds != 0.0 { gil::wait_for(py, seconds, attempt)? } else { first };
    match status {
        LT_OK => Ok(true),
        LT_BUSY | LT_TIMED_OUT => Ok(false),
        status => Err(errors::of(status)),
    }
}

fn released(status: lt_status, what: &'static str) -> PyResult<()> {
    match status {
        LT_OK => Ok(()),
        LT_NOT_HELD => Err(PyRuntimeError::new_err(what)),
        status => Err(errors::of(status)),
    }
}

// SAFETY, in this file: the handle is the object's own, and who waits holds a reference to the object.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
#[pymethods]
impl RWLock {
    #[new]
    fn new() -> PyResult<Self> {
        let lock = lt_rwlock_new();
        if lock.is_null() { Err(PyMemoryError::new_err(())) } else { Ok(Self(lock)) }
    }

    /// Acquire the lock for reading; return whether it was.
    #[pyo3(signature = (blocking=true, timeout=-1.0))]
    fn read_acquire(&self, py: Python<'_>, blocking: bool, timeout: f64) -> PyResult<bool> {
        let seconds = timeout::of_lock(blocking, Some(timeout))?;
        taken(py, seconds, unsafe { lt_rwlock_try_read_acquire(self.0) }, |left| unsafe {
            lt_rwlock_read_acquire_timeout(self.0, left)
        })
    }

    /// Release the lock, which was acquired for reading.
    fn read_release(&self) -> PyResult<()> {
        released(unsafe { lt_rwlock_read_release(self.0) }, "release of a lock that nobody reads")
    }

    /// Acquire the lock for writing; return whether it was.
    #[pyo3(signature = (blocking=true, timeout=-1.0))]
    fn write_acquire(&self, py: Python<'_>, blocking: bool, timeout: f64) -> PyResult<bool> {
        let seconds = timeout::of_lock(blocking, Some(timeout))?;
        taken(py, seconds, unsafe { lt_rwlock_try_write_acquire(self.0) }, |left| unsafe {
            lt_rwlock_write_acquire_timeout(self.0, left)
        })
    }

    /// Release the lock, which was acquired for writing.
    fn write_release(&self) -> PyResult<()> {
        released(unsafe { lt_rwlock_write_release(self.0) }, "release of a lock that nobody writes")
    }

    /// Return a context manager that reads.
    fn reading(slf: Bound<'_, Self>) -> RWLockGuard {
        RWLockGuard { lock: slf.unbind(), writes: false }
    }

    /// Return a context manager that writes.
    fn writing(slf: Bound<'_, Self>) -> RWLockGuard {
        RWLockGuard { lock: slf.unbind(), writes: true }
    }

    fn _at_fork_reinit(&self) -> PyResult<()> {
        released(unsafe { lt_rwlock_at_fork_reinit(self.0) }, "")
    }
}

impl RWLockGuard {
    /// The lock, and whether the guard writes.
    pub fn access(&self) -> (*mut lt_rwlock, bool) {
        (self.lock.get().0, self.writes)
    }
}

impl Drop for RWLock {
    fn drop(&mut self) {
        // SAFETY: nobody has the object.
        let _ = unsafe { lt_rwlock_free(self.0) };
    }
}

/// What RWLock.reading() and RWLock.writing() give.
#[pyclass(frozen, module = "lowthread")]
pub struct RWLockGuard {
    lock: Py<RWLock>,
    writes: bool,
}

#[pymethods]
impl RWLockGuard {
    fn __enter__(&self, py: Python<'_>) -> PyResult<bool> {
        let lock = self.lock.get();
        if self.writes {
            lock.write_acquire(py, true, gil::FOREVER)
        } else {
            lock.read_acquire(py, true, gil::FOREVER)
        }
    }

    #[pyo3(signature = (*_args))]
    fn __exit__(&self, _args: &Bound<'_, PyTuple>) -> PyResult<()> {
        let lock = self.lock.get();
        if self.writes { lock.write_release() } else { lock.read_release() }
    }
}
