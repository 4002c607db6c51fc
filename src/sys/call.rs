//! The calls that systems have which have frames of their own: in assembly, under names that they share.

use crate::base::cleanup::Watched;
use crate::base::unwind::Guarded;
use core::ffi::c_int;

unsafe extern "C-unwind" {
    /// 0 if the function returned, 1 if something was caught.
    fn lt_guarded_call(guarded: *mut Guarded) -> c_int;
    fn lt_watched_call(watched: *mut Watched);
}

unsafe extern "C" {
    /// Where it goes on, in the frame of `lt_guarded_call`, when something was caught.
    pub fn lt_guarded_landing();
}

/// Makes the call; whether something was caught.
///
/// # Safety
/// The function may be called with the argument. Nothing in the caller's frame has a destructor.
#[inline(always)]
#[allow(clippy::inline_always, reason = "nothing is to come between the frames that need not")]
pub unsafe fn catch(guarded: *mut Guarded) -> bool {
    // SAFETY: as the caller vouches.
    unsafe { lt_guarded_call(guarded) != 0 }
}

/// Whether this is where such a frame goes on. The call in it lies before the landing.
pub fn covers(return_address: usize) -> bool {
    let start = lt_guarded_call as unsafe extern "C-unwind" fn(*mut Guarded) -> c_int as usize;
    let landing = lt_guarded_landing as unsafe extern "C" fn() as usize;
    (start..landing).contains(&return_address)
}

/// Makes the call.
///
/// # Safety
/// The function may be called with the argument, and so may the cleanup. Nothing in the caller's frame has a
/// destructor.
#[inline(always)]
#[allow(clippy::inline_always, reason = "nothing is to come between the frames that need not")]
pub unsafe fn watch(watched: *mut Watched) {
    // SAFETY: as the caller vouches.
    unsafe { lt_watched_call(watched) };
}
