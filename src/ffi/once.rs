//! Section 8 of the header: once.

use crate::base::atomic::AtomicU64;
use crate::base::status::{Argument, Error, lt_status};
use crate::ffi::report;
use crate::ffi::thread::lt_thread_fn;
use crate::sync::once;
use core::ffi::c_void;

/// Says whether a function was called. Not a handle: `static lt_once_flag flag = LT_ONCE_FLAG_INIT;`
/// in the program's own memory, which must be zeroed. The end of the function happens before the
/// return of each lt_call_once() with the flag.
#[repr(C, align(8))]
pub struct lt_once_flag {
    /// The library's alone.
    pub state: u64,
}

/// Calls function(arg), unless that was done with this flag; blocks while another thread is at it.
/// If it raises, the error goes on up, and the next call calls again. LT_INTERRUPTED: not called, or
/// not over; LT_DEADLOCK from the function itself; LT_INVALID for NULL.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lt_call_once(
    flag: *mut lt_once_flag,
    function: lt_thread_fn,
    arg: *mut c_void,
) -> lt_status {
    let function = match (flag.is_null(), function) {
        (true, _) => Err(Error::NullArgument(Argument::Flag)),
        (_, None) => Err(Error::NullArgument(Argument::Function)),
        (_, Some(function)) => Ok(function),
    };
    // SAFETY: a flag of the user's, zeroed at first and touched by these calls alone, as the header asks;
    // the function may be called with the argument. Nothing here has a destructor.
    report(
        &"lt_call_once",
        function
            .and_then(|f| unsafe { once::call_once(AtomicU64::from_ptr(&raw mut (*flag).state), f, arg) }),
    )
}
