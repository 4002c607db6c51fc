//! Threads that the library has started enter the interpreter, and leave it.

use crate::gil::{Hang, unwinding};
use lowthread::ffi::lock::{
    lt_allocate_lock, lt_lock, lt_lock_acquire_uninterruptible, lt_lock_at_fork_reinit, lt_lock_release,
};
use pyo3::exceptions::{PyImportError, PyMemoryError};
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// Held for the moment in which a thread makes its state in the interpreter, which must not have ended.
static GATE: AtomicPtr<lt_lock> = AtomicPtr::new(ptr::null_mut());
/// The interpreter is about to end: no thread enters it any more. Under the gate.
static CLOSED: AtomicBool = AtomicBool::new(false);
static INTERPRETER: AtomicPtr<ffi::PyInterpreterState> = AtomicPtr::new(ptr::null_mut());
/// What tells of an exception that nobody takes, with a text of one's own; NULL where there is neither of these two.
static FORMAT_UNRAISABLE: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static WRITE_UNRAISABLE_MSG: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

unsafe extern "C" {
    /// Of the limited API, but not in PyO3's list.
    fn PyThreadState_DeleteCurrent();
}

fn pass<T>(inside: impl FnOnce() -> T) -> T {
    let gate = GATE.load(Ordering::Relaxed);
    // SAFETY: a lock that is never freed.
    let _ = unsafe { lt_lock_acquire_uninterruptible(gate) };
    let result = inside();
    // SAFETY: likewise.
    let _ = unsafe { lt_lock_release(gate) };
    result
}

/// Whether the interpreter is about to end. With the GIL, with which it is closed.
pub fn is_closed() -> bool {
    CLOSED.load(Ordering::Relaxed)
}

/// Makes the calling thread one of the interpreter, with the GIL. NULL if the interpreter is ending, or there is no
/// memory.
pub fn enter() -> *mut ffi::PyThreadState {
    let state = pass(|| {
        // Under the gate, as its writer.
        if CLOSED.load(Ordering::Relaxed) {
            return ptr::null_mut();
        }
        // SAFETY: the interpreter has not ended, and will not in here.
        unsafe { ffi::PyThreadState_New(INTERPRETER.load(Ordering::Relaxed)) }
    });
    if !state.is_null() {
        // SAFETY: the thread's new state. If the interpreter ends first, the thread sleeps in here for ever.
        unsafe { ffi::PyEval_RestoreThread(state) };
    }
    state
}

/// Ends what [`enter`] began. Destructors of the thread's values run.
///
/// # Safety
/// The state is what `enter` gave to this thread, and is not NULL.
pub unsafe fn leave(state: *mut ffi::PyThreadState) {
    // SAFETY: the caller's; nobody else uses the state.
    unsafe {
        Hang::around(|| unwinding::PyThreadState_Clear(state));
        // With the GIL until the end: without it, an interpreter that ends frees the states that it still has.
        PyThreadState_DeleteCurrent();
    }
}

/// Calls a function in Python on a thread that has entered, and tells of its exception, but for SystemExit, as one
/// that is ignored `context`: "in thread started by". Nothing else that the frame has is dropped if the thread ends
/// in here.
///
/// # Safety
/// With the GIL; `args` is a tuple.
pub unsafe fn call(
    function: *mut PyObject,
    args: *mut PyObject,
    kwargs: *mut PyObject,
    context: &'static Context,
) {
    // SAFETY: the caller's; the symbols have the types of their names.
    Hang::around(|| unsafe {
        let result = unwinding::PyObject_Call(function, args, kwargs);
        if !result.is_null() {
            unwinding::Py_DecRef(result);
        } else if unwinding::PyErr_ExceptionMatches(ffi::PyExc_SystemExit) != 0 {
            unwinding::PyErr_Clear();
        } else {
            type Format = unsafe extern "C-unwind" fn(*const c_char, ...);
            type Message = unsafe extern "C-unwind" fn(*const c_char, *mut PyObject);
            let format = FORMAT_UNRAISABLE.load(Ordering::Relaxed);
            let message = WRITE_UNRAISABLE_MSG.load(Ordering::Relaxed);
            if !format.is_null() {
                std::mem::transmute::<*mut c_void, Format>(format)(context.format.as_ptr(), function);
            } else if !message.is_null() {
                std::mem::transmute::<*mut c_void, Message>(message)(context.message.as_ptr(), function);
            } else {
                unwinding::PyErr_WriteUnraisable(function);
            }
        }
    });
}

/// In which function of the user's an exception was not taken, for the interpreter's two ways to tell it.
pub struct Context {
    pub format: &'static std::ffi::CStr,
    pub message: &'static std::ffi::CStr,
}

/// After a fork: who held the gate may be gone.
#[pyfunction]
pub fn _reopen() {
    // SAFETY: a lock that is never freed.
    let _ = unsafe { lt_lock_at_fork_reinit(GATE.load(Ordering::Relaxed)) };
}

/// At the interpreter's end.
#[pyfunction]
fn _close(py: Python<'_>) {
    // Who has the gate does not wait for the GIL, but may be preempted.
    py.detach(|| pass(|| CLOSED.store(true, Ordering::Relaxed)));
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // SAFETY: with the GIL.
    let interpreter = unsafe { ffi::PyInterpreterState_Get() };
    if !INTERPRETER.load(Ordering::Relaxed).is_null() {
        return Err(PyImportError::new_err(
            "lowthread serves one interpreter of a process, once: no sub-interpreters",
        ));
    }
    let gate = lt_allocate_lock();
    if gate.is_null() {
        return Err(PyMemoryError::new_err(()));
    }
    GATE.store(gate, Ordering::Relaxed);
    // SAFETY: with the GIL; the names are strings.
    unsafe {
        INTERPRETER.store(interpreter, Ordering::Relaxed);
        let find = |name: &std::ffi::CStr| libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr());
        FORMAT_UNRAISABLE.store(find(c"PyErr_FormatUnraisable"), Ordering::Relaxed);
        WRITE_UNRAISABLE_MSG.store(find(c"_PyErr_WriteUnraisableMsg"), Ordering::Relaxed);
    }
    module.add_function(wrap_pyfunction!(_reopen, module)?)?;
    module.add_function(wrap_pyfunction!(_close, module)?)
}
