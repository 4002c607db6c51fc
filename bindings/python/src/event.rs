//! Events.

use crate::{errors, gil, timeout};
use lowthread::base::status::{LT_OK, LT_TIMED_OUT, lt_status};
use lowthread::ffi::event::{
    lt_event, lt_event_clear, lt_event_free, lt_event_is_set, lt_event_new, lt_event_set,
    lt_event_wait_timeout,
};
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A flag that threads wait for. A set() wakes all who wait at that moment, even when a clear() follows at once.
#[pyclass(frozen, weakref, subclass, module = "lowthread")]
pub struct Event {
    event: *mut lt_event,
    /// How many clears have found it set.
    undone: AtomicUsize,
}

// SAFETY: a handle may be used on any thread.
unsafe impl Send for Event {}
// SAFETY: likewise.
unsafe impl Sync for Event {}

impl Event {
    pub fn handle(&self) -> *mut lt_event {
        self.event
    }
}

fn checked(status: lt_status) -> PyResult<()> {
    if status == LT_OK { Ok(()) } else { Err(errors::of(status)) }
}

// SAFETY, in this file: the handle is the object's own, and who waits holds a reference to the object.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
#[pymethods]
impl Event {
    #[new]
    fn new() -> PyResult<Self> {
        let event = lt_event_new();
        if event.is_null() {
            Err(PyMemoryError::new_err(()))
        } else {
            Ok(Self { event, undone: AtomicUsize::new(0) })
        }
    }

    /// Return whether the event is set.
    fn is_set(&self) -> bool {
        unsafe { lt_event_is_set(self.event) }
    }

    /// Set the event, and wake all who wait for it.
    fn set(&self) -> PyResult<()> {
        checked(unsafe { lt_event_set(self.event) })
    }

    /// Clear the event: later waits block until the next set().
    fn clear(&self) -> PyResult<()> {
        if self.is_set() {
            self.undone.fetch_add(1, Ordering::Relaxed);
        }
        checked(unsafe { lt_event_clear(self.event) })
    }

    /// Wait until the event is set, for at most so many seconds; return whether it is.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let seconds = timeout::of_wait(timeout)?;
        if self.is_set() {
            return Ok(true);
        }
        // Who is interrupted does not wait while the signals' handlers run: it was set meanwhile, if that was undone.
        let before = self.undone.load(Ordering::Relaxed);
        let attempt = |left| {
            if self.undone.load(Ordering::Relaxed) != before {
                return LT_OK;
            }
            unsafe { lt_event_wait_timeout(self.event, left) }
        };
        match gil::wait_for(py, seconds, attempt)? {
            LT_OK => Ok(true),
            LT_TIMED_OUT => Ok(false),
            status => Err(errors::of(status)),
        }
    }

    /// In a forked child: an event that is not set.
    fn _at_fork_reinit(&self) -> PyResult<()> {
        self.clear()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let state = if slf.get().is_set() { "set" } else { "unset" };
        Ok(format!("<lowthread.{} at {:p}: {state}>", slf.get_type().qualname()?, slf.as_ptr()))
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: nobody has the object.
        let _ = unsafe { lt_event_free(self.event) };
    }
}
