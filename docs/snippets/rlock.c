// A lock that its owner may acquire again.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_rlock *rlock = lt_rlock_new();
    if (lt_rlock_acquire(rlock) != LT_OK) return 1;
    if (lt_rlock_acquire(rlock) != LT_OK) return 1; // Not a deadlock.
    if (lt_rlock_release(rlock) != LT_OK || lt_rlock_release(rlock) != LT_OK) return 1;
    puts(lt_status_name(lt_rlock_release(rlock))); // -> LT_NOT_HELD
    return lt_rlock_free(rlock) != LT_OK;
}
