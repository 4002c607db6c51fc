// An acquire that times out after a millisecond: how much later it returns, and that it is never early.

#include "locks.hpp"
#include "rows.hpp"

#include <sys/prctl.h>

#ifdef HAVE_ABSEIL
#include <absl/time/time.h>
#endif
#ifdef HAVE_NSYNC
#include "nsync_c.hpp"
#endif

namespace bench {

namespace {

constexpr uint64_t wanted = 1'000'000;

// Median, 99 % and least overshoot, in microseconds, of waits that nobody ends.
template <class Wait> Row::Figures overshoot(Wait wait) {
    std::vector<double> all;
    for (int i = 0; i < full_or_quick(120, 30); ++i) {
        uint64_t begin = now();
        wait();
        all.push_back(double(now() - begin) - double(wanted));
    }
    keep_latencies(all);
    return {median(all) / 1e3, quantile(all, 0.99) / 1e3, quantile(all, 0) / 1e3};
}

Row::Figures ours() {
    Lowthread lock;
    lock.acquire();
    auto figures = overshoot([&] { MUST(lt_lock_acquire_timeout(lock.lock, double(wanted) / 1e9) == LT_TIMED_OUT); });
    lock.release();
    if (figures[2] < 0) die("lt_lock_acquire_timeout was %g us early", -figures[2]);
    return figures;
}

Row::Figures raw_futex() {
    std::atomic<uint32_t> word{0};
    return overshoot([&] {
        timespec at = after(wanted);
        MUST(futex_wait(word, 0, &at) == -1 && errno == ETIMEDOUT);
    });
}

// The kernel may fire a timer late by the thread's slack, 50 us unless it is told otherwise.
Row::Figures raw_futex_exact() {
    int before = prctl(PR_GET_TIMERSLACK);
    prctl(PR_SET_TIMERSLACK, 1);
    auto figures = raw_futex();
    prctl(PR_SET_TIMERSLACK, before);
    return figures;
}

Row::Figures with_pthread() {
    PthreadMutex mutex;
    mutex.acquire();
    auto figures = overshoot([&] {
        timespec at = after(wanted);
        MUST(pthread_mutex_clocklock(&mutex.mutex, CLOCK_MONOTONIC, &at) == ETIMEDOUT);
    });
    mutex.release();
    return figures;
}

Row::Figures with_sem() {
    PosixSemaphore semaphore(0);
    return overshoot([&] {
        timespec at = after(wanted);
        MUST(sem_clockwait(&semaphore.semaphore, CLOCK_MONOTONIC, &at) == -1 && errno == ETIMEDOUT);
    });
}

#ifdef HAVE_ABSEIL
// It has no timed lock; a wait for what never comes is its timed wait.
Row::Figures with_abseil() {
    absl::Mutex mutex;
    absl::CondVar never;
    absl::MutexLock held(&mutex);
    return overshoot([&] { MUST(never.WaitWithTimeout(&mutex, absl::Nanoseconds(int64_t(wanted)))); });
}
#endif

#ifdef HAVE_NSYNC
Row::Figures with_nsync() {
    nsync_mu mutex = NSYNC_MU_INIT;
    nsync_cv never = NSYNC_CV_INIT;
    nsync_mu_lock(&mutex);
    auto figures = overshoot([&] {
        nsync_time at = nsync_time_add(nsync_time_now(), nsync_time_us(wanted / 1000));
        MUST(nsync_cv_wait_with_deadline(&never, &mutex, at, nullptr) == ETIMEDOUT);
    });
    nsync_mu_unlock(&mutex);
    return figures;
}
#endif

void compare(const char *title, const std::function<Row::Figures(Row::Round)> &on) {
    Row row(title, {{"median us"}, {"99 % us"}, {"least us", Better::lower, Over::smallest}});
    auto placed = [&on](Row::Figures (*round)()) { return [&on, round] { return on(round); }; };
    row.ours(placed(ours));
    row.limit("raw futex", placed(raw_futex));
    row.limit("raw futex, timer slack 1 ns", placed(raw_futex_exact));
    row.peer("pthread_mutex_clocklock", placed(with_pthread));
    row.peer("sem_clockwait", placed(with_sem));
#ifdef HAVE_ABSEIL
    row.peer("absl::CondVar", placed(with_abseil));
#endif
#ifdef HAVE_NSYNC
    row.peer("nsync_cv", placed(with_nsync));
#endif
    row.at_least(1, Row::best_peer).run();
}

}  // namespace

void row_timeout() {
    // The main thread can be interrupted and so sleeps in another way than the others.
    compare("timeout: overshoot of an acquire that times out after 1 ms, any thread", [](Row::Round round) {
        Row::Figures figures;
        std::thread([&] { figures = round(); }).join();
        return figures;
    });
    compare("timeout: overshoot of an acquire that times out after 1 ms, main thread",
            [](Row::Round round) { return round(); });
}

}  // namespace bench
