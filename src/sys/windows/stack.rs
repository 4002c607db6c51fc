//! The frames of the calling thread's stack, as the system's tables tell them.

use core::ptr;
use windows_sys::Win32::System::Diagnostics::Debug::{
    CONTEXT, RtlCaptureContext, RtlLookupFunctionEntry, RtlVirtualUnwind, UNW_FLAG_NHANDLER,
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
}

/// The first frame of which something is so, innermost first. The stack ends where there are no tables.
pub fn find(is_it: impl Fn(&Frame) -> bool) -> Option<Frame> {
    let mut context = Aligned(CONTEXT::default());
    let context = &raw mut context.0;
    let mut history = UNWIND_HISTORY_TABLE::default();
    // SAFETY: the context is this thread's, and goes from frame to frame by the tables that lie in its modules,
    // which are there as long as their code is on the stack.
    unsafe {
        RtlCaptureContext(context);
        loop {
            let (mut base, address) = (0, (*context).Rip);
            let entry = RtlLookupFunctionEntry(address, &mut base, &mut history);
            if entry.is_null() {
                return None;
            }
            let function = base as usize + (*entry).BeginAddress as usize;
            let (mut data, mut establisher) = (ptr::null_mut(), 0);
            RtlVirtualUnwind(
                UNW_FLAG_NHANDLER,
                base,
                address,
                entry,
                context,
                &mut data,
                &mut establisher,
                ptr::null_mut(),
            );
            let frame = Frame { address: address as usize, function, establisher: establisher as usize };
            if is_it(&frame) {
                return Some(frame);
            }
        }
    }
}

/// What the processor's vector registers are saved in.
#[repr(align(16))]
pub struct Aligned<T>(pub T);
