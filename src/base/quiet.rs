//! Keeping signal handlers away from the calling thread, for as long as something takes that none may come into.
//!
//! Not those of faults: a program that wants to say where it crashed can.

#[cfg(all(target_os = "linux", not(shuttle)))]
use linux as system;
#[cfg(not(all(target_os = "linux", not(shuttle))))]
use others as system;

/// Until this is dropped, on the same thread. May be nested.
pub struct Quiet(system::Mask);

/// Async-signal-safe.
pub fn quiet() -> Quiet {
    Quiet(system::block())
}

impl Drop for Quiet {
    fn drop(&mut self) {
        system::restore(&self.0);
    }
}

/// The kernel's own set, which has 8 bytes where the C library's has 128.
#[cfg(all(target_os = "linux", not(shuttle)))]
mod linux {
    use core::ffi::c_int;
    use core::ptr;

    pub type Mask = u64;

    const FAULTS: [c_int; 7] =
        [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS, libc::SIGABRT];

    pub fn block() -> Mask {
        let all = FAULTS.iter().fold(Mask::MAX, |all, fault| all & !(1 << (fault - 1)));
        let mut before = 0;
        change(libc::SIG_BLOCK, &raw const all, &raw mut before);
        before
    }

    pub fn restore(before: &Mask) {
        change(libc::SIG_SETMASK, before, ptr::null_mut());
    }

    fn change(how: c_int, mask: *const Mask, before: *mut Mask) {
        // SAFETY: one set to read, and one to write or NULL, of the size that is told. It cannot fail.
        unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, mask, before, size_of::<Mask>()) };
    }
}

/// In a model there are no signals; elsewhere, no forks in handlers.
#[cfg(not(all(target_os = "linux", not(shuttle))))]
mod others {
    pub struct Mask;

    pub fn block() -> Mask {
        Mask
    }

    pub fn restore(_: &Mask) {}
}
