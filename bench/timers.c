// 10,000 timers that are due at random times within a second: how late each is, by lowthread's timers
// and by one timerfd in a thread of ours that is set to the next of them. Prints medians and 99 %.
#include <lowthread.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { TIMERS = 10000 };

static double due[TIMERS], late[TIMERS];
static lt_semaphore *fired;

static void fire(void *arg) {
    size_t i = (size_t)(uintptr_t)arg;
    late[i] = lt_monotonic() - due[i];
    LT_IGNORE(lt_semaphore_release(fired, 1));
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell(const char *who) {
    qsort(late, TIMERS, sizeof *late, ascending);
    printf("%-10s median %7.1f us, 99 %% %7.1f us, least %5.1f us\n", who, late[TIMERS / 2] * 1e6,
           late[TIMERS * 99 / 100] * 1e6, late[0] * 1e6);
}

static void with_lowthread(void) {
    for (size_t i = 0; i < TIMERS; i++) {
        double seconds = 0.2 + (double)(rand() % 1000000) * 1e-6;
        due[i] = lt_monotonic() + seconds;
        if (lt_timer_start(seconds, 0, fire, (void *)(uintptr_t)i, NULL) != LT_OK) {
            fprintf(stderr, "%s\n", lt_last_error());
            exit(EXIT_FAILURE);
        }
    }
    for (size_t i = 0; i < TIMERS; i++) {
        LT_IGNORE(lt_semaphore_acquire(fired));
    }
    tell("lowthread");
}

static void with_timerfd(void) {
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    double now = lt_monotonic();
    for (size_t i = 0; i < TIMERS; i++) {
        due[i] = now + 0.2 + (double)(rand() % 1000000) * 1e-6;
    }
    qsort(due, TIMERS, sizeof *due, ascending);
    for (size_t i = 0; i < TIMERS; i++) {
        struct itimerspec at = {.it_value = {.tv_sec = (time_t)due[i]}};
        at.it_value.tv_nsec = (long)((due[i] - (double)at.it_value.tv_sec) * 1e9);
        uint64_t expirations;
        if (timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, NULL) != 0 ||
            read(fd, &expirations, sizeof expirations) < 0) {
            perror("timerfd");
            exit(EXIT_FAILURE);
        }
        late[i] = lt_monotonic() - due[i];
    }
    close(fd);
    tell("timerfd");
}

int main(void) {
    fired = lt_semaphore_new(0);
    for (int round = 0; round < 3; round++) {
        with_lowthread();
        with_timerfd();
    }
    return EXIT_SUCCESS;
}
