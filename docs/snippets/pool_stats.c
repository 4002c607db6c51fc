// How a pool does.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_pool *pool = lt_pool_new(4, NULL);
    lt_pool_info info = {.size = sizeof info};
    if (lt_pool_stats(pool, &info) != LT_OK) return 1;
    printf("%u of %u workers, %zu queued\n", info.workers, info.max_workers, info.queued); // -> 0 of 4 workers, 0 queued
    return lt_pool_free(pool) != LT_OK;
}
