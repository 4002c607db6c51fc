#include "support.hpp"

TEST_CASE("permits are taken and given back") {
    lt::semaphore permits(1);
    permits.acquire();
    CHECK(!permits.try_acquire());
    CHECK(!permits.try_acquire_for(1ms));
    CHECK(!permits.try_acquire_until(std::chrono::steady_clock::now() + 1ms));
    permits.release(2);
    permits.release(0); // As in std.
    CHECK(permits.value() == 2);
    CHECK(permits.try_acquire_for(1h));
}

TEST_CASE("a bound is kept, and a bad number told") {
    lt::semaphore permits(1, 2);
    permits.release();
    CHECK_THROWS_AS(permits.release(), lt::error);
    CHECK(permits.release(std::nothrow) == lt::status::overflow);
    CHECK(permits.release(std::nothrow, -1) == lt::status::invalid);
    CHECK(permits.release(std::nothrow, PTRDIFF_MAX) == lt::status::overflow);
    CHECK(permits.value() == 2);
    if constexpr (sizeof(std::ptrdiff_t) > 4) {
        CHECK(lt::semaphore(0).release(std::nothrow, PTRDIFF_MAX / 2 + 2) == lt::status::overflow); // 1 in 32 bits.
    }
    CHECK_THROWS_AS(lt::semaphore(3, 2), lt::error);
    CHECK(lt::semaphore::max() > 1'000'000);
}

TEST_CASE("an interrupt ends a wait for a permit") {
    lt::semaphore permits(0);
    lt::thread waits([&] { permits.acquire(); });
    waits.interrupt();
    CHECK_THROWS_AS(waits.join(), lt::interrupted);
}

TEST_CASE("an error tells of its own call, not of one before") {
    lt::semaphore permits(0, 1);
    CHECK_THROWS_AS(permits.release(2), lt::error);
    lt::semaphore other(0);
    try {
        other.release(PTRDIFF_MAX);
        FAIL("released");
    } catch (const lt::error &error) {
        CHECK(std::string(error.what()).find("lt_semaphore_release") == std::string::npos);
        CHECK(error.native_errno() == 0);
    }
}
