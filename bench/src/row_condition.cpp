// The condition: two threads that let each other go on, and a notify that nobody hears.

#include "monitors.hpp"
#include "rows.hpp"

namespace bench {

namespace {

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
        row.ours([=] { return ping_pong<LowthreadMonitor>(place); });
        row.limit(RawFutex::name, [=] { return ping_pong<RawFutex>(place); });
        each_monitor_peer([&]<class Monitor>() { row.peer(Monitor::name, [=] { return ping_pong<Monitor>(place); }); });
        row.at_least(1, Row::best_peer).in_parts(full_or_quick(5, 2)).run();
    }
    Pinned pinned(0);
    Row row("condition: notify, nobody waits", {{"ns"}});
    row.ours(notify_round<LowthreadMonitor>);
    row.limit(Shared::name, notify_round<Shared>);
    each_monitor_peer([&]<class Monitor>() { row.peer(Monitor::name, notify_round<Monitor>); });
    row.at_least(1, Row::best_peer).best_of_many().run();
}

}  // namespace bench
