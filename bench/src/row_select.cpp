// One wait for several queues, of which one has an item.

#include "locks.hpp"
#include "rows.hpp"

#include <lowthread.h>

#include <utility>

#ifdef HAVE_NSYNC
#include "nsync_c.hpp"
#endif
#ifdef HAVE_RUST
#include <peers.h>
#endif
#ifdef HAVE_GO
#include <libgo_peers.h>
#endif

namespace bench {

namespace {

constexpr size_t capacity = 16;

// `put` puts an item into the one of the n queues; `get` gets it, by one wait for all of them.

template <size_t n> struct OursSelect {
    static constexpr const char *name = "lowthread";
    lt_queue *queues[n];
    lt_case cases[n] = {};
    OursSelect() {
        for (size_t i = 0; i < n; ++i) {
            MUST((queues[i] = lt_queue_new(capacity)) != nullptr);
            cases[i] = {LT_CASE_GET, LT_OK, queues[i], nullptr};
        }
    }
    ~OursSelect() {
        for (lt_queue *queue : queues) MUST(lt_queue_free(queue) == LT_OK);
    }
    void put(size_t which, void *item) { MUST(lt_queue_put(queues[which], item) == LT_OK); }
    void *get() {
        size_t index = 0;
        MUST(lt_select(cases, n, -1, &index) == LT_OK);
        return cases[index].item;
    }
};

// The same queue, without a select.
struct Plain {
    lt_queue *queue = lt_queue_new(capacity);
    Plain() { MUST(queue != nullptr); }
    ~Plain() { MUST(lt_queue_free(queue) == LT_OK); }
    void put(size_t, void *item) { MUST(lt_queue_put(queue, item) == LT_OK); }
    void *get() {
        void *item = nullptr;
        MUST(lt_queue_get(queue, &item) == LT_OK);
        return item;
    }
};

#ifdef HAVE_RUST
template <size_t n> struct CrossbeamSelect {
    static constexpr const char *name = "crossbeam Select";
    void *queues[n];
    CrossbeamSelect() {
        for (void *&queue : queues) queue = peer_crossbeam_new(capacity);
    }
    ~CrossbeamSelect() {
        for (void *queue : queues) peer_crossbeam_free(queue);
    }
    void put(size_t which, void *item) { peer_crossbeam_put(queues[which], item); }
    void *get() { return peer_crossbeam_select(queues, n); }
};
#endif

#ifdef HAVE_NSYNC
// It has no queues: a place for an item each, and a condition variable that says that one is there. Where one is, it is
// not asked at all: the places are the caller's own, behind one mutex.
template <size_t n> struct NsyncWait {
    static constexpr const char *name = "nsync_wait_n";
    nsync_mu mutex = NSYNC_MU_INIT;
    nsync_cv filled[n] = {};
    void *items[n] = {};
    nsync_waitable_s waitables[n];
    nsync_waitable_s *all[n];
    NsyncWait() {
        for (size_t i = 0; i < n; ++i) {
            waitables[i] = {&filled[i], &nsync_cv_waitable_funcs};
            all[i] = &waitables[i];
        }
    }
    void put(size_t which, void *item) {
        nsync_mu_lock(&mutex);
        items[which] = item;
        nsync_cv_signal(&filled[which]);
        nsync_mu_unlock(&mutex);
    }
    void *get() {
        auto lock = [](void *mu) { nsync_mu_lock(static_cast<nsync_mu *>(mu)); };
        auto unlock = [](void *mu) { nsync_mu_unlock(static_cast<nsync_mu *>(mu)); };
        nsync_mu_lock(&mutex);
        for (;;) {
            for (void *&item : items) {
                if (item != nullptr) {
                    void *const got = std::exchange(item, nullptr);
                    nsync_mu_unlock(&mutex);
                    return got;
                }
            }
            nsync_wait_n(&mutex, lock, unlock, nsync_time_no_deadline, int(n), all);
        }
    }
};
#endif

template <class Queues, size_t n> Row::Figures ready_round() {
    auto queues = std::make_unique<Queues>();
    uintptr_t next = 0;
    return {fastest_batch([&] {
        ++next;
        queues->put(next % n, reinterpret_cast<void *>(next));
        keep(queues->get());
    }, 2'000)};
}

template <size_t n> void compare_ready(const char *title) {
    Pinned pinned(0);
    Row row(title, {{"ns"}});
    row.ours(ready_round<OursSelect<n>, n>);
    row.limit("lowthread, a plain get", ready_round<Plain, 1>);
#ifdef HAVE_RUST
    row.peer(CrossbeamSelect<n>::name, ready_round<CrossbeamSelect<n>, n>);
#endif
#ifdef HAVE_NSYNC
    row.peer(NsyncWait<n>::name, ready_round<NsyncWait<n>, n>);
#endif
#ifdef HAVE_GO
    if (n == 2) {
        row.peer("Go select", [] {
            constexpr long turns = 100'000;
            double best = 1e9;
            for (int i = 0; i < full_or_quick(20, 5); ++i) {
                const uint64_t begin = now();
                SelectPairs(turns);
                best = std::min(best, double(now() - begin) / double(turns));
            }
            return Row::Figures{best};
        });
    }
#endif
    row.at_least(1, "crossbeam Select").at_least(1, "Go select").best_of_many().run();
}

void *const poison = reinterpret_cast<void *>(UINTPTR_MAX);

template <class Queues> Row::Figures round_trip(int (*place)(int)) {
    auto there = std::make_unique<Queues>(), back = std::make_unique<Queues>();
    std::atomic<bool> stop{false};
    uint64_t turns = 0;
    Team team = run_team(2, place, [&](int i) {
        if (i == 1) {
            for (void *item; (item = there->get()) != poison;) back->put(0, item);
            return;
        }
        while (!stop.load(std::memory_order_relaxed)) {
            there->put(0, reinterpret_cast<void *>(++turns));
            keep(back->get());
        }
        there->put(0, poison);
    }, [&] {
        sleep_for(full_or_quick(40'000'000, 20'000'000));
        stop.store(true);
    });
    return {team.wall / double(turns) / 1e3};
}

template <size_t n> void compare_round_trip(const char *title, int (*place)(int)) {
    Row row(title, {{"us"}});
    row.ours([=] { return round_trip<OursSelect<n>>(place); });
    row.limit("lowthread, plain gets", [=] { return round_trip<Plain>(place); });
#ifdef HAVE_RUST
    row.peer(CrossbeamSelect<n>::name, [=] { return round_trip<CrossbeamSelect<n>>(place); });
#endif
#ifdef HAVE_NSYNC
    row.peer(NsyncWait<n>::name, [=] { return round_trip<NsyncWait<n>>(place); });
#endif
#ifdef HAVE_GO
    if (n == 2) {
        row.peer("Go select", [] {
            const long nanoseconds = full_or_quick(40'000'000, 20'000'000);
            return Row::Figures{double(nanoseconds) / double(SelectRoundTrips(nanoseconds)) / 1e3};
        });
    }
#endif
    row.at_least(1, Row::best_peer).in_parts(full_or_quick(5, 2)).run();
}

}  // namespace

void row_select() {
    compare_ready<2>("select: put + get of one that is ready, of 2");
    compare_ready<64>("select: put + get of one that is ready, of 64");
    compare_round_trip<2>("select: round trip, each gets by a select of 2, same core", all_on_one);
    compare_round_trip<64>("select: round trip, each gets by a select of 64, 63 of them idle, same core", all_on_one);
    if (processors() > 1) {
        compare_round_trip<2>("select: round trip, each gets by a select of 2, different cores", spread_out);
        compare_round_trip<64>("select: round trip, each gets by a select of 64, 63 of them idle, different cores", spread_out);
    }
}

}  // namespace bench
