// Calls what is to be fast, so many times, where nothing stands in its way: for instructions.sh, which counts, and, with
// a filter that ends the process at any system call, for no_system_calls.sh.

#include "filter.h"

#include <lowthread.h>
#include <stdlib.h>
#include <string.h>

int main(int count, char **arguments) {
    int calls = count > 1 ? atoi(arguments[1]) : 0;
    int filtered = count > 2;
    int sleeps = count > 3 && strcmp(arguments[3], "sleep") == 0;
    lt_lock *lock = lt_allocate_lock();
    lt_rlock *rlock = lt_rlock_new();
    lt_semaphore *semaphore = lt_semaphore_new(1);
    lt_event *event = lt_event_new();
    lt_condition *condition = lt_condition_new();
    lt_rwlock *rwlock = lt_rwlock_new();
    lt_spinlock *spinlock = lt_spinlock_new();
    lt_queue *queue = lt_queue_new(64);
    lt_local *local = lt_local_new(NULL);
    lt_status bad = lt_local_set(local, lock);
    void *item = NULL;
    bad |= lt_queue_put(queue, item) | lt_queue_get(queue, &item); // The first item brings the memory.
    if (filtered && !forbid_system_calls()) {
        return 77;
    }
    if (sleeps) {
        return lt_sleep(0.001); // To see that the filter works.
    }
    for (int i = 0; i < calls; i++) {
        bad |= lt_lock_acquire(lock) | lt_lock_release(lock);
        bad |= lt_lock_acquire_timeout(lock, 1.0) | lt_lock_release(lock);
        bad |= lt_rlock_acquire(rlock) | lt_rlock_release(rlock);
        bad |= lt_semaphore_acquire(semaphore) | lt_semaphore_release(semaphore, 1);
        bad |= lt_semaphore_acquire_timeout(semaphore, 1.0) | lt_semaphore_release(semaphore, 1);
        bad |= lt_event_set(event) | lt_event_wait(event) | lt_event_clear(event);
        bad |= lt_condition_notify(condition, 1);
        bad |= lt_rwlock_read_acquire(rwlock) | lt_rwlock_read_release(rwlock);
        bad |= lt_rwlock_write_acquire(rwlock) | lt_rwlock_write_release(rwlock);
        bad |= lt_spinlock_acquire(spinlock) | lt_spinlock_release(spinlock);
        bad |= lt_queue_put(queue, item) | lt_queue_get(queue, &item);
        bad |= lt_check_interrupt();
        bad |= lt_local_get(local) != lock || lt_get_ident() == 0;
        bad |= lt_lock_free(lt_allocate_lock());
    }
    for (int i = 0; i < calls && filtered; i++) { // What has no budget.
        bad |= lt_lock_try_acquire(lock) | lt_lock_release(lock);
        bad |= lt_rlock_acquire(rlock) | lt_rlock_acquire(rlock) | lt_rlock_release(rlock) | lt_rlock_release(rlock);
        bad |= lt_local_set(local, lock);
    }
    return bad;
}
