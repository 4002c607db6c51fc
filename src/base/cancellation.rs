//! pthread_cancel and this library: no function of it is a cancellation point. What a thread would leave
//! behind in the middle of one (a place in a line, a claim) others would wait for, for ever.

#[cfg(not(target_os = "android"))]
use core::ffi::c_int;
#[cfg(not(target_os = "android"))]
use core::ptr;

/// Calls `f`, which may call cancellation points of the C library; a cancellation stays pending meanwhile.
#[cfg(not(target_os = "android"))]
pub fn put_off<R>(f: impl FnOnce() -> R) -> R {
    let mut before = ENABLE;
    // SAFETY: a setting of the calling thread.
    unsafe { pthread_setcancelstate(DISABLE, &mut before) };
    let result = f();
    // SAFETY: as above.
    unsafe { pthread_setcancelstate(before, ptr::null_mut()) };
    result
}

/// There, threads cannot be cancelled.
#[cfg(target_os = "android")]
pub fn put_off<R>(f: impl FnOnce() -> R) -> R {
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
