//! Signals that go elsewhere than to a handler in Python.

use crate::attached::{self, Context};
use crate::event::Event;
use crate::gil::{self, unwinding};
use crate::queue::Queue;
use crate::{errors, signals};
use lowthread::base::status::{LT_OK, lt_status};
use lowthread::ffi::signal::{lt_signal_restore, lt_signal_to_callback, lt_signal_to_event};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::{Mutex, PoisonError};

const ROUTED: Context =
    Context { format: c"Exception ignored in signal function %R", message: c"in signal function" };

/// What the routes of signals need: each number's function, or its event, which lives as long as the route. Used with
/// the GIL, which is not let go of meanwhile.
static KEPT: Mutex<[Option<Py<PyAny>>; 65]> = Mutex::new([const { None }; 65]);

/// Keeps an object for a signal; gives the one before, to be dropped by the caller.
fn keep(signum: c_int, object: Option<Py<PyAny>>) -> Option<Py<PyAny>> {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let place = kept.get_mut(usize::try_from(signum).ok()?)?;
    std::mem::replace(place, object)
}

/// On the library's thread for the signal.
unsafe extern "C-unwind" fn arrived(signum: c_int, _arg: *mut c_void) {
    let state = attached::enter();
    if state.is_null() {
        return;
    }
    // SAFETY: with the GIL. Nothing on this frame is dropped if the thread ends in the call.
    unsafe {
        let function = match KEPT.lock() {
            Ok(kept) => match kept.get(signum.unsigned_abs() as usize) {
                Some(Some(function)) => {
                    ffi::Py_INCREF(function.as_ptr());
                    function.as_ptr()
                }
                _ => ptr::null_mut(),
            },
            Err(_) => ptr::null_mut(),
        };
        if !function.is_null() {
            let args = ffi::PyTuple_New(1);
            let number = ffi::PyLong_FromLong(signum.into());
            if args.is_null() || number.is_null() {
                ffi::PyErr_Clear();
            } else {
                ffi::PyTuple_SetItem(args, 0, number);
                attached::call(function, args, ptr::null_mut(), &ROUTED);
            }
            gil::Hang::around(|| {
                unwinding::Py_DecRef(args);
                unwinding::Py_DecRef(function);
            });
        }
        attached::leave(state);
    }
}

fn routed(signum: c_int, object: Bound<'_, PyAny>, status: impl FnOnce() -> lt_status) -> PyResult<()> {
    // The route finds its object, whenever the signal comes.
    let before = keep(signum, Some(object.unbind()));
    let status = gil::without(status);
    if status == LT_OK {
        signals::set_routed(signum, true);
        return Ok(());
    }
    drop(keep(signum, before));
    Err(errors::of(status))
}

/// Route a signal to an event, which it sets, instead of to its handler in Python.
#[pyfunction]
#[pyo3(signature = (signum, event, /))]
fn signal_to_event(signum: c_int, event: Bound<'_, Event>) -> PyResult<()> {
    let handle = event.get().handle() as usize;
    // SAFETY: the event is kept as long as the route.
    routed(signum, event.into_any(), || unsafe { lt_signal_to_event(signum, handle as *mut _) })
}

/// Route a signal to a queue, into which each arrival puts its number. While the queue is full, that signal waits.
#[pyfunction]
#[pyo3(signature = (signum, queue, /))]
fn signal_to_queue(signum: c_int, queue: Bound<'_, Queue>) -> PyResult<()> {
    let put = queue.getattr("put")?;
    // SAFETY: the function needs no argument.
    routed(signum, put, || unsafe { lt_signal_to_callback(signum, Some(arrived), ptr::null_mut()) })
}

/// Route a signal to function(signum), on a thread of lowthread's: it may block, and call anything.
#[pyfunction]
#[pyo3(signature = (signum, function, /))]
fn signal_to_callback(signum: c_int, function: Bound<'_, PyAny>) -> PyResult<()> {
    if !function.is_callable() {
        return Err(PyTypeError::new_err("the function of a signal must be callable"));
    }
    // SAFETY: the function needs no argument.
    routed(signum, function, || unsafe { lt_signal_to_callback(signum, Some(arrived), ptr::null_mut()) })
}

/// Put back what the signal did before it was routed.
#[pyfunction]
#[pyo3(signature = (signum, /))]
fn signal_restore(py: Python<'_>, signum: c_int) -> PyResult<()> {
    let status = gil::without(|| lt_signal_restore(signum));
    if status != LT_OK {
        return Err(errors::of(status));
    }
    signals::set_routed(signum, false);
    drop(keep(signum, None));
    signals::chain_if_handled(py, signum);
    Ok(())
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(signal_to_event, module)?)?;
    module.add_function(wrap_pyfunction!(signal_to_queue, module)?)?;
    module.add_function(wrap_pyfunction!(signal_to_callback, module)?)?;
    module.add_function(wrap_pyfunction!(signal_restore, module)?)
}
