// The end of a pool: what has begun is finished, and the rest dropped.
#include <lowthread.h>
#include <stdio.h>

static lt_event *begun, *go;

static void *first(void *arg) {
    LT_IGNORE(lt_event_set(begun));
    LT_IGNORE(lt_event_wait(go));
    return arg;
}

static void *second(void *arg) { return arg; }

static void drop(void *arg) { printf("dropped %s\n", (char *)arg); } // -> dropped second

int main(void) {
    begun = lt_event_new();
    go = lt_event_new();
    lt_pool *pool = lt_pool_new(1, NULL);
    if (lt_pool_set_drop(pool, drop) != LT_OK) return 1;
    if (lt_pool_submit(pool, first, "first", NULL) != LT_OK || lt_event_wait(begun) != LT_OK) return 1;
    if (lt_pool_submit(pool, second, "second", NULL) != LT_OK) return 1;
    if (lt_pool_shutdown(pool, false, true) != LT_OK) return 1;
    puts(lt_status_name(lt_pool_submit(pool, second, "third", NULL))); // -> LT_CLOSED
    return lt_event_set(go) != LT_OK || lt_pool_free(pool) != LT_OK;
}
