// What there is where the compiler has neither exceptions nor type information: statuses by value, and all that cannot
// fail.
#include <lowthread.hpp>

#include <cstdio>
#include <mutex>
#include <string>

static int failed = 0;

static void check(bool kept, const char *what) {
    if (!kept) {
        std::printf("not so: %s (last error: %s)\n", what, lt::last_error());
        failed++;
    }
}

#define CHECK(condition) check(condition, #condition)

int main() {
    using namespace std::chrono_literals;
    lt::lock lock(std::nothrow);
    CHECK(static_cast<bool>(lock));
    {
        std::lock_guard<lt::lock> guard(lock);
        CHECK(lock.locked());
        CHECK(lock.acquire_for(std::nothrow, 1ms) == lt::status::timed_out);
    }
    CHECK(lock.release(std::nothrow) == lt::status::not_held);
    CHECK(std::string(lt::last_error()).find("lt_lock_release") == 0);

    lt::queue<std::string> queue(std::nothrow, 1);
    std::string text(100, 'x');
    CHECK(queue.put(std::nothrow, std::move(text)) == lt::status::ok);
    text = "kept";
    CHECK(queue.try_put(std::nothrow, std::move(text)) == lt::status::full);
    CHECK(text == "kept");
    std::optional<std::string> out;
    CHECK(queue.get(std::nothrow, out) == lt::status::ok);
    CHECK(out->size() == 100);
    CHECK(queue.get_for(std::nothrow, out, 1ms) == lt::status::timed_out);
    queue.close();
    CHECK(queue.get(std::nothrow, out) == lt::status::closed);

    lt::event event(std::nothrow);
    lt::thread thread(std::nothrow, {}, [&](lt::stop_token token) {
        CHECK(event.wait(std::nothrow) == lt::status::interrupted);
        CHECK(token.stop_requested());
    });
    CHECK(thread.joinable());
    thread.request_stop();
    CHECK(thread.join(std::nothrow) == lt::status::ok);
    CHECK(thread.join(std::nothrow) == lt::status::bad_handle);
    lt::thread exits(std::nothrow, {}, [] { lt::exit(); });
    CHECK(exits.join(std::nothrow) == lt::status::ok);

    lt::pool pool(std::nothrow, 2);
    auto sum = pool.submit([](int a, int b) { return a + b; }, 1, 2).then([](int n) { return n * 2; });
    CHECK(sum.get() == 6);
    CHECK(pool.post(std::nothrow, [&] { event.set(); }) == lt::status::ok);
    event.wait();
    lt::promise<int> promise;
    auto later = promise.get_future();
    CHECK(later.wait_for(1ms) == std::future_status::timeout);
    promise.set_value(1);
    CHECK(later.get() == 1);
    std::printf("%d failed\n", failed);
    return failed;
}
