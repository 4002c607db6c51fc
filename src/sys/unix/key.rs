//! A thread-specific value of the C library's, whose destructor tells the end of the thread.

use crate::base::atomic::{AtomicUsize, Ordering};
use core::ffi::c_void;
use core::ptr;

/// In how many rounds the C library runs the destructors of thread-specific values, at the least.
pub const ROUNDS: u32 = 4;

/// The key, `NO_KEY` until there is one.
static KEY: AtomicUsize = AtomicUsize::new(NO_KEY);
const NO_KEY: usize = usize::MAX;

/// Called with the value at the end of a thread, if that is not NULL; again in the next round if it has been set
/// meanwhile. It may be left by lt_exit in a user's destructor.
pub type Ended = unsafe extern "C-unwind" fn(*mut c_void);

/// Creates the key, if nobody has. False where there is none to be had.
pub fn prepare(ended: Ended) -> bool {
    if existing().is_some() {
        return true;
    }
    let mut new: libc::pthread_key_t = 0;
    // SAFETY: `new` is valid to write to, and the destructor lives as long as the library.
    if unsafe { pthread_key_create(&mut new, ended) } != 0 {
        return false;
    }
    // Release: whoever sees the key may use it. Relaxed on failure: another's key is not used here.
    if KEY.compare_exchange(NO_KEY, new as usize, Ordering::Release, Ordering::Relaxed).is_err() {
        // SAFETY: this thread created it a moment ago and nobody else knows it.
        unsafe { libc::pthread_key_delete(new) };
    }
    true
}

fn existing() -> Option<libc::pthread_key_t> {
    // Acquire: pairs with the creation in `prepare`.
    match KEY.load(Ordering::Acquire) {
        NO_KEY => None,
        key => Some(key as libc::pthread_key_t),
    }
}

/// The calling thread's value, NULL at first. Async-signal-safe.
#[allow(dead_code, reason = "where there is a word of thread-local storage, that is read")]
pub fn get() -> *mut c_void {
    // SAFETY: the key exists.
    existing().map_or(ptr::null_mut(), |key| unsafe { libc::pthread_getspecific(key) })
}

/// Sets it. False if there is no key, or the C library has no memory for it.
pub fn set(value: *mut c_void) -> bool {
    // SAFETY: the key exists.
    existing().is_some_and(|key| unsafe { libc::pthread_setspecific(key, value) } == 0)
}

unsafe extern "C" {
    // As libc has it, but for a destructor that may be left.
    fn pthread_key_create(key: *mut libc::pthread_key_t, destructor: Ended) -> i32;
}
