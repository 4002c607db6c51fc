//! Calling the user's code, and being told when it is left by unwinding.
//!
//! What a destructor is to C++: whether an exception or lt_exit leaves the called function, the cleanup
//! runs on the way, and the unwinding goes on. Like [`crate::base::unwind`], this needs a frame with a
//! personality of its own; a frame of Rust with a destructor must not be in the way of lt_exit.
//!
//! Where there is no such assembly, nothing is unwound either: an exception ends the process.

use crate::base::handlers::Handler;
use crate::base::unwind::Function;
use core::ffi::c_void;

/// One call of user code. The assembly knows the fields before the last.
#[repr(C)]
struct Watched {
    function: Function,
    argument: *mut c_void,
    /// What unwinds, once something does.
    exception: *mut c_void,
    cleanup: Function,
    cleanup_argument: *mut c_void,
    /// Whether the cleanup has begun: the unwinder comes by a second time when it goes on.
    cleaned: bool,
    /// The same cleanup where the C library unwinds nothing.
    handler: Handler,
}

/// Calls `function(argument)`; if that is left by unwinding, calls `cleanup(cleanup_argument)` on the way.
///
/// # Safety
/// Both may be called with their arguments. Nothing in the caller's frame has a destructor.
#[allow(clippy::inline_always, reason = "nothing must come between the user's frames that is not needed")]
#[inline(always)]
pub unsafe fn call(
    function: Function,
    argument: *mut c_void,
    cleanup: Function,
    cleanup_argument: *mut c_void,
) {
    let exception = core::ptr::null_mut();
    let handler = Handler::new();
    let mut watched =
        Watched { function, argument, exception, cleanup, cleanup_argument, cleaned: false, handler };
    let watched = &raw mut watched;
    // SAFETY: as the caller vouches. The handler is on the list as long as this frame is there.
    unsafe {
        (*watched).handler.push(clean, watched.cast());
        lt_watched_call(watched);
        (*watched).handler.pop();
    }
}

/// The thread ends here without any unwinding.
///
/// # Safety
/// The argument is a call's record, whose frame waits.
unsafe extern "C-unwind" fn clean(watched: *mut c_void) {
    // SAFETY: as the caller vouches.
    unsafe {
        let watched = &mut *watched.cast::<Watched>();
        watched.cleaned = true;
        (watched.cleanup)(watched.cleanup_argument);
    }
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
use watching::lt_watched_call;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod watching {
    use super::Watched;
    use crate::base::frame::{CONTINUE_UNWIND, INSTALL_CONTEXT, SEARCH_PHASE, frame, land, record_of};
    use crate::base::unwind::Context;
    use core::ffi::{c_int, c_void};

    unsafe extern "C-unwind" {
        pub(super) fn lt_watched_call(watched: *mut Watched);
    }

    unsafe extern "C" {
        /// Where the unwinder lands, in the frame of `lt_watched_call`.
        fn lt_watched_landing();
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
        if watched.cleaned {
            return CONTINUE_UNWIND;
        }
        watched.cleaned = true;
        // SAFETY: pushed before the call, which is being left.
        unsafe { watched.handler.pop() };
        watched.exception = exception;
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
}

/// Without the assembly: a plain call.
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
unsafe fn lt_watched_call(watched: *mut Watched) {
    // SAFETY: as the caller of `call` vouches.
    unsafe { ((*watched).function)((*watched).argument) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::atomic::{AtomicU32, Ordering};

    unsafe extern "C-unwind" fn count(times: *mut c_void) {
        // SAFETY: the tests pass counters.
        unsafe { &*times.cast::<AtomicU32>() }.fetch_add(1, Ordering::Relaxed);
    }

    unsafe extern "C-unwind" fn panic_loudly(_: *mut c_void) {
        panic!("passes a cleanup on its way");
    }

    #[test]
    fn the_cleanup_runs_for_a_panic_and_not_for_a_return() {
        let (called, cleaned) = (AtomicU32::new(0), AtomicU32::new(0));
        let argument = |counter: &AtomicU32| core::ptr::from_ref(counter).cast_mut().cast();
        // SAFETY: the functions take these arguments.
        unsafe { call(count, argument(&called), count, argument(&cleaned)) };
        assert_eq!((called.load(Ordering::Relaxed), cleaned.load(Ordering::Relaxed)), (1, 0));
        // SAFETY: as above.
        let panicked = std::panic::catch_unwind(|| unsafe {
            call(panic_loudly, core::ptr::null_mut(), count, argument(&cleaned));
        });
        assert!(panicked.is_err());
        assert_eq!(cleaned.load(Ordering::Relaxed), 1);
    }
}
