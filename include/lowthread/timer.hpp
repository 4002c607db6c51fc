/// @file
/// Timers, and the watchdog of the main thread.
#ifndef LOWTHREAD_TIMER_HPP
#define LOWTHREAD_TIMER_HPP

#include <lowthread/call.hpp>
#include <lowthread/counted.hpp>
#include <lowthread/time.hpp>

#include <csignal>
#include <functional>
#include <utility>

LT_NAMESPACE_BEGIN

namespace detail {

/// A timer's function, shared by the timer and the call that is going on: that may destroy the timer.
class timer_state : public counted {
public:
    static void run(void *arg) {
        timer_state *const state = static_cast<timer_state *>(arg);
        state->enter();
        const shared<timer_state> stays(state);
        state->call();
    }

protected:
    virtual void call() = 0;
};

template <typename Function> class timer_call final : public timer_state {
public:
    template <typename Given> explicit timer_call(Given &&function) : function_(std::forward<Given>(function)) {}

private:
    void call() override { std::invoke(function_); }

    Function function_;
};

} // namespace detail

/// Calls a function later, once or again and again, on a thread of the library's that serves all timers. One that
/// throws is told to the hook, and the timer goes on. The destructor cancels: it waits while the function runs, but not
/// for the call that it is made by.
class timer {
public:
    timer() noexcept = default;

    /// Calls function() after that time.
    /// @throws lt::error  no_memory, no_thread
    template <typename Rep, typename Period, typename Function,
        std::enable_if_t<std::is_invocable_v<std::decay_t<Function> &>, int> = 0>
    timer(const std::chrono::duration<Rep, Period> &delay, Function &&function) {
        start(delay, 0, std::forward<Function>(function));
    }
    /// And then every so often: it keeps its phase, and leaves out what it missed.
    template <typename Rep, typename Period, typename Rep2, typename Period2, typename Function>
    timer(const std::chrono::duration<Rep, Period> &delay, const std::chrono::duration<Rep2, Period2> &repeat,
        Function &&function) {
        const double every = detail::seconds(repeat);
        start(delay, every < 0 ? LT_TIMEOUT_MAX : every, std::forward<Function>(function));
    }

    timer(const timer &) = delete;
    timer &operator=(const timer &) = delete;
    timer(timer &&other) noexcept
        : handle_(std::exchange(other.handle_, nullptr)), state_(std::exchange(other.state_, nullptr)) {}
    timer &operator=(timer &&other) noexcept {
        if (this != &other) {
            timer(std::move(other)).swap(*this);
        }
        return *this;
    }
    ~timer() {
        if (handle_ != nullptr) {
            LT_IGNORE(detail::uninterrupted([this] { return lt_timer_free(handle_); }));
            state_->leave();
        }
    }
    void swap(timer &other) noexcept {
        std::swap(handle_, other.handle_);
        std::swap(state_, other.state_);
    }

    explicit operator bool() const noexcept { return handle_ != nullptr; }
    [[nodiscard]] lt_timer *native_handle() const noexcept { return handle_; }

    /// After it returns, the function neither runs nor will; from the function itself, only the next calls are cancelled.
    /// @throws lt::interrupted  cancelled, but it may still run
    void cancel() { detail::check(lt_timer_cancel(handle_)); }

private:
    template <typename Rep, typename Period, typename Function>
    void start(const std::chrono::duration<Rep, Period> &delay, double repeat, Function &&function) {
        using call = detail::timer_call<std::decay_t<Function>>;
        const double seconds = detail::seconds(delay);
        detail::timer_state *const state = new call(std::forward<Function>(function));
        const lt_status s = lt_timer_start(
            seconds < 0 ? LT_TIMEOUT_MAX : seconds, repeat, &detail::timer_state::run, state, &handle_);
        if (s != LT_OK) {
            state->leave();
            detail::raise(s);
        }
        state_ = state;
    }

    lt_timer *handle_ = nullptr;
    detail::timer_state *state_ = nullptr;
};

/// Interrupts the main thread, as that signal would, unless it is fed in time. Once; the next feed arms it again.
class watchdog {
public:
    /// @throws lt::error  invalid: a time of 0, a bad signal; no_memory, no_thread
    template <typename Rep, typename Period>
    explicit watchdog(const std::chrono::duration<Rep, Period> &time, int signum = SIGINT) {
        const double seconds = detail::seconds(time);
        detail::check(lt_watchdog_start(seconds < 0 ? LT_TIMEOUT_MAX : seconds, signum, &handle_));
    }
    watchdog(const watchdog &) = delete;
    watchdog &operator=(const watchdog &) = delete;
    watchdog(watchdog &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    watchdog &operator=(watchdog &&other) noexcept {
        if (this != &other) {
            watchdog taken(std::move(other));
            std::swap(handle_, taken.handle_);
        }
        return *this;
    }
    ~watchdog() {
        if (handle_ != nullptr) {
            LT_IGNORE(detail::uninterrupted([this] { return lt_watchdog_free(handle_); }));
        }
    }

    /// Its time begins anew.
    void feed() { detail::check(lt_watchdog_feed(handle_)); }
    /// After it returns, it does not interrupt.
    void cancel() { detail::check(lt_watchdog_cancel(handle_)); }
    [[nodiscard]] lt_watchdog *native_handle() const noexcept { return handle_; }

private:
    lt_watchdog *handle_ = nullptr;
};

LT_NAMESPACE_END

#endif
