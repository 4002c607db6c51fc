// Two threads that let each other go on, by two locks: each releases what the other waits for.

#include "locks.hpp"
#include "rows.hpp"

namespace bench {

namespace {

// A lock that begins held. The mutexes are released by another thread than the one that took them,
// which their documentation forbids; their fast and slow paths do not care.
template <class Lock> struct Held : Lock {
    Held() { this->acquire(); }
    ~Held() { this->release(); }
    void wait() { this->acquire(); }
    void signal() { this->release(); }
};

// `wait` and `signal` on one word, with the futex alone, by spinning alone, or by yielding alone.
struct alignas(64) RawFutex {
    std::atomic<uint32_t> word{0};
    void wait() {
        while (word.exchange(0, std::memory_order_acquire) == 0) futex_wait(word, 0);
    }
    void signal() {
        word.store(1, std::memory_order_release);
        futex_wake(word);
    }
};

struct alignas(64) Spinning {
    std::atomic<uint32_t> word{0};
    void wait() {
        while (word.load(std::memory_order_acquire) == 0) pause_core();
        word.store(0, std::memory_order_relaxed);
    }
    void signal() { word.store(1, std::memory_order_release); }
};

struct alignas(64) Yielding : Spinning {
    void wait() {
        while (word.load(std::memory_order_acquire) == 0) sched_yield();
        word.store(0, std::memory_order_relaxed);
    }
};

// Signal, then wait, against wait, then signal. Two hand-offs a turn.
template <class Signal> Row::Figures ping_pong(int (*place)(int)) {
    Signal there, back;
    std::atomic<bool> stop{false};
    bool last = false;      // Written before the last `there.signal()`, read after it.
    uint64_t turns = 0;
    Team team = run_team(2, place, [&](int i) {
        if (i == 0) {
            while (!stop.load(std::memory_order_relaxed)) {
                there.signal();
                back.wait();
                ++turns;
            }
            last = true;
            there.signal();
        } else {
            for (;;) {
                there.wait();
                if (last) return;
                back.signal();
            }
        }
    }, [&] {
        sleep_for(full_or_quick(50'000'000, 25'000'000));
        stop.store(true);
    });
    double handoffs = 2.0 * double(turns);
    return {team.wall / handoffs, team.cpu / handoffs};
}

void compare(const char *title, int (*place)(int), bool same_core) {
    Row row(title, {{"ns"}, {"CPU ns/op"}});
    row.ours([=] { return ping_pong<Held<Lowthread>>(place); });
    if (same_core) {
        row.limit("limit, yielding", [=] { return ping_pong<Yielding>(place); });
    } else {
        row.limit("limit, spinning", [=] { return ping_pong<Spinning>(place); });
    }
    row.limit("raw futex", [=] { return ping_pong<RawFutex>(place); });
    row.peer(PosixSemaphore::name, [=] { return ping_pong<Held<PosixSemaphore>>(place); });
    each_lock_peer([&]<class Lock>() { row.peer(Lock::name, [=] { return ping_pong<Held<Lock>>(place); }); });
    row.at_least(1, Row::best_peer).in_parts(full_or_quick(5, 2)).run();
}

}  // namespace

void row_handoff() {
    compare("lock: hand-off between two threads on the same core", all_on_one, true);
    if (processors() > 1) compare("lock: hand-off between two threads on different cores", spread_out, false);
}

}  // namespace bench
