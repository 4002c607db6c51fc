//! One word of thread-local storage, a pointer, by the model in which the loader is asked where it is.

use core::cell::Cell;
use core::ffi::c_void;
use core::ptr;

std::thread_local! {
    /// Without a destructor, so that it lasts.
    static WORD: Cell<*mut c_void> = const { Cell::new(ptr::null_mut()) };
}

/// The calling thread's word. Async-signal-safe.
pub fn get() -> *mut c_void {
    WORD.get()
}

/// Sets the calling thread's word.
pub fn set(word: *mut c_void) {
    WORD.set(word);
}
