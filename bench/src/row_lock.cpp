// Acquire and release with nobody else there: what every use of a lock pays.

#include "locks.hpp"
#include "rows.hpp"

namespace bench {

template <class Lock> Row::Figures pair_round() {
    Lock lock;
    return {fastest_batch([&] {
        lock.acquire();
        lock.release();
    })};
}

template <class Lock> Row::Figures busy_round() {
    Lock lock;
    lock.acquire();
    double cost = fastest_batch([&] { keep(lock.try_acquire()); });
    lock.release();
    return {cost};
}

void row_lock() {
    Pinned pinned(0);
    Row pair("lock: acquire + release, uncontended", {{"ns"}});
    pair.ours(pair_round<Lowthread>);
    pair.limit(LimitInlined::name, pair_round<LimitInlined>);
    pair.limit(LimitShared::name, pair_round<LimitShared>);
    auto add_pair = [&]<class Lock>() { pair.peer(Lock::name, pair_round<Lock>); };
    each_lock_peer(add_pair);
    add_pair.operator()<PosixSemaphore>();
    each_wrapped_lock_peer(add_pair);
    pair.at_least(1 / 1.05, LimitShared::name).at_least(1.3, PthreadMutex::name).best_of_many().run();

    Row busy("lock: try_acquire, already held", {{"ns"}});
    busy.ours(busy_round<Lowthread>);
    busy.limit(LimitInlined::name, busy_round<LimitInlined>);
    busy.limit(LimitShared::name, busy_round<LimitShared>);
    auto add_busy = [&]<class Lock>() { busy.peer(Lock::name, busy_round<Lock>); };
    each_lock_peer(add_busy);
    add_busy.operator()<PosixSemaphore>();
    each_wrapped_lock_peer(add_busy);
    busy.at_least(1, "absl::Mutex").best_of_many().run();
}

}  // namespace bench
