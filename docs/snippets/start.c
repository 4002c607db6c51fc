// A thread that nobody joins: the semaphore tells when it is done.
#include <lowthread.h>
#include <stdio.h>

static void work(void *done) {
    puts("in the thread"); // -> in the thread
    LT_IGNORE(lt_semaphore_release(done, 1));
}

int main(void) {
    lt_semaphore *done = lt_semaphore_new(0);
    if (lt_start_new_thread(work, done, NULL) != LT_OK) return puts(lt_last_error()), 1;
    return lt_semaphore_acquire(done) != LT_OK;
}
