/// @file
/// lowthread for C++17 and newer: header-only over C's lowthread.h, which has what is promised of each type.
///
///     lt::queue<std::string> lines(100);
///     lt::thread reader([&] { for (auto line : lines) std::puts(line.c_str()); });
///     lines.put("hello");
///     lines.close(); // The reader ends, and is joined.
///
/// ERRORS     are thrown: lt::error, a std::system_error with the sentence of lt::last_error(). What a callable throws
///            comes out of join() and get(), the very object. With std::nothrow as the first argument a function
///            returns an lt::status instead: also where the compiler has no exceptions, and what would throw ends the
///            process.
/// WAITS      take any duration of std::chrono, and time points of any clock. What is not positive does not wait; what
///            is longer than C's LT_TIMEOUT_MAX waits without bound. A deadline is looked at once, when the wait
///            begins: that a clock is set afterwards changes nothing.
/// INTERRUPTS end a wait by lt::interrupted. lock() of the locks, destructors and noexcept functions are not ended: the
///            interrupt is pending again afterwards, without its signal.
/// OBJECTS    that synchronise neither move nor are copied; threads, futures, timers move, and may be assigned to
///            themselves. What was moved from is as if made by default. Destructors free nothing that others wait on.
#ifndef LOWTHREAD_HPP
#define LOWTHREAD_HPP

#include <lowthread/barrier.hpp>
#include <lowthread/condition.hpp>
#include <lowthread/errors.hpp>
#include <lowthread/event.hpp>
#include <lowthread/future.hpp>
#include <lowthread/insight.hpp>
#include <lowthread/local.hpp>
#include <lowthread/lock.hpp>
#include <lowthread/once.hpp>
#include <lowthread/pool.hpp>
#include <lowthread/queue.hpp>
#include <lowthread/select.hpp>
#include <lowthread/semaphore.hpp>
#include <lowthread/signal.hpp>
#include <lowthread/status.hpp>
#include <lowthread/stop.hpp>
#include <lowthread/thread.hpp>
#include <lowthread/time.hpp>
#include <lowthread/timer.hpp>
#include <lowthread/watcher.hpp>

#endif
