/// @file
/// std::chrono and the seconds of C.
#ifndef LOWTHREAD_TIME_HPP
#define LOWTHREAD_TIME_HPP

#include <lowthread/status.hpp>

#include <chrono>
#include <cmath>
#include <limits>

LT_NAMESPACE_BEGIN

namespace detail {

/// Seconds for a wait of that long: 0 for what is not positive, without bound for what is too long for C. Never less.
template <typename Rep, typename Period> double seconds(const std::chrono::duration<Rep, Period> &duration) noexcept {
    double s = std::chrono::duration<double>(duration).count();
    if (s <= 0) {
        return 0;
    }
    if (s > 1e6) { // From about here on a double is coarser than a nanosecond, and may be less than what was meant.
        s = std::nextafter(s, std::numeric_limits<double>::infinity());
    }
    return s > LT_TIMEOUT_MAX ? LT_FOREVER : s;
}

/// Seconds until then, by what its clock says now.
template <typename Clock, typename Duration>
double seconds_until(const std::chrono::time_point<Clock, Duration> &deadline) {
    const auto now = Clock::now();
    // As a double first, which neither the ends of time nor another unit overflow.
    const double about = std::chrono::duration<double>(deadline.time_since_epoch()).count()
        - std::chrono::duration<double>(now.time_since_epoch()).count();
    if (about > LT_TIMEOUT_MAX / 2) {
        return LT_FOREVER;
    }
    // The second one for clocks without a sign, for which less than nothing is very much.
    return about < -1 || deadline < now ? 0 : seconds(deadline - now);
}

/// What is left of the seconds of a wait that is made of several.
class time_left {
public:
    explicit time_left(double seconds) noexcept
        : seconds_(seconds), until_(seconds > 0 ? lt_monotonic() + seconds : 0) {}

    double seconds() const noexcept {
        if (!(seconds_ > 0)) {
            return seconds_; // None, without bound, or not a number.
        }
        const double left = until_ - lt_monotonic();
        return left > 0 ? left : 0;
    }

private:
    const double seconds_;
    const double until_;
};

} // namespace detail

/// The clock that all waits run on. It never jumps.
struct monotonic_clock {
    using duration = std::chrono::duration<double>;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<monotonic_clock>;
    static constexpr bool is_steady = true;

    static time_point now() noexcept { return time_point(duration(lt_monotonic())); }
};

LT_NAMESPACE_END

#endif
