// Select: one wait for several things, of which exactly one happens.
// timeout: 60
#include "pools.h"

static const wait_kind *const SELECTS[] = {&SELECT_LOCK_WAIT, &SELECT_RLOCK_WAIT, &SELECT_SEMAPHORE_WAIT,
    &SELECT_EVENT_WAIT, &SELECT_READ_WAIT, &SELECT_WRITE_WAIT, &SELECT_GET_WAIT, &SELECT_PUT_WAIT};

#define for_each_select(kind)                                                                      \
    for (const wait_kind *const *at_ = SELECTS, *kind = *at_;                                      \
         at_ < SELECTS + LENGTH(SELECTS) && (kind = *at_, true); at_++)

static lt_case case_of(int32_t op, const void *handle) {
    return (lt_case){.op = op, .status = 77, .handle = handle, .item = NULL};
}

#define NONE ((size_t)777)

// ---- Each kind of case

TEST(each_case_blocks_until_it_can_be_done) {
    for_each_select(kind) {
        waits_check_blocks_until_satisfied(kind);
    }
}

TEST(timeouts_are_checked_and_kept) {
    for_each_select(kind) {
        waits_check_timeouts(kind);
    }
}

TEST(timeouts_are_checked_and_kept_on_a_thread) {
    for_each_select(kind) {
        waits_check_timeouts_on_a_thread(kind);
    }
}

TEST(free_while_a_thread_selects_is_busy) {
    for_each_select(kind) {
        waits_check_free_while_waiting(kind);
    }
}

TEST(a_timeout_that_races_with_what_is_waited_for_loses_and_makes_nothing) {
    for_each_select(kind) {
        waits_check_race_with_time_out(kind);
    }
}

TEST(who_selects_sleeps_soundly) {
    waits_check_sleeps_soundly(&SELECT_SEMAPHORE_WAIT, LT_FOREVER);
    waits_check_sleeps_soundly(&SELECT_GET_WAIT, 1000.0);
}

TEST(a_get_gives_the_item_and_a_put_puts_it) {
    lt_queue *from = lt_queue_new(0), *to = lt_queue_new(1);
    assert_ok(lt_queue_put(from, any_value(5)));
    lt_case cases[2] = {case_of(LT_CASE_GET, from), case_of(LT_CASE_PUT, to)};
    cases[1].item = any_value(6);
    for (int i = 0; i < 2; i++) {
        size_t index = NONE;
        assert_ok(lt_select(cases, 2, 0.0, &index));
        assert_true(index < 2);
        assert_int_equal(cases[index].status, LT_OK);
    }
    assert_ptr_equal(cases[0].item, any_value(5));
    assert_ptr_equal(cases[1].item, any_value(6));
    void *item = NULL;
    assert_ok(lt_queue_try_get(to, &item));
    assert_ptr_equal(item, any_value(6));
    assert_status(lt_queue_try_get(from, &item), LT_EMPTY);
    assert_ok(lt_queue_free(from));
    assert_ok(lt_queue_free(to));
}

TEST(the_index_may_be_left_out) {
    lt_event *event = lt_event_new();
    assert_ok(lt_event_set(event));
    lt_case c = case_of(LT_CASE_EVENT, event);
    assert_ok(lt_select(&c, 1, LT_FOREVER, NULL));
    assert_int_equal(c.status, LT_OK);
    assert_ok(lt_event_free(event));
}

TEST(what_does_not_happen_is_left_alone) {
    lt_event *set = lt_event_new(), *unset = lt_event_new();
    lt_lock *held = lt_allocate_lock();
    assert_ok(lt_lock_acquire(held));
    assert_ok(lt_event_set(set));
    lt_case cases[3] = {case_of(LT_CASE_LOCK, held), case_of(LT_CASE_EVENT, set), case_of(LT_CASE_EVENT, unset)};
    for (int i = 0; i < 100; i++) {
        size_t index = NONE;
        assert_ok(lt_select(cases, 3, LT_FOREVER, &index));
        assert_int_equal(index, 1);
        assert_int_equal(cases[1].status, LT_OK);
        assert_int_equal(cases[0].status, 77);
        assert_int_equal(cases[2].status, 77);
    }
    assert_ok(lt_event_clear(set));
    cases[1].status = 77;
    size_t index = NONE;
    assert_status(lt_select(cases, 3, 0.01, &index), LT_TIMED_OUT);
    assert_int_equal(index, NONE);
    assert_int_equal(cases[1].status, 77);
    assert_ok(lt_event_free(set));
    assert_ok(lt_event_free(unset));
    assert_ok(lt_lock_free(held));
}

// ---- Closed queues, threads, futures

static lt_status select_get(void *queue) {
    return waits_select(LT_CASE_GET, queue, LT_FOREVER);
}

static lt_status select_put(void *queue) {
    return waits_select(LT_CASE_PUT, queue, LT_FOREVER);
}

TEST(a_close_is_something_that_happens) {
    for (int before = 0; before < 2; before++) {
        lt_queue *empty = lt_queue_new(0), *full = lt_queue_new(1);
        assert_ok(lt_queue_put(full, full));
        waiter gets[3], puts[3];
        for (int i = 0; i < 3; i++) {
            if (!before) {
                waiter_start(&gets[i], select_get, empty);
                waiter_start(&puts[i], select_put, full);
            }
        }
        assert_ok(lt_queue_close(empty, false));
        assert_ok(lt_queue_close(full, false));
        for (int i = 0; i < 3; i++) {
            if (before) {
                waiter_launch(&gets[i], select_get, empty);
                waiter_launch(&puts[i], select_put, full);
            }
            assert_status(waiter_join(&gets[i]), LT_CLOSED);
            assert_status(waiter_join(&puts[i]), LT_CLOSED);
        }
        assert_status(waits_select(LT_CASE_GET, full, LT_FOREVER), LT_OK); // What is left.
        assert_status(waits_select(LT_CASE_GET, full, LT_FOREVER), LT_CLOSED);
        assert_ok(lt_queue_free(empty));
        assert_ok(lt_queue_free(full));
    }
}

static void wait_for_event(void *event) {
    must(lt_event_wait(event) == LT_OK);
}

static void wait_for_event_and_raise(void *event) {
    must(lt_event_wait(event) == LT_OK);
    lt_raise(3, "as it is told");
}

static lt_status select_join(void *thread) {
    return waits_select(LT_CASE_JOIN, thread, LT_FOREVER);
}

static lt_status select_future(void *future) {
    return waits_select(LT_CASE_FUTURE, future, LT_FOREVER);
}

static void be_quiet(const lt_error_info *info, void *unused) {
    (void)info;
    (void)unused;
}

TEST(a_thread_that_ends_is_joined) {
    assert_ok(lt_set_excepthook(be_quiet, NULL));
    for (int fails = 0; fails < 2; fails++) {
        lt_status expected = fails ? LT_FAILED : LT_OK;
        lt_event *go = lt_event_new();
        lt_thread *thread = NULL;
        assert_ok(lt_thread_start(fails ? wait_for_event_and_raise : wait_for_event, go, NULL, &thread));
        assert_status(waits_select(LT_CASE_JOIN, thread, 0.0), LT_TIMED_OUT);
        assert_status(waits_select(LT_CASE_JOIN, thread, 0.001), LT_TIMED_OUT);
        waiter joiners[3];
        for (int i = 0; i < 3; i++) {
            waiter_start(&joiners[i], select_join, thread);
        }
        assert_status(lt_thread_free(thread), LT_BUSY);
        assert_ok(lt_event_set(go));
        for (int i = 0; i < 3; i++) {
            assert_status(waiter_join(&joiners[i]), expected);
        }
        assert_status(waits_select(LT_CASE_JOIN, thread, 0.0), expected);
        assert_status(lt_thread_join(thread), expected);
        assert_ok(lt_thread_free(thread));
        assert_ok(lt_event_free(go));
    }
    join_all_threads();
    assert_ok(lt_set_excepthook(NULL, NULL));
}

static void select_self(void *result) {
    lt_case c = case_of(LT_CASE_JOIN, lt_thread_current());
    size_t index = NONE;
    must(lt_select(&c, 1, LT_FOREVER, &index) == LT_DEADLOCK);
    must(index == 0 && last_error_names("lt_select"));
    *(bool *)result = true;
}

TEST(a_thread_does_not_wait_for_itself) {
    bool told = false;
    lt_thread *thread = NULL;
    assert_ok(lt_thread_start(select_self, &told, NULL, &thread));
    assert_ok(lt_thread_join(thread));
    assert_true(told);
    assert_ok(lt_thread_free(thread));
}

static void *wait_in_task(void *event) {
    must(lt_event_wait(event) == LT_OK);
    return event;
}

TEST(a_future_that_is_over_is_something_that_happens) {
    lt_pool *pool = pool_of(1);
    lt_event *go = lt_event_new();
    lt_future *first = submit(pool, wait_in_task, go), *failing = submit(pool, raise_seven, "x"),
              *cancelled = submit(pool, give_back, NULL);
    assert_status(waits_select(LT_CASE_FUTURE, first, 0.0), LT_TIMED_OUT);
    waiter w[3];
    waiter_start(&w[0], select_future, first);
    waiter_start(&w[1], select_future, failing);
    waiter_start(&w[2], select_future, cancelled);
    assert_status(lt_future_free(first), LT_BUSY);
    assert_ok(lt_future_cancel(cancelled));
    assert_status(waiter_join(&w[2]), LT_CANCELLED);
    assert_ok(lt_event_set(go));
    assert_status(waiter_join(&w[0]), LT_OK);
    assert_status(waiter_join(&w[1]), LT_FAILED);
    assert_status(waits_select(LT_CASE_FUTURE, failing, 0.0), LT_FAILED);
    assert_ok(lt_future_free(first));
    assert_ok(lt_future_free(failing));
    assert_ok(lt_future_free(cancelled));
    assert_ok(lt_pool_free(pool));
    assert_ok(lt_event_free(go));
}

static lt_future *_Atomic a_future;
static lt_pool *_Atomic a_pool;

static void *select_own_task(void *unused) {
    (void)unused;
    must_soon(atomic_load(&a_future) != NULL);
    lt_case c = case_of(LT_CASE_FUTURE, atomic_load(&a_future));
    size_t index = NONE;
    must(lt_select(&c, 1, LT_FOREVER, &index) == LT_DEADLOCK && index == 0);
    // Nor is another task of the pool run here.
    _Atomic int calls = 0;
    lt_future *other = submit(atomic_load(&a_pool), count_call, &calls);
    c = case_of(LT_CASE_FUTURE, other);
    must(lt_select(&c, 1, 0.01, &index) == LT_TIMED_OUT && calls == 0);
    must(lt_future_cancel(other) == LT_OK && lt_future_free(other) == LT_OK);
    return NULL;
}

TEST(a_worker_runs_no_task_that_it_selects_on_and_waits_not_for_its_own) {
    lt_pool *pool = pool_of(1);
    atomic_store(&a_pool, pool);
    lt_future *future = submit(pool, select_own_task, NULL);
    atomic_store(&a_future, future);
    assert_null(take_result(future));
    assert_ok(lt_pool_free(pool));
}

// ---- What can never be

TEST(a_case_that_can_never_be_is_told_before_any_wait) {
    lt_lock *lock = lt_allocate_lock(), *freed = lt_allocate_lock();
    lt_event *event = lt_event_new();
    assert_ok(lt_lock_free(freed));
    const struct {
        lt_case bad;
        lt_status status;
    } rows[] = {
        {case_of(LT_CASE_LOCK, NULL), LT_BAD_HANDLE},
        {case_of(LT_CASE_LOCK, freed), LT_BAD_HANDLE},
        {case_of(LT_CASE_GET, lock), LT_BAD_HANDLE},
        {case_of(LT_CASE_JOIN, event), LT_BAD_HANDLE},
        {case_of(0, lock), LT_INVALID},
        {case_of(LT_CASE_FUTURE + 1, lock), LT_INVALID},
        {case_of(-1, NULL), LT_INVALID},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        for (size_t at = 0; at < 3; at++) {
            // The other cases could be done, and are not; behind it is one more that is bad.
            lt_case cases[4] = {case_of(LT_CASE_LOCK, lock), case_of(LT_CASE_LOCK, lock), case_of(LT_CASE_LOCK, lock),
                case_of(0, NULL)};
            cases[at] = rows[i].bad;
            size_t index = NONE;
            assert_status(lt_select(cases, 4, LT_FOREVER, &index), rows[i].status);
            assert_int_equal(index, at);
            assert_true(last_error_names("lt_select"));
            assert_false(lt_lock_locked(lock));
            assert_status(lt_select(cases, 4, NAN, NULL), rows[i].status); // Handles first.
        }
    }
    size_t index = NONE;
    assert_status(lt_select(NULL, 1, LT_FOREVER, &index), LT_INVALID);
    assert_non_null(strstr(lt_last_error(), "cases"));
    lt_case c = case_of(LT_CASE_EVENT, event);
    assert_status(lt_select(&c, 1, NAN, &index), LT_INVALID);
    assert_status(lt_select(&c, 1, ABOVE_TIMEOUT_MAX, &index), LT_OVERFLOW);
    assert_int_equal(index, NONE);
    assert_ok(lt_event_free(event));
    assert_ok(lt_lock_free(lock));
}

TEST(no_case_is_a_wait_for_the_time) {
    size_t index = NONE;
    double began = lt_monotonic();
    assert_status(lt_select(NULL, 0, 0.02, &index), LT_TIMED_OUT);
    assert_true(seconds_since(began) >= 0.02);
    assert_status(lt_select(NULL, 0, 0.0, &index), LT_TIMED_OUT);
    assert_status(lt_select(NULL, 0, LT_FOREVER, &index), LT_DEADLOCK);
    assert_true(last_error_names("lt_select"));
    assert_ok(lt_interrupt_main(SIGUSR1));
    assert_status(lt_select(NULL, 0, 1000.0, &index), LT_INTERRUPTED);
    assert_int_equal(index, NONE);
}

// ---- Choice

// How often each of n cases, of which two are always ready, is chosen.
static void check_fair(lt_case *cases, size_t n, size_t one, size_t other) {
    enum { TIMES = 4000 };
    int chosen[2] = {0, 0};
    for (int i = 0; i < TIMES; i++) {
        size_t index = NONE;
        assert_ok(lt_select(cases, n, LT_FOREVER, &index));
        assert_true(index == one || index == other);
        chosen[index == other]++;
    }
    assert_true(chosen[0] >= TIMES * 4 / 10 && chosen[1] >= TIMES * 4 / 10);
}

TEST(of_two_that_are_always_ready_neither_is_favoured) {
    enum { MOST = 11 };
    lt_event *events[MOST];
    lt_case cases[MOST];
    for (size_t i = 0; i < MOST; i++) {
        events[i] = lt_event_new();
        cases[i] = case_of(LT_CASE_EVENT, events[i]);
    }
    for (size_t n = 2; n <= MOST; n++) {
        for (size_t other = 1; other < n; other++) {
            size_t one = other / 2;
            assert_ok(lt_event_set(events[one]));
            assert_ok(lt_event_set(events[other]));
            check_fair(cases, n, one, other);
            assert_ok(lt_event_clear(events[one]));
            assert_ok(lt_event_clear(events[other]));
        }
    }
    for (size_t i = 0; i < MOST; i++) {
        assert_ok(lt_event_free(events[i]));
    }
}

TEST(of_eight_that_are_always_ready_each_has_its_share) {
    enum { N = 8, TIMES = 8000 };
    lt_semaphore *semaphore = lt_semaphore_new(TIMES);
    lt_case cases[N];
    int chosen[N] = {0};
    for (int i = 0; i < N; i++) {
        cases[i] = case_of(LT_CASE_SEMAPHORE, semaphore);
    }
    for (int i = 0; i < TIMES; i++) {
        size_t index = NONE;
        assert_ok(lt_select(cases, N, LT_FOREVER, &index));
        chosen[index]++;
    }
    for (int i = 0; i < N; i++) {
        assert_true(chosen[i] > TIMES / N * 3 / 4 && chosen[i] < TIMES / N * 5 / 4);
    }
    assert_int_equal(lt_semaphore_value(semaphore), 0);
    assert_ok(lt_semaphore_free(semaphore));
}

typedef struct several {
    lt_case cases[4];
    size_t n, index;
} several;

static lt_status select_several(void *arg) {
    several *s = arg;
    return lt_select(s->cases, s->n, LT_FOREVER, &s->index);
}

TEST(the_same_object_in_several_cases_happens_once) {
    lt_semaphore *semaphore = lt_semaphore_new(0);
    several s = {.n = 3, .index = NONE};
    for (int i = 0; i < 3; i++) {
        s.cases[i] = case_of(LT_CASE_SEMAPHORE, semaphore);
    }
    for (int round = 0; round < 50; round++) {
        waiter w;
        waiter_start(&w, select_several, &s);
        assert_ok(lt_semaphore_release(semaphore, 3));
        assert_ok(waiter_join(&w));
        assert_true(s.index < 3);
        assert_int_equal(lt_semaphore_value(semaphore), 2);
        assert_ok(lt_semaphore_acquire(semaphore));
        assert_ok(lt_semaphore_acquire(semaphore));
    }
    assert_ok(lt_semaphore_free(semaphore));

    // A get and a put of one queue that has an item, and room.
    lt_queue *queue = lt_queue_new(2);
    for (int round = 0; round < 50; round++) {
        assert_ok(lt_queue_put(queue, any_value(1)));
        lt_case both[2] = {case_of(LT_CASE_GET, queue), case_of(LT_CASE_PUT, queue)};
        size_t index = NONE;
        assert_ok(lt_select(both, 2, LT_FOREVER, &index));
        assert_int_equal(lt_queue_size(queue), index == 0 ? 0 : 2);
        void *item;
        while (lt_queue_try_get(queue, &item) == LT_OK) {
        }
    }
    assert_ok(lt_queue_free(queue));
}

TEST(any_number_of_cases) {
    enum { N = 1000 };
    static lt_case cases[N];
    static lt_event *events[N];
    for (int i = 0; i < N; i++) {
        events[i] = lt_event_new();
        cases[i] = case_of(LT_CASE_EVENT, events[i]);
    }
    size_t index = NONE;
    assert_status(lt_select(cases, N, 0.0, &index), LT_TIMED_OUT);
    assert_status(lt_select(cases, N, 0.01, &index), LT_TIMED_OUT);
    for (int i = 0; i < N; i += 37) {
        assert_ok(lt_event_set(events[i]));
        assert_ok(lt_select(cases, N, 1000.0, &index));
        assert_int_equal(index, i);
        assert_ok(lt_event_clear(events[i]));
    }
    for (int i = 0; i < N; i++) {
        assert_ok(lt_event_free(events[i]));
    }
}

typedef struct thousand {
    lt_case cases[1000];
    size_t index;
} thousand;

static lt_status select_thousand(void *arg) {
    thousand *t = arg;
    return lt_select(t->cases, LENGTH(t->cases), LT_FOREVER, &t->index);
}

TEST(who_waits_for_a_thousand_hears_of_each) {
    static thousand t;
    lt_semaphore *semaphores[LENGTH(t.cases)];
    for (size_t i = 0; i < LENGTH(t.cases); i++) {
        semaphores[i] = lt_semaphore_new(0);
        t.cases[i] = case_of(LT_CASE_SEMAPHORE, semaphores[i]);
    }
    for (size_t i = 0; i < LENGTH(t.cases); i += 111) {
        waiter w;
        waiter_start(&w, select_thousand, &t);
        assert_status(lt_semaphore_free(semaphores[(i + 500) % LENGTH(t.cases)]), LT_BUSY);
        assert_ok(lt_semaphore_release(semaphores[i], 1));
        assert_ok(waiter_join(&w));
        assert_int_equal(t.index, i);
    }
    for (size_t i = 0; i < LENGTH(t.cases); i++) {
        assert_ok(lt_semaphore_free(semaphores[i]));
    }
}

// ---- Many

enum { MANY = 24 };

typedef struct crowd {
    lt_semaphore *semaphore;
    lt_queue *queue;
    lt_lock *lock;
    lt_event *stop;
    _Atomic long permits, items, locked, inside;
} crowd;

static lt_status take_part(void *arg) {
    crowd *c = arg;
    for (;;) {
        lt_case cases[4] = {case_of(LT_CASE_SEMAPHORE, c->semaphore), case_of(LT_CASE_GET, c->queue),
            case_of(LT_CASE_LOCK, c->lock), case_of(LT_CASE_EVENT, c->stop)};
        size_t index = NONE;
        lt_status status = lt_select(cases, 4, LT_FOREVER, &index);
        must(status == LT_OK && index < 4 && cases[index].status == LT_OK);
        switch (index) {
        case 0:
            atomic_fetch_add(&c->permits, 1);
            break;
        case 1:
            must(cases[1].item == c);
            atomic_fetch_add(&c->items, 1);
            break;
        case 2:
            must(atomic_fetch_add(&c->inside, 1) == 0);
            atomic_fetch_add(&c->locked, 1);
            atomic_fetch_sub(&c->inside, 1);
            break; // It is released by who counts.
        default:
            return LT_OK;
        }
    }
}

static void check_crowd(int threads, int rounds) {
    static waiter w[1000];
    crowd c = {lt_semaphore_new(0), lt_queue_new(4), lt_allocate_lock(), lt_event_new(), 0, 0, 0, 0};
    assert_ok(lt_lock_acquire(c.lock));
    for (int i = 0; i < threads; i++) {
        waiter_launch(&w[i], take_part, &c);
    }
    for (int i = 0; i < threads; i++) {
        must_soon(waiter_asleep(&w[i]));
    }
    long permits = 0, items = 0, locked = 0;
    for (int i = 0; i < rounds; i++) {
        switch (i % 4) {
        case 0:
            assert_ok(lt_semaphore_release(c.semaphore, 1 + i % 3));
            permits += 1 + i % 3;
            break;
        case 1:
            assert_ok(lt_queue_put(c.queue, &c));
            items++;
            break;
        case 2:
            assert_ok(lt_lock_release(c.lock));
            locked++;
            must_soon(atomic_load(&c.locked) == locked);
            break;
        default:
            must_soon(atomic_load(&c.permits) == permits && atomic_load(&c.items) == items);
        }
    }
    must_soon(atomic_load(&c.permits) == permits && atomic_load(&c.items) == items);
    assert_ok(lt_event_set(c.stop));
    for (int i = 0; i < threads; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_int_equal(c.permits, permits);
    assert_int_equal(c.items, items);
    assert_int_equal(c.locked, locked);
    assert_int_equal(lt_semaphore_value(c.semaphore), 0);
    assert_ok(lt_semaphore_free(c.semaphore));
    assert_ok(lt_queue_free(c.queue));
    assert_ok(lt_lock_free(c.lock));
    assert_ok(lt_event_free(c.stop));
}

TEST(nothing_is_lost_and_nothing_taken_twice_among_many) {
    check_crowd(MANY, 3000);
}

TEST(nothing_is_lost_and_nothing_taken_twice_among_a_thousand) {
    assert_ok(lt_set_stack_size(64 * 1024));
    check_crowd(1000, 200);
    assert_ok(lt_set_stack_size(0));
}

static lt_status select_permit(void *semaphore) {
    return waits_select(LT_CASE_SEMAPHORE, semaphore, LT_FOREVER);
}

TEST(of_many_that_select_as_many_go_on_as_there_are_permits) {
    lt_semaphore *semaphore = lt_semaphore_new(0);
    waiter w[MANY];
    for (int i = 0; i < MANY; i++) {
        waiter_start(&w[i], i % 2 ? select_permit : waits_semaphore_wait, semaphore);
    }
    int done = 0;
    for (int n = 1; done < MANY; n++) {
        int permits = n < MANY - done ? n : MANY - done;
        assert_ok(lt_semaphore_release(semaphore, (uint32_t)permits));
        done += permits;
        int through = 0;
        do {
            through = 0;
            for (int i = 0; i < MANY; i++) {
                through += waiter_is_done(&w[i]);
            }
            assert_true(through <= done);
        } while (through < done);
    }
    for (int i = 0; i < MANY; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_int_equal(lt_semaphore_value(semaphore), 0);
    assert_ok(lt_semaphore_free(semaphore));
}

static lt_status select_event(void *event) {
    return waits_select(LT_CASE_EVENT, event, LT_FOREVER);
}

static lt_status select_read(void *rwlock) {
    return waits_select(LT_CASE_READ, rwlock, LT_FOREVER);
}

TEST(all_who_select_on_an_event_or_to_read_go_on) {
    lt_event *event = lt_event_new();
    lt_rwlock *rwlock = lt_rwlock_new();
    for (int round = 0; round < 20; round++) {
        waiter w[MANY];
        assert_ok(lt_rwlock_write_acquire(rwlock));
        for (int i = 0; i < MANY; i++) {
            waiter_launch(&w[i], i % 2 ? select_event : select_read, i % 2 ? (void *)event : rwlock);
        }
        for (int i = 0; i < MANY; i++) {
            must_soon(waiter_asleep(&w[i]));
        }
        assert_ok(lt_event_set(event));
        assert_ok(lt_rwlock_write_release(rwlock));
        for (int i = 0; i < MANY; i++) {
            assert_ok(waiter_join(&w[i]));
            if (i % 2 == 0) {
                assert_ok(lt_rwlock_read_release(rwlock));
            }
        }
        assert_ok(lt_event_clear(event));
    }
    assert_ok(lt_event_free(event));
    assert_ok(lt_rwlock_free(rwlock));
}

// ---- A storm: each thread puts and gets, whichever can be done, until all has come through.

typedef struct storm {
    lt_queue *queues[3];
    _Atomic long left_to_put, left_to_get;
    _Atomic long long put, got;
} storm;

static lt_status storm_run(void *arg) {
    storm *s = arg;
    unsigned seed = (unsigned)lt_get_ident();
    long mine = -1;
    while (atomic_load(&s->left_to_get) > 0) {
        if (mine < 0 && atomic_load(&s->left_to_put) > 0) {
            mine = atomic_fetch_sub(&s->left_to_put, 1);
        }
        seed = seed * 1103515245 + 12345;
        size_t first = seed >> 16;
        lt_case cases[4];
        for (size_t i = 0; i < 3; i++) {
            cases[i] = case_of(LT_CASE_GET, s->queues[(first + i) % 3]);
        }
        cases[3] = case_of(LT_CASE_PUT, s->queues[first / 3 % 3]);
        cases[3].item = any_value((uintptr_t)mine);
        size_t index = NONE;
        // Nobody tells who is left when all is got.
        lt_status status = lt_select(cases, mine > 0 ? 4 : 3, 0.01, &index);
        if (status == LT_TIMED_OUT) {
            continue;
        }
        must(status == LT_OK && cases[index].status == LT_OK);
        if (index == 3) {
            atomic_fetch_add(&s->put, mine);
            mine = -1;
        } else {
            atomic_fetch_add(&s->got, (long long)(uintptr_t)cases[index].item);
            atomic_fetch_sub(&s->left_to_get, 1);
        }
    }
    must(mine <= 0);
    return LT_OK;
}

TEST(in_a_storm_of_puts_and_gets_each_item_comes_through_once) {
    const long items = repetitions(200000);
    storm s = {.queues = {lt_queue_new(1), lt_queue_new(3), lt_queue_new(0)}, .left_to_put = items, .left_to_get = items};
    waiter w[6];
    for (size_t i = 0; i < LENGTH(w); i++) {
        waiter_launch(&w[i], storm_run, &s);
    }
    for (size_t i = 0; i < LENGTH(w); i++) {
        assert_ok(waiter_join(&w[i]));
    }
    long long sum = (long long)items * (items + 1) / 2;
    assert_true(s.put == sum && s.got == sum);
    for (size_t i = 0; i < 3; i++) {
        assert_true(lt_queue_is_empty(s.queues[i]));
        assert_ok(lt_queue_free(s.queues[i]));
    }
}

// Hand-over by nothing but selects without a bound: a wake-up that is lost hangs.
typedef struct pair {
    lt_queue *there, *back;
    lt_semaphore *never;
    long rounds;
} pair;

static lt_status echo(void *arg) {
    pair *p = arg;
    for (long i = 0; i < p->rounds; i++) {
        lt_case cases[2] = {case_of(LT_CASE_SEMAPHORE, p->never), case_of(LT_CASE_GET, p->there)};
        size_t index = NONE;
        must(lt_select(cases, 2, LT_FOREVER, &index) == LT_OK && index == 1);
        cases[0] = case_of(LT_CASE_PUT, p->back);
        cases[0].item = cases[1].item;
        must(lt_select(cases, 1, LT_FOREVER, &index) == LT_OK && index == 0);
    }
    return LT_OK;
}

TEST(no_wake_up_is_lost_between_two) {
    pair p = {lt_queue_new(1), lt_queue_new(1), lt_semaphore_new(0), repetitions(20000)};
    waiter w;
    waiter_launch(&w, echo, &p);
    for (long i = 1; i <= p.rounds; i++) {
        void *item = NULL;
        assert_ok(lt_queue_put(p.there, any_value((uintptr_t)i)));
        assert_ok(lt_queue_get(p.back, &item));
        assert_ptr_equal(item, any_value((uintptr_t)i));
    }
    assert_ok(waiter_join(&w));
    assert_ok(lt_queue_free(p.there));
    assert_ok(lt_queue_free(p.back));
    assert_ok(lt_semaphore_free(p.never));
}

// ---- Signal handlers

static lt_semaphore *handled;
static _Atomic long released;

static void release_in_handler(int signum) {
    (void)signum;
    must(lt_semaphore_release(handled, 1) == LT_OK);
    atomic_fetch_add(&released, 1);
}

typedef struct taker {
    lt_event *stop;
    _Atomic long taken;
    _Atomic int64_t native_id;
} taker;

static lt_status take_handled(void *arg) {
    taker *t = arg;
    for (;;) {
        lt_case cases[2] = {case_of(LT_CASE_SEMAPHORE, handled), case_of(LT_CASE_EVENT, t->stop)};
        size_t index = NONE;
        must(lt_select(cases, 2, LT_FOREVER, &index) == LT_OK);
        if (index == 1) {
            return LT_OK;
        }
        atomic_fetch_add(&t->taken, 1);
    }
}

TEST(a_release_in_a_handler_reaches_who_it_has_interrupted) {
    skip_without_handlers();
    handled = lt_semaphore_new(0);
    taker t = {lt_event_new(), 0, 0};
    struct sigaction old, action = {.sa_handler = release_in_handler, .sa_flags = SA_RESTART};
    assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
    waiter w[3];
    for (int i = 0; i < 3; i++) {
        waiter_start(&w[i], take_handled, &t);
    }
    long sent = 0;
    for (double began = lt_monotonic(); seconds_since(began) < 1.0; sent++) {
        assert_int_equal(syscall(SYS_tgkill, getpid(), (int)w[sent % 3].native_id, SIGUSR1), 0);
        if (sent % 50 == 0) {
            must_soon(atomic_load(&t.taken) == atomic_load(&released));
        }
    }
    must_soon(atomic_load(&released) > 0 && atomic_load(&t.taken) == atomic_load(&released));
    assert_ok(lt_event_set(t.stop));
    for (int i = 0; i < 3; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    must_soon(t.taken == atomic_load(&released) - (long)lt_semaphore_value(handled));
    assert_int_equal(sigaction(SIGUSR1, &old, NULL), 0);
    assert_ok(lt_semaphore_free(handled));
    assert_ok(lt_event_free(t.stop));
}

// ---- Fork

typedef struct forked {
    lt_semaphore *semaphore;
    lt_queue *queue;
    lt_lock *lock;
    lt_event *event;
} forked;

static lt_status select_forked(void *arg) {
    forked *f = arg;
    lt_case cases[4] = {case_of(LT_CASE_SEMAPHORE, f->semaphore), case_of(LT_CASE_GET, f->queue),
        case_of(LT_CASE_LOCK, f->lock), case_of(LT_CASE_EVENT, f->event)};
    return lt_select(cases, 4, LT_FOREVER, NULL);
}

static void in_child(void *arg) {
    forked *f = arg;
    // Nobody takes any of it but this thread.
    must(lt_semaphore_release(f->semaphore, 1) == LT_OK && lt_semaphore_value(f->semaphore) == 1);
    must(lt_queue_put(f->queue, f) == LT_OK && lt_queue_size(f->queue) == 1);
    must(lt_lock_release(f->lock) == LT_OK && !lt_lock_locked(f->lock));
    must(select_forked(f) == LT_OK);
    must(lt_event_set(f->event) == LT_OK);
    waiter w;
    waiter_launch(&w, select_forked, f);
    must(waiter_join(&w) == LT_OK);
    must(lt_semaphore_free(f->semaphore) == LT_OK && lt_queue_free(f->queue) == LT_OK);
    must(lt_lock_free(f->lock) == LT_OK && lt_event_free(f->event) == LT_OK);
}

TEST(a_child_has_none_of_those_who_selected) {
    skip_where_children_have_no_threads();
    forked f = {lt_semaphore_new(0), lt_queue_new(0), lt_allocate_lock(), lt_event_new()};
    assert_ok(lt_lock_acquire(f.lock));
    waiter w[4];
    for (int i = 0; i < 4; i++) {
        waiter_start(&w[i], select_forked, &f);
    }
    assert_int_equal(run_in_child(in_child, &f), 0);
    assert_ok(lt_event_set(f.event));
    for (int i = 0; i < 4; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_ok(lt_semaphore_free(f.semaphore));
    assert_ok(lt_queue_free(f.queue));
    assert_ok(lt_lock_free(f.lock));
    assert_ok(lt_event_free(f.event));
}

// ---- Served in the end, beside others who always stand in line, or hold it together

typedef struct relay {
    lt_semaphore *semaphore;
    lt_rwlock *rwlock;
    lt_lock *lock;
    _Atomic bool stop;
} relay;

static lt_status pass_permit_on(void *arg) {
    relay *r = arg;
    while (!atomic_load(&r->stop)) {
        must(lt_semaphore_acquire(r->semaphore) == LT_OK);
        spend(100e-6);
        must(lt_semaphore_release(r->semaphore, 1) == LT_OK);
    }
    return LT_OK;
}

static lt_status read_all_the_time(void *arg) {
    relay *r = arg;
    while (!atomic_load(&r->stop)) {
        must(lt_rwlock_read_acquire(r->rwlock) == LT_OK);
        spend(100e-6);
        must(lt_rwlock_read_release(r->rwlock) == LT_OK);
    }
    return LT_OK;
}

static lt_status write_all_the_time(void *arg) {
    relay *r = arg;
    while (!atomic_load(&r->stop)) {
        must(lt_rwlock_write_acquire(r->rwlock) == LT_OK);
        spend(100e-6);
        must(lt_rwlock_write_release(r->rwlock) == LT_OK);
    }
    return LT_OK;
}

static lt_status lock_all_the_time(void *arg) {
    relay *r = arg;
    while (!atomic_load(&r->stop)) {
        must(lt_lock_acquire(r->lock) == LT_OK);
        spend(100e-6);
        must(lt_lock_release(r->lock) == LT_OK);
    }
    return LT_OK;
}

static void check_served(relay *r, lt_status (*others)(void *), int32_t op, void *object, lt_status (*give_back)(void *)) {
    lt_event *never = lt_event_new();
    waiter w[4];
    atomic_store(&r->stop, false);
    for (size_t i = 0; i < LENGTH(w); i++) {
        waiter_launch(&w[i], others, r);
    }
    for (int i = 0; i < 20; i++) {
        lt_case cases[2] = {case_of(LT_CASE_EVENT, never), case_of(op, object)};
        size_t index = NONE;
        assert_ok(lt_select(cases, 2, POLL_SECONDS, &index));
        assert_int_equal(index, 1);
        assert_ok(give_back(object));
        lt_status status = lt_select(cases, 2, 0.002, &index);
        if (status == LT_OK) {
            assert_ok(give_back(object));
        } else {
            assert_int_equal(status, LT_TIMED_OUT);
        }
    }
    atomic_store(&r->stop, true);
    for (size_t i = 0; i < LENGTH(w); i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_ok(lt_event_free(never));
}

static lt_status give_permit_back(void *semaphore) {
    return lt_semaphore_release(semaphore, 1);
}

static lt_status stop_reading(void *rwlock) {
    return lt_rwlock_read_release(rwlock);
}

TEST(who_selects_is_served_in_the_end_beside_those_in_line) {
    relay r = {lt_semaphore_new_bounded(1, 1), lt_rwlock_new(), lt_allocate_lock(), false};
    check_served(&r, pass_permit_on, LT_CASE_SEMAPHORE, r.semaphore, give_permit_back);
    check_served(&r, read_all_the_time, LT_CASE_WRITE, r.rwlock, waits_rwlock_satisfy);
    check_served(&r, write_all_the_time, LT_CASE_READ, r.rwlock, stop_reading);
    check_served(&r, write_all_the_time, LT_CASE_WRITE, r.rwlock, waits_rwlock_satisfy);
    check_served(&r, lock_all_the_time, LT_CASE_LOCK, r.lock, waits_lock_satisfy);
    assert_int_equal(lt_semaphore_value(r.semaphore), 1);
    assert_false(lt_lock_locked(r.lock));
    assert_ok(lt_semaphore_free(r.semaphore));
    assert_ok(lt_rwlock_free(r.rwlock));
    assert_ok(lt_lock_free(r.lock));
}

static lt_status select_either_lock(void *arg) {
    lt_lock **locks = arg;
    lt_case cases[2] = {case_of(LT_CASE_LOCK, locks[0]), case_of(LT_CASE_LOCK, locks[1])};
    size_t index = NONE;
    must(lt_select(cases, 2, LT_FOREVER, &index) == LT_OK);
    return lt_lock_release(locks[index]);
}

// Each is free for a moment in turn. Who selects does not run to and fro between their two lines, each time away
// from where it would be served next.
TEST(who_selects_is_served_by_one_of_two_that_are_free_in_turn) {
    for (int round = 0; round < 20; round++) {
        lt_lock *locks[2] = {lt_allocate_lock(), lt_allocate_lock()};
        assert_ok(lt_lock_acquire(locks[0]));
        assert_ok(lt_lock_acquire(locks[1]));
        waiter w;
        waiter_start(&w, select_either_lock, locks);
        assert_ok(lt_sleep(0.002)); // It is patient for so long.
        int turn = 0;
        for (;; turn++) {
            long sleeps = sleeps_of(w.native_id);
            assert_ok(lt_lock_release(locks[turn % 2]));
            if (lt_lock_try_acquire(locks[turn % 2]) == LT_BUSY) {
                break; // It was handed over.
            }
            must_soon(waiter_is_done(&w) ||
                ((sleeps == 0 || sleeps_of(w.native_id) > sleeps) && waiter_asleep(&w)));
            if (waiter_is_done(&w)) {
                break; // It was there in that moment.
            }
            must(turn < 10);
        }
        assert_ok(waiter_join(&w));
        assert_ok(lt_lock_free(locks[0]));
        assert_ok(lt_lock_free(locks[1]));
    }
}

typedef struct late {
    const wait_kind *kind;
    void *object;
    double seconds;
} late;

static lt_status select_and_give_back(void *arg) {
    late *l = arg;
    lt_status status = l->seconds < 0 ? l->kind->wait(l->object) : l->kind->wait_timeout(l->object, l->seconds);
    if (status == LT_OK) {
        must_for(l->kind->name, l->kind->satisfy(l->object) == LT_OK);
    }
    return status;
}

// The object is free for a moment, in which who selects on it is not there: so it stands in line from then on. How
// its wait ends.
static lt_status end_in_line(const wait_kind *kind, void *object, double seconds) {
    late l = {kind, object, seconds};
    for (;;) {
        waiter w;
        waiter_launch(&w, select_and_give_back, &l);
        must_soon(waiter_asleep(&w) || waiter_is_done(&w)); // A machine that is busy may let it time out unseen.
        must(lt_sleep(0.002) == LT_OK);
        long sleeps = sleeps_of(w.native_id);
        must_for(kind->name, kind->satisfy(object) == LT_OK);
        bool in_vain = kind->try_wait(object) == LT_OK;
        if (in_vain && seconds < 0) {
            must_soon(waiter_is_done(&w) ||
                ((sleeps == 0 || sleeps_of(w.native_id) > sleeps) && waiter_asleep(&w)));
            must(lt_interrupt(w.ident) == LT_OK || waiter_is_done(&w));
        }
        lt_status status = waiter_join(&w);
        if (!in_vain) {
            must_for(kind->name, kind->wait(object) == LT_OK);
        }
        if (status != LT_OK) {
            return status;
        } // Else it was there in that moment: again.
    }
}

TEST(who_gives_up_in_a_line_stands_there_no_more) {
    const wait_kind *const kinds[] = {
        &SELECT_LOCK_WAIT, &SELECT_RLOCK_WAIT, &SELECT_SEMAPHORE_WAIT, &SELECT_WRITE_WAIT};
    for (size_t i = 0; i < LENGTH(kinds); i++) {
        const wait_kind *kind = kinds[i];
        void *object = waits_make(kind);
        double began = lt_monotonic();
        assert_int_equal(end_in_line(kind, object, 0.05), LT_TIMED_OUT);
        assert_int_equal(end_in_line(kind, object, LT_FOREVER), LT_INTERRUPTED);
        assert_true(seconds_since(began) < POLL_SECONDS);
        // Nothing is handed to who is gone: neither the object nor its turn.
        for (int round = 0; round < 2; round++) {
            assert_ok(kind->satisfy(object));
            assert_ok(kind->try_wait(object));
        }
        assert_ok(kind->satisfy(object));
        waits_destroy(kind, object);
    }
}
