//! The calling thread's errno.

pub type Value = i32;

pub fn get() -> Value {
    // SAFETY: the location is this thread's own and valid as long as the thread is.
    unsafe { *location() }
}

pub fn set(errno: Value) {
    // SAFETY: as in `get`.
    unsafe { *location() = errno };
}

#[cfg(target_os = "linux")]
use libc::__errno_location as location;
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
use libc::__error as location;
