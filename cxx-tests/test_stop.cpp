#include "support.hpp"

#include <functional>
#include <optional>

TEST_CASE("sources, tokens and callbacks, as those of the standard library") {
    lt::stop_source source;
    const lt::stop_token token = source.get_token();
    CHECK(token.stop_possible());
    CHECK(!token.stop_requested());
    int called = 0;
    lt::stop_callback counts(token, [&] { called++; });
    {
        lt::stop_callback gone(token, [&] { called += 100; });
    }
    CHECK(source.request_stop());
    CHECK(!source.request_stop());
    CHECK(called == 1);
    lt::stop_callback late(token, [&] { called++; });
    CHECK(called == 2);
    CHECK(token == lt::stop_source(source).get_token());
    CHECK(!lt::stop_token().stop_possible());
    CHECK(!lt::stop_source(lt::nostopstate).request_stop());
    lt::stop_token orphan = lt::stop_source().get_token();
    CHECK(!orphan.stop_possible());
}

TEST_CASE("a callback may end itself, and its end waits for it elsewhere") {
    lt::stop_source source;
    using callback = lt::stop_callback<std::function<void()>>;
    std::unique_ptr<callback> self;
    self = std::make_unique<callback>(source.get_token(), [&] { self.reset(); });
    lt::event begun, goes_on;
    std::atomic<bool> over{false};
    auto other = std::make_unique<callback>(source.get_token(), [&] {
        begun.set();
        goes_on.wait();
        over = true;
    });
    lt::thread stops([&] { source.request_stop(); });
    begun.wait();
    goes_on.set();
    other.reset();
    CHECK(over);
    stops.join();
    CHECK(self == nullptr);
}

TEST_CASE("a callback may make another one in its own place, and end that") {
    lt::stop_source source;
    using callback = lt::stop_callback<std::function<void()>>;
    std::optional<callback> place;
    int called = 0;
    place.emplace(source.get_token(), [&] {
        auto &here = place;
        auto &count = called;
        auto token = source.get_token();
        here.emplace(token, [&count] { count++; });
        here.reset();
    });
    CHECK(source.request_stop());
    CHECK(called == 1);
}

TEST_CASE("callbacks come and go while a stop is requested") {
    for (int i = 0; i < 200; i++) {
        lt::stop_source source;
        std::atomic<int> called{0};
        lt::thread comes([&] {
            for (int n = 0; n < 10; n++) {
                const int before = called;
                std::optional<lt::stop_callback<std::function<void()>>> callback;
                bool mine = false;
                callback.emplace(source.get_token(), [&] {
                    mine = true;
                    called++;
                });
                callback.reset();
                CHECK(mine == (called == before + 1));
            }
        });
        lt::thread stops([&] { source.request_stop(); });
    }
}

TEST_CASE("a thread's stop ends the callback's own thread object") {
    lt::event begun;
    auto thread = std::make_unique<lt::thread>([&](lt::stop_token) {
        begun.set();
        try {
            lt::this_thread::sleep_for(1h);
        } catch (const lt::interrupted &) {
        }
    });
    begun.wait(); // So its own callback, which is older, is called after this one.
    const lt::stop_token token = thread->get_stop_token();
    const lt::stop_callback ends(token, [&] { thread.reset(); });
    CHECK(thread->request_stop());
    CHECK(thread == nullptr);
}
