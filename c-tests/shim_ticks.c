// Preloaded by test_strained.c and tools/strained: each thread of the program gets a signal all the time, with a handler that
// ends system calls (no SA_RESTART), every $LT_TICK_US microseconds. Where there is $LT_LATE_MS it ends none, but one in ten
// takes the thread from its processor for up to so many milliseconds, as a busy machine does.
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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

static int sleep_so_long(void *time) {
    syscall(SYS_nanosleep, time, NULL);
    return 0;
}

// Who waits for the child of a vfork is not asleep to who looks, and nothing wakes it. It is no moment in which a thread is
// cancelled, as waitpid would be.
static void hold_up(long milliseconds) {
    _Alignas(16) char stack[4096];
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    int error = errno, child = clone(sleep_so_long, stack + sizeof stack, CLONE_VM | CLONE_VFORK, &time);
    if (child > 0) {
        syscall(SYS_wait4, child, NULL, __WALL, NULL);
    }
    errno = error;
}

static long latest;

static void tick(int signum) {
    (void)signum;
    unsigned long chance = (unsigned long)++ticks * 0x9e3779b97f4a7c15ul ^ (unsigned long)getpid();
    chance = (chance ^ chance >> 29) * 0xbf58476d1ce4e5b9ul >> 32;
    if (latest > 0 && chance % 10 == 0) {
        hold_up(1 + (long)(chance / 10) % latest);
    }
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
    const char *setting = getenv("LT_LATE_MS");
    latest = setting == NULL ? 0 : atol(setting);
    struct sigaction action = {.sa_handler = tick, .sa_flags = latest > 0 ? SA_RESTART : 0};
    sigaction(tick_signal(), &action, NULL);
    pthread_key_create(&timers, stop);
    start();
    pthread_atfork(NULL, NULL, start); // A child has no timers of its parent's.
}
