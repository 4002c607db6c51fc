//! Threads of the system: what FreeBSD knows of them beyond POSIX.

use core::mem::MaybeUninit;
use core::ptr;

pub use crate::sys::unix::thread::{
    End, LEAST_STACK, LONGEST_NAME, Native, OF_POSIX, OVER, Over, create, current, detach, first_native_id,
    is_alone, is_first, join, joinable, let_go, native_id, number, set_slack, stack_overhead, try_join,
    wants_more_stack,
};

/// Names the calling thread.
pub fn set_name(name: &[u8; LONGEST_NAME + 1]) {
    // SAFETY: NUL-terminated, for the calling thread itself.
    unsafe { libc::pthread_set_name_np(libc::pthread_self(), name.as_ptr().cast()) };
}

/// Whether `stack` can tell anything at all here.
pub const TELLS_STACKS: bool = true;

/// The lowest address of the calling thread's stack, and its size.
pub fn stack() -> Option<(usize, usize)> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let attributes = attributes.as_mut_ptr();
    let (mut lowest, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the attributes are initialised by the first call, filled in by the second, and destroyed by the last.
    unsafe {
        if libc::pthread_attr_init(attributes) != 0 {
            return None;
        }
        let found = libc::pthread_attr_get_np(libc::pthread_self(), attributes) == 0
            && libc::pthread_attr_getstack(attributes, &mut lowest, &mut size) == 0;
        libc::pthread_attr_destroy(attributes);
        found.then_some((lowest.addr(), size))
    }
}
