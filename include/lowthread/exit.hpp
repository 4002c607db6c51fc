/// @file
/// Leaving a thread, past handlers that keep what a callable throws.
#ifndef LOWTHREAD_EXIT_HPP
#define LOWTHREAD_EXIT_HPP

#include <lowthread/status.hpp>

#include <exception>

// How lt_exit() passes `catch (...)`: GNU's runtime lets one tell that by its type, and rethrow it. LLVM's cannot
// rethrow it, so there an exception takes its place within handlers of ours. Others do not enter the handler.
#if LT_HAS_EXCEPTIONS && defined(__GLIBCXX__) && defined(__linux__)
#include <cxxabi.h>
#define LT_EXIT_PASSES 1
#elif LT_HAS_EXCEPTIONS && defined(_LIBCPP_VERSION) && defined(__linux__)
#define LT_EXIT_PASSES 2
#else
#define LT_EXIT_PASSES 0
#endif

LT_NAMESPACE_BEGIN

#if LT_EXIT_PASSES == 2
namespace detail {

/// What exit() throws within a handler of ours.
struct exiting {};

/// How many of them the calling thread is in.
inline thread_local unsigned handlers = 0;

struct handler_scope {
    handler_scope() noexcept { handlers++; }
    ~handler_scope() { handlers--; }
    handler_scope(const handler_scope &) = delete;
    handler_scope &operator=(const handler_scope &) = delete;
};

} // namespace detail
#endif

/// Ends the calling thread from any depth, silently; destructors run on the way. On the main thread it is exit(0).
/// A function that is noexcept on the way, as destructors are, ends the process. So does a `catch (...)` that does not
/// rethrow; in a thread or a task of LLVM's C++ library it keeps the thread instead.
[[noreturn]] inline void exit() {
#if LT_EXIT_PASSES == 2
    if (detail::handlers > 0) {
        throw detail::exiting();
    }
#endif
    lt_exit();
}

namespace detail {

/// In a handler.
[[noreturn]] inline void rethrow_caught() {
#if LT_HAS_EXCEPTIONS
    throw;
#else
    std::abort();
#endif
}

/// Calls call(), and caught() in the handler of what it throws; exit() passes.
template <typename Call, typename Caught>
void guarded(Call &&call, [[maybe_unused]] Caught &&caught) {
#if LT_EXIT_PASSES == 2
    bool leaves = false;
    {
        const handler_scope scope;
        try {
            call();
        } catch (const exiting &) {
            leaves = true;
        } catch (...) {
            caught();
        }
    }
    if (leaves) {
        exit(); // By the next handler, or really.
    }
#elif LT_HAS_EXCEPTIONS
    try {
        call();
    }
#if LT_EXIT_PASSES == 1
    catch (const abi::__forced_unwind &) {
        throw;
    }
#endif
    catch (...) {
        caught();
    }
#else
    call();
#endif
}

} // namespace detail

LT_NAMESPACE_END

#endif
