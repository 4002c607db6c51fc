//! The caller's errno, which a call of this library leaves as it was.
//!
//! Who asks the system for something that it may refuse keeps errno meanwhile: the waits (`wait`), who asks
//! for memory ([`keeping`]), and the functions of `ffi` that start threads, route signals or render. The
//! short ways of the others ask for nothing.

/// An errno that is put back at the end of the scope.
pub struct Errno(i32);

impl Errno {
    pub fn keep() -> Errno {
        Errno(Errno::now())
    }

    pub fn now() -> i32 {
        // SAFETY: the location is this thread's own and valid as long as the thread is.
        unsafe { *location() }
    }
}

impl Drop for Errno {
    fn drop(&mut self) {
        // SAFETY: as in `now`.
        unsafe { *location() = self.0 }
    }
}

/// Calls what may change errno, and puts it back, unless the call is left by an unwinding: so this can stand
/// on a frame that user code is called from.
pub fn keeping<R>(call: impl FnOnce() -> R) -> R {
    let errno = Errno::now();
    let result = call();
    // SAFETY: as in `now`.
    unsafe { *location() = errno };
    result
}

#[cfg(any(target_os = "netbsd", target_os = "openbsd", target_os = "android"))]
use libc::__errno as location;
#[cfg(target_os = "linux")]
use libc::__errno_location as location;
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
use libc::__error as location;
