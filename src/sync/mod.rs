//! The primitives. Each is a type in an arena, and its operations are methods of its handle.

pub mod lock;
pub mod rlock;
pub mod semaphore;
pub mod event;
pub mod condition;
pub mod barrier;
pub mod rwlock;
pub mod once;
pub mod spinlock;
pub mod queue;
pub mod sleep;

mod exclusion;
pub(crate) mod discard;
pub(crate) mod grants;
pub mod waiters;
pub mod ring;
pub mod chain;
mod side;
