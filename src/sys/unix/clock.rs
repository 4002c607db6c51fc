//! The monotonic clock.

/// Nanoseconds.
pub fn now() -> u64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `t` is a valid timespec to write to. The call cannot fail: the clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut t) };
    (t.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(t.tv_nsec as u64)
}

/// Nanoseconds as the system has them; at the most as many seconds as it can count, which may be 68 years.
#[cfg_attr(parking, allow(dead_code, reason = "the portable wait engine has a clock of its own"))]
pub fn timespec(ns: u64) -> libc::timespec {
    let seconds = libc::time_t::try_from(ns / 1_000_000_000).unwrap_or(libc::time_t::MAX);
    libc::timespec { tv_sec: seconds, tv_nsec: (ns % 1_000_000_000) as libc::c_long }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_too_far_away_for_the_system() {
        for ns in [0, 1, 1_999_999_999, i64::MAX as u64, u64::MAX] {
            let time = timespec(ns);
            assert!(time.tv_sec >= 0 && (0..1_000_000_000).contains(&time.tv_nsec));
            assert!(time.tv_sec == libc::time_t::MAX || time.tv_sec as u64 == ns / 1_000_000_000);
        }
    }
}
