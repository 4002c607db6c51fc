//! What insight was asked for, and whom the layers below it tell.
//!
//! While nothing is on, nobody is told, and no short way knows of it: an object whose operations are to be recorded
//! has the bit in its word that says so (`base::handle`), which sends them the long way.

use crate::base::record::Record;
use crate::base::status::Error;
use crate::base::trace;
use crate::base::waiting::{Told, Wait, What};
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

pub const OWNERS: u32 = 1;
pub const DEADLOCK: u32 = 2;
pub const ORDER: u32 = 4;
pub const CONTENTION: u32 = 8;
/// A trace is written.
pub const TRACE: u32 = 16;
/// A tool looks for races (`base::race`): from the beginning, and to the end.
pub const RACES: u32 = 32;

/// What needs to know who holds each lock.
pub const HOLDERS: u32 = OWNERS | DEADLOCK | ORDER | TRACE | RACES;
/// What needs to know that of some locks.
pub const SOME_HOLDERS: u32 = HOLDERS | CONTENTION;

/// Who is told. None is called under a lock of the library's.
pub struct Hooks {
    /// A wait begins, and is to be told: an error if it would never end, and may be refused. Calls no code of the
    /// user's.
    pub waits: fn(&'static Record, Wait, bool) -> Result<Told<'static>, Error>,
    /// A thread is about to acquire, and to wait if it must. May call code of the user's.
    pub goes_for: fn(&'static Record, What),
    /// Whether an object is no more, or nobody holds it whatever is recorded. Async-signal-safe.
    pub is_over: fn(usize) -> bool,
    /// A thread has waited for so many nanoseconds for what is held, whether it has got it or not.
    pub has_waited: fn(What, Waited),
    /// What is traced.
    pub trace: trace::Hooks,
}

/// One wait, for what is held.
#[derive(Clone, Copy)]
pub struct Waited {
    pub nanoseconds: u64,
    /// Whether it was handed over.
    pub handed_over: bool,
    /// The longest that anybody has held it, as far as is known, in microseconds.
    pub longest_hold: u32,
    /// Where the waiter was called from; 0 if that is not known.
    pub place: usize,
}

// Not the models': no thread goes another way for what stands here.
static ON: AtomicU32 = AtomicU32::new(0);
static HOOKS: AtomicPtr<Hooks> = AtomicPtr::new(core::ptr::null_mut());

/// Of the unit tests, which share a process: who turns something on has this alone, and who counts on nothing being on
/// shares it.
#[cfg(test)]
pub static TURNED: std::sync::RwLock<()> = std::sync::RwLock::new(());

/// Whether any of these is on.
#[inline]
pub fn is_on(what: u32) -> bool {
    // Relaxed: a moment earlier or later is the same to whoever turns it.
    ON.load(Ordering::Relaxed) & what != 0
}

/// Relaxed: for who alone turns it.
pub fn what_is_on() -> u32 {
    ON.load(Ordering::Relaxed)
}

/// What is on from now.
pub fn turn(what: u32, hooks: &'static Hooks) {
    HOOKS.store(core::ptr::from_ref(hooks).cast_mut(), Ordering::Relaxed);
    // Release: who finds something on finds the hooks.
    ON.store(what, Ordering::Release);
}

/// These are off from now: in a forked child.
pub fn turn_off(what: u32) {
    // Relaxed: there is one thread.
    ON.fetch_and(!what, Ordering::Relaxed);
}

/// The hooks, if any of these is on.
pub fn told(what: u32) -> Option<&'static Hooks> {
    // Acquire: pairs with `turn`.
    let on = ON.load(Ordering::Acquire) & what != 0;
    on.then(hooks).flatten()
}

/// The hooks, if anything ever was on.
pub fn hooks() -> Option<&'static Hooks> {
    // SAFETY: NULL, or one that lives for ever.
    unsafe { HOOKS.load(Ordering::Relaxed).as_ref() }
}
