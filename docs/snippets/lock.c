// One thread at a time.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_lock *lock = lt_allocate_lock();
    if (lt_lock_acquire(lock) != LT_OK) return 1;
    puts("nobody else is here"); // -> nobody else is here
    if (lt_lock_release(lock) != LT_OK) return 1;
    return lt_lock_free(lock) != LT_OK;
}
