// A guard for a lock: whichever way a scope is left, by return, by exception or by lt_exit(), the
// lock is released.
#include <lowthread.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace {

void promise(bool kept, const char *sentence) {
    if (!kept) {
        std::fprintf(stderr, "broken promise: %s; last error: %s\n", sentence, lt_last_error());
        std::exit(EXIT_FAILURE);
    }
}

class Guard {
public:
    explicit Guard(lt_lock *lock) : lock_(lock) {
        if (lt_lock_acquire_uninterruptible(lock_) != LT_OK) {
            throw std::runtime_error(lt_last_error());
        }
    }
    ~Guard() { LT_IGNORE(lt_lock_release(lock_)); }
    Guard(const Guard &) = delete;
    Guard &operator=(const Guard &) = delete;

private:
    lt_lock *lock_;
};

struct FreeLock {
    void operator()(lt_lock *lock) const { LT_IGNORE(lt_lock_free(lock)); }
};
using Lock = std::unique_ptr<lt_lock, FreeLock>;

enum { THREADS = 3, ROUNDS = 10000 };

Lock lock;
int counter = 0; // Guarded by the lock.

void count(void *) {
    for (int i = 0; i < ROUNDS; i++) {
        Guard guard(lock.get());
        counter++;
        if (i == ROUNDS - 1) {
            lt_exit(); // The guard lets go on the way out of the thread.
        }
    }
}

} // namespace

int main() {
    lock.reset(lt_allocate_lock());
    promise(lock != nullptr, "a lock can be made");
    for (int i = 0; i < THREADS; i++) {
        promise(lt_thread_start(count, nullptr, nullptr, nullptr) == LT_OK, "a thread starts");
    }
    while (lt_thread_count() > 0) {
        promise(lt_sleep(0.001) == LT_OK, "nothing interrupts main");
    }
    promise(!lt_lock_locked(lock.get()), "a guard releases on the way of lt_exit()");
    promise(counter == THREADS * ROUNDS, "one thread at a time");

    try {
        Guard guard(lock.get());
        throw std::runtime_error("in the guarded scope");
    } catch (const std::runtime_error &error) {
        std::printf("caught: %s\n", error.what());
    }
    promise(!lt_lock_locked(lock.get()), "a guard releases on the way of an exception");

    try {
        Guard guard(nullptr);
        promise(false, "a guard without a lock throws");
    } catch (const std::runtime_error &error) {
        std::printf("caught: %s\n", error.what());
    }
    std::printf("counted to %d\n", counter);
    return EXIT_SUCCESS;
}
