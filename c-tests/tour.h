// A tour through all of the library, for a system that refuses something. What may fail for that is told, and has the
// status that it should have; all else is as ever.
#ifndef LT_TOUR_H
#define LT_TOUR_H

#include "support.h"

#include <sys/ioctl.h>

// What may fail.
enum {
    NOTHING = 0,
    OBJECTS = 1 << 0, // LT_NO_MEMORY
    THREADS = 1 << 1, // LT_NO_THREAD
    DESCRIPTORS = 1 << 2, // LT_NO_MEMORY, with the errno of the descriptor
    ROUTES = 1 << 3, // LT_INVALID: this system has not that signal to give
    WRITES = 1 << 4, // LT_INVALID
    FILES = 1 << 5, // LT_INVALID
};

typedef struct tour {
    const char *name;
    int fails;
} tour;

// Whether it was done; if not, it was for what may fail, and is said so.
static inline bool done_in(const tour *t, lt_status status, int kind, lt_status refusal) {
    must_for(t->name, status == LT_OK || ((t->fails & kind) != 0 && status == refusal));
    must_for(t->name, status == LT_OK || (lt_last_status() == status && strlen(lt_last_error()) > 0));
    return status == LT_OK;
}

static inline bool made_in(const tour *t, const void *object) {
    return done_in(t, object != NULL ? LT_OK : lt_last_status(), OBJECTS, LT_NO_MEMORY);
}

// What needs a thread needs memory for it, too.
static inline bool started_in(const tour *t, lt_status status) {
    return status == LT_NO_MEMORY ? done_in(t, status, OBJECTS, LT_NO_MEMORY) :
                                    done_in(t, status, THREADS, LT_NO_THREAD);
}

#define on_tour(condition) must_for(t->name, condition)

typedef struct tour_parts {
    lt_lock *lock;
    lt_event *begun, *event;
    lt_queue *items, *answers;
} tour_parts;

// Waits for each kind of thing in turn, so that each wake-up is needed.
static inline void tour_other_side(void *arg) {
    tour_parts *p = arg;
    must(lt_event_set(p->begun) == LT_OK);
    must(lt_lock_acquire(p->lock) == LT_OK && lt_lock_release(p->lock) == LT_OK);
    must(lt_event_wait(p->event) == LT_OK);
    void *item;
    while (lt_queue_get(p->items, &item) == LT_OK) {
        must(lt_queue_put(p->answers, item) == LT_OK);
    }
}

static inline void tour_there_and_back(const tour *t, tour_parts *p) {
    for (int i = 0; i < 20; i++) {
        void *item = NULL;
        on_tour(lt_queue_put(p->items, p) == LT_OK);
        on_tour(lt_queue_get_timeout(p->answers, POLL_SECONDS, &item) == LT_OK && item == p);
    }
}

// Whether the queue has its memory: from then on it needs no more.
static inline bool filled_in(const tour *t, lt_queue *queue) {
    void *item;
    return done_in(t, lt_queue_put(queue, queue), OBJECTS, LT_NO_MEMORY) &&
        lt_queue_get(queue, &item) == LT_OK;
}

static inline void tour_two_threads(const tour *t) {
    tour_parts p = {0};
    if (made_in(t, p.lock = lt_allocate_lock()) && made_in(t, p.begun = lt_event_new()) &&
        made_in(t, p.event = lt_event_new()) && made_in(t, p.items = lt_queue_new(2)) && filled_in(t, p.items) &&
        made_in(t, p.answers = lt_queue_new(2)) && filled_in(t, p.answers)) {
        lt_thread *thread;
        on_tour(lt_lock_acquire(p.lock) == LT_OK);
        if (started_in(t, lt_thread_start(tour_other_side, &p, NULL, &thread))) {
            on_tour(lt_event_wait_timeout(p.begun, POLL_SECONDS) == LT_OK);
            on_tour(lt_lock_acquire_timeout(p.lock, 0.002) == LT_TIMED_OUT);
            on_tour(lt_thread_join_timeout(thread, 0.002) == LT_TIMED_OUT);
            on_tour(lt_lock_release(p.lock) == LT_OK);
            on_tour(lt_event_set(p.event) == LT_OK);
            tour_there_and_back(t, &p);
            on_tour(lt_queue_close(p.items, false) == LT_OK);
            on_tour(lt_thread_join_timeout(thread, POLL_SECONDS) == LT_OK);
            on_tour(lt_thread_free(thread) == LT_OK);
        } else {
            on_tour(lt_lock_release(p.lock) == LT_OK);
        }
    }
    // What was not made is not freed.
    on_tour(p.lock == NULL || lt_lock_free(p.lock) == LT_OK);
    on_tour(p.begun == NULL || lt_event_free(p.begun) == LT_OK);
    on_tour(p.event == NULL || lt_event_free(p.event) == LT_OK);
    on_tour(p.items == NULL || lt_queue_free(p.items) == LT_OK);
    on_tour(p.answers == NULL || lt_queue_free(p.answers) == LT_OK);
}

static inline void tour_wait_for_interrupt(void *arg) {
    must(lt_event_set(arg) == LT_OK);
    must(lt_sleep(POLL_SECONDS) == LT_INTERRUPTED);
}

static inline void tour_interrupts(const tour *t) {
    lt_thread *thread;
    lt_event *begun = lt_event_new();
    if (!made_in(t, begun)) {
        return;
    }
    if (started_in(t, lt_thread_start(tour_wait_for_interrupt, begun, NULL, &thread))) {
        on_tour(lt_event_wait_timeout(begun, POLL_SECONDS) == LT_OK);
        on_tour(lt_thread_interrupt(thread) == LT_OK);
        on_tour(lt_thread_join_timeout(thread, POLL_SECONDS) == LT_OK);
        on_tour(lt_thread_free(thread) == LT_OK);
    }
    on_tour(lt_event_free(begun) == LT_OK);
}

static inline void tour_tell(void *event) {
    must(lt_event_set(event) == LT_OK);
}

static inline void tour_timers_and_watches(const tour *t) {
    lt_event *told = lt_event_new();
    if (!made_in(t, told)) {
        return;
    }
    lt_queue *queue = lt_queue_new(4);
    if (!made_in(t, queue)) {
        on_tour(lt_event_free(told) == LT_OK);
        return;
    }
    lt_timer *timer;
    if (started_in(t, lt_timer_start(0.001, 0, tour_tell, told, &timer))) {
        on_tour(lt_event_wait_timeout(told, POLL_SECONDS) == LT_OK);
        on_tour(lt_timer_free(timer) == LT_OK);
    }
    on_tour(lt_event_clear(told) == LT_OK);
    lt_watchdog *watchdog;
    if (started_in(t, lt_watchdog_start(60.0, SIGUSR2, &watchdog))) {
        on_tour(lt_watchdog_feed(watchdog) == LT_OK);
        on_tour(lt_watchdog_free(watchdog) == LT_OK);
    }
    lt_watcher *watcher;
    if (started_in(t, lt_watch(queue, LT_CASE_GET, tour_tell, told, &watcher))) {
        if (done_in(t, lt_queue_put(queue, told), OBJECTS, LT_NO_MEMORY)) {
            on_tour(lt_event_wait_timeout(told, POLL_SECONDS) == LT_OK);
        }
        on_tour(lt_watch_free(watcher) == LT_OK);
    }
    int fd = -1;
    lt_status status = lt_watch_fd(queue, LT_CASE_PUT, &fd, &watcher);
    if (done_in(t, status, DESCRIPTORS | OBJECTS, LT_NO_MEMORY)) {
        on_tour(fd > STDERR_FILENO);
        on_tour(lt_watch_free(watcher) == LT_OK);
    } else {
        on_tour(fd == -1 && ((t->fails & DESCRIPTORS) == 0 || lt_last_errno() != 0));
    }
    lt_case cases[] = {{.op = LT_CASE_PUT, .handle = queue, .item = told}};
    size_t index;
    done_in(t, lt_select(cases, 1, 1.0, &index), OBJECTS, LT_NO_MEMORY);
    on_tour(lt_queue_free(queue) == LT_OK);
    on_tour(lt_event_free(told) == LT_OK);
}

static inline void *tour_task(void *arg) {
    return arg;
}

static inline void tour_pool(const tour *t) {
    lt_pool *pool = lt_pool_new(3, NULL);
    if (!made_in(t, pool)) {
        return;
    }
    for (int i = 0; i < 5; i++) {
        lt_future *future;
        void *result = NULL;
        if (started_in(t, lt_pool_submit(pool, tour_task, pool, &future))) {
            on_tour(lt_future_result_timeout(future, POLL_SECONDS, &result) == LT_OK && result == pool);
            on_tour(lt_future_free(future) == LT_OK);
        }
    }
    void *args[3] = {pool, pool, pool}, *results[3] = {NULL};
    if (started_in(t, lt_pool_map(pool, tour_task, args, 3, results, POLL_SECONDS))) {
        on_tour(results[0] == pool && results[1] == pool && results[2] == pool);
    }
    on_tour(lt_pool_free(pool) == LT_OK);
}

static inline void tour_raise(void *errors) {
    (void)errors;
    lt_raise(7, "on tour");
}

static inline void tour_errors(const tour *t) {
    lt_errors *errors = lt_errors_new();
    if (!made_in(t, errors)) {
        return;
    }
    lt_thread *thread;
    lt_thread_options options = {.size = sizeof options, .errors = errors};
    if (started_in(t, lt_thread_start(tour_raise, NULL, &options, &thread))) {
        on_tour(lt_thread_join(thread) == LT_FAILED);
        const lt_error_info *info;
        if (lt_errors_get(errors, &info) == LT_OK) {
            // Whatever of it can be read: there is a trace, with or without names.
            on_tour(info->code == 7 && lt_error_backtrace(info) != NULL);
        } else {
            on_tour((t->fails & OBJECTS) != 0);
        }
        on_tour(lt_thread_free(thread) == LT_OK);
    }
    on_tour(lt_errors_free(errors) == LT_OK);
}

// Unless the system does not tell what it does.
static inline bool does_nothing_of_ours(int signum) {
    struct sigaction now;
    return sigaction(signum, NULL, &now) != 0 || now.sa_handler == SIG_DFL;
}

static inline void tour_signals(const tour *t) {
    lt_event *came = lt_event_new();
    if (!made_in(t, came)) {
        return;
    }
    lt_status status = lt_signal_to_event(SIGUSR1, came);
    bool routed = status == LT_NO_THREAD || status == LT_NO_MEMORY ? started_in(t, status) :
                                                                    done_in(t, status, ROUTES, LT_INVALID);
    if (routed) {
        on_tour(raise(SIGUSR1) == 0);
        on_tour(lt_event_wait_timeout(came, POLL_SECONDS) == LT_OK);
        on_tour(done_in(t, lt_signal_restore(SIGUSR1), ROUTES, LT_INVALID) || lt_signal_restore(SIGUSR1) == LT_OK);
        on_tour(does_nothing_of_ours(SIGUSR1));
    }
    on_tour(lt_event_free(came) == LT_OK);
    int ends[2];
    if (pipe(ends) == 0) {
        if (done_in(t, lt_dump_on_signal(SIGUSR1, ends[1]), ROUTES, LT_INVALID)) {
            int written = 0;
            on_tour(raise(SIGUSR1) == 0 && ioctl(ends[0], FIONREAD, &written) == 0);
            on_tour(written > 0 || (t->fails & WRITES) != 0);
            on_tour(done_in(t, lt_dump_on_signal(SIGUSR1, -1), ROUTES, LT_INVALID) ||
                lt_dump_on_signal(SIGUSR1, -1) == LT_OK);
        }
        on_tour(does_nothing_of_ours(SIGUSR1));
        on_tour(close(ends[0]) == 0 && close(ends[1]) == 0);
    }
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        done_in(t, lt_dump(fd), WRITES, LT_INVALID);
        on_tour(close(fd) == 0);
    }
}

// Whether a file can be read, and does not end as a trace does.
static inline bool is_torn_trace(const char *path) {
    char end[4] = "";
    FILE *file = fopen(path, "r");
    bool read = file != NULL && fseek(file, -3, SEEK_END) == 0 && fread(end, 1, 3, file) == 3;
    if (file != NULL) {
        fclose(file);
    }
    return read && strchr(end, ']') == NULL;
}

static inline void tour_trace(const tour *t) {
    char path[64];
    snprintf(path, sizeof path, "tour-%d.json", (int)getpid());
    lt_status status = lt_trace_start(path);
    if (status == LT_INVALID ? done_in(t, status, WRITES | FILES, LT_INVALID) : started_in(t, status)) {
        lt_trace_begin("a tour");
        tour_two_threads(t);
        lt_trace_end();
        on_tour(!done_in(t, lt_trace_stop(), WRITES | FILES, LT_INVALID) || !is_torn_trace(path));
    }
    unlink(path);
}

static inline void go_on_tour(const tour *t) {
    tour_two_threads(t);
    tour_interrupts(t);
    tour_timers_and_watches(t);
    tour_pool(t);
    tour_errors(t);
    tour_signals(t);
    tour_trace(t);
    on_tour(lt_sleep(0.001) == LT_OK);
}

#endif
