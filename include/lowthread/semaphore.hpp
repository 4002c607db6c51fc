/// @file
/// A semaphore, with the members of std::counting_semaphore.
#ifndef LOWTHREAD_SEMAPHORE_HPP
#define LOWTHREAD_SEMAPHORE_HPP

#include <lowthread/object.hpp>
#include <lowthread/time.hpp>

#include <cstddef>
#include <cstdint>

LT_NAMESPACE_BEGIN

/// Counts permits. Released ones go to threads that wait before those that come later; a release happens before the
/// acquires that take its permits.
class semaphore : public detail::object<lt_semaphore, lt_semaphore_free> {
public:
    /// @throws lt::error  out of memory
    explicit semaphore(std::uint32_t desired) : object(lt_semaphore_new(desired)) {}
    /// One whose value never rises above `most`.
    /// @throws lt::error  invalid: desired is above it
    semaphore(std::uint32_t desired, std::uint32_t most) : object(lt_semaphore_new_bounded(desired, most)) {}
    semaphore(std::nothrow_t, std::uint32_t desired) noexcept : object(std::nothrow, lt_semaphore_new(desired)) {}

    static constexpr std::ptrdiff_t(max)() noexcept {
        return sizeof(std::ptrdiff_t) > 4 ? static_cast<std::ptrdiff_t>(UINT32_MAX) : PTRDIFF_MAX;
    }

    /// Takes a permit; blocks until there is one.
    /// @throws lt::interrupted  not taken
    void acquire() { detail::check(lt_semaphore_acquire(handle_)); }
    status acquire(std::nothrow_t) noexcept { return status(lt_semaphore_acquire(handle_)); }
    /// Takes a permit if there is one. Never blocks.
    [[nodiscard]] bool try_acquire() noexcept { return lt_semaphore_try_acquire(handle_) == LT_OK; }
    /// Takes a permit; blocks for at most that long.
    /// @throws lt::interrupted  not taken
    template <typename Rep, typename Period>
    [[nodiscard]] bool try_acquire_for(const std::chrono::duration<Rep, Period> &duration) {
        return detail::is_ok_or(lt_semaphore_acquire_timeout(handle_, detail::seconds(duration)), LT_TIMED_OUT);
    }
    template <typename Clock, typename Duration>
    [[nodiscard]] bool try_acquire_until(const std::chrono::time_point<Clock, Duration> &deadline) {
        return detail::is_ok_or(
            lt_semaphore_acquire_timeout(handle_, detail::seconds_until(deadline)), LT_TIMED_OUT);
    }
    template <typename Rep, typename Period>
    status acquire_for(std::nothrow_t, const std::chrono::duration<Rep, Period> &duration) noexcept {
        return status(lt_semaphore_acquire_timeout(handle_, detail::seconds(duration)));
    }

    /// Gives so many permits back. Never blocks.
    /// @throws lt::error  overflow: none is given; invalid: less than 0
    void release(std::ptrdiff_t update = 1) {
        if (update > (max)()) {
            detail::raise(LT_OVERFLOW, "lt::semaphore::release: more than a semaphore can have");
        }
        detail::check(give(update));
    }
    status release(std::nothrow_t, std::ptrdiff_t update = 1) noexcept {
        return update > (max)() ? status::overflow : status(give(update));
    }

    /// How many permits there are at this moment.
    [[nodiscard]] std::uint32_t value() const noexcept { return lt_semaphore_value(handle_); }

private:
    lt_status give(std::ptrdiff_t n) noexcept {
        if (n == 0) {
            return LT_OK; // As in std; C calls it a mistake, and finds the same in a negative one.
        }
        return lt_semaphore_release(handle_, n < 0 ? 0 : static_cast<std::uint32_t>(n));
    }
};

LT_NAMESPACE_END

#endif
