//! Threads of the system: what macOS knows of them beyond POSIX.

pub use crate::sys::unix::thread::{
    End, LEAST_STACK, LONGEST_NAME, Native, OF_POSIX, OVER, Over, create, current, detach, first_native_id,
    is_alone, is_first, join, joinable, let_go, native_id, number, set_slack, stack_overhead, try_join,
    wants_more_stack,
};

/// Names the calling thread.
pub fn set_name(name: &[u8; LONGEST_NAME + 1]) {
    // SAFETY: NUL-terminated.
    unsafe { libc::pthread_setname_np(name.as_ptr().cast()) };
}

/// Whether `stack` can tell anything at all here.
pub const TELLS_STACKS: bool = true;

/// The lowest address of the calling thread's stack, and its size.
pub fn stack() -> Option<(usize, usize)> {
    // SAFETY: asks for two numbers of the calling thread. The address is that of the upper end.
    unsafe {
        let thread = libc::pthread_self();
        let size = libc::pthread_get_stacksize_np(thread);
        Some((libc::pthread_get_stackaddr_np(thread).addr().checked_sub(size)?, size))
    }
}
