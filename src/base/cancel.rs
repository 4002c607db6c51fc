//! Keeping `pthread_cancel` away for a while, from frames that it must not unwind.

use core::ffi::c_int;

/// The thread cannot be cancelled until the end of the scope; a cancellation stays pending.
pub struct NoCancel(c_int);

impl NoCancel {
    pub fn begin() -> NoCancel {
        let mut before = 0;
        // SAFETY: `before` is valid to write to.
        unsafe { pthread_setcancelstate(DISABLE, &mut before) };
        NoCancel(before)
    }
}

impl Drop for NoCancel {
    fn drop(&mut self) {
        // SAFETY: the state is the one from before.
        unsafe { pthread_setcancelstate(self.0, &mut 0) };
    }
}

#[cfg(target_vendor = "apple")]
const DISABLE: c_int = 0;
#[cfg(not(target_vendor = "apple"))]
const DISABLE: c_int = 1;

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
}
