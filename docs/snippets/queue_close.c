// The end of a queue with something in it.
#include <lowthread.h>
#include <stdio.h>

static void drop(void *item) { printf("dropped %s\n", (char *)item); } // -> dropped item

int main(void) {
    lt_queue *queue = lt_queue_new(0);
    if (lt_queue_set_drop(queue, drop) != LT_OK || lt_queue_put(queue, "item") != LT_OK) return 1;
    if (lt_queue_close(queue, true) != LT_OK) return 1;
    puts(lt_queue_is_closed(queue) ? "closed" : "open");  // -> closed
    puts(lt_status_name(lt_queue_put(queue, "another"))); // -> LT_CLOSED
    return lt_queue_free(queue) != LT_OK;
}
