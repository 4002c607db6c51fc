//! Threads as `_thread` has them: started, ended, sized, interrupted.

pub mod start;
pub mod exit;
pub mod stack;
pub mod interrupt;
