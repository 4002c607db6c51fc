/// @file
/// Futures and promises: what becomes of a task, and what comes after it.
#ifndef LOWTHREAD_FUTURE_HPP
#define LOWTHREAD_FUTURE_HPP

#include <lowthread/call.hpp>
#include <lowthread/counted.hpp>
#include <lowthread/errors.hpp>
#include <lowthread/time.hpp>

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

LT_NAMESPACE_BEGIN

template <typename R> class future;
template <typename R> class shared_future;
template <typename R> class promise;
class pool;

namespace detail {

/// What is called once a future is over. Gone afterwards, whichever way the call is left.
class listener {
public:
    listener() = default;
    listener(const listener &) = delete;
    listener &operator=(const listener &) = delete;
    virtual ~listener() = default;
    /// What is to be called next, or NULL: not from here, so that a chain may be of any length.
    [[nodiscard]] virtual listener *call() = 0;

    static void run(listener *next) {
        while (next != nullptr) {
            const deleted<listener> owned(next);
            next = next->call();
        }
    }
};

/// What futures share with whoever makes their result: a task of a pool, or a promise.
class future_core : public counted {
public:
    /// Until it is over: LT_OK, whatever it ended with.
    virtual lt_status wait(double seconds) = 0;
    virtual bool over() const noexcept = 0;
    virtual bool running() const noexcept = 0;
    virtual bool cancelled() const noexcept = 0;
    /// This alone.
    virtual bool cancel() noexcept = 0;
    /// Has it called when this is over, or at once. On failure the listener is still the caller's. There is one at most:
    /// a future can be followed once.
    virtual lt_status listen(listener *added) = 0;
    /// Throws what it has failed with, once it is over.
    virtual void rethrow() = 0;
    virtual lt_future *handle() const noexcept { return nullptr; }
    /// The task that this comes from, or after; NULL if it comes from a promise.
    virtual lt_future *origin() const noexcept { return handle(); }
    /// What this comes after, until it is over.
    virtual shared<future_core> before() const noexcept { return {}; }
    /// Whether who ends that one also makes this.
    virtual bool follows_at_once() const noexcept { return false; }

protected:
    std::exception_ptr thrown_{};
};

/// With room for the result.
template <typename R> class future_state : public future_core {
public:
    /// Once, when it is over and has not failed.
    R take() { return std::move(*value_); }
    /// The same for many.
    const R &look() const noexcept { return *value_; }

protected:
    template <typename Make> void fill(Make &&make) { value_.emplace(make()); }

private:
    std::optional<R> value_{};
};

template <typename R> class future_state<R &> : public future_core {
public:
    R &take() { return *value_; }
    R &look() const noexcept { return *value_; }

protected:
    template <typename Make> void fill(Make &&make) { value_ = std::addressof(make()); }

private:
    R *value_ = nullptr;
};

template <> class future_state<void> : public future_core {
public:
    void take() {}
    void look() const noexcept {}

protected:
    template <typename Make> void fill(Make &&make) { make(); }
};

/// A task of a pool with its future. Shared by the future's users, as a whole, and the task, which is called with it,
/// or never, if it is cancelled: then who finds that out lets go in its place.
template <typename R, typename Call> class task_state final : public future_state<R> {
public:
    template <typename... Given> explicit task_state(Given &&...given) : call_(std::in_place, std::forward<Given>(given)...) {}
    task_state(const task_state &) = delete;
    task_state &operator=(const task_state &) = delete;

    /// On failure it is gone.
    lt_status submit(lt_pool *pool) noexcept {
        const lt_status s = lt_pool_submit(pool, &run, this, &handle_);
        if (s != LT_OK) {
            delete this;
        }
        return s;
    }

    lt_status wait(double seconds) override {
        const lt_status s = lt_future_result_timeout(handle_, seconds, nullptr);
        return s == LT_FAILED || s == LT_CANCELLED ? LT_OK : s;
    }
    bool over() const noexcept override { return lt_future_done(handle_); }
    bool running() const noexcept override { return lt_future_running(handle_); }
    bool cancelled() const noexcept override { return lt_future_cancelled(handle_); }
    bool cancel() noexcept override {
        if (lt_future_cancel(handle_) != LT_OK) {
            return false;
        }
        call_.reset(); // With what it holds, now and not with the future.
        return true;
    }
    lt_status listen(listener *added) override {
        const lt_future_fn call = [](lt_future *, void *arg) { listener::run(static_cast<listener *>(arg)); };
        return lt_future_add_done_callback(handle_, call, added);
    }
    void rethrow() override {
#if LT_HAS_EXCEPTIONS
        if (this->thrown_ != nullptr) {
            std::rethrow_exception(this->thrown_);
        }
        const lt_error_info *info = nullptr;
        if (lt_future_error(handle_, &info) == LT_OK) {
            throw failed(*info);
        }
#endif
        check(lt_future_try_result(handle_, nullptr));
    }
    lt_future *handle() const noexcept override { return handle_; }

private:
    struct ended {
        task_state *const task;
        ~ended() {
            task->call_.reset(); // What it holds is gone before its end is known.
            task->unshare();
        }
    };

    static void *run(void *arg) {
        task_state *const task = static_cast<task_state *>(arg);
        task->begun_.store(true, std::memory_order_release);
        const ended guard{task};
        guarded([task] { task->fill(*task->call_); },
            [task] {
                task->thrown_ = std::current_exception(); // NULL where it is no exception of C++.
                rethrow_caught();                         // For C's future, and if that was dropped for the hook.
            });
        return nullptr;
    }

    void unshare() noexcept {
        if (shares_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            delete this;
        }
    }

    /// It is over: if it was not called, it never will be.
    void settle() noexcept {
        if (!begun_.load(std::memory_order_acquire)) {
            unshare();
        }
    }

    void end() noexcept override {
        if (lt_future_done(handle_)) {
            settle();
        } else {
            const lt_future_fn settled = [](lt_future *, void *arg) {
                task_state *const task = static_cast<task_state *>(arg);
                task->settle();
                task->unshare();
            };
            shares_.fetch_add(1, std::memory_order_relaxed);
            if (lt_future_add_done_callback(handle_, settled, this) != LT_OK) {
                shares_.fetch_sub(1, std::memory_order_relaxed); // No memory: if it is cancelled, this stays.
            }
        }
        LT_IGNORE(lt_future_free(handle_));
        unshare();
    }

    std::optional<Call> call_;
    lt_future *handle_ = nullptr;
    std::atomic<bool> begun_{false};
    std::atomic<int> shares_{2};
};

/// The result of a promise, or of what comes after another future.
///
/// | stage     | meaning                     | goes on by                             |
/// |-----------|-----------------------------|----------------------------------------|
/// | pending   | nobody has begun to make it | begin: running; cancel: cancelled      |
/// | running   | somebody makes it           | finish: it is over, as the event says  |
/// | cancelled | nobody makes it             | finish                                 |
template <typename R> class promise_state : public future_state<R> {
public:
    promise_state() : over_(lt_event_new()) {
        if (over_ == nullptr) {
            raise(lt_last_status());
        }
    }
    promise_state(const promise_state &) = delete;
    promise_state &operator=(const promise_state &) = delete;

    lt_status wait(double seconds) override {
        if (over()) {
            return LT_OK;
        }
        const time_left left(seconds);
        // Who waits as a worker of a pool may have to run what this waits for.
        const lt_status s = help(left);
        return s == LT_OK ? lt_event_wait_timeout(over_, left.seconds()) : s;
    }
    // As a wait, so that what has been done for it happens before.
    bool over() const noexcept override { return lt_event_try_wait(over_) == LT_OK; }
    bool running() const noexcept override { return stage_.load(std::memory_order_relaxed) == is_running && !over(); }
    bool cancelled() const noexcept override { return stage_.load(std::memory_order_relaxed) == is_cancelled; }
    bool cancel() noexcept override {
        if (!begin(is_cancelled)) {
            return cancelled();
        }
        listener::run(fail_with(LT_CANCELLED));
        return true;
    }
    lt_status listen(listener *added) override {
        listener *none = nullptr;
        // Release: publishes it. Acquire, where it is over: what made the result happens before.
        if (!listener_.compare_exchange_strong(
                none, added, std::memory_order_release, std::memory_order_acquire)) {
            listener::run(added);
        }
        return LT_OK;
    }
    void rethrow() override {
#if LT_HAS_EXCEPTIONS
        if (this->thrown_ != nullptr) {
            std::rethrow_exception(this->thrown_);
        }
#else
        if (failed_ != LT_OK) {
            raise(failed_, lt_status_message(failed_));
        }
#endif
    }

    /// Whether the caller is the one that makes the result.
    bool begin() noexcept { return begin(is_running); }
    /// After begin(): the result is what make() returns or throws. Left by lt::exit(), the promise is broken. Whom to
    /// call now, as of all that ends it.
    template <typename Make> [[nodiscard]] listener *complete(Make &&make) {
        struct ended {
            promise_state *left;
            ~ended() {
                if (left != nullptr) {
                    listener::run(left->abandon());
                }
            }
        } guard{this};
        guarded([&] { this->fill(make); },
            [&] {
                this->thrown_ = std::current_exception();
                if (this->thrown_ == nullptr) {
                    rethrow_caught(); // Of another language: the promise is broken, and who called hears why.
                }
            });
        guard.left = nullptr;
        return finish();
    }
    /// After begin().
    [[nodiscard]] listener *fail(std::exception_ptr thrown) {
        this->thrown_ = std::move(thrown);
        return finish();
    }
    [[nodiscard]] listener *fail_with(lt_status s) {
#if LT_HAS_EXCEPTIONS
        this->thrown_ = thrown_by([s] { s > 0 ? raise(s) : raise(s, "lt::future::then: it could not be submitted"); });
#else
        failed_ = s;
#endif
        return finish();
    }
    /// There will be no result.
    [[nodiscard]] listener *abandon() {
#if LT_HAS_EXCEPTIONS
        return fail(thrown_by([] { throw std::future_error(std::future_errc::broken_promise); }));
#else
        return fail_with(LT_FAILED);
#endif
    }

protected:
    ~promise_state() override {
        // Relaxed: nobody else has it.
        if (listener *const untold = listener_.load(std::memory_order_relaxed); untold != is_over()) {
            delete untold;
        }
        LT_IGNORE(lt_event_free(over_));
    }

    /// Waits for what this comes after.
    virtual lt_status help(const time_left &) { return LT_OK; }
    /// It is over.
    virtual void ends() noexcept {}

private:
    enum stage : int { is_pending, is_running, is_cancelled };

    bool begin(stage as) noexcept {
        int pending = is_pending;
        return stage_.compare_exchange_strong(pending, as, std::memory_order_relaxed);
    }

    /// Stands for the listener once it is over.
    static listener *is_over() noexcept { return reinterpret_cast<listener *>(alignof(listener)); }

    listener *finish() {
        this->enter(); // Who sees that it is over may drop the last future.
        const shared<promise_state> stays(this);
        LT_IGNORE(lt_event_set(over_));
        ends();
        // Release: what made the result happens before what comes after. Acquire: the listener is all there.
        return listener_.exchange(is_over(), std::memory_order_acq_rel);
    }

    lt_event *const over_;
    std::atomic<listener *> listener_{nullptr};
    std::atomic<int> stage_{is_pending};
#if !LT_HAS_EXCEPTIONS
    lt_status failed_ = LT_OK;
#endif
};

/// What comes after another future, which it keeps until it is over itself: a chain is no longer than what is to come.
template <typename R> class then_state : public promise_state<R> {
public:
    explicit then_state(shared<future_core> after) : after_(std::move(after)) {}

    lt_future *origin() const noexcept override {
        const shared<future_core> from = first([](const future_core &) { return true; });
        return from ? from->origin() : nullptr;
    }
    shared<future_core> before() const noexcept override {
        if (!keep()) {
            return {};
        }
        shared<future_core> after = after_;
        let_go();
        return after;
    }
    bool follows_at_once() const noexcept override { return true; }

protected:
    lt_status help(const time_left &left) override {
        const shared<future_core> from = first([](const future_core &core) { return core.follows_at_once(); });
        return from ? from->wait(left.seconds()) : LT_OK;
    }
    void ends() noexcept override { let_go(); }

private:
    /// The first that this comes after, or the last of those that may not be passed; NULL if this is over.
    template <typename MayPass> shared<future_core> first(MayPass may_pass) const noexcept {
        shared<future_core> found = before();
        while (found && may_pass(*found)) {
            shared<future_core> earlier = found->before();
            if (!earlier) {
                break;
            }
            found = std::move(earlier);
        }
        return found;
    }
    bool keep() const noexcept {
        std::size_t n = users_.load(std::memory_order_relaxed);
        while (n != 0 && !users_.compare_exchange_weak(n, n + 1, std::memory_order_acquire, std::memory_order_relaxed)) {
        }
        return n != 0;
    }
    void let_go() const noexcept {
        // Acquire and release: what each did with it happens before it is let go.
        if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            after_ = {};
        }
    }

    mutable std::atomic<std::size_t> users_{1}; // With one for this, until it is over.
    mutable shared<future_core> after_;
};

struct future_access {
    template <typename R> static const shared<future_state<R>> &state(const future<R> &f) noexcept { return f.state_; }
    template <typename R> static future<R> make(shared<future_state<R>> state) noexcept {
        return future<R>(std::move(state));
    }
    template <typename State, typename R> static future<R> adopt(shared<State> state) noexcept {
        return future<R>(shared<future_state<R>>(state));
    }
};

/// Cancels it, and what it comes after, which nobody else can: whoever has this has those no more.
inline bool cancel(future_core &last) noexcept {
    shared<future_core> next = last.before();
    const bool cancelled = last.cancel();
    while (cancelled && next) {
        shared<future_core> before = next->before();
        next = next->cancel() ? std::move(before) : shared<future_core>();
    }
    return cancelled;
}

/// Adds a listener, and owns it until it is added.
inline void listen(future_core &core, std::unique_ptr<listener> added) {
    listener *const given = added.release(); // It may be called now, and deletes itself.
    const lt_status s = core.listen(given);
    if (s != LT_OK) {
        delete given;
        raise(s);
    }
}

template <typename Function, typename R> constexpr bool takes_result() {
    if constexpr (std::is_void_v<R>) {
        return std::is_invocable_v<Function>;
    } else {
        return std::is_invocable_v<Function, R>;
    }
}

/// The function of then(): first of all it may take the result, as one for anything does.
template <typename Function, typename R, bool TakesResult = takes_result<Function, R>()> struct after {
    static constexpr bool takes_future = false;
    using result = std::invoke_result_t<Function, R>;
};
template <typename Function> struct after<Function, void, true> {
    static constexpr bool takes_future = false;
    using result = std::invoke_result_t<Function>;
};
template <typename Function, typename R> struct after<Function, R, false> {
    static constexpr bool takes_future = true;
    using result = std::invoke_result_t<Function, future<R>>;
};

/// Calls the function of then() with what came.
template <typename R, typename Function, typename Next>
[[nodiscard]] listener *follow(shared<future_state<R>> &from, Function &function, Next &next) {
    return next.complete([&]() -> decltype(auto) {
        if constexpr (after<Function, R>::takes_future) {
            return std::invoke(std::move(function), future_access::make<R>(std::move(from)));
        } else {
            from->rethrow();
            if constexpr (std::is_void_v<R>) {
                return std::invoke(std::move(function));
            } else {
                return std::invoke(std::move(function), from->take());
            }
        }
    });
}

/// What futures can be asked, and waited for.
template <typename R> class future_base {
public:
    /// Whether there is a result to be had: not by default, and no more after a move, share(), then() or a future's get().
    [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(state_); }

    /// Until it is over, whatever it ends with. A worker that waits for a task of its own pool which nobody has begun
    /// runs it itself.
    /// @throws lt::interrupted, lt::error  deadlock: from the task itself
    void wait() const { check(state().wait(LT_FOREVER)); }
    template <typename Rep, typename Period>
    std::future_status wait_for(const std::chrono::duration<Rep, Period> &duration) const {
        return timed(seconds(duration));
    }
    template <typename Clock, typename Duration>
    std::future_status wait_until(const std::chrono::time_point<Clock, Duration> &deadline) const {
        return timed(seconds_until(deadline));
    }
    /// By value: ok once it is over.
    status wait(std::nothrow_t) const { return status(state().wait(LT_FOREVER)); }
    template <typename Rep, typename Period>
    status wait_for(std::nothrow_t, const std::chrono::duration<Rep, Period> &duration) const {
        return status(state().wait(seconds(duration)));
    }

    /// Whether it is over.
    [[nodiscard]] bool done() const { return state().over(); }
    [[nodiscard]] bool is_ready() const { return done(); }
    [[nodiscard]] bool running() const { return state().running(); }
    [[nodiscard]] bool cancelled() const { return state().cancelled(); }

    /// What C knows of it, for lt_future_X(): NULL for one that is not a task's own.
    [[nodiscard]] lt_future *native_handle() const noexcept { return state_ ? state_->handle() : nullptr; }

protected:
    future_base() noexcept = default;
    explicit future_base(shared<future_state<R>> state) noexcept : state_(std::move(state)) {}
    future_base(const future_base &) noexcept = default;
    future_base(future_base &&) noexcept = default;
    future_base &operator=(const future_base &) noexcept = default;
    future_base &operator=(future_base &&) noexcept = default;
    ~future_base() = default;

    future_state<R> &state() const {
        if (!state_) {
#if LT_HAS_EXCEPTIONS
            throw std::future_error(std::future_errc::no_state);
#else
            raise(LT_INVALID, "the future is not valid");
#endif
        }
        return *state_;
    }

    shared<future_state<R>> state_{};

private:
    std::future_status timed(double s) const {
        return is_ok_or(state().wait(s), LT_TIMED_OUT) ? std::future_status::ready : std::future_status::timeout;
    }
};

} // namespace detail

/// The result of a task, or what it failed with. One thread at a time uses it; dropped, the task goes on.
template <typename R> class [[nodiscard]] future : public detail::future_base<R> {
    using base = detail::future_base<R>;
    using base::state;
    using base::state_;

public:
    future() noexcept = default;
    future(future &&) noexcept = default;
    future &operator=(future &&) noexcept = default;
    ~future() = default;

    /// Waits for the result, and moves it out.
    /// @throws             what the task has thrown: the very object
    /// @throws lt::failed  it ended by lt::raise(), lt::fail() or lt::exit()
    /// @throws lt::cancelled
    /// @throws lt::interrupted, lt::error  deadlock: from the task itself; still valid
    R get() {
        this->wait();
        const detail::shared<detail::future_state<R>> taken = std::move(state_);
        taken->rethrow();
        return taken->take();
    }

    /// One that many can have, and wait for. This future is valid no more.
    [[nodiscard]] shared_future<R> share() { return shared_future<R>(std::move(*this)); }

    /// Cancels it if nobody has begun it: get() then throws lt::cancelled. Whether it is cancelled.
    bool cancel() { return detail::cancel(state()); }

    /// What comes after: function(result), or function(future) where that cannot be called. It runs on the thread that
    /// ends this one, or at once if that is over. What this fails with goes past a function of results. This future is
    /// valid no more.
    /// @throws lt::error  no_memory: nothing has happened
    template <typename Function> auto then(Function &&function) {
        using plain = std::decay_t<Function>;
        using result = typename detail::after<plain, R>::result;
        struct next final : detail::listener {
            next(detail::shared<detail::future_state<R>> f, detail::shared<detail::then_state<result>> t, Function &&fn)
                : from(std::move(f)), to(std::move(t)), function(std::forward<Function>(fn)) {}
            detail::listener *call() override {
                return to->begin() ? detail::follow<R>(from, function, *to) : nullptr;
            }
            detail::shared<detail::future_state<R>> from;
            detail::shared<detail::then_state<result>> to;
            plain function;
        };
        detail::future_state<R> &from = state();
        detail::shared<detail::then_state<result>> to(new detail::then_state<result>(state_));
        detail::listen(from, std::make_unique<next>(state_, to, std::forward<Function>(function)));
        state_ = {};
        return detail::future_access::adopt<detail::then_state<result>, result>(std::move(to));
    }
    /// The same; the function is a task of that pool, or fails with what a submit would throw.
    template <typename Function> auto then(pool &on, Function &&function);

private:
    friend struct detail::future_access;

    explicit future(detail::shared<detail::future_state<R>> from) noexcept : base(std::move(from)) {}
};

/// A result for many, each with its own copy of this.
template <typename R> class [[nodiscard]] shared_future : public detail::future_base<R> {
    using base = detail::future_base<R>;

public:
    shared_future() noexcept = default;
    shared_future(future<R> &&from) noexcept : base(static_cast<base &&>(from)) {}
    shared_future(const shared_future &) noexcept = default;
    shared_future(shared_future &&) noexcept = default;
    shared_future &operator=(const shared_future &) noexcept = default;
    shared_future &operator=(shared_future &&) noexcept = default;
    ~shared_future() = default;

    /// Waits for the result, which is all of theirs; as long as one of them has it.
    /// @throws  as future::get(): the very object, to each of them
    decltype(auto) get() const {
        this->wait();
        this->state_->rethrow();
        return std::as_const(*this->state_).look();
    }
};

/// Makes the result of a future by hand.
template <typename R> class promise {
public:
    /// @throws lt::error  out of memory
    promise() : state_(new detail::promise_state<R>) {}
    promise(promise &&) noexcept = default;
    promise &operator=(promise &&other) noexcept {
        promise(std::move(other)).swap(*this);
        return *this;
    }
    /// Without a result, the future gets std::future_errc::broken_promise.
    ~promise() {
        if (state_ && state_->begin()) {
            detail::listener::run(state_->abandon());
        }
    }
    void swap(promise &other) noexcept {
        std::swap(state_, other.state_);
        std::swap(given_, other.given_);
    }

    /// @throws std::future_error  future_already_retrieved, no_state
    [[nodiscard]] future<R> get_future() {
        require(static_cast<bool>(state_), std::future_errc::no_state);
        require(!std::exchange(given_, true), std::future_errc::future_already_retrieved);
        return detail::future_access::adopt<detail::promise_state<R>, R>(state_);
    }

    /// Of a future that was cancelled it changes nothing. What making the R of it throws, the future gets.
    /// @throws std::future_error  promise_already_satisfied, no_state
    template <typename Value = R, std::enable_if_t<std::is_convertible_v<Value &&, R>, int> = 0>
    void set_value(Value &&value) {
        if (begin()) {
            detail::listener::run(state_->complete([&]() -> R { return std::forward<Value>(value); }));
        }
    }
    template <typename Void = R, std::enable_if_t<std::is_void_v<Void>, int> = 0> void set_value() {
        if (begin()) {
            detail::listener::run(state_->complete([] {}));
        }
    }
    /// @throws std::future_error, lt::error  invalid: there is none
    void set_exception(std::exception_ptr thrown) {
        if (thrown == nullptr) {
            detail::raise(LT_INVALID, "lt::promise::set_exception: there is none");
        }
        if (begin()) {
            detail::listener::run(state_->fail(std::move(thrown)));
        }
    }
    /// Whether the future was cancelled: nobody wants a result.
    [[nodiscard]] bool cancelled() const noexcept { return state_ && state_->cancelled(); }

private:
    static void require(bool kept, std::future_errc code) {
        if (!kept) {
#if LT_HAS_EXCEPTIONS
            throw std::future_error(code);
#else
            detail::raise(LT_INVALID, code == std::future_errc::no_state ? "the promise was moved from"
                                                                       : "the promise has given that before");
#endif
        }
    }
    /// False if nobody wants a result any more.
    bool begin() {
        require(static_cast<bool>(state_), std::future_errc::no_state);
        const bool begun = state_->begin();
        require(begun || state_->cancelled(), std::future_errc::promise_already_satisfied);
        return begun;
    }

    detail::shared<detail::promise_state<R>> state_;
    bool given_ = false;
};

/// The result of when_any(): all the futures, and which was over first.
template <typename Sequence> struct when_any_result {
    std::size_t index = static_cast<std::size_t>(-1);
    Sequence futures;
};

namespace detail {

/// What they share.
template <typename R> std::vector<shared<future_core>> cores_of(const std::vector<future<R>> &futures) {
    std::vector<shared<future_core>> cores;
    cores.reserve(futures.size());
    for (const future<R> &f : futures) {
        cores.emplace_back(future_access::state(f));
    }
    return cores;
}
template <typename... R> std::vector<shared<future_core>> cores_of(const future<R> &...futures) {
    return {shared<future_core>(future_access::state(futures))...};
}

/// Waits for many; the last one of them to be over, or the first, gives them back.
template <typename Sequence, typename Result> class gather final : public promise_state<Result> {
public:
    static constexpr bool all = std::is_same_v<Sequence, Result>;

    /// Moves from the futures when all is well with them.
    template <typename... Futures> static future<Result> start(Futures &&...futures) {
        std::vector<shared<future_core>> cores = cores_of(futures...);
        for (const shared<future_core> &core : cores) {
            if (!core) {
                raise(LT_INVALID, all ? "lt::when_all: a future is not valid" : "lt::when_any: a future is not valid");
            }
        }
        shared<gather> self(new gather(std::move(cores)));
        std::vector<std::unique_ptr<one>> listeners;
        listeners.reserve(self->cores_.size());
        for (std::size_t i = 0; i < self->cores_.size(); i++) {
            listeners.push_back(std::make_unique<one>(self, i));
        }
        self->futures_ = Sequence(std::move(futures)...);
        for (std::unique_ptr<one> &listener : listeners) {
            const std::size_t i = listener->index;
            listen(*self->cores_[i], std::move(listener));
        }
        if (self->cores_.empty() && self->begin()) {
            listener::run(self->give(static_cast<std::size_t>(-1)));
        }
        return future_access::adopt<gather, Result>(std::move(self));
    }

private:
    struct one final : listener {
        one(shared<gather> g, std::size_t i) : group(std::move(g)), index(i) {}
        listener *call() override { return group->ended(index); }
        shared<gather> group;
        std::size_t index;
    };

    explicit gather(std::vector<shared<future_core>> &&cores) : left_(cores.size()), cores_(std::move(cores)) {}

    listener *ended(std::size_t index) {
        // Acquire and release: what each did happens before what comes after all.
        const bool last = left_.fetch_sub(1, std::memory_order_acq_rel) == 1;
        return (!all || last) && this->begin() ? give(index) : nullptr;
    }

    listener *give([[maybe_unused]] std::size_t index) {
        return this->complete([&]() -> Result {
            if constexpr (all) {
                return std::move(futures_);
            } else {
                return Result{index, std::move(futures_)};
            }
        });
    }

    lt_status help(const time_left &left) override {
        if (!all) {
            std::vector<lt_future *> tasks;
            for (const shared<future_core> &core : cores_) {
                tasks.push_back(core->origin());
                if (tasks.back() == nullptr) {
                    return LT_OK; // One of a promise, which nobody can help.
                }
            }
            return lt_future_wait_many(tasks.data(), tasks.size(), LT_ANY, left.seconds(), nullptr);
        }
        for (const shared<future_core> &core : cores_) {
            const lt_status s = core->wait(left.seconds());
            if (s != LT_OK) {
                return s;
            }
        }
        return LT_OK;
    }

    std::atomic<std::size_t> left_;
    const std::vector<shared<future_core>> cores_;
    Sequence futures_{};
};

} // namespace detail

/// A future of all these, each of which is over then. They are moved from.
/// @throws lt::error  no_memory, invalid: one is not valid
template <typename R> future<std::vector<future<R>>> when_all(std::vector<future<R>> futures) {
    using all = std::vector<future<R>>;
    return detail::gather<all, all>::start(std::move(futures));
}
template <typename... R> future<std::tuple<future<R>...>> when_all(future<R> &&...futures) {
    using all = std::tuple<future<R>...>;
    return detail::gather<all, all>::start(std::move(futures)...);
}

/// A future of all these, as soon as one is over. They are moved from.
/// @throws lt::error  no_memory, invalid: one is not valid
template <typename R> future<when_any_result<std::vector<future<R>>>> when_any(std::vector<future<R>> futures) {
    using all = std::vector<future<R>>;
    return detail::gather<all, when_any_result<all>>::start(std::move(futures));
}
template <typename... R> future<when_any_result<std::tuple<future<R>...>>> when_any(future<R> &&...futures) {
    using all = std::tuple<future<R>...>;
    return detail::gather<all, when_any_result<all>>::start(std::move(futures)...);
}

/// A future that is over and has this result.
template <typename T> future<std::decay_t<T>> make_ready_future(T &&value) {
    promise<std::decay_t<T>> made;
    made.set_value(std::forward<T>(value));
    return made.get_future();
}
inline future<void> make_ready_future() {
    promise<void> made;
    made.set_value();
    return made.get_future();
}

LT_NAMESPACE_END

#endif
