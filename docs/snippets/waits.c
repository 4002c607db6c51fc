// The threads that wait, for a program that looks at itself.
#include <lowthread.h>
#include <stdio.h>

static void work(void *event) { LT_IGNORE(lt_event_wait(event)); }

int main(void) {
    lt_event *event = lt_event_new();
    lt_wait_info waits[4] = {{.size = sizeof waits[0]}};
    size_t count = 0;
    if (lt_start_new_thread(work, event, NULL) != LT_OK) return 1;
    while (count == 0) // Until it sleeps.
        if (lt_sleep(0.01) != LT_OK || lt_waits(waits, 4, &count) != LT_OK) return 1;
    printf("%s, %s\n", waits[0].type, waits[0].verb); // -> event, wait
    return lt_event_set(event) != LT_OK;
}
