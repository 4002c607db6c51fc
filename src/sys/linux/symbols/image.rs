//! A file in memory, as far as it was looked at: it is read chunk by chunk, when something in it is wanted.
//!
//! It is not mapped: a page that is gone since, because somebody made the file shorter, would end the process.
//! Nor is the memory from the allocator, which would keep some of it, and change its ways after a large block.

use super::budget::Budget;
use core::cell::Cell;
use core::ffi::c_void;
use core::ops::Range;
use core::ptr;
use object::ReadRef;
use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// The file at a path, if it is one.
pub fn open(path: &Path) -> Option<(File, Metadata)> {
    // What is no file must not be waited for.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path).ok()?;
    let status = file.metadata().ok().filter(Metadata::is_file)?;
    Some((file, status))
}

/// What is read at once.
const CHUNK: usize = 16 << 10;

/// Names that are longer do not count.
const LONGEST_NAME: usize = 64 << 10;

/// The bytes of a file, or of a section that was packed.
pub struct Image<'b> {
    /// Zeros from the system, which cost nothing before they are written.
    start: *mut u8,
    length: usize,
    /// Which chunks are there; these do not change any more.
    chunks: Vec<Cell<bool>>,
    /// Where the others come from.
    file: Option<File>,
    pub budget: &'b Budget,
}

impl<'b> Image<'b> {
    pub fn of(file: File, budget: &'b Budget) -> Option<Image<'b>> {
        let length = usize::try_from(file.metadata().ok()?.len()).ok()?;
        Image::zeros(length, Some(file), budget)
    }

    /// What somebody writes into so many bytes.
    pub fn filled(
        length: usize,
        budget: &'b Budget,
        fill: impl FnOnce(&mut [u8]) -> bool,
    ) -> Option<Image<'b>> {
        let image = budget.take_bytes(length).then(|| Image::zeros(length, None, budget))??;
        // SAFETY: the memory of the image, which nobody else knows yet.
        fill(unsafe { core::slice::from_raw_parts_mut(image.start, length) }).then_some(image)
    }

    fn zeros(length: usize, file: Option<File>, budget: &'b Budget) -> Option<Image<'b>> {
        let mut chunks = Vec::new();
        chunks.try_reserve_exact(length.div_ceil(CHUNK)).ok()?;
        chunks.resize(length.div_ceil(CHUNK), Cell::new(file.is_none()));
        let (access, kind) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE);
        // SAFETY: any new memory will do. No length is an error.
        let start = unsafe { libc::mmap(ptr::null_mut(), length, access, kind, -1, 0) };
        let there = start != libc::MAP_FAILED;
        there.then(|| Image { start: start.cast(), length, chunks, file, budget })
    }

    pub fn length(&self) -> usize {
        self.length
    }

    /// So many bytes from there on.
    #[inline]
    pub fn get(&self, start: usize, length: usize) -> Option<&[u8]> {
        let end = start.checked_add(length).filter(|end| *end <= self.length)?;
        let (first, last) = (start / CHUNK, end.saturating_sub(1) / CHUNK);
        let there = first == last && self.chunks.get(first).is_some_and(Cell::get);
        if !there && length > 0 {
            self.fetch(first..last + 1)?;
        }
        // SAFETY: within the memory, and in chunks that are there.
        Some(unsafe { core::slice::from_raw_parts(self.start.add(start), length) })
    }

    #[cold]
    fn fetch(&self, numbers: Range<usize>) -> Option<()> {
        for (number, chunk) in numbers.clone().zip(self.chunks.get(numbers)?) {
            if !chunk.get() {
                self.read(number)?;
                chunk.set(true);
            }
        }
        Some(())
    }

    fn read(&self, chunk: usize) -> Option<()> {
        let start = chunk * CHUNK;
        let length = CHUNK.min(self.length - start);
        if !self.budget.take_bytes(length) {
            return None;
        }
        // SAFETY: within the memory, and nobody is given a chunk before it is there.
        let mut rest = unsafe { core::slice::from_raw_parts_mut(self.start.add(start), length) };
        while !rest.is_empty() {
            match self.file.as_ref()?.read_at(rest, (start + length - rest.len()) as u64) {
                // The file has become shorter.
                Ok(0) => return None,
                Ok(read) => rest = rest.get_mut(read..)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(_) => return None,
            }
        }
        Some(())
    }

    /// How far it is from there to this byte, if it comes within so many.
    pub fn find(&self, byte: u8, start: usize, length: usize) -> Option<usize> {
        let mut before = 0;
        while before < length {
            let place = start.checked_add(before)?;
            let next = (length - before).min(CHUNK - place % CHUNK);
            if let Some(found) = self.get(place, next)?.iter().position(|other| *other == byte) {
                return Some(before + found);
            }
            before += next;
        }
        None
    }
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        // SAFETY: mapped with this length, and borrowed by nobody any more.
        unsafe { libc::munmap(self.start.cast::<c_void>(), self.length) };
    }
}

impl<'a> ReadRef<'a> for &'a Image<'_> {
    fn len(self) -> Result<u64, ()> {
        Ok(self.length as u64)
    }

    fn read_bytes_at(self, start: u64, size: u64) -> Result<&'a [u8], ()> {
        let (start, size) = (usize::try_from(start).map_err(|_| ())?, usize::try_from(size).map_err(|_| ())?);
        self.budget.step(1).then(|| self.get(start, size)).flatten().ok_or(())
    }

    fn read_bytes_at_until(self, range: Range<u64>, end: u8) -> Result<&'a [u8], ()> {
        let start = usize::try_from(range.start).map_err(|_| ())?;
        let longest = usize::try_from(range.end.saturating_sub(range.start)).map_err(|_| ())?;
        let longest = longest.min(LONGEST_NAME).min(self.length.saturating_sub(start));
        let length = self.find(end, start, longest).ok_or(())?;
        self.read_bytes_at(range.start, length as u64)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A file with these bytes, which has no name.
    pub fn with_bytes(bytes: &[u8]) -> File {
        // SAFETY: the name is a C string; the descriptor is nobody else's.
        let file: File = unsafe {
            std::os::fd::FromRawFd::from_raw_fd(libc::memfd_create(c"lt-test".as_ptr(), libc::MFD_CLOEXEC))
        };
        file.write_all_at(bytes, 0).unwrap();
        file
    }

    #[test]
    fn a_file_that_became_shorter_is_only_shorter() {
        let budget = Budget::new();
        let image = &Image::of(with_bytes(&vec![7; 100_000]), &budget).unwrap();
        assert_eq!(image.get(10, 3), Some(&[7; 3][..]));
        image.file.as_ref().unwrap().set_len(100).unwrap();
        assert_eq!(image.get(50_000, 10), None);
        assert_eq!(image.get(10, 3), Some(&[7; 3][..]));
    }

    #[test]
    fn pieces_are_what_the_file_says() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|i| (i % 251) as u8).collect();
        let budget = Budget::new();
        let image = &Image::of(with_bytes(&bytes), &budget).unwrap();
        for (start, size) in
            [(0, 64), (16_380, 8), (99_999, 1), (3, 99_997), (0, 100_000), (7, 0), (100_000, 0)]
        {
            assert_eq!(image.get(start, size), Some(&bytes[start..start + size]), "{start} {size}");
        }
        for (start, size) in [(99_999, 2), (100_001, 0), (usize::MAX, 2), (0, usize::MAX)] {
            assert_eq!(image.get(start, size), None, "{start} {size}");
        }
    }

    #[test]
    fn only_what_is_looked_at_is_read() {
        let budget = Budget::of(2 * CHUNK, 0);
        let image = &Image::of(with_bytes(&vec![7; 10 * CHUNK]), &budget).unwrap();
        for _ in 0..2 {
            assert!(image.get(5 * CHUNK - 1, 2).is_some());
            assert!(image.get(0, 1).is_none());
        }
    }

    #[test]
    fn names_end_where_they_end() {
        let long = "x".repeat(20_000);
        let bytes = format!("one\0{long}\0rest{}\0", "y".repeat(70_000));
        let budget = Budget::new();
        let image = &Image::of(with_bytes(bytes.as_bytes()), &budget).unwrap();
        assert_eq!(image.read_bytes_at_until(0..90_010, 0), Ok(&b"one"[..]));
        assert_eq!(image.read_bytes_at_until(4..90_010, 0), Ok(long.as_bytes()));
        assert!(image.read_bytes_at_until(4..90, 0).is_err());
        assert!(image.read_bytes_at_until(20_005..90_010, 0).is_err());
        assert!(image.read_bytes_at_until(90_010..90_020, 0).is_err());
    }

    #[test]
    fn no_more_memory_than_may_be_had_or_is_there() {
        let budget = Budget::of(10, 0);
        assert!(Image::filled(11, &budget, |_| true).is_none());
        assert!(Image::filled(10, &budget, |bytes| bytes == [0; 10]).is_some());
        assert!(Image::filled(1, &budget, |_| true).is_none());
        assert!(Image::filled(usize::MAX / 4, &Budget::of(usize::MAX, 0), |_| true).is_none());
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
        for path in ["/dev/zero", "/", "/no/such/file"] {
            assert!(open(Path::new(path)).is_none(), "{path}");
        }
    }
}
