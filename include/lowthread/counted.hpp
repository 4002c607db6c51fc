/// @file
/// What several share, and who ends it.
#ifndef LOWTHREAD_COUNTED_HPP
#define LOWTHREAD_COUNTED_HPP

#include <lowthread/config.hpp>

#include <atomic>
#include <cstddef>
#include <type_traits>
#include <utility>

LT_NAMESPACE_BEGIN

namespace detail {

/// Ends with the last of its users.
class counted {
public:
    counted(const counted &) = delete;
    counted &operator=(const counted &) = delete;

    /// By who is a user, for another one.
    void enter() noexcept { users_.fetch_add(1, std::memory_order_relaxed); }
    void leave() noexcept {
        // Release: what this user did happens before the end. Acquire: what the others did, too.
        if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            end();
        }
    }

protected:
    explicit counted(std::size_t users = 1) noexcept : users_(users) {}
    virtual ~counted() = default;
    /// No user is left.
    virtual void end() noexcept { delete this; }

private:
    std::atomic<std::size_t> users_;
};

/// One of its users, or none.
template <typename Thing> class shared {
public:
    shared() noexcept = default;
    /// Takes over the one that a new thing has.
    explicit shared(Thing *thing) noexcept : thing_(thing) {}
    shared(const shared &other) noexcept : thing_(other.thing_) { enter(); }
    shared(shared &&other) noexcept : thing_(std::exchange(other.thing_, nullptr)) {}
    template <typename Derived, std::enable_if_t<std::is_convertible_v<Derived *, Thing *>, int> = 0>
    shared(const shared<Derived> &other) noexcept : thing_(other.get()) {
        enter();
    }
    shared &operator=(const shared &other) noexcept {
        shared(other).swap(*this);
        return *this;
    }
    shared &operator=(shared &&other) noexcept {
        shared(std::move(other)).swap(*this);
        return *this;
    }
    ~shared() {
        if (thing_ != nullptr) {
            thing_->leave();
        }
    }
    void swap(shared &other) noexcept { std::swap(thing_, other.thing_); }

    Thing *operator->() const noexcept { return thing_; }
    Thing &operator*() const noexcept { return *thing_; }
    Thing *get() const noexcept { return thing_; }
    explicit operator bool() const noexcept { return thing_ != nullptr; }

private:
    void enter() noexcept {
        if (thing_ != nullptr) {
            thing_->enter();
        }
    }

    Thing *thing_ = nullptr;
};

} // namespace detail

LT_NAMESPACE_END

#endif
