// A function of one's own is called when there is something to get.
#include <lowthread.h>
#include <stdio.h>

static lt_queue *jobs;
static lt_event *seen;

static void look(void *unused) { // On a thread of the library's: it tells the loop, and takes nothing by force.
    (void)unused;
    void *job;
    while (lt_queue_try_get(jobs, &job) == LT_OK) puts(job); // -> a job
    LT_IGNORE(lt_event_set(seen));
}

int main(void) {
    jobs = lt_queue_new(0);
    seen = lt_event_new();
    lt_watcher *watcher;
    if (lt_watch(jobs, LT_CASE_GET, look, NULL, &watcher) != LT_OK) return 1;
    if (lt_queue_put(jobs, "a job") != LT_OK) return 1;
    if (lt_event_wait_timeout(seen, 30.0) != LT_OK) return 1;
    return lt_watch_free(watcher) != LT_OK || lt_queue_free(jobs) != LT_OK;
}
