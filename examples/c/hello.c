#include <lowthread.h>
#include <stdio.h>

static lt_lock *lock;
static lt_semaphore *done;

static void greet(void *arg) { // arg points at this thread's own copy of i
    LT_WITH_LOCK(lock) { printf("hello from thread %d\n", *(int *)arg); }
    LT_IGNORE(lt_semaphore_release(done, 1));
}

int main(void) {
    lock = lt_allocate_lock();
    done = lt_semaphore_new(0);
    lt_status status = LT_OK;
    for (int i = 1; i <= 3 && status == LT_OK; i++)
        status = lt_start_new_thread_copy(greet, &i, sizeof i, NULL);
    for (int i = 1; i <= 3 && status == LT_OK; i++)
        status = lt_semaphore_acquire_timeout(done, 5.0);
    if (status != LT_OK) puts(status < 0 ? lt_last_error() : lt_status_message(status));
    return status != LT_OK;
}
