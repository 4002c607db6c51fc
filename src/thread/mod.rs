//! Threads as `_thread` has them: started, ended, sized, interrupted.

pub mod demangle;
pub mod exception;
pub mod raise;
pub mod failure;
pub mod trace;
pub mod report;
pub mod excepthook;
pub mod last;
pub mod errors;
pub mod names;
pub mod joinable;
pub mod roll;
pub mod service;
pub mod signal;
pub mod local;
pub mod start;
pub mod exit;
pub mod aside;
pub mod stack;
pub mod interrupt;
