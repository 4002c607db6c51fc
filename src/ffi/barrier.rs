//! Section 8 of the header: the barrier.

use crate::base::handle::Handle;
use crate::base::status::lt_status;
use crate::ffi::thread::lt_thread_fn;
use crate::ffi::{at, free, new_handle, report_of, report_value_of, value_or_default};
use crate::sync::barrier::Barrier;
use core::ffi::c_void;

/// A barrier holds threads back until so many of them, its parties, are there; then it lets them
/// all go, and the next round begins. What each did before it came happens before the return of
/// all. A thread that gives up breaks the barrier: the others get LT_BROKEN, and so does who comes
/// later, until a reset.
pub struct lt_barrier {
    _opaque: [u8; 0],
}

/// A new barrier. In each round, the thread that comes last calls action(arg), which may be NULL,
/// before the others go on. NULL if `parties` is 0, or out of memory.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_barrier_new(
    parties: u32,
    action: lt_thread_fn,
    arg: *mut c_void,
) -> *mut lt_barrier {
    new_handle(&"lt_barrier_new", Handle::<Barrier>::new(parties, action, arg))
}

/// Frees a barrier. LT_BUSY, and nothing is freed, while a thread waits for it. NULL is LT_OK.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_barrier_free(barrier: *mut lt_barrier) -> lt_status {
    // SAFETY: a handle, as the header asks; so everywhere in this file.
    unsafe { free(&"lt_barrier_free", barrier, Handle::<Barrier>::free) }
}

/// Blocks until all parties are there. `index`, different for each of a round, is the order in which
/// they came, from 0. LT_INTERRUPTED: the barrier is broken now; LT_BROKEN: it was; LT_DEADLOCK from
/// its own action. An action that raises breaks it, and the error goes on up the calling thread.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lt_barrier_wait(barrier: *mut lt_barrier, index: *mut u32) -> lt_status {
    // SAFETY: see above; `index` is NULL or valid to write to, as the header asks. Nothing here has a
    // destructor.
    unsafe {
        let index_here = at::<Barrier>(barrier).and_then(|barrier| barrier.wait());
        report_value_of(barrier, &"lt_barrier_wait", index_here, index)
    }
}

/// The same; blocks for at most this many seconds. LT_TIMED_OUT: the barrier is broken now; with 0
/// too, unless the caller is the last one.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lt_barrier_wait_timeout(
    barrier: *mut lt_barrier,
    seconds: f64,
    index: *mut u32,
) -> lt_status {
    // SAFETY: as for lt_barrier_wait.
    unsafe {
        let index_here = at::<Barrier>(barrier).and_then(|barrier| barrier.wait_timeout(seconds));
        report_value_of(barrier, &"lt_barrier_wait_timeout", index_here, index)
    }
}

/// The threads that wait get LT_BROKEN, and a new round begins; mends a broken barrier.
/// Who comes later is of the new round.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_barrier_reset(barrier: *mut lt_barrier) -> lt_status {
    // SAFETY: see above.
    let result = unsafe { at::<Barrier>(barrier) }.and_then(Handle::<Barrier>::reset);
    report_of(barrier, &"lt_barrier_reset", result)
}

/// Breaks the barrier: threads that wait, and those that come later, get LT_BROKEN.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_barrier_abort(barrier: *mut lt_barrier) -> lt_status {
    // SAFETY: see above.
    let result = unsafe { at::<Barrier>(barrier) }.and_then(Handle::<Barrier>::abort);
    report_of(barrier, &"lt_barrier_abort", result)
}

/// Takes one party out, of this round and the later ones: it does not wait. If all others are there, they
/// go on, and one of them runs the action. Without parties it is broken, and a reset does not mend it.
/// LT_INVALID, and nothing happens, if it has none.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_barrier_drop(barrier: *mut lt_barrier) -> lt_status {
    // SAFETY: see above.
    let result = unsafe { at::<Barrier>(barrier) }.and_then(Handle::<Barrier>::drop_out);
    report_of(barrier, &"lt_barrier_drop", result)
}

/// How many threads make a round.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_barrier_parties(barrier: *const lt_barrier) -> u32 {
    // SAFETY: see above.
    value_or_default(
        &"lt_barrier_parties",
        unsafe { at::<Barrier>(barrier) }.and_then(Handle::<Barrier>::parties),
    )
}

/// How many threads of the round are there and wait, at this moment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_barrier_waiting(barrier: *const lt_barrier) -> u32 {
    // SAFETY: see above.
    value_or_default(
        &"lt_barrier_waiting",
        unsafe { at::<Barrier>(barrier) }.and_then(Handle::<Barrier>::waiting),
    )
}

/// Whether the barrier is broken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_barrier_is_broken(barrier: *const lt_barrier) -> bool {
    // SAFETY: see above.
    value_or_default(
        &"lt_barrier_is_broken",
        unsafe { at::<Barrier>(barrier) }.and_then(Handle::<Barrier>::is_broken),
    )
}
