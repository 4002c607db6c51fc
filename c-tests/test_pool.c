// Pools: workers, orders, shutdowns, maps.
// timeout: 120
// flags: -fexceptions
#include "pools.h"

static void check_stats(lt_pool *pool, uint32_t workers, uint32_t idle, uint32_t running,
    size_t queued, uint64_t completed) {
    lt_pool_info info = stats_of(pool);
    assert_int_equal(info.workers, workers);
    assert_int_equal(info.idle, idle);
    assert_int_equal(info.running, running);
    assert_int_equal(info.queued, queued);
    assert_int_equal(info.completed, completed);
}

// ---- Workers

TEST(workers_are_started_when_they_are_needed_and_then_kept) {
    lt_pool *pool = pool_of(3);
    assert_int_equal(lt_thread_count(), 0);
    check_stats(pool, 0, 0, 0, 0, 0);
    assert_int_equal(stats_of(pool).max_workers, 3);
    assert_int_equal(stats_of(pool).size, sizeof(lt_pool_info));
    for (uint64_t i = 1; i <= 20; i++) { // One at a time: one worker is enough.
        assert_null(take_result(submit(pool, give_back, NULL)));
        must_soon(stats_of(pool).idle == 1);
        check_stats(pool, 1, 1, 0, 0, i);
    }
    assert_int_equal(lt_thread_count(), 1);
    gate g = new_gate();
    lt_future *futures[5];
    for (uint32_t i = 0; i < 3; i++) {
        futures[i] = submit_standing(pool, &g);
        check_stats(pool, i + 1, 0, i + 1, 0, 20);
    }
    futures[3] = submit(pool, give_back, NULL);
    futures[4] = submit(pool, give_back, NULL);
    check_stats(pool, 3, 0, 3, 2, 20); // No more than the bound.
    assert_int_equal(lt_thread_count(), 3);
    open_gate(&g);
    for (int i = 0; i < 5; i++) {
        take_result(futures[i]);
    }
    must_soon(stats_of(pool).idle == 3);
    check_stats(pool, 3, 3, 0, 0, 25);
    assert_ok(lt_pool_free(pool));
    assert_int_equal(lt_thread_count(), 0);
    free_gate(&g);
}

TEST(the_default_is_as_many_as_python_starts) {
    lt_pool *pool = pool_of(0);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    assert_int_equal(stats_of(pool).max_workers, processors + 4 < 32 ? processors + 4 : 32);
    assert_ok(lt_pool_free(pool));
    pool = pool_of(UINT32_MAX);
    assert_int_equal(stats_of(pool).max_workers, UINT32_MAX);
    assert_null(take_result(submit(pool, give_back, NULL)));
    assert_int_equal(stats_of(pool).workers, 1);
    assert_ok(lt_pool_free(pool));
}

static void *tell_name(void *name) {
    must(lt_thread_name(lt_get_ident(), name, 200) == LT_OK);
    return name;
}

static void *tell_name_and_stand(void *arg) {
    void **pair = arg;
    tell_name(pair[0]);
    return stand_at(pair[1]);
}

static void check_names(const char *prefix, const char *expected) {
    lt_pool *pool = lt_pool_new(3, prefix);
    gate g = new_gate();
    static char names[3][200];
    void *pairs[3][2];
    for (int i = 0; i < 3; i++) {
        pairs[i][0] = names[i];
        pairs[i][1] = &g;
        assert_ok(lt_pool_submit(pool, tell_name_and_stand, pairs[i], NULL));
        assert_ok(lt_semaphore_acquire(g.arrived));
        size_t length = strlen(expected);
        assert_true(strncmp(names[i], expected, length) == 0);
        char digit[] = {'_', (char)('0' + i), 0};
        assert_string_equal(strrchr(names[i], '_'), digit);
        assert_true(prefix == NULL || strlen(names[i]) == length + 2);
    }
    open_gate(&g);
    assert_ok(lt_pool_free(pool));
    free_gate(&g);
}

TEST(workers_have_the_name_of_their_pool_and_a_number) {
    check_names("fleißig", "fleißig");
    check_names("", "");
    check_names("a prefix that is longer than what the system takes for the name of a thread",
        "a prefix that is longer than what the system takes for the name of a thread");
    check_names(NULL, "Pool-");
    assert_null(lt_pool_new(1, "not \xff UTF-8"));
    assert_int_equal(lt_last_status(), LT_INVALID);
    assert_true(last_error_names("lt_pool_new"));
}

static _Atomic int next_number;

static void *be_the_next(void *number) {
    return any_value(atomic_fetch_add(&next_number, 1) == (int)(intptr_t)number);
}

TEST(one_worker_takes_tasks_in_their_order) {
    lt_pool *pool = pool_of(1);
    static lt_future *futures[10000];
    atomic_store(&next_number, 0);
    for (size_t i = 0; i < LENGTH(futures); i++) {
        futures[i] = submit(pool, be_the_next, any_value(i));
    }
    for (size_t i = 0; i < LENGTH(futures); i++) {
        assert_ptr_equal(take_result(futures[i]), any_value(1));
    }
    assert_ok(lt_pool_free(pool));
}

TEST(several_workers_work_at_the_same_time) {
    lt_pool *pool = pool_of(8);
    gate g = new_gate();
    lt_future *futures[8];
    for (int i = 0; i < 8; i++) {
        futures[i] = submit_standing(pool, &g); // Each needs a worker of its own to get there.
    }
    open_gate(&g);
    for (int i = 0; i < 8; i++) {
        take_result(futures[i]);
    }
    assert_ok(lt_pool_free(pool));
    free_gate(&g);
}

// ---- Statuses

TEST(a_submit_that_is_refused_changes_nothing) {
    lt_pool *pool = pool_of(1);
    _Atomic int calls = 0;
    lt_future *future = (lt_future *)&calls;
    assert_status(lt_pool_submit(pool, NULL, NULL, &future), LT_INVALID);
    assert_true(last_error_names("lt_pool_submit"));
    assert_status(lt_pool_submit(pool, NULL, NULL, NULL), LT_INVALID);
    assert_status(lt_pool_submit(NULL, NULL, NULL, &future), LT_BAD_HANDLE);
    check_stats(pool, 0, 0, 0, 0, 0);
    assert_ok(lt_pool_shutdown(pool, true, false));
    for (int i = 0; i < 3; i++) {
        assert_status(lt_pool_submit(pool, count_call, &calls, &future), LT_CLOSED);
        assert_status(lt_pool_submit(pool, count_call, &calls, NULL), LT_CLOSED);
        assert_status(lt_pool_submit(pool, NULL, NULL, NULL), LT_INVALID);
    }
    assert_ptr_equal(future, &calls);
    assert_ok(lt_pool_free(pool));
    assert_status(lt_pool_submit(pool, count_call, &calls, &future), LT_BAD_HANDLE);
    assert_int_equal(calls, 0);
    assert_int_equal(lt_thread_count(), 0);
}

TEST(stats_are_for_a_struct_of_the_right_size) {
    lt_pool *pool = pool_of(1);
    lt_pool_info info = {.size = 0, .max_workers = 99};
    assert_status(lt_pool_stats(pool, &info), LT_INVALID);
    assert_true(last_error_names("lt_pool_stats"));
    info.size = 4097;
    assert_status(lt_pool_stats(pool, &info), LT_INVALID);
    info.size = SIZE_MAX;
    assert_status(lt_pool_stats(pool, &info), LT_INVALID);
    assert_int_equal(info.max_workers, 99);
    assert_status(lt_pool_stats(pool, NULL), LT_INVALID);
    assert_status(lt_pool_stats(NULL, NULL), LT_BAD_HANDLE);
    assert_ok(lt_pool_free(pool));
}

// ---- Shutdown

enum { PENDING = 10 };

static lt_status shut_down(void *pool) {
    return lt_pool_shutdown(pool, true, false);
}

static lt_status shut_down_and_cancel(void *pool) {
    return lt_pool_shutdown(pool, true, true);
}

static lt_status free_pool(void *pool) {
    return lt_pool_free(pool);
}

static void check_shutdown(bool wait, bool cancel_pending) {
    lt_pool *pool = pool_of(2);
    gate g = new_gate();
    _Atomic int calls = 0;
    lt_future *running[2] = {submit_standing(pool, &g), submit_standing(pool, &g)};
    lt_future *pending[PENDING];
    for (int i = 0; i < PENDING; i++) {
        pending[i] = submit(pool, count_call, &calls);
        submit_forgotten(pool, count_call, &calls);
    }
    waiter w;
    if (wait) {
        waiter_start(&w, cancel_pending ? shut_down_and_cancel : shut_down, pool);
    } else {
        assert_ok(lt_pool_shutdown(pool, false, cancel_pending));
    }
    assert_status(lt_pool_submit(pool, count_call, &calls, NULL), LT_CLOSED);
    for (int i = 0; i < PENDING; i++) {
        assert_int_equal(lt_future_cancelled(pending[i]), cancel_pending);
    }
    assert_true(lt_future_running(running[0]) && lt_future_running(running[1]));
    assert_int_equal(stats_of(pool).queued, cancel_pending ? 0 : 2 * PENDING);
    assert_int_equal(stats_of(pool).running, 2);
    assert_int_equal(calls, 0);
    assert_true(!wait || !waiter_is_done(&w));
    open_gate(&g);
    if (wait) {
        assert_ok(waiter_join(&w));
        assert_int_equal(calls, cancel_pending ? 0 : 2 * PENDING);
        check_stats(pool, 0, 0, 0, 0, 2 + (cancel_pending ? 0 : 2 * PENDING));
        join_all_threads(); // The waiter, too.
    }
    for (int again = 0; again < 2; again++) {
        assert_ok(lt_pool_shutdown(pool, false, false));
        assert_ok(lt_pool_shutdown(pool, true, true));
    }
    assert_int_equal(lt_thread_count(), 0);
    assert_ok(lt_pool_free(pool));
    assert_status(lt_pool_free(pool), LT_BAD_HANDLE);
    for (int i = 0; i < PENDING; i++) {
        assert_true(lt_future_done(pending[i]));
        assert_ok(lt_future_free(pending[i]));
    }
    for (int i = 0; i < 2; i++) {
        assert_ptr_equal(take_result(running[i]), &g);
    }
    free_gate(&g);
}

TEST(a_shutdown_that_waits_lets_all_tasks_run) {
    check_shutdown(true, false);
}

TEST(a_shutdown_that_waits_and_cancels_waits_for_those_that_run) {
    check_shutdown(true, true);
}

TEST(a_shutdown_that_only_cancels_returns_at_once) {
    check_shutdown(false, true);
}

TEST(a_shutdown_that_does_neither_returns_at_once_and_its_tasks_run) {
    // What is pending runs while nobody waits.
    lt_pool *pool = pool_of(1);
    gate g = new_gate();
    lt_future *running = submit_standing(pool, &g), *pending = submit(pool, give_back, pool);
    assert_ok(lt_pool_shutdown(pool, false, false));
    assert_status(lt_pool_submit(pool, give_back, NULL, NULL), LT_CLOSED);
    assert_false(lt_future_cancelled(pending));
    open_gate(&g);
    assert_ptr_equal(take_result(pending), pool);
    assert_ptr_equal(take_result(running), &g);
    must_soon(stats_of(pool).workers == 0); // They end.
    check_stats(pool, 0, 0, 0, 0, 2);
    assert_ok(lt_pool_free(pool));
    free_gate(&g);
}

TEST(a_later_shutdown_may_cancel_what_an_earlier_one_left) {
    lt_pool *pool = pool_of(1);
    gate g = new_gate();
    lt_future *running = submit_standing(pool, &g), *pending = submit(pool, give_back, pool);
    assert_ok(lt_pool_shutdown(pool, false, false));
    assert_false(lt_future_done(pending));
    assert_ok(lt_pool_shutdown(pool, false, true));
    assert_true(lt_future_cancelled(pending));
    open_gate(&g);
    assert_ok(lt_pool_free(pool));
    assert_ok(lt_future_free(pending));
    assert_ok(lt_future_free(running));
    free_gate(&g);
}

TEST(a_free_lets_all_tasks_run_first) {
    for (uint32_t workers = 1; workers <= 3; workers++) {
        lt_pool *pool = pool_of(workers);
        _Atomic int calls = 0;
        for (int i = 0; i < 1000; i++) {
            submit_forgotten(pool, count_call, &calls);
        }
        assert_ok(lt_pool_free(pool));
        assert_int_equal(calls, 1000);
        assert_int_equal(lt_thread_count(), 0);
    }
    assert_ok(lt_pool_free(NULL));
}

TEST(all_who_wait_for_the_end_of_a_pool_hear_of_it) {
    lt_pool *pool = pool_of(2);
    gate g = new_gate();
    lt_future *running = submit_standing(pool, &g);
    waiter w[4];
    for (int i = 0; i < 4; i++) {
        waiter_start(&w[i], i % 2 == 0 ? shut_down : shut_down_and_cancel, pool);
    }
    open_gate(&g);
    for (int i = 0; i < 4; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_ok(lt_pool_free(pool));
    assert_ok(lt_future_free(running));
    free_gate(&g);
}

static void *end_own_pool(void *arg) {
    lt_pool *pool = *(lt_pool **)arg;
    must(lt_pool_free(pool) == LT_DEADLOCK && last_error_names("lt_pool_free"));
    must(lt_pool_shutdown(pool, true, false) == LT_DEADLOCK);
    must(lt_pool_shutdown(pool, true, true) == LT_DEADLOCK);
    must(last_error_names("lt_pool_shutdown"));
    // Nothing is done: it takes tasks, and has cancelled none.
    submit_forgotten(pool, count_call, (_Atomic int *)((void **)arg)[1]);
    return arg;
}

static void *shut_own_pool_down(void *arg) {
    lt_pool *pool = *(lt_pool **)arg;
    must(lt_pool_shutdown(pool, false, false) == LT_OK); // Does not wait.
    must(lt_pool_submit(pool, give_back, NULL, NULL) == LT_CLOSED);
    return arg;
}

TEST(a_task_cannot_wait_for_the_end_of_its_own_pool) {
    _Atomic int calls = 0;
    lt_pool *pool = pool_of(1);
    void *pair[2] = {pool, &calls};
    lt_future *first = submit(pool, end_own_pool, pair);
    assert_ptr_equal(take_result(first), pair);
    lt_future *second = submit(pool, shut_own_pool_down, pair);
    assert_ptr_equal(take_result(second), pair);
    assert_ok(lt_pool_free(pool));
    assert_int_equal(calls, 1);
}

static void *end_other_pool(void *pool) {
    must(lt_pool_shutdown(pool, true, false) == LT_OK);
    must(lt_pool_free(pool) == LT_OK);
    return pool;
}

TEST(a_task_can_wait_for_the_end_of_another_pool) {
    lt_pool *pool = pool_of(1), *other = pool_of(1);
    _Atomic int calls = 0;
    submit_forgotten(other, count_call, &calls);
    assert_ptr_equal(take_result(submit(pool, end_other_pool, other)), other);
    assert_int_equal(calls, 1);
    assert_ok(lt_pool_free(pool));
}

TEST(a_shutdown_that_is_interrupted_can_be_repeated) {
    lt_pool *pool = pool_of(1);
    gate g = new_gate();
    lt_future *running = submit_standing(pool, &g);
    waiter w;
    for (int i = 0; i < 20; i++) {
        assert_ok(lt_interrupt_main(SIGUSR1));
        assert_status(lt_pool_shutdown(pool, true, false), LT_INTERRUPTED);
        assert_int_equal(lt_interrupt_signal(), SIGUSR1);
        waiter_launch(&w, waits_interrupt_main, NULL);
        assert_status(i % 2 == 0 ? lt_pool_shutdown(pool, true, true) : lt_pool_free(pool),
            LT_INTERRUPTED);
        assert_int_equal(lt_interrupt_signal(), SIGUSR2);
        assert_ok(waiter_join(&w));
    }
    assert_status(lt_pool_submit(pool, give_back, NULL, NULL), LT_CLOSED); // It is shut down.
    waiter_start(&w, shut_down, pool);
    assert_ok(lt_interrupt_main(SIGUSR1));
    assert_status(lt_pool_free(pool), LT_INTERRUPTED);
    open_gate(&g);
    assert_ok(waiter_join(&w));
    assert_ok(lt_interrupt_main(SIGUSR1));
    assert_ok(lt_pool_free(pool)); // Nothing to wait for.
    assert_status(lt_check_interrupt(), LT_INTERRUPTED);
    assert_ok(lt_future_free(running));
    free_gate(&g);
}

TEST(two_may_free_a_pool_and_one_does) {
    for (int i = 0; i < 300; i++) {
        lt_pool *pool = pool_of(2);
        gate g = new_gate();
        lt_future *running = submit_standing(pool, &g);
        waiter w[2];
        waiter_start(&w[0], free_pool, pool);
        waiter_start(&w[1], free_pool, pool);
        open_gate(&g);
        lt_status first = waiter_join(&w[0]), second = waiter_join(&w[1]);
        assert_true(first == LT_OK || first == LT_BUSY || first == LT_BAD_HANDLE);
        assert_true(second == LT_OK || second == LT_BUSY || second == LT_BAD_HANDLE);
        assert_false(first == LT_OK && second == LT_OK);
        if (first != LT_OK && second != LT_OK) {
            assert_ok(lt_pool_free(pool));
        }
        assert_status(lt_pool_free(pool), LT_BAD_HANDLE);
        assert_ok(lt_future_free(running));
        free_gate(&g);
    }
}

static lt_status submit_until_closed(void *arg) {
    void **pair = arg;
    for (int submitted = 0;; submitted++) {
        lt_future *future = NULL;
        lt_status status = lt_pool_submit(pair[0], count_call, pair[1], &future);
        if (status != LT_OK) {
            must(status == LT_CLOSED && future == NULL);
            return submitted;
        }
        must(lt_future_free(future) == LT_OK);
    }
}

TEST(every_task_that_a_pool_takes_before_its_end_runs) {
    for (int i = 0; i < 100; i++) {
        _Atomic int calls = 0;
        lt_pool *pool = pool_of(1 + (uint32_t)i % 3);
        void *pair[2] = {pool, (void *)&calls};
        waiter w[3];
        for (int k = 0; k < 3; k++) {
            waiter_launch(&w[k], submit_until_closed, pair);
        }
        must_soon(atomic_load(&calls) > i);
        assert_ok(lt_pool_shutdown(pool, i % 2, false));
        int submitted = 0;
        for (int k = 0; k < 3; k++) {
            submitted += waiter_join(&w[k]);
        }
        assert_ok(lt_pool_free(pool));
        assert_int_equal(calls, submitted);
    }
}

// ---- Map

static void *square(void *n) {
    return any_value((uintptr_t)n * (uintptr_t)n);
}

TEST(a_map_gives_the_results_in_the_order_of_the_arguments) {
    for (uint32_t workers = 1; workers <= 4; workers++) {
        lt_pool *pool = pool_of(workers);
        enum { N = 1000 };
        void *args[N], *results[N + 1];
        for (uintptr_t i = 0; i < N; i++) {
            args[i] = any_value(i);
        }
        const double seconds[] = {LT_FOREVER, 1000.0};
        for (int k = 0; k < 2; k++) {
            memset(results, 0xab, sizeof results);
            void *behind = results[N];
            assert_ok(lt_pool_map(pool, square, args, N, results, seconds[k]));
            for (uintptr_t i = 0; i < N; i++) {
                assert_ptr_equal(results[i], any_value(i * i));
            }
            assert_ptr_equal(results[N], behind);
        }
        _Atomic int calls = 0;
        for (int i = 0; i < N; i++) {
            args[i] = (void *)&calls;
        }
        assert_ok(lt_pool_map(pool, count_call, args, N, NULL, LT_FOREVER));
        assert_int_equal(calls, N);
        assert_ok(lt_pool_free(pool));
    }
}

// Where one waits for the one behind it, seldom among quick ones: some worker must come for that.
typedef struct among {
    uintptr_t number;
    lt_semaphore *next_came;
    _Atomic int *ran;
} among;

static void *meet_the_next_at_times(void *arg) {
    among *a = arg;
    if (a->number % 400 == 300) {
        must(lt_semaphore_acquire(a->next_came) == LT_OK);
    }
    if (a->number % 400 == 301) {
        must(lt_semaphore_release(a->next_came, 1) == LT_OK);
    }
    ++*a->ran;
    return arg;
}

TEST(among_quick_tasks_one_that_waits_for_the_next_is_overtaken) {
    enum { N = 4000 };
    static among tasks[N];
    static void *args[N];
    lt_semaphore *next_came = lt_semaphore_new(0);
    for (uint32_t workers = 2; workers <= 3; workers++) {
        lt_pool *pool = pool_of(workers);
        _Atomic int ran = 0;
        for (uintptr_t i = 0; i < N; i++) {
            tasks[i] = (among){i, next_came, &ran};
            args[i] = &tasks[i];
        }
        enum { ROUNDS = 5 };
        for (int k = 0; k < ROUNDS; k++) {
            assert_ok(lt_pool_map(pool, meet_the_next_at_times, args, N, NULL, LT_FOREVER));
            assert_int_equal(ran, (2 * k + 1) * N);
            for (int i = 0; i < N; i++) {
                submit_forgotten(pool, meet_the_next_at_times, args[i]);
            }
            must_soon(stats_of(pool).completed == (uint64_t)(2 * k + 2) * N);
            assert_int_equal(ran, (2 * k + 2) * N);
        }
        assert_ok(lt_pool_free(pool));
    }
    assert_ok(lt_semaphore_free(next_came));
}

TEST(a_map_of_none_is_over_at_once) {
    lt_pool *pool = pool_of(1);
    assert_ok(lt_interrupt_main(SIGUSR1));
    void *untouched = &untouched;
    assert_ok(lt_pool_map(pool, square, NULL, 0, &untouched, LT_FOREVER));
    assert_ok(lt_pool_map(pool, square, NULL, 0, NULL, 0.0));
    assert_ptr_equal(untouched, &untouched);
    assert_int_equal(stats_of(pool).workers, 0);
    assert_status(lt_check_interrupt(), LT_INTERRUPTED);
    assert_ok(lt_pool_free(pool));
}

TEST(wrong_arguments_of_a_map_are_reported_and_nothing_runs) {
    lt_pool *pool = pool_of(1);
    _Atomic int calls = 0;
    void *args[1] = {(void *)&calls}, *results[1] = {pool};
    assert_status(lt_pool_map(pool, NULL, args, 1, results, LT_FOREVER), LT_INVALID);
    assert_true(last_error_names("lt_pool_map"));
    assert_status(lt_pool_map(pool, NULL, NULL, 0, results, LT_FOREVER), LT_INVALID);
    assert_status(lt_pool_map(pool, count_call, NULL, 1, results, LT_FOREVER), LT_INVALID);
    assert_non_null(strstr(lt_last_error(), "args"));
    assert_status(lt_pool_map(pool, count_call, args, 1, results, NAN), LT_INVALID);
    assert_non_null(strstr(lt_last_error(), "seconds"));
    assert_status(lt_pool_map(pool, count_call, args, 0, results, NAN), LT_INVALID);
    assert_status(lt_pool_map(pool, count_call, args, 1, results, INFINITY), LT_OVERFLOW);
    assert_status(lt_pool_map(NULL, NULL, NULL, 1, results, NAN), LT_BAD_HANDLE);
    assert_ok(lt_pool_shutdown(pool, true, false));
    assert_status(lt_pool_map(pool, count_call, args, 1, NULL, LT_FOREVER), LT_CLOSED);
    assert_ptr_equal(results[0], pool);
    assert_ok(lt_pool_free(pool));
    assert_int_equal(calls, 0);
}

typedef struct mapped {
    gate *gate; // Where it stands, or NULL.
    bool raises;
    _Atomic int calls;
} mapped;

static void *be_mapped(void *arg) {
    mapped *m = arg;
    atomic_fetch_add(&m->calls, 1);
    if (m->gate != NULL) {
        stand_at(m->gate);
    }
    if (m->raises) {
        lt_raise(7, "mapped");
    }
    return arg;
}

enum { MAPPED = 6 };

typedef struct mapping {
    lt_pool *pool;
    mapped tasks[MAPPED];
    void *args[MAPPED], *results[MAPPED];
    double seconds;
} mapping;

static void mapping_init(mapping *m, uint32_t workers) {
    memset(m, 0, sizeof *m);
    m->pool = pool_of(workers);
    m->seconds = LT_FOREVER;
    for (int i = 0; i < MAPPED; i++) {
        m->args[i] = &m->tasks[i];
        m->results[i] = m;
    }
}

static lt_status map_all(void *arg) {
    mapping *m = arg;
    return lt_pool_map(m->pool, be_mapped, m->args, MAPPED, m->results, m->seconds);
}

static void check_mapped(mapping *m, int ran) {
    for (int i = 0; i < MAPPED; i++) {
        assert_int_equal(m->tasks[i].calls, i < ran);
    }
}

TEST(the_first_failure_of_a_map_cancels_what_is_pending) {
    listen_to_hook();
    mapping m;
    mapping_init(&m, 1);
    gate g = new_gate();
    lt_future *running = submit_standing(m.pool, &g); // So that all are pending first.
    m.tasks[2].raises = true;
    gate behind = new_gate();
    m.tasks[3].gate = &behind; // If it has begun when the map ends, it runs on.
    waiter w;
    waiter_start(&w, map_all, &m);
    open_gate(&g);
    assert_status(waiter_join(&w), LT_FAILED);
    assert_ptr_equal(m.results[0], &m.tasks[0]);
    assert_ptr_equal(m.results[1], &m.tasks[1]);
    for (int i = 2; i < MAPPED; i++) {
        assert_null(m.results[i]);
    }
    assert_int_equal(hook_calls, 1); // Nobody else could ask for it.
    assert_string_equal(hook_message, "mapped");
    open_gate(&behind);
    assert_ok(lt_pool_free(m.pool));
    for (int i = 0; i < MAPPED; i++) {
        assert_true(i > 3 ? m.tasks[i].calls == 0 : i == 3 || m.tasks[i].calls == 1);
        assert_true(i < 2 || m.results[i] == NULL); // Nothing was written later.
    }
    assert_int_equal(hook_calls, 1);
    assert_ok(lt_future_free(running));
    free_gate(&g);
    free_gate(&behind);
}

// Whether the first tasks began in time, which the machine may have been too busy for.
static bool check_map_times_out(double seconds) {
    listen_to_hook();
    mapping m;
    mapping_init(&m, 2);
    gate g = new_gate();
    m.tasks[1].gate = m.tasks[2].gate = &g;
    m.tasks[2].raises = true; // Later: the hook hears of it.
    m.seconds = seconds;
    double began = lt_monotonic();
    assert_status(map_all(&m), LT_TIMED_OUT);
    assert_true(seconds_since(began) >= seconds);
    assert_true(m.results[0] == &m.tasks[0] || m.results[0] == NULL);
    bool in_time = m.results[0] != NULL && m.tasks[2].calls == 1;
    for (int i = 1; i < MAPPED; i++) {
        assert_null(m.results[i]);
    }
    open_gate(&g);
    assert_ok(lt_pool_free(m.pool));
    for (int i = 1; i < MAPPED; i++) {
        assert_null(m.results[i]);
        // At once, any may have begun while those before it were being cancelled.
        assert_true(i <= 2 || !in_time || m.tasks[i].calls == 0);
    }
    assert_int_equal(hook_calls, m.tasks[2].calls);
    free_gate(&g);
    return in_time;
}

TEST(a_map_that_times_out_cancels_what_is_pending_and_writes_nothing_later) {
    (void)check_map_times_out(0.0);
    for (double seconds = 0.1; !check_map_times_out(seconds); seconds *= 2) {
        assert_true(seconds < POLL_SECONDS);
    }
}

TEST(a_map_that_is_interrupted_cancels_what_is_pending) {
    mapping m;
    mapping_init(&m, 1);
    gate g = new_gate();
    m.tasks[0].gate = &g;
    assert_ok(lt_interrupt_main(SIGUSR1));
    assert_status(map_all(&m), LT_INTERRUPTED);
    for (int i = 0; i < MAPPED; i++) {
        assert_null(m.results[i]);
    }
    open_gate(&g);
    assert_ok(lt_pool_free(m.pool));
    check_mapped(&m, m.tasks[0].calls);
    free_gate(&g);
}

TEST(a_map_whose_tasks_are_cancelled_under_it_does_not_claim_to_be_done) {
    mapping m;
    mapping_init(&m, 1);
    gate g = new_gate();
    m.tasks[0].gate = &g;
    waiter w;
    waiter_start(&w, map_all, &m);
    assert_ok(lt_semaphore_acquire(g.arrived));
    must_soon(stats_of(m.pool).queued == MAPPED - 1);
    assert_ok(lt_pool_shutdown(m.pool, false, true));
    open_gate(&g);
    lt_status status = waiter_join(&w);
    assert_null(m.results[1]);
    assert_status(status, LT_CANCELLED);
    assert_ok(lt_pool_free(m.pool));
    check_mapped(&m, 1);
    free_gate(&g);
}

TEST(a_map_that_is_refused_has_no_results) {
    mapping m;
    mapping_init(&m, 1);
    assert_ok(lt_pool_shutdown(m.pool, true, false));
    assert_status(map_all(&m), LT_CLOSED);
    for (int i = 0; i < MAPPED; i++) {
        assert_null(m.results[i]);
    }
    check_mapped(&m, 0);
    assert_ok(lt_pool_free(m.pool));
}

static void *map_from_a_task(void *arg) {
    mapping *m = arg;
    must(map_all(m) == LT_OK);
    return arg;
}

TEST(a_task_may_map_on_its_own_pool) {
    for (uint32_t workers = 1; workers <= 3; workers++) {
        mapping m;
        mapping_init(&m, workers);
        assert_ptr_equal(take_result(submit(m.pool, map_from_a_task, &m)), &m);
        check_mapped(&m, MAPPED);
        for (int i = 0; i < MAPPED; i++) {
            assert_ptr_equal(m.results[i], &m.tasks[i]);
        }
        assert_ok(lt_pool_free(m.pool));
    }
}

static void *meet_another(void *barrier) {
    if (barrier != NULL) {
        must(lt_barrier_wait(barrier, NULL) == LT_OK);
    }
    return barrier;
}

// However quick those before them were, no worker takes one that it does not begin.
TEST(two_tasks_of_a_map_that_wait_for_each_other_are_begun_together) {
    enum { QUICK = 1000, PAIRS = 100, ALL = QUICK + 2 * PAIRS };
    lt_barrier *barriers[PAIRS];
    void *args[ALL] = {NULL}, *results[ALL];
    for (int i = 0; i < PAIRS; i++) {
        barriers[i] = lt_barrier_new(2, NULL, NULL);
        args[QUICK + 2 * i] = args[QUICK + 2 * i + 1] = barriers[i];
    }
    lt_pool *pool = pool_of(2);
    for (int round = 0; round < 10; round++) {
        assert_ok(lt_pool_map(pool, meet_another, args, ALL, results, POLL_SECONDS));
        assert_memory_equal(results, args, sizeof args);
    }
    assert_ok(lt_pool_free(pool));
    for (int i = 0; i < PAIRS; i++) {
        assert_ok(lt_barrier_free(barriers[i]));
    }
}

// For the first it is enough that one looks; who is in that does not come to the second.
TEST(of_two_tasks_that_come_while_a_worker_looks_none_waits_for_the_other) {
    lt_barrier *both = lt_barrier_new(2, NULL, NULL);
    for (int again = 0; again < 500; again++) {
        lt_pool *pool = pool_of(2);
        assert_ptr_equal(take_result(submit(pool, give_back, pool)), pool); // Its worker looks for a moment.
        submit_forgotten(pool, meet_another, both);
        submit_forgotten(pool, meet_another, both);
        assert_ok(lt_pool_free(pool));
    }
    assert_ok(lt_barrier_free(both));
}

typedef struct order {
    _Atomic int next;
    int bad; // The number of one that says that it failed.
} order;

static order mapped_order;

static void *be_in_order(void *number) {
    must(atomic_fetch_add(&mapped_order.next, 1) == (int)(uintptr_t)number);
    if ((int)(uintptr_t)number == mapped_order.bad) {
        must(lt_fail(9, "in its turn") == LT_OK);
    }
    return any_value((uintptr_t)number + 1);
}

TEST(a_map_begins_one_after_the_other_and_keeps_what_there_was_before_the_first_failure) {
    enum { N = 500 };
    void *args[N], *results[N];
    for (uintptr_t i = 0; i < N; i++) {
        args[i] = any_value(i);
    }
    listen_to_hook();
    lt_pool *pool = pool_of(1);
    for (int bad = 0; bad < N; bad += 37) {
        mapped_order.next = 0;
        mapped_order.bad = bad;
        assert_status(lt_pool_map(pool, be_in_order, args, N, results, LT_FOREVER), LT_FAILED);
        for (int i = 0; i < N; i++) {
            assert_true(i < bad ? results[i] == any_value((uintptr_t)i + 1) : i > bad || results[i] == NULL);
        }
        assert_int_equal(hook_calls, bad / 37 + 1);
        assert_string_equal(hook_message, "in its turn");
        must_soon(stats_of(pool).running == 0); // What it goes on with is its own.
        assert_int_equal(stats_of(pool).queued, 0);
    }
    assert_ok(lt_pool_free(pool));
}

static void *tell_queued(void *arg) {
    mapping *m = arg;
    must(stats_of(m->pool).queued == (size_t)(MAPPED - 1 - m->tasks[0].calls++));
    return arg;
}

TEST(stats_tell_how_many_tasks_of_maps_are_pending) {
    mapping m, behind;
    mapping_init(&m, 1);
    mapping_init(&behind, 1);
    for (int i = 0; i < MAPPED; i++) {
        m.args[i] = &m;
    }
    assert_ok(lt_pool_map(m.pool, tell_queued, m.args, MAPPED, NULL, LT_FOREVER));
    gate g = new_gate();
    lt_future *standing = submit_standing(m.pool, &g);
    assert_ok(lt_pool_free(behind.pool));
    behind.pool = m.pool;
    waiter w[2];
    m.tasks[0].calls = 0;
    for (int i = 0; i < MAPPED; i++) {
        m.args[i] = &m.tasks[i];
    }
    waiter_launch(&w[0], map_all, &m);
    must_soon(stats_of(m.pool).queued == MAPPED);
    waiter_launch(&w[1], map_all, &behind);
    must_soon(stats_of(m.pool).queued == 2 * MAPPED);
    lt_future *last = submit(m.pool, give_back, &m);
    assert_int_equal(stats_of(m.pool).queued, 2 * MAPPED + 1);
    open_gate(&g);
    assert_ok(waiter_join(&w[0]));
    assert_ok(waiter_join(&w[1]));
    assert_ptr_equal(take_result(last), &m);
    assert_ptr_equal(take_result(standing), &g);
    must_soon(stats_of(m.pool).completed == 3 * MAPPED + 2);
    assert_ok(lt_pool_free(m.pool));
    free_gate(&g);
}


// ---- Tasks that fail

TEST(tasks_without_a_future_tell_the_hook_of_their_errors) {
    listen_to_hook();
    lt_pool *pool = pool_of(2);
    for (int i = 0; i < 50; i++) {
        submit_forgotten(pool, raise_seven, "forgotten");
        submit_forgotten(pool, leave, NULL); // Silent.
    }
    assert_ok(lt_pool_free(pool));
    assert_int_equal(hook_calls, 50);
    assert_string_equal(hook_message, "forgotten");
}

static void check_failing_tasks(lt_task_fn task, bool with_future) {
    listen_to_hook();
    lt_pool *pool = pool_of(3);
    for (int round = 0; round < 30; round++) {
        gate g = new_gate();
        lt_future *standing[3];
        for (int i = 0; i < 3; i++) {
            standing[i] = submit_standing(pool, &g); // There are three workers.
        }
        assert_int_equal(stats_of(pool).workers, 3);
        assert_int_equal(lt_thread_count(), 3);
        lt_future *failing[6] = {NULL};
        for (int i = 0; i < 6; i++) {
            assert_ok(lt_pool_submit(pool, task, "x", with_future ? &failing[i] : NULL));
        }
        open_gate(&g);
        for (int i = 0; i < 6 && with_future; i++) {
            assert_status(lt_future_result(failing[i], NULL), LT_FAILED);
            assert_ok(lt_future_free(failing[i]));
        }
        for (int i = 0; i < 3; i++) {
            take_result(standing[i]);
        }
        must_soon(stats_of(pool).idle == 3);
        check_stats(pool, 3, 3, 0, 0, 9 * ((uint64_t)round + 1));
        free_gate(&g);
    }
    assert_ok(lt_pool_free(pool));
    assert_int_equal(hook_calls, with_future || task == leave ? 0 : 180);
}

TEST(tasks_that_raise_or_exit_leave_the_number_of_workers_as_it_is) {
    for (int with_future = 0; with_future < 2; with_future++) {
        check_failing_tasks(raise_seven, with_future);
        check_failing_tasks(leave, with_future);
    }
}

TEST(tasks_that_exit_do_not_keep_a_pool_from_its_end) {
    for (int i = 0; i < 100; i++) {
        lt_pool *pool = pool_of(1 + (uint32_t)i % 3);
        _Atomic int calls = 0;
        for (int k = 0; k < 20; k++) {
            submit_forgotten(pool, leave, NULL);
            submit_forgotten(pool, count_call, &calls);
        }
        if (i % 2 == 0) {
            assert_ok(lt_pool_shutdown(pool, false, false));
        }
        assert_ok(lt_pool_free(pool));
        assert_int_equal(calls, 20);
        assert_int_equal(lt_thread_count(), 0);
    }
}

// ---- Memory

static void run_with_futures(lt_pool *pool, int tasks) {
    lt_future *futures[500];
    for (int i = 0; i < tasks; i += (int)LENGTH(futures)) {
        for (size_t k = 0; k < LENGTH(futures); k++) {
            futures[k] = submit(pool, give_back, NULL);
        }
        for (size_t k = 0; k < LENGTH(futures); k++) {
            take_result(futures[k]);
        }
    }
}

static void run_forgotten(lt_pool *pool, int tasks) {
    _Atomic int calls = 0;
    for (int i = 0; i < tasks; i += 500) {
        for (int k = 0; k < 500; k++) {
            submit_forgotten(pool, count_call, &calls);
        }
        must_soon(atomic_load(&calls) == i + 500);
    }
}

static void check_growth(void (*run)(lt_pool *, int)) {
    lt_pool *pool = pool_of(2);
    int million = repetitions(1000000);
    run(pool, million);
    size_t before = resident_bytes();
    run(pool, million);
    if (memory_tells()) {
        assert_true(resident_bytes() < before + 512 * 1024);
    }
    assert_ok(lt_pool_free(pool));
}

TEST(a_million_tasks_with_futures_leave_nothing_behind) {
    check_growth(run_with_futures);
}

TEST(a_million_tasks_without_futures_leave_nothing_behind) {
    check_growth(run_forgotten);
}

static void *run_with_own_futures(void *pool) {
    for (int i = 0; i < repetitions(200000); i++) {
        take_result(submit(pool, give_back, NULL));
    }
    size_t before = resident_bytes();
    for (int i = 0; i < repetitions(200000); i++) {
        take_result(submit(pool, give_back, NULL));
    }
    return any_value(resident_bytes() - before < 512 * 1024 || resident_bytes() < before);
}

TEST(a_task_that_waits_for_tasks_of_its_own_again_and_again_leaves_nothing_behind) {
    lt_pool *pool = pool_of(1);
    lt_future *future = submit(pool, run_with_own_futures, pool);
    void *small = take_result(future);
    assert_true(!memory_tells() || small != NULL);
    assert_ok(lt_pool_free(pool));
}

TEST(tasks_that_are_cancelled_again_and_again_leave_nothing_behind) {
    lt_pool *pool = pool_of(1);
    gate g = new_gate();
    lt_future *running = submit_standing(pool, &g);
    size_t before = 0;
    for (int i = 0; i < repetitions(400000); i++) {
        lt_future *future = submit(pool, give_back, NULL);
        assert_ok(lt_future_cancel(future));
        assert_ok(lt_future_free(future));
        if (i == repetitions(200000)) {
            before = resident_bytes();
        }
    }
    size_t after = resident_bytes();
    open_gate(&g);
    assert_ok(lt_pool_free(pool));
    assert_ok(lt_future_free(running));
    assert_true(!memory_tells() || after < before + 512 * 1024);
    free_gate(&g);
}

// ---- Forks

typedef struct inherited {
    lt_pool *pool;
    gate gate;
    lt_future *running, *pending, *finished;
    _Atomic int calls;
} inherited;

static void check_pool_works(lt_pool *pool) {
    _Atomic int calls = 0;
    must(stats_of(pool).workers == 0 && stats_of(pool).queued == 0);
    must(stats_of(pool).running == 0 && stats_of(pool).idle == 0);
    uint64_t completed = stats_of(pool).completed;
    for (int i = 0; i < 10; i++) {
        submit_forgotten(pool, count_call, &calls);
        must(take_result(submit(pool, count_call, &calls)) == &calls);
    }
    must_soon(atomic_load(&calls) == 20);
    must_soon(stats_of(pool).completed == completed + 20);
    must(stats_of(pool).workers >= 1 && stats_of(pool).workers <= 2);
    void *args[3] = {args, args + 1, args + 2}, *results[3];
    must(lt_pool_map(pool, give_back, args, 3, results, LT_FOREVER) == LT_OK);
    must(results[2] == args + 2);
    must(lt_pool_free(pool) == LT_OK);
    must(lt_thread_count() == 0);
}

static void add_one(lt_future *future, void *counter) {
    (void)future; // Its handle may have been freed.
    atomic_fetch_add((_Atomic int *)counter, 1);
}

static void check_in_child(void *arg) {
    inherited *h = arg;
    alarm(60);
    must(lt_thread_count() == 0);
    // The parent's tasks are the parent's.
    lt_future *all[3] = {h->running, h->pending, h->finished};
    size_t done = 99;
    must(lt_future_wait_many(all, 3, LT_ALL, LT_FOREVER, &done) == LT_OK && done == 3);
    void *result = NULL;
    must(lt_future_result(h->finished, &result) == LT_OK && result == h);
    for (int i = 0; i < 2; i++) {
        must(lt_future_result(all[i], NULL) == LT_CANCELLED && lt_future_cancelled(all[i]));
        must(!lt_future_running(all[i]) && lt_future_cancel(all[i]) == LT_OK);
        must(lt_future_add_done_callback(all[i], add_one, &h->calls) == LT_OK);
        must(h->calls == i + 1);
        must(lt_future_free(all[i]) == LT_OK);
    }
    must(lt_future_free(h->finished) == LT_OK);
    check_pool_works(h->pool);
    must(h->calls == 2);
}

static void check_old_pool_ends(void *arg) {
    inherited *h = arg;
    alarm(60);
    must(lt_pool_shutdown(h->pool, true, true) == LT_OK); // Its workers are gone already.
    must(lt_pool_free(h->pool) == LT_OK);
}

static lt_status wait_for_future(void *future) {
    return lt_future_result(future, NULL);
}

TEST(a_child_has_the_pool_without_its_workers_and_tasks) {
    skip_where_children_have_no_threads();
    inherited h = {.pool = pool_of(2), .gate = new_gate()};
    h.finished = submit(h.pool, give_back, &h);
    assert_ok(lt_future_result(h.finished, NULL));
    h.running = submit_standing(h.pool, &h.gate);
    lt_future *other = submit_standing(h.pool, &h.gate);
    h.pending = submit(h.pool, give_back, &h);
    submit_forgotten(h.pool, count_call, &h.calls);
    assert_ok(lt_future_add_done_callback(h.running, add_one, &h.calls));
    waiter w[3];
    waiter_start(&w[0], wait_for_future, h.running);
    waiter_start(&w[1], wait_for_future, h.pending);
    assert_int_equal(run_in_child(check_in_child, &h), 0);
    assert_int_equal(run_in_child(check_old_pool_ends, &h), 0);
    waiter_start(&w[2], shut_down, h.pool);
    open_gate(&h.gate);
    for (int i = 0; i < 3; i++) {
        assert_ok(waiter_join(&w[i])); // In the parent all goes on.
    }
    must_soon(atomic_load(&h.calls) == 2);
    assert_ptr_equal(take_result(h.running), &h.gate);
    assert_ptr_equal(take_result(h.pending), &h);
    assert_ptr_equal(take_result(h.finished), &h);
    assert_ptr_equal(take_result(other), &h.gate);
    assert_ok(lt_pool_free(h.pool));
    free_gate(&h.gate);
}

typedef struct forking {
    lt_pool *pool;
    lt_future *_Atomic own;
    bool returns; // From the task, in the child.
    int status;
} forking;

static void *fork_in_a_task(void *arg) {
    forking *f = arg;
    must_soon(atomic_load(&f->own) != NULL);
    pid_t child = fork_to_go_on();
    must(child >= 0);
    if (child == 0) {
        alarm(60);
        must(lt_main_ident() == lt_get_ident() && lt_thread_count() == 0);
        // This one alone came along, and is in it.
        must(lt_future_running(f->own) && lt_future_result(f->own, NULL) == LT_DEADLOCK);
        if (!f->returns) {
            check_pool_works(f->pool); // Not a worker of it any more: it may wait for its end.
            _exit(0);
        }
        return arg; // As from every thread function, that is the end of the child.
    }
    f->status = wait_for_child(child);
    return arg;
}

static void *fork_while_helping(void *arg) {
    forking *f = arg;
    lt_future *inner = submit(f->pool, fork_in_a_task, f);
    atomic_store(&f->own, inner);
    must(take_result(inner) == arg);
    return arg;
}

TEST(a_task_may_fork) {
    skip_where_children_have_no_threads();
    skip_beside_busy_threads(); // Workers that begin, or end.
    for (int i = 0; i < 20; i++) {
        forking f = {.pool = pool_of(2), .returns = i % 2, .status = -1};
        lt_future *future = submit(f.pool, fork_in_a_task, &f);
        atomic_store(&f.own, future);
        assert_ptr_equal(take_result(future), &f);
        assert_int_equal(f.status, 0);
        f.status = -1;
        atomic_store(&f.own, NULL);
        assert_ptr_equal(take_result(submit(f.pool, fork_while_helping, &f)), &f);
        assert_int_equal(f.status, 0);
        assert_ok(lt_pool_free(f.pool));
    }
}

static void *fork_and_come_back(void *status) {
    pid_t child = fork_to_go_on();
    must(child >= 0);
    if (child == 0) {
        alarm(60);
        return status;
    }
    *(int *)status = wait_for_child(child);
    return status;
}

static void *be_in(void *process) {
    must(getpid() == *(const pid_t *)process);
    return process;
}

TEST(no_task_behind_one_that_forks_is_run_in_the_child) {
    skip_where_children_have_no_threads();
    skip_beside_busy_threads();
    pid_t parent = getpid();
    int status = -1;
    lt_pool *pool = pool_of(1);
    gate g = new_gate();
    lt_future *standing = submit_standing(pool, &g);
    submit_forgotten(pool, fork_and_come_back, &status);
    for (int i = 0; i < 3; i++) {
        submit_forgotten(pool, be_in, &parent);
    }
    open_gate(&g);
    assert_ptr_equal(take_result(standing), &g);
    assert_ok(lt_pool_free(pool));
    assert_int_equal(status, 0);
    free_gate(&g);
}

typedef struct forking_map {
    lt_pool *pool;
    _Atomic int calls;
    int status;
} forking_map;

static void *fork_in_a_map(void *arg) {
    forking_map *f = arg;
    pid_t child = atomic_fetch_add(&f->calls, 1) == 2 ? fork() : -1;
    if (child == 0) {
        alarm(60);
        f->status = 1;
    } else if (child > 0) {
        must(waitpid(child, &f->status, 0) == child);
    }
    return arg;
}

// The only worker maps, and so runs the tasks itself.
static void *map_and_fork(void *arg) {
    forking_map *f = arg;
    void *args[5] = {f, f, f, f, f}, *results[5];
    lt_status status = lt_pool_map(f->pool, fork_in_a_map, args, 5, results, LT_FOREVER);
    if (f->status == 1) {
        // The child: what was begun there is over, and the rest is the parent's.
        must(status == LT_CANCELLED && f->calls == 3 && results[2] == f && results[3] == NULL);
        check_pool_works(f->pool);
        _exit(0);
    }
    must(status == LT_OK && f->calls == 5 && results[4] == f);
    return arg;
}

TEST(a_task_of_a_map_may_fork) {
    skip_where_children_have_no_threads();
    for (int i = 0; i < 20; i++) {
        forking_map f = {.pool = pool_of(1), .status = -1};
        assert_ptr_equal(take_result(submit(f.pool, map_and_fork, &f)), &f);
        assert_int_equal(f.status, 0);
        // A worker that maps nothing itself: the child ends with its task.
        f.calls = 0;
        f.status = -1;
        void *args[5] = {&f, &f, &f, &f, &f};
        assert_ok(lt_pool_map(f.pool, fork_in_a_map, args, 5, NULL, LT_FOREVER));
        assert_int_equal(f.status, 0);
        assert_ok(lt_pool_free(f.pool));
    }
}

// Forks while everything is done to pools, by several threads.
typedef struct turmoil {
    lt_pool *pool;
    _Atomic bool stop;
    _Atomic int calls;
} turmoil;

static lt_status make_turmoil(void *arg) {
    turmoil *t = arg;
    void *args[4] = {t, t, t, t}, *results[4];
    while (!atomic_load(&t->stop)) {
        lt_pool *own = pool_of(2);
        lt_future *futures[4];
        for (int i = 0; i < 4; i++) {
            futures[i] = submit(i % 2 == 0 ? own : t->pool, give_back, NULL);
            must(lt_future_add_done_callback(futures[i], add_one, &t->calls) == LT_OK);
        }
        submit_forgotten(t->pool, leave, NULL);
        LT_IGNORE(lt_future_cancel(futures[0]));
        LT_IGNORE(lt_future_wait_many(futures, 4, LT_ANY, 1e-5, NULL));
        LT_IGNORE(lt_pool_map(t->pool, give_back, args, 4, results, 1e-5));
        must(lt_future_free(futures[1]) == LT_OK);
        must(lt_future_wait_many(futures + 2, 2, LT_ALL, LT_FOREVER, NULL) == LT_OK);
        must(lt_pool_free(own) == LT_OK);
        must(lt_future_free(futures[0]) == LT_OK && lt_future_free(futures[2]) == LT_OK);
        must(lt_future_free(futures[3]) == LT_OK);
    }
    return LT_OK;
}

static void use_pools_in_child(void *arg) {
    turmoil *t = arg;
    alarm(60);
    check_pool_works(t->pool);
    check_pool_works(pool_of(2));
}

TEST(a_child_that_was_forked_in_the_middle_can_use_pools) {
    skip_where_children_have_no_threads();
    skip_beside_busy_threads();
    turmoil t = {.pool = pool_of(2)};
    waiter w[3];
    for (size_t i = 0; i < LENGTH(w); i++) {
        waiter_launch(&w[i], make_turmoil, &t);
    }
    for (int i = 0; i < forks(100); i++) {
        assert_int_equal(run_in_child(use_pools_in_child, &t), 0);
    }
    atomic_store(&t.stop, true);
    for (size_t i = 0; i < LENGTH(w); i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_ok(lt_pool_free(t.pool));
}

// ---- Chains

typedef struct chain {
    lt_future **futures;
    size_t length;
    _Atomic size_t done;
    lt_status end;
} chain;

typedef struct place {
    chain *chain;
    size_t number;
} place;

static void *wait_for_the_next(void *arg) {
    const place *l = arg;
    chain *c = l->chain;
    void *result = NULL;
    if (l->number + 1 < c->length) {
        lt_status status = lt_future_result(c->futures[l->number + 1], &result);
        if (status != LT_OK) {
            c->end = status;
            return NULL;
        }
        must(result == l + 1);
    }
    atomic_fetch_add(&c->done, 1);
    return arg;
}

// The same in a callback: its worker runs the next task, and calls the callback of that.
static void wait_for_the_next_when_done(lt_future *future, void *arg) {
    (void)future;
    wait_for_the_next(arg);
}

// Each waits for the next, so they are on the stack of one worker under each other. What is left of it is not enough for
// all: other workers come, and leave again.
static void check_chain(size_t length, uint32_t workers, lt_future_fn callback) {
    lt_pool *pool = pool_of(workers);
    gate g = new_gate();
    chain c = {calloc(length, sizeof(lt_future *)), length, 0, LT_OK};
    place *links = calloc(length, sizeof *links);
    lt_future *standing[4];
    for (uint32_t i = 0; i < workers; i++) {
        standing[i] = submit_standing(pool, &g);
    }
    for (size_t i = 0; i < length; i++) {
        links[i] = (place){&c, i};
        c.futures[i] = submit(pool, callback == NULL ? wait_for_the_next : give_back, &links[i]);
        if (callback != NULL) {
            assert_ok(lt_future_add_done_callback(c.futures[i], callback, &links[i]));
        }
    }
    open_gate(&g);
    if (callback != NULL) { // They need the handles.
        must_soon(atomic_load(&c.done) == length);
    }
    for (size_t i = 0; i < length; i++) {
        must(take_result(c.futures[i]) == &links[i]);
    }
    assert_int_equal(c.done, length);
    for (uint32_t i = 0; i < workers; i++) {
        assert_ok(lt_future_result(standing[i], NULL));
        assert_ok(lt_future_free(standing[i]));
    }
    must_soon(stats_of(pool).workers == workers && stats_of(pool).idle == workers);
    assert_int_equal(stats_of(pool).completed, length + workers);
    assert_ok(lt_pool_free(pool));
    free(c.futures);
    free(links);
    free_gate(&g);
}

TEST(a_chain_of_tasks_that_wait_for_each_other_is_as_long_as_one_likes) {
    check_chain(50000, 1, NULL);
    check_chain(10000, 1, wait_for_the_next_when_done);
}

TEST(chains_are_long_on_small_stacks_too) {
    assert_ok(lt_set_stack_size(65536));
    check_chain(2000, 1, NULL);
    check_chain(2000, 3, NULL);
    check_chain(2000, 1, wait_for_the_next_when_done);
    assert_ok(lt_set_stack_size(0));
}

// On the last quarter of its stack: another worker runs what this one waits for.
static void *wait_far_down(void *arg) {
    lt_pool *pool = arg;
    volatile char stack[208 * 1024];
    stack[0] = stack[sizeof stack - 1] = 0;
    must(take_result(submit(pool, give_back, arg)) == arg);
    must_soon(stats_of(pool).workers == 1); // And leaves, though this one is still in its task.
    return arg;
}

TEST(a_worker_too_many_leaves_while_the_one_that_waited_is_in_its_task) {
    assert_ok(lt_set_stack_size(256 * 1024));
    for (int again = 0; again < 200; again++) {
        lt_pool *pool = pool_of(1);
        assert_ptr_equal(take_result(submit(pool, wait_far_down, pool)), pool);
        assert_ok(lt_pool_free(pool));
    }
    assert_ok(lt_set_stack_size(0));
}

// ---- A map that is left

static void *leave_or_count(void *counter) {
    if (counter == NULL) {
        lt_exit();
    }
    return count_call(counter);
}

typedef struct left_map {
    lt_pool *pool;
    _Atomic int calls;
} left_map;

static void *map_and_leave(void *arg) {
    left_map *m = arg;
    void *args[3] = {NULL, (void *)&m->calls, (void *)&m->calls};
    must(lt_pool_map(m->pool, leave_or_count, args, 3, NULL, LT_FOREVER) == LT_OK);
    must(!"left by the first task");
    return arg;
}

// A worker that maps runs the tasks itself. When one of them ends it by lt_exit(), those that nobody has begun are
// not run, and nothing is left of the map.
TEST(a_map_whose_task_exits_takes_the_rest_along) {
    left_map m = {pool_of(1), 0};
    for (int i = 0; i < 20; i++) {
        lt_future *future = submit(m.pool, map_and_leave, &m);
        assert_status(lt_future_result(future, NULL), LT_FAILED);
        assert_ok(lt_future_free(future));
        assert_ptr_equal(take_result(submit(m.pool, give_back, &m)), &m);
        assert_int_equal(m.calls, 0);
        assert_int_equal(stats_of(m.pool).queued, 0);
    }
    assert_ok(lt_pool_free(m.pool));
}

// ---- Freed meanwhile

struct replaced {
    lt_pool *old, *new;
    gate blocks_old, blocks_new;
    lt_future *futures[3];
    lt_pool **others;
    size_t count;
};

static struct replaced replaced;

static bool is_new_pool_in_place_of_old(void) {
    replaced.new = pool_of(1);
    if (((uintptr_t)replaced.new ^ (uintptr_t)replaced.old) << 16 >> 22 == 0) {
        return true;
    }
    // Not freed now, or it would be the next one again.
    lt_pool **other = realloc(replaced.others, (replaced.count + 1) * sizeof *other);
    must(other != NULL);
    other[replaced.count++] = replaced.new;
    replaced.others = other;
    return false;
}

static void replace_the_pool(void *first) {
    if (first == NULL) {
        return;
    }
    open_gate(&replaced.blocks_old);
    must(lt_pool_free(replaced.old) == LT_OK);
    // The other one is to be in the place of the first, which its last worker leaves at its very end.
    must_soon(is_new_pool_in_place_of_old());
    LT_IGNORE(submit_standing(replaced.new, &replaced.blocks_new));
    for (size_t i = 0; i < LENGTH(replaced.futures); i++) {
        replaced.futures[i] = submit(replaced.new, give_back, NULL);
    }
}

TEST(a_shutdown_whose_drop_frees_the_pool_cancels_no_task_of_the_next_one) {
    replaced.blocks_old = new_gate();
    replaced.blocks_new = new_gate();
    replaced.old = pool_of(1);
    assert_ok(lt_pool_set_drop(replaced.old, replace_the_pool));
    lt_future *standing = submit_standing(replaced.old, &replaced.blocks_old);
    submit_forgotten(replaced.old, give_back, &replaced);
    assert_ok(lt_pool_shutdown(replaced.old, false, true));
    open_gate(&replaced.blocks_new);
    for (size_t i = 0; i < LENGTH(replaced.futures); i++) {
        take_result(replaced.futures[i]);
    }
    take_result(standing);
    assert_ok(lt_pool_free(replaced.new));
    for (size_t i = 0; i < replaced.count; i++) {
        assert_ok(lt_pool_free(replaced.others[i]));
    }
    free(replaced.others);
    free_gate(&replaced.blocks_old);
    free_gate(&replaced.blocks_new);
}

static _Atomic int left_to_submit;

static void submit_at_intervals(void *pool) {
    for (; left_to_submit > 0; left_to_submit--) {
        submit_forgotten(pool, give_back, NULL);
        // Now and then long enough for a worker to look for more in vain.
        for (volatile int i = 0; i < left_to_submit % 64 * 200; i++) {
        }
    }
}

TEST(what_a_pool_has_completed_grows_and_never_shrinks) {
    lt_pool *pool = pool_of(2);
    left_to_submit = 30000;
    lt_thread *submits = NULL;
    assert_ok(lt_thread_start(submit_at_intervals, pool, NULL, &submits));
    uint64_t completed = 0;
    while (left_to_submit > 0) {
        uint64_t now = stats_of(pool).completed;
        must(now >= completed);
        completed = now;
    }
    assert_ok(lt_thread_join(submits));
    assert_ok(lt_thread_free(submits));
    must_soon(stats_of(pool).completed == 30000);
    assert_ok(lt_pool_free(pool));
}

static void submit_one(void *unused) {
    (void)unused;
    lt_status status = lt_pool_submit(replaced.old, give_back, NULL, NULL);
    must(status == LT_OK || status == LT_CLOSED || status == LT_BAD_HANDLE);
}

TEST(a_submit_that_waits_for_the_first_worker_ends_when_the_pool_is_freed) {
    for (int round = 0; round < 500; round++) {
        replaced.old = pool_of(1);
        lt_thread *threads[4];
        for (size_t i = 0; i < LENGTH(threads); i++) {
            assert_ok(lt_thread_start(submit_one, NULL, NULL, &threads[i]));
        }
        assert_ok(lt_pool_free(replaced.old));
        for (size_t i = 0; i < LENGTH(threads); i++) {
            assert_ok(lt_thread_join_timeout(threads[i], POLL_SECONDS));
            assert_ok(lt_thread_free(threads[i]));
        }
    }
}
