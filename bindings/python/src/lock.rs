//! The lock, twice: as `_thread` has it, and as `lowthread.Lock`, which can be called.

use crate::object::{
    self, Shape, fast, free_object, handle, new_object, no_args, none, raise, seconds, truth,
};
use crate::{errors, gil};
use lowthread::base::status::{LT_NOT_HELD, LT_OK};
use lowthread::ffi::lock::{
    lt_allocate_lock, lt_lock, lt_lock_acquire_timeout, lt_lock_at_fork_reinit, lt_lock_free, lt_lock_locked,
    lt_lock_release, lt_lock_try_acquire,
};
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The type of what `allocate_lock()` gives.
static CLASS: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(ptr::null_mut());
/// `lowthread.Lock`.
static PUBLIC: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(ptr::null_mut());

/// The handle of an object that is one of the two, or NULL.
pub fn handle_of(object: &Bound<'_, PyAny>) -> *mut lt_lock {
    let is = |class: &AtomicPtr<ffi::PyTypeObject>| {
        // SAFETY: both are types.
        unsafe { ffi::PyObject_TypeCheck(object.as_ptr(), class.load(Ordering::Relaxed)) != 0 }
    };
    // SAFETY: it is of a type that has one.
    if is(&CLASS) || is(&PUBLIC) { unsafe { handle(object.as_ptr()) } } else { ptr::null_mut() }
}

unsafe fn make(class: *mut ffi::PyTypeObject) -> *mut PyObject {
    let lock = lt_allocate_lock();
    if lock.is_null() {
        // SAFETY: the GIL is held.
        return unsafe { ffi::PyErr_NoMemory() };
    }
    // SAFETY: the caller's.
    let this = unsafe { new_object(class, lock.cast()) };
    if this.is_null() {
        // SAFETY: the lock is new.
        let _ = unsafe { lt_lock_free(lock) };
    }
    this
}

unsafe extern "C" fn new(
    class: *mut ffi::PyTypeObject,
    args: *mut PyObject,
    kwargs: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: a tuple, and a dictionary or NULL, as for every `tp_new`.
    let given =
        unsafe { ffi::PyTuple_Size(args) + if kwargs.is_null() { 0 } else { ffi::PyDict_Size(kwargs) } };
    if given != 0 {
        return raise(pyo3::exceptions::PyTypeError::new_err("Lock() takes no arguments"));
    }
    // SAFETY: a type with this function.
    unsafe { make(class) }
}

/// A lock for `_thread.allocate_lock()`.
pub unsafe extern "C" fn allocate_lock(_module: *mut PyObject, _ignored: *mut PyObject) -> *mut PyObject {
    // SAFETY: the type was made with the module.
    unsafe { make(CLASS.load(Ordering::Relaxed)) }
}

unsafe extern "C" fn dealloc(this: *mut PyObject) {
    // SAFETY: nobody has the object any more.
    unsafe {
        object::forget_weak(this);
        // Nobody waits for it: who does holds a reference.
        let _ = lt_lock_free(handle(this));
        free_object(this);
    }
}

unsafe extern "C" fn acquire(
    this: *mut PyObject,
    args: *const *mut PyObject,
    count: isize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: passed on.
    let Some(seconds) = (unsafe { seconds(args, count, names) }) else {
        return ptr::null_mut();
    };
    // SAFETY: an object of the type.
    let lock: *mut lt_lock = unsafe { handle(this) };
    // SAFETY: its handle.
    if unsafe { lt_lock_try_acquire(lock) } == LT_OK {
        return truth(true);
    }
    if seconds == 0.0 {
        return truth(false);
    }
    // SAFETY: the caller holds a reference to the object.
    gil::acquire(
        seconds,
        || unsafe { lt_lock_try_acquire(lock) } == LT_OK,
        |left| unsafe { lt_lock_acquire_timeout(lock, left) },
        |status| raise(errors::of(status)),
    )
}

unsafe extern "C" fn enter(this: *mut PyObject, _ignored: *mut PyObject) -> *mut PyObject {
    // SAFETY: no arguments.
    unsafe { acquire(this, ptr::null(), 0, ptr::null_mut()) }
}

unsafe extern "C" fn release(this: *mut PyObject, _ignored: *mut PyObject) -> *mut PyObject {
    // SAFETY: an object of the type.
    match unsafe { lt_lock_release(handle(this)) } {
        LT_OK => none(),
        LT_NOT_HELD => raise(PyRuntimeError::new_err("release unlocked lock")),
        status => raise(errors::of(status)),
    }
}

unsafe extern "C" fn exit(
    this: *mut PyObject,
    _args: *const *mut PyObject,
    _count: isize,
    _names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: passed on.
    unsafe { release(this, ptr::null_mut()) }
}

unsafe extern "C" fn locked(this: *mut PyObject, _ignored: *mut PyObject) -> *mut PyObject {
    // SAFETY: an object of the type.
    truth(unsafe { lt_lock_locked(handle(this)) })
}

unsafe extern "C" fn at_fork_reinit(this: *mut PyObject, _ignored: *mut PyObject) -> *mut PyObject {
    // SAFETY: an object of the type.
    match unsafe { lt_lock_at_fork_reinit(handle(this)) } {
        LT_OK => none(),
        status => raise(errors::of(status)),
    }
}

unsafe extern "C" fn repr(this: *mut PyObject) -> *mut PyObject {
    // SAFETY: an object of the type.
    let state = if unsafe { lt_lock_locked(handle(this)) } { c"locked" } else { c"unlocked" };
    // SAFETY: the format has these three.
    unsafe {
        let class = ffi::PyObject_GetAttrString(ffi::Py_TYPE(this).cast(), c"__qualname__".as_ptr());
        if class.is_null() {
            return class;
        }
        let module = ffi::PyObject_GetAttrString(ffi::Py_TYPE(this).cast(), c"__module__".as_ptr());
        let text = if module.is_null() {
            module
        } else {
            ffi::PyUnicode_FromFormat(
                c"<%s %S.%S object at %p>".as_ptr(),
                state.as_ptr(),
                module,
                class,
                this,
            )
        };
        ffi::Py_XDECREF(module);
        ffi::Py_DECREF(class);
        text
    }
}

const ACQUIRE: &std::ffi::CStr = c"acquire($self, /, blocking=True, timeout=-1)\n--\n\nLock the lock, after waiting for it if need be; return whether it was.\n\nA signal handler that raises ends the wait, and so do interrupt_main() and interrupt().";
const RELEASE: &std::ffi::CStr =
    c"release($self, /)\n--\n\nRelease the lock, whichever thread has acquired it. RuntimeError if none has.";
const LOCKED: &std::ffi::CStr =
    c"locked($self, /)\n--\n\nReturn whether the lock is acquired at this moment.";

fn shape(name: &'static std::ffi::CStr, call: bool, subclass: bool) -> Shape {
    Shape {
        name,
        doc: c"A lock that any thread may release. It is not re-entrant. No waiter starves.",
        methods: vec![
            fast(c"acquire", acquire, ACQUIRE),
            fast(c"acquire_lock", acquire, ACQUIRE),
            no_args(c"release", release, RELEASE),
            no_args(c"release_lock", release, RELEASE),
            no_args(c"locked", locked, LOCKED),
            no_args(c"locked_lock", locked, LOCKED),
            no_args(c"__enter__", enter, c"__enter__($self, /)\n--\n\nLock the lock."),
            fast(c"__exit__", exit, c"__exit__($self, *args)\n--\n\nRelease the lock."),
            no_args(
                c"_at_fork_reinit",
                at_fork_reinit,
                c"_at_fork_reinit($self, /)\n--\n\nMake the lock free, in a forked child.",
            ),
        ],
        new,
        free: dealloc,
        repr,
        subclass,
        call,
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    // In `_thread` it can be called, and be a base, since 3.13.
    let class = object::new_type(py, shape(c"_thread.lock", py.version_info() >= (3, 13), false))?;
    let public = object::new_type(py, shape(c"lowthread.Lock", true, true))?;
    CLASS.store(class.as_ptr().cast(), Ordering::Relaxed);
    PUBLIC.store(public.as_ptr().cast(), Ordering::Relaxed);
    module.add("lock", class)?;
    module.add("Lock", public)
}
