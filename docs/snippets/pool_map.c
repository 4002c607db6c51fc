// One function, for each of many arguments.
#include <lowthread.h>
#include <stdint.h>
#include <stdio.h>

static void *square(void *arg) { return (void *)((intptr_t)arg * (intptr_t)arg); }

int main(void) {
    lt_pool *pool = lt_pool_new(0, NULL);
    void *args[] = {(void *)2, (void *)3, (void *)4}, *results[3];
    if (lt_pool_map(pool, square, args, 3, results, 30.0) != LT_OK) return 1;
    printf("%d %d %d\n", (int)(intptr_t)results[0], (int)(intptr_t)results[1], (int)(intptr_t)results[2]); // -> 4 9 16
    return lt_pool_free(pool) != LT_OK;
}
