// Many items for one wait.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_queue *queue = lt_queue_new(0);
    void *items[] = {"a", "b", "c"}, *taken[8];
    size_t done;
    if (lt_queue_put_many(queue, items, 3, 1.0, &done) != LT_OK) return 1;
    if (lt_queue_get_many(queue, taken, 8, 1.0, &done) != LT_OK) return 1;
    printf("%zu, the last is %s\n", done, (char *)taken[done - 1]); // -> 3, the last is c
    return lt_queue_free(queue) != LT_OK;
}
