//! Signals end a wait of the main thread, after the interpreter's own handler has run.
//!
//! The interpreter has one C handler for all signals, which leaves a note. It is chained behind one of the library's
//! (`lt_signal_chain_to_main`): when a handler in Python is set, and when this module is imported, for those that are
//! set by then. Code that sets one in C takes the signal back; so before the main thread sleeps, it looks whether its
//! chained signals are still so: one system call for each, of which there are mostly one or two.

use crate::errors;
use lowthread::ffi::interrupt::{lt_interrupt, lt_interrupt_main};
use lowthread::ffi::signal::{lt_signal_chain_to_main, lt_signal_restore};
use lowthread::ffi::thread::{lt_adopt_main, lt_get_ident, lt_main_ident, lt_native_handle};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::ffi::c_int;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The main thread's `pthread_t`. Written with the GIL, as all here.
static MAIN: AtomicUsize = AtomicUsize::new(0);
/// A bit for each signal that is chained: bit 0 is signal 1.
static CHAINED: AtomicU64 = AtomicU64::new(0);
/// A bit for each signal that the user has routed elsewhere, which is not to be chained.
static ROUTED: AtomicU64 = AtomicU64::new(0);
/// What `sigaction` tells of a chained signal: the library's handler.
static HANDLER: AtomicUsize = AtomicUsize::new(0);
/// The interpreter's `_signal.signal` and `_signal.getsignal`.
static ORIGINALS: PyOnceLock<(Py<PyAny>, Py<PyAny>)> = PyOnceLock::new();

/// The highest number of a signal.
const LAST: c_int = 64;

fn bit(signum: c_int) -> u64 {
    1 << (signum - 1)
}

/// The calling thread's ident, as the interpreter has it.
#[inline]
pub fn this_pthread() -> usize {
    // SAFETY: no argument.
    (unsafe { libc::pthread_self() }) as usize
}

/// Whether the calling thread is the interpreter's main one.
#[inline]
pub fn on_main() -> bool {
    this_pthread() == MAIN.load(Ordering::Relaxed)
}

pub fn main_pthread() -> usize {
    MAIN.load(Ordering::Relaxed)
}

/// The C handler of a signal.
fn installed(signum: c_int) -> usize {
    // SAFETY: a sigaction of zeros is one.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: only asks.
    if unsafe { libc::sigaction(signum, std::ptr::null(), &mut action) } == 0 {
        action.sa_sigaction
    } else {
        0
    }
}

/// The chained signals that somebody has taken back, if this is the main thread.
fn taken_back() -> impl Iterator<Item = c_int> {
    let mut chained = if on_main() { CHAINED.load(Ordering::Relaxed) } else { 0 };
    std::iter::from_fn(move || {
        let signum = (chained != 0).then(|| chained.trailing_zeros() as c_int + 1)?;
        chained &= chained - 1;
        Some(signum)
    })
    .filter(|&signum| {
        let now = installed(signum);
        now != HANDLER.load(Ordering::Relaxed) && now != libc::SIG_DFL && now != libc::SIG_IGN
    })
}

/// Before the main thread sleeps: chains again what somebody has taken back.
#[inline]
pub fn before_a_wait() {
    taken_back().for_each(chain);
}

/// Whether [`before_a_wait`] has something to do. Without the GIL a hint: what changes meanwhile comes too late.
pub fn are_taken_back() -> bool {
    taken_back().next().is_some()
}

/// Chains a signal that has a handler in C. One that cannot be chained keeps its handler: then it ends no wait.
fn chain(signum: c_int) {
    let now = installed(signum);
    if now == libc::SIG_DFL || now == libc::SIG_IGN {
        return;
    }
    if lt_signal_chain_to_main(signum) == 0 {
        CHAINED.fetch_or(bit(signum), Ordering::Relaxed);
        HANDLER.store(installed(signum), Ordering::Relaxed);
    }
}

/// Marks a signal as routed by the user, or no longer so.
pub fn set_routed(signum: c_int, routed: bool) {
    if (1..=LAST).contains(&signum) {
        if routed {
            ROUTED.fetch_or(bit(signum), Ordering::Relaxed);
            CHAINED.fetch_and(!bit(signum), Ordering::Relaxed);
        } else {
            ROUTED.fetch_and(!bit(signum), Ordering::Relaxed);
        }
    }
}

/// Chains a signal again whose route was taken back, if it has a handler in Python.
pub fn chain_if_handled(py: Python<'_>, signum: c_int) {
    if (1..=LAST).contains(&signum) && is_handled(py, signum) {
        chain(signum);
    }
}

/// Whether there is a Python function for this signal.
fn is_handled(py: Python<'_>, signum: c_int) -> bool {
    match ORIGINALS.get(py) {
        Some((_, getsignal)) => {
            getsignal.bind(py).call1((signum,)).is_ok_and(|handler| handler.is_callable())
        }
        None => false,
    }
}

/// `_signal.signal`, which chains what it has set.
#[pyfunction]
#[pyo3(signature = (signalnum, handler, /))]
fn signal<'py>(
    py: Python<'py>,
    signalnum: Bound<'py, PyAny>,
    handler: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let Some((original, _)) = ORIGINALS.get(py) else {
        return Err(errors::of(lowthread::base::status::LT_UNSUPPORTED));
    };
    let result = original.bind(py).call1((&signalnum, &handler))?;
    if let Ok(signum) = signalnum.extract::<c_int>()
        && (1..=LAST).contains(&signum)
    {
        // What is set over a route takes the signal back.
        set_routed(signum, false);
        CHAINED.fetch_and(!bit(signum), Ordering::Relaxed);
        if handler.is_callable() && !handler.is_instance_of::<pyo3::types::PyInt>() {
            chain(signum);
        }
    }
    Ok(result)
}

/// Makes the calling thread the main one, and chains the signals that have a handler in Python: at the import, and in
/// a forked child.
#[pyfunction]
fn _adopt(py: Python<'_>) {
    MAIN.store(this_pthread(), Ordering::Relaxed);
    CHAINED.store(0, Ordering::Relaxed);
    ROUTED.store(0, Ordering::Relaxed);
    if lt_main_ident() != lt_get_ident() {
        // It is refused on threads that cannot be one.
        let _ = lt_adopt_main();
    }
    for signum in 1..=LAST {
        if is_handled(py, signum) {
            chain(signum);
        }
    }
}

/// Before the interpreter's end: its handlers stand alone again.
#[pyfunction]
fn _unchain() {
    for signum in 1..=LAST {
        if CHAINED.fetch_and(!bit(signum), Ordering::Relaxed) & bit(signum) != 0 {
            let _ = lt_signal_restore(signum);
        }
    }
}

/// Simulate the arrival of a signal on the main thread, and end its wait.
///
/// The signal's handler in Python runs there. Nothing happens if it has none.
#[pyfunction]
#[pyo3(signature = (signum=libc::SIGINT, /), text_signature = "(signum=signal.SIGINT, /)")]
fn interrupt_main(py: Python<'_>, signum: c_int) -> PyResult<()> {
    if !(1..=LAST).contains(&signum) {
        return Err(PyValueError::new_err("signal number out of range"));
    }
    if !is_handled(py, signum) {
        return Ok(());
    }
    match lt_interrupt_main(signum) {
        0 => Ok(()),
        status => Err(errors::of(status)),
    }
}

/// The library's ident of a living thread that has called it before.
pub fn lt_ident_of(pthread: usize) -> Option<u64> {
    if pthread == this_pthread() {
        return Some(lt_get_ident());
    }
    if pthread == main_pthread() {
        return Some(lt_main_ident());
    }
    crate::thread::ident_of(pthread).filter(|&ident| lt_native_handle(ident) == pthread)
}

/// End the wait of a thread, or its next one that would block: it raises Interrupted.
///
/// The thread is the main one, one that lowthread has started, or the calling one. ValueError if it is none of these.
#[pyfunction]
#[pyo3(signature = (ident, /))]
fn interrupt(ident: usize) -> PyResult<()> {
    match lt_ident_of(ident).map(|ident| lt_interrupt(ident)) {
        Some(0) => Ok(()),
        _ => Err(PyValueError::new_err(format!("no thread of lowthread has the ident {ident}"))),
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let signals = py.import("_signal")?;
    ORIGINALS.get_or_try_init(py, || {
        PyResult::Ok((signals.getattr("signal")?.unbind(), signals.getattr("getsignal")?.unbind()))
    })?;
    module.add_function(wrap_pyfunction!(interrupt_main, module)?)?;
    module.add_function(wrap_pyfunction!(interrupt, module)?)?;
    module.add_function(wrap_pyfunction!(_adopt, module)?)?;
    module.add_function(wrap_pyfunction!(_unchain, module)?)?;
    signals.setattr("signal", wrap_pyfunction!(signal, module)?)?;
    Ok(())
}
