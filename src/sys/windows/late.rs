//! What is done when the library is loaded: functions are found that not every system has, and the library stays.

use crate::base::atomic::{AtomicPtr, Ordering};
use core::ffi::{CStr, c_void};
use core::ptr;
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
    GetModuleHandleW, GetProcAddress,
};
use windows_sys::w;

/// Names a thread: from Windows 10 on.
pub static SET_THREAD_DESCRIPTION: Late = Late::new(c"SetThreadDescription");

crate::sys::at_load!(load);

fn load() {
    SET_THREAD_DESCRIPTION.find();
    // Unloading would take the code away from under threads that are still running it.
    let mut this = ptr::null_mut();
    let flags = GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS;
    // SAFETY: an address of this module, and a place for its handle.
    unsafe { GetModuleHandleExW(flags, load as *const () as *const u16, &mut this) };
}

/// One such function.
pub struct Late {
    name: &'static CStr,
    /// NULL if this system has none.
    found: AtomicPtr<c_void>,
}

impl Late {
    pub const fn new(name: &'static CStr) -> Late {
        Late { name, found: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Where it is, if this system has it.
    pub fn get(&self) -> Option<*const c_void> {
        // Relaxed: the address is all there is, and code was there before.
        let found = self.found.load(Ordering::Relaxed);
        (!found.is_null()).then_some(found.cast_const())
    }

    fn find(&self) {
        // SAFETY: names of C.
        let found = unsafe {
            let kernel = GetModuleHandleW(w!("kernel32.dll"));
            GetProcAddress(kernel, self.name.as_ptr().cast())
        };
        let found = found.map_or(ptr::null_mut(), |found| found as *mut c_void);
        self.found.store(found, Ordering::Relaxed);
    }
}
