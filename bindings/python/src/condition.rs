//! Conditions, with a lock of either kind.

use crate::{errors, gil, lock, rlock, timeout};
use lowthread::base::status::{LT_NOT_HELD, LT_NOT_OWNER, LT_OK, LT_TIMED_OUT, lt_status};
use lowthread::ffi::condition::{
    lt_condition, lt_condition_free, lt_condition_new, lt_condition_notify, lt_condition_notify_all,
    lt_condition_wait_rlock_timeout, lt_condition_wait_timeout, lt_condition_waiting,
};
use lowthread::ffi::lock::{
    lt_lock, lt_lock_acquire_timeout, lt_lock_locked, lt_lock_release, lt_lock_try_acquire,
};
use lowthread::ffi::rlock::{
    lt_rlock, lt_rlock_acquire_timeout, lt_rlock_is_owned, lt_rlock_release, lt_rlock_try_acquire,
};
use lowthread::ffi::time::lt_monotonic;
use pyo3::exceptions::{PyMemoryError, PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};
use std::sync::atomic::{AtomicUsize, Ordering};

enum Of {
    Lock(*mut lt_lock),
    RLock(*mut lt_rlock),
}

/// Lets threads that hold a lock wait for what another does under it. They are notified in the order in which they
/// came, and none wakes without.
///
/// The lock is one of lowthread's; without one, it is a new RLock.
#[pyclass(frozen, weakref, subclass, module = "lowthread")]
pub struct Condition {
    condition: *mut lt_condition,
    lock: Py<PyAny>,
    of: Of,
    /// How many notifies have left nobody in the line: each would have reached one more.
    emptied: AtomicUsize,
}

// SAFETY: a handle may be used on any thread.
unsafe impl Send for Condition {}
// SAFETY: likewise.
unsafe impl Sync for Condition {}

// SAFETY, in this file: the handles are the object's own and that of a lock that it holds a reference to, and who waits
// holds one to the object.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
impl Condition {
    fn held(&self) -> bool {
        match self.of {
            Of::Lock(lock) => unsafe { lt_lock_locked(lock) },
            Of::RLock(lock) => unsafe { lt_rlock_is_owned(lock) },
        }
    }

    fn notified(&self, status: lt_status) -> PyResult<()> {
        if status != LT_OK {
            return Err(errors::of(status));
        }
        if unsafe { lt_condition_waiting(self.condition) } == 0 {
            self.emptied.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn sleep(&self, py: Python<'_>, seconds: f64) -> PyResult<bool> {
        // Who is interrupted is out of the line while the signals' handlers run and until it is back. It has the lock when
        // it looks: what has come for it by then is one of those.
        let before = self.emptied.load(Ordering::Relaxed);
        let attempt = |left: f64| -> lt_status {
            if self.emptied.load(Ordering::Relaxed) != before {
                return LT_OK;
            }
            match self.of {
                Of::Lock(lock) => unsafe { lt_condition_wait_timeout(self.condition, lock, left) },
                Of::RLock(lock) => unsafe { lt_condition_wait_rlock_timeout(self.condition, lock, left) },
            }
        };
        match gil::wait_for(py, seconds, attempt)? {
            LT_OK => Ok(true),
            LT_TIMED_OUT => Ok(false),
            LT_NOT_HELD | LT_NOT_OWNER => Err(PyRuntimeError::new_err("cannot wait on un-acquired lock")),
            status => Err(errors::of(status)),
        }
    }
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
#[pymethods]
impl Condition {
    #[new]
    #[pyo3(signature = (lock=None))]
    fn new(py: Python<'_>, lock: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
        let lock = match lock {
            Some(lock) => lock,
            None => rlock::new_public(py)?,
        };
        let (plain, reentrant) = (lock::handle_of(&lock), rlock::handle_of(&lock));
        let of = match (plain.is_null(), reentrant.is_null()) {
            (false, _) => Of::Lock(plain),
            (_, false) => Of::RLock(reentrant),
            _ => return Err(PyTypeError::new_err("the lock of a Condition must be one of lowthread's")),
        };
        let condition = lt_condition_new();
        if condition.is_null() {
            return Err(PyMemoryError::new_err(()));
        }
        Ok(Self { condition, lock: lock.unbind(), of, emptied: AtomicUsize::new(0) })
    }

    /// Acquire the lock: its acquire().
    #[getter]
    fn acquire<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.lock.bind(py).getattr("acquire")
    }

    /// Release the lock: its release().
    #[getter]
    fn release<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.lock.bind(py).getattr("release")
    }

    fn _is_owned(&self) -> bool {
        self.held()
    }

    fn __enter__(&self, py: Python<'_>) -> PyResult<bool> {
        let first = match self.of {
            Of::Lock(lock) => unsafe { lt_lock_try_acquire(lock) },
            Of::RLock(lock) => unsafe { lt_rlock_try_acquire(lock) },
        };
        if first == LT_OK {
            return Ok(true);
        }
        let status = gil::wait_for(py, gil::FOREVER, |left| match self.of {
            Of::Lock(lock) => unsafe { lt_lock_acquire_timeout(lock, left) },
            Of::RLock(lock) => unsafe { lt_rlock_acquire_timeout(lock, left) },
        })?;
        if status == LT_OK { Ok(true) } else { Err(errors::of(status)) }
    }

    #[pyo3(signature = (*_args))]
    fn __exit__(&self, _args: &Bound<'_, PyTuple>) -> PyResult<()> {
        let status = match self.of {
            Of::Lock(lock) => unsafe { lt_lock_release(lock) },
            Of::RLock(lock) => unsafe { lt_rlock_release(lock) },
        };
        match (status, &self.of) {
            (LT_OK, _) => Ok(()),
            (LT_NOT_HELD, Of::Lock(_)) => Err(PyRuntimeError::new_err("release unlocked lock")),
            (LT_NOT_HELD | LT_NOT_OWNER, _) => {
                Err(PyRuntimeError::new_err("cannot release un-acquired lock"))
            }
            (status, _) => Err(errors::of(status)),
        }
    }

    /// Release the lock, wait to be notified, for at most so many seconds, and acquire it again; return whether that
    /// was in time. The lock is held again also when this raises.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let seconds = timeout::of_wait(timeout)?;
        if !self.held() {
            return Err(PyRuntimeError::new_err("cannot wait on un-acquired lock"));
        }
        self.sleep(py, seconds)
    }

    /// Wait until predicate() is true, for at most so many seconds; return what it gave last.
    #[pyo3(signature = (predicate, timeout=None))]
    fn wait_for<'py>(
        &self,
        py: Python<'py>,
        predicate: Bound<'py, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let seconds = timeout::of_wait(timeout)?;
        let until = if seconds < 0.0 { f64::INFINITY } else { lt_monotonic() + seconds };
        let mut left = seconds;
        loop {
            let result = gil::call(&predicate)?;
            if result.is_truthy()? || left == 0.0 {
                return Ok(result);
            }
            if !self.held() {
                return Err(PyRuntimeError::new_err("cannot wait on un-acquired lock"));
            }
            self.sleep(py, left)?;
            if seconds >= 0.0 {
                left = (until - lt_monotonic()).max(0.0);
            }
        }
    }

    /// Wake the n threads that have waited longest, or all if there are fewer. The lock must be held.
    #[pyo3(signature = (n=1))]
    fn notify(&self, n: i64) -> PyResult<()> {
        if !self.held() {
            return Err(PyRuntimeError::new_err("cannot notify on un-acquired lock"));
        }
        let n = u32::try_from(n.max(0)).unwrap_or(u32::MAX);
        if n == 0 {
            return Ok(());
        }
        self.notified(unsafe { lt_condition_notify(self.condition, n) })
    }

    /// Wake all threads that wait. The lock must be held.
    fn notify_all(&self) -> PyResult<()> {
        if !self.held() {
            return Err(PyRuntimeError::new_err("cannot notify on un-acquired lock"));
        }
        self.notified(unsafe { lt_condition_notify_all(self.condition) })
    }

    /// In a forked child: the lock is free.
    fn _at_fork_reinit(&self, py: Python<'_>) -> PyResult<()> {
        self.lock.bind(py).call_method0("_at_fork_reinit").map(drop)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let waiting = unsafe { lt_condition_waiting(self.condition) };
        Ok(format!("<Condition({}, {waiting})>", self.lock.bind(py).repr()?))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.lock)
    }
}

impl Drop for Condition {
    fn drop(&mut self) {
        // SAFETY: nobody has the object.
        let _ = unsafe { lt_condition_free(self.condition) };
    }
}
