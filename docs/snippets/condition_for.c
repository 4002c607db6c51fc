// A wait with what it is for, and for how long.
#include <lowthread.h>
#include <stdio.h>

static bool is_full(void *arg) { return *(int *)arg == 10; }

int main(void) {
    lt_lock *lock = lt_allocate_lock();
    lt_condition *changed = lt_condition_new();
    int level = 4;
    if (lt_lock_acquire(lock) != LT_OK) return 1;
    puts(lt_status_name(lt_condition_wait_for(changed, lock, is_full, &level, 0.01))); // -> LT_TIMED_OUT
    puts(lt_status_name(lt_condition_wait_timeout(changed, lock, 0.01)));              // -> LT_TIMED_OUT
    puts(lt_lock_locked(lock) ? "held again" : "free");                               // -> held again
    printf("%u wait\n", lt_condition_waiting(changed));                                // -> 0 wait
    if (lt_condition_notify_all(changed) != LT_OK || lt_lock_release(lock) != LT_OK) return 1;
    return lt_condition_free(changed) != LT_OK || lt_lock_free(lock) != LT_OK;
}
