#include "support.hpp"

#include <mutex>

TEST_CASE_TEMPLATE("waits until it is true, with either lock", Lock, lt::lock, lt::rlock) {
    Lock lock;
    lt::condition changed;
    int stage = 0;
    lt::thread waits([&] {
        std::unique_lock<Lock> guard(lock);
        changed.wait(guard, [&] { return stage == 1; });
        stage = 2;
        changed.notify_all();
    });
    std::unique_lock<Lock> guard(lock);
    stage = 1;
    changed.notify_one();
    CHECK(changed.wait_for(guard, 1h, [&] { return stage == 2; }));
    CHECK(changed.wait_for(guard, 1ms) == std::cv_status::timeout);
    CHECK(!changed.wait_until(guard, std::chrono::system_clock::now() + 1ms, [] { return false; }));
    CHECK(changed.wait_until(guard, std::chrono::steady_clock::now()) == std::cv_status::timeout);
    CHECK(guard.owns_lock());
    guard.unlock();
    waits.join();
}

TEST_CASE("what the predicate throws comes out, with the lock held") {
    lt::lock lock;
    lt::condition changed;
    std::unique_lock<lt::lock> guard(lock);
    CHECK_THROWS_AS(changed.wait(guard, []() -> bool { throw std::logic_error("asked"); }), std::logic_error);
    CHECK(lock.locked());
}

TEST_CASE("an interrupt ends a wait, with the lock held") {
    lt::lock lock;
    lt::condition changed;
    lt::thread waits([&] {
        std::unique_lock<lt::lock> guard(lock);
        CHECK_THROWS_AS(changed.wait(guard), lt::interrupted);
        CHECK(lock.locked());
    });
    waits.interrupt();
    waits.join();
    CHECK(!lock.locked());
}

TEST_CASE("a stop ends a wait, and leaves no interrupt behind") {
    lt::lock lock;
    lt::condition changed;
    lt::thread waits([&] {
        lt::stop_source source;
        lt::thread stops([&] { source.request_stop(); });
        std::unique_lock<lt::lock> guard(lock);
        CHECK(!changed.wait(guard, source.get_token(), [] { return false; }));
        CHECK(lt::this_thread::check_interrupt(std::nothrow) == lt::status::ok);
        // From the beginning: it is asked once.
        int asked = 0;
        CHECK(!changed.wait(guard, source.get_token(), [&] { return asked++ > 0; }));
        CHECK(asked == 1);
        CHECK(changed.wait_for(guard, source.get_token(), 1h, [] { return true; }));
    });
    waits.join();
}

TEST_CASE("notify wakes as many as it says") {
    lt::lock lock;
    lt::condition changed;
    lt::semaphore woken(0);
    std::vector<lt::thread> waiting;
    for (int i = 0; i < 3; i++) {
        waiting.emplace_back([&] {
            std::unique_lock<lt::lock> guard(lock);
            changed.wait(guard);
            woken.release();
        });
    }
    while (changed.waiting() < 3) {
        lt::this_thread::yield();
    }
    changed.notify_one();
    CHECK(changed.waiting() == 2);
    changed.notify(0);
    CHECK(changed.waiting() == 2);
    changed.notify(2);
    CHECK(changed.waiting() == 0);
    for (int i = 0; i < 3; i++) {
        woken.acquire();
    }
    waiting.clear();
    for (int i = 0; i < 3; i++) {
        waiting.emplace_back([&] {
            std::unique_lock<lt::lock> guard(lock);
            changed.wait(guard);
        });
    }
    while (changed.waiting() < 3) {
        lt::this_thread::yield();
    }
    changed.notify(2);
    CHECK(changed.waiting() == 1);
    changed.notify_all();
}

TEST_CASE("a wait without the lock is an error") {
    lt::lock lock;
    lt::condition changed;
    std::unique_lock<lt::lock> guard(lock);
    lock.unlock();
    CHECK_THROWS_AS(changed.wait(guard), lt::error);
    guard.release();
    std::unique_lock<lt::lock> none;
    CHECK(changed.wait(std::nothrow, none) == lt::status::bad_handle);
}

TEST_CASE("a wait does not let go of what another thread holds") {
    lt::lock lock;
    lt::condition changed;
    std::lock_guard<lt::lock> others(lock);
    std::unique_lock<lt::lock> not_mine(lock, std::defer_lock);
    CHECK(changed.wait(std::nothrow, not_mine) == lt::status::bad_handle);
    CHECK(changed.wait_for(std::nothrow, not_mine, 1ms) == lt::status::bad_handle);
    CHECK_THROWS_AS(changed.wait(not_mine, [] { return false; }), lt::error);
    CHECK(lock.locked());
}

TEST_CASE("a stop that comes too late for the wait leaves no interrupt behind, also if the predicate throws") {
    lt::lock lock;
    lt::condition changed;
    lt::thread([&] {
        std::unique_lock<lt::lock> guard(lock);
        lt::stop_source source;
        CHECK_THROWS_AS(changed.wait(guard, source.get_token(),
                            [&]() -> bool {
                                source.request_stop();
                                throw std::logic_error("asked");
                            }),
            std::logic_error);
        CHECK(lt::this_thread::check_interrupt(std::nothrow) == lt::status::ok);
        lt::stop_source other;
        CHECK(changed.wait(guard, other.get_token(), [&] { return other.request_stop(); }));
        CHECK(lt::this_thread::check_interrupt(std::nothrow) == lt::status::ok);
    }).join();
}

TEST_CASE("an interrupt by something else is thrown, and a time that is up is an answer, beside a token") {
    lt::lock lock;
    lt::condition changed;
    lt::stop_source source;
    lt::event timed_out;
    lt::thread waits([&] {
        std::unique_lock<lt::lock> guard(lock);
        CHECK(!changed.wait_for(guard, source.get_token(), 1ms, [] { return false; }));
        CHECK(!changed.wait_until(guard, source.get_token(), std::chrono::system_clock::now(), [] { return false; }));
        timed_out.set();
        changed.wait(guard, source.get_token(), [] { return false; });
    });
    timed_out.wait();
    waits.interrupt();
    CHECK_THROWS_AS(waits.join(), lt::interrupted);
}
