// A function that fails, and returns: for languages whose frames must not be unwound.
#include <lowthread.h>
#include <stdio.h>

static void work(void *arg) {
    (void)arg;
    if (lt_fail(5, "no connection") != LT_OK) return;
    puts("still here, to clean up"); // -> still here, to clean up
}

int main(void) {
    lt_thread *thread;
    if (lt_thread_start(work, NULL, NULL, &thread) != LT_OK) return 1;
    puts(lt_status_name(lt_thread_join(thread))); // -> LT_FAILED
    return lt_thread_free(thread) != LT_OK;
}
