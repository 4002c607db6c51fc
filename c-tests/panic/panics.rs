//! Thread functions that panic: a library with a Rust runtime of its own, which test_panic.c loads.

use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicI32, Ordering};

static DROPPED: AtomicI32 = AtomicI32::new(0);

struct Counted;

impl Drop for Counted {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::SeqCst);
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn take_dropped() -> c_int {
    DROPPED.swap(0, Ordering::SeqCst)
}

#[unsafe(no_mangle)]
pub extern "C" fn silence_panics() {
    std::panic::set_hook(Box::new(|_| ()));
}

#[inline(never)]
fn panic_below(frames: i32, end: &dyn Fn()) {
    let _counted = Counted;
    if frames > 1 {
        panic_below(frames - 1, end);
    } else {
        end();
    }
}

#[unsafe(no_mangle)]
pub extern "C-unwind" fn panic_with_text(_: *mut c_void) {
    panic_below(1, &|| panic!("a text"));
}

#[unsafe(no_mangle)]
pub extern "C-unwind" fn panic_with_format(_: *mut c_void) {
    panic_below(10, &|| panic!("a number: {}", 42));
}

#[unsafe(no_mangle)]
pub extern "C-unwind" fn panic_with_payload(_: *mut c_void) {
    panic_below(3, &|| std::panic::resume_unwind(Box::new(Counted)));
}

#[unsafe(no_mangle)]
pub extern "C-unwind" fn panic_and_catch(_: *mut c_void) {
    let caught = std::panic::catch_unwind(|| panic_below(3, &|| panic!("caught")));
    assert!(caught.is_err());
}

#[unsafe(no_mangle)]
pub extern "C-unwind" fn panic_in_task(_: *mut c_void) -> *mut c_void {
    panic_below(1, &|| panic!("in a task"));
    std::ptr::null_mut()
}

/// Whether the thread counts as panicking, as a pointer: what code of Rust finds that runs on it.
#[unsafe(no_mangle)]
pub extern "C" fn is_panicking(_: *mut c_void) -> *mut c_void {
    usize::from(std::thread::panicking()) as *mut c_void
}

/// Calls a function that leaves by other means: lt_raise, lt_exit, an exception.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn leave_through_rust(leave: *mut c_void) {
    // SAFETY: the test passes such a function.
    let leave = unsafe { std::mem::transmute::<*mut c_void, extern "C-unwind" fn(c_int, *const c_char)>(leave) };
    panic_below(3, &|| leave(5, c"raised".as_ptr()));
}
