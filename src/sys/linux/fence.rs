//! A fence for all threads of the process: membarrier.

use crate::base::errno::Errno;

/// What the system is asked for.
#[derive(Clone, Copy)]
pub enum Ask {
    /// To be ready for the other.
    Register = 1 << 4,
    /// The fence: MEMBARRIER_CMD_PRIVATE_EXPEDITED.
    Fence = 1 << 3,
}

/// Whether the system did it.
pub fn membarrier(ask: Ask) -> bool {
    let _errno = Errno::keep();
    // SAFETY: touches no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, ask as i32, 0, 0) == 0 }
}
