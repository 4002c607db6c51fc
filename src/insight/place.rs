//! A place in the program, by the return address of a call: its function, and its line where that is known.

use crate::thread::trace;
use core::ffi::CStr;
use core::fmt;

/// Puts it behind these words; nothing if it is not known. Takes memory, and reads files: not for signal handlers.
pub fn written(f: &mut fmt::Formatter<'_>, words: &str, address: usize) -> fmt::Result {
    if address == 0 {
        return Ok(());
    }
    f.write_str(words)?;
    with(address, |place| f.write_str(place))
}

/// Calls `f` with a place in words.
pub fn with<R>(address: usize, f: impl FnOnce(&str) -> R) -> R {
    let Ok(lines) = trace::render(&[address]) else { return f("a function without a name") };
    // SAFETY: a C string from malloc, and this one's.
    let text = unsafe { CStr::from_ptr(lines.as_ptr()) };
    // An address, "in", and what was inlined there, the innermost first.
    let first =
        text.to_str().ok().and_then(|text| text.lines().next()).and_then(|line| line.split_once(" in "));
    let result = f(first.map_or("a function without a name", |(_, place)| place));
    // SAFETY: as above.
    unsafe { libc::free(lines.as_ptr().cast()) };
    result
}
