//! Insight: what the program's objects are called, who waits for what, and who holds that.

pub mod dump;
pub mod holder;
pub mod names;
pub mod on_signal;
pub mod text;
pub mod waits;
