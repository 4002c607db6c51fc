// One call for which many threads sleep: what it costs who makes it, and when the last of them is awake.

#include "events.hpp"
#include "monitors.hpp"
#include "rows.hpp"

namespace bench {

namespace {

struct Call { uint64_t begin, end; };

template <class F> Call timed(F call) {
    uint64_t begin = now();
    call();
    return {begin, now()};
}

// `wait` returns when it was through; `set` wakes all who wait, and returns the times of its call.
template <class Wait, class Set, class Reset> Row::Figures broadcast(int waiters, Wait wait, Set set, Reset reset) {
    struct alignas(64) Waiter {
        pid_t thread = 0;
        uint64_t awake_at = 0;
    };
    const uint32_t times = full_or_quick(6, 4);
    std::vector<Waiter> all{size_t(waiters)};
    std::atomic<int> known{0}, inside{0}, awake{0};
    Step begun, ended;
    std::vector<double> call_us, last_us, cpu_us;
    run_team(waiters, spread_out, [&](int i) {
        Waiter &me = all[size_t(i)];
        me.thread = pid_t(syscall(SYS_gettid));
        known.fetch_add(1);
        for (uint32_t n = 1; n <= times; ++n) {
            begun.await(n);
            inside.fetch_add(1);
            me.awake_at = wait();
            if (awake.fetch_add(1) == waiters - 1) ended.reach(n);
        }
    }, [&] {
        Pinned pinned(0);
        while (known.load() < waiters) sleep_for(50'000);
        std::vector<std::unique_ptr<SleepWatch>> watches;
        for (const Waiter &waiter : all) watches.push_back(std::make_unique<SleepWatch>(waiter.thread));
        auto all_asleep = [&] {
            return std::ranges::all_of(watches, [](const auto &watch) { return watch->asleep(); });
        };
        for (uint32_t n = 1; n <= times; ++n) {
            begun.reach(n);
            while (inside.load() < waiters) sleep_for(50'000);
            // Twice: in one look over all of them, an early one may have slept for a lock inside.
            while (!all_asleep() || !all_asleep()) sleep_for(50'000);
            uint64_t cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID);
            Call call = set();
            ended.await(n);
            cpu_us.push_back(double(read_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1e3);
            std::vector<double> latencies;
            for (const Waiter &waiter : all) latencies.push_back(double(waiter.awake_at) - double(call.begin));
            keep_latencies(latencies);
            uint64_t last = std::ranges::max(all, {}, &Waiter::awake_at).awake_at;
            call_us.push_back(double(call.end - call.begin) / 1e3);
            last_us.push_back(double(last - call.begin) / 1e3);
            reset();
            inside.store(0);
            awake.store(0);
        }
    });
    return {median(call_us), median(last_us), median(cpu_us)};
}

template <class Event> Row::Figures set_round(int waiters) {
    Event event;
    return broadcast(
        waiters,
        [&] {
            event.wait();
            return now();
        },
        [&] { return timed([&] { event.set(); }); }, [&] { event.reset(); });
}

// The call is made with the mutex held, which each waiter then has for a moment.
template <class Monitor> Row::Figures notify_all_round(int waiters) {
    Monitor monitor;
    bool flag = false;
    return broadcast(
        waiters,
        [&] {
            monitor.lock();
            while (!flag) monitor.wait(0);
            uint64_t through = now();
            monitor.unlock();
            return through;
        },
        [&] {
            monitor.lock();
            flag = true;
            Call call = timed([&] { monitor.notify_all(); });
            monitor.unlock();
            return call;
        },
        // Nobody is there but the caller.
        [&] { flag = false; });
}

const std::vector<Metric> metrics = {
    {"call us"}, {"last awake us", Better::lower, Over::median, true}, {"CPU us"}};

}  // namespace

void row_broadcast() {
    for (int waiters : {64, 512}) {
        Row row("event: set with " + std::to_string(waiters) + " waiters asleep", metrics);
        row.ours([=] { return set_round<LowthreadEvent>(waiters); });
        row.limit(RawFutexEvent::name, [=] { return set_round<RawFutexEvent>(waiters); });
        each_event_peer([&]<class Event>() { row.peer(Event::name, [=] { return set_round<Event>(waiters); }); });
        row.at_least(1 / 1.5, "absl::Notification").at_least(1, Row::best_peer, 1).run();
    }
    for (int waiters : {64, 512}) {
        Row row("condition: notify_all with " + std::to_string(waiters) + " waiters asleep", metrics);
        row.ours([=] { return notify_all_round<LowthreadMonitor>(waiters); });
        each_monitor_peer([&]<class Monitor>() {
            row.peer(Monitor::name, [=] { return notify_all_round<Monitor>(waiters); });
        });
        row.at_least(1 / 1.5, "absl::CondVar").at_least(1, Row::best_peer, 1).run();
    }
}

}  // namespace bench
