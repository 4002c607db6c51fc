// A descriptor for poll, that is readable while there may be something to get.
#include <lowthread.h>
#include <poll.h>
#include <stdio.h>

int main(void) {
    lt_queue *jobs = lt_queue_new(0);
    lt_watcher *watcher;
    int fd;
    if (lt_watch_fd(jobs, LT_CASE_GET, &fd, &watcher) != LT_OK) return 1;
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    printf("%d\n", poll(&wanted, 1, 0)); // -> 0
    if (lt_queue_put(jobs, "a job") != LT_OK) return 1;
    printf("%d\n", poll(&wanted, 1, 30000)); // -> 1
    void *job;
    while (lt_queue_try_get(jobs, &job) == LT_OK) puts(job); // -> a job
    printf("%d\n", poll(&wanted, 1, 0)); // -> 0
    return lt_watch_free(watcher) != LT_OK || lt_queue_free(jobs) != LT_OK; // Closes the descriptor.
}
