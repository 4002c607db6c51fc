//! The process.

use super::cancellation::PutOff;
use super::errno;
use core::ffi::c_int;

/// Writes all of it to the standard error, if that takes it.
pub fn write_error(text: &[u8]) {
    write(libc::STDERR_FILENO, text);
}

/// Writes all of it; whether the descriptor has taken that. Async-signal-safe.
pub fn write(fd: c_int, mut text: &[u8]) -> bool {
    // A write is a cancellation point, and the caller is none.
    let _put_off = PutOff::begin();
    while !text.is_empty() {
        // SAFETY: the bytes are there to be read.
        let written = unsafe { libc::write(fd, text.as_ptr().cast(), text.len()) };
        match usize::try_from(written) {
            Ok(n) => text = text.get(n..).unwrap_or_default(),
            Err(_) if errno::get() == libc::EINTR => (),
            Err(_) => return false,
        }
    }
    true
}

/// How many processors there are.
pub fn processors() -> u32 {
    // SAFETY: asks for a number.
    u32::try_from(unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) }).unwrap_or(1)
}
