//! A descriptor that is readable or not, as this library says: a pipe, with a byte in it or none.

use super::above::above_standard;
use super::cancellation::put_off;
use super::errno;
use crate::base::errno::Errno;
use core::ffi::c_int;

#[derive(Clone, Copy, Debug)]
pub struct Readable {
    read: c_int,
    write: c_int,
}

impl Readable {
    /// One that is not. The errno if there is none to be had.
    pub fn new() -> Result<Readable, c_int> {
        let _errno = Errno::keep();
        let mut ends = [-1; 2];
        // SAFETY: room for two descriptors.
        if unsafe { libc::pipe(ends.as_mut_ptr()) } < 0 {
            return Err(errno::get());
        }
        let [read, write] = ends.map(above_standard);
        let (read, write) = match (read, write) {
            (Ok(read), Ok(write)) => (read, write),
            (Ok(end), Err(error)) | (Err(error), Ok(end)) => {
                // SAFETY: its own, and nobody's yet.
                put_off(|| unsafe { libc::close(end) });
                return Err(error);
            }
            (Err(error), Err(_)) => return Err(error),
        };
        for end in [read, write] {
            // SAFETY: its own descriptors. Not in one step with the pipe, which macOS has no way to: a program that is
            // started just now has it too, and keeps it open.
            unsafe {
                libc::fcntl(end, libc::F_SETFD, libc::FD_CLOEXEC);
                libc::fcntl(end, libc::F_SETFL, libc::O_NONBLOCK);
            }
        }
        Ok(Readable { read, write })
    }

    pub fn fd(self) -> c_int {
        self.read
    }

    /// From now on it is, which is an edge also where it was. Async-signal-safe, as `lower` is.
    pub fn raise(self) {
        // So that it never fills up.
        self.lower();
        let _errno = Errno::keep();
        // SAFETY: one byte to be read.
        put_off(|| unsafe { libc::write(self.write, [1_u8].as_ptr().cast(), 1) });
    }

    /// From now on it is not.
    pub fn lower(self) {
        let _errno = Errno::keep();
        let mut bytes = [0_u8; 16];
        // SAFETY: room for as many bytes. There never are more.
        put_off(|| unsafe { libc::read(self.read, bytes.as_mut_ptr().cast(), bytes.len()) });
    }

    pub fn close(self) {
        let _errno = Errno::keep();
        for end in [self.read, self.write] {
            // SAFETY: nobody uses it any more.
            put_off(|| unsafe { libc::close(end) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_readable(readable: Readable) -> bool {
        let mut poll = libc::pollfd { fd: readable.fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one descriptor.
        unsafe { libc::poll(&raw mut poll, 1, 0) == 1 }
    }

    #[test]
    fn it_is_as_was_last_said_however_often() {
        let readable = Readable::new().unwrap();
        assert!(!is_readable(readable));
        for _ in 0..100_000 {
            readable.raise();
        }
        assert!(is_readable(readable));
        readable.lower();
        assert!(!is_readable(readable));
        readable.raise();
        assert!(is_readable(readable));
        readable.close();
    }
}
