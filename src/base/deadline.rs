//! Seconds from C become, once, a point on the monotonic clock.

use crate::base::status::Error;
use crate::sys::clock;

/// The longest timeout in seconds: what nanoseconds in a signed 64-bit integer can hold.
pub const TIMEOUT_MAX: f64 = 9_223_372_036.0;

/// A timeout that was checked: how long a caller is ready to wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Timeout {
    /// Never wait.
    Poll,
    /// Wait this many nanoseconds, at least 1.
    Nanoseconds(u64),
    /// Wait without bound.
    Forever,
}

impl Timeout {
    /// Negative waits without bound, 0 polls, a positive value is rounded up to a nanosecond.
    #[inline]
    pub fn from_seconds(seconds: f64) -> Result<Timeout, Error> {
        if seconds.is_nan() {
            Err(Error::TimeoutNotANumber)
        } else if seconds < 0.0 {
            Ok(Timeout::Forever)
        } else if seconds == 0.0 {
            Ok(Timeout::Poll)
        } else if seconds > TIMEOUT_MAX {
            Err(Error::TimeoutTooLong)
        } else {
            // Rounded by hand: processors before SSE4.1 have no instruction for it.
            let nanoseconds = seconds * 1e9;
            let whole = nanoseconds as i64;
            Ok(Timeout::Nanoseconds(whole as u64 + u64::from((whole as f64) < nanoseconds)))
        }
    }

    /// Whether `from_seconds` accepts that.
    #[inline]
    pub fn is_valid(seconds: f64) -> bool {
        // Not so for what is not a number.
        seconds <= TIMEOUT_MAX
    }

    /// The deadline, counted from now. Reads the clock only where there is a bound.
    pub fn start(self) -> Deadline {
        match self {
            Timeout::Poll => Deadline::At(0),
            Timeout::Nanoseconds(n) => Deadline::At(now().saturating_add(n)),
            Timeout::Forever => Deadline::Never,
        }
    }
}

/// When a wait gives up: nanoseconds on the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Deadline {
    At(u64),
    Never,
}

impl Deadline {
    pub fn passed(self) -> bool {
        match self {
            Deadline::At(at) => now() >= at,
            Deadline::Never => false,
        }
    }

    /// The most there can be without one.
    pub fn in_nanoseconds(self) -> u64 {
        match self {
            Deadline::At(at) => at,
            Deadline::Never => u64::MAX,
        }
    }

    /// What is left until then.
    pub fn rest(self) -> Timeout {
        match self {
            Deadline::Never => Timeout::Forever,
            Deadline::At(at) => match at.saturating_sub(now()) {
                0 => Timeout::Poll,
                left => Timeout::Nanoseconds(left),
            },
        }
    }
}

/// Nanoseconds on the monotonic clock.
pub fn now() -> u64 {
    #[cfg(shuttle)]
    if let Some(now) = crate::base::model::now() {
        return now;
    }
    clock::now()
}

/// As C has them. A product, not a quotient, which takes three times as long; of a signed number, which the
/// processor converts itself: the system's clock ends at 2^63. Never less for a later time.
pub fn in_seconds(ns: u64) -> f64 {
    ns as i64 as f64 * 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up() {
        assert_eq!(Timeout::from_seconds(1e-10), Ok(Timeout::Nanoseconds(1)));
        assert_eq!(Timeout::from_seconds(f64::MIN_POSITIVE), Ok(Timeout::Nanoseconds(1)));
        assert_eq!(Timeout::from_seconds(1.5), Ok(Timeout::Nanoseconds(1_500_000_000)));
    }

    #[test]
    fn what_is_valid_is_accepted_and_nothing_else() {
        let least_too_long = f64::from_bits(TIMEOUT_MAX.to_bits() + 1);
        for seconds in [-1.0, -0.0, 0.0, 1e-10, 1.5, TIMEOUT_MAX, least_too_long, f64::INFINITY, f64::NAN] {
            assert_eq!(Timeout::is_valid(seconds), Timeout::from_seconds(seconds).is_ok(), "{seconds}");
        }
    }

    #[test]
    fn seconds_grow_with_the_time_and_are_as_exact_as_a_number_can_be() {
        for second in [0, 1, 4_097, 1_000_003, 3_155_760_000] {
            let mut before = 0.0;
            let all = (0..1_000_000_000_u64).step_by(9_973).chain(999_999_990..1_000_000_010);
            for ns in all.map(|ns| second * 1_000_000_000 + ns) {
                let seconds = in_seconds(ns);
                assert!(seconds >= before, "{ns} ns: {seconds} after {before}");
                let exact = ns as f64 / 1e9;
                assert!(seconds.to_bits().abs_diff(exact.to_bits()) <= 1, "{ns} ns: {seconds}");
                before = seconds;
            }
        }
    }

    /// As exact as a quotient: without that nanosecond neither keeps it, and after 97 days a number of seconds does
    /// not hold single nanoseconds.
    #[test]
    fn no_wait_looks_shorter_than_its_timeout_that_was_a_nanosecond_longer() {
        for (i, seconds) in [1e-9, 1e-4, 0.0015, 0.05, 0.1, 0.3, 1.1, 3.0, 59.9].into_iter().enumerate() {
            let Ok(Timeout::Nanoseconds(n)) = Timeout::from_seconds(seconds) else { panic!() };
            for second in [0, 1, 4_097, 1_000_003, 8_388_000] {
                for before in (0..1_000_000_000).step_by(99_991 + i).map(|ns| second * 1_000_000_000 + ns) {
                    let waited = in_seconds(before + n + 1) - in_seconds(before);
                    assert!(waited >= seconds, "{waited} < {seconds} at {before} ns");
                }
            }
        }
    }

    #[test]
    fn the_edges_of_the_range() {
        assert_eq!(Timeout::from_seconds(-0.0), Ok(Timeout::Poll));
        assert_eq!(Timeout::from_seconds(-1e-300), Ok(Timeout::Forever));
        assert_eq!(Timeout::from_seconds(f64::NEG_INFINITY), Ok(Timeout::Forever));
        assert_eq!(Timeout::from_seconds(f64::NAN), Err(Error::TimeoutNotANumber));
        assert_eq!(Timeout::from_seconds(f64::INFINITY), Err(Error::TimeoutTooLong));
        assert!(Timeout::from_seconds(TIMEOUT_MAX).is_ok());
        assert_eq!(Timeout::from_seconds(TIMEOUT_MAX + 2e-6), Err(Error::TimeoutTooLong));
    }

    #[test]
    fn the_longest_timeout_does_not_wrap() {
        let Deadline::At(at) = Timeout::from_seconds(TIMEOUT_MAX).unwrap().start() else { panic!() };
        assert!(at > now());
    }
}
