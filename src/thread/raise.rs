//! lt_raise: an exception of this library's own.

use crate::base::heap::{Text, boxed};
use crate::base::this_thread;
use crate::base::unwind::{self, Exception, Frames};
use crate::thread::exception::{self, Description};
use crate::thread::{excepthook, exit};
use core::ffi::{CStr, c_int};

/// The class of this library's exceptions. The last letter counts up with each change to [`Raised`].
const CLASS: u64 = u64::from_be_bytes(*b"LOWTHRD2");

/// An exception raised by lt_raise.
#[repr(C)]
pub struct Raised {
    head: Exception,
    pub code: i32,
    pub message: Text,
    /// Where who catches does not see them, and there was memory.
    pub frames: Option<Box<Frames>>,
}

/// Whether an exception was raised by lt_raise(), of this copy of the library: another one in the process may be
/// built otherwise.
///
/// # Safety
/// The exception is valid as long as the answer is used.
pub unsafe fn raised<'a>(exception: *const Exception) -> Option<&'a Raised> {
    let own = cleanup as unsafe extern "C-unwind" fn(c_int, *mut Exception);
    // SAFETY: as the caller vouches; the cleanup is that of a `Raised` of ours.
    unsafe {
        let its = (*exception).cleanup?;
        let ours = (*exception).class == CLASS && core::ptr::fn_addr_eq(its, own);
        ours.then(|| &*exception.cast::<Raised>())
    }
}

/// Ends the calling thread function, or task, with an error.
pub fn raise(code: i32, message: &CStr) -> ! {
    throw(code, message);
    // Nobody on this stack catches: not a thread of ours, or a frame that cannot be unwound.
    report_here(code, message);
    exit::after_error()
}

/// Throws, with nothing left in this frame to be cleaned up.
fn throw(code: i32, message: &CStr) {
    let message = Text::copy_or(message.to_bytes(), c"out of memory");
    let frames = if unwind::SEES_THROWS { None } else { boxed(Frames::here()).ok() };
    let raised = Raised { head: Exception::new(CLASS, cleanup), code, message, frames };
    if let Ok(raised) = boxed(raised) {
        let raised = Box::into_raw(raised);
        // SAFETY: the box is freed by the cleanup, or here if nobody caught it.
        unsafe {
            unwind::throw(raised.cast());
            drop(Box::from_raw(raised));
        }
    }
}

fn report_here(code: i32, message: &CStr) {
    let description = Description {
        kind: exception::LT_ERROR_RAISED,
        code,
        type_name: Text::Static(c"error"),
        message: Text::copy_or(message.to_bytes(), c"out of memory"),
    };
    excepthook::deliver(this_thread::current(), description, &Frames::here());
}

/// Called by whoever ends the exception: this library, or a `catch (...)`.
unsafe extern "C-unwind" fn cleanup(_reason: c_int, exception: *mut Exception) {
    // SAFETY: this is the cleanup of a `Raised` that `throw` gave away.
    drop(unsafe { Box::from_raw(exception.cast::<Raised>()) });
}
