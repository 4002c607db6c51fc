// Items from one thread to another, until there are no more.
#include <lowthread.h>
#include <stdio.h>

static void produce(void *queue) {
    static char *names[] = {"one", "two", "three"};
    for (int i = 0; i < 3; i++)
        if (lt_queue_put(queue, names[i]) != LT_OK) return;
    LT_IGNORE(lt_queue_close(queue, false));
}

int main(void) {
    lt_queue *queue = lt_queue_new(2); // A put waits while there are two in it.
    lt_thread *producer;
    if (lt_thread_start(produce, queue, NULL, &producer) != LT_OK) return 1;
    void *item;
    while (lt_queue_get(queue, &item) == LT_OK)
        puts(item); // -> one
                    // -> two
                    // -> three
    if (lt_thread_join(producer) != LT_OK) return 1;
    return lt_queue_free(queue) != LT_OK || lt_thread_free(producer) != LT_OK;
}
