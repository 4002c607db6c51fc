//! No way to tell other processes of the same user something.

use core::convert::Infallible;
use core::ffi::{CStr, c_int};

pub struct Local(Infallible);

impl Local {
    pub fn listen(_path: &CStr) -> Result<Local, c_int> {
        Err(0)
    }

    pub fn fd(&self) -> c_int {
        match self.0 {}
    }

    pub fn remove(&self) {
        match self.0 {}
    }

    pub fn accept(&self) -> Result<Option<Client>, c_int> {
        match self.0 {}
    }
}

pub struct Client(Infallible);

impl Client {
    pub fn write(&self, _text: &[u8]) -> bool {
        match self.0 {}
    }
}
