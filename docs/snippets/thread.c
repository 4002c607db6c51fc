// A thread with a name of its own, that is waited for.
#include <lowthread.h>
#include <stdio.h>

static void work(void *arg) { puts(arg); } // -> hello

int main(void) {
    lt_thread_options options = {.size = sizeof options, .name = "greeter"};
    lt_thread *thread;
    if (lt_thread_start(work, "hello", &options, &thread) != LT_OK) return puts(lt_last_error()), 1;
    if (lt_thread_join(thread) != LT_OK) return 1;
    return lt_thread_free(thread) != LT_OK;
}
