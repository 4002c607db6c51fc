//! Windows on x86_64, with the runtimes of GCC (x86_64-pc-windows-gnu).

pub mod cancellation;
pub mod clock;
pub mod errno;
pub mod fence;
pub mod fork;
pub mod frame;
mod late;
pub mod leave;
pub mod mask;
pub mod memory;
pub mod own;
pub mod process;
pub mod readable;
pub mod runtime;
pub mod signal;
mod stack;
pub mod thread;
pub mod trace;

pub use super::plain::{cpus, handlers, local, quiet, race};
