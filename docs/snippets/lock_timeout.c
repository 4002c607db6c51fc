// A lock that is held, by whomever: for a time, and at once.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_lock *lock = lt_allocate_lock();
    if (lt_lock_acquire_timeout(lock, 1.0) != LT_OK) return 1;
    puts(lt_lock_locked(lock) ? "locked" : "free");            // -> locked
    puts(lt_status_name(lt_lock_acquire_timeout(lock, 0.05))); // -> LT_TIMED_OUT
    puts(lt_status_name(lt_lock_try_acquire(lock)));           // -> LT_BUSY
    puts(lt_status_name(lt_lock_release(lock)));               // -> LT_OK
    return lt_lock_free(lock) != LT_OK;
}
