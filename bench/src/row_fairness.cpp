// One thread takes the lock now and then; another takes it again the moment it has released it. How
// long does the one wait, at worst?

#include "locks.hpp"
#include "rows.hpp"

namespace bench {

namespace {

template <class Lock> Row::Figures barging_round(int (*place)(int)) {
    Lock lock;
    Work work(500);
    std::atomic<bool> stop{false};
    uint64_t barged = 0, waited = 0, longest = 0, sum = 0;
    std::vector<double> waits;
    waits.reserve(1 << 20);
    run_team(2, place, [&](int i) {
        if (i == 0) {
            while (!stop.load(std::memory_order_relaxed)) {
                lock.acquire();
                work();
                lock.release();
                ++barged;
            }
            return;
        }
        while (!stop.load(std::memory_order_relaxed)) {
            uint64_t begin = now();
            lock.acquire();
            uint64_t wait = now() - begin;
            work();
            lock.release();
            ++waited;
            sum += wait;
            longest = std::max(longest, wait);
            if (waits.size() < waits.capacity()) waits.push_back(double(wait));
        }
    }, [&] {
        sleep_for(full_or_quick(1'000'000'000, 200'000'000));
        stop.store(true);
    });
    keep_latencies(waits);
    return {double(longest) / 1e6, double(sum) / double(std::max<uint64_t>(waited, 1)) / 1e3,
            double(waited) / 1e3, double(barged) / 1e3};
}

void compare(const char *title, int (*place)(int)) {
    Row row(title, {{"longest ms", Better::lower, Over::largest},
                    {"mean us"},
                    {"its 1000s", Better::higher},
                    {"barger's", Better::higher}});
    row.ours([=] { return barging_round<Lowthread>(place); });
    row.peer(PosixSemaphore::name, [=] { return barging_round<PosixSemaphore>(place); });
    each_lock_peer([&]<class Lock>() { row.peer(Lock::name, [=] { return barging_round<Lock>(place); }); });
    row.within(10).run();
}

}  // namespace

void row_fairness() {
    // Each of the five rounds lasts a second: five seconds in all for each lock.
    compare("fairness: longest wait beside one that barges, same core", all_on_one);
    if (processors() > 1) {
        compare("fairness: longest wait beside one that barges, different cores", spread_out);
    }
}

}  // namespace bench
