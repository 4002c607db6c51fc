//! No word of thread-local storage: what is read is the value of the key.

use core::ffi::c_void;

pub use crate::sys::unix::key::get;

/// Nothing: the key has been set, or the C library may need memory for it.
pub fn set(_word: *mut c_void) {}
