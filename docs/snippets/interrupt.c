// A thread that is interrupted by its ident, wherever it waits.
#include <lowthread.h>
#include <stdio.h>

static void work(void *done) {
    puts(lt_status_name(lt_sleep(60.0))); // -> LT_INTERRUPTED
    LT_IGNORE(lt_semaphore_release(done, 1));
}

int main(void) {
    lt_semaphore *done = lt_semaphore_new(0);
    lt_ident ident;
    if (lt_start_new_thread(work, done, &ident) != LT_OK) return 1;
    if (lt_interrupt(ident) != LT_OK) return 1; // At once, or in its next wait.
    return lt_semaphore_acquire(done) != LT_OK;
}
