//! Section 1 of the header: version, time.

use crate::base::deadline;
use crate::base::status::lt_status;
use crate::ffi::report;
use crate::sync::sleep;
use core::ffi::{CStr, c_char};

/// As a timeout: without bound, as every negative value.
pub const LT_FOREVER: f64 = -1.0;
/// The longest timeout, in seconds: about 292 years.
pub const LT_TIMEOUT_MAX: f64 = 9223372036.0;

const _: () = assert!(LT_TIMEOUT_MAX == deadline::TIMEOUT_MAX);

/// The version of the library that is running, "MAJOR.MINOR.PATCH". Static.
#[unsafe(no_mangle)]
pub extern "C" fn lt_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => c"",
        };
    VERSION.as_ptr()
}

/// Seconds on the monotonic clock, which never jumps and on which all timeouts run.
#[unsafe(no_mangle)]
pub extern "C" fn lt_monotonic() -> f64 {
    deadline::in_seconds(deadline::now())
}

/// Sleeps for at least this many seconds; 0 only lets other threads run. Returns LT_INTERRUPTED if
/// the thread is interrupted meanwhile. Negative or not a number: LT_INVALID.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_sleep(seconds: f64) -> lt_status {
    report(&"lt_sleep", sleep::sleep(seconds))
}
