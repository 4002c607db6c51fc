//! FreeBSD.

pub mod signal;
pub mod thread;

pub use super::elf::own;
pub use super::plain::{cpus, fence, handlers, quiet, race, runtime};
pub use super::unix::{
    cancellation, clock, errno, fork, frame, leave, local, mask, memory, process, readable, trace,
};
