//! Timers and the watchdog.

use crate::attached::{self, Context};
use crate::errors;
use crate::gil::{self, unwinding};
use lowthread::base::status::{LT_INTERRUPTED, LT_OK};
use lowthread::ffi::timer::{
    lt_timer, lt_timer_cancel, lt_timer_free, lt_timer_start, lt_watchdog, lt_watchdog_cancel,
    lt_watchdog_feed, lt_watchdog_free, lt_watchdog_start,
};
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

const FIRED: Context =
    Context { format: c"Exception ignored in timer function %R", message: c"in timer function" };

/// Calls function(*args, **kwargs) after so many seconds, once started; with repeat, then every so many seconds.
///
/// One thread serves all timers, in the order in which they are due: a function that takes long holds up the others.
/// An exception is told to sys.unraisablehook. A forked child has no timers.
#[pyclass(frozen, weakref, module = "lowthread")]
pub struct Timer {
    /// The seconds until the first call.
    #[pyo3(get)]
    interval: f64,
    /// The seconds between calls; 0 for one call.
    #[pyo3(get)]
    repeat: f64,
    /// What is called.
    #[pyo3(get)]
    function: Py<PyAny>,
    args: Py<PyTuple>,
    kwargs: Option<Py<PyDict>>,
    timer: AtomicPtr<lt_timer>,
    started: AtomicBool,
    /// The library has a reference to the object. Who swaps it to false gives that back.
    armed: AtomicBool,
}

unsafe extern "C-unwind" fn fire(object: *mut c_void) {
    let state = attached::enter();
    if state.is_null() {
        return;
    }
    let object: *mut PyObject = object.cast();
    // SAFETY: armed, so there is a reference, until this gives it back. Nothing on this frame is dropped if the
    // thread ends in the call.
    unsafe {
        let py = Python::assume_attached();
        let timer: *const Timer = Bound::from_borrowed_ptr(py, object).cast_unchecked::<Timer>().get();
        let (once, armed) = ((*timer).repeat == 0.0, (*timer).armed.load(Ordering::Acquire));
        if armed && (!once || (*timer).armed.swap(false, Ordering::AcqRel)) {
            pyo3::ffi::Py_INCREF(object);
            let kwargs = (*timer).kwargs.as_ref().map_or(ptr::null_mut(), Py::as_ptr);
            attached::call((*timer).function.as_ptr(), (*timer).args.as_ptr(), kwargs, &FIRED);
            gil::Hang::around(|| unwinding::Py_DecRef(object));
            if once {
                gil::Hang::around(|| unwinding::Py_DecRef(object));
            }
        }
        attached::leave(state);
    }
}

#[pymethods]
impl Timer {
    #[new]
    #[pyo3(signature = (interval, function, args=None, kwargs=None, *, repeat=0.0))]
    fn new(
        py: Python<'_>,
        interval: f64,
        function: Py<PyAny>,
        args: Option<Bound<'_, PyAny>>,
        kwargs: Option<Py<PyDict>>,
        repeat: f64,
    ) -> PyResult<Self> {
        let args = match args {
            None => PyTuple::empty(py),
            // SAFETY: a new tuple, or NULL with an exception.
            Some(args) => unsafe {
                Bound::from_owned_ptr_or_err(py, ffi::PySequence_Tuple(args.as_ptr()))?.cast_into_unchecked()
            },
        };
        Ok(Self {
            // One that is late fires at once, as Python's.
            interval: if interval < 0.0 { 0.0 } else { interval },
            repeat,
            function,
            args: args.unbind(),
            kwargs,
            timer: AtomicPtr::new(ptr::null_mut()),
            started: AtomicBool::new(false),
            armed: AtomicBool::new(false),
        })
    }

    /// Start the timer. RuntimeError if it was started before.
    fn start(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        if this.started.swap(true, Ordering::AcqRel) {
            return Err(PyRuntimeError::new_err("timers can only be started once"));
        }
        this.armed.store(true, Ordering::Release);
        let object = slf.clone().into_ptr();
        let mut timer = ptr::null_mut();
        // SAFETY: the reference is the timer's now.
        match unsafe { lt_timer_start(this.interval, this.repeat, Some(fire), object.cast(), &mut timer) } {
            LT_OK => {
                // With the GIL, without which the function cannot look at it.
                this.timer.store(timer, Ordering::Release);
                Ok(())
            }
            status => {
                this.armed.store(false, Ordering::Release);
                this.started.store(false, Ordering::Release);
                // SAFETY: the reference came back.
                drop(unsafe { Bound::from_owned_ptr(slf.py(), object) });
                Err(errors::of(status))
            }
        }
    }

    /// Cancel the timer: when this returns, the function neither runs nor will, but for a call from the function
    /// itself. Nothing happens if the timer has fired, or was not started.
    fn cancel(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        let timer = this.timer.load(Ordering::Acquire);
        if timer.is_null() {
            return Ok(());
        }
        let back = this.armed.swap(false, Ordering::AcqRel);
        // SAFETY: the timer's handle; the caller holds a reference. The function may need the GIL to end.
        let status = gil::wait_for(slf.py(), gil::FOREVER, |_| unsafe { lt_timer_cancel(timer) });
        if back {
            // SAFETY: the timer's reference, which nobody else gives back.
            drop(unsafe { Bound::from_owned_ptr(slf.py(), slf.as_ptr()) });
        }
        match status? {
            LT_OK | LT_INTERRUPTED => Ok(()),
            status => Err(errors::of(status)),
        }
    }

    /// Whether the timer was started and will still fire.
    fn is_alive(&self) -> bool {
        self.armed.load(Ordering::Acquire)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.function)?;
        visit.call(&self.args)?;
        visit.call(&self.kwargs)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: nobody has the object, so it is not armed; from its own function this does not wait.
        let _ = unsafe { lt_timer_free(self.timer.load(Ordering::Acquire)) };
    }
}

/// Interrupts the main thread, as interrupt_main(signum), unless it is fed in time: once, until the next feed.
#[pyclass(frozen, weakref, module = "lowthread")]
pub struct Watchdog(*mut lt_watchdog);

// SAFETY: a handle may be used on any thread.
unsafe impl Send for Watchdog {}
// SAFETY: likewise.
unsafe impl Sync for Watchdog {}

fn checked(status: i32) -> PyResult<()> {
    if status == LT_OK { Ok(()) } else { Err(errors::of(status)) }
}

#[pymethods]
impl Watchdog {
    #[new]
    #[pyo3(signature = (seconds, signum=libc::SIGINT))]
    fn new(seconds: f64, signum: c_int) -> PyResult<Self> {
        let mut watchdog = ptr::null_mut();
        // SAFETY: a place for it.
        checked(unsafe { lt_watchdog_start(seconds, signum, &mut watchdog) })?;
        Ok(Self(watchdog))
    }

    /// Feed the watchdog: its time begins anew.
    fn feed(&self) -> PyResult<()> {
        // SAFETY: the object's own.
        checked(unsafe { lt_watchdog_feed(self.0) })
    }

    /// Stop the watchdog: when this returns, it does not interrupt. The next feed arms it again.
    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        let this = self;
        // SAFETY: the object's own.
        checked(py.detach(|| unsafe { lt_watchdog_cancel(this.0) }))
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_args))]
    fn __exit__(&self, py: Python<'_>, _args: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.cancel(py)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // SAFETY: nobody has the object.
        let _ = unsafe { lt_watchdog_free(self.0) };
    }
}
