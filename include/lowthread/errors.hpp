/// @file
/// Errors that end threads and tasks: what is told of them, the hook, and containers.
#ifndef LOWTHREAD_ERRORS_HPP
#define LOWTHREAD_ERRORS_HPP

#include <lowthread/exit.hpp>
#include <lowthread/object.hpp>

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <type_traits>

LT_NAMESPACE_BEGIN

/// What ended a thread or a task, as C tells of it.
struct error_info {
    explicit error_info(const lt_error_info &info)
        : ident(info.ident), thread_name(info.thread_name), kind(info.kind), code(info.code),
          type_name(info.type_name), message(info.message) {}

    lt_ident ident;          ///< The thread that it ended.
    std::string thread_name; ///< Its name then.
    int kind;                ///< LT_ERROR_RAISED, LT_ERROR_CXX, ...
    int code;                ///< What lt::raise() was given.
    std::string type_name;
    std::string message;
};

/// Thrown by who waits for a thread or a task that ended with an error that is no C++ exception: lt::raise(), a Rust
/// panic; for a task, lt::exit() too.
class failed : public error {
public:
    explicit failed(const lt_error_info &info)
        : error(lt::status::failed, info.message), info_(std::make_shared<error_info>(info)) {}

    const error_info &info() const noexcept { return *info_; }

private:
    std::shared_ptr<const error_info> info_; // Copying what is thrown must not fail.
};

/// The frames at the throw, a line for each; valid as long as the info. Rendered when first asked for.
inline const char *backtrace(const lt_error_info &info) noexcept { return lt_error_backtrace(&info); }

/// Ends the calling thread function, or task, with an error that is no exception: `catch (...)` can stop it.
[[noreturn]] inline void raise(int code, const char *message) { lt_raise(code, message); }

/// Makes the thread function, or task, that the thread is in count as failed once it returns.
/// @throws lt::error  invalid: it is in none; no_memory
inline void fail(int code, const char *message) { detail::check(lt_fail(code, message)); }

namespace detail {

#if LT_HAS_EXCEPTIONS
/// What call() throws; std::bad_alloc where there is no memory for that.
template <typename Call> std::exception_ptr thrown_by(Call call) noexcept {
    try {
        call();
    } catch (...) {
        return std::current_exception();
    }
    return nullptr;
}
#endif

/// What C is to call at any time, and so must stay for ever: a hook that was replaced may still be running.
struct kept {
    kept *next = nullptr;

    template <typename T> static T *keep(T *thing) noexcept {
        thing->next = all.load(std::memory_order_relaxed);
        while (!all.compare_exchange_weak(thing->next, thing, std::memory_order_release)) {
        }
        return thing;
    }

private:
    static inline std::atomic<kept *> all{nullptr}; // So that leak checkers see it.
};

template <typename Function> struct kept_function : kept {
    explicit kept_function(Function f) : function(std::move(f)) {}
    Function function;
};

/// A new one.
template <typename Function> kept_function<std::decay_t<Function>> *keep(Function &&function) {
    return kept::keep(new kept_function<std::decay_t<Function>>(std::forward<Function>(function)));
}

} // namespace detail

/// Sets who is told of an error that ends a thread and that nothing else takes: function(const lt_error_info &), on
/// that thread. The function is kept as long as the process.
/// @throws lt::error
template <typename Function, std::enable_if_t<std::is_invocable_v<Function &, const lt_error_info &>, int> = 0>
void set_excepthook(Function &&function) {
    using kept = detail::kept_function<std::decay_t<Function>>;
    const lt_excepthook call = [](const lt_error_info *info, void *arg) {
        std::invoke(static_cast<kept *>(arg)->function, *info);
    };
    detail::check(lt_set_excepthook(call, detail::keep(std::forward<Function>(function))));
}

/// Restores the default hook, which prints to stderr.
inline void set_excepthook(std::nullptr_t) { detail::check(lt_set_excepthook(nullptr, nullptr)); }

/// A container for the first error of many threads: those that it takes are not told to the hook.
class errors : public detail::object<lt_errors, lt_errors_free> {
public:
    /// @throws lt::error  out of memory
    errors() : object(lt_errors_new()) {}
    explicit errors(std::nothrow_t) noexcept : object(std::nothrow, lt_errors_new()) {}

    /// The first error that arrived, valid until clear() or the end of this; NULL if none did.
    [[nodiscard]] const lt_error_info *get() const noexcept {
        const lt_error_info *info = nullptr;
        return lt_errors_get(handle_, &info) == LT_OK ? info : nullptr;
    }
    /// How many have arrived.
    [[nodiscard]] std::size_t count() const noexcept { return lt_errors_count(handle_); }
    void clear() noexcept { LT_IGNORE(lt_errors_clear(handle_)); }
};

LT_NAMESPACE_END

#endif
