//! The wait engine: the one place in which a thread of this library sleeps.
//!
//! Every primitive is an atomic word and these operations on it:
//!
//! | operation | promise |
//! |---|---|
//! | [`wait`] | sleeps while the word is `expected`, until a wake, the deadline or an interrupt |
//! | [`wake`] | wakes up to `n` threads that sleep on the word, and says how many |
//! | [`interrupt`] | wakes the thread that waits with this interrupt, wherever it sleeps |
//!
//! A caller changes the word first and wakes second; the check of `expected` and the falling asleep
//! are one step, so a wake between the two cannot be missed. Wakes may be spurious: every caller
//! looks at its word again. A wake that was spent on a thread which also timed out or was
//! interrupted is the caller's to pass on or to use up: it tries once more before it gives up.

use crate::base::atomic::AtomicU32;
use crate::base::deadline::Deadline;
use crate::base::errno::Errno;
use crate::base::interrupt::Interrupt;
use crate::base::trace;

#[cfg(not(parking))]
mod futex;
#[cfg(not(parking))]
use futex as real;

#[cfg(parking)]
mod parking;
#[cfg(parking)]
use parking as real;

#[cfg(shuttle)]
pub(super) mod model;
#[cfg(shuttle)]
use model as engine;
#[cfg(not(shuttle))]
use real as engine;

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// A wake, or nothing in particular.
    Woken,
    /// The word was not `expected`: the thread did not sleep.
    Changed,
    /// The deadline passed.
    TimedOut,
    /// The interrupt is pending. It stays so: the caller decides whether to take it.
    Interrupted,
    /// This is a forked child, in which the parent's wait goes on, from a signal handler that has forked: nobody knows of
    /// it any more, and it begins anew. Told of a [`Block`](crate::base::block::Block), not by an engine.
    Forked,
}

impl Wake {
    /// Whether the caller must give up, unless one more try succeeds.
    pub fn ends_wait(self) -> bool {
        matches!(self, Wake::TimedOut | Wake::Interrupted | Wake::Forked)
    }
}

pub use real::{GOES_ON_IN_CHILDREN, NEEDS_NO_MEMORY, WAKES_IN_HANDLERS};

#[cfg(not(parking))]
pub use futex::Until;
#[cfg(all(parking, not(shuttle)))]
pub use parking::Raw;

/// Sleeps on `word` while it holds `expected`. Where both are so, `Changed` goes before `Interrupted`.
pub fn wait(word: &AtomicU32, expected: u32, deadline: Deadline, interrupt: Option<&Interrupt>) -> Wake {
    let _errno = Errno::keep();
    engine::wait(word, expected, deadline, interrupt)
}

/// Wakes up to `n` of the threads that sleep on `word`; the count of those woken.
/// Of the word only the address counts: the memory may serve other ends by now.
#[inline]
pub fn wake(word: *const AtomicU32, n: u32) -> u32 {
    if trace::is_on() { trace::wakes(word.addr(), || engine::wake(word, n)) } else { engine::wake(word, n) }
}

/// The same, of which no trace tells: for what the library has to itself.
pub fn wake_untold(word: *const AtomicU32, n: u32) -> u32 {
    engine::wake(word, n)
}

/// Wakes every thread that sleeps on `word`.
pub fn wake_all(word: *const AtomicU32) -> u32 {
    wake(word, i32::MAX as u32)
}

/// Wakes the thread that waits with `interrupt`, if that is pending. The caller has no lock that the thread
/// could want on its way to sleep.
pub fn interrupt(interrupt: &Interrupt) {
    engine::interrupt(interrupt);
}

/// Makes what the engine would make at its first sleep, which may be one of a thread that ends.
pub fn prepare() {
    engine::prepare();
}

/// In a forked child: whoever slept is gone.
pub fn after_fork_in_child() {
    engine::after_fork_in_child();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::atomic::Ordering::SeqCst;
    use crate::base::deadline::{Timeout, now};

    // Under Valgrind, too: it says nothing (tools/check).
    #[test]
    fn a_wake_reaches_nobody_where_the_word_is_gone() {
        let word = Box::new(AtomicU32::new(0));
        let gone: *const AtomicU32 = &raw const *word;
        drop(word);
        assert_eq!(wake(gone, 1), 0);
    }

    fn soon() -> Deadline {
        Timeout::Nanoseconds(2_000_000).start()
    }

    #[test]
    fn a_changed_word_is_not_slept_on() {
        assert_eq!(wait(&AtomicU32::new(1), 0, Deadline::Never, None), Wake::Changed);
    }

    #[test]
    fn a_changed_word_goes_before_an_interrupt() {
        let pending = Interrupt::new();
        pending.raise(2);
        assert_eq!(wait(&AtomicU32::new(1), 0, Deadline::Never, Some(&pending)), Wake::Changed);
    }

    #[test]
    fn a_deadline_is_never_early() {
        for interrupt in [None, Some(&Interrupt::new())] {
            let deadline = soon();
            let word = AtomicU32::new(0);
            while wait(&word, 0, deadline, interrupt) != Wake::TimedOut {}
            assert!(deadline.passed());
        }
    }

    #[test]
    fn a_deadline_in_the_past_does_not_sleep() {
        let word = AtomicU32::new(0);
        assert_eq!(wait(&word, 0, Deadline::At(0), None), Wake::TimedOut);
        assert_eq!(wait(&word, 0, Deadline::At(now()), Some(&Interrupt::new())), Wake::TimedOut);
    }

    #[test]
    fn a_pending_interrupt_is_seen_before_sleeping() {
        let pending = Interrupt::new();
        pending.raise(2);
        assert_eq!(wait(&AtomicU32::new(0), 0, Deadline::Never, Some(&pending)), Wake::Interrupted);
        assert_eq!(pending.take(), Some(2));
    }

    #[test]
    fn a_sleeper_is_woken_and_an_interrupt_finds_it() {
        let word = AtomicU32::new(0);
        let pending = Interrupt::new();
        std::thread::scope(|threads| {
            let sleeper = threads.spawn(|| {
                while word.load(SeqCst) == 0 {
                    wait(&word, 0, Deadline::Never, Some(&pending));
                }
                while wait(&word, 1, Deadline::Never, Some(&pending)) != Wake::Interrupted {}
            });
            word.store(1, SeqCst);
            wake(&word, 1);
            pending.raise(15);
            sleeper.join().unwrap();
        });
    }
}
