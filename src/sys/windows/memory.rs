//! Pages.

use crate::base::errno;
use core::ffi::c_void;
use core::ptr;
use windows_sys::Win32::System::Memory::{
    MEM_COMMIT, MEM_RELEASE, MEM_RESERVE, PAGE_READWRITE, VirtualAlloc, VirtualFree,
};
use windows_sys::Win32::System::SystemInformation::{GetSystemInfo, SYSTEM_INFO};

/// So many bytes of zeros, which take no page before they are written. None without memory for them.
pub fn map(bytes: usize) -> Option<*mut c_void> {
    // SAFETY: any new memory will do.
    let memory = errno::keeping(|| unsafe {
        VirtualAlloc(ptr::null(), bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE)
    });
    (!memory.is_null()).then_some(memory)
}

/// Gives back what was mapped.
///
/// # Safety
/// From `map`, and nobody uses it any more.
pub unsafe fn unmap(memory: *mut c_void, _bytes: usize) {
    // SAFETY: as the caller vouches.
    unsafe { VirtualFree(memory, 0, MEM_RELEASE) };
}

/// The size of a page.
pub fn page() -> usize {
    let mut info = SYSTEM_INFO::default();
    // SAFETY: writes what there is to know. It cannot fail.
    unsafe { GetSystemInfo(&mut info) };
    info.dwPageSize as usize
}

/// Nobody looks for leaks.
pub fn tell_leak_checker(_memory: *mut c_void, _bytes: usize) {}
