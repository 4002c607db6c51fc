/// @file
/// A callable with its arguments, to be called later on another thread.
#ifndef LOWTHREAD_CALL_HPP
#define LOWTHREAD_CALL_HPP

#include <lowthread/status.hpp>

#include <functional>
#include <tuple>
#include <type_traits>

LT_NAMESPACE_BEGIN

namespace detail {

/// Holds them by value, as std::thread does (std::ref for references), and gives them up in the one call.
template <typename... Parts> class call {
public:
    template <typename... Given> explicit call(Given &&...given) : parts_(std::forward<Given>(given)...) {}

    decltype(auto) operator()() {
        return std::apply([](auto &...parts) -> decltype(auto) { return std::invoke(std::move(parts)...); }, parts_);
    }
    /// With one argument before the others.
    template <typename First> decltype(auto) with(First &&first) {
        return std::apply(
            [&first](auto &function, auto &...rest) -> decltype(auto) {
                return std::invoke(std::move(function), std::forward<First>(first), std::move(rest)...);
            },
            parts_);
    }

private:
    std::tuple<Parts...> parts_;
};

template <typename... Given> using call_of = call<std::decay_t<Given>...>;

/// Deletes a thing at the end of a scope, in whatever way that is left: lt::exit() goes through it.
template <typename T> struct deleted {
    T *const thing;

    explicit deleted(T *t) noexcept : thing(t) {}
    deleted(const deleted &) = delete;
    deleted &operator=(const deleted &) = delete;
    ~deleted() { delete thing; }
};

} // namespace detail

LT_NAMESPACE_END

#endif
