// What grows with a number, for growth.sh: for each row a small and a large number, between which only what is to be
// counted is collected.
#include <lowthread.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

enum { LARGEST = 4096 };

#define OK(call) must((call) == LT_OK, #call)

static void must(int condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "%s: %s\n", what, lt_last_error());
        exit(EXIT_FAILURE);
    }
}

static void *handles[LARGEST];
static lt_lock *locks[LARGEST];
static lt_ident idents[LARGEST];
static lt_rlock *gate;
static lt_event *open_event;
static lt_pool *pool;
static int null;

// All numbers below n, each once: as far from order as it takes.
static size_t mixed(size_t i, size_t n) {
    return i * 1567 % n; // A prime: no n here is a multiple.
}

static void begin(void) {
    CALLGRIND_TOGGLE_COLLECT;
}

static void end(const char *row, size_t n) {
    CALLGRIND_TOGGLE_COLLECT;
    char name[80];
    snprintf(name, sizeof name, "%s %zu", row, n);
    CALLGRIND_DUMP_STATS_AT(name);
}

static void never(void *arg) {
    (void)arg;
}

static void timers(const char *row, size_t n) {
    begin();
    for (size_t i = 0; i < n; i++) {
        OK(lt_timer_start(1000.0 + (double)mixed(i, n), 0, never, NULL, (lt_timer **)&handles[i]));
    }
    for (size_t i = 0; i < n; i++) {
        OK(lt_timer_free(handles[mixed(i, n)]));
    }
    end(row, n);
}

static void objects_and_names(const char *row, size_t n) {
    begin();
    for (size_t i = 0; i < n; i++) {
        handles[i] = lt_event_new();
        OK(lt_set_name(handles[i], "one of many"));
    }
    for (size_t i = 0; i < n; i++) {
        char name[64];
        OK(lt_name(handles[mixed(i, n)], name, sizeof name));
        OK(lt_event_free(handles[mixed(i, n)]));
    }
    end(row, n);
}

static void *wait_for_open(void *arg) {
    OK(lt_event_wait(open_event));
    return arg;
}

static void *no_task(void *arg) {
    return arg;
}

// The one worker is at the first, and does not come to the others.
static lt_future *stop_the_pool(void) {
    open_event = lt_event_new();
    pool = lt_pool_new(1, NULL);
    lt_future *first;
    OK(lt_pool_submit(pool, wait_for_open, NULL, &first));
    while (!lt_future_running(first)) {
        OK(lt_sleep(0.001));
    }
    return first;
}

static void end_the_pool(lt_future *first) {
    OK(lt_event_set(open_event));
    OK(lt_future_free(first));
    OK(lt_pool_free(pool));
    OK(lt_event_free(open_event));
}

static void cancelled_tasks(const char *row, size_t n) {
    lt_future *first = stop_the_pool();
    begin();
    for (size_t i = 0; i < n; i++) {
        OK(lt_pool_submit(pool, no_task, NULL, (lt_future **)&handles[i]));
    }
    for (size_t i = 0; i < n; i++) {
        OK(lt_future_cancel(handles[mixed(i, n)]));
    }
    for (size_t i = 0; i < n; i++) {
        OK(lt_future_free(handles[i]));
    }
    end(row, n);
    end_the_pool(first);
}

// A wait that stands in one future's list n times, as n threads would, and leaves in the order in which it came.
static void waits_for_one_future(const char *row, size_t n) {
    lt_future *first = stop_the_pool(), *futures[LARGEST];
    for (size_t i = 0; i < n; i++) {
        futures[i] = first;
    }
    begin();
    must(lt_future_wait_many(futures, n, LT_ALL, 1e-3, NULL) == LT_TIMED_OUT, "lt_future_wait_many");
    end(row, n);
    end_the_pool(first);
}

static void queued(const char *row, size_t n) {
    begin();
    lt_queue *queue = lt_queue_new(0);
    for (size_t i = 0; i < n; i++) {
        OK(lt_queue_put(queue, &handles[i]));
    }
    OK(lt_queue_free(queue));
    end(row, n);
}

static void thread_locals(const char *row, size_t n) {
    begin();
    for (size_t i = 0; i < n; i++) {
        handles[i] = lt_local_new(NULL);
        OK(lt_local_set(handles[i], handles));
    }
    for (size_t i = 0; i < n; i++) {
        must(lt_local_get(handles[mixed(i, n)]) == handles, "lt_local_get");
        OK(lt_local_free(handles[mixed(i, n)]));
    }
    end(row, n);
}

static void watches(const char *row, size_t n) {
    lt_event *event = lt_event_new();
    begin();
    for (size_t i = 0; i < n; i++) {
        OK(lt_watch(event, LT_CASE_EVENT, never, NULL, (lt_watcher **)&handles[i]));
    }
    for (size_t i = 0; i < n; i++) {
        OK(lt_watch_free(handles[mixed(i, n)]));
    }
    end(row, n);
    OK(lt_event_free(event));
}

static void held_locks(const char *row, size_t n) {
    for (size_t i = 0; i < n; i++) {
        locks[i] = lt_allocate_lock();
    }
    begin();
    for (size_t i = 0; i < n; i++) {
        OK(lt_lock_acquire(locks[i]));
    }
    for (size_t i = 0; i < n; i++) {
        OK(lt_lock_release(locks[mixed(i, n)]));
    }
    end(row, n);
    for (size_t i = 0; i < n; i++) {
        OK(lt_lock_free(locks[i]));
    }
}

// ---- Threads that wait

static void wait_for_gate(void *arg) {
    (void)arg;
    lt_status got = lt_rlock_acquire(gate);
    must(got == LT_OK || got == LT_INTERRUPTED, "lt_rlock_acquire");
    if (got == LT_OK) {
        OK(lt_rlock_release(gate));
    }
}

// Each joins the next one, once all are there.
static void join_next(void *next) {
    OK(lt_event_wait(open_event));
    if (next == &handles[0]) {
        wait_for_gate(NULL);
    } else {
        OK(lt_thread_join(*(lt_thread **)next));
    }
}

// Until all wait for what somebody has.
static void await_waits(size_t n) {
    static lt_wait_info infos[LARGEST];
    infos[0].size = sizeof infos[0];
    for (size_t waiting = 0; waiting < n;) {
        size_t count = 0;
        OK(lt_waits(infos, LARGEST, &count));
        waiting = 0;
        for (size_t i = 0; i < count; i++) {
            waiting += infos[i].holder != 0;
        }
        OK(lt_sleep(0.001));
    }
}

static void start_waiting(size_t n, int chain) {
    gate = lt_rlock_new();
    open_event = lt_event_new();
    OK(lt_rlock_acquire(gate));
    for (size_t i = 0; i < n; i++) {
        void *next = &handles[(i + 1) % n];
        OK(lt_thread_start(chain ? join_next : wait_for_gate, next, NULL, (lt_thread **)&handles[i]));
        idents[i] = lt_thread_ident(handles[i]);
    }
    OK(lt_event_set(open_event));
    await_waits(n);
}

static void stop_waiting(size_t n) {
    OK(lt_rlock_release(gate));
    OK(lt_shutdown(LT_FOREVER));
    for (size_t i = 0; i < n; i++) {
        OK(lt_thread_free(handles[i]));
    }
    OK(lt_rlock_free(gate));
    OK(lt_event_free(open_event));
}

static void dump_of_a_chain(const char *row, size_t n) {
    start_waiting(n, 1);
    begin();
    OK(lt_dump(null));
    end(row, n);
    stop_waiting(n);
}

static void dump_of_waiters_for_one(const char *row, size_t n) {
    start_waiting(n, 0);
    begin();
    OK(lt_dump(null));
    end(row, n);
    stop_waiting(n);
}

static void interrupts_by_ident(const char *row, size_t n) {
    start_waiting(n, 0);
    begin();
    for (size_t i = 0; i < n; i++) {
        OK(lt_interrupt(idents[i]));
    }
    end(row, n);
    stop_waiting(n);
}

static const struct {
    const char *name;
    void (*run)(const char *row, size_t n);
    size_t small;
    int times; // More than once where other threads run meanwhile, and are now in the way, now not.
} rows[] = {
    {"timers", timers, 1000, 1},
    {"objects_and_names", objects_and_names, 1000, 1},
    {"cancelled_tasks", cancelled_tasks, 1000, 1},
    {"waits_for_one_future", waits_for_one_future, 1000, 1},
    {"queued", queued, 1000, 1},
    {"thread_locals", thread_locals, 1000, 1},
    {"watches", watches, 1000, 1},
    {"held_locks", held_locks, 1000, 1},
    {"dump_of_a_chain", dump_of_a_chain, 100, 1},
    {"dump_of_waiters_for_one", dump_of_waiters_for_one, 100, 1},
    {"interrupts_by_ident", interrupts_by_ident, 100, 4},
};

int main(void) {
    null = open("/dev/null", O_WRONLY);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        // Once for what only the first has to do.
        rows[i].run("first", 8);
        for (int j = 0; j < rows[i].times; j++) {
            rows[i].run(rows[i].name, rows[i].small);
            rows[i].run(rows[i].name, 4 * rows[i].small);
        }
    }
    return EXIT_SUCCESS;
}
