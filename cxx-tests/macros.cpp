// The headers behind macros that others are known to define: Windows, Qt, X11.
#include <atomic>
#include <cassert>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <future>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>
#if __has_include(<stop_token>)
#include <stop_token>
#endif
#if defined(__GLIBCXX__)
#include <cxxabi.h>
#endif

#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define small char
#define near
#define far
#define interface struct
#define IN
#define OUT
#define ERROR 0
#define DELETE 1
#define signals public
#define slots
#define emit
#define foreach for
#define forever for (;;)
#define Status int
#define Bool int
#define True 1
#define False 0
#define None 0
#define Success 0
#define Always 2
#define major(x) x
#define minor(x) x
#define linux 1
#define unix 1
#define I 1

#include <lowthread.hpp>
