// A runtime whose main thread is not the process's first.
#include <lowthread.h>
#include <stdio.h>

static void run(void *arg) {
    (void)arg;
    if (lt_adopt_main() != LT_OK) return;
    puts(lt_main_ident() == lt_get_ident() ? "main now" : "no"); // -> main now
}

int main(void) {
    lt_thread *runtime;
    if (lt_thread_start(run, NULL, NULL, &runtime) != LT_OK) return 1;
    return lt_thread_join(runtime) != LT_OK;
}
