//! What is pending for one thread: the signals it was interrupted with, as a set and as a word to sleep on.

use crate::base::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, Ordering::SeqCst};
use crate::base::deadline::Deadline;
use crate::base::wait;

/// The interrupts of one thread. Any thread and any signal handler raises; the owner takes.
///
/// SeqCst throughout: `mark` stores the set and then the word, `take` reads them in the other order,
/// so neither may see only half of the other; and "pending, then the place" meets "the place, then
/// pending".
#[derive(Debug)]
pub struct Interrupt {
    /// Bit `signum - 1` for each pending signal.
    signals: AtomicU64,
    /// Whether an interrupt without a signal is pending, as lt_interrupt makes it.
    plain: AtomicBool,
    /// `SOME` while `signals` is not empty or `plain` is set: what the owner sleeps on beside its
    /// primitive.
    word: AtomicU32,
    /// How many have sent the owner a signal, or are about to, and have not made it pending yet. A futex.
    coming: AtomicU32,
    /// Whether the owner is likely to be interrupted: its waits are then made ready for that. One that
    /// is not can be interrupted all the same.
    expected: AtomicBool,
    /// The address that the owner sleeps on, 0 when it is awake or sleeps on `word` as well.
    place: AtomicUsize,
    #[cfg(not(parking))]
    pub(super) until: wait::Until,
}

impl Interrupt {
    /// The word while nothing is pending.
    pub const NONE: u32 = 0;
    pub(super) const SOME: u32 = 1;
    /// Nothing is pending, but this is a forked child, and the sleep that its handler has interrupted, if it was one, ends.
    #[cfg(not(parking))]
    const FORKED: u32 = 2;
    /// The place while the owner is at none.
    const NOWHERE: usize = 0;

    pub const fn new() -> Interrupt {
        Interrupt {
            signals: AtomicU64::new(0),
            plain: AtomicBool::new(false),
            word: AtomicU32::new(Interrupt::NONE),
            coming: AtomicU32::new(0),
            expected: AtomicBool::new(false),
            place: AtomicUsize::new(Interrupt::NOWHERE),
            #[cfg(not(parking))]
            until: wait::Until::new(),
        }
    }

    /// Makes `signum` (1..=64) pending and wakes the owner if it sleeps.
    pub fn raise(&self, signum: u32) {
        self.signals.fetch_or(1 << ((signum - 1) & 63), SeqCst);
        self.word.store(Interrupt::SOME, SeqCst);
        wait::interrupt(self);
    }

    /// As `raise`, after `send`, which sends the owner the signal itself. Whoever is interrupted has taken the
    /// signal before; and whose system call the signal has ended finds the interrupt by `settled`. Not for
    /// the owner itself.
    pub fn raise_after(&self, signum: u32, send: impl FnOnce()) {
        self.coming.fetch_add(1, SeqCst);
        send();
        self.raise(signum);
        self.coming.fetch_sub(1, SeqCst);
        wait::wake_all(&self.coming);
    }

    /// Waits, for as long as it takes to send a signal, until each that was sent is pending, or one is.
    pub fn settled(&self) {
        loop {
            let coming = self.coming.load(SeqCst);
            if coming == 0 || self.pending() {
                return;
            }
            wait::wait(&self.coming, coming, Deadline::Never, None);
        }
    }

    /// Makes an interrupt without a signal pending. Who does so under a lock that keeps the owner what
    /// it is calls `rouse` when that is unlocked.
    pub fn mark(&self) {
        self.plain.store(true, SeqCst);
        self.word.store(Interrupt::SOME, SeqCst);
    }

    /// Wakes the owner, if it sleeps and something is pending: another owner, too, comes to no harm.
    pub fn rouse(&self) {
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
        self.word.load(SeqCst) == Interrupt::SOME
    }

    /// In a forked child, in which nothing is pending: ends the sleep that a handler has interrupted, if that has forked.
    #[cfg(not(parking))]
    pub fn end_sleep(&self) {
        self.word.store(Interrupt::FORKED, SeqCst);
        self.until.cut_short();
    }

    /// Whether a sleep is to end, or not to begin: an interrupt is pending, or it was a forked child's, which is told once.
    #[cfg(not(parking))]
    pub fn ends_sleep(&self) -> bool {
        let forked = self.word.compare_exchange(Interrupt::FORKED, Interrupt::NONE, SeqCst, SeqCst);
        forked != Err(Interrupt::NONE)
    }

    /// Whether nothing is pending, and nothing that `settled` would wait for.
    pub fn is_idle(&self) -> bool {
        self.coming.load(SeqCst) == 0 && !self.pending()
    }

    /// Forgets everything: the thread that it belonged to is gone.
    pub fn clear(&self) {
        self.coming.store(0, SeqCst);
        self.expected.store(false, SeqCst);
        self.get_up();
        self.signals.store(0, SeqCst);
        self.plain.store(false, SeqCst);
        self.word.store(Interrupt::NONE, SeqCst);
    }

    pub fn word(&self) -> &AtomicU32 {
        &self.word
    }

    /// Whether the owner's waits are made ready for interrupts.
    pub fn is_expected(&self) -> bool {
        // Relaxed: chooses between two ways, both of which are right.
        self.expected.load(Ordering::Relaxed)
    }

    /// Has the owner's next waits made ready for interrupts.
    pub fn expect(&self) {
        if !self.is_expected() {
            self.expected.store(true, Ordering::Relaxed);
        }
    }

    /// Where the owner sleeps on one word alone, or is about to.
    pub fn place(&self) -> Option<usize> {
        Some(self.place.load(SeqCst)).filter(|place| *place != Interrupt::NOWHERE)
    }

    /// The owner is about to sleep at this place: it looks whether an interrupt is pending after this.
    pub fn lie_down(&self, place: usize) {
        self.place.store(place, SeqCst);
    }

    /// The owner is awake.
    pub fn get_up(&self) {
        self.place.store(Interrupt::NOWHERE, SeqCst);
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

    #[test]
    fn one_with_a_signal_and_one_without_are_two() {
        let interrupt = Interrupt::new();
        interrupt.raise(2);
        interrupt.mark();
        interrupt.mark();
        assert_eq!(interrupt.take(), Some(0));
        assert!(interrupt.pending());
        assert_eq!(interrupt.take(), Some(2));
        assert!(!interrupt.pending());
    }
}
