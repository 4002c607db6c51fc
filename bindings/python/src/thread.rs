//! Threads, as `_thread` starts them.

use crate::attached::{self, Context};
use crate::gil::{self, unwinding};
use crate::sentinel::Sentinel;
use crate::signals::{main_pthread, this_pthread};
use crate::{errors, lock, sentinel, timeout};
use lowthread::base::status::{LT_OK, LT_TIMED_OUT};
use lowthread::ffi::event::{
    lt_event, lt_event_free, lt_event_is_set, lt_event_new, lt_event_set, lt_event_wait_timeout,
};
use lowthread::ffi::joinable::{
    lt_enumerate, lt_thread, lt_thread_free, lt_thread_ident, lt_thread_info, lt_thread_join,
    lt_thread_options, lt_thread_start,
};
use lowthread::ffi::thread::{lt_native_handle, lt_set_stack_size, lt_start_new_thread};
use pyo3::exceptions::{PyMemoryError, PyRuntimeError, PySystemExit, PyTypeError, PyValueError};
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// How many threads that were started here have not ended.
static COUNT: AtomicUsize = AtomicUsize::new(0);
/// What `stack_size()` was given.
static STACK_SIZE: AtomicUsize = AtomicUsize::new(0);
/// The interpreter's least: it needs this much for itself.
const LEAST_STACK: isize = 0x8000;
static AUDIT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
const STARTED: Context =
    Context { format: c"Exception ignored in thread started by %R", message: c"in thread started by" };

thread_local! {
    /// What says to others that this thread has left the interpreter.
    static SENTINEL: Cell<sentinel::Handles> = const { Cell::new(sentinel::Handles::NONE) };
}

/// What a new thread is to do. The objects are owned, and taken out by the thread when it has the GIL.
struct Start {
    function: *mut PyObject,
    args: *mut PyObject,
    kwargs: *mut PyObject,
    /// Set when the thread has left the interpreter. Its handle tells if it was freed.
    done: *mut lt_event,
}

unsafe extern "C-unwind" fn run(start: *mut c_void) {
    // SAFETY: the starter has given it to this thread.
    let Start { function, args, kwargs, done } = *unsafe { Box::from_raw(start.cast::<Start>()) };
    let state = attached::enter();
    if state.is_null() {
        // Without the interpreter, the objects cannot be given back.
        COUNT.fetch_sub(1, Ordering::Relaxed);
    } else {
        // SAFETY: with the GIL; the state is the one that was entered with.
        unsafe {
            attached::call(function, args, kwargs, &STARTED);
            gil::Hang::around(|| {
                unwinding::Py_DecRef(function);
                unwinding::Py_DecRef(args);
                unwinding::Py_DecRef(kwargs);
            });
            // A forked child has begun to count anew.
            let _ = COUNT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1));
            forget_handle(done);
            attached::leave(state);
        }
    }
    SENTINEL.replace(sentinel::Handles::NONE).tell();
    if !done.is_null() {
        // SAFETY: a handle, perhaps of an event that was freed.
        let _ = unsafe { lt_event_set(done) };
    }
}

/// Tells the audit hooks, of which one may refuse. PyO3's own tuples and strings panic where there is no memory.
fn audit(py: Python<'_>, event: &std::ffi::CStr, of: [*mut PyObject; 3]) -> PyResult<()> {
    let audit = AUDIT.get_or_try_init(py, || PyResult::Ok(py.import("sys")?.getattr("audit")?.unbind()))?;
    let [first, second, third] = of;
    // SAFETY: with the GIL; a string and three objects, as the format says.
    let result = unsafe {
        ffi::PyObject_CallFunction(audit.as_ptr(), c"sOOO".as_ptr(), event.as_ptr(), first, second, third)
    };
    // SAFETY: a new reference, or NULL with an exception.
    unsafe { Bound::from_owned_ptr_or_err(py, result) }.map(drop)
}

/// start_new_thread(function, args[, kwargs], /)
/// --
///
/// Start a new thread that calls the function with these arguments, and return its ident.
///
/// The thread ends when the function returns. An exception but SystemExit is told to sys.unraisablehook.
#[pyfunction]
#[pyo3(signature = (function, args, kwargs=None, /), text_signature = None)]
fn start_new_thread(
    py: Python<'_>,
    function: Bound<'_, PyAny>,
    args: Bound<'_, PyAny>,
    kwargs: Option<Bound<'_, PyAny>>,
) -> PyResult<usize> {
    if !function.is_callable() {
        return Err(PyTypeError::new_err("first arg must be callable"));
    }
    if !args.is_instance_of::<PyTuple>() {
        return Err(PyTypeError::new_err("2nd arg must be a tuple"));
    }
    if kwargs.as_ref().is_some_and(|kwargs| !kwargs.is_instance_of::<PyDict>()) {
        return Err(PyTypeError::new_err("optional 3rd arg must be a dictionary"));
    }
    // SAFETY: it always is.
    let none = unsafe { ffi::Py_None() };
    let named = kwargs.as_ref().map_or(none, |kwargs| kwargs.as_ptr());
    audit(py, c"_thread.start_new_thread", [function.as_ptr(), args.as_ptr(), named])?;
    let start = Box::new(Start {
        function: function.unbind().into_ptr(),
        args: args.unbind().into_ptr(),
        kwargs: kwargs.map_or(ptr::null_mut(), |kwargs| kwargs.unbind().into_ptr()),
        done: ptr::null_mut(),
    });
    let mut ident = 0;
    started(py, start, |start| {
        // SAFETY: `run` takes the block.
        unsafe { lt_start_new_thread(Some(run), start, &mut ident) }
    })?;
    // The thread waits for the GIL, so it lives.
    Ok(lt_native_handle(ident))
}

/// No thread has taken it, so the references are still ours.
fn give_back(py: Python<'_>, start: Start) {
    for object in [start.function, start.args, start.kwargs] {
        // SAFETY: an owned reference, or NULL.
        drop(unsafe { Bound::from_owned_ptr_or_opt(py, object) });
    }
}

/// Starts a thread, or gives back what it was to have.
fn started(py: Python<'_>, start: Box<Start>, begin: impl FnOnce(*mut c_void) -> i32) -> PyResult<()> {
    if attached::is_closed() {
        // As the interpreter says it since 3.12; older ones start threads that never run.
        give_back(py, *start);
        return Err(PyRuntimeError::new_err("can't create new thread at interpreter shutdown"));
    }
    let start = Box::into_raw(start);
    COUNT.fetch_add(1, Ordering::Relaxed);
    match begin(start.cast()) {
        LT_OK => Ok(()),
        status => {
            COUNT.fetch_sub(1, Ordering::Relaxed);
            // SAFETY: no thread was started, so the block is still ours.
            give_back(py, *unsafe { Box::from_raw(start) });
            Err(errors::of(status))
        }
    }
}

/// The library's ident of a living thread of its own.
pub fn ident_of(pthread: usize) -> Option<u64> {
    let mut count = 0;
    loop {
        // SAFETY: only counts.
        let status = unsafe { lt_enumerate(ptr::null_mut(), 0, &mut count) };
        if status != LT_OK {
            return None;
        }
        // SAFETY: numbers, flags and bytes: zeros are one.
        let empty = || unsafe { std::mem::zeroed::<lt_thread_info>() };
        let mut all: Vec<lt_thread_info> = (0..count + 8).map(|_| empty()).collect();
        all.first_mut()?.size = size_of::<lt_thread_info>();
        let room = all.len();
        // SAFETY: there is so much room.
        if unsafe { lt_enumerate(all.as_mut_ptr(), room, &mut count) } != LT_OK {
            return None;
        }
        if count <= room {
            return all
                .iter()
                .take(count)
                .map(|thread| thread.ident)
                .find(|&ident| lt_native_handle(ident) == pthread);
        }
    }
}

unsafe extern "C" fn get_ident(_module: *mut PyObject, _ignored: *mut PyObject) -> *mut PyObject {
    // SAFETY: with the GIL.
    unsafe { ffi::PyLong_FromSize_t(this_pthread()) }
}

/// Return the number that the operating system has for the calling thread.
#[pyfunction]
fn get_native_id() -> i64 {
    lowthread::ffi::thread::lt_get_native_id()
}

/// Return the number of threads that were started with this module and have not ended.
#[pyfunction]
fn _count() -> usize {
    COUNT.load(Ordering::Relaxed)
}

/// Raise SystemExit, which ends the thread silently unless it is caught.
#[pyfunction]
fn exit() -> PyResult<()> {
    Err(PySystemExit::new_err(()))
}

/// stack_size([size])
/// --
///
/// Return the stack size of threads to be started; 0 is the system's. With an argument, set it; 0 restores it.
#[pyfunction]
#[pyo3(signature = (size=0, /), text_signature = None)]
fn stack_size(size: isize) -> PyResult<usize> {
    let old = STACK_SIZE.load(Ordering::Relaxed);
    if size < 0 {
        return Err(PyValueError::new_err("size must be 0 or a positive value"));
    }
    if (size != 0 && size < LEAST_STACK) || lt_set_stack_size(size.unsigned_abs()) != LT_OK {
        return Err(PyValueError::new_err(format!("size not valid: {size} bytes")));
    }
    STACK_SIZE.store(size.unsigned_abs(), Ordering::Relaxed);
    Ok(old)
}

/// Return a lock that is released when the calling thread has left the interpreter.
#[pyfunction]
fn _set_sentinel() -> PyResult<Sentinel> {
    let sentinel = Sentinel::new()?;
    SENTINEL.set(sentinel.handles());
    Ok(sentinel)
}

/// Return True: only sub-interpreters, which this module is not for, may not allow them.
#[pyfunction]
fn daemon_threads_allowed() -> bool {
    true
}

/// Return True: there is no other with this module.
#[pyfunction]
fn _is_main_interpreter() -> bool {
    true
}

/// Return the ident of the main thread.
#[pyfunction]
fn _get_main_thread_ident() -> usize {
    main_pthread()
}

// ---- Handles, of 3.13 and newer ----

/// A handle of a thread: it can be joined.
#[pyclass(frozen, weakref, module = "_thread", name = "_ThreadHandle")]
pub struct ThreadHandle {
    /// Set when the thread has left the interpreter, or is said to have.
    done: AtomicPtr<lt_event>,
    /// NULL before the start, and for a thread that was not started with it.
    thread: AtomicPtr<lt_thread>,
    /// The ident; 0 before the start.
    pthread: AtomicUsize,
}

impl ThreadHandle {
    /// Set when the thread has left the interpreter. The handle's own.
    pub fn done(&self) -> *mut lt_event {
        self.done.load(Ordering::Relaxed)
    }

    fn is_set(&self) -> bool {
        // SAFETY: the handle's own event.
        unsafe { lt_event_is_set(self.done()) }
    }

    fn of(pthread: usize) -> PyResult<Self> {
        let done = lt_event_new();
        if done.is_null() {
            return Err(PyMemoryError::new_err(()));
        }
        Ok(Self {
            done: AtomicPtr::new(done),
            thread: AtomicPtr::new(ptr::null_mut()),
            pthread: AtomicUsize::new(pthread),
        })
    }
}

impl Drop for ThreadHandle {
    fn drop(&mut self) {
        let done = self.done() as usize;
        handles(|all| all.retain(|&(_, other)| other != done));
        // SAFETY: nobody has the object, so nobody waits.
        unsafe {
            let _ = lt_thread_free(self.thread.load(Ordering::Relaxed));
            let _ = lt_event_free(self.done());
        }
    }
}

#[pymethods]
impl ThreadHandle {
    #[new]
    fn new() -> PyResult<Self> {
        Self::of(0)
    }

    #[getter]
    fn ident(&self) -> usize {
        self.pthread.load(Ordering::Relaxed)
    }

    /// Return whether the thread has ended.
    fn is_done(&self) -> bool {
        self.is_set()
    }

    /// Say that the thread has ended.
    fn _set_done(&self) -> PyResult<()> {
        if self.ident() == 0 {
            return Err(PyRuntimeError::new_err("thread not started"));
        }
        // SAFETY: the handle's own event.
        match unsafe { lt_event_set(self.done()) } {
            LT_OK => Ok(()),
            status => Err(errors::of(status)),
        }
    }

    /// Wait until the thread has ended.
    #[pyo3(signature = (timeout=None, /))]
    fn join(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        let pthread = self.ident();
        if pthread == 0 {
            return Err(PyRuntimeError::new_err("thread not started"));
        }
        if !self.is_set() {
            if pthread == this_pthread() {
                return Err(PyRuntimeError::new_err("Cannot join current thread"));
            }
            let seconds = timeout::of_wait(timeout.filter(|seconds| seconds.is_nan() || *seconds >= 0.0))?;
            let done = self.done();
            // SAFETY: the caller holds a reference to the handle.
            match gil::wait_for(py, seconds, |left| unsafe { lt_event_wait_timeout(done, left) })? {
                LT_OK => (),
                LT_TIMED_OUT => return Ok(()),
                status => return Err(errors::of(status)),
            }
        }
        let thread = self.thread.load(Ordering::Relaxed);
        if !thread.is_null() && pthread != this_pthread() {
            // The rest of its way, in which it needs no GIL. An interrupt stays for the next wait.
            // SAFETY: as above.
            let _ = gil::without(|| unsafe { lt_thread_join(thread) });
        }
        Ok(())
    }

    fn __repr__(&self) -> String {
        format!("<_ThreadHandle object: ident={}>", self.ident())
    }
}

/// Handles of threads that are no daemons and have not ended. Used with the GIL, which is not let go of meanwhile.
static NON_DAEMONS: Mutex<Vec<Py<ThreadHandle>>> = Mutex::new(Vec::new());

fn non_daemons<T>(change: impl FnOnce(&mut Vec<Py<ThreadHandle>>) -> T) -> T {
    change(&mut NON_DAEMONS.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// Events of all handles that have a thread, with the pthread of each, until the handle is gone: a thread that has left
/// the interpreter sets its event without the GIL, and a fork can come before that. Used as the list above.
static HANDLES: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

fn handles(change: impl FnOnce(&mut Vec<(usize, usize)>)) {
    change(&mut HANDLES.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
}

/// In a forked child, before the interpreter does anything: the other threads have ended, which threading expects its
/// handles to know. The forking thread had the GIL, so the list is whole; a fork by C code without it changes nothing.
extern "C" fn end_others() {
    if let Ok(mut handles) = HANDLES.try_lock() {
        handles.retain(|&(pthread, done)| {
            let here = pthread == this_pthread();
            if !here {
                // SAFETY: a handle, perhaps of an event that was freed.
                let _ = unsafe { lt_event_set(done as *mut lt_event) };
            }
            here
        });
    }
}

/// A thread is about to leave the interpreter: nobody needs to wait for more than that.
fn forget_handle(done: *mut lt_event) {
    if !done.is_null() {
        let gone = non_daemons(|all| {
            let place = all.iter().position(|handle| handle.get().done.load(Ordering::Relaxed) == done)?;
            Some(all.swap_remove(place))
        });
        drop(gone);
    }
}

/// Start a new thread that calls the function, and return its handle.
#[pyfunction]
#[pyo3(signature = (function, handle=None, daemon=true))]
fn start_joinable_thread<'py>(
    py: Python<'py>,
    function: Bound<'py, PyAny>,
    handle: Option<Bound<'py, PyAny>>,
    daemon: bool,
) -> PyResult<Bound<'py, ThreadHandle>> {
    if !function.is_callable() {
        return Err(PyTypeError::new_err("thread function must be callable"));
    }
    let handle = match handle {
        None => Bound::new(py, ThreadHandle::new()?)?,
        Some(handle) => match handle.cast_into::<ThreadHandle>() {
            Ok(handle) => handle,
            Err(_) => return Err(PyTypeError::new_err("'handle' must be a _ThreadHandle")),
        },
    };
    let is_daemon = pyo3::types::PyBool::new(py, daemon);
    audit(py, c"_thread.start_joinable_thread", [function.as_ptr(), is_daemon.as_ptr(), handle.as_ptr()])?;
    let this = handle.get();
    if this.ident() != 0 {
        return Err(PyRuntimeError::new_err("thread already started"));
    }
    // SAFETY: with the GIL; a new tuple.
    let args = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyTuple_New(0))? };
    let start = Box::new(Start {
        function: function.unbind().into_ptr(),
        args: args.into_ptr(),
        kwargs: ptr::null_mut(),
        done: this.done.load(Ordering::Relaxed),
    });
    let mut thread = ptr::null_mut();
    // SAFETY: zeros are options.
    let mut options: lt_thread_options = unsafe { std::mem::zeroed() };
    options.size = size_of::<lt_thread_options>();
    options.daemon = true;
    if !daemon {
        non_daemons(|all| all.push(handle.clone().unbind()));
    }
    let result = started(py, start, |start| {
        // SAFETY: `run` takes the block.
        unsafe { lt_thread_start(Some(run), start, &options, &mut thread) }
    });
    if let Err(error) = result {
        forget_handle(this.done.load(Ordering::Relaxed));
        return Err(error);
    }
    this.thread.store(thread, Ordering::Relaxed);
    // SAFETY: its own, and it waits for the GIL, so it lives.
    let pthread = lt_native_handle(unsafe { lt_thread_ident(thread) });
    this.pthread.store(pthread, Ordering::Relaxed);
    let done = this.done.load(Ordering::Relaxed) as usize;
    handles(|all| all.push((pthread, done)));
    Ok(handle)
}

/// Return a handle for a thread that was not started with one.
#[pyfunction]
#[pyo3(signature = (ident, /))]
fn _make_thread_handle(ident: usize) -> PyResult<ThreadHandle> {
    let handle = ThreadHandle::of(ident)?;
    let done = handle.done.load(Ordering::Relaxed) as usize;
    // A forked child is to know that it has ended, if it is another's.
    handles(|all| all.push((ident, done)));
    Ok(handle)
}

/// Wait for the threads that are no daemons.
#[pyfunction]
fn _shutdown(py: Python<'_>) {
    loop {
        let next = non_daemons(|all| {
            let place = all.iter().position(|handle| handle.get().ident() != this_pthread())?;
            all.get(place).map(|handle| handle.clone_ref(py))
        });
        let Some(handle) = next else { return };
        if let Err(error) = handle.get().join(py, None) {
            error.write_unraisable(py, None);
            return;
        }
        forget_handle(handle.get().done.load(Ordering::Relaxed));
    }
}

/// In a forked child: the other threads are gone.
#[pyfunction]
fn _forget_threads() {
    COUNT.store(0, Ordering::Relaxed);
    let gone = non_daemons(|all| {
        let (here, gone) =
            std::mem::take(all).into_iter().partition(|handle| handle.get().ident() == this_pthread());
        *all = here;
        gone
    });
    for handle in &gone {
        let _: PyResult<()> = handle.get()._set_done();
    }
    drop::<Vec<Py<ThreadHandle>>>(gone);
}

/// A function without arguments and without a layer between.
fn add_plain(
    module: &Bound<'_, PyModule>,
    name: &'static std::ffi::CStr,
    function: crate::object::NoArgs,
    doc: &'static std::ffi::CStr,
) -> PyResult<()> {
    let definition = Box::leak(Box::new(crate::object::no_args(name, function, doc)));
    let name_of_module = pyo3::types::PyString::new(module.py(), "_thread");
    // SAFETY: the definition lives for ever; the module's name is a string.
    unsafe {
        let function = ffi::PyCFunction_NewEx(definition, ptr::null_mut(), name_of_module.as_ptr());
        let function = Bound::from_owned_ptr_or_err(module.py(), function)?;
        module.add(&*name.to_string_lossy(), function)
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    add_plain(module, c"get_ident", get_ident, c"get_ident()\n--\n\nReturn the calling thread's ident: never 0, and another thread's once this one has ended.")?;
    add_plain(
        module,
        c"allocate_lock",
        lock::allocate_lock,
        c"allocate_lock()\n--\n\nReturn a new lock, not acquired.",
    )?;
    // Now: at the interpreter's end nothing can be imported.
    AUDIT.get_or_try_init(module.py(), || {
        PyResult::Ok(module.py().import("sys")?.getattr("audit")?.unbind())
    })?;
    // SAFETY: the function does in a child what is allowed there.
    if unsafe { libc::pthread_atfork(None, None, Some(end_others)) } != 0 {
        return Err(PyMemoryError::new_err(()));
    }
    // What these say of their module is the standard one's.
    let standard = PyModule::new(module.py(), "_thread")?;
    for function in [
        wrap_pyfunction!(start_new_thread, &standard)?,
        wrap_pyfunction!(get_native_id, &standard)?,
        wrap_pyfunction!(_count, &standard)?,
        wrap_pyfunction!(exit, &standard)?,
        wrap_pyfunction!(stack_size, &standard)?,
        wrap_pyfunction!(_set_sentinel, &standard)?,
        wrap_pyfunction!(daemon_threads_allowed, &standard)?,
        wrap_pyfunction!(_is_main_interpreter, &standard)?,
        wrap_pyfunction!(_get_main_thread_ident, &standard)?,
        wrap_pyfunction!(start_joinable_thread, &standard)?,
        wrap_pyfunction!(_make_thread_handle, &standard)?,
        wrap_pyfunction!(_shutdown, &standard)?,
    ] {
        module.add_function(function)?;
    }
    module.add_function(wrap_pyfunction!(_forget_threads, module)?)?;
    module.add_class::<ThreadHandle>()
}
