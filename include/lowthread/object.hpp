/// @file
/// The handle of C inside an object that stays where it is.
#ifndef LOWTHREAD_OBJECT_HPP
#define LOWTHREAD_OBJECT_HPP

#include <lowthread/status.hpp>

#include <new>

LT_NAMESPACE_BEGIN

namespace detail {

/// Has a handle, which is one as long as the object lives: so what can only fail for a bad handle cannot fail.
///
/// The destructor frees nothing while other threads wait on the object (LT_BUSY): they have the handle, which stays
/// good, and wait on. So a static may end while detached threads still use it.
template <typename Handle, lt_status (*Free)(Handle *)> class object {
public:
    object(const object &) = delete;
    object &operator=(const object &) = delete;

    /// C's handle, which stays the object's.
    [[nodiscard]] Handle *native_handle() const noexcept { return handle_; }

    /// False only after a constructor with std::nothrow that failed; last_status() says why.
    explicit operator bool() const noexcept { return handle_ != nullptr; }

protected:
    explicit object(Handle *handle) : handle_(handle) {
        if (!LT_LIKELY(handle != nullptr)) {
            raise(lt_last_status());
        }
    }
    object(std::nothrow_t, Handle *handle) noexcept : handle_(handle) {}
    ~object() { LT_IGNORE(Free(handle_)); }

    Handle *const handle_;
};

/// A handle that can be given on.
template <typename Handle, lt_status (*Free)(Handle *)> struct freed {
    void operator()(Handle *handle) const noexcept { LT_IGNORE(Free(handle)); }
};

} // namespace detail

LT_NAMESPACE_END

#endif
