// To be told, in place of waiting.
#include <lowthread.h>
#include <stdio.h>

static void *work(void *arg) { return arg; }

static void tell(lt_future *future, void *done) {
    (void)future;
    LT_IGNORE(lt_semaphore_release(done, 1));
}

int main(void) {
    lt_semaphore *done = lt_semaphore_new(0);
    lt_pool *pool = lt_pool_new(1, NULL);
    lt_future *future;
    if (lt_pool_submit(pool, work, NULL, &future) != LT_OK) return 1;
    if (lt_future_add_done_callback(future, tell, done) != LT_OK) return 1;
    puts(lt_status_name(lt_semaphore_acquire(done))); // -> LT_OK
    return lt_future_free(future) != LT_OK || lt_pool_free(pool) != LT_OK;
}
