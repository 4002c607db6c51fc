//! The calling thread's errno, and what GetLastError says.

use core::ffi::c_int;
use windows_sys::Win32::Foundation::{GetLastError, SetLastError};

/// Both.
pub type Value = (c_int, u32);

pub fn get() -> Value {
    // SAFETY: asks for a number. The location is this thread's own and valid as long as the thread is. The second
    // comes first: the C library may ask the system for its own.
    unsafe {
        let last = GetLastError();
        (*_errno(), last)
    }
}

pub fn set((errno, last): Value) {
    // SAFETY: as in `get`.
    unsafe {
        *_errno() = errno;
        SetLastError(last);
    }
}

unsafe extern "C" {
    fn _errno() -> *mut c_int;
}
