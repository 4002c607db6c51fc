//! A descriptor that is readable or not, as this library says: an eventfd.

use crate::base::errno::Errno;
use crate::sys::errno;
use crate::sys::unix::above::above_standard;
use core::ffi::c_int;

#[derive(Clone, Copy, Debug)]
pub struct Readable(c_int);

impl Readable {
    /// One that is not. The errno if there is none to be had.
    pub fn new() -> Result<Readable, c_int> {
        let _errno = Errno::keep();
        // SAFETY: asks for a descriptor.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 { Err(errno::get()) } else { above_standard(fd).map(Readable) }
    }

    pub fn fd(self) -> c_int {
        self.0
    }

    /// From now on it is, which is an edge also where it was. Async-signal-safe, as `lower` is.
    pub fn raise(self) {
        let one: u64 = 1;
        self.call(libc::SYS_write, (&raw const one).cast_mut());
    }

    /// From now on it is not.
    pub fn lower(self) {
        let mut count: u64 = 0;
        self.call(libc::SYS_read, &raw mut count);
    }

    /// By the system call itself, which is no cancellation point. It does not block: so the one thing that can be wrong
    /// is that there is nothing to read, or that the program has closed it.
    fn call(self, number: libc::c_long, count: *mut u64) {
        let _errno = Errno::keep();
        // SAFETY: a descriptor, and eight bytes to be read or written.
        unsafe { libc::syscall(number, self.0, count, size_of::<u64>()) };
    }

    pub fn close(self) {
        let _errno = Errno::keep();
        // By the system call, as above. SAFETY: nobody uses it any more.
        unsafe { libc::syscall(libc::SYS_close, self.0) };
    }
}
