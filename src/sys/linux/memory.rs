//! Pages, and telling the leak checker of them.

use core::ffi::c_void;

pub use crate::sys::unix::memory::{map, page, unmap};

// Rust has no weak symbols: a word that the loader fills in if somebody has the function.
core::arch::global_asm!(
    ".weak __lsan_register_root_region",
    ".pushsection .data.rel.ro.lt_leak_checker, \"aw\"",
    ".balign 8",
    ".hidden lt_leak_checker",
    ".globl lt_leak_checker",
    "lt_leak_checker:",
    // As many bytes as an address has.
    ".dc.a __lsan_register_root_region",
    ".popsection",
);

/// LeakSanitizer, where the process has it, finds there what only that memory leads to.
pub fn tell_leak_checker(memory: *mut c_void, bytes: usize) {
    unsafe extern "C" {
        safe static lt_leak_checker: Option<unsafe extern "C" fn(*const c_void, usize)>;
    }
    // Miri knows no symbol that may be missing.
    if cfg!(miri) {
        return;
    }
    if let Some(register) = lt_leak_checker {
        // SAFETY: the function asks for memory that stays.
        unsafe { register(memory, bytes) };
    }
}
