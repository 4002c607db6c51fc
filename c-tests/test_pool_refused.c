// Pools when the system refuses threads or memory, under shim_pthread_create.c and shim_malloc.c.
// timeout: 60
// flags: -fexceptions
// needs: LD_PRELOAD
#include "pools.h"
#include "shims.h"

static void (*shim_fail)(long from, long to);
static long (*shim_failures)(void);
static long (*shim_live)(void);
static void (*shim_refuse_threads)(long from, long to, int error);
static void (*shim_before_refusal)(void (*function)(void));
static long (*shim_thread_calls)(void);

static bool in_shim(const char *function) {
    if (!in_shims(function, "malloc pthread_create")) {
        return false;
    }
    shim_function(&shim_fail, "shim_fail");
    shim_function(&shim_failures, "shim_failures");
    shim_function(&shim_live, "shim_live");
    shim_function(&shim_refuse_threads, "shim_refuse_threads");
    shim_function(&shim_before_refusal, "shim_before_refusal");
    shim_function(&shim_thread_calls, "shim_thread_calls");
    return true;
}

// ---- No thread

static void check_refused(lt_pool *pool, _Atomic int *calls) {
    lt_future *future = (lt_future *)calls;
    assert_status(lt_pool_submit(pool, count_call, calls, &future), LT_NO_THREAD);
    assert_int_equal(lt_last_errno(), EAGAIN);
    assert_true(last_error_names("lt_pool_submit"));
    assert_ptr_equal(future, calls);
    assert_status(lt_pool_submit(pool, count_call, calls, NULL), LT_NO_THREAD);
    void *args[2] = {calls, calls};
    assert_status(lt_pool_map(pool, count_call, args, 2, NULL, LT_FOREVER), LT_NO_THREAD);
    assert_true(last_error_names("lt_pool_map"));
    lt_pool_info info = stats_of(pool);
    assert_int_equal(info.workers, 0);
    assert_int_equal(info.queued, 0);
    assert_int_equal(lt_thread_count(), 0);
}

TEST(without_any_worker_a_refused_thread_refuses_the_task) {
    if (!in_shim(__func__)) {
        return;
    }
    lt_pool *pool = pool_of(2);
    _Atomic int calls = 0;
    shim_refuse_threads(1, LONG_MAX, EAGAIN);
    for (int i = 0; i < 100; i++) {
        check_refused(pool, &calls);
    }
    long live = shim_live();
    for (int i = 0; i < 500; i++) {
        check_refused(pool, &calls);
    }
    assert_int_equal(shim_live(), live);
    shim_refuse_threads(0, 0, 0);
    assert_ptr_equal(take_result(submit(pool, count_call, &calls)), &calls);
    assert_ok(lt_pool_free(pool));
    assert_int_equal(calls, 1);
    pool = pool_of(2);
    shim_refuse_threads(1, LONG_MAX, EAGAIN);
    check_refused(pool, &calls);
    assert_ok(lt_pool_free(pool));
    assert_int_equal(calls, 1);
}

TEST(a_worker_that_there_is_takes_the_task_of_one_that_is_refused) {
    if (!in_shim(__func__)) {
        return;
    }
    lt_pool *pool = pool_of(4);
    gate g = new_gate();
    lt_future *running = submit_standing(pool, &g);
    shim_refuse_threads(1, LONG_MAX, EAGAIN);
    lt_future *futures[10];
    for (int i = 0; i < 10; i++) {
        futures[i] = submit(pool, give_back, pool);
    }
    assert_int_equal(stats_of(pool).workers, 1);
    assert_int_equal(stats_of(pool).queued, 10);
    open_gate(&g);
    for (int i = 0; i < 10; i++) {
        assert_ptr_equal(take_result(futures[i]), pool);
    }
    take_result(running);
    shim_refuse_threads(0, 0, 0);
    assert_ok(lt_pool_free(pool));
    free_gate(&g);
}

static lt_pool *pool_to_cancel;
static _Atomic int dropped;
static void *taken[200];

// What is waited for by nobody is cancelled, and its memory serves for something else.
static void cancel_all(void) {
    must(lt_pool_shutdown(pool_to_cancel, false, true) == LT_OK);
    for (size_t i = 0; i < LENGTH(taken); i++) {
        size_t size = 8 + i % 20 * 8;
        must((taken[i] = malloc(size)) != NULL);
        memset(taken[i], 1, size);
    }
}

static void drop(void *arg) {
    atomic_fetch_add((_Atomic int *)arg, 1);
}

TEST(a_task_that_is_cancelled_while_its_worker_is_refused_is_not_looked_at_again) {
    if (!in_shim(__func__)) {
        return;
    }
    for (int with_future = 0; with_future <= 1; with_future++) {
        lt_pool *pool = pool_to_cancel = pool_of(1);
        assert_ok(lt_pool_set_drop(pool, drop));
        shim_before_refusal(cancel_all);
        shim_refuse_threads(1, LONG_MAX, EAGAIN);
        lt_future *future = NULL;
        // It was accepted, and then cancelled.
        assert_ok(lt_pool_submit(pool, give_back, &dropped, with_future ? &future : NULL));
        shim_refuse_threads(0, 0, 0);
        shim_before_refusal(NULL);
        for (size_t i = 0; i < LENGTH(taken); i++) {
            free(taken[i]);
        }
        assert_int_equal(stats_of(pool).queued, 0);
        if (with_future) {
            assert_true(lt_future_cancelled(future));
            assert_ok(lt_future_free(future));
        }
        assert_int_equal(dropped, 1); // Only what has no future is.
        assert_ok(lt_pool_free(pool));
    }
}

static void *stand_and_leave(void *arg) {
    stand_at(arg);
    lt_exit();
}

TEST(a_pool_that_loses_its_last_worker_and_gets_none_is_broken) {
    if (!in_shim(__func__)) {
        return;
    }
    lt_pool *pool = pool_of(1);
    gate g = new_gate();
    _Atomic int calls = 0;
    lt_future *leaving = submit(pool, stand_and_leave, &g);
    assert_ok(lt_semaphore_acquire(g.arrived));
    lt_future *pending[3];
    for (int i = 0; i < 3; i++) {
        pending[i] = submit(pool, count_call, &calls);
        submit_forgotten(pool, count_call, &calls);
    }
    shim_refuse_threads(1, LONG_MAX, EAGAIN);
    open_gate(&g);
    assert_status(lt_future_result(leaving, NULL), LT_FAILED);
    for (int i = 0; i < 3; i++) {
        assert_status(lt_future_result(pending[i], NULL), LT_CANCELLED); // Nobody waits in vain.
        assert_ok(lt_future_free(pending[i]));
    }
    must_soon(stats_of(pool).workers == 0);
    shim_refuse_threads(0, 0, 0);
    assert_status(lt_pool_submit(pool, count_call, &calls, NULL), LT_BROKEN);
    assert_ok(lt_pool_shutdown(pool, true, false));
    assert_ok(lt_pool_free(pool));
    assert_int_equal(calls, 0);
    assert_ok(lt_future_free(leaving));
    free_gate(&g);
}

static void stand_and_count(void *arg) {
    stand_at(arg);
    atomic_fetch_add(&dropped, 1);
}

// The worker that found out that it is broken is in the midst of cancelling.
TEST(of_a_broken_pool_that_is_freed_nothing_is_left_pending) {
    if (!in_shim(__func__)) {
        return;
    }
    lt_pool *pool = pool_of(1);
    assert_ok(lt_pool_set_drop(pool, stand_and_count));
    gate g = new_gate(), drop_gate = new_gate();
    atomic_store(&dropped, 0);
    lt_future *leaving = submit(pool, stand_and_leave, &g);
    assert_ok(lt_semaphore_acquire(g.arrived));
    submit_forgotten(pool, give_back, &drop_gate);
    lt_future *pending = submit(pool, give_back, NULL);
    shim_refuse_threads(1, LONG_MAX, EAGAIN);
    open_gate(&g);
    assert_ok(lt_semaphore_acquire(drop_gate.arrived));
    assert_ok(lt_pool_free(pool));
    assert_status(lt_future_try_result(pending, NULL), LT_CANCELLED);
    shim_refuse_threads(0, 0, 0);
    open_gate(&drop_gate);
    must_soon(dropped == 1);
    assert_ok(lt_future_free(pending));
    assert_status(lt_future_result(leaving, NULL), LT_FAILED);
    assert_ok(lt_future_free(leaving));
    free_gate(&g);
    free_gate(&drop_gate);
}

TEST(a_pool_that_loses_its_last_worker_with_nothing_to_do_starts_one_later) {
    if (!in_shim(__func__)) {
        return;
    }
    lt_pool *pool = pool_of(1);
    gate g = new_gate();
    lt_future *leaving = submit(pool, stand_and_leave, &g);
    assert_ok(lt_semaphore_acquire(g.arrived));
    shim_refuse_threads(1, LONG_MAX, EAGAIN);
    open_gate(&g);
    must_soon(stats_of(pool).workers == 0);
    shim_refuse_threads(0, 0, 0);
    assert_ptr_equal(take_result(submit(pool, give_back, pool)), pool);
    assert_ok(lt_future_free(leaving));
    assert_ok(lt_pool_free(pool));
    free_gate(&g);
}

TEST(a_pool_that_loses_one_of_its_workers_goes_on_with_the_others) {
    if (!in_shim(__func__)) {
        return;
    }
    lt_pool *pool = pool_of(2);
    gate leave_at = new_gate(), g = new_gate();
    lt_future *leaving = submit(pool, stand_and_leave, &leave_at);
    assert_ok(lt_semaphore_acquire(leave_at.arrived));
    lt_future *running = submit_standing(pool, &g), *pending = submit(pool, give_back, pool);
    shim_refuse_threads(1, LONG_MAX, EAGAIN);
    open_gate(&leave_at);
    must_soon(stats_of(pool).workers == 1);
    assert_false(lt_future_done(pending));
    open_gate(&g);
    assert_ptr_equal(take_result(pending), pool);
    shim_refuse_threads(0, 0, 0);
    take_result(running);
    assert_ok(lt_future_free(leaving));
    assert_ok(lt_pool_free(pool));
    free_gate(&leave_at);
    free_gate(&g);
}

static gate refused_at, pair_gate;

static void stand_before_refusal(void) {
    stand_at(&refused_at);
}

static void *submit_one_to_be_refused(void *pool) {
    submit_forgotten(pool, count_call, &dropped);
    return NULL;
}

// Neither of two can go on without the other.
static void *meet(void *arg) {
    must(lt_barrier_wait(arg, NULL) == LT_OK);
    must(lt_semaphore_release(pair_gate.arrived, 1) == LT_OK);
    return NULL;
}

// Of two that come to a worker that looks for what comes, it calls the other for the second, that sleeps.
TEST(no_task_waits_for_a_worker_that_may_be_refused_while_another_sleeps) {
    if (!in_shim(__func__)) {
        return;
    }
    lt_pool *pool = pool_of(3);
    gate g = new_gate();
    refused_at = new_gate();
    pair_gate = new_gate();
    lt_barrier *both = lt_barrier_new(2, NULL, NULL);
    lt_future *running[2] = {submit_standing(pool, &g), submit_standing(pool, &g)};
    shim_before_refusal(stand_before_refusal);
    shim_refuse_threads(2, 2, EAGAIN);
    pthread_t submits; // The first.
    must(pthread_create(&submits, NULL, submit_one_to_be_refused, pool) == 0);
    assert_ok(lt_semaphore_acquire(refused_at.arrived));
    open_gate(&g);
    take_result(running[0]);
    take_result(running[1]);
    for (int i = 0; i < 300; i++) {
        must_soon(stats_of(pool).idle == 2);
        _Atomic int first = 0;
        submit_forgotten(pool, count_call, &first);
        while (first == 0) {
        }
        submit_forgotten(pool, meet, both);
        submit_forgotten(pool, meet, both);
        assert_ok(lt_semaphore_acquire_timeout(pair_gate.arrived, 10.0));
        assert_ok(lt_semaphore_acquire_timeout(pair_gate.arrived, 10.0));
    }
    open_gate(&refused_at);
    must(pthread_join(submits, NULL) == 0);
    shim_refuse_threads(0, 0, 0);
    shim_before_refusal(NULL);
    assert_ok(lt_pool_free(pool));
    assert_ok(lt_barrier_free(both));
    free_gate(&g);
    free_gate(&refused_at);
    free_gate(&pair_gate);
}

// ---- No memory. The workers stand at a gate, so that only this thread asks for any.

static void must_be_refused(const char *function) {
    must_for(function, lt_last_status() == LT_NO_MEMORY || lt_last_status() == LT_NO_THREAD);
    must_for(function, last_error_names(function));
}

// Has the nth allocation of an attempt fail, for each n, until none is left to fail.
static int fail_each(bool (*attempt)(void *), void *arg) {
    for (long nth = 1;; nth++) {
        shim_fail(nth, nth);
        bool succeeded = attempt(arg);
        long failures = shim_failures();
        shim_fail(0, 0);
        must(succeeded || failures > 0);
        if (failures == 0) {
            return (int)nth - 1;
        }
    }
}

static bool make_pool(void *made) {
    lt_pool *pool = lt_pool_new(3, "a name");
    *(lt_pool **)made = pool;
    if (pool == NULL) {
        must_be_refused("lt_pool_new");
    }
    return pool != NULL;
}

TEST(a_pool_without_memory_is_null) {
    if (!in_shim(__func__)) {
        return;
    }
    lt_pool *pools[200];
    int failures = 0;
    for (size_t i = 0; i < LENGTH(pools); i++) {
        failures += fail_each(make_pool, &pools[i]);
    }
    assert_true(failures >= (int)LENGTH(pools));
    long live = shim_live();
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < LENGTH(pools); i++) {
            must(lt_pool_free(pools[i]) == LT_OK);
        }
        for (size_t i = 0; i < LENGTH(pools); i++) {
            must(make_pool(&pools[i]));
        }
    }
    assert_int_equal(shim_live(), live);
}

typedef struct attempt {
    lt_pool *pool;
    lt_future *futures[4000];
    _Atomic int calls;
    int submitted, with_future;
    bool forgotten;
} attempt;

static bool submit_one(void *arg) {
    attempt *a = arg;
    size_t queued = stats_of(a->pool).queued;
    lt_future *future = NULL;
    lt_status status =
        lt_pool_submit(a->pool, count_call, &a->calls, a->forgotten ? NULL : &future);
    if (status != LT_OK) {
        must(status == LT_NO_MEMORY && future == NULL);
        must_be_refused("lt_pool_submit");
        must(stats_of(a->pool).queued == queued);
        return false;
    }
    a->submitted++;
    if (!a->forgotten) {
        must(a->with_future < (int)LENGTH(a->futures));
        a->futures[a->with_future++] = future;
    }
    return true;
}

static attempt a;

TEST(a_submit_without_memory_is_refused_and_not_run) {
    skip_without_memory();
    if (!in_shim(__func__)) {
        return;
    }
    a.pool = pool_of(1);
    gate g = new_gate();
    lt_future *running = submit_standing(a.pool, &g);
    int failures = 0;
    for (int i = 0; i < 1000; i++) {
        a.forgotten = i % 2;
        failures += fail_each(submit_one, &a);
    }
    assert_true(failures > 0);
    open_gate(&g);
    for (int i = 0; i < a.with_future; i++) {
        assert_ptr_equal(take_result(a.futures[i]), &a.calls);
    }
    take_result(running);
    assert_ok(lt_pool_free(a.pool));
    assert_int_equal(a.calls, a.submitted);
    free_gate(&g);
}

TEST(the_first_submit_without_memory_is_refused_and_not_run) {
    skip_without_memory();
    if (!in_shim(__func__)) {
        return;
    }
    for (long nth = 1; nth < 40; nth++) {
        lt_pool *pool = pool_of(1);
        _Atomic int calls = 0;
        lt_future *future = NULL;
        shim_fail(nth, nth); // May meet the worker, which then is at a loss, or not.
        lt_status status = lt_pool_submit(pool, count_call, &calls, &future);
        if (status != LT_OK) {
            must(status == LT_NO_MEMORY || status == LT_NO_THREAD);
            must(future == NULL && stats_of(pool).queued == 0 && stats_of(pool).workers == 0);
            shim_fail(0, 0);
            future = submit(pool, count_call, &calls);
        }
        assert_ptr_equal(take_result(future), &calls);
        shim_fail(0, 0);
        assert_ok(lt_pool_free(pool));
        assert_int_equal(calls, 1);
        assert_int_equal(lt_thread_count(), 0);
    }
}

static bool map_some(void *arg) {
    attempt *m = arg;
    void *args[40], *results[40];
    for (size_t i = 0; i < LENGTH(args); i++) {
        args[i] = m;
        results[i] = m;
    }
    lt_status status = lt_pool_map(m->pool, give_back, args, LENGTH(args), results, 0.0);
    must(status == LT_TIMED_OUT || status == LT_NO_MEMORY);
    if (status == LT_NO_MEMORY) {
        must_be_refused("lt_pool_map");
    }
    for (size_t i = 0; i < LENGTH(results); i++) {
        must(results[i] == NULL);
    }
    return status == LT_TIMED_OUT;
}

TEST(a_map_without_memory_is_refused_and_leaves_nothing_queued) {
    skip_without_memory();
    if (!in_shim(__func__)) {
        return;
    }
    a.pool = pool_of(1);
    gate g = new_gate();
    lt_future *running = submit_standing(a.pool, &g);
    for (int i = 0; i < 50; i++) {
        fail_each(map_some, &a);
        assert_int_equal(stats_of(a.pool).queued, 0);
    }
    long live = shim_live();
    assert_true(fail_each(map_some, &a) > 0);
    assert_int_equal(shim_live(), live);
    open_gate(&g);
    take_result(running);
    must_soon(stats_of(a.pool).idle == 1);
    assert_int_equal(stats_of(a.pool).completed, 1);
    assert_ok(lt_pool_free(a.pool));
    free_gate(&g);
}

static bool wait_for_some(void *arg) {
    attempt *m = arg;
    size_t done = 99;
    lt_status status = lt_future_wait_many(m->futures, 3, LT_ALL, 1e-6, &done);
    if (status == LT_NO_MEMORY) {
        must_be_refused("lt_future_wait_many");
        must(done == 99);
        return false;
    }
    must(status == LT_TIMED_OUT && done == 0);
    return true;
}

static _Atomic int called_back;

static void call_back(lt_future *future, void *unused) {
    (void)future;
    (void)unused;
    atomic_fetch_add(&called_back, 1);
}

static bool add_callback(void *arg) {
    attempt *m = arg;
    lt_status status = lt_future_add_done_callback(m->futures[0], call_back, NULL);
    if (status != LT_OK) {
        must(status == LT_NO_MEMORY);
        must_be_refused("lt_future_add_done_callback");
        return false;
    }
    m->submitted++;
    return true;
}

TEST(waits_and_callbacks_without_memory_are_refused) {
    skip_without_memory();
    if (!in_shim(__func__)) {
        return;
    }
    a.pool = pool_of(1);
    gate g = new_gate();
    lt_future *running = submit_standing(a.pool, &g);
    for (int i = 0; i < 3; i++) {
        a.futures[i] = submit(a.pool, give_back, NULL);
    }
    assert_true(fail_each(wait_for_some, &a) > 0);
    long live = shim_live();
    assert_true(fail_each(wait_for_some, &a) > 0);
    assert_int_equal(shim_live(), live);
    int failures = 0;
    for (int i = 0; i < 300; i++) {
        failures += fail_each(add_callback, &a);
    }
    assert_true(failures > 0);
    open_gate(&g);
    take_result(running);
    for (int i = 0; i < 3; i++) {
        take_result(a.futures[i]);
    }
    assert_ok(lt_pool_free(a.pool));
    assert_int_equal(called_back, a.submitted); // Those that were refused are not called.
    free_gate(&g);
}

static void *stand_and_raise(void *arg) {
    stand_at(arg);
    shim_fail(1, LONG_MAX);
    lt_raise(7, "without memory");
}

TEST(a_task_that_raises_without_memory_fails_all_the_same) {
    if (!in_shim(__func__)) {
        return;
    }
    listen_to_hook();
    lt_pool *pool = pool_of(1);
    // The C library loads what it needs to end a thread when it does so for the first time.
    lt_future *left = submit(pool, leave, NULL);
    assert_status(lt_future_result(left, NULL), LT_FAILED);
    assert_ok(lt_future_free(left));
    for (int i = 0; i < 3; i++) {
        gate g = new_gate();
        lt_future *future = submit(pool, stand_and_raise, &g);
        assert_ok(lt_semaphore_acquire(g.arrived));
        open_gate(&g);
        lt_status status = lt_future_result(future, NULL);
        shim_fail(0, 0);
        assert_status(status, LT_FAILED);
        const lt_error_info *info;
        status = lt_future_error(future, &info);
        assert_true(status == LT_OK || status == LT_EMPTY);
        assert_ok(lt_future_free(future));
        free_gate(&g);
    }
    assert_ok(lt_pool_free(pool));
}

// ---- No stack

typedef struct descent {
    lt_future *futures[400];
    _Atomic int deadlocks;
} descent;

typedef struct step {
    descent *descent;
    int number;
} step;

static void *descend(void *arg) {
    const step *s = arg;
    if (s->number + 1 < (int)LENGTH(s->descent->futures)) {
        lt_status status = lt_future_result(s->descent->futures[s->number + 1], NULL);
        if (status == LT_DEADLOCK) {
            must(last_error_names("lt_future_result"));
            atomic_fetch_add(&s->descent->deadlocks, 1);
        } else {
            must(status == LT_OK);
        }
    }
    return arg;
}

// A worker without the stack to run the task that it waits for needs another one.
TEST(without_stack_and_without_another_thread_a_wait_is_a_deadlock) {
    if (!in_shim(__func__)) {
        return;
    }
    assert_ok(lt_set_stack_size(65536));
    for (int refused = 0; refused < 2; refused++) {
        lt_pool *pool = pool_of(1);
        gate g = new_gate();
        lt_future *standing = submit_standing(pool, &g);
        static descent d;
        static step steps[LENGTH(d.futures)];
        atomic_store(&d.deadlocks, 0);
        for (int i = 0; i < (int)LENGTH(steps); i++) {
            steps[i] = (step){&d, i};
            d.futures[i] = submit(pool, descend, &steps[i]);
        }
        shim_refuse_threads(1, refused ? LONG_MAX : 0, EAGAIN);
        open_gate(&g);
        for (int i = 0; i < (int)LENGTH(steps); i++) {
            must(take_result(d.futures[i]) == &steps[i]);
        }
        shim_refuse_threads(0, 0, 0);
        assert_true((d.deadlocks > 0) == (refused > 0));
        assert_ok(lt_future_result(standing, NULL));
        assert_ok(lt_future_free(standing));
        must_soon(stats_of(pool).workers == 1);
        assert_ok(lt_pool_free(pool));
        free_gate(&g);
    }
    assert_ok(lt_set_stack_size(0));
}

// ---- No thread in the place of one

static lt_pool *chain_pool;

static void *wait_for_the_next(void *left) {
    if (left == NULL) {
        return any_value(LT_OK);
    }
    lt_future *next = submit(chain_pool, wait_for_the_next, (char *)left - 1);
    void *met = NULL;
    lt_status status = lt_future_result(next, &met);
    must(lt_future_free(next) == LT_OK);
    return status == LT_OK ? met : any_value((uintptr_t)status);
}

static void *leave_at(void *g) {
    stand_at(g);
    lt_exit();
}

TEST(the_last_worker_that_leaves_those_that_stand_aside_breaks_the_pool) {
    if (!in_shim(__func__)) {
        return;
    }
    assert_ok(lt_set_stack_size(65536));
    chain_pool = pool_of(2);
    gate g = new_gate();
    lt_future *leaving = submit(chain_pool, leave_at, &g), *chain;
    assert_ok(lt_semaphore_acquire(g.arrived));
    take_result(submit(chain_pool, give_back, NULL)); // The second worker is there.
    shim_refuse_threads(1, LONG_MAX, EAGAIN);
    chain = submit(chain_pool, wait_for_the_next, any_value(2000));
    // When it has no stack left, one task is in line, for the worker that will leave.
    must_soon(shim_thread_calls() > 0 && stats_of(chain_pool).queued == 1);
    open_gate(&g);
    void *met = NULL;
    assert_ok(lt_future_result_timeout(chain, POLL_SECONDS, &met));
    assert_ptr_equal(met, any_value(LT_CANCELLED));
    assert_status(lt_future_result(leaving, NULL), LT_FAILED);
    assert_status(lt_pool_submit(chain_pool, give_back, NULL, NULL), LT_BROKEN);
    assert_ok(lt_future_free(leaving));
    assert_ok(lt_future_free(chain));
    shim_refuse_threads(0, 0, 0);
    assert_ok(lt_pool_free(chain_pool));
    assert_ok(lt_set_stack_size(0));
    free_gate(&g);
}
