// A thread that ends in the middle, which is no error.
#include <lowthread.h>
#include <stdio.h>

static void look(const char *text) {
    if (text == NULL) lt_exit(); // From any depth.
    puts(text);
}

static void work(void *arg) {
    look("begun"); // -> begun
    look(arg);
    puts("never reached");
}

int main(void) {
    lt_thread *thread;
    if (lt_thread_start(work, NULL, NULL, &thread) != LT_OK) return 1;
    puts(lt_status_name(lt_thread_join(thread))); // -> LT_OK
    return lt_thread_free(thread) != LT_OK;
}
