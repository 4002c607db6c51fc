#include "limit.h"

static int exchange(uint64_t *word, uint64_t from, uint64_t to, int order) {
    return !__atomic_compare_exchange_n(word, &from, to, 0, order, __ATOMIC_RELAXED);
}

int limit_lock_acquire(uint64_t *word) { return exchange(word, 0, 1, __ATOMIC_ACQUIRE); }

int limit_lock_try_acquire(uint64_t *word) {
    /* A look first: a compare-exchange that fails costs as much as one that succeeds. */
    return __atomic_load_n(word, __ATOMIC_RELAXED) != 0 || exchange(word, 0, 1, __ATOMIC_ACQUIRE);
}

int limit_lock_release(uint64_t *word) { return exchange(word, 1, 0, __ATOMIC_RELEASE); }

int limit_semaphore_acquire(uint64_t *word) {
    uint64_t value = __atomic_load_n(word, __ATOMIC_RELAXED);
    while (value > 0) {
        if (__atomic_compare_exchange_n(word, &value, value - 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            return 0;
        }
    }
    return 1;
}

int limit_semaphore_release(uint64_t *word, uint32_t n) {
    __atomic_fetch_add(word, n, __ATOMIC_RELEASE);
    return 0;
}

int limit_event_is_set(const uint64_t *word) { return (int)(__atomic_load_n(word, __ATOMIC_ACQUIRE) & 1); }

int limit_rwlock_read_acquire(uint64_t *word) {
    /* A writer is the lowest bit, a reader counts 2. */
    uint64_t value = __atomic_load_n(word, __ATOMIC_RELAXED);
    return (value & 1) != 0 || exchange(word, value, value + 2, __ATOMIC_ACQUIRE);
}

int limit_rwlock_read_release(uint64_t *word) {
    return (__atomic_sub_fetch(word, 2, __ATOMIC_RELEASE) & 1) != 0;
}

int limit_once(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE) != 1; }

int limit_condition_notify(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST) != 0; }

static __thread char self __attribute__((tls_model("initial-exec")));

int limit_rlock_acquire(limit_rlock *lock) {
    uint64_t me = (uint64_t)(uintptr_t)&self;
    if (__atomic_load_n(&lock->owner, __ATOMIC_RELAXED) != me) {
        return exchange(&lock->owner, 0, me, __ATOMIC_ACQUIRE);
    }
    ++lock->count;
    return 0;
}

int limit_rlock_release(limit_rlock *lock) {
    uint64_t me = (uint64_t)(uintptr_t)&self;
    if (__atomic_load_n(&lock->owner, __ATOMIC_RELAXED) != me) return 1;
    if (lock->count == 0) return exchange(&lock->owner, me, 0, __ATOMIC_RELEASE);
    --lock->count;
    return 0;
}

/* A store will do where nobody sleeps. */
int limit_spinlock_release(uint64_t *word) {
    __atomic_store_n(word, 0, __ATOMIC_RELEASE);
    return 0;
}

int limit_nothing(void) { return 0; }
