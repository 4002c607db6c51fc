// The barrier: how long a round of threads takes that have nothing else to do.

#include "bench.hpp"
#include "lowthread.h"
#include "rows.hpp"

#include <barrier>

namespace bench {

namespace {

struct Ours {
    static constexpr const char *name = "lowthread";
    lt_barrier *barrier;
    explicit Ours(int n) : barrier(lt_barrier_new(uint32_t(n), nullptr, nullptr)) { MUST(barrier != nullptr); }
    ~Ours() { MUST(lt_barrier_free(barrier) == LT_OK); }
    void wait() { MUST(lt_barrier_wait(barrier, nullptr) == LT_OK); }
};

// A count and a round: all but the last to come sleep at once.
struct RawFutex {
    static constexpr const char *name = "raw futex";
    alignas(64) std::atomic<uint32_t> missing;
    alignas(64) std::atomic<uint32_t> round{0};
    uint32_t n;
    explicit RawFutex(int threads) : missing(uint32_t(threads)), n(uint32_t(threads)) {}
    void wait() {
        uint32_t mine = round.load(std::memory_order_relaxed);
        if (missing.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            missing.store(n, std::memory_order_relaxed);
            round.store(mine + 1, std::memory_order_release);
            futex_wake(round, INT32_MAX);
        } else {
            while (round.load(std::memory_order_acquire) == mine) futex_wait(round, mine);
        }
    }
};

struct Standard {
    static constexpr const char *name = "std::barrier";
    std::barrier<> barrier;
    explicit Standard(int n) : barrier(n) {}
    void wait() { barrier.arrive_and_wait(); }
};

struct Pthread {
    static constexpr const char *name = "pthread_barrier";
    pthread_barrier_t barrier;
    explicit Pthread(int n) { MUST(pthread_barrier_init(&barrier, nullptr, unsigned(n)) == 0); }
    ~Pthread() { pthread_barrier_destroy(&barrier); }
    void wait() {
        int result = pthread_barrier_wait(&barrier);
        MUST(result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD);
    }
};

template <class Barrier> Row::Figures round_of(int threads) {
    Barrier barrier(threads);
    std::atomic<bool> stop{false};
    // The round after which all end: thread 0 names it before it comes to that round.
    std::atomic<uint64_t> last{0};
    struct alignas(64) Count { std::atomic<uint64_t> n{0}; };
    std::vector<Count> counts{size_t(threads)};
    Team team = run_team(threads, spread_out, [&](int i) {
        auto &mine = counts[size_t(i)].n, &next = counts[size_t(i + 1) % counts.size()].n;
        for (uint64_t n = 1;; ++n) {
            if (i == 0 && stop.load(std::memory_order_relaxed)) last.store(n, std::memory_order_relaxed);
            mine.store(n, std::memory_order_relaxed);
            barrier.wait();
            // Who comes through knows that all have come.
            if (next.load(std::memory_order_relaxed) < n) die("%s lets a thread through too early", Barrier::name);
            if (last.load(std::memory_order_relaxed) == n) return;
        }
    }, [&] {
        sleep_for(full_or_quick(50'000'000, 25'000'000));
        stop.store(true);
    });
    double rounds = double(last.load());
    return {team.wall / rounds / 1e3, team.cpu / rounds / 1e3};
}

}  // namespace

void row_barrier() {
    for (int threads : {2, 4, 8}) {
        char title[80];
        std::snprintf(title, sizeof title, "barrier: a round of %d threads", threads);
        Row row(title, {{"us"}, {"CPU us/op"}});
        row.ours([=] { return round_of<Ours>(threads); });
        row.limit(RawFutex::name, [=] { return round_of<RawFutex>(threads); });
        row.peer(Standard::name, [=] { return round_of<Standard>(threads); });
        row.peer(Pthread::name, [=] { return round_of<Pthread>(threads); });
        row.at_least(1, Row::best_peer).in_parts(full_or_quick(5, 2)).run();
    }
}

}  // namespace bench
