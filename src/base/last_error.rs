//! The last error of each thread: noted when a call fails, put into words when somebody asks.

use crate::base::atomic::{AtomicBool, Ordering, compiler_fence};
use crate::base::note::Note;
use crate::base::status::{Error, LT_OK, lt_status};
use crate::base::this_thread;
use core::cell::{Cell, UnsafeCell};
use core::ffi::{CStr, c_char};
use core::fmt::{self, Write};
use core::ptr;

/// The last call of a thread that failed. Part of its record, and touched by no other thread, but by
/// signal handlers on the same one.
pub struct LastError {
    function: Cell<&'static &'static str>,
    error: Cell<Option<Error>>,
    text: UnsafeCell<[u8; 192]>,
    /// The number of the handle of the object that it is about; 0 if that is not known.
    object: Cell<usize>,
    /// The sentence for a circle, of whoever has set it.
    detail: Cell<*const c_char>,
    /// Set while the fields are read or written: a signal handler then leaves them alone.
    busy: AtomicBool,
}

impl fmt::Debug for LastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl LastError {
    pub const fn none() -> LastError {
        LastError {
            function: Cell::new(&""),
            error: Cell::new(None),
            text: UnsafeCell::new([0; 192]),
            object: Cell::new(0),
            detail: Cell::new(ptr::null()),
            busy: AtomicBool::new(false),
        }
    }

    /// Unless this thread is in the middle of reading or writing it.
    pub fn remember(&self, function: &'static &'static str, error: Error) {
        self.alone(|| {
            self.function.set(function);
            self.error.set(Some(error));
            self.object.set(0);
        });
    }

    /// The error that was just remembered is about this object.
    pub fn is_about(&self, number: usize) {
        self.alone(|| self.object.set(number));
    }

    /// The sentence for a circle; who sets it takes it back before it ends.
    pub fn set_detail(&self, sentence: Option<*const c_char>) {
        self.detail.set(sentence.unwrap_or(ptr::null()));
    }

    /// Calls `f` unless this thread is in the middle of such a call already.
    fn alone<R>(&self, f: impl FnOnce() -> R) -> Option<R> {
        // Relaxed, with fences for the compiler: the other side is a signal handler on this thread.
        if self.busy.swap(true, Ordering::Relaxed) {
            return None;
        }
        compiler_fence(Ordering::SeqCst);
        let result = f();
        compiler_fence(Ordering::SeqCst);
        self.busy.store(false, Ordering::Relaxed);
        Some(result)
    }
}

/// Remembers why `function` failed. Answers are not remembered. Gives the status, for convenience.
#[cold]
pub fn record_error(function: &'static &'static str, error: Error) -> lt_status {
    let status = error.status();
    if status < LT_OK {
        if let Some(record) = this_thread::current() {
            record.own().last_error.remember(function, error);
        }
    }
    status
}

/// The same, async-signal-safe: a thread that has no record yet does not get one for this, and keeps the
/// error elsewhere until it has.
#[cold]
pub fn record_error_in_handler(function: &'static &'static str, error: Error) -> lt_status {
    let status = error.status();
    if status < LT_OK {
        match this_thread::existing() {
            Some(record) => record.own().last_error.remember(function, error),
            None => Note::of(function, error).map_or((), this_thread::leave_note),
        }
    }
    status
}

/// Has what an object is called written, if it was given a name.
pub type Namer = fn(usize, &mut dyn Write) -> fmt::Result;

/// The sentence for the last error of this thread, "" if there was none. Valid until the next call.
pub fn sentence(name: Namer) -> &'static CStr {
    let Some(record) = this_thread::current() else { return c"lowthread: no memory to remember the error" };
    let last = &record.own().last_error;
    let write = || {
        let Some(error) = last.error.get() else { return c"" };
        if error == Error::ClosesCircle && !last.detail.get().is_null() {
            // SAFETY: a C string, that is there until it is taken back.
            return unsafe { CStr::from_ptr(last.detail.get()) };
        }
        // SAFETY: the text belongs to this thread, and nobody holds a reference into it but the caller
        // of an earlier call, which this one is documented to end.
        let text = unsafe { &mut *last.text.get() };
        let mut out = Text { buffer: text, length: 0 };
        // A sentence that is too long is cut.
        let _ = write!(out, "{}: ", last.function.get());
        let _ = name(last.object.get(), &mut out);
        let _ = error.write(&mut out);
        out.finish()
    };
    last.alone(write).unwrap_or(c"")
}

/// The last error itself.
pub fn last() -> Option<Error> {
    this_thread::current()?.own().last_error.error.get()
}

/// Formats into a buffer that always ends in NUL.
struct Text<'a> {
    buffer: &'a mut [u8],
    length: usize,
}

impl<'a> Text<'a> {
    fn finish(self) -> &'a CStr {
        if let Some(end) = self.buffer.get_mut(self.length) {
            *end = 0;
        }
        CStr::from_bytes_until_nul(self.buffer).unwrap_or(c"")
    }
}

impl Write for Text<'_> {
    fn write_str(&mut self, s: &str) -> core::fmt::Result {
        let room = self.buffer.len().saturating_sub(self.length + 1);
        let n = s.len().min(room);
        let target = self.buffer.get_mut(self.length..self.length + n).ok_or(core::fmt::Error)?;
        target.copy_from_slice(s.as_bytes().get(..n).ok_or(core::fmt::Error)?);
        self.length += n;
        if n < s.len() { Err(core::fmt::Error) } else { Ok(()) }
    }
}
