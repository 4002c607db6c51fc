//! One word of the calling thread's, and the end of the thread: a word of thread-local storage where there is
//! one, beside a key of the C library, whose destructor tells the end.

use crate::sys::unix::key;
use core::ffi::c_void;

pub use crate::sys::unix::key::{ROUNDS, prepare};

#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64",
    target_arch = "x86",
    target_arch = "arm",
    target_env = "musl"
))]
mod fast {
    use super::{c_void, key};
    use crate::sys::elf::word;

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
}

#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64",
    target_arch = "x86",
    target_arch = "arm",
    target_env = "musl"
)))]
mod fast {
    use super::{c_void, key};

    pub use key::{get, set};

    /// The C library may need memory for it: nothing is set.
    pub fn set_in_handler(_value: *mut c_void) {}
}

pub use fast::{get, set, set_in_handler};
