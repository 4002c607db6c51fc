// Joins that do not wait for ever, and the end of a thread that would.
#include <lowthread.h>
#include <stdio.h>

static void work(void *arg) {
    (void)arg;
    if (lt_sleep(3600.0) == LT_INTERRUPTED) puts("woken early"); // -> woken early
}

int main(void) {
    lt_thread *thread;
    if (lt_thread_start(work, NULL, NULL, &thread) != LT_OK) return 1;
    if (lt_thread_try_join(thread) != LT_BUSY || !lt_thread_is_alive(thread)) return 1;
    if (lt_thread_join_timeout(thread, 0.01) != LT_TIMED_OUT) return 1;
    if (lt_thread_interrupt(thread) != LT_OK) return 1;
    puts(lt_status_name(lt_thread_join_timeout(thread, 30.0))); // -> LT_OK
    return lt_thread_free(thread) != LT_OK;
}
