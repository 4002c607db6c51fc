// Waits until all that was put is done with.
#include <lowthread.h>
#include <stdio.h>

static void consume(void *queue) {
    void *item;
    while (lt_queue_get(queue, &item) == LT_OK) LT_IGNORE(lt_queue_task_done(queue));
}

int main(void) {
    lt_queue *queue = lt_queue_new(0);
    if (lt_queue_put(queue, "item") != LT_OK) return 1;
    puts(lt_status_name(lt_queue_try_join(queue)));           // -> LT_BUSY
    puts(lt_status_name(lt_queue_join_timeout(queue, 0.01))); // -> LT_TIMED_OUT
    if (lt_start_new_thread(consume, queue, NULL) != LT_OK) return 1;
    puts(lt_status_name(lt_queue_join(queue))); // -> LT_OK
    return lt_queue_close(queue, false) != LT_OK;
}
