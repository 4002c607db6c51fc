// From lt_interrupt_main() on another thread until the main thread is back from its blocked acquire.

#include "locks.hpp"
#include "rows.hpp"

#include <csignal>

namespace bench {

namespace {

Row::Figures figures(const std::vector<double> &latencies) {
    keep_latencies(latencies);
    return {median(latencies) / 1e3, quantile(latencies, 0.9) / 1e3};
}

Row::Figures ours(int waker_on) {
    // A shell has a command in the background ignore it: then the call would do nothing.
    MUST(std::signal(SIGINT, SIG_DFL) != SIG_ERR);
    Lowthread lock;
    lock.acquire();
    auto latencies = wake_latencies(
        full_or_quick(40, 20), 0, waker_on, [&] { MUST(lt_lock_acquire(lock.lock) == LT_INTERRUPTED); },
        [] { MUST(lt_interrupt_main(SIGINT) == LT_OK); }, [] {});
    lock.release();
    return figures(latencies);
}

Row::Figures raw_futex(int waker_on) {
    std::atomic<uint32_t> word{0};
    return figures(wake_latencies(
        full_or_quick(40, 20), 0, waker_on,
        [&] {
            while (word.load() == 0) futex_wait(word, 0);
        },
        [&] {
            word.store(1);
            futex_wake(word);
        },
        [&] { word.store(0); }));
}

#ifdef SYS_futex_waitv
// What a wait on two words at once costs by itself: without it there is no interrupt without a race.
Row::Figures raw_futex_waitv(int waker_on) {
    std::atomic<uint32_t> word{0}, other{0};
    auto waiter = [](std::atomic<uint32_t> &on) {
        struct futex_waitv w = {};
        w.uaddr = uintptr_t(&on);
        w.flags = FUTEX_32 | FUTEX_PRIVATE_FLAG;
        return w;
    };
    struct futex_waitv both[2] = {waiter(word), waiter(other)};
    return figures(wake_latencies(
        full_or_quick(40, 20), 0, waker_on,
        [&] {
            while (word.load() == 0) syscall(SYS_futex_waitv, both, 2, 0, nullptr, CLOCK_MONOTONIC);
        },
        [&] {
            word.store(1);
            futex_wake(word);
        },
        [&] { word.store(0); }));
}
#endif

}  // namespace

void row_interrupt() {
    for (int waker_on : {0, 1}) {
        if (waker_on >= processors()) continue;
        Row row(waker_on == 0 ? "interrupt: call to return of the blocked main thread, same core"
                              : "interrupt: call to return of the blocked main thread, different cores",
                {{"us"}, {"90 % us"}});
        row.ours([=] { return ours(waker_on); });
        row.limit("raw futex", [=] { return raw_futex(waker_on); });
#ifdef SYS_futex_waitv
        row.limit("raw futex_waitv, two words", [=] { return raw_futex_waitv(waker_on); });
#endif
        row.at_least(1 / 1.1, "raw futex").in_parts(full_or_quick(4, 2)).run();
    }
}

}  // namespace bench
