// What is left by lt_exit although nobody can unwind it: these functions have no unwind tables.
// flags: -fno-exceptions -fno-unwind-tables -fno-asynchronous-unwind-tables
// needs: functions without unwind tables
#include "support.h"

static void exit_from(void *unused) {
    (void)unused;
    lt_exit();
}

static void *exit_from_task(void *arg) {
    exit_from(arg);
    return arg;
}

static void *give_back(void *arg) {
    return arg;
}

static void *end_as_posix_has_it(void *arg) {
    (void)arg;
    pthread_exit(NULL);
}

static void count(void *counter) {
    atomic_fetch_add((_Atomic int *)counter, 1);
}

static void check_task_left_by(lt_task_fn task) {
    lt_pool *pool = lt_pool_new(1, NULL);
    for (int i = 0; i < 10; i++) {
        lt_future *future;
        const lt_error_info *info = NULL;
        assert_ok(lt_pool_submit(pool, task, NULL, &future));
        assert_status(lt_future_result(future, NULL), LT_FAILED);
        assert_ok(lt_future_error(future, &info));
        assert_int_equal(info->kind, LT_ERROR_EXITED);
        assert_ok(lt_future_free(future));
        int key;
        void *result = NULL;
        assert_ok(lt_pool_submit(pool, give_back, &key, &future));
        assert_ok(lt_future_result(future, &result));
        assert_ptr_equal(result, &key);
        assert_ok(lt_future_free(future));
    }
    assert_ok(lt_pool_free(pool));
}

TEST(a_task_that_exits_fails_its_future) {
    check_task_left_by(exit_from_task);
}

TEST(a_task_that_calls_pthread_exit_fails_its_future) {
    check_task_left_by(end_as_posix_has_it);
}

static lt_once_flag flag;

static void call_once_and_exit(void *unused) {
    (void)unused;
    LT_IGNORE(lt_call_once(&flag, exit_from, NULL));
    must(!"returned");
}

TEST(a_once_function_that_exits_can_be_called_again) {
    for (int i = 0; i < 10; i++) {
        lt_thread *thread;
        assert_ok(lt_thread_start(call_once_and_exit, NULL, NULL, &thread));
        assert_ok(lt_thread_join(thread));
        assert_ok(lt_thread_free(thread));
    }
    static _Atomic int called;
    assert_ok(lt_call_once(&flag, count, &called));
    assert_int_equal(called, 1);
}

static lt_status wait_at_barrier(void *barrier) {
    return lt_barrier_wait(barrier, NULL);
}

static void come_last(void *barrier) {
    LT_IGNORE(lt_barrier_wait(barrier, NULL));
    must(!"returned");
}

TEST(an_action_that_exits_breaks_its_barrier) {
    lt_barrier *barrier = lt_barrier_new(2, exit_from, NULL);
    for (int i = 0; i < 10; i++) {
        waiter first;
        waiter_start(&first, wait_at_barrier, barrier);
        lt_thread *last;
        assert_ok(lt_thread_start(come_last, barrier, NULL, &last));
        assert_ok(lt_thread_join(last));
        assert_ok(lt_thread_free(last));
        assert_status(waiter_join(&first), LT_BROKEN);
        assert_true(lt_barrier_is_broken(barrier));
        assert_ok(lt_barrier_reset(barrier));
    }
    assert_ok(lt_barrier_free(barrier));
}

// As a task that others wait for: the callback that exits is the first of two.
typedef struct callbacks {
    lt_event *go;
    _Atomic int called;
} callbacks;

static void *wait_to_go(void *c) {
    must(lt_event_wait(((callbacks *)c)->go) == LT_OK);
    return NULL;
}

static void exit_from_callback(lt_future *future, void *arg) {
    (void)future;
    exit_from(arg);
}

static void note(lt_future *future, void *c) {
    (void)future;
    count(&((callbacks *)c)->called);
}

TEST(the_callback_behind_one_that_exits_is_called) {
    lt_pool *pool = lt_pool_new(1, NULL);
    callbacks c = {.go = lt_event_new()};
    for (int i = 1; i <= 10; i++) {
        lt_future *future;
        assert_ok(lt_event_clear(c.go));
        assert_ok(lt_pool_submit(pool, wait_to_go, &c, &future));
        assert_ok(lt_future_add_done_callback(future, exit_from_callback, NULL));
        assert_ok(lt_future_add_done_callback(future, note, &c));
        assert_ok(lt_event_set(c.go));
        assert_ok(lt_future_result(future, NULL));
        must_soon(atomic_load(&c.called) == i);
        assert_ok(lt_future_free(future));
    }
    assert_ok(lt_pool_free(pool));
    assert_ok(lt_event_free(c.go));
}

static _Atomic int handlers;

static void exit_below_handlers(void *frames);
static void (*volatile go_deeper)(void *) = exit_below_handlers;

static void exit_below_handlers(void *frames) {
    int left = *(int *)frames;
    pthread_cleanup_push(count, &handlers);
    if (left == 0) {
        lt_exit();
    }
    left--;
    go_deeper(&left);
    pthread_cleanup_pop(0);
}

TEST(every_handler_is_called) {
    handlers = 0;
    int frames = 9;
    lt_thread *thread;
    assert_ok(lt_thread_start(exit_below_handlers, &frames, NULL, &thread));
    assert_ok(lt_thread_join(thread));
    assert_ok(lt_thread_free(thread));
    assert_int_equal(handlers, 10);
}
