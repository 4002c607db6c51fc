//! Memory that may be refused: where std would abort, these say no.

use crate::base::status::Error;
use crate::base::{errno, race};
use core::alloc::Layout;
use core::ffi::{CStr, c_char};
use core::fmt;
use core::ptr::NonNull;
use std::collections::TryReserveError;

/// A box, if there is memory for it.
pub fn boxed<T>(value: T) -> Result<Box<T>, Error> {
    let layout = Layout::new::<T>();
    if layout.size() == 0 {
        return Ok(Box::new(value));
    }
    // SAFETY: the layout has a size that is not 0.
    let memory = errno::keeping(|| unsafe { std::alloc::alloc(layout) }).cast::<T>();
    if memory.is_null() {
        return Err(Error::NoMemory);
    }
    // SAFETY: just allocated for a T, as a box would.
    unsafe {
        memory.write(value);
        Ok(Box::from_raw(memory))
    }
}

/// What was in the box, which is gone: for a frame that code of the user's is called from.
#[allow(clippy::boxed_local, reason = "the box is what this is about")]
pub fn unboxed<T>(boxed: Box<T>) -> T {
    *boxed
}

/// Room in a collection, if there is memory for it.
pub fn reserve(reserve: impl FnOnce() -> Result<(), TryReserveError>) -> Result<(), Error> {
    errno::keeping(reserve).map_err(|_| Error::NoMemory)
}

/// A C string from malloc: a copy of these bytes up to the first NUL.
pub fn copied(bytes: &[u8]) -> Result<NonNull<c_char>, Error> {
    let length = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    // SAFETY: any size can be asked for.
    let memory = errno::keeping(|| unsafe { libc::malloc(length + 1) }).cast::<c_char>();
    let memory = NonNull::new(memory).ok_or(Error::NoMemory)?;
    // SAFETY: just allocated with room for the bytes and a NUL.
    unsafe {
        core::ptr::copy_nonoverlapping(bytes.as_ptr().cast(), memory.as_ptr(), length);
        memory.add(length).write(0);
    }
    Ok(memory)
}

/// A C string: static, or a copy of its own.
pub enum Text {
    Static(&'static CStr),
    /// Allocated with malloc, NUL-terminated.
    Owned(NonNull<c_char>),
}

// SAFETY: the bytes never change.
unsafe impl Send for Text {}
// SAFETY: as above.
unsafe impl Sync for Text {}

impl Text {
    /// A copy of these bytes up to the first NUL; `instead` if there is no memory.
    pub fn copy_or(bytes: &[u8], instead: &'static CStr) -> Text {
        Text::copy(bytes).unwrap_or(Text::Static(instead))
    }

    /// A copy of these bytes up to the first NUL.
    pub fn copy(bytes: &[u8]) -> Result<Text, Error> {
        copied(bytes).map(Text::Owned)
    }

    // Not inlined: it is asked in many places, and on no short way.
    #[inline(never)]
    pub fn as_c_str(&self) -> &CStr {
        match self {
            Text::Static(text) => text,
            // SAFETY: NUL-terminated, and as old as the text itself.
            Text::Owned(text) => race::unseen(|| unsafe { CStr::from_ptr(text.as_ptr()) }),
        }
    }

    pub fn as_ptr(&self) -> *const c_char {
        self.as_c_str().as_ptr()
    }

    pub fn bytes(&self) -> &[u8] {
        self.as_c_str().to_bytes()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_c_str().fmt(f)
    }
}

impl Clone for Text {
    /// A copy; without memory for it, an empty one.
    fn clone(&self) -> Text {
        match self {
            Text::Static(text) => Text::Static(text),
            Text::Owned(_) => Text::copy_or(self.bytes(), c""),
        }
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        if let Text::Owned(text) = self {
            // SAFETY: allocated with malloc, and owned.
            unsafe { libc::free(text.as_ptr().cast()) };
        }
    }
}
