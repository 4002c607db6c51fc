#include "support.hpp"

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
