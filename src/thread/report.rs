//! What is told of an error that ended a thread.
//!
//! One report is shared by all who keep it. Where there is no memory for one, a static report stands for it, so
//! that no error is lost.

use crate::base::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::base::heap::{Text, boxed};
use crate::base::race;
use crate::base::record::Record;
use crate::base::trace::{self as timeline, Event, Point};
use crate::base::unwind::Frames;
use crate::thread::exception::{
    Description, LT_ERROR_CXX, LT_ERROR_EXITED, LT_ERROR_FOREIGN, LT_ERROR_RAISED, LT_ERROR_RUST,
};
use crate::thread::{names, trace};
use core::ffi::{CStr, c_char, c_void};
use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr;

/// An error that ended a thread or a task. `size` is what the library knows of this struct.
#[repr(C)]
pub struct lt_error_info {
    pub size: usize,
    /// The thread that it ended, and its name then.
    pub ident: u64,
    pub thread_name: *const c_char,
    /// LT_ERROR_RAISED, LT_ERROR_CXX, ...
    pub kind: i32,
    /// What lt_raise() was given; 0 for other kinds.
    pub code: i32,
    /// "error" for lt_raise(), the C++ type, or the like. Never NULL.
    pub type_name: *const c_char,
    /// Never NULL.
    pub message: *const c_char,
    /// The library's: what lt_error_backtrace() needs. NULL in a struct that the library has not filled.
    pub internal: *const c_void,
}

/// Tells a trace of an error of the calling thread.
fn tell_timeline(description: &Description) {
    let mut text = [0_u8; 96];
    let parts = [description.type_name.bytes(), b": ", description.message.bytes()];
    text.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, from)| *to = *from);
    let length = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    timeline::tell_slowly(Event::now(Point::Error, 0, 0), text.get(..length).unwrap_or_default());
}

/// A share of a report.
pub struct Report(*const Body);

struct Body {
    info: lt_error_info,
    /// How many share it; 0 of one that is static.
    shares: AtomicUsize,
    frames: Frames,
    /// Rendered when it is first asked for, from malloc.
    trace: AtomicPtr<c_char>,
    /// What the info points to.
    thread_name: Text,
    description: Description,
}

// SAFETY: what the pointers in the info lead to is the report's own and does not change.
unsafe impl Sync for Body {}
// SAFETY: a body may be used by several threads, and the last share's end frees it on any.
unsafe impl Send for Report {}
// SAFETY: as above.
unsafe impl Sync for Report {}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "report of {}", self.info().ident)
    }
}

impl Report {
    /// The report of an error of this thread; None where there was no memory for its record.
    pub fn of(record: Option<&'static Record>, description: Description, frames: &Frames) -> Report {
        let thread_name = record.map_or(Text::Static(c"?"), names::of);
        if timeline::is_on() {
            tell_timeline(&description);
        }
        Report::new(record.map_or(0, Record::ident), thread_name, description, frames)
    }

    /// A report of another error, of the thread that this is of.
    pub fn another(&self, description: Description, frames: &Frames) -> Report {
        let body = self.body();
        Report::new(body.info.ident, body.thread_name.clone(), description, frames)
    }

    fn new(ident: u64, thread_name: Text, description: Description, frames: &Frames) -> Report {
        let info = lt_error_info {
            size: size_of::<lt_error_info>(),
            ident,
            // These do not move with the report: they are static, or from malloc.
            thread_name: thread_name.as_ptr(),
            kind: description.kind,
            code: description.code,
            type_name: description.type_name.as_ptr(),
            message: description.message.as_ptr(),
            internal: ptr::null(),
        };
        let kind = description.kind;
        let (shares, trace) = (AtomicUsize::new(1), AtomicPtr::new(ptr::null_mut()));
        match boxed(Body { info, shares, frames: *frames, trace, thread_name, description }) {
            Ok(mut body) => {
                body.info.internal = ptr::from_ref(&*body).cast();
                let body = Box::into_raw(body);
                race::before(body);
                Report(body)
            }
            Err(_) => Report(without_memory(kind)),
        }
    }

    fn body(&self) -> &Body {
        // SAFETY: alive as long as this share of it.
        unsafe { &*self.0 }
    }

    /// The report as C sees it: valid as long as somebody has a share.
    pub fn info(&self) -> &lt_error_info {
        race::after(self.0);
        &self.body().info
    }

    pub fn trace(&self) -> &CStr {
        self.body().trace()
    }

    /// Whether somebody else has a share too.
    #[cfg(shuttle)]
    pub fn is_shared(&self) -> bool {
        self.body().shares.load(Ordering::Acquire) > 1
    }

    pub fn thread_name(&self) -> &Text {
        &self.body().thread_name
    }

    pub fn description(&self) -> &Description {
        &self.body().description
    }

    /// Gives the share away, as a pointer.
    pub fn into_raw(self) -> *mut c_void {
        ManuallyDrop::new(self).0.cast_mut().cast()
    }

    /// # Safety
    /// From `into_raw`, and taken back once.
    pub unsafe fn from_raw(raw: *mut c_void) -> Report {
        Report(raw.cast_const().cast())
    }
}

impl Clone for Report {
    fn clone(&self) -> Report {
        // Relaxed: the body is alive, by the share that this one is made from.
        if self.body().shares.load(Ordering::Relaxed) != 0 {
            self.body().shares.fetch_add(1, Ordering::Relaxed);
        }
        Report(self.0)
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        // AcqRel: what each did with the report happens before its end. Relaxed: static ones stay so.
        race::before(self.0);
        let shares = &self.body().shares;
        if shares.load(Ordering::Relaxed) != 0 && shares.fetch_sub(1, Ordering::AcqRel) == 1 {
            race::after(self.0);
            // SAFETY: made from a box, and this was the last share.
            drop(unsafe { Box::from_raw(self.0.cast_mut()) });
        }
    }
}

impl Body {
    fn trace(&self) -> &CStr {
        // Acquire: pairs with the exchange below.
        let mut trace = self.trace.load(Ordering::Acquire);
        if trace.is_null() {
            // Two threads may ask at once: one of the two texts is kept.
            let rendered = match trace::render(self.frames.addresses()) {
                Ok(rendered) => rendered.as_ptr(),
                // Perhaps the next one has better luck.
                Err(why_not) => return why_not,
            };
            race::before(&raw const self.trace);
            // Release: with it, the text. Acquire on failure: the other's text.
            let kept = self.trace.compare_exchange(trace, rendered, Ordering::AcqRel, Ordering::Acquire);
            trace = match kept {
                Ok(_) => rendered,
                Err(theirs) => {
                    // SAFETY: from malloc, and known to nobody.
                    unsafe { libc::free(rendered.cast()) };
                    theirs
                }
            };
        }
        race::after(&raw const self.trace);
        // SAFETY: a C string that lives as long as the body.
        unsafe { CStr::from_ptr(trace) }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        // SAFETY: NULL, or from malloc, and nobody has a share any more.
        unsafe { libc::free(self.trace.load(Ordering::Relaxed).cast()) };
    }
}

/// The trace that belongs to what the library has told a user; None if it did not fill the struct.
///
/// # Safety
/// `info` is one that the library gave, or a copy, and the original is still valid; or a zeroed struct.
pub unsafe fn trace_of<'a>(info: *const lt_error_info) -> Option<&'a CStr> {
    // SAFETY: as the caller vouches.
    unsafe { (*info).internal.cast::<Body>().as_ref().map(Body::trace) }
}

/// The report of an error of this kind for which there was no memory.
fn without_memory(kind: i32) -> *const Body {
    match kind {
        LT_ERROR_RAISED => &raw const LOST_RAISE,
        LT_ERROR_CXX => &raw const LOST_CXX,
        LT_ERROR_RUST => &raw const LOST_PANIC,
        LT_ERROR_EXITED => &raw const LOST_EXIT,
        _ => &raw const LOST_FOREIGN,
    }
}

static LOST_RAISE: Body = Body::lost(LT_ERROR_RAISED, c"error", &raw const LOST_RAISE);
static LOST_CXX: Body = Body::lost(LT_ERROR_CXX, c"exception", &raw const LOST_CXX);
static LOST_PANIC: Body = Body::lost(LT_ERROR_RUST, c"panic", &raw const LOST_PANIC);
static LOST_EXIT: Body = Body::lost(LT_ERROR_EXITED, c"exit", &raw const LOST_EXIT);
static LOST_FOREIGN: Body = Body::lost(LT_ERROR_FOREIGN, c"exception", &raw const LOST_FOREIGN);

impl Body {
    const fn lost(kind: i32, type_name: &'static CStr, own: *const Body) -> Body {
        let (unknown, message) = (c"?", c"out of memory");
        Body {
            info: lt_error_info {
                size: size_of::<lt_error_info>(),
                ident: 0,
                thread_name: unknown.as_ptr(),
                kind,
                code: 0,
                type_name: type_name.as_ptr(),
                message: message.as_ptr(),
                internal: own.cast(),
            },
            shares: AtomicUsize::new(0),
            frames: Frames::none(),
            trace: AtomicPtr::new(ptr::null_mut()),
            thread_name: Text::Static(unknown),
            description: Description {
                kind,
                code: 0,
                type_name: Text::Static(type_name),
                message: Text::Static(message),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::reserve;

    fn description(kind: i32) -> Description {
        Description { kind, code: 3, type_name: Text::Static(c"type"), message: Text::Static(c"message") }
    }

    #[test]
    fn a_copied_info_leads_to_the_trace() {
        let _one = reserve::ONE.lock();
        let report = Report::of(None, description(LT_ERROR_RAISED), &Frames::here());
        let other = report.clone();
        // SAFETY: a plain struct.
        let copy = unsafe { ptr::read(report.info()) };
        // SAFETY: the original is alive.
        let trace = unsafe { trace_of(&raw const copy) }.unwrap();
        assert!(ptr::eq(trace, other.trace()));
        // SAFETY: all zeros is a valid struct.
        let blank = unsafe { core::mem::zeroed::<lt_error_info>() };
        // SAFETY: the library did not fill it.
        assert!(unsafe { trace_of(&raw const blank) }.is_none());
    }

    #[test]
    fn without_memory_an_error_has_its_kind() {
        for kind in [LT_ERROR_RAISED, LT_ERROR_CXX, LT_ERROR_RUST, LT_ERROR_FOREIGN, LT_ERROR_EXITED] {
            let report = Report(without_memory(kind));
            assert_eq!(report.info().kind, kind);
            let copy = report.clone();
            drop(report);
            // SAFETY: alive.
            assert_eq!(unsafe { trace_of(copy.info()) }, Some(c""));
            assert_eq!(copy.description().message.bytes(), b"out of memory");
        }
    }
}
