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

TEST_CASE("a deadline in the past is none for a clock without a sign, nor for a coarse one") {
    using clock = std::chrono::steady_clock;
    using unsigned_time = std::chrono::time_point<clock, std::chrono::duration<std::uint64_t, std::nano>>;
    const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(clock::now().time_since_epoch()).count();
    CHECK(seconds_until(unsigned_time(unsigned_time::duration(static_cast<std::uint64_t>(now)))) == 0);
    CHECK(seconds_until(std::chrono::time_point_cast<std::chrono::hours>(clock::now())) == 0);
    using coarse = std::chrono::time_point<clock, std::chrono::duration<int, std::ratio<60>>>;
    CHECK(seconds_until(coarse::max()) == LT_FOREVER);
    CHECK(std::isnan(seconds_until(std::chrono::time_point<clock, std::chrono::duration<double>>(
        std::chrono::duration<double>(std::nan(""))))));
    CHECK(seconds_until(std::chrono::time_point<clock, std::chrono::duration<double>>(
              std::chrono::duration<double>(std::numeric_limits<double>::infinity())))
        == LT_FOREVER);
}

TEST_CASE("what is left of a time goes down to nothing, and no further") {
    CHECK(lt::detail::time_left(0).seconds() == 0);
    CHECK(lt::detail::time_left(LT_FOREVER).seconds() == LT_FOREVER);
    CHECK(std::isnan(lt::detail::time_left(std::nan("")).seconds()));
    const lt::detail::time_left hour(3600);
    CHECK(hour.seconds() > 3590);
    CHECK(hour.seconds() <= 3600);
    const lt::detail::time_left short_time(1e-9);
    lt::this_thread::sleep_for(1us);
    CHECK(short_time.seconds() == 0);
}
