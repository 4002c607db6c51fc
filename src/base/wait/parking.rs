//! The wait engine on parking_lot_core: for every platform that is not Linux, and for Linux on demand.
//!
//! The bucket lock of the parking lot makes check-and-sleep one step. An interrupter must know where
//! its target sleeps, so the target writes that down, inside `validate`, before it looks at its
//! interrupt: either it sees the interrupt, or the interrupter sees the place.
//! Unlike a futex, this engine takes locks: here nothing that wakes is async-signal-safe.

use super::Wake;
use crate::base::deadline::{Deadline, now};
use crate::base::interrupt::Interrupt;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use parking_lot_core::{
    DEFAULT_PARK_TOKEN, DEFAULT_UNPARK_TOKEN, FilterOp, ParkResult, ParkToken, UnparkToken, park,
    unpark_filter,
};
use std::time::Instant;

/// The unpark token of a thread that was interrupted.
const BY_INTERRUPT: UnparkToken = UnparkToken(1);

pub(super) fn wait(
    word: &AtomicU32,
    expected: u32,
    deadline: Deadline,
    interrupt: Option<&Interrupt>,
) -> Wake {
    let place = word.as_ptr() as usize;
    let token = interrupt.map_or(DEFAULT_PARK_TOKEN, |i| ParkToken(core::ptr::from_ref(i) as usize));
    loop {
        let mut interrupted = false;
        let validate = || {
            if let Some(interrupt) = interrupt {
                interrupt.set_place(place);
                interrupted = interrupt.pending();
            }
            // Relaxed: whoever changes the word unparks after it, and so takes the bucket lock held here.
            let unchanged = word.load(Ordering::Relaxed) == expected;
            interrupted &= unchanged;
            unchanged && !interrupted
        };
        let until = match deadline {
            Deadline::At(at) => Instant::now().checked_add(Duration::from_nanos(at.saturating_sub(now()))),
            Deadline::Never => None,
        };
        // SAFETY: the key is an address that this library controls, and none of the closures calls
        // back into the parking lot or panics.
        let result = unsafe { park(place, validate, || {}, |_, _| {}, token, until) };
        if let Some(interrupt) = interrupt {
            interrupt.set_place(0);
        }
        match result {
            ParkResult::Unparked(BY_INTERRUPT) => return Wake::Interrupted,
            ParkResult::Unparked(_) => return Wake::Woken,
            ParkResult::Invalid if interrupted => return Wake::Interrupted,
            ParkResult::Invalid => return Wake::Changed,
            // The parking lot has a clock of its own: ours decides.
            ParkResult::TimedOut if !deadline.passed() => continue,
            ParkResult::TimedOut => return Wake::TimedOut,
        }
    }
}

pub(super) fn wake(word: &AtomicU32, n: u32) -> u32 {
    let mut woken = 0;
    let filter = |_| {
        if woken == n {
            return FilterOp::Stop;
        }
        woken += 1;
        FilterOp::Unpark
    };
    // SAFETY: the key is an address that this library controls, and the closures do not call back.
    unsafe { unpark_filter(word.as_ptr() as usize, filter, |_| DEFAULT_UNPARK_TOKEN) };
    woken
}

pub(super) fn interrupt(interrupt: &Interrupt) {
    let place = interrupt.place();
    if place == 0 {
        return;
    }
    let token = ParkToken(core::ptr::from_ref(interrupt) as usize);
    let filter = |parked| if parked == token { FilterOp::Unpark } else { FilterOp::Skip };
    // SAFETY: as in `wake`.
    unsafe { unpark_filter(place, filter, |_| BY_INTERRUPT) };
}
