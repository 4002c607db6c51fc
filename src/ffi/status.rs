//! Section 0 of the header: statuses and the last error. The statuses themselves are in `base::status`.

use crate::base::last_error;
use crate::base::status::{LT_OK, describe, lt_status};
use crate::insight::names;
use core::ffi::{c_char, c_int};

/// The name of a status, such as "LT_TIMED_OUT"; "LT_UNKNOWN" for a value that is none.
/// Static; async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn lt_status_name(status: lt_status) -> *const c_char {
    describe(status).0.as_ptr()
}

/// What a status means, in a few words. Static; async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn lt_status_message(status: lt_status) -> *const c_char {
    describe(status).1.as_ptr()
}

/// One sentence on this thread's last call that failed with a negative status: the function, and
/// what was wrong with which argument. Kept through later calls that succeed or answer; "" if none
/// failed yet. Valid until this thread's next call of lt_last_error().
#[unsafe(no_mangle)]
pub extern "C" fn lt_last_error() -> *const c_char {
    last_error::sentence(names::write_given).as_ptr()
}

/// The status of the call that lt_last_error() is about; LT_OK if there is none. For constructors,
/// which return NULL.
#[unsafe(no_mangle)]
pub extern "C" fn lt_last_status() -> lt_status {
    last_error::last().map_or(LT_OK, |error| error.status())
}

/// The errno behind the call that lt_last_error() is about; 0 if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn lt_last_errno() -> c_int {
    last_error::last().map_or(0, |error| error.errno())
}
