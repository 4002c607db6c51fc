// Preloaded by test_strained.c and tools/strained: the wall clock is thrown back and forward by days, at each look.
#include <dlfcn.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

static _Atomic unsigned looks;

static time_t thrown(void) {
    static const int DAYS[] = {0, 4000, -4000, 1, -1};
    return DAYS[looks++ % (sizeof DAYS / sizeof DAYS[0])] * (time_t)86400;
}

// How often somebody looked.
unsigned shim_looks_at_the_clock(void) {
    return looks;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *);
    void *found = dlsym(RTLD_NEXT, "clock_gettime");
    memcpy(&real, &found, sizeof found);
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME && result == 0) {
        now->tv_sec += thrown();
    }
    return result;
}

time_t time(time_t *to) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (to != NULL) {
        *to = now.tv_sec;
    }
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    *now = (struct timeval){at.tv_sec, at.tv_nsec / 1000};
    return 0;
}
