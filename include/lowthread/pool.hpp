/// @file
/// A pool of threads that run tasks.
#ifndef LOWTHREAD_POOL_HPP
#define LOWTHREAD_POOL_HPP

#include <lowthread/future.hpp>

#include <iterator>
#include <string>

LT_NAMESPACE_BEGIN

namespace detail {

/// A task without a future: what the pool's drop function is given.
class forgotten_task {
public:
    forgotten_task() = default;
    forgotten_task(const forgotten_task &) = delete;
    forgotten_task &operator=(const forgotten_task &) = delete;
    virtual ~forgotten_task() = default;
    virtual void call() = 0;

    static void *run(void *arg) {
        const deleted<forgotten_task> task(static_cast<forgotten_task *>(arg));
        task.thing->call();
        return nullptr;
    }
    static void dropped(void *arg) { delete static_cast<forgotten_task *>(arg); }
};

template <typename Call> class posted final : public forgotten_task {
public:
    template <typename... Given> explicit posted(Given &&...given) : call_(std::forward<Given>(given)...) {}
    void call() override { call_(); }

private:
    Call call_;
};

/// What comes after another future, as a task of a pool: that is submitted when the other one is over.
template <typename R> class pool_then_state final : public then_state<R> {
public:
    explicit pool_then_state(shared<future_core> after) : then_state<R>(std::move(after)), submitted_(lt_event_new()) {
        if (submitted_ == nullptr) {
            raise(lt_last_status());
        }
    }
    pool_then_state(const pool_then_state &) = delete;
    pool_then_state &operator=(const pool_then_state &) = delete;
    ~pool_then_state() override { LT_IGNORE(lt_event_free(submitted_)); }

    bool follows_at_once() const noexcept override { return false; }

    /// Once.
    void submitted(shared<future_core> task) noexcept {
        task_ = std::move(task);
        LT_IGNORE(lt_event_set(submitted_));
    }

protected:
    /// A worker may have to run the other task, and then this one.
    lt_status help(const time_left &left) override {
        lt_status s = then_state<R>::help(left);
        if (s == LT_OK) {
            s = lt_event_wait_timeout(submitted_, left.seconds());
        }
        return s == LT_OK && task_ ? task_->wait(left.seconds()) : s;
    }

private:
    lt_event *const submitted_;
    shared<future_core> task_{};
};

/// Submits it. All that takes memory is there from the beginning: who calls this can tell nobody that there is none.
template <typename R, typename Function, typename Result> class pool_then final : public listener {
    using state = pool_then_state<Result>;

    /// The function of the task.
    struct follow_up {
        void operator()() {
            if (to->begin()) {
                listener::run(follow<R>(from, function, *to));
            }
        }
        shared<future_state<R>> from;
        shared<state> to;
        Function function;
    };
    using task = task_state<void, follow_up>;

    /// Tells if the task is cancelled, by the end of the pool.
    struct told final : listener {
        explicit told(shared<state> t) : to(std::move(t)) {}
        listener *call() override {
            // The second one lets go of what it holds.
            return of->cancelled() && of->cancel() && to->begin() ? to->fail_with(LT_CANCELLED) : nullptr;
        }
        shared<future_core> of{};
        shared<state> to;
    };

public:
    template <typename Given>
    pool_then(lt_pool *pool, shared<future_state<R>> from, shared<state> to, Given &&function)
        : pool_(pool), to_(to), told_(std::make_unique<told>(to)),
          task_(std::make_unique<task>(follow_up{std::move(from), std::move(to), std::forward<Given>(function)})) {}
    pool_then(const pool_then &) = delete;
    pool_then &operator=(const pool_then &) = delete;

    listener *call() override {
        task *const given = task_.release();
        const lt_status s = given->submit(pool_);
        if (s != LT_OK) { // It is gone.
            to_->submitted({});
            return to_->begin() ? to_->fail_with(s) : nullptr;
        }
        const shared<task> submitted(given);
        to_->submitted(submitted);
        told_->of = submitted;
        const lt_status listens = submitted->listen(told_.get());
        if (listens == LT_OK) {
            told_.release();
            return nullptr;
        }
        // If it is begun already, nothing is to be told.
        return submitted->cancel() && to_->begin() ? to_->fail_with(listens) : nullptr;
    }

private:
    lt_pool *const pool_;
    const shared<state> to_;
    std::unique_ptr<told> told_;
    std::unique_ptr<task> task_;
};

/// Whether any item of a range can be had at any time.
template <typename Iterator, typename = void> inline constexpr bool has_random_access = false;
template <typename Iterator>
inline constexpr bool
    has_random_access<Iterator, std::void_t<typename std::iterator_traits<Iterator>::iterator_category>> =
        std::is_base_of_v<std::random_access_iterator_tag, typename std::iterator_traits<Iterator>::iterator_category>;

/// Whether its items stay where they are while others are looked at.
template <typename Iterator, typename = void> inline constexpr bool has_lasting_items = false;
template <typename Iterator>
inline constexpr bool
    has_lasting_items<Iterator, std::void_t<typename std::iterator_traits<Iterator>::iterator_category>> =
        std::is_lvalue_reference_v<decltype(*std::declval<Iterator &>())>
    && std::is_base_of_v<std::forward_iterator_tag, typename std::iterator_traits<Iterator>::iterator_category>;

/// An item that does not: also a bool, which std::vector has no room of its own for.
template <typename Item> struct kept_item {
    Item item;
};

/// One map: tasks that each take the next item until there is none. It stays where it is until all have ended.
template <typename Iterator, typename Function, typename Result> class map_job {
public:
    map_job(Iterator first, std::size_t n, Function &function) : first_(first), n_(n), function_(function) {
        if constexpr (!std::is_void_v<Result>) {
            results_.resize(n);
        }
    }
    map_job(const map_job &) = delete;
    map_job &operator=(const map_job &) = delete;

    /// Also on the way of lt::exit(): a worker that maps runs tasks itself.
    ~map_job() {
        stop_.store(1, std::memory_order_relaxed);
        for (lt_future *task : tasks_) {
            if (lt_future_cancel(task) != LT_OK) {
                LT_IGNORE(uninterrupted([task] { return lt_future_result(task, nullptr); }));
            }
            LT_IGNORE(lt_future_free(task));
        }
    }

    void run(lt_pool *pool) {
        lt_pool_info info{};
        info.size = sizeof info;
        check(lt_pool_stats(pool, &info));
        const std::size_t most = info.max_workers < n_ ? info.max_workers : n_;
        tasks_.reserve(most);
        for (std::size_t i = 0; i < most; i++) {
            lt_future *task = nullptr;
            const lt_status s = lt_pool_submit(pool, &take, this, &task);
            if (s != LT_OK) {
                if (tasks_.empty()) {
                    raise(s);
                }
                break; // Those that there are will do.
            }
            tasks_.push_back(task);
        }
        lt_status worst = LT_OK;
        std::exception_ptr foreign; // `thrown_` is not this thread's before all have ended.
        for (lt_future *task : tasks_) {
            const lt_status s = lt_future_result(task, nullptr);
            if (s == LT_INTERRUPTED || s == LT_DEADLOCK) {
                raise(s);
            }
            if (s == LT_CANCELLED && worst == LT_OK) {
                worst = s;
            }
#if LT_HAS_EXCEPTIONS
            const lt_error_info *info_of = nullptr;
            if (s == LT_FAILED && foreign == nullptr && lt_future_error(task, &info_of) == LT_OK) {
                foreign = thrown_by([info_of] { throw failed(*info_of); });
            }
#endif
        }
#if LT_HAS_EXCEPTIONS
        if (thrown_ != nullptr || foreign != nullptr) {
            std::rethrow_exception(std::move(thrown_ != nullptr ? thrown_ : foreign));
        }
#else
        static_cast<void>(foreign);
#endif
        if (done_.load(std::memory_order_acquire) < n_) {
            raise(worst == LT_OK ? LT_FAILED : worst);
        }
    }

    auto results() {
        std::vector<Result> all;
        all.reserve(n_);
        for (auto &result : results_) {
            all.push_back(std::move(*result));
        }
        return all;
    }

private:
    struct none {};

    static void *take(void *arg) {
        map_job &job = *static_cast<map_job *>(arg);
        while (job.stop_.load(std::memory_order_relaxed) == 0) {
            const std::size_t i = job.next_.fetch_add(1, std::memory_order_relaxed);
            if (i >= job.n_) {
                break;
            }
            guarded([&] { job.item(i); },
                [&] {
                    std::exception_ptr thrown = std::current_exception();
                    const bool first = job.stop_.exchange(1, std::memory_order_relaxed) == 0;
                    if (thrown == nullptr) {
                        rethrow_caught(); // Of another language: C keeps it.
                    } else if (first) {
                        job.thrown_ = std::move(thrown); // Read when all have ended.
                    }
                });
        }
        return nullptr;
    }

    void item(std::size_t i) {
        using difference = typename std::iterator_traits<Iterator>::difference_type;
        if constexpr (std::is_void_v<Result>) {
            std::invoke(function_, first_[static_cast<difference>(i)]);
        } else {
            results_[i].emplace(std::invoke(function_, first_[static_cast<difference>(i)]));
        }
        done_.fetch_add(1, std::memory_order_release);
    }

    const Iterator first_;
    const std::size_t n_;
    Function &function_;
    std::atomic<std::size_t> next_{0};
    std::atomic<std::size_t> done_{0};
    std::atomic<int> stop_{0}; // A bool may need libatomic, to be exchanged.
    std::exception_ptr thrown_{};
    std::vector<lt_future *> tasks_{};
    std::conditional_t<std::is_void_v<Result>, none, std::vector<std::optional<std::conditional_t<std::is_void_v<Result>, none, Result>>>> results_{};
};

} // namespace detail

/// Runs tasks on threads of its own, in the order in which they were submitted. A worker is started when a task comes
/// and none is idle. A task that throws ends itself alone.
class pool {
public:
    /// At most so many workers; 0: the number of processors + 4, but at most 32. Their names are name_0 and so on.
    /// @throws lt::error  no_memory; invalid: the name is not UTF-8
    explicit pool(std::uint32_t max_workers = 0, const char *name = nullptr) : pool(std::nothrow, max_workers, name) {
        if (handle_ == nullptr) {
            detail::raise(lt_last_status());
        }
    }
    /// Tests false if it could not be made.
    explicit pool(std::nothrow_t, std::uint32_t max_workers = 0, const char *name = nullptr) noexcept
        : handle_(lt_pool_new(max_workers, name)) {
        if (handle_ != nullptr) {
            LT_IGNORE(lt_pool_set_drop(handle_, &detail::forgotten_task::dropped));
        }
    }
    pool(const pool &) = delete;
    pool &operator=(const pool &) = delete;

    /// Waits until all its tasks have run and its workers ended; no interrupt ends that. By a task of its own it is shut
    /// down, not waited for, and its workers end after that.
    ~pool() {
        const lt_status s = detail::uninterrupted([this] { return lt_pool_free(handle_); });
        if (s == LT_DEADLOCK) {
            LT_IGNORE(lt_pool_shutdown(handle_, false, false));
        }
    }

    explicit operator bool() const noexcept { return handle_ != nullptr; }
    /// C's pool. What it is given without a future, this one's drop function would take for its own.
    [[nodiscard]] lt_pool *native_handle() const noexcept { return handle_; }

    /// Has a worker call function(args...), which are moved, or copied, as for std::thread. What it throws is thrown by
    /// the future's get(); if that was dropped by then, the hook is told.
    /// @throws lt::closed, lt::error  no_memory, no_thread: it is not called
    template <typename Function, typename... Args> auto submit(Function &&function, Args &&...args) {
        using result = std::invoke_result_t<std::decay_t<Function>, std::decay_t<Args>...>;
        using task = detail::task_state<result, detail::call_of<Function, Args...>>;
        auto *const state = new task(std::forward<Function>(function), std::forward<Args>(args)...);
        detail::check(state->submit(handle_));
        return detail::future_access::adopt<task, result>(detail::shared<task>(state));
    }

    /// The same without a future: what it throws is told to the hook.
    /// @throws lt::closed, lt::error
    template <typename Function, typename... Args> void post(Function &&function, Args &&...args) {
        using task = detail::posted<detail::call_of<Function, Args...>>;
        auto owned = std::make_unique<task>(std::forward<Function>(function), std::forward<Args>(args)...);
        detail::forgotten_task *const given = owned.get();
        detail::check(lt_pool_submit(handle_, &detail::forgotten_task::run, given, nullptr));
        owned.release();
    }
    template <typename Function, typename... Args> status post(std::nothrow_t, Function &&function, Args &&...args) {
        using task = detail::posted<detail::call_of<Function, Args...>>;
        detail::forgotten_task *const given =
            new (std::nothrow) task(std::forward<Function>(function), std::forward<Args>(args)...);
        if (given == nullptr) {
            return status::no_memory;
        }
        const lt_status s = lt_pool_submit(handle_, &detail::forgotten_task::run, given, nullptr);
        if (s != LT_OK) {
            delete given;
        }
        return status(s);
    }

    /// Calls function(item) for each item of the range, on the workers; the results, in the order of the range. It
    /// returns, or throws, when none is being called any more. A range that can be gone through only in order is gone
    /// through first, as an lt::queue until it is closed; where the items may be gone by then, they are kept.
    /// @throws  what the first one throws; then those that have not begun are not called
    /// @throws lt::interrupted, lt::closed, lt::cancelled, lt::error
    template <typename Function, typename Range> auto map(Function &&function, Range &&range) {
        using std::begin;
        using std::end;
        using iterator = decltype(begin(range));
        using reference = decltype(*begin(range));
        using result = std::remove_cv_t<std::remove_reference_t<std::invoke_result_t<Function &, reference>>>;
        if constexpr (detail::has_random_access<iterator>) {
            return mapped<result>(function, begin(range), static_cast<std::size_t>(end(range) - begin(range)));
        } else if constexpr (detail::has_lasting_items<iterator>) {
            std::vector<std::remove_reference_t<reference> *> items;
            for (auto i = begin(range); i != end(range); ++i) {
                items.push_back(std::addressof(*i));
            }
            auto call = [&function](auto *item) -> result { return std::invoke(function, *item); };
            return mapped<result>(call, items.begin(), items.size());
        } else {
            using kept = detail::kept_item<std::remove_cv_t<std::remove_reference_t<reference>>>;
            std::vector<kept> items;
            for (auto i = begin(range); i != end(range); ++i) {
                items.push_back(kept{*i});
            }
            auto call = [&function](kept &from) -> result {
                return std::invoke(function, static_cast<reference &&>(from.item));
            };
            return mapped<result>(call, items.begin(), items.size());
        }
    }

    /// No more submits; what has not begun is run, or with `cancel_pending` cancelled. With `wait` it blocks until all
    /// workers have ended.
    /// @throws lt::interrupted, lt::error  deadlock: from one of them
    void shutdown(bool wait = true, bool cancel_pending = false) {
        detail::check(lt_pool_shutdown(handle_, wait, cancel_pending));
    }

    /// How it does at this moment.
    [[nodiscard]] lt_pool_info stats() const {
        lt_pool_info info{};
        info.size = sizeof info;
        detail::check(lt_pool_stats(handle_, &info));
        return info;
    }

private:
    template <typename Result, typename Function, typename Iterator>
    auto mapped(Function &function, Iterator first, std::size_t n) {
        detail::map_job<Iterator, Function, Result> job(first, n, function);
        job.run(handle_);
        if constexpr (!std::is_void_v<Result>) {
            return job.results();
        }
    }

    lt_pool *const handle_;
};

template <typename R> template <typename Function> auto future<R>::then(pool &on, Function &&function) {
    using plain = std::decay_t<Function>;
    using result = typename detail::after<plain, R>::result;
    detail::future_state<R> &from = state();
    detail::shared<detail::pool_then_state<result>> to(new detail::pool_then_state<result>(state_));
    detail::listen(from, std::make_unique<detail::pool_then<R, plain, result>>(
                             on.native_handle(), state_, to, std::forward<Function>(function)));
    state_ = {};
    return detail::future_access::adopt<detail::pool_then_state<result>, result>(std::move(to));
}

LT_NAMESPACE_END

#endif
