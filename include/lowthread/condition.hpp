/// @file
/// A condition, with the members of std::condition_variable_any for lt::lock and lt::rlock.
#ifndef LOWTHREAD_CONDITION_HPP
#define LOWTHREAD_CONDITION_HPP

#include <lowthread/lock.hpp>
#include <lowthread/stop.hpp>

#include <condition_variable>
#include <functional>
#include <mutex>

LT_NAMESPACE_BEGIN

namespace detail {

/// C's waits, with either lock.
inline lt_status wait_on(lt_condition *condition, lt_lock *lock) noexcept { return lt_condition_wait(condition, lock); }
inline lt_status wait_on(lt_condition *condition, lt_rlock *lock) noexcept {
    return lt_condition_wait_rlock(condition, lock);
}
inline lt_status wait_on(lt_condition *condition, lt_lock *lock, double seconds) noexcept {
    return lt_condition_wait_timeout(condition, lock, seconds);
}
inline lt_status wait_on(lt_condition *condition, lt_rlock *lock, double seconds) noexcept {
    return lt_condition_wait_rlock_timeout(condition, lock, seconds);
}
// What the predicate throws comes through these.
inline lt_status wait_on(lt_condition *condition, lt_lock *lock, lt_predicate predicate, void *arg, double seconds) {
    return lt_condition_wait_for(condition, lock, predicate, arg, seconds);
}
inline lt_status wait_on(lt_condition *condition, lt_rlock *lock, lt_predicate predicate, void *arg, double seconds) {
    return lt_condition_wait_for_rlock(condition, lock, predicate, arg, seconds);
}

} // namespace detail

/// Lets threads that hold a lock wait for what another thread does under it. Waiters are notified in the order in which
/// they came, and none wakes without a notify. Each wait takes a std::unique_lock of an lt::lock or an lt::rlock (which
/// is released wholly), and returns, or throws, with that held again.
class condition : public detail::object<lt_condition, lt_condition_free> {
public:
    /// @throws lt::error  out of memory
    condition() : object(lt_condition_new()) {}
    explicit condition(std::nothrow_t) noexcept : object(std::nothrow, lt_condition_new()) {}

    void notify_one() noexcept { LT_IGNORE(lt_condition_notify(handle_, 1)); }
    /// Wakes the n that have waited longest.
    void notify(std::uint32_t n) noexcept { LT_IGNORE(lt_condition_notify(handle_, n)); }
    void notify_all() noexcept { LT_IGNORE(lt_condition_notify_all(handle_)); }
    /// How many wait at this moment.
    [[nodiscard]] std::uint32_t waiting() const noexcept { return lt_condition_waiting(handle_); }

    /// @throws lt::interrupted
    /// @throws lt::error  bad_handle: `held` holds none; not_held, not_owner: it was released behind its back
    template <typename Lock> void wait(std::unique_lock<Lock> &held) {
        detail::check(detail::wait_on(handle_, handle_of(held)));
    }
    template <typename Lock> status wait(std::nothrow_t, std::unique_lock<Lock> &held) noexcept {
        return status(detail::wait_on(handle_, handle_of(held)));
    }
    /// Until predicate() is true, which is called with it held.
    /// @throws            what the predicate throws
    /// @throws lt::interrupted
    template <typename Lock, typename Predicate> void wait(std::unique_lock<Lock> &held, Predicate predicate) {
        detail::check(wait_until_true(held, predicate, LT_FOREVER));
    }
    /// @throws lt::interrupted
    template <typename Lock, typename Rep, typename Period>
    std::cv_status wait_for(std::unique_lock<Lock> &held, const std::chrono::duration<Rep, Period> &duration) {
        return timed(held, detail::seconds(duration));
    }
    template <typename Lock, typename Clock, typename Duration>
    std::cv_status wait_until(std::unique_lock<Lock> &held, const std::chrono::time_point<Clock, Duration> &deadline) {
        return timed(held, detail::seconds_until(deadline));
    }
    /// What the predicate says at the end.
    /// @throws lt::interrupted
    template <typename Lock, typename Rep, typename Period, typename Predicate>
    bool wait_for(
        std::unique_lock<Lock> &held, const std::chrono::duration<Rep, Period> &duration, Predicate predicate) {
        return detail::is_ok_or(wait_until_true(held, predicate, detail::seconds(duration)), LT_TIMED_OUT);
    }
    template <typename Lock, typename Clock, typename Duration, typename Predicate>
    bool wait_until(
        std::unique_lock<Lock> &held, const std::chrono::time_point<Clock, Duration> &deadline, Predicate predicate) {
        return detail::is_ok_or(wait_until_true(held, predicate, detail::seconds_until(deadline)), LT_TIMED_OUT);
    }
    template <typename Lock, typename Rep, typename Period>
    status wait_for(std::nothrow_t, std::unique_lock<Lock> &held,
        const std::chrono::duration<Rep, Period> &duration) noexcept {
        return status(detail::wait_on(handle_, handle_of(held), detail::seconds(duration)));
    }

    /// Until predicate() is true, or a stop is requested: what the predicate says at the end.
    /// @throws lt::interrupted  by something else than the stop
    template <typename Lock, typename Predicate>
    bool wait(std::unique_lock<Lock> &held, stop_token token, Predicate predicate) {
        return stoppable(held, std::move(token), predicate, LT_FOREVER);
    }
    template <typename Lock, typename Rep, typename Period, typename Predicate>
    bool wait_for(std::unique_lock<Lock> &held, stop_token token, const std::chrono::duration<Rep, Period> &duration,
        Predicate predicate) {
        return stoppable(held, std::move(token), predicate, detail::seconds(duration));
    }
    template <typename Lock, typename Clock, typename Duration, typename Predicate>
    bool wait_until(std::unique_lock<Lock> &held, stop_token token,
        const std::chrono::time_point<Clock, Duration> &deadline, Predicate predicate) {
        return stoppable(held, std::move(token), predicate, detail::seconds_until(deadline));
    }

private:
    template <typename Lock> static auto handle_of(std::unique_lock<Lock> &held) noexcept {
        // Otherwise C says that NULL is none: it would let go of what another thread holds.
        return held.owns_lock() ? held.mutex()->native_handle() : nullptr;
    }

    template <typename Lock> std::cv_status timed(std::unique_lock<Lock> &held, double seconds) {
        return detail::is_ok_or(detail::wait_on(handle_, handle_of(held), seconds), LT_TIMED_OUT)
            ? std::cv_status::no_timeout : std::cv_status::timeout;
    }

    template <typename Lock, typename Predicate>
    lt_status wait_until_true(std::unique_lock<Lock> &held, Predicate &predicate, double seconds) {
        const lt_predicate ask = [](void *arg) -> bool { return std::invoke(*static_cast<Predicate *>(arg)); };
        return detail::wait_on(handle_, handle_of(held), ask, std::addressof(predicate), seconds);
    }

    template <typename Lock, typename Predicate>
    bool stoppable(std::unique_lock<Lock> &held, stop_token token, Predicate &predicate, double seconds) {
        if (token.stop_requested()) {
            return predicate();
        }
        // An interrupt that comes before the wait stays pending for it, where a notify would be lost.
        struct interrupt {
            bool sent = false;
            lt_status ended_by = LT_OK;
            interrupt() = default;
            interrupt(const interrupt &) = delete;
            interrupt &operator=(const interrupt &) = delete;
            ~interrupt() {
                if (sent && ended_by != LT_INTERRUPTED) {
                    LT_IGNORE(lt_check_interrupt()); // It came too late for the wait; also if the predicate has thrown.
                }
            }
        } stop;
        {
            const auto send = [&stop, me = lt_get_ident()]() noexcept {
                stop.sent = true;
                LT_IGNORE(lt_interrupt(me));
            };
            const stop_callback<decltype(send)> stopped(token, send);
            stop.ended_by = wait_until_true(held, predicate, seconds);
        }
        if (stop.sent && stop.ended_by == LT_INTERRUPTED) {
            return predicate();
        }
        return detail::is_ok_or(stop.ended_by, LT_TIMED_OUT);
    }
};

LT_NAMESPACE_END

#endif
