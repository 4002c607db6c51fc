/*
 * A cache for each thread: no lock, and each is freed when its thread ends, however it ends.
 */
#include <lowthread.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4, NUMBERS = 30, LOOKUPS = 1000 };

struct cache {
    unsigned long long known[NUMBERS]; // 0: not computed yet.
    int computed;
};

static lt_local *caches;
static _Atomic int made, freed, computed;

static void promise(bool kept, const char *sentence) {
    if (!kept) {
        fprintf(stderr, "broken promise: %s; last error: %s\n", sentence, lt_last_error());
        exit(EXIT_FAILURE);
    }
}

static void free_cache(void *value) { // On the thread that ends.
    struct cache *cache = value;
    computed += cache->computed;
    freed++;
    free(cache);
}

static struct cache *own_cache(void) {
    struct cache *cache = lt_local_get(caches);
    if (cache == NULL) { // The first time on this thread.
        cache = calloc(1, sizeof *cache);
        promise(cache != NULL && lt_local_set(caches, cache) == LT_OK, "a value can be set");
        made++;
    }
    return cache;
}

static unsigned long long factorial(int n) {
    struct cache *cache = own_cache();
    if (cache->known[n] == 0) {
        cache->known[n] = n == 0 ? 1 : (unsigned)n * factorial(n - 1);
        cache->computed++;
    }
    return cache->known[n];
}

static void look_up(void *arg) {
    int last = *(int *)arg; // This thread's own copy.
    for (int i = 0; i < LOOKUPS; i++) {
        int n = i % 10 + 1;
        promise(factorial(n) == (unsigned)n * factorial(n - 1), "n! = n (n-1)!");
    }
    if (last) {
        lt_exit(); // Also then.
    }
}

int main(void) {
    caches = lt_local_new(free_cache);
    promise(caches != NULL, "a key can be made");
    for (int i = 0; i < THREADS; i++) {
        int last = i == THREADS - 1;
        promise(lt_start_new_thread_copy(look_up, &last, sizeof last, NULL) == LT_OK,
            "a thread starts");
    }
    while (lt_thread_count() > 0) {
        promise(lt_sleep(0.001) == LT_OK, "nothing interrupts main");
    }
    printf("%d caches made, %d freed, %d numbers computed\n", made, freed, computed);
    promise(made == THREADS && freed == THREADS, "each thread had a cache, which was freed");
    promise(computed == THREADS * 11, "each thread computed 0! to 10! once");
    promise(lt_local_get(caches) == NULL, "the main thread never had one");
    promise(lt_local_free(caches) == LT_OK, "a key can be freed");
    return EXIT_SUCCESS;
}
