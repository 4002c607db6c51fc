//! What is told of an error that ended a thread.

use crate::base::heap::Text;
use crate::base::record::Record;
use crate::base::unwind::Frames;
use crate::thread::exception::Description;
use crate::thread::{names, trace};
use core::ffi::c_char;
use core::fmt;
use std::sync::OnceLock;

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
    /// A line for each frame at the throw, innermost first. Never NULL.
    pub backtrace: *const c_char,
}

/// An error with all that belongs to it. The trace is rendered when it is first asked for.
pub struct Report {
    ident: u64,
    thread_name: Text,
    description: Description,
    frames: Frames,
    info: OnceLock<Rendered>,
}

struct Rendered {
    info: lt_error_info,
    /// What `info.backtrace` points to.
    _trace: Text,
}

// SAFETY: the pointers lead into the report itself, which does not change.
unsafe impl Send for Rendered {}
// SAFETY: as above.
unsafe impl Sync for Rendered {}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "report of {}", self.ident)
    }
}

impl Report {
    pub fn new(ident: u64, thread_name: Text, description: Description, frames: Frames) -> Report {
        Report { ident, thread_name, description, frames, info: OnceLock::new() }
    }

    /// The report of an error of this thread; None where there was no memory for its record.
    pub fn of(record: Option<&'static Record>, description: Description, frames: Frames) -> Report {
        let name = record.map_or(Text::Static(c"?"), names::of);
        Report::new(record.map_or(0, Record::ident), name, description, frames)
    }

    /// The report as C sees it: valid as long as the report, which must not move any more.
    pub fn info(&self) -> &lt_error_info {
        let render = || {
            let trace = trace::render(self.frames.addresses());
            Rendered {
                info: lt_error_info {
                    size: size_of::<lt_error_info>(),
                    ident: self.ident,
                    thread_name: self.thread_name.as_ptr(),
                    kind: self.description.kind,
                    code: self.description.code,
                    type_name: self.description.type_name.as_ptr(),
                    message: self.description.message.as_ptr(),
                    backtrace: trace.as_ptr(),
                },
                _trace: trace,
            }
        };
        &self.info.get_or_init(render).info
    }

    /// The same, told a second time: a report of its own.
    pub fn duplicate(&self) -> Report {
        let description = Description {
            kind: self.description.kind,
            code: self.description.code,
            type_name: self.description.type_name.clone(),
            message: self.description.message.clone(),
        };
        Report::new(self.ident, self.thread_name.clone(), description, self.frames)
    }

    pub fn ident(&self) -> u64 {
        self.ident
    }

    pub fn thread_name(&self) -> &Text {
        &self.thread_name
    }

    pub fn description(&self) -> &Description {
        &self.description
    }
}
