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

template <typename Promise, typename Value, typename = void> constexpr bool takes = false;
template <typename Promise, typename Value>
constexpr bool
    takes<Promise, Value, std::void_t<decltype(std::declval<Promise &>().set_value(std::declval<Value>()))>> = true;

TEST_CASE("a promise takes what becomes its type by itself, as a call would, and nothing by a cast") {
    struct base {};
    struct derived : base {};
    CHECK(takes<lt::promise<double>, int>);
    CHECK(takes<lt::promise<base &>, derived &>);
    CHECK(!takes<lt::promise<derived &>, base &>);
    CHECK(!takes<lt::promise<int *>, void *>);
    CHECK(!takes<lt::promise<std::unique_ptr<int>>, int *>);
    CHECK(!takes<lt::promise<void>, int>);
    lt::promise<std::pair<int, std::string>> pair;
    pair.set_value({1, "one"});
    CHECK(pair.get_future().get().second == "one");
    lt::promise<int> none;
    CHECK_THROWS_AS(none.set_exception(nullptr), lt::error);
    none.set_value(1); // It was not given anything yet.
    CHECK(none.get_future().get() == 1);
}

TEST_CASE("what making the result throws, the future gets") {
    lt::promise<counted> promise;
    auto future = promise.get_future();
    counted bomb;
    bomb.bomb = true;
    bomb.fuse = 1;
    promise.set_value(std::move(bomb));
    CHECK_THROWS_AS((void)future.get(), std::runtime_error);
}

TEST_CASE("a future is waited for by value, for any duration") {
    lt::promise<int> promise;
    auto future = promise.get_future();
    CHECK(future.wait_for(std::nothrow, 1ms) == lt::status::timed_out);
    promise.set_value(1);
    CHECK(future.wait_for(std::nothrow, 1h) == lt::status::ok);
    CHECK(future.wait(std::nothrow) == lt::status::ok);
    CHECK(future.wait_until(std::chrono::system_clock::now()) == std::future_status::ready);
}

TEST_CASE("futures and promises may be assigned to themselves, and are empty when moved from") {
    lt::promise<int> promise;
    lt::promise<int> &same_promise = promise;
    promise = std::move(same_promise);
    auto future = promise.get_future();
    auto &same = future;
    future = std::move(same);
    CHECK(future.valid());
    lt::promise<int> taken(std::move(promise));
    CHECK_THROWS_AS(promise.set_value(1), std::future_error);
    CHECK_THROWS_AS((void)promise.get_future(), std::future_error);
    CHECK_THROWS_AS((void)taken.get_future(), std::future_error); // Given before the move.
    taken.set_value(2);
    lt::future<int> other(std::move(future));
    CHECK(!future.valid());
    CHECK_THROWS_AS((void)future.done(), std::future_error);
    CHECK_THROWS_AS((void)future.then([](int) {}), std::future_error);
    CHECK(other.get() == 2);
}

TEST_CASE("when one of many is not valid, the others stay") {
    auto good = lt::make_ready_future(1);
    CHECK_THROWS_AS((void)lt::when_all(std::move(good), lt::future<int>()), lt::error);
    CHECK_THROWS_AS((void)lt::when_any(lt::future<int>(), std::move(good)), lt::error);
    REQUIRE(good.valid());
    CHECK(good.get() == 1);
    lt::lock lock;
    CHECK_THROWS_AS(lock.release(), lt::error);
    try {
        (void)lt::when_all(lt::future<int>());
    } catch (const lt::error &error) {
        CHECK(error.status() == lt::status::invalid);
        CHECK(std::string(error.what()).find("when_all") != std::string::npos);
    }
    (void)lt::when_all();
    CHECK(lt::when_any().get().index == static_cast<std::size_t>(-1));
}

TEST_CASE("what comes after is called once for each of many, on the thread that ends the last") {
    lt::promise<int> a, b;
    lt::promise<std::string> c;
    lt_ident on = 0;
    auto sum = lt::when_all(a.get_future(), b.get_future(), c.get_future()).then([&](auto all) {
        on = lt::this_thread::ident();
        return std::get<0>(all).get() + std::get<1>(all).get() + std::stoi(std::get<2>(all).get());
    });
    lt_ident last = 0;
    lt::thread([&] {
        a.set_value(1);
        c.set_value("3");
        last = lt::this_thread::ident();
        b.set_value(2);
    }).join();
    CHECK(sum.done());
    CHECK(sum.get() == 6);
    CHECK(on == last);
}

TEST_CASE("an lt::interrupted that what comes after throws is its result, and ends nobody's wait but its own") {
    lt::promise<void> promise;
    auto after = promise.get_future().then([] { throw lt::interrupted(); });
    promise.set_value();
    CHECK_THROWS_AS(after.wait_for(1h) == std::future_status::ready ? after.get() : void(), lt::interrupted);
}

TEST_CASE("a shared result is there for all, and so is what was thrown") {
    counted::alive = 0;
    {
        lt::promise<counted> promise;
        lt::shared_future<counted> first = promise.get_future().share();
        const lt::shared_future<counted> second = first;
        std::vector<lt::thread> threads;
        std::atomic<const counted *> seen{nullptr};
        for (int i = 0; i < 4; i++) {
            threads.emplace_back([&seen, mine = second] {
                const counted &result = mine.get();
                CHECK(result.value == 7);
                const counted *before = seen.exchange(&result);
                CHECK((before == nullptr || before == &result));
            });
        }
        promise.set_value(counted(7));
        threads.clear();
        CHECK(&first.get() == &second.get());
        first = {};
        CHECK(!first.valid());
        CHECK_THROWS_AS((void)first.get(), std::future_error);
        CHECK(second.get().value == 7);
        CHECK(counted::alive == 1);
    }
    CHECK(counted::alive == 0);
    lt::promise<void> fails;
    const lt::shared_future<void> a(fails.get_future()), b(a);
    fails.set_exception(std::make_exception_ptr(std::logic_error("shared")));
    CHECK_THROWS_AS(a.get(), std::logic_error);
    CHECK_THROWS_AS(b.get(), std::logic_error);
    CHECK(b.is_ready());
    int n = 0;
    lt::promise<int &> refers;
    const lt::shared_future<int &> ref = refers.get_future().share();
    refers.set_value(n);
    CHECK(&ref.get() == &n);
}

TEST_CASE("a chain keeps what is to come, not what has been") {
    counted::alive = 0;
    lt::future<counted> last = lt::make_ready_future(counted());
    for (int i = 0; i < 1000; i++) {
        last = last.then([](counted one) { return one; });
    }
    CHECK(counted::alive == 1);
    lt::promise<int> promise;
    lt::future<int> cancelled = promise.get_future().then([](int n) { return n; }).then([](int n) { return n; });
    CHECK(cancelled.cancel());
    CHECK(promise.cancelled());
}

TEST_CASE("a chain of any length ends, is waited for and is cancelled") {
    constexpr int length = 100'000;
    const auto chain = [](lt::future<int> last) {
        for (int i = 0; i < length; i++) {
            last = last.then([](int n) { return n + 1; });
        }
        return last;
    };
    lt::promise<int> promise;
    auto last = chain(promise.get_future());
    int result = 0;
    lt::thread waits([&] { result = last.get(); });
    promise.set_value(0);
    waits.join();
    CHECK(result == length);

    lt::promise<int> breaks;
    auto broken = chain(breaks.get_future());
    CHECK(broken.wait_for(0s) == std::future_status::timeout);
    breaks = lt::promise<int>();
    CHECK_THROWS_AS((void)broken.get(), std::future_error);

    lt::promise<int> never;
    auto cancelled = chain(never.get_future());
    CHECK(cancelled.cancel());
    CHECK(never.cancelled());
}
