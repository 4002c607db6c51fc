// A thread that fails, and who hears of it.
#include <lowthread.h>
#include <stdio.h>

static void work(void *arg) {
    (void)arg;
    lt_raise(42, "no more paper"); // From any depth; does not return.
}

int main(void) {
    lt_thread *thread;
    const lt_error_info *error;
    if (lt_thread_start(work, NULL, NULL, &thread) != LT_OK) return 1;
    puts(lt_status_name(lt_thread_join(thread))); // -> LT_FAILED
    if (lt_thread_error(thread, &error) != LT_OK) return 1;
    printf("%d: %s\n", error->code, error->message); // -> 42: no more paper
    return lt_thread_free(thread) != LT_OK;
}
