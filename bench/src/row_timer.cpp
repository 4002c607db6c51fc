// Timers that are started and cancelled before they are due, and a watchdog that is fed: what a time-out costs
// that does not strike.

#include "locks.hpp"
#include "rows.hpp"

#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>

namespace bench {

namespace {

// What a C++ programmer writes: one thread, what is due in order, and a wake-up only for what is due earlier than
// the thread sleeps for.
class MapOfTimers {
public:
    using Due = std::multimap<uint64_t, std::pair<void (*)(void *), void *>>;

    ~MapOfTimers() {
        std::unique_lock lock(mutex_);
        ended_ = true;
        lock.unlock();
        changed_.notify_one();
        thread_.join();
    }

    Due::iterator start(double seconds, void (*function)(void *), void *argument) {
        uint64_t at = now() + uint64_t(seconds * 1e9);
        std::unique_lock lock(mutex_);
        auto timer = due_.emplace(at, std::pair{function, argument});
        bool earlier = at < asleep_until_;
        if (earlier) asleep_until_ = at;
        lock.unlock();
        if (earlier) changed_.notify_one();
        return timer;
    }
    void cancel(Due::iterator timer) {
        std::lock_guard lock(mutex_);
        due_.erase(timer);
    }
    Due::iterator put_off(Due::iterator timer, double seconds) {
        uint64_t at = now() + uint64_t(seconds * 1e9);
        std::lock_guard lock(mutex_);
        auto node = due_.extract(timer);
        node.key() = at;
        return due_.insert(std::move(node));
    }

private:
    void serve() {
        std::unique_lock lock(mutex_);
        while (!ended_) {
            asleep_until_ = due_.empty() ? UINT64_MAX : due_.begin()->first;
            if (asleep_until_ > now()) {
                std::chrono::steady_clock::time_point at{std::chrono::nanoseconds(std::min<uint64_t>(asleep_until_, INT64_MAX))};
                changed_.wait_until(lock, at);
                continue;
            }
            asleep_until_ = 0;
            auto [function, argument] = due_.begin()->second;
            due_.erase(due_.begin());
            lock.unlock();
            function(argument);
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    Due due_;
    uint64_t asleep_until_ = 0;
    bool ended_ = false;
    std::thread thread_{[this] { serve(); }};
};

void strike(void *) { die("a timer that is an hour away has struck"); }

constexpr double hour = 3600;

lt_timer *start_timer(double seconds) {
    lt_timer *timer = nullptr;
    MUST(lt_timer_start(seconds, 0, strike, nullptr, &timer) == LT_OK);
    return timer;
}

// So many others wait meanwhile, due at about the same time.
Row::Figures timer_round(int others) {
    std::vector<lt_timer *> waiting;
    for (int i = 0; i < others; ++i) waiting.push_back(start_timer(hour + i % 7));
    double cost = fastest_batch([] {
        lt_timer *timer = start_timer(hour);
        MUST(lt_timer_cancel(timer) == LT_OK);
        MUST(lt_timer_free(timer) == LT_OK);
    });
    for (lt_timer *timer : waiting) MUST(lt_timer_free(timer) == LT_OK);
    return {cost};
}

Row::Figures map_round(int others) {
    MapOfTimers timers;
    for (int i = 0; i < others; ++i) timers.start(hour + i % 7, strike, nullptr);
    return {fastest_batch([&] { timers.cancel(timers.start(hour, strike, nullptr)); })};
}

Row::Figures watchdog_round() {
    lt_watchdog *watchdog = nullptr;
    MUST(lt_watchdog_start(hour, SIGINT, &watchdog) == LT_OK);
    double cost = fastest_batch([=] { MUST(lt_watchdog_feed(watchdog) == LT_OK); });
    MUST(lt_watchdog_free(watchdog) == LT_OK);
    return {cost};
}

Row::Figures map_watchdog_round() {
    MapOfTimers timers;
    auto timer = timers.start(hour, strike, nullptr);
    return {fastest_batch([&] { timer = timers.put_off(timer, hour); })};
}

}  // namespace

void row_timer() {
    Pinned pinned(0);
    for (int others : {0, 1000}) {
        Row row("timer: start + cancel + free, beside " + std::to_string(others) + " others", {{"ns"}});
        row.ours([=] { return timer_round(others); });
        row.peer("thread + std::multimap", [=] { return map_round(others); });
        row.at_least(1, Row::best_peer).best_of_many().run();
    }
    Row row("watchdog: feed", {{"ns"}});
    row.ours(watchdog_round);
    row.peer("thread + std::multimap", map_watchdog_round);
    row.at_least(1, Row::best_peer).best_of_many().run();
}

}  // namespace bench
