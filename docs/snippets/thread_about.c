// What a thread is called, and what else is known of it.
#include <lowthread.h>
#include <stdio.h>

static void work(void *arg) {
    (void)arg;
    char name[64];
    if (lt_set_thread_name("counter") != LT_OK) return;
    if (lt_thread_name(lt_get_ident(), name, sizeof name) == LT_OK) puts(name); // -> counter
    puts(lt_thread_ident(lt_thread_current()) == lt_get_ident() ? "me" : "no"); // -> me
}

int main(void) {
    lt_thread *thread;
    if (lt_thread_start(work, NULL, NULL, &thread) != LT_OK) return 1;
    if (lt_thread_join(thread) != LT_OK) return 1;
    puts(lt_thread_daemon(thread) ? "a daemon" : "no daemon");            // -> no daemon
    puts(lt_thread_native_id(thread) != 0 ? "had a number" : "had none"); // -> had a number
    return lt_thread_free(thread) != LT_OK;
}
