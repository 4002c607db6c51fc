// For a few instructions.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_spinlock *spinlock = lt_spinlock_new();
    if (lt_spinlock_acquire(spinlock) != LT_OK) return 1;
    puts(lt_status_name(lt_spinlock_try_acquire(spinlock))); // -> LT_BUSY
    if (lt_spinlock_release(spinlock) != LT_OK) return 1;
    return lt_spinlock_free(spinlock) != LT_OK;
}
