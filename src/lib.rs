//! lowthread: the threading of Python's `_thread`, and of what is built on it, for C and every FFI.
//!
//! The layers, each of which knows only those below it:
//!
//! * [`ffi`]: the `extern "C"` surface, one file per section of `include/lowthread.h`;
//! * [`exec`]: timers and the watchdog;
//! * [`thread`]: starting, ending and interrupting threads, and what a fork leaves of them;
//! * [`sync`]: the primitives, as plain Rust types;
//! * [`symbols`]: which function and line an address belongs to;
//! * [`base`]: statuses, handles, deadlines and the wait engine that every primitive blocks on.

#[cfg(not(all(unix, target_pointer_width = "64")))]
compile_error!(
    "lowthread needs a 64-bit Unix: handles keep their generation in the top 16 bits of an address"
);

pub mod base;
pub mod symbols;
pub mod sync;
pub mod thread;
pub mod exec;
pub mod ffi;
