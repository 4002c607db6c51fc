//! A fence that costs one side nothing.
//!
//! "Publish, then look whether somebody waits" and "say that one waits, then look again" need a full
//! fence in the middle, on both sides. Those who publish do so millions of times a second, and those who
//! are about to sleep do not: on Linux these can fence for both, with membarrier.

use crate::base::atomic::{AtomicBool, Ordering, compiler_fence, fence};

/// Whether `heavy` fences for both sides. Set before the first `light`, by `prepare`.
static ASYMMETRIC: AtomicBool = AtomicBool::new(false);

/// Called before there is anything to fence for: the answer must not change later.
pub fn prepare() {
    // Relaxed: who publishes has the object from who made it, and so sees this.
    // In a model all threads are on one core.
    if !cfg!(shuttle) && !ASYMMETRIC.load(Ordering::Relaxed) && membarrier(REGISTER) {
        ASYMMETRIC.store(true, Ordering::Relaxed);
    }
}

/// The side that is to be fast.
#[inline]
pub fn light() {
    if ASYMMETRIC.load(Ordering::Relaxed) {
        compiler_fence(Ordering::SeqCst);
    } else {
        // SeqCst: the order of a store and a later load of another place.
        fence(Ordering::SeqCst);
    }
}

/// The side that pays.
#[cold]
pub fn heavy() {
    // SeqCst: as above.
    fence(Ordering::SeqCst);
    // A forked child may have to register anew.
    if ASYMMETRIC.load(Ordering::Relaxed) && !membarrier(FENCE) {
        membarrier(REGISTER);
        membarrier(FENCE);
    }
}

/// MEMBARRIER_CMD_PRIVATE_EXPEDITED, and its registration.
const FENCE: i32 = 1 << 3;
const REGISTER: i32 = 1 << 4;

/// Whether the system did it.
#[cfg(target_os = "linux")]
fn membarrier(command: i32) -> bool {
    let _errno = crate::base::errno::Errno::keep();
    // SAFETY: touches no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn membarrier(_command: i32) -> bool {
    false
}
