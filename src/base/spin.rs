//! How long a thread that must wait stays awake, in case the wait is short.

use crate::base::atomic::{AtomicU8, AtomicU64, Ordering};
use crate::base::deadline::now;

/// Pauses keep the core: right when the other side is running on another core. Each look takes from that the cache
/// line that it is about to write, so they come less often with time: after 1, 1, 2, 2, 4, and 4 pauses.
const PAUSES: u32 = if cfg!(shuttle) { 1 } else { 6 };
/// Yields give the core away: right when the other side waits for this one.
const YIELDS: u32 = if cfg!(shuttle) { 1 } else { 40 };

/// Who waits for a lock leaves the line longer to who has it, and may take it several times meanwhile: each pause is so
/// many times as long, as a power of two. But not where somebody else wants the core: that may be the holder.
const CALM: u32 = 3;

/// What the last yield has told of the core. A hint for all who wait, that guards nothing: Relaxed.
///
/// | | | who waits | who waits for a lock |
/// |---|---|---|---|
/// | `Unknown` | no yield yet, or a stranger had the core for long | pauses | the same |
/// | `Alone` | it came back at once | pauses | calmly |
/// | `Shared` | somebody had the core, and gave it back: maybe for the very thing that is waited for | the last pause alone | yields |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Core {
    Unknown,
    Alone,
    Shared,
}

static CORE: AtomicU8 = AtomicU8::new(Core::Unknown as u8);
/// How long the quickest of all yields took, in nanoseconds.
static QUICKEST: AtomicU64 = AtomicU64::new(u64::MAX);

impl Core {
    fn now() -> Core {
        match CORE.load(Ordering::Relaxed) {
            core if core == Core::Alone as u8 => Core::Alone,
            core if core == Core::Shared as u8 => Core::Shared,
            _ => Core::Unknown,
        }
    }

    /// By how long a yield took. One that takes less than twice as long as the quickest came back at once.
    fn told_by(took: u64, quickest: u64) -> Core {
        match took {
            _ if took > LONG => Core::Unknown,
            _ if took / 2 < quickest.max(TICK) => Core::Alone,
            _ => Core::Shared,
        }
    }
}

/// What a clock may be coarse by, in nanoseconds, as that of Windows is: the quickest yield takes no time there, and
/// none could be less than twice as long.
const TICK: u64 = 100;

/// On a busy machine a yield gives the core to a stranger, for milliseconds. One that took longer than
/// this, in nanoseconds, was of that kind: those who yield to each other have it for up to some hundred microseconds,
/// and would be counted among the strangers if this were less;
const LONG: u64 = 500_000;
/// and then nobody yields for so long. A stranger can have come by just once; if the next yield is long
/// again, the time is doubled, up to the greatest.
const LEAST_PENALTY: u64 = 200_000;
const GREATEST_PENALTY: u64 = 20_000_000;

/// Until when nobody yields, in nanoseconds on the monotonic clock.
static NO_YIELD_UNTIL: AtomicU64 = AtomicU64::new(0);
static PENALTY: AtomicU64 = AtomicU64::new(LEAST_PENALTY);

/// A bounded spin: a few pauses, then a few yields, then it is time to sleep.
///
/// Waking a thread that sleeps on another core costs its waker about 10 microseconds and the
/// sleeper three times that; this spin costs at most about as much (docs/architecture.md).
#[derive(Default)]
pub struct Spin {
    turns: u32,
    calm: u32,
}

impl Spin {
    pub fn new() -> Spin {
        Spin::begin(0, PAUSES - 1)
    }

    /// For who waits until others are through with something, as a lock, that is seldom for this one alone.
    pub fn for_a_lock() -> Spin {
        Spin::begin(CALM, PAUSES)
    }

    /// So calm where the core is this thread's alone, and with so many pauses left out where it is shared.
    fn begin(calm: u32, left_out: u32) -> Spin {
        // In a model, sometimes there is no time at all.
        #[cfg(shuttle)]
        if crate::base::model::inside() {
            return Spin { turns: crate::base::model::draw((PAUSES + YIELDS + 1).into()) as u32, calm: 0 };
        }
        match Core::now() {
            Core::Unknown => Spin::default(),
            Core::Alone => Spin { calm, ..Spin::default() },
            Core::Shared => Spin { turns: left_out, ..Spin::default() },
        }
    }

    /// Passes a very little time and says true, or says false when it is time to be seen waiting.
    pub fn pause(&mut self) -> bool {
        // In an interpreter whose threads run in turn, the other side waits for its turn, on whichever core.
        if cfg!(in_turn) || self.turns >= PAUSES {
            return false;
        }
        pause_for(1 << (self.turns / 2 + self.calm));
        self.turns += 1;
        true
    }

    /// Passes a little time and says true, or says false when it is time to sleep.
    pub fn again(&mut self) -> bool {
        if self.pause() {
            return true;
        }
        self.turns += 1;
        self.turns <= PAUSES + YIELDS && yield_briefly()
    }
}

/// Keeps the core for so many pauses. In a model they are nothing.
pub fn pause_for(pauses: u32) {
    if !cfg!(shuttle) {
        (0..pauses).for_each(|_| core::hint::spin_loop());
    }
}

/// A yield took so long.
fn note_yield(took: u64) {
    // Relaxed: hints. Written only where they change, since all who spin read them.
    let quickest = QUICKEST.load(Ordering::Relaxed);
    if took < quickest {
        QUICKEST.store(took, Ordering::Relaxed);
    }
    let core = Core::told_by(took, quickest) as u8;
    if CORE.load(Ordering::Relaxed) != core {
        CORE.store(core, Ordering::Relaxed);
    }
}

/// Gives the core away, whatever that costs: for who cannot go on, and may not sleep.
pub fn give_way() {
    #[cfg(shuttle)]
    if crate::base::model::yield_now() {
        return;
    }
    std::thread::yield_now();
}

/// Yields, unless that was found to take long lately. Whether it did not.
pub fn yield_briefly() -> bool {
    #[cfg(shuttle)]
    if crate::base::model::yield_now() {
        return true;
    }
    let before = now();
    // Relaxed, here and below: a hint, that guards nothing.
    if before < NO_YIELD_UNTIL.load(Ordering::Relaxed) {
        return false;
    }
    std::thread::yield_now();
    let after = now();
    note_yield(after - before);
    let penalty = PENALTY.load(Ordering::Relaxed);
    if after - before > LONG {
        NO_YIELD_UNTIL.store(after + penalty, Ordering::Relaxed);
        PENALTY.store((penalty * 2).min(GREATEST_PENALTY), Ordering::Relaxed);
        return false;
    }
    if penalty != LEAST_PENALTY {
        PENALTY.store(LEAST_PENALTY, Ordering::Relaxed);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yield_tells_by_its_length_who_wanted_the_core() {
        assert_eq!(Core::told_by(300, u64::MAX), Core::Alone);
        assert_eq!([0, TICK, 2 * TICK].map(|took| Core::told_by(took, 0)), {
            [Core::Alone, Core::Alone, Core::Shared]
        });
        assert_eq!([240, 479, 480, LONG, LONG + 1].map(|took| Core::told_by(took, 240)), {
            [Core::Alone, Core::Alone, Core::Shared, Core::Shared, Core::Unknown]
        });
    }
}
