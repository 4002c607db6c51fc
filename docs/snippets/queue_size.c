// What is in it, at this moment.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_queue *queue = lt_queue_new(2);
    if (!lt_queue_is_empty(queue) || lt_queue_put(queue, "item") != LT_OK) return 1;
    printf("%zu of %zu\n", lt_queue_size(queue), lt_queue_capacity(queue)); // -> 1 of 2
    puts(lt_queue_is_full(queue) ? "full" : "there is room");               // -> there is room
    return lt_queue_free(queue) != LT_OK;
}
