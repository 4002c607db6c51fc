//! The caller's errno, which a call of this library leaves as it was.

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

#[cfg(any(target_os = "netbsd", target_os = "openbsd", target_os = "android"))]
use libc::__errno as location;
#[cfg(target_os = "linux")]
use libc::__errno_location as location;
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
use libc::__error as location;
