//! lowthread: the threading of Python's `_thread`, and of what is built on it, for C and every FFI.
//!
//! The layers, each of which knows only those below it:
//!
//! * [`ffi`]: the `extern "C"` surface, one file per section of `include/lowthread.h`;
//! * [`insight`]: names, who waits for what, dumps;
//! * [`exec`]: timers and the watchdog;
//! * [`thread`]: starting, ending and interrupting threads, and what a fork leaves of them;
//! * [`sync`]: the primitives, as plain Rust types;
//! * [`base`]: statuses, handles, deadlines and the wait engine that every primitive blocks on;
//! * [`sys`]: what differs by system.

pub mod base;
mod sys;
pub mod sync;
pub mod thread;
pub mod exec;
pub mod insight;
pub mod ffi;

// Part of the library, so that there is no other form of it than what programs link with: `make model`.
#[cfg(all(test, shuttle))]
extern crate self as lowthread;
#[cfg(all(test, shuttle))]
#[path = "../tests/model/mod.rs"]
mod model;
