//! The queue.
//!
//! Its items are Python objects, which the garbage collector must see: so they are kept here and not in the library's
//! queue, which shows nobody what is in it. What waits, waits for a semaphore of the library's, one for those who get,
//! one for those who put, one for those who join. Such a [`Line`] counts who sleeps in it and how many permits are
//! under way to them, so that an operation that wakes nobody makes no call:
//!
//! | who | under the mutex | then |
//! |---|---|---|
//! | comes and must wait | sleepers + 1 | sleeps without the GIL for a permit |
//! | makes something possible | if sleepers > permits: permits + 1 | releases the permit |
//! | wakes with a permit | permits - 1; tries again | goes on, or sleeps again |
//! | leaves | sleepers - 1; if permits > sleepers: takes a permit back | |
//!
//! A permit says "look again" and no more: another thread may have been quicker. In a forked child the sleepers of the
//! parent are still counted: they make for a permit too many, never for one too few.
//!
//! The mutex is taken with the GIL and let go of before anything that may run Python code, so nobody waits for it, and
//! it is free when a child is forked.
//!
//! While somebody selects on the queue or watches it, two [`Sign`]s show what can be done. They are put right whenever the
//! mutex is let go of: see [`Locked`].

use crate::sign::{Shown, Sign};
use crate::{errors, gil, timeout};
use lowthread::base::status::{LT_OK, LT_TIMED_OUT};
use lowthread::ffi::semaphore::{
    lt_semaphore, lt_semaphore_acquire_timeout, lt_semaphore_free, lt_semaphore_new, lt_semaphore_release,
    lt_semaphore_try_acquire,
};
use lowthread::ffi::time::lt_monotonic;
use pyo3::exceptions::{PyMemoryError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyList;
use pyo3::{PyTraverseError, PyVisit};
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Who sleeps for one thing.
#[derive(Default)]
struct Line {
    sleepers: u32,
    permits: u32,
}

impl Line {
    /// How many permits to release, if up to so many sleepers are to look again.
    fn wake(&mut self, most: u32) -> u32 {
        let permits = self.sleepers.saturating_sub(self.permits).min(most);
        self.permits += permits;
        permits
    }
}

#[derive(Default)]
struct State {
    items: VecDeque<Py<PyAny>>,
    unfinished: usize,
    closed: bool,
    getters: Line,
    putters: Line,
    joiners: Line,
    readable: Sign,
    writable: Sign,
}

impl State {
    /// Says that so many items are done with; tells how many joiners to wake.
    fn finish(&mut self, count: usize) -> Option<u32> {
        self.unfinished = self.unfinished.checked_sub(count)?;
        Some(if self.unfinished == 0 { self.joiners.wake(u32::MAX) } else { 0 })
    }
}

/// A queue of any number of threads that put and get.
///
/// maxsize is how many items it can hold; 0 or less is any number.
#[pyclass(frozen, weakref, subclass, module = "lowthread")]
pub struct Queue {
    state: Mutex<State>,
    /// 0 for any number.
    most: usize,
    maxsize: isize,
    getters: Semaphore,
    putters: Semaphore,
    joiners: Semaphore,
}

/// The state, under the mutex.
struct Locked<'a> {
    queue: &'a Queue,
    state: MutexGuard<'a, State>,
}

impl Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        let State { items, closed, readable, writable, .. } = &*self.state;
        // A closed queue answers at once, if only by ShutDown.
        readable.show(|| *closed || !items.is_empty());
        writable.show(|| *closed || !self.queue.is_full_with(items.len()));
    }
}

/// What somebody may wait for beside other things.
#[derive(Clone, Copy)]
pub enum Side {
    Items,
    Room,
}

impl Side {
    fn sign(self, state: &mut State) -> &mut Sign {
        match self {
            Self::Items => &mut state.readable,
            Self::Room => &mut state.writable,
        }
    }
}

/// Has a sign of the queue's be shown while it lives.
pub struct Watched {
    queue: Py<Queue>,
    side: Side,
}

impl Watched {
    pub fn new(queue: &Bound<'_, Queue>, side: Side) -> PyResult<(Self, Shown)> {
        let shown = side.sign(&mut queue.get().state()).begin()?;
        Ok((Self { queue: queue.clone().unbind(), side }, shown))
    }

    pub fn queue(&self) -> &Py<Queue> {
        &self.queue
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.side.sign(&mut self.queue.get().state()).end();
    }
}

struct Semaphore(*mut lt_semaphore);

// SAFETY: a handle may be used on any thread.
unsafe impl Send for Semaphore {}
// SAFETY: likewise.
unsafe impl Sync for Semaphore {}

impl Semaphore {
    fn new() -> PyResult<Self> {
        let semaphore = lt_semaphore_new(0);
        if semaphore.is_null() { Err(PyMemoryError::new_err(())) } else { Ok(Self(semaphore)) }
    }

    fn release(&self, permits: u32) {
        if permits != 0 {
            // SAFETY: the queue's own.
            let _ = unsafe { lt_semaphore_release(self.0, permits) };
        }
    }
}

impl Drop for Semaphore {
    fn drop(&mut self) {
        // SAFETY: nobody has the queue.
        let _ = unsafe { lt_semaphore_free(self.0) };
    }
}

/// Why an operation cannot be done now, or ever.
enum Not {
    Yet,
    Closed,
    NoMemory,
}

impl Not {
    /// Without the mutex: an exception is an object of Python's, whose class may be about to be imported.
    fn error(self, py: Python<'_>) -> PyErr {
        match self {
            Self::Yet => errors::of(LT_TIMED_OUT),
            Self::Closed => named(py, "lowthread", "ShutDown"),
            Self::NoMemory => PyMemoryError::new_err(()),
        }
    }
}

#[cold]
fn named(py: Python<'_>, module: &str, class: &str) -> PyErr {
    match py.import(module).and_then(|module| module.getattr(class)).and_then(|class| class.call0()) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// PyO3's own list panics where there is no memory.
fn list_with_room(py: Python<'_>, room: usize) -> PyResult<Bound<'_, PyList>> {
    // SAFETY: with the GIL; a new list, or NULL with an exception.
    unsafe {
        let list = ffi::PyList_New(room as ffi::Py_ssize_t);
        Ok(Bound::from_owned_ptr_or_err(py, list)?.cast_into_unchecked())
    }
}

impl Queue {
    #[inline]
    fn state(&self) -> Locked<'_> {
        Locked { queue: self, state: self.state.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    fn is_full_with(&self, count: usize) -> bool {
        self.most != 0 && count >= self.most
    }

    /// Sleeps until `attempt` gives something, for at most so many seconds. None: it did not.
    #[cold]
    fn sleep<T>(
        &self,
        py: Python<'_>,
        seconds: f64,
        semaphore: &Semaphore,
        line: impl Fn(&mut State) -> &mut Line,
        mut attempt: impl FnMut(&mut State) -> Result<T, Not>,
    ) -> PyResult<Option<T>> {
        let until = if seconds < 0.0 { f64::INFINITY } else { lt_monotonic() + seconds };
        let mut left = seconds;
        {
            let mut state = self.state();
            // The mutex was let go of since the first attempt.
            match attempt(&mut state) {
                Ok(result) => return Ok(Some(result)),
                Err(Not::Yet) => line(&mut state).sleepers += 1,
                Err(not) => {
                    drop(state);
                    return Err(not.error(py));
                }
            }
        }
        let (tried, slept, back) = loop {
            // SAFETY: the queue's own; the caller holds a reference to it.
            let slept =
                gil::wait_for(py, left, |left| unsafe { lt_semaphore_acquire_timeout(semaphore.0, left) });
            let mut state = self.state();
            if matches!(slept, Ok(LT_OK)) {
                line(&mut state).permits -= 1;
            }
            // Also when its time is up, since a permit may have come just now.
            let tried = if slept.is_ok() { attempt(&mut state) } else { Err(Not::Yet) };
            if matches!((&tried, &slept), (Err(Not::Yet), Ok(LT_OK))) {
                if seconds >= 0.0 {
                    left = (until - lt_monotonic()).max(0.0);
                }
                continue;
            }
            let line = line(&mut state);
            line.sleepers = line.sleepers.saturating_sub(1);
            break (tried, slept, line.permits > line.sleepers);
        };
        // SAFETY: as above. Who has the permit otherwise, counts it.
        if back && unsafe { lt_semaphore_try_acquire(semaphore.0) } == LT_OK {
            line(&mut self.state()).permits -= 1;
        }
        match (tried, slept) {
            (Ok(result), _) => Ok(Some(result)),
            (_, Err(error)) => Err(error),
            (Err(Not::Yet), Ok(LT_TIMED_OUT)) => Ok(None),
            (Err(Not::Yet), Ok(status)) => Err(errors::of(status)),
            (Err(not), _) => Err(not.error(py)),
        }
    }

    fn take(&self, state: &mut State) -> Result<(Py<PyAny>, u32), Not> {
        match state.items.pop_front() {
            Some(item) => Ok((item, state.putters.wake(1))),
            None if state.closed => Err(Not::Closed),
            None => Err(Not::Yet),
        }
    }

    /// Takes the item out of `item` and puts it in.
    fn give(&self, state: &mut State, item: &mut Option<Py<PyAny>>) -> Result<u32, Not> {
        if state.closed {
            return Err(Not::Closed);
        }
        if self.is_full_with(state.items.len()) {
            return Err(Not::Yet);
        }
        if state.items.try_reserve(1).is_err() {
            return Err(Not::NoMemory);
        }
        state.items.extend(item.take());
        state.unfinished += 1;
        Ok(state.getters.wake(1))
    }

    /// What was taken out and cannot be handed over is the first again.
    #[cold]
    fn put_back(&self, item: Py<PyAny>) {
        let wake = {
            let mut state = self.state();
            state.items.push_front(item);
            state.getters.wake(1)
        };
        self.getters.release(wake);
    }

    /// None: there was none in time.
    #[inline]
    pub fn get_within(&self, py: Python<'_>, seconds: f64) -> PyResult<Option<Py<PyAny>>> {
        let first = self.take(&mut self.state());
        let taken = match first {
            Ok(taken) => Some(taken),
            Err(Not::Yet) if seconds == 0.0 => None,
            Err(Not::Yet) => {
                self.sleep(py, seconds, &self.getters, |state| &mut state.getters, |state| self.take(state))?
            }
            Err(not) => return Err(not.error(py)),
        };
        Ok(taken.map(|(item, wake)| {
            self.putters.release(wake);
            item
        }))
    }

    /// Whether there was room in time.
    #[inline]
    pub fn put_within(&self, py: Python<'_>, item: Py<PyAny>, seconds: f64) -> PyResult<bool> {
        let mut item = Some(item);
        let first = self.give(&mut self.state(), &mut item);
        let wake = match first {
            Ok(wake) => Some(wake),
            Err(Not::Yet) if seconds == 0.0 => None,
            Err(Not::Yet) => self.sleep(
                py,
                seconds,
                &self.putters,
                |state| &mut state.putters,
                |state| self.give(state, &mut item),
            )?,
            Err(not) => return Err(not.error(py)),
        };
        if let Some(wake) = wake {
            self.getters.release(wake);
        }
        Ok(wake.is_some())
    }
}

#[pymethods]
impl Queue {
    #[new]
    #[pyo3(signature = (maxsize=0))]
    fn new(maxsize: isize) -> PyResult<Self> {
        Ok(Self {
            state: Mutex::default(),
            most: usize::try_from(maxsize).unwrap_or(0),
            maxsize,
            getters: Semaphore::new()?,
            putters: Semaphore::new()?,
            joiners: Semaphore::new()?,
        })
    }

    /// How many items the queue can hold; 0 or less is any number.
    #[getter]
    fn maxsize(&self) -> isize {
        self.maxsize
    }

    /// Whether the queue was shut down.
    #[getter]
    fn is_shutdown(&self) -> bool {
        self.state().closed
    }

    /// Put an item in, after waiting for room if need be. queue.Full if there is none in time, ShutDown.
    #[pyo3(signature = (item, block=true, timeout=None))]
    fn put(&self, py: Python<'_>, item: Py<PyAny>, block: bool, timeout: Option<f64>) -> PyResult<()> {
        let seconds = timeout::of_queue(block, timeout)?;
        if self.put_within(py, item, seconds)? { Ok(()) } else { Err(named(py, "queue", "Full")) }
    }

    /// Put an item in if there is room, else raise queue.Full.
    fn put_nowait(&self, py: Python<'_>, item: Py<PyAny>) -> PyResult<()> {
        if self.put_within(py, item, 0.0)? { Ok(()) } else { Err(named(py, "queue", "Full")) }
    }

    /// Take the oldest item out, after waiting for one if need be. queue.Empty if there is none in time, ShutDown.
    #[pyo3(signature = (block=true, timeout=None))]
    fn get(&self, py: Python<'_>, block: bool, timeout: Option<f64>) -> PyResult<Py<PyAny>> {
        let seconds = timeout::of_queue(block, timeout)?;
        self.get_within(py, seconds)?.ok_or_else(|| named(py, "queue", "Empty"))
    }

    /// Take the oldest item out if there is one, else raise queue.Empty.
    fn get_nowait(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.get_within(py, 0.0)?.ok_or_else(|| named(py, "queue", "Empty"))
    }

    /// Put the items in, in their order, waiting for room, for at most so many seconds for all; return how many were.
    #[pyo3(signature = (items, timeout=None))]
    fn put_many(&self, py: Python<'_>, items: Bound<'_, PyAny>, timeout: Option<f64>) -> PyResult<usize> {
        let seconds = timeout::of_queue(true, timeout)?;
        let until = if seconds < 0.0 { f64::INFINITY } else { lt_monotonic() + seconds };
        let mut done = 0;
        for item in items.try_iter()? {
            let left = if seconds < 0.0 { seconds } else { (until - lt_monotonic()).max(0.0) };
            if !self.put_within(py, item?.unbind(), left)? {
                break;
            }
            done += 1;
        }
        Ok(done)
    }

    /// Wait for an item, for at most so many seconds, and take out as many as there are, up to n, in a list; an empty
    /// one if there was none in time.
    #[pyo3(signature = (n, timeout=None))]
    fn get_many<'py>(&self, py: Python<'py>, n: usize, timeout: Option<f64>) -> PyResult<Bound<'py, PyList>> {
        let seconds = timeout::of_queue(true, timeout)?;
        let first = if n == 0 { None } else { self.get_within(py, seconds)? };
        let Some(first) = first else { return list_with_room(py, 0) };
        let room = self.qsize().min(n - 1) + 1;
        let list = match list_with_room(py, room) {
            Ok(list) => list,
            Err(error) => {
                self.put_back(first);
                return Err(error);
            }
        };
        // SAFETY: with the GIL; nobody else has the list, and it has so much room.
        let set = |at: usize, item: Py<PyAny>| unsafe {
            ffi::PyList_SetItem(list.as_ptr(), at as ffi::Py_ssize_t, item.into_ptr());
        };
        set(0, first);
        let (count, wake) = {
            let mut state = self.state();
            let more = state.items.len().min(room - 1);
            for (at, item) in state.items.drain(..more).enumerate() {
                set(at + 1, item);
            }
            (more + 1, state.putters.wake(u32::try_from(more).unwrap_or(u32::MAX)))
        };
        self.putters.release(wake);
        // What was made for the list may have run Python code, which took some.
        if count < room {
            list.del_slice(count, room)?;
        }
        Ok(list)
    }

    /// How many items are in the queue at this moment.
    fn qsize(&self) -> usize {
        self.state().items.len()
    }

    fn __len__(&self) -> usize {
        self.qsize()
    }

    fn __bool__(&self) -> bool {
        true
    }

    /// Whether the queue is empty at this moment.
    fn empty(&self) -> bool {
        self.state().items.is_empty()
    }

    /// Whether the queue is full at this moment; one without a bound never is.
    fn full(&self) -> bool {
        self.is_full_with(self.qsize())
    }

    /// Say that an item that was taken out is done with. ValueError if all are so already.
    fn task_done(&self) -> PyResult<()> {
        let finished = self.state().finish(1);
        match finished {
            Some(wake) => {
                self.joiners.release(wake);
                Ok(())
            }
            None => Err(PyValueError::new_err("task_done() called too many times")),
        }
    }

    /// Wait until all items that were put are done with, for at most so many seconds; return whether they are.
    #[pyo3(signature = (timeout=None))]
    fn join(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let seconds = timeout::of_wait(timeout)?;
        let over = |state: &mut State| if state.unfinished == 0 { Ok(()) } else { Err(Not::Yet) };
        if over(&mut self.state()).is_ok() {
            return Ok(true);
        }
        Ok(seconds != 0.0
            && self.sleep(py, seconds, &self.joiners, |state| &mut state.joiners, over)?.is_some())
    }

    /// Shut the queue down: put() raises ShutDown from now on, and so does get() once the items that are in it are
    /// taken. With immediate, those are discarded, and count as done.
    #[pyo3(signature = (immediate=false))]
    fn shutdown(&self, immediate: bool) {
        let (discarded, getters, putters, joiners) = {
            let mut state = self.state();
            state.closed = true;
            let discarded = if immediate { std::mem::take(&mut state.items) } else { VecDeque::new() };
            let count = discarded.len().min(state.unfinished);
            let joiners = if count == 0 { 0 } else { state.finish(count).unwrap_or(0) };
            (discarded, state.getters.wake(u32::MAX), state.putters.wake(u32::MAX), joiners)
        };
        self.getters.release(getters);
        self.putters.release(putters);
        self.joiners.release(joiners);
        // The items' own destructors run here, without the mutex.
        drop(discarded);
    }

    /// Iterate over the items, taking them out, until the queue is shut down and empty.
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        match self.get_within(py, gil::FOREVER) {
            Err(error) => {
                let closed = py.import("lowthread")?.getattr("ShutDown")?;
                if error.matches(py, closed)? { Ok(None) } else { Err(error) }
            }
            item => item,
        }
    }

    #[classmethod]
    fn __class_getitem__<'py>(
        class: &Bound<'py, pyo3::types::PyType>,
        item: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        class.py().import("types")?.getattr("GenericAlias")?.call1((class, item))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        Ok(format!(
            "<lowthread.{} at {:p}: {} items>",
            slf.get_type().qualname()?,
            slf.as_ptr(),
            slf.get().qsize()
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // The collector runs with the GIL, and so is in nobody's short section.
        if let Ok(state) = self.state.try_lock() {
            for item in &state.items {
                visit.call(item)?;
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        let items = std::mem::take(&mut self.state().items);
        drop(items);
    }
}
