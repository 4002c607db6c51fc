/// @file
/// What the compiler can do, and the helpers that every header needs.
#ifndef LOWTHREAD_CONFIG_HPP
#define LOWTHREAD_CONFIG_HPP

#include <lowthread.h>

#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 201703L
#error "lowthread.hpp needs C++17"
#endif

#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define LT_HAS_EXCEPTIONS 1
#else
#define LT_HAS_EXCEPTIONS 0
#endif

// Also under -fvisibility=hidden a program with its shared libraries has one of each: what one throws another catches,
// and there is one category of statuses.
#if defined(__GNUC__) && !defined(_WIN32)
#define LT_VISIBLE __attribute__((visibility("default")))
#else
#define LT_VISIBLE
#endif

// Functions that would throw are others where nothing can: they have other names for the linker, so that a program
// may have both.
#if LT_HAS_EXCEPTIONS
#define LT_NAMESPACE_BEGIN namespace lt LT_VISIBLE {
#define LT_NAMESPACE_END }
#else
#define LT_NAMESPACE_BEGIN namespace lt LT_VISIBLE { inline namespace no_exceptions {
#define LT_NAMESPACE_END } }
#endif

// For what is rarely called, and shall not be in the way of what is.
#if defined(__GNUC__)
#define LT_COLD [[gnu::cold, gnu::noinline]]
#define LT_LIKELY(condition) __builtin_expect(!!(condition), 1)
#else
#define LT_COLD
#define LT_LIKELY(condition) (condition)
#endif

#endif
