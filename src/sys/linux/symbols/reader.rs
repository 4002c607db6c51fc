//! Bytes of a section, as gimli reads them; each read is a step of the [budget](Budget).
//!
//! So everything that gimli does with a damaged file has an end, whatever the file says.

use super::budget::Budget;
use super::image::Image;
use core::fmt;
use gimli::{Error, NativeEndian, ReaderOffsetId, Result};
use std::borrow::Cow;

#[derive(Clone, Copy)]
pub struct Reader<'a> {
    image: &'a Image<'a>,
    start: usize,
    length: usize,
}

impl<'a> Reader<'a> {
    pub fn new(image: &'a Image<'a>, start: usize, length: usize) -> Reader<'a> {
        Reader { image, start, length }
    }

    pub fn budget(&self) -> &'a Budget {
        self.image.budget
    }

    pub fn bytes(&self) -> Option<&'a [u8]> {
        self.image.get(self.start, self.length)
    }

    /// The bytes, to be kept.
    pub fn copy(&self) -> Option<Vec<u8>> {
        self.budget().copy(self.bytes()?)
    }

    /// Called from everywhere in gimli: there, small code is what counts.
    #[inline(never)]
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let rest = self.length.checked_sub(length)?;
        let bytes = self.image.get(self.start, length).filter(|_| self.image.budget.step(1))?;
        self.start += length;
        self.length = rest;
        Some(bytes)
    }

    #[cold]
    fn end(&self) -> Error {
        Error::UnexpectedEof(ReaderOffsetId(self.start as u64))
    }

    /// Goes on by so many bytes, and gives where they are.
    #[inline]
    fn advance(&mut self, length: usize) -> Result<usize> {
        if length > self.length || !self.image.budget.step(1) {
            return Err(self.end());
        }
        let start = self.start;
        self.start += length;
        self.length -= length;
        Ok(start)
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("Reader")
    }
}

impl gimli::Reader for Reader<'_> {
    type Endian = NativeEndian;
    type Offset = usize;

    fn endian(&self) -> NativeEndian {
        NativeEndian
    }

    #[inline]
    fn len(&self) -> usize {
        self.length
    }

    fn empty(&mut self) {
        self.length = 0;
    }

    fn truncate(&mut self, length: usize) -> Result<()> {
        if length > self.length {
            return Err(self.end());
        }
        self.length = length;
        Ok(())
    }

    fn offset_from(&self, base: &Self) -> usize {
        self.start.wrapping_sub(base.start)
    }

    fn offset_id(&self) -> ReaderOffsetId {
        ReaderOffsetId(self.start as u64)
    }

    fn lookup_offset_id(&self, id: ReaderOffsetId) -> Option<usize> {
        usize::try_from(id.0).ok()?.checked_sub(self.start).filter(|offset| *offset <= self.length)
    }

    fn find(&self, byte: u8) -> Result<usize> {
        let found = self.image.find(byte, self.start, self.length);
        let steps = 1 + found.unwrap_or(self.length) as u64 / 16;
        found.filter(|_| self.image.budget.step(steps)).ok_or_else(|| self.end())
    }

    fn skip(&mut self, length: usize) -> Result<()> {
        self.advance(length).map(drop)
    }

    fn split(&mut self, length: usize) -> Result<Self> {
        Ok(Reader { start: self.advance(length)?, length, ..*self })
    }

    fn to_slice(&self) -> Result<Cow<'_, [u8]>> {
        Ok(self.bytes().ok_or_else(|| self.end())?.into())
    }

    fn to_string(&self) -> Result<Cow<'_, str>> {
        let text = self.bytes().ok_or_else(|| self.end())?;
        Ok(core::str::from_utf8(text).map_err(|_| Error::BadUtf8)?.into())
    }

    fn to_string_lossy(&self) -> Result<Cow<'_, str>> {
        Ok(String::from_utf8_lossy(self.bytes().ok_or_else(|| self.end())?))
    }

    #[inline]
    fn read_slice(&mut self, into: &mut [u8]) -> Result<()> {
        let Some(bytes) = self.take(into.len()) else { return Err(self.end()) };
        into.copy_from_slice(bytes);
        Ok(())
    }
}
