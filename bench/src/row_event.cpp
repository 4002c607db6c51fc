// The event: looking at it, and waking who waits for it.

#include "events.hpp"
#include "rows.hpp"

namespace bench {

namespace {

struct alignas(64) Inlined {
    std::atomic<uint64_t> word{0};
    void set() { word.store(1, std::memory_order_release); }
    bool is_set() { return word.load(std::memory_order_acquire) & 1; }
    void wait() { MUST(is_set()); }
};

struct alignas(64) Shared {
    uint64_t word = 0;
    void set() { word = 1; }
    bool is_set() { return limit_event_is_set(&word) != 0; }
    void wait() { MUST(is_set()); }
};

template <class Event> Row::Figures is_set_round() {
    Event event;
    event.set();
    return {fastest_batch([&] { keep(event.is_set()); })};
}

template <class Event> Row::Figures wait_round() {
    Event event;
    event.set();
    return {fastest_batch([&] { event.wait(); })};
}

template <class Event> Row::Figures awake_round(bool same_core) {
    Row::Figures figures;
    // On a thread of its own: on the main thread ours can be interrupted, which is another row.
    std::thread([&] {
        Event event;
        std::vector<double> latencies = wake_latencies(
            full_or_quick(40, 20), 0, same_core ? 0 : 1, [&] { event.wait(); }, [&] { event.set(); },
            [&] { event.reset(); });
        keep_latencies(latencies);
        figures = {median(latencies) / 1e3, quantile(latencies, 0.9) / 1e3};
    }).join();
    return figures;
}

}  // namespace

void row_event() {
    for (bool same_core : {true, false}) {
        if (!same_core && processors() < 2) continue;
        Row row(same_core ? "event: set to awake, one sleeping waiter, same core"
                          : "event: set to awake, one sleeping waiter, different cores",
                {{"us"}, {"90 % us"}});
        row.ours([=] { return awake_round<LowthreadEvent>(same_core); });
        row.limit(RawFutexEvent::name, [=] { return awake_round<RawFutexEvent>(same_core); });
        row.peer(EventFd::name, [=] { return awake_round<EventFd>(same_core); });
        each_event_peer([&]<class Event>() { row.peer(Event::name, [=] { return awake_round<Event>(same_core); }); });
        row.at_least(1, Row::best_peer).in_parts(full_or_quick(4, 2)).run();
    }

    Pinned pinned(0);
    Row is_set("event: is_set", {{"ns"}});
    is_set.ours(is_set_round<LowthreadEvent>);
    is_set.limit("limit, inlined", is_set_round<Inlined>);
    is_set.limit("limit, in a .so", is_set_round<Shared>);
    each_event_peer([&]<class Event>() { is_set.peer(Event::name, is_set_round<Event>); });
    is_set.at_least(0.93, "limit, in a .so").best_of_many().run();

    Row wait("event: wait, already set", {{"ns"}});
    wait.ours(wait_round<LowthreadEvent>);
    wait.limit("limit, inlined", wait_round<Inlined>);
    wait.limit("limit, in a .so", wait_round<Shared>);
    each_event_peer([&]<class Event>() { wait.peer(Event::name, wait_round<Event>); });
    wait.at_least(1, Row::best_peer).best_of_many().run();
}

}  // namespace bench
