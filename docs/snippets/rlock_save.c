// Lets go of it wholly, for a call that takes long, and has it back as often as before.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_rlock *rlock = lt_rlock_new();
    uint64_t count;
    if (lt_rlock_acquire(rlock) != LT_OK || lt_rlock_acquire(rlock) != LT_OK) return 1;
    if (lt_rlock_release_save(rlock, &count) != LT_OK) return 1;
    puts(lt_rlock_locked(rlock) ? "held" : "free"); // -> free
    if (lt_rlock_acquire_restore(rlock, count) != LT_OK) return 1;
    if (lt_rlock_release_save(rlock, &count) != LT_OK) return 1;
    if (lt_rlock_acquire_restore_uninterruptible(rlock, count) != LT_OK) return 1; // Whoever interrupts.
    printf("%d times\n", (int)lt_rlock_depth(rlock)); // -> 2 times
    return lt_rlock_free(rlock) != LT_OK;
}
