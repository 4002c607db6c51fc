//! One word of the calling thread's, and the end of the thread: a key of the C library, which finds its value by
//! two instructions, and sets it by a store.

use core::ffi::c_void;

pub use crate::sys::unix::key::{ROUNDS, get, prepare, set};

/// Sets it, if there is a key. Async-signal-safe.
pub fn set_in_handler(value: *mut c_void) {
    set(value);
}
