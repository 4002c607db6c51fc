// An interrupt waits for the next wait that it may end.
#include <lowthread.h>
#include <stdio.h>

static lt_lock *lock;

static void open_it(void *arg) {
    (void)arg;
    LT_IGNORE(lt_lock_release(lock)); // Any thread may.
}

int main(void) {
    lock = lt_allocate_lock();
    if (lt_lock_acquire(lock) != LT_OK) return 1;
    if (lt_interrupt(lt_get_ident()) != LT_OK) return 1;
    if (lt_start_new_thread(open_it, NULL, NULL) != LT_OK) return 1;
    puts(lt_status_name(lt_lock_acquire_uninterruptible(lock))); // -> LT_OK
    puts(lt_status_name(lt_check_interrupt()));                  // -> LT_INTERRUPTED
    return 0;
}
