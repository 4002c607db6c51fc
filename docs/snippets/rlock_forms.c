// A lock that another thread holds.
#include <lowthread.h>
#include <stdio.h>

static lt_rlock *rlock;

static void work(void *arg) {
    (void)arg;
    puts(lt_status_name(lt_rlock_try_acquire(rlock)));           // -> LT_BUSY
    puts(lt_status_name(lt_rlock_acquire_timeout(rlock, 0.01))); // -> LT_TIMED_OUT
    puts(lt_status_name(lt_rlock_release(rlock)));               // -> LT_NOT_OWNER
}

int main(void) {
    rlock = lt_rlock_new();
    lt_thread *thread;
    if (lt_rlock_acquire_uninterruptible(rlock) != LT_OK) return 1;
    if (lt_thread_start(work, NULL, NULL, &thread) != LT_OK) return 1;
    if (lt_thread_join(thread) != LT_OK || lt_rlock_release(rlock) != LT_OK) return 1;
    return lt_rlock_free(rlock) != LT_OK || lt_thread_free(thread) != LT_OK;
}
