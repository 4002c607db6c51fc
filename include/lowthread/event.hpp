/// @file
/// An event: a flag that threads wait for.
#ifndef LOWTHREAD_EVENT_HPP
#define LOWTHREAD_EVENT_HPP

#include <lowthread/object.hpp>
#include <lowthread/time.hpp>

LT_NAMESPACE_BEGIN

/// Stays set, and lets everybody through, until it is cleared. A set wakes all who wait at that moment, even when a
/// clear follows at once, and happens before the waits that it ends.
class event : public detail::object<lt_event, lt_event_free> {
public:
    /// @throws lt::error  out of memory
    event() : object(lt_event_new()) {}
    explicit event(std::nothrow_t) noexcept : object(std::nothrow, lt_event_new()) {}

    /// Sets it, and wakes all who wait. Async-signal-safe.
    void set() noexcept { LT_IGNORE(lt_event_set(handle_)); }
    void clear() noexcept { LT_IGNORE(lt_event_clear(handle_)); }
    [[nodiscard]] bool is_set() const noexcept { return lt_event_is_set(handle_); }

    /// Blocks until it is set.
    /// @throws lt::interrupted  it was not
    void wait() { detail::check(lt_event_wait(handle_)); }
    status wait(std::nothrow_t) noexcept { return status(lt_event_wait(handle_)); }
    /// Whether it is set. Never blocks.
    [[nodiscard]] bool try_wait() noexcept { return lt_event_try_wait(handle_) == LT_OK; }
    /// Blocks until it is set, for at most that long: false then.
    /// @throws lt::interrupted  it was not
    template <typename Rep, typename Period>
    [[nodiscard]] bool wait_for(const std::chrono::duration<Rep, Period> &duration) {
        return detail::is_ok_or(lt_event_wait_timeout(handle_, detail::seconds(duration)), LT_TIMED_OUT);
    }
    template <typename Clock, typename Duration>
    [[nodiscard]] bool wait_until(const std::chrono::time_point<Clock, Duration> &deadline) {
        return detail::is_ok_or(lt_event_wait_timeout(handle_, detail::seconds_until(deadline)), LT_TIMED_OUT);
    }
    template <typename Rep, typename Period>
    status wait_for(std::nothrow_t, const std::chrono::duration<Rep, Period> &duration) noexcept {
        return status(lt_event_wait_timeout(handle_, detail::seconds(duration)));
    }
};

LT_NAMESPACE_END

#endif
