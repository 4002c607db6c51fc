//! The frame that is told when it is left: it catches nothing.

use super::{CONTINUE_UNWIND, INSTALL_CONTEXT, SEARCH_PHASE, frame, land, record_of};
use crate::base::cleanup::Watched;
use crate::base::unwind::Context;
use core::ffi::{c_int, c_void};

unsafe extern "C-unwind" {
    fn lt_watched_call(watched: *mut Watched);
}

unsafe extern "C" {
    /// Where the unwinder lands, in the frame of `lt_watched_call`.
    fn lt_watched_landing();
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

/// The personality of `lt_watched_call`: catches nothing.
extern "C" fn personality(
    _version: c_int,
    actions: c_int,
    _class: u64,
    exception: *mut c_void,
    context: *mut Context,
) -> c_int {
    if actions & SEARCH_PHASE != 0 {
        return CONTINUE_UNWIND;
    }
    // SAFETY: the register holds the call's record, as the assembly says, and that lives in the
    // frame below, which waits.
    let watched = unsafe { &mut *record_of::<Watched>(context) };
    // SAFETY: the call is being left.
    if !unsafe { watched.leave(exception) } {
        return CONTINUE_UNWIND;
    }
    // SAFETY: the landing is in the frame of the context and finds its record in the register.
    unsafe { land(context, lt_watched_landing) };
    INSTALL_CONTEXT
}

// On the way: calls the cleanup, and goes on.
#[cfg(target_arch = "x86_64")]
frame!(
    "lt_watched_call",
    "lt_watched_landing",
    personality,
    r#"
mov rdi, [rbx + 32]
call [rbx + 24]
mov rdi, [rbx + 16]
call _Unwind_Resume@PLT
ud2
"#
);

#[cfg(target_arch = "aarch64")]
frame!(
    "lt_watched_call",
    "lt_watched_landing",
    personality,
    r#"
ldp x9, x0, [x19, #24]
blr x9
ldr x0, [x19, #16]
bl _Unwind_Resume
brk #1
"#
);
