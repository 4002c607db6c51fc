// With a re-entrant lock, which is let go of wholly meanwhile.
#include <lowthread.h>
#include <stdio.h>

static lt_rlock *rlock;
static lt_condition *changed;
static bool full;

static bool is_full(void *arg) { return (void)arg, full; }

static void fill(void *arg) {
    (void)arg;
    if (lt_rlock_acquire(rlock) != LT_OK) return;
    full = true;
    LT_IGNORE(lt_condition_notify_all(changed));
    LT_IGNORE(lt_rlock_release(rlock));
}

int main(void) {
    rlock = lt_rlock_new();
    changed = lt_condition_new();
    if (lt_rlock_acquire(rlock) != LT_OK || lt_rlock_acquire(rlock) != LT_OK) return 1;
    puts(lt_status_name(lt_condition_wait_rlock_timeout(changed, rlock, 0.01))); // -> LT_TIMED_OUT
    if (lt_start_new_thread(fill, NULL, NULL) != LT_OK) return 1;
    if (lt_condition_wait_rlock(changed, rlock) != LT_OK) return 1;
    puts(lt_status_name(lt_condition_wait_for_rlock(changed, rlock, is_full, NULL, 5.0))); // -> LT_OK
    printf("held %d times\n", (int)lt_rlock_depth(rlock)); // -> held 2 times
    return 0;
}
