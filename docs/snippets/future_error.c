// A task that fails, and what it failed with.
#include <lowthread.h>
#include <stdio.h>

static void *work(void *arg) { lt_raise(7, arg); }

int main(void) {
    lt_pool *pool = lt_pool_new(1, NULL);
    lt_future *future;
    const lt_error_info *error;
    if (lt_pool_submit(pool, work, "no such file", &future) != LT_OK) return 1;
    puts(lt_status_name(lt_future_result_timeout(future, 30.0, NULL))); // -> LT_FAILED
    if (lt_future_error(future, &error) != LT_OK) return 1;
    puts(error->message); // -> no such file
    return lt_future_free(future) != LT_OK || lt_pool_free(pool) != LT_OK;
}
