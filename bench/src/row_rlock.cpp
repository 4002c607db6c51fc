// The re-entrant lock with nobody else there: taken, and taken again by who has it.

#include "locks.hpp"
#include "rows.hpp"

#include <mutex>

#ifdef HAVE_RUST
#include <peers.h>
#endif

namespace bench {

namespace {

struct Ours {
    lt_rlock *lock = lt_rlock_new();
    Ours() { MUST(lock != nullptr); }
    ~Ours() { MUST(lt_rlock_free(lock) == LT_OK); }
    void acquire() { MUST(lt_rlock_acquire(lock) == LT_OK); }
    void release() { MUST(lt_rlock_release(lock) == LT_OK); }
};

struct alignas(64) Shared {
    static constexpr const char *name = "limit, in a .so";
    limit_rlock lock{0, 0};
    void acquire() { MUST(limit_rlock_acquire(&lock) == 0); }
    void release() { MUST(limit_rlock_release(&lock) == 0); }
};

struct alignas(64) Pthread {
    static constexpr const char *name = "pthread recursive mutex";
    pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
    ~Pthread() { pthread_mutex_destroy(&mutex); }
    void acquire() { MUST(pthread_mutex_lock(&mutex) == 0); }
    void release() { MUST(pthread_mutex_unlock(&mutex) == 0); }
};

struct alignas(64) Standard {
    static constexpr const char *name = "std::recursive_mutex";
    std::recursive_mutex mutex;
    void acquire() { mutex.lock(); }
    void release() { mutex.unlock(); }
};

#ifdef HAVE_GLIB
struct alignas(64) Glib {
    static constexpr const char *name = "GRecMutex";
    GRecMutex mutex;
    Glib() { g_rec_mutex_init(&mutex); }
    ~Glib() { g_rec_mutex_clear(&mutex); }
    void acquire() { g_rec_mutex_lock(&mutex); }
    void release() { g_rec_mutex_unlock(&mutex); }
};
#endif

#ifdef HAVE_RUST
struct ParkingLot {
    static constexpr const char *name = "parking_lot";
    void *lock = peer_parking_lot_reentrant_new();
    ~ParkingLot() { peer_parking_lot_reentrant_free(lock); }
    void acquire() { peer_parking_lot_reentrant_acquire(lock); }
    void release() { peer_parking_lot_reentrant_release(lock); }
};
#endif

template <class F> void each_peer(F f) {
    f.template operator()<Pthread>();
    f.template operator()<Standard>();
#ifdef HAVE_GLIB
    f.template operator()<Glib>();
#endif
#ifdef HAVE_RUST
    f.template operator()<ParkingLot>();
#endif
}

template <class Lock> Row::Figures pair_round(bool nested) {
    Lock lock;
    if (nested) lock.acquire();
    double cost = fastest_batch([&] {
        lock.acquire();
        lock.release();
    });
    if (nested) lock.release();
    return {cost};
}

}  // namespace

void row_rlock() {
    Pinned pinned(0);
    for (bool nested : {false, true}) {
        Row row(nested ? "rlock: acquire + release, already held by this thread"
                       : "rlock: acquire + release, uncontended",
                {{"ns"}});
        row.ours([=] { return pair_round<Ours>(nested); });
        row.limit(Shared::name, [=] { return pair_round<Shared>(nested); });
        each_peer([&]<class Lock>() { row.peer(Lock::name, [=] { return pair_round<Lock>(nested); }); });
        row.at_least(1, Row::best_peer).best_of_many().run();
    }
}

}  // namespace bench
