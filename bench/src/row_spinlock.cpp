// The spinlock: alone, and with others on every core and on too few.

#include "locks.hpp"
#include "rows.hpp"

#ifdef HAVE_TBB
#include <oneapi/tbb/spin_mutex.h>
#endif

namespace bench {

namespace {

struct Ours {
    static constexpr const char *name = "lowthread";
    lt_spinlock *lock = lt_spinlock_new();
    Ours() { MUST(lock != nullptr); }
    ~Ours() { MUST(lt_spinlock_free(lock) == LT_OK); }
    void acquire() { MUST(lt_spinlock_acquire(lock) == LT_OK); }
    void release() { MUST(lt_spinlock_release(lock) == LT_OK); }
};

struct alignas(64) Shared {
    static constexpr const char *name = "limit, in a .so";
    uint64_t word = 0;
    void acquire() { MUST(limit_lock_acquire(&word) == 0); }
    void release() { MUST(limit_spinlock_release(&word) == 0); }
};

struct alignas(64) Pthread {
    static constexpr const char *name = "pthread_spin";
    pthread_spinlock_t lock;
    Pthread() { MUST(pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE) == 0); }
    ~Pthread() { pthread_spin_destroy(&lock); }
    void acquire() { MUST(pthread_spin_lock(&lock) == 0); }
    void release() { MUST(pthread_spin_unlock(&lock) == 0); }
};

#ifdef HAVE_TBB
struct alignas(64) Tbb {
    static constexpr const char *name = "tbb::spin_mutex (inlined)";
    oneapi::tbb::spin_mutex mutex;
    void acquire() { mutex.lock(); }
    void release() { mutex.unlock(); }
};
#endif

template <class F> void each_peer(F f) {
    f.template operator()<Pthread>();
#ifdef HAVE_TBB
    f.template operator()<Tbb>();
#endif
}

template <class Lock> Row::Figures pair_round() {
    Lock lock;
    return {fastest_batch([&] {
        lock.acquire();
        lock.release();
    })};
}

template <class Lock> Row::Figures contended_round(int threads) {
    Lock lock;
    struct alignas(64) Count { uint64_t n = 0; };
    std::vector<Count> counts{size_t(threads)};
    uint64_t guarded = 0;
    std::atomic<bool> stop{false};
    Team team = run_team(threads, spread_out, [&](int i) {
        uint64_t n = 0;
        for (; !stop.load(std::memory_order_relaxed); ++n) {
            lock.acquire();
            ++guarded;
            keep(guarded);
            lock.release();
        }
        counts[size_t(i)].n = n;
    }, [&] {
        sleep_for(full_or_quick(40'000'000, 20'000'000));
        stop.store(true);
    });
    uint64_t total = 0;
    for (const Count &count : counts) total += count.n;
    if (guarded != total) die("%s does not exclude: %lu of %lu increments", Lock::name, guarded, total);
    return {double(total) / team.wall * 1e3, team.cpu / double(total)};
}

}  // namespace

void row_spinlock() {
    {
        Pinned pinned(0);
        Row row("spinlock: acquire + release, uncontended", {{"ns"}});
        row.ours(pair_round<Ours>);
        row.limit(LimitInlined::name, pair_round<LimitInlined>);
        row.limit(Shared::name, pair_round<Shared>);
        each_peer([&]<class Lock>() { row.peer(Lock::name, pair_round<Lock>); });
        row.at_least(1 / 1.05, Shared::name).best_of_many().run();
    }
    for (int threads : {2, 4}) {
        char title[80];
        std::snprintf(title, sizeof title, "spinlock: contended, %d threads, nothing inside", threads);
        Row row(title, {{"Mops/s", Better::higher}, {"CPU ns/op"}});
        row.ours([=] { return contended_round<Ours>(threads); });
        each_peer([&]<class Lock>() { row.peer(Lock::name, [=] { return contended_round<Lock>(threads); }); });
        row.at_least(1, Row::best_peer).in_parts(full_or_quick(4, 1)).run();
    }
}

}  // namespace bench
