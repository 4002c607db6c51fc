//! What an exception is: which language threw it, its type and its message, without the help of that
//! language's runtime where it can be had without.
//!
//! A C++ exception is read by the layout of the Itanium ABI: before the head that all languages share
//! lies what `throw` wrote, behind it the object.
//!
//! ```text
//! - 80  type_info of the object; in a dependent exception, the object that it stands for
//!    0  the head
//! + 32  the object
//! ```

use crate::base::heap::Text;
use crate::base::unwind::{self, Exception};
use crate::thread::raise::{self, Raised};
use core::ffi::{CStr, c_char, c_int, c_void};

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
const OLD_RUST: u64 = class(b"MOZ\0RUST");

const fn class(name: &[u8; 8]) -> u64 {
    u64::from_be_bytes(*name)
}

/// The eighth byte of a C++ class that says: this one stands for another one, as after a rethrow of
/// a `std::exception_ptr`.
const DEPENDENT: u64 = 1;

fn is_cxx(class: u64) -> bool {
    matches!(class & !0xff, CXX_GNU | CXX_CLANG)
}

/// Puts an exception into words. May run code of the user's: `what()`.
///
/// # Safety
/// The exception was caught and not ended.
pub unsafe fn describe(exception: *mut Exception) -> Description {
    // SAFETY: as the caller vouches.
    match unsafe { (*exception).class } {
        raise::CLASS => {
            // SAFETY: the class is ours, so it is the head of one of ours.
            let raised = unsafe { &*exception.cast::<Raised>() };
            Description {
                kind: LT_ERROR_RAISED,
                code: raised.code,
                type_name: Text::Static(c"error"),
                message: raised.message.clone(),
            }
        }
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
            type_name: Text::copy_or(&class.to_be_bytes(), c"exception"),
            message: Text::Static(c"an exception of another language"),
        },
    }
}

/// Ends an exception, as a `catch` that ignores it does.
///
/// # Safety
/// It was caught, and nobody uses it any more.
pub unsafe fn end(exception: *mut Exception) {
    // SAFETY: as the caller vouches; both functions do what `catch` does with such an exception.
    unsafe {
        if let Some(runtime) = CxxRuntime::of(exception) {
            (runtime.begin_catch)(exception.cast());
            (runtime.end_catch)();
        } else if !matches!((*exception).class, RUST | OLD_RUST) {
            unwind::delete(exception);
        }
        // A panic of another std aborts when it is deleted by us: its few bytes are leaked.
    }
}

/// The runtime that made a C++ exception.
struct CxxRuntime {
    begin_catch: unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void,
    end_catch: unsafe extern "C-unwind" fn(),
}

impl CxxRuntime {
    /// # Safety
    /// The exception is valid.
    unsafe fn of(exception: *mut Exception) -> Option<CxxRuntime> {
        // SAFETY: as the caller vouches; the symbols have the types that the ABI gives them.
        unsafe {
            if !is_cxx((*exception).class) {
                return None;
            }
            let begin = runtime_symbol(exception, c"__cxa_begin_catch")?;
            let end = runtime_symbol(exception, c"__cxa_end_catch")?;
            Some(CxxRuntime {
                begin_catch: core::mem::transmute::<
                    *mut c_void,
                    unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void,
                >(begin),
                end_catch: core::mem::transmute::<*mut c_void, unsafe extern "C-unwind" fn()>(end),
            })
        }
    }
}

/// A function of the runtime that made the exception: the one whose code cleans it up.
///
/// # Safety
/// The exception is a valid one of C++.
unsafe fn runtime_symbol(exception: *mut Exception, name: &CStr) -> Option<*mut c_void> {
    // SAFETY: as the caller vouches; the strings are C strings.
    unsafe {
        let cleanup = (*exception).cleanup? as *const c_void;
        let mut info = core::mem::zeroed::<libc::Dl_info>();
        if libc::dladdr(cleanup, &mut info) == 0 || info.dli_fname.is_null() {
            return None;
        }
        // Loaded already, so this only counts it up, for good: a runtime is never unloaded.
        let library = libc::dlopen(info.dli_fname, libc::RTLD_LAZY | libc::RTLD_NOLOAD);
        let library = if library.is_null() { libc::RTLD_DEFAULT } else { library };
        let symbol = libc::dlsym(library, name.as_ptr());
        (!symbol.is_null()).then_some(symbol)
    }
}

/// # Safety
/// The exception is a valid one of C++.
unsafe fn describe_cxx(exception: *mut Exception) -> Description {
    // SAFETY: the layout of the ABI, see above.
    unsafe {
        let head = exception.cast::<u8>();
        let dependent = (*exception).class & 0xff == DEPENDENT;
        let primary = if dependent { head.sub(80).cast::<*mut u8>().read().sub(32) } else { head };
        let object = primary.add(32).cast::<c_void>();
        let type_info = primary.sub(80).cast::<*const TypeInfo>().read();
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
        Description {
            kind: LT_ERROR_CXX,
            code: 0,
            type_name: demangle(exception, mangled),
            message: message(mangled, type_info, object),
        }
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
unsafe fn demangle(exception: *mut Exception, mangled: &[u8]) -> Text {
    type Demangle = unsafe extern "C" fn(*const c_char, *mut c_char, *mut usize, *mut c_int) -> *mut c_char;
    let name = Text::copy_or(mangled, c"exception");
    // SAFETY: as the caller vouches; the symbol has the type that the ABI gives it, and what it
    // returns is NULL or a string from malloc.
    unsafe {
        let Some(symbol) = runtime_symbol(exception, c"__cxa_demangle") else { return name };
        let demangle = core::mem::transmute::<*mut c_void, Demangle>(symbol);
        let null = core::ptr::null_mut();
        let clear = demangle(name.as_ptr(), null, core::ptr::null_mut(), core::ptr::null_mut());
        core::ptr::NonNull::new(clear).map_or(name, Text::Owned)
    }
}

/// What a C++ object has to say.
///
/// # Safety
/// The object is alive and of the type.
unsafe fn message(mangled: &[u8], type_info: *const TypeInfo, object: *mut c_void) -> Text {
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
            b"l" | b"x" => number(object.cast::<i64>().read()),
            b"m" | b"y" => number(object.cast::<u64>().read()),
            b"s" => number(object.cast::<i16>().read()),
            b"t" => number(object.cast::<u16>().read()),
            b"b" => number(object.cast::<u8>().read() != 0),
            b"d" => number(object.cast::<f64>().read()),
            b"f" => number(object.cast::<f32>().read()),
            _ => match std_exception(type_info, object) {
                Some(base) => what(base).unwrap_or(Text::Static(NOTHING)),
                None => Text::Static(NOTHING),
            },
        }
    }
}

fn number(value: impl core::fmt::Display) -> Text {
    use std::io::Write;
    let mut buffer = [0; 64];
    let mut rest = buffer.as_mut_slice();
    // What does not fit, of a very large float, is cut.
    let _ = write!(rest, "{value}");
    let room = rest.len();
    let used = buffer.get(..64 - room).unwrap_or_default();
    Text::copy_or(used, c"a number")
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

/// The text of `exception.what()`, which is code of the user's and may throw.
///
/// # Safety
/// The object is an `std::exception`.
unsafe fn what(object: *mut c_void) -> Option<Text> {
    type What = unsafe extern "C-unwind" fn(*mut c_void) -> *const c_char;
    struct Call {
        object: *mut c_void,
        result: *const c_char,
    }
    unsafe extern "C-unwind" fn run(call: *mut c_void) {
        // SAFETY: `what` passes its call. The vtable of an std::exception has `what` at 2.
        unsafe {
            let call = &mut *call.cast::<Call>();
            let vtable = call.object.cast::<*const What>().read();
            call.result = vtable.add(2).read()(call.object);
        }
    }
    let mut call = Call { object, result: core::ptr::null() };
    // SAFETY: `run` asks for a call; what comes out is NULL or a C string of the living object.
    unsafe {
        if let Some(caught) = unwind::call(run, (&raw mut call).cast()) {
            end(caught.exception);
            return None;
        }
        (!call.result.is_null()).then(|| CStr::from_ptr(call.result))
    }
    .map(|text| Text::copy_or(text.to_bytes(), c"out of memory"))
}
