// What several C tests need: waiting for what nothing can signal, and threads that wait.
// C only. Everything here checks with must(), so it may be used on every thread and in children.
#ifndef LT_SUPPORT_H
#define LT_SUPPORT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// The next number above LT_TIMEOUT_MAX.
#define ABOVE_TIMEOUT_MAX (LT_TIMEOUT_MAX * (1 + DBL_EPSILON))

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

// How much later than promised something may happen on a loaded machine; how long a poll may last.
#define SLACK 5.0
#define POLL_SECONDS 20.0

// As must(), and says which row of a table it was about.
#define must_for(what, condition)                                                                  \
    ((condition) ? (void)0                                                                         \
                 : (fprintf(stderr, "%s: ", (what)),                                               \
                       lt_harness_must(__FILE__, __LINE__, #condition)))

// Polls, for conditions that nothing can signal.
#define must_soon(condition)                                                                       \
    do {                                                                                           \
        for (double began_ = lt_monotonic(); !(condition);) {                                      \
            must(seconds_since(began_) < POLL_SECONDS && #condition);                              \
            nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);                                \
        }                                                                                          \
    } while (0)

// Whether the C library is musl, which has no name of its own for the preprocessor.
static inline bool on_musl(void) {
#if defined(__linux__) && !defined(__GLIBC__)
    return true;
#else
    return false;
#endif
}

// Leaves the case where the program is static, which can load nothing.
static inline void skip_where_nothing_is_loaded(void) {
#ifdef LT_STATIC
    skip_because("a static program can load nothing");
#endif
}

#define skip_without_handlers()                                                                    \
    skip_without(LT_FEATURE_WAKE_IN_HANDLERS, "nothing is async-signal-safe on the portable wait engine")
#define skip_without_signals()                                                                     \
    skip_without(LT_FEATURE_SIGNALS, "the platform does not have that signal")
// For cases in which there is none while several threads run: each may meet the other at a lock.
#define skip_without_memory()                                                                      \
    skip_without(LT_FEATURE_NO_MEMORY, "without memory, waits may end the process on the portable wait engine")

// A size of a stack that no thread gets: larger than what is left of the addresses.
static inline size_t too_large_a_stack(void) {
    if (sizeof(size_t) < 8) {
        const int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        // Of four, which is all that can be addressed, two are left.
        for (int gigabytes = 0; gigabytes < 2; gigabytes++) {
            must(mmap(NULL, (size_t)1 << 30, PROT_NONE, kind, -1, 0) != MAP_FAILED);
        }
        return SIZE_MAX / 2 - (1 << 20);
    }
    return SIZE_MAX / 4;
}

// Whether the sentence of the last error begins with the name of this function.
static inline bool last_error_names(const char *function) {
    const char *sentence = lt_last_error();
    size_t length = strlen(function);
    return strncmp(sentence, function, length) == 0 && strncmp(sentence + length, ": ", 2) == 0;
}

// Whether the memory of this process tells what the program and the library keep: a sanitizer keeps what was freed,
// and much of an emulator's process is its own.
static inline bool memory_tells(void) {
    return !under_sanitizer() && !under_emulator();
}

// For a case that is about nothing else.
static inline void skip_where_memory_does_not_tell(void) {
    if (!memory_tells()) {
        skip_because("what this process keeps is not only the program's");
    }
}

// abi/symbols.txt: the names of all functions. `source` is __FILE__.
static inline FILE *open_symbols(const char *source) {
    char path[4096];
    const char *slash = strrchr(source, '/');
    int length = slash == NULL ? 1 : (int)(slash - source);
    snprintf(path, sizeof path, "%.*s/../abi/symbols.txt", length, slash ? source : ".");
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fail_msg("%s: %s", path, strerror(errno));
    }
    return file;
}

static inline void join_all_threads(void) {
    must_soon(lt_thread_count() == 0);
}

// A thread that makes one call.
typedef struct waiter {
    lt_status (*call)(void *object);
    void *object;
    lt_status status;
    lt_ident ident;
    _Atomic int64_t native_id;
    lt_lock *running; // Held until the call has returned.
} waiter;

static inline void waiter_run(void *arg) {
    waiter *w = arg;
    atomic_store(&w->native_id, lt_get_native_id());
    w->status = w->call(w->object);
    must(lt_lock_release(w->running) == LT_OK);
}

// Starts the thread. Does not wait until it sleeps.
static inline void waiter_launch(waiter *w, lt_status (*call)(void *), void *object) {
    *w = (waiter){.call = call, .object = object, .running = lt_allocate_lock()};
    must(lt_lock_acquire(w->running) == LT_OK);
    must(lt_start_new_thread(waiter_run, w, &w->ident) == LT_OK);
}

static inline bool waiter_asleep(waiter *w) {
    int64_t id = atomic_load(&w->native_id);
    return id != 0 && asleep(id);
}

// Starts the thread and returns when it sleeps in its call.
static inline void waiter_start(waiter *w, lt_status (*call)(void *), void *object) {
    waiter_launch(w, call, object);
    must_soon(waiter_asleep(w));
}

// Whether the call has returned.
static inline bool waiter_is_done(const waiter *w) {
    return !lt_lock_locked(w->running);
}

// Waits for the call to return, whatever is pending for this thread; what it returned.
static inline lt_status waiter_join(waiter *w) {
    must(lt_lock_acquire_uninterruptible(w->running) == LT_OK);
    must(lt_lock_free(w->running) == LT_OK);
    return w->status;
}

#endif
