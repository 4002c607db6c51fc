// Handles that are NULL, freed, of another type or freed at this moment: every function that takes one.
// timeout: 60
#include "waits.h"

// ---- The table. A new export must be added here, or to OTHERS: a test below compares with abi/.

enum {
    LOCK,
    RLOCK,
    SEMAPHORE,
    EVENT,
    CONDITION,
    BARRIER,
    RWLOCK,
    SPINLOCK,
    QUEUE,
    ERRORS,
    THREAD,
    LOCAL,
    TIMER,
    WATCHDOG,
    POOL,
    FUTURE,
    WATCHER,
    KINDS
};

static lt_lock *a_lock;   // For those that take two handles: held by this thread.
static lt_rlock *a_rlock; // Likewise.
static uint64_t any_count;
static uint32_t any_index;
static void *any_item;
static const lt_error_info *any_info;

static void nothing(void *arg) {
    (void)arg;
}

static bool is_so(void *arg) {
    (void)arg;
    return true;
}

// The same as a task, a callback, a place for a number, and one for what the pool tells.
static void *no_task(void *arg) {
    return arg;
}

static void no_callback(lt_future *future, void *arg) {
    (void)future;
    (void)arg;
}

static size_t any_number;
static lt_future *any_future;
static lt_pool_info any_pool_info = {.size = sizeof any_pool_info};
static lt_watcher *any_watcher;
static int any_fd;

// name, kind of its handle, what a bad handle gives, arguments (h is the handle)
#define FUNCTIONS(X)                                                                               \
    X(lt_lock_free, LOCK, FREED, (h))                                                              \
    X(lt_lock_acquire, LOCK, STATUS, (h))                                                          \
    X(lt_lock_try_acquire, LOCK, STATUS, (h))                                                      \
    X(lt_lock_acquire_timeout, LOCK, STATUS, (h, 1.0))                                             \
    X(lt_lock_acquire_uninterruptible, LOCK, STATUS, (h))                                          \
    X(lt_lock_release, LOCK, STATUS, (h))                                                          \
    X(lt_lock_locked, LOCK, VALUE, (h))                                                            \
    X(lt_lock_at_fork_reinit, LOCK, STATUS, (h))                                                   \
    X(lt_rlock_free, RLOCK, FREED, (h))                                                            \
    X(lt_rlock_acquire, RLOCK, STATUS, (h))                                                        \
    X(lt_rlock_acquire_uninterruptible, RLOCK, STATUS, (h))                                         \
    X(lt_rlock_try_acquire, RLOCK, STATUS, (h))                                                    \
    X(lt_rlock_acquire_timeout, RLOCK, STATUS, (h, 1.0))                                           \
    X(lt_rlock_release, RLOCK, STATUS, (h))                                                        \
    X(lt_rlock_locked, RLOCK, VALUE, (h))                                                          \
    X(lt_rlock_is_owned, RLOCK, VALUE, (h))                                                        \
    X(lt_rlock_recursion_count, RLOCK, VALUE, (h))                                                 \
    X(lt_rlock_owner, RLOCK, VALUE, (h))                                                            \
    X(lt_rlock_depth, RLOCK, VALUE, (h))                                                            \
    X(lt_rlock_release_save, RLOCK, STATUS, (h, &any_count))                                       \
    X(lt_rlock_acquire_restore, RLOCK, STATUS, (h, 1))                                             \
    X(lt_rlock_acquire_restore_uninterruptible, RLOCK, STATUS, (h, 1))                              \
    X(lt_rlock_at_fork_reinit, RLOCK, STATUS, (h))                                                 \
    X(lt_semaphore_free, SEMAPHORE, FREED, (h))                                                    \
    X(lt_semaphore_acquire, SEMAPHORE, STATUS, (h))                                                \
    X(lt_semaphore_try_acquire, SEMAPHORE, STATUS, (h))                                            \
    X(lt_semaphore_acquire_timeout, SEMAPHORE, STATUS, (h, 1.0))                                   \
    X(lt_semaphore_release, SEMAPHORE, STATUS, (h, 1))                                             \
    X(lt_semaphore_value, SEMAPHORE, VALUE, (h))                                                   \
    X(lt_event_free, EVENT, FREED, (h))                                                            \
    X(lt_event_set, EVENT, STATUS, (h))                                                            \
    X(lt_event_clear, EVENT, STATUS, (h))                                                          \
    X(lt_event_is_set, EVENT, VALUE, (h))                                                          \
    X(lt_event_wait, EVENT, STATUS, (h))                                                           \
    X(lt_event_try_wait, EVENT, STATUS, (h))                                                       \
    X(lt_event_wait_timeout, EVENT, STATUS, (h, 1.0))                                              \
    X(lt_condition_free, CONDITION, FREED, (h))                                                    \
    X(lt_condition_wait, CONDITION, STATUS, (h, a_lock))                                           \
    X(lt_condition_wait_timeout, CONDITION, STATUS, (h, a_lock, 1.0))                              \
    X(lt_condition_wait_for, CONDITION, STATUS, (h, a_lock, is_so, NULL, 1.0))                     \
    X(lt_condition_wait_rlock, CONDITION, STATUS, (h, a_rlock))                                    \
    X(lt_condition_wait_rlock_timeout, CONDITION, STATUS, (h, a_rlock, 1.0))                       \
    X(lt_condition_wait_for_rlock, CONDITION, STATUS, (h, a_rlock, is_so, NULL, 1.0))              \
    X(lt_condition_notify, CONDITION, STATUS, (h, 1))                                              \
    X(lt_condition_notify_all, CONDITION, STATUS, (h))                                             \
    X(lt_condition_waiting, CONDITION, VALUE, (h))                                                 \
    X(lt_barrier_free, BARRIER, FREED, (h))                                                        \
    X(lt_barrier_wait, BARRIER, STATUS, (h, &any_index))                                           \
    X(lt_barrier_wait_timeout, BARRIER, STATUS, (h, 1.0, &any_index))                              \
    X(lt_barrier_reset, BARRIER, STATUS, (h))                                                      \
    X(lt_barrier_abort, BARRIER, STATUS, (h))                                                      \
    X(lt_barrier_drop, BARRIER, STATUS, (h))                                                       \
    X(lt_barrier_parties, BARRIER, VALUE, (h))                                                     \
    X(lt_barrier_waiting, BARRIER, VALUE, (h))                                                     \
    X(lt_barrier_is_broken, BARRIER, VALUE, (h))                                                   \
    X(lt_rwlock_free, RWLOCK, FREED, (h))                                                          \
    X(lt_rwlock_read_acquire, RWLOCK, STATUS, (h))                                                 \
    X(lt_rwlock_try_read_acquire, RWLOCK, STATUS, (h))                                             \
    X(lt_rwlock_read_acquire_timeout, RWLOCK, STATUS, (h, 1.0))                                    \
    X(lt_rwlock_read_release, RWLOCK, STATUS, (h))                                                 \
    X(lt_rwlock_write_acquire, RWLOCK, STATUS, (h))                                                \
    X(lt_rwlock_try_write_acquire, RWLOCK, STATUS, (h))                                            \
    X(lt_rwlock_write_acquire_timeout, RWLOCK, STATUS, (h, 1.0))                                   \
    X(lt_rwlock_write_release, RWLOCK, STATUS, (h))                                                \
    X(lt_rwlock_at_fork_reinit, RWLOCK, STATUS, (h))                                               \
    X(lt_spinlock_free, SPINLOCK, FREED, (h))                                                      \
    X(lt_spinlock_acquire, SPINLOCK, STATUS, (h))                                                  \
    X(lt_spinlock_try_acquire, SPINLOCK, STATUS, (h))                                              \
    X(lt_spinlock_release, SPINLOCK, STATUS, (h))                                                  \
    X(lt_queue_free, QUEUE, FREED, (h))                                                            \
    X(lt_queue_put, QUEUE, STATUS, (h, NULL))                                                      \
    X(lt_queue_try_put, QUEUE, STATUS, (h, NULL))                                                  \
    X(lt_queue_put_timeout, QUEUE, STATUS, (h, NULL, 1.0))                                         \
    X(lt_queue_get, QUEUE, STATUS, (h, &any_item))                                                 \
    X(lt_queue_try_get, QUEUE, STATUS, (h, &any_item))                                             \
    X(lt_queue_get_timeout, QUEUE, STATUS, (h, 1.0, &any_item))                                    \
    X(lt_queue_close, QUEUE, STATUS, (h, true))                                                    \
    X(lt_queue_size, QUEUE, VALUE, (h))                                                            \
    X(lt_queue_capacity, QUEUE, VALUE, (h))                                                        \
    X(lt_queue_is_empty, QUEUE, VALUE, (h))                                                        \
    X(lt_queue_is_full, QUEUE, VALUE, (h))                                                         \
    X(lt_queue_put_many, QUEUE, STATUS, (h, &any_item, 1, 1.0, &any_number))                       \
    X(lt_queue_get_many, QUEUE, STATUS, (h, &any_item, 1, 1.0, &any_number))                       \
    X(lt_queue_set_drop, QUEUE, STATUS, (h, nothing))                                              \
    X(lt_queue_task_done, QUEUE, STATUS, (h))                                                      \
    X(lt_queue_join, QUEUE, STATUS, (h))                                                           \
    X(lt_queue_try_join, QUEUE, STATUS, (h))                                                       \
    X(lt_queue_join_timeout, QUEUE, STATUS, (h, 1.0))                                              \
    X(lt_queue_is_closed, QUEUE, VALUE, (h))                                                       \
    X(lt_pool_free, POOL, FREED, (h))                                                              \
    X(lt_pool_set_drop, POOL, STATUS, (h, nothing))                                                \
    X(lt_pool_submit, POOL, STATUS, (h, no_task, NULL, &any_future))                               \
    X(lt_pool_map, POOL, STATUS, (h, no_task, &any_item, 1, NULL, 1.0))                            \
    X(lt_pool_shutdown, POOL, STATUS, (h, true, true))                                             \
    X(lt_pool_stats, POOL, STATUS, (h, &any_pool_info))                                            \
    X(lt_future_free, FUTURE, FREED, (h))                                                          \
    X(lt_future_result, FUTURE, STATUS, (h, &any_item))                                            \
    X(lt_future_try_result, FUTURE, STATUS, (h, &any_item))                                        \
    X(lt_future_result_timeout, FUTURE, STATUS, (h, 1.0, &any_item))                               \
    X(lt_future_error, FUTURE, STATUS, (h, &any_info))                                             \
    X(lt_future_done, FUTURE, VALUE, (h))                                                          \
    X(lt_future_running, FUTURE, VALUE, (h))                                                       \
    X(lt_future_cancelled, FUTURE, VALUE, (h))                                                     \
    X(lt_future_cancel, FUTURE, STATUS, (h))                                                       \
    X(lt_future_add_done_callback, FUTURE, STATUS, (h, no_callback, NULL))                         \
    X(lt_future_wait_many, FUTURE, STATUS, (&(lt_future *){h}, 1, LT_ALL, 1.0, &any_number))       \
    X(lt_errors_free, ERRORS, FREED, (h))                                                          \
    X(lt_errors_get, ERRORS, STATUS, (h, &any_info))                                               \
    X(lt_errors_count, ERRORS, VALUE, (h))                                                         \
    X(lt_errors_clear, ERRORS, STATUS, (h))                                                        \
    X(lt_spawn, ERRORS, OPTIONAL, (nothing, NULL, h, NULL))                                        \
    X(lt_thread_free, THREAD, FREED, (h))                                                          \
    X(lt_thread_join, THREAD, STATUS, (h))                                                         \
    X(lt_thread_try_join, THREAD, STATUS, (h))                                                     \
    X(lt_thread_join_timeout, THREAD, STATUS, (h, 1.0))                                            \
    X(lt_thread_interrupt, THREAD, STATUS, (h))                                                    \
    X(lt_thread_is_alive, THREAD, VALUE, (h))                                                      \
    X(lt_thread_ident, THREAD, VALUE, (h))                                                         \
    X(lt_thread_native_id, THREAD, VALUE, (h))                                                     \
    X(lt_thread_daemon, THREAD, VALUE, (h))                                                        \
    X(lt_thread_error, THREAD, STATUS, (h, &any_info))                                             \
    X(lt_local_free, LOCAL, FREED, (h))                                                            \
    X(lt_local_get, LOCAL, VALUE, (h))                                                             \
    X(lt_local_set, LOCAL, STATUS, (h, &any_item))                                                 \
    X(lt_timer_cancel, TIMER, STATUS, (h))                                                         \
    X(lt_timer_free, TIMER, FREED, (h))                                                            \
    X(lt_watchdog_feed, WATCHDOG, STATUS, (h))                                                     \
    X(lt_watchdog_cancel, WATCHDOG, STATUS, (h))                                                   \
    X(lt_watchdog_free, WATCHDOG, FREED, (h))                                                      \
    X(lt_watch, LOCK, STATUS, (h, LT_CASE_LOCK, nothing, NULL, &any_watcher))                      \
    X(lt_watch_fd, LOCK, STATUS, (h, LT_CASE_LOCK, &any_fd, &any_watcher))                         \
    X(lt_watch_free, WATCHER, FREED, (h))                                                          \
    X(lt_signal_to_event, EVENT, STATUS, (SIGUSR1, h))                                             \
    X(lt_signal_to_queue, QUEUE, STATUS, (SIGUSR1, h))

// The same with arguments that are wrong too: the handle is checked first.
#define WRONG_ARGUMENTS(X)                                                                         \
    X(lt_lock_acquire_timeout, LOCK, STATUS, (h, NAN))                                             \
    X(lt_rlock_acquire_timeout, RLOCK, STATUS, (h, NAN))                                           \
    X(lt_rlock_acquire_restore, RLOCK, STATUS, (h, 0))                                             \
    X(lt_semaphore_acquire_timeout, SEMAPHORE, STATUS, (h, INFINITY))                              \
    X(lt_semaphore_release, SEMAPHORE, STATUS, (h, 0))                                             \
    X(lt_event_wait_timeout, EVENT, STATUS, (h, NAN))                                              \
    X(lt_condition_wait, CONDITION, STATUS, (h, NULL))                                             \
    X(lt_condition_wait_timeout, CONDITION, STATUS, (h, NULL, NAN))                                \
    X(lt_condition_wait_for, CONDITION, STATUS, (h, a_lock, NULL, NULL, NAN))                      \
    X(lt_condition_wait_rlock, CONDITION, STATUS, (h, NULL))                                       \
    X(lt_condition_wait_rlock_timeout, CONDITION, STATUS, (h, NULL, NAN))                          \
    X(lt_condition_wait_for_rlock, CONDITION, STATUS, (h, a_rlock, NULL, NULL, NAN))               \
    X(lt_barrier_wait_timeout, BARRIER, STATUS, (h, NAN, NULL))                                    \
    X(lt_rwlock_read_acquire_timeout, RWLOCK, STATUS, (h, NAN))                                    \
    X(lt_rwlock_write_acquire_timeout, RWLOCK, STATUS, (h, INFINITY))                              \
    X(lt_queue_put_timeout, QUEUE, STATUS, (h, NULL, INFINITY))                                    \
    X(lt_queue_get, QUEUE, STATUS, (h, NULL))                                                      \
    X(lt_queue_try_get, QUEUE, STATUS, (h, NULL))                                                  \
    X(lt_queue_get_timeout, QUEUE, STATUS, (h, NAN, NULL))                                         \
    X(lt_queue_put_many, QUEUE, STATUS, (h, NULL, 1, NAN, NULL))                                   \
    X(lt_queue_get_many, QUEUE, STATUS, (h, NULL, 1, NAN, NULL))                                   \
    X(lt_queue_join_timeout, QUEUE, STATUS, (h, NAN))                                              \
    X(lt_pool_submit, POOL, STATUS, (h, NULL, NULL, NULL))                                         \
    X(lt_pool_map, POOL, STATUS, (h, NULL, NULL, 1, NULL, NAN))                                    \
    X(lt_pool_stats, POOL, STATUS, (h, NULL))                                                      \
    X(lt_future_result_timeout, FUTURE, STATUS, (h, INFINITY, NULL))                               \
    X(lt_future_add_done_callback, FUTURE, STATUS, (h, NULL, NULL))                                \
    X(lt_future_wait_many, FUTURE, STATUS, (&(lt_future *){h}, 1, 77, NAN, NULL))                  \
    X(lt_thread_join_timeout, THREAD, STATUS, (h, NAN))                                            \
    X(lt_watch, LOCK, STATUS, (h, LT_CASE_LOCK, NULL, NULL, NULL))

// Those that take a second handle: the same for that one. The first is a condition.
#define SECOND_HANDLES(X)                                                                          \
    X(lt_condition_wait, LOCK, STATUS, (new_condition(), h))                                       \
    X(lt_condition_wait_timeout, LOCK, STATUS, (new_condition(), h, 1.0))                          \
    X(lt_condition_wait_for, LOCK, STATUS, (new_condition(), h, is_so, NULL, 1.0))                 \
    X(lt_condition_wait_rlock, RLOCK, STATUS, (new_condition(), h))                                \
    X(lt_condition_wait_rlock_timeout, RLOCK, STATUS, (new_condition(), h, 1.0))                   \
    X(lt_condition_wait_for_rlock, RLOCK, STATUS, (new_condition(), h, is_so, NULL, 1.0))

static lt_condition *a_condition;

static lt_condition *new_condition(void) {
    if (a_condition == NULL) {
        a_condition = lt_condition_new();
    }
    return a_condition;
}

// Those that take no handle.
static const char *const OTHERS[] = {
    "lt_adopt_main", "lt_error_backtrace", "lt_native_handle", "lt_thread_current", "lt_allocate_lock", "lt_barrier_new", "lt_call_once", "lt_check_interrupt", "lt_condition_new",
    "lt_enumerate", "lt_errors_new", "lt_event_new", "lt_exit", "lt_fail", "lt_features", "lt_get_ident",
    "lt_get_native_id", "lt_interrupt", "lt_interrupt_main", "lt_interrupt_signal", "lt_last_errno",
    "lt_last_error", "lt_last_status", "lt_local_new", "lt_main_ident", "lt_monotonic",
    "lt_pool_new", "lt_queue_new", "lt_raise", "lt_rlock_new", "lt_rwlock_new", "lt_semaphore_new",
    "lt_select", "lt_semaphore_new_bounded", "lt_set_excepthook", "lt_set_stack_size", "lt_set_thread_name",
    "lt_shutdown", "lt_signal_chain_to_main", "lt_signal_restore", "lt_signal_to_callback",
    "lt_signal_to_main", "lt_sleep", "lt_spinlock_new", "lt_stack_size", "lt_start_new_thread", "lt_start_new_thread_copy",
    "lt_status_message", "lt_status_name", "lt_thread_count", "lt_thread_name", "lt_thread_start",
    "lt_timer_start", "lt_version", "lt_watchdog_start",
    // Of an object of any type, or none: test_insight.c.
    "lt_contention", "lt_contention_report", "lt_dump", "lt_dump_on_signal", "lt_name", "lt_set_deadlock_hook",
    "lt_set_insight", "lt_set_name", "lt_trace_begin", "lt_trace_end", "lt_trace_start", "lt_trace_stop", "lt_waits"};

// LT_BAD_HANDLE; the same, but NULL is fine; the same, but NULL means something; 0, false or NULL.
typedef enum { STATUS, FREED, OPTIONAL, VALUE } on_bad_handle;

typedef struct row {
    const char *name;
    int kind;
    on_bad_handle gives;
    uintptr_t (*call)(void *h);
} row;

#define DEFINE(name, kind, gives, arguments)                                                       \
    static uintptr_t call_##name(void *h) { return (uintptr_t)name arguments; }
#define DEFINE_WRONG(name, kind, gives, arguments)                                                 \
    static uintptr_t wrong_##name(void *h) { return (uintptr_t)name arguments; }
#define DEFINE_SECOND(name, kind, gives, arguments)                                                \
    static uintptr_t second_##name(void *h) { return (uintptr_t)name arguments; }
#define ROW(name, kind, gives, arguments) {#name, kind, gives, call_##name},
#define ROW_WRONG(name, kind, gives, arguments) {#name, kind, gives, wrong_##name},
#define ROW_SECOND(name, kind, gives, arguments) {#name, kind, gives, second_##name},

FUNCTIONS(DEFINE)
WRONG_ARGUMENTS(DEFINE_WRONG)
SECOND_HANDLES(DEFINE_SECOND)

static const row ROWS[] = {
    FUNCTIONS(ROW) WRONG_ARGUMENTS(ROW_WRONG) SECOND_HANDLES(ROW_SECOND)};

// ---- The exports

static bool is_in_a_table(const char *name) {
    for (size_t i = 0; i < LENGTH(ROWS); i++) {
        if (strcmp(ROWS[i].name, name) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < LENGTH(OTHERS); i++) {
        if (strcmp(OTHERS[i], name) == 0) {
            return true;
        }
    }
    return false;
}

TEST(every_export_is_in_one_of_the_tables) {
    FILE *file = open_symbols(__FILE__);
    char name[128];
    size_t exports = 0, missing = 0;
    while (fscanf(file, "%127s", name) == 1) {
        exports++;
        if (!is_in_a_table(name)) {
            print_error("%s is in neither table of test_handles.c\n", name);
            missing++;
        }
    }
    fclose(file);
    assert_int_equal(missing, 0);
    size_t rows = LENGTH(ROWS) + LENGTH(OTHERS);
#define COUNT(...) -1
    // And nothing else is in them.
    assert_int_equal(exports, (int)rows + 0 WRONG_ARGUMENTS(COUNT) SECOND_HANDLES(COUNT));
}

// ---- Objects

static void *make_errors(void) {
    return lt_errors_new();
}

static void *make_rlock(void) {
    return lt_rlock_new();
}

static void *make_condition(void) {
    return lt_condition_new();
}

static void *make_barrier(void) {
    return lt_barrier_new(1, NULL, NULL);
}

static void *make_spinlock(void) {
    return lt_spinlock_new();
}

static void *make_thread(void) {
    lt_thread *thread = NULL;
    must(lt_thread_start(nothing, NULL, NULL, &thread) == LT_OK);
    must(lt_thread_join(thread) == LT_OK);
    return thread;
}

static void *make_local(void) {
    return lt_local_new(NULL);
}

static void *make_timer(void) {
    lt_timer *timer = NULL;
    must(lt_timer_start(1000.0, 0.0, nothing, NULL, &timer) == LT_OK);
    return timer;
}

static void *make_watchdog(void) {
    lt_watchdog *watchdog = NULL;
    must(lt_watchdog_start(1000.0, SIGUSR1, &watchdog) == LT_OK);
    return watchdog;
}

static void *make_watcher(void) {
    static lt_lock *held; // For all of them.
    if (held == NULL) {
        held = lt_allocate_lock();
        must(lt_lock_acquire(held) == LT_OK);
    }
    lt_watcher *watcher = NULL;
    must(lt_watch(held, LT_CASE_LOCK, nothing, NULL, &watcher) == LT_OK);
    return watcher;
}

static void *make_pool(void) {
    return lt_pool_new(1, NULL);
}

static void *make_future(void) {
    static lt_pool *pool; // Keeps its worker: for all of them.
    if (pool == NULL) {
        pool = lt_pool_new(1, NULL);
    }
    lt_future *future = NULL;
    must(lt_pool_submit(pool, no_task, NULL, &future) == LT_OK);
    must(lt_future_result(future, NULL) == LT_OK);
    return future;
}

static unsigned pool_state(void *h) {
    lt_pool_info info = {.size = sizeof info};
    must(lt_pool_stats(h, &info) == LT_OK);
    return (unsigned)info.queued + info.workers;
}

WAITS_CALL(free_pool, lt_pool_free(o))
WAITS_CALL(free_future, lt_future_free(o))

WAITS_CALL(free_errors, lt_errors_free(o))
WAITS_CALL(free_condition, lt_condition_free(o))
WAITS_CALL(free_barrier, lt_barrier_free(o))
WAITS_CALL(free_spinlock, lt_spinlock_free(o))
WAITS_CALL(free_thread, lt_thread_free(o))
WAITS_CALL(free_local, lt_local_free(o))
WAITS_CALL(free_timer, lt_timer_free(o))
WAITS_CALL(free_watchdog, lt_watchdog_free(o))
WAITS_CALL(free_watcher, lt_watch_free(o))

static unsigned queue_state(void *h) {
    return (unsigned)lt_queue_size(h) + (lt_queue_try_put(h, NULL) != LT_OK) +
           (lt_queue_try_get(h, &any_item) != LT_OK) + lt_queue_is_closed(h) +
           (lt_queue_task_done(h) != LT_OK) + (lt_queue_try_join(h) != LT_OK);
}

// How to make an object of each kind, and to see that nothing was done to it: then the state is 0.
#define STATE(name, expression)                                                                    \
    static unsigned name##_state(void *h) { return (unsigned)(expression); }
STATE(lock, !lt_lock_locked(h))
STATE(semaphore, lt_semaphore_value(h))
STATE(event, lt_event_is_set(h))
STATE(rlock, lt_rlock_locked(h))
STATE(condition, lt_condition_waiting(h))
STATE(barrier, lt_barrier_is_broken(h) + (lt_barrier_wait_timeout(h, 0.0, NULL) != LT_OK))
STATE(rwlock, lt_rwlock_try_write_acquire(h) != LT_BUSY)
STATE(spinlock, (lt_spinlock_try_acquire(h) != LT_OK) + (lt_spinlock_release(h) != LT_OK))
STATE(errors, lt_errors_count(h))
STATE(thread_object, lt_thread_try_join(h) != LT_OK)
STATE(local, lt_local_get(h) != NULL)
STATE(unseen, h == NULL)
STATE(future, lt_future_try_result(h, NULL) != LT_OK || lt_future_cancelled(h))

static const struct {
    const char *name;
    void *(*make)(void);
    lt_status (*destroy)(void *);
    unsigned (*state)(void *);
} KIND[KINDS] = {
    {"lock", waits_lock, waits_lock_destroy, lock_state},
    {"rlock", make_rlock, waits_rlock_destroy, rlock_state},
    {"semaphore", waits_semaphore, waits_semaphore_destroy, semaphore_state},
    {"event", waits_event, waits_event_destroy, event_state},
    {"condition", make_condition, free_condition, condition_state},
    {"barrier", make_barrier, free_barrier, barrier_state},
    {"rwlock", waits_rwlock, waits_rwlock_destroy, rwlock_state},
    {"spinlock", make_spinlock, free_spinlock, spinlock_state},
    {"queue", waits_empty_queue, waits_queue_destroy, queue_state},
    {"errors", make_errors, free_errors, errors_state},
    {"thread", make_thread, free_thread, thread_object_state},
    {"local", make_local, free_local, local_state},
    {"timer", make_timer, free_timer, unseen_state},
    {"watchdog", make_watchdog, free_watchdog, unseen_state},
    {"pool", make_pool, free_pool, pool_state},
    {"future", make_future, free_future, future_state},
    {"watcher", make_watcher, free_watcher, unseen_state},
};

static void *new_of(int kind) {
    void *object = KIND[kind].make();
    must_for(KIND[kind].name, object != NULL);
    return object;
}

static void free_of(int kind, void *object) {
    must_for(KIND[kind].name, KIND[kind].destroy(object) == LT_OK);
}

static void check_bad(const row *r, const char *what, void *handle) {
    char about[256];
    snprintf(about, sizeof about, "%s(%s handle)", r->name, what);
    any_item = &any_item;
    any_info = (const lt_error_info *)&any_item;
    any_count = any_index = 77;
    uintptr_t result = r->call(handle);
    if (handle == NULL && (r->gives == FREED || r->gives == OPTIONAL)) {
        must_for(about, result == LT_OK);
        return;
    }
    must_for(about, result == (r->gives == VALUE ? 0 : (uintptr_t)LT_BAD_HANDLE));
    must_for(about, lt_last_status() == LT_BAD_HANDLE);
    must_for(about, lt_last_errno() == 0);
    must_for(about, last_error_names(r->name));
    must_for(about, any_item == &any_item && (const void *)any_info == &any_item);
    must_for(about, any_count == 77 && any_index == 77);
}

#define for_each_row(r) for (const row *r = ROWS; r < ROWS + LENGTH(ROWS); r++)

static void hold_the_locks(void) {
    a_lock = lt_allocate_lock();
    a_rlock = lt_rlock_new();
    assert_ok(lt_lock_acquire(a_lock));
    assert_ok(lt_rlock_acquire(a_rlock));
}

TEST(null_is_reported_by_every_function) {
    hold_the_locks();
    for_each_row(r) {
        assert_int_equal(lt_sleep(-1.0), LT_INVALID); // So that the last error is another one.
        check_bad(r, "NULL", NULL);
    }
}

TEST(a_freed_handle_is_reported_by_every_function) {
    hold_the_locks();
    for_each_row(r) {
        void *handle = new_of(r->kind);
        free_of(r->kind, handle);
        assert_int_equal(lt_sleep(-1.0), LT_INVALID);
        for (int i = 0; i < 3; i++) {
            check_bad(r, "freed", handle);
        }
    }
}

TEST(a_freed_handle_is_told_from_the_new_object_in_its_place) {
    enum { MANY = 500 }; // Enough for each place to be used again.
    static void *live[MANY];
    hold_the_locks();
    for_each_row(r) {
        void *freed[3];
        for (int i = 0; i < 3; i++) {
            freed[i] = new_of(r->kind);
        }
        for (int i = 0; i < 3; i++) {
            free_of(r->kind, freed[i]);
        }
        for (int i = 0; i < MANY; i++) {
            live[i] = new_of(r->kind);
        }
        for (int i = 0; i < 3; i++) {
            check_bad(r, "replaced", freed[i]);
        }
        for (int i = 0; i < MANY; i++) {
            must_for(r->name, KIND[r->kind].state(live[i]) == 0);
            free_of(r->kind, live[i]);
        }
    }
}

TEST(a_handle_of_another_type_is_reported_by_every_function_and_left_alone) {
    hold_the_locks();
    for (int kind = 0; kind < KINDS; kind++) {
        void *live = new_of(kind), *freed = new_of(kind);
        free_of(kind, freed);
        for_each_row(r) {
            if (r->kind != kind) {
                assert_int_equal(lt_sleep(-1.0), LT_INVALID);
                check_bad(r, KIND[kind].name, live);
                check_bad(r, "freed other", freed);
                must_for(r->name, KIND[kind].state(live) == 0);
            }
        }
        free_of(kind, live);
    }
}

// ---- Handles as numbers, as languages without pointers keep them

enum { MANY_LIVE = 3000, SOME_LIVE = 64 };

static void *all_live[MANY_LIVE];

// Makes many objects of a kind; of those that cost a thread, fewer.
static int make_many(int kind) {
    bool dear = kind == THREAD || kind == POOL || kind == FUTURE;
    int many = dear ? SOME_LIVE : MANY_LIVE;
    for (int i = 0; i < many; i++) {
        all_live[i] = new_of(kind);
    }
    return many;
}

static void free_many(int kind, int many) {
    for (int i = 0; i < many; i++) {
        must_for(KIND[kind].name, KIND[kind].state(all_live[i]) == 0);
        free_of(kind, all_live[i]);
    }
}

// Half the bits of a handle.
enum { HALF = sizeof(void *) * CHAR_BIT / 2 };

static int by_address(const void *a, const void *b) {
    uintptr_t left = *(const uintptr_t *)a, right = *(const uintptr_t *)b;
    return (left > right) - (left < right);
}

TEST(a_handle_is_a_positive_number) {
    for (int kind = 0; kind < KINDS; kind++) {
        int many = make_many(kind);
        for (int i = 0; i < many; i++) {
            must_for(KIND[kind].name, (intptr_t)all_live[i] > 0);
        }
        free_many(kind, many);
    }
}

static void *through_a_double(void *handle) {
    double number = (double)(intptr_t)handle;
    // As JavaScript and Lua do it: what does not fit is another number.
    return number < 0x1p63 ? (void *)(intptr_t)number : (void *)INTPTR_MIN;
}

TEST(a_handle_that_went_through_a_double_is_refused_and_names_no_other_object) {
    hold_the_locks();
    for (int kind = 0; kind < KINDS; kind++) {
        int many = make_many(kind);
        qsort(all_live, (size_t)many, sizeof all_live[0], by_address);
        for (int i = 0; i < many; i++) {
            void *changed = through_a_double(all_live[i]);
            if (changed == all_live[i]) {
                continue;
            }
            must_for(KIND[kind].name, bsearch(&changed, all_live, (size_t)many,
                                          sizeof all_live[0], by_address) == NULL);
            for_each_row(r) {
                if (r->kind == kind) {
                    check_bad(r, "rounded", changed);
                }
            }
        }
        free_many(kind, many);
    }
}

TEST(small_numbers_are_no_handles) {
    hold_the_locks();
    for_each_row(r) {
        for (uintptr_t number = 1; number <= UINT16_MAX; number++) {
            uintptr_t result = r->call((void *)number);
            must_for(r->name, result == (r->gives == VALUE ? 0 : (uintptr_t)LT_BAD_HANDLE));
        }
        check_bad(r, "a small number as a", (void *)(uintptr_t)1);
    }
    lt_thread_options options = {.size = sizeof options, .errors = (lt_errors *)(uintptr_t)64};
    assert_status(lt_thread_start(nothing, NULL, &options, NULL), LT_BAD_HANDLE);
}

TEST(pointers_and_extreme_numbers_are_no_handles) {
    hold_the_locks();
    static int on_the_page;
    int on_the_stack = 0;
    void *on_the_heap = malloc(64), *big = malloc(1 << 20);
    must(on_the_heap != NULL && big != NULL);
    for_each_row(r) {
        check_bad(r, "a pointer to the stack as a", &on_the_stack);
        check_bad(r, "a pointer to a variable as a", &on_the_page);
        check_bad(r, "a pointer to the heap as a", on_the_heap);
        check_bad(r, "a pointer to mapped memory as a", big);
        check_bad(r, "a function as a", (void *)(uintptr_t)hold_the_locks);
        check_bad(r, "a string as a", (void *)(uintptr_t)r->name);
        check_bad(r, "INTPTR_MIN as a", (void *)INTPTR_MIN);
        check_bad(r, "-1 as a", (void *)(intptr_t)-1);
        check_bad(r, "INTPTR_MAX / 2 as a", (void *)(INTPTR_MAX / 2));
        check_bad(r, "half an address as a", (void *)((intptr_t)1 << HALF));
    }
    free(on_the_heap);
    free(big);
}

// A slot is 64 bytes wide at the least: what is not at its beginning is no handle that was given out.
TEST(a_handle_that_is_off_by_a_little_is_refused) {
    hold_the_locks();
    for_each_row(r) {
        void *handle = new_of(r->kind);
        uintptr_t number = (uintptr_t)handle;
        for (uintptr_t low = 0; low < 64; low++) {
            uintptr_t off = (number & ~(uintptr_t)63) | low;
            if (off != number) {
                check_bad(r, "misaligned", (void *)off);
            }
        }
        check_bad(r, "negative", (void *)(number | (uintptr_t)INTPTR_MIN));
        check_bad(r, "upside down", (void *)(number ^ ((uintptr_t)1 << (2 * HALF - 2))));
        check_bad(r, "cut", (void *)(number & (UINTPTR_MAX >> HALF)));
        must_for(r->name, KIND[r->kind].state(handle) == 0);
        free_of(r->kind, handle);
    }
}

// ---- Recycling

// More often than a place is used whose handles have 32 bits.
TEST(no_handle_comes_twice) {
    enum { TIMES = 20000 };
    static void *seen[TIMES];
    for (int i = 0; i < TIMES; i++) {
        seen[i] = lt_event_new();
        must(seen[i] != NULL && lt_event_free(seen[i]) == LT_OK);
    }
    qsort(seen, TIMES, sizeof seen[0], by_address);
    for (int i = 1; i < TIMES; i++) {
        must(seen[i - 1] != seen[i]);
    }
}

// Of objects whose handles have 32 bits a process can have so many at once, and then it can have others.
enum { MOST_OBJECTS = 4095 * 256 };

static void make_as_many_as_can_be(void *unused) {
    (void)unused;
    static lt_event *live[MOST_OBJECTS + 1];
    int many = 0;
    while ((live[many] = lt_event_new()) != NULL) {
        many++;
        must(many <= MOST_OBJECTS);
    }
    must(many > 1000000);
    must(lt_last_status() == LT_NO_MEMORY && last_error_names("lt_event_new"));
    for (int i = 0; i < many; i++) {
        must(lt_event_set(live[i]) == LT_OK && lt_event_free(live[i]) == LT_OK);
        must(lt_event_set(live[i]) == LT_BAD_HANDLE);
    }
    lt_event *another = lt_event_new();
    must(another != NULL && lt_event_free(another) == LT_OK);
}

TEST(a_million_objects_and_then_there_is_no_memory) {
    if (sizeof(void *) > 4) {
        skip_because("where handles have 64 bits there is no such limit");
    }
    // What events have had, no other type gets.
    assert_int_equal(run_in_child(make_as_many_as_can_be, NULL), 0);
}

// What the places cost that have served as often as they can. Where handles have 32 bits that is not often.
static size_t memory_for(int objects) {
    return sizeof(void *) < 8 ? (size_t)objects / 2048 * 1024 : 512 * 1024;
}

static void recycle(const wait_kind *kind) {
    enum { STALE_FOR = 2000000 };
    void *stale = waits_make(kind);
    waits_destroy(kind, stale);
    size_t before = resident_bytes();
    for (int i = 0; i < repetitions(4500000); i++) {
        void *object = kind->make();
        must(object != NULL);
        must(kind->try_wait(object) == kind->not_yet);
        if (i % 1000 == 0 && i < STALE_FOR) {
            must(kind->try_wait(stale) == LT_BAD_HANDLE);
        }
        must(kind->destroy(object) == LT_OK);
        if (i % 1000 == 0) {
            must(kind->destroy(object) == LT_BAD_HANDLE);
        }
    }
    assert_true(!memory_tells() || resident_bytes() < before + memory_for(4500000));
}

// So often that each place of a chunk of 64 is used more than 70,000 times, which 16 bits do not count.
TEST(locks_are_recycled_millions_of_times) {
    recycle(&LOCK_WAIT);
}

TEST(semaphores_are_recycled_millions_of_times) {
    recycle(&SEMAPHORE_WAIT);
}

TEST(events_are_recycled_millions_of_times) {
    recycle(&EVENT_WAIT);
}

TEST(queues_are_recycled_millions_of_times) {
    recycle(&QUEUE_GET_WAIT);
}

// The others, whose places are as those of the ones above.
TEST(every_other_object_is_recycled_many_times) {
    const int kinds[] = {RLOCK, CONDITION, BARRIER, RWLOCK, SPINLOCK};
    for (size_t k = 0; k < LENGTH(kinds); k++) {
        size_t before = resident_bytes();
        void *stale = new_of(kinds[k]);
        free_of(kinds[k], stale);
        for (int i = 0; i < repetitions(100000); i++) {
            void *object = new_of(kinds[k]);
            must_for(KIND[kinds[k]].name, KIND[kinds[k]].state(object) == 0);
            must_for(KIND[kinds[k]].name, KIND[kinds[k]].destroy(stale) == LT_BAD_HANDLE);
            free_of(kinds[k], object);
        }
        must_for(KIND[kinds[k]].name, !memory_tells() || resident_bytes() < before + 512 * 1024);
    }
}

TEST(live_objects_are_all_different) {
    enum { MANY = 3000 };
    static void *live[LENGTH(WAITS)][MANY];
    for (size_t k = 0; k < LENGTH(WAITS); k++) {
        for (int i = 0; i < MANY; i++) {
            live[k][i] = waits_make(WAITS[k]);
        }
        // Every other one is made ready, so two handles for one object would show.
        for (int i = 0; i < MANY; i += 2) {
            assert_ok(WAITS[k]->satisfy(live[k][i]));
        }
    }
    for (size_t k = 0; k < LENGTH(WAITS); k++) {
        for (int i = 0; i < MANY; i++) {
            assert_status(
                WAITS[k]->try_wait(live[k][i]), i % 2 == 0 ? LT_OK : WAITS[k]->not_yet);
            waits_destroy(WAITS[k], live[k][i]);
        }
    }
}

// ---- Hammering: handles that are freed under the hands of other threads

enum { PLACES = 6 };

typedef struct hammer {
    const wait_kind *kind;
    lt_status not_satisfied; // What else `satisfy` may answer.
    void *_Atomic place[PLACES];
    _Atomic uint64_t seed;
    _Atomic long made, freed;
    _Atomic bool stop;
} hammer;

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void *hammer_make(hammer *h) {
    void *object = h->kind->make();
    must_for(h->kind->name, object != NULL);
    atomic_fetch_add(&h->made, 1);
    return object;
}

static void hammer_satisfy(hammer *h, void *object) {
    lt_status s = h->kind->satisfy(object);
    must_for(h->kind->name, s == LT_OK || s == h->not_satisfied || s == LT_BAD_HANDLE);
}

// Frees it unless it is in use, or another thread was faster.
static lt_status hammer_free(hammer *h, void *object) {
    lt_status s = h->kind->destroy(object);
    must_for(h->kind->name, s == LT_OK || s == LT_BUSY || s == LT_BAD_HANDLE);
    atomic_fetch_add(&h->freed, s == LT_OK);
    return s;
}

static void hammer_once(hammer *h, uint64_t random) {
    void *_Atomic *place = &h->place[random % PLACES];
    void *object = atomic_load(place);
    lt_status s;
    switch (random / PLACES % 9) {
        case 0:
            object = atomic_exchange(place, hammer_make(h));
            while (hammer_free(h, object) == LT_BUSY) {
                hammer_satisfy(h, object); // For those who wait for what is in no place any more.
                sched_yield();
            }
            break;
        case 1: hammer_free(h, object); break;
        case 2:
        case 3: hammer_satisfy(h, object); break;
        case 4:
            s = h->kind->wait(object);
            must_for(h->kind->name, s == LT_OK || s == LT_BAD_HANDLE);
            break;
        case 5:
        case 6:
            s = h->kind->wait_timeout(object, (double)(random % 64) * 1e-6);
            must_for(h->kind->name, s == LT_OK || s == LT_TIMED_OUT || s == LT_BAD_HANDLE);
            break;
        case 7:
            s = h->kind == &EVENT_WAIT ? lt_event_clear(object) : h->kind->try_wait(object);
            must_for(h->kind->name, s == LT_OK || s == h->kind->not_yet || s == LT_BAD_HANDLE);
            break;
        default:
            lt_lock_locked(object);
            lt_semaphore_value(object);
            lt_event_is_set(object);
    }
}

static lt_status hammer_until_stopped(void *arg) {
    hammer *h = arg;
    uint64_t random = (atomic_fetch_add(&h->seed, 1) + 1) * UINT64_C(0x9e3779b97f4a7c15);
    while (!atomic_load(&h->stop)) {
        hammer_once(h, next_random(&random));
    }
    return LT_OK;
}

static void check_hammering(const wait_kind *kind, lt_status not_satisfied, size_t threads) {
    hammer h = {.kind = kind, .not_satisfied = not_satisfied};
    waiter w[4];
    for (int i = 0; i < PLACES; i++) {
        h.place[i] = hammer_make(&h);
    }
    for (size_t i = 0; i < threads; i++) {
        waiter_launch(&w[i], hammer_until_stopped, &h);
    }
    size_t done = 0;
    for (double began = lt_monotonic(); done < threads;) {
        must_for(kind->name, seconds_since(began) < POLL_SECONDS);
        if (seconds_since(began) > 1.0 && h.made > 100) {
            atomic_store(&h.stop, true);
        }
        for (int i = 0; i < PLACES; i++) {
            hammer_satisfy(&h, h.place[i]); // All may wait, for each other.
        }
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
        done = 0;
        for (size_t i = 0; i < threads; i++) {
            done += waiter_is_done(&w[i]);
        }
    }
    for (size_t i = 0; i < threads; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    for (int i = 0; i < PLACES; i++) {
        hammer_free(&h, h.place[i]);
    }
    assert_int_equal(h.freed, h.made); // Each was freed, by one thread alone.
}

TEST(two_threads_hammer_locks_that_come_and_go) {
    check_hammering(&LOCK_WAIT, LT_NOT_HELD, 2);
}

TEST(four_threads_hammer_locks_that_come_and_go) {
    check_hammering(&LOCK_WAIT, LT_NOT_HELD, 4);
}

TEST(two_threads_hammer_semaphores_that_come_and_go) {
    check_hammering(&SEMAPHORE_WAIT, LT_OK, 2);
}

TEST(four_threads_hammer_semaphores_that_come_and_go) {
    check_hammering(&SEMAPHORE_WAIT, LT_OK, 4);
}

TEST(two_threads_hammer_events_that_come_and_go) {
    check_hammering(&EVENT_WAIT, LT_OK, 2);
}

TEST(four_threads_hammer_events_that_come_and_go) {
    check_hammering(&EVENT_WAIT, LT_OK, 4);
}
