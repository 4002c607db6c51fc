//! The atomics: those of the language.

pub use core::sync::atomic::*;
