//! How large the stacks of new threads are.

use crate::base::atomic::{AtomicUsize, Ordering};
#[cfg(target_os = "linux")]
use crate::base::late::MIN_STACK;
use crate::base::status::Error;
#[cfg(target_os = "linux")]
use core::ffi::c_void;

/// Below this, a stack size is taken for a mistake.
const LEAST: usize = 4096;

/// The effective size for new threads, 0 for the platform's default.
static SIZE: AtomicUsize = AtomicUsize::new(0);

/// Relaxed, here and in `set`: one number, that guards nothing else.
pub fn size() -> usize {
    SIZE.load(Ordering::Relaxed)
}

pub fn set_size(asked: usize) -> Result<(), Error> {
    SIZE.store(effective(asked)?, Ordering::Relaxed);
    Ok(())
}

/// What to reserve so that a thread can use `asked` bytes of its stack; 0 stays 0.
pub fn effective(asked: usize) -> Result<usize, Error> {
    match asked {
        0 => Ok(0),
        1..LEAST => Err(Error::StackTooSmall),
        _ => {
            let usable = asked.max(least()).checked_add(overhead()).ok_or(Error::StackTooLarge)?;
            let rounded = usable.checked_next_multiple_of(page()).ok_or(Error::StackTooLarge)?;
            if rounded > usize::MAX / 2 { Err(Error::StackTooLarge) } else { Ok(rounded) }
        }
    }
}

/// The next size to try where the platform found `size` too small after all.
pub fn more_than(size: usize) -> usize {
    size.saturating_mul(2)
}

/// Where the last quarter of the calling thread's stack begins, 0 if that is not known. Slow: asks the C library.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn reserve() -> usize {
    let mut attributes = core::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let attributes = attributes.as_mut_ptr();
    let (mut lowest, mut size) = (core::ptr::null_mut(), 0);
    // SAFETY: the attributes are written by the first call, if that succeeds, and destroyed by the last.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes) != 0 {
            return 0;
        }
        libc::pthread_attr_getstack(attributes, &mut lowest, &mut size);
        libc::pthread_attr_destroy(attributes);
    }
    lowest.addr() + size / 4
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn reserve() -> usize {
    0
}

/// Whether the calling thread's stack has come below this address.
#[inline]
pub fn is_below(address: usize) -> bool {
    let here = 0_u8;
    core::hint::black_box(&raw const here).addr() < address
}

pub fn page() -> usize {
    // SAFETY: reads a constant of the system.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(LEAST)
}

/// The smallest stack that the platform starts a thread on.
fn least() -> usize {
    libc::PTHREAD_STACK_MIN
}

/// What the C library takes from a stack before the thread can use it: in glibc, the static
/// thread-local storage of all loaded libraries.
#[cfg(target_os = "linux")]
fn overhead() -> usize {
    type MinStack = unsafe extern "C" fn(*const libc::pthread_attr_t) -> usize;
    MIN_STACK.get().map_or(0, |function| {
        // SAFETY: the function is of this type, and reads nothing through its argument.
        unsafe { core::mem::transmute::<*const c_void, MinStack>(function)(core::ptr::null()) }
    })
}

#[cfg(not(target_os = "linux"))]
fn overhead() -> usize {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_checked_and_rounded_up() {
        assert_eq!(effective(0), Ok(0));
        assert_eq!(effective(1), Err(Error::StackTooSmall));
        assert_eq!(effective(4095), Err(Error::StackTooSmall));
        for asked in [4096, 32_769, 1 << 20] {
            let size = effective(asked).unwrap();
            assert!(size >= asked && size % page() == 0);
        }
        assert_eq!(effective(usize::MAX), Err(Error::StackTooLarge));
        assert_eq!(effective(usize::MAX / 2), Err(Error::StackTooLarge));
    }
}
