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
    // The type of seconds is not named: of musl's Rust says that it will change. It has 64 bits, which is enough, or 32.
    let tv_sec = (ns / 1_000_000_000).try_into().unwrap_or(i32::MAX.into());
    libc::timespec { tv_sec, tv_nsec: (ns % 1_000_000_000) as libc::c_long }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_too_far_away_for_the_system() {
        for ns in [0, 1, 1_999_999_999, i64::MAX as u64, u64::MAX] {
            let time = timespec(ns);
            assert!(time.tv_sec >= 0 && (0..1_000_000_000).contains(&time.tv_nsec));
            assert!([ns / 1_000_000_000, i32::MAX as u64].contains(&(time.tv_sec as u64)));
        }
    }
}
