// Waits for what another thread changes under the same lock.
#include <lowthread.h>
#include <stdio.h>

static lt_lock *lock;
static lt_condition *changed;
static int number;

static void count(void *arg) {
    (void)arg;
    LT_WITH_LOCK(lock) {
        number = 3;
        LT_IGNORE(lt_condition_notify(changed, 1));
    }
}

int main(void) {
    lock = lt_allocate_lock();
    changed = lt_condition_new();
    if (lt_start_new_thread(count, NULL, NULL) != LT_OK) return 1;
    if (lt_lock_acquire(lock) != LT_OK) return 1;
    while (number == 0)
        if (lt_condition_wait(changed, lock) != LT_OK) return 1;
    printf("%d\n", number); // -> 3
    if (lt_lock_release(lock) != LT_OK) return 1;
    return 0;
}
