//! How long a thread that must wait stays awake, in case the wait is short.

/// Pauses keep the core: right when the other side is running on another core.
const PAUSES: u32 = 40;
/// Yields give the core away: right when the other side waits for this one.
const YIELDS: u32 = 40;

/// A bounded spin: a few pauses, then a few yields, then it is time to sleep.
///
/// Waking a thread that sleeps on another core costs its waker about 10 microseconds and the
/// sleeper three times that; this spin costs at most about as much (docs/architecture.md).
#[derive(Default)]
pub struct Spin {
    turns: u32,
}

impl Spin {
    pub fn new() -> Spin {
        Spin::default()
    }

    /// Passes a little time and says true, or says false when it is time to sleep.
    pub fn again(&mut self) -> bool {
        if self.turns >= PAUSES + YIELDS {
            return false;
        }
        self.turns += 1;
        if self.turns <= PAUSES {
            core::hint::spin_loop();
        } else {
            std::thread::yield_now();
        }
        true
    }
}
