//! ThreadSanitizer, Helgrind or DRD, if the process runs under one.

use crate::sys::linux::valgrind;

pub use crate::sys::linux::valgrind::leave_out_own;

// Rust has no weak symbols: two words that the loader fills in if somebody has the functions.
core::arch::global_asm!(
    ".weak __tsan_acquire",
    ".weak __tsan_release",
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
    ".popsection",
);

type Tell = Option<unsafe extern "C" fn(*const ())>;

unsafe extern "C" {
    safe static lt_tsan_acquire: Tell;
    safe static lt_tsan_release: Tell;
}

/// Whether somebody looks for races.
pub fn is_looked_for() -> bool {
    lt_tsan_acquire.is_some() && lt_tsan_release.is_some() || valgrind::looks_for_races()
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
