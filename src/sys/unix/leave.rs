//! Ending the calling thread from anywhere in it.

use core::ffi::c_void;
use core::ptr;

unsafe extern "C-unwind" {
    // As libc has it, but said to unwind, which it does where the C library can: it runs the cleanups of every
    // frame above.
    fn pthread_exit(value: *mut c_void) -> !;
}

/// Ends the calling thread; on the way, what its frames have to clean up is. `first_frame` is where the code of
/// the first one begins, if the library has started the thread.
///
/// # Safety
/// No frame of this library has a destructor from here on.
pub unsafe fn leave(_first_frame: usize) -> ! {
    // SAFETY: as the caller vouches.
    unsafe { pthread_exit(ptr::null_mut()) }
}
