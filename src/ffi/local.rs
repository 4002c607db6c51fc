//! Section 7 of the header: thread-local storage.

use crate::base::handle::Handle;
use crate::base::status::lt_status;
use crate::ffi::{at, at_once, free, new_handle, report, value_at_once, value_or_default};
use crate::thread::local::Local;
use core::ffi::c_void;

/// A key under which each thread has a value of its own, NULL at first. There is no limit to the
/// number of keys. When a thread ends, however it does, the destructor is called there with each
/// value that is not NULL, which is cleared before; again if it sets a new one, up to four rounds.
pub struct lt_local {
    _opaque: [u8; 0],
}

/// Called with a value when its thread ends.
pub type lt_local_destructor = Option<unsafe extern "C-unwind" fn(value: *mut c_void)>;

/// A new key; `destructor` may be NULL. NULL when out of memory.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_local_new(destructor: lt_local_destructor) -> *mut lt_local {
    new_handle(&"lt_local_new", Handle::<Local>::new(destructor))
}

/// Frees a key. Runs no destructor: the values that threads have are forgotten. NULL is LT_OK.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_local_free(local: *mut lt_local) -> lt_status {
    // SAFETY: a handle, as the header asks; so everywhere in this file.
    unsafe { free(&"lt_local_free", local, Handle::<Local>::free) }
}

/// The calling thread's value; NULL when unset.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_local_get(local: *const lt_local) -> *mut c_void {
    // SAFETY: see above.
    let key = unsafe { at::<Local>(local) };
    value_at_once(key.ok().and_then(Handle::<Local>::get_at_once), move || {
        // SAFETY: see above.
        let value = unsafe { at::<Local>(local) }.and_then(Handle::<Local>::get);
        value_or_default(&"lt_local_get", value.map(Some)).unwrap_or(core::ptr::null_mut())
    })
}

/// Sets the calling thread's value; NULL unsets it. LT_NO_MEMORY: unchanged.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_local_set(local: *mut lt_local, value: *mut c_void) -> lt_status {
    // SAFETY: see above.
    unsafe {
        at_once(
            local,
            |local: Handle<Local>| local.set_at_once(value),
            move |local| report(&"lt_local_set", local.and_then(|local| local.set(value))),
        )
    }
}
