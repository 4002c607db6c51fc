#include "support.hpp"

TEST_CASE("a promise keeps what it is given, or is broken") {
    lt::promise<std::string> promise;
    lt::future<std::string> future = promise.get_future();
    CHECK_THROWS_AS((void)promise.get_future(), std::future_error);
    CHECK(!future.done());
    CHECK(future.wait_for(1ms) == std::future_status::timeout);
    promise.set_value("kept");
    CHECK_THROWS_AS(promise.set_value("again"), std::future_error);
    CHECK(future.wait_for(0s) == std::future_status::ready);
    CHECK(future.get() == "kept");
    CHECK(!future.valid());
    CHECK_THROWS_AS((void)future.get(), std::future_error);
    lt::future<void> broken;
    {
        lt::promise<void> dropped;
        broken = dropped.get_future();
    }
    CHECK_THROWS_AS(broken.get(), std::future_error);
    lt::promise<int &> refers;
    int n = 0;
    refers.set_value(n);
    CHECK(&refers.get_future().get() == &n);
    lt::promise<int> fails;
    fails.set_exception(std::make_exception_ptr(7));
    CHECK_THROWS_AS(fails.get_future().get(), int);
}

TEST_CASE("a result that cannot be copied is moved") {
    lt::promise<std::unique_ptr<int>> promise;
    auto future = promise.get_future();
    lt::thread sets([&] { promise.set_value(std::make_unique<int>(3)); });
    CHECK(*future.get() == 3);
    CHECK(lt::make_ready_future(5).get() == 5);
    lt::make_ready_future().get();
}

TEST_CASE("what comes after: values, futures, errors") {
    lt::promise<int> promise;
    auto text = promise.get_future().then([](int n) { return n + 1; }).then([](lt::future<int> n) {
        return std::to_string(n.get());
    });
    CHECK(!text.done());
    promise.set_value(41);
    CHECK(text.get() == "42");
    bool called = false;
    lt::promise<int> fails;
    auto after = fails.get_future().then([&](int) { called = true; });
    auto seen = std::move(after).then([](lt::future<void> f) {
        try {
            f.get();
            return false;
        } catch (const std::logic_error &) {
            return true;
        }
    });
    fails.set_exception(std::make_exception_ptr(std::logic_error("went past")));
    CHECK(seen.get());
    CHECK(!called);
    CHECK_THROWS_AS(lt::make_ready_future(1).then([](int) -> int { throw 3; }).get(), int);
}

TEST_CASE("cancelling a promise: who waits learns it, and the promise too") {
    lt::promise<int> promise;
    auto future = promise.get_future();
    CHECK(future.cancel());
    CHECK(future.cancelled());
    CHECK_THROWS_AS(future.get(), lt::cancelled);
    CHECK(promise.cancelled());
    lt::promise<int> before;
    int called = 0;
    auto after = before.get_future().then([&](int) { called++; });
    CHECK(after.cancel());
    CHECK(before.cancelled());
    CHECK_THROWS_AS(after.get(), lt::cancelled);
    CHECK(called == 0);
}

TEST_CASE("all of many, any of many") {
    std::vector<lt::promise<int>> promises(3);
    std::vector<lt::future<int>> futures;
    for (auto &promise : promises) {
        futures.push_back(promise.get_future());
    }
    auto all = lt::when_all(std::move(futures));
    promises[2].set_value(2);
    promises[0].set_value(0);
    CHECK(!all.done());
    promises[1].set_exception(std::make_exception_ptr(1));
    auto done = all.get();
    CHECK(done[2].get() == 2);
    CHECK_THROWS_AS(done[1].get(), int);
    lt::promise<int> never, soon;
    auto any = lt::when_any(never.get_future(), soon.get_future());
    soon.set_value(9);
    auto first = any.get();
    CHECK(first.index == 1);
    CHECK(std::get<1>(first.futures).get() == 9);
    CHECK(lt::when_all(std::vector<lt::future<int>>()).get().empty());
    CHECK(lt::when_any(std::vector<lt::future<int>>()).get().index == static_cast<std::size_t>(-1));
    CHECK_THROWS_AS((void)lt::when_all(lt::future<int>()), lt::error);
}

TEST_CASE("nothing leaks when futures are dropped before their end") {
    counted::alive = 0;
    {
        lt::promise<counted> promise;
        auto dropped = promise.get_future().then([held = counted()](counted) {});
        dropped = {};
        promise.set_value(counted(1));
    }
    {
        lt::promise<counted> promise;
        (void)promise.get_future().then([held = counted()](counted) {});
    }
    CHECK(counted::alive == 0);
}

TEST_CASE("an interrupt ends a wait for a result; the future is still good") {
    lt::promise<int> promise;
    auto future = promise.get_future();
    lt::thread waits([&] {
        CHECK_THROWS_AS((void)future.get(), lt::interrupted);
        CHECK(future.valid());
    });
    waits.interrupt();
    waits.join();
    promise.set_value(1);
    CHECK(future.get() == 1);
}

TEST_CASE("a promise whose future was cancelled takes a result, and forgets it") {
    lt::promise<int> promise;
    auto future = promise.get_future();
    CHECK(future.cancel());
    promise.set_value(1);
    promise.set_exception(std::make_exception_ptr(1));
    CHECK_THROWS_AS((void)future.get(), lt::cancelled);
}

TEST_CASE("lt::exit in what comes after, called at once, breaks its promise and ends the thread") {
    counted::alive = 0;
    lt::thread thread([] {
        auto after = lt::make_ready_future(1).then([held = counted()](int) { lt::exit(); });
        FAIL("it went on");
    });
    thread.join();
    CHECK(counted::alive == 0);
}
