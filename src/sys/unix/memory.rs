//! Pages.

use crate::base::errno;
use core::ffi::c_void;
use core::ptr;

/// So many bytes of zeros, which cost nothing before they are written. None without memory for them.
pub fn map(bytes: usize) -> Option<*mut c_void> {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON);
    // SAFETY: any new memory will do.
    let memory = errno::keeping(|| unsafe { libc::mmap(ptr::null_mut(), bytes, access, kind, -1, 0) });
    (memory != libc::MAP_FAILED).then_some(memory)
}

/// Gives back what was mapped.
///
/// # Safety
/// From `map`, with this size, and nobody uses it any more.
pub unsafe fn unmap(memory: *mut c_void, bytes: usize) {
    // SAFETY: as the caller vouches.
    unsafe { libc::munmap(memory, bytes) };
}

/// The size of a page.
pub fn page() -> usize {
    // SAFETY: reads a constant of the system.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// Nobody looks for leaks.
#[allow(dead_code, reason = "on Linux somebody may")]
pub fn tell_leak_checker(_memory: *mut c_void, _bytes: usize) {}
