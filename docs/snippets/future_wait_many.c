// Waits for several tasks.
#include <lowthread.h>
#include <stdio.h>

static void *work(void *arg) { return arg; }

int main(void) {
    lt_pool *pool = lt_pool_new(2, NULL);
    lt_future *futures[3];
    size_t done;
    for (int i = 0; i < 3; i++)
        if (lt_pool_submit(pool, work, NULL, &futures[i]) != LT_OK) return 1;
    if (lt_future_wait_many(futures, 3, LT_ALL, 30.0, &done) != LT_OK) return 1;
    printf("%zu are over\n", done); // -> 3 are over
    return lt_pool_free(pool) != LT_OK;
}
