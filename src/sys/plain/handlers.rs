//! No list of what is to be called when a thread is left.

use crate::base::record::Function;
use core::ffi::c_void;

#[repr(C)]
pub struct Handler {
    _nothing: [u8; 0],
}

#[derive(Clone, Copy)]
pub struct Pending;

#[allow(clippy::unused_self, reason = "as where there is one")]
impl Handler {
    pub const fn new() -> Handler {
        Handler { _nothing: [] }
    }

    pub unsafe fn push(&mut self, _function: Function, _argument: *mut c_void) {}

    pub unsafe fn pop(&mut self) {}
}

#[allow(clippy::unused_self, reason = "as where there is one")]
impl Pending {
    pub fn now() -> Pending {
        Pending
    }

    pub unsafe fn restore(self) {}
}
