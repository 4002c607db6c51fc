//! Ending the calling thread from anywhere in it, with a C library whose `pthread_exit` unwinds nothing: musl. So
//! an unwinding comes first that nothing catches.
//!
//! As glibc does it: the unwinder goes from frame to frame, has each clean up after itself, and asks before
//! each whether that was enough. It is at the thread's first frame, which is this library's own and has nothing
//! to clean up. There is no way back once the first frame has cleaned up after itself, and LLVM's unwinder ends
//! the process where it finds no tables; so nothing begins unless the first frame can be seen from here.

use super::handlers::Pending;
use crate::base::unwind::{Context, END_OF_STACK, Exception, NO_REASON, walk};
use core::cell::UnsafeCell;
use core::ffi::{c_int, c_void};

/// Of no language: so the C++ runtimes know a forced unwinding.
const CLASS: u64 = 0;

/// A set bit says that there are no more frames.
const NO_MORE_FRAMES: c_int = 16;

std::thread_local! {
    /// What is unwound with. Not on the stack, which is unwound; without a destructor, so that it lasts.
    static LEAVING: UnsafeCell<Exception> = const { UnsafeCell::new(Exception::new(CLASS, swallowed)) };
}

unsafe extern "C-unwind" {
    fn _Unwind_ForcedUnwind(exception: *mut Exception, stop: Stop, first_frame: *mut c_void) -> c_int;
    // As libc has it, but said to unwind: the handlers that it calls may.
    fn pthread_exit(value: *mut c_void) -> !;
}

unsafe extern "C" {
    fn _Unwind_GetRegionStart(context: *mut Context) -> usize;
    fn _Unwind_GetCFA(context: *mut Context) -> usize;
}

type Stop =
    unsafe extern "C-unwind" fn(c_int, c_int, u64, *mut Exception, *mut Context, *mut c_void) -> c_int;

/// Ends the calling thread; on the way, what its frames have to clean up is. `first_frame` is where the code of
/// the first one begins, if the library has started the thread. On others musl calls the pending handlers, and no
/// more.
///
/// # Safety
/// No frame of this library has a destructor from here on.
pub unsafe fn leave(first_frame: usize) -> ! {
    // SAFETY: as the caller vouches.
    unsafe {
        unwind_to(first_frame);
        pthread_exit(core::ptr::null_mut())
    }
}

/// Unwinds the calling thread up to the frame of that function, and ends it. Returns, with nothing done, if
/// the frame cannot be reached.
///
/// # Safety
/// No frame of this library from here to there has a destructor.
unsafe fn unwind_to(first_frame: usize) {
    if !can_reach(first_frame) {
        return;
    }
    let leaving = LEAVING.with(UnsafeCell::get);
    // SAFETY: as the caller vouches; the exception is this thread's, and used for nothing else.
    unsafe { _Unwind_ForcedUnwind(leaving, stop, core::ptr::without_provenance_mut(first_frame)) };
}

fn can_reach(first_frame: usize) -> bool {
    struct Search {
        wanted: usize,
        found: bool,
    }
    extern "C" fn look(context: *mut Context, search: *mut c_void) -> c_int {
        // SAFETY: the search is the one below; the context is the unwinder's, for the time of this callback.
        unsafe {
            let search = &mut *search.cast::<Search>();
            search.found = _Unwind_GetRegionStart(context) == search.wanted;
            if search.found { END_OF_STACK } else { NO_REASON }
        }
    }
    let mut search = Search { wanted: first_frame, found: false };
    // SAFETY: `look` takes a search.
    unsafe { walk(look, (&raw mut search).cast()) };
    search.found
}

/// Asked before each frame: ends the thread at its first one.
unsafe extern "C-unwind" fn stop(
    _version: c_int,
    actions: c_int,
    _class: u64,
    _exception: *mut Exception,
    context: *mut Context,
    first_frame: *mut c_void,
) -> c_int {
    // SAFETY: the context is the unwinder's. What lies below the frame's end of the stack are the frames that were
    // left, the last of which is whole as long as this one has not been called.
    unsafe {
        Pending::call_below(_Unwind_GetCFA(context));
        if actions & NO_MORE_FRAMES != 0 || _Unwind_GetRegionStart(context) == first_frame.addr() {
            pthread_exit(core::ptr::null_mut());
        }
    }
    NO_REASON
}

/// Called by a `catch (...)` that does not throw again: glibc has no other answer.
unsafe extern "C-unwind" fn swallowed(_reason: c_int, _exception: *mut Exception) {
    const SENTENCE: &[u8] = b"lowthread: lt_exit() was caught and not thrown again\n";
    // SAFETY: writes a constant, and ends the process.
    unsafe {
        libc::write(libc::STDERR_FILENO, SENTENCE.as_ptr().cast(), SENTENCE.len());
        libc::abort();
    }
}
