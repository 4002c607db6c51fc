// For tools that look for races: two threads use one number, in the order that a primitive gives them; with "without" as
// the second argument, without the primitive. tools/race runs each both ways.

#include <lowthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if __has_include(<valgrind/drd.h>)
#include <valgrind/drd.h>
#include <valgrind/helgrind.h>
// They take an atomic for any other number.
#define LEAVE_OUT(number)                                       \
    do {                                                        \
        VALGRIND_HG_DISABLE_CHECKING(&number, sizeof number);   \
        DRD_IGNORE_VAR(number);                                 \
    } while (0)
#else
#define LEAVE_OUT(number) (void)number
#endif

#define OK(call)                                                            \
    do {                                                                    \
        lt_status got = (call);                                             \
        if (got != LT_OK) {                                                 \
            fprintf(stderr, "%s: %s\n", #call, lt_status_message(got));     \
            abort();                                                        \
        }                                                                   \
    } while (0)
// Only where the primitive is wanted.
#define WITH(call) do { if (with) OK(call); } while (0)

static bool with;
static int number;
static lt_lock *lock;
static lt_rlock *rlock;
static lt_rwlock *rwlock;
static lt_spinlock *spinlock;
static lt_semaphore *semaphore, *bounded;
static lt_event *event;
static lt_queue *queue;
static lt_condition *condition;
static lt_barrier *barrier;
static lt_once_flag once = LT_ONCE_FLAG_INIT;
static bool ready;

static void add(void *unused) { (void)unused; number++; }

// Exclusion: both threads do the same.
#define EXCLUDES(name, enter, leave) \
    static void name(void *unused) { \
        (void)unused;                \
        for (int i = 0; i < 100; i++) { WITH(enter); number++; WITH(leave); } \
    }

EXCLUDES(with_lock, lt_lock_acquire(lock), lt_lock_release(lock))
EXCLUDES(with_lock_timeout, lt_lock_acquire_timeout(lock, 60), lt_lock_release(lock))
EXCLUDES(with_lock_uninterruptible, lt_lock_acquire_uninterruptible(lock), lt_lock_release(lock))
EXCLUDES(with_rlock, lt_rlock_acquire(rlock), lt_rlock_release(rlock))
EXCLUDES(with_rwlock, lt_rwlock_write_acquire(rwlock), lt_rwlock_write_release(rwlock))
EXCLUDES(with_spinlock, lt_spinlock_acquire(spinlock), lt_spinlock_release(spinlock))
EXCLUDES(with_semaphore, lt_semaphore_acquire(semaphore), lt_semaphore_release(semaphore, 1))

// Readers order nobody among each other: what they write is under the other side.
static void with_read_lock(void *unused) {
    (void)unused;
    WITH(lt_rwlock_read_acquire(rwlock));
    int seen = number;
    WITH(lt_rwlock_read_release(rwlock));
    WITH(lt_rwlock_write_acquire(rwlock));
    number = seen + 1;
    WITH(lt_rwlock_write_release(rwlock));
}

static void tell_event(void *unused) { (void)unused; number = 1; OK(lt_event_set(event)); }
static void await_event(void *unused) { (void)unused; WITH(lt_event_wait(event)); number++; }

static void tell_queue(void *unused) { (void)unused; number = 1; OK(lt_queue_put(queue, NULL)); }
static void await_queue(void *unused) {
    (void)unused;
    void *item;
    WITH(lt_queue_get(queue, &item));
    number++;
}

static void tell_done(void *unused) {
    (void)unused;
    void *item;
    OK(lt_queue_get(queue, &item));
    number = 1;
    OK(lt_queue_task_done(queue));
}
static void await_done(void *unused) { (void)unused; WITH(lt_queue_join(queue)); number++; }

static void tell_condition(void *unused) {
    (void)unused;
    WITH(lt_lock_acquire(lock));
    number = 1;
    ready = true;
    WITH(lt_condition_notify_all(condition));
    WITH(lt_lock_release(lock));
}
static void await_condition(void *unused) {
    (void)unused;
    WITH(lt_lock_acquire(lock));
    while (with && !ready) OK(lt_condition_wait(condition, lock));
    number++;
    WITH(lt_lock_release(lock));
}

static void before_barrier(void *unused) { (void)unused; number = 1; WITH(lt_barrier_wait(barrier, NULL)); }
static void after_barrier(void *unused) { (void)unused; WITH(lt_barrier_wait(barrier, NULL)); number++; }

static void with_once(void *unused) {
    (void)unused;
    if (!with) {
        add(NULL);
        return;
    }
    OK(lt_call_once(&once, add, NULL));
    if (number != 1) abort();
}

static void select_event(void *unused) {
    (void)unused;
    lt_case wanted = {0};
    wanted.handle = event;
    wanted.op = LT_CASE_EVENT;
    size_t index;
    WITH(lt_select(&wanted, 1, 60, &index));
    number++;
}

// The C library gives each thread the stack of one that has ended, whoever started that.
static void none(void *unused) { (void)unused; }
static void with_threads(void *unused) {
    with_lock(unused);
    for (int i = 0; i < 100; i++) OK(lt_start_new_thread(none, NULL, NULL));
}

static void *task(void *unused) { (void)unused; number++; return NULL; }

// A thread's start and end, a task's: `with` decides whether the end is waited for.
static void starts(void) {
    lt_thread *thread;
    number = 1;
    OK(lt_thread_start(add, NULL, NULL, &thread));
    WITH(lt_thread_join(thread));
    number++;
    if (!with) OK(lt_thread_join(thread));
    OK(lt_thread_free(thread));
}

static void submits(void) {
    lt_pool *pool = lt_pool_new(1, NULL);
    lt_future *future;
    number = 1;
    OK(lt_pool_submit(pool, task, NULL, &future));
    WITH(lt_future_result(future, NULL));
    number++;
    OK(lt_future_result(future, NULL));
    OK(lt_future_free(future));
    OK(lt_pool_free(pool));
}

static void forgets(void) {
    lt_pool *pool = lt_pool_new(1, NULL);
    number = 1;
    OK(lt_pool_submit(pool, task, NULL, NULL));
    WITH(lt_pool_shutdown(pool, true, false));
    number++;
    OK(lt_pool_free(pool));
}

// Nobody asks for its result, but for the end of all.
static void shuts_pool_down(void) {
    lt_pool *pool = lt_pool_new(1, NULL);
    lt_future *future;
    number = 1;
    OK(lt_pool_submit(pool, task, NULL, &future));
    WITH(lt_pool_shutdown(pool, true, false));
    number++;
    OK(lt_future_free(future));
    OK(lt_pool_free(pool));
}

static void on_timer(void *unused) { (void)unused; number++; OK(lt_event_set(event)); }
static void times(void) {
    number = 1;
    lt_timer *timer;
    OK(lt_timer_start(0, 0, on_timer, NULL, &timer));
    WITH(lt_event_wait(event));
    number++;
    OK(lt_event_wait(event));
    OK(lt_timer_free(timer));
}

// The others tell by a flag that it has happened, which orders nothing.
static int seen;
static void see(void) { __atomic_store_n(&seen, 1, __ATOMIC_RELAXED); }
static void await_seen(void) { while (!__atomic_load_n(&seen, __ATOMIC_RELAXED)) sched_yield(); }

static void counts(void *unused) { (void)unused; number++; see(); }
static void counts_slowly(void *unused) { see(); OK(lt_sleep(0.01)); counts(unused); }

static void cancels(void) {
    number = 1;
    lt_timer *timer;
    OK(lt_timer_start(0, 0, counts_slowly, NULL, &timer));
    await_seen();
    WITH(lt_timer_cancel(timer));
    number++;
    OK(lt_timer_free(timer));
}

static void watches(void) {
    number = 1;
    lt_watcher *watcher;
    OK(lt_watch(event, LT_CASE_EVENT, counts_slowly, NULL, &watcher));
    OK(lt_event_set(event));
    await_seen();
    WITH(lt_watch_free(watcher));
    number++;
    if (!with) OK(lt_watch_free(watcher));
}

static int slots[8];
static void *add_to(void *slot) { ++*(int *)slot; return NULL; }
static void map_all(void *pool) {
    void *args[8];
    for (int i = 0; i < 8; i++) args[i] = &slots[i];
    OK(lt_pool_map(pool, add_to, args, 8, NULL, -1));
}
static void maps(void) {
    lt_pool *pool = lt_pool_new(2, NULL);
    lt_thread *thread = NULL;
    for (int i = 0; i < 8; i++) slots[i] = 1;
    if (with) map_all(pool);
    else OK(lt_thread_start(map_all, pool, NULL, &thread));
    for (int i = 0; i < 8; i++) slots[i]++;
    if (!with) OK(lt_thread_join(thread));
    OK(lt_pool_free(pool));
}

static void *awaits_seen(void *unused) { (void)unused; await_seen(); return NULL; }
static void on_done(lt_future *future, void *unused) { (void)future; number++; OK(lt_event_set(unused)); }
static void calls_back(void) {
    lt_pool *pool = lt_pool_new(1, NULL);
    lt_future *future;
    OK(lt_pool_submit(pool, awaits_seen, NULL, &future));
    number = 1;
    OK(lt_future_add_done_callback(future, on_done, event));
    see();
    WITH(lt_event_wait(event));
    number++;
    OK(lt_event_wait(event));
    OK(lt_future_free(future));
    OK(lt_pool_free(pool));
}

static void breaks(void *unused) { (void)unused; number = 1; OK(lt_barrier_abort(barrier)); }
static void finds_broken(void *unused) {
    (void)unused;
    if (with && lt_barrier_wait(barrier, NULL) != LT_BROKEN) abort();
    number++;
}

static void closes(void *unused) { (void)unused; number = 1; OK(lt_queue_close(queue, false)); }
static void finds_closed(void *item) {
    if (with && lt_queue_get(queue, &item) != LT_CLOSED) abort();
    number++;
}

// What is refused orders nothing: a put, a release, and an item that is done with. Then another's is found.
#define MAY_BE_REFUSED(name, call, refusal)                       \
    static void name(void *unused) {                              \
        (void)unused;                                             \
        number = 1;                                               \
        if ((call) != (with ? LT_OK : (refusal))) abort();        \
        see();                                                    \
    }
#define FINDS_ANOTHER(name, call)                                 \
    static void name(void *item) {                                \
        (void)item;                                               \
        if (!with) await_seen();                                  \
        OK(call);                                                 \
        number++;                                                 \
    }

MAY_BE_REFUSED(is_refused, lt_queue_try_put(queue, NULL), LT_FULL)
FINDS_ANOTHER(gets_another, lt_queue_get(queue, &item))
MAY_BE_REFUSED(is_above_bound, lt_semaphore_release(bounded, 1), LT_OVERFLOW)
FINDS_ANOTHER(acquires_another, lt_semaphore_acquire(bounded))
MAY_BE_REFUSED(has_nothing_to_do, lt_queue_task_done(queue), LT_INVALID)
FINDS_ANOTHER(joins_all_done, lt_queue_join(queue))

// Who selects finds that another has joined it.
static void joins_first(void *thread) { OK(lt_thread_join(thread)); see(); }
static void selects_joined(void) {
    lt_thread *thread, *other;
    lt_case wanted = {.op = LT_CASE_JOIN};
    size_t index;
    OK(lt_thread_start(add, NULL, NULL, &thread));
    OK(lt_thread_start(joins_first, thread, NULL, &other));
    await_seen();
    wanted.handle = thread;
    WITH(lt_select(&wanted, 1, 60, &index));
    number++;
    OK(lt_thread_join(other));
    OK(lt_thread_free(thread));
    OK(lt_thread_free(other));
}

static void is_alive(void) {
    lt_thread *thread;
    OK(lt_thread_start(counts, NULL, NULL, &thread));
    await_seen();
    while (with && lt_thread_is_alive(thread)) sched_yield();
    number++;
    OK(lt_thread_join(thread));
    OK(lt_thread_free(thread));
}

// Nobody joins it: it is the system that is told to forget it, in the last moment of its life. Who frees one that is over
// comes after its end: so it is not, then.
static int has_counted;
static void counts_after(void *unused) {
    await_seen();
    add(unused);
    __atomic_store_n(&has_counted, 1, __ATOMIC_RELAXED);
}
static void shuts_down(void) {
    lt_thread *thread;
    OK(lt_thread_start(counts_after, NULL, NULL, &thread));
    OK(lt_thread_free(thread));
    see();
    while (!__atomic_load_n(&has_counted, __ATOMIC_RELAXED)) sched_yield();
    WITH(lt_shutdown(-1));
    number++;
    OK(lt_shutdown(-1));
}

static void fails(void *unused) { (void)unused; number = 1; lt_raise(7, "told"); }
static void tells_of_error(void) {
    lt_thread_options options = {.size = sizeof options};
    lt_thread *thread;
    const lt_error_info *info;
    options.errors = lt_errors_new();
    OK(lt_thread_start(fails, NULL, &options, &thread));
    while (lt_errors_count(options.errors) == 0) sched_yield();
    WITH(lt_errors_get(options.errors, &info));
    if (with && (info->code != 7 || strcmp(info->message, "told") != 0)) abort();
    number++;
    OK(lt_errors_free(options.errors));
    if (lt_thread_join(thread) != LT_FAILED) abort();
    OK(lt_thread_free(thread));
}

static void on_signal(int signum, void *unused) { (void)signum; number++; OK(lt_event_set(unused)); }
static void is_signalled(void) {
    OK(lt_signal_to_callback(SIGUSR1, on_signal, event)); // The thread that serves it begins here.
    number = 1;
    OK(lt_signal_to_callback(SIGUSR1, on_signal, event));
    raise(SIGUSR1);
    WITH(lt_event_wait(event));
    number++;
    OK(lt_event_wait(event));
}

static const struct {
    const char *name;
    lt_thread_fn one, other;
    void (*alone)(void);
} cases[] = {
    {"lock", with_lock, with_lock, NULL},
    {"lock_timeout", with_lock_timeout, with_lock_timeout, NULL},
    {"lock_uninterruptible", with_lock_uninterruptible, with_lock_uninterruptible, NULL},
    {"rlock", with_rlock, with_rlock, NULL},
    {"rwlock", with_rwlock, with_rwlock, NULL},
    {"rwlock_read", with_read_lock, with_read_lock, NULL},
    {"spinlock", with_spinlock, with_spinlock, NULL},
    {"semaphore", with_semaphore, with_semaphore, NULL},
    {"event", tell_event, await_event, NULL},
    {"queue", tell_queue, await_queue, NULL},
    {"queue_join", tell_done, await_done, NULL},
    {"condition", tell_condition, await_condition, NULL},
    {"barrier", before_barrier, after_barrier, NULL},
    {"once", with_once, with_once, NULL},
    {"select", tell_event, select_event, NULL},
    {"threads", with_threads, with_threads, NULL},
    {"thread", NULL, NULL, starts},
    {"future", NULL, NULL, submits},
    {"pool", NULL, NULL, forgets},
    {"pool_shutdown", NULL, NULL, shuts_pool_down},
    {"timer", NULL, NULL, times},
    {"timer_cancel", NULL, NULL, cancels},
    {"watch", NULL, NULL, watches},
    {"map", NULL, NULL, maps},
    {"done_callback", NULL, NULL, calls_back},
    {"broken_barrier", breaks, finds_broken, NULL},
    {"closed_queue", closes, finds_closed, NULL},
    {"refused_put", is_refused, gets_another, NULL},
    {"refused_release", is_above_bound, acquires_another, NULL},
    {"refused_done", has_nothing_to_do, joins_all_done, NULL},
    {"select_joined", NULL, NULL, selects_joined},
    {"signal", NULL, NULL, is_signalled},
    {"is_alive", NULL, NULL, is_alive},
    {"shutdown", NULL, NULL, shuts_down},
    {"errors", NULL, NULL, tells_of_error},
};

// Both are there before either begins: one that is over may be ordered before who is given what was its own. Without the
// primitive the other begins when the one is through, which nothing but this number tells: of two that come to a number
// in the same moment ThreadSanitizer may see neither, and what a thread does there again it does not look at.
static int there;
static lt_thread_fn turns[2];
static void begins_with_the_other(void *turn) {
    const bool goes_second = !with && turn == &turns[1];
    __atomic_fetch_add(&there, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&there, __ATOMIC_RELAXED) < 2 + goes_second) sched_yield();
    (*(lt_thread_fn *)turn)(NULL);
    __atomic_fetch_add(&there, 1, __ATOMIC_RELAXED);
}

int main(int argc, char **argv) {
    if (argc < 3) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) puts(cases[i].name);
        return 0;
    }
    LEAVE_OUT(seen);
    LEAVE_OUT(has_counted);
    LEAVE_OUT(there);
    with = strcmp(argv[2], "with") == 0;
    lock = lt_allocate_lock();
    rlock = lt_rlock_new();
    rwlock = lt_rwlock_new();
    spinlock = lt_spinlock_new();
    semaphore = lt_semaphore_new(1);
    bounded = lt_semaphore_new_bounded(!with, 1);
    event = lt_event_new();
    queue = lt_queue_new(8);
    condition = lt_condition_new();
    barrier = lt_barrier_new(2, NULL, NULL);
    if (strcmp(argv[1], "queue_join") == 0) OK(lt_queue_put(queue, NULL));
    if (strcmp(argv[1], "refused_done") == 0 && with) OK(lt_queue_put(queue, NULL));
    if (strcmp(argv[1], "refused_put") == 0 && !with) while (lt_queue_try_put(queue, NULL) == LT_OK) {}
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (strcmp(argv[1], cases[i].name) != 0) continue;
        if (cases[i].alone != NULL) {
            cases[i].alone();
            return 0;
        }
        turns[0] = cases[i].one;
        turns[1] = cases[i].other;
        lt_thread *one, *other;
        OK(lt_thread_start(begins_with_the_other, &turns[1], NULL, &other));
        OK(lt_thread_start(begins_with_the_other, &turns[0], NULL, &one));
        OK(lt_thread_join(one));
        OK(lt_thread_join(other));
        return 0;
    }
    return 2;
}
