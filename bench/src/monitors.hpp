// The mutexes with conditions that are compared.

#pragma once

#include "locks.hpp"

#ifdef HAVE_RUST
#include <peers.h>
#endif

namespace bench {

// A mutex and two conditions: `lock`, `unlock`, and for each of the two threads `wait` and `notify`;
// `notify_all` wakes whoever waits on the first.

struct LowthreadMonitor {
    static constexpr const char *name = "lowthread";
    lt_lock *mutex = lt_allocate_lock();
    lt_condition *conditions[2] = {lt_condition_new(), lt_condition_new()};
    LowthreadMonitor() { MUST(mutex && conditions[0] && conditions[1]); }
    ~LowthreadMonitor() {
        for (lt_condition *condition : conditions) MUST(lt_condition_free(condition) == LT_OK);
        MUST(lt_lock_free(mutex) == LT_OK);
    }
    void lock() { MUST(lt_lock_acquire(mutex) == LT_OK); }
    void unlock() { MUST(lt_lock_release(mutex) == LT_OK); }
    void wait(int i) { MUST(lt_condition_wait(conditions[i], mutex) == LT_OK); }
    void notify(int i) { MUST(lt_condition_notify(conditions[i], 1) == LT_OK); }
    void notify_all() { MUST(lt_condition_notify_all(conditions[0]) == LT_OK); }
};

struct alignas(64) PthreadMonitor {
    static constexpr const char *name = "pthread_cond";
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t conditions[2] = {PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER};
    void lock() { MUST(pthread_mutex_lock(&mutex) == 0); }
    void unlock() { MUST(pthread_mutex_unlock(&mutex) == 0); }
    void wait(int i) { MUST(pthread_cond_wait(&conditions[i], &mutex) == 0); }
    void notify(int i) { MUST(pthread_cond_signal(&conditions[i]) == 0); }
    void notify_all() { MUST(pthread_cond_broadcast(&conditions[0]) == 0); }
};

#ifdef HAVE_NSYNC
struct alignas(64) NsyncMonitor {
    static constexpr const char *name = "nsync_cv";
    nsync_mu mutex = NSYNC_MU_INIT;
    nsync_cv conditions[2] = {NSYNC_CV_INIT, NSYNC_CV_INIT};
    void lock() { nsync_mu_lock(&mutex); }
    void unlock() { nsync_mu_unlock(&mutex); }
    void wait(int i) { nsync_cv_wait(&conditions[i], &mutex); }
    void notify(int i) { nsync_cv_signal(&conditions[i]); }
    void notify_all() { nsync_cv_broadcast(&conditions[0]); }
};
#endif

#ifdef HAVE_ABSEIL
struct alignas(64) AbseilMonitor {
    static constexpr const char *name = "absl::CondVar";
    absl::Mutex mutex;
    absl::CondVar conditions[2];
    void lock() { mutex.Lock(); }
    void unlock() { mutex.Unlock(); }
    void wait(int i) { conditions[i].Wait(&mutex); }
    void notify(int i) { conditions[i].Signal(); }
    void notify_all() { conditions[0].SignalAll(); }
};
#endif

#ifdef HAVE_GLIB
struct alignas(64) GlibMonitor {
    static constexpr const char *name = "GCond";
    GMutex mutex;
    GCond conditions[2];
    GlibMonitor() {
        g_mutex_init(&mutex);
        for (GCond &condition : conditions) g_cond_init(&condition);
    }
    ~GlibMonitor() {
        for (GCond &condition : conditions) g_cond_clear(&condition);
        g_mutex_clear(&mutex);
    }
    void lock() { g_mutex_lock(&mutex); }
    void unlock() { g_mutex_unlock(&mutex); }
    void wait(int i) { g_cond_wait(&conditions[i], &mutex); }
    void notify(int i) { g_cond_signal(&conditions[i]); }
    void notify_all() { g_cond_broadcast(&conditions[0]); }
};
#endif

#ifdef HAVE_RUST
struct ParkingLotMonitor {
    static constexpr const char *name = "parking_lot";
    void *mutex = peer_parking_lot_mutex_new();
    void *conditions[2] = {peer_parking_lot_condition_new(), peer_parking_lot_condition_new()};
    ~ParkingLotMonitor() {
        for (void *condition : conditions) peer_parking_lot_condition_free(condition);
        peer_parking_lot_mutex_free(mutex);
    }
    void lock() { peer_parking_lot_mutex_acquire(mutex); }
    void unlock() { peer_parking_lot_mutex_release(mutex); }
    void wait(int i) { peer_parking_lot_condition_wait(conditions[i], mutex); }
    void notify(int i) { peer_parking_lot_condition_notify(conditions[i]); }
    void notify_all() { peer_parking_lot_condition_notify_all(conditions[0]); }
};

struct RustStandardMonitor {
    static constexpr const char *name = "Rust std";
    void *mutex = peer_std_mutex_new();
    void *conditions[2] = {peer_std_condition_new(), peer_std_condition_new()};
    peer_guard guard;   // Of the thread that holds the mutex.
    ~RustStandardMonitor() {
        for (void *condition : conditions) peer_std_condition_free(condition);
        peer_std_mutex_free(mutex);
    }
    void lock() { guard = peer_std_mutex_acquire(mutex); }
    void unlock() { peer_std_mutex_release(guard); }
    void wait(int i) { guard = peer_std_condition_wait(conditions[i], guard); }
    void notify(int i) { peer_std_condition_notify(conditions[i]); }
    void notify_all() { peer_std_condition_notify_all(conditions[0]); }
};
#endif

// Calls f.operator()<Monitor>() for every peer.
template <class F> void each_monitor_peer(F f) {
    f.template operator()<PthreadMonitor>();
#ifdef HAVE_NSYNC
    f.template operator()<NsyncMonitor>();
#endif
#ifdef HAVE_ABSEIL
    f.template operator()<AbseilMonitor>();
#endif
#ifdef HAVE_GLIB
    f.template operator()<GlibMonitor>();
#endif
#ifdef HAVE_RUST
    f.template operator()<ParkingLotMonitor>();
    f.template operator()<RustStandardMonitor>();
#endif
}

}  // namespace bench
