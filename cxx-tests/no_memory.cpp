// Out of memory: each allocation behind each operation fails once. What is thrown says so, or nothing has failed; and
// nothing leaks. The allocations are those of c-tests/shim_malloc.c, which is part of the program.
#include <lowthread.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

extern "C" void shim_fail(long from, long to);
extern "C" long shim_failures(void);

static std::atomic<int> alive{0};

/// Counts, and has memory of its own.
struct holds {
    holds() : memory(new char[100]) { alive++; }
    holds(holds &&other) noexcept : memory(std::exchange(other.memory, nullptr)) { alive++; }
    holds(const holds &) : memory(new char[100]) { alive++; }
    holds &operator=(holds other) noexcept {
        std::swap(memory, other.memory);
        return *this;
    }
    ~holds() {
        delete[] memory;
        alive--;
    }
    char *memory;
};

static void must(bool so, const char *what, const char *why) {
    if (!so) {
        std::printf("%s: %s\n", what, why);
        std::fflush(stdout);
        std::abort();
    }
}

/// Returns when the operation has succeeded without a failure. settle() returns when no other thread is at it.
template <typename Operation, typename Settle = void (*)()>
static void each(const char *what, Operation operation, Settle settle = [] {}) {
    int failed = 0;
    for (long nth = 1;; nth++) {
        bool thrown = false;
        shim_fail(nth, nth);
        try {
            operation();
        } catch (const std::bad_alloc &) {
            thrown = true;
        } catch (const lt::error &error) {
            thrown = true;
            must(error.status() == lt::status::no_memory || error.status() == lt::status::no_thread, what, error.what());
        }
        const long failures = shim_failures();
        shim_fail(0, 0);
        settle();
        must(alive == 0, what, "something is left");
        must(!thrown || failures > 0, what, "thrown without a reason");
        if (failures == 0) {
            break;
        }
        failed++;
    }
    std::printf("%s: %d\n", what, failed);
    std::fflush(stdout);
}

int main() {
    // First of all, before there is a category: an error that says that there is no memory takes none.
    shim_fail(1, 1);
    try {
        (void)lt::category();
    } catch (...) {
        must(false, "category", "thrown");
    }
    must(shim_failures() == 0, "category", "asked for memory");
    shim_fail(0, 0);

    each("locks", [] {
        lt::lock a;
        lt::rlock b;
        lt::rwlock c;
        lt::spinlock d;
        lt::condition e;
        lt::semaphore f(1);
        lt::event g;
        lt::barrier h(1, [held = holds()] {});
        lt::errors i;
    });
    each("queue", [] {
        lt::queue<holds> queue;
        queue.put(holds());
        queue.emplace();
        std::vector<holds> more(3);
        queue.put_many(more.begin(), more.end());
        (void)queue.get();
        (void)queue.get_many(2);
    });
    each("local", [] {
        lt::local<holds> local;
        (void)*local;
    });
    each("thread", [] {
        lt::thread thread([held = holds()](const holds &) {}, holds());
        thread.join();
    });
    each("thread with a token", [] {
        lt::thread thread([held = holds()](lt::stop_token) {});
        thread.join();
    });
    each("thread by value", [] {
        holds held;
        lt::thread thread(std::nothrow, {}, [&held](lt::stop_token) { held.memory[0] = 'a'; });
        if (thread.joinable()) {
            must(thread.join(std::nothrow) == lt::status::ok, "thread by value", "not joined");
        } else {
            must(shim_failures() > 0, "thread by value", "no reason");
        }
    });
    each("start_new_thread", [] {
        lt::event ended;
        struct ends {
            lt::event *event;
            explicit ends(lt::event *e) : event(e) {}
            ends(ends &&other) noexcept : event(std::exchange(other.event, nullptr)) {}
            ends(const ends &) = delete;
            ends &operator=(const ends &) = delete;
            ~ends() {
                if (event != nullptr) {
                    event->set();
                }
            }
        };
        {
            holds held;
            lt::start_new_thread([last = ends(&ended), held = std::move(held)] {});
        }
        ended.wait();
        while (lt::thread_count() > 0) {
            lt::this_thread::yield();
        }
    });
    each("promise", [] {
        lt::promise<holds> promise;
        auto future = promise.get_future();
        promise.set_value(holds());
        (void)future.get();
    });
    each("broken promise", [] {
        lt::future<holds> future;
        {
            lt::promise<holds> promise;
            future = promise.get_future();
        }
        try {
            (void)future.get();
        } catch (const std::future_error &) {
        }
    });
    each("cancelled", [] {
        lt::promise<holds> promise;
        auto future = promise.get_future();
        must(future.cancel(), "cancelled", "not so");
        try {
            (void)future.get();
        } catch (const lt::cancelled &) {
        }
    });
    each("then", [] {
        lt::promise<holds> promise;
        auto future = promise.get_future().then([held = holds()](holds) { return holds(); });
        promise.set_value(holds());
        (void)future.get();
    });
    each("all and any", [] {
        std::vector<lt::promise<holds>> promises(2);
        auto all = lt::when_all(promises[0].get_future(), promises[1].get_future());
        promises[0].set_value(holds());
        promises[1].set_value(holds());
        auto any = lt::when_any(std::move(std::get<0>(all.get())));
        (void)any.get();
    });
    lt::pool pool(1);
    const auto idle = [&pool] {
        // Both of one moment: a task that is queued in the one may run in the next.
        for (auto now = pool.stats(); now.running > 0 || now.queued > 0; now = pool.stats()) {
            lt::this_thread::yield();
        }
    };
    each("submit", [&] { (void)pool.submit([held = holds()](holds) { return holds(); }, holds()).get(); }, idle);
    each("post", [&] { pool.post([held = holds()] {}); }, idle);
    each("then on a pool", [&] {
        auto future = pool.submit([] { return holds(); }).then(pool, [held = holds()](holds) { return holds(); });
        (void)future.get();
    }, idle);
    each("map", [&] {
        std::vector<holds> items(3);
        (void)pool.map([](holds &) { return holds(); }, items);
    }, idle);
    each("timer", [] { lt::timer timer(std::chrono::hours(1), [held = holds()] {}); });
    each("stop", [] {
        lt::stop_source source;
        lt::stop_callback stopped(source.get_token(), [held = holds()] {});
        source.request_stop();
    });
    std::puts("done");
    return 0;
}
