//! A fence for all threads of the process: FlushProcessWriteBuffers.

use windows_sys::Win32::System::Threading::FlushProcessWriteBuffers;

/// What the system is asked for.
#[derive(Clone, Copy)]
pub enum Ask {
    /// To be ready for the other: it always is.
    Register,
    Fence,
}

/// Whether the system did it.
pub fn membarrier(ask: Ask) -> bool {
    if let Ask::Fence = ask {
        // SAFETY: touches no memory. It cannot fail.
        unsafe { FlushProcessWriteBuffers() };
    }
    true
}
