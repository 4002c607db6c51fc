//! The runtimes of other languages: their functions, looked up without the loader's lock.

pub use super::loaded::function;
