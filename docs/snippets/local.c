// A value for each thread, freed with it.
#include <lowthread.h>
#include <stdio.h>
#include <stdlib.h>

static lt_local *buffer;

static void work(void *arg) {
    (void)arg;
    if (lt_local_get(buffer) != NULL) return; // What main has set is main's.
    if (lt_local_set(buffer, malloc(64)) == LT_OK) puts("a buffer of my own"); // -> a buffer of my own
}

int main(void) {
    buffer = lt_local_new(free);
    lt_thread *thread;
    if (lt_local_set(buffer, malloc(64)) != LT_OK) return 1;
    if (lt_thread_start(work, NULL, NULL, &thread) != LT_OK || lt_thread_join(thread) != LT_OK) return 1;
    free(lt_local_get(buffer)); // The free of the key forgets it.
    return lt_thread_free(thread) != LT_OK || lt_local_free(buffer) != LT_OK;
}
