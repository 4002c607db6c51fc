//! The atomics: those of the language, or under the model checker the same with a scheduling point
//! before each operation.

#[cfg(not(shuttle))]
pub use core::sync::atomic::*;

#[cfg(shuttle)]
mod model;
#[cfg(shuttle)]
pub use model::*;
