// For a time.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_rwlock *rwlock = lt_rwlock_new();
    if (lt_rwlock_write_acquire_timeout(rwlock, 1.0) != LT_OK) return 1;
    puts(lt_status_name(lt_rwlock_read_acquire_timeout(rwlock, 0.01)));  // -> LT_TIMED_OUT
    puts(lt_status_name(lt_rwlock_write_acquire_timeout(rwlock, 0.01))); // -> LT_TIMED_OUT
    return lt_rwlock_write_release(rwlock) != LT_OK || lt_rwlock_free(rwlock) != LT_OK;
}
