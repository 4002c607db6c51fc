// One party less, from now on.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_barrier *barrier = lt_barrier_new(2, NULL, NULL);
    if (lt_barrier_drop(barrier) != LT_OK) return 1;
    puts(lt_status_name(lt_barrier_wait(barrier, NULL))); // -> LT_OK
    return lt_barrier_free(barrier) != LT_OK;
}
