//! The caller's errno, which a call of this library leaves as it was.
//!
//! Who asks the system for something that it may refuse keeps errno meanwhile: the waits (`wait`), who asks
//! for memory ([`keeping`]), and the functions of `ffi` that start threads, route signals or render. The
//! short ways of the others ask for nothing.

use crate::sys::errno::{self, Value, set};
use core::hint::black_box;

/// An errno that is put back at the end of the scope.
pub struct Errno(Value);

/// Hidden from the compiler, which holds that `malloc` leaves errno alone, and then that putting it back does nothing.
fn get() -> Value {
    black_box(errno::get())
}

impl Errno {
    pub fn keep() -> Errno {
        Errno(get())
    }
}

impl Drop for Errno {
    fn drop(&mut self) {
        set(self.0);
    }
}

/// Calls what may change errno, and puts it back, unless the call is left by an unwinding: so this can stand
/// on a frame that user code is called from.
pub fn keeping<R>(call: impl FnOnce() -> R) -> R {
    let errno = get();
    let result = call();
    set(errno);
    result
}
