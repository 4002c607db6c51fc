//! Insight: what the program's objects are called, who waits for what and who holds that, waits that would never end,
//! and what waiting costs.

use crate::insight::text::Line;
use crate::sys::process;
use core::ffi::CStr;
use core::fmt::{self, Write};

pub mod circle;
pub mod contention;
pub mod dump;
pub mod found;
pub mod holder;
pub mod names;
pub mod on_signal;
pub mod order;
pub mod page;
pub mod pattern;
pub mod place;
pub mod snapshot;
pub mod socket;
pub mod switch;
pub mod table;
pub mod text;
pub mod told;
pub mod trace;
pub mod waits;

/// What the environment says of insight, when the library is loaded. Nothing where it is not to be believed: it names
/// files that are written.
fn setting(name: &CStr) -> Option<&'static [u8]> {
    if process::is_privileged() {
        return None;
    }
    // SAFETY: a name; what it gives is not changed by anybody while the library is loaded.
    unsafe {
        let value = libc::getenv(name.as_ptr());
        (!value.is_null()).then(|| CStr::from_ptr(value).to_bytes())
    }
}

/// Tells who has set the environment what of it cannot be done.
fn cannot(what: fmt::Arguments<'_>) {
    let mut line = Line::empty();
    // It takes whatever it is given.
    let _ = write!(line, "lowthread: {what}");
    process::write_error(line.ended());
}

/// A word of such a setting, to be shown.
fn readable(word: &[u8]) -> &str {
    core::str::from_utf8(word).unwrap_or("?")
}
