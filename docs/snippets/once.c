// A global that is made by whoever comes first.
#include <lowthread.h>
#include <stdio.h>

static lt_once_flag flag = LT_ONCE_FLAG_INIT;
static lt_lock *lock;

static void make(void *arg) {
    puts(arg); // -> made
    lock = lt_allocate_lock();
}

int main(void) {
    if (lt_call_once(&flag, make, "made") != LT_OK) return 1;
    if (lt_call_once(&flag, make, "made again") != LT_OK) return 1;
    return lt_lock_acquire(lock) != LT_OK;
}
