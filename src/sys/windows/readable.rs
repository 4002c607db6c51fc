//! A descriptor that is readable or not, as this library says: there is none here that a program could poll.

use core::ffi::c_int;

#[derive(Clone, Copy, Debug)]
pub enum Readable {}

impl Readable {
    pub fn new() -> Result<Readable, c_int> {
        Err(0)
    }

    pub fn fd(self) -> c_int {
        match self {}
    }

    pub fn raise(self) {
        match self {}
    }

    pub fn lower(self) {
        match self {}
    }

    pub fn close(self) {
        match self {}
    }
}
