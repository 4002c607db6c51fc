//! Rendering the frames of a throw: names, and file and line where the program has debug information.

use crate::base::deadline::now;
use crate::base::heap::Text;
use crate::base::mutex::Mutex;
use core::ffi::{CStr, c_void};
use core::fmt::Write;

/// Functions that belong to the throwing, not to what was thrown: the trace begins behind the last.
const MACHINERY: &[&str] = &[
    "_Unwind_RaiseException",
    "_Unwind_Resume_or_Rethrow",
    "__cxa_throw",
    "__cxa_rethrow",
    "_ZSt17rethrow_exceptionNSt15__exception_ptr13exception_ptrE",
    "lt_raise",
    "rust_begin_unwind",
    "_rust_begin_unwind",
    "_Unwind_Backtrace",
];

/// The functions between the thread's function and the operating system: the trace ends before the first.
const FOUNDATION: &str = "lt_guarded_call";

/// One renders at a time. When somebody last did, in nanoseconds.
static ONE_AT_A_TIME: Mutex<u64> = Mutex::new(0);

/// Errors that follow each other faster than this, in nanoseconds, share the symboliser's cache. Else it
/// is cleared: it can hold tens of megabytes, and filling it takes as many milliseconds.
const STORM: u64 = 1_000_000_000;

struct Line {
    text: String,
    machinery: bool,
    foundation: bool,
    /// A function of this library.
    own: bool,
}

/// A line for each frame, innermost first: `  0x... in function at file:line`.
pub fn render(addresses: &[usize]) -> Text {
    let mut last = ONE_AT_A_TIME.lock();
    let lines: Vec<Line> = addresses.iter().map(|address| line(*address)).collect();
    let now = now();
    if now.saturating_sub(*last) > STORM {
        backtrace::clear_symbol_cache();
    }
    *last = now;
    let first = lines.iter().rposition(|line| line.machinery).map_or(0, |last| last + 1);
    let foundation = lines.iter().position(|line| line.foundation).unwrap_or(lines.len());
    // What the foundation calls may be a step of ours to the user's function.
    let ours = lines.iter().take(foundation).rev().take_while(|line| line.own).count();
    let shown = lines.iter().take(foundation - ours).skip(first);
    let mut out = String::new();
    shown.for_each(|line| out.push_str(&line.text));
    Text::copy_or(out.as_bytes(), c"")
}

fn line(address: usize) -> Line {
    // A return address lies behind the call, which may be the last thing in its function.
    let call = address.saturating_sub(1) as *mut c_void;
    let mut line = Line { text: String::new(), machinery: false, foundation: false, own: false };
    backtrace::resolve(call, |symbol| {
        let raw = symbol.name().and_then(|name| name.as_str()).unwrap_or_default();
        line.machinery |= MACHINERY.contains(&raw);
        line.foundation |= raw == FOUNDATION;
        let _ = write!(line.text, "  {address:#018x} in ");
        let _ = match symbol.name() {
            Some(name) => {
                let name = format!("{name:#}");
                line.own |= name.starts_with("lowthread::");
                line.text.write_str(&name)
            }
            None => write!(line.text, "?"),
        };
        if let (Some(file), Some(number)) = (symbol.filename(), symbol.lineno()) {
            let _ = write!(line.text, " at {}:{number}", file.display());
        }
        line.text.push('\n');
    });
    if line.text.is_empty() {
        line.text = format!("  {address:#018x} in {}\n", module(call));
    }
    line
}

/// For an address without a symbol: the file that it was loaded from, and where in it.
fn module(address: *const c_void) -> String {
    // SAFETY: all zeros is a valid Dl_info, which dladdr fills in.
    unsafe {
        let mut info = core::mem::zeroed::<libc::Dl_info>();
        if libc::dladdr(address, &mut info) == 0 || info.dli_fname.is_null() {
            return "?".into();
        }
        let file = CStr::from_ptr(info.dli_fname).to_string_lossy();
        format!("{file}+{:#x}", address.addr() - info.dli_fbase.addr())
    }
}
