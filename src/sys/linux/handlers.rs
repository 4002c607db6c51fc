//! The C library's own list of what is to be called when a thread is left.
//!
//! It is older than unwinding: `pthread_exit` and `pthread_cancel` call the handlers in it, innermost first. On
//! musl, which unwinds nothing, `pthread_cleanup_push` puts them there; glibc keeps the list for programs of
//! old, calls what is in a frame when it has unwound that, and the rest where it can unwind no further. The
//! cleanups of this library stand in it as well. So they run even where nothing can be unwound: past frames
//! without tables, on a foreign thread of musl's, in a program that was linked without the tables.
//!
//! A handler lies on the stack. Whoever takes frames away by unwinding must see to those in them: an
//! exception that is caught forgets them; lt_exit calls each in time ([`crate::sys::leave`] on musl).

use crate::base::record::Function;
use core::ffi::{c_int, c_void};

/// An entry of the list: musl's `struct __ptcb`, glibc's `struct _pthread_cleanup_buffer`.
#[repr(C)]
pub struct Handler {
    function: Option<Function>,
    argument: *mut c_void,
    #[cfg(target_env = "gnu")]
    cancel_type: c_int,
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
        Handler {
            function: None,
            argument: core::ptr::null_mut(),
            #[cfg(target_env = "gnu")]
            cancel_type: 0,
            next: core::ptr::null_mut(),
        }
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

    #[cfg(target_env = "musl")]
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
