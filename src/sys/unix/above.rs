//! A descriptor that is none of the standard ones. A program may have closed those: what somebody prints must not land in
//! what is the library's own.

use super::cancellation::put_off;
use super::errno;
use core::ffi::c_int;

/// The descriptor, or one for the same thing in its place; the errno if there is none to be had, and then it is closed.
pub fn above_standard(fd: c_int) -> Result<c_int, c_int> {
    if fd > libc::STDERR_FILENO {
        return Ok(fd);
    }
    // SAFETY: asks for a copy of the caller's own descriptor.
    let higher = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, libc::STDERR_FILENO + 1) };
    let higher = if higher < 0 { Err(errno::get()) } else { Ok(higher) };
    // SAFETY: the caller's own, which it has the copy of.
    put_off(|| unsafe { libc::close(fd) });
    higher
}
