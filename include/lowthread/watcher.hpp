/// @file
/// What tells an event loop that something can be done.
#ifndef LOWTHREAD_WATCHER_HPP
#define LOWTHREAD_WATCHER_HPP

#include <lowthread/select.hpp>
#include <lowthread/timer.hpp>

#include <type_traits>
#include <utility>

LT_NAMESPACE_BEGIN

/// Watches one case of a select, until its end. It takes nothing: who is told asks by the try form.
///
///     lt::watcher results(lt::on_get(queue)); // Poll results.fd(), and take all when it is readable.
class watcher {
public:
    watcher() noexcept = default;

    /// With a descriptor that is readable while it may be possible, level- or edge-triggered; not to be read.
    /// @throws lt::error  no_memory (no descriptor either), unsupported (on Windows)
    template <typename Case> explicit watcher(const Case &what) {
        detail::check(lt_watch_fd(what.handle, what.op, &fd_, &handle_));
    }
    /// Calls function() when it becomes possible, on a thread of the library's that serves all watchers. One that throws
    /// is told to the hook, and the watch goes on.
    /// @throws lt::error  no_memory, no_thread
    template <typename Case, typename Function,
        std::enable_if_t<std::is_invocable_v<std::decay_t<Function> &>, int> = 0>
    watcher(const Case &what, Function &&function) {
        detail::timer_state *const state =
            new detail::timer_call<std::decay_t<Function>>(std::forward<Function>(function));
        const lt_status s = lt_watch(what.handle, what.op, &detail::timer_state::run, state, &handle_);
        if (s != LT_OK) {
            state->leave();
            detail::raise(s);
        }
        state_ = state;
    }

    watcher(const watcher &) = delete;
    watcher &operator=(const watcher &) = delete;
    watcher(watcher &&other) noexcept
        : handle_(std::exchange(other.handle_, nullptr)), state_(std::exchange(other.state_, nullptr)),
          fd_(std::exchange(other.fd_, -1)) {}
    watcher &operator=(watcher &&other) noexcept {
        if (this != &other) {
            watcher(std::move(other)).swap(*this);
        }
        return *this;
    }
    /// After it, the function neither runs nor will, and the descriptor is closed. It waits while the function runs, but
    /// not for the call that it is made by.
    ~watcher() {
        if (handle_ != nullptr) {
            LT_IGNORE(lt_watch_free(handle_));
            if (state_ != nullptr) {
                state_->leave();
            }
        }
    }
    void swap(watcher &other) noexcept {
        std::swap(handle_, other.handle_);
        std::swap(state_, other.state_);
        std::swap(fd_, other.fd_);
    }

    explicit operator bool() const noexcept { return handle_ != nullptr; }
    /// The descriptor; -1 if it calls a function.
    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] lt_watcher *native_handle() const noexcept { return handle_; }

private:
    lt_watcher *handle_ = nullptr;
    detail::timer_state *state_ = nullptr;
    int fd_ = -1;
};

LT_NAMESPACE_END

#endif
