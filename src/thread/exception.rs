//! What an exception is: which language threw it, its type and its message, without the help of that
//! language's runtime where it can be had without.
//!
//! A C++ exception is read by the layout of the Itanium ABI: before the head that all languages share
//! lies what `throw` wrote, behind it the object.
//!
//! ```text
//! - TYPE    type_info of the object; in a dependent exception, the object that it stands for
//!   0       the head
//! + OBJECT  the object
//! ```

use crate::base::heap::Text;
use crate::base::unwind::{self, Exception};
use crate::base::{cleanup, this_thread};
use crate::sys::exception::{LLVM_PRIMARY, OBJECT, TYPE, class, class_name};
use crate::sys::runtime;
use crate::thread::{aside, demangle, raise};
use core::ffi::{CStr, c_char, c_int, c_long, c_ulong, c_void};
use core::ptr;

/// Raised with lt_raise().
pub const LT_ERROR_RAISED: i32 = 1;
/// Thrown by C++.
pub const LT_ERROR_CXX: i32 = 2;
/// A panic of Rust.
pub const LT_ERROR_RUST: i32 = 3;
/// Thrown by another language.
pub const LT_ERROR_FOREIGN: i32 = 4;
/// The task ended with lt_exit().
pub const LT_ERROR_EXITED: i32 = 5;

/// An exception, in words.
pub struct Description {
    pub kind: i32,
    pub code: i32,
    pub type_name: Text,
    pub message: Text,
}

/// The classes of exceptions, as the first seven bytes of the head say. The eighth is the flavour.
const CXX_GNU: u64 = class(b"GNUCC++\0");
const CXX_CLANG: u64 = class(b"CLNGC++\0");
/// Rust writes its class as bytes, so in the processor's own order; once it did as the others.
const RUST: u64 = u64::from_ne_bytes(*b"MOZ\0RUST");
const OLD_RUST: u64 = u64::from_be_bytes(*b"MOZ\0RUST");

const FLAVOUR: u64 = class(b"\0\0\0\0\0\0\0\xff");

/// The eighth byte of a C++ class that says: this one stands for another one, as after a rethrow of
/// a `std::exception_ptr`.
const DEPENDENT: u64 = class(b"\0\0\0\0\0\0\0\x01");

/// How far before the head such a one says which it stands for.
fn primary_before(class: u64) -> usize {
    if class & !FLAVOUR == CXX_CLANG { LLVM_PRIMARY } else { TYPE }
}

fn is_cxx(class: u64) -> bool {
    matches!(class & !FLAVOUR, CXX_GNU | CXX_CLANG)
}

/// Puts an exception into words. May run code of the user's: `what()`.
///
/// # Safety
/// The exception was caught and not ended.
pub unsafe fn describe(exception: *mut Exception) -> Description {
    // SAFETY: as the caller vouches.
    if let Some(raised) = unsafe { raise::raised(exception) } {
        return Description {
            kind: LT_ERROR_RAISED,
            code: raised.code,
            type_name: Text::Static(c"error"),
            message: raised.message.clone(),
        };
    }
    // SAFETY: as the caller vouches.
    match unsafe { (*exception).class } {
        class if is_cxx(class) => {
            // SAFETY: the class says that it has this layout.
            unsafe { describe_cxx(exception) }
        }
        RUST | OLD_RUST => Description {
            kind: LT_ERROR_RUST,
            code: 0,
            type_name: Text::Static(c"panic"),
            message: Text::Static(c"a Rust panic"),
        },
        class => Description {
            kind: LT_ERROR_FOREIGN,
            code: 0,
            type_name: Text::copy_or(&class_name(class), c"exception"),
            message: Text::Static(c"an exception of another language"),
        },
    }
}

/// Ends an exception, as a `catch` that ignores it does. Where only its own language could do that wholly, the
/// thread is marked: it should run no more code that knows nothing of it.
///
/// # Safety
/// It was caught, and nobody uses it any more.
pub unsafe fn end(exception: *mut Exception) {
    // SAFETY: as the caller vouches.
    let ended = unsafe {
        match (*exception).class {
            class if is_cxx(class) => end_cxx(exception),
            RUST | OLD_RUST => end_panic(exception),
            _ => {
                unwind::delete(exception);
                true
            }
        }
    };
    if let (false, Some(record)) = (ended, this_thread::existing()) {
        record.own().spoilt.set(true);
    }
}

/// # Safety
/// As for `end`; it is one of C++.
unsafe fn end_cxx(exception: *mut Exception) -> bool {
    // SAFETY: as the caller vouches; the functions have the types that the ABI gives them. Both do what `catch`
    // does.
    unsafe {
        let functions = runtime_function(exception, c"__cxa_begin_catch")
            .zip(runtime_function(exception, c"__cxa_end_catch"));
        let Some((begin_catch, end_catch)) = functions else {
            // Linked into a program that shows them to nobody. The object is destroyed, but the thread counts
            // as one with an uncaught exception.
            unwind::delete(exception);
            return false;
        };
        type BeginCatch = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;
        type EndCatch = unsafe extern "C-unwind" fn();
        core::mem::transmute::<*const c_void, BeginCatch>(begin_catch)(exception.cast());
        core::mem::transmute::<*const c_void, EndCatch>(end_catch)();
        true
    }
}

/// A panic of the Rust runtime that this library itself has, as in a program of Rust, is caught there. That of
/// another one aborts if anybody else wants to end it: the few bytes of its head are leaked, and its thread
/// counts as panicking.
///
/// # Safety
/// As for `end`; it is a panic.
unsafe fn end_panic(exception: *mut Exception) -> bool {
    unsafe extern "C-unwind" fn panic(_: *mut c_void) {
        std::panic::resume_unwind(Box::new(()));
    }
    let catch = |exception| {
        // SAFETY: caught, and thrown on.
        let _ = std::panic::catch_unwind(|| unsafe { unwind::throw(exception) });
    };
    // SAFETY: as the caller vouches; any argument will do for `panic`.
    unsafe {
        // What a panic of ours looks like.
        let Some(sample) = unwind::call(panic, core::ptr::null_mut()) else { return false };
        let ours = (*sample.exception).cleanup.map(|cleanup| cleanup as usize);
        catch(sample.exception);
        let own = ours.is_some() && (*exception).cleanup.map(|cleanup| cleanup as usize) == ours;
        if own {
            catch(exception);
        }
        own
    }
}

/// A function of the runtime that made the exception: the one whose code cleans it up.
///
/// # Safety
/// The exception is a valid one of C++.
unsafe fn runtime_function(exception: *mut Exception, name: &CStr) -> Option<*const c_void> {
    // SAFETY: as the caller vouches; a runtime stays loaded as long as there is an exception of it.
    unsafe { runtime::function((*exception).cleanup? as usize, name) }
}

/// # Safety
/// The exception is a valid one of C++.
unsafe fn describe_cxx(exception: *mut Exception) -> Description {
    // SAFETY: the layout of the ABI, see above.
    unsafe {
        let head = exception.cast::<u8>();
        let class = (*exception).class;
        let dependent = class & FLAVOUR == DEPENDENT;
        let primary = if dependent {
            head.sub(primary_before(class)).cast::<*mut u8>().read().sub(OBJECT)
        } else {
            head
        };
        let object = primary.add(OBJECT).cast::<c_void>();
        let type_info = primary.sub(TYPE).cast::<*const TypeInfo>().read();
        if type_info.is_null() {
            return Description {
                kind: LT_ERROR_CXX,
                code: 0,
                type_name: Text::Static(c"exception"),
                message: Text::Static(c"a C++ exception"),
            };
        }
        let name = CStr::from_ptr((*type_info).name);
        // A name that begins with a star is compared by address; the star is no part of it.
        let mangled = name.to_bytes().strip_prefix(b"*").unwrap_or(name.to_bytes());
        // First: it runs code of the user's, which may leave by lt_exit.
        let message = message(exception, mangled, type_info, object);
        Description { kind: LT_ERROR_CXX, code: 0, type_name: type_name(exception, mangled), message }
    }
}

/// `std::type_info`. What lies behind depends on its own type.
#[repr(C)]
struct TypeInfo {
    vtable: *const *const TypeInfo,
    name: *const c_char,
}

/// A class with one public base that is not virtual, at its beginning.
#[repr(C)]
struct SingleBase {
    head: TypeInfo,
    base: *const TypeInfo,
}

/// Any other class with bases; behind it, so many of them.
#[repr(C)]
struct ManyBases {
    head: TypeInfo,
    flags: u32,
    count: u32,
}

#[repr(C)]
struct Base {
    class: *const TypeInfo,
    /// The offset, shifted left by 8, and flags.
    offset: isize,
}

const VIRTUAL: isize = 1;

/// The name of the type in the C++ runtime's own words, or as it is in the binary.
///
/// # Safety
/// The exception is a valid one of C++.
unsafe fn type_name(exception: *mut Exception, mangled: &[u8]) -> Text {
    let name = Text::copy_or(mangled, c"exception");
    // SAFETY: as the caller vouches.
    let cleanup = unsafe { (*exception).cleanup };
    let mut clear = None;
    if let Some(demangle) = cleanup.and_then(|cleanup| demangle::cxa_demangle(cleanup as usize)) {
        aside::with_room(demangle::room(mangled.len()), || clear = demangle::cxx(demangle, name.as_c_str()));
    }
    clear.unwrap_or(name)
}

/// What a C++ object has to say.
///
/// # Safety
/// The object is alive and of the type.
unsafe fn message(
    exception: *mut Exception,
    mangled: &[u8],
    type_info: *const TypeInfo,
    object: *mut c_void,
) -> Text {
    const NOTHING: &CStr = c"an exception without a message";
    // SAFETY: the type says what lies there.
    unsafe {
        match mangled {
            b"PKc" | b"Pc" => {
                let text = object.cast::<*const c_char>().read();
                if text.is_null() {
                    return Text::Static(NOTHING);
                }
                Text::copy_or(CStr::from_ptr(text).to_bytes(), NOTHING)
            }
            // libstdc++'s string begins with a pointer and a length.
            b"NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE" => {
                let data = object.cast::<*const u8>().read();
                let length = object.cast::<usize>().add(1).read();
                Text::copy_or(core::slice::from_raw_parts(data, length), NOTHING)
            }
            b"i" => number(object.cast::<i32>().read()),
            b"j" => number(object.cast::<u32>().read()),
            b"l" => number(object.cast::<c_long>().read()),
            b"m" => number(object.cast::<c_ulong>().read()),
            b"x" => number(object.cast::<i64>().read()),
            b"y" => number(object.cast::<u64>().read()),
            b"s" => number(object.cast::<i16>().read()),
            b"t" => number(object.cast::<u16>().read()),
            b"b" => number(object.cast::<u8>().read() != 0),
            b"d" => {
                let value = object.cast::<f64>().read();
                float(value, 17, |text| text == value)
            }
            b"f" => {
                let value = object.cast::<f32>().read();
                float(value.into(), 9, |text| text as f32 == value)
            }
            _ => match std_exception(type_info, object) {
                Some(base) => what(exception, base).unwrap_or(Text::Static(NOTHING)),
                None => Text::Static(NOTHING),
            },
        }
    }
}

fn number(value: impl core::fmt::Display) -> Text {
    use std::io::Write;
    let mut buffer = [0; 64];
    let mut rest = buffer.as_mut_slice();
    let _ = write!(rest, "{value}");
    let room = rest.len();
    let used = buffer.get(..64 - room).unwrap_or_default();
    Text::copy_or(used, c"a number")
}

/// The shortest text that is read as this number, and has at most so many digits. By the C library: what Rust has
/// for it takes 20 KiB.
fn float(value: f64, most_digits: c_int, is_same: impl Fn(f64) -> bool) -> Text {
    let mut buffer = [0_u8; 64];
    for digits in 1..=most_digits {
        // SAFETY: the buffer is as long as it is said to be, and holds a C string afterwards.
        let text = unsafe {
            libc::snprintf(buffer.as_mut_ptr().cast(), buffer.len(), c"%.*g".as_ptr(), digits, value);
            libc::strtod(buffer.as_ptr().cast(), ptr::null_mut())
        };
        if is_same(text) {
            break;
        }
    }
    let text = buffer.split_mut(|byte| *byte == 0).next().unwrap_or_default();
    // The program's language may have a comma there.
    let is_point = |byte: &&mut u8| !byte.is_ascii_alphanumeric() && !b"+-".contains(byte);
    text.iter_mut().filter(is_point).for_each(|byte| *byte = b'.');
    Text::copy_or(text, c"a number")
}

/// The `std::exception` within an object, wherever among its bases.
///
/// # Safety
/// The object is alive and of the type.
unsafe fn std_exception(class: *const TypeInfo, object: *mut c_void) -> Option<*mut c_void> {
    // SAFETY: every type_info has a name, and its vtable begins behind a pointer to the type_info of
    // its own type, which says what else it has; offsets are those of the class.
    unsafe {
        if CStr::from_ptr((*class).name) == c"St9exception" {
            return Some(object);
        }
        let own = (*class).vtable.sub(1).read();
        match CStr::from_ptr((*own).name).to_bytes() {
            b"N10__cxxabiv120__si_class_type_infoE" => {
                std_exception((*class.cast::<SingleBase>()).base, object)
            }
            b"N10__cxxabiv121__vmi_class_type_infoE" => {
                let many = class.cast::<ManyBases>();
                let bases = core::slice::from_raw_parts(many.add(1).cast::<Base>(), (*many).count as usize);
                bases.iter().find_map(|base| {
                    let mut offset = base.offset >> 8;
                    if base.offset & VIRTUAL != 0 {
                        // Where a virtual base is stands in the object's vtable.
                        let vtable = object.cast::<*const u8>().read();
                        offset = vtable.offset(offset).cast::<isize>().read();
                    }
                    std_exception(base.class, object.byte_offset(offset))
                })
            }
            _ => None,
        }
    }
}

/// The text of `exception.what()`, which is code of the user's and may throw, or leave by lt_exit.
///
/// # Safety
/// The object is the `std::exception` in the exception.
unsafe fn what(exception: *mut Exception, object: *mut c_void) -> Option<Text> {
    type What = unsafe extern "C-unwind" fn(*mut c_void) -> *const c_char;
    struct Call {
        object: *mut c_void,
        result: *const c_char,
    }
    unsafe extern "C-unwind" fn guarded(call: *mut c_void) {
        // SAFETY: passed on.
        unsafe {
            if let Some(caught) = unwind::call(run, call) {
                end(caught.exception);
            }
        }
    }
    unsafe extern "C-unwind" fn run(call: *mut c_void) {
        // SAFETY: `what` passes its call. The vtable of an std::exception has `what` at 2.
        unsafe {
            let call = &mut *call.cast::<Call>();
            let vtable = call.object.cast::<*const What>().read();
            call.result = vtable.add(2).read()(call.object);
        }
    }
    unsafe extern "C-unwind" fn left(exception: *mut c_void) {
        // SAFETY: nobody will use the exception any more: the thread ends.
        unsafe { end(exception.cast()) };
    }
    let mut call = Call { object, result: core::ptr::null() };
    // SAFETY: `run` asks for a call, and `left` for the exception. Nothing here, nor in the callers' frames, has
    // a destructor. What comes out is NULL or a C string of the living object.
    unsafe {
        cleanup::call(guarded, (&raw mut call).cast(), left, exception.cast());
        (!call.result.is_null()).then(|| CStr::from_ptr(call.result))
    }
    .map(|text| Text::copy_or(text.to_bytes(), c"out of memory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_told_by_the_shortest_text() {
        let of_double = |value: f64| float(value, 17, |text| text == value);
        let of_float = |value: f32| float(value.into(), 9, |text| text as f32 == value);
        for (text, expected) in [
            (of_double(0.1), "0.1"),
            (of_double(-2.5), "-2.5"),
            (of_double(1.0 / 3.0), "0.3333333333333333"),
            (of_double(5e-324), "5e-324"),
            (of_double(f64::MAX), "1.7976931348623157e+308"),
            (of_double(f64::INFINITY), "inf"),
            (of_double(42.0), "42"),
            (of_float(0.1), "0.1"),
            (of_float(16_777_216.0), "16777216"),
        ] {
            assert_eq!(text.bytes(), expected.as_bytes());
        }
        assert!(of_double(f64::NAN).bytes().ends_with(b"nan"));
    }

    unsafe extern "C-unwind" fn panic_quietly(_: *mut c_void) {
        std::panic::resume_unwind(Box::new("a payload"));
    }

    #[test]
    fn a_panic_of_the_same_runtime_leaves_nothing() {
        for _ in 0..3 {
            // SAFETY: the function takes any argument.
            let caught = unsafe { unwind::call(panic_quietly, core::ptr::null_mut()) }.unwrap();
            assert!(std::thread::panicking());
            // SAFETY: just caught.
            unsafe { end(caught.exception) };
            assert!(!std::thread::panicking());
        }
    }
}
