/// @file
/// A value of its own for each thread.
#ifndef LOWTHREAD_LOCAL_HPP
#define LOWTHREAD_LOCAL_HPP

#include <lowthread/counted.hpp>
#include <lowthread/object.hpp>

#include <functional>
#include <memory>
#include <type_traits>

LT_NAMESPACE_BEGIN

/// A T for each thread, made when the thread first asks for it, and destroyed there when it ends, however it does.
/// Unlike a thread_local, it can be a member, and there can be any number. The destructor destroys the calling
/// thread's value; those of other threads end with their threads, or with the process.
template <typename T> class local {
    static_assert(std::is_object_v<T> && !std::is_const_v<T>);

public:
    /// Values are T().
    /// @throws lt::error  out of memory
    template <typename U = T, std::enable_if_t<std::is_default_constructible_v<U>, int> = 0>
    local() : key_(new plain_key) {}
    /// Values are made by make(), on the thread whose value it is.
    template <typename Make,
        std::enable_if_t<std::is_invocable_r_v<T, Make &> && !std::is_same_v<std::decay_t<Make>, local>, int> = 0>
    explicit local(Make make) : key_(new made_key<Make>(std::move(make))) {}

    local(const local &) = delete;
    local &operator=(const local &) = delete;

    ~local() {
        reset();
        key_->leave();
    }

    /// The calling thread's value.
    /// @throws  what its constructor throws; lt::error: out of memory
    T &get() {
        if (T *const value = get_if()) {
            return *value;
        }
        std::unique_ptr<node> made = key_->make();
        if (T *const value = get_if()) {
            return *value; // Its own making has asked for it, and has it: that one stays.
        }
        detail::check(lt_local_set(key_->handle, made.get()));
        key_->enter();
        made->owner = key_;
        return made.release()->value;
    }
    T &operator*() { return get(); }
    T *operator->() { return std::addressof(get()); }

    /// The calling thread's value, if it has one; else NULL.
    [[nodiscard]] T *get_if() const noexcept {
        node *const mine = static_cast<node *>(lt_local_get(key_->handle));
        return mine != nullptr ? std::addressof(mine->value) : nullptr;
    }

    /// Destroys the calling thread's value: the next get() makes one anew.
    void reset() noexcept {
        if (void *const mine = lt_local_get(key_->handle)) {
            LT_IGNORE(lt_local_set(key_->handle, nullptr));
            end_value(mine);
        }
    }

    [[nodiscard]] lt_local *native_handle() const noexcept { return key_->handle; }

private:
    class key;

    /// One thread's value.
    struct node {
        template <typename... Args> explicit node(Args &&...args) : value(std::forward<Args>(args)...) {}
        node(const node &) = delete;
        node &operator=(const node &) = delete;
        T value;
        key *owner = nullptr; // Of whose users it is one.
    };

    /// What the values and the object share: a thread may be about to end its value while the object ends.
    class key : public detail::counted {
    public:
        key() : handle(lt_local_new(&end_value)) {
            if (handle == nullptr) {
                detail::raise(lt_last_status());
            }
        }
        key(const key &) = delete;
        key &operator=(const key &) = delete;
        virtual std::unique_ptr<node> make() = 0;

        lt_local *const handle;

    protected:
        ~key() override { LT_IGNORE(lt_local_free(handle)); }
    };

    struct plain_key final : key {
        std::unique_ptr<node> make() override { return std::make_unique<node>(); }
    };

    template <typename Make> struct made_key final : key {
        explicit made_key(Make m) : maker(std::move(m)) {}
        std::unique_ptr<node> make() override { return std::make_unique<node>(std::invoke(maker)); }
        Make maker;
    };

    static void end_value(void *value) {
        node *const mine = static_cast<node *>(value);
        key *const shared = mine->owner;
        delete mine;
        shared->leave();
    }

    key *const key_;
};

LT_NAMESPACE_END

#endif
