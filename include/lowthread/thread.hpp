/// @file
/// Threads: joinable ones, detached ones, the calling one, and all of them.
#ifndef LOWTHREAD_THREAD_HPP
#define LOWTHREAD_THREAD_HPP

#include <lowthread/call.hpp>
#include <lowthread/counted.hpp>
#include <lowthread/errors.hpp>
#include <lowthread/infos.hpp>
#include <lowthread/stop.hpp>
#include <lowthread/time.hpp>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <optional>
#include <thread>
#include <vector>

LT_NAMESPACE_BEGIN

/// What a thread can be told at its start: `lt::thread t({.name = "reader"}, f)` in C++20.
struct thread_options {
    const char *name = nullptr;  ///< UTF-8, copied; NULL for "Thread-N".
    std::size_t stack_size = 0;  ///< 0 for that of set_stack_size().
    bool daemon = false;         ///< Not waited for by lt::shutdown().
    lt::errors *errors = nullptr; ///< Where its error goes too; NULL: to who joins, or the hook.
};

namespace detail {

/// What became of a thread, shared by it and who started it.
///
/// | stage    | meaning                                | goes on by                                               |
/// |----------|----------------------------------------|----------------------------------------------------------|
/// | running  | it has not failed                      | it throws: failed; nobody will join: detached            |
/// | failed   | `thrown` is for who joins              | nobody will join: detached, and who says so tells the hook |
/// | detached | what it throws goes on to C, so the hook |                                                        |
class thread_state : public counted {
public:
#if !LT_HAS_EXCEPTIONS
    /// The thread is over: it has left, or lt::exit() has kept it from that.
    void over() noexcept { end(); }
#endif

#if LT_HAS_EXCEPTIONS
    /// In a handler of the thread's, for what it has thrown.
    void threw() {
        std::exception_ptr thrown = std::current_exception();
        if (thrown == nullptr) {
            throw; // Of another language, as that of lt::raise(), which C knows better.
        }
        thrown_ = std::move(thrown);
        keep_name();
        // Release: publishes what it threw. Acquire is not needed: detached means no more than that.
        if (stage_.exchange(failed, std::memory_order_release) == detached || contained) {
            throw;
        }
    }
#endif

    /// Nobody will join it: what it has thrown, if that is still to be told.
    std::exception_ptr detach() noexcept {
        // Acquire: pairs with threw().
        return stage_.exchange(detached, std::memory_order_acquire) == failed && !contained
            ? std::move(thrown_) : nullptr;
    }

    /// After its end.
    std::exception_ptr thrown() noexcept { return std::move(thrown_); }

    const char *name() const noexcept { return name_.get(); }

    /// Whether the caller is the one that interrupts it because of its stop.
    bool is_to_interrupt() noexcept { return told_.exchange(1, std::memory_order_relaxed) == 0; }

    bool contained = false; // A container of the program's takes its error.

protected:
    thread_state() noexcept : counted(2) {}

private:
    enum stage { running, failed, detached };

    /// For the hook, which may be told when the thread is gone.
    void keep_name() noexcept {
        name_.reset(new (std::nothrow) char[64]);
        if (name_ != nullptr && lt_thread_name(lt_get_ident(), name_.get(), 64) != LT_OK) {
            name_.reset();
        }
    }

    std::atomic<int> stage_{running};
    std::atomic<int> told_{0}; // Of its stop, once: after that its waits are its own. A bool may need libatomic.
    std::exception_ptr thrown_{};
    std::unique_ptr<char[]> name_{};
};

#if LT_HAS_EXCEPTIONS
/// Tells the hook of an exception that nobody waits for any more, as of one of a thread of that name.
inline void tell_hook(std::exception_ptr thrown, const char *name) noexcept {
    const lt_thread_fn rethrow = [](void *arg) {
        std::rethrow_exception(std::move(*static_cast<std::exception_ptr *>(arg)));
    };
    lt_thread_options options{};
    options.size = sizeof options;
    options.name = name;
    lt_thread *teller = nullptr;
    if (lt_thread_start(rethrow, &thrown, &options, &teller) == LT_OK) {
        LT_IGNORE(uninterrupted([&] { return lt_thread_join(teller); }));
        LT_IGNORE(lt_thread_free(teller));
    } else {
        std::fprintf(stderr, "Unhandled error in thread %s, and no thread to tell of it: %s\n",
            name != nullptr ? name : "?", lt_last_error());
    }
}
#endif

} // namespace detail

LT_STOP_BEGIN

namespace stop_detail {

/// Interrupts a thread that is told to stop.
struct interrupt_thread {
    detail::thread_state &state;
    lt_ident ident;
    void operator()() const noexcept {
        if (state.is_to_interrupt()) {
            LT_IGNORE(lt_interrupt(ident));
        }
    }
};

template <typename Call, bool TakesToken> class thread_task final : public detail::thread_state {
public:
    static constexpr bool takes_token = TakesToken;

    template <typename... Given>
    explicit thread_task(stop_token token, Given &&...given)
        : call_(std::in_place, std::forward<Given>(given)...), token_(std::move(token)) {}

    /// What the thread runs.
    static void run(void *arg) {
        thread_task *const task = static_cast<thread_task *>(arg);
        const ended guard{task};
        detail::guarded([task] { task->call(); }, [task] { task->caught(); });
    }

private:
    struct ended {
        thread_task *const task;
        ~ended() {
            task->call_.reset(); // Here, and before a join returns.
            task->leave();
        }
    };

    void caught() {
#if LT_HAS_EXCEPTIONS
        if constexpr (TakesToken) {
            // A thread that ends by the interrupt that told it to stop has done so.
            if (token_.stop_requested() && std::current_exception() != nullptr) {
                try {
                    throw;
                } catch (const interrupted &) {
                    return;
                } catch (...) {
                }
            }
        }
        this->threw();
#endif
    }

    void call() {
        if constexpr (TakesToken) {
            const stop_callback<interrupt_thread> stopped(token_, interrupt_thread{*this, lt_get_ident()});
            call_->with(token_);
        } else {
            (*call_)();
        }
    }

    std::optional<Call> call_;
    const stop_token token_;
};

} // namespace stop_detail

/// A thread that can be joined; its destructor joins, as that of std::jthread.
///
/// It runs function(args...), or function(stop_token, args...) where that can be called: then request_stop(), and the
/// destructor, also interrupt its wait. What it throws is thrown by join(), unchanged; when nobody joins, because it
/// was detached or ended with its destructor, the hook is told. An lt::interrupted that leaves a thread which was told
/// to stop is no error. lt::exit() ends it silently.
class thread {
public:
    using native_handle_type = lt_thread *;

    thread() noexcept : source_(nostopstate) {}

    /// Starts one.
    /// @throws lt::error  no_thread, no_memory: nothing was started
    template <typename Function, typename... Args,
        std::enable_if_t<!std::is_same_v<std::decay_t<Function>, thread>
                && !std::is_same_v<std::decay_t<Function>, thread_options>
                && !std::is_same_v<std::decay_t<Function>, std::nothrow_t>,
            int> = 0>
    explicit thread(Function &&function, Args &&...args) : thread() {
        detail::check(start(thread_options(), make(std::forward<Function>(function), std::forward<Args>(args)...)));
    }
    /// Starts one with a name, or a stack of its own size.
    /// @throws lt::error  also invalid: the options
    template <typename Function, typename... Args>
    thread(const thread_options &options, Function &&function, Args &&...args) : thread() {
        detail::check(start(options, make(std::forward<Function>(function), std::forward<Args>(args)...)));
    }
    /// The same by value: joinable() says whether it was started. What copying the arguments throws comes out.
    template <typename Function, typename... Args>
    thread(std::nothrow_t, const thread_options &options, Function &&function, Args &&...args) : thread() {
        using task = task_of<Function, Args...>;
        if (!task::takes_token || has_source()) {
            task *const state = new (std::nothrow)
                task(source_.get_token(), std::forward<Function>(function), std::forward<Args>(args)...);
            if (state != nullptr) {
                LT_IGNORE(start(options, state));
            }
        }
    }

    thread(const thread &) = delete;
    thread &operator=(const thread &) = delete;
    thread(thread &&other) noexcept
        : handle_(std::exchange(other.handle_, nullptr)), state_(std::exchange(other.state_, nullptr)),
          source_(std::exchange(other.source_, stop_source(nostopstate))) {}
    /// What it had is ended as by the destructor.
    thread &operator=(thread &&other) noexcept {
        if (this != &other) {
            thread(std::move(other)).swap(*this);
        }
        return *this;
    }

    /// Tells it to stop, if it takes a token, and joins; no interrupt ends that. On the thread itself it detaches.
    ~thread() {
        if (handle_ != nullptr) {
            // By a callback of that very stop, the thread's own one may come only after this.
            if (!request_stop() && source_.stop_requested() && state_->is_to_interrupt()) {
                LT_IGNORE(lt_thread_interrupt(handle_));
            }
            const lt_status s = detail::uninterrupted([this] { return lt_thread_join(handle_); });
            abandon(s != LT_DEADLOCK);
        }
    }

    void swap(thread &other) noexcept {
        std::swap(handle_, other.handle_);
        std::swap(state_, other.state_);
        std::swap(source_, other.source_);
    }
    friend void swap(thread &a, thread &b) noexcept { a.swap(b); }

    /// Whether there is a thread to be joined.
    [[nodiscard]] bool joinable() const noexcept { return handle_ != nullptr; }

    /// Waits for its end. Then it is not joinable any more.
    /// @throws            what the thread has thrown: the very object
    /// @throws lt::failed  it ended by lt::raise() or lt::fail()
    /// @throws lt::interrupted, lt::error  deadlock: from the thread itself; still joinable
    void join() { finish(lt_thread_join(handle_)); }
    /// The same, if it has ended. Never blocks.
    [[nodiscard]] bool try_join() {
        const lt_status s = lt_thread_try_join(handle_);
        return s != LT_BUSY && (finish(s), true);
    }
    /// The same; blocks for at most that long.
    template <typename Rep, typename Period>
    [[nodiscard]] bool join_for(const std::chrono::duration<Rep, Period> &duration) {
        const lt_status s = lt_thread_join_timeout(handle_, detail::seconds(duration));
        return s != LT_TIMED_OUT && (finish(s), true);
    }
    template <typename Clock, typename Duration>
    [[nodiscard]] bool join_until(const std::chrono::time_point<Clock, Duration> &deadline) {
        const lt_status s = lt_thread_join_timeout(handle_, detail::seconds_until(deadline));
        return s != LT_TIMED_OUT && (finish(s), true);
    }
    /// The same by value: failed if it has thrown, and then what, if that is asked for.
    status join(std::nothrow_t, std::exception_ptr *thrown = nullptr) noexcept {
        lt_status s = lt_thread_join(handle_);
        if (s == LT_OK || s == LT_FAILED) {
            std::exception_ptr taken = state_->thrown();
            s = taken != nullptr ? LT_FAILED : s;
            if (thrown != nullptr) {
                *thrown = std::move(taken);
            }
            drop(true);
        }
        return status(s);
    }

    /// Lets it run on alone. What it throws is told to the hook.
    /// @throws lt::error  bad_handle: not joinable
    void detach() {
        if (handle_ == nullptr) {
            detail::raise(lt_thread_try_join(nullptr));
        }
        abandon(false);
    }

    /// Interrupts its wait, or its next one that would block: that throws lt::interrupted there.
    /// @throws lt::error  bad_handle: not joinable
    void interrupt() { detail::check(lt_thread_interrupt(handle_)); }

    /// Tells it to stop: its token says so, and its wait is interrupted. False if it takes no token, or was told before.
    bool request_stop() noexcept { return stop_source(source_).request_stop(); } // A callback may end this thread.
    [[nodiscard]] stop_source get_stop_source() noexcept { return source_; }
    [[nodiscard]] stop_token get_stop_token() const noexcept { return source_.get_token(); }

    /// Its ident: never 0 and never reused; 0 if not joinable.
    [[nodiscard]] lt_ident ident() const noexcept { return handle_ != nullptr ? lt_thread_ident(handle_) : 0; }
    [[nodiscard]] lt_ident get_id() const noexcept { return ident(); }
    /// The number that the operating system has for it.
    [[nodiscard]] std::int64_t native_id() const noexcept {
        return handle_ != nullptr ? lt_thread_native_id(handle_) : 0;
    }
    /// Whether it has not ended yet.
    [[nodiscard]] bool is_alive() const noexcept { return handle_ != nullptr && lt_thread_is_alive(handle_); }
    [[nodiscard]] bool daemon() const noexcept { return handle_ != nullptr && lt_thread_daemon(handle_); }
    /// C's handle, which stays the object's.
    [[nodiscard]] lt_thread *native_handle() const noexcept { return handle_; }

    [[nodiscard]] static unsigned hardware_concurrency() noexcept { return std::thread::hardware_concurrency(); }

private:
    template <typename Function, typename... Args>
    using task_of = stop_detail::thread_task<detail::call_of<Function, Args...>,
        std::is_invocable_v<std::decay_t<Function>, stop_token, std::decay_t<Args>...>>;

    template <typename Function, typename... Args>
    task_of<Function, Args...> *make(Function &&function, Args &&...args) {
        using task = task_of<Function, Args...>;
        static_assert(task::takes_token || std::is_invocable_v<std::decay_t<Function>, std::decay_t<Args>...>,
            "the function cannot be called with these arguments, moved: std::ref passes a reference");
        if constexpr (task::takes_token) {
            source_ = fresh_source();
        }
        return new task(source_.get_token(), std::forward<Function>(function), std::forward<Args>(args)...);
    }

    template <typename Task> lt_status start(const thread_options &options, Task *state) {
        lt_thread_options given{};
        given.size = sizeof given;
        given.name = options.name;
        given.stack_size = options.stack_size;
        given.daemon = options.daemon;
        if (options.errors != nullptr) {
            given.errors = options.errors->native_handle();
            state->contained = true;
        }
        const lt_status s = lt_thread_start(&Task::run, state, &given, &handle_);
        if (s == LT_OK) {
            state_ = state;
        } else {
            state->leave();
            state->leave();
            source_ = stop_source(nostopstate);
        }
        return s;
    }

    /// Out of line: GCC 12 warns of the library's own code when it is not.
    LT_COLD static stop_source fresh_source() { return stop_source(); }
    /// Gets one, if there is the memory.
    bool has_source() noexcept {
#if LT_HAS_EXCEPTIONS
        return detail::thrown_by([this] { source_ = fresh_source(); }) == nullptr;
#else
        source_ = fresh_source();
        return true;
#endif
    }

    /// After a join with that status.
    void finish(lt_status s) {
        if (s != LT_OK && s != LT_FAILED) {
            detail::raise(s);
        }
#if LT_HAS_EXCEPTIONS
        std::exception_ptr thrown = state_->thrown();
        if (thrown == nullptr && s == LT_FAILED) {
            const lt_error_info *info = nullptr;
            if (lt_thread_error(handle_, &info) == LT_OK) {
                thrown = std::make_exception_ptr(failed(*info));
            }
        }
        drop(true);
        if (thrown != nullptr) {
            std::rethrow_exception(std::move(thrown));
        }
#else
        drop(true);
        detail::check(s);
#endif
    }

    /// Nobody will join it, or hear of what it has thrown.
    void abandon(bool ended) noexcept {
#if LT_HAS_EXCEPTIONS
        if (std::exception_ptr thrown = state_->detach()) {
            detail::tell_hook(std::move(thrown), state_->name());
        }
#endif
        drop(ended);
    }

    void drop(bool ended) noexcept {
        LT_IGNORE(lt_thread_free(std::exchange(handle_, nullptr)));
        detail::thread_state *const state = std::exchange(state_, nullptr);
#if LT_HAS_EXCEPTIONS
        static_cast<void>(ended); // Then the thread has left; but not one that a forked child does not have.
        state->leave();
#else
        ended ? state->over() : state->leave();
#endif
        source_ = stop_source(nostopstate);
    }

    lt_thread *handle_ = nullptr;
    detail::thread_state *state_ = nullptr;
    stop_source source_; // Without a state where the function takes no token.
};

LT_STOP_END

namespace detail {

/// Starts a detached thread by one of C's functions.
template <typename Call> struct detached_call {
    static void run(void *arg) {
        const deleted<Call> call(static_cast<Call *>(arg));
        (*call.thing)();
    }
    /// Where the copy of the function is C's.
    static void run_copy(void *arg) { std::invoke(std::move(*static_cast<Call *>(arg))); }
};

} // namespace detail

/// Starts a thread that nobody joins; its ident. Arguments are moved, or copied, as for std::thread. What it throws is
/// told to the hook. A function without arguments that is trivially copyable costs no allocation here.
/// @throws lt::error  no_thread, no_memory: nothing was started
template <typename Function, typename... Args> lt_ident start_new_thread(Function &&function, Args &&...args) {
    using plain = std::decay_t<Function>;
    lt_ident ident = 0;
    if constexpr (sizeof...(Args) == 0 && std::is_trivially_copyable_v<plain> && !std::is_pointer_v<plain>
        && alignof(plain) <= alignof(std::max_align_t)) {
        detail::check(lt_start_new_thread_copy(
            &detail::detached_call<plain>::run_copy, std::addressof(function), sizeof(plain), &ident));
    } else {
        using call = detail::call_of<Function, Args...>;
        auto owned = std::make_unique<call>(std::forward<Function>(function), std::forward<Args>(args)...);
        detail::check(lt_start_new_thread(&detail::detached_call<call>::run, owned.get(), &ident));
        owned.release();
    }
    return ident;
}

/// The same, with a container that takes what it throws.
template <typename Function, typename... Args>
lt_ident spawn(errors &errors, Function &&function, Args &&...args) {
    using call = detail::call_of<Function, Args...>;
    lt_ident ident = 0;
    auto owned = std::make_unique<call>(std::forward<Function>(function), std::forward<Args>(args)...);
    detail::check(lt_spawn(&detail::detached_call<call>::run, owned.get(), errors.native_handle(), &ident));
    owned.release();
    return ident;
}

/// Interrupts the main thread as that signal would. Async-signal-safe.
/// @throws lt::error  invalid: no such signal
inline void interrupt_main(int signum) { detail::check(lt_interrupt_main(signum)); }

/// Interrupts the wait of the thread with that ident, or its next one that would block.
/// @throws lt::error  invalid: no such living thread
inline void interrupt(lt_ident ident) { detail::check(lt_interrupt(ident)); }

/// The ident of the main thread.
inline lt_ident main_ident() noexcept { return lt_main_ident(); }
/// Makes the calling thread the main one.
inline void adopt_main() { detail::check(lt_adopt_main()); }
/// How many threads that the library started are running.
inline std::size_t thread_count() noexcept { return lt_thread_count(); }
/// The stack size of threads to be started; 0 for the platform's default.
inline std::size_t stack_size() noexcept { return lt_stack_size(); }
/// @throws lt::error  invalid
inline void set_stack_size(std::size_t size) { detail::check(lt_set_stack_size(size)); }
/// What the system's library calls a living thread: its pthread_t. 0 if there is none.
inline std::uintptr_t native_handle(lt_ident ident) noexcept { return lt_native_handle(ident); }

/// The name of a living thread.
/// @throws lt::error  invalid: no living thread has this ident
inline std::string thread_name(lt_ident ident) {
    std::string name(64, '\0');
    for (;;) {
        detail::check(lt_thread_name(ident, &name[0], name.size()));
        const std::size_t length = std::strlen(name.c_str());
        if (length + 4 < name.size()) { // Else it may have been cut, before a character of four bytes.
            name.resize(length);
            return name;
        }
        name.assign(name.size() * 2, '\0');
    }
}

/// The main thread, and every thread that the library started and that runs.
inline std::vector<lt_thread_info> enumerate() {
    return detail::all(&lt_enumerate);
}

/// Joins every joinable thread that is no daemon.
/// @throws lt::interrupted, lt::error  deadlock: from such a thread
inline void shutdown() { detail::check(lt_shutdown(LT_FOREVER)); }
/// The same; waits for at most that long: false then.
template <typename Rep, typename Period>
[[nodiscard]] bool shutdown_for(const std::chrono::duration<Rep, Period> &duration) {
    return detail::is_ok_or(lt_shutdown(detail::seconds(duration)), LT_TIMED_OUT);
}

/// The version of the library that is running.
inline const char *version() noexcept { return lt_version(); }
/// What it can do: a set of LT_FEATURE_X.
inline unsigned features() noexcept { return lt_features(); }

/// The calling thread, whoever started it.
namespace this_thread {

inline lt_ident ident() noexcept { return lt_get_ident(); }
inline lt_ident get_id() noexcept { return lt_get_ident(); }
inline std::int64_t native_id() noexcept { return lt_get_native_id(); }
/// C's handle of it, if it is joinable and that was not freed; else NULL.
inline lt_thread *native_handle() noexcept { return lt_thread_current(); }

inline std::string name() { return thread_name(lt_get_ident()); }
/// @throws lt::error  invalid: not UTF-8
inline void set_name(const char *name) { detail::check(lt_set_thread_name(name)); }
inline void set_name(const std::string &name) { set_name(name.c_str()); }

/// @throws lt::interrupted
template <typename Rep, typename Period> void sleep_for(const std::chrono::duration<Rep, Period> &duration) {
    const double seconds = detail::seconds(duration);
    detail::check(lt_sleep(seconds < 0 ? LT_TIMEOUT_MAX : seconds));
}
/// @throws lt::interrupted
template <typename Clock, typename Duration>
void sleep_until(const std::chrono::time_point<Clock, Duration> &deadline) {
    const double seconds = detail::seconds_until(deadline);
    detail::check(lt_sleep(seconds < 0 ? LT_TIMEOUT_MAX : seconds));
}
/// By value: interrupted, or ok.
template <typename Rep, typename Period>
status sleep_for(std::nothrow_t, const std::chrono::duration<Rep, Period> &duration) noexcept {
    const double seconds = detail::seconds(duration);
    return status(lt_sleep(seconds < 0 ? LT_TIMEOUT_MAX : seconds));
}
/// Lets other threads run.
inline void yield() noexcept { LT_IGNORE(lt_sleep(0)); }

/// For loops that compute: throws if the thread was interrupted.
/// @throws lt::interrupted
inline void check_interrupt() { detail::check(lt_check_interrupt()); }
inline status check_interrupt(std::nothrow_t) noexcept { return status(lt_check_interrupt()); }
/// The signal behind its last interrupt; 0 if there was none.
inline int interrupt_signal() noexcept { return lt_interrupt_signal(); }

} // namespace this_thread

LT_NAMESPACE_END

#endif
