//! Functions of the system that not every system has, found when this library is loaded.
//!
//! Not when they are needed: `dlsym` waits for the dynamic loader's lock, and whoever loads a library holds it
//! while that library's constructors run. One of those may wait for the very thread that asks.

use crate::base::atomic::{AtomicPtr, Ordering};
use core::ffi::{CStr, c_void};
use core::ptr;

/// glibc, from 2.35 on: which module is loaded at an address. Takes no lock.
pub static FIND_OBJECT: Late = Late::new(c"_dl_find_object");

/// glibc: how large a stack must be at the least, with what the C library itself puts there.
pub static MIN_STACK: Late = Late::new(c"__pthread_get_minstack");

crate::sys::at_load!(find);

fn find() {
    FIND_OBJECT.get();
    MIN_STACK.get();
}

/// One such function.
pub struct Late {
    name: &'static CStr,
    found: AtomicPtr<c_void>,
}

/// Before it was looked for. No function is there.
const NOT_YET: *mut c_void = ptr::without_provenance_mut(1);

impl Late {
    pub const fn new(name: &'static CStr) -> Late {
        Late { name, found: AtomicPtr::new(NOT_YET) }
    }

    /// Where it is, if this system has it.
    pub fn get(&self) -> Option<*const c_void> {
        // Relaxed: the address is all there is, and code was there before.
        let mut found = self.found.load(Ordering::Relaxed);
        if found == NOT_YET {
            // SAFETY: the name is a C string.
            found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, self.name.as_ptr()) };
            self.found.store(found, Ordering::Relaxed);
        }
        (!found.is_null()).then_some(found.cast_const())
    }
}
