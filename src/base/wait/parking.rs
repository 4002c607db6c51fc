//! The wait engine for every platform that is not Linux, and for Linux on demand: parking_lot's.
//!
//! A sleeper stands in a line for the address of its word, under a lock of the lot's, which makes
//! check-and-sleep one step. An interrupter must know where its target sleeps, so the target writes that
//! down, under that lock, before it looks at its interrupt: either it sees the interrupt, or the
//! interrupter sees the place.
//!
//! The lot's lines and locks are not those of a forked child, which finds threads in them that are gone:
//! where there were others, it may only run another program. A thread that sleeps for the first time, and a
//! wake of more than eight, take memory, and the process ends where there is none. Nothing here is
//! async-signal-safe.

use super::Wake;
use crate::base::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::base::deadline::{Deadline, now};
use crate::base::errno::Errno;
use crate::base::fork;
use crate::base::interrupt::Interrupt;
use crate::sys::cancellation;

use core::cell::UnsafeCell;
use core::ptr;
use core::time::Duration;
use parking_lot::RawMutex;
use parking_lot::lock_api::RawMutex as _;
use parking_lot_core::{FilterOp, ParkResult, ParkToken, UnparkToken};
use std::time::Instant;

/// Whether a signal handler may wake a thread: no, it would lock.
pub const WAKES_IN_HANDLERS: bool = false;

/// Whether a child may go on, whatever other threads were doing as it was forked.
pub const GOES_ON_IN_CHILDREN: bool = false;

/// Whether it does without memory.
pub const NEEDS_NO_MEMORY: bool = false;

const WOKEN: UnparkToken = UnparkToken(0);
const INTERRUPTED: UnparkToken = UnparkToken(1);

pub(super) fn wait(
    word: &AtomicU32,
    expected: u32,
    deadline: Deadline,
    interrupt: Option<&Interrupt>,
) -> Wake {
    let place = word.as_ptr().addr();
    loop {
        let mut reason = Wake::Changed;
        let may_sleep = || {
            if let Some(interrupt) = interrupt {
                interrupt.lie_down(place);
            }
            // Relaxed: whoever changes the word wakes after it, and so takes the lock that is held here.
            if word.load(Ordering::Relaxed) != expected {
                return false;
            }
            reason = Wake::Interrupted;
            !interrupt.is_some_and(Interrupt::pending)
        };
        // A cancelled thread would leave its place in the line behind.
        // SAFETY: the address is that of a word of the library's; the closures do not come back here.
        let ended = cancellation::put_off(|| unsafe {
            parking_lot_core::park(place, may_sleep, || (), |_, _| (), token_of(interrupt), instant(deadline))
        });
        if let Some(interrupt) = interrupt {
            interrupt.get_up();
        }
        match ended {
            ParkResult::Invalid => return reason,
            ParkResult::Unparked(INTERRUPTED) => return Wake::Interrupted,
            ParkResult::Unparked(_) => return Wake::Woken,
            ParkResult::TimedOut if deadline.passed() => return Wake::TimedOut,
            // By the lot's clock, and not yet by ours; or it is too far away for the lot.
            ParkResult::TimedOut => (),
        }
    }
}

pub(super) fn wake(word: *const AtomicU32, n: u32) -> u32 {
    let mut left = n;
    let next = |_| {
        if left == 0 {
            return FilterOp::Stop;
        }
        left -= 1;
        FilterOp::Unpark
    };
    unpark(word.addr(), next, WOKEN)
}

pub(super) fn interrupt(interrupt: &Interrupt) {
    let Some(place) = interrupt.place().filter(|_| interrupt.pending()) else { return };
    let own = token_of(Some(interrupt));
    let its = |token| if token == own { FilterOp::Unpark } else { FilterOp::Skip };
    unpark(place, its, INTERRUPTED);
}

/// Wakes those in the line of this address that `whom` chooses; how many.
fn unpark(place: usize, whom: impl FnMut(ParkToken) -> FilterOp, token: UnparkToken) -> u32 {
    // Who sets a child right finds nobody asleep, and perhaps the line locked by a thread that is gone.
    if fork::is_alone() {
        return 0;
    }
    let _errno = Errno::keep();
    // SAFETY: as in `wait`: of the library's words, and the closures do not come back here.
    let result = unsafe { parking_lot_core::unpark_filter(place, whom, |_| token) };
    result.unparked_threads as u32
}

/// Has the lot find out what the system sleeps by. On Windows it asks the loader, whose lock is held where a thread
/// begins, by one that waits for the lock under which the ends of threads are told: who ends must not ask.
pub(super) fn prepare() {
    static DONE: AtomicBool = AtomicBool::new(false);
    // Relaxed: done twice, it does no harm; and the lot orders what it makes itself.
    if !DONE.load(Ordering::Relaxed) {
        let _errno = Errno::keep();
        let place = (&raw const DONE).addr();
        // SAFETY: the address is the library's; nobody sleeps there, this thread does not either, and the closures do
        // not come back here.
        unsafe { parking_lot_core::park(place, || false, || (), |_, _| (), ParkToken(0), None) };
        DONE.store(true, Ordering::Relaxed);
    }
}

pub(super) fn after_fork_in_child() {}

/// What tells a sleeper apart from others in its line: its interrupt, if it has one.
fn token_of(interrupt: Option<&Interrupt>) -> ParkToken {
    ParkToken(interrupt.map_or(ptr::null(), ptr::from_ref).addr())
}

/// The deadline on the lot's clock, and not before it; but at most so far away that the lot can tell it from none:
/// on Windows it waits for milliseconds of 32 bits, or without bound.
fn instant(deadline: Deadline) -> Option<Instant> {
    const FARTHEST: Duration = Duration::from_secs(40 * 24 * 60 * 60);
    match deadline {
        Deadline::Never => None,
        Deadline::At(at) => {
            let rest = Duration::from_nanos(at.saturating_sub(now()));
            Instant::now().checked_add(rest.min(FARTHEST))
        }
    }
}

/// The lock alone, for the library's own short sections.
pub struct Raw(UnsafeCell<RawMutex>);

// SAFETY: made to be shared; it is replaced only where there is one thread.
unsafe impl Sync for Raw {}

impl Raw {
    pub const fn free() -> Raw {
        Raw(UnsafeCell::new(RawMutex::INIT))
    }

    fn raw(&self) -> &RawMutex {
        // SAFETY: see `Sync`.
        unsafe { &*self.0.get() }
    }

    pub fn try_lock(&self) -> bool {
        self.raw().try_lock()
    }

    pub fn lock(&self) {
        // Who is alone finds it held by what is interrupted.
        if !self.raw().try_lock() && !fork::is_alone() {
            let _errno = Errno::keep();
            cancellation::put_off(|| self.raw().lock());
        }
    }

    /// Unlocks what this thread locked, in this process or in the child that was forked meanwhile.
    pub fn unlock(&self) {
        if fork::is_alone() {
            // Whoever waits for it is gone, and to wake them would take a lock of the lot's.
            // SAFETY: there is one thread.
            unsafe { self.0.get().write(RawMutex::INIT) };
            return;
        }
        let _errno = Errno::keep();
        // SAFETY: this thread holds it.
        unsafe { self.raw().unlock() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lot_can_tell_every_deadline_from_none() {
        const DAY: u64 = 24 * 60 * 60 * 1_000_000_000;
        const MOST: Duration = Duration::from_millis(u32::MAX as u64);
        for at in [now() + 49 * DAY, now() + 50 * DAY, now() + 30_000 * DAY, u64::MAX] {
            let instant = instant(Deadline::At(at)).map(|instant| instant - Instant::now());
            assert!(instant.is_some_and(|rest| rest < MOST), "{at}");
        }
        let soon = instant(Deadline::At(now() + DAY)).map(|instant| instant - Instant::now());
        assert!(soon.is_some_and(|rest| rest > Duration::from_secs(23 * 60 * 60)));
        assert_eq!(instant(Deadline::Never), None);
    }
}
