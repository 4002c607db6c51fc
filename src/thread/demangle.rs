//! Names as people write them, from names as linkers know them.

use crate::base::heap::Text;
use crate::sys::runtime;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::fmt::Write;
use core::ptr;
use std::ffi::CString;

/// Longer names are cut: templates within templates make some of a hundred thousand letters.
const LONGEST: usize = 1000;

/// Longer names stay as they are; GNU's C++ runtime reads none of them.
const LONGEST_LINKED: usize = 1024;

/// How much stack it takes to make any name readable.
pub const ROOM: usize = room(LONGEST_LINKED);

/// The same for one of so many letters: for each, as for a pointer to a pointer to a pointer, GNU's C++ runtime puts 354
/// bytes on the stack, LLVM's 198.
pub const fn room(letters: usize) -> usize {
    16 * 1024 + 400 * if letters < LONGEST_LINKED { letters } else { LONGEST_LINKED }
}

/// Functions that belong to the throwing, not to what was thrown: the trace begins behind the last.
const MACHINERY: &[&[u8]] = &[
    b"_Unwind_RaiseException",
    b"_Unwind_Resume_or_Rethrow",
    b"__cxa_throw",
    b"__cxa_rethrow",
    b"_ZSt17rethrow_exceptionNSt15__exception_ptr13exception_ptrE",
    b"lt_raise",
    b"lt_fail",
    b"rust_begin_unwind",
    b"_rust_begin_unwind",
    b"_Unwind_Backtrace",
];

/// Whether a function is one of those by which exceptions are thrown.
pub fn is_machinery(name: &[u8]) -> bool {
    MACHINERY.contains(&name)
}

/// What a C++ runtime has for it: `abi::__cxa_demangle`.
pub type CxaDemangle =
    unsafe extern "C" fn(*const c_char, *mut c_char, *mut usize, *mut c_int) -> *mut c_char;

/// Knows the names of Rust, and those of C++ where the process has a C++ runtime: who else would have made them?
pub struct Demangler {
    cxx: Option<CxaDemangle>,
}

impl Demangler {
    /// With the function of the first of these runtimes, each given by an address in it.
    pub fn of(runtimes: &[usize]) -> Demangler {
        Demangler { cxx: runtimes.iter().find_map(|runtime| cxa_demangle(*runtime)) }
    }

    pub fn readable(&self, name: &[u8]) -> String {
        let text = String::from_utf8_lossy(name);
        let mut out = Cut(String::new());
        // A writer that has had enough says so by an error.
        let _ = match rustc_demangle::try_demangle(&text) {
            Ok(name) => write!(out, "{name:#}"),
            Err(_) => out.write_str(self.cxx(name).as_deref().unwrap_or(&text)),
        };
        out.0
    }

    fn cxx(&self, name: &[u8]) -> Option<String> {
        let demangle = self.cxx.filter(|_| name.starts_with(b"_Z"))?;
        let clear = cxx(demangle, &CString::new(name).ok()?)?;
        Some(String::from_utf8_lossy(clear.bytes()).into_owned())
    }
}

/// What a C++ runtime makes of the name of a function or a type. Takes the [`room`] of its letters.
pub fn cxx(demangle: CxaDemangle, name: &CStr) -> Option<Text> {
    if name.count_bytes() > LONGEST_LINKED {
        return None;
    }
    // SAFETY: the function gets a C string, and gives NULL or a C string from malloc.
    let clear = unsafe { demangle(name.as_ptr(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut()) };
    ptr::NonNull::new(clear).map(Text::Owned)
}

/// A text that ends where it becomes too long.
struct Cut(String);

impl Write for Cut {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for letter in text.chars() {
            if self.0.len() >= LONGEST {
                self.0.push_str("...");
                return Err(core::fmt::Error);
            }
            self.0.push(letter);
        }
        Ok(())
    }
}

/// The function of the C++ runtime that has code at this address.
pub fn cxa_demangle(runtime: usize) -> Option<CxaDemangle> {
    // SAFETY: C++ runtimes stay loaded. The ABI gives the function this type.
    unsafe {
        let function = runtime::function(runtime, c"__cxa_demangle")?;
        Some(core::mem::transmute::<*const c_void, CxaDemangle>(function))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rust_lose_their_hash() {
        let none = Demangler { cxx: None };
        assert_eq!(none.readable(b"_ZN4core3fmt5write17h0123456789abcdefE"), "core::fmt::write");
        assert_eq!(none.readable(b"_RNvC6_123foo3bar"), "123foo::bar");
        assert_eq!(none.readable(b"main"), "main");
        assert_eq!(none.readable(b"_ZN3foo3barEv"), "_ZN3foo3barEv");
    }

    #[test]
    fn long_names_are_cut() {
        let none = Demangler { cxx: None };
        let cut = none.readable("\u{e9}".repeat(5000).as_bytes());
        assert!(cut.len() <= LONGEST + 4 && cut.ends_with("..."));
    }
}
