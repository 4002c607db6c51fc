//! What is pending for one thread: the signals it was interrupted with, as a set and as a word to sleep on.

use crate::base::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
use crate::base::wait;

/// The interrupts of one thread. Any thread and any signal handler raises; the owner takes.
///
/// SeqCst throughout: `raise` stores the set and then the word, `take` reads them in the other order,
/// so neither may see only half of the other; and on the parking engine "pending, then the place"
/// meets "the place, then pending".
#[derive(Debug)]
pub struct Interrupt {
    /// Bit `signum - 1` for each pending signal.
    signals: AtomicU64,
    /// Whether an interrupt without a signal is pending, as lt_thread_interrupt makes it.
    plain: AtomicBool,
    /// `SOME` while `signals` is not empty: what the owner sleeps on beside its primitive.
    word: AtomicU32,
    /// The address that the owner sleeps on, 0 when awake: for engines that wake by address.
    #[cfg(any(not(target_os = "linux"), feature = "parking-wait"))]
    place: crate::base::atomic::AtomicUsize,
}

impl Interrupt {
    /// The word while nothing is pending.
    pub const NONE: u32 = 0;
    const SOME: u32 = 1;

    pub const fn new() -> Interrupt {
        Interrupt {
            signals: AtomicU64::new(0),
            plain: AtomicBool::new(false),
            word: AtomicU32::new(Interrupt::NONE),
            #[cfg(any(not(target_os = "linux"), feature = "parking-wait"))]
            place: crate::base::atomic::AtomicUsize::new(0),
        }
    }

    /// Makes `signum` (1..=64) pending and wakes the owner if it sleeps.
    pub fn raise(&self, signum: u32) {
        self.signals.fetch_or(1 << ((signum - 1) & 63), SeqCst);
        self.word.store(Interrupt::SOME, SeqCst);
        wait::interrupt(self);
    }

    /// Makes an interrupt without a signal pending and wakes the owner if it sleeps.
    pub fn raise_plain(&self) {
        self.plain.store(true, SeqCst);
        self.word.store(Interrupt::SOME, SeqCst);
        wait::interrupt(self);
    }

    /// Takes what is pending: 0 for an interrupt without a signal, else the lowest signal.
    pub fn take(&self) -> Option<i32> {
        if self.plain.swap(false, SeqCst) {
            self.settle();
            return Some(0);
        }
        loop {
            let signals = self.signals.load(SeqCst);
            if signals == 0 {
                // The word lags behind when a raise was overtaken between its two stores.
                self.settle();
                return None;
            }
            let lowest = signals & signals.wrapping_neg();
            let before = self.signals.fetch_and(!lowest, SeqCst);
            if before == lowest {
                self.settle();
            }
            if before & lowest != 0 {
                return Some(lowest.trailing_zeros() as i32 + 1);
            }
        }
    }

    /// Moves the signals that are pending to another thread. What was meant for this one alone stays.
    pub fn hand_over(&self, to: &Interrupt) {
        let signals = self.signals.swap(0, SeqCst);
        self.settle();
        (1..=64).filter(|signum| signals >> (signum - 1) & 1 == 1).for_each(|signum| to.raise(signum));
    }

    /// Clears the word, unless a signal comes meanwhile.
    fn settle(&self) {
        if self.pending() {
            self.word.store(Interrupt::NONE, SeqCst);
            if self.signals.load(SeqCst) != 0 || self.plain.load(SeqCst) {
                self.word.store(Interrupt::SOME, SeqCst);
            }
        }
    }

    /// Whether a wait would be interrupted. May say so a moment too long: only `take` tells for sure.
    pub fn pending(&self) -> bool {
        self.word.load(SeqCst) != Interrupt::NONE
    }

    /// Forgets everything: the thread that it belonged to is gone.
    pub fn clear(&self) {
        self.signals.store(0, SeqCst);
        self.plain.store(false, SeqCst);
        self.word.store(Interrupt::NONE, SeqCst);
    }

    pub fn word(&self) -> &AtomicU32 {
        &self.word
    }

    #[cfg(any(not(target_os = "linux"), feature = "parking-wait"))]
    pub fn place(&self) -> usize {
        self.place.load(SeqCst)
    }

    #[cfg(any(not(target_os = "linux"), feature = "parking-wait"))]
    pub fn set_place(&self, place: usize) {
        self.place.store(place, SeqCst);
    }
}

impl Default for Interrupt {
    fn default() -> Interrupt {
        Interrupt::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_taken_lowest_first_and_once() {
        let interrupt = Interrupt::new();
        for signum in [15, 2, 64, 2, 1] {
            interrupt.raise(signum);
        }
        let taken: Vec<_> = core::iter::from_fn(|| interrupt.take()).collect();
        assert_eq!(taken, [1, 2, 15, 64]);
        assert!(!interrupt.pending());
    }

    #[test]
    fn a_raise_is_never_hidden_by_a_take() {
        let interrupt = Interrupt::new();
        std::thread::scope(|threads| {
            threads.spawn(|| (0..100_000).for_each(|i| interrupt.raise(1 + i % 64)));
            for _ in 0..100_000 {
                interrupt.take();
            }
        });
        while interrupt.take().is_some() {}
        interrupt.raise(7);
        assert!(interrupt.pending());
        assert_eq!(interrupt.take(), Some(7));
    }
}
