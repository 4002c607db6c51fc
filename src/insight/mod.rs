//! Insight: what the program's objects are called, who waits for what and who holds that, waits that would never end,
//! and what waiting costs.

use crate::sys::process;
use core::ffi::CStr;

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
