/// @file
/// Locks, for std::lock_guard, std::unique_lock, std::shared_lock, std::scoped_lock and std::condition_variable_any.
///
/// lock() is not ended by an interrupt, as in the standard library: that stays pending for the next wait that it can
/// end. acquire() and the timed forms are: they throw lt::interrupted. Locks neither move nor are copied.
#ifndef LOWTHREAD_LOCK_HPP
#define LOWTHREAD_LOCK_HPP

#include <lowthread/object.hpp>
#include <lowthread/time.hpp>

#include <cassert>
#include <cstdint>

LT_NAMESPACE_BEGIN

namespace detail {

/// What a guard's call returned. It can fail only for a lock that is no more, or is not held: a mistake of the
/// program's, of which the standard library does not tell either.
inline void promised([[maybe_unused]] lt_status s) noexcept { assert(s == LT_OK); }

} // namespace detail

/// A lock that nobody owns: any thread may release it, which makes it a signal, too. Not re-entrant; no waiter
/// starves. A release happens before the acquire that it makes possible. Its usual name is lt::lock: a class of that
/// name could have no member lock().
class mutex : public detail::object<lt_lock, lt_lock_free> {
public:
    /// @throws lt::error  out of memory
    mutex() : object(lt_allocate_lock()) {}
    /// Tests false if there is no memory.
    explicit mutex(std::nothrow_t) noexcept : object(std::nothrow, lt_allocate_lock()) {}

    /// Acquires it; blocks until that is possible.
    void lock() noexcept { detail::promised(lt_lock_acquire_uninterruptible(handle_)); }
    /// Acquires it if it is free. Never blocks.
    [[nodiscard]] bool try_lock() noexcept { return lt_lock_try_acquire(handle_) == LT_OK; }
    /// Releases what is held. Never blocks.
    void unlock() noexcept { detail::promised(lt_lock_release(handle_)); }

    /// Acquires it; blocks for at most that long. False: not acquired.
    /// @throws lt::interrupted
    template <typename Rep, typename Period>
    [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period> &duration) {
        return detail::is_ok_or(lt_lock_acquire_timeout(handle_, detail::seconds(duration)), LT_TIMED_OUT);
    }
    /// The same, until then.
    template <typename Clock, typename Duration>
    [[nodiscard]] bool try_lock_until(const std::chrono::time_point<Clock, Duration> &deadline) {
        return detail::is_ok_or(lt_lock_acquire_timeout(handle_, detail::seconds_until(deadline)), LT_TIMED_OUT);
    }

    /// Acquires it; blocks until that is possible, or the thread is interrupted.
    /// @throws lt::interrupted  not acquired
    void acquire() { detail::check(lt_lock_acquire(handle_)); }
    status acquire(std::nothrow_t) noexcept { return status(lt_lock_acquire(handle_)); }
    template <typename Rep, typename Period>
    status acquire_for(std::nothrow_t, const std::chrono::duration<Rep, Period> &duration) noexcept {
        return status(lt_lock_acquire_timeout(handle_, detail::seconds(duration)));
    }

    /// Releases it, whichever thread acquired it.
    /// @throws lt::error  not_held, decided atomically: of two releases that race, one throws
    void release() { detail::check(lt_lock_release(handle_)); }
    status release(std::nothrow_t) noexcept { return status(lt_lock_release(handle_)); }

    /// Whether it is acquired at this moment.
    [[nodiscard]] bool locked() const noexcept { return lt_lock_locked(handle_); }

    /// Makes it free, in a forked child: its holder may be a thread that the child does not have.
    void at_fork_reinit() { detail::check(lt_lock_at_fork_reinit(handle_)); }
};

using lock = mutex;

/// A lock that its owner may acquire again, and must release as often.
class rlock : public detail::object<lt_rlock, lt_rlock_free> {
public:
    /// @throws lt::error  out of memory
    rlock() : object(lt_rlock_new()) {}
    explicit rlock(std::nothrow_t) noexcept : object(std::nothrow, lt_rlock_new()) {}

    void lock() noexcept { detail::promised(lt_rlock_acquire_uninterruptible(handle_)); }
    [[nodiscard]] bool try_lock() noexcept { return lt_rlock_try_acquire(handle_) == LT_OK; }
    void unlock() noexcept { detail::promised(lt_rlock_release(handle_)); }

    /// @throws lt::interrupted
    template <typename Rep, typename Period>
    [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period> &duration) {
        return detail::is_ok_or(lt_rlock_acquire_timeout(handle_, detail::seconds(duration)), LT_TIMED_OUT);
    }
    template <typename Clock, typename Duration>
    [[nodiscard]] bool try_lock_until(const std::chrono::time_point<Clock, Duration> &deadline) {
        return detail::is_ok_or(lt_rlock_acquire_timeout(handle_, detail::seconds_until(deadline)), LT_TIMED_OUT);
    }

    /// @throws lt::interrupted  not acquired
    void acquire() { detail::check(lt_rlock_acquire(handle_)); }
    status acquire(std::nothrow_t) noexcept { return status(lt_rlock_acquire(handle_)); }
    template <typename Rep, typename Period>
    status acquire_for(std::nothrow_t, const std::chrono::duration<Rep, Period> &duration) noexcept {
        return status(lt_rlock_acquire_timeout(handle_, detail::seconds(duration)));
    }

    /// Releases it once.
    /// @throws lt::error  not_owner, not_held
    void release() { detail::check(lt_rlock_release(handle_)); }
    status release(std::nothrow_t) noexcept { return status(lt_rlock_release(handle_)); }

    /// Releases it wholly; how often it was held, for acquire_restore().
    /// @throws lt::error  not_owner, not_held
    [[nodiscard]] std::uint64_t release_save() {
        std::uint64_t count = 0;
        detail::check(lt_rlock_release_save(handle_, &count));
        return count;
    }
    /// Acquires it as often as it was held.
    /// @throws lt::interrupted  not acquired
    /// @throws lt::error        deadlock: the calling thread holds it; invalid: 0
    void acquire_restore(std::uint64_t count) { detail::check(lt_rlock_acquire_restore(handle_, count)); }
    /// The same, not ended by an interrupt.
    void lock_restore(std::uint64_t count) {
        detail::check(lt_rlock_acquire_restore_uninterruptible(handle_, count));
    }

    /// Whether it is acquired at this moment, by whatever thread.
    [[nodiscard]] bool locked() const noexcept { return lt_rlock_locked(handle_); }
    /// Whether the calling thread holds it.
    [[nodiscard]] bool is_owned() const noexcept { return lt_rlock_is_owned(handle_); }
    /// How often the calling thread holds it.
    [[nodiscard]] std::uint64_t recursion_count() const noexcept { return lt_rlock_recursion_count(handle_); }
    /// The ident of who holds it, 0 if nobody does: for messages and debuggers.
    [[nodiscard]] lt_ident owner() const noexcept { return lt_rlock_owner(handle_); }
    /// How often who holds it does.
    [[nodiscard]] std::uint64_t depth() const noexcept { return lt_rlock_depth(handle_); }

    void at_fork_reinit() { detail::check(lt_rlock_at_fork_reinit(handle_)); }
};

/// A lock of many readers or one writer, in which neither side starves. Nobody owns it; not re-entrant.
class rwlock : public detail::object<lt_rwlock, lt_rwlock_free> {
public:
    /// @throws lt::error  out of memory
    rwlock() : object(lt_rwlock_new()) {}
    explicit rwlock(std::nothrow_t) noexcept : object(std::nothrow, lt_rwlock_new()) {}

    void lock() noexcept {
        detail::promised(detail::uninterrupted([this] { return lt_rwlock_write_acquire(handle_); }));
    }
    [[nodiscard]] bool try_lock() noexcept { return lt_rwlock_try_write_acquire(handle_) == LT_OK; }
    void unlock() noexcept { detail::promised(lt_rwlock_write_release(handle_)); }

    /// @throws lt::error  overflow: a thousand million readers
    void lock_shared() {
        detail::check(detail::uninterrupted([this] { return lt_rwlock_read_acquire(handle_); }));
    }
    [[nodiscard]] bool try_lock_shared() noexcept { return lt_rwlock_try_read_acquire(handle_) == LT_OK; }
    void unlock_shared() noexcept { detail::promised(lt_rwlock_read_release(handle_)); }

    /// @throws lt::interrupted
    template <typename Rep, typename Period>
    [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period> &duration) {
        return detail::is_ok_or(lt_rwlock_write_acquire_timeout(handle_, detail::seconds(duration)), LT_TIMED_OUT);
    }
    template <typename Clock, typename Duration>
    [[nodiscard]] bool try_lock_until(const std::chrono::time_point<Clock, Duration> &deadline) {
        return detail::is_ok_or(
            lt_rwlock_write_acquire_timeout(handle_, detail::seconds_until(deadline)), LT_TIMED_OUT);
    }
    template <typename Rep, typename Period>
    [[nodiscard]] bool try_lock_shared_for(const std::chrono::duration<Rep, Period> &duration) {
        return detail::is_ok_or(lt_rwlock_read_acquire_timeout(handle_, detail::seconds(duration)), LT_TIMED_OUT);
    }
    template <typename Clock, typename Duration>
    [[nodiscard]] bool try_lock_shared_until(const std::chrono::time_point<Clock, Duration> &deadline) {
        return detail::is_ok_or(
            lt_rwlock_read_acquire_timeout(handle_, detail::seconds_until(deadline)), LT_TIMED_OUT);
    }

    /// For writing.
    /// @throws lt::interrupted  not acquired
    void acquire() { detail::check(lt_rwlock_write_acquire(handle_)); }
    status acquire(std::nothrow_t) noexcept { return status(lt_rwlock_write_acquire(handle_)); }
    /// @throws lt::error  not_held
    void release() { detail::check(lt_rwlock_write_release(handle_)); }
    status release(std::nothrow_t) noexcept { return status(lt_rwlock_write_release(handle_)); }
    /// For reading.
    /// @throws lt::interrupted  not acquired
    void acquire_shared() { detail::check(lt_rwlock_read_acquire(handle_)); }
    status acquire_shared(std::nothrow_t) noexcept { return status(lt_rwlock_read_acquire(handle_)); }
    /// @throws lt::error  not_held
    void release_shared() { detail::check(lt_rwlock_read_release(handle_)); }
    status release_shared(std::nothrow_t) noexcept { return status(lt_rwlock_read_release(handle_)); }

    void at_fork_reinit() { detail::check(lt_rwlock_at_fork_reinit(handle_)); }
};

/// A lock for sections of a few instructions: who waits for it stays awake. Lockable, without timed forms.
class spinlock : public detail::object<lt_spinlock, lt_spinlock_free> {
public:
    /// @throws lt::error  out of memory
    spinlock() : object(lt_spinlock_new()) {}
    explicit spinlock(std::nothrow_t) noexcept : object(std::nothrow, lt_spinlock_new()) {}

    void lock() noexcept { detail::promised(lt_spinlock_acquire(handle_)); }
    [[nodiscard]] bool try_lock() noexcept { return lt_spinlock_try_acquire(handle_) == LT_OK; }
    void unlock() noexcept { detail::promised(lt_spinlock_release(handle_)); }

    /// @throws lt::error  not_held
    void release() { detail::check(lt_spinlock_release(handle_)); }
    status release(std::nothrow_t) noexcept { return status(lt_spinlock_release(handle_)); }
};

LT_NAMESPACE_END

#endif
