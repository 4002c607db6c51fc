//! What stands at addresses of code, as the dynamic loader tells: functions that are exported, and files.

use crate::base::unwind;
use crate::thread::demangle::Demangler;
use core::ffi::CStr;
use core::fmt::Write;

/// Whether it tells files and lines.
pub const KNOWS_LINES: bool = false;

/// Nothing is kept.
pub struct Known;

impl Known {
    pub const fn nothing() -> Known {
        Known
    }
}

/// A line for each frame, innermost first: `  0x... in function`, up to where this library called the user's.
pub fn text(addresses: &[usize], _known: &mut Known) -> String {
    let mut text = String::new();
    for address in addresses.iter().take_while(|address| !unwind::is_foundation(**address)) {
        // A return address lies behind the call, which may be the last thing in its function.
        let _ = writeln!(text, "  {address:#018x} in {}", name(address.saturating_sub(1)));
    }
    text
}

fn name(address: usize) -> String {
    // SAFETY: all zeros is a valid Dl_info, which dladdr fills in with C strings, or NULL.
    unsafe {
        let mut info = core::mem::zeroed::<libc::Dl_info>();
        let found = libc::dladdr(core::ptr::without_provenance(address), &mut info) != 0;
        let text = |text| CStr::from_ptr(text).to_string_lossy();
        match (found, info.dli_sname.is_null(), info.dli_fname.is_null()) {
            (true, false, _) => Demangler::of(&[]).readable(CStr::from_ptr(info.dli_sname).to_bytes()),
            (true, _, false) => format!("{}+{:#x}", text(info.dli_fname), address - info.dli_fbase.addr()),
            _ => "?".into(),
        }
    }
}
