//! ThreadSanitizer, Helgrind or DRD, if the process runs under one.

use crate::sys::linux::valgrind;

pub use crate::sys::linux::valgrind::leave_out_own;

// Rust has no weak symbols: words that the loader fills in if somebody has the functions.
core::arch::global_asm!(
    ".weak __tsan_acquire",
    ".weak __tsan_release",
    ".weak __tsan_mutex_pre_signal",
    ".weak __tsan_mutex_post_signal",
    ".pushsection .data.rel.ro.lt_race, \"aw\"",
    ".balign 8",
    ".hidden lt_tsan_acquire",
    ".globl lt_tsan_acquire",
    "lt_tsan_acquire:",
    // As many bytes as an address has.
    ".dc.a __tsan_acquire",
    ".hidden lt_tsan_release",
    ".globl lt_tsan_release",
    "lt_tsan_release:",
    ".dc.a __tsan_release",
    ".hidden lt_tsan_look_away",
    ".globl lt_tsan_look_away",
    "lt_tsan_look_away:",
    ".dc.a __tsan_mutex_pre_signal",
    ".hidden lt_tsan_look_again",
    ".globl lt_tsan_look_again",
    "lt_tsan_look_again:",
    ".dc.a __tsan_mutex_post_signal",
    ".popsection",
);

type Tell = Option<unsafe extern "C" fn(*const ())>;
type Look = Option<unsafe extern "C" fn(*const (), flags: u32)>;

unsafe extern "C" {
    safe static lt_tsan_acquire: Tell;
    safe static lt_tsan_release: Tell;
    safe static lt_tsan_look_away: Look;
    safe static lt_tsan_look_again: Look;
}

/// Whether somebody looks for races.
pub fn is_looked_for() -> bool {
    lt_tsan_acquire.is_some() && lt_tsan_release.is_some() || valgrind::looks_for_races()
}

/// How many of the last rounds in which a thread's values are ended are the tool's: nothing that it stands before may be
/// called in them. ThreadSanitizer ends what it has of a thread in the last one, in which its turn comes before ours.
pub fn last_rounds() -> u32 {
    // Miri knows no symbols that may be missing.
    u32::from(!cfg!(miri) && lt_tsan_release.is_some())
}

/// What this thread has done happens before what others do after `after`.
#[cold]
#[inline(never)]
pub fn before(address: *const ()) {
    tell(lt_tsan_release, address);
    valgrind::before(address);
}

/// What this thread does from now on happens after what others did before `before`.
#[cold]
#[inline(never)]
pub fn after(address: *const ()) {
    tell(lt_tsan_acquire, address);
    valgrind::after(address);
}

fn tell(function: Tell, address: *const ()) {
    if let Some(function) = function {
        // SAFETY: it asks for an address of the process's memory, which it does not read.
        unsafe { function(address) };
    }
}

/// Does something of which ThreadSanitizer is to see nothing. Valgrind's tools leave out the library's code anyway.
pub fn unseen<R>(f: impl FnOnce() -> R) -> R {
    // What an annotated mutex does inside of a signal is its own affair: so these two are the way to look away.
    let look = |look: Look| {
        if let Some(look) = look {
            // SAFETY: it asks for an address, for its reports.
            unsafe { look(core::ptr::null(), 0) };
        }
    };
    look(lt_tsan_look_away);
    let done = f();
    look(lt_tsan_look_again);
    done
}
