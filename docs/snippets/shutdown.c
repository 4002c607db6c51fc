// The end of a program that waits for its threads.
#include <lowthread.h>
#include <stdio.h>

static void work(void *arg) {
    if (lt_sleep(0.02) == LT_OK) puts(arg);
}

int main(void) {
    for (int i = 0; i < 3; i++) {
        lt_thread *thread;
        if (lt_thread_start(work, "done", NULL, &thread) != LT_OK) return 1; // -> done
        if (lt_thread_free(thread) != LT_OK) return 1;                       // -> done
    }                                                                        // -> done
    puts(lt_status_name(lt_shutdown(30.0)));                                 // -> LT_OK
    return 0;
}
