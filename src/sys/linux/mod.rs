//! Linux, with glibc or musl.

pub mod cpus;
pub mod fence;
mod late;
#[cfg(target_env = "musl")]
pub mod leave;
mod loaded;
pub mod memory;
pub mod race;
pub mod readable;
pub mod runtime;
pub mod signal;
mod symbols;
pub mod thread;
pub mod trace;
mod valgrind;

// For the wait engine that Linux alone has.
#[cfg(not(parking))]
pub mod memcheck;

// A model's threads are all on one of the system's: they share its list of handlers, and have no signals.
#[cfg(not(shuttle))]
pub mod handlers;
#[cfg(not(shuttle))]
pub mod quiet;
#[cfg(shuttle)]
pub use super::plain::{handlers, quiet};

pub use super::elf::own;
#[cfg(not(target_env = "musl"))]
pub use super::unix::leave;
pub use super::unix::{cancellation, clock, errno, fork, frame, local, mask, process};
