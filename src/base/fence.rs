//! A fence that costs one side nothing.
//!
//! "Publish, then look whether somebody waits" and "say that one waits, then look again" need a full
//! fence in the middle, on both sides. Those who publish do so millions of times a second, and those who
//! are about to sleep do not: on Linux these can fence for both, with membarrier.
//!
//! | mode | light | heavy | goes on by |
//! |---|---|---|---|
//! | `UNDECIDED` | fences | fences | `prepare`: to `LIGHT` if the system agrees, else to `FULL` |
//! | `LIGHT` | nothing, but for the compiler | fences for both | a refusal, as by a filter that was installed later: `SETTLING` |
//! | `SETTLING` | fences | fences, and waits for what passed lightly before | the end of such a wait: `FULL` |
//! | `FULL` | fences | fences | |

use crate::base::atomic::{AtomicU32, Ordering, compiler_fence, fence};
use crate::base::deadline::{Deadline, now};
use crate::base::wait::{self, Wake};
use crate::sys::fence::{self as system, Ask};

const UNDECIDED: u32 = 0;
const LIGHT: u32 = 1;
const SETTLING: u32 = 2;
const FULL: u32 = 3;

static MODE: AtomicU32 = AtomicU32::new(UNDECIDED);

/// How long, in nanoseconds, a store may be under way until all see it; see `settle`.
const IN_FLIGHT: u64 = 20_000_000;

/// Called before there is anything to fence for.
pub fn prepare() {
    // Relaxed: who publishes has the object from who made it, and so sees this, or what came later.
    // In a model all threads are on one core. Miri knows no membarrier.
    if MODE.load(Ordering::Relaxed) == UNDECIDED {
        let mode = if !cfg!(any(shuttle, miri)) && membarrier(Ask::Register) { LIGHT } else { FULL };
        // Another thread may have asked at the same time, with the same answer or not: the first counts.
        let _ = MODE.compare_exchange(UNDECIDED, mode, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// The side that is to be fast.
#[inline]
pub fn light() {
    if MODE.load(Ordering::Relaxed) == LIGHT {
        compiler_fence(Ordering::SeqCst);
    } else {
        // SeqCst: the order of a store and a later load of another place.
        fence(Ordering::SeqCst);
    }
}

/// The side that pays. Whoever calls this, outside of all locks, looks again next at what the light side publishes.
#[cold]
pub fn heavy() {
    // SeqCst: as above.
    fence(Ordering::SeqCst);
    match MODE.load(Ordering::Relaxed) {
        // A forked child may have to register anew.
        LIGHT if membarrier(Ask::Fence) || membarrier(Ask::Register) && membarrier(Ask::Fence) => (),
        LIGHT => {
            // SeqCst: before the time that is waited for next, and so are the fences of who sees it.
            MODE.store(SETTLING, Ordering::SeqCst);
            settle();
        }
        SETTLING => settle(),
        _ => (),
    }
}

/// Waits for those that passed lightly to be seen, when nobody can fence for them any more.
///
/// A thread that reads the mode from now on fences: of it and the caller, one sees the other. One that has read
/// it before has published before that, in the order of its program. At worst its store is still in the buffer
/// of its core. It leaves that by itself, without another instruction of the thread, within microseconds; and a
/// thread that is taken off its core leaves none behind there, since the kernel fences. So after a time that
/// is four orders longer the caller, which looks again next, finds what was published. Nothing better is to be
/// had from a system that refuses membarrier: what interrupts the cores of a process as a side effect, like a
/// change of its mappings, does not do so on every processor.
#[cold]
fn settle() {
    let until = Deadline::At(now().saturating_add(IN_FLIGHT));
    let nothing = AtomicU32::new(0);
    while wait::wait(&nothing, 0, until, None) != Wake::TimedOut {}
    // Relaxed: the time has passed since the mode was seen to be `SETTLING`, and does not come back.
    MODE.store(FULL, Ordering::Relaxed);
    // SeqCst: the look that comes next is not before the end of that time.
    fence(Ordering::SeqCst);
}

/// Whether the system did it.
fn membarrier(ask: Ask) -> bool {
    #[cfg(all(test, not(shuttle)))]
    if tests::REFUSED.load(Ordering::SeqCst) {
        return false;
    }
    system::membarrier(ask)
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::base::atomic::AtomicBool;

    /// Whether the system refuses from now on.
    pub(super) static REFUSED: AtomicBool = AtomicBool::new(false);

    #[test]
    fn a_refusal_after_the_registration_makes_both_sides_fence() {
        prepare();
        heavy();
        let before = MODE.load(Ordering::SeqCst);
        // Before the refusal: another test's thread may be the one that settles it.
        let began = now();
        REFUSED.store(true, Ordering::SeqCst);
        heavy();
        // Where the system never agreed there is nothing to settle.
        assert!(before == FULL || now() - began >= IN_FLIGHT);
        assert_eq!(MODE.load(Ordering::SeqCst), FULL);
        // Later ones have nothing to wait for, and it stays so.
        prepare();
        heavy();
        REFUSED.store(false, Ordering::SeqCst);
        heavy();
        assert_eq!(MODE.load(Ordering::SeqCst), FULL);
    }
}
