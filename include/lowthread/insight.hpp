/// @file
/// Names of objects, who waits for what, dumps of all that; deadlocks, orders, what waiting costs, and traces.
#ifndef LOWTHREAD_INSIGHT_HPP
#define LOWTHREAD_INSIGHT_HPP

#include <lowthread/infos.hpp>
#include <lowthread/status.hpp>

#include <cstdint>
#include <string>
#include <vector>

LT_NAMESPACE_BEGIN

/// Names an object, or the thread that an lt::thread stands for: UTF-8, copied; "" takes the name away.
/// @throws lt::error  invalid: not UTF-8, or the thread has ended
template <typename Object> void set_name(const Object &object, const std::string &name) {
    detail::check(lt_set_name(object.native_handle(), name.c_str()));
}

/// Its name; without one its type and handle.
template <typename Object> [[nodiscard]] std::string name_of(const Object &object) {
    std::string name(64, '\0');
    for (;;) {
        detail::check(lt_name(object.native_handle(), name.data(), name.size()));
        // One that fits may be cut between characters, which have four bytes at most.
        if (const std::size_t length = name.find('\0'); length + 4 < name.size()) {
            name.resize(length);
            return name;
        }
        name.assign(name.size() * 2, '\0');
    }
}

/// The threads that wait now, and for what.
[[nodiscard]] inline std::vector<lt_wait_info> waits() {
    return detail::all(&lt_waits);
}

/// Writes a line for each thread to a descriptor: what it waits for, and who has that; then the circles of a deadlock.
/// Async-signal-safe.
inline status dump(int fd) noexcept { return status(lt_dump(fd)); }

/// Has this signal do so; with an fd of -1, what it did before.
/// @throws lt::error  invalid: it cannot be caught; unsupported
inline void dump_on_signal(int signum, int fd) { detail::check(lt_dump_on_signal(signum, fd)); }

/// What insight is to look at: a set of these, made with |.
enum class insight : std::uint32_t {
    none = 0,
    owners = LT_INSIGHT_OWNERS,
    deadlock = LT_INSIGHT_DEADLOCK,
    order = LT_INSIGHT_ORDER,
    contention = LT_INSIGHT_CONTENTION
};

[[nodiscard]] constexpr insight operator|(insight a, insight b) noexcept {
    return insight(std::uint32_t(a) | std::uint32_t(b));
}

/// Turns it on, and the rest off.
/// @throws std::bad_alloc
inline void set_insight(insight what) { detail::check(lt_set_insight(std::uint32_t(what))); }

/// Sets who is told of deadlocks that were refused, and of two orders; NULL: it is written to stderr.
inline void set_deadlock_hook(lt_deadlock_hook hook, void *arg = nullptr) {
    detail::check(lt_set_deadlock_hook(hook, arg));
}

/// What was waited for because others held it, the longest waited for first.
[[nodiscard]] inline std::vector<lt_contention_info> contention() {
    return detail::all(&lt_contention);
}

/// Writes the same to a descriptor, a line for each.
/// @throws lt::error  invalid: it cannot be written to
inline void contention_report(int fd) { detail::check(lt_contention_report(fd)); }

/// Writes a trace from now on, for Perfetto or Chrome.
/// @throws lt::error  busy: one is on; invalid: the file cannot be written
inline void trace_start(const std::string &path) { detail::check(lt_trace_start(path.c_str())); }

/// Ends the trace, if there is one.
/// @throws lt::error  invalid: not all of it could be written
inline void trace_stop() { detail::check(lt_trace_stop()); }

/// A span of the calling thread in the trace, as long as this lives: on the stack, so that they lie within each other.
class trace_span {
public:
    /// The name is copied. Costs next to nothing while no trace is on.
    explicit trace_span(const char *name) noexcept { lt_trace_begin(name); }
    ~trace_span() { lt_trace_end(); }
    trace_span(const trace_span &) = delete;
    trace_span &operator=(const trace_span &) = delete;
};

LT_NAMESPACE_END

#endif
