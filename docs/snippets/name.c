// Names for those who read a dump.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_lock *lock = lt_allocate_lock();
    char name[32];
    if (lt_set_name(lock, "accounts") != LT_OK) return 1;
    if (lt_name(lock, name, sizeof name) != LT_OK) return 1;
    puts(name); // -> accounts
    return lt_lock_free(lock) != LT_OK;
}
