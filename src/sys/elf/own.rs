//! One word of the calling thread's, and the end of the thread: a word of thread-local storage where there is
//! one, beside a key of the C library, whose destructor tells the end.

use super::word;
use crate::sys::unix::key;
use core::ffi::c_void;

pub use crate::sys::unix::key::{ROUNDS, prepare};
pub use word::get;

/// Sets the word, of which nothing is told at the end of the thread. Async-signal-safe.
pub fn set_in_handler(value: *mut c_void) {
    word::set(value);
}

/// Sets it. False before `prepare`, and without memory for it.
pub fn set(value: *mut c_void) -> bool {
    let set = key::set(value);
    if set {
        word::set(value);
    }
    set
}
