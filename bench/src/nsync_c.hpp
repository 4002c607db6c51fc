// nsync's C library from C++. Its headers, read by a C++ compiler, mean its C++ library, whose threads
// sleep on a mutex and a condition variable; those of the C library, the faster peer, on a futex.

#pragma once

#include <inttypes.h>
#include <nsync_time_internal.h>

using nsync::nsync_time;

#undef NSYNC_CPP_START_
#undef NSYNC_CPP_END_
#undef NSYNC_COUNTER_CPP_OVERLOAD_
#undef NSYNC_CV_CPP_OVERLOAD_
#undef NSYNC_MU_WAIT_CPP_OVERLOAD_
#undef NSYNC_NOTE_CPP_OVERLOAD_
#undef NSYNC_WAITER_CPP_OVERLOAD_
#define NSYNC_CPP_START_ extern "C" {
#define NSYNC_CPP_END_ }
#define NSYNC_COUNTER_CPP_OVERLOAD_
#define NSYNC_CV_CPP_OVERLOAD_
#define NSYNC_MU_WAIT_CPP_OVERLOAD_
#define NSYNC_NOTE_CPP_OVERLOAD_
#define NSYNC_WAITER_CPP_OVERLOAD_

#include <nsync.h>
