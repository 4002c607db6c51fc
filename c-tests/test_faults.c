// Every exported function with each of its allocations failing once: it does what it does, or says LT_NO_MEMORY and
// has done nothing; nothing leaks, and the next call works. In a forked child too. A function that is in no row fails.
// timeout: 120
// needs: LD_PRELOAD
#include "shims.h"

static void (*shim_fail)(long from, long to);
static long (*shim_failures)(void);
static long (*shim_live)(void);

// One of each, which the rows use.
static lt_lock *lock, *held_lock;
static lt_rlock *rlock, *held_rlock;
static lt_rwlock *rwlock;
static lt_spinlock *spinlock;
static lt_semaphore *semaphore;
static lt_event *event, *set_event;
static lt_condition *condition;
static lt_barrier *lone, *two;
static lt_queue *queue, *full_queue, *closed_queue;
static lt_local *local;
static lt_errors *errors;
static lt_pool *pool;
static lt_future *future, *over;
static lt_timer *timer;
static lt_watchdog *watchdog;
static lt_thread *ended;
static lt_lock *gate; // Held while the pool's worker is in a task.
static lt_case one_case;
static lt_once_flag flag;
static int null, fd;

static void *made;
static lt_ident ident;
static uint64_t count;
static size_t size;
static char name[64];
static void *item;
static const lt_error_info *info;
static lt_pool_info pool_info = {.size = sizeof(lt_pool_info)};
static lt_thread_info thread_info = {.size = sizeof(lt_thread_info)};
static lt_wait_info wait_info = {.size = sizeof(lt_wait_info)};
static lt_contention_info contention_info = {.size = sizeof(lt_contention_info)};

static void nothing(void *arg) {
    (void)arg;
}

static void *pass(void *arg) {
    return arg;
}

static void *wait_at_gate(void *arg) {
    must(lt_lock_acquire_uninterruptible(gate) == LT_OK && lt_lock_release(gate) == LT_OK);
    return arg;
}

static void called(lt_future *which, void *arg) {
    (void)which, (void)arg;
}

static bool yes(void *arg) {
    (void)arg;
    return true;
}

static void signalled(int signum, void *arg) {
    (void)signum, (void)arg;
}

static void drop(void *what) {
    (void)what;
}

static void raises(void *arg) {
    (void)arg;
    lt_raise(1, "a fault");
}

static void exits(void *arg) {
    (void)arg;
    lt_exit();
}

static void fails_itself(void *arg) {
    lt_status *status = arg;
    *status = lt_fail(1, "a fault");
}

static void hook(const lt_error_info *told, void *arg) {
    (void)told, (void)arg;
}

// What a constructor returned, as a status.
static lt_status got(void *object) {
    made = object;
    return object != NULL ? LT_OK : lt_last_status();
}

static lt_status is(bool so) {
    must(so);
    return LT_OK;
}

static lt_status on_thread(void (*body)(void *), lt_status expected) {
    lt_thread *thread;
    lt_status status = lt_thread_start(body, NULL, NULL, &thread);
    if (status == LT_OK) {
        status = lt_thread_join(thread);
        must(status == expected);
        status = LT_OK;
        must(lt_thread_free(thread) == LT_OK);
    }
    return status;
}

static lt_status fail_on_thread(void) {
    lt_status failed = LT_OK;
    lt_thread *thread;
    lt_status status = lt_thread_start(fails_itself, &failed, NULL, &thread);
    if (status == LT_OK) {
        status = lt_thread_join(thread);
        must(status == (failed == LT_OK ? LT_FAILED : LT_OK));
        must(failed == LT_OK || failed == LT_NO_MEMORY);
        status = LT_OK;
        must(lt_thread_free(thread) == LT_OK);
    }
    return status;
}

typedef struct row {
    const char *function;
    lt_status (*call)(void);
    lt_status expected;
    void (*undo)(void); // After what has succeeded.
} row;

#define ROWS(X)                                                                                                        \
    X(lt_adopt_main, lt_adopt_main(), LT_OK, )                                                                         \
    X(lt_allocate_lock, got(lt_allocate_lock()), LT_OK, must(lt_lock_free(made) == LT_OK))                             \
    X(lt_barrier_abort, lt_barrier_abort(two), LT_OK, must(lt_barrier_reset(two) == LT_OK))                            \
    X(lt_barrier_drop, lt_barrier_drop(made = lt_barrier_new(2, NULL, NULL)), LT_OK, must(lt_barrier_free(made) == LT_OK)) \
    X(lt_barrier_free, lt_barrier_free(NULL), LT_OK, )                                                                 \
    X(lt_barrier_is_broken, is(!lt_barrier_is_broken(lone)), LT_OK, )                                                  \
    X(lt_barrier_new, got(lt_barrier_new(1, nothing, NULL)), LT_OK, must(lt_barrier_free(made) == LT_OK))              \
    X(lt_barrier_parties, is(lt_barrier_parties(two) == 2), LT_OK, )                                                   \
    X(lt_barrier_reset, lt_barrier_reset(two), LT_OK, )                                                                \
    X(lt_barrier_wait, lt_barrier_wait(lone, NULL), LT_OK, )                                                           \
    X(lt_barrier_wait_timeout, lt_barrier_wait_timeout(two, 1e-6, NULL), LT_TIMED_OUT, must(lt_barrier_reset(two) == LT_OK)) \
    X(lt_barrier_waiting, is(lt_barrier_waiting(two) == 0), LT_OK, )                                                   \
    X(lt_call_once, lt_call_once(&flag, nothing, NULL), LT_OK, flag = (lt_once_flag)LT_ONCE_FLAG_INIT)                 \
    X(lt_check_interrupt, lt_check_interrupt(), LT_OK, )                                                               \
    X(lt_condition_free, lt_condition_free(NULL), LT_OK, )                                                             \
    X(lt_condition_new, got(lt_condition_new()), LT_OK, must(lt_condition_free(made) == LT_OK))                        \
    X(lt_condition_notify, lt_condition_notify(condition, 1), LT_OK, )                                                 \
    X(lt_condition_notify_all, lt_condition_notify_all(condition), LT_OK, )                                            \
    X(lt_condition_wait, (LT_IGNORE(lt_interrupt(lt_get_ident())), lt_condition_wait(condition, held_lock)), LT_INTERRUPTED, ) \
    X(lt_condition_wait_for, lt_condition_wait_for(condition, held_lock, yes, NULL, 1.0), LT_OK, )                     \
    X(lt_condition_wait_for_rlock, lt_condition_wait_for_rlock(condition, held_rlock, yes, NULL, 1.0), LT_OK, )        \
    X(lt_condition_wait_rlock, (LT_IGNORE(lt_interrupt(lt_get_ident())), lt_condition_wait_rlock(condition, held_rlock)), LT_INTERRUPTED, ) \
    X(lt_condition_wait_rlock_timeout, lt_condition_wait_rlock_timeout(condition, held_rlock, 1e-6), LT_TIMED_OUT, )   \
    X(lt_condition_wait_timeout, lt_condition_wait_timeout(condition, held_lock, 1e-6), LT_TIMED_OUT, )                \
    X(lt_condition_waiting, is(lt_condition_waiting(condition) == 0), LT_OK, )                                         \
    X(lt_contention, lt_contention(&contention_info, 1, &size), LT_OK, )                                               \
    X(lt_contention_report, lt_contention_report(null), LT_OK, )                                                       \
    X(lt_dump, lt_dump(null), LT_OK, )                                                                                 \
    X(lt_dump_on_signal, lt_dump_on_signal(SIGWINCH, null), LT_OK, must(lt_dump_on_signal(SIGWINCH, -1) == LT_OK))     \
    X(lt_enumerate, lt_enumerate(&thread_info, 1, &size), LT_OK, must(size > 0))                                       \
    X(lt_error_backtrace, is(lt_error_backtrace(info)[0] != '\0'), LT_OK, )                                            \
    X(lt_errors_clear, lt_errors_clear(errors), LT_OK, )                                                               \
    X(lt_errors_count, is(lt_errors_count(errors) == 0), LT_OK, )                                                      \
    X(lt_errors_free, lt_errors_free(NULL), LT_OK, )                                                                   \
    X(lt_errors_get, lt_errors_get(errors, NULL), LT_EMPTY, )                                                          \
    X(lt_errors_new, got(lt_errors_new()), LT_OK, must(lt_errors_free(made) == LT_OK))                                 \
    X(lt_event_clear, lt_event_clear(event), LT_OK, )                                                                  \
    X(lt_event_free, lt_event_free(NULL), LT_OK, )                                                                     \
    X(lt_event_is_set, is(lt_event_is_set(set_event)), LT_OK, )                                                        \
    X(lt_event_new, got(lt_event_new()), LT_OK, must(lt_event_free(made) == LT_OK))                                    \
    X(lt_event_set, lt_event_set(set_event), LT_OK, )                                                                  \
    X(lt_event_try_wait, lt_event_try_wait(event), LT_BUSY, )                                                          \
    X(lt_event_wait, lt_event_wait(set_event), LT_OK, )                                                                \
    X(lt_event_wait_timeout, lt_event_wait_timeout(event, 1e-6), LT_TIMED_OUT, )                                       \
    X(lt_exit, on_thread(exits, LT_OK), LT_OK, )                                                                       \
    X(lt_fail, fail_on_thread(), LT_OK, )                                                                              \
    X(lt_features, is(lt_features() != 0), LT_OK, )                                                                    \
    X(lt_future_add_done_callback, lt_future_add_done_callback(over, called, NULL), LT_OK, )                           \
    X(lt_future_cancel, lt_future_cancel(over), LT_BUSY, )                                                             \
    X(lt_future_cancelled, is(!lt_future_cancelled(over)), LT_OK, )                                                    \
    X(lt_future_done, is(lt_future_done(over)), LT_OK, )                                                               \
    X(lt_future_error, lt_future_error(over, NULL), LT_EMPTY, )                                                        \
    X(lt_future_free, lt_future_free(NULL), LT_OK, )                                                                   \
    X(lt_future_result, lt_future_result(over, &item), LT_OK, )                                                        \
    X(lt_future_result_timeout, lt_future_result_timeout(future, 1e-6, &item), LT_TIMED_OUT, )                         \
    X(lt_future_running, is(!lt_future_running(over)), LT_OK, )                                                        \
    X(lt_future_try_result, lt_future_try_result(future, &item), LT_BUSY, )                                            \
    X(lt_future_wait_many, lt_future_wait_many(&future, 1, LT_ALL, 1e-6, &size), LT_TIMED_OUT, )                       \
    X(lt_get_ident, is(lt_get_ident() != 0), LT_OK, )                                                                  \
    X(lt_get_native_id, is(lt_get_native_id() != 0), LT_OK, )                                                          \
    X(lt_interrupt, lt_interrupt(lt_get_ident()), LT_OK, must(lt_check_interrupt() == LT_INTERRUPTED))                 \
    X(lt_interrupt_main, lt_interrupt_main(SIGWINCH), LT_OK, must(lt_check_interrupt() == LT_INTERRUPTED))             \
    X(lt_interrupt_signal, is(lt_interrupt_signal() >= 0), LT_OK, )                                                    \
    X(lt_last_errno, is(lt_last_errno() >= 0), LT_OK, )                                                                \
    X(lt_last_error, is(lt_last_error() != NULL), LT_OK, )                                                             \
    X(lt_last_status, is(lt_last_status() <= LT_OK), LT_OK, )                                                          \
    X(lt_local_free, lt_local_free(NULL), LT_OK, )                                                                     \
    X(lt_local_get, is(lt_local_get(local) == NULL), LT_OK, )                                                          \
    X(lt_local_new, got(lt_local_new(drop)), LT_OK, must(lt_local_free(made) == LT_OK))                                \
    X(lt_local_set, lt_local_set(local, &local), LT_OK, must(lt_local_set(local, NULL) == LT_OK))                      \
    X(lt_lock_acquire, lt_lock_acquire(lock), LT_OK, must(lt_lock_release(lock) == LT_OK))                             \
    X(lt_lock_acquire_timeout, lt_lock_acquire_timeout(held_lock, 1e-6), LT_TIMED_OUT, )                               \
    X(lt_lock_acquire_uninterruptible, lt_lock_acquire_uninterruptible(lock), LT_OK, must(lt_lock_release(lock) == LT_OK)) \
    X(lt_lock_at_fork_reinit, lt_lock_at_fork_reinit(lock), LT_OK, )                                                   \
    X(lt_lock_free, lt_lock_free(NULL), LT_OK, )                                                                       \
    X(lt_lock_locked, is(lt_lock_locked(held_lock)), LT_OK, )                                                          \
    X(lt_lock_release, lt_lock_release(held_lock), LT_OK, must(lt_lock_try_acquire(held_lock) == LT_OK))               \
    X(lt_lock_try_acquire, lt_lock_try_acquire(held_lock), LT_BUSY, )                                                  \
    X(lt_main_ident, is(lt_main_ident() != 0), LT_OK, )                                                                \
    X(lt_monotonic, is(lt_monotonic() > 0), LT_OK, )                                                                   \
    X(lt_name, lt_name(lock, name, sizeof name), LT_OK, )                                                              \
    X(lt_native_handle, is(lt_native_handle(lt_get_ident()) != 0), LT_OK, )                                            \
    X(lt_pool_free, lt_pool_free(NULL), LT_OK, )                                                                       \
    X(lt_pool_map, lt_pool_map(pool, pass, &item, 1, NULL, 1e-6), LT_TIMED_OUT, )                                      \
    X(lt_pool_new, got(lt_pool_new(2, "workers")), LT_OK, must(lt_pool_free(made) == LT_OK))                           \
    X(lt_pool_set_drop, lt_pool_set_drop(pool, drop), LT_OK, )                                                         \
    X(lt_pool_shutdown, lt_pool_shutdown(NULL, true, true), LT_BAD_HANDLE, )                                           \
    X(lt_pool_stats, lt_pool_stats(pool, &pool_info), LT_OK, )                                                         \
    X(lt_pool_submit, lt_pool_submit(pool, pass, NULL, (lt_future **)&made), LT_OK,                                    \
        (must(lt_future_cancel(made) == LT_OK), must(lt_future_free(made) == LT_OK)))                                  \
    X(lt_queue_capacity, is(lt_queue_capacity(full_queue) == 1), LT_OK, )                                              \
    X(lt_queue_close, lt_queue_close(closed_queue, true), LT_OK, )                                                     \
    X(lt_queue_free, lt_queue_free(NULL), LT_OK, )                                                                     \
    X(lt_queue_get, lt_queue_get(closed_queue, &item), LT_CLOSED, )                                                    \
    X(lt_queue_get_many, lt_queue_get_many(closed_queue, &item, 1, 1e-6, &size), LT_CLOSED, )                          \
    X(lt_queue_get_timeout, lt_queue_get_timeout(queue, 1e-6, &item), LT_TIMED_OUT, )                                  \
    X(lt_queue_is_closed, is(lt_queue_is_closed(closed_queue)), LT_OK, )                                               \
    X(lt_queue_is_empty, is(lt_queue_is_empty(queue)), LT_OK, )                                                        \
    X(lt_queue_is_full, is(lt_queue_is_full(full_queue)), LT_OK, )                                                     \
    X(lt_queue_join, lt_queue_join(closed_queue), LT_OK, )                                                             \
    X(lt_queue_join_timeout, lt_queue_join_timeout(full_queue, 1e-6), LT_TIMED_OUT, )                                  \
    X(lt_queue_new, got(lt_queue_new(100)), LT_OK, must(lt_queue_free(made) == LT_OK))                                 \
    X(lt_queue_put, lt_queue_put(made = lt_queue_new(4), NULL), LT_OK, must(lt_queue_free(made) == LT_OK))             \
    X(lt_queue_put_many, lt_queue_put_many(full_queue, &item, 1, 1e-6, &size), LT_TIMED_OUT, )                         \
    X(lt_queue_put_timeout, lt_queue_put_timeout(full_queue, NULL, 1e-6), LT_TIMED_OUT, )                              \
    X(lt_queue_set_drop, lt_queue_set_drop(queue, drop), LT_OK, )                                                      \
    X(lt_queue_size, is(lt_queue_size(full_queue) == 1), LT_OK, )                                                      \
    X(lt_queue_task_done, lt_queue_task_done(queue), LT_INVALID, )                                                     \
    X(lt_queue_try_get, lt_queue_try_get(queue, &item), LT_EMPTY, )                                                    \
    X(lt_queue_try_join, lt_queue_try_join(full_queue), LT_BUSY, )                                                     \
    X(lt_queue_try_put, lt_queue_try_put(full_queue, NULL), LT_FULL, )                                                 \
    X(lt_raise, on_thread(raises, LT_FAILED), LT_OK, )                                                                 \
    X(lt_rlock_acquire, lt_rlock_acquire(rlock), LT_OK, must(lt_rlock_release(rlock) == LT_OK))                        \
    X(lt_rlock_acquire_restore, lt_rlock_acquire_restore(rlock, 1), LT_OK, must(lt_rlock_release(rlock) == LT_OK))     \
    X(lt_rlock_acquire_restore_uninterruptible, lt_rlock_acquire_restore_uninterruptible(rlock, 1), LT_OK,             \
        must(lt_rlock_release(rlock) == LT_OK))                                                                        \
    X(lt_rlock_acquire_timeout, lt_rlock_acquire_timeout(rlock, 1.0), LT_OK, must(lt_rlock_release(rlock) == LT_OK))   \
    X(lt_rlock_acquire_uninterruptible, lt_rlock_acquire_uninterruptible(rlock), LT_OK, must(lt_rlock_release(rlock) == LT_OK)) \
    X(lt_rlock_at_fork_reinit, lt_rlock_at_fork_reinit(rlock), LT_OK, )                                                \
    X(lt_rlock_depth, is(lt_rlock_depth(held_rlock) == 1), LT_OK, )                                                    \
    X(lt_rlock_free, lt_rlock_free(NULL), LT_OK, )                                                                     \
    X(lt_rlock_is_owned, is(lt_rlock_is_owned(held_rlock)), LT_OK, )                                                   \
    X(lt_rlock_locked, is(lt_rlock_locked(held_rlock)), LT_OK, )                                                       \
    X(lt_rlock_new, got(lt_rlock_new()), LT_OK, must(lt_rlock_free(made) == LT_OK))                                    \
    X(lt_rlock_owner, is(lt_rlock_owner(held_rlock) == lt_get_ident()), LT_OK, )                                       \
    X(lt_rlock_recursion_count, is(lt_rlock_recursion_count(held_rlock) == 1), LT_OK, )                                \
    X(lt_rlock_release, lt_rlock_release(held_rlock), LT_OK, must(lt_rlock_try_acquire(held_rlock) == LT_OK))          \
    X(lt_rlock_release_save, lt_rlock_release_save(held_rlock, &count), LT_OK,                                         \
        must(lt_rlock_acquire_restore(held_rlock, count) == LT_OK))                                                    \
    X(lt_rlock_try_acquire, lt_rlock_try_acquire(rlock), LT_OK, must(lt_rlock_release(rlock) == LT_OK))                \
    X(lt_rwlock_at_fork_reinit, lt_rwlock_at_fork_reinit(rwlock), LT_OK, )                                             \
    X(lt_rwlock_free, lt_rwlock_free(NULL), LT_OK, )                                                                   \
    X(lt_rwlock_new, got(lt_rwlock_new()), LT_OK, must(lt_rwlock_free(made) == LT_OK))                                 \
    X(lt_rwlock_read_acquire, lt_rwlock_read_acquire(rwlock), LT_OK, must(lt_rwlock_read_release(rwlock) == LT_OK))    \
    X(lt_rwlock_read_acquire_timeout, lt_rwlock_read_acquire_timeout(rwlock, 1.0), LT_OK,                              \
        must(lt_rwlock_read_release(rwlock) == LT_OK))                                                                 \
    X(lt_rwlock_read_release, lt_rwlock_read_release(rwlock), LT_NOT_HELD, )                                           \
    X(lt_rwlock_try_read_acquire, lt_rwlock_try_read_acquire(rwlock), LT_OK, must(lt_rwlock_read_release(rwlock) == LT_OK)) \
    X(lt_rwlock_try_write_acquire, lt_rwlock_try_write_acquire(rwlock), LT_OK, must(lt_rwlock_write_release(rwlock) == LT_OK)) \
    X(lt_rwlock_write_acquire, lt_rwlock_write_acquire(rwlock), LT_OK, must(lt_rwlock_write_release(rwlock) == LT_OK)) \
    X(lt_rwlock_write_acquire_timeout, lt_rwlock_write_acquire_timeout(rwlock, 1.0), LT_OK,                            \
        must(lt_rwlock_write_release(rwlock) == LT_OK))                                                                \
    X(lt_rwlock_write_release, lt_rwlock_write_release(rwlock), LT_NOT_HELD, )                                         \
    X(lt_select, lt_select(&one_case, 1, 1e-6, &size), LT_TIMED_OUT, )                                                 \
    X(lt_semaphore_acquire, lt_semaphore_acquire(semaphore), LT_OK, must(lt_semaphore_release(semaphore, 1) == LT_OK)) \
    X(lt_semaphore_acquire_timeout, lt_semaphore_acquire_timeout(semaphore, 1.0), LT_OK,                               \
        must(lt_semaphore_release(semaphore, 1) == LT_OK))                                                             \
    X(lt_semaphore_free, lt_semaphore_free(NULL), LT_OK, )                                                             \
    X(lt_semaphore_new, got(lt_semaphore_new(1)), LT_OK, must(lt_semaphore_free(made) == LT_OK))                       \
    X(lt_semaphore_new_bounded, got(lt_semaphore_new_bounded(1, 2)), LT_OK, must(lt_semaphore_free(made) == LT_OK))    \
    X(lt_semaphore_release, lt_semaphore_release(semaphore, 1), LT_OK, must(lt_semaphore_acquire(semaphore) == LT_OK)) \
    X(lt_semaphore_try_acquire, lt_semaphore_try_acquire(semaphore), LT_OK, must(lt_semaphore_release(semaphore, 1) == LT_OK)) \
    X(lt_semaphore_value, is(lt_semaphore_value(semaphore) == 1), LT_OK, )                                             \
    X(lt_set_deadlock_hook, lt_set_deadlock_hook(NULL, NULL), LT_OK, )                                                 \
    X(lt_set_excepthook, lt_set_excepthook(hook, NULL), LT_OK, )                                                       \
    X(lt_set_insight, lt_set_insight(LT_INSIGHT_ORDER | LT_INSIGHT_CONTENTION), LT_OK, must(lt_set_insight(0) == LT_OK)) \
    X(lt_set_name, lt_set_name(lock, "a lock that has a long name, which is kept as it is, wherever that may be"), LT_OK, \
        must(lt_set_name(lock, NULL) == LT_OK))                                                                        \
    X(lt_set_stack_size, lt_set_stack_size(0), LT_OK, )                                                                \
    X(lt_set_thread_name, lt_set_thread_name("a thread that has a long name, which is kept as it is"), LT_OK, )        \
    X(lt_shutdown, lt_shutdown(1.0), LT_OK, )                                                                          \
    X(lt_signal_chain_to_main, lt_signal_chain_to_main(SIGWINCH), LT_OK, must(lt_signal_restore(SIGWINCH) == LT_OK))   \
    X(lt_signal_restore, lt_signal_restore(SIGWINCH), LT_OK, )                                                         \
    X(lt_signal_to_callback, lt_signal_to_callback(SIGWINCH, signalled, NULL), LT_OK, must(lt_signal_restore(SIGWINCH) == LT_OK)) \
    X(lt_signal_to_event, lt_signal_to_event(SIGWINCH, set_event), LT_OK, must(lt_signal_restore(SIGWINCH) == LT_OK))  \
    X(lt_signal_to_main, lt_signal_to_main(SIGWINCH), LT_OK, must(lt_signal_restore(SIGWINCH) == LT_OK))               \
    X(lt_signal_to_queue, lt_signal_to_queue(SIGWINCH, queue), LT_OK, must(lt_signal_restore(SIGWINCH) == LT_OK))      \
    X(lt_sleep, lt_sleep(1e-6), LT_OK, )                                                                               \
    X(lt_spawn, lt_spawn(nothing, NULL, errors, &ident), LT_OK, )                                                      \
    X(lt_spinlock_acquire, lt_spinlock_acquire(spinlock), LT_OK, must(lt_spinlock_release(spinlock) == LT_OK))         \
    X(lt_spinlock_free, lt_spinlock_free(NULL), LT_OK, )                                                               \
    X(lt_spinlock_new, got(lt_spinlock_new()), LT_OK, must(lt_spinlock_free(made) == LT_OK))                           \
    X(lt_spinlock_release, lt_spinlock_release(spinlock), LT_NOT_HELD, )                                               \
    X(lt_spinlock_try_acquire, lt_spinlock_try_acquire(spinlock), LT_OK, must(lt_spinlock_release(spinlock) == LT_OK)) \
    X(lt_stack_size, is(lt_stack_size() == 0), LT_OK, )                                                                \
    X(lt_start_new_thread, lt_start_new_thread(nothing, NULL, &ident), LT_OK, )                                        \
    X(lt_start_new_thread_copy, lt_start_new_thread_copy(nothing, name, sizeof name, &ident), LT_OK, )                 \
    X(lt_status_message, is(lt_status_message(LT_OK) != NULL), LT_OK, )                                                \
    X(lt_status_name, is(lt_status_name(LT_OK) != NULL), LT_OK, )                                                      \
    X(lt_thread_count, is(lt_thread_count() > 0), LT_OK, )                                                             \
    X(lt_thread_current, is(lt_thread_current() == NULL), LT_OK, )                                                     \
    X(lt_thread_daemon, is(!lt_thread_daemon(ended)), LT_OK, )                                                         \
    X(lt_thread_error, lt_thread_error(ended, NULL), LT_OK, )                                                          \
    X(lt_thread_free, lt_thread_free(NULL), LT_OK, )                                                                   \
    X(lt_thread_ident, is(lt_thread_ident(ended) != 0), LT_OK, )                                                       \
    X(lt_thread_interrupt, lt_thread_interrupt(ended), LT_OK, )                                                        \
    X(lt_thread_is_alive, is(!lt_thread_is_alive(ended)), LT_OK, )                                                     \
    X(lt_thread_join, lt_thread_join(ended), LT_FAILED, )                                                              \
    X(lt_thread_join_timeout, lt_thread_join_timeout(ended, 1.0), LT_FAILED, )                                         \
    X(lt_thread_name, lt_thread_name(lt_get_ident(), name, sizeof name), LT_OK, )                                      \
    X(lt_thread_native_id, is(lt_thread_native_id(ended) != 0), LT_OK, )                                               \
    X(lt_thread_start, lt_thread_start(nothing, NULL, NULL, (lt_thread **)&made), LT_OK,                               \
        (must(lt_thread_join(made) == LT_OK), must(lt_thread_free(made) == LT_OK)))                                    \
    X(lt_thread_try_join, lt_thread_try_join(ended), LT_FAILED, )                                                      \
    X(lt_timer_cancel, lt_timer_cancel(timer), LT_OK, )                                                                \
    X(lt_timer_free, lt_timer_free(NULL), LT_OK, )                                                                     \
    X(lt_trace_begin, (lt_trace_begin("a span"), LT_OK), LT_OK, lt_trace_end())                                         \
    X(lt_trace_end, (lt_trace_end(), LT_OK), LT_OK, )                                                                  \
    X(lt_trace_start, lt_trace_start("/dev/null"), LT_OK, must(lt_trace_stop() == LT_OK))                              \
    X(lt_trace_stop, lt_trace_stop(), LT_OK, )                                                                         \
    X(lt_timer_start, lt_timer_start(3600.0, 1.0, nothing, NULL, (lt_timer **)&made), LT_OK, must(lt_timer_free(made) == LT_OK)) \
    X(lt_version, is(lt_version() != NULL), LT_OK, )                                                                   \
    X(lt_waits, lt_waits(&wait_info, 1, &size), LT_OK, )                                                               \
    X(lt_watch, lt_watch(event, LT_CASE_EVENT, nothing, NULL, (lt_watcher **)&made), LT_OK, must(lt_watch_free(made) == LT_OK)) \
    X(lt_watch_fd, lt_watch_fd(event, LT_CASE_EVENT, &fd, (lt_watcher **)&made), LT_OK, must(lt_watch_free(made) == LT_OK)) \
    X(lt_watch_free, lt_watch_free(NULL), LT_OK, )                                                                     \
    X(lt_watchdog_cancel, lt_watchdog_cancel(watchdog), LT_OK, )                                                       \
    X(lt_watchdog_feed, lt_watchdog_feed(watchdog), LT_OK, )                                                           \
    X(lt_watchdog_free, lt_watchdog_free(NULL), LT_OK, )                                                               \
    X(lt_watchdog_start, lt_watchdog_start(3600.0, SIGWINCH, (lt_watchdog **)&made), LT_OK, must(lt_watchdog_free(made) == LT_OK))

#define DEFINE(function, expression, status, undoing)                                                                  \
    static lt_status call_##function(void) {                                                                           \
        return expression;                                                                                             \
    }                                                                                                                  \
    static void undo_##function(void) {                                                                                \
        undoing;                                                                                                       \
    }
#define NAME_ROW(function, expression, status, undoing) {#function, call_##function, status, undo_##function},
ROWS(DEFINE)
static const row rows[] = {ROWS(NAME_ROW)};

static void make_world(void) {
    must((null = open("/dev/null", O_WRONLY | O_CLOEXEC)) >= 0);
    must(lt_set_excepthook(hook, NULL) == LT_OK);
    lock = lt_allocate_lock(), held_lock = lt_allocate_lock(), gate = lt_allocate_lock();
    rlock = lt_rlock_new(), held_rlock = lt_rlock_new();
    must(lt_lock_acquire(held_lock) == LT_OK && lt_rlock_acquire(held_rlock) == LT_OK && lt_lock_acquire(gate) == LT_OK);
    rwlock = lt_rwlock_new(), spinlock = lt_spinlock_new(), semaphore = lt_semaphore_new(1);
    event = lt_event_new(), set_event = lt_event_new(), condition = lt_condition_new();
    must(lt_event_set(set_event) == LT_OK);
    lone = lt_barrier_new(1, NULL, NULL), two = lt_barrier_new(2, NULL, NULL);
    queue = lt_queue_new(0), full_queue = lt_queue_new(1), closed_queue = lt_queue_new(1);
    must(lt_queue_put(full_queue, NULL) == LT_OK && lt_queue_close(closed_queue, false) == LT_OK);
    local = lt_local_new(NULL), errors = lt_errors_new();
    must(lt_thread_start(raises, NULL, NULL, &ended) == LT_OK && lt_thread_join(ended) == LT_FAILED);
    must(lt_thread_error(ended, &info) == LT_OK);
    pool = lt_pool_new(1, NULL);
    must(lt_pool_submit(pool, pass, NULL, &over) == LT_OK && lt_future_result(over, NULL) == LT_OK);
    must(lt_pool_submit(pool, wait_at_gate, NULL, &future) == LT_OK);
    must_soon(lt_future_running(future));
    must(lt_timer_start(3600.0, 0.0, nothing, NULL, &timer) == LT_OK);
    must(lt_watchdog_start(3600.0, SIGWINCH, &watchdog) == LT_OK);
    one_case = (lt_case){.op = LT_CASE_EVENT, .handle = event};
}

static void end_world(void) {
    must(lt_lock_release(gate) == LT_OK && lt_future_result(future, NULL) == LT_OK);
    must(lt_future_free(future) == LT_OK && lt_future_free(over) == LT_OK && lt_pool_free(pool) == LT_OK);
    must(lt_timer_free(timer) == LT_OK && lt_watchdog_free(watchdog) == LT_OK && lt_thread_free(ended) == LT_OK);
}

static void settle(void) {
    must_soon(lt_thread_count() == 1); // The pool's worker.
}

// Calls with allocation number `nth` failing. How many failed.
static long attempt(const row *r, long nth) {
    enum { SENTINEL = 12345 };
    shim_fail(nth, nth);
    errno = SENTINEL;
    lt_status status = r->call();
    long failures = shim_failures();
    shim_fail(0, 0);
    must_for(r->function, errno == SENTINEL);
    if (status == r->expected) {
        r->undo();
    } else {
        // A row that makes an object to call with has none then. And pthread_create calls it EAGAIN.
        must_for(r->function, failures > 0);
        must_for(r->function, status == LT_NO_MEMORY || (status == LT_BAD_HANDLE && made == NULL) ||
                                  (status == LT_NO_THREAD && lt_last_errno() == EAGAIN));
        must_for(r->function, lt_last_status() == status);
        if (r->call == call_lt_queue_put && made != NULL) {
            must(lt_queue_is_empty(made) && lt_queue_free(made) == LT_OK);
        }
        LT_IGNORE(lt_check_interrupt()); // Of a row that interrupts itself.
        must_for(r->function, r->call() == r->expected);
        r->undo();
    }
    settle();
    return failures;
}

static void check_rows(void *unused) {
    (void)unused;
    int refusals = 0;
    for (const row *r = rows; r < rows + LENGTH(rows); r++) {
        long nth = 1;
        while (attempt(r, nth) > 0) {
            must_for(r->function, ++nth < 200);
            refusals++;
        }
        // The same once more leaves nothing behind, but what the C library has of stacks.
        long live = shim_live();
        for (int i = 0; i < 8; i++) {
            (void)attempt(r, 1 + i % nth);
        }
        must_for(r->function, shim_live() <= live + 4);
    }
    printf("%d allocations were refused\n", refusals);
    must(refusals > 15);
}

static bool in_shim(const char *function) {
    if (!in_shims(function, "malloc")) {
        return false;
    }
    shim_function(&shim_fail, "shim_fail");
    shim_function(&shim_failures, "shim_failures");
    shim_function(&shim_live, "shim_live");
    return true;
}

TEST(every_function_has_a_row) {
    FILE *file = open_symbols(__FILE__);
    char line[128];
    size_t found = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        bool known = false;
        for (const row *r = rows; r < rows + LENGTH(rows); r++) {
            known |= strcmp(r->function, line) == 0;
        }
        must_for(line, known);
        found++;
    }
    fclose(file);
    assert_int_equal(found, LENGTH(rows));
}

TEST(every_function_without_memory_does_it_or_says_so_and_leaks_nothing) {
    skip_without_memory();
    if (in_shim(__func__)) {
        make_world();
        check_rows(NULL);
        end_world();
    }
}

static void check_in_child(void *unused) {
    make_world();
    check_rows(unused);
    end_world();
}

TEST(every_function_without_memory_does_so_in_a_forked_child) {
    skip_without_memory();
    skip_where_children_have_no_threads();
    if (in_shim(__func__)) {
        make_world();
        assert_int_equal(run_in_child(check_in_child, NULL), 0);
        end_world();
    }
}
