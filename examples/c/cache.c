/*
 * A cache that many read and few change: a read-write lock lets readers in together. The lock is a
 * global that is made when it is first needed, by whichever thread that is: lt_call_once.
 */
#include <lowthread.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4, KEYS = 20, LOOKUPS = 20000 };

static lt_once_flag once = LT_ONCE_FLAG_INIT;
static lt_rwlock *lock; // Guards the cache.
static unsigned cache[KEYS]; // 0: not there.
static atomic_int computed, hits;

// Goes on if the call did what it was asked; else says why not and ends the program.
static void check(lt_status status) {
    if (status != LT_OK) {
        fprintf(stderr, "%s\n", status < 0 ? lt_last_error() : lt_status_message(status));
        exit(EXIT_FAILURE);
    }
}

static void promise(bool kept, const char *sentence) {
    if (!kept) {
        fprintf(stderr, "broken promise: %s\n", sentence);
        exit(EXIT_FAILURE);
    }
}

static void make_lock(void *unused) {
    (void)unused;
    lock = lt_rwlock_new();
    check(lock != NULL ? LT_OK : lt_last_status());
}

static unsigned compute(unsigned key) { // Slow, in a real program.
    computed++;
    return key * key + 1;
}

static unsigned look_up(unsigned key) {
    check(lt_call_once(&once, make_lock, NULL)); // Costs next to nothing but the first time.

    check(lt_rwlock_read_acquire(lock));
    unsigned value = cache[key];
    check(lt_rwlock_read_release(lock));
    if (value != 0) {
        hits++;
        return value;
    }

    check(lt_rwlock_write_acquire(lock));
    if (cache[key] == 0) { // Another thread may have been here between the two locks.
        cache[key] = compute(key);
    }
    value = cache[key];
    check(lt_rwlock_write_release(lock));
    return value;
}

static void use_cache(void *arg) {
    unsigned seed = *(unsigned *)arg; // This thread's own copy.
    for (int i = 0; i < LOOKUPS; i++) {
        seed = seed * 1103515245u + 12345u;
        unsigned key = (seed >> 16) % KEYS;
        promise(look_up(key) == key * key + 1, "each key has its value");
    }
}

int main(void) {
    for (unsigned seed = 0; seed < THREADS; seed++) {
        check(lt_start_new_thread_copy(use_cache, &seed, sizeof seed, NULL));
    }
    while (lt_thread_count() > 0) {
        check(lt_sleep(0.001));
    }
    printf("%d lookups, %d keys computed\n", THREADS * LOOKUPS, computed);
    promise(computed == KEYS, "each key is computed once, however many ask for it");
    promise(hits >= THREADS * LOOKUPS - THREADS * KEYS, "nearly all are answered by readers");
    check(lt_rwlock_free(lock));
    return EXIT_SUCCESS;
}
