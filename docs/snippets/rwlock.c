// Many readers, or one writer.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_rwlock *rwlock = lt_rwlock_new();
    if (lt_rwlock_read_acquire(rwlock) != LT_OK || lt_rwlock_try_read_acquire(rwlock) != LT_OK) return 1;
    puts(lt_status_name(lt_rwlock_try_write_acquire(rwlock))); // -> LT_BUSY
    if (lt_rwlock_read_release(rwlock) != LT_OK || lt_rwlock_read_release(rwlock) != LT_OK) return 1;
    if (lt_rwlock_write_acquire(rwlock) != LT_OK) return 1;
    puts("nobody reads"); // -> nobody reads
    if (lt_rwlock_write_release(rwlock) != LT_OK) return 1;
    return lt_rwlock_free(rwlock) != LT_OK;
}
