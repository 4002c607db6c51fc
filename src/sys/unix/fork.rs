//! Being told of forks.

/// Has these called before a fork, and after it in the parent and in the child; of all such handlers, these last
/// before it and first after it if they were installed first. False without memory for it.
pub fn install(before: extern "C" fn(), parent: extern "C" fn(), child: extern "C" fn()) -> bool {
    // SAFETY: the functions live as long as the library, which is never unloaded.
    unsafe { libc::pthread_atfork(Some(before), Some(parent), Some(child)) == 0 }
}
