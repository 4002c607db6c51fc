// A timeout that nobody needs: what it costs to name one where nothing has to be waited for.

#include "locks.hpp"
#include "rows.hpp"

#ifdef HAVE_RUST
#include <peers.h>
#endif

namespace bench {

namespace {

template <class Step> Row::Round pairs(Step step) {
    return [step]() mutable { return Row::Figures{fastest_batch(step)}; };
}

}  // namespace

void row_timed() {
    Pinned pinned(0);
    // Their deadlines are points in time. This one is far away: that a caller has to make one from a time
    // of so many seconds, with a look at the clock, is left out in their favour.
    static const timespec later = after(1'000'000'000'000);
    {
        static constexpr const char *untimed = "lowthread, untimed";
        Lowthread lock;
        PthreadMutex mutex;
        Row row("lock: timed acquire + release, free", {{"ns"}});
        row.ours(pairs([&] {
            MUST(lt_lock_acquire_timeout(lock.lock, 10) == LT_OK);
            lock.release();
        }));
        row.limit(untimed, pairs([&] {
            lock.acquire();
            lock.release();
        }));
        row.peer("pthread_mutex_clocklock", pairs([&] {
            MUST(pthread_mutex_clocklock(&mutex.mutex, CLOCK_MONOTONIC, &later) == 0);
            mutex.release();
        }));
        row.peer("pthread_mutex_timedlock", pairs([&] {
            MUST(pthread_mutex_timedlock(&mutex.mutex, &later) == 0);
            mutex.release();
        }));
#ifdef HAVE_RUST
        std::unique_ptr<void, decltype(&peer_parking_lot_mutex_free)> rust{peer_parking_lot_mutex_new(),
                                                                           peer_parking_lot_mutex_free};
        row.peer("parking_lot try_lock_for", pairs([&] {
            MUST(peer_parking_lot_mutex_acquire_for(rust.get(), 10'000'000'000) == 1);
            peer_parking_lot_mutex_release(rust.get());
        }));
#endif
        row.at_least(1 / 1.15, untimed).at_least(1, Row::best_peer).best_of_many().run();
    }
    {
        static constexpr const char *untimed = "lowthread, untimed";
        lt_semaphore *ours = lt_semaphore_new(1);
        MUST(ours != nullptr);
        PosixSemaphore posix;
        Row row("semaphore: timed acquire + release, free", {{"ns"}});
        row.ours(pairs([&] {
            MUST(lt_semaphore_acquire_timeout(ours, 10) == LT_OK);
            MUST(lt_semaphore_release(ours, 1) == LT_OK);
        }));
        row.limit(untimed, pairs([&] {
            MUST(lt_semaphore_acquire(ours) == LT_OK);
            MUST(lt_semaphore_release(ours, 1) == LT_OK);
        }));
        row.peer("sem_clockwait", pairs([&] {
            MUST(sem_clockwait(&posix.semaphore, CLOCK_MONOTONIC, &later) == 0);
            posix.release();
        }));
        row.at_least(1 / 1.15, untimed).at_least(1, Row::best_peer).best_of_many().run();
        MUST(lt_semaphore_free(ours) == LT_OK);
    }
}

}  // namespace bench
