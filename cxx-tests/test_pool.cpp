#include "support.hpp"

#include <iterator>
#include <list>
#include <numeric>
#include <sstream>
#if defined(__cpp_lib_ranges)
#include <ranges>
#endif

TEST_CASE("results, and the very object that a task has thrown") {
    lt::pool pool(2, "worker");
    CHECK(pool.submit([](int a, std::unique_ptr<int> b) { return a + *b; }, 1, std::make_unique<int>(2)).get() == 3);
    const std::exception *thrown = nullptr;
    auto fails = pool.submit([&] {
        try {
            throw std::runtime_error("task");
        } catch (const std::exception &error) {
            thrown = &error;
            throw;
        }
    });
    try {
        fails.get();
        FAIL("nothing was thrown");
    } catch (const std::runtime_error &error) {
        CHECK(&error == thrown);
    }
    int n = 0;
    CHECK(&pool.submit([&]() -> int & { return n; }).get() == &n);
    pool.submit([] { CHECK(lt::this_thread::name().find("worker_") == 0); }).get();
    CHECK(pool.stats().max_workers == 2);
}

TEST_CASE("lt::raise and lt::exit fail the task alone") {
    lt::pool pool(1);
    try {
        pool.submit([] { lt::raise(4, "four"); }).get();
        FAIL("nothing was thrown");
    } catch (const lt::failed &failed) {
        CHECK(failed.info().code == 4);
    }
    counted::alive = 0;
    auto exits = pool.submit([held = counted()] { lt::exit(); });
    try {
        exits.get();
        FAIL("nothing was thrown");
    } catch (const lt::failed &failed) {
        CHECK(failed.info().kind == LT_ERROR_EXITED);
    }
    CHECK(counted::alive == 0);
    CHECK(pool.submit([] { return 1; }).get() == 1);
}

TEST_CASE("what a dropped future would have told is told to the hook") {
    hooked hook;
    lt::pool pool(1);
    lt::event goes_on;
    (void)pool.submit([&] {
        goes_on.wait();
        throw std::runtime_error("dropped");
    });
    goes_on.set();
    CHECK(hook.told.get()->find("std::runtime_error: dropped") == 0);
    pool.post([] { throw std::runtime_error("posted"); });
    CHECK(hook.told.get()->find("std::runtime_error: posted") == 0);
}

TEST_CASE("cancelled tasks are not called, and nothing of them stays") {
    counted::alive = 0;
    {
        lt::pool pool(1);
        lt::event begun, goes_on;
        auto runs = pool.submit([&] {
            begun.set();
            goes_on.wait();
        });
        begun.wait();
        int called = 0;
        auto cancelled = pool.submit([&called, held = counted()] { called++; });
        CHECK(cancelled.cancel());
        CHECK(counted::alive == 0); // At once.
        CHECK(cancelled.cancelled());
        CHECK_THROWS_AS(cancelled.get(), lt::cancelled);
        CHECK(!runs.cancel());
        auto by_pool = pool.submit([&called, held = counted()] { called++; });
        (void)pool.submit([&called, held = counted()] { called++; });
        pool.post([&called, held = counted()] { called++; });
        auto after = pool.submit([held = counted()] { return 1; }).then(pool, [held = counted()](int) { return 2; });
        pool.shutdown(false, true);
        CHECK_THROWS_AS(by_pool.get(), lt::cancelled);
        CHECK_THROWS_AS(after.get(), lt::error);
        CHECK_THROWS_AS((void)pool.submit([held = counted()] {}), lt::closed);
        CHECK_THROWS_AS(pool.post([held = counted()] {}), lt::closed);
        CHECK(pool.post(std::nothrow, [held = counted()] {}) == lt::status::closed);
        goes_on.set();
        runs.get();
        CHECK(called == 0);
    }
    CHECK(counted::alive == 0);
}

TEST_CASE("a pool of one does not hang where tasks wait for tasks") {
    lt::pool pool(1);
    const auto nested = [&] {
        auto inner = pool.submit([] { return 1; });
        auto after = pool.submit([] { return 2; }).then([](int n) { return n + 1; });
        auto all = lt::when_all(pool.submit([] { return 4; }), pool.submit([] { return 5; }));
        auto any = lt::when_any(pool.submit([] { return 6; }), pool.submit([] { return 7; }));
        std::vector<int> numbers(100, 1);
        auto mapped = pool.map([](int n) { return n; }, numbers);
        return inner.get() + after.get() + std::get<1>(all.get()).get() + static_cast<int>(any.get().index)
            + std::accumulate(mapped.begin(), mapped.end(), 0);
    };
    const int sum = pool.submit(nested).get();
    CHECK(sum >= 1 + 3 + 5 + 0 + 100);
}

TEST_CASE("a map: any range, results in order") {
    lt::pool pool(3);
    std::vector<int> numbers(1000);
    std::iota(numbers.begin(), numbers.end(), 0);
    auto squares = pool.map([](int n) { return n * n; }, numbers);
    CHECK(squares[999] == 998001);
    pool.map([](int &n) { n = 7; }, numbers);
    CHECK(std::accumulate(numbers.begin(), numbers.end(), 0) == 7000);
    std::list<std::string> words{"a", "bb", "ccc"};
    auto lengths = pool.map(&std::string::size, words);
    CHECK(lengths == std::vector<std::size_t>{1, 2, 3});
    CHECK(pool.map([](int n) { return n; }, std::vector<int>()).empty());
    int array[] = {1, 2};
    CHECK(pool.map([](int n) { return std::make_unique<int>(n); }, array)[1] != nullptr);
}

TEST_CASE("a map that fails has called nobody any more when it returns") {
    lt::pool pool(2);
    std::atomic<int> inside{0};
    std::vector<int> numbers(100);
    std::iota(numbers.begin(), numbers.end(), 0);
    CHECK_THROWS_AS(pool.map(
                        [&](int n) {
                            inside++;
                            lt::this_thread::yield();
                            inside--;
                            if (n == 50) {
                                throw std::logic_error("fifty");
                            }
                        },
                        numbers),
        std::logic_error);
    CHECK(inside == 0);
    lt::event begun, goes_on;
    lt::thread maps([&] {
        const auto work = [&](int) {
            inside++;
            begun.set();
            goes_on.wait();
            inside--;
        };
        bool interrupted = false;
        try {
            pool.map(work, numbers);
            // All was done before it had to wait: then the interrupt is for what comes.
            interrupted = lt::this_thread::check_interrupt(std::nothrow) == lt::status::interrupted;
        } catch (const lt::interrupted &) {
            interrupted = true;
        }
        CHECK(interrupted);
        CHECK(inside == 0);
    });
    begun.wait();
    maps.interrupt();
    goes_on.set();
    maps.join();
}

TEST_CASE("a pool waits for its tasks at its end, also when a task ends it") {
    std::atomic<int> ran{0};
    {
        lt::pool pool(2);
        for (int i = 0; i < 100; i++) {
            pool.post([&] { ran++; });
        }
    }
    CHECK(ran == 100);
    auto *const self = new lt::pool(1);
    lt::event ended;
    self->post([&] {
        delete self;
        ended.set();
    });
    ended.wait();
}

TEST_CASE("nor where they wait for what comes after, on the pool") {
    lt::pool pool(1);
    const auto nested = [&] {
        auto after = pool.submit([] { return 1; }).then(pool, [](int n) { return n + 1; }).then(pool, [](int n) {
            return n + 1;
        });
        auto all = lt::when_all(pool.submit([] { return 4; }).then(pool, [](int n) { return n; }), pool.submit([] {}));
        auto any = lt::when_any(
            pool.submit([] { return 6; }).then([](int n) { return n; }), pool.submit([] { return 7; }).then([](int n) {
                return n;
            }));
        auto shared = pool.submit([] { return 8; }).share();
        return after.get() + std::get<0>(all.get()).get() + static_cast<int>(any.get().index) + shared.get();
    };
    CHECK(pool.submit(nested).get() >= 3 + 4 + 0 + 8);
}

TEST_CASE("what comes after on a pool runs there, and fails with what its submit would throw") {
    counted::alive = 0;
    {
        lt::promise<int> promise;
        auto pool = std::make_unique<lt::pool>(1, "after");
        auto name = promise.get_future().then(*pool, [](int) { return lt::this_thread::name(); });
        promise.set_value(1);
        CHECK(name.get() == "after_0");
        lt::promise<int> late, gone;
        auto refused = late.get_future().then(*pool, [held = counted()](int) {});
        auto stale = gone.get_future().then(*pool, [held = counted()](int) {});
        pool->shutdown();
        late.set_value(1);
        CHECK_THROWS_AS(refused.get(), lt::closed);
        pool.reset(); // The pool itself is gone, and its futures live.
        gone.set_value(1);
        CHECK_THROWS_AS(stale.get(), lt::error);
        CHECK(counted::alive == 0);
    }
    {
        lt::pool pool(1);
        lt::event begun, goes_on;
        auto runs = pool.submit([&] {
            begun.set();
            goes_on.wait();
        });
        begun.wait();
        auto queued = lt::make_ready_future(1).then(pool, [held = counted()](int) {});
        auto dropped = lt::make_ready_future(1).then(pool, [held = counted()](int) {});
        dropped = {};
        pool.shutdown(false, true);
        CHECK(queued.done());
        CHECK_THROWS_AS(queued.get(), lt::cancelled);
        goes_on.set();
        runs.get();
    }
    CHECK(counted::alive == 0);
}

TEST_CASE("futures outlive their pool") {
    lt::future<int> result;
    lt::future<void> fails;
    {
        lt::pool pool(1);
        result = pool.submit([] { return 5; });
        fails = pool.submit([] { throw std::logic_error("kept"); });
    }
    CHECK(result.get() == 5);
    CHECK_THROWS_AS(fails.get(), std::logic_error);
}

TEST_CASE("a task may drop its own future") {
    counted::alive = 0;
    {
        lt::event given;
        lt::future<void> own;
        lt::pool pool(1); // Waits for the task.
        own = pool.submit([&own, &given, held = counted(3)] {
            given.wait();
            own = {};
            CHECK(held.value == 3);
        });
        given.set();
    }
    CHECK(counted::alive == 0);
}

TEST_CASE("a map gives copies of what is referred to, and takes ranges that are gone through once") {
    lt::pool pool(2);
    struct point {
        int x, y;
    };
    std::vector<point> points{{1, 2}, {3, 4}};
    CHECK(pool.map(&point::y, points) == std::vector<int>{2, 4});
    CHECK(pool.map([](point &p) -> int & { return p.x; }, points) == std::vector<int>{1, 3});
    struct lines {
        std::istringstream in{"5 6 7"};
        std::istream_iterator<int> begin() { return std::istream_iterator<int>(in); }
        std::istream_iterator<int> end() { return {}; }
    };
    CHECK(pool.map([](int n) { return n; }, lines()) == std::vector<int>{5, 6, 7});
    lt::queue<std::unique_ptr<int>> queue;
    queue.put(std::make_unique<int>(8));
    queue.put(std::make_unique<int>(9));
    queue.close();
    CHECK(pool.map([](std::unique_ptr<int> n) { return *n; }, queue) == std::vector<int>{8, 9});
    std::list<point> list{{1, 2}, {3, 4}};
    pool.map([](point &p) { p.y = 0; }, list); // The items themselves.
    CHECK(list.back().y == 0);
    std::list<bool> bools{true, false};
    CHECK(pool.map([](bool b) { return !b; }, bools) == std::vector<bool>{false, true});
#if defined(__cpp_lib_ranges)
    CHECK(pool.map([](int n) { return n * n; }, std::views::iota(1, 4)) == std::vector<int>{1, 4, 9});
    auto text = points | std::views::transform([](const point &p) { return std::to_string(p.x); });
    CHECK(pool.map([](std::string s) { return s; }, text) == std::vector<std::string>{"1", "3"});
    std::istringstream in("5 6 7");
    CHECK(pool.map([](int n) { return n; }, std::views::istream<int>(in)) == std::vector<int>{5, 6, 7});
#endif
}

TEST_CASE("a map whose functions end in other ways says so, and waits for all") {
    hooked hook;
    lt::pool pool(2);
    std::vector<int> numbers(20);
    std::iota(numbers.begin(), numbers.end(), 0);
    CHECK_THROWS_AS(pool.map(
                        [](int n) {
                            if (n == 3) {
                                lt::raise(3, "three");
                            }
                        },
                        numbers),
        lt::failed);
    CHECK_THROWS_AS(pool.map([](int) { lt::exit(); }, numbers), lt::failed);
    pool.shutdown();
    CHECK_THROWS_AS(pool.map([](int) {}, numbers), lt::closed);
}
