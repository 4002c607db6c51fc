/// @file
/// std::stop_source, stop_token and stop_callback; where the standard library has none, ones that do the same.
#ifndef LOWTHREAD_STOP_HPP
#define LOWTHREAD_STOP_HPP

#include <lowthread/counted.hpp>
#include <lowthread/lock.hpp>

#include <atomic>
#include <type_traits>
#include <utility>

#if __has_include(<version>)
#include <version>
#endif

// Which of the two is part of the names of what has them inside, so that a program may be built of both.
#if defined(__cpp_lib_jthread)

#include <stop_token>

#define LT_STOP_BEGIN inline namespace std_stop {
#define LT_STOP_END }

LT_NAMESPACE_BEGIN
LT_STOP_BEGIN
using std::nostopstate;
using std::nostopstate_t;
using std::stop_callback;
using std::stop_source;
using std::stop_token;
LT_STOP_END
LT_NAMESPACE_END

#else

#define LT_STOP_BEGIN inline namespace own_stop {
#define LT_STOP_END }

LT_NAMESPACE_BEGIN
LT_STOP_BEGIN

struct nostopstate_t {
    explicit nostopstate_t() = default;
};
inline constexpr nostopstate_t nostopstate{};

namespace stop_detail {

class stop_state;

/// One callback, in the list of those that a stop calls.
class stop_listener {
public:
    stop_listener(const stop_listener &) = delete;
    stop_listener &operator=(const stop_listener &) = delete;

protected:
    explicit stop_listener(void (*call)(stop_listener *)) noexcept : call_(call) {}
    ~stop_listener() = default;

private:
    friend class stop_state;

    void (*call_)(stop_listener *);
    stop_listener *previous_ = nullptr;
    stop_listener *next_ = nullptr;
    bool listed_ = false;
    bool *gone_ = nullptr; // Where the stop that calls it wants to hear that it is no more.
};

/// What sources, tokens and callbacks share.
class stop_state final : public detail::counted {
public:
    stop_state() : lock_(), over_(lt_condition_new()) {
        if (over_ == nullptr) {
            detail::raise(lt_last_status());
        }
    }
    stop_state(const stop_state &) = delete;
    stop_state &operator=(const stop_state &) = delete;
    ~stop_state() override { LT_IGNORE(lt_condition_free(over_)); }

    void add_source() noexcept { sources_.fetch_add(1, std::memory_order_relaxed); }
    void leave_source() noexcept { sources_.fetch_sub(1, std::memory_order_release); }

    bool requested() const noexcept { return requested_.load(std::memory_order_acquire); }
    bool possible() const noexcept { return requested() || sources_.load(std::memory_order_acquire) > 0; }

    bool request() noexcept {
        lock_.lock();
        if (requested()) {
            lock_.unlock();
            return false;
        }
        requested_.store(true, std::memory_order_release);
        caller_ = lt_get_ident();
        while (stop_listener *listener = first_) {
            take(listener);
            bool gone = false;
            listener->gone_ = &gone;
            called_ = listener;
            lock_.unlock();
            listener->call_(listener);
            lock_.lock();
            if (!gone) {
                listener->gone_ = nullptr;
            }
            called_ = nullptr;
            detail::promised(lt_condition_notify_all(over_));
        }
        lock_.unlock();
        return true;
    }

    /// False if the stop has been requested: then the caller calls.
    bool add(stop_listener *listener) noexcept {
        lock_.lock();
        const bool added = !requested();
        if (added) {
            listener->next_ = first_;
            if (first_ != nullptr) {
                first_->previous_ = listener;
            }
            first_ = listener;
            listener->listed_ = true;
        }
        lock_.unlock();
        return added;
    }

    /// When it returns, the callback is not being called, unless by the caller itself.
    void remove(stop_listener *listener) noexcept {
        lock_.lock();
        if (listener->listed_) {
            take(listener);
        } else if (called_ == listener) {
            if (caller_ == lt_get_ident()) {
                *listener->gone_ = true;
                called_ = nullptr; // Another one may be made in its place meanwhile, and end there.
            } else {
                while (called_ == listener) {
                    LT_IGNORE(detail::uninterrupted(
                        [this] { return lt_condition_wait(over_, lock_.native_handle()); }));
                }
            }
        }
        lock_.unlock();
    }

private:
    void take(stop_listener *listener) noexcept {
        (listener->previous_ != nullptr ? listener->previous_->next_ : first_) = listener->next_;
        if (listener->next_ != nullptr) {
            listener->next_->previous_ = listener->previous_;
        }
        listener->previous_ = listener->next_ = nullptr;
        listener->listed_ = false;
    }

    std::atomic<std::size_t> sources_{1};
    std::atomic<bool> requested_{false};
    lt::lock lock_; // Of what follows.
    lt_condition *const over_;
    stop_listener *first_ = nullptr;
    stop_listener *called_ = nullptr;
    lt_ident caller_ = 0;
};

} // namespace stop_detail

template <typename Callback> class stop_callback;

/// As std::stop_token.
class stop_token {
public:
    stop_token() noexcept = default;

    [[nodiscard]] bool stop_requested() const noexcept { return state_.get() != nullptr && state_->requested(); }
    [[nodiscard]] bool stop_possible() const noexcept { return state_.get() != nullptr && state_->possible(); }
    void swap(stop_token &other) noexcept { std::swap(state_, other.state_); }

    friend bool operator==(const stop_token &a, const stop_token &b) noexcept {
        return a.state_.get() == b.state_.get();
    }
    friend bool operator!=(const stop_token &a, const stop_token &b) noexcept { return !(a == b); }

private:
    friend class stop_source;
    template <typename Callback> friend class stop_callback;

    explicit stop_token(detail::shared<stop_detail::stop_state> state) noexcept : state_(std::move(state)) {}

    detail::shared<stop_detail::stop_state> state_;
};

/// As std::stop_source.
class stop_source {
public:
    stop_source() : state_(new stop_detail::stop_state) {}
    explicit stop_source(nostopstate_t) noexcept : state_() {}
    stop_source(const stop_source &other) noexcept : state_(other.state_) {
        if (state_.get() != nullptr) {
            state_->add_source();
        }
    }
    stop_source(stop_source &&) noexcept = default;
    stop_source &operator=(stop_source other) noexcept {
        swap(other);
        return *this;
    }
    ~stop_source() {
        if (state_.get() != nullptr) {
            state_->leave_source();
        }
    }

    bool request_stop() noexcept {
        const detail::shared<stop_detail::stop_state> stays = state_; // A callback may end this, and all others.
        return stays.get() != nullptr && stays->request();
    }
    [[nodiscard]] bool stop_requested() const noexcept { return state_.get() != nullptr && state_->requested(); }
    [[nodiscard]] bool stop_possible() const noexcept { return state_.get() != nullptr; }
    [[nodiscard]] stop_token get_token() const noexcept { return stop_token(state_); }
    void swap(stop_source &other) noexcept { std::swap(state_, other.state_); }

    friend bool operator==(const stop_source &a, const stop_source &b) noexcept {
        return a.state_.get() == b.state_.get();
    }
    friend bool operator!=(const stop_source &a, const stop_source &b) noexcept { return !(a == b); }

private:
    detail::shared<stop_detail::stop_state> state_;
};

/// As std::stop_callback.
template <typename Callback> class stop_callback : stop_detail::stop_listener {
public:
    using callback_type = Callback;

    template <typename Function, std::enable_if_t<std::is_constructible_v<Callback, Function>, int> = 0>
    explicit stop_callback(stop_token token, Function &&function)
        : stop_listener(&call), callback_(std::forward<Function>(function)), state_(std::move(token.state_)) {
        if (state_.get() != nullptr && !state_->add(this)) {
            call(this);
        }
    }
    ~stop_callback() {
        if (state_.get() != nullptr) {
            state_->remove(this);
        }
    }

private:
    static void call(stop_listener *self) noexcept {
        std::forward<Callback>(static_cast<stop_callback *>(self)->callback_)();
    }

    Callback callback_;
    detail::shared<stop_detail::stop_state> state_;
};

template <typename Callback> stop_callback(stop_token, Callback) -> stop_callback<Callback>;

LT_STOP_END
LT_NAMESPACE_END

#endif

#endif
