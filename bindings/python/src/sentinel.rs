//! The lock by which threading, before 3.13, knows the end of a thread: free once that has left the interpreter.
//!
//! Who joins takes it, releases it, and asserts that nobody has it; others may join, or select, at the same time. They must
//! not take it in between, while they have no GIL. So until the end they wait for an event, and then try with the GIL.

use crate::{errors, gil, timeout};
use lowthread::base::status::{LT_NOT_HELD, LT_OK, LT_TIMED_OUT};
use lowthread::ffi::event::{
    lt_event, lt_event_clear, lt_event_free, lt_event_is_set, lt_event_new, lt_event_set,
    lt_event_wait_timeout,
};
use lowthread::ffi::lock::{
    lt_allocate_lock, lt_lock, lt_lock_acquire_timeout, lt_lock_at_fork_reinit, lt_lock_free, lt_lock_locked,
    lt_lock_release, lt_lock_try_acquire,
};
use lowthread::ffi::time::lt_monotonic;
use pyo3::exceptions::{PyMemoryError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::ptr;

/// What a thread is to do with its sentinel at its end. Both may have been freed by then, which the handles tell.
#[derive(Clone, Copy)]
pub struct Handles {
    lock: *mut lt_lock,
    over: *mut lt_event,
}

impl Handles {
    pub const NONE: Handles = Handles { lock: ptr::null_mut(), over: ptr::null_mut() };

    /// The thread is over.
    pub fn tell(self) {
        if !self.lock.is_null() {
            // SAFETY: handles. In this order: who is told tries.
            let _ = unsafe { (lt_lock_release(self.lock), lt_event_set(self.over)) };
        }
    }
}

/// A lock that is free once a thread has left the interpreter.
#[pyclass(frozen, weakref, module = "_thread", name = "lock")]
pub struct Sentinel(Handles);

// SAFETY: handles may be used on any thread.
unsafe impl Send for Sentinel {}
// SAFETY: likewise.
unsafe impl Sync for Sentinel {}

impl Sentinel {
    pub fn new() -> PyResult<Self> {
        let this = Self(Handles { lock: lt_allocate_lock(), over: lt_event_new() });
        let made = !this.0.lock.is_null() && !this.0.over.is_null();
        made.then_some(this).ok_or_else(|| PyMemoryError::new_err(()))
    }

    pub fn handles(&self) -> Handles {
        self.0
    }

    /// The event that is set at the end of the thread.
    pub fn over(&self) -> *mut lt_event {
        self.0.over
    }
}

// SAFETY, in this file: the handles are the object's own, and who waits holds a reference to the object.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
#[pymethods]
impl Sentinel {
    #[pyo3(signature = (blocking=true, timeout=None))]
    fn acquire(&self, py: Python<'_>, blocking: bool, timeout: Option<f64>) -> PyResult<bool> {
        let seconds = timeout::of_lock(blocking, timeout)?;
        let until = if seconds < 0.0 { f64::INFINITY } else { lt_monotonic() + seconds };
        let Handles { lock, over } = self.0;
        let mut status = unsafe { lt_lock_try_acquire(lock) };
        if status != LT_OK && seconds != 0.0 && !unsafe { lt_event_is_set(over) } {
            status = gil::wait_for(py, seconds, |left| unsafe { lt_event_wait_timeout(over, left) })?;
            if status == LT_OK {
                status = unsafe { lt_lock_try_acquire(lock) };
            }
        }
        if status == LT_OK {
            return Ok(true);
        }
        // Somebody has it after the end, and not for a moment only.
        let left = if seconds < 0.0 { seconds } else { (until - lt_monotonic()).max(0.0) };
        if left == 0.0 {
            return Ok(false);
        }
        match gil::wait_for(py, left, |left| unsafe { lt_lock_acquire_timeout(lock, left) })? {
            LT_OK => Ok(true),
            LT_TIMED_OUT => Ok(false),
            status => Err(errors::of(status)),
        }
    }

    fn release(&self) -> PyResult<()> {
        match unsafe { lt_lock_release(self.0.lock) } {
            LT_OK => Ok(()),
            LT_NOT_HELD => Err(PyRuntimeError::new_err("release unlocked lock")),
            status => Err(errors::of(status)),
        }?;
        // The main thread's is released before its end.
        match unsafe { lt_event_set(self.0.over) } {
            LT_OK => Ok(()),
            status => Err(errors::of(status)),
        }
    }

    fn locked(&self) -> bool {
        unsafe { lt_lock_locked(self.0.lock) }
    }

    fn __enter__(&self, py: Python<'_>) -> PyResult<bool> {
        self.acquire(py, true, None)
    }

    #[pyo3(signature = (*_args))]
    fn __exit__(&self, _args: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.release()
    }

    fn _at_fork_reinit(&self) {
        // Neither can fail: the object lives.
        let _ = unsafe { (lt_lock_at_fork_reinit(self.0.lock), lt_event_clear(self.0.over)) };
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        // SAFETY: nobody has the object; NULL is freed as well.
        let _ = unsafe { (lt_lock_free(self.0.lock), lt_event_free(self.0.over)) };
    }
}
