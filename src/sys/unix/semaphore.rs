//! A count that a signal handler may raise.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

/// Made in place, once, before it is used; never unmade.
pub struct Semaphore(UnsafeCell<MaybeUninit<libc::sem_t>>);

// SAFETY: a semaphore is made to be shared.
unsafe impl Sync for Semaphore {}

/// Each asks for one that is made.
impl Semaphore {
    pub const fn unmade() -> Semaphore {
        Semaphore(UnsafeCell::new(MaybeUninit::zeroed()))
    }

    /// # Safety
    /// Nobody uses it yet.
    pub unsafe fn make(&self) {
        // SAFETY: as the caller vouches.
        unsafe { libc::sem_init(self.0.get().cast(), 0, 0) };
    }

    /// Async-signal-safe.
    ///
    /// # Safety
    /// It is made.
    pub unsafe fn post(&self) {
        // SAFETY: as the caller vouches.
        unsafe { libc::sem_post(self.0.get().cast()) };
    }

    /// Waits until it can be lowered by one. False if a signal came between.
    ///
    /// # Safety
    /// It is made.
    pub unsafe fn wait(&self) -> bool {
        // SAFETY: as the caller vouches.
        unsafe { libc::sem_wait(self.0.get().cast()) == 0 }
    }

    /// Makes the count zero.
    ///
    /// # Safety
    /// It is made.
    pub unsafe fn drain(&self) {
        // SAFETY: as the caller vouches; this does not wait.
        while unsafe { libc::sem_trywait(self.0.get().cast()) } == 0 {}
    }
}
