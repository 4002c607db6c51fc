// Many items through one queue: none is lost, doubled, or overtaken by a later one of its producer.
// And what comes in between: interrupts, closes, forks. LT_LONG makes all but the first three longer.
// timeout: 300
// serial: on
#include "support.h"

enum { PRODUCERS = 4, CONSUMERS = 4, BATCH = 7 };

// So many items a test with the whole load passes, and the others a part of that.
static size_t all_items(void) {
    return under_sanitizer() ? 1000000 : 10000000;
}

// Through a small queue, each item can be a change of threads, which takes its time under load.
static size_t some_items(size_t capacity) {
    size_t some = all_items() / (getenv("LT_LONG") != NULL ? 10 : 100);
    return capacity > 0 && capacity < 4 ? some / 5 : some;
}

// How the threads of a shop put or get.
typedef enum { PLAINLY, IN_BATCHES, IN_EVERY_WAY } manner;

typedef struct shop {
    lt_queue *queue;
    manner manner;
    size_t each; // Items of each producer.
    size_t producers;
    _Atomic size_t next_producer, total, interrupts, time_outs;
    _Atomic unsigned char *got; // By the number of the item.
} shop;

// An item is the number of the producer's item, and the producer. None is NULL.
static void *item_of(const shop *s, size_t producer, size_t n) {
    return (void *)(n * s->producers + producer + 1);
}

static void note(shop *s, lt_status status) {
    if (status == LT_INTERRUPTED) {
        atomic_fetch_add(&s->interrupts, 1);
    } else {
        atomic_fetch_add(&s->time_outs, 1);
        must(status == LT_TIMED_OUT || status == LT_FULL || status == LT_EMPTY);
        sched_yield();
    }
}

static size_t put_some(shop *s, size_t producer, size_t n) {
    size_t some = s->each - n < BATCH ? s->each - n : BATCH, done = 99;
    void *items[BATCH], *item = item_of(s, producer, n);
    for (size_t i = 0; i < some; i++) {
        items[i] = item_of(s, producer, n + i);
    }
    lt_status status;
    switch (s->manner == PLAINLY ? 0 : s->manner == IN_BATCHES ? 1 : n % 5) {
    case 0:
        status = lt_queue_put(s->queue, item);
        break;
    case 1:
        status = lt_queue_put_many(s->queue, items, some, LT_FOREVER, &done);
        must(done <= some && (status == LT_OK) == (done == some));
        if (status != LT_OK) {
            note(s, status);
        }
        return done;
    case 2:
        status = lt_queue_put_timeout(s->queue, item, 10e-6);
        break;
    case 3:
        status = lt_queue_put_many(s->queue, items, some, 10e-6, &done);
        must(done <= some && (status == LT_OK) == (done == some));
        if (status != LT_OK) {
            note(s, status);
        }
        return done;
    default:
        status = lt_queue_try_put(s->queue, item);
    }
    if (status != LT_OK) {
        note(s, status);
    }
    return status == LT_OK;
}

static void produce(void *arg) {
    shop *s = arg;
    size_t producer = atomic_fetch_add(&s->next_producer, 1);
    for (size_t n = 0; n < s->each;) {
        n += put_some(s, producer, n);
    }
}

static bool get_some(shop *s, size_t turn, void **items, size_t *done) {
    lt_status status;
    *done = 1;
    switch (s->manner == PLAINLY ? 0 : s->manner == IN_BATCHES ? 1 : turn % 5) {
    case 0:
        status = lt_queue_get(s->queue, items);
        break;
    case 1:
        status = lt_queue_get_many(s->queue, items, BATCH, LT_FOREVER, done);
        must(*done <= BATCH && (status == LT_OK) == (*done > 0));
        break;
    case 2:
        status = lt_queue_get_timeout(s->queue, 10e-6, items);
        break;
    case 3:
        status = lt_queue_get_many(s->queue, items, BATCH, 10e-6, done);
        must(*done <= BATCH && (status == LT_OK) == (*done > 0));
        break;
    default:
        status = lt_queue_try_get(s->queue, items);
    }
    if (status == LT_CLOSED) {
        return false;
    }
    if (status != LT_OK) {
        *done = 0;
        note(s, status);
    }
    return true;
}

static void consume(void *arg) {
    shop *s = arg;
    size_t next[PRODUCERS] = {0}, total = 0, done;
    void *items[BATCH];
    for (size_t turn = 0; get_some(s, turn, items, &done); turn++) {
        for (size_t i = 0; i < done; i++) {
            size_t at = (size_t)items[i] - 1, producer = at % s->producers, n = at / s->producers;
            must(at < s->each * s->producers); // One that was put.
            must(n >= next[producer]); // Not overtaken.
            next[producer] = n + 1;
            must(atomic_fetch_add_explicit(&s->got[at], 1, memory_order_relaxed) == 0); // Once.
            total++;
            must(lt_queue_task_done(s->queue) == LT_OK);
        }
    }
    atomic_fetch_add(&s->total, total);
}

static uint64_t random_step(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

// Gives how many waits were interrupted.
static size_t run_shop(
    size_t capacity, manner manner, size_t producers, size_t consumers, size_t items, bool storm) {
    shop s = {.queue = lt_queue_new(capacity),
        .manner = manner,
        .each = items / producers,
        .producers = producers,
        .got = calloc(items, 1)};
    must(s.queue != NULL && s.got != NULL);
    lt_thread *threads[PRODUCERS + CONSUMERS];
    size_t count = producers + consumers;
    double began = lt_monotonic();
    for (size_t i = 0; i < count; i++) {
        must(lt_thread_start(i < producers ? produce : consume, &s, NULL, &threads[i]) == LT_OK);
    }
    uint64_t seed = capacity + 7;
    for (size_t i = 0; i < producers; i++) {
        while (storm && lt_thread_try_join(threads[i]) == LT_BUSY) {
            must(lt_thread_interrupt(threads[random_step(&seed) % count]) == LT_OK);
            must(lt_sleep(20e-6) == LT_OK);
        }
        must(lt_thread_join(threads[i]) == LT_OK);
    }
    must(lt_queue_join(s.queue) == LT_OK); // All were got, and done.
    must(lt_queue_is_empty(s.queue));
    must(lt_queue_close(s.queue, false) == LT_OK);
    for (size_t i = producers; i < count; i++) {
        must(lt_thread_join(threads[i]) == LT_OK);
    }
    for (size_t i = 0; i < count; i++) {
        must(lt_thread_free(threads[i]) == LT_OK);
    }
    printf("capacity %zu, %zu and %zu threads: %zu items in %.2f s, %zu time-outs, %zu interrupts\n",
        capacity, producers, consumers, items, seconds_since(began), atomic_load(&s.time_outs),
        atomic_load(&s.interrupts));
    assert_int_equal(s.total, s.each * producers);
    for (size_t at = 0; at < s.each * producers; at++) {
        must(s.got[at] == 1);
    }
    assert_ok(lt_queue_free(s.queue));
    free((void *)s.got);
    return s.interrupts;
}

TEST(four_producers_and_four_consumers_keep_the_order_in_a_bounded_queue) {
    (void)run_shop(1024, PLAINLY, PRODUCERS, CONSUMERS, all_items(), false);
}

TEST(four_producers_and_four_consumers_keep_the_order_in_a_queue_of_one) {
    (void)run_shop(1, PLAINLY, PRODUCERS, CONSUMERS, all_items() / 10, false);
}

TEST(four_producers_and_four_consumers_keep_the_order_in_a_queue_without_bound) {
    (void)run_shop(0, PLAINLY, PRODUCERS, CONSUMERS, all_items(), false);
}

TEST(four_producers_and_four_consumers_keep_the_order_in_batches) {
    const size_t capacities[] = {0, 2, 3, 1024, 16385};
    for (size_t i = 0; i < LENGTH(capacities); i++) {
        (void)run_shop(capacities[i], IN_BATCHES, PRODUCERS, CONSUMERS, some_items(capacities[i]), false);
    }
}

// One consumer sees the items of each producer without a gap, and many see those of one.
TEST(one_at_either_end_keeps_the_order) {
    const size_t capacities[] = {0, 1, 3, 1024};
    for (size_t i = 0; i < LENGTH(capacities); i++) {
        size_t items = some_items(capacities[i]);
        (void)run_shop(capacities[i], IN_EVERY_WAY, PRODUCERS, 1, items, false);
        (void)run_shop(capacities[i], IN_EVERY_WAY, 1, CONSUMERS, items, false);
    }
}

TEST(a_storm_of_time_outs_loses_nothing) {
    const size_t capacities[] = {0, 1, 2, 3, 1024, 16385};
    for (size_t i = 0; i < LENGTH(capacities); i++) {
        (void)run_shop(capacities[i], IN_EVERY_WAY, PRODUCERS, CONSUMERS, some_items(capacities[i]), false);
    }
}

TEST(a_storm_of_interrupts_and_time_outs_loses_nothing) {
    const size_t capacities[] = {0, 1, 2, 3, 16385};
    size_t interrupts = 0;
    for (size_t i = 0; i < LENGTH(capacities); i++) {
        size_t items = some_items(capacities[i]);
        interrupts += run_shop(capacities[i], IN_EVERY_WAY, PRODUCERS, CONSUMERS, items, true);
        interrupts += run_shop(capacities[i], PLAINLY, PRODUCERS, CONSUMERS, items, true);
    }
    // In one of them, on a busy machine, the items may all be through before the first comes.
    assert_true(interrupts > 0);
}

// ---- A close in the middle: all that was put is got or dropped, and all that was refused is neither

typedef struct closing {
    lt_queue *queue;
    _Atomic size_t put, got, next;
} closing;

static _Atomic size_t dropped;

static void count_drop(void *item) {
    (void)item;
    atomic_fetch_add(&dropped, 1);
}

static void put_until_closed(void *arg) {
    closing *c = arg;
    for (size_t turn = atomic_fetch_add(&c->next, 1);; turn++) {
        size_t done = 0;
        void *items[3] = {c, c, c};
        lt_status status = turn % 3 == 0   ? lt_queue_put(c->queue, c)
                           : turn % 3 == 1 ? lt_queue_put_many(c->queue, items, 3, LT_FOREVER, &done)
                                           : lt_queue_put_timeout(c->queue, c, 1000.0);
        atomic_fetch_add(&c->put, turn % 3 == 1 ? done : status == LT_OK);
        if (status != LT_OK) {
            must(status == LT_CLOSED);
            return;
        }
    }
}

static void get_until_closed(void *arg) {
    closing *c = arg;
    for (size_t turn = 0;; turn++) {
        void *items[3];
        size_t done = 1;
        lt_status status = turn % 2 == 0 ? lt_queue_get(c->queue, items)
                                         : lt_queue_get_many(c->queue, items, 3, 1000.0, &done);
        if (status != LT_OK) {
            must(status == LT_CLOSED);
            return;
        }
        for (size_t i = 0; i < done; i++) {
            must(items[i] == c);
        }
        atomic_fetch_add(&c->got, done);
    }
}

static void check_close_in_the_middle(size_t capacity, bool immediate, double after) {
    closing c = {.queue = lt_queue_new(capacity)};
    atomic_store(&dropped, 0);
    must(lt_queue_set_drop(c.queue, count_drop) == LT_OK);
    lt_thread *threads[5];
    for (size_t i = 0; i < LENGTH(threads); i++) {
        void (*body)(void *) = i % 2 == 0 ? put_until_closed : get_until_closed;
        must(lt_thread_start(body, &c, NULL, &threads[i]) == LT_OK);
    }
    must(lt_sleep(after) == LT_OK);
    assert_ok(lt_queue_close(c.queue, immediate));
    for (size_t i = 0; i < LENGTH(threads); i++) {
        assert_ok(lt_thread_join(threads[i]));
        assert_ok(lt_thread_free(threads[i]));
    }
    assert_int_equal(lt_queue_size(c.queue), 0);
    assert_true(immediate || dropped == 0);
    assert_int_equal(c.got + dropped, c.put);
    assert_ok(lt_queue_free(c.queue));
}

TEST(a_close_in_the_middle_loses_nothing) {
    const size_t capacities[] = {0, 1, 2, 3, 1024, 16385};
    int rounds = getenv("LT_LONG") != NULL ? 1000 : 50;
    for (int round = 0; round < rounds; round++) {
        for (size_t i = 0; i < LENGTH(capacities); i++) {
            check_close_in_the_middle(capacities[i], round % 2, (round % 7) * 1e-4);
        }
    }
}

// ---- Forks in the middle

enum { QUEUES = 6 };

typedef struct trade {
    lt_queue *queue[QUEUES];
    _Atomic bool stop;
    _Atomic size_t next;
    int round;
} trade;

static const size_t TRADED[QUEUES] = {0, 1, 2, 3, 1024, 16385};

// Whoever puts counts, for each queue, so that its items are in order; the low bits are its own.
static lt_status put_and_get(void *arg) {
    trade *t = arg;
    size_t me = atomic_fetch_add(&t->next, 1);
    uintptr_t count[QUEUES] = {0};
    for (size_t turn = me; !atomic_load(&t->stop); turn++) {
        size_t q = turn % QUEUES, done = 0;
        void *items[BATCH];
        for (size_t i = 0; i < BATCH; i++) {
            items[i] = (void *)((count[q] + i) * 8 + me);
        }
        switch ((turn / QUEUES + me) % 4) {
        case 0:
            count[q] += lt_queue_put_timeout(t->queue[q], items[0], 1e-5) == LT_OK;
            break;
        case 1:
            done = lt_queue_get_timeout(t->queue[q], 1e-5, items) == LT_OK;
            break;
        case 2:
            (void)!lt_queue_put_many(t->queue[q], items, BATCH, 1e-5, &done);
            count[q] += done;
            done = 0;
            break;
        default:
            (void)!lt_queue_get_many(t->queue[q], items, BATCH, 1e-5, &done);
        }
        while (done-- > 0) {
            must(lt_queue_task_done(t->queue[q]) == LT_OK);
        }
    }
    return LT_OK;
}

static lt_status wait_to_get(void *queue) {
    void *item;
    return lt_queue_get(queue, &item);
}

static lt_status wait_to_put(void *queue) {
    return lt_queue_put(queue, queue);
}

static void use_in_the_child(lt_queue *queue, size_t capacity) {
    void *item;
    uintptr_t next[8] = {0};
    size_t size = lt_queue_size(queue), got = 0;
    must(capacity == 0 || size <= capacity);
    while (lt_queue_try_get(queue, &item) == LT_OK) {
        uintptr_t me = (uintptr_t)item % 8, n = (uintptr_t)item / 8;
        must(n >= next[me]); // What there is is whole, and in order.
        next[me] = n + 1;
        got++;
    }
    must(got == size && lt_queue_is_empty(queue));
    while (lt_queue_task_done(queue) == LT_OK) {
    }
    must(lt_queue_try_join(queue) == LT_OK && lt_queue_join(queue) == LT_OK);
    size_t n = capacity == 0 ? 100 : capacity;
    for (int lap = 0; lap < 3; lap++) {
        for (uintptr_t i = 1; i <= n; i++) {
            must(lt_queue_put(queue, (void *)i) == LT_OK);
        }
        must(lt_queue_size(queue) == n);
        must(capacity == 0 || lt_queue_put_timeout(queue, NULL, 1e-5) == LT_TIMED_OUT);
        for (uintptr_t i = 1; i <= n; i++) {
            must(lt_queue_get(queue, &item) == LT_OK && item == (void *)i);
        }
        must(lt_queue_get_timeout(queue, 1e-5, &item) == LT_TIMED_OUT);
    }
    // With another thread, which is woken.
    waiter w;
    waiter_start(&w, wait_to_get, queue);
    must(lt_queue_put(queue, queue) == LT_OK && waiter_join(&w) == LT_OK);
    waiter_start(&w, wait_to_get, queue);
    must(lt_queue_free(queue) == LT_BUSY);
    must(lt_queue_close(queue, false) == LT_OK && waiter_join(&w) == LT_CLOSED);
    must(lt_queue_free(queue) == LT_OK);
}

static void check_child(void *arg) {
    trade *t = arg;
    alarm(60);
    for (size_t q = 0; q < QUEUES; q++) {
        use_in_the_child(t->queue[q], TRADED[q]);
    }
}

TEST(a_child_that_was_forked_in_the_middle_can_use_the_queues) {
    skip_where_children_have_no_threads();
    skip_beside_busy_threads();
    trade t = {.round = 0};
    for (size_t q = 0; q < QUEUES; q++) {
        t.queue[q] = lt_queue_new(TRADED[q]);
    }
    waiter w[4];
    for (size_t i = 0; i < LENGTH(w); i++) {
        waiter_launch(&w[i], put_and_get, &t);
    }
    must_soon(atomic_load(&t.next) == LENGTH(w)); // All are at it.
    for (int i = 0; i < forks(100); i++) {
        assert_int_equal(run_in_child(check_child, &t), 0);
    }
    atomic_store(&t.stop, true);
    for (size_t i = 0; i < LENGTH(w); i++) {
        assert_ok(waiter_join(&w[i]));
    }
    for (size_t q = 0; q < QUEUES; q++) {
        assert_ok(lt_queue_free(t.queue[q]));
    }
}

static void check_child_without_waiters(void *arg) {
    lt_queue **queues = arg;
    alarm(60);
    must(lt_queue_free(queues[0]) == LT_OK); // Nobody waits for them here.
    must(lt_queue_try_get(queues[1], &(void *){NULL}) == LT_OK);
    must(lt_queue_put(queues[1], NULL) == LT_OK);
    must(lt_queue_free(queues[1]) == LT_OK);
    must(lt_queue_join_timeout(queues[2], 1e-5) == LT_TIMED_OUT);
    must(lt_queue_task_done(queues[2]) == LT_OK && lt_queue_join(queues[2]) == LT_OK);
    must(lt_queue_free(queues[2]) == LT_OK);
}

static lt_status wait_to_join(void *queue) {
    return lt_queue_join(queue);
}

TEST(those_who_wait_for_a_queue_stay_in_the_parent) {
    skip_where_children_have_no_threads();
    lt_queue *queues[3] = {lt_queue_new(0), lt_queue_new(1), lt_queue_new(0)};
    assert_ok(lt_queue_put(queues[1], NULL));
    assert_ok(lt_queue_put(queues[2], NULL));
    waiter w[6];
    for (int i = 0; i < 2; i++) {
        waiter_start(&w[i], wait_to_get, queues[0]);
        waiter_start(&w[i + 2], wait_to_put, queues[1]);
        waiter_start(&w[i + 4], wait_to_join, queues[2]);
    }
    assert_int_equal(run_in_child(check_child_without_waiters, queues), 0);
    for (int i = 0; i < 2; i++) {
        assert_ok(lt_queue_put(queues[0], NULL));
        assert_ok(lt_queue_get(queues[1], &(void *){NULL}));
    }
    assert_ok(lt_queue_task_done(queues[2]));
    for (size_t i = 0; i < LENGTH(w); i++) {
        assert_ok(waiter_join(&w[i]));
    }
    for (size_t i = 0; i < LENGTH(queues); i++) {
        assert_ok(lt_queue_free(queues[i]));
    }
}
