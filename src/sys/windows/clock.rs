//! The monotonic clock: the performance counter.

use crate::base::atomic::{AtomicU64, Ordering};
use windows_sys::Win32::System::Performance::{QueryPerformanceCounter, QueryPerformanceFrequency};

const SECOND: u64 = 1_000_000_000;

/// Nanoseconds.
pub fn now() -> u64 {
    let mut count = 0;
    // SAFETY: writes a number. It cannot fail.
    unsafe { QueryPerformanceCounter(&mut count) };
    let (count, rate) = (count as u64, rate());
    // Seconds and the rest each by itself: the product of the whole would overflow within hours.
    (count / rate).wrapping_mul(SECOND).wrapping_add(count % rate * SECOND / rate)
}

/// Counts in a second: fixed when the system starts.
fn rate() -> u64 {
    static RATE: AtomicU64 = AtomicU64::new(0);
    // Relaxed: one number, and whoever asks gets the same.
    match RATE.load(Ordering::Relaxed) {
        0 => {
            let mut rate = 0;
            // SAFETY: writes a number. It cannot fail.
            unsafe { QueryPerformanceFrequency(&mut rate) };
            let rate = (rate as u64).max(1);
            RATE.store(rate, Ordering::Relaxed);
            rate
        }
        rate => rate,
    }
}
