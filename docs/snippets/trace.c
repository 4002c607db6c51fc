// A timeline of the program, for ui.perfetto.dev or chrome://tracing.
#include <lowthread.h>
#include <stdio.h>

static void work(void *lock) {
    lt_trace_begin("look up"); // What the program calls it, beside what the library knows.
    LT_IGNORE(lt_lock_acquire(lock));
    LT_IGNORE(lt_sleep(0.001));
    LT_IGNORE(lt_lock_release(lock));
    lt_trace_end();
}

int main(void) {
    lt_lock *lock = lt_allocate_lock();
    lt_thread *threads[2];
    if (lt_trace_start("trace.json") != LT_OK || lt_set_name(lock, "cache") != LT_OK) return 1;
    puts(lt_status_name(lt_trace_start("another.json"))); // -> LT_BUSY
    for (int i = 0; i < 2; i++)
        if (lt_thread_start(work, lock, NULL, &threads[i]) != LT_OK) return 1;
    for (int i = 0; i < 2; i++)
        if (lt_thread_join(threads[i]) != LT_OK) return 1;
    puts(lt_status_name(lt_trace_stop())); // -> LT_OK
    return remove("trace.json");
}
