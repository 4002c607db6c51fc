#include "support.hpp"

static lt::once_flag global; // There before any constructor runs.

TEST_CASE("one of many calls, and the others wait for it") {
    int calls = 0;
    {
        std::vector<lt::thread> threads;
        for (int i = 0; i < 4; i++) {
            threads.emplace_back([&] {
                lt::call_once(global, [&](int n) { calls += n; }, 1);
                CHECK(calls == 1);
            });
        }
    }
    CHECK(calls == 1);
}

TEST_CASE("a call that throws was none") {
    lt::once_flag flag;
    int calls = 0;
    CHECK_THROWS_AS(lt::call_once(flag, [&] { calls++; throw 1; }), int);
    lt::call_once(flag, [&] { calls++; });
    lt::call_once(flag, [&] { calls++; });
    CHECK(calls == 2);
    lt::once_flag inside;
    lt::call_once(inside, [&] { CHECK_THROWS_AS(lt::call_once(inside, [] {}), lt::error); });
}
