//! Ending the calling thread from anywhere in it. The system's own ExitThread unwinds nothing, so an unwinding
//! comes first, that nothing is asked about: to the frame of this library that called the thread's function, or on
//! a foreign thread to the outermost one.
//!
//! GCC's C++ knows no unwinding that cannot be caught: a `catch (...)` on the way is entered. It ends when the
//! handler does, by whichever way, since what is caught then says so, and the unwinding goes on from there.

use super::frame::{self, Kind, land_left};
use super::stack::{self, Frame};
use crate::base::heap::boxed;
use crate::base::unwind::{Context, Exception};
use core::arch::global_asm;
use core::cell::Cell;
use core::ffi::{c_int, c_void};
use core::ptr;
use windows_sys::Win32::System::Threading::ExitThread;

/// Of no language that catches by class.
const CLASS: u64 = u64::from_be_bytes(*b"LOWTEXIT");

/// What is unwound with. Not on the stack, which is unwound.
#[repr(C)]
pub struct Leaving {
    head: Exception,
    first_frame: usize,
}

/// Ends the calling thread; on the way, what its frames have to clean up is. `first_frame` is where the code of
/// the first one begins, if the library has started the thread.
///
/// # Safety
/// No frame of this library has a destructor from here on.
pub unsafe fn leave(first_frame: usize) -> ! {
    let mut head = Exception::new(CLASS, caught);
    let [asked, ..] = &mut head.private;
    *asked = stop as *const () as usize;
    // SAFETY: as the caller vouches. Without memory nothing is cleaned up.
    unsafe {
        if let Ok(leaving) = boxed(Leaving { head, first_frame }) {
            go(Box::into_raw(leaving));
        }
        ExitThread(0)
    }
}

unsafe fn go(leaving: *mut Leaving) {
    // SAFETY: as the callers vouch. The frame is on the stack, and either landing never returns from it.
    unsafe {
        let (target, landing) = target((*leaving).first_frame);
        let given: *const c_void = leaving.cast();
        frame::unwind_to(
            Kind::here(),
            ptr::with_exposed_provenance_mut(target),
            landing,
            leaving.cast(),
            given,
            ptr::null(),
        );
    }
}

/// The frame to unwind to, and where to go on in it.
fn target(first_frame: usize) -> (usize, *const c_void) {
    // The last of our own calling frames, and the last frame of all, before the one in question.
    let (calling, last) = (Cell::new(0), Cell::new(0));
    let found = stack::find(|frame: &Frame| {
        if frame::covers(frame.address) {
            calling.set(frame.establisher);
        }
        if frame.function != first_frame {
            last.set(frame.establisher);
        }
        frame.function == first_frame
    });
    match found {
        Some(_) if calling.get() != 0 => (calling.get(), land_left()),
        _ => (last.get(), lt_foreign_left as unsafe extern "C" fn() as *const c_void),
    }
}

/// The frames are cleaned up: ends the thread.
pub unsafe extern "C-unwind" fn left(leaving: *mut Leaving) -> ! {
    // SAFETY: made in `leave`, and nobody has it any more. This frame has no destructor from here on.
    unsafe {
        drop(Box::from_raw(leaving));
        ExitThread(0)
    }
}

/// Called by a `catch (...)` that ends without another throw.
unsafe extern "C-unwind" fn caught(_reason: c_int, exception: *mut Exception) {
    // SAFETY: it is a `Leaving`: the only one with this cleanup.
    unsafe { go(exception.cast()) };
}

/// Called when it is thrown on.
unsafe extern "C-unwind" fn stop(
    _version: c_int,
    _actions: c_int,
    _class: u64,
    exception: *mut Exception,
    _context: *mut Context,
    _argument: *mut c_void,
) -> c_int {
    // SAFETY: as above.
    unsafe { go(exception.cast()) };
    0
}

unsafe extern "C" {
    fn lt_foreign_left();
}

// In the place of a thread's outermost frame: the stack ends here.
global_asm!(
    "    .pushsection .text$lt_foreign_left,\"xr\"",
    "    .globl lt_foreign_left",
    "    .def lt_foreign_left; .scl 2; .type 32; .endef",
    "lt_foreign_left:",
    "    and rsp, -16",
    "    push 0",
    "    push 0",
    "    push 0",
    "    .seh_proc lt_foreign_left_on",
    "lt_foreign_left_on:",
    "    sub rsp, 40",
    "    .seh_stackalloc 40",
    "    .seh_endprologue",
    "    mov rcx, rax",
    "    call {left}",
    "    ud2",
    "    .seh_endproc",
    "    .popsection",
    left = sym left,
);
