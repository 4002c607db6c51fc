//! The frame that is told when it is left: it catches nothing.

use super::{CONTINUE_SEARCH, UNWINDING, frame, record_of};
use crate::base::cleanup::{self, Watched};
use core::ffi::{c_int, c_void};
use core::ptr;
use windows_sys::Win32::System::Diagnostics::Debug::{CONTEXT, DISPATCHER_CONTEXT, EXCEPTION_RECORD};

/// The handler of `lt_watched_call`. The frames above are gone, and their stack is still there: so the cleanup runs
/// on it. Whatever leaves that in turn goes on as if it had come from this frame.
unsafe extern "C-unwind" fn handler(
    record: *mut EXCEPTION_RECORD,
    frame: *mut c_void,
    _context: *mut CONTEXT,
    _dispatcher: *mut DISPATCHER_CONTEXT,
) -> c_int {
    // SAFETY: from the system. The frame's record lives in the frame below, which waits; it is being left.
    unsafe {
        if (*record).ExceptionFlags & UNWINDING != 0 {
            let watched = record_of::<Watched>(frame);
            if (*watched).leave(ptr::null_mut()) {
                cleanup::clean(watched.cast());
            }
        }
    }
    CONTINUE_SEARCH
}

frame!("lt_watched_call", handler, "");
