/// @file
/// A barrier, with arrive_and_wait() and arrive_and_drop() as std::barrier has them.
#ifndef LOWTHREAD_BARRIER_HPP
#define LOWTHREAD_BARRIER_HPP

#include <lowthread/object.hpp>
#include <lowthread/time.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

LT_NAMESPACE_BEGIN

namespace detail {

struct no_completion {
    void operator()() const noexcept {}
};

} // namespace detail

/// Holds threads back until so many are there; then lets them all go, and the next round begins. What each did before it
/// came happens before the return of all. A thread that gives up, because it is interrupted or its time is up, breaks
/// it: the others get lt::broken, and so does who comes later, until a reset().
template <typename Completion = detail::no_completion> class barrier {
public:
    /// In each round, the thread that comes last calls completion() before the others go on. If that throws, the barrier
    /// is broken and the exception goes on up that thread.
    /// @throws lt::error  invalid: 0 parties, or too many; no_memory
    explicit barrier(std::ptrdiff_t parties, Completion completion = Completion())
        : completion_(std::move(completion)), handle_(made(parties)) {
        if (handle_ == nullptr) {
            detail::raise(lt_last_status());
        }
    }
    barrier(const barrier &) = delete;
    barrier &operator=(const barrier &) = delete;
    ~barrier() { LT_IGNORE(lt_barrier_free(handle_)); }

    static constexpr std::ptrdiff_t(max)() noexcept {
        return sizeof(std::ptrdiff_t) > 4 ? static_cast<std::ptrdiff_t>(UINT32_MAX) : PTRDIFF_MAX;
    }

    /// Blocks until all are there; the order in which this thread came, from 0.
    /// @throws lt::broken, what the completion throws
    /// @throws lt::interrupted  the barrier is broken now
    /// @throws lt::error        deadlock: from its own completion
    std::uint32_t arrive_and_wait() {
        std::uint32_t index = 0;
        detail::check(lt_barrier_wait(handle_, &index));
        return index;
    }
    status arrive_and_wait(std::nothrow_t, std::uint32_t *index = nullptr) {
        return status(lt_barrier_wait(handle_, index));
    }
    /// The same; blocks for at most that long. False: the barrier is broken now.
    template <typename Rep, typename Period>
    [[nodiscard]] bool arrive_and_wait_for(const std::chrono::duration<Rep, Period> &duration) {
        return detail::is_ok_or(lt_barrier_wait_timeout(handle_, detail::seconds(duration), nullptr), LT_TIMED_OUT);
    }
    template <typename Clock, typename Duration>
    [[nodiscard]] bool arrive_and_wait_until(const std::chrono::time_point<Clock, Duration> &deadline) {
        return detail::is_ok_or(
            lt_barrier_wait_timeout(handle_, detail::seconds_until(deadline), nullptr), LT_TIMED_OUT);
    }

    /// Leaves for good, and does not wait: this round and the later ones need one party less. If all others are there,
    /// they go on, and one of them calls the completion. With the last party gone it is broken for good.
    /// @throws lt::error  invalid: there are none
    void arrive_and_drop() { detail::check(lt_barrier_drop(handle_)); }
    status arrive_and_drop(std::nothrow_t) noexcept { return status(lt_barrier_drop(handle_)); }

    /// Sends those who wait away with lt::broken, and begins a new round; mends a broken barrier.
    void reset() noexcept { LT_IGNORE(lt_barrier_reset(handle_)); }
    /// Breaks it.
    void abort() noexcept { LT_IGNORE(lt_barrier_abort(handle_)); }
    [[nodiscard]] std::uint32_t parties() const noexcept { return lt_barrier_parties(handle_); }
    /// How many of the round are there at this moment.
    [[nodiscard]] std::uint32_t waiting() const noexcept { return lt_barrier_waiting(handle_); }
    [[nodiscard]] bool is_broken() const noexcept { return lt_barrier_is_broken(handle_); }
    [[nodiscard]] lt_barrier *native_handle() const noexcept { return handle_; }

private:
    lt_barrier *made(std::ptrdiff_t parties) {
        if (parties < 0 || parties > (max)()) {
            parties = 0; // Which C finds invalid.
        }
        const lt_thread_fn complete = [](void *arg) { std::invoke(*static_cast<Completion *>(arg)); };
        return lt_barrier_new(static_cast<std::uint32_t>(parties),
            std::is_same_v<Completion, detail::no_completion> ? nullptr : complete, std::addressof(completion_));
    }

    Completion completion_;
    lt_barrier *const handle_;
};

barrier(std::ptrdiff_t) -> barrier<>;

LT_NAMESPACE_END

#endif
