/// @file
/// Something that is done once.
#ifndef LOWTHREAD_ONCE_HPP
#define LOWTHREAD_ONCE_HPP

#include <lowthread/status.hpp>

#include <functional>
#include <memory>
#include <tuple>
#include <utility>

LT_NAMESPACE_BEGIN

/// Says whether a function was called. Needs no construction when the program runs: a global one is there from the
/// beginning.
class once_flag {
public:
    constexpr once_flag() noexcept = default;
    once_flag(const once_flag &) = delete;
    once_flag &operator=(const once_flag &) = delete;

    [[nodiscard]] lt_once_flag *native_handle() noexcept { return &flag_; }

private:
    lt_once_flag flag_ = LT_ONCE_FLAG_INIT;
};

/// Calls function(args...), unless that was done with this flag; blocks while another thread is at it.
/// @throws                  what the function throws: then the next call calls again
/// @throws lt::interrupted  not called, or not over
/// @throws lt::error        deadlock: from the function itself
template <typename Function, typename... Args>
void call_once(once_flag &flag, Function &&function, Args &&...args) {
    auto call = [&] { std::invoke(std::forward<Function>(function), std::forward<Args>(args)...); };
    const lt_thread_fn run = [](void *arg) { (*static_cast<decltype(call) *>(arg))(); };
    detail::check(lt_call_once(flag.native_handle(), run, std::addressof(call)));
}

LT_NAMESPACE_END

#endif
