/// @file
/// Statuses as a scoped enumeration and as std::error_code, and what is thrown.
#ifndef LOWTHREAD_STATUS_HPP
#define LOWTHREAD_STATUS_HPP

#include <lowthread/config.hpp>

#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <system_error>
#include <utility>

LT_NAMESPACE_BEGIN

/// What a call did: ok, an answer (positive) or an error (negative). What functions that take std::nothrow return.
enum class [[nodiscard]] status : lt_status {
    ok = LT_OK,
    busy = LT_BUSY,
    timed_out = LT_TIMED_OUT,
    interrupted = LT_INTERRUPTED,
    closed = LT_CLOSED,
    broken = LT_BROKEN,
    cancelled = LT_CANCELLED,
    failed = LT_FAILED,
    empty = LT_EMPTY,
    full = LT_FULL,
    invalid = LT_INVALID,
    bad_handle = LT_BAD_HANDLE,
    not_held = LT_NOT_HELD,
    not_owner = LT_NOT_OWNER,
    overflow = LT_OVERFLOW,
    no_memory = LT_NO_MEMORY,
    no_thread = LT_NO_THREAD,
    deadlock = LT_DEADLOCK,
    unsupported = LT_UNSUPPORTED
};

/// The name of a status, such as "LT_TIMED_OUT".
inline const char *name(status s) noexcept { return lt_status_name(static_cast<lt_status>(s)); }

/// What a status means, in a few words.
inline const char *message(status s) noexcept { return lt_status_message(static_cast<lt_status>(s)); }

/// The sentence on this thread's last call that failed with an error; "" if none did.
inline const char *last_error() noexcept { return lt_last_error(); }

/// The status of the call that last_error() is about.
inline status last_status() noexcept { return static_cast<status>(lt_last_status()); }

/// The errno behind the call that last_error() is about; 0 if there is none.
inline int last_errno() noexcept { return lt_last_errno(); }

namespace detail {

class category final : public std::error_category {
public:
    const char *name() const noexcept override { return "lowthread"; }

    std::string message(int value) const override { return lt_status_message(value); }

    std::error_condition default_error_condition(int value) const noexcept override {
        switch (static_cast<status>(value)) {
        case status::busy: return std::errc::device_or_resource_busy;
        case status::timed_out: return std::errc::timed_out;
        case status::interrupted: return std::errc::interrupted;
        case status::cancelled: return std::errc::operation_canceled;
        case status::empty:
        case status::full: return std::errc::resource_unavailable_try_again;
        case status::invalid:
        case status::bad_handle: return std::errc::invalid_argument;
        case status::not_held:
        case status::not_owner: return std::errc::operation_not_permitted;
        case status::overflow: return std::errc::value_too_large;
        case status::no_memory: return std::errc::not_enough_memory;
        case status::no_thread: return std::errc::resource_unavailable_try_again;
        case status::deadlock: return std::errc::resource_deadlock_would_occur;
        case status::unsupported: return std::errc::not_supported;
        default: return std::error_condition(value, *this);
        }
    }
};

} // namespace detail

/// The category of statuses. Its conditions are those of std::errc, where one fits.
inline const std::error_category &category() noexcept {
    // Never destroyed: threads may outlive the statics of a program. Not from the heap: to tell that there is no memory
    // takes it.
    alignas(detail::category) static unsigned char place[sizeof(detail::category)];
    static const detail::category &category = *::new (static_cast<void *>(place)) detail::category;
    return category;
}

inline std::error_code make_error_code(status s) noexcept { return {static_cast<int>(s), category()}; }

LT_NAMESPACE_END

template <> struct std::is_error_code_enum<lt::status> : std::true_type {};

LT_NAMESPACE_BEGIN

/// What is thrown by all that fails. what() has the sentence of last_error().
class error : public std::system_error {
public:
    error(lt::status s, const char *sentence, int native_errno = 0)
        : std::system_error(make_error_code(s), sentence), errno_(native_errno) {}
    explicit error(lt::status s) : std::system_error(make_error_code(s)) {}

    lt::status status() const noexcept { return static_cast<lt::status>(code().value()); }

    /// The errno behind it; 0 if there is none.
    int native_errno() const noexcept { return errno_; }

private:
    int errno_ = 0;
};

/// Thrown by a wait that was interrupted: nothing has happened, but a barrier is broken.
class interrupted : public error {
public:
    interrupted() : error(lt::status::interrupted), signal_(lt_interrupt_signal()) {}

    /// The signal behind it, if it came by interrupt_main(); else 0.
    int signal() const noexcept { return signal_; }

private:
    int signal_;
};

/// Thrown by what a queue or a pool that is closed does no more.
class closed : public error {
public:
    closed() : error(lt::status::closed) {}
};

/// Thrown by a barrier that is broken, or by a pool.
class broken : public error {
public:
    broken() : error(lt::status::broken) {}
};

/// Thrown for the result of a task that was cancelled.
class cancelled : public error {
public:
    cancelled() : error(lt::status::cancelled) {}
};

namespace detail {

/// Throws the error; where nothing can be thrown, ends the process with its sentence.
[[noreturn]] LT_COLD inline void raise(lt_status s, const char *sentence, [[maybe_unused]] int native_errno = 0) {
#if LT_HAS_EXCEPTIONS
    throw error(static_cast<status>(s), sentence, native_errno);
#else
    std::fprintf(stderr, "lowthread: %s: %s\n", lt_status_name(s), sentence);
    std::abort();
#endif
}

/// The same for what a function of C's has just returned, and is not ok.
[[noreturn]] LT_COLD inline void raise(lt_status s) {
    if (s < 0) {
        raise(s, lt_last_error(), lt_last_errno());
    }
#if LT_HAS_EXCEPTIONS
    switch (s) {
    case LT_INTERRUPTED: throw interrupted();
    case LT_CLOSED: throw closed();
    case LT_BROKEN: throw broken();
    case LT_CANCELLED: throw cancelled();
    default: throw error(static_cast<status>(s));
    }
#else
    raise(s, lt_status_message(s));
#endif
}

inline void check(lt_status s) {
    if (!LT_LIKELY(s == LT_OK)) {
        raise(s);
    }
}

/// True for ok, false for the answer `no`, and else it throws.
inline bool is_ok_or(lt_status s, lt_status no) {
    if (LT_LIKELY(s == LT_OK)) {
        return true;
    }
    if (s != no) {
        raise(s);
    }
    return false;
}

/// Repeats a wait that must not end by an interrupt, which is pending again afterwards, without its signal.
template <typename Wait> lt_status uninterrupted(Wait wait) {
    lt_status s = wait();
    if (!LT_LIKELY(s != LT_INTERRUPTED)) {
        do {
            s = wait();
        } while (s == LT_INTERRUPTED);
        LT_IGNORE(lt_interrupt(lt_get_ident()));
    }
    return s;
}

} // namespace detail

LT_NAMESPACE_END

#endif
