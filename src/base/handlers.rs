//! The C library's own list of what is to be called when a thread is left, where that is all there is.
//!
//! musl unwinds nothing: its `pthread_exit` and `pthread_cancel` call the handlers in a list of the thread's,
//! innermost first, which `pthread_cleanup_push` puts there. The cleanups of this library stand in it too,
//! so they run even where nothing can be unwound: on threads that the library did not start, past frames
//! without tables, in a program that was linked without them.
//!
//! A handler lies on the stack. Whoever takes frames away by unwinding must see to those in them: an
//! exception that is caught forgets them, as it does everywhere in a C library without unwinding; lt_exit
//! calls each in time ([`crate::base::forced`]).
//!
//! Elsewhere the handlers are cleanups of frames, which the unwinder finds, and nothing here does anything.

#[cfg(not(target_env = "musl"))]
pub(super) use elsewhere::{Handler, Pending};
#[cfg(target_env = "musl")]
pub(super) use musl::{Handler, Pending};

#[cfg(target_env = "musl")]
mod musl {
    use crate::base::record::Function;
    use core::ffi::{c_int, c_void};

    /// An entry of the list, as musl's `struct __ptcb` has it.
    #[repr(C)]
    pub struct Handler {
        function: Option<Function>,
        argument: *mut c_void,
        next: *mut Handler,
    }

    /// The handlers that are pending at some moment.
    #[derive(Clone, Copy)]
    pub struct Pending {
        innermost: *mut Handler,
    }

    unsafe extern "C-unwind" {
        /// Sets all fields, and makes this the innermost.
        fn _pthread_cleanup_push(handler: *mut Handler, function: Function, argument: *mut c_void);
        /// Makes the next one the innermost; calls the function if asked to.
        fn _pthread_cleanup_pop(handler: *mut Handler, call: c_int);
    }

    impl Handler {
        pub const fn new() -> Handler {
            Handler { function: None, argument: core::ptr::null_mut(), next: core::ptr::null_mut() }
        }

        /// Has `function(argument)` called when the thread is left.
        ///
        /// # Safety
        /// The handler stays where it is, and the function may be called, until the pop.
        pub unsafe fn push(&mut self, function: Function, argument: *mut c_void) {
            // SAFETY: as the caller vouches.
            unsafe { _pthread_cleanup_push(self, function, argument) };
        }

        /// Takes this one, and what was pushed after it, off the list again.
        ///
        /// # Safety
        /// It is on the list of the calling thread.
        pub unsafe fn pop(&mut self) {
            // SAFETY: as the caller vouches.
            unsafe { _pthread_cleanup_pop(self, 0) };
        }
    }

    impl Pending {
        pub fn now() -> Pending {
            unsafe extern "C-unwind" fn nothing(_: *mut c_void) {}
            let mut probe = Handler::new();
            // SAFETY: on the list for no longer than it takes to see what it was put before.
            unsafe {
                probe.push(nothing, core::ptr::null_mut());
                probe.pop();
            }
            Pending { innermost: probe.next }
        }

        /// Forgets what was pushed since.
        ///
        /// # Safety
        /// What was pending then has not been popped.
        pub unsafe fn restore(self) {
            let mut above = Handler { next: self.innermost, ..Handler::new() };
            // SAFETY: as if this one had been pushed then.
            unsafe { above.pop() };
        }

        /// Calls the pending handlers that lie below an address of the stack, innermost first.
        ///
        /// # Safety
        /// Their frames are still whole. Nothing in the caller's frame has a destructor.
        pub unsafe fn call_below(address: usize) {
            loop {
                let innermost = Pending::now().innermost;
                if innermost.is_null() || innermost.addr() >= address {
                    return;
                }
                // SAFETY: on the list, and as the caller vouches.
                unsafe { _pthread_cleanup_pop(innermost, 1) };
            }
        }
    }
}

#[cfg(not(target_env = "musl"))]
#[allow(clippy::unused_self, reason = "as on musl")]
mod elsewhere {
    use crate::base::record::Function;
    use core::ffi::c_void;

    #[repr(C)]
    pub struct Handler {
        _nothing: [u8; 0],
    }

    #[derive(Clone, Copy)]
    pub struct Pending;

    impl Handler {
        pub const fn new() -> Handler {
            Handler { _nothing: [] }
        }

        pub unsafe fn push(&mut self, _function: Function, _argument: *mut c_void) {}

        pub unsafe fn pop(&mut self) {}
    }

    impl Pending {
        pub fn now() -> Pending {
            Pending
        }

        pub unsafe fn restore(self) {}
    }
}
