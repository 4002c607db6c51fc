#include "support.hpp"

#include <string>

#ifndef _WIN32
#include <poll.h>
#endif

TEST_CASE("a select does one thing, and says which") {
    lt::queue<std::string> from(0), to(1);
    lt::event stop;
    from.put("first");
    std::optional<std::string> got;
    CHECK(lt::select(lt::on_set(stop), lt::on_get(from, got)) == 1);
    CHECK(got == "first");
    std::string value = "put, and a long one, which is no small string";
    got.reset();
    CHECK(lt::select(lt::on_get(from, got), lt::on_put(to, value)) == 1);
    CHECK(to.get() == "put, and a long one, which is no small string");
    stop.set();
    std::string kept = "as it was, and a long one, which is no small string";
    to.put("full");
    CHECK(lt::select(lt::on_put(to, kept), lt::on_set(stop)) == 1);
    CHECK(kept == "as it was, and a long one, which is no small string");
    CHECK(!got);
}

TEST_CASE("of a select that is not in time nothing happens") {
    lt::queue<std::string> full(1);
    full.put("full");
    lt::semaphore none(0);
    std::string kept = "as it was, and a long one, which is no small string";
    CHECK(!lt::try_select(lt::on_acquire(none), lt::on_put(full, kept)));
    CHECK(!lt::select_for(1ms, lt::on_acquire(none), lt::on_put(full, kept)));
    CHECK(kept == "as it was, and a long one, which is no small string");
    lt::thread later([&] { none.release(); });
    CHECK(lt::select(lt::on_acquire(none), lt::on_put(full, kept)) == 0);
    CHECK(lt::select_for(1h, lt::on_join(later)) == 0);
    later.join();
}

TEST_CASE("each kind of object is a case") {
    lt::lock lock;
    lt::rlock rlock;
    lt::rwlock rwlock;
    CHECK(lt::select(lt::on_lock(lock)) == 0);
    CHECK(!lock.try_lock());
    lock.unlock();
    CHECK(lt::select(lt::on_lock(rlock)) == 0);
    rlock.unlock();
    CHECK(lt::select(lt::on_lock(rwlock)) == 0);
    CHECK(!lt::try_select(lt::on_lock_shared(rwlock)));
    rwlock.unlock();
    CHECK(lt::select(lt::on_lock_shared(rwlock)) == 0);
    rwlock.unlock_shared();
    lt::pool pool(1);
    auto future = pool.submit([] { return 5; });
    CHECK(lt::select(lt::on_ready(future)) == 0);
    CHECK(future.get() == 5);
}

TEST_CASE("a closed queue is told") {
    lt::queue<std::unique_ptr<int>> queue(1);
    queue.close();
    std::optional<std::unique_ptr<int>> got(std::in_place, new int(1));
    CHECK(lt::select(lt::on_get(queue, got)) == 0);
    CHECK(!got);
    auto value = std::make_unique<int>(7);
    CHECK_THROWS_AS(lt::select(lt::on_put(queue, value)), lt::closed);
    CHECK(*value == 7);
}

TEST_CASE("a watcher calls when something becomes possible, until its end") {
    lt::queue<int> queue;
    lt::semaphore told(0);
    std::atomic<int> sum{0};
    {
        lt::watcher watcher(lt::on_get(queue), [&] {
            while (auto item = queue.try_get()) {
                sum += *item;
            }
            told.release();
        });
        for (int i = 1; i <= 3; i++) {
            queue.put(i);
            told.acquire();
            CHECK(sum == i * (i + 1) / 2);
        }
        lt::watcher moved(std::move(watcher));
        CHECK(!watcher);
        CHECK(moved.fd() == -1);
    }
    queue.put(4);
    CHECK(sum == 6);
}

TEST_CASE("what a watcher holds goes with it, also from its own call") {
    counted::alive = 0;
    lt::event made, ended;
    auto self = std::make_unique<lt::watcher>();
    *self = lt::watcher(lt::on_set(made), [&, held = counted(5)] {
        self.reset();
        CHECK(held.value == 5); // Still there.
        ended.set();
    });
    made.set();
    ended.wait();
    lt::semaphore semaphore(1);
    hooked hook;
    lt::watcher throws(lt::on_acquire(semaphore), [] { throw std::runtime_error("from a watcher"); });
    CHECK(hook.told.get()->find("std::runtime_error: from a watcher") == 0);
}

#ifndef _WIN32
TEST_CASE("a watcher's descriptor is readable while something is possible") {
    lt::event event;
    lt::watcher watcher(lt::on_set(event));
    pollfd one{watcher.fd(), POLLIN, 0};
    CHECK(poll(&one, 1, 0) == 0);
    event.set();
    CHECK(poll(&one, 1, 0) == 1);
    event.clear();
    CHECK(poll(&one, 1, 0) == 0);
}
#endif
