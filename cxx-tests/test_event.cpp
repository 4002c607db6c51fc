#include "support.hpp"

TEST_CASE("an event lets all through from its set until its clear") {
    lt::event event;
    CHECK(!event.try_wait());
    lt::thread waits([&] { event.wait(); });
    event.set();
    waits.join();
    CHECK(event.wait_for(0s));
    CHECK(event.wait_until(std::chrono::steady_clock::now()));
    event.clear();
    CHECK(!event.is_set());
    CHECK(!event.wait_for(1ms));
    CHECK(event.wait_for(std::nothrow, 1ms) == lt::status::timed_out);
}

TEST_CASE("an interrupt ends a wait for an event") {
    lt::thread([] {
        lt::event never;
        lt::interrupt(lt::this_thread::ident());
        CHECK_THROWS_AS(never.wait(), lt::interrupted);
        lt::interrupt(lt::this_thread::ident());
        CHECK_THROWS_AS((void)never.wait_for(1h), lt::interrupted);
        lt::interrupt(lt::this_thread::ident());
        CHECK(never.wait(std::nothrow) == lt::status::interrupted);
    }).join();
}
