//! What the user wants to be called for each thing that is discarded.

use crate::base::atomic::{AtomicPtr, Ordering};
use crate::base::unwind::Function;
use core::ffi::c_void;
use core::ptr;

/// A function of the user's, or none.
#[derive(Debug)]
pub struct Discard(AtomicPtr<()>);

impl Discard {
    pub const fn none() -> Discard {
        Discard(AtomicPtr::new(ptr::null_mut()))
    }

    pub fn set(&self, function: Option<Function>) {
        let function = function.map_or(ptr::null_mut(), |function| function as *mut ());
        // Release: what the user prepared for it happens before its calls.
        self.0.store(function, Ordering::Release);
    }

    /// Calls the function, if there is one.
    ///
    /// # Safety
    /// The thing is the user's. Nothing in the frames between here and the user's has a destructor.
    pub unsafe fn call(&self, thing: *mut c_void) {
        // Acquire: pairs with `set`.
        let function = self.0.load(Ordering::Acquire);
        if !function.is_null() {
            // SAFETY: set by `set`, and the user's to be called with such things.
            unsafe { core::mem::transmute::<*mut (), Function>(function)(thing) };
        }
    }
}
