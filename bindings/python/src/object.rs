//! Types whose methods are C functions without a layer between: for the two locks, where a layer would cost as much
//! as the lock. Everything else is a `#[pyclass]`.

use crate::gil::FOREVER;
use crate::timeout;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr;

/// Arguments in an array, the same in every version, and in the limited API since 3.10.
const METH_FASTCALL: c_int = 0x80;
/// Only `3.10` and newer have the flag; older ones ignore it.
const DISALLOW_INSTANTIATION: u64 = 1 << 7;
const BASETYPE: u64 = 1 << 10;
const READONLY: c_int = 1;
const T_PYSSIZET: c_int = 19;

pub type Fast = unsafe extern "C" fn(
    this: *mut PyObject,
    args: *const *mut PyObject,
    count: isize,
    names: *mut PyObject,
) -> *mut PyObject;
pub type NoArgs = unsafe extern "C" fn(this: *mut PyObject, ignored: *mut PyObject) -> *mut PyObject;

/// An object of such a type. Both locks have this form.
#[repr(C)]
pub struct Body {
    base: PyObject,
    /// The library's.
    pub handle: *mut c_void,
    weak: *mut PyObject,
}

/// The body of an object whose type was made here.
///
/// # Safety
/// It is one.
#[inline]
pub unsafe fn handle<T>(this: *mut PyObject) -> *mut T {
    // SAFETY: the caller's.
    unsafe { (*this.cast::<Body>()).handle.cast() }
}

pub fn fast(name: &'static CStr, function: Fast, doc: &'static CStr) -> ffi::PyMethodDef {
    let flags = METH_FASTCALL | ffi::METH_KEYWORDS;
    // SAFETY: the flags say which kind of function it is; pointers to functions are alike.
    let function = unsafe { std::mem::transmute::<Fast, ffi::PyCFunction>(function) };
    method(name, function, flags, doc)
}

pub fn no_args(name: &'static CStr, function: NoArgs, doc: &'static CStr) -> ffi::PyMethodDef {
    method(name, function, ffi::METH_NOARGS, doc)
}

fn method(
    name: &'static CStr,
    function: ffi::PyCFunction,
    flags: c_int,
    doc: &'static CStr,
) -> ffi::PyMethodDef {
    ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: function },
        ml_flags: flags,
        ml_doc: doc.as_ptr(),
    }
}

/// What a type is made of.
pub struct Shape {
    pub name: &'static CStr,
    pub doc: &'static CStr,
    pub methods: Vec<ffi::PyMethodDef>,
    pub new: ffi::newfunc,
    pub free: unsafe extern "C" fn(*mut PyObject),
    pub repr: ffi::reprfunc,
    pub subclass: bool,
    /// Whether Python may call the type.
    pub call: bool,
}

/// Makes a type. It is never unmade.
pub fn new_type<'py>(py: Python<'py>, shape: Shape) -> PyResult<Bound<'py, PyAny>> {
    let mut methods = shape.methods;
    methods.push(ffi::PyMethodDef::zeroed());
    let methods = methods.leak().as_mut_ptr();
    let members = Box::leak(Box::new([
        ffi::PyMemberDef {
            name: c"__weaklistoffset__".as_ptr().cast::<c_char>(),
            type_code: T_PYSSIZET,
            offset: std::mem::offset_of!(Body, weak) as isize,
            flags: READONLY,
            doc: ptr::null(),
        },
        ffi::PyMemberDef { name: ptr::null(), type_code: 0, offset: 0, flags: 0, doc: ptr::null() },
    ]));
    let slot = |slot: c_int, pfunc: *mut c_void| ffi::PyType_Slot { slot, pfunc };
    let mut slots = vec![
        slot(ffi::Py_tp_methods, methods.cast()),
        slot(ffi::Py_tp_members, members.as_mut_ptr().cast()),
        slot(ffi::Py_tp_dealloc, shape.free as *mut c_void),
        slot(ffi::Py_tp_repr, shape.repr as *mut c_void),
        slot(ffi::Py_tp_doc, shape.doc.as_ptr().cast_mut().cast()),
    ];
    let mut flags = 0;
    if shape.call {
        slots.push(slot(ffi::Py_tp_new, shape.new as *mut c_void));
    } else {
        flags |= DISALLOW_INSTANTIATION;
    }
    if shape.subclass {
        flags |= BASETYPE;
    }
    slots.push(slot(0, ptr::null_mut()));
    let mut spec = ffi::PyType_Spec {
        name: shape.name.as_ptr(),
        basicsize: size_of::<Body>() as c_int,
        itemsize: 0,
        flags: ffi::Py_TPFLAGS_DEFAULT as c_uint | flags as c_uint,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the slots are ended; what they point at, and the name, live for ever.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpec(&mut spec)) }
}

/// A new object of a type that was made here, around a handle, or NULL with an exception set. Who calls frees the
/// handle then.
///
/// # Safety
/// The GIL is held, and the type is one.
pub unsafe fn new_object(class: *mut ffi::PyTypeObject, handle: *mut c_void) -> *mut PyObject {
    // SAFETY: the caller's. The memory is zeroed, and as large as the type says.
    unsafe {
        let this = ffi::PyType_GenericAlloc(class, 0);
        if !this.is_null() {
            (*this.cast::<Body>()).handle = handle;
        }
        this
    }
}

/// The end of an object: what refers to it weakly learns so, and its memory is given back. The handle is freed before.
///
/// # Safety
/// Called by the type's `tp_dealloc`, as its last act.
pub unsafe fn free_object(this: *mut PyObject) {
    // SAFETY: the caller's.
    unsafe {
        let class = ffi::Py_TYPE(this);
        let free = ffi::PyType_GetSlot(class, ffi::Py_tp_free);
        if !free.is_null() {
            std::mem::transmute::<*mut c_void, ffi::freefunc>(free)(this.cast());
        }
        ffi::Py_DECREF(class.cast());
    }
}

/// # Safety
/// As for [`free_object`], before the handle is freed.
pub unsafe fn forget_weak(this: *mut PyObject) {
    // SAFETY: the caller's.
    unsafe {
        if !(*this.cast::<Body>()).weak.is_null() {
            ffi::PyObject_ClearWeakRefs(this);
        }
    }
}

/// A borrowed constant as a result.
#[inline]
pub unsafe fn give(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: the caller has the GIL.
    unsafe { ffi::Py_INCREF(object) };
    object
}

#[inline]
pub fn truth(value: bool) -> *mut PyObject {
    // SAFETY: called with the GIL.
    unsafe { give(if value { ffi::Py_True() } else { ffi::Py_False() }) }
}

#[inline]
pub fn none() -> *mut PyObject {
    // SAFETY: called with the GIL.
    unsafe { give(ffi::Py_None()) }
}

/// Sets the exception, and is what a function returns then.
pub fn raise(error: PyErr) -> *mut PyObject {
    // SAFETY: called with the GIL.
    error.restore(unsafe { Python::assume_attached() });
    ptr::null_mut()
}

/// How long an acquire is to wait: `acquire(blocking=True, timeout=-1)`. None with an exception set.
///
/// # Safety
/// These are the arguments of a [`Fast`] function.
#[inline]
pub unsafe fn seconds(args: *const *mut PyObject, count: isize, names: *mut PyObject) -> Option<f64> {
    if count == 0 && names.is_null() {
        return Some(FOREVER);
    }
    // SAFETY: the caller's.
    match unsafe { seconds_given(args, count, names) } {
        Ok(seconds) => Some(seconds),
        Err(error) => {
            raise(error);
            None
        }
    }
}

#[cold]
unsafe fn seconds_given(args: *const *mut PyObject, count: isize, names: *mut PyObject) -> PyResult<f64> {
    // SAFETY: called with the GIL.
    let py = unsafe { Python::assume_attached() };
    let refused = |text: String| pyo3::exceptions::PyTypeError::new_err(text);
    // SAFETY: a tuple, or NULL.
    let named = if names.is_null() { 0 } else { unsafe { ffi::PyTuple_Size(names) } };
    if count + named > 2 {
        return Err(refused(format!("acquire() takes at most 2 arguments ({} given)", count + named)));
    }
    let (mut blocking, mut timeout) = (true, None);
    for index in 0..count + named {
        // SAFETY: there are so many.
        let value = unsafe { Bound::from_borrowed_ptr(py, *args.offset(index)) };
        let place = if index < count {
            index
        } else {
            // SAFETY: the tuple of the names has so many.
            let name = unsafe { ffi::PyTuple_GetItem(names, index - count) };
            let is = |text: &CStr| {
                // SAFETY: the name is a string.
                unsafe { ffi::PyUnicode_CompareWithASCIIString(name, text.as_ptr()) == 0 }
            };
            match (is(c"blocking"), is(c"timeout")) {
                (true, _) if count < 1 => 0,
                (_, true) if count < 2 => 1,
                (false, false) => return Err(refused("an invalid keyword argument for acquire()".into())),
                _ => return Err(refused("argument for acquire() given by name and position".into())),
            }
        };
        if place == 0 {
            blocking = value.is_truthy()?;
        } else {
            timeout = Some(value.extract::<f64>()?);
        }
    }
    timeout::of_lock(blocking, timeout)
}
