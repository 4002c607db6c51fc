// The queue.
#include "waits.h"

static lt_queue *new_queue(size_t capacity) {
    lt_queue *queue = lt_queue_new(capacity);
    assert_non_null(queue);
    return queue;
}

static void *number(uintptr_t n) {
    return (void *)n; // Never looked behind.
}

static void put_numbers(lt_queue *queue, uintptr_t from, uintptr_t to) {
    for (uintptr_t n = from; n <= to; n++) {
        assert_ok(lt_queue_put(queue, number(n)));
    }
}

static void get_numbers(lt_queue *queue, uintptr_t from, uintptr_t to) {
    for (uintptr_t n = from; n <= to; n++) {
        void *item = NULL;
        assert_ok(lt_queue_get(queue, &item));
        assert_ptr_equal(item, number(n));
    }
}

static void check_sizes(lt_queue *queue, size_t size, size_t capacity) {
    assert_int_equal(lt_queue_size(queue), size);
    assert_int_equal(lt_queue_capacity(queue), capacity);
    assert_int_equal(lt_queue_is_empty(queue), size == 0);
    assert_int_equal(lt_queue_is_full(queue), capacity != 0 && size == capacity);
}

TEST(items_come_out_in_the_order_they_went_in) {
    lt_queue *queue = new_queue(4);
    put_numbers(queue, 1, 3);
    get_numbers(queue, 1, 2);
    put_numbers(queue, 4, 6); // Around the end of a ring.
    get_numbers(queue, 3, 6);
    check_sizes(queue, 0, 4);
    assert_ok(lt_queue_free(queue));
}

TEST(each_form_puts_and_gets) {
    lt_queue *queue = new_queue(0);
    assert_ok(lt_queue_put(queue, number(1)));
    assert_ok(lt_queue_try_put(queue, number(2)));
    assert_ok(lt_queue_put_timeout(queue, number(3), 0.0));
    void *item[3];
    assert_ok(lt_queue_get(queue, &item[0]));
    assert_ok(lt_queue_try_get(queue, &item[1]));
    assert_ok(lt_queue_get_timeout(queue, 0.0, &item[2]));
    for (uintptr_t i = 0; i < 3; i++) {
        assert_ptr_equal(item[i], number(i + 1));
    }
    assert_ok(lt_queue_free(queue));
}

TEST(null_is_an_item_like_any_other) {
    lt_queue *queue = new_queue(1);
    assert_ok(lt_queue_put(queue, NULL));
    check_sizes(queue, 1, 1);
    assert_status(lt_queue_try_put(queue, NULL), LT_FULL);
    void *item = queue;
    assert_ok(lt_queue_get(queue, &item));
    assert_null(item);
    assert_status(lt_queue_try_get(queue, &item), LT_EMPTY);
    assert_ok(lt_queue_free(queue));
}

TEST(sizes_tell_what_is_in_it) {
    lt_queue *bounded = new_queue(3), *unbounded = new_queue(0), *huge = new_queue(SIZE_MAX);
    for (uintptr_t n = 0; n < 3; n++) {
        check_sizes(bounded, n, 3);
        check_sizes(unbounded, n, 0);
        check_sizes(huge, n, SIZE_MAX);
        put_numbers(bounded, n, n);
        put_numbers(unbounded, n, n);
        put_numbers(huge, n, n);
    }
    check_sizes(bounded, 3, 3);
    assert_status(lt_queue_try_put(bounded, NULL), LT_FULL);
    assert_status(lt_queue_put_timeout(bounded, NULL, 0.0), LT_TIMED_OUT);
    check_sizes(bounded, 3, 3);
    assert_ok(lt_queue_free(bounded));
    assert_ok(lt_queue_free(unbounded));
    assert_ok(lt_queue_free(huge));
}

TEST(one_without_a_bound_takes_any_number) {
    lt_queue *queue = new_queue(0);
    put_numbers(queue, 1, 300000);
    check_sizes(queue, 300000, 0);
    get_numbers(queue, 1, 300000);
    check_sizes(queue, 0, 0);
    assert_ok(lt_queue_free(queue));
}

TEST(a_get_that_fails_leaves_the_item_alone) {
    lt_queue *queue = new_queue(0);
    void *item = &item;
    assert_status(lt_queue_try_get(queue, &item), LT_EMPTY);
    assert_status(lt_queue_get_timeout(queue, 0.0, &item), LT_TIMED_OUT);
    assert_status(lt_queue_get_timeout(queue, 0.001, &item), LT_TIMED_OUT);
    assert_status(lt_queue_get_timeout(queue, NAN, &item), LT_INVALID);
    assert_ok(lt_interrupt_main(SIGUSR1));
    assert_status(lt_queue_get(queue, &item), LT_INTERRUPTED);
    assert_ok(lt_queue_close(queue, false));
    assert_status(lt_queue_get(queue, &item), LT_CLOSED);
    assert_status(lt_queue_try_get(queue, &item), LT_CLOSED);
    assert_ok(lt_queue_free(queue));
    assert_status(lt_queue_get(queue, &item), LT_BAD_HANDLE);
    assert_ptr_equal(item, &item);
}

static void check_null_item(lt_queue *queue, lt_status status) {
    assert_status(lt_queue_get(queue, NULL), status);
    assert_true(last_error_names("lt_queue_get"));
    assert_status(lt_queue_try_get(queue, NULL), status);
    assert_true(last_error_names("lt_queue_try_get"));
    assert_status(lt_queue_get_timeout(queue, 0.0, NULL), status);
    assert_true(last_error_names("lt_queue_get_timeout"));
    assert_int_equal(lt_last_status(), status);
}

TEST(a_get_without_a_place_for_the_item_is_invalid_and_loses_nothing) {
    lt_queue *queue = new_queue(0);
    check_null_item(queue, LT_INVALID);
    assert_non_null(strstr(lt_last_error(), "item"));
    put_numbers(queue, 1, 1);
    check_null_item(queue, LT_INVALID);
    check_sizes(queue, 1, 0);
    assert_ok(lt_queue_close(queue, false));
    check_null_item(queue, LT_INVALID);
    get_numbers(queue, 1, 1);
    check_null_item(queue, LT_INVALID); // The arguments go before the availability.
    assert_ok(lt_queue_free(queue));
    check_null_item(queue, LT_BAD_HANDLE); // The handle goes before the arguments.
}

TEST(get_blocks_until_a_put) {
    waits_check_blocks_until_satisfied(&QUEUE_GET_WAIT);
}

TEST(put_blocks_until_a_get) {
    waits_check_blocks_until_satisfied(&QUEUE_PUT_WAIT);
}

TEST(timeouts_of_get_are_checked_and_kept) {
    waits_check_timeouts(&QUEUE_GET_WAIT);
    waits_check_timeouts_on_a_thread(&QUEUE_GET_WAIT);
}

TEST(timeouts_of_put_are_checked_and_kept) {
    waits_check_timeouts(&QUEUE_PUT_WAIT);
    waits_check_timeouts_on_a_thread(&QUEUE_PUT_WAIT);
}

TEST(a_time_out_that_races_with_a_put_takes_the_item_or_leaves_it) {
    waits_check_race_with_time_out(&QUEUE_GET_WAIT);
}

TEST(a_time_out_that_races_with_a_get_takes_the_room_or_leaves_it) {
    waits_check_race_with_time_out(&QUEUE_PUT_WAIT);
}

TEST(free_while_a_thread_waits_is_busy) {
    waits_check_free_while_waiting(&QUEUE_GET_WAIT);
    waits_check_free_while_waiting(&QUEUE_PUT_WAIT);
}

TEST(free_of_null_or_with_items_is_fine) {
    assert_ok(lt_queue_free(NULL));
    lt_queue *queue = new_queue(0);
    put_numbers(queue, 1, 100);
    assert_ok(lt_queue_free(queue));
    lt_queue *next[64]; // One of them has the memory of the freed one, and nothing of its items.
    for (size_t i = 0; i < LENGTH(next); i++) {
        next[i] = new_queue(2);
        check_sizes(next[i], 0, 2);
    }
    for (size_t i = 0; i < LENGTH(next); i++) {
        assert_ok(lt_queue_free(next[i]));
    }
}

// ---- Closing

static void check_puts_are_refused(lt_queue *queue) {
    size_t size = lt_queue_size(queue);
    assert_status(lt_queue_put(queue, NULL), LT_CLOSED);
    assert_status(lt_queue_try_put(queue, NULL), LT_CLOSED);
    assert_status(lt_queue_put_timeout(queue, NULL, 0.0), LT_CLOSED);
    assert_status(lt_queue_put_timeout(queue, NULL, 1000.0), LT_CLOSED);
    assert_status(lt_queue_put_timeout(queue, NULL, NAN), LT_INVALID);
    assert_int_equal(lt_queue_size(queue), size);
}

static void check_gets_are_refused(lt_queue *queue) {
    void *item;
    assert_status(lt_queue_get(queue, &item), LT_CLOSED);
    assert_status(lt_queue_try_get(queue, &item), LT_CLOSED);
    assert_status(lt_queue_get_timeout(queue, 0.0, &item), LT_CLOSED);
    assert_status(lt_queue_get_timeout(queue, 1000.0, &item), LT_CLOSED);
    assert_status(lt_queue_get_timeout(queue, INFINITY, &item), LT_OVERFLOW);
    assert_int_equal(lt_queue_size(queue), 0);
}

TEST(a_closed_queue_gives_what_is_left) {
    lt_queue *queue = new_queue(3);
    put_numbers(queue, 1, 3); // Full: the puts below are refused, they do not wait.
    assert_ok(lt_queue_close(queue, false));
    check_puts_are_refused(queue);
    get_numbers(queue, 1, 3);
    check_gets_are_refused(queue);
    check_puts_are_refused(queue);
    assert_ok(lt_queue_free(queue));
}

TEST(an_immediate_close_forgets_what_is_left) {
    lt_queue *queue = new_queue(3);
    put_numbers(queue, 1, 2);
    assert_ok(lt_queue_close(queue, true));
    check_sizes(queue, 0, 3);
    check_gets_are_refused(queue);
    check_puts_are_refused(queue);
    assert_ok(lt_queue_free(queue));
}

TEST(closing_again_is_fine_and_may_become_immediate) {
    lt_queue *queue = new_queue(0);
    put_numbers(queue, 1, 2);
    assert_ok(lt_queue_close(queue, false));
    assert_ok(lt_queue_close(queue, false));
    get_numbers(queue, 1, 1);
    assert_ok(lt_queue_close(queue, true));
    check_gets_are_refused(queue);
    assert_ok(lt_queue_close(queue, false));
    assert_ok(lt_queue_close(queue, true));
    check_gets_are_refused(queue);
    assert_ok(lt_queue_free(queue));
}

enum { WAITERS = 3 };

static void check_close_wakes(const wait_kind *kind, bool immediate) {
    lt_queue *queue = kind->make();
    timed_wait t = {kind, queue, 1000.0};
    waiter w[2 * WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        waiter_start(&w[2 * i], kind->wait, queue);
        waiter_start(&w[2 * i + 1], timed_wait_call, &t);
    }
    assert_ok(lt_queue_close(queue, immediate));
    for (int i = 0; i < 2 * WAITERS; i++) {
        assert_status(waiter_join(&w[i]), LT_CLOSED);
    }
    assert_int_equal(lt_queue_size(queue), kind == &QUEUE_PUT_WAIT && !immediate);
    assert_ok(lt_queue_free(queue));
}

TEST(close_wakes_all_who_wait_to_get) {
    check_close_wakes(&QUEUE_GET_WAIT, false);
    check_close_wakes(&QUEUE_GET_WAIT, true);
}

TEST(close_wakes_all_who_wait_to_put) {
    check_close_wakes(&QUEUE_PUT_WAIT, false);
    check_close_wakes(&QUEUE_PUT_WAIT, true);
}

// ---- Many threads

enum { PRODUCERS = 2, CONSUMERS = 2, ITEMS = 30000 };

typedef struct shop {
    lt_queue *queue;
    _Atomic uintptr_t next_producer;
    _Atomic unsigned char got[PRODUCERS * ITEMS];
    _Atomic size_t total;
} shop;

// Each producer's items are its own numbers, in order: n * PRODUCERS + producer.
static lt_status produce(void *arg) {
    shop *s = arg;
    uintptr_t producer = atomic_fetch_add(&s->next_producer, 1);
    for (uintptr_t i = 0; i < ITEMS; i++) {
        void *item = number(i * PRODUCERS + producer);
        if (i % 3 == 0) {
            must(lt_queue_put(s->queue, item) == LT_OK);
            continue;
        }
        for (;;) {
            lt_status status = i % 3 == 1 ? lt_queue_put_timeout(s->queue, item, 10e-6)
                                          : lt_queue_try_put(s->queue, item);
            if (status == LT_OK) {
                break;
            }
            must(status == (i % 3 == 1 ? LT_TIMED_OUT : LT_FULL));
            sched_yield();
        }
    }
    return LT_OK;
}

static lt_status consume(void *arg) {
    shop *s = arg;
    uintptr_t last[PRODUCERS] = {0};
    for (unsigned turn = 0;; turn++) {
        void *item;
        lt_status status = turn % 3 == 0   ? lt_queue_get(s->queue, &item)
                           : turn % 3 == 1 ? lt_queue_get_timeout(s->queue, 10e-6, &item)
                                           : lt_queue_try_get(s->queue, &item);
        if (status == LT_CLOSED) {
            return LT_OK;
        }
        if (status != LT_OK) {
            must(status == (turn % 3 == 1 ? LT_TIMED_OUT : LT_EMPTY) && turn % 3 != 0);
            sched_yield();
            continue;
        }
        uintptr_t n = (uintptr_t)item, producer = n % PRODUCERS;
        must(n < PRODUCERS * ITEMS);
        must(atomic_fetch_add(&s->got[n], 1) == 0);
        must(n + 1 > last[producer]); // What one consumer sees of one producer is in order.
        last[producer] = n + 1;
        atomic_fetch_add(&s->total, 1);
    }
}

static void check_every_item_arrives_once(size_t capacity) {
    static shop s;
    memset(&s, 0, sizeof s);
    s.queue = new_queue(capacity);
    waiter producers[PRODUCERS], consumers[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++) {
        waiter_launch(&consumers[i], consume, &s);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        waiter_launch(&producers[i], produce, &s);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        assert_ok(waiter_join(&producers[i]));
    }
    assert_ok(lt_queue_close(s.queue, false));
    for (int i = 0; i < CONSUMERS; i++) {
        assert_ok(waiter_join(&consumers[i]));
    }
    assert_int_equal(s.total, PRODUCERS * ITEMS);
    assert_ok(lt_queue_free(s.queue));
}

TEST(every_item_arrives_once_and_in_order_through_a_queue_of_one) {
    check_every_item_arrives_once(1);
}

TEST(every_item_arrives_once_and_in_order_through_a_bounded_queue) {
    check_every_item_arrives_once(16);
}

TEST(every_item_arrives_once_and_in_order_through_a_queue_without_bound) {
    check_every_item_arrives_once(0);
}
