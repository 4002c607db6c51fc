/// @file
/// A queue of values between threads.
#ifndef LOWTHREAD_QUEUE_HPP
#define LOWTHREAD_QUEUE_HPP

#include <lowthread/object.hpp>
#include <lowthread/time.hpp>

#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

LT_NAMESPACE_BEGIN

namespace detail {

template <typename T>
inline constexpr bool fits_pointer =
    std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T> && sizeof(T) <= sizeof(void *);

/// How C's queue, which passes pointers, passes a T: in memory of its own.
template <typename T, typename = void> struct item {
    static constexpr bool owns = true;
    static constexpr bool allocates = true;

    template <typename... Args> static void *pack(Args &&...args) {
        return new (std::nothrow) box(std::in_place, std::forward<Args>(args)...); // NULL: no memory.
    }
    static void drop(void *packed) { delete static_cast<box *>(packed); }
    /// Takes the T out. Should its constructor throw, it is destroyed.
    template <typename Use> static decltype(auto) unpack(void *packed, Use &&use) {
        const std::unique_ptr<box> owned(static_cast<box *>(packed));
        return use(std::move(owned->value));
    }

private:
    struct box { // A T may have an operator new of its own.
        template <typename... Args> explicit box(std::in_place_t, Args &&...args) : value(std::forward<Args>(args)...) {}
        T value;
    };
};

/// What is small and has no destructor: as the pointer itself. Numbers as C casts them, which is how a signal that is
/// routed to a queue comes.
template <typename T> struct item<T, std::enable_if_t<fits_pointer<T>>> {
    static constexpr bool owns = false;
    static constexpr bool allocates = false;

    static void *pack(const T &value) noexcept {
        if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
            return reinterpret_cast<void *>(static_cast<std::intptr_t>(value));
        } else {
            void *packed = nullptr;
            std::memcpy(&packed, std::addressof(value), sizeof value);
            return packed;
        }
    }
    static void drop(void *) noexcept {}
    template <typename Use> static decltype(auto) unpack(void *packed, Use &&use) {
        if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
            return use(static_cast<T>(reinterpret_cast<std::intptr_t>(packed)));
        } else {
            T value;
            std::memcpy(static_cast<void *>(std::addressof(value)), &packed, sizeof value);
            return use(std::move(value));
        }
    }
};

/// What a std::unique_ptr has, by its own pointer.
template <typename T> struct item<std::unique_ptr<T>, std::enable_if_t<!std::is_array_v<T>>> {
    static constexpr bool owns = true;
    static constexpr bool allocates = false;

    static void *pack(std::unique_ptr<T> &&value) noexcept {
        return const_cast<std::remove_cv_t<T> *>(value.release());
    }
    static void drop(void *packed) { delete static_cast<T *>(packed); }
    template <typename Use> static decltype(auto) unpack(void *packed, Use &&use) {
        return use(std::unique_ptr<T>(static_cast<T *>(packed)));
    }
};

} // namespace detail

/// Passes Ts between any number of threads, first in first out; a put happens before the get of its item.
///
/// Items are moved in and out. Small ones without a destructor, pointers and std::unique_ptr cost no allocation, others
/// one each. What is in it is destroyed by an immediate close and by the destructor, which closes it: those who wait
/// then are sent away first. If a T's constructor throws on the way out, that item is destroyed.
template <typename T> class queue {
    static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_volatile_v<T>);
    static_assert(std::is_move_constructible_v<T> && std::is_nothrow_destructible_v<T>);
    using item = detail::item<T>;

public:
    using value_type = T;
    class iterator;

    /// For at most `capacity` items; 0: any number.
    /// @throws lt::error  out of memory
    explicit queue(std::size_t capacity = 0) : queue(std::nothrow, capacity) {
        if (handle_ == nullptr) {
            detail::raise(lt_last_status());
        }
    }
    /// Tests false if there is no memory.
    explicit queue(std::nothrow_t, std::size_t capacity = 0) noexcept : handle_(lt_queue_new(capacity)) {
        if constexpr (item::owns) {
            if (handle_ != nullptr) {
                LT_IGNORE(lt_queue_set_drop(handle_, &item::drop));
            }
        }
    }

    queue(const queue &) = delete;
    queue &operator=(const queue &) = delete;

    ~queue() {
        // Those who wait are sent away; while they are on their way, C frees nothing, and what it keeps is empty.
        LT_IGNORE(lt_queue_close(handle_, true));
        LT_IGNORE(lt_queue_free(handle_));
    }

    explicit operator bool() const noexcept { return handle_ != nullptr; }
    /// C's queue, whose items are this one's affair.
    [[nodiscard]] lt_queue *native_handle() const noexcept { return handle_; }

    /// Puts an item in; blocks while it is full.
    /// @throws lt::closed, lt::interrupted, lt::error  no_memory: not put, and the value is as it was
    void put(T &&value) {
        detail::check(give(std::move(value), [this](void *packed) { return lt_queue_put(handle_, packed); }));
    }
    void put(const T &value) { put(T(value)); }
    /// Makes the item of these.
    template <typename... Args, std::enable_if_t<std::is_constructible_v<T, Args...>, int> = 0>
    void emplace(Args &&...args) {
        T value(std::forward<Args>(args)...);
        put(std::move(value));
    }

    /// Puts an item in if there is room: false if not, and the value is as it was. Never blocks.
    /// @throws lt::closed, lt::error
    [[nodiscard]] bool try_put(T &&value) {
        return detail::is_ok_or(
            give(std::move(value), [this](void *packed) { return lt_queue_try_put(handle_, packed); }), LT_FULL);
    }
    [[nodiscard]] bool try_put(const T &value) { return try_put(T(value)); }

    /// Puts an item in; blocks for at most that long: false then, and the value is as it was.
    /// @throws lt::closed, lt::interrupted, lt::error
    template <typename Rep, typename Period>
    [[nodiscard]] bool put_for(T &&value, const std::chrono::duration<Rep, Period> &duration) {
        return detail::is_ok_or(put_within(std::move(value), detail::seconds(duration)), LT_TIMED_OUT);
    }
    template <typename Rep, typename Period>
    [[nodiscard]] bool put_for(const T &value, const std::chrono::duration<Rep, Period> &duration) {
        return put_for(T(value), duration);
    }
    template <typename Clock, typename Duration>
    [[nodiscard]] bool put_until(T &&value, const std::chrono::time_point<Clock, Duration> &deadline) {
        return detail::is_ok_or(put_within(std::move(value), detail::seconds_until(deadline)), LT_TIMED_OUT);
    }
    template <typename Clock, typename Duration>
    [[nodiscard]] bool put_until(const T &value, const std::chrono::time_point<Clock, Duration> &deadline) {
        return put_until(T(value), deadline);
    }

    /// Takes the oldest item out; blocks while there is none. Nothing: it is closed and empty.
    /// @throws lt::interrupted
    [[nodiscard]] std::optional<T> get() {
        void *packed = nullptr;
        const lt_status s = lt_queue_get(handle_, &packed);
        return taken(s, packed, LT_CLOSED);
    }
    /// Takes the oldest item out if there is one. Never blocks.
    [[nodiscard]] std::optional<T> try_get() {
        void *packed = nullptr;
        const lt_status s = lt_queue_try_get(handle_, &packed);
        return taken(s == LT_CLOSED ? LT_EMPTY : s, packed, LT_EMPTY);
    }
    /// Takes the oldest item out; blocks for at most that long. Nothing: none came, or it is closed and empty.
    /// @throws lt::interrupted
    template <typename Rep, typename Period>
    [[nodiscard]] std::optional<T> get_for(const std::chrono::duration<Rep, Period> &duration) {
        return get_within(detail::seconds(duration));
    }
    template <typename Clock, typename Duration>
    [[nodiscard]] std::optional<T> get_until(const std::chrono::time_point<Clock, Duration> &deadline) {
        return get_within(detail::seconds_until(deadline));
    }

    /// The same by value. An item that was not put is as it was; `out` is written only with ok.
    status put(std::nothrow_t, T &&value) noexcept(nothrow) {
        return status(give(std::move(value), [this](void *packed) { return lt_queue_put(handle_, packed); }));
    }
    status try_put(std::nothrow_t, T &&value) noexcept(nothrow) {
        return status(give(std::move(value), [this](void *packed) { return lt_queue_try_put(handle_, packed); }));
    }
    template <typename Rep, typename Period>
    status put_for(std::nothrow_t, T &&value, const std::chrono::duration<Rep, Period> &duration) noexcept(nothrow) {
        return status(put_within(std::move(value), detail::seconds(duration)));
    }
    status get(std::nothrow_t, std::optional<T> &out) noexcept(nothrow) {
        void *packed = nullptr;
        const lt_status s = lt_queue_get(handle_, &packed);
        return written(s, packed, out);
    }
    status try_get(std::nothrow_t, std::optional<T> &out) noexcept(nothrow) {
        void *packed = nullptr;
        const lt_status s = lt_queue_try_get(handle_, &packed);
        return written(s, packed, out);
    }
    template <typename Rep, typename Period>
    status get_for(std::nothrow_t, std::optional<T> &out,
        const std::chrono::duration<Rep, Period> &duration) noexcept(nothrow) {
        void *packed = nullptr;
        const lt_status s = lt_queue_get_timeout(handle_, detail::seconds(duration), &packed);
        return written(s, packed, out);
    }

    /// Puts the items of [first, last) in, in their order, and blocks while it is full. They are moved where the
    /// iterator gives what can be: std::make_move_iterator. How many were put: all, or those before the close; up to 64
    /// more have been taken from the range, and are destroyed.
    /// @throws lt::interrupted, lt::error, and what iterators and constructors throw: the same
    template <typename Iterator, typename Sentinel> std::size_t put_many(Iterator first, Sentinel last) {
        std::size_t put = 0;
        while (first != last) {
            batch items;
            for (; items.n < batch::most && first != last; ++first) {
                items.add(*first);
            }
            std::size_t done = 0;
            const lt_status s = lt_queue_put_many(handle_, items.packed, items.n, LT_FOREVER, &done);
            items.begin = done; // The others are still the batch's, and end with it.
            put += done;
            if (!detail::is_ok_or(s, LT_CLOSED)) {
                break;
            }
        }
        return put;
    }

    /// Waits for an item, and takes out as many as there are, up to n; each is given to `out`, an output iterator.
    /// How many: 0 once it is closed and empty.
    /// @throws lt::interrupted, and what `out` throws: those that were taken out and not given are destroyed
    template <typename Out> std::size_t get_many(Out out, std::size_t n) { return many_within(out, n, LT_FOREVER); }
    /// The same; waits for at most that long.
    template <typename Out, typename Rep, typename Period>
    std::size_t get_many_for(Out out, std::size_t n, const std::chrono::duration<Rep, Period> &duration) {
        return many_within(out, n, detail::seconds(duration));
    }
    /// As many as there are, up to n, in a vector.
    [[nodiscard]] std::vector<T> get_many(std::size_t n) {
        std::vector<T> items;
        get_many(std::back_inserter(items), n);
        return items;
    }

    /// No more puts; gets go on until it is empty. With `immediate` what is in it is destroyed. Wakes all who wait.
    void close(bool immediate = false) noexcept { LT_IGNORE(lt_queue_close(handle_, immediate)); }

    /// Says that an item that was taken out is done with, for join().
    /// @throws lt::error  invalid: all that were put are so already
    void task_done() { detail::check(lt_queue_task_done(handle_)); }
    /// Blocks until all that were put are done with.
    /// @throws lt::interrupted
    void join() { detail::check(lt_queue_join(handle_)); }
    /// Whether all are. Never blocks.
    [[nodiscard]] bool try_join() { return detail::is_ok_or(lt_queue_try_join(handle_), LT_BUSY); }
    /// Blocks for at most that long: false then.
    template <typename Rep, typename Period>
    [[nodiscard]] bool join_for(const std::chrono::duration<Rep, Period> &duration) {
        return detail::is_ok_or(lt_queue_join_timeout(handle_, detail::seconds(duration)), LT_TIMED_OUT);
    }

    /// At this moment:
    [[nodiscard]] std::size_t size() const noexcept { return lt_queue_size(handle_); }
    [[nodiscard]] bool empty() const noexcept { return lt_queue_is_empty(handle_); }
    [[nodiscard]] bool full() const noexcept { return lt_queue_is_full(handle_); }
    [[nodiscard]] bool is_closed() const noexcept { return lt_queue_is_closed(handle_); }
    /// How many it can hold; 0: any number.
    [[nodiscard]] std::size_t capacity() const noexcept { return lt_queue_capacity(handle_); }

    /// `for (auto item : queue)` takes items out until it is closed and empty.
    [[nodiscard]] iterator begin() { return iterator(*this); }
    [[nodiscard]] iterator end() noexcept { return iterator(); }

private:
    static constexpr bool nothrow = std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T>;

    /// Some items on their way in or out; what is left in it is destroyed.
    struct batch {
        static constexpr std::size_t most = 64;

        batch() = default;
        batch(const batch &) = delete;
        batch &operator=(const batch &) = delete;
        ~batch() {
            for (; begin < n; begin++) {
                item::drop(packed[begin]);
            }
        }
        template <typename From> void add(From &&from) {
            if constexpr (item::allocates) {
                packed[n] = item::pack(std::forward<From>(from));
                if (packed[n] == nullptr) {
                    detail::raise(LT_NO_MEMORY, "lt::queue::put_many: no memory for an item");
                }
            } else {
                T value(std::forward<From>(from));
                packed[n] = item::pack(std::move(value));
            }
            n++;
        }

        void *packed[most];
        std::size_t begin = 0;
        std::size_t n = 0;
    };

    /// Hands a value to one of C's puts. If that does not take it, the value goes back to where it was.
    template <typename Put> lt_status give(T &&value, Put put) {
        void *packed = nullptr;
        if constexpr (item::allocates) {
            packed = item::pack(std::move(value));
            if (packed == nullptr) {
                return LT_NO_MEMORY;
            }
        } else {
            packed = item::pack(std::move(value));
        }
        const lt_status s = put(packed);
        if (!LT_LIKELY(s == LT_OK)) {
            if constexpr (item::owns) {
                item::unpack(packed, [&value](T &&back) { put_back(value, std::move(back)); });
            }
        }
        return s;
    }

    static void put_back(T &value, T &&back) {
        if constexpr (std::is_move_assignable_v<T>) {
            value = std::move(back);
        } else if constexpr (std::is_nothrow_move_constructible_v<T>) {
            T *const there = std::addressof(value);
            there->~T();
            ::new (static_cast<void *>(there)) T(std::move(back));
        }
    }

    lt_status put_within(T &&value, double seconds) {
        return give(std::move(value), [&](void *packed) { return lt_queue_put_timeout(handle_, packed, seconds); });
    }

    static std::optional<T> taken(lt_status s, void *packed, lt_status none) {
        if (!detail::is_ok_or(s, none)) {
            return std::nullopt;
        }
        return item::unpack(packed, [](T &&value) { return std::optional<T>(std::in_place, std::move(value)); });
    }

    std::optional<T> get_within(double seconds) {
        void *packed = nullptr;
        const lt_status s = lt_queue_get_timeout(handle_, seconds, &packed);
        return taken(s == LT_CLOSED ? LT_TIMED_OUT : s, packed, LT_TIMED_OUT);
    }

    static status written(lt_status s, void *packed, std::optional<T> &out) {
        if (s == LT_OK) {
            item::unpack(packed, [&out](T &&value) { out.emplace(std::move(value)); });
        }
        return status(s);
    }

    template <typename Out> std::size_t many_within(Out &out, std::size_t n, double seconds) {
        std::size_t got = 0;
        if (n == 0) {
            return got;
        }
        // The first time it waits; then what else is there.
        for (bool first = true; got < n; first = false) {
            batch items;
            const std::size_t some = n - got < batch::most ? n - got : batch::most;
            const lt_status s = lt_queue_get_many(handle_, items.packed, some, first ? seconds : 0, &items.n);
            if (s != LT_OK && s != LT_CLOSED && s != LT_TIMED_OUT) {
                detail::raise(s);
            }
            for (; items.begin < items.n; got++) {
                void *const packed = items.packed[items.begin];
                items.begin++; // Its own from here on, whatever it throws.
                item::unpack(packed, [&out](T &&value) { *out = std::move(value); });
                ++out;
            }
            if (items.n < some) {
                break;
            }
        }
        return got;
    }

    lt_queue *const handle_;
};

/// Takes an item out with each step: an input iterator, whose items can be moved from.
template <typename T> class queue<T>::iterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = T *;
    using reference = T &&;

    iterator() noexcept = default;
    iterator(const iterator &) = default;
    iterator(iterator &&) = default;
    iterator &operator=(const iterator &) = default;
    iterator &operator=(iterator &&) = default;
    ~iterator() = default;
    explicit iterator(queue &from) : from_(&from) { ++*this; }

    T &&operator*() const noexcept { return std::move(*item_); }
    T *operator->() const noexcept { return std::addressof(*item_); }
    iterator &operator++() {
        item_.reset();
        if (std::optional<T> next = from_->get()) {
            item_.emplace(std::move(*next));
        } else {
            from_ = nullptr;
        }
        return *this;
    }
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Weffc++" // There is no copy to be returned.
#endif
    void operator++(int) { ++*this; }
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

    /// Whether both are at the end.
    friend bool operator==(const iterator &a, const iterator &b) noexcept { return a.from_ == b.from_; }
    friend bool operator!=(const iterator &a, const iterator &b) noexcept { return a.from_ != b.from_; }

private:
    queue *from_ = nullptr;
    mutable std::optional<T> item_{};
};

LT_NAMESPACE_END

#endif
