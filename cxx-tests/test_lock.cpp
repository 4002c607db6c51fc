#include "support.hpp"

#include <condition_variable>
#include <mutex>
#include <shared_mutex>

TEST_CASE_TEMPLATE("guards of the standard library", Lock, lt::lock, lt::rlock, lt::rwlock, lt::spinlock) {
    Lock lock;
    {
        std::lock_guard<Lock> guard(lock);
        // On another thread, since one of them is re-entrant.
        lt::thread([&] { CHECK(!lock.try_lock()); }).join();
    }
    {
        std::unique_lock<Lock> guard(lock, std::try_to_lock);
        CHECK(guard.owns_lock());
        guard.unlock();
        guard.lock();
    }
    CHECK_THROWS_AS(
        [&] {
            std::scoped_lock<Lock> guard(lock);
            throw std::runtime_error("inside");
        }(),
        std::runtime_error);
    CHECK(lock.try_lock());
    lock.unlock();
}

TEST_CASE_TEMPLATE("timed forms", Lock, lt::lock, lt::rlock, lt::rwlock) {
    Lock lock;
    std::unique_lock<Lock> held(lock);
    lt::thread([&] {
        CHECK(!lock.try_lock_for(1ms));
        CHECK(!lock.try_lock_for(-1s));
        CHECK(!lock.try_lock_until(std::chrono::system_clock::now() + 1ms));
        std::unique_lock<Lock> timed(lock, std::chrono::steady_clock::now() + 1ms);
        CHECK(!timed.owns_lock());
    }).join();
    held.unlock();
    CHECK(lock.try_lock_for(std::chrono::hours::max()));
    lock.unlock();
}

TEST_CASE_TEMPLATE("acquire and the timed forms are interrupted, and have not acquired; lock is not", Lock, lt::lock,
    lt::rlock, lt::rwlock) {
    Lock lock;
    lock.lock();
    lt::event asks;
    lt::thread waits([&] {
        const auto me = lt::this_thread::ident();
        lt::interrupt(me);
        CHECK_THROWS_AS(lock.acquire(), lt::interrupted);
        lt::interrupt(me);
        CHECK_THROWS_AS((void)lock.try_lock_for(1h), lt::interrupted);
        lt::interrupt(me);
        CHECK_THROWS_AS((void)lock.try_lock_until(std::chrono::steady_clock::now() + 1h), lt::interrupted);
        lt::interrupt(me);
        asks.set();
        lock.lock();
        CHECK(lt::this_thread::check_interrupt(std::nothrow) == lt::status::interrupted);
        lock.unlock();
    });
    asks.wait();
    lt::this_thread::sleep_for(5ms); // If it is in its wait by then, more is seen.
    lock.unlock();
    waits.join();
}

TEST_CASE("several locks of different types at once, without a deadlock") {
    lt::lock a;
    lt::rlock b;
    lt::rwlock c;
    std::mutex d;
    int n = 0;
    lt::thread other([&] {
        for (int i = 0; i < 1000; i++) {
            std::scoped_lock guard(d, c, b, a);
            n++;
        }
    });
    for (int i = 0; i < 1000; i++) {
        std::scoped_lock guard(a, b, c, d);
        n++;
    }
    other.join();
    CHECK(n == 2000);
}

TEST_CASE("a lock may be released by another thread, once") {
    lt::lock lock;
    lock.acquire();
    lt::thread([&] { lock.release(); }).join();
    CHECK(!lock.locked());
    CHECK_THROWS_AS(lock.release(), lt::error);
}

TEST_CASE("readers share, a writer does not") {
    lt::rwlock lock;
    std::shared_lock<lt::rwlock> reads(lock);
    lt::thread([&] {
        std::shared_lock<lt::rwlock> also(lock, std::try_to_lock);
        CHECK(also.owns_lock());
        CHECK(!lock.try_lock());
        CHECK(lock.try_lock_shared_for(1s));
        lock.release_shared();
    }).join();
    reads.unlock();
    CHECK_THROWS_AS(lock.release_shared(), lt::error);
    lock.acquire();
    CHECK(!lock.try_lock_shared_until(std::chrono::steady_clock::now()));
    lock.release();
}

TEST_CASE("a re-entrant lock is let go of wholly, and had back") {
    lt::rlock lock;
    lock.lock();
    CHECK(lock.try_lock());
    CHECK(lock.recursion_count() == 2);
    CHECK(lock.owner() == lt::this_thread::ident());
    const auto count = lock.release_save();
    CHECK(!lock.locked());
    lock.acquire_restore(count);
    CHECK(lock.depth() == 2);
    lt::thread([&] { CHECK_THROWS_AS(lock.release(), lt::error); }).join();
    lock.unlock();
    lock.unlock();
    CHECK(!lock.is_owned());
}

TEST_CASE("std::condition_variable_any waits with any of them") {
    lt::rwlock lock;
    std::condition_variable_any changed;
    bool ready = false;
    lt::thread waits([&] {
        std::shared_lock<lt::rwlock> guard(lock);
        changed.wait(guard, [&] { return ready; });
    });
    {
        std::lock_guard<lt::rwlock> guard(lock);
        ready = true;
    }
    changed.notify_all();
    waits.join();
}

TEST_CASE_TEMPLATE("what a thread that is gone has held can be made free", Lock, lt::lock, lt::rlock, lt::rwlock) {
    Lock lock;
    lt::thread([&] { lock.lock(); }).join();
    lt::thread([&] { CHECK(!lock.try_lock()); }).join();
    lock.at_fork_reinit();
    CHECK(lock.try_lock());
    lock.unlock();
}

TEST_CASE_TEMPLATE("by value", Lock, lt::lock, lt::rlock, lt::rwlock) {
    Lock lock(std::nothrow);
    REQUIRE(static_cast<bool>(lock));
    CHECK(lock.acquire(std::nothrow) == lt::status::ok);
    lt::thread waits([&] { CHECK(lock.acquire(std::nothrow) == lt::status::interrupted); });
    waits.interrupt();
    waits.join();
    CHECK(lock.release(std::nothrow) == lt::status::ok);
    CHECK(lock.release(std::nothrow) == lt::status::not_held);
}

TEST_CASE_TEMPLATE("by value, with a time", Lock, lt::lock, lt::rlock) {
    Lock lock;
    CHECK(lock.acquire_for(std::nothrow, 1ms) == lt::status::ok);
    lt::thread([&] { CHECK(lock.acquire_for(std::nothrow, 1ms) == lt::status::timed_out); }).join();
    lock.unlock();
}

TEST_CASE("readers are not interrupted in lock_shared, and are in the other forms") {
    lt::rwlock lock;
    lock.lock();
    lt::event asks;
    lt::thread reads([&] {
        const auto me = lt::this_thread::ident();
        lt::interrupt(me);
        CHECK(lock.acquire_shared(std::nothrow) == lt::status::interrupted);
        lt::interrupt(me);
        CHECK_THROWS_AS((void)lock.try_lock_shared_for(1h), lt::interrupted);
        lt::interrupt(me);
        asks.set();
        lock.lock_shared();
        CHECK(lt::this_thread::check_interrupt(std::nothrow) == lt::status::interrupted);
        CHECK(lock.release_shared(std::nothrow) == lt::status::ok);
    });
    asks.wait();
    lt::this_thread::sleep_for(5ms); // If it is in its wait by then, more is seen.
    lock.unlock();
    reads.join();
}

TEST_CASE("a re-entrant lock is had back in spite of an interrupt, and a spinlock that is free is not released") {
    lt::rlock lock;
    lock.lock();
    lock.lock();
    const auto count = lock.release_save();
    lock.lock_restore(count);
    CHECK(lock.depth() == 2);
    CHECK_THROWS_AS(lock.lock_restore(0), lt::error);
    lt::event asks;
    lt::thread waits([&] {
        lt::interrupt(lt::this_thread::ident());
        asks.set();
        lock.lock_restore(3);
        CHECK(lock.recursion_count() == 3);
        CHECK(lt::this_thread::check_interrupt(std::nothrow) == lt::status::interrupted);
        CHECK(lock.release_save() == 3);
    });
    asks.wait();
    lt::this_thread::sleep_for(5ms); // If it is in its wait by then, more is seen.
    CHECK(lock.release_save() == 2);
    waits.join();
    lt::spinlock spin;
    CHECK_THROWS_AS(spin.release(), lt::error);
    CHECK(spin.release(std::nothrow) == lt::status::not_held);
}
