//! A count that a signal handler may raise: Dispatch's, since there are no unnamed ones of POSIX.

use crate::base::atomic::{AtomicPtr, Ordering};
use core::ffi::c_void;
use core::ptr;

/// Made in place, once, before it is used; never unmade.
pub struct Semaphore(AtomicPtr<c_void>);

/// Each asks for one that is made. Relaxed: who knows that it is has it from who made it.
impl Semaphore {
    pub const fn unmade() -> Semaphore {
        Semaphore(AtomicPtr::new(ptr::null_mut()))
    }

    /// # Safety
    /// Nobody uses it yet.
    pub unsafe fn make(&self) {
        // SAFETY: any count that is not negative can be asked for.
        self.0.store(unsafe { dispatch_semaphore_create(0) }, Ordering::Relaxed);
    }

    /// Async-signal-safe.
    ///
    /// # Safety
    /// It is made.
    pub unsafe fn post(&self) {
        // SAFETY: as the caller vouches.
        unsafe { dispatch_semaphore_signal(self.0.load(Ordering::Relaxed)) };
    }

    /// Waits until it can be lowered by one.
    ///
    /// # Safety
    /// It is made.
    pub unsafe fn wait(&self) -> bool {
        // SAFETY: as the caller vouches.
        unsafe { dispatch_semaphore_wait(self.0.load(Ordering::Relaxed), FOREVER) == 0 }
    }

    /// Makes the count zero.
    ///
    /// # Safety
    /// It is made.
    pub unsafe fn drain(&self) {
        // SAFETY: as the caller vouches; this does not wait.
        while unsafe { dispatch_semaphore_wait(self.0.load(Ordering::Relaxed), NOW) } == 0 {}
    }
}

const NOW: u64 = 0;
const FOREVER: u64 = u64::MAX;

unsafe extern "C" {
    fn dispatch_semaphore_create(count: isize) -> *mut c_void;
    fn dispatch_semaphore_signal(semaphore: *mut c_void) -> isize;
    fn dispatch_semaphore_wait(semaphore: *mut c_void, deadline: u64) -> isize;
}
