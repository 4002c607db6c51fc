// A thread that gets its own copy of what it is given.
#include <lowthread.h>
#include <stdio.h>

struct order { int number; lt_semaphore *done; };

static void work(void *copy) {
    struct order *order = copy; // Freed with the thread.
    printf("order %d\n", order->number); // -> order 7
    LT_IGNORE(lt_semaphore_release(order->done, 1));
}

int main(void) {
    struct order order = {7, lt_semaphore_new(0)};
    if (lt_start_new_thread_copy(work, &order, sizeof order, NULL) != LT_OK) return 1;
    order.number = 0; // The thread does not see it.
    return lt_semaphore_acquire(order.done) != LT_OK;
}
