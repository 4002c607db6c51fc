//! What tests need for ever.

use core::sync::atomic::AtomicPtr;
use std::sync::Mutex;

/// The value, which is still reached at the end, and so is no leak.
pub fn for_ever<T>(value: T) -> &'static T {
    static KEPT: Mutex<Vec<AtomicPtr<()>>> = Mutex::new(Vec::new());
    let value = Box::into_raw(Box::new(value));
    KEPT.lock().unwrap().push(AtomicPtr::new(value.cast()));
    // SAFETY: from a box, and never freed.
    unsafe { &*value }
}
