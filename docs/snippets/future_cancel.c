// A task that nobody has begun can be cancelled; one that runs cannot.
#include <lowthread.h>
#include <stdio.h>

static lt_event *begun, *go;

static void *work(void *arg) {
    LT_IGNORE(lt_event_set(begun));
    LT_IGNORE(lt_event_wait(go));
    return arg;
}

int main(void) {
    begun = lt_event_new();
    go = lt_event_new();
    lt_pool *pool = lt_pool_new(1, NULL);
    lt_future *first, *second;
    if (lt_pool_submit(pool, work, NULL, &first) != LT_OK) return 1;
    if (lt_pool_submit(pool, work, NULL, &second) != LT_OK) return 1;
    if (lt_event_wait(begun) != LT_OK) return 1;
    puts(lt_future_running(first) && !lt_future_done(first) ? "runs" : "?"); // -> runs
    puts(lt_status_name(lt_future_cancel(first)));                           // -> LT_BUSY
    puts(lt_status_name(lt_future_try_result(first, NULL)));                 // -> LT_BUSY
    puts(lt_status_name(lt_future_cancel(second)));                          // -> LT_OK
    puts(lt_future_cancelled(second) ? "cancelled" : "?");                   // -> cancelled
    if (lt_event_set(go) != LT_OK) return 1;
    return lt_pool_free(pool) != LT_OK;
}
