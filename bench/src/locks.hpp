// The locks that are compared, each behind acquire, release and try_acquire, inlined as a program
// would have it.

#pragma once

#include "bench.hpp"
#include "limit.h"
#include "lowthread.h"

#include <semaphore.h>
#include <threads.h>

#ifdef HAVE_ABSEIL
#include <absl/synchronization/mutex.h>
#endif
#ifdef HAVE_NSYNC
#include "nsync_c.hpp"
#endif
#ifdef HAVE_TBB
#include <oneapi/tbb/mutex.h>
#endif
#ifdef HAVE_GLIB
#include <glib.h>
#endif
#ifdef HAVE_UV
#include <uv.h>
#endif

namespace bench {

// Each lock has a cache line to itself, as ours have.
struct alignas(64) Lowthread {
    static constexpr const char *name = "lowthread";
    lt_lock *lock = lt_allocate_lock();
    Lowthread() { MUST(lock != nullptr); }
    ~Lowthread() { MUST(lt_lock_free(lock) == LT_OK); }
    void acquire() { MUST(lt_lock_acquire(lock) == LT_OK); }
    bool try_acquire() { return lt_lock_try_acquire(lock) == LT_OK; }
    void release() { MUST(lt_lock_release(lock) == LT_OK); }
};

// The two limits can only be used by one thread: they have nothing to wait with.
struct alignas(64) LimitInlined {
    static constexpr const char *name = "limit, inlined";
    std::atomic<uint64_t> word{0};
    void acquire() { MUST(change(0, 1, std::memory_order_acquire)); }
    bool try_acquire() {
        return word.load(std::memory_order_relaxed) == 0 && change(0, 1, std::memory_order_acquire);
    }
    void release() { MUST(change(1, 0, std::memory_order_release)); }
    bool change(uint64_t from, uint64_t to, std::memory_order order) {
        return word.compare_exchange_strong(from, to, order, std::memory_order_relaxed);
    }
};

struct alignas(64) LimitShared {
    static constexpr const char *name = "limit, in a .so";
    uint64_t word = 0;
    void acquire() { MUST(limit_lock_acquire(&word) == 0); }
    bool try_acquire() { return limit_lock_try_acquire(&word) == 0; }
    void release() { MUST(limit_lock_release(&word) == 0); }
};

struct alignas(64) PthreadMutex {
    static constexpr const char *name = "pthread_mutex";
    // Not by attributes: to ask for the type that is the default takes another path in glibc.
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    ~PthreadMutex() { pthread_mutex_destroy(&mutex); }
    void acquire() { MUST(pthread_mutex_lock(&mutex) == 0); }
    bool try_acquire() { return pthread_mutex_trylock(&mutex) == 0; }
    void release() { MUST(pthread_mutex_unlock(&mutex) == 0); }
};

struct PthreadAdaptive : PthreadMutex {
    static constexpr const char *name = "pthread adaptive mutex";
    PthreadAdaptive() { mutex = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP; }
};

struct alignas(64) C11Mutex {
    static constexpr const char *name = "C11 mtx";
    mtx_t mutex;
    C11Mutex() { MUST(mtx_init(&mutex, mtx_plain) == thrd_success); }
    ~C11Mutex() { mtx_destroy(&mutex); }
    void acquire() { MUST(mtx_lock(&mutex) == thrd_success); }
    bool try_acquire() { return mtx_trylock(&mutex) == thrd_success; }
    void release() { MUST(mtx_unlock(&mutex) == thrd_success); }
};

struct alignas(64) PosixSemaphore {
    static constexpr const char *name = "sem_t";
    sem_t semaphore;
    explicit PosixSemaphore(unsigned value = 1) { MUST(sem_init(&semaphore, 0, value) == 0); }
    ~PosixSemaphore() { sem_destroy(&semaphore); }
    void acquire() { MUST(sem_wait(&semaphore) == 0); }
    bool try_acquire() { return sem_trywait(&semaphore) == 0; }
    void release() { MUST(sem_post(&semaphore) == 0); }
};

#ifdef HAVE_ABSEIL
struct alignas(64) AbseilMutex {
    static constexpr const char *name = "absl::Mutex";
    absl::Mutex mutex;
    void acquire() { mutex.Lock(); }
    bool try_acquire() { return mutex.TryLock(); }
    void release() { mutex.Unlock(); }
};
#endif

#ifdef HAVE_NSYNC
struct alignas(64) NsyncMutex {
    static constexpr const char *name = "nsync_mu";
    nsync_mu mutex = NSYNC_MU_INIT;
    void acquire() { nsync_mu_lock(&mutex); }
    bool try_acquire() { return nsync_mu_trylock(&mutex) != 0; }
    void release() { nsync_mu_unlock(&mutex); }
};
#endif

#ifdef HAVE_TBB
struct alignas(64) TbbMutex {
    static constexpr const char *name = "tbb::mutex (inlined)";
    oneapi::tbb::mutex mutex;
    void acquire() { mutex.lock(); }
    bool try_acquire() { return mutex.try_lock(); }
    void release() { mutex.unlock(); }
};
#endif

#ifdef HAVE_GLIB
struct alignas(64) GlibMutex {
    static constexpr const char *name = "GMutex";
    GMutex mutex;
    GlibMutex() { g_mutex_init(&mutex); }
    ~GlibMutex() { g_mutex_clear(&mutex); }
    void acquire() { g_mutex_lock(&mutex); }
    bool try_acquire() { return g_mutex_trylock(&mutex); }
    void release() { g_mutex_unlock(&mutex); }
};
#endif

#ifdef HAVE_UV
struct alignas(64) UvMutex {
    static constexpr const char *name = "uv_mutex";
    uv_mutex_t mutex;
    UvMutex() { MUST(uv_mutex_init(&mutex) == 0); }
    ~UvMutex() { uv_mutex_destroy(&mutex); }
    void acquire() { uv_mutex_lock(&mutex); }
    bool try_acquire() { return uv_mutex_trylock(&mutex) == 0; }
    void release() { uv_mutex_unlock(&mutex); }
};
#endif

// Calls f.operator()<Lock>() for every peer that makes sense under contention.
template <class F> void each_lock_peer(F f) {
    f.template operator()<PthreadMutex>();
    f.template operator()<PthreadAdaptive>();
#ifdef HAVE_ABSEIL
    f.template operator()<AbseilMutex>();
#endif
#ifdef HAVE_NSYNC
    f.template operator()<NsyncMutex>();
#endif
#ifdef HAVE_TBB
    f.template operator()<TbbMutex>();
#endif
#ifdef HAVE_GLIB
    f.template operator()<GlibMutex>();
#endif
}

// Those whose fast path alone is of interest: their slow path is that of another one.
template <class F> void each_wrapped_lock_peer(F f) {
    f.template operator()<C11Mutex>();
#ifdef HAVE_UV
    f.template operator()<UvMutex>();
#endif
}

// Nanoseconds for one call of `step`: the fastest of a few batches, each shorter than the time between
// two interrupts of the core. For rows with best_of_many().
template <class Step> double fastest_batch(Step step, int turns = 20'000) {
    double best = INFINITY;
    for (int b = 0; b < 8; ++b) {
        uint64_t begin = now();
        for (int i = 0; i < turns; ++i) step();
        best = std::min(best, double(now() - begin) / turns);
    }
    return best;
}

}  // namespace bench
