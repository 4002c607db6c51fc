//! Doing something on another stack, where this one has no room left for it: on a thread for this one thing,
//! which is waited for. It is no thread of the library's: it is not counted, has no record and takes no signals.

use crate::base::cancellation::PutOff;
use crate::thread::service;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr;

/// Calls `work` where there are `room` bytes of stack. False if there are not, and no thread can be had.
pub fn with_room(room: usize, work: impl FnOnce() + Send) -> bool {
    if room_left().is_none_or(|left| left >= room) {
        work();
        return true;
    }
    elsewhere(room, work)
}

fn elsewhere<F: FnOnce() + Send>(room: usize, work: F) -> bool {
    extern "C" fn main<F: FnOnce()>(work: *mut c_void) -> *mut c_void {
        // SAFETY: `elsewhere` passes a work, and waits until this is over.
        if let Some(work) = unsafe { &mut *work.cast::<Option<F>>() }.take() {
            work();
        }
        ptr::null_mut()
    }
    let _uncancelled = PutOff::begin();
    let mut work = Some(work);
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let attributes = attributes.as_mut_ptr();
    let mut thread = MaybeUninit::<libc::pthread_t>::uninit();
    // SAFETY: the attributes are initialised first, and destroyed last, here. The thread is joined before
    // `work` ends.
    unsafe {
        if libc::pthread_attr_init(attributes) != 0 {
            return false;
        }
        // What the thread itself needs comes out of it too.
        let mut failed = libc::pthread_attr_setstacksize(attributes, 2 * room);
        if failed == 0 {
            failed = service::with_mask(&service::resting(), || {
                libc::pthread_create(thread.as_mut_ptr(), attributes, main::<F>, (&raw mut work).cast())
            });
        }
        libc::pthread_attr_destroy(attributes);
        if failed == 0 {
            libc::pthread_join(thread.assume_init(), ptr::null_mut());
        }
        failed == 0
    }
}

/// How many bytes of its stack the calling thread has left; none at all on a stack that is not its own, as that
/// of a coroutine or a signal. None where the system does not say.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn room_left() -> Option<usize> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let attributes = attributes.as_mut_ptr();
    let (mut start, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the attributes are initialised by the first call, if that succeeds, and destroyed here.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes) != 0 {
            return Some(0);
        }
        libc::pthread_attr_getstack(attributes, &mut start, &mut size);
        libc::pthread_attr_destroy(attributes);
    }
    let here = ptr::from_ref(&size).addr();
    // The lowest page may be a guard, as some C libraries count.
    let left = here.wrapping_sub(start.addr());
    Some(if left < size { left.saturating_sub(crate::thread::stack::page()) } else { 0 })
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn room_left() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_knows_its_room() {
        let small = std::thread::Builder::new().stack_size(256 * 1024).spawn(room_left).unwrap();
        let left = small.join().unwrap().unwrap();
        assert!((128 * 1024..=256 * 1024).contains(&left), "{left}");
    }

    #[test]
    fn work_goes_where_there_is_room() {
        let own = crate::base::this_thread::native_id();
        let mut done_on = 0;
        assert!(with_room(1, || done_on = crate::base::this_thread::native_id()));
        assert_eq!(done_on, own);
        let room = room_left().unwrap() + 1;
        assert!(with_room(room, || done_on = crate::base::this_thread::native_id()));
        assert_ne!(done_on, own);
        assert!(!with_room(usize::MAX / 4, || done_on = 0));
        assert_ne!(done_on, 0);
    }
}
