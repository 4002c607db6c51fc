//! Handlers of signals, and sending one to a thread.

pub use super::semaphore::Semaphore;
pub use crate::sys::unix::signal::{
    ALL, Action, Handler, Info, NAMES, SIGNALS, can_be_handled, is_fault, is_marked, send_marked,
};
