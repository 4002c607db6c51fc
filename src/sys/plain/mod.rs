//! What stands where a system has nothing.

pub mod cpus;
pub mod fence;
pub mod frame;
pub mod handlers;
pub mod local;
pub mod quiet;
pub mod race;
pub mod runtime;
