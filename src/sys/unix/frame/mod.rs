//! Calling user code from a frame with a personality of its own, which Rust cannot say: catching what it throws
//! ([`catch`]), and being told when it is left ([`watch`]). What both have in common is here.

use crate::base::unwind::Context;
use core::ffi::c_int;

mod assembly;
mod catch;
mod watch;

pub use crate::sys::call::{catch, covers, watch};

/// A throw that nobody catches returns to who throws, whatever the program.
pub fn prepare_throw() {}

/// What a personality is asked for its frame: to look whether it catches, while all is whole, or to leave it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Search,
    Leave,
    /// The same, by what nothing may catch.
    ForcedOut,
}

/// What it answers.
enum Answer {
    /// On to the next frame.
    Continue,
    /// It catches: the stack is unwound up to here.
    Catch,
    /// On at the landing of the frame.
    Land(unsafe extern "C" fn()),
}

/// Makes a personality of a function that answers what it is asked about an exception in a context.
macro_rules! personality {
    ($name:ident, $answer:path) => {
        #[cfg(not(target_arch = "arm"))]
        extern "C" fn $name(
            _version: c_int,
            actions: c_int,
            _class: u64,
            exception: *mut $crate::base::unwind::Exception,
            context: *mut $crate::base::unwind::Context,
        ) -> c_int {
            $crate::sys::unix::frame::itanium::answer(actions, context, |asked| {
                $answer(asked, exception, context)
            })
        }

        #[cfg(target_arch = "arm")]
        extern "C" fn $name(
            state: c_int,
            exception: *mut $crate::base::unwind::Exception,
            context: *mut $crate::base::unwind::Context,
        ) -> c_int {
            // SAFETY: the unwinder's exception and context.
            unsafe {
                $crate::sys::unix::frame::ehabi::answer(state, exception, context, |asked| {
                    $answer(asked, exception, context)
                })
            }
        }
    };
}
use personality;

const HANDLER_FOUND: c_int = 6;
const INSTALL_CONTEXT: c_int = 7;
const CONTINUE_UNWIND: c_int = 8;

/// The interface that all processors have but one.
#[cfg(not(target_arch = "arm"))]
mod itanium {
    use super::{Answer, Asked, CONTINUE_UNWIND, Context, HANDLER_FOUND, INSTALL_CONTEXT};
    use core::ffi::c_int;

    const SEARCH_PHASE: c_int = 1;
    const FORCE_UNWIND: c_int = 8;

    /// The register of the record, in the numbering of DWARF: rbx, esi, s1, x19.
    const RECORD_REGISTER: c_int = if cfg!(target_arch = "x86_64") {
        3
    } else if cfg!(target_arch = "x86") {
        6
    } else if cfg!(target_arch = "riscv64") {
        9
    } else {
        19
    };

    unsafe extern "C" {
        fn _Unwind_GetGR(context: *mut Context, register: c_int) -> usize;
        fn _Unwind_SetIP(context: *mut Context, address: usize);
        fn _Unwind_GetIP(context: *mut Context) -> usize;
    }

    pub fn answer(actions: c_int, context: *mut Context, answer: impl FnOnce(Asked) -> Answer) -> c_int {
        let asked = match actions {
            _ if actions & SEARCH_PHASE != 0 => Asked::Search,
            _ if actions & FORCE_UNWIND != 0 => Asked::ForcedOut,
            _ => Asked::Leave,
        };
        match answer(asked) {
            Answer::Continue => CONTINUE_UNWIND,
            Answer::Catch => HANDLER_FOUND,
            Answer::Land(landing) => {
                // Only the address is set: setting a register fails in programs linked with -static-libgcc.
                // SAFETY: the unwinder's context; the landing is in the frame, and finds its record in the register.
                unsafe { _Unwind_SetIP(context, landing as *const () as usize) };
                INSTALL_CONTEXT
            }
        }
    }

    pub unsafe fn record(context: *mut Context) -> usize {
        // SAFETY: as the caller vouches.
        unsafe { _Unwind_GetGR(context, RECORD_REGISTER) }
    }

    pub unsafe fn address(context: *mut Context) -> usize {
        // SAFETY: as the caller vouches.
        unsafe { _Unwind_GetIP(context) }
    }
}

/// That of ARM with 32 bits: the personality moves the context on itself, and keeps in the exception which frame
/// has caught it.
#[cfg(target_arch = "arm")]
mod ehabi {
    use super::{Answer, Asked, CONTINUE_UNWIND, Context, HANDLER_FOUND, INSTALL_CONTEXT};
    use crate::base::unwind::Exception;
    use core::ffi::{c_int, c_void};

    const ACTION: c_int = 3;
    const VIRTUAL_UNWIND_FRAME: c_int = 0;
    const UNWIND_FRAME_STARTING: c_int = 1;
    const FORCE_UNWIND: c_int = 8;
    const FAILURE: c_int = 9;

    /// The registers by number: that of the record, the stack's, the address of the code.
    const RECORD: u32 = 4;
    const STACK: u32 = 13;
    const ADDRESS: u32 = 15;
    const CORE: c_int = 0;
    const UINT32: c_int = 0;

    unsafe extern "C" {
        fn _Unwind_VRS_Get(
            context: *mut Context,
            class: c_int,
            register: u32,
            kind: c_int,
            value: *mut c_void,
        ) -> c_int;
        fn _Unwind_VRS_Set(
            context: *mut Context,
            class: c_int,
            register: u32,
            kind: c_int,
            value: *mut c_void,
        ) -> c_int;
        fn __gnu_unwind_frame(exception: *mut Exception, context: *mut Context) -> c_int;
    }

    unsafe fn get(context: *mut Context, register: u32) -> usize {
        let mut value = 0_usize;
        // SAFETY: as the caller vouches; of a core register there are 32 bits.
        unsafe { _Unwind_VRS_Get(context, CORE, register, UINT32, (&raw mut value).cast()) };
        value
    }

    pub unsafe fn answer(
        state: c_int,
        exception: *mut Exception,
        context: *mut Context,
        answer: impl FnOnce(Asked) -> Answer,
    ) -> c_int {
        let forced = state & FORCE_UNWIND != 0;
        let answer = match state & ACTION {
            // A backtrace asks so too.
            VIRTUAL_UNWIND_FRAME if forced => Answer::Continue,
            VIRTUAL_UNWIND_FRAME => answer(Asked::Search),
            UNWIND_FRAME_STARTING if forced => answer(Asked::ForcedOut),
            UNWIND_FRAME_STARTING => answer(Asked::Leave),
            // It has landed, and goes on.
            _ => Answer::Continue,
        };
        // SAFETY: as the caller vouches; the landing is in the frame, and finds its record in the register.
        unsafe {
            match answer {
                Answer::Continue if __gnu_unwind_frame(exception, context) == 0 => CONTINUE_UNWIND,
                Answer::Continue => FAILURE,
                Answer::Catch => {
                    // Frames of other languages on the way ask whether it was they who have caught it: the first
                    // word behind the five of the unwinder's is the end of the stack of who has.
                    let [_, _, _, _, _, place, ..] = &mut (*exception).private;
                    *place = get(context, STACK);
                    HANDLER_FOUND
                }
                Answer::Land(landing) => {
                    let mut address = landing as *const () as usize;
                    _Unwind_VRS_Set(context, CORE, ADDRESS, UINT32, (&raw mut address).cast());
                    INSTALL_CONTEXT
                }
            }
        }
    }

    pub unsafe fn record(context: *mut Context) -> usize {
        // SAFETY: as the caller vouches.
        unsafe { get(context, RECORD) }
    }

    /// Without the bit that says of which kind the instructions are.
    pub unsafe fn address(context: *mut Context) -> usize {
        // SAFETY: as the caller vouches.
        unsafe { get(context, ADDRESS) & !1 }
    }
}

#[cfg(target_arch = "arm")]
use ehabi as abi;
#[cfg(not(target_arch = "arm"))]
use itanium as abi;

/// The record of the call whose frame this is.
///
/// # Safety
/// The frame is one of these, whose record is an `R`.
unsafe fn record_of<R>(context: *mut Context) -> *mut R {
    // SAFETY: as the caller vouches, the register holds the record.
    unsafe { abi::record(context) as *mut R }
}

/// Where the frame goes on.
///
/// # Safety
/// The unwinder's context.
pub unsafe fn address_in(context: *mut Context) -> usize {
    // SAFETY: as the caller vouches.
    unsafe { abi::address(context) }
}
