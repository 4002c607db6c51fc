//! Section 1 of the header: what the library that is running can do.

use crate::base::wait;
use crate::sys::{cpus, signal, thread, trace};
use core::ffi::{c_int, c_uint};

/// A forked child may go on using it.
pub const LT_FEATURE_FORK: c_int = 1;
/// Signals can be routed and sent.
pub const LT_FEATURE_SIGNALS: c_int = 2;
/// What is async-signal-safe is so.
pub const LT_FEATURE_WAKE_IN_HANDLERS: c_int = 4;
/// Threads inherit their processors.
pub const LT_FEATURE_AFFINITY: c_int = 8;
/// No wait ends the process for lack of memory.
pub const LT_FEATURE_NO_MEMORY: c_int = 16;
/// Threads are those of POSIX.
pub const LT_FEATURE_PTHREADS: c_int = 32;
/// Traces name files and lines.
pub const LT_FEATURE_LINES: c_int = 64;

/// What the library that is running can do: a set of LT_FEATURE_X. Those of its platform are known to #if:
/// LT_HAS_X is 1. Without LT_FEATURE_FORK a forked child may go on if the process had no other threads;
/// otherwise it may only execute a program, or _exit. Async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn lt_features() -> c_uint {
    let of = |there_is: bool, feature: c_int| if there_is { feature as c_uint } else { 0 };
    of(wait::GOES_ON_IN_CHILDREN, LT_FEATURE_FORK)
        | of(signal::ALL, LT_FEATURE_SIGNALS)
        | of(wait::WAKES_IN_HANDLERS, LT_FEATURE_WAKE_IN_HANDLERS)
        | of(cpus::KNOWN, LT_FEATURE_AFFINITY)
        | of(wait::NEEDS_NO_MEMORY, LT_FEATURE_NO_MEMORY)
        | of(thread::OF_POSIX, LT_FEATURE_PTHREADS)
        | of(trace::KNOWS_LINES, LT_FEATURE_LINES)
}
