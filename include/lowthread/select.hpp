/// @file
/// One wait for several things, of which exactly one happens.
#ifndef LOWTHREAD_SELECT_HPP
#define LOWTHREAD_SELECT_HPP

#include <lowthread/queue.hpp>
#include <lowthread/status.hpp>
#include <lowthread/time.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

LT_NAMESPACE_BEGIN

namespace detail {

/// What can happen to an object, with nothing to be passed: for a select, and for a watcher.
struct plain_case {
    std::int32_t op;
    const void *handle;

    lt_case begin() const noexcept { return {op, LT_OK, handle, nullptr}; }
    void end(const lt_case &, bool) const noexcept {}
};

/// A get or a put that is only watched: where would the item go?
struct item_case {
    std::int32_t op;
    const void *handle;
};

template <typename T> struct get_case {
    lt_queue *handle;
    std::optional<T> *to;

    lt_case begin() const noexcept { return {LT_CASE_GET, LT_OK, handle, nullptr}; }
    void end(const lt_case &done, bool happened) const {
        if (happened) {
            to->reset();
            if (done.status == LT_OK) {
                item<T>::unpack(done.item, [this](T &&value) { to->emplace(std::move(value)); });
            }
        }
    }
};

template <typename T> struct put_case {
    lt_queue *handle;
    T *from;

    lt_case begin() const {
        void *const packed = item<T>::pack(std::move(*from));
        if (item<T>::allocates && packed == nullptr) {
            detail::raise(LT_NO_MEMORY);
        }
        return {LT_CASE_PUT, LT_OK, handle, packed};
    }
    void end(const lt_case &done, bool happened) const {
        if (happened && done.status == LT_OK) {
            return;
        }
        if constexpr (item<T>::owns) {
            item<T>::unpack(done.item, [this](T &&value) { *from = std::move(value); });
        }
        if (happened) {
            detail::check(done.status);
        }
    }
};

/// The cases of one select. What does not happen is as it was, whichever way that is left.
template <typename... Cases> class selection {
    static_assert(sizeof...(Cases) > 0, "nothing would end the wait");

public:
    explicit selection(const Cases &...cases) noexcept : cases_(cases...) {}
    selection(const selection &) = delete;
    selection &operator=(const selection &) = delete;
    ~selection() { end_others(every()); }

    std::optional<std::size_t> wait(double seconds) {
        begin(every());
        std::size_t index = 0;
        if (!is_ok_or(lt_select(all_, sizeof...(Cases), seconds, &index), LT_TIMED_OUT)) {
            return std::nullopt;
        }
        happened_ = index;
        end_one(every());
        return index;
    }

private:
    using every = std::index_sequence_for<Cases...>;
    static constexpr std::size_t none = sizeof...(Cases);

    template <std::size_t... Which> void begin(std::index_sequence<Which...>) {
        ((all_[Which] = std::get<Which>(cases_).begin(), begun_ = Which + 1), ...);
    }
    template <std::size_t... Which> void end_one(std::index_sequence<Which...>) {
        ((Which == happened_ ? std::get<Which>(cases_).end(all_[Which], true) : void()), ...);
    }
    template <std::size_t... Which> void end_others(std::index_sequence<Which...>) {
        ((Which < begun_ && Which != happened_ ? std::get<Which>(cases_).end(all_[Which], false) : void()), ...);
    }

    std::tuple<Cases...> cases_;
    lt_case all_[sizeof...(Cases)];
    std::size_t begun_ = 0;
    std::size_t happened_ = none;
};

template <typename Object> constexpr std::int32_t op_of_lock() noexcept {
    using handle = decltype(std::declval<Object &>().native_handle());
    return std::is_same_v<handle, lt_lock *>    ? LT_CASE_LOCK
           : std::is_same_v<handle, lt_rlock *> ? LT_CASE_RLOCK
                                                : LT_CASE_WRITE;
}

} // namespace detail

/// The lock, the re-entrant lock, or the read-write lock for writing, is acquired: the caller's to unlock.
template <typename Lock> [[nodiscard]] detail::plain_case on_lock(Lock &object) noexcept {
    return {detail::op_of_lock<Lock>(), object.native_handle()};
}
/// The read-write lock is acquired for reading.
template <typename Lock> [[nodiscard]] detail::plain_case on_lock_shared(Lock &object) noexcept {
    return {LT_CASE_READ, object.native_handle()};
}
/// A permit of the semaphore is taken.
template <typename Semaphore> [[nodiscard]] detail::plain_case on_acquire(Semaphore &object) noexcept {
    return {LT_CASE_SEMAPHORE, object.native_handle()};
}
/// The event is set.
template <typename Event> [[nodiscard]] detail::plain_case on_set(Event &object) noexcept {
    return {LT_CASE_EVENT, object.native_handle()};
}
/// The thread is over: its join() does not wait any more.
template <typename Thread> [[nodiscard]] detail::plain_case on_join(Thread &object) noexcept {
    return {LT_CASE_JOIN, object.native_handle()};
}
/// The task is over: get() of its future does not wait any more.
template <typename Future> [[nodiscard]] detail::plain_case on_ready(Future &object) noexcept {
    return {LT_CASE_FUTURE, object.native_handle()};
}
/// An item is taken out, to there; or the queue is closed and empty: then nothing is there.
template <typename T> [[nodiscard]] detail::get_case<T> on_get(queue<T> &items, std::optional<T> &to) noexcept {
    return {items.native_handle(), &to};
}
/// The value is put: else it is as it was. If the queue is closed, select() throws lt::closed.
template <typename T> [[nodiscard]] detail::put_case<T> on_put(queue<T> &items, T &value) noexcept {
    static_assert(std::is_nothrow_move_assignable_v<T>, "it is put back if another case happens");
    return {items.native_handle(), std::addressof(value)};
}
/// There is an item, or room: for a watcher.
template <typename T> [[nodiscard]] detail::item_case on_get(queue<T> &items) noexcept {
    return {LT_CASE_GET, items.native_handle()};
}
template <typename T> [[nodiscard]] detail::item_case on_put(queue<T> &items) noexcept {
    return {LT_CASE_PUT, items.native_handle()};
}

/// Waits until one of the cases happens, and no other does; the number of that one. Where several could, each is it as
/// often as any other.
///
///     std::optional<job> next;
///     switch (lt::select(lt::on_get(jobs, next), lt::on_set(stop))) {
///
/// @throws lt::interrupted  none happened. lt::error  one can never happen; no_memory
template <typename... Cases> std::size_t select(const Cases &...cases) {
    return *detail::selection<Cases...>(cases...).wait(LT_FOREVER);
}
/// The same, for at most that long: nullopt then.
template <typename Rep, typename Period, typename... Cases>
[[nodiscard]] std::optional<std::size_t> select_for(
    const std::chrono::duration<Rep, Period> &duration, const Cases &...cases) {
    return detail::selection<Cases...>(cases...).wait(detail::seconds(duration));
}
/// The same, and never blocks.
template <typename... Cases> [[nodiscard]] std::optional<std::size_t> try_select(const Cases &...cases) {
    return detail::selection<Cases...>(cases...).wait(0);
}

LT_NAMESPACE_END

#endif
