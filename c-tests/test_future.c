// Futures: what becomes of a task, and who hears of it.
// timeout: 60
// flags: -fexceptions
#include "pools.h"

// ---- Results

static void check_result(lt_future *future, lt_status status, void *expected) {
    for (int i = 0; i < 2; i++) { // As often as one likes.
        void *result = &result;
        void *written = status == LT_OK ? expected : &result;
        assert_status(lt_future_result(future, &result), status);
        assert_ptr_equal(result, written);
        result = &result;
        assert_status(lt_future_try_result(future, &result), status);
        assert_ptr_equal(result, written);
        const double seconds[] = {0.0, 1e-9, 1000.0, LT_FOREVER};
        for (size_t s = 0; s < LENGTH(seconds); s++) {
            result = &result;
            assert_status(lt_future_result_timeout(future, seconds[s], &result), status);
            assert_ptr_equal(result, written);
        }
        assert_status(lt_future_result(future, NULL), status);
        assert_status(lt_future_try_result(future, NULL), status);
        assert_status(lt_future_result_timeout(future, 0.0, NULL), status);
        // The arguments go before the availability.
        assert_status(lt_future_result_timeout(future, NAN, &result), LT_INVALID);
        assert_status(lt_future_result_timeout(future, INFINITY, NULL), LT_OVERFLOW);
    }
    assert_true(lt_future_done(future));
    assert_false(lt_future_running(future));
    assert_int_equal(lt_future_cancelled(future), status == LT_CANCELLED);
}

static void check_not_over(lt_future *future, bool running) {
    void *result = &result;
    assert_status(lt_future_try_result(future, &result), LT_BUSY);
    assert_status(lt_future_result_timeout(future, 0.0, &result), LT_TIMED_OUT);
    double began = lt_monotonic();
    assert_status(lt_future_result_timeout(future, 0.003, &result), LT_TIMED_OUT);
    assert_true(seconds_since(began) >= 0.003);
    assert_ptr_equal(result, &result);
    assert_false(lt_future_done(future));
    assert_int_equal(lt_future_running(future), running);
    assert_false(lt_future_cancelled(future));
    const lt_error_info *info = (const lt_error_info *)&result;
    assert_status(lt_future_error(future, &info), LT_EMPTY);
    assert_ptr_equal(info, &result);
}

TEST(a_future_goes_from_pending_to_running_to_finished) {
    lt_pool *pool = pool_of(1);
    gate g = new_gate();
    lt_future *running = submit_standing(pool, &g);
    lt_future *pending = submit(pool, give_back, any_value(5));
    lt_future *null = submit(pool, give_back, NULL);
    check_not_over(running, true);
    check_not_over(pending, false);
    open_gate(&g);
    check_result(running, LT_OK, &g);
    assert_ok(lt_future_result(pending, NULL));
    check_result(pending, LT_OK, any_value(5));
    assert_ok(lt_future_result(null, NULL));
    check_result(null, LT_OK, NULL);
    const lt_error_info *info;
    assert_status(lt_future_error(pending, &info), LT_EMPTY);
    assert_ok(lt_pool_free(pool));
    check_result(pending, LT_OK, any_value(5)); // A future outlives its pool.
    assert_ok(lt_future_free(running));
    assert_ok(lt_future_free(pending));
    assert_ok(lt_future_free(null));
    assert_status(lt_future_free(null), LT_BAD_HANDLE);
    assert_ok(lt_future_free(NULL));
    free_gate(&g);
}

// ---- What futures share with all waits. Handles that were freed are tried: nothing is given back.

typedef struct awaited {
    lt_pool *pool;
    gate gate;
    lt_future *future;
    struct awaited *next;
} awaited;

static awaited *_Atomic all_awaited; // So that they are no leak.

static void *new_awaited(void) {
    awaited *a = malloc(sizeof *a);
    must(a != NULL);
    *a = (awaited){pool_of(1), new_gate(), NULL, atomic_load(&all_awaited)};
    a->future = submit_standing(a->pool, &a->gate);
    while (!atomic_compare_exchange_weak(&all_awaited, &a->next, a)) {
    }
    return a;
}

static lt_status satisfy_awaited(void *arg) {
    awaited *a = arg;
    open_gate(&a->gate);
    must_soon(lt_future_done(a->future));
    return LT_OK;
}

static lt_status free_awaited(void *arg) {
    awaited *a = arg;
    lt_status status = lt_future_free(a->future);
    if (status == LT_OK) {
        open_gate(&a->gate);
        must(lt_pool_free(a->pool) == LT_OK);
        free_gate(&a->gate);
    }
    return status;
}

#define FUTURE_OF(o) (((awaited *)(o))->future)
WAITS_CALL(result_wait, lt_future_result(FUTURE_OF(o), NULL))
WAITS_CALL(result_try, lt_future_try_result(FUTURE_OF(o), NULL))
WAITS_TIMED(result_timed, lt_future_result_timeout(FUTURE_OF(o), seconds, NULL))
WAITS_TIMED(many_timed, lt_future_wait_many(&FUTURE_OF(o), 1, LT_ALL, seconds, NULL))
WAITS_CALL(many_wait, many_timed(o, LT_FOREVER))
WAITS_CALL(many_try, many_timed(o, 0.0))

static const wait_kind RESULT_WAIT = {.name = "future result",
    .make = new_awaited,
    .wait = result_wait,
    .try_wait = result_try,
    .wait_timeout = result_timed,
    .satisfy = satisfy_awaited,
    .destroy = free_awaited,
    .not_yet = LT_BUSY,
    .timeout_name = "lt_future_result_timeout"};
static const wait_kind MANY_WAIT = {.name = "future wait_many",
    .make = new_awaited,
    .wait = many_wait,
    .try_wait = many_try,
    .wait_timeout = many_timed,
    .satisfy = satisfy_awaited,
    .destroy = free_awaited,
    .not_yet = LT_TIMED_OUT,
    .timeout_name = "lt_future_wait_many"};

TEST(a_wait_for_a_result_is_a_wait_like_every_other) {
    waits_check_all(&RESULT_WAIT);
}

TEST(a_wait_for_many_is_a_wait_like_every_other) {
    waits_check_all(&MANY_WAIT);
}

TEST(who_waits_for_a_future_is_not_awake) {
    waits_check_sleeps_soundly(&RESULT_WAIT, LT_FOREVER);
    waits_check_sleeps_soundly(&RESULT_WAIT, 1000.0);
    waits_check_sleeps_soundly(&MANY_WAIT, LT_FOREVER);
    waits_check_sleeps_soundly(&MANY_WAIT, 1000.0);
}

TEST(all_who_wait_for_a_result_get_it) {
    awaited *a = new_awaited();
    waiter w[8];
    for (int i = 0; i < 4; i++) {
        waiter_start(&w[2 * i], result_wait, a);
        waiter_start(&w[2 * i + 1], many_wait, a);
    }
    open_gate(&a->gate);
    for (int i = 0; i < 8; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_ok(free_awaited(a));
}

// ---- Cancelling

TEST(a_pending_task_that_is_cancelled_is_never_called) {
    lt_pool *pool = pool_of(1);
    gate g = new_gate();
    _Atomic int calls = 0;
    lt_future *running = submit_standing(pool, &g);
    lt_future *future = submit(pool, count_call, &calls);
    assert_ok(lt_future_cancel(future));
    check_result(future, LT_CANCELLED, NULL);
    assert_ok(lt_future_cancel(future)); // Again.
    check_result(future, LT_CANCELLED, NULL);
    const lt_error_info *info = NULL;
    assert_status(lt_future_error(future, &info), LT_EMPTY);
    assert_null(info);
    open_gate(&g);
    assert_ok(lt_pool_free(pool));
    assert_int_equal(calls, 0);
    assert_ok(lt_future_cancel(future));
    assert_ok(lt_future_free(future));
    assert_ok(lt_future_free(running));
    free_gate(&g);
}

TEST(what_runs_or_is_over_cannot_be_cancelled) {
    listen_to_hook();
    lt_pool *pool = pool_of(1);
    gate g = new_gate();
    lt_future *future = submit_standing(pool, &g);
    assert_status(lt_future_cancel(future), LT_BUSY);
    check_not_over(future, true);
    open_gate(&g);
    assert_ok(lt_future_result(future, NULL));
    assert_status(lt_future_cancel(future), LT_BUSY);
    check_result(future, LT_OK, &g);
    lt_future *failed = submit(pool, raise_seven, "no");
    assert_status(lt_future_result(failed, NULL), LT_FAILED);
    assert_status(lt_future_cancel(failed), LT_BUSY);
    check_result(failed, LT_FAILED, NULL);
    assert_ok(lt_future_free(future));
    assert_ok(lt_future_free(failed));
    assert_ok(lt_pool_free(pool));
    free_gate(&g);
}

TEST(who_waits_hears_of_a_cancel) {
    lt_pool *pool = pool_of(1);
    gate g = new_gate();
    lt_future *running = submit_standing(pool, &g);
    awaited a = {.future = submit(pool, give_back, NULL)};
    waiter w[2];
    waiter_start(&w[0], result_wait, &a);
    waiter_start(&w[1], many_wait, &a);
    assert_ok(lt_future_cancel(a.future));
    assert_status(waiter_join(&w[0]), LT_CANCELLED);
    assert_ok(waiter_join(&w[1]));
    open_gate(&g);
    assert_ok(lt_future_free(a.future));
    assert_ok(lt_future_free(running));
    assert_ok(lt_pool_free(pool));
    free_gate(&g);
}

// A worker begins a task at the moment at which it is cancelled: one of them wins.
TEST(of_a_cancel_and_a_start_one_wins) {
    lt_pool *pool = pool_of(2);
    int cancelled = 0, ran = 0;
    for (int i = 0; i < 20000; i++) {
        _Atomic int calls = 0;
        lt_future *future = submit(pool, count_call, &calls);
        if (i % 3 == 0) {
            spend((i % 50) * 1e-7);
        }
        lt_status status = lt_future_cancel(future);
        assert_true(status == LT_OK || status == LT_BUSY);
        assert_status(lt_future_result(future, NULL), status == LT_OK ? LT_CANCELLED : LT_OK);
        assert_ok(lt_future_free(future));
        assert_int_equal(calls, status == LT_BUSY);
        cancelled += status == LT_OK;
        ran += status == LT_BUSY;
    }
    assert_true(cancelled > 0 && ran > 0);
    assert_ok(lt_pool_free(pool));
}

// ---- Errors

static char worker_name[64];
static lt_ident worker_ident;

static void *tell_name_and_raise(void *message) {
    worker_ident = lt_get_ident();
    must(lt_thread_name(worker_ident, worker_name, sizeof worker_name) == LT_OK);
    lt_raise(7, message);
}

static void *tell_name_and_exit(void *unused) {
    (void)unused;
    worker_ident = lt_get_ident();
    must(lt_thread_name(worker_ident, worker_name, sizeof worker_name) == LT_OK);
    lt_exit();
}

static void check_error(lt_future *future, int kind, int code, const char *message) {
    check_result(future, LT_FAILED, NULL);
    const lt_error_info *info = NULL, *again = NULL;
    assert_ok(lt_future_error(future, &info));
    assert_int_equal(info->size, sizeof *info);
    assert_int_equal(info->kind, kind);
    assert_int_equal(info->code, code);
    assert_int_equal(info->ident, worker_ident);
    assert_string_equal(info->thread_name, worker_name);
    if (message != NULL) {
        assert_string_equal(info->type_name, "error");
        assert_string_equal(info->message, message);
    }
    assert_non_null(info->message);
    assert_non_null(lt_error_backtrace(info));
    assert_ok(lt_future_error(future, &again));
    assert_ptr_equal(again, info);
    assert_ok(lt_future_error(future, NULL));
}

TEST(the_error_of_a_task_is_its_futures_alone) {
    listen_to_hook();
    lt_pool *pool = lt_pool_new(1, "wörker");
    lt_future *raised = submit(pool, tell_name_and_raise, "seven");
    assert_status(lt_future_result(raised, NULL), LT_FAILED);
    assert_string_equal(worker_name, "wörker_0");
    check_error(raised, LT_ERROR_RAISED, 7, "seven");
    lt_future *left = submit(pool, tell_name_and_exit, NULL);
    assert_status(lt_future_result(left, NULL), LT_FAILED);
    check_error(left, LT_ERROR_EXITED, 0, NULL);
    assert_ok(lt_pool_free(pool));
    check_error(left, LT_ERROR_EXITED, 0, NULL); // It lives as long as the handle.
    assert_ok(lt_future_free(raised));
    assert_ok(lt_future_free(left));
    assert_int_equal(hook_calls, 0);
}

TEST(the_error_of_a_task_whose_future_was_freed_goes_to_the_hook) {
    listen_to_hook();
    lt_pool *pool = pool_of(1);
    for (int i = 1; i <= 3; i++) {
        gate g = new_gate();
        lt_future *running = submit_standing(pool, &g);
        assert_ok(lt_future_free(submit(pool, raise_seven, "freed while pending")));
        open_gate(&g);
        assert_ok(lt_future_result(running, NULL));
        assert_ok(lt_future_free(running));
        must_soon(atomic_load(&hook_calls) == i);
        assert_string_equal(hook_message, "freed while pending");
        free_gate(&g);
    }
    assert_ok(lt_future_free(submit(pool, leave, NULL))); // lt_exit is silent.
    assert_ok(lt_pool_free(pool));
    assert_int_equal(hook_calls, 3);
}

// ---- Callbacks

typedef struct note {
    _Atomic int calls;
    lt_future *future;
    lt_ident ident;
    lt_status status;
    int order;
} note;

static _Atomic int order;

static void take_note(lt_future *future, void *arg) {
    note *n = arg;
    n->future = future;
    n->ident = lt_get_ident();
    n->order = atomic_fetch_add(&order, 1) + 1;
    n->status = lt_future_try_result(future, NULL);
    atomic_fetch_add(&n->calls, 1);
}

static void check_note(note *n, lt_future *future, lt_ident ident, lt_status status, int nth) {
    must_soon(atomic_load(&n->calls) > 0);
    assert_int_equal(n->calls, 1);
    assert_ptr_equal(n->future, future);
    assert_int_equal(n->ident, ident);
    assert_int_equal(n->status, status);
    assert_int_equal(n->order, nth);
}

static void *ident_of_worker(void *arg) {
    stand_at(arg);
    return any_value(lt_get_ident());
}

TEST(callbacks_are_called_once_in_their_order_on_the_thread_that_ended_the_task) {
    lt_pool *pool = pool_of(1);
    gate g = new_gate();
    lt_future *future = submit(pool, ident_of_worker, &g);
    assert_ok(lt_semaphore_acquire(g.arrived));
    note notes[100];
    memset(notes, 0, sizeof notes);
    atomic_store(&order, 0);
    for (size_t i = 0; i < LENGTH(notes); i++) {
        assert_ok(lt_future_add_done_callback(future, take_note, &notes[i]));
    }
    assert_int_equal(order, 0);
    open_gate(&g);
    void *ident = NULL;
    assert_ok(lt_future_result(future, &ident));
    for (size_t i = 0; i < LENGTH(notes); i++) {
        check_note(&notes[i], future, (lt_ident)(uintptr_t)ident, LT_OK, (int)i + 1);
    }
    assert_ok(lt_pool_free(pool));
    assert_ok(lt_future_free(future));
    assert_int_equal(order, LENGTH(notes));
    free_gate(&g);
}

TEST(a_late_callback_is_called_at_once_on_the_caller) {
    listen_to_hook();
    lt_pool *pool = pool_of(1);
    lt_future *futures[2] = {submit(pool, give_back, NULL), submit(pool, raise_seven, "x")};
    const lt_status statuses[2] = {LT_OK, LT_FAILED};
    for (int f = 0; f < 2; f++) {
        assert_status(lt_future_result(futures[f], NULL), statuses[f]);
        for (int i = 0; i < 3; i++) {
            note n = {0};
            atomic_store(&order, 0);
            assert_ok(lt_future_add_done_callback(futures[f], take_note, &n));
            assert_int_equal(n.calls, 1);
            check_note(&n, futures[f], lt_get_ident(), statuses[f], 1);
        }
        assert_ok(lt_future_free(futures[f]));
    }
    assert_ok(lt_pool_free(pool));
}

TEST(callbacks_of_a_cancelled_task_are_called_by_who_cancels) {
    lt_pool *pool = pool_of(1);
    gate g = new_gate();
    lt_future *running = submit_standing(pool, &g);
    lt_future *future = submit(pool, give_back, NULL);
    note notes[3];
    memset(notes, 0, sizeof notes);
    atomic_store(&order, 0);
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_future_add_done_callback(future, take_note, &notes[i]));
    }
    assert_ok(lt_future_cancel(future));
    assert_int_equal(order, 3);
    for (int i = 0; i < 3; i++) {
        check_note(&notes[i], future, lt_get_ident(), LT_CANCELLED, i + 1);
    }
    assert_ok(lt_future_cancel(future));
    assert_int_equal(order, 3);
    open_gate(&g);
    assert_ok(lt_future_free(running));
    assert_ok(lt_pool_free(pool));
    assert_ok(lt_future_free(future));
    free_gate(&g);
}

TEST(a_callback_of_null_is_invalid) {
    lt_pool *pool = pool_of(1);
    lt_future *future = submit(pool, give_back, NULL);
    assert_status(lt_future_add_done_callback(future, NULL, NULL), LT_INVALID);
    assert_true(last_error_names("lt_future_add_done_callback"));
    assert_ok(lt_future_result(future, NULL));
    assert_status(lt_future_add_done_callback(future, NULL, NULL), LT_INVALID);
    assert_ok(lt_future_free(future));
    assert_ok(lt_pool_free(pool));
}

static void raise_in_callback(lt_future *future, void *message) {
    (void)future;
    lt_raise(9, message);
}

static void exit_in_callback(lt_future *future, void *unused) {
    (void)future;
    (void)unused;
    lt_exit();
}

static void check_callbacks_around(lt_future_fn bad, int heard, uint32_t workers) {
    listen_to_hook();
    lt_pool *pool = pool_of(workers);
    gate g = new_gate();
    lt_future *future = submit_standing(pool, &g);
    note notes[4];
    memset(notes, 0, sizeof notes);
    for (int i = 0; i < 4; i++) {
        assert_ok(lt_future_add_done_callback(future, take_note, &notes[i]));
        assert_ok(lt_future_add_done_callback(future, bad, "from a callback"));
    }
    open_gate(&g);
    assert_ok(lt_future_result(future, NULL)); // It is not the task that failed.
    for (int i = 0; i < 4; i++) {
        must_soon(atomic_load(&notes[i].calls) == 1);
    }
    must_soon(atomic_load(&hook_calls) == heard);
    // There are as many workers as before.
    assert_ptr_equal(take_result(submit(pool, give_back, &g)), &g);
    assert_int_equal(stats_of(pool).workers, 1);
    assert_ok(lt_pool_free(pool));
    assert_int_equal(hook_calls, heard);
    assert_true(heard == 0 || strcmp(hook_message, "from a callback") == 0);
    assert_ok(lt_future_free(future));
    free_gate(&g);
}

TEST(a_callback_that_raises_is_told_to_the_hook_and_the_next_is_called) {
    check_callbacks_around(raise_in_callback, 4, 1);
}

TEST(a_callback_that_exits_leaves_the_others_and_the_pool_alone) {
    check_callbacks_around(exit_in_callback, 0, 1);
}

static lt_future *late_future;
static _Atomic int came_back;

static void add_late(void *callback) {
    lt_future_fn function;
    memcpy(&function, callback, sizeof function);
    must(lt_future_add_done_callback(late_future, function, "late") == LT_OK);
    atomic_fetch_add(&came_back, 1);
}

TEST(a_late_callback_that_raises_is_told_to_the_hook_and_one_that_exits_ends_the_caller) {
    listen_to_hook();
    lt_pool *pool = pool_of(1);
    late_future = submit(pool, give_back, NULL);
    assert_ok(lt_future_result(late_future, NULL));
    const lt_future_fn bad[2] = {raise_in_callback, exit_in_callback};
    atomic_store(&came_back, 0);
    for (int i = 0; i < 2; i++) {
        lt_thread *thread = NULL;
        assert_ok(lt_thread_start(add_late, (void *)&bad[i], NULL, &thread));
        assert_ok(lt_thread_join(thread));
        assert_ok(lt_thread_free(thread));
        assert_int_equal(came_back, 1); // Only from the one that raised.
        assert_int_equal(hook_calls, 1);
    }
    assert_string_equal(hook_message, "late");
    note n = {0};
    assert_ok(lt_future_add_done_callback(late_future, take_note, &n));
    assert_int_equal(n.calls, 1);
    assert_ok(lt_future_free(late_future));
    assert_ok(lt_pool_free(pool));
}

static void free_in_callback(lt_future *future, void *arg) {
    note *n = arg;
    n->status = lt_future_free(future);
    atomic_fetch_add(&n->calls, 1);
}

static void take_note_of_freed(lt_future *future, void *arg) {
    note *n = arg;
    n->future = future;
    n->status = lt_future_try_result(future, NULL);
    atomic_fetch_add(&n->calls, 1);
}

TEST(a_callback_may_free_its_future) {
    lt_pool *pool = pool_of(1);
    for (int i = 0; i < 200; i++) {
        gate g = new_gate();
        note freed = {0}, later = {0};
        lt_future *running = submit_standing(pool, &g);
        lt_future *future = submit(pool, give_back, NULL);
        assert_ok(lt_future_add_done_callback(future, free_in_callback, &freed));
        assert_ok(lt_future_add_done_callback(future, take_note_of_freed, &later));
        if (i % 2 == 0) {
            assert_ok(lt_future_cancel(future));
        }
        open_gate(&g);
        must_soon(atomic_load(&later.calls) == 1);
        assert_int_equal(freed.calls, 1);
        assert_int_equal(freed.status, LT_OK);
        assert_int_equal(later.status, LT_BAD_HANDLE);
        assert_ptr_equal(later.future, future);
        assert_status(lt_future_free(future), LT_BAD_HANDLE);
        assert_ok(lt_future_result(running, NULL));
        assert_ok(lt_future_free(running));
        free_gate(&g);
    }
    // A late one as well.
    lt_future *future = submit(pool, give_back, NULL);
    assert_ok(lt_future_result(future, NULL));
    note n = {0};
    assert_ok(lt_future_add_done_callback(future, free_in_callback, &n));
    assert_int_equal(n.status, LT_OK);
    assert_status(lt_future_done(future) ? LT_OK : lt_last_status(), LT_BAD_HANDLE);
    assert_ok(lt_pool_free(pool));
}

static void add_another(lt_future *future, void *arg) {
    must(lt_future_add_done_callback(future, take_note, arg) == LT_OK);
    must(((note *)arg)->calls == 0); // It is over, but another one is being called: this.
}

TEST(a_callback_may_add_another) {
    lt_pool *pool = pool_of(1);
    gate g = new_gate();
    lt_future *future = submit_standing(pool, &g);
    note n = {0};
    assert_ok(lt_future_add_done_callback(future, add_another, &n));
    open_gate(&g);
    must_soon(atomic_load(&n.calls) == 1);
    assert_ok(lt_pool_free(pool));
    assert_ok(lt_future_free(future));
    free_gate(&g);
}

// Callbacks of one future note the order in which they are called, and where.
typedef struct turn {
    _Atomic int *next;
    int mine;
    int64_t thread;
    gate *wait; // For a gate in between; or NULL.
} turn;

static void take_turn(lt_future *future, void *arg) {
    (void)future;
    turn *t = arg;
    if (t->wait != NULL) {
        stand_at(t->wait);
    }
    t->mine = atomic_fetch_add(t->next, 1);
    t->thread = lt_get_native_id();
}

TEST(a_late_callback_waits_while_an_earlier_one_is_called) {
    lt_pool *pool = pool_of(1);
    for (int round = 0; round < 20; round++) {
        gate task = new_gate(), callback = new_gate();
        _Atomic int next = 0;
        turn turns[4] = {{&next, -1, 0, &callback}, {&next, -1, 0, NULL}, {&next, -1, 0, NULL}, {&next, -1, 0, NULL}};
        lt_future *future = submit_standing(pool, &task);
        assert_ok(lt_future_add_done_callback(future, take_turn, &turns[0]));
        assert_ok(lt_future_add_done_callback(future, take_turn, &turns[1]));
        open_gate(&task);
        assert_ok(lt_semaphore_acquire(callback.arrived));
        assert_true(lt_future_done(future)); // And its first callback is being called.
        assert_ok(lt_future_add_done_callback(future, take_turn, &turns[2]));
        assert_int_equal(next, 0);
        open_gate(&callback);
        must_soon(atomic_load(&next) == 3);
        // The worker is through with them; else this one is called there as well, in its turn.
        assert_ok(lt_future_add_done_callback(future, take_turn, &turns[3]));
        must_soon(atomic_load(&next) == 4);
        for (int i = 0; i < 4; i++) {
            must_soon(*(volatile int64_t *)&turns[i].thread != 0);
            assert_int_equal(turns[i].mine, i);
            assert_true(i == 3 || turns[i].thread == turns[0].thread);
        }
        assert_ok(lt_future_free(future));
        free_gate(&task);
        free_gate(&callback);
    }
    assert_ok(lt_pool_free(pool));
}

// In a child the callbacks that its parent's worker was just calling are the parent's; and whoever waited there
// for what is over does not wait in the child.
static void check_a_child(void *arg) {
    lt_future *future = arg;
    must(lt_future_done(future));
    note late = {0}; // Nobody is calling any: it does not stand behind those.
    must(lt_future_add_done_callback(future, take_note, &late) == LT_OK && late.calls == 1);
    must(lt_future_free(future) == LT_OK);
    lt_pool *pool = pool_of(1);
    for (int i = 0; i < 200; i++) { // In the same slots.
        note n = {0};
        lt_future *own = submit(pool, give_back, NULL);
        must(lt_future_result(own, NULL) == LT_OK);
        must(lt_future_add_done_callback(own, take_note, &n) == LT_OK);
        must_soon(atomic_load(&n.calls) == 1);
        must(lt_future_free(own) == LT_OK);
    }
    must(lt_pool_free(pool) == LT_OK);
}

static lt_status wait_for_end(void *future) {
    return lt_future_result(future, NULL);
}

TEST(a_child_has_neither_the_callbacks_nor_the_waiters_of_what_was_over) {
    lt_pool *pool = pool_of(1);
    for (int round = 0; round < 10; round++) {
        gate task = new_gate(), callback = new_gate();
        _Atomic int next = 0;
        turn turns[2] = {{&next, -1, 0, &callback}, {&next, -1, 0, NULL}};
        lt_future *future = submit_standing(pool, &task);
        waiter waiters[8];
        for (size_t i = 0; i < LENGTH(waiters); i++) {
            waiter_start(&waiters[i], wait_for_end, future);
        }
        assert_ok(lt_future_add_done_callback(future, take_turn, &turns[0]));
        assert_ok(lt_future_add_done_callback(future, take_turn, &turns[1]));
        open_gate(&task);
        assert_ok(lt_semaphore_acquire(callback.arrived));
        assert_int_equal(run_in_child(check_a_child, future), 0);
        assert_int_equal(next, 0);
        open_gate(&callback);
        for (size_t i = 0; i < LENGTH(waiters); i++) {
            assert_ok(waiter_join(&waiters[i]));
        }
        must_soon(atomic_load(&next) == 2);
        assert_ok(lt_future_free(future));
        free_gate(&task);
        free_gate(&callback);
    }
    assert_ok(lt_pool_free(pool));
}

TEST(callbacks_outlive_the_handle) {
    lt_pool *pool = pool_of(1);
    gate g = new_gate();
    note pending = {0}, running = {0};
    lt_future *first = submit_standing(pool, &g), *second = submit(pool, give_back, NULL);
    assert_ok(lt_future_add_done_callback(first, take_note_of_freed, &running));
    assert_ok(lt_future_add_done_callback(second, take_note_of_freed, &pending));
    assert_ok(lt_future_free(first));
    assert_ok(lt_future_free(second));
    lt_future *others[200]; // None of them is mistaken for the freed ones.
    for (size_t i = 0; i < LENGTH(others); i++) {
        others[i] = submit(pool, give_back, NULL);
    }
    open_gate(&g);
    must_soon(atomic_load(&pending.calls) == 1 && atomic_load(&running.calls) == 1);
    assert_int_equal(pending.status, LT_BAD_HANDLE);
    assert_int_equal(running.status, LT_BAD_HANDLE);
    for (size_t i = 0; i < LENGTH(others); i++) {
        assert_null(take_result(others[i]));
    }
    assert_ok(lt_pool_free(pool));
    free_gate(&g);
}

// Callbacks are added while the task ends: each is called once, by one of the two.
TEST(a_callback_that_meets_the_end_is_called_once) {
    lt_pool *pool = pool_of(2);
    int late = 0, early = 0;
    for (int i = 0; i < 10000; i++) {
        lt_future *future = submit(pool, give_back, NULL);
        if (i % 60 == 0) {
            assert_ok(lt_future_result(future, NULL));
        }
        spend((i % 60) * 1e-7);
        note notes[3];
        memset(notes, 0, sizeof notes);
        for (int k = 0; k < 3; k++) {
            assert_ok(lt_future_add_done_callback(future, take_note, &notes[k]));
        }
        assert_ok(lt_future_result(future, NULL));
        for (int k = 0; k < 3; k++) {
            must_soon(atomic_load(&notes[k].calls) == 1);
            late += notes[k].ident == lt_get_ident();
            early += notes[k].ident != lt_get_ident();
        }
        assert_ok(lt_future_free(future));
    }
    assert_true(late > 0 && early > 0);
    assert_ok(lt_pool_free(pool));
}

// ---- Waiting for many

enum { MANY = 6 };

// Tasks of which each has a worker and a gate of its own.
typedef struct crowd {
    lt_pool *pool;
    gate gates[MANY];
    lt_future *futures[MANY];
} crowd;

static void *stand_and_raise(void *arg) {
    stand_at(arg);
    lt_raise(7, "after the gate");
}

static void crowd_start(crowd *c, int raising) {
    c->pool = pool_of(MANY);
    for (int i = 0; i < MANY; i++) {
        c->gates[i] = new_gate();
        c->futures[i] = submit(c->pool, i == raising ? stand_and_raise : stand_at, &c->gates[i]);
        must(lt_semaphore_acquire(c->gates[i].arrived) == LT_OK);
    }
}

static void crowd_let(crowd *c, int i) {
    open_gate(&c->gates[i]);
    must_soon(lt_future_done(c->futures[i]));
}

static void crowd_end(crowd *c) {
    for (int i = 0; i < MANY; i++) {
        open_gate(&c->gates[i]);
    }
    must(lt_pool_free(c->pool) == LT_OK);
    for (int i = 0; i < MANY; i++) {
        must(lt_future_free(c->futures[i]) == LT_OK);
        free_gate(&c->gates[i]);
    }
}

typedef struct many_call {
    lt_future **futures;
    size_t n;
    int mode;
    double seconds;
    size_t done;
} many_call;

static lt_status wait_for_many(void *arg) {
    many_call *m = arg;
    return lt_future_wait_many(m->futures, m->n, m->mode, m->seconds, &m->done);
}

static void check_many(crowd *c, int mode, double seconds, lt_status status, size_t expected) {
    size_t done = 99;
    double began = lt_monotonic();
    assert_status(lt_future_wait_many(c->futures, MANY, mode, seconds, &done), status);
    assert_true(status != LT_TIMED_OUT || seconds_since(began) >= seconds);
    assert_int_equal(done, expected);
}

static void check_modes(crowd *c, size_t done, bool any, bool error, bool all) {
    const double seconds[] = {0.0, 0.002};
    for (size_t i = 0; i < LENGTH(seconds); i++) {
        check_many(c, LT_ANY, seconds[i], any ? LT_OK : LT_TIMED_OUT, done);
        check_many(c, LT_FIRST_ERROR, seconds[i], error ? LT_OK : LT_TIMED_OUT, done);
        check_many(c, LT_ALL, seconds[i], all ? LT_OK : LT_TIMED_OUT, done);
    }
    // What is met already does not block.
    assert_ok(lt_interrupt_main(SIGUSR1));
    check_many(c, LT_ANY, LT_FOREVER, any ? LT_OK : LT_INTERRUPTED, done);
    if (!any) {
        assert_ok(lt_interrupt_main(SIGUSR1));
    }
    check_many(c, LT_FIRST_ERROR, 1000.0, error ? LT_OK : LT_INTERRUPTED, done);
    if (!error) {
        assert_ok(lt_interrupt_main(SIGUSR1));
    }
    check_many(c, LT_ALL, LT_FOREVER, all ? LT_OK : LT_INTERRUPTED, done);
    assert_status(lt_check_interrupt(), all ? LT_INTERRUPTED : LT_OK);
}

TEST(the_modes_say_when_a_wait_for_many_is_over) {
    listen_to_hook();
    crowd c;
    crowd_start(&c, 2);
    check_modes(&c, 0, false, false, false);
    crowd_let(&c, 0);
    check_modes(&c, 1, true, false, false);
    crowd_let(&c, 5);
    check_modes(&c, 2, true, false, false);
    crowd_let(&c, 2);
    check_modes(&c, 3, true, true, false);
    crowd_let(&c, 1);
    crowd_let(&c, 3);
    check_modes(&c, 5, true, true, false);
    crowd_let(&c, 4);
    check_modes(&c, 6, true, true, true);
    crowd_end(&c);
    assert_int_equal(hook_calls, 0);
}

static void check_woken_by(int mode, int raising, const int *let, int count, size_t done) {
    crowd c;
    crowd_start(&c, raising);
    many_call m[2];
    waiter w[2];
    for (int i = 0; i < 2; i++) {
        m[i] = (many_call){c.futures, MANY, mode, i == 0 ? LT_FOREVER : 1000.0, 99};
        waiter_start(&w[i], wait_for_many, &m[i]);
    }
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < 2; k++) {
            must_soon(waiter_asleep(&w[k]));
            assert_false(waiter_is_done(&w[k]));
        }
        crowd_let(&c, let[i]);
    }
    for (int i = 0; i < 2; i++) {
        assert_ok(waiter_join(&w[i]));
        assert_int_equal(m[i].done, done);
    }
    crowd_end(&c);
}

TEST(who_waits_for_many_is_woken_when_the_mode_says_so) {
    listen_to_hook();
    for (int i = 0; i < MANY; i++) {
        check_woken_by(LT_ANY, -1, &i, 1, 1);
        check_woken_by(LT_FIRST_ERROR, i, &i, 1, 1);
    }
    check_woken_by(LT_ANY, 3, (int[]){3}, 1, 1);
    check_woken_by(LT_ALL, -1, (int[]){3, 1, 0, 2, 5, 4}, MANY, MANY);
    check_woken_by(LT_ALL, 3, (int[]){3, 1, 0, 2, 5, 4}, MANY, MANY);
    check_woken_by(LT_FIRST_ERROR, 3, (int[]){0, 5, 3}, 3, 3);
    check_woken_by(LT_FIRST_ERROR, -1, (int[]){3, 1, 0, 2, 5, 4}, MANY, MANY);
}

TEST(cancelled_ones_are_over_but_no_error) {
    lt_pool *pool = pool_of(1);
    gate g = new_gate();
    lt_future *futures[3] = {submit_standing(pool, &g)};
    futures[1] = submit(pool, give_back, NULL);
    futures[2] = submit(pool, give_back, NULL);
    many_call all = {futures + 1, 2, LT_FIRST_ERROR, LT_FOREVER, 99};
    waiter w;
    waiter_start(&w, wait_for_many, &all);
    assert_ok(lt_future_cancel(futures[1]));
    size_t done = 99;
    assert_status(
        lt_future_wait_many(futures, 3, LT_FIRST_ERROR, 0.001, &done), LT_TIMED_OUT);
    assert_int_equal(done, 1);
    assert_ok(lt_future_wait_many(futures, 3, LT_ANY, LT_FOREVER, &done));
    assert_int_equal(done, 1);
    assert_false(waiter_is_done(&w));
    assert_ok(lt_future_cancel(futures[2]));
    assert_ok(waiter_join(&w));
    assert_int_equal(all.done, 2);
    open_gate(&g);
    assert_ok(lt_future_wait_many(futures, 3, LT_ALL, LT_FOREVER, &done));
    assert_int_equal(done, 3);
    assert_ok(lt_pool_free(pool));
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_future_free(futures[i]));
    }
    free_gate(&g);
}

TEST(a_wait_for_none_is_over_at_once) {
    const int modes[] = {LT_ALL, LT_ANY, LT_FIRST_ERROR};
    lt_future *none[1] = {NULL};
    assert_ok(lt_interrupt_main(SIGUSR1));
    for (size_t i = 0; i < LENGTH(modes); i++) {
        size_t done = 99;
        assert_ok(lt_future_wait_many(NULL, 0, modes[i], LT_FOREVER, &done));
        assert_int_equal(done, 0);
        assert_ok(lt_future_wait_many(none, 0, modes[i], 0.0, NULL));
        done = 99;
        assert_status(lt_future_wait_many(NULL, 0, modes[i], NAN, &done), LT_INVALID);
        assert_status(lt_future_wait_many(NULL, 0, modes[i], INFINITY, &done), LT_OVERFLOW);
        assert_int_equal(done, 99);
    }
    assert_status(lt_future_wait_many(NULL, 0, 3, LT_FOREVER, NULL), LT_INVALID);
    assert_status(lt_check_interrupt(), LT_INTERRUPTED);
}

TEST(wrong_arguments_of_a_wait_for_many_are_reported) {
    lt_pool *pool = pool_of(1);
    lt_future *stale = submit(pool, give_back, NULL), *done_one = submit(pool, give_back, NULL);
    assert_ok(lt_future_result(stale, NULL));
    assert_ok(lt_future_result(done_one, NULL));
    assert_ok(lt_future_free(stale));
    lt_future *const good[1] = {done_one}, *const with_null[2] = {done_one, NULL},
              *const with_stale[2] = {done_one, stale},
              *const with_pool[2] = {(lt_future *)pool, done_one};
    size_t done = 99;
    const struct {
        lt_future *const *futures;
        size_t n;
        int mode;
        double seconds;
        lt_status status;
        const char *argument;
    } wrong[] = {{NULL, 1, LT_ALL, 0.0, LT_INVALID, "futures"},
        {NULL, 1, 77, NAN, LT_INVALID, "futures"},
        {with_null, 2, LT_ANY, LT_FOREVER, LT_BAD_HANDLE, ""},
        {with_stale, 2, LT_ANY, LT_FOREVER, LT_BAD_HANDLE, ""},
        {with_pool, 2, LT_ANY, LT_FOREVER, LT_BAD_HANDLE, ""},
        {with_stale, 2, 77, NAN, LT_BAD_HANDLE, ""}, {good, 1, 3, LT_FOREVER, LT_INVALID, "mode"},
        {good, 1, -1, LT_FOREVER, LT_INVALID, "mode"},
        {good, 1, LT_ALL, NAN, LT_INVALID, "seconds"},
        {good, 1, LT_ANY, ABOVE_TIMEOUT_MAX, LT_OVERFLOW, "seconds"}};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        assert_status(lt_sleep(-1.0), LT_INVALID);
        assert_status(lt_future_wait_many(wrong[i].futures, wrong[i].n, wrong[i].mode,
                          wrong[i].seconds, &done),
            wrong[i].status);
        assert_true(last_error_names("lt_future_wait_many"));
        assert_non_null(strstr(lt_last_error(), wrong[i].argument));
        assert_int_equal(done, 99);
    }
    assert_ok(lt_future_free(done_one));
    assert_ok(lt_pool_free(pool));
}

TEST(the_same_future_counts_as_often_as_it_is_given) {
    crowd c;
    crowd_start(&c, -1);
    lt_future *twice[5] = {c.futures[0], c.futures[0], c.futures[1], c.futures[0], c.futures[1]};
    many_call m = {twice, 5, LT_ALL, 1000.0, 99};
    waiter w;
    waiter_start(&w, wait_for_many, &m);
    size_t done = 99;
    crowd_let(&c, 0);
    assert_status(lt_future_wait_many(twice, 5, LT_ALL, 0.001, &done), LT_TIMED_OUT);
    assert_int_equal(done, 3);
    assert_status(lt_future_free(c.futures[1]), LT_BUSY);
    crowd_let(&c, 1);
    assert_ok(waiter_join(&w));
    assert_int_equal(m.done, 5);
    crowd_end(&c);
}

TEST(no_future_is_freed_while_somebody_waits_for_many_with_it) {
    crowd c;
    crowd_start(&c, -1);
    many_call m = {c.futures, MANY, LT_ALL, LT_FOREVER, 99};
    waiter w;
    crowd_let(&c, 1);
    waiter_start(&w, wait_for_many, &m);
    for (int i = 0; i < MANY; i++) {
        if (i != 1) {
            assert_status(lt_future_free(c.futures[i]), LT_BUSY);
        }
    }
    for (int i = 0; i < MANY; i++) {
        crowd_let(&c, i);
    }
    assert_ok(waiter_join(&w));
    assert_int_equal(m.done, MANY);
    crowd_end(&c);
}

// Waits that time out, are interrupted and end, while tasks end: a watcher that stayed behind would be
// written to after its stack was gone.
TEST(waits_for_many_come_and_go_while_tasks_end) {
    lt_pool *pool = pool_of(3);
    double began = lt_monotonic();
    for (int round = 0; seconds_since(began) < 1.0; round++) {
        lt_future *futures[20];
        for (size_t i = 0; i < LENGTH(futures); i++) {
            futures[i] = submit(pool, give_back, NULL);
        }
        const int modes[] = {LT_ALL, LT_ANY, LT_FIRST_ERROR};
        for (int turn = 0;; turn++) {
            size_t done = 99;
            if ((round + turn) % 7 == 0) {
                assert_ok(lt_interrupt_main(SIGUSR1));
            }
            lt_status status =
                lt_future_wait_many(futures, LENGTH(futures), modes[turn % 3], 1e-6, &done);
            assert_true(done <= LENGTH(futures));
            if (status == LT_OK && turn % 3 == 0) {
                assert_int_equal(done, LENGTH(futures));
                break;
            }
            assert_true(status == LT_OK || status == LT_TIMED_OUT || status == LT_INTERRUPTED);
        }
        for (size_t i = 0; i < LENGTH(futures); i++) {
            assert_ok(lt_future_free(futures[i]));
        }
        LT_IGNORE(lt_check_interrupt());
    }
    assert_ok(lt_pool_free(pool));
}

// ---- Freeing

TEST(a_task_whose_future_is_freed_runs_all_the_same) {
    lt_pool *pool = pool_of(1);
    gate g = new_gate();
    _Atomic int calls = 0;
    assert_ok(lt_future_free(submit_standing(pool, &g))); // While it runs.
    assert_ok(lt_future_free(submit(pool, count_call, &calls))); // While it is pending.
    open_gate(&g);
    lt_future *finished = submit(pool, count_call, &calls);
    assert_ok(lt_future_result(finished, NULL));
    assert_ok(lt_future_free(finished));
    assert_int_equal(calls, 2);
    assert_ok(lt_pool_free(pool));
    free_gate(&g);
}

// ---- Waiting from a task

static lt_future *_Atomic own_future;

static void *wait_for_own(void *unused) {
    (void)unused;
    must_soon(atomic_load(&own_future) != NULL);
    lt_future *own = atomic_load(&own_future), *const pair[2] = {own, own};
    size_t done = 99;
    must(lt_future_running(own) && lt_future_try_result(own, NULL) == LT_BUSY);
    must(lt_future_result(own, NULL) == LT_DEADLOCK);
    must(last_error_names("lt_future_result"));
    must(lt_future_result_timeout(own, 1000.0, NULL) == LT_DEADLOCK);
    must(lt_future_result_timeout(own, LT_FOREVER, NULL) == LT_DEADLOCK);
    must(lt_future_wait_many(pair, 2, LT_ALL, LT_FOREVER, &done) == LT_DEADLOCK);
    must(last_error_names("lt_future_wait_many") && done == 99);
    return own;
}

TEST(a_task_that_waits_for_itself_is_told) {
    lt_pool *pool = pool_of(1);
    atomic_store(&own_future, NULL);
    lt_future *future = submit(pool, wait_for_own, NULL);
    atomic_store(&own_future, future);
    assert_ptr_equal(take_result(future), future);
    assert_ok(lt_pool_free(pool));
}

static void *wait_for_any_of_own(void *unused) {
    (void)unused;
    must_soon(atomic_load(&own_future) != NULL);
    lt_future *const pair[2] = {atomic_load(&own_future), atomic_load(&own_future)};
    must(lt_future_wait_many(pair, 1, LT_ANY, SLACK, NULL) == LT_DEADLOCK);
    must(lt_future_wait_many(pair, 2, LT_FIRST_ERROR, SLACK, NULL) == LT_DEADLOCK);
    return pair[0];
}

TEST(a_task_that_waits_for_any_of_none_but_itself_is_told) {
    lt_pool *pool = pool_of(1);
    atomic_store(&own_future, NULL);
    lt_future *future = submit(pool, wait_for_any_of_own, NULL);
    atomic_store(&own_future, future);
    assert_ptr_equal(take_result(future), future);
    assert_ok(lt_pool_free(pool));
}

typedef struct family {
    lt_pool *pool;
    gate gate;
    _Atomic(lt_future *) inner;
    lt_status status;
} family;

// A worker that waits for a task runs it itself. It waits for it all the while.
static void *wait_for_inner(void *arg) {
    family *f = arg;
    lt_future *inner = submit(f->pool, stand_at, &f->gate);
    atomic_store(&f->inner, inner);
    f->status = lt_future_result(inner, NULL);
    return arg;
}

TEST(a_future_is_not_freed_while_a_worker_that_waits_for_it_runs_its_task) {
    family f = {.pool = pool_of(1), .gate = new_gate()};
    lt_future *outer = submit(f.pool, wait_for_inner, &f);
    assert_ok(lt_semaphore_acquire(f.gate.arrived));
    lt_status freed = lt_future_free(f.inner);
    open_gate(&f.gate);
    assert_ptr_equal(take_result(outer), &f);
    assert_status(freed, LT_BUSY);
    assert_status(f.status, LT_OK);
    assert_ok(lt_future_free(f.inner));
    assert_ok(lt_pool_free(f.pool));
    free_gate(&f.gate);
}

typedef struct number {
    lt_pool *pool;
    unsigned n, result;
    bool many;
} number;

static void *fibonacci(void *arg) {
    number *x = arg;
    if (x->n < 2) {
        x->result = x->n;
        return arg;
    }
    number a = {x->pool, x->n - 1, 0, x->many}, b = {x->pool, x->n - 2, 0, x->many};
    lt_future *both[2] = {submit(x->pool, fibonacci, &a), submit(x->pool, fibonacci, &b)};
    if (x->many) {
        size_t done = 99;
        must(lt_future_wait_many(both, 2, LT_ALL, LT_FOREVER, &done) == LT_OK && done == 2);
    }
    must(take_result(both[0]) == &a && take_result(both[1]) == &b);
    x->result = a.result + b.result;
    return arg;
}

static void *fibonacci_by_map(void *arg) {
    number *x = arg;
    if (x->n < 2) {
        x->result = x->n;
        return arg;
    }
    number a = {x->pool, x->n - 1, 0, false}, b = {x->pool, x->n - 2, 0, false};
    void *args[2] = {&a, &b}, *results[2] = {NULL};
    must(lt_pool_map(x->pool, fibonacci_by_map, args, 2, results, LT_FOREVER) == LT_OK);
    must(results[0] == &a && results[1] == &b);
    x->result = a.result + b.result;
    return arg;
}

TEST(tasks_that_wait_for_their_own_tasks_need_no_more_workers) {
    for (uint32_t workers = 1; workers <= 3; workers++) {
        lt_pool *pool = pool_of(workers);
        for (int form = 0; form < 3; form++) {
            number x = {pool, 14, 0, form == 1};
            assert_ptr_equal(take_result(submit(pool, form == 2 ? fibonacci_by_map : fibonacci, &x)),
                &x);
            assert_int_equal(x.result, 377);
        }
        must_soon(stats_of(pool).queued == 0);
        assert_true(stats_of(pool).workers <= workers);
        assert_ok(lt_pool_free(pool));
    }
}

TEST(tasks_that_were_helped_with_are_counted_once) {
    lt_pool *pool = pool_of(1);
    number x = {pool, 8, 0, false};
    assert_ptr_equal(take_result(submit(pool, fibonacci, &x)), &x);
    must_soon(stats_of(pool).idle == 1);
    assert_int_equal(stats_of(pool).completed, 67); // Calls of fibonacci(8).
    assert_int_equal(stats_of(pool).running, 0);
    assert_ok(lt_pool_free(pool));
}

static void *wait_for_a_failing_one(void *arg) {
    family *f = arg;
    lt_future *inner = submit(f->pool, raise_seven, "inner");
    f->status = lt_future_result(inner, NULL);
    const lt_error_info *info;
    must(lt_future_error(inner, &info) == LT_OK && strcmp(info->message, "inner") == 0);
    must(lt_future_free(inner) == LT_OK);
    return arg;
}

TEST(a_task_that_fails_while_it_is_helped_with_fails_alone) {
    listen_to_hook();
    family f = {.pool = pool_of(1)};
    assert_ptr_equal(take_result(submit(f.pool, wait_for_a_failing_one, &f)), &f);
    assert_int_equal(f.status, LT_FAILED);
    assert_int_equal(hook_calls, 0);
    assert_ok(lt_pool_free(f.pool));
}

static void *wait_for_one_that_exits(void *arg) {
    family *f = arg;
    atomic_store(&f->inner, submit(f->pool, leave, NULL));
    f->status = lt_future_result(atomic_load(&f->inner), NULL);
    return arg;
}

// lt_exit() ends the thread, and with it the task that waits further up. Nothing hangs for it.
TEST(a_task_that_exits_while_it_is_helped_with_takes_along_who_helps) {
    listen_to_hook();
    family f = {.pool = pool_of(1)};
    for (int i = 0; i < 50; i++) {
        lt_future *outer = submit(f.pool, wait_for_one_that_exits, &f);
        assert_status(lt_future_result(outer, NULL), LT_FAILED);
        lt_future *inner = atomic_load(&f.inner);
        assert_status(lt_future_result(inner, NULL), LT_FAILED);
        const lt_error_info *info;
        assert_ok(lt_future_error(inner, &info));
        assert_int_equal(info->kind, LT_ERROR_EXITED);
        assert_ok(lt_future_free(inner));
        assert_ok(lt_future_free(outer));
        assert_ptr_equal(take_result(submit(f.pool, give_back, &f)), &f);
    }
    assert_int_equal(stats_of(f.pool).workers, 1);
    assert_int_equal(hook_calls, 0);
    assert_ok(lt_pool_free(f.pool));
}

static void *wait_for_result(void *future) {
    must(lt_future_result(future, NULL) == LT_OK);
    return future;
}

TEST(a_worker_waits_for_a_task_of_another_pool_as_every_thread_does) {
    lt_pool *one = pool_of(1), *other = pool_of(1);
    gate g = new_gate();
    lt_future *running = submit_standing(one, &g), *pending = submit(one, give_back, NULL);
    lt_future *waits = submit(other, wait_for_result, pending);
    assert_status(lt_future_result_timeout(waits, 0.02, NULL), LT_TIMED_OUT);
    assert_false(lt_future_done(pending)); // It was not run there.
    open_gate(&g);
    assert_ptr_equal(take_result(waits), pending);
    assert_ok(lt_future_free(running));
    assert_ok(lt_future_free(pending));
    assert_ok(lt_pool_free(one));
    assert_ok(lt_pool_free(other));
    free_gate(&g);
}
