//! Calling the user's code, and catching what it throws.
//!
//! [`call`] is written in assembly for the sake of one thing that Rust cannot say: a frame with a
//! personality of its own. The personality lets forced unwinding (lt_exit, pthread_cancel) pass, and
//! stops every exception, of whatever language, at this frame. In the search phase, while the stack of
//! the throw is still whole, it writes down the frames; then the unwinder runs the cleanups of the
//! frames above and lands behind the call. Between user code and the thread's first frame there is
//! nothing of ours that has a destructor.
//!
//! Where there is no such assembly, an exception ends the process as it does from a plain thread.

use crate::base::handlers::Pending;
use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::ops::Deref;

pub use crate::base::record::Function;

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
pub(super) unsafe fn walk(
    function: extern "C" fn(*mut Context, *mut c_void) -> c_int,
    argument: *mut c_void,
) {
    // SAFETY: as the caller vouches.
    unsafe { _Unwind_Backtrace(function, argument) };
}

extern "C" fn push_frame(context: *mut Context, frames: *mut c_void) -> c_int {
    // SAFETY: `here` passes its own frames, and waits for the end of the walk.
    let frames = unsafe { &mut *frames.cast::<Frames>() };
    let Some(slot) = frames.addresses.get_mut(frames.count) else { return END_OF_STACK };
    // SAFETY: the context is the unwinder's, for the time of this callback.
    slot.write(unsafe { _Unwind_GetIP(context) });
    frames.count += 1;
    NO_REASON
}

/// One call of user code: what is called, and what it threw. The assembly knows the first two fields. Small, and
/// without a destructor: such calls are on the stack under each other.
#[repr(C)]
struct Guarded {
    function: Function,
    argument: *mut c_void,
    exception: *mut Exception,
    /// Boxed when something is thrown; NULL without memory for it.
    frames: *mut Frames,
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
    let mut guarded =
        Guarded { function, argument, exception: core::ptr::null_mut(), frames: core::ptr::null_mut() };
    let pending = Pending::now();
    // SAFETY: as the caller vouches. Nothing in this frame has a destructor.
    if unsafe { lt_guarded_call(&mut guarded) } == 0 {
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
    #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
    return catching::covers(return_address);
    #[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
    return {
        let _ = return_address;
        false
    };
}

/// The head of every exception, by the ABI that all languages here share.
#[repr(C, align(16))]
pub struct Exception {
    /// Says which language made it.
    pub class: u64,
    pub cleanup: Option<unsafe extern "C-unwind" fn(c_int, *mut Exception)>,
    private: [usize; 2],
}

impl Exception {
    pub const fn new(class: u64, cleanup: unsafe extern "C-unwind" fn(c_int, *mut Exception)) -> Exception {
        Exception { class, cleanup: Some(cleanup), private: [0; 2] }
    }
}

/// Throws. Returns only where nothing on the stack would catch.
///
/// # Safety
/// The exception stays valid until its cleanup is called.
pub unsafe fn throw(exception: *mut Exception) {
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
pub(super) struct Context {
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
    fn _Unwind_GetIP(context: *mut Context) -> usize;
}

pub(super) const NO_REASON: c_int = 0;
pub(super) const END_OF_STACK: c_int = 5;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
use catching::lt_guarded_call;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod catching {
    use super::{Context, Exception, Frames, Guarded};
    use crate::base::frame::{
        CONTINUE_UNWIND, FORCE_UNWIND, HANDLER_FOUND, INSTALL_CONTEXT, SEARCH_PHASE, frame, land, record_of,
    };
    use crate::base::heap::boxed;
    use core::ffi::c_int;
    use core::ptr;

    unsafe extern "C-unwind" {
        /// 0 if the function returned, 1 if something was caught.
        pub(super) fn lt_guarded_call(guarded: *mut Guarded) -> c_int;
    }

    unsafe extern "C" {
        /// Where the unwinder lands, in the frame of `lt_guarded_call`.
        fn lt_guarded_landing();
    }

    /// The call in it lies before the landing.
    pub(super) fn covers(return_address: usize) -> bool {
        let start = lt_guarded_call as unsafe extern "C-unwind" fn(*mut Guarded) -> c_int as usize;
        let landing = lt_guarded_landing as unsafe extern "C" fn() as usize;
        (start..landing).contains(&return_address)
    }

    /// The personality of `lt_guarded_call`.
    extern "C" fn personality(
        _version: c_int,
        actions: c_int,
        _class: u64,
        exception: *mut Exception,
        context: *mut Context,
    ) -> c_int {
        if actions & FORCE_UNWIND != 0 {
            return CONTINUE_UNWIND;
        }
        if actions & SEARCH_PHASE != 0 {
            // SAFETY: the register holds the call's record, as the assembly says, and that lives in
            // the frame below, which waits.
            let guarded = unsafe { &mut *record_of::<Guarded>(context) };
            guarded.exception = exception;
            let frames = boxed(Frames::here()).map_or(ptr::null_mut(), Box::into_raw);
            let before = core::mem::replace(&mut guarded.frames, frames);
            if !before.is_null() {
                // SAFETY: boxed here, for another exception, which has ended on the way.
                drop(unsafe { Box::from_raw(before) });
            }
            return HANDLER_FOUND;
        }
        // SAFETY: the landing is in the frame of the context and finds its record in the register.
        unsafe { land(context, lt_guarded_landing) };
        INSTALL_CONTEXT
    }

    // Caught: returns 1 to the caller.
    #[cfg(target_arch = "x86_64")]
    frame!(
        "lt_guarded_call",
        "lt_guarded_landing",
        personality,
        r#"
    mov eax, 1
    pop rbx
    .cfi_def_cfa_offset 8
    .cfi_restore rbx
    ret
    "#
    );

    #[cfg(target_arch = "aarch64")]
    frame!(
        "lt_guarded_call",
        "lt_guarded_landing",
        personality,
        r#"
    mov w0, #1
    ldr x19, [sp, #16]
    ldp x29, x30, [sp], #32
    .cfi_def_cfa_offset 0
    .cfi_restore x19
    .cfi_restore x29
    .cfi_restore x30
    ret
    "#
    );
}

/// Without the assembly: a plain call.
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
unsafe fn lt_guarded_call(guarded: *mut Guarded) -> c_int {
    // SAFETY: as the caller of `call` vouches.
    unsafe { ((*guarded).function)((*guarded).argument) };
    0
}

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
        assert!(caught.frames.addresses().len() > 3);
        assert!(!caught.exception.is_null());
    }
}
