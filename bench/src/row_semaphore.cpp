// The semaphore: alone, and as a signal from producers to consumers.

#include "locks.hpp"
#include "rows.hpp"

#include <semaphore>

#ifdef HAVE_MOODYCAMEL
// Not from lightweightsemaphore.h, which some releases cannot be compiled without this one.
#include <blockingconcurrentqueue.h>
#endif

namespace bench {

namespace {

struct Ours {
    static constexpr const char *name = "lowthread";
    lt_semaphore *semaphore;
    explicit Ours(unsigned value) : semaphore(lt_semaphore_new(value)) { MUST(semaphore != nullptr); }
    ~Ours() { MUST(lt_semaphore_free(semaphore) == LT_OK); }
    void acquire() { MUST(lt_semaphore_acquire(semaphore) == LT_OK); }
    void release() { MUST(lt_semaphore_release(semaphore, 1) == LT_OK); }
};

struct alignas(64) Inlined {
    std::atomic<uint64_t> word;
    explicit Inlined(unsigned value) : word(value) {}
    void acquire() {
        uint64_t value = word.load(std::memory_order_relaxed);
        while (!word.compare_exchange_weak(value, value - 1, std::memory_order_acquire)) {}
    }
    void release() { word.fetch_add(1, std::memory_order_release); }
};

struct alignas(64) Shared {
    uint64_t word;
    explicit Shared(unsigned value) : word(value) {}
    void acquire() { MUST(limit_semaphore_acquire(&word) == 0); }
    void release() { MUST(limit_semaphore_release(&word, 1) == 0); }
};

struct alignas(64) Standard {
    static constexpr const char *name = "std::counting_semaphore";
    std::counting_semaphore<> semaphore;
    explicit Standard(unsigned value) : semaphore(value) {}
    void acquire() { semaphore.acquire(); }
    void release() { semaphore.release(); }
};

#ifdef HAVE_MOODYCAMEL
struct alignas(64) Moodycamel {
    static constexpr const char *name = "moodycamel (inlined)";
    moodycamel::LightweightSemaphore semaphore;
    explicit Moodycamel(unsigned value) : semaphore(value) {}
    void acquire() { semaphore.wait(); }
    void release() { semaphore.signal(); }
};
#endif

template <class F> void each_peer(F f) {
    f.template operator()<PosixSemaphore>();
    f.template operator()<Standard>();
#ifdef HAVE_MOODYCAMEL
    f.template operator()<Moodycamel>();
#endif
}

template <class Semaphore> Row::Figures pair_round() {
    Semaphore semaphore(1);
    return {fastest_batch([&] {
        semaphore.acquire();
        semaphore.release();
    })};
}

struct Timed : Ours {
    using Ours::Ours;
    void acquire() { MUST(lt_semaphore_acquire_timeout(semaphore, 1.0) == LT_OK); }
};

// Producers that release, consumers that acquire, as fast as they can: permits per second.
template <class Semaphore> Row::Figures signalling_round(int pairs) {
    Semaphore semaphore(0);
    struct alignas(64) Count { std::atomic<uint64_t> n{0}; };
    std::vector<Count> produced{size_t(pairs)}, consumed{size_t(pairs)};
    std::atomic<bool> stop{false}, drained{false};
    std::atomic<int> producing{pairs};
    uint64_t begin = now(), end = 0;
    auto sum = [](const std::vector<Count> &counts) {
        uint64_t total = 0;
        for (const Count &count : counts) total += count.n.load();
        return total;
    };
    Team team = run_team(2 * pairs, spread_out, [&](int i) {
        size_t pair = size_t(i / 2);
        uint64_t n = 0;
        if (i % 2 == 0) {
            while (!stop.load(std::memory_order_relaxed)) {
                semaphore.release();
                ++n;
            }
            produced[pair].n.store(n);
            producing.fetch_sub(1);
        } else {
            for (;;) {
                semaphore.acquire();
                if (drained.load(std::memory_order_relaxed)) return;
                // Stored, not added: nobody else writes it.
                consumed[pair].n.store(++n, std::memory_order_relaxed);
            }
        }
    }, [&] {
        begin = now();
        sleep_for(full_or_quick(40'000'000, 20'000'000));
        stop.store(true);
        // The end is when the last permit is taken.
        while (producing.load() > 0 || sum(consumed) != sum(produced)) sleep_for(20'000);
        end = now();
        drained.store(true);
        for (int i = 0; i < pairs; ++i) semaphore.release();
    });
    double total = double(sum(produced));
    return {total / double(end - begin) * 1e3, team.cpu / total};
}

}  // namespace

void row_semaphore() {
    {
        Pinned pinned(0);
        Row row("semaphore: acquire + release, uncontended", {{"ns"}});
        row.ours(pair_round<Ours>);
        row.limit("limit, inlined", pair_round<Inlined>);
        row.limit("limit, in a .so", pair_round<Shared>);
        each_peer([&]<class Semaphore>() { row.peer(Semaphore::name, pair_round<Semaphore>); });
        row.at_least(1 / 1.05, "limit, in a .so").best_of_many().run();
    }
    {
        Pinned pinned(0);
        Row row("semaphore: acquire with a time-out + release, uncontended", {{"ns"}});
        row.ours(pair_round<Timed>);
        row.peer("without a time-out", pair_round<Ours>);
        row.at_least(1 / 1.15, Row::best_peer).best_of_many().run();
    }
    for (int pairs : {1, 2}) {
        char title[80];
        std::snprintf(title, sizeof title, "semaphore: signals, %d producers, %d consumers", pairs, pairs);
        Row row(title, {{"M/s", Better::higher}, {"CPU ns/op"}});
        row.ours([=] { return signalling_round<Ours>(pairs); });
        each_peer([&]<class Semaphore>() {
            row.peer(Semaphore::name, [=] { return signalling_round<Semaphore>(pairs); });
        });
        row.at_least(pairs == 1 ? 1.05 : 1.0, Row::best_peer).in_parts(full_or_quick(5, 2)).run();
    }
}

}  // namespace bench
