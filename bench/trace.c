// A trace under load: what an event costs, how large the file gets, and that what is not in it was counted as lost.
//
// lowthread-trace [FILE [EVENTS]]: writes to FILE, which is removed, 10 million events. Exits with 1 if some are missing
// that the file does not tell of.
#include "lowthread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *path = "lowthread-trace.json";
static lt_lock *lock;

static void must(bool fine, const char *what) {
    if (!fine) {
        fprintf(stderr, "lowthread-trace: %s\n", what);
        exit(1);
    }
}

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e9 + (double)at.tv_nsec;
}

static void span(void) {
    lt_trace_begin("work");
    lt_trace_end();
}

static void locked(void) {
    must(lt_lock_acquire(lock) == LT_OK && lt_lock_release(lock) == LT_OK, "the lock");
}

// Two, as there are two events.
static void clocks(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    clock_gettime(CLOCK_MONOTONIC, &at);
}

// Nanoseconds for one of two events, all of them without a pause, or with one of a millisecond after each 2,000.
static double each(void (*two)(void), long events, bool pauses) {
    double busy = 0;
    for (long done = 0; done < events; done += 2000) {
        const double start = now();
        for (int i = 0; i < 1000; i++) {
            two();
        }
        busy += now() - start;
        if (pauses) {
            must(lt_sleep(0.001) == LT_OK, "the sleep");
        }
    }
    return busy / (double)events;
}

// How many events of these kinds the file has, and in *lost what it says of those that it has not; in *bytes its size.
static long count(const char *const kinds[2], long *lost, long *bytes) {
    FILE *const file = fopen(path, "r");
    must(file != NULL, "no file");
    char line[4096];
    long found = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        for (int i = 0; i < 2; i++) {
            found += strstr(line, kinds[i]) != NULL;
        }
        const char *const told = strstr(line, "\"lost\":");
        *lost = told != NULL ? atol(told + strlen("\"lost\":")) : *lost;
    }
    *bytes = ftell(file);
    fclose(file);
    remove(path);
    return found;
}

static void row(const char *name, void (*two)(void), long events, bool pauses, const char *const kinds[2]) {
    must(lt_trace_start(path) == LT_OK, "the trace does not begin");
    // The clock in the same run: the machine may be slower now than before.
    const double clock = each(clocks, events / 10, false);
    const double event = each(two, events, pauses);
    must(lt_trace_stop() == LT_OK, "not all was written");
    long lost = 0, bytes = 0;
    const long found = count(kinds, &lost, &bytes);
    printf("%-36s %5.2f %10ld %8.1f %7.1f %%\n", name, event / clock, found, (double)bytes / 1e6,
        100.0 * (double)lost / (double)events);
    fflush(stdout);
    // Others than these may be lost, too: a sleep's.
    must(found + lost >= events && (pauses || found + lost <= events + 8), "some are missing that were not counted");
}

int main(int argc, char **argv) {
    path = argc > 1 ? argv[1] : path;
    const long events = argc > 2 ? atol(argv[2]) / 2000 * 2000 : 10000000;
    const char *const spans[] = {"{\"ph\":\"B\"", "{\"ph\":\"E\""};
    const char *const holds[] = {"\"ph\":\"b\"", "\"ph\":\"e\""};
    must((lock = lt_allocate_lock()) != NULL, "no lock");
    printf("%ld events%26s %5s %10s %8s %9s\n", events, "", "clock", "in file", "MB", "lost");
    row("spans", span, events, false, spans);
    row("spans, a millisecond after each 2,000", span, events / 10, true, spans);
    row("a lock is acquired and released", locked, events, false, holds);
    return 0;
}
