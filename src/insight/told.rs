//! What the hook for deadlocks is told.

#![allow(non_camel_case_types, reason = "these are the names that C sees")]

use core::ffi::{c_char, c_void};

/// Threads wait for each other, or would: the call has returned LT_DEADLOCK.
pub const LT_DEADLOCK_CYCLE: i32 = 0;
/// Two locks were acquired in both orders: threads that do so at once may wait for ever.
pub const LT_DEADLOCK_ORDER: i32 = 1;

/// One of the threads that lt_deadlock_info tells of.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lt_deadlock_link {
    /// Its ident.
    pub thread: u64,
    /// The handle of what it holds, which the thread before it in the array wants, and the first one what the last
    /// holds: of a lock, of itself where it is joined, of the future of its task.
    pub holds: *const c_void,
    /// The handle of what it waits for, or would.
    pub wants: *const c_void,
    /// All this in a sentence, with names, and with places where they are known.
    pub text: *const c_char,
}

/// What insight has found, for the hook of lt_set_deadlock_hook(). Valid until that returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lt_deadlock_info {
    pub size: usize,
    /// One of the LT_DEADLOCK_ constants.
    pub kind: i32,
    /// How many links there are.
    pub count: usize,
    /// The first is the calling thread's.
    pub links: *const lt_deadlock_link,
}
