//! The re-entrant lock, twice, as the lock is.

use crate::object::{
    self, Shape, fast, free_object, handle, new_object, no_args, none, raise, seconds, truth,
};
use crate::{errors, gil};
use lowthread::base::status::{LT_NOT_HELD, LT_NOT_OWNER, LT_OK, LT_OVERFLOW, lt_status};
use lowthread::ffi::rlock::{
    lt_rlock, lt_rlock_acquire_restore_uninterruptible, lt_rlock_acquire_timeout, lt_rlock_at_fork_reinit,
    lt_rlock_depth, lt_rlock_free, lt_rlock_is_owned, lt_rlock_locked, lt_rlock_new, lt_rlock_owner,
    lt_rlock_recursion_count, lt_rlock_release, lt_rlock_release_save, lt_rlock_try_acquire,
};
use lowthread::ffi::thread::lt_native_handle;
use pyo3::exceptions::{PyOverflowError, PyRuntimeError, PyTypeError};
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use std::ffi::{CStr, c_ulonglong};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

static CLASS: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(ptr::null_mut());
static PUBLIC: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(ptr::null_mut());

/// The handle of an object that is one of the two, or NULL.
pub fn handle_of(object: &Bound<'_, PyAny>) -> *mut lt_rlock {
    let is = |class: &AtomicPtr<ffi::PyTypeObject>| {
        // SAFETY: both are types.
        unsafe { ffi::PyObject_TypeCheck(object.as_ptr(), class.load(Ordering::Relaxed)) != 0 }
    };
    // SAFETY: it is of a type that has one.
    if is(&CLASS) || is(&PUBLIC) { unsafe { handle(object.as_ptr()) } } else { ptr::null_mut() }
}

/// A new one for the condition that was given none.
pub fn new_public(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: the type was made with the module.
    unsafe {
        let class = PUBLIC.load(Ordering::Relaxed);
        Bound::from_owned_ptr_or_err(py, new(class, ptr::null_mut(), ptr::null_mut()))
    }
}

/// The arguments are not looked at, as the interpreter's own type does not.
unsafe extern "C" fn new(
    class: *mut ffi::PyTypeObject,
    _args: *mut PyObject,
    _kwargs: *mut PyObject,
) -> *mut PyObject {
    let lock = lt_rlock_new();
    if lock.is_null() {
        // SAFETY: the GIL is held.
        return unsafe { ffi::PyErr_NoMemory() };
    }
    // SAFETY: a type with this function.
    let this = unsafe { new_object(class, lock.cast()) };
    if this.is_null() {
        // SAFETY: the lock is new.
        let _ = unsafe { lt_rlock_free(lock) };
    }
    this
}

unsafe extern "C" fn dealloc(this: *mut PyObject) {
    // SAFETY: nobody has the object any more.
    unsafe {
        object::forget_weak(this);
        let _ = lt_rlock_free(handle(this));
        free_object(this);
    }
}

fn refused(status: lt_status) -> *mut PyObject {
    raise(match status {
        LT_NOT_HELD | LT_NOT_OWNER => PyRuntimeError::new_err("cannot release un-acquired lock"),
        LT_OVERFLOW => PyOverflowError::new_err("Internal lock count overflowed"),
        _ => errors::of(status),
    })
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
    let lock: *mut lt_rlock = unsafe { handle(this) };
    // SAFETY: its handle.
    if unsafe { lt_rlock_try_acquire(lock) } == LT_OK {
        return truth(true);
    }
    if seconds == 0.0 {
        return truth(false);
    }
    // SAFETY: the caller holds a reference to the object.
    gil::acquire(
        seconds,
        || unsafe { lt_rlock_try_acquire(lock) } == LT_OK,
        |left| unsafe { lt_rlock_acquire_timeout(lock, left) },
        refused,
    )
}

unsafe extern "C" fn enter(this: *mut PyObject, _ignored: *mut PyObject) -> *mut PyObject {
    // SAFETY: no arguments.
    unsafe { acquire(this, ptr::null(), 0, ptr::null_mut()) }
}

unsafe extern "C" fn release(this: *mut PyObject, _ignored: *mut PyObject) -> *mut PyObject {
    // SAFETY: an object of the type.
    match unsafe { lt_rlock_release(handle(this)) } {
        LT_OK => none(),
        status => refused(status),
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
    truth(unsafe { lt_rlock_locked(handle(this)) })
}

unsafe extern "C" fn is_owned(this: *mut PyObject, _ignored: *mut PyObject) -> *mut PyObject {
    // SAFETY: an object of the type.
    truth(unsafe { lt_rlock_is_owned(handle(this)) })
}

unsafe extern "C" fn recursion_count(this: *mut PyObject, _ignored: *mut PyObject) -> *mut PyObject {
    // SAFETY: an object of the type.
    unsafe { ffi::PyLong_FromUnsignedLongLong(lt_rlock_recursion_count(handle(this))) }
}

/// The ident of the owner, as the interpreter has it; 0 for none.
unsafe fn owner(this: *mut PyObject) -> usize {
    // SAFETY: an object of the type.
    match unsafe { lt_rlock_owner(handle(this)) } {
        0 => 0,
        ident => lt_native_handle(ident),
    }
}

unsafe extern "C" fn release_save(this: *mut PyObject, _ignored: *mut PyObject) -> *mut PyObject {
    let mut count = 0;
    // SAFETY: an object of the type; the tuple is given what the format says.
    unsafe {
        let owner = owner(this);
        match lt_rlock_release_save(handle(this), &mut count) {
            LT_OK => {
                // PyO3's own tuples panic where there is no memory.
                ffi::Py_BuildValue(c"KK".as_ptr(), c_ulonglong::from(count), owner as c_ulonglong)
            }
            status => refused(status),
        }
    }
}

unsafe extern "C" fn acquire_restore(this: *mut PyObject, saved: *mut PyObject) -> *mut PyObject {
    // SAFETY: the argument of a method with one.
    let saved = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), saved) };
    let Ok((count, _owner)) = saved.extract::<(u64, usize)>() else {
        return raise(PyTypeError::new_err("_acquire_restore() takes what _release_save() gave"));
    };
    // SAFETY: an object of the type.
    let lock: *mut lt_rlock = unsafe { handle(this) };
    // SAFETY: its handle.
    if count == 1 && unsafe { !lt_rlock_is_owned(lock) && lt_rlock_try_acquire(lock) == LT_OK } {
        return none();
    }
    // SAFETY: likewise; the caller holds a reference.
    match gil::without(|| unsafe { lt_rlock_acquire_restore_uninterruptible(lock, count) }) {
        LT_OK => none(),
        status => refused(status),
    }
}

unsafe extern "C" fn at_fork_reinit(this: *mut PyObject, _ignored: *mut PyObject) -> *mut PyObject {
    // SAFETY: an object of the type.
    match unsafe { lt_rlock_at_fork_reinit(handle(this)) } {
        LT_OK => none(),
        status => refused(status),
    }
}

unsafe extern "C" fn repr(this: *mut PyObject) -> *mut PyObject {
    // SAFETY: an object of the type.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: likewise.
    let (locked, owner, depth) =
        unsafe { (lt_rlock_locked(handle(this)), owner(this), lt_rlock_depth(handle(this))) };
    // SAFETY: the type of a living object.
    let class = unsafe { Bound::from_borrowed_ptr(py, ffi::Py_TYPE(this).cast()) };
    let name = |attribute: &str| class.getattr(attribute).and_then(|value| value.extract::<String>());
    let text = name("__module__").and_then(|module| {
        let state = if locked { "locked" } else { "unlocked" };
        let name = name("__qualname__")?;
        Ok(format!("<{state} {module}.{name} object owner={owner} count={depth} at {this:p}>"))
    });
    match text.and_then(|text| Ok(text.into_pyobject(py)?)) {
        Ok(text) => text.into_ptr(),
        Err(error) => raise(error),
    }
}

fn one_arg(name: &'static CStr, function: object::NoArgs, doc: &'static CStr) -> ffi::PyMethodDef {
    ffi::PyMethodDef { ml_flags: ffi::METH_O, ..no_args(name, function, doc) }
}

fn shape(name: &'static CStr) -> Shape {
    Shape {
        name,
        doc: c"A lock that its owner may acquire again, and must release as often. No waiter starves.",
        methods: vec![
            fast(c"acquire", acquire, c"acquire($self, /, blocking=True, timeout=-1)\n--\n\nLock the lock, after waiting while another thread holds it; return whether it was."),
            no_args(c"release", release, c"release($self, /)\n--\n\nRelease the lock once. RuntimeError if the thread does not hold it."),
            no_args(c"locked", locked, c"locked($self, /)\n--\n\nReturn whether the lock is acquired at this moment, by whatever thread."),
            no_args(c"__enter__", enter, c"__enter__($self, /)\n--\n\nLock the lock."),
            fast(c"__exit__", exit, c"__exit__($self, *args)\n--\n\nRelease the lock."),
            no_args(c"_is_owned", is_owned, c"_is_owned($self, /)\n--\n\nFor internal use by threading.Condition."),
            no_args(c"_recursion_count", recursion_count, c"_recursion_count($self, /)\n--\n\nHow often the calling thread holds the lock."),
            no_args(c"_release_save", release_save, c"_release_save($self, /)\n--\n\nFor internal use by threading.Condition."),
            one_arg(c"_acquire_restore", acquire_restore, c"_acquire_restore($self, state, /)\n--\n\nFor internal use by threading.Condition."),
            no_args(c"_at_fork_reinit", at_fork_reinit, c"_at_fork_reinit($self, /)\n--\n\nMake the lock free, in a forked child."),
        ],
        new,
        free: dealloc,
        repr,
        subclass: true,
        call: true,
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let class = object::new_type(py, shape(c"_thread.RLock"))?;
    let public = object::new_type(py, shape(c"lowthread.RLock"))?;
    CLASS.store(class.as_ptr().cast(), Ordering::Relaxed);
    PUBLIC.store(public.as_ptr().cast(), Ordering::Relaxed);
    module.add("_RLock", class)?;
    module.add("RLock", public)
}
