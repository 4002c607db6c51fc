// Something later, again and again.
#include <lowthread.h>
#include <stdio.h>

static void tick(void *ticks) { LT_IGNORE(lt_semaphore_release(ticks, 1)); }

int main(void) {
    lt_semaphore *ticks = lt_semaphore_new(0);
    lt_timer *timer;
    if (lt_timer_start(0.01, 0.01, tick, ticks, &timer) != LT_OK) return 1;
    for (int i = 0; i < 3; i++)
        if (lt_semaphore_acquire(ticks) != LT_OK) return 1;
    if (lt_timer_cancel(timer) != LT_OK) return 1; // From here on it does not run.
    puts("three ticks"); // -> three ticks
    return lt_timer_free(timer) != LT_OK || lt_semaphore_free(ticks) != LT_OK;
}
