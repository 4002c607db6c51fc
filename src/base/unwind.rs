//! Calling the user's code, and catching what it throws.
//!
//! The call is made from a frame with a personality of its own ([`frame`]). That lets forced unwinding (lt_exit,
//! pthread_cancel) pass, and stops every exception, of whatever language. In the search phase, while the stack of
//! the throw is still whole, the frames are written down; then the unwinder runs the cleanups of the
//! frames above and lands behind the call. Between user code and the thread's first frame there is
//! nothing of ours that has a destructor.

use crate::base::heap::boxed;
use crate::sys::exception::PRIVATE_WORDS;
use crate::sys::{frame, handlers::Pending};
use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::ops::Deref;
use core::ptr;

pub use crate::base::record::Function;
pub use crate::sys::exception::{Exception, SEES_THROWS};

/// How many frames of a throw are kept.
pub const FRAMES: usize = 64;

/// The return addresses of a stack, innermost first.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Frames {
    count: usize,
    /// The first `count` are initialised.
    addresses: [MaybeUninit<usize>; FRAMES],
}

impl Frames {
    pub const fn none() -> Frames {
        Frames { count: 0, addresses: [const { MaybeUninit::uninit() }; FRAMES] }
    }

    /// The frames of the caller's stack.
    pub fn here() -> Frames {
        let mut frames = Frames::none();
        // SAFETY: the callback has the type asked for, and gets the frames that live on this stack.
        unsafe { walk(push_frame, (&raw mut frames).cast()) };
        frames
    }

    pub fn addresses(&self) -> &[usize] {
        let initialised = self.addresses.get(..self.count).unwrap_or_default();
        // SAFETY: so many were written; the layout is that of what they wrap.
        unsafe { core::slice::from_raw_parts(initialised.as_ptr().cast(), initialised.len()) }
    }
}

/// Shows each frame of the calling thread's stack to the function, innermost first, until that says
/// `END_OF_STACK`.
///
/// # Safety
/// The function may be called with the argument.
pub unsafe fn walk(function: extern "C" fn(*mut Context, *mut c_void) -> c_int, argument: *mut c_void) {
    // SAFETY: as the caller vouches.
    unsafe { _Unwind_Backtrace(function, argument) };
}

extern "C" fn push_frame(context: *mut Context, frames: *mut c_void) -> c_int {
    // SAFETY: `here` passes its own frames, and waits for the end of the walk.
    let frames = unsafe { &mut *frames.cast::<Frames>() };
    let Some(slot) = frames.addresses.get_mut(frames.count) else { return END_OF_STACK };
    // SAFETY: the context is the unwinder's, for the time of this callback.
    slot.write(unsafe { frame::address_in(context) });
    frames.count += 1;
    NO_REASON
}

/// One call of user code: what is called, and what it threw. The assembly knows the first two fields. Small, and
/// without a destructor: such calls are on the stack under each other.
#[repr(C)]
pub struct Guarded {
    function: Function,
    argument: *mut c_void,
    exception: *mut Exception,
    /// Boxed when something is thrown; NULL without memory for it.
    frames: *mut Frames,
}

impl Guarded {
    /// Makes the call, from a frame that cannot do more.
    ///
    /// # Safety
    /// The function may be called with the argument.
    #[allow(dead_code, reason = "where no frame can do more")]
    pub unsafe fn call(&self) {
        // SAFETY: as the caller vouches.
        unsafe { (self.function)(self.argument) };
    }

    /// The user code has thrown this, and its stack is still whole.
    pub fn thrown(&mut self, exception: *mut Exception) {
        self.exception = exception;
        let frames = if SEES_THROWS { boxed(Frames::here()).ok() } else { None };
        let frames = frames.map_or(ptr::null_mut(), Box::into_raw);
        let before = core::mem::replace(&mut self.frames, frames);
        if !before.is_null() {
            // SAFETY: boxed here, for another exception, which has ended on the way.
            drop(unsafe { Box::from_raw(before) });
        }
    }
}

/// An exception that was stopped: whoever gets it ends it.
pub struct Caught {
    pub exception: *mut Exception,
    pub frames: Thrown,
}

/// The frames of a throw; none if there was no memory for them.
pub struct Thrown(Option<Box<Frames>>);

impl Thrown {
    /// Out of their box: for a frame that code of the user's is called from.
    pub fn unboxed(self) -> Frames {
        self.0.map_or(Frames::none(), crate::base::heap::unboxed)
    }
}

impl Deref for Thrown {
    type Target = Frames;
    fn deref(&self) -> &Frames {
        static NONE: Frames = Frames::none();
        self.0.as_deref().unwrap_or(&NONE)
    }
}

/// Calls `function(argument)`; what it threw, if it did. That is caught; forced unwinding passes through.
///
/// # Safety
/// The function may be called with the argument.
#[inline]
pub unsafe fn call(function: Function, argument: *mut c_void) -> Option<Caught> {
    let mut guarded = Guarded { function, argument, exception: ptr::null_mut(), frames: ptr::null_mut() };
    let pending = Pending::now();
    // SAFETY: as the caller vouches. Nothing in this frame has a destructor.
    if unsafe { !frame::catch(&mut guarded) } {
        None
    } else {
        // SAFETY: what was pushed since was in the frames that are gone.
        unsafe { pending.restore() };
        // SAFETY: NULL or boxed, and nobody else's.
        let frames = (!guarded.frames.is_null()).then(|| unsafe { Box::from_raw(guarded.frames) });
        Some(Caught { exception: guarded.exception, frames: Thrown(frames) })
    }
}

/// Whether this is where [`call`]'s frame goes on: below it, nothing is the user's.
pub fn is_foundation(return_address: usize) -> bool {
    frame::covers(return_address)
}

impl Exception {
    pub const fn new(class: u64, cleanup: unsafe extern "C-unwind" fn(c_int, *mut Exception)) -> Exception {
        Exception { class, cleanup: Some(cleanup), private: [0; PRIVATE_WORDS] }
    }
}

/// Throws. Returns only where nothing on the stack would catch.
///
/// # Safety
/// The exception stays valid until its cleanup is called.
pub unsafe fn throw(exception: *mut Exception) {
    frame::prepare_throw();
    // SAFETY: as the caller vouches.
    unsafe { _Unwind_RaiseException(exception) };
}

/// Ends an exception, by its own language's means.
///
/// # Safety
/// The exception was caught, and nobody uses it any more.
pub unsafe fn delete(exception: *mut Exception) {
    // SAFETY: as the caller vouches.
    unsafe { _Unwind_DeleteException(exception) };
}

/// The unwinder's view of one frame.
#[repr(C)]
pub struct Context {
    _opaque: [u8; 0],
}

unsafe extern "C-unwind" {
    fn _Unwind_RaiseException(exception: *mut Exception) -> c_int;
    fn _Unwind_DeleteException(exception: *mut Exception);
}

unsafe extern "C" {
    fn _Unwind_Backtrace(
        callback: extern "C" fn(*mut Context, *mut c_void) -> c_int,
        argument: *mut c_void,
    ) -> c_int;
}

pub const NO_REASON: c_int = 0;
pub const END_OF_STACK: c_int = 5;

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C-unwind" fn return_quietly(argument: *mut c_void) {
        // SAFETY: the test passes a flag.
        unsafe { *argument.cast::<bool>() = true };
    }

    unsafe extern "C-unwind" fn panic_loudly(_: *mut c_void) {
        panic!("caught by the test");
    }

    #[test]
    fn a_return_is_a_return() {
        let mut called = false;
        // SAFETY: the argument is what the function asks for.
        assert!(unsafe { call(return_quietly, (&raw mut called).cast()) }.is_none());
        assert!(called);
    }

    #[test]
    fn a_panic_is_caught_with_the_frames_of_its_throw() {
        // SAFETY: the function takes any argument.
        let caught = unsafe { call(panic_loudly, core::ptr::null_mut()) }.unwrap();
        assert!(caught.frames.addresses().len() > 3 || !SEES_THROWS);
        assert!(!caught.exception.is_null());
    }
}
