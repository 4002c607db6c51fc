/// @file
/// Signals without handlers: each goes to the main thread, an event, a queue or a function.
#ifndef LOWTHREAD_SIGNAL_HPP
#define LOWTHREAD_SIGNAL_HPP

#include <lowthread/errors.hpp>
#include <lowthread/event.hpp>
#include <lowthread/queue.hpp>

LT_NAMESPACE_BEGIN

#pragma push_macro("signals")
#undef signals // Qt's. Programs that have it use QT_NO_KEYWORDS, to say lt::signals.

/// A signal has one route; a later one replaces it.
namespace signals {

/// Each arrival interrupts the main thread: Ctrl-C ends its wait.
/// @throws lt::error  invalid: it cannot be caught; unsupported
inline void to_main(int signum) { detail::check(lt_signal_to_main(signum)); }
/// The same after the handler that is installed, which stays at work.
inline void chain_to_main(int signum) { detail::check(lt_signal_chain_to_main(signum)); }
/// Sets the event, which must live until the route ends.
inline void to_event(int signum, event &event) {
    detail::check(lt_signal_to_event(signum, event.native_handle()));
}
/// Puts the number in. While the queue is full, that signal waits, and no other.
inline void to_queue(int signum, queue<int> &queue) {
    detail::check(lt_signal_to_queue(signum, queue.native_handle()));
}
/// Calls function(signum), on a thread of the library's, in ordinary context. It is kept as long as the process.
template <typename Function> void to_callback(int signum, Function &&function) {
    using kept = detail::kept_function<std::decay_t<Function>>;
    const lt_signal_fn call = [](int number, void *arg) { std::invoke(static_cast<kept *>(arg)->function, number); };
    detail::check(lt_signal_to_callback(signum, call, detail::keep(std::forward<Function>(function))));
}
/// Puts back what the signal did before its first route.
inline void restore(int signum) { detail::check(lt_signal_restore(signum)); }

} // namespace signals

#pragma pop_macro("signals")

LT_NAMESPACE_END

#endif
