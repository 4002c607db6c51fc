#include "support.hpp"

#include <csignal>

TEST_CASE("a timer calls once, or again and again, until its end") {
    lt::event called;
    lt::timer once(1ms, [&] { called.set(); });
    called.wait();
    std::atomic<int> times{0};
    called.clear();
    {
        lt::timer repeats(0ms, 1ms, [&] {
            if (++times == 3) {
                called.set();
            }
        });
        called.wait();
    }
    const int then = times;
    CHECK(then >= 3);
    once = lt::timer(std::chrono::hours::max(), [] { FAIL("292 years"); });
    once.cancel();
    CHECK(times == then);
}

TEST_CASE("what a timer holds goes with it, also from its own call") {
    counted::alive = 0;
    {
        lt::timer never(1h, [held = counted()] {});
        lt::timer moved(std::move(never));
        CHECK(!never);
        lt::timer &same = moved;
        moved = std::move(same);
        CHECK(static_cast<bool>(moved));
        CHECK(counted::alive == 1);
    }
    CHECK(counted::alive == 0);
    lt::event made, ended;
    auto self = std::make_unique<lt::timer>();
    *self = lt::timer(0ms, [&, held = counted(5)] {
        made.wait();
        self.reset();
        CHECK(held.value == 5); // Still there.
        ended.set();
    });
    made.set();
    ended.wait();
    hooked hook;
    lt::timer throws(0ms, [] { throw std::runtime_error("from a timer"); });
    CHECK(hook.told.get()->find("std::runtime_error: from a timer") == 0);
}

TEST_CASE("a watchdog interrupts main unless it is fed") {
    lt::event never;
    lt::watchdog watches(1ms, SIGUSR1); // doctest has a handler for SIGINT, which would be called.
    try {
        never.wait();
        FAIL("nothing interrupted it");
    } catch (const lt::interrupted &interrupted) {
        CHECK(interrupted.signal() == SIGUSR1);
    }
    lt::watchdog other(1h);
    other.feed();
    other.cancel();
    lt::watchdog moved(std::move(other));
    CHECK(other.native_handle() == nullptr);
    CHECK_THROWS_AS(other.feed(), lt::error);
    CHECK_THROWS_AS(lt::watchdog(0s), lt::error);
}

TEST_CASE("what is cancelled is not called any more") {
    lt::event called;
    std::atomic<int> times{0};
    lt::timer repeats(0ms, 1ms, [&] {
        times++;
        called.set();
    });
    called.wait();
    repeats.cancel();
    const int then = times;
    lt::this_thread::sleep_for(20ms); // A timer that went on would be seen, and one that does not cannot be.
    CHECK(times == then);
}

TEST_CASE("a watchdog that is cancelled is silent until it is fed, and one that has ended is gone") {
    lt::watchdog watches(500ms, SIGUSR1);
    watches.cancel();
    CHECK(lt::this_thread::sleep_for(std::nothrow, 600ms) == lt::status::ok);
    watches.feed();
    lt::event never;
    CHECK_THROWS_AS(never.wait(), lt::interrupted);
    lt_watchdog *handle = nullptr;
    {
        lt::watchdog ends(1h);
        handle = ends.native_handle();
        lt::watchdog other(1h);
        ends = std::move(other); // Ends the first one.
        CHECK(lt_watchdog_feed(handle) == LT_BAD_HANDLE);
        handle = ends.native_handle();
    }
    CHECK(lt_watchdog_feed(handle) == LT_BAD_HANDLE);
}
