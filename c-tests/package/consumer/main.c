// Starts a thread, waits for it, and wants the library to be that of the header.
#include <lowthread.h>

#include <stdio.h>
#include <string.h>

static void work(void *done) {
    LT_IGNORE(lt_event_set(done));
}

int main(void) {
    lt_event *done = lt_event_new();
    if (lt_start_new_thread(work, done, NULL) != LT_OK || lt_event_wait(done) != LT_OK) {
        puts(lt_last_error());
        return 1;
    }
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", LT_VERSION_MAJOR, LT_VERSION_MINOR,
        LT_VERSION_PATCH);
    printf("header %s, library %s\n", version, lt_version());
    return strcmp(version, lt_version()) != 0;
}
