// Who gives back more than was taken is told.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_semaphore *permits = lt_semaphore_new_bounded(1, 2);
    puts(lt_status_name(lt_semaphore_release(permits, 1))); // -> LT_OK
    puts(lt_status_name(lt_semaphore_release(permits, 1))); // -> LT_OVERFLOW
    return lt_semaphore_free(permits) != LT_OK;
}
