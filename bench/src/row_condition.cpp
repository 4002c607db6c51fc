// The condition: two threads that let each other go on, and a notify that nobody hears.

#include "locks.hpp"
#include "rows.hpp"

#ifdef HAVE_RUST
#include <peers.h>
#endif

namespace bench {

namespace {

// A mutex and two conditions: `lock`, `unlock`, and for each of the two threads `wait` and `notify`.

struct Ours {
    static constexpr const char *name = "lowthread";
    lt_lock *mutex = lt_allocate_lock();
    lt_condition *conditions[2] = {lt_condition_new(), lt_condition_new()};
    Ours() { MUST(mutex && conditions[0] && conditions[1]); }
    ~Ours() {
        for (lt_condition *condition : conditions) MUST(lt_condition_free(condition) == LT_OK);
        MUST(lt_lock_free(mutex) == LT_OK);
    }
    void lock() { MUST(lt_lock_acquire(mutex) == LT_OK); }
    void unlock() { MUST(lt_lock_release(mutex) == LT_OK); }
    void wait(int i) { MUST(lt_condition_wait(conditions[i], mutex) == LT_OK); }
    void notify(int i) { MUST(lt_condition_notify(conditions[i], 1) == LT_OK); }
};

// Each thread sleeps on a word of its own, without a mutex.
struct RawFutex {
    static constexpr const char *name = "raw futex";
    struct alignas(64) Word { std::atomic<uint32_t> word{0}; } words[2];
    void lock() {}
    void unlock() {}
    void wait(int i) {
        while (words[i].word.exchange(0, std::memory_order_acquire) == 0) futex_wait(words[i].word, 0);
    }
    void notify(int i) {
        words[i].word.store(1, std::memory_order_release);
        futex_wake(words[i].word);
    }
};

struct alignas(64) Shared {
    static constexpr const char *name = "limit, in a .so";
    uint64_t waiting = 0;
    void notify(int) { MUST(limit_condition_notify(&waiting) == 0); }
};

struct alignas(64) Pthread {
    static constexpr const char *name = "pthread_cond";
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t conditions[2] = {PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER};
    void lock() { MUST(pthread_mutex_lock(&mutex) == 0); }
    void unlock() { MUST(pthread_mutex_unlock(&mutex) == 0); }
    void wait(int i) { MUST(pthread_cond_wait(&conditions[i], &mutex) == 0); }
    void notify(int i) { MUST(pthread_cond_signal(&conditions[i]) == 0); }
};

#ifdef HAVE_NSYNC
struct alignas(64) Nsync {
    static constexpr const char *name = "nsync_cv";
    nsync_mu mutex = NSYNC_MU_INIT;
    nsync_cv conditions[2] = {NSYNC_CV_INIT, NSYNC_CV_INIT};
    void lock() { nsync_mu_lock(&mutex); }
    void unlock() { nsync_mu_unlock(&mutex); }
    void wait(int i) { nsync_cv_wait(&conditions[i], &mutex); }
    void notify(int i) { nsync_cv_signal(&conditions[i]); }
};
#endif

#ifdef HAVE_ABSEIL
struct alignas(64) Abseil {
    static constexpr const char *name = "absl::CondVar";
    absl::Mutex mutex;
    absl::CondVar conditions[2];
    void lock() { mutex.Lock(); }
    void unlock() { mutex.Unlock(); }
    void wait(int i) { conditions[i].Wait(&mutex); }
    void notify(int i) { conditions[i].Signal(); }
};
#endif

#ifdef HAVE_GLIB
struct alignas(64) Glib {
    static constexpr const char *name = "GCond";
    GMutex mutex;
    GCond conditions[2];
    Glib() {
        g_mutex_init(&mutex);
        for (GCond &condition : conditions) g_cond_init(&condition);
    }
    ~Glib() {
        for (GCond &condition : conditions) g_cond_clear(&condition);
        g_mutex_clear(&mutex);
    }
    void lock() { g_mutex_lock(&mutex); }
    void unlock() { g_mutex_unlock(&mutex); }
    void wait(int i) { g_cond_wait(&conditions[i], &mutex); }
    void notify(int i) { g_cond_signal(&conditions[i]); }
};
#endif

#ifdef HAVE_RUST
struct ParkingLot {
    static constexpr const char *name = "parking_lot";
    void *mutex = peer_parking_lot_mutex_new();
    void *conditions[2] = {peer_parking_lot_condition_new(), peer_parking_lot_condition_new()};
    ~ParkingLot() {
        for (void *condition : conditions) peer_parking_lot_condition_free(condition);
        peer_parking_lot_mutex_free(mutex);
    }
    void lock() { peer_parking_lot_mutex_acquire(mutex); }
    void unlock() { peer_parking_lot_mutex_release(mutex); }
    void wait(int i) { peer_parking_lot_condition_wait(conditions[i], mutex); }
    void notify(int i) { peer_parking_lot_condition_notify(conditions[i]); }
};

struct RustStandard {
    static constexpr const char *name = "Rust std";
    void *mutex = peer_std_mutex_new();
    void *conditions[2] = {peer_std_condition_new(), peer_std_condition_new()};
    peer_guard guard;   // Of the thread that holds the mutex.
    ~RustStandard() {
        for (void *condition : conditions) peer_std_condition_free(condition);
        peer_std_mutex_free(mutex);
    }
    void lock() { guard = peer_std_mutex_acquire(mutex); }
    void unlock() { peer_std_mutex_release(guard); }
    void wait(int i) { guard = peer_std_condition_wait(conditions[i], guard); }
    void notify(int i) { peer_std_condition_notify(conditions[i]); }
};
#endif

template <class F> void each_peer(F f) {
    f.template operator()<Pthread>();
#ifdef HAVE_NSYNC
    f.template operator()<Nsync>();
#endif
#ifdef HAVE_ABSEIL
    f.template operator()<Abseil>();
#endif
#ifdef HAVE_GLIB
    f.template operator()<Glib>();
#endif
#ifdef HAVE_RUST
    f.template operator()<ParkingLot>();
    f.template operator()<RustStandard>();
#endif
}

// Each waits for its turn, then gives it to the other: what one hand-over costs.
template <class Monitor> Row::Figures ping_pong(int (*place)(int)) {
    Monitor monitor;
    std::atomic<bool> stop{false};
    // Guarded by the monitor; atomic for the raw futex, which has no mutex.
    std::atomic<int> whose{0};
    bool last = false;
    uint64_t turns = 0;
    Team team = run_team(2, place, [&](int i) {
        for (bool end = false; !end;) {
            monitor.lock();
            while (whose.load(std::memory_order_acquire) != i) monitor.wait(i);
            // Thread 0 ends first, and says so to the other with its last turn.
            if (i == 0 && stop.load(std::memory_order_relaxed)) last = true;
            end = last;
            ++turns;
            whose.store(1 - i, std::memory_order_release);
            monitor.notify(1 - i);
            monitor.unlock();
        }
    }, [&] {
        sleep_for(full_or_quick(50'000'000, 25'000'000));
        stop.store(true);
    });
    return {team.wall / double(turns), team.cpu / double(turns)};
}

template <class Monitor> Row::Figures notify_round() {
    Monitor monitor;
    return {fastest_batch([&] { monitor.notify(0); })};
}

}  // namespace

void row_condition() {
    for (bool same_core : {true, false}) {
        if (!same_core && processors() < 2) continue;
        auto place = same_core ? all_on_one : spread_out;
        Row row(same_core ? "condition: hand-over between two threads on the same core"
                          : "condition: hand-over between two threads on different cores",
                {{"ns"}, {"CPU ns/op"}});
        row.ours([=] { return ping_pong<Ours>(place); });
        row.limit(RawFutex::name, [=] { return ping_pong<RawFutex>(place); });
        each_peer([&]<class Monitor>() { row.peer(Monitor::name, [=] { return ping_pong<Monitor>(place); }); });
        row.at_least(1, Row::best_peer).in_parts(full_or_quick(5, 2)).run();
    }
    Pinned pinned(0);
    Row row("condition: notify, nobody waits", {{"ns"}});
    row.ours(notify_round<Ours>);
    row.limit(Shared::name, notify_round<Shared>);
    each_peer([&]<class Monitor>() { row.peer(Monitor::name, notify_round<Monitor>); });
    row.at_least(1, Row::best_peer).best_of_many().run();
}

}  // namespace bench
