// pthread_cancel: no function of the library is a cancellation point. A thread that is cancelled in a wait waits on
// and returns from it, whole; and then, at the first cancellation point of its own, is gone.
// timeout: 120
// needs: pthread_cancel that unwinds
#include "waits.h"

// A wait, and what ends it for one thread.
typedef struct cancel_case {
    const char *name;
    lt_status (*wait)(void *);
    lt_status (*satisfy)(void *);
    void *object;
} cancel_case;

typedef struct cancelled {
    const cancel_case *wait;
    _Atomic int64_t native_id;
    _Atomic lt_status status; // Unless the thread has left on its way.
} cancelled;

#define NEVER_RETURNED 1000

static void *wait_and_leave(void *arg) {
    cancelled *c = arg;
    // It has a record by then: it sleeps no more for the lock of their list, which a thread that ends may hold.
    must(lt_check_interrupt() == LT_OK);
    atomic_store(&c->native_id, lt_get_native_id());
    atomic_store(&c->status, c->wait->wait(c->wait->object));
    for (;;) {
        pthread_testcancel();
        sched_yield();
    }
    return NULL;
}

// What ends by itself may do so unseen, on a busy machine.
static bool sleeps_or_is_over(cancelled *c) {
    return atomic_load(&c->status) != NEVER_RETURNED || (c->native_id != 0 && asleep(c->native_id));
}

static void check_cancelled(const cancel_case *wait) {
    cancelled c = {.wait = wait, .status = NEVER_RETURNED};
    pthread_t thread;
    void *result;
    must(pthread_create(&thread, NULL, wait_and_leave, &c) == 0);
    must_soon(sleeps_or_is_over(&c));
    must(pthread_cancel(thread) == 0);
    must_soon(sleeps_or_is_over(&c)); // Still, or again.
    if (wait->satisfy != NULL) {
        must_for(wait->name, atomic_load(&c.status) == NEVER_RETURNED);
        must_for(wait->name, wait->satisfy(wait->object) == LT_OK);
    }
    must(pthread_join(thread, &result) == 0);
    must_for(wait->name, result == PTHREAD_CANCELED);
    must_for(wait->name, atomic_load(&c.status) == LT_OK);
}

// The object works afterwards, and can be freed: nobody is thought to be waiting still.
static void check_kind(const wait_kind *kind, lt_status (*wait)(void *), void *arg, void *object) {
    cancel_case one = {kind->name, wait, NULL, arg};
    cancelled c = {.wait = &one, .status = NEVER_RETURNED};
    pthread_t thread;
    void *result;
    must(pthread_create(&thread, NULL, wait_and_leave, &c) == 0);
    must_soon(c.native_id != 0 && asleep(c.native_id));
    must(pthread_cancel(thread) == 0);
    must_soon(asleep(c.native_id));
    must_for(kind->name, atomic_load(&c.status) == NEVER_RETURNED);
    must_for(kind->name, kind->destroy(object) == LT_BUSY);
    must_for(kind->name, kind->satisfy(object) == LT_OK);
    must(pthread_join(thread, &result) == 0);
    must_for(kind->name, result == PTHREAD_CANCELED && atomic_load(&c.status) == LT_OK);
    waits_undo(kind, object);
    // Another waiter is woken as ever.
    waiter w;
    waiter_start(&w, kind->wait, object);
    must_for(kind->name, kind->satisfy(object) == LT_OK);
    must_for(kind->name, waiter_join(&w) == LT_OK);
    waits_destroy(kind, object);
}

TEST(a_thread_that_is_cancelled_in_a_wait_leaves_the_object_whole) {
    for_each_wait(kind) {
        for (int i = 0; i < 10; i++) {
            void *object = waits_make(kind);
            check_kind(kind, kind->wait, object, object);
            timed_wait t = {kind, waits_make(kind), 1000.0};
            check_kind(kind, timed_wait_call, &t, t.object);
        }
    }
}

// ---- What else waits

static lt_status barrier_wait(void *barrier) { return lt_barrier_wait(barrier, NULL); }
static lt_status join_queue(void *queue) { return lt_queue_join(queue); }
static lt_status finish_item(void *queue) { return lt_queue_task_done(queue); }
static lt_status condition_wait(void *permits) { return waits_permits_wait(permits); }

TEST(a_barrier_counts_a_cancelled_thread_that_came) {
    lt_barrier *barrier = lt_barrier_new(2, NULL, NULL);
    for (int i = 0; i < 20; i++) {
        check_cancelled(&(cancel_case){"barrier", barrier_wait, barrier_wait, barrier});
    }
    assert_false(lt_barrier_is_broken(barrier));
    assert_int_equal(lt_barrier_waiting(barrier), 0);
    must_soon(lt_barrier_free(barrier) == LT_OK);
}

TEST(a_cancelled_join_of_a_queue_returns_when_all_is_done) {
    lt_queue *queue = lt_queue_new(0);
    for (int i = 0; i < 20; i++) {
        void *item;
        assert_ok(lt_queue_put(queue, queue));
        check_cancelled(&(cancel_case){"queue join", join_queue, finish_item, queue});
        assert_ok(lt_queue_get(queue, &item));
    }
    assert_ok(lt_queue_free(queue));
}

static lt_event *leave;
static _Atomic bool inside;

static void wait_for_leave(void *arg) {
    (void)arg;
    atomic_store(&inside, true);
    must(lt_event_wait(leave) == LT_OK);
}

static lt_status join_thread(void *thread) { return lt_thread_join(thread); }
static lt_status let_leave(void *unused) {
    (void)unused;
    return lt_event_set(leave);
}

static lt_status shut_down(void *unused) {
    (void)unused;
    return lt_shutdown(LT_FOREVER);
}

TEST(a_cancelled_join_and_a_cancelled_shutdown_leave_the_thread_to_others) {
    for (int i = 0; i < 20; i++) {
        lt_thread *thread;
        leave = lt_event_new();
        assert_ok(lt_thread_start(wait_for_leave, NULL, NULL, &thread));
        check_cancelled(&(cancel_case){
            i % 2 ? "join" : "shutdown", i % 2 ? join_thread : shut_down, let_leave, thread});
        assert_ok(lt_thread_join_timeout(thread, POLL_SECONDS));
        assert_ok(lt_thread_free(thread));
        must_soon(lt_event_free(leave) == LT_OK);
    }
}

static void *task(void *arg) {
    must(lt_event_wait(leave) == LT_OK);
    return arg;
}

static lt_status await_result(void *future) { return lt_future_result(future, NULL); }
static lt_status await_any(void *future) {
    lt_future *all[] = {future};
    return lt_future_wait_many(all, 1, LT_ALL, LT_FOREVER, NULL);
}

TEST(a_cancelled_wait_for_a_future_leaves_it_to_others) {
    lt_pool *pool = lt_pool_new(1, NULL);
    for (int i = 0; i < 20; i++) {
        lt_future *future;
        leave = lt_event_new();
        assert_ok(lt_pool_submit(pool, task, NULL, &future));
        check_cancelled(&(cancel_case){
            i % 2 ? "result" : "wait_many", i % 2 ? await_result : await_any, let_leave, future});
        assert_ok(lt_future_result(future, NULL));
        assert_ok(lt_future_free(future));
        must_soon(lt_event_free(leave) == LT_OK);
    }
    assert_ok(lt_pool_free(pool));
}

static lt_status shut_pool_down(void *pool) { return lt_pool_shutdown(pool, true, false); }

TEST(a_cancelled_shutdown_of_a_pool_leaves_it_to_others) {
    for (int i = 0; i < 20; i++) {
        lt_pool *pool = lt_pool_new(1, NULL);
        leave = lt_event_new();
        assert_ok(lt_pool_submit(pool, task, NULL, NULL));
        check_cancelled(&(cancel_case){"pool shutdown", shut_pool_down, let_leave, pool});
        assert_ok(lt_pool_free(pool));
        must_soon(lt_event_free(leave) == LT_OK);
    }
}

static lt_once_flag flag;

static lt_status call_once(void *unused) {
    return lt_call_once(&flag, wait_for_leave, unused);
}

static void *call_it_once(void *unused) {
    must(call_once(unused) == LT_OK);
    return NULL;
}

TEST(a_cancelled_call_of_a_function_that_another_thread_is_in_waits_for_it) {
    for (int i = 0; i < 20; i++) {
        pthread_t caller;
        flag = (lt_once_flag)LT_ONCE_FLAG_INIT;
        atomic_store(&inside, false);
        leave = lt_event_new();
        // The function is this thread's while it waits; the other one's call stands behind it.
        must(pthread_create(&caller, NULL, call_it_once, NULL) == 0);
        must_soon(atomic_load(&inside));
        check_cancelled(&(cancel_case){"once", call_once, let_leave, NULL});
        must(pthread_join(caller, NULL) == 0);
        must_soon(lt_event_free(leave) == LT_OK);
    }
}

static lt_status sleep_a_little(void *unused) {
    (void)unused;
    return lt_sleep(0.2);
}

TEST(a_cancelled_sleep_lasts_its_time) {
    double began = lt_monotonic();
    check_cancelled(&(cancel_case){"sleep", sleep_a_little, NULL, NULL});
    assert_true(seconds_since(began) >= 0.2);
}

// It holds the lock again when it leaves the wait, and no longer when it is gone.
TEST(a_cancelled_wait_for_a_condition_gives_its_lock_back) {
    waits_permits *p = waits_condition();
    for (int i = 0; i < 20; i++) {
        check_cancelled(&(cancel_case){"condition", condition_wait, waits_permits_satisfy, p});
        assert_false(lt_lock_locked(p->lock));
    }
    assert_ok(waits_permits_destroy(p));
}

// ---- Cancellations at any moment

typedef struct storm {
    lt_lock *lock;
    lt_queue *queue;
} storm;

static void *use_both(void *arg) {
    storm *s = arg;
    for (;;) {
        void *item;
        must(lt_lock_acquire(s->lock) == LT_OK && lt_lock_release(s->lock) == LT_OK);
        must(lt_queue_put(s->queue, s) == LT_OK && lt_queue_get(s->queue, &item) == LT_OK);
        pthread_testcancel();
    }
    return NULL;
}

static void *dump_when_cancelled(void *sink) {
    must(pthread_cancel(pthread_self()) == 0);
    must(lt_dump(*(int *)sink) == LT_OK);
    must(lt_dump_on_signal(SIGUSR1, *(int *)sink) == LT_OK);
    must(raise(SIGUSR1) == 0);
    must(lt_dump_on_signal(SIGUSR1, -1) == LT_OK);
    pthread_testcancel();
    return NULL;
}

TEST(a_dump_by_a_cancelled_thread_is_written) {
    int sink = open("/dev/null", O_WRONLY);
    pthread_t thread;
    void *result;
    assert_int_equal(pthread_create(&thread, NULL, dump_when_cancelled, &sink), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    close(sink);
}

TEST(cancellations_at_any_moment_lose_no_lock_and_no_item) {
    storm s = {lt_allocate_lock(), lt_queue_new(1)};
    pthread_t threads[3];
    for (int round = 0; round < (getenv("LT_LONG") ? 5000 : 300); round++) {
        for (size_t i = 0; i < LENGTH(threads); i++) {
            must(pthread_create(&threads[i], NULL, use_both, &s) == 0);
        }
        spend((double)(round * 37 % 300) * 1e-6);
        for (size_t i = 0; i < LENGTH(threads); i++) {
            must(pthread_cancel(threads[i]) == 0);
        }
        for (size_t i = 0; i < LENGTH(threads); i++) {
            must(pthread_join(threads[i], NULL) == 0);
        }
        assert_ok(lt_lock_acquire_timeout(s.lock, POLL_SECONDS));
        assert_ok(lt_lock_release(s.lock));
        assert_true(lt_queue_is_empty(s.queue));
    }
    assert_ok(lt_lock_free(s.lock));
    assert_ok(lt_queue_free(s.queue));
}
