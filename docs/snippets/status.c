// What a call that fails leaves behind.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_status status = lt_lock_acquire(NULL);
    puts(lt_status_name(status));           // -> LT_BAD_HANDLE
    puts(lt_status_message(status));        // -> the handle is NULL, freed, or of another type
    puts(lt_last_error());                  // -> lt_lock_acquire: lock is NULL
    puts(lt_status_name(lt_last_status())); // -> LT_BAD_HANDLE
    printf("%d\n", lt_last_errno());        // -> 0
    return 0;
}
