// One wait for a job, or for the word to stop.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_queue *jobs = lt_queue_new(0);
    lt_event *stop = lt_event_new();
    lt_case cases[] = {
        {.op = LT_CASE_GET, .handle = jobs},
        {.op = LT_CASE_EVENT, .handle = stop},
    };
    size_t which;
    if (lt_queue_put(jobs, "a job") != LT_OK) return 1;
    if (lt_select(cases, 2, 30.0, &which) != LT_OK) return 1;
    puts(which == 0 ? cases[0].item : "stop"); // -> a job
    if (lt_event_set(stop) != LT_OK) return 1;
    if (lt_select(cases, 2, LT_FOREVER, &which) != LT_OK) return 1;
    puts(which == 0 ? cases[0].item : "stop"); // -> stop
    return 0;
}
