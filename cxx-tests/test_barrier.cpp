#include "support.hpp"

TEST_CASE("all go on together, after the completion") {
    int rounds = 0;
    lt::barrier meet(2, [&] { rounds++; });
    std::atomic<unsigned> sum{0};
    lt::thread other([&] {
        for (int i = 0; i < 100; i++) {
            sum += meet.arrive_and_wait();
            CHECK(rounds > i);
        }
    });
    for (int i = 0; i < 100; i++) {
        sum += meet.arrive_and_wait();
    }
    other.join();
    CHECK(rounds == 100);
    CHECK(sum == 100); // 0 and 1 in each.
}

TEST_CASE("a completion that throws breaks it, and the exception goes on up the last thread") {
    lt::barrier meet(2, [] { throw std::runtime_error("completion"); });
    std::atomic<int> thrown{0}, broken{0};
    const auto come = [&] {
        try {
            meet.arrive_and_wait();
        } catch (const std::runtime_error &error) {
            (dynamic_cast<const lt::broken *>(&error) != nullptr ? broken : thrown)++;
        }
    };
    lt::thread other(come);
    come();
    other.join();
    CHECK(thrown == 1);
    CHECK(broken == 1);
    CHECK(meet.is_broken());
    CHECK(meet.parties() == 2);
}

TEST_CASE("who gives up breaks it, until a reset") {
    lt::barrier meet(2);
    CHECK(!meet.arrive_and_wait_for(1ms));
    CHECK_THROWS_AS(meet.arrive_and_wait(), lt::broken);
    meet.reset();
    lt::thread other([&] { meet.arrive_and_wait(); });
    CHECK(meet.arrive_and_wait_for(1h));
    other.join();
    meet.abort();
    CHECK(meet.arrive_and_wait(std::nothrow) == lt::status::broken);
    CHECK_THROWS_AS(lt::barrier(0), lt::error);
    CHECK_THROWS_AS(lt::barrier(-1), lt::error);
}

TEST_CASE("who leaves for good is missed by nobody") {
    int rounds = 0;
    lt::barrier meet(2, [&] { rounds++; });
    lt::thread leaves([&] {
        meet.arrive_and_wait();
        meet.arrive_and_drop();
    });
    for (int i = 0; i < 3; i++) {
        meet.arrive_and_wait();
    }
    leaves.join();
    CHECK(rounds == 3);
    CHECK(meet.parties() == 1);
    CHECK(meet.arrive_and_drop(std::nothrow) == lt::status::ok);
    CHECK(meet.is_broken());
    meet.reset();
    CHECK_THROWS_AS(meet.arrive_and_wait(), lt::broken);
    CHECK_THROWS_AS(meet.arrive_and_drop(), lt::error);
}

TEST_CASE("an interrupt ends a wait at a barrier, and breaks it") {
    lt::barrier meet(2);
    lt::thread waits([&] { meet.arrive_and_wait(); });
    waits.interrupt();
    CHECK_THROWS_AS(waits.join(), lt::interrupted);
    CHECK(meet.is_broken());
    CHECK(lt::barrier<>::max() > 1'000'000);
    CHECK(meet.waiting() == 0);
}
