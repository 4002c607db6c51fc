//! What everything else stands on: statuses, deadlines, the wait engine, handles and thread records.

pub mod atomic;
#[cfg(shuttle)]
pub mod model;
pub mod status;
pub mod errno;
pub mod fence;
pub mod heap;
// A model's memory is not the library's.
#[cfg(not(shuttle))]
mod allocator;
#[cfg(test)]
pub mod for_ever;
#[cfg_attr(shuttle, allow(dead_code, reason = "the allocator draws on it"))]
pub mod reserve;
pub mod deadline;
pub mod wait;
pub mod spare;
pub mod spin;
pub mod mutex;
#[cfg(any(not(parking), shuttle))]
mod raw;
pub mod note;
pub mod notice;
pub mod trace;
pub mod turn;
pub mod fork;
mod chunk;
pub mod arena;
pub mod awaited;
pub mod watchers;
pub mod handle;
pub mod interrupt;
pub mod race;
pub mod record;
pub mod registry;
pub mod this_thread;
pub mod last_error;
pub mod waiting;
pub mod wakers;
pub mod insight;
pub mod holding;
pub mod block;
pub mod unwind;
pub mod cleanup;
