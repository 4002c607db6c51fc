// A task for another thread, and what it returns.
#include <lowthread.h>
#include <stdio.h>

static void *shout(void *arg) { return ((char *)arg)[0] = 'J', arg; }

int main(void) {
    char text[] = "jam";
    lt_pool *pool = lt_pool_new(4, "worker");
    lt_future *future;
    void *result;
    if (lt_pool_submit(pool, shout, text, &future) != LT_OK) return puts(lt_last_error()), 1;
    if (lt_future_result(future, &result) != LT_OK) return 1;
    puts(result); // -> Jam
    return lt_future_free(future) != LT_OK || lt_pool_free(pool) != LT_OK;
}
