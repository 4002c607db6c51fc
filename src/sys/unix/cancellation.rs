//! pthread_cancel and this library: no function of it is a cancellation point. What a thread would leave
//! behind in the middle of one (a place in a line, a claim) others would wait for, for ever.

use core::ffi::c_int;
use core::ptr;

/// The calling thread cannot be cancelled until the end of the scope; a cancellation stays pending.
pub struct PutOff(c_int);

impl PutOff {
    pub fn begin() -> PutOff {
        let mut before = ENABLE;
        // SAFETY: a setting of the calling thread.
        unsafe { pthread_setcancelstate(DISABLE, &mut before) };
        PutOff(before)
    }
}

impl Drop for PutOff {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { pthread_setcancelstate(self.0, ptr::null_mut()) };
    }
}

/// Calls `f`, which may call cancellation points of the C library.
pub fn put_off<R>(f: impl FnOnce() -> R) -> R {
    let _put_off = PutOff::begin();
    f()
}

const ENABLE: c_int = if cfg!(target_vendor = "apple") { 1 } else { 0 };
const DISABLE: c_int = 1 - ENABLE;

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
}
