// The readers-writer lock: alone, and where nearly all read.

#include "locks.hpp"
#include "rows.hpp"

#ifdef HAVE_TBB
#include <oneapi/tbb/rw_mutex.h>
#include <oneapi/tbb/spin_rw_mutex.h>
#endif
#ifdef HAVE_RUST
#include <peers.h>
#endif

namespace bench {

namespace {

// Some want back at the release what the acquire has returned.
struct Nothing {};

struct Ours {
    static constexpr const char *name = "lowthread";
    lt_rwlock *lock = lt_rwlock_new();
    Ours() { MUST(lock != nullptr); }
    ~Ours() { MUST(lt_rwlock_free(lock) == LT_OK); }
    Nothing read() { MUST(lt_rwlock_read_acquire(lock) == LT_OK); return {}; }
    void end_read(Nothing) { MUST(lt_rwlock_read_release(lock) == LT_OK); }
    Nothing write() { MUST(lt_rwlock_write_acquire(lock) == LT_OK); return {}; }
    void end_write(Nothing) { MUST(lt_rwlock_write_release(lock) == LT_OK); }
};

// The limits can only be used by one thread: they have nothing to wait with.
struct alignas(64) Inlined {
    static constexpr const char *name = "limit, inlined";
    std::atomic<uint64_t> word{0};
    Nothing read() {
        uint64_t value = word.load(std::memory_order_relaxed);
        MUST((value & 1) == 0 && word.compare_exchange_strong(value, value + 2, std::memory_order_acquire));
        return {};
    }
    void end_read(Nothing) { word.fetch_sub(2, std::memory_order_release); }
    Nothing write() {
        uint64_t value = 0;
        MUST(word.compare_exchange_strong(value, 1, std::memory_order_acquire));
        return {};
    }
    void end_write(Nothing) {
        uint64_t value = 1;
        MUST(word.compare_exchange_strong(value, 0, std::memory_order_release));
    }
};

struct alignas(64) Shared {
    static constexpr const char *name = "limit, in a .so";
    uint64_t word = 0;
    Nothing read() { MUST(limit_rwlock_read_acquire(&word) == 0); return {}; }
    void end_read(Nothing) { MUST(limit_rwlock_read_release(&word) == 0); }
    Nothing write() { MUST(limit_lock_acquire(&word) == 0); return {}; }
    void end_write(Nothing) { MUST(limit_lock_release(&word) == 0); }
};

struct alignas(64) Pthread {
    static constexpr const char *name = "pthread_rwlock";
    pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
    ~Pthread() { pthread_rwlock_destroy(&lock); }
    Nothing read() { MUST(pthread_rwlock_rdlock(&lock) == 0); return {}; }
    void end_read(Nothing) { MUST(pthread_rwlock_unlock(&lock) == 0); }
    Nothing write() { MUST(pthread_rwlock_wrlock(&lock) == 0); return {}; }
    void end_write(Nothing) { MUST(pthread_rwlock_unlock(&lock) == 0); }
};

#ifdef HAVE_TBB
template <class Mutex> struct alignas(64) Tbb {
    Mutex mutex;
    Nothing read() { mutex.lock_shared(); return {}; }
    void end_read(Nothing) { mutex.unlock_shared(); }
    Nothing write() { mutex.lock(); return {}; }
    void end_write(Nothing) { mutex.unlock(); }
};
struct TbbSpinning : Tbb<oneapi::tbb::spin_rw_mutex> {
    static constexpr const char *name = "tbb::spin_rw_mutex (inlined)";
};
struct TbbSleeping : Tbb<oneapi::tbb::rw_mutex> {
    static constexpr const char *name = "tbb::rw_mutex (inlined)";
};
#endif

#ifdef HAVE_NSYNC
struct alignas(64) Nsync {
    static constexpr const char *name = "nsync_mu";
    nsync_mu mutex = NSYNC_MU_INIT;
    Nothing read() { nsync_mu_rlock(&mutex); return {}; }
    void end_read(Nothing) { nsync_mu_runlock(&mutex); }
    Nothing write() { nsync_mu_lock(&mutex); return {}; }
    void end_write(Nothing) { nsync_mu_unlock(&mutex); }
};
#endif

#ifdef HAVE_ABSEIL
struct alignas(64) Abseil {
    static constexpr const char *name = "absl::Mutex";
    absl::Mutex mutex;
    Nothing read() { mutex.ReaderLock(); return {}; }
    void end_read(Nothing) { mutex.ReaderUnlock(); }
    Nothing write() { mutex.WriterLock(); return {}; }
    void end_write(Nothing) { mutex.WriterUnlock(); }
};
#endif

#ifdef HAVE_GLIB
struct alignas(64) Glib {
    static constexpr const char *name = "GRWLock";
    GRWLock lock;
    Glib() { g_rw_lock_init(&lock); }
    ~Glib() { g_rw_lock_clear(&lock); }
    Nothing read() { g_rw_lock_reader_lock(&lock); return {}; }
    void end_read(Nothing) { g_rw_lock_reader_unlock(&lock); }
    Nothing write() { g_rw_lock_writer_lock(&lock); return {}; }
    void end_write(Nothing) { g_rw_lock_writer_unlock(&lock); }
};
#endif

#ifdef HAVE_RUST
struct ParkingLot {
    static constexpr const char *name = "parking_lot";
    void *lock = peer_parking_lot_rwlock_new();
    ~ParkingLot() { peer_parking_lot_rwlock_free(lock); }
    Nothing read() { peer_parking_lot_rwlock_read_acquire(lock); return {}; }
    void end_read(Nothing) { peer_parking_lot_rwlock_read_release(lock); }
    Nothing write() { peer_parking_lot_rwlock_write_acquire(lock); return {}; }
    void end_write(Nothing) { peer_parking_lot_rwlock_write_release(lock); }
};

struct RustStandard {
    static constexpr const char *name = "Rust std";
    void *lock = peer_std_rwlock_new();
    ~RustStandard() { peer_std_rwlock_free(lock); }
    peer_guard read() { return peer_std_rwlock_read_acquire(lock); }
    void end_read(peer_guard guard) { peer_std_rwlock_read_release(guard); }
    peer_guard write() { return peer_std_rwlock_write_acquire(lock); }
    void end_write(peer_guard guard) { peer_std_rwlock_write_release(guard); }
};
#endif

template <class F> void each_peer(F f) {
    f.template operator()<Pthread>();
#ifdef HAVE_TBB
    f.template operator()<TbbSpinning>();
    f.template operator()<TbbSleeping>();
#endif
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

template <class Lock> Row::Figures read_round() {
    Lock lock;
    return {fastest_batch([&] { lock.end_read(lock.read()); })};
}

// The same beside a reader that stays.
template <class Lock> Row::Figures beside_reader_round() {
    Lock lock;
    auto reader = lock.read();
    Row::Figures figures = {fastest_batch([&] { lock.end_read(lock.read()); })};
    lock.end_read(std::move(reader));
    return figures;
}

template <class Lock> Row::Figures write_round() {
    Lock lock;
    return {fastest_batch([&] { lock.end_write(lock.write()); })};
}

// Threads that look at two numbers, which are always alike, and each hundredth time change both.
template <class Lock> Row::Figures mixed_round(int threads) {
    Lock lock;
    struct alignas(64) Pair { uint64_t a = 0, b = 0; } pair;
    struct alignas(64) Count { uint64_t reads = 0, writes = 0; };
    std::vector<Count> counts{size_t(threads)};
    std::atomic<bool> stop{false};
    Team team = run_team(threads, spread_out, [&](int i) {
        Count count;
        // Not all write at the same time.
        for (int turn = i * 31; !stop.load(std::memory_order_relaxed); ++turn) {
            if (turn % 100 != 0) {
                auto held = lock.read();
                uint64_t a = pair.a;
                keep(a);
                bool alike = a == pair.b;
                lock.end_read(held);
                if (!alike) die("%s lets a reader in while one writes", Lock::name);
                ++count.reads;
            } else {
                auto held = lock.write();
                ++pair.a;
                keep(pair);
                ++pair.b;
                keep(pair);
                lock.end_write(held);
                ++count.writes;
            }
        }
        counts[size_t(i)] = count;
    }, [&] {
        sleep_for(full_or_quick(40'000'000, 20'000'000));
        stop.store(true);
    });
    uint64_t reads = 0, writes = 0;
    for (const Count &count : counts) reads += count.reads, writes += count.writes;
    if (pair.a != writes) die("%s does not exclude: %lu of %lu writes", Lock::name, pair.a, writes);
    double total = double(reads + writes);
    return {total / team.wall * 1e3, team.cpu / total};
}

}  // namespace

void row_rwlock() {
    for (bool writing : {false, true}) {
        Pinned pinned(0);
        Row row(writing ? "rwlock: write acquire + release, uncontended" : "rwlock: read acquire + release, uncontended",
                {{"ns"}});
        auto round = [=]<class Lock>() -> Row::Round { return writing ? write_round<Lock> : read_round<Lock>; };
        row.ours(round.operator()<Ours>());
        row.limit(Inlined::name, round.operator()<Inlined>());
        row.limit(Shared::name, round.operator()<Shared>());
        each_peer([&]<class Lock>() { row.peer(Lock::name, round.operator()<Lock>()); });
        row.at_least(1 / 1.05, Shared::name).best_of_many().run();
    }
    {
        Pinned pinned(0);
        Row row("rwlock: read acquire + release, with a reader inside", {{"ns"}});
        row.ours(beside_reader_round<Ours>);
        each_peer([&]<class Lock>() { row.peer(Lock::name, beside_reader_round<Lock>); });
        row.at_least(1, Row::best_peer).best_of_many().run();
    }
    for (int threads : {2, 4}) {
        char title[80];
        std::snprintf(title, sizeof title, "rwlock: 99 %% reads, %d threads", threads);
        Row row(title, {{"Mops/s", Better::higher}, {"CPU ns/op"}});
        row.ours([=] { return mixed_round<Ours>(threads); });
        each_peer([&]<class Lock>() { row.peer(Lock::name, [=] { return mixed_round<Lock>(threads); }); });
        row.at_least(1, Row::best_peer).in_parts(full_or_quick(4, 1)).run();
    }
}

}  // namespace bench
