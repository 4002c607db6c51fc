#include "support.hpp"

#include <cstring>
#include <memory>

#include <sys/wait.h>
#include <unistd.h>

TEST_CASE("arguments are moved, references passed by std::ref") {
    int sum = 0;
    lt::thread thread([](std::unique_ptr<int> n, int &to) { to = *n; }, std::make_unique<int>(5), std::ref(sum));
    thread.join();
    CHECK(sum == 5);
    struct object {
        void set(int to) { value = to; }
        int value = 0;
    } it;
    lt::thread(&object::set, &it, 3).join();
    CHECK(it.value == 3);
}

TEST_CASE("join throws the very object that the thread has thrown, once") {
    const std::exception *thrown = nullptr;
    lt::thread thread([&] {
        try {
            throw std::runtime_error("from the thread");
        } catch (const std::exception &error) {
            thrown = &error;
            throw;
        }
    });
    try {
        thread.join();
        FAIL("nothing was thrown");
    } catch (const std::runtime_error &error) {
        CHECK(&error == thrown);
        CHECK(std::string(error.what()) == "from the thread");
    }
    CHECK(!thread.joinable());
    CHECK_THROWS_AS(thread.join(), std::system_error);
}

TEST_CASE("by value: what it has thrown is handed over") {
    lt::thread thread(std::nothrow, {}, [] { throw 7; });
    REQUIRE(thread.joinable());
    std::exception_ptr thrown;
    CHECK(thread.join(std::nothrow, &thrown) == lt::status::failed);
    CHECK_THROWS_AS(std::rethrow_exception(thrown), int);
    CHECK(thread.join(std::nothrow) == lt::status::bad_handle);
}

TEST_CASE("what nobody joins for is told to the hook") {
    hooked hook;
    {
        lt::thread ends({"destroyed"}, [] { throw std::runtime_error("one"); });
    }
    CHECK(*hook.told.get() == "std::runtime_error: one in destroyed");
    lt::event goes_on;
    lt::thread detached({"detached"}, [&] {
        goes_on.wait();
        throw std::runtime_error("two");
    });
    detached.detach();
    CHECK(!detached.joinable());
    goes_on.set();
    CHECK(*hook.told.get() == "std::runtime_error: two in detached");
    lt::thread over({"over"}, [] { throw std::runtime_error("three"); });
    while (over.is_alive()) {
        lt::this_thread::yield();
    }
    over.detach();
    CHECK(*hook.told.get() == "std::runtime_error: three in over");
    CHECK(hook.told.empty());
}

TEST_CASE("a container takes what it throws, and join throws it too") {
    lt::errors errors;
    lt::thread_options options;
    options.errors = &errors;
    lt::thread thread(options, [] { throw std::logic_error("taken"); });
    CHECK_THROWS_AS(thread.join(), std::logic_error);
    REQUIRE(errors.get() != nullptr);
    CHECK(std::string(errors.get()->message) == "taken");
}

TEST_CASE("lt::raise is no exception of C++, and known to who joins") {
    hooked hook;
    lt::thread thread([] { lt::raise(7, "seven"); });
    try {
        thread.join();
        FAIL("nothing was thrown");
    } catch (const lt::failed &failed) {
        CHECK(failed.info().code == 7);
        CHECK(failed.info().kind == LT_ERROR_RAISED);
        CHECK(failed.info().message == "seven");
    }
    lt::thread fails([] { lt::fail(8, "eight"); });
    CHECK_THROWS_AS(fails.join(), lt::failed);
}

TEST_CASE("lt::exit ends a thread silently, from any depth, and destructors run") {
    counted::alive = 0;
    lt::thread thread([held = counted()] {
        counted local;
        [] {
            counted deeper;
            lt::exit();
        }();
        FAIL("it went on");
    });
    thread.join();
    CHECK(counted::alive == 0);
}

TEST_CASE("an interrupt ends its wait, and goes out as lt::interrupted") {
    lt::event never;
    lt::thread thread([&] { never.wait(); });
    thread.interrupt();
    CHECK_THROWS_AS(thread.join(), lt::interrupted);
}

TEST_CASE("a stop is seen by the token, and ends a wait without an error") {
    std::atomic<bool> seen{false};
    lt::thread thread([&](lt::stop_token token) {
        lt::event never;
        try {
            never.wait();
        } catch (const lt::interrupted &) {
            seen = token.stop_requested();
            throw;
        }
    });
    CHECK(thread.request_stop());
    CHECK(!thread.request_stop());
    thread.join();
    CHECK(seen);
}

TEST_CASE("the destructor stops who takes a token, and lets the others end") {
    {
        lt::thread stops([](lt::stop_token) { lt::this_thread::sleep_for(std::chrono::hours(1000)); });
    }
    bool done = false;
    {
        lt::event event;
        lt::timer later(20ms, [&] { event.set(); });
        lt::thread ends([&] {
            event.wait();
            done = true;
        });
        CHECK(!ends.request_stop());
        ends.join();
    }
    CHECK(done);
}

TEST_CASE("threads move; what was moved from is empty; to itself changes nothing") {
    std::atomic<int> ended{0};
    lt::thread a([&] { ended++; });
    lt::thread b(std::move(a));
    CHECK(!a.joinable());
    CHECK(a.ident() == 0);
    lt::thread &same = b;
    b = std::move(same);
    CHECK(b.joinable());
    b = lt::thread([&] { ended++; }); // Joins the first.
    CHECK(ended >= 1);
    swap(a, b);
    a.join();
    CHECK(ended == 2);
    CHECK_THROWS_AS(b.detach(), lt::error);
    CHECK_THROWS_AS(b.interrupt(), lt::error);
}

TEST_CASE("a thread that ends its own object is detached by it") {
    auto *const self = new lt::thread;
    lt::event made, ended;
    *self = lt::thread([&] {
        made.wait();
        delete self;
        ended.set();
    });
    made.set();
    ended.wait();
}

TEST_CASE("joins: try, for, until, from the thread itself, interrupted") {
    lt::event goes_on;
    lt::thread thread([&] { goes_on.wait(); });
    CHECK(!thread.try_join());
    CHECK(!thread.join_for(1ms));
    CHECK(!thread.join_until(std::chrono::steady_clock::now() + 1ms));
    lt::thread joins([&] { CHECK_THROWS_AS(thread.join(), lt::interrupted); });
    joins.interrupt();
    joins.join();
    CHECK(thread.joinable());
    goes_on.set();
    CHECK(thread.join_for(1h));
    lt::thread *self = nullptr;
    lt::event set;
    lt::thread own([&] {
        set.wait();
        CHECK_THROWS_AS(self->join(), lt::error);
    });
    self = &own;
    set.set();
    own.join();
}

TEST_CASE("an interrupt of who destroys a thread is not lost") {
    lt::event goes_on, in;
    lt::thread outer([&] {
        {
            lt::thread inner([&] { goes_on.wait(); });
            in.set();
        }
        CHECK(lt::this_thread::check_interrupt(std::nothrow) == lt::status::interrupted);
    });
    in.wait();
    outer.interrupt();
    goes_on.set();
    outer.join();
}

TEST_CASE("names, idents, stacks") {
    lt::event goes_on;
    lt::thread_options options;
    options.name = "named";
    options.stack_size = 1 << 20;
    options.daemon = true;
    lt::thread thread(options, [&] {
        CHECK(lt::this_thread::name() == "named");
        CHECK(lt::this_thread::native_handle() != nullptr);
        goes_on.wait();
    });
    CHECK(lt::thread_name(thread.ident()) == "named");
    CHECK(thread.daemon());
    CHECK(thread.native_id() != 0);
    CHECK(lt::native_handle(thread.ident()) != 0);
    bool listed = false;
    for (const lt_thread_info &info : lt::enumerate()) {
        listed = listed || (info.ident == thread.ident() && std::strcmp(info.name, "named") == 0);
    }
    CHECK(listed);
    goes_on.set();
    thread.join();
    CHECK_THROWS_AS((void)lt::thread_name(1'000'000'000), lt::error);
    options.stack_size = 1;
    CHECK_THROWS_AS(lt::thread(options, [] {}), lt::error);
    lt::this_thread::set_name(std::string(100, 'x'));
    CHECK(lt::this_thread::name() == std::string(100, 'x'));
    lt::this_thread::set_name("MainThread");
}

TEST_CASE("detached threads get their arguments, and free them however they end") {
    counted::alive = 0;
    lt::semaphore ended(0);
    lt::start_new_thread([&ended] { ended.release(); }); // Copied by C.
    lt::start_new_thread([](counted one, lt::semaphore &to) { to.release(one.value); }, counted(2), std::ref(ended));
    ended.acquire();
    ended.acquire();
    ended.acquire();
    lt::errors errors;
    const lt_ident ident = lt::spawn(errors, [one = counted()] { throw std::runtime_error("spawned"); });
    CHECK(ident != 0);
    lt::start_new_thread([one = counted(), more = std::string(100, 'x')] { lt::exit(); });
    while (lt::thread_count() > 0) {
        lt::this_thread::yield();
    }
    CHECK(counted::alive == 0);
    CHECK(errors.count() == 1);
}

TEST_CASE("no thread: what was to be its arguments is freed") {
    counted::alive = 0;
    lt::thread_options options;
    options.name = "\xff"; // Not UTF-8.
    CHECK_THROWS_AS(lt::thread(options, [one = counted()] {}), lt::error);
    CHECK(counted::alive == 0);
    lt::thread none(std::nothrow, options, [one = counted()] {});
    CHECK(!none.joinable());
    CHECK(lt::last_status() == lt::status::invalid);
    CHECK(counted::alive == 0);
}

TEST_CASE("all threads are told of, however many") {
    lt::event goes_on;
    std::vector<lt::thread> threads;
    for (int i = 0; i < 40; i++) {
        threads.emplace_back([&] { goes_on.wait(); });
    }
    const auto all = lt::enumerate();
    for (const lt::thread &thread : threads) {
        int times = 0;
        for (const lt_thread_info &info : all) {
            times += info.ident == thread.ident();
        }
        CHECK(times == 1);
    }
    goes_on.set();
}

TEST_CASE("the main thread may be another one, and stacks of another size") {
    lt::thread([] {
        lt::adopt_main();
        CHECK(lt::main_ident() == lt::this_thread::ident());
    }).join();
    lt::adopt_main();
    CHECK(lt::main_ident() == lt::this_thread::ident());
    lt::set_stack_size(1 << 20);
    CHECK(lt::stack_size() >= 1 << 20);
    CHECK_THROWS_AS(lt::set_stack_size(1), lt::error);
    lt::set_stack_size(0);
    CHECK(lt::stack_size() != 1 << 20);
    CHECK_THROWS_AS(lt::this_thread::set_name("\xff"), lt::error);
}

TEST_CASE("a shutdown waits for all that can be joined") {
    lt::event goes_on;
    lt::thread thread([&] { goes_on.wait(); });
    CHECK(!lt::shutdown_for(1ms));
    lt::timer later(20ms, [&] { goes_on.set(); });
    lt::shutdown();
    CHECK(!thread.is_alive());
    CHECK(lt::shutdown_for(0s));
}

TEST_CASE("an error tells the number of the system's behind it") {
    lt::thread_options options;
    options.stack_size = std::size_t(1) << 45; // More than there is.
    try {
        lt::thread thread(options, [] {});
        FAIL("started");
    } catch (const lt::error &error) {
        CHECK(error.native_errno() == lt::last_errno());
        CHECK((error.native_errno() != 0 || error.status() == lt::status::invalid));
    }
}

TEST_CASE("a forked child leaves alone what the parent's threads hold") {
    counted::alive = 0;
    lt::event goes_on;
    auto thread = std::make_unique<lt::thread>([&, held = counted()] { goes_on.wait(); });
    const pid_t child = fork();
    if (child == 0) {
        thread.reset();
        _exit(counted::alive == 1 ? 0 : 1);
    }
    int ended = -1;
    CHECK(waitpid(child, &ended, 0) == child);
    CHECK(ended == 0);
    goes_on.set();
    thread.reset();
    CHECK(counted::alive == 0);
}
