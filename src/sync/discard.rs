//! What the user wants to be called for each thing that is discarded.

use crate::base::atomic::{AtomicPtr, Ordering};
use crate::base::unwind::Function;
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

    pub fn get(&self) -> Option<Function> {
        // Acquire: pairs with `set`.
        let function = self.0.load(Ordering::Acquire);
        // SAFETY: NULL, or set by `set`.
        unsafe { core::mem::transmute::<*mut (), Option<Function>>(function) }
    }
}
