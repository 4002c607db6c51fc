//! Doing something on another stack, where this one has no room left for it: on a thread for this one thing,
//! which is waited for. It is no thread of the library's: it is not counted, has no record and takes no signals.

use crate::sys::cancellation::PutOff;
use crate::sys::thread::{self, End, OVER, Over};
use crate::sys::{mask, memory};
use crate::thread::service;
use core::ffi::c_void;
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
    unsafe extern "C-unwind" fn main<F: FnOnce()>(work: *mut c_void) -> Over {
        // SAFETY: `elsewhere` passes a work, and waits until this is over.
        if let Some(work) = unsafe { &mut *work.cast::<Option<F>>() }.take() {
            work();
        }
        OVER
    }
    let _uncancelled = PutOff::begin();
    let mut work = Some(work);
    // What the thread itself needs comes out of it too.
    // SAFETY: the function takes this work, and the thread is joined before that ends.
    let created = service::with_mask(&mask::resting(), || unsafe {
        thread::create(2 * room, End::Joined, main::<F>, (&raw mut work).cast())
    });
    // SAFETY: just started, to be joined.
    created.is_ok_and(|native| unsafe { thread::join(native) })
}

/// How many bytes of its stack the calling thread has left; none at all on a stack that is not its own, as that
/// of a coroutine or a signal. None where the system does not say.
fn room_left() -> Option<usize> {
    if !thread::TELLS_STACKS {
        return None;
    }
    let Some((lowest, size)) = thread::stack() else { return Some(0) };
    let here = ptr::from_ref(&size).addr();
    // The lowest page may be a guard, as some C libraries count.
    let left = here.wrapping_sub(lowest);
    Some(if left < size { left.saturating_sub(memory::page()) } else { 0 })
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
