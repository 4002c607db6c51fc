//! Keeping signal handlers away from the calling thread, for as long as something takes that none may come into.
//!
//! Not those of faults: a program that wants to say where it crashed can.

use core::ffi::c_int;
use core::ptr;

/// Handlers stay away until this is dropped, on the same thread. May be nested.
pub struct Quiet(Mask);

/// Async-signal-safe.
pub fn quiet() -> Quiet {
    let all = FAULTS.iter().fold(Mask::MAX, |all, fault| all & !(1 << (fault - 1)));
    let mut before = 0;
    change(libc::SIG_BLOCK, &raw const all, &raw mut before);
    Quiet(before)
}

impl Drop for Quiet {
    fn drop(&mut self) {
        change(libc::SIG_SETMASK, &raw const self.0, ptr::null_mut());
    }
}

/// The kernel's own set, which has 8 bytes where the C library's has 128.
type Mask = u64;

const FAULTS: [c_int; 7] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS, libc::SIGABRT];

fn change(how: c_int, mask: *const Mask, before: *mut Mask) {
    // Miri has no signals.
    if cfg!(miri) {
        return;
    }
    // SAFETY: one set to read, and one to write or NULL, of the size that is told. It cannot fail.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, mask, before, size_of::<Mask>()) };
}
