// What is told of all: dumps, waits, contention, traces; and insight itself, which changes nothing that anything else returns.
#define _GNU_SOURCE
#include "makers.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

static int null(void) {
    static int fd = -1;
    if (fd < 0) {
        fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    }
    return fd;
}

static void dump(void) {
    if (rarely()) {
        (void)CALL(ONE(LT_OK), lt_dump, null());
    } else if (rarely()) {
        (void)CALL(ONE(LT_INVALID), lt_dump, -1 - (int)below(2));
    }
    lt_wait_info infos[4];
    static const size_t sizes[] = {sizeof *infos, sizeof *infos, sizeof *infos, 16, 0, 7, 4097, SIZE_MAX};
    size_t capacity = below(5), count = 4711;
    infos[0].size = sizes[below(8)];
    bool refused = capacity > 0 && (infos[0].size < sizeof(size_t) || infos[0].size > 4096);
    bool absent = capacity == 0 && below(2);
    if (alive(POOL) > 0) {
        return; // Whether an idle worker waits, nobody has promised.
    }
    lt_status got = CALL(ONE(refused ? LT_INVALID : LT_OK), lt_waits, absent ? NULL : infos, capacity, &count);
    // Whoever could wait makes no call now, and the gates are not the library's.
    MUST("lt_waits", count == (got == LT_OK ? 0 : 4711));
}

static void dump_on_signal(void) {
    static const int signums[] = {SIGWINCH, SIGUSR2, 0, 65, -1, SIGKILL, SIGSTOP, SIGSEGV, SIGFPE, INT_MAX};
    int signum = signums[below(10)];
    bool refused = signum < 1 || signum > 64 || signum == SIGKILL || signum == SIGSTOP || signum == SIGSEGV || signum == SIGFPE;
    struct sigaction before, after;
    bool known = sigaction(signum, NULL, &before) == 0;
    if (CALL(ONE(refused ? LT_INVALID : LT_OK), lt_dump_on_signal, signum, null()) == LT_OK) {
        if (below(2)) {
            raise(signum);
        }
        (void)CALL(ONE(LT_OK), lt_dump_on_signal, signum, -1);
        MUST("lt_dump_on_signal", known && sigaction(signum, NULL, &after) == 0 && before.sa_handler == after.sa_handler);
    }
}

static void never_found(const lt_deadlock_info *info, void *arg) {
    MUST("lt_set_deadlock_hook", arg == w && info->size >= sizeof *info);
}

// But LT_INSIGHT_DEADLOCK, which is about other returns.
static void set_insight(void) {
    (void)CALL(ONE(LT_OK), lt_set_deadlock_hook, never_found, w);
    static const uint32_t sets[] = {0, LT_INSIGHT_OWNERS, LT_INSIGHT_ORDER, LT_INSIGHT_CONTENTION,
        LT_INSIGHT_OWNERS | LT_INSIGHT_ORDER | LT_INSIGHT_CONTENTION, 16, UINT32_MAX, (uint32_t)1 << 31};
    uint32_t set = sets[below(8)];
    (void)CALL(ONE(set > 15 ? LT_INVALID : LT_OK), lt_set_insight, set);
}

static void contention(void) {
    lt_contention_info infos[4];
    static const size_t sizes[] = {sizeof *infos, sizeof *infos, sizeof *infos, 16, 0, 7, 4097, SIZE_MAX};
    size_t capacity = below(5), count = 4711;
    infos[0].size = sizes[below(8)];
    bool refused = capacity > 0 && (infos[0].size < sizeof(size_t) || infos[0].size > 4096);
    bool absent = capacity > 0 ? rarely() : below(2);
    statuses expected = ONE(absent && capacity > 0 ? LT_INVALID : refused ? LT_INVALID : LT_OK);
    lt_status got = CALL(expected, lt_contention, absent ? NULL : infos, capacity, &count);
    MUST("lt_contention", (got == LT_OK) == (count != 4711));
    for (size_t i = 0; got == LT_OK && infos[0].size == sizeof *infos && i < count && i < capacity; i++) {
        MUST("lt_contention", infos[i].waits > 0 && infos[i].waited >= infos[i].longest_wait && infos[i].longest_wait >= 0);
    }
    (void)CALL(ONE(LT_OK), lt_contention_report, null());
    (void)CALL(ONE(LT_INVALID), lt_contention_report, -1);
}

static void trace(void) {
    switch (below(8)) {
    case 0:
        if (CALL(ONE(w->traced ? LT_BUSY : LT_OK), lt_trace_start, "/dev/null") == LT_OK) {
            w->traced = true;
        }
        break;
    case 1: (void)CALL(ONE(LT_INVALID) | (w->traced ? ONE(LT_BUSY) : 0), lt_trace_start, below(2) ? NULL : "/no/such/folder/trace"); break;
    case 2: (void)CALL(ONE(LT_INVALID) | (w->traced ? ONE(LT_BUSY) : 0), lt_trace_start, "/"); break;
    case 3:
        (void)CALL(ONE(LT_OK), lt_trace_stop);
        w->traced = false;
        break;
    case 4: lt_trace_end(); break;
    default: {
        bool valid;
        lt_trace_begin(any_name(&valid));
    }
    }
}

void end_insight(void) {
    (void)CALL(ONE(LT_OK), lt_trace_stop);
    (void)CALL(ONE(LT_OK), lt_set_insight, 0);
}

STEPS(insight_steps, dump, dump, dump_on_signal, set_insight, contention, trace, trace);
