//! Ending the calling thread.

use crate::base::this_thread;
use crate::sys::leave::leave;
use crate::thread::start::first_frame;

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
    unsafe { leave(first_frame()) }
}
