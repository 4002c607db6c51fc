//! Ending the calling thread.

use crate::base::this_thread;
use core::ffi::c_void;
use core::ptr;

unsafe extern "C-unwind" {
    // As libc has it, but said to unwind, which it does, but for musl's: it runs the cleanups of every frame above.
    fn pthread_exit(value: *mut c_void) -> !;
}

/// Ends the calling thread with an error that was told already; on the main thread, the process.
pub fn after_error() -> ! {
    end(1)
}

/// Ends the calling thread, whoever started it; on the main thread, the process.
pub fn exit() -> ! {
    end(0)
}

fn end(status: i32) -> ! {
    if this_thread::current().is_some_and(|record| record.is_main()) {
        // SAFETY: a normal end of the process.
        unsafe { libc::exit(status) }
    }
    // SAFETY: no frame of this library between here and the thread's first one has a destructor.
    unsafe {
        // Only a thread of ours has that frame. On others musl calls the pending handlers, and no more.
        #[cfg(target_env = "musl")]
        crate::base::forced::unwind_to(crate::thread::start::first_frame());
        pthread_exit(ptr::null_mut())
    }
}
