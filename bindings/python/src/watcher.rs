//! What tells an event loop that something can be done.

use crate::attached::{self, Context};
use crate::errors;
use crate::gil::{self, unwinding};
use crate::select::{Awaited, Case};
use lowthread::base::status::{LT_NO_MEMORY, LT_OK};
use lowthread::ffi::status::lt_last_errno;
use lowthread::ffi::watch::{lt_watch, lt_watch_fd, lt_watch_free, lt_watcher};
use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

const TOLD: Context =
    Context { format: c"Exception ignored in watcher function %R", message: c"in watcher function" };

/// Watches a case, of which it takes nothing: who is told asks with the form that does not block.
///
/// Without a function it is for selectors, asyncio's add_reader() and the like: fileno() is readable while the case may be
/// possible, and is never to be read. With one, function() is called when it becomes possible, on a thread that serves
/// all watchers; an exception is told to sys.unraisablehook; such a watcher lives until close().
#[pyclass(frozen, weakref, module = "lowthread")]
pub struct Watcher {
    case: Py<Case>,
    function: Option<Py<PyAny>>,
    /// None once it is closed.
    open: Mutex<Option<Open>>,
}

struct Open {
    /// NULL once it is freed.
    watcher: *mut lt_watcher,
    fd: c_int,
    /// Dropped after the watcher is freed.
    awaited: Awaited,
}

// SAFETY: handles may be used on any thread.
unsafe impl Send for Open {}

impl Drop for Open {
    fn drop(&mut self) {
        // SAFETY: nobody else has it; it calls nobody, for else it would have been closed, so this does not wait.
        let _ = unsafe { lt_watch_free(self.watcher) };
    }
}

unsafe extern "C-unwind" fn ready(object: *mut c_void) {
    let state = attached::enter();
    if state.is_null() {
        return;
    }
    let object: *mut PyObject = object.cast();
    // SAFETY: an open watcher with a function has a reference to itself. Nothing on this frame is dropped if the thread
    // ends in the call.
    unsafe {
        let py = Python::assume_attached();
        let this: *const Watcher = Bound::from_borrowed_ptr(py, object).cast_unchecked::<Watcher>().get();
        pyo3::ffi::Py_INCREF(object);
        if let Some(function) = &(*this).function {
            let none = pyo3::ffi::PyTuple_New(0);
            if none.is_null() {
                unwinding::PyErr_WriteUnraisable(function.as_ptr());
            } else {
                attached::call(function.as_ptr(), none, ptr::null_mut(), &TOLD);
                gil::Hang::around(|| unwinding::Py_DecRef(none));
            }
        }
        gil::Hang::around(|| unwinding::Py_DecRef(object));
        attached::leave(state);
    }
}

impl Watcher {
    fn open(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Watcher {
    #[new]
    #[pyo3(signature = (case, function=None))]
    fn new<'py>(
        py: Python<'py>,
        case: Bound<'py, Case>,
        function: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Self>> {
        if function.as_ref().is_some_and(|function| !function.is_callable()) {
            return Err(PyTypeError::new_err("the function must be callable"));
        }
        let awaited = case.get().awaited(py)?;
        let (op, handle) = (awaited.op, awaited.handle);
        let calls = function.is_some();
        let this = Bound::new(
            py,
            Self { case: case.unbind(), function: function.map(Bound::unbind), open: Mutex::new(None) },
        )?;
        let (mut watcher, mut fd) = (ptr::null_mut(), -1);
        // SAFETY: the handle's object lives as long as the case. A reference to this is the watcher's, if it calls.
        let status = unsafe {
            if calls {
                lt_watch(handle, op, Some(ready), this.as_ptr().cast(), &mut watcher)
            } else {
                lt_watch_fd(handle, op, &mut fd, &mut watcher)
            }
        };
        if status != LT_OK {
            let errno = lt_last_errno();
            if status == LT_NO_MEMORY && ![0, libc::ENOMEM].contains(&errno) {
                let text = py.import("os")?.call_method1("strerror", (errno,))?;
                return Err(PyOSError::new_err((errno, text.unbind())));
            }
            return Err(errors::of(status));
        }
        if calls {
            // `ready` cannot have looked: it waits for the GIL.
            let _ = this.clone().into_ptr();
        }
        *this.get().open() = Some(Open { watcher, fd, awaited });
        Ok(this)
    }

    /// The descriptor. ValueError if the watcher is closed, or calls a function.
    fn fileno(&self) -> PyResult<c_int> {
        match &*self.open() {
            None => Err(PyValueError::new_err("the watcher is closed")),
            Some(_) if self.function.is_some() => Err(PyValueError::new_err("the watcher calls a function")),
            Some(open) => Ok(open.fd),
        }
    }

    /// Whether the watcher is closed.
    #[getter]
    fn closed(&self) -> bool {
        self.open().is_none()
    }

    /// Close the watcher: when this returns, its function neither runs nor will, but for a call from the function itself,
    /// and its descriptor is closed. Nothing happens to one that is closed.
    fn close(slf: &Bound<'_, Self>) {
        let Some(mut open) = slf.get().open().take() else { return };
        let watcher = std::mem::replace(&mut open.watcher, ptr::null_mut());
        // The function may need the GIL to end.
        // SAFETY: nobody else has it.
        let _ = gil::without(|| unsafe { lt_watch_free(watcher) });
        drop(open);
        if slf.get().function.is_some() {
            // SAFETY: the watcher's own reference, given by new().
            drop(unsafe { Bound::from_owned_ptr(slf.py(), slf.as_ptr()) });
        }
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_args))]
    fn __exit__(slf: &Bound<'_, Self>, _args: &Bound<'_, PyTuple>) {
        Self::close(slf);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.case)?;
        visit.call(&self.function)?;
        // The collector runs with the GIL, and so is in nobody's short section.
        match self.open.try_lock().as_deref() {
            Ok(Some(open)) => open.awaited.traverse(&visit),
            _ => Ok(()),
        }
    }
}
