//! The process.

use super::errno;
use core::ffi::{CStr, c_int};
use core::ptr;
use windows_sys::Win32::Storage::FileSystem::WriteFile;
use windows_sys::Win32::System::Console::{GetStdHandle, STD_ERROR_HANDLE};
use windows_sys::Win32::System::Threading::{ALL_PROCESSOR_GROUPS, GetActiveProcessorCount};

/// Writes all of it to the standard error, if that takes it.
pub fn write_error(mut text: &[u8]) {
    while !text.is_empty() {
        let mut written = 0;
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        // SAFETY: the bytes are there to be read; the handle may be none, which is refused.
        let taken = unsafe {
            WriteFile(GetStdHandle(STD_ERROR_HANDLE), text.as_ptr(), length, &mut written, ptr::null_mut())
        };
        if taken == 0 || written == 0 {
            return;
        }
        text = text.get(written as usize..).unwrap_or_default();
    }
}

/// Writes all of it; whether the C library's descriptor has taken that.
pub fn write(fd: c_int, mut text: &[u8]) -> bool {
    while !text.is_empty() {
        // SAFETY: the bytes are there to be read.
        let written = unsafe { libc::write(fd, text.as_ptr().cast(), text.len() as libc::c_uint) };
        match usize::try_from(written) {
            Ok(n) if n > 0 => text = text.get(n..).unwrap_or_default(),
            _ => return false,
        }
    }
    true
}

/// The same: there are no FIFOs.
pub fn write_in_time(fd: c_int, text: &[u8]) -> bool {
    write(fd, text)
}

/// A descriptor of the C library's for writing a file, which is empty then; or the errno.
pub fn create(path: &CStr) -> Result<c_int, c_int> {
    let how = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_BINARY | libc::O_NOINHERIT;
    // SAFETY: a C string.
    match unsafe { libc::open(path.as_ptr(), how, 0o600) } {
        -1 => Err(errno::get().0),
        fd => Ok(fd),
    }
}

/// The C library does not tell which file is behind a descriptor.
pub fn file(_fd: c_int) -> Result<[u64; 2], c_int> {
    Ok([0; 2])
}

/// Gives a descriptor back.
pub fn close(fd: c_int) {
    // SAFETY: the caller's own.
    unsafe { libc::close(fd) };
}

/// Whether the program has rights that who started it has not: there are no such programs.
pub fn is_privileged() -> bool {
    false
}

/// The number of the process.
pub fn id() -> u32 {
    std::process::id()
}

/// How many processors there are.
pub fn processors() -> u32 {
    // SAFETY: asks for a number.
    unsafe { GetActiveProcessorCount(ALL_PROCESSOR_GROUPS) }.max(1)
}
