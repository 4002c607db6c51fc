// What was waited for because others held it.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_contention_info worst = {.size = sizeof worst};
    size_t count = 0;
    lt_lock *lock = lt_allocate_lock();
    if (lt_set_insight(LT_INSIGHT_CONTENTION) != LT_OK || lt_set_name(lock, "cache") != LT_OK) return 1;
    if (lt_lock_acquire(lock) != LT_OK || lt_lock_acquire_timeout(lock, 0.01) != LT_TIMED_OUT) return 1;
    if (lt_contention(&worst, 1, &count) != LT_OK) return 1;
    printf("%s \"%s\": %d wait\n", worst.type, worst.name, (int)worst.waits); // -> lock "cache": 1 wait
    return lt_contention_report(2) != LT_OK;
}
