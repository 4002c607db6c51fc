// What waiting costs, and which lock is to blame: a cache that everybody reads and hardly anybody changes, under a lock
// that lets in one at a time. The report names it in its first line, with the place where most was waited: it should be
// a read-write lock, with which the readers do not wait for each other. Without a line of code, for a program as it
// is: LOWTHREAD_INSIGHT=contention, and lt_contention_report() at its end.
// needs: a pipe
#include <lowthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READERS = 4, LOOKUPS = 50 };

static lt_lock *cache, *statistics;
static int entries[16], hits;

static int look_up(int key) { // It may have to compute, under the lock.
    if (lt_lock_acquire(cache) != LT_OK) exit(EXIT_FAILURE);
    int entry = lt_sleep(0.0005) == LT_OK ? entries[key % 16] : -1;
    LT_IGNORE(lt_lock_release(cache));
    return entry;
}

static void count_hit(void) {
    LT_WITH_LOCK(statistics) hits++;
}

static void read_cache(void *unused) {
    (void)unused;
    for (int i = 0; i < LOOKUPS; i++)
        if (look_up(i) == i % 16) count_hit();
}

int main(void) {
    char report[4096] = "";
    int ends[2];
    lt_thread *threads[READERS];
    lt_status status = lt_set_insight(LT_INSIGHT_CONTENTION);
    cache = lt_allocate_lock();
    statistics = lt_allocate_lock();
    if (status == LT_OK) status = lt_set_name(cache, "cache");
    if (status == LT_OK) status = lt_set_name(statistics, "statistics");
    for (int i = 0; i < 16; i++) entries[i] = i;
    for (int i = 0; i < READERS && status == LT_OK; i++) status = lt_thread_start(read_cache, NULL, NULL, &threads[i]);
    for (int i = 0; i < READERS && status == LT_OK; i++) status = lt_thread_join(threads[i]);
    if (status != LT_OK || pipe(ends) != 0) return EXIT_FAILURE;
    status = lt_contention_report(ends[1]);
    if (status != LT_OK || read(ends[0], report, sizeof report - 1) <= 0) return EXIT_FAILURE;
    fputs(report, stdout);
    printf("%d hits\n", hits);
    return strncmp(report, "lock \"cache\" ", 13) == 0 && hits == READERS * LOOKUPS ? EXIT_SUCCESS : EXIT_FAILURE;
}
