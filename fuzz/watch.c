// The model of watches: a descriptor is readable while the case is possible, and not once it was found not to be; a function
// is called when the case becomes possible; nothing of that once the object is gone, or the watch.
#include "makers.h"

#include <limits.h>
#include <poll.h>
#include <stdatomic.h>

enum { NUMBERS = 1024, NOT_READABLE = -1 };

// Calls by the number of the watch, which is not given again before the end of the program.
static _Atomic unsigned calls[NUMBERS];
static unsigned calls_when_freed[NUMBERS], numbers;

static void be_ready(void *arg) {
    atomic_fetch_add((_Atomic unsigned *)arg, 1);
}

static bool is_readable(const object *o) {
    struct pollfd one = {.fd = o->watcher.fd, .events = POLLIN};
    int n = poll(&one, 1, 0);
    MUST("lt_watch_fd", n == 0 || one.revents == POLLIN);
    return n == 1;
}

static bool is_dead(const object *o) {
    return !o->watcher.object->alive || o->watcher.object->handle != o->watcher.handle;
}

static const object *waited_for;

static bool is_readable_now(void) {
    return is_readable(waited_for);
}

static bool was_called(void) {
    return atomic_load(&calls[waited_for->watcher.number]) > waited_for->watcher.seen;
}

// It is told now what it has to be told; and once nothing is possible it will be told anew.
static void check(object *o) {
    const char *function = o->watcher.fd == NOT_READABLE ? "lt_watch" : "lt_watch_fd";
    bool dead = is_dead(o);
    if (!dead && o->watcher.op == LT_CASE_RLOCK && o->watcher.object->rlock.owner != NOBODY) {
        return; // Possible for one, and not for another.
    }
    if (!dead && look(o->watcher.op, o->watcher.object).ready) {
        waited_for = o;
        if (o->watcher.fd == NOT_READABLE) {
            soon("ready is called", was_called);
        } else if (o->watcher.op == LT_CASE_JOIN || o->watcher.op == LT_CASE_FUTURE) {
            // Whose end is told by another thread.
            soon("the descriptor is readable", is_readable_now);
        } else {
            MUST(function, is_readable(o));
        }
        return;
    }
    if (!dead) {
        lt_case c = {.op = o->watcher.op, .handle = o->watcher.handle, .item = w};
        (void)CALL(ONE(LT_TIMED_OUT), lt_select, &c, 1, 0.0, NULL);
        o->watcher.seen = atomic_load(&calls[o->watcher.number]);
    }
    if (o->watcher.fd != NOT_READABLE) {
        MUST(function, !is_readable(o));
    }
}

static void watch(void) {
    unsigned which = below(CASE_KINDS);
    picked p = pick(case_kinds[which].kind);
    int32_t op = case_kinds[which].op;
    if (rarely()) {
        static const int32_t bad[] = {0, 11, -1, INT32_MAX, INT32_MIN};
        op = bad[below(5)];
    }
    bool by_function = below(2), absent = by_function && rarely(), odd = op < LT_CASE_LOCK || op > LT_CASE_FUTURE;
    statuses expected = 0;
    expected |= p.object == NULL ? ONE(LT_BAD_HANDLE) : 0;
    expected |= odd || absent ? ONE(LT_INVALID) : 0;
    if (expected == 0 && (!room() || numbers == NUMBERS)) {
        return;
    }
    lt_watcher *watcher = NULL;
    int fd = NOT_READABLE;
    lt_status got;
    if (by_function) {
        void *arg = &calls[numbers % NUMBERS];
        got = CALL(expected == 0 ? ONE(LT_OK) : expected, lt_watch, p.handle, op, absent ? NULL : be_ready, arg, &watcher);
    } else {
        got = CALL(expected == 0 ? ONE(LT_OK) : expected, lt_watch_fd, p.handle, op, &fd, &watcher);
        MUST("lt_watch_fd", (got == LT_OK) == (fd > 2));
    }
    MUST("lt_watch", (got == LT_OK) == (watcher != NULL));
    if (got == LT_OK) {
        object *o = add(WATCHER, watcher);
        o->watcher.object = p.object;
        o->watcher.handle = p.handle;
        o->watcher.op = op;
        o->watcher.fd = fd;
        o->watcher.number = numbers++;
        check(o);
    }
}

object *make_watcher(void) {
    watch();
    return alive(WATCHER) == 0 ? NULL : nth(WATCHER, 0);
}

static void check_one(void) {
    unsigned n = alive(WATCHER);
    if (n > 0) {
        check(nth(WATCHER, byte() % n));
    }
}

void watch_freed(const object *o) {
    calls_when_freed[o->watcher.number] = atomic_load(&calls[o->watcher.number]);
}

void check_watches(void) {
    for (unsigned i = 0; i < numbers; i++) {
        MUST("lt_watch_free", atomic_load(&calls[i]) == calls_when_freed[i]);
        atomic_store(&calls[i], 0);
    }
    numbers = 0;
}

STEPS(watch_steps, watch, check_one, check_one);
