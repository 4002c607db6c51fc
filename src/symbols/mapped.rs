//! A file in memory, to be read.

use core::ffi::c_void;
use core::ops::Deref;
use core::ptr;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The bytes of a file. Pages that nobody looks at are not read.
pub struct Mapped {
    start: *const u8,
    length: usize,
}

impl Mapped {
    pub fn open(path: &Path) -> Option<Mapped> {
        // What is no file must not be waited for.
        let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path).ok()?;
        let status = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        let length = usize::try_from(status.len()).ok().filter(|length| *length > 0)?;
        // SAFETY: a new mapping, that nobody writes to.
        let start = unsafe {
            libc::mmap(ptr::null_mut(), length, libc::PROT_READ, libc::MAP_PRIVATE, file.as_raw_fd(), 0)
        };
        (start != libc::MAP_FAILED).then_some(Mapped { start: start.cast(), length })
    }
}

impl Deref for Mapped {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: mapped with this length until it is dropped.
        unsafe { core::slice::from_raw_parts(self.start, self.length) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: mapped by `open`, and borrowed by nobody any more.
        unsafe { libc::munmap(self.start.cast_mut().cast::<c_void>(), self.length) };
    }
}
