#include "support.hpp"

#include <limits>

using lt::detail::seconds;
using lt::detail::seconds_until;

TEST_CASE("what is not positive does not wait, where C would wait without bound") {
    CHECK(seconds(0s) == 0);
    CHECK(seconds(-1s) == 0);
    CHECK(seconds(std::chrono::hours::min()) == 0);
    CHECK(seconds(std::chrono::duration<double>(-std::numeric_limits<double>::infinity())) == 0);
}

TEST_CASE("what is too long for C waits without bound") {
    CHECK(seconds(std::chrono::hours::max()) == LT_FOREVER);
    CHECK(seconds(std::chrono::nanoseconds::max()) == LT_FOREVER);
    CHECK(seconds(std::chrono::duration<double>(std::numeric_limits<double>::infinity())) == LT_FOREVER);
}

TEST_CASE("any duration is as long as it says, and not shorter") {
    CHECK(seconds(1500ms) == 1.5);
    CHECK(seconds(std::chrono::duration<int, std::ratio<1, 3>>(3)) == 1);
    CHECK(seconds(std::chrono::duration<float>(0.5f)) == 0.5);
    CHECK(seconds(std::chrono::nanoseconds((1LL << 60) + 1)) > double(1LL << 60) / 1e9);
    CHECK(std::isnan(seconds(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN()))));
}

TEST_CASE("not a number is invalid") {
    lt::event event;
    CHECK_THROWS_AS((void)event.wait_for(std::chrono::duration<double>(std::nan(""))), lt::error);
}

TEST_CASE("deadlines: the ends of time, the past, any unit") {
    using clock = std::chrono::steady_clock;
    CHECK(seconds_until(clock::time_point::max()) == LT_FOREVER);
    CHECK(seconds_until(clock::time_point::min()) == 0);
    CHECK(seconds_until(std::chrono::time_point<clock, std::chrono::hours>::max()) == LT_FOREVER);
    CHECK(seconds_until(std::chrono::system_clock::time_point::max()) == LT_FOREVER);
    CHECK(seconds_until(clock::now() - 1h) == 0);
    const double hour = seconds_until(clock::now() + 1h);
    CHECK(hour > 3590);
    CHECK(hour <= 3600);
    const double also = seconds_until(std::chrono::system_clock::now() + 1h);
    CHECK(also > 3590);
    CHECK(also <= 3600);
}

TEST_CASE("a wait never ends early, on either clock") {
    lt::event never;
    const auto deadline = std::chrono::steady_clock::now() + 20ms;
    CHECK(!never.wait_until(deadline));
    CHECK(std::chrono::steady_clock::now() >= deadline);
    const auto before = lt::monotonic_clock::now();
    CHECK(!never.wait_for(std::chrono::duration<double>(0.02)));
    CHECK((lt::monotonic_clock::now() - before).count() >= 0.02);
}
