//! One wait for several things, of which exactly one happens.
//!
//! What the library has a case for is one of its cases. A queue's items are here (see [`crate::queue`]), so a select waits
//! for its sign, and then tries: another thread may have been quicker, and the wait goes on.

use crate::event::Event;
use crate::queue::{Queue, Side, Watched};
use crate::rwlock::RWLockGuard;
use crate::semaphore::Semaphore;
use crate::sentinel::Sentinel;
use crate::thread::ThreadHandle;
use crate::{errors, gil, lock, rlock, timeout};
use lowthread::base::status::{LT_OK, LT_TIMED_OUT};
use lowthread::ffi::select::{
    LT_CASE_EVENT, LT_CASE_LOCK, LT_CASE_READ, LT_CASE_RLOCK, LT_CASE_SEMAPHORE, LT_CASE_WRITE, lt_case,
    lt_select,
};
use lowthread::ffi::time::lt_monotonic;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyTuple, PyType};
use pyo3::{PyTraverseError, PyVisit};
use std::ffi::c_void;
use std::ptr;

/// Something that may happen: for select(), and for a Watcher. One can be used again.
#[pyclass(frozen, module = "lowthread")]
pub struct Case(What);

enum What {
    /// One of the library's cases. The object has the handle.
    Native {
        op: i32,
        handle: *mut c_void,
        object: Py<PyAny>,
        result: Py<PyAny>,
    },
    Get(Py<Queue>),
    Put(Py<Queue>, Py<PyAny>),
}

// SAFETY: a handle may be used on any thread.
unsafe impl Send for What {}
// SAFETY: likewise.
unsafe impl Sync for What {}

/// A case of which somebody waits to hear.
pub struct Awaited {
    pub op: i32,
    pub handle: *const c_void,
    watched: Option<Watched>,
}

impl Awaited {
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(self.watched.as_ref().map(Watched::queue))
    }
}

impl Case {
    /// The library's case that may happen when this one can.
    pub fn awaited(&self, py: Python<'_>) -> PyResult<Awaited> {
        let (queue, side) = match &self.0 {
            What::Native { op, handle, .. } => {
                return Ok(Awaited { op: *op, handle: *handle, watched: None });
            }
            What::Get(queue) => (queue, Side::Items),
            What::Put(queue, _) => (queue, Side::Room),
        };
        let (watched, shown) = Watched::new(queue.bind(py), side)?;
        Ok(Awaited { op: LT_CASE_EVENT, handle: shown.cast(), watched: Some(watched) })
    }

    /// The library's case has happened: the result, or None if another thread was quicker.
    fn happened(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        Ok(match &self.0 {
            What::Native { result, .. } => Some(result.clone_ref(py)),
            What::Get(queue) => queue.get().get_within(py, 0.0)?,
            What::Put(queue, item) => queue.get().put_within(py, item.clone_ref(py), 0.0)?.then(|| py.None()),
        })
    }
}

#[pymethods]
impl Case {
    #[classmethod]
    fn __class_getitem__<'py>(
        class: &Bound<'py, PyType>,
        item: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        class.py().import("types")?.getattr("GenericAlias")?.call1((class, item))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.0 {
            What::Native { object, result, .. } => {
                visit.call(object)?;
                visit.call(result)
            }
            What::Get(queue) => visit.call(queue),
            What::Put(queue, item) => {
                visit.call(queue)?;
                visit.call(item)
            }
        }
    }
}

fn native<T>(op: i32, handle: *mut T, object: &Bound<'_, PyAny>, result: Py<PyAny>) -> Case {
    Case(What::Native { op, handle: handle.cast(), object: object.clone().unbind(), result })
}

fn truth(py: Python<'_>) -> Py<PyAny> {
    PyBool::new(py, true).to_owned().into_any().unbind()
}

/// The lock is acquired, or a permit of the semaphore: it is the caller's to release. The result is True.
///
/// For a read-write lock, pass what its reading() or writing() gives.
#[pyfunction]
#[pyo3(signature = (lock, /))]
fn on_acquire(py: Python<'_>, lock: &Bound<'_, PyAny>) -> PyResult<Case> {
    let (plain, reentrant) = (lock::handle_of(lock), rlock::handle_of(lock));
    if !plain.is_null() {
        return Ok(native(LT_CASE_LOCK, plain, lock, truth(py)));
    }
    if !reentrant.is_null() {
        return Ok(native(LT_CASE_RLOCK, reentrant, lock, truth(py)));
    }
    if let Ok(semaphore) = lock.cast::<Semaphore>() {
        return Ok(native(LT_CASE_SEMAPHORE, semaphore.get().handle(), lock, truth(py)));
    }
    if let Ok(guard) = lock.cast::<RWLockGuard>() {
        let (handle, writes) = guard.get().access();
        return Ok(native(if writes { LT_CASE_WRITE } else { LT_CASE_READ }, handle, lock, truth(py)));
    }
    Err(PyTypeError::new_err(format!(
        "on_acquire() takes a lock, a semaphore, or a read-write lock's reading() or writing(), not {}",
        lock.get_type().name()?
    )))
}

/// The event is set. The result is True.
#[pyfunction]
#[pyo3(signature = (event, /))]
fn on_set(event: &Bound<'_, Event>) -> Case {
    native(LT_CASE_EVENT, event.get().handle(), event, truth(event.py()))
}

/// An item is taken out of the queue: it is the result. If that is shut down and empty, select() raises ShutDown.
#[pyfunction]
#[pyo3(signature = (queue, /))]
fn on_get(queue: Py<Queue>) -> Case {
    Case(What::Get(queue))
}

/// The item is put into the queue. The result is None. If that is shut down, select() raises ShutDown.
#[pyfunction]
#[pyo3(signature = (queue, item, /))]
fn on_put(queue: Py<Queue>, item: Py<PyAny>) -> Case {
    Case(What::Put(queue, item))
}

/// The event is set, which says that this is so: it is the result.
#[pyfunction]
#[pyo3(signature = (event, result, /))]
fn _on_told(event: &Bound<'_, Event>, result: Py<PyAny>) -> Case {
    native(LT_CASE_EVENT, event.get().handle(), event, result)
}

/// The thread of that handle, or of that sentinel, has left the interpreter.
#[pyfunction]
#[pyo3(signature = (of, /))]
fn _on_end(of: &Bound<'_, PyAny>) -> PyResult<Case> {
    if let Ok(handle) = of.cast::<ThreadHandle>() {
        return Ok(native(LT_CASE_EVENT, handle.get().done(), of, of.py().None()));
    }
    if let Ok(sentinel) = of.cast::<Sentinel>() {
        return Ok(native(LT_CASE_EVENT, sentinel.get().over(), of, of.py().None()));
    }
    Err(PyTypeError::new_err("not a thread of lowthread's"))
}

/// Wait until one of the cases happens, and no other does; return the number of that one and its result, or None if
/// there was none in time.
///
/// Where several could, each is it as often as any other. With a time-out of 0 this does not wait.
#[pyfunction]
#[pyo3(signature = (*cases, timeout=None))]
fn select<'py>(
    py: Python<'py>,
    cases: &Bound<'py, PyTuple>,
    timeout: Option<f64>,
) -> PyResult<Option<(usize, Py<PyAny>)>> {
    let seconds = timeout::of_wait(timeout)?;
    let cases = cases
        .iter()
        .map(|case| match case.cast_into::<Case>() {
            Ok(case) => Ok(case),
            Err(_) => Err(PyTypeError::new_err("select() takes what on_get(), on_acquire() and so on give")),
        })
        .collect::<PyResult<Vec<_>>>()?;
    // What is waited for; the signs of queues are shown until the end.
    let awaited = cases.iter().map(|case| case.get().awaited(py)).collect::<PyResult<Vec<_>>>()?;
    let mut all = awaited
        .iter()
        .map(|Awaited { op, handle, .. }| lt_case {
            op: *op,
            status: LT_OK,
            handle: *handle,
            item: ptr::null_mut(),
        })
        .collect::<Vec<_>>();
    let mut index = 0;
    let (first, place) = (all.as_mut_ptr(), &raw mut index);
    // SAFETY: these are the cases, of which each has a reference to its object; called by one thread at a time.
    let attempt = |left: f64| unsafe { lt_select(first, cases.len(), left, place) };
    let until = if seconds < 0.0 { f64::INFINITY } else { lt_monotonic() + seconds };
    let mut left = seconds;
    loop {
        let mut status = attempt(0.0);
        if status == LT_TIMED_OUT && left != 0.0 {
            status = gil::wait_for(py, left, attempt)?;
        }
        match status {
            LT_OK => (),
            LT_TIMED_OUT => return Ok(None),
            status => return Err(errors::of(status)),
        }
        // SAFETY: written by the call that has just succeeded.
        let index = unsafe { place.read() };
        if let Some(case) = cases.get(index)
            && let Some(result) = case.get().happened(py)?
        {
            return Ok(Some((index, result)));
        }
        if seconds >= 0.0 {
            left = (until - lt_monotonic()).max(0.0);
        }
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Case>()?;
    module.add_function(wrap_pyfunction!(on_acquire, module)?)?;
    module.add_function(wrap_pyfunction!(on_set, module)?)?;
    module.add_function(wrap_pyfunction!(on_get, module)?)?;
    module.add_function(wrap_pyfunction!(on_put, module)?)?;
    module.add_function(wrap_pyfunction!(_on_told, module)?)?;
    module.add_function(wrap_pyfunction!(_on_end, module)?)?;
    module.add_function(wrap_pyfunction!(select, module)?)
}
