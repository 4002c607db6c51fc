// A queue with room for one: at once, and for a time.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_queue *queue = lt_queue_new(1);
    void *item;
    puts(lt_status_name(lt_queue_try_get(queue, &item)));           // -> LT_EMPTY
    puts(lt_status_name(lt_queue_get_timeout(queue, 0.01, &item))); // -> LT_TIMED_OUT
    if (lt_queue_try_put(queue, "item") != LT_OK) return 1;
    puts(lt_status_name(lt_queue_try_put(queue, "another")));           // -> LT_FULL
    puts(lt_status_name(lt_queue_put_timeout(queue, "another", 0.01))); // -> LT_TIMED_OUT
    return lt_queue_free(queue) != LT_OK;
}
