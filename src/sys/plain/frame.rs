//! No frame with a personality of its own: plain calls. What is thrown ends the process, as from a plain thread.

use crate::base::cleanup::Watched;
use crate::base::unwind::{Context, Guarded};

/// A throw that nobody catches returns to who throws.
pub fn prepare_throw() {}

/// Makes the call. Nothing is ever caught.
///
/// # Safety
/// The function may be called with the argument.
pub unsafe fn catch(guarded: *mut Guarded) -> bool {
    // SAFETY: as the caller vouches.
    unsafe { (*guarded).call() };
    false
}

/// Whether this is where such a frame goes on.
pub fn covers(_return_address: usize) -> bool {
    false
}

/// Where the frame goes on.
///
/// # Safety
/// The unwinder's context.
pub unsafe fn address_in(context: *mut Context) -> usize {
    unsafe extern "C" {
        fn _Unwind_GetIP(context: *mut Context) -> usize;
    }
    // SAFETY: as the caller vouches.
    unsafe { _Unwind_GetIP(context) }
}

/// Makes the call. Nobody is told that it is left: nothing is unwound.
///
/// # Safety
/// The function may be called with the argument.
pub unsafe fn watch(watched: *mut Watched) {
    // SAFETY: as the caller vouches.
    unsafe { (*watched).call() };
}
