// Two at a time, and no more.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_semaphore *seats = lt_semaphore_new(2);
    if (lt_semaphore_acquire(seats) != LT_OK || lt_semaphore_acquire(seats) != LT_OK) return 1;
    puts(lt_status_name(lt_semaphore_try_acquire(seats)));           // -> LT_BUSY
    puts(lt_status_name(lt_semaphore_acquire_timeout(seats, 0.01))); // -> LT_TIMED_OUT
    if (lt_semaphore_release(seats, 2) != LT_OK) return 1;
    printf("%u free\n", lt_semaphore_value(seats)); // -> 2 free
    return lt_semaphore_free(seats) != LT_OK;
}
