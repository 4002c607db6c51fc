// Preloaded by test_strained.c and tools/strained: each thread of the program gets a signal all the time, with a handler that
// ends system calls (no SA_RESTART), every $LT_TICK_US microseconds.
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static pthread_key_t timers;
static _Atomic long ticks;

static int tick_signal(void) {
    return SIGRTMAX - 3;
}

static void tick(int signum) {
    (void)signum;
    ticks++;
}

// How many there were.
long shim_ticks(void) {
    return ticks;
}

static void stop(void *timer) {
    timer_delete((timer_t)((char *)timer - 1));
}

static void start(void) {
    const char *setting = getenv("LT_TICK_US");
    long ns = (setting == NULL ? 100 : atol(setting)) * 1000;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = tick_signal()};
    event.sigev_notify_thread_id = (int)syscall(SYS_gettid);
    timer_t timer;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0) {
        // Their numbers begin at zero, and NULL is no value.
        pthread_setspecific(timers, (char *)timer + 1);
        struct itimerspec each = {.it_interval.tv_nsec = ns, .it_value.tv_nsec = ns};
        timer_settime(timer, 0, &each, NULL);
    }
}

typedef struct beginning {
    void *(*function)(void *);
    void *arg;
} beginning;

static void *begin(void *arg) {
    beginning b = *(beginning *)arg;
    free(arg);
    start();
    return b.function(b.arg);
}

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
    void *(*function)(void *), void *restrict arg) {
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    void *found = dlsym(RTLD_NEXT, "pthread_create");
    memcpy(&real, &found, sizeof found);
    beginning *b = malloc(sizeof *b);
    if (b == NULL) {
        return EAGAIN;
    }
    *b = (beginning){function, arg};
    int error = real(thread, attributes, begin, b);
    if (error != 0) {
        free(b);
    }
    return error;
}

__attribute__((constructor)) static void begin_main(void) {
    struct sigaction action = {.sa_handler = tick};
    sigaction(tick_signal(), &action, NULL);
    pthread_key_create(&timers, stop);
    start();
    pthread_atfork(NULL, NULL, start); // A child has no timers of its parent's.
}
