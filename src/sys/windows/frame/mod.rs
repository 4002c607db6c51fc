//! Calling user code from a frame with a handler of its own, which Rust cannot say: catching what it throws
//! ([`catch`]), and being told when it is left ([`watch`]). What both have in common is here.
//!
//! On this system a throw asks the handler of each frame, innermost first, while the whole stack is still there.
//! One that wants the exception has the system unwind to its frame; on the way the handlers are called again, and
//! told so. GCC's C++ and Rust throw with a code of theirs, and their handlers clean up for that code alone. So do
//! those of Microsoft's C++, for its own, unless the program was built otherwise than usual (/EHa). `__finally` is
//! for every code. So it is unwound with the code of that [`Kind`] of frame which is left first: where both lie on a
//! stack, the other kind is not cleaned up.

use super::runtime::module;
use super::stack::{self, Frame};
use crate::base::atomic::{AtomicBool, AtomicPtr, Ordering};
use crate::base::unwind::Exception;
use core::ffi::c_void;
use core::ptr;
use windows_sys::Win32::System::Diagnostics::Debug::{
    CONTEXT, EXCEPTION_CONTINUE_EXECUTION, EXCEPTION_CONTINUE_SEARCH, EXCEPTION_POINTERS, EXCEPTION_RECORD,
    RtlUnwindEx, SetUnhandledExceptionFilter, UNWIND_HISTORY_TABLE,
};

mod catch;
mod watch;

pub use catch::land_left;

pub use crate::sys::call::{catch, covers, watch};
pub use crate::sys::plain::frame::address_in;

/// The codes of exceptions: GCC's, with the head as their argument, and that of Microsoft's C++.
const GCC_THROW: i32 = 0x2047_4343;
const MICROSOFT_THROW: i32 = 0xe06d_7363_u32 as i32;

/// Who made a frame, by what it tells its handler: GCC's compilers (with Clang for MinGW, and Rust), or Microsoft's.
#[derive(Clone, Copy)]
pub enum Kind {
    Gcc,
    Microsoft,
}

impl Kind {
    /// That of the first of the user's frames from there on which has a handler.
    ///
    /// # Safety
    /// As for `stack::find_from`.
    unsafe fn from(context: *const CONTEXT) -> Kind {
        // SAFETY: as the caller vouches.
        Kind::of(unsafe { stack::find_from(context, Kind::is_told) })
    }

    /// The same from here on.
    pub fn here() -> Kind {
        Kind::of(stack::find(Kind::is_told))
    }

    /// Not one of ours.
    fn is_told(frame: &Frame) -> bool {
        let own = Kind::is_told as fn(&Frame) -> bool as usize;
        frame.told.is_some() && module(frame.address) != module(own)
    }

    fn of(frame: Option<Frame>) -> Kind {
        /// The tables of GCC begin with this byte: their first word is left out. What Microsoft's tell a handler
        /// begins with a small number, or the address of a table that is aligned.
        const OMITTED: u8 = 0xff;
        match frame.and_then(|frame| frame.told) {
            // SAFETY: no handler is told less than a word.
            Some(told) if unsafe { told.cast::<u8>().read() } != OMITTED => Kind::Microsoft,
            _ => Kind::Gcc,
        }
    }

    fn code(self) -> i32 {
        match self {
            Kind::Gcc => GCC_THROW,
            Kind::Microsoft => MICROSOFT_THROW,
        }
    }
}

/// What a handler answers: that others are to be asked.
const CONTINUE_SEARCH: i32 = 1;

/// The flag of an exception after which nothing can go on where it came from.
const EXCEPTION_NONCONTINUABLE: u32 = 1;

/// The flags that tell a handler that its frame is being left.
const UNWINDING: u32 = 2 | 4;
/// And the one that the frame is where that ends.
const TARGET_UNWIND: u32 = 0x20;

/// Where the record of the call lies in a frame, from what the unwinder knows the frame by.
const RECORD: usize = 32;

/// Defines the function `$call` of one argument, a record that begins with a function and its argument: it calls
/// the one with the other, and returns 0. Should the handler have the system unwind to it, that goes on at
/// `$landing`, in the same frame, with what is given along in rax.
macro_rules! frame {
    ($call:literal, $handler:path, $landed:literal $(, $name:ident = $called:path)?) => {
        core::arch::global_asm!(
            concat!(
                "    .pushsection .text$", $call, ",\"xr\"\n",
                "    .globl ", $call, "\n    .def ", $call, "; .scl 2; .type 32; .endef\n",
                "    .seh_proc ", $call, "\n", $call, ":\n",
                r#"
    sub rsp, 56
    .seh_stackalloc 56
    .seh_handler {handler}, @unwind, @except
    .seh_endprologue
    mov [rsp + 32], rcx
    mov rax, [rcx]
    mov rcx, [rcx + 8]
    call rax
    xor eax, eax
    add rsp, 56
    ret
                "#,
                $landed,
                "\n    .seh_endproc\n    .popsection\n"
            ),
            handler = sym $handler
            $(, $name = sym $called)?
        );
    };
}

use frame;

/// The record of the call whose frame this is.
///
/// # Safety
/// The frame is one of these, whose record is an `R`.
unsafe fn record_of<R>(frame: *mut c_void) -> *mut R {
    // SAFETY: as the caller vouches, it lies there.
    unsafe { frame.byte_add(RECORD).cast::<*mut R>().read() }
}

/// Has the system unwind to that frame and go on at the landing, with `given` in rax; frames of that kind clean up.
///
/// # Safety
/// The frame is on the stack, the landing is code that can go on in it, and the exception is valid until it was
/// ended. Nothing in the caller's frame has a destructor.
pub unsafe fn unwind_to(
    kind: Kind,
    frame: *mut c_void,
    landing: *const c_void,
    exception: *mut Exception,
    given: *const c_void,
    history: *const UNWIND_HISTORY_TABLE,
) {
    let mut record = EXCEPTION_RECORD {
        ExceptionCode: kind.code(),
        ExceptionFlags: EXCEPTION_NONCONTINUABLE,
        NumberParameters: 4,
        ..EXCEPTION_RECORD::default()
    };
    let information = [exception.addr(), frame.addr(), landing.addr(), given.addr()];
    record.ExceptionInformation.iter_mut().zip(information).for_each(|(place, word)| *place = word);
    // GCC's unwinder has there what it needs when a cleanup on the way has been done: in the second the frame that it
    // unwinds to, in the third where to go on in that. The first is a function to be asked when a forced unwinding
    // that was caught is thrown on.
    // SAFETY: as the caller vouches. The context is written there.
    unsafe {
        let [_, target_frame, target, ..] = &mut (*exception).private;
        *target_frame = frame.addr();
        *target = landing.addr();
        let mut context = stack::Aligned(core::mem::zeroed());
        RtlUnwindEx(frame, landing, &record, given, &context.0, history);
        core::hint::black_box(&mut context);
    }
}

/// Sees to it that a throw that nobody catches returns to who throws: GCC's runtime counts on that, and has it so
/// in programs that it has started; in others the process would end.
pub fn prepare_throw() {
    static PREPARED: AtomicBool = AtomicBool::new(false);
    // Relaxed: once is enough, and a second one at the same time would only ask itself.
    if !PREPARED.swap(true, Ordering::Relaxed) {
        // SAFETY: a filter that lives as long as the library, which is never unloaded.
        let before = unsafe { SetUnhandledExceptionFilter(Some(unhandled)) };
        let before = before.map_or(ptr::null_mut(), |before| before as *mut c_void);
        BEFORE.store(before, Ordering::Release);
    }
}

/// The filter that was there before, or NULL.
static BEFORE: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

unsafe extern "system" fn unhandled(pointers: *const EXCEPTION_POINTERS) -> i32 {
    type Filter = unsafe extern "system" fn(*const EXCEPTION_POINTERS) -> i32;
    // SAFETY: from the system; the filter before was one.
    unsafe {
        let record = &*(*pointers).ExceptionRecord;
        if record.ExceptionCode == GCC_THROW && record.ExceptionFlags & EXCEPTION_NONCONTINUABLE == 0 {
            return EXCEPTION_CONTINUE_EXECUTION;
        }
        // Acquire: with it, its code.
        let before = BEFORE.load(Ordering::Acquire);
        if before.is_null() {
            return EXCEPTION_CONTINUE_SEARCH;
        }
        core::mem::transmute::<*mut c_void, Filter>(before)(pointers)
    }
}
