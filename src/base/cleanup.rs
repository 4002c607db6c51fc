//! Calling the user's code, and being told when it is left by unwinding.
//!
//! What a destructor is to C++: whether an exception or lt_exit leaves the called function, the cleanup
//! runs on the way, and the unwinding goes on. Like [`crate::base::unwind`], this needs a frame with a
//! personality of its own; a frame of Rust with a destructor must not be in the way of lt_exit.

use crate::base::unwind::Function;
use crate::sys::{frame, handlers::Handler};
use core::ffi::c_void;

/// One call of user code. The assembly knows the fields before the last.
#[repr(C)]
pub struct Watched {
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
        frame::watch(watched);
        (*watched).handler.pop();
    }
}

impl Watched {
    /// Makes the call, from a frame that cannot do more.
    ///
    /// # Safety
    /// The function may be called with the argument.
    #[allow(dead_code, reason = "where no frame can do more")]
    pub unsafe fn call(&self) {
        // SAFETY: as the caller vouches.
        unsafe { (self.function)(self.argument) };
    }

    /// An unwinding comes by. Whether the cleanup is to be called now: the caller lands where that is done, and
    /// then goes on with the exception.
    ///
    /// # Safety
    /// The call is being left.
    pub unsafe fn leave(&mut self, exception: *mut c_void) -> bool {
        if core::mem::replace(&mut self.cleaned, true) {
            return false;
        }
        // SAFETY: pushed before the call, which is being left.
        unsafe { self.handler.pop() };
        self.exception = exception;
        true
    }
}

/// The thread ends here without any unwinding.
///
/// # Safety
/// The argument is a call's record, whose frame waits.
pub unsafe extern "C-unwind" fn clean(watched: *mut c_void) {
    // SAFETY: as the caller vouches.
    unsafe {
        let watched = &mut *watched.cast::<Watched>();
        watched.cleaned = true;
        (watched.cleanup)(watched.cleanup_argument);
    }
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
