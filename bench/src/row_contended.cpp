// One lock, several threads that do nothing but take it: speed, its price in CPU time, and who gets it.

#include "locks.hpp"
#include "rows.hpp"

#include <map>

namespace bench {

namespace {

struct Cell {
    int threads;
    unsigned inside;    // Nanoseconds of work with the lock held.
};

struct alignas(64) Count {
    uint64_t operations = 0;
    uint64_t longest = 0;
};

// Threads that take the lock for a while. With `timed`, each wait is timed too: in a run of its own,
// because two looks at the clock cost as much as the lock.
template <class Lock, bool timed>
Team contend(const Cell &cell, uint64_t duration, std::vector<Count> &counts) {
    Lock lock;
    Work work(cell.inside);
    uint64_t guarded = 0;
    std::atomic<bool> stop{false};
    counts.assign(size_t(cell.threads), {});
    Team team = run_team(cell.threads, spread_out, [&](int i) {
        Count count;
        while (!stop.load(std::memory_order_relaxed)) {
            uint64_t begin = timed ? now() : 0;
            lock.acquire();
            if (timed) count.longest = std::max(count.longest, now() - begin);
            ++guarded;
            work();
            keep(guarded);
            lock.release();
            ++count.operations;
        }
        counts[size_t(i)] = count;
    }, [&] {
        sleep_for(duration);
        stop.store(true);
    });
    uint64_t total = 0;
    for (const Count &count : counts) total += count.operations;
    if (guarded != total) die("%s does not exclude: %lu of %lu increments", Lock::name, guarded, total);
    return team;
}

template <class Lock> Row::Figures contended_round(Cell cell) {
    std::vector<Count> counts;
    uint64_t duration = full_or_quick(40'000'000, 20'000'000);
    Team team = contend<Lock, false>(cell, duration, counts);
    double total = 0;
    uint64_t least = UINT64_MAX, most = 0;
    for (const Count &count : counts) {
        total += double(count.operations);
        least = std::min(least, count.operations);
        most = std::max(most, count.operations);
    }
    contend<Lock, true>(cell, duration, counts);
    uint64_t longest = 0;
    for (const Count &count : counts) longest = std::max(longest, count.longest);
    return {total / team.wall * 1e3, team.cpu / total, double(most) / double(std::max<uint64_t>(least, 1)),
            double(longest) / 1e6};
}

// Over all cells: the geometric mean of what each ratio was.
class Means {
public:
    void add(const Row &row) {
        for (const std::string &peer : row.peers()) collect(peer, row.ratio(peer), row.ratio(peer, 1));
        std::string best = row.best();
        if (!best.empty()) collect(Row::best_peer, row.ratio(best), row.ratio(best, 1));
    }
    void print() const {
        if (means_.empty()) return;
        std::printf("lock: contended, geometric mean over all cells: times the speed, and times less CPU per "
                    "operation\n");
        for (const auto &[peer, mean] : means_) {
            std::printf("  %-28s %13.2f %13.2f\n", peer.c_str(), std::exp(mean.speed / mean.n),
                        std::exp(mean.cpu / mean.n));
        }
        auto best = means_.find(Row::best_peer);
        if (best != means_.end()) {
            double mean = std::exp(best->second.speed / best->second.n);
            bool met = mean >= 1.1;
            std::printf("  goal: at least 1.10 x %s of each cell: %.2f %s\n\n", Row::best_peer, mean,
                        met ? "met" : "MISSED");
            if (met) ++goals_met;
            else goals_missed.push_back("lock: contended, geometric mean against the best peer of each cell");
        }
    }

private:
    struct Mean {
        double speed = 0, cpu = 0;
        int n = 0;
    };
    void collect(const std::string &peer, Banded speed, Banded cpu) {
        if (std::isnan(speed.value)) return;
        Mean &mean = means_[peer];
        mean.speed += std::log(speed.value);
        mean.cpu += std::log(cpu.value);
        ++mean.n;
    }
    std::map<std::string, Mean> means_;
};

}  // namespace

void row_contended() {
    Means means;
    for (int threads : {2, 4, 8}) {
        for (unsigned inside : {0u, 50u, 500u}) {
            Cell cell{threads, inside};
            char title[80];
            std::snprintf(title, sizeof title, "lock: contended, %d threads, %u ns inside", threads, inside);
            Row row(title, {{"Mops/s", Better::higher},
                            {"CPU ns/op"},
                            {"max/min"},
                            {"max wait ms", Better::lower, Over::largest}});
            row.ours([=] { return contended_round<Lowthread>(cell); });
            each_lock_peer([&]<class Lock>() {
                row.peer(Lock::name, [=] { return contended_round<Lock>(cell); });
            });
            row.at_least(1, Row::best_peer).at_least(1, Row::best_peer, 1).within(1.3, 2).within(10, 3);
            row.in_parts(full_or_quick(4, 1)).run();
            means.add(row);
        }
    }
    means.print();
}

}  // namespace bench
