// Who gives up breaks it, so that nobody waits for him.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_barrier *barrier = lt_barrier_new(2, NULL, NULL);
    puts(lt_status_name(lt_barrier_wait_timeout(barrier, 0.01, NULL))); // -> LT_TIMED_OUT
    puts(lt_barrier_is_broken(barrier) ? "broken" : "whole");           // -> broken
    puts(lt_status_name(lt_barrier_wait(barrier, NULL)));               // -> LT_BROKEN
    if (lt_barrier_reset(barrier) != LT_OK || lt_barrier_is_broken(barrier)) return 1;
    if (lt_barrier_abort(barrier) != LT_OK) return 1;
    puts(lt_barrier_is_broken(barrier) ? "broken" : "whole"); // -> broken
    return lt_barrier_free(barrier) != LT_OK;
}
