//! pthread_cancel and this library: no function of it is a cancellation point. What a thread would leave
//! behind in the middle of one (a place in a line, a claim) others would wait for, for ever.

#[cfg(not(target_os = "android"))]
use core::ffi::c_int;
#[cfg(not(target_os = "android"))]
use core::ptr;

/// The calling thread cannot be cancelled until the end of the scope; a cancellation stays pending.
#[cfg(not(target_os = "android"))]
pub struct PutOff(c_int);

#[cfg(not(target_os = "android"))]
impl PutOff {
    pub fn begin() -> PutOff {
        let mut before = ENABLE;
        // SAFETY: a setting of the calling thread.
        unsafe { pthread_setcancelstate(DISABLE, &mut before) };
        PutOff(before)
    }
}

#[cfg(not(target_os = "android"))]
impl Drop for PutOff {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { pthread_setcancelstate(self.0, ptr::null_mut()) };
    }
}

/// There, threads cannot be cancelled.
#[cfg(target_os = "android")]
pub struct PutOff;

#[cfg(target_os = "android")]
impl PutOff {
    pub fn begin() -> PutOff {
        PutOff
    }
}

/// Calls `f`, which may call cancellation points of the C library.
pub fn put_off<R>(f: impl FnOnce() -> R) -> R {
    let _put_off = PutOff::begin();
    f()
}

#[cfg(not(any(target_os = "android", target_vendor = "apple")))]
const ENABLE: c_int = 0;
#[cfg(not(any(target_os = "android", target_vendor = "apple")))]
const DISABLE: c_int = 1;
#[cfg(target_vendor = "apple")]
const ENABLE: c_int = 1;
#[cfg(target_vendor = "apple")]
const DISABLE: c_int = 0;

#[cfg(not(target_os = "android"))]
unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
}
