//! The frames of the calling thread's stack, as the system's tables tell them.

use core::ffi::c_void;
use core::ptr;
use windows_sys::Win32::System::Diagnostics::Debug::{
    CONTEXT, RtlCaptureContext, RtlLookupFunctionEntry, RtlVirtualUnwind, UNW_FLAG_UHANDLER,
    UNWIND_HISTORY_TABLE,
};

/// One frame.
#[derive(Clone, Copy)]
pub struct Frame {
    /// Where its function goes on.
    pub address: usize,
    /// Where the code of its function begins.
    pub function: usize,
    /// What the unwinder knows it by.
    pub establisher: usize,
    /// What it tells its handler, if it has one to be called when it is left.
    pub told: Option<*const c_void>,
}

/// The first frame of which something is so, innermost first. The stack ends where there are no tables.
pub fn find(is_it: impl Fn(&Frame) -> bool) -> Option<Frame> {
    let mut context = Aligned(CONTEXT::default());
    // SAFETY: a place for the context, in which this frame stays. It is this thread's.
    unsafe {
        RtlCaptureContext(&mut context.0);
        find_from(&context.0, is_it)
    }
}

/// The same from another place on.
///
/// # Safety
/// The context is one of this thread's, and its frame is still on the stack.
pub unsafe fn find_from(context: *const CONTEXT, is_it: impl Fn(&Frame) -> bool) -> Option<Frame> {
    let mut history = UNWIND_HISTORY_TABLE::default();
    // SAFETY: as the caller vouches; it goes from frame to frame by the tables that lie in their modules, which are
    // there as long as their code is on the stack.
    unsafe {
        let mut context = Aligned(context.read());
        let context = &raw mut context.0;
        loop {
            let (mut base, address) = (0, (*context).Rip);
            let entry = RtlLookupFunctionEntry(address, &mut base, &mut history);
            if entry.is_null() {
                return None;
            }
            let function = base as usize + (*entry).BeginAddress as usize;
            let (mut data, mut establisher) = (ptr::null_mut(), 0);
            let handler = RtlVirtualUnwind(
                UNW_FLAG_UHANDLER,
                base,
                address,
                entry,
                context,
                &mut data,
                &mut establisher,
                ptr::null_mut(),
            );
            let frame = Frame {
                address: address as usize,
                function,
                establisher: establisher as usize,
                told: handler.map(|_| data.cast_const()),
            };
            if is_it(&frame) {
                return Some(frame);
            }
        }
    }
}

/// What the processor's vector registers are saved in.
#[repr(align(16))]
pub struct Aligned<T>(pub T);
