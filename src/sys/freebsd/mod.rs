//! FreeBSD.

pub mod signal;
pub mod thread;

pub use super::elf::{frame, own};
pub use super::plain::{cpus, fence, handlers, quiet, runtime};
pub use super::unix::{cancellation, clock, errno, fork, leave, mask, memory, process, trace};
