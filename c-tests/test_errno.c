// errno is as it was after every call, whether it succeeds, answers or fails. A new export must be
// called here: a test below compares with abi/.
// timeout: 120
#include "waits.h"
#ifndef _WIN32
#include <sys/resource.h>
#endif

// One that nothing sets.
enum { SENTINEL = 12345 };

// ---- What was called

typedef struct calls {
    char name[64];
    bool well, badly;
} calls;

static calls all_calls[512];
static size_t all_count;
static pthread_mutex_t all_mutex = PTHREAD_MUTEX_INITIALIZER;

static calls *calls_of(const char *name) {
    size_t count = all_count;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all_calls[i].name, name) == 0) {
            return &all_calls[i];
        }
    }
    must(count < LENGTH(all_calls));
    snprintf(all_calls[count].name, sizeof all_calls[count].name, "%s", name);
    all_count++;
    return &all_calls[count];
}

// What the text of a call begins with is its function.
static void called(const char *call, int line, int64_t result, int64_t expected, bool well) {
    int now = errno;
    if (now != SENTINEL || result != expected) {
        fprintf(stderr, "%s:%d: %s: %" PRId64 ", expected %" PRId64 ", errno %d; last error: %s\n",
            __FILE__, line, call, result, expected, now, lt_last_error());
        abort();
    }
    char name[64] = "";
    must(sscanf(call, "%63[a-z_]", name) == 1);
    pthread_mutex_lock(&all_mutex);
    *(well ? &calls_of(name)->well : &calls_of(name)->badly) = true;
    pthread_mutex_unlock(&all_mutex);
}

static bool is_no_error(int64_t expected) {
    return expected >= 0;
}

// The call gives this number; the errors are negative.
#define GIVES(expected, call)                                                                      \
    (errno = SENTINEL, called(#call, __LINE__, (int64_t)(call), (expected), is_no_error(expected)))

#define IS_OK(call) GIVES(LT_OK, call)

// The call gives nothing.
#define RETURNS(call) (errno = SENTINEL, (call), called(#call, __LINE__, LT_OK, LT_OK, true))

// The call gives something else than 0, which is kept.
#define MAKES(variable, call)                                                                      \
    (errno = SENTINEL, (variable) = (call), called(#call, __LINE__, (variable) != 0, 1, true))

// The call gives 0, false or NULL, since something is wrong.
#define FAILS(call) (errno = SENTINEL, called(#call, __LINE__, (call) != 0, 0, false))

// ---- The calls

static void *item, *items[3] = {"a", "b", "c"};
static const lt_error_info *info;
static size_t count;

static void nothing(void *arg) {
    (void)arg;
}

static void *identity(void *arg) {
    return arg;
}

static bool always(void *arg) {
    (void)arg;
    return true;
}

static bool never(void *arg) {
    (void)arg;
    return false;
}

static void forget(lt_future *future, void *arg) {
    (void)future;
    (void)arg;
}

static void forget_signal(int signum, void *arg) {
    (void)signum;
    lt_status s = lt_event_set(arg);
    must(s == LT_OK);
}

static void raise_an_error(void *arg) {
    lt_raise(5, arg);
}

static void *raise_in_a_task(void *arg) {
    lt_raise(6, arg);
}

static void ignore_error(const lt_error_info *error, void *arg) {
    (void)error;
    (void)arg;
}

static void call_status(void) {
    int unused;
    const char *text;
    MAKES(text, lt_status_name(LT_OK));
    MAKES(text, lt_status_message(77));
    GIVES(LT_INVALID, lt_sleep(-1.0));
    GIVES(LT_INVALID, lt_sleep(NAN));
    IS_OK(lt_sleep(0.0));
    IS_OK(lt_sleep(0.001));
    MAKES(text, lt_last_error());
    MAKES(unused, lt_last_status());
    GIVES(0, lt_last_errno());
    MAKES(text, lt_version());
    GIVES((int)lt_features(), lt_features()); // None is a set too.
    errno = SENTINEL;
    double now = lt_monotonic();
    called("lt_monotonic", __LINE__, now > 0, 1, true);
}

static void call_lock(void) {
    lt_lock *lock;
    MAKES(lock, lt_allocate_lock());
    IS_OK(lt_lock_acquire(lock));
    GIVES(LT_BUSY, lt_lock_try_acquire(lock));
    GIVES(LT_TIMED_OUT, lt_lock_acquire_timeout(lock, 0.0));
    GIVES(LT_TIMED_OUT, lt_lock_acquire_timeout(lock, 0.002));
    GIVES(1, lt_lock_locked(lock));
    IS_OK(lt_lock_release(lock));
    GIVES(LT_NOT_HELD, lt_lock_release(lock));
    IS_OK(lt_lock_try_acquire(lock));
    IS_OK(lt_lock_at_fork_reinit(lock));
    IS_OK(lt_lock_acquire_uninterruptible(lock));
    IS_OK(lt_lock_free(lock));
    GIVES(LT_BAD_HANDLE, lt_lock_free(lock));
    GIVES(LT_BAD_HANDLE, lt_lock_acquire(lock));
    GIVES(LT_BAD_HANDLE, lt_lock_try_acquire(NULL));
    GIVES(LT_BAD_HANDLE, lt_lock_acquire_timeout(NULL, 0.0));
    GIVES(LT_BAD_HANDLE, lt_lock_acquire_uninterruptible(NULL));
    GIVES(LT_BAD_HANDLE, lt_lock_at_fork_reinit(NULL));
    FAILS(lt_lock_locked(lock));
}

static void call_rlock(void) {
    lt_rlock *rlock;
    uint64_t times = 0;
    MAKES(rlock, lt_rlock_new());
    IS_OK(lt_rlock_acquire(rlock));
    IS_OK(lt_rlock_try_acquire(rlock));
    IS_OK(lt_rlock_acquire_timeout(rlock, 1.0));
    GIVES(1, lt_rlock_locked(rlock));
    GIVES(1, lt_rlock_is_owned(rlock));
    GIVES(3, lt_rlock_recursion_count(rlock));
    IS_OK(lt_rlock_release_save(rlock, &times));
    IS_OK(lt_rlock_acquire_restore(rlock, times));
    GIVES(LT_INVALID, lt_rlock_acquire_restore(rlock, 0));
    IS_OK(lt_rlock_release_save(rlock, &times));
    IS_OK(lt_rlock_acquire_restore_uninterruptible(rlock, times));
    GIVES(LT_INVALID, lt_rlock_acquire_restore_uninterruptible(rlock, 0));
    lt_ident owner;
    MAKES(owner, lt_rlock_owner(rlock));
    GIVES(3, lt_rlock_depth(rlock));
    IS_OK(lt_rlock_acquire_uninterruptible(rlock));
    IS_OK(lt_rlock_release(rlock));
    IS_OK(lt_rlock_at_fork_reinit(rlock));
    GIVES(LT_NOT_HELD, lt_rlock_release(rlock));
    IS_OK(lt_rlock_free(rlock));
    GIVES(LT_BAD_HANDLE, lt_rlock_free(rlock));
    GIVES(LT_BAD_HANDLE, lt_rlock_acquire(rlock));
    GIVES(LT_BAD_HANDLE, lt_rlock_try_acquire(rlock));
    GIVES(LT_BAD_HANDLE, lt_rlock_acquire_timeout(rlock, 1.0));
    GIVES(LT_BAD_HANDLE, lt_rlock_release_save(rlock, NULL));
    GIVES(LT_BAD_HANDLE, lt_rlock_at_fork_reinit(rlock));
    GIVES(LT_BAD_HANDLE, lt_rlock_acquire_uninterruptible(rlock));
    FAILS(lt_rlock_owner(rlock));
    FAILS(lt_rlock_depth(rlock));
    FAILS(lt_rlock_locked(rlock));
    FAILS(lt_rlock_is_owned(rlock));
    FAILS(lt_rlock_recursion_count(rlock));
}

static void call_semaphore(void) {
    lt_semaphore *semaphore;
    MAKES(semaphore, lt_semaphore_new(3));
    IS_OK(lt_semaphore_acquire(semaphore));
    IS_OK(lt_semaphore_try_acquire(semaphore));
    IS_OK(lt_semaphore_acquire_timeout(semaphore, 1.0));
    GIVES(LT_BUSY, lt_semaphore_try_acquire(semaphore));
    GIVES(LT_TIMED_OUT, lt_semaphore_acquire_timeout(semaphore, 0.002));
    GIVES(0, lt_semaphore_value(semaphore));
    IS_OK(lt_semaphore_release(semaphore, 2));
    GIVES(LT_INVALID, lt_semaphore_release(semaphore, 0));
    IS_OK(lt_semaphore_free(semaphore));
    GIVES(LT_BAD_HANDLE, lt_semaphore_free(semaphore));
    GIVES(LT_BAD_HANDLE, lt_semaphore_acquire(semaphore));
    GIVES(LT_BAD_HANDLE, lt_semaphore_try_acquire(semaphore));
    GIVES(LT_BAD_HANDLE, lt_semaphore_acquire_timeout(semaphore, 1.0));
    FAILS(lt_semaphore_value(semaphore));
    FAILS(lt_semaphore_new_bounded(2, 1));
    MAKES(semaphore, lt_semaphore_new_bounded(1, 1));
    GIVES(LT_OVERFLOW, lt_semaphore_release(semaphore, 1));
    IS_OK(lt_semaphore_free(semaphore));
}

static void call_event(void) {
    lt_event *event;
    MAKES(event, lt_event_new());
    GIVES(LT_BUSY, lt_event_try_wait(event));
    GIVES(LT_TIMED_OUT, lt_event_wait_timeout(event, 0.002));
    IS_OK(lt_event_set(event));
    IS_OK(lt_event_wait(event));
    IS_OK(lt_event_try_wait(event));
    IS_OK(lt_event_wait_timeout(event, 1.0));
    GIVES(1, lt_event_is_set(event));
    IS_OK(lt_event_clear(event));
    IS_OK(lt_event_free(event));
    GIVES(LT_BAD_HANDLE, lt_event_free(event));
    GIVES(LT_BAD_HANDLE, lt_event_set(event));
    GIVES(LT_BAD_HANDLE, lt_event_clear(event));
    GIVES(LT_BAD_HANDLE, lt_event_wait(event));
    GIVES(LT_BAD_HANDLE, lt_event_try_wait(event));
    GIVES(LT_BAD_HANDLE, lt_event_wait_timeout(event, 1.0));
    FAILS(lt_event_is_set(event));
}

// Notifies once somebody waits.
static lt_status notify_soon(void *condition) {
    must_soon(lt_condition_waiting(condition) == 1);
    return lt_condition_notify(condition, 1);
}

static void call_condition(void) {
    lt_condition *condition;
    lt_lock *lock = lt_allocate_lock();
    lt_rlock *rlock = lt_rlock_new();
    waiter w;
    MAKES(condition, lt_condition_new());
    GIVES(LT_NOT_HELD, lt_condition_wait(condition, lock));
    GIVES(LT_NOT_HELD, lt_condition_wait_rlock(condition, rlock));
    must(lt_lock_acquire(lock) == LT_OK && lt_rlock_acquire(rlock) == LT_OK);
    waiter_launch(&w, notify_soon, condition);
    IS_OK(lt_condition_wait(condition, lock));
    must(waiter_join(&w) == LT_OK);
    waiter_launch(&w, notify_soon, condition);
    IS_OK(lt_condition_wait_rlock(condition, rlock));
    must(waiter_join(&w) == LT_OK);
    waiter_launch(&w, notify_soon, condition);
    IS_OK(lt_condition_wait_timeout(condition, lock, 1000.0));
    must(waiter_join(&w) == LT_OK);
    waiter_launch(&w, notify_soon, condition);
    IS_OK(lt_condition_wait_rlock_timeout(condition, rlock, 1000.0));
    must(waiter_join(&w) == LT_OK);
    GIVES(LT_TIMED_OUT, lt_condition_wait_timeout(condition, lock, 0.002));
    GIVES(LT_TIMED_OUT, lt_condition_wait_rlock_timeout(condition, rlock, 0.002));
    GIVES(LT_TIMED_OUT, lt_condition_wait_for(condition, lock, never, NULL, 0.002));
    GIVES(LT_TIMED_OUT, lt_condition_wait_for_rlock(condition, rlock, never, NULL, 0.002));
    IS_OK(lt_condition_wait_for(condition, lock, always, NULL, 1.0));
    IS_OK(lt_condition_wait_for_rlock(condition, rlock, always, NULL, 1.0));
    GIVES(LT_INVALID, lt_condition_wait_timeout(condition, lock, NAN));
    GIVES(LT_INVALID, lt_condition_wait_rlock_timeout(condition, rlock, NAN));
    GIVES(LT_INVALID, lt_condition_wait_for(condition, lock, NULL, NULL, 1.0));
    GIVES(LT_INVALID, lt_condition_wait_for_rlock(condition, rlock, NULL, NULL, 1.0));
    IS_OK(lt_condition_notify(condition, 1));
    IS_OK(lt_condition_notify_all(condition));
    GIVES(0, lt_condition_waiting(condition));
    IS_OK(lt_condition_free(condition));
    GIVES(LT_BAD_HANDLE, lt_condition_free(condition));
    GIVES(LT_BAD_HANDLE, lt_condition_notify(condition, 1));
    GIVES(LT_BAD_HANDLE, lt_condition_notify_all(condition));
    FAILS(lt_condition_waiting(condition));
    must(lt_lock_free(lock) == LT_OK && lt_rlock_free(rlock) == LT_OK);
}

static void call_barrier(void) {
    lt_barrier *barrier;
    uint32_t index;
    FAILS(lt_barrier_new(0, NULL, NULL));
    MAKES(barrier, lt_barrier_new(1, nothing, NULL));
    IS_OK(lt_barrier_wait(barrier, &index));
    IS_OK(lt_barrier_wait_timeout(barrier, 1.0, &index));
    IS_OK(lt_barrier_abort(barrier));
    GIVES(LT_BROKEN, lt_barrier_wait(barrier, NULL));
    GIVES(1, lt_barrier_is_broken(barrier));
    IS_OK(lt_barrier_reset(barrier));
    GIVES(1, lt_barrier_parties(barrier));
    GIVES(0, lt_barrier_waiting(barrier));
    IS_OK(lt_barrier_drop(barrier));
    GIVES(LT_INVALID, lt_barrier_drop(barrier));
    IS_OK(lt_barrier_free(barrier));
    GIVES(LT_BAD_HANDLE, lt_barrier_free(barrier));
    GIVES(LT_BAD_HANDLE, lt_barrier_wait(barrier, NULL));
    GIVES(LT_BAD_HANDLE, lt_barrier_wait_timeout(barrier, 1.0, NULL));
    GIVES(LT_BAD_HANDLE, lt_barrier_abort(barrier));
    GIVES(LT_BAD_HANDLE, lt_barrier_reset(barrier));
    FAILS(lt_barrier_is_broken(barrier));
    FAILS(lt_barrier_parties(barrier));
    FAILS(lt_barrier_waiting(barrier));
    MAKES(barrier, lt_barrier_new(2, NULL, NULL));
    GIVES(LT_TIMED_OUT, lt_barrier_wait_timeout(barrier, 0.002, NULL));
    IS_OK(lt_barrier_free(barrier));
}

static void call_rwlock(void) {
    lt_rwlock *rwlock;
    MAKES(rwlock, lt_rwlock_new());
    IS_OK(lt_rwlock_read_acquire(rwlock));
    IS_OK(lt_rwlock_try_read_acquire(rwlock));
    IS_OK(lt_rwlock_read_acquire_timeout(rwlock, 1.0));
    GIVES(LT_BUSY, lt_rwlock_try_write_acquire(rwlock));
    GIVES(LT_TIMED_OUT, lt_rwlock_write_acquire_timeout(rwlock, 0.002));
    for (int i = 0; i < 3; i++) {
        IS_OK(lt_rwlock_read_release(rwlock));
    }
    GIVES(LT_NOT_HELD, lt_rwlock_read_release(rwlock));
    GIVES(LT_NOT_HELD, lt_rwlock_write_release(rwlock));
    IS_OK(lt_rwlock_write_acquire(rwlock));
    GIVES(LT_TIMED_OUT, lt_rwlock_read_acquire_timeout(rwlock, 0.002));
    IS_OK(lt_rwlock_write_release(rwlock));
    IS_OK(lt_rwlock_try_write_acquire(rwlock));
    IS_OK(lt_rwlock_at_fork_reinit(rwlock));
    IS_OK(lt_rwlock_write_acquire_timeout(rwlock, 1.0));
    IS_OK(lt_rwlock_free(rwlock));
    GIVES(LT_BAD_HANDLE, lt_rwlock_free(rwlock));
    GIVES(LT_BAD_HANDLE, lt_rwlock_read_acquire(rwlock));
    GIVES(LT_BAD_HANDLE, lt_rwlock_try_read_acquire(rwlock));
    GIVES(LT_BAD_HANDLE, lt_rwlock_read_acquire_timeout(rwlock, 1.0));
    GIVES(LT_BAD_HANDLE, lt_rwlock_write_acquire(rwlock));
    GIVES(LT_BAD_HANDLE, lt_rwlock_try_write_acquire(rwlock));
    GIVES(LT_BAD_HANDLE, lt_rwlock_write_acquire_timeout(rwlock, 1.0));
    GIVES(LT_BAD_HANDLE, lt_rwlock_at_fork_reinit(rwlock));
}

static void call_from_within(void *flag) {
    GIVES(LT_DEADLOCK, lt_call_once(flag, nothing, NULL));
}

static void call_once_and_spinlock(void) {
    lt_once_flag flag = LT_ONCE_FLAG_INIT;
    IS_OK(lt_call_once(&flag, call_from_within, &flag));
    IS_OK(lt_call_once(&flag, nothing, NULL));
    GIVES(LT_INVALID, lt_call_once(NULL, nothing, NULL));
    lt_spinlock *spinlock;
    MAKES(spinlock, lt_spinlock_new());
    IS_OK(lt_spinlock_acquire(spinlock));
    GIVES(LT_BUSY, lt_spinlock_try_acquire(spinlock));
    IS_OK(lt_spinlock_release(spinlock));
    GIVES(LT_NOT_HELD, lt_spinlock_release(spinlock));
    IS_OK(lt_spinlock_try_acquire(spinlock));
    IS_OK(lt_spinlock_free(spinlock));
    GIVES(LT_BAD_HANDLE, lt_spinlock_free(spinlock));
    GIVES(LT_BAD_HANDLE, lt_spinlock_acquire(spinlock));
    GIVES(LT_BAD_HANDLE, lt_spinlock_try_acquire(spinlock));
}

static void call_queue(size_t capacity) {
    lt_queue *queue;
    MAKES(queue, lt_queue_new(capacity));
    IS_OK(lt_queue_set_drop(queue, nothing));
    GIVES(LT_EMPTY, lt_queue_try_get(queue, &item));
    GIVES(LT_TIMED_OUT, lt_queue_get_timeout(queue, 0.002, &item));
    GIVES(LT_TIMED_OUT, lt_queue_get_many(queue, items, 3, 0.002, &count));
    IS_OK(lt_queue_put(queue, "a"));
    IS_OK(lt_queue_try_put(queue, "b"));
    IS_OK(lt_queue_put_timeout(queue, "c", 1.0));
    if (capacity == 3) {
        GIVES(LT_FULL, lt_queue_try_put(queue, "d"));
        GIVES(LT_TIMED_OUT, lt_queue_put_timeout(queue, "d", 0.002));
        GIVES(LT_TIMED_OUT, lt_queue_put_many(queue, items, 3, 0.002, &count));
    }
    GIVES(3, lt_queue_size(queue));
    GIVES((int64_t)capacity, lt_queue_capacity(queue));
    GIVES(0, lt_queue_is_empty(queue));
    GIVES(capacity == 3 ? 1 : 0, lt_queue_is_full(queue));
    GIVES(0, lt_queue_is_closed(queue));
    GIVES(LT_BUSY, lt_queue_try_join(queue));
    GIVES(LT_TIMED_OUT, lt_queue_join_timeout(queue, 0.002));
    IS_OK(lt_queue_get(queue, &item));
    IS_OK(lt_queue_try_get(queue, &item));
    IS_OK(lt_queue_get_timeout(queue, 1.0, &item));
    IS_OK(lt_queue_put_many(queue, items, 3, 1.0, &count));
    IS_OK(lt_queue_get_many(queue, items, 3, 1.0, &count));
    for (int i = 0; i < 6; i++) {
        IS_OK(lt_queue_task_done(queue));
    }
    GIVES(LT_INVALID, lt_queue_task_done(queue));
    IS_OK(lt_queue_join(queue));
    IS_OK(lt_queue_try_join(queue));
    IS_OK(lt_queue_join_timeout(queue, 1.0));
    GIVES(LT_INVALID, lt_queue_get(queue, NULL));
    IS_OK(lt_queue_put(queue, "a"));
    IS_OK(lt_queue_close(queue, true));
    GIVES(LT_CLOSED, lt_queue_put(queue, "a"));
    IS_OK(lt_queue_free(queue));
    GIVES(LT_BAD_HANDLE, lt_queue_free(queue));
    GIVES(LT_BAD_HANDLE, lt_queue_set_drop(queue, nothing));
    GIVES(LT_BAD_HANDLE, lt_queue_put(queue, "a"));
    GIVES(LT_BAD_HANDLE, lt_queue_try_put(queue, "a"));
    GIVES(LT_BAD_HANDLE, lt_queue_put_timeout(queue, "a", 1.0));
    GIVES(LT_BAD_HANDLE, lt_queue_put_many(queue, items, 3, 1.0, &count));
    GIVES(LT_BAD_HANDLE, lt_queue_try_get(queue, &item));
    GIVES(LT_BAD_HANDLE, lt_queue_get_timeout(queue, 1.0, &item));
    GIVES(LT_BAD_HANDLE, lt_queue_get_many(queue, items, 3, 1.0, &count));
    GIVES(LT_BAD_HANDLE, lt_queue_join(queue));
    GIVES(LT_BAD_HANDLE, lt_queue_try_join(queue));
    GIVES(LT_BAD_HANDLE, lt_queue_join_timeout(queue, 1.0));
    GIVES(LT_BAD_HANDLE, lt_queue_close(queue, false));
    FAILS(lt_queue_size(queue));
    FAILS(lt_queue_capacity(queue));
    FAILS(lt_queue_is_empty(queue));
    FAILS(lt_queue_is_full(queue));
    FAILS(lt_queue_is_closed(queue));
}

static void call_local(void) {
    lt_local *local;
    MAKES(local, lt_local_new(nothing));
    FAILS(lt_local_get(NULL));
    IS_OK(lt_local_set(local, &count));
    MAKES(item, lt_local_get(local));
    IS_OK(lt_local_free(local));
    GIVES(LT_BAD_HANDLE, lt_local_free(local));
    GIVES(LT_BAD_HANDLE, lt_local_set(local, NULL));
}

static void fail_by_returning(void *arg) {
    lt_thread *own;
    MAKES(own, lt_thread_current());
    IS_OK(lt_fail(3, "failed"));
    GIVES(LT_INVALID, lt_fail(3, NULL));
    IS_OK(lt_set_thread_name("a name that is longer than the system has room for"));
    GIVES(LT_INVALID, lt_set_thread_name("\xff"));
    (void)arg;
}

static void set_event(void *event) {
    must(lt_event_set(event) == LT_OK);
}

static void wait_for_event(void *event) {
    must(lt_event_wait(event) == LT_OK);
}

static void call_threads(void) {
    lt_ident ident;
    lt_event *done = lt_event_new();
    MAKES(ident, lt_get_ident());
    MAKES(ident, lt_get_native_id());
    MAKES(ident, lt_main_ident());
    lt_ident native;
    MAKES(native, lt_native_handle(lt_get_ident()));
    FAILS(lt_native_handle(UINT64_MAX));
    size_t number;
    errno = SENTINEL;
    number = lt_thread_count();
    called("lt_thread_count", __LINE__, number < 100, 1, true);
    IS_OK(lt_start_new_thread(set_event, done, &ident));
    must(lt_event_wait(done) == LT_OK);
    IS_OK(lt_start_new_thread_copy(nothing, "arguments", 10, NULL));
    GIVES(LT_INVALID, lt_start_new_thread_copy(NULL, NULL, 0, NULL));
    IS_OK(lt_set_stack_size(too_large_a_stack()));
    MAKES(number, lt_stack_size());
    GIVES(LT_NO_THREAD, lt_start_new_thread(nothing, NULL, NULL));
    GIVES(EAGAIN, lt_last_errno());
    GIVES(LT_NO_THREAD, lt_start_new_thread_copy(nothing, "arguments", 10, NULL));
    GIVES(LT_NO_THREAD, lt_spawn(nothing, NULL, NULL, NULL));
    GIVES(LT_NO_THREAD, lt_thread_start(nothing, NULL, NULL, NULL));
    lt_pool *pool = lt_pool_new(1, NULL);
    GIVES(LT_NO_THREAD, lt_pool_submit(pool, identity, NULL, NULL));
    GIVES(LT_NO_THREAD, lt_pool_map(pool, identity, items, 3, NULL, 1.0));
    must(lt_pool_free(pool) == LT_OK);
    IS_OK(lt_set_stack_size(0));
    GIVES(LT_INVALID, lt_set_stack_size(1));

    lt_thread *thread;
    IS_OK(lt_event_clear(done));
    IS_OK(lt_thread_start(wait_for_event, done, NULL, &thread));
    GIVES(LT_BUSY, lt_thread_try_join(thread));
    GIVES(LT_TIMED_OUT, lt_thread_join_timeout(thread, 0.002));
    GIVES(1, lt_thread_is_alive(thread));
    GIVES(0, lt_thread_daemon(thread));
    MAKES(ident, lt_thread_native_id(thread));
    MAKES(ident, lt_thread_ident(thread));
    char name[64];
    IS_OK(lt_thread_name(ident, name, sizeof name));
    GIVES(LT_INVALID, lt_thread_name(UINT64_MAX, name, sizeof name));
    lt_thread_info all[2] = {{.size = sizeof all[0]}};
    IS_OK(lt_enumerate(all, 2, &count));
    GIVES(LT_INVALID, lt_enumerate(NULL, 2, &count));
    GIVES(LT_TIMED_OUT, lt_shutdown(0.002));
    GIVES(LT_INVALID, lt_shutdown(NAN));
    GIVES(LT_EMPTY, lt_thread_error(thread, &info));
    must(lt_event_set(done) == LT_OK);
    IS_OK(lt_thread_join(thread));
    IS_OK(lt_thread_try_join(thread));
    IS_OK(lt_thread_join_timeout(thread, 1.0));
    IS_OK(lt_thread_interrupt(thread));
    IS_OK(lt_thread_free(thread));
    GIVES(LT_BAD_HANDLE, lt_thread_free(thread));
    GIVES(LT_BAD_HANDLE, lt_thread_join(thread));
    GIVES(LT_BAD_HANDLE, lt_thread_try_join(thread));
    GIVES(LT_BAD_HANDLE, lt_thread_join_timeout(thread, 1.0));
    GIVES(LT_BAD_HANDLE, lt_thread_interrupt(thread));
    GIVES(LT_BAD_HANDLE, lt_thread_error(thread, &info));
    FAILS(lt_thread_is_alive(thread));
    FAILS(lt_thread_daemon(thread));
    FAILS(lt_thread_native_id(thread));
    FAILS(lt_thread_ident(thread));
    IS_OK(lt_thread_start(fail_by_returning, NULL, NULL, &thread));
    GIVES(LT_FAILED, lt_thread_join(thread));
    IS_OK(lt_thread_error(thread, &info));
    IS_OK(lt_thread_free(thread));
    IS_OK(lt_shutdown(1000.0));
    must(lt_event_free(done) == LT_OK);
}

static void call_errors(void) {
    lt_errors *errors;
    IS_OK(lt_set_excepthook(ignore_error, NULL));
    IS_OK(lt_set_excepthook(NULL, NULL));
    MAKES(errors, lt_errors_new());
    GIVES(LT_EMPTY, lt_errors_get(errors, &info));
    IS_OK(lt_spawn(raise_an_error, "on purpose", errors, NULL));
    must_soon(lt_errors_count(errors) == 1);
    GIVES(1, lt_errors_count(errors));
    IS_OK(lt_errors_get(errors, &info));
    must(strcmp(info->message, "on purpose") == 0);
    const char *trace;
    MAKES(trace, lt_error_backtrace(info));
    errno = SENTINEL;
    trace = lt_error_backtrace(NULL);
    called("lt_error_backtrace", __LINE__, trace[0], 0, false);
    IS_OK(lt_errors_clear(errors));
    IS_OK(lt_errors_free(errors));
    GIVES(LT_BAD_HANDLE, lt_errors_free(errors));
    GIVES(LT_BAD_HANDLE, lt_errors_get(errors, &info));
    GIVES(LT_BAD_HANDLE, lt_errors_clear(errors));
    FAILS(lt_errors_count(errors));
}

// The file takes a few bytes.
static void fail_to_stop_a_trace(void) {
#ifdef _WIN32
    called("lt_trace_stop", __LINE__, LT_INVALID, LT_INVALID, false); // Nothing there limits a file.
#else
    struct rlimit before;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    must(getrlimit(RLIMIT_FSIZE, &before) == 0);
    must(setrlimit(RLIMIT_FSIZE, &(struct rlimit){8, before.rlim_max}) == 0);
    IS_OK(lt_trace_start("trace-of-errno.json"));
    GIVES(LT_INVALID, lt_trace_stop());
    must(setrlimit(RLIMIT_FSIZE, &before) == 0);
    signal(SIGXFSZ, handler);
    remove("trace-of-errno.json");
#endif
}

static void call_insight(void) {
    lt_event *event = lt_event_new();
    char name[64];
    IS_OK(lt_set_name(event, "event"));
    IS_OK(lt_name(event, name, sizeof name));
    IS_OK(lt_set_name(event, NULL));
    must(lt_event_free(event) == LT_OK);
    GIVES(LT_BAD_HANDLE, lt_set_name(event, "event"));
    GIVES(LT_BAD_HANDLE, lt_name(event, name, sizeof name));
    lt_wait_info all[2] = {{.size = sizeof all[0]}};
    IS_OK(lt_waits(all, 2, &count));
    GIVES(LT_INVALID, lt_waits(NULL, 2, &count));
    IS_OK(lt_set_insight(LT_INSIGHT_ORDER | LT_INSIGHT_CONTENTION));
    IS_OK(lt_set_insight(0));
    GIVES(LT_INVALID, lt_set_insight(1U << 31));
    IS_OK(lt_set_deadlock_hook(NULL, NULL));
    lt_contention_info contended[2] = {{.size = sizeof contended[0]}};
    IS_OK(lt_contention(contended, 2, &count));
    GIVES(LT_INVALID, lt_contention(NULL, 2, &count));
    IS_OK(lt_trace_start("/dev/null"));
    GIVES(LT_BUSY, lt_trace_start("/dev/null"));
    RETURNS(lt_trace_begin("a span"));
    RETURNS(lt_trace_end());
    IS_OK(lt_trace_stop());
    GIVES(LT_INVALID, lt_trace_start("no/such/folder/trace.json"));
    fail_to_stop_a_trace();
    int sink = open("/dev/null", O_WRONLY);
    IS_OK(lt_contention_report(sink));
    GIVES(LT_INVALID, lt_contention_report(-1));
    IS_OK(lt_dump(sink));
    GIVES(LT_INVALID, lt_dump(-1));
    if ((lt_features() & LT_FEATURE_SIGNALS) != 0) {
        IS_OK(lt_dump_on_signal(SIGUSR1, sink));
        IS_OK(lt_dump_on_signal(SIGUSR1, -1));
        GIVES(LT_INVALID, lt_dump_on_signal(SIGKILL, sink));
    }
    close(sink);
}

static void call_interrupts(void) {
    IS_OK(lt_interrupt_main(SIGUSR1));
    GIVES(LT_INVALID, lt_interrupt_main(0));
    GIVES(LT_INTERRUPTED, lt_sleep(1000.0));
    GIVES(SIGUSR1, lt_interrupt_signal());
    IS_OK(lt_interrupt_main(SIGUSR1));
    GIVES(LT_INTERRUPTED, lt_check_interrupt());
    IS_OK(lt_interrupt(lt_get_ident()));
    GIVES(LT_INTERRUPTED, lt_check_interrupt());
    GIVES(LT_INVALID, lt_interrupt(0));
    IS_OK(lt_check_interrupt());
}

static void call_signals(void) {
    lt_event *event = lt_event_new();
    lt_queue *queue = lt_queue_new(0);
    IS_OK(lt_signal_to_event(SIGUSR2, event));
    must(kill(getpid(), SIGUSR2) == 0);
    IS_OK(lt_event_wait(event));
    IS_OK(lt_signal_to_queue(SIGUSR2, queue));
    must(kill(getpid(), SIGUSR2) == 0);
    IS_OK(lt_queue_get(queue, &item));
    IS_OK(lt_event_clear(event));
    IS_OK(lt_signal_to_callback(SIGUSR2, forget_signal, event));
    must(kill(getpid(), SIGUSR2) == 0);
    IS_OK(lt_event_wait(event));
    IS_OK(lt_signal_to_main(SIGUSR2));
    IS_OK(lt_signal_chain_to_main(SIGUSR2));
    GIVES(LT_INVALID, lt_signal_chain_to_main(SIGKILL));
    IS_OK(lt_signal_restore(SIGUSR2));
    GIVES(LT_BAD_HANDLE, lt_signal_to_event(SIGUSR2, NULL));
    GIVES(LT_BAD_HANDLE, lt_signal_to_queue(SIGUSR2, NULL));
    GIVES(LT_INVALID, lt_signal_to_callback(SIGUSR2, NULL, NULL));
    GIVES(LT_INVALID, lt_signal_to_main(SIGKILL));
    GIVES(LT_INVALID, lt_signal_to_event(SIGKILL, event));
    GIVES(LT_INVALID, lt_signal_restore(0));
    must(lt_event_free(event) == LT_OK && lt_queue_free(queue) == LT_OK);
}

static void call_timers(void) {
    lt_timer *timer;
    lt_watchdog *watchdog;
    IS_OK(lt_timer_start(0.001, 0.001, nothing, NULL, &timer));
    IS_OK(lt_timer_cancel(timer));
    IS_OK(lt_timer_free(timer));
    GIVES(LT_INVALID, lt_timer_start(-1.0, 0.0, nothing, NULL, &timer));
    GIVES(LT_BAD_HANDLE, lt_timer_cancel(timer));
    GIVES(LT_BAD_HANDLE, lt_timer_free(timer));
    IS_OK(lt_watchdog_start(1000.0, SIGUSR1, &watchdog));
    IS_OK(lt_watchdog_feed(watchdog));
    IS_OK(lt_watchdog_cancel(watchdog));
    IS_OK(lt_watchdog_free(watchdog));
    GIVES(LT_INVALID, lt_watchdog_start(0.0, SIGUSR1, &watchdog));
    GIVES(LT_BAD_HANDLE, lt_watchdog_feed(watchdog));
    GIVES(LT_BAD_HANDLE, lt_watchdog_cancel(watchdog));
    GIVES(LT_BAD_HANDLE, lt_watchdog_free(watchdog));
}

static void *wait_in_a_task(void *event) {
    GIVES(LT_INVALID, lt_adopt_main());
    must(lt_event_wait(event) == LT_OK);
    return event;
}

static void call_pool(void) {
    lt_pool *pool;
    lt_future *f, *g;
    lt_event *go = lt_event_new();
    lt_pool_info stats = {.size = sizeof stats};
    FAILS(lt_pool_new(1, "\xff"));
    MAKES(pool, lt_pool_new(1, NULL));
    IS_OK(lt_pool_set_drop(pool, nothing));
    IS_OK(lt_pool_submit(pool, wait_in_a_task, go, &f));
    IS_OK(lt_pool_submit(pool, identity, items, &g));
    must_soon(lt_future_running(f));
    IS_OK(lt_pool_stats(pool, &stats));
    GIVES(LT_INVALID, lt_pool_stats(pool, NULL));
    GIVES(LT_BUSY, lt_future_try_result(f, &item));
    GIVES(LT_TIMED_OUT, lt_future_result_timeout(f, 0.002, &item));
    GIVES(LT_TIMED_OUT, lt_future_wait_many(&f, 1, LT_ALL, 0.002, &count));
    GIVES(LT_TIMED_OUT, lt_pool_map(pool, identity, items, 3, NULL, 0.002));
    GIVES(LT_EMPTY, lt_future_error(f, &info));
    GIVES(LT_BUSY, lt_future_cancel(f));
    GIVES(1, lt_future_running(f));
    GIVES(0, lt_future_done(f));
    IS_OK(lt_future_cancel(g));
    GIVES(1, lt_future_cancelled(g));
    GIVES(LT_CANCELLED, lt_future_result(g, &item));
    IS_OK(lt_future_free(g));
    IS_OK(lt_future_add_done_callback(f, forget, NULL));
    must(lt_event_set(go) == LT_OK);
    IS_OK(lt_future_result(f, &item));
    IS_OK(lt_future_add_done_callback(f, forget, NULL));
    IS_OK(lt_future_try_result(f, &item));
    IS_OK(lt_future_result_timeout(f, 1.0, &item));
    IS_OK(lt_future_wait_many(&f, 1, LT_ALL, 1.0, &count));
    IS_OK(lt_future_free(f));
    IS_OK(lt_pool_map(pool, identity, items, 3, NULL, 1000.0));
    IS_OK(lt_pool_submit(pool, raise_in_a_task, "in a task", &f));
    GIVES(LT_FAILED, lt_future_result(f, &item));
    IS_OK(lt_future_error(f, &info));
    IS_OK(lt_future_free(f));
    IS_OK(lt_set_excepthook(ignore_error, NULL));
    GIVES(LT_FAILED, lt_pool_map(pool, raise_in_a_task, items, 3, NULL, 1000.0));
    IS_OK(lt_set_excepthook(NULL, NULL));
    IS_OK(lt_pool_shutdown(pool, true, true));
    GIVES(LT_CLOSED, lt_pool_submit(pool, identity, NULL, NULL));
    IS_OK(lt_pool_free(pool));
    GIVES(LT_BAD_HANDLE, lt_pool_free(pool));
    GIVES(LT_BAD_HANDLE, lt_pool_set_drop(pool, nothing));
    GIVES(LT_BAD_HANDLE, lt_pool_submit(pool, identity, NULL, &f));
    GIVES(LT_BAD_HANDLE, lt_pool_map(pool, identity, items, 3, NULL, 1.0));
    GIVES(LT_BAD_HANDLE, lt_pool_shutdown(pool, false, false));
    GIVES(LT_BAD_HANDLE, lt_future_free(f));
    GIVES(LT_BAD_HANDLE, lt_future_result(f, &item));
    GIVES(LT_BAD_HANDLE, lt_future_try_result(f, &item));
    GIVES(LT_BAD_HANDLE, lt_future_result_timeout(f, 1.0, &item));
    GIVES(LT_BAD_HANDLE, lt_future_error(f, &info));
    GIVES(LT_BAD_HANDLE, lt_future_cancel(f));
    GIVES(LT_BAD_HANDLE, lt_future_add_done_callback(f, forget, NULL));
    GIVES(LT_BAD_HANDLE, lt_future_wait_many(&f, 1, LT_ALL, 1.0, &count));
    FAILS(lt_future_done(f));
    FAILS(lt_future_running(f));
    FAILS(lt_future_cancelled(f));
    must(lt_event_free(go) == LT_OK);
}

static void call_select(void) {
    lt_semaphore *semaphore = lt_semaphore_new(1);
    lt_case cases[9];
    for (size_t i = 0; i < LENGTH(cases); i++) {
        cases[i] = (lt_case){.op = LT_CASE_SEMAPHORE, .handle = semaphore};
    }
    IS_OK(lt_select(cases, 9, 0.0, &count));
    GIVES(LT_TIMED_OUT, lt_select(cases, 9, 0.0, &count));
    GIVES(LT_TIMED_OUT, lt_select(cases, 1, 0.002, &count));
    GIVES(LT_TIMED_OUT, lt_select(cases, 9, 0.002, &count));
    GIVES(LT_DEADLOCK, lt_select(cases, 0, LT_FOREVER, &count));
    must(lt_semaphore_free(semaphore) == LT_OK);
    GIVES(LT_BAD_HANDLE, lt_select(cases, 9, LT_FOREVER, &count));
}

static void call_watch(void) {
    lt_semaphore *semaphore = lt_semaphore_new(1);
    lt_watcher *watcher = NULL;
    IS_OK(lt_watch(semaphore, LT_CASE_SEMAPHORE, nothing, NULL, &watcher));
    GIVES(LT_INVALID, lt_watch(semaphore, LT_CASE_SEMAPHORE, NULL, NULL, &watcher));
    IS_OK(lt_watch_free(watcher));
    GIVES(LT_BAD_HANDLE, lt_watch_free(watcher));
#ifndef _WIN32
    int fd = -1;
    IS_OK(lt_watch_fd(semaphore, LT_CASE_SEMAPHORE, &fd, &watcher));
    GIVES(LT_INVALID, lt_watch_fd(semaphore, 77, &fd, &watcher));
    IS_OK(lt_semaphore_acquire(semaphore));
    for (int i = 0; i < 3; i++) { // Written, read, and found empty.
        GIVES(LT_BUSY, lt_semaphore_try_acquire(semaphore));
        GIVES(LT_TIMED_OUT, lt_semaphore_acquire_timeout(semaphore, 0.001));
        IS_OK(lt_semaphore_release(semaphore, 1));
        IS_OK(lt_semaphore_try_acquire(semaphore));
    }
    IS_OK(lt_semaphore_free(semaphore));
    IS_OK(lt_watch_free(watcher));
#else
    GIVES(LT_UNSUPPORTED, lt_watch_fd(semaphore, LT_CASE_SEMAPHORE, NULL, &watcher));
    IS_OK(lt_semaphore_free(semaphore));
#endif
}

// What any thread can do.
static void call_everything(void) {
    call_status();
    call_lock();
    call_rlock();
    call_semaphore();
    call_event();
    call_condition();
    call_barrier();
    call_rwlock();
    call_once_and_spinlock();
    call_queue(0);
    call_queue(3);
    call_local();
    call_threads();
    call_errors();
    call_insight();
    if ((lt_features() & LT_FEATURE_SIGNALS) != 0) {
        call_signals();
    }
    call_timers();
    call_pool();
    call_select();
    call_watch();
}

// Those that do not return, and those that cannot fail.
static const char *const NO_RETURN[] = {"lt_exit", "lt_raise"};
static const char *const NO_FAILURE[] = {"lt_allocate_lock", "lt_check_interrupt",
    "lt_condition_new", "lt_errors_new", "lt_event_new", "lt_features", "lt_get_ident", "lt_get_native_id",
    "lt_interrupt_signal", "lt_last_errno", "lt_last_error", "lt_last_status", "lt_local_new",
    "lt_main_ident", "lt_monotonic", "lt_queue_new", "lt_rlock_new", "lt_rwlock_new", "lt_semaphore_new", "lt_set_deadlock_hook",
    "lt_set_excepthook",
    "lt_spinlock_new", "lt_stack_size", "lt_status_message", "lt_status_name", "lt_thread_count",
    "lt_thread_current", "lt_trace_begin", "lt_trace_end",
    "lt_version"};

static bool is_among(const char *name, const char *const *names, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

TEST(errno_survives_every_call) {
    call_everything();
    call_interrupts();
    IS_OK(lt_adopt_main());

    char name[128];
    size_t missing = 0;
    FILE *file = open_symbols(__FILE__);
    while (fscanf(file, "%127s", name) == 1) {
        bool of_signals = strncmp(name, "lt_signal_", 10) == 0 || strcmp(name, "lt_dump_on_signal") == 0;
        if ((lt_features() & LT_FEATURE_SIGNALS) == 0 && of_signals) {
            continue; // Not called here.
        }
#ifdef _WIN32
        if (strcmp(name, "lt_watch_fd") == 0) {
            continue; // It has no such descriptors.
        }
#endif
        const calls *c = calls_of(name);
        bool well = c->well || is_among(name, NO_RETURN, LENGTH(NO_RETURN));
        bool badly = c->badly || is_among(name, NO_RETURN, LENGTH(NO_RETURN)) ||
                     is_among(name, NO_FAILURE, LENGTH(NO_FAILURE));
        if (!well || !badly) {
            print_error("test_errno.c does not see %s %s\n", name, well ? "fail" : "succeed");
            missing++;
        }
    }
    fclose(file);
    assert_int_equal(missing, 0);
}

static void on_a_started_thread(void *unused) {
    (void)unused;
    call_status();
    call_lock();
    call_semaphore();
    call_event();
    call_barrier();
    call_rwlock();
    call_queue(3);
    call_errors();
    call_pool();
}

TEST(errno_survives_the_calls_of_a_joinable_thread) {
    lt_thread *thread;
    assert_ok(lt_thread_start(on_a_started_thread, NULL, NULL, &thread));
    assert_ok(lt_thread_join(thread));
    assert_ok(lt_thread_free(thread));
}

static void *on_a_foreign_thread(void *unused) {
    call_everything();
    return unused;
}

TEST(errno_survives_the_calls_of_a_foreign_thread) {
    pthread_t thread;
    must(pthread_create(&thread, NULL, on_a_foreign_thread, NULL) == 0);
    must(pthread_join(thread, NULL) == 0);
}

// ---- Waits that sleep, and are ended by another thread

typedef struct ender {
    const wait_kind *kind;
    void *object;
    int64_t sleeper;
    bool by_interrupt;
} ender;

static lt_status end_the_wait(void *arg) {
    ender *e = arg;
    must_soon(asleep(e->sleeper));
    return e->by_interrupt ? lt_interrupt_main(SIGUSR1) : e->kind->satisfy(e->object);
}

static void check_a_sleep(const wait_kind *kind, double seconds, bool by_interrupt) {
    ender e = {kind, waits_make(kind), lt_get_native_id(), by_interrupt};
    waiter w;
    waiter_launch(&w, end_the_wait, &e);
    errno = SENTINEL;
    lt_status status = kind->wait_timeout(e.object, seconds);
    int now = errno;
    must_for(kind->name, now == SENTINEL);
    must_for(kind->name, status == (by_interrupt ? LT_INTERRUPTED : LT_OK));
    must(waiter_join(&w) == LT_OK);
    if (by_interrupt) {
        must_for(kind->name, kind->satisfy(e.object) == LT_OK);
    }
    waits_destroy(kind, e.object);
}

static void *sleep_in_every_wait(void *unused) {
    for_each_wait(kind) {
        check_a_sleep(kind, LT_FOREVER, false);
        check_a_sleep(kind, 1000.0, false);
    }
    return unused;
}

TEST(errno_survives_every_wait_that_sleeps) {
    sleep_in_every_wait(NULL);
    pthread_t thread;
    must(pthread_create(&thread, NULL, sleep_in_every_wait, NULL) == 0);
    must(pthread_join(thread, NULL) == 0);
}

TEST(errno_survives_every_wait_that_is_interrupted) {
    for_each_wait(kind) {
        check_a_sleep(kind, LT_FOREVER, true);
        check_a_sleep(kind, 1000.0, true);
    }
}

// ---- Signals that are routed arrive on threads that compute

TEST(errno_survives_the_arrival_of_a_routed_signal) {
    skip_without_signals();
    lt_event *event = lt_event_new();
    assert_ok(lt_signal_to_event(SIGUSR2, event));
    assert_ok(lt_signal_to_main(SIGUSR1));
    errno = SENTINEL;
    must(pthread_kill(pthread_self(), SIGUSR2) == 0 && errno == SENTINEL);
    assert_ok(lt_event_wait(event));
    errno = SENTINEL;
    must(pthread_kill(pthread_self(), SIGUSR1) == 0 && errno == SENTINEL);
    must_soon(lt_check_interrupt() == LT_INTERRUPTED);
    assert_ok(lt_signal_restore(SIGUSR2));
    assert_ok(lt_signal_restore(SIGUSR1));
    assert_ok(lt_event_free(event));
}
