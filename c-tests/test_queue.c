// The queue. Its order among many threads is in test_queue_order.c.
// timeout: 60
// flags: -fexceptions
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

// Several laps, so that the end of a ring is at different places.
static void check_capacity(size_t capacity) {
    lt_queue *queue = new_queue(capacity);
    size_t n = capacity != 0 ? capacity : 20000, done = 99;
    uintptr_t next = 1;
    for (int lap = 0; lap < 3; lap++) {
        put_numbers(queue, next, next + n - 1);
        check_sizes(queue, n, capacity);
        if (capacity != 0) {
            assert_status(lt_queue_try_put(queue, NULL), LT_FULL);
            assert_status(lt_queue_put_timeout(queue, NULL, 0.0), LT_TIMED_OUT);
            assert_status(lt_queue_put_timeout(queue, NULL, 1e-4), LT_TIMED_OUT);
            assert_status(lt_queue_put_many(queue, &(void *){NULL}, 1, 0.0, &done), LT_TIMED_OUT);
            assert_int_equal(done, 0);
            check_sizes(queue, n, capacity);
        }
        get_numbers(queue, next, next + n - 1);
        check_sizes(queue, 0, capacity);
        void *item;
        assert_status(lt_queue_try_get(queue, &item), LT_EMPTY);
        assert_status(lt_queue_get_timeout(queue, 0.0, &item), LT_TIMED_OUT);
        next += n;
        size_t part = n / 3 + 1;
        put_numbers(queue, next, next + part - 1);
        get_numbers(queue, next, next + part - 1);
        next += part;
    }
    assert_ok(lt_queue_free(queue));
}

TEST(every_capacity_is_kept_to) {
    const size_t capacities[] = {0, 1, 2, 3, 4, 5, 1024, 16383, 16384, 16385};
    for (size_t i = 0; i < LENGTH(capacities); i++) {
        check_capacity(capacities[i]);
    }
}

// ---- Batches

enum { SOME = 5 };

static void fill_in(void **items, size_t n, uintptr_t from) {
    for (size_t i = 0; i < n; i++) {
        items[i] = number(from + i);
    }
}

static const size_t SMALL_AND_LARGE[] = {0, 20, 20000}; // Each is stored in another way.

TEST(a_batch_goes_in_and_comes_out_in_its_order) {
    for (size_t c = 0; c < LENGTH(SMALL_AND_LARGE); c++) {
        lt_queue *queue = new_queue(SMALL_AND_LARGE[c]);
        void *in[7], *out[7] = {NULL};
        size_t done = 99;
        fill_in(in, 7, 1);
        assert_ok(lt_queue_put_many(queue, in, 7, LT_FOREVER, &done));
        assert_int_equal(done, 7);
        put_numbers(queue, 8, 8);
        assert_ok(lt_queue_put_many(queue, in, 1, 0.0, NULL));
        check_sizes(queue, 9, SMALL_AND_LARGE[c]);
        assert_ok(lt_queue_get_many(queue, out, 3, LT_FOREVER, &done));
        assert_int_equal(done, 3);
        assert_memory_equal(out, in, 3 * sizeof *in);
        assert_null(out[3]); // Nothing is written behind those that it took.
        get_numbers(queue, 4, 7);
        assert_ok(lt_queue_get_many(queue, out, 7, 1000.0, &done)); // Does not wait for more.
        assert_int_equal(done, 2);
        assert_ptr_equal(out[0], number(8));
        assert_ptr_equal(out[1], number(1));
        assert_ok(lt_queue_put_many(queue, in, 7, 1000.0, &done));
        assert_ok(lt_queue_get_many(queue, out, 7, 0.0, NULL));
        assert_memory_equal(out, in, sizeof in);
        check_sizes(queue, 0, SMALL_AND_LARGE[c]);
        assert_ok(lt_queue_free(queue));
    }
}

static void check_batches_of_none(lt_queue *queue) {
    size_t size = lt_queue_size(queue), done = 99;
    void *item = &item;
    const double seconds[] = {LT_FOREVER, 0.0, 1000.0};
    for (size_t i = 0; i < LENGTH(seconds); i++) {
        assert_ok(lt_queue_put_many(queue, NULL, 0, seconds[i], &done));
        assert_int_equal(done, 0);
        done = 99;
        assert_ok(lt_queue_get_many(queue, &item, 0, seconds[i], &done));
        assert_int_equal(done, 0);
        done = 99;
        assert_ok(lt_queue_get_many(queue, NULL, 0, seconds[i], NULL));
    }
    assert_ptr_equal(item, &item);
    assert_int_equal(lt_queue_size(queue), size);
}

TEST(a_batch_of_none_is_there_at_once) {
    lt_queue *queue = new_queue(1);
    check_batches_of_none(queue);
    put_numbers(queue, 1, 1);
    check_batches_of_none(queue); // Full.
    assert_ok(lt_queue_close(queue, false));
    check_batches_of_none(queue);
    get_numbers(queue, 1, 1);
    check_batches_of_none(queue);
    assert_ok(lt_queue_free(queue));
}

static void check_wrong_batches(lt_queue *queue, bool is_bad) {
    const struct {
        bool no_items;
        size_t n;
        double seconds;
        lt_status status;
        const char *argument;
    } wrong[] = {{true, 1, LT_FOREVER, LT_INVALID, "items"}, {true, 1, NAN, LT_INVALID, "items"},
        {false, 1, NAN, LT_INVALID, "seconds"}, {false, 0, NAN, LT_INVALID, "seconds"},
        {false, 1, INFINITY, LT_OVERFLOW, "seconds"},
        {true, 0, ABOVE_TIMEOUT_MAX, LT_OVERFLOW, "seconds"}};
    void *items[1] = {queue};
    size_t done = 99;
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        void **given = wrong[i].no_items ? NULL : items;
        lt_status status = is_bad ? LT_BAD_HANDLE : wrong[i].status;
        assert_status(
            lt_queue_put_many(queue, given, wrong[i].n, wrong[i].seconds, &done), status);
        assert_true(last_error_names("lt_queue_put_many"));
        assert_true(is_bad || strstr(lt_last_error(), wrong[i].argument) != NULL);
        assert_status(
            lt_queue_get_many(queue, given, wrong[i].n, wrong[i].seconds, &done), status);
        assert_true(last_error_names("lt_queue_get_many"));
        assert_true(is_bad || strstr(lt_last_error(), wrong[i].argument) != NULL);
        assert_int_equal(lt_last_status(), status);
        assert_int_equal(done, 99); // Written with answers, not with errors.
        assert_ptr_equal(items[0], queue);
    }
}

TEST(wrong_arguments_of_a_batch_are_reported_whatever_is_in_the_queue) {
    lt_queue *queue = new_queue(1);
    check_wrong_batches(queue, false);
    put_numbers(queue, 1, 1);
    check_wrong_batches(queue, false);
    check_sizes(queue, 1, 1);
    assert_ok(lt_queue_close(queue, true));
    check_wrong_batches(queue, false);
    assert_ok(lt_queue_free(queue));
    check_wrong_batches(queue, true);
    check_wrong_batches(NULL, true);
}

TEST(a_put_of_many_that_times_out_has_put_what_there_was_room_for) {
    lt_queue *queue = new_queue(3);
    void *items[SOME];
    fill_in(items, SOME, 1);
    const double seconds[] = {0.0, 1e-9, 0.02};
    for (size_t i = 0; i < LENGTH(seconds); i++) {
        size_t done = 99;
        double began = lt_monotonic();
        assert_status(lt_queue_put_many(queue, items, SOME, seconds[i], &done), LT_TIMED_OUT);
        double took = seconds_since(began);
        assert_true(took >= seconds[i] && took < seconds[i] + SLACK);
        assert_int_equal(done, 3);
        assert_status(lt_queue_put_many(queue, items, SOME, seconds[i], NULL), LT_TIMED_OUT);
        get_numbers(queue, 1, 3);
        check_sizes(queue, 0, 3);
    }
    assert_ok(lt_queue_free(queue));
}

static _Atomic bool enough;

static lt_status take_one_each_ten_milliseconds(void *queue) {
    while (!atomic_load(&enough)) {
        must(lt_queue_get_timeout(queue, 0.0, &(void *){NULL}) != LT_BAD_HANDLE);
        must(lt_sleep(0.01) == LT_OK);
    }
    return LT_OK;
}

TEST(the_time_of_a_put_of_many_is_for_all_of_them) {
    lt_queue *queue = new_queue(1);
    static void *items[2000]; // For each alone there would be time enough.
    waiter w;
    atomic_store(&enough, false);
    waiter_launch(&w, take_one_each_ten_milliseconds, queue);
    size_t done = 0;
    double began = lt_monotonic();
    assert_status(lt_queue_put_many(queue, items, LENGTH(items), 0.1, &done), LT_TIMED_OUT);
    double took = seconds_since(began);
    assert_true(took >= 0.1 && took < 0.1 + SLACK);
    assert_true(done >= 1 && done < LENGTH(items));
    atomic_store(&enough, true);
    assert_ok(waiter_join(&w));
    assert_ok(lt_queue_free(queue));
}

TEST(a_put_of_many_that_is_interrupted_has_put_what_there_was_room_for) {
    lt_queue *queue = new_queue(3);
    void *items[SOME];
    fill_in(items, SOME, 1);
    size_t done = 99;
    assert_ok(lt_interrupt_main(SIGUSR1));
    assert_ok(lt_queue_put_many(queue, items, 2, 1000.0, &done)); // Does not block.
    assert_int_equal(done, 2);
    assert_status(lt_queue_put_many(queue, items + 2, 3, 0.0, &done), LT_TIMED_OUT);
    assert_int_equal(done, 1);
    assert_status(lt_queue_put_many(queue, items, SOME, LT_FOREVER, &done), LT_INTERRUPTED);
    assert_int_equal(done, 0);
    assert_int_equal(lt_interrupt_signal(), SIGUSR1);
    get_numbers(queue, 1, 1);
    assert_ok(lt_interrupt_main(SIGUSR2));
    assert_status(lt_queue_put_many(queue, items + 3, 2, 1000.0, &done), LT_INTERRUPTED);
    assert_int_equal(done, 1);
    get_numbers(queue, 2, 4);
    check_sizes(queue, 0, 3);
    assert_ok(lt_check_interrupt());
    assert_ok(lt_queue_free(queue));
}

// A batch on a thread of its own.
typedef struct batch {
    lt_queue *queue;
    void *items[SOME];
    double seconds;
    size_t done;
} batch;

static lt_status put_batch(void *arg) {
    batch *b = arg;
    return lt_queue_put_many(b->queue, b->items, SOME, b->seconds, &b->done);
}

static lt_status get_batch(void *arg) {
    batch *b = arg;
    return lt_queue_get_many(b->queue, b->items, SOME, b->seconds, &b->done);
}

TEST(a_put_of_many_blocks_until_there_was_room_for_each) {
    const double seconds[] = {LT_FOREVER, 1000.0};
    for (size_t i = 0; i < LENGTH(seconds); i++) {
        batch b = {.queue = new_queue(1), .seconds = seconds[i], .done = 99};
        fill_in(b.items, SOME, 1);
        waiter w;
        waiter_start(&w, put_batch, &b);
        assert_status(lt_queue_free(b.queue), LT_BUSY);
        get_numbers(b.queue, 1, SOME - 2);
        must_soon(lt_queue_is_full(b.queue));
        assert_false(waiter_is_done(&w));
        get_numbers(b.queue, SOME - 1, SOME);
        assert_ok(waiter_join(&w));
        assert_int_equal(b.done, SOME);
        assert_ok(lt_queue_free(b.queue));
    }
}

TEST(a_get_of_many_blocks_until_there_is_one) {
    const double seconds[] = {LT_FOREVER, 1000.0};
    for (size_t i = 0; i < LENGTH(seconds); i++) {
        batch b = {.queue = new_queue(0), .seconds = seconds[i], .done = 99};
        waiter w;
        waiter_start(&w, get_batch, &b);
        assert_status(lt_queue_free(b.queue), LT_BUSY);
        assert_false(waiter_is_done(&w));
        put_numbers(b.queue, 1, 1);
        assert_ok(waiter_join(&w));
        assert_int_equal(b.done, 1);
        assert_ptr_equal(b.items[0], number(1));
        assert_null(b.items[1]);
        assert_ok(lt_queue_free(b.queue));
    }
}

TEST(a_get_of_many_that_gets_none_says_so) {
    lt_queue *queue = new_queue(0);
    void *items[2] = {queue, queue};
    const double seconds[] = {0.0, 1e-9, 0.02};
    for (size_t i = 0; i < LENGTH(seconds); i++) {
        size_t done = 99;
        double began = lt_monotonic();
        assert_status(lt_queue_get_many(queue, items, 2, seconds[i], &done), LT_TIMED_OUT);
        assert_true(seconds_since(began) >= seconds[i]);
        assert_int_equal(done, 0);
    }
    size_t done = 99;
    assert_ok(lt_interrupt_main(SIGUSR1));
    assert_status(lt_queue_get_many(queue, items, 2, 0.0, NULL), LT_TIMED_OUT);
    assert_status(lt_queue_get_many(queue, items, 2, 1000.0, &done), LT_INTERRUPTED);
    assert_int_equal(done, 0);
    done = 99;
    put_numbers(queue, 1, 1);
    assert_ok(lt_queue_close(queue, false));
    assert_ok(lt_queue_get_many(queue, items, 2, LT_FOREVER, &done)); // What is left.
    assert_int_equal(done, 1);
    assert_ptr_equal(items[0], number(1));
    assert_ptr_equal(items[1], queue);
    assert_status(lt_queue_get_many(queue, items, 2, LT_FOREVER, &done), LT_CLOSED);
    assert_int_equal(done, 0);
    assert_ok(lt_queue_free(queue));
}

TEST(a_batch_wakes_as_many_as_it_is_enough_for) {
    lt_queue *queue = new_queue(SOME);
    waiter w[SOME];
    for (int i = 0; i < SOME; i++) {
        waiter_start(&w[i], waits_get_wait, queue);
    }
    void *items[SOME] = {NULL};
    assert_ok(lt_queue_put_many(queue, items, SOME, 0.0, NULL));
    for (int i = 0; i < SOME; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_ok(lt_queue_put_many(queue, items, SOME, 0.0, NULL));
    for (int i = 0; i < SOME; i++) {
        waiter_start(&w[i], waits_put_wait, queue);
    }
    assert_ok(lt_queue_get_many(queue, items, SOME, 0.0, NULL));
    for (int i = 0; i < SOME; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    check_sizes(queue, SOME, SOME);
    assert_ok(lt_queue_free(queue));
}

TEST(a_closed_queue_refuses_batches) {
    lt_queue *queue = new_queue(0);
    put_numbers(queue, 1, 1);
    assert_ok(lt_queue_close(queue, false));
    void *items[2];
    fill_in(items, 2, 1);
    const double seconds[] = {LT_FOREVER, 0.0, 1000.0};
    for (size_t i = 0; i < LENGTH(seconds); i++) {
        size_t done = 99;
        assert_status(lt_queue_put_many(queue, items, 2, seconds[i], &done), LT_CLOSED);
        assert_int_equal(done, 0);
        assert_status(lt_queue_put_many(queue, items, 2, seconds[i], NULL), LT_CLOSED);
    }
    check_sizes(queue, 1, 0);
    assert_ok(lt_queue_free(queue));
}

static void check_close_ends_batches(bool immediate) {
    batch put = {.queue = new_queue(2), .seconds = 1000.0, .done = 99};
    batch get = {.queue = new_queue(2), .seconds = 1000.0, .done = 99};
    fill_in(put.items, SOME, 1);
    waiter putter, getter;
    waiter_start(&putter, put_batch, &put);
    waiter_start(&getter, get_batch, &get);
    assert_ok(lt_queue_close(put.queue, immediate));
    assert_ok(lt_queue_close(get.queue, immediate));
    assert_status(waiter_join(&putter), LT_CLOSED);
    assert_status(waiter_join(&getter), LT_CLOSED);
    assert_int_equal(put.done, 2);
    assert_int_equal(get.done, 0);
    assert_int_equal(lt_queue_size(put.queue), immediate ? 0 : 2);
    assert_ok(lt_queue_free(put.queue));
    assert_ok(lt_queue_free(get.queue));
}

TEST(close_ends_batches_that_wait) {
    check_close_ends_batches(false);
    check_close_ends_batches(true);
}

// ---- What all waits share: the batches, and the join

WAITS_CALL(get_many_wait, lt_queue_get_many(o, &(void *){NULL}, 1, LT_FOREVER, NULL))
WAITS_CALL(get_many_try, lt_queue_get_many(o, &(void *){NULL}, 1, 0.0, NULL))
WAITS_TIMED(get_many_timed, lt_queue_get_many(o, &(void *){NULL}, 1, seconds, NULL))
WAITS_CALL(put_many_wait, lt_queue_put_many(o, &(void *){NULL}, 1, LT_FOREVER, NULL))
WAITS_CALL(put_many_try, lt_queue_put_many(o, &(void *){NULL}, 1, 0.0, NULL))
WAITS_TIMED(put_many_timed, lt_queue_put_many(o, &(void *){NULL}, 1, seconds, NULL))

static void *undone_queue(void) {
    lt_queue *queue = lt_queue_new(0);
    must(lt_queue_put(queue, NULL) == LT_OK && lt_queue_get(queue, &(void *){NULL}) == LT_OK);
    return queue;
}

// Says that all is done, however often it is asked to.
static lt_status all_done(void *queue) {
    lt_status status = lt_queue_task_done(queue);
    return status == LT_INVALID ? LT_OK : status;
}
WAITS_CALL(join_wait, lt_queue_join(o))
WAITS_CALL(join_try, lt_queue_try_join(o))
WAITS_TIMED(join_timed, lt_queue_join_timeout(o, seconds))

static const wait_kind GET_MANY_WAIT = {.name = "queue get_many",
    .make = waits_empty_queue,
    .wait = get_many_wait,
    .try_wait = get_many_try,
    .wait_timeout = get_many_timed,
    .satisfy = waits_get_satisfy,
    .destroy = waits_queue_destroy,
    .not_yet = LT_TIMED_OUT,
    .timeout_name = "lt_queue_get_many"};
static const wait_kind PUT_MANY_WAIT = {.name = "queue put_many",
    .make = waits_full_queue,
    .wait = put_many_wait,
    .try_wait = put_many_try,
    .wait_timeout = put_many_timed,
    .satisfy = waits_put_satisfy,
    .destroy = waits_queue_destroy,
    .not_yet = LT_TIMED_OUT,
    .timeout_name = "lt_queue_put_many"};
static const wait_kind JOIN_WAIT = {.name = "queue join",
    .make = undone_queue,
    .wait = join_wait,
    .try_wait = join_try,
    .wait_timeout = join_timed,
    .satisfy = all_done,
    .destroy = waits_queue_destroy,
    .not_yet = LT_BUSY,
    .timeout_name = "lt_queue_join_timeout"};

TEST(a_get_of_many_is_a_wait_like_every_other) {
    waits_check_all(&GET_MANY_WAIT);
    waits_check_race_with_time_out(&GET_MANY_WAIT);
}

TEST(a_put_of_many_is_a_wait_like_every_other) {
    waits_check_all(&PUT_MANY_WAIT);
    waits_check_race_with_time_out(&PUT_MANY_WAIT);
}

TEST(a_join_is_a_wait_like_every_other) {
    waits_check_all(&JOIN_WAIT);
}

TEST(gets_and_puts_are_interrupted) {
    waits_check_interrupts(&QUEUE_GET_WAIT);
    waits_check_interrupts(&QUEUE_PUT_WAIT);
}

TEST(who_waits_is_not_awake) {
    const wait_kind *const kinds[] = {
        &QUEUE_GET_WAIT, &QUEUE_PUT_WAIT, &GET_MANY_WAIT, &PUT_MANY_WAIT, &JOIN_WAIT};
    for (size_t i = 0; i < LENGTH(kinds); i++) {
        waits_check_sleeps_soundly(kinds[i], LT_FOREVER);
        waits_check_sleeps_soundly(kinds[i], 1000.0);
    }
}

// ---- Items that are done

static void check_joined(lt_queue *queue) {
    assert_ok(lt_queue_join(queue));
    assert_ok(lt_queue_try_join(queue));
    assert_ok(lt_queue_join_timeout(queue, 0.0));
    assert_ok(lt_queue_join_timeout(queue, 1000.0));
}

static void check_not_joined(lt_queue *queue) {
    assert_status(lt_queue_try_join(queue), LT_BUSY);
    assert_status(lt_queue_join_timeout(queue, 0.0), LT_TIMED_OUT);
    double began = lt_monotonic();
    assert_status(lt_queue_join_timeout(queue, 0.003), LT_TIMED_OUT);
    assert_true(seconds_since(began) >= 0.003);
}

TEST(a_join_is_for_all_items_that_were_put) {
    for (size_t c = 0; c < LENGTH(SMALL_AND_LARGE); c++) {
        lt_queue *queue = new_queue(SMALL_AND_LARGE[c]);
        check_joined(queue);
        put_numbers(queue, 1, 2);
        check_not_joined(queue);
        get_numbers(queue, 1, 2);
        check_not_joined(queue); // Taken is not done.
        assert_ok(lt_queue_task_done(queue));
        check_not_joined(queue);
        assert_ok(lt_queue_task_done(queue));
        check_joined(queue);
        void *items[SOME] = {NULL};
        assert_ok(lt_queue_put_many(queue, items, SOME, 0.0, NULL));
        assert_ok(lt_queue_get_many(queue, items, SOME, 0.0, NULL));
        for (int i = 0; i < SOME; i++) {
            check_not_joined(queue);
            assert_ok(lt_queue_task_done(queue));
        }
        check_joined(queue);
        assert_ok(lt_queue_free(queue));
    }
}

TEST(done_once_too_often_is_reported_and_not_counted) {
    for (size_t c = 0; c < LENGTH(SMALL_AND_LARGE); c++) {
        lt_queue *queue = new_queue(SMALL_AND_LARGE[c]);
        for (uintptr_t n = 1; n <= 3; n++) {
            for (int i = 0; i < 3; i++) {
                assert_status(lt_queue_task_done(queue), LT_INVALID);
                assert_true(last_error_names("lt_queue_task_done"));
            }
            check_joined(queue);
            put_numbers(queue, n, n);
            check_not_joined(queue);
            get_numbers(queue, n, n);
            assert_ok(lt_queue_task_done(queue));
        }
        assert_ok(lt_queue_close(queue, true));
        assert_status(lt_queue_task_done(queue), LT_INVALID);
        check_joined(queue);
        assert_ok(lt_queue_free(queue));
    }
}

static void start_joiners(waiter *w, timed_wait *t, lt_queue *queue) {
    *t = (timed_wait){&JOIN_WAIT, queue, 1000.0};
    for (int i = 0; i < 2; i++) {
        waiter_start(&w[i], join_wait, queue);
        waiter_start(&w[i + 2], timed_wait_call, t);
    }
}

static void check_joiners_wait(waiter *w) {
    for (int i = 0; i < 4; i++) {
        must_soon(waiter_asleep(&w[i]));
        assert_false(waiter_is_done(&w[i]));
    }
}

static void check_joiners_end(waiter *w) {
    for (int i = 0; i < 4; i++) {
        assert_ok(waiter_join(&w[i]));
    }
}

TEST(the_last_that_is_done_wakes_all_who_join) {
    lt_queue *queue = new_queue(3);
    put_numbers(queue, 1, 3);
    waiter w[4];
    timed_wait t;
    start_joiners(w, &t, queue);
    get_numbers(queue, 1, 3);
    for (int i = 0; i < 2; i++) {
        assert_ok(lt_queue_task_done(queue));
        check_joiners_wait(w);
        assert_status(lt_queue_free(queue), LT_BUSY);
    }
    assert_ok(lt_queue_task_done(queue));
    check_joiners_end(w);
    assert_ok(lt_queue_free(queue));
}

TEST(an_immediate_close_wakes_who_joins_when_the_discarded_were_the_last) {
    for (size_t c = 0; c < LENGTH(SMALL_AND_LARGE); c++) {
        lt_queue *queue = new_queue(SMALL_AND_LARGE[c]);
        put_numbers(queue, 1, 3);
        waiter w[4];
        timed_wait t;
        start_joiners(w, &t, queue);
        assert_ok(lt_queue_close(queue, true));
        check_joiners_end(w);
        check_joined(queue);
        assert_ok(lt_queue_free(queue));
    }
}

TEST(after_an_immediate_close_those_that_were_taken_are_still_to_be_done) {
    lt_queue *queue = new_queue(0);
    put_numbers(queue, 1, 3);
    get_numbers(queue, 1, 1);
    waiter w[4];
    timed_wait t;
    start_joiners(w, &t, queue);
    assert_ok(lt_queue_close(queue, true));
    check_joiners_wait(w);
    check_not_joined(queue);
    assert_ok(lt_queue_task_done(queue));
    check_joiners_end(w);
    assert_status(lt_queue_task_done(queue), LT_INVALID);
    assert_ok(lt_queue_free(queue));
}

TEST(a_draining_close_leaves_who_joins_waiting) {
    lt_queue *queue = new_queue(0);
    put_numbers(queue, 1, 2);
    waiter w[4];
    timed_wait t;
    start_joiners(w, &t, queue);
    assert_ok(lt_queue_close(queue, false));
    check_joiners_wait(w);
    get_numbers(queue, 1, 2);
    assert_ok(lt_queue_task_done(queue));
    check_joiners_wait(w);
    assert_ok(lt_queue_task_done(queue));
    check_joiners_end(w);
    assert_ok(lt_queue_free(queue));
}

// Python counts down as far as it can; nothing that is discarded escapes its drop for it.
static _Atomic size_t dropped_at_all;

static void count_drop(void *item) {
    (void)item;
    atomic_fetch_add(&dropped_at_all, 1);
}

TEST(items_that_were_done_before_they_are_discarded_are_discarded_all_the_same) {
    for (int by_free = 0; by_free < 2; by_free++) {
        lt_queue *queue = new_queue(0);
        atomic_store(&dropped_at_all, 0);
        assert_ok(lt_queue_set_drop(queue, count_drop));
        put_numbers(queue, 1, 3);
        for (int i = 0; i < 2; i++) {
            assert_ok(lt_queue_task_done(queue));
        }
        if (!by_free) {
            assert_ok(lt_queue_close(queue, true));
            check_joined(queue);
        }
        assert_ok(lt_queue_free(queue));
        assert_int_equal(dropped_at_all, 3);
    }
}

// ---- Items that are discarded

static struct {
    lt_queue *queue;
    void *items[64];
    size_t count;
    lt_ident ident;
    size_t leave_at; // The number of the item at which the drop is left, from 1.
    bool by_exit;
} drops;

static void drop(void *item) {
    must(drops.count < LENGTH(drops.items));
    must(lt_queue_is_closed(drops.queue));
    must(lt_queue_put_timeout(drops.queue, item, 0.0) == LT_CLOSED);
    drops.items[drops.count++] = item;
    drops.ident = lt_get_ident();
    if (drops.count == drops.leave_at) {
        if (drops.by_exit) {
            lt_exit();
        }
        lt_raise(5, "a drop that raises");
    }
}

static lt_queue *queue_with_drop(size_t capacity) {
    memset(&drops, 0, sizeof drops);
    drops.queue = new_queue(capacity);
    assert_ok(lt_queue_set_drop(drops.queue, drop));
    return drops.queue;
}

static void check_dropped(uintptr_t from, uintptr_t to) {
    assert_int_equal(drops.count, to - from + 1);
    for (uintptr_t n = from; n <= to; n++) {
        assert_ptr_equal(drops.items[n - from], number(n));
    }
}

TEST(an_immediate_close_drops_each_item_once_and_in_order) {
    for (size_t c = 0; c < LENGTH(SMALL_AND_LARGE); c++) {
        lt_queue *queue = queue_with_drop(SMALL_AND_LARGE[c]);
        put_numbers(queue, 1, 10);
        get_numbers(queue, 1, 3);
        assert_int_equal(drops.count, 0);
        assert_ok(lt_queue_close(queue, true));
        check_dropped(4, 10);
        assert_int_equal(drops.ident, lt_get_ident());
        assert_ok(lt_queue_close(queue, true));
        assert_ok(lt_queue_close(queue, false));
        check_dropped(4, 10);
        assert_ok(lt_queue_free(queue));
        check_dropped(4, 10);
    }
}

TEST(a_free_drops_each_item_once_and_in_order) {
    for (size_t c = 0; c < LENGTH(SMALL_AND_LARGE); c++) {
        lt_queue *queue = queue_with_drop(SMALL_AND_LARGE[c]);
        put_numbers(queue, 1, 10);
        get_numbers(queue, 1, 3);
        assert_ok(lt_queue_free(queue));
        check_dropped(4, 10);
    }
}

TEST(a_draining_close_drops_nothing_and_a_later_immediate_one_the_rest) {
    lt_queue *queue = queue_with_drop(0);
    put_numbers(queue, 1, 5);
    assert_ok(lt_queue_close(queue, false));
    assert_int_equal(drops.count, 0);
    get_numbers(queue, 1, 2);
    assert_ok(lt_queue_close(queue, true));
    check_dropped(3, 5);
    assert_ok(lt_queue_free(queue));
    check_dropped(3, 5);
}

static void refuse_drop(void *item) {
    (void)item;
    must(!"dropped by what was replaced");
}

static lt_queue *next_queue;

static void replace_the_queue(void *item) {
    if (item == number(1)) {
        must(lt_queue_free(drops.queue) == LT_OK);
        next_queue = new_queue(0); // In its place.
        must(lt_queue_put(next_queue, item) == LT_OK);
    }
}

TEST(a_close_whose_drop_frees_the_queue_takes_nothing_out_of_the_next_one) {
    for (size_t c = 0; c < LENGTH(SMALL_AND_LARGE); c++) {
        lt_queue *queue = queue_with_drop(SMALL_AND_LARGE[c]);
        assert_ok(lt_queue_set_drop(queue, replace_the_queue));
        put_numbers(queue, 1, 3);
        assert_ok(lt_queue_close(queue, true));
        assert_int_equal(lt_queue_size(next_queue), 1);
        assert_ok(lt_queue_free(next_queue));
    }
}

TEST(the_drop_is_the_one_that_was_set_last) {
    lt_queue *queue = queue_with_drop(0);
    assert_ok(lt_queue_set_drop(queue, refuse_drop));
    assert_ok(lt_queue_set_drop(queue, drop));
    put_numbers(queue, 1, 2);
    assert_ok(lt_queue_free(queue));
    check_dropped(1, 2);
    queue = queue_with_drop(0);
    assert_ok(lt_queue_set_drop(queue, NULL));
    put_numbers(queue, 1, 2);
    assert_ok(lt_queue_free(queue));
    assert_int_equal(drops.count, 0);
    queue = queue_with_drop(0);
    assert_ok(lt_queue_free(queue)); // Nothing to drop.
    lt_queue *next[64]; // One of them is in the place of the freed one: its drop is not inherited.
    for (size_t i = 0; i < LENGTH(next); i++) {
        next[i] = new_queue(2);
        put_numbers(next[i], 1, 2);
    }
    for (size_t i = 0; i < LENGTH(next); i++) {
        assert_ok(lt_queue_free(next[i]));
    }
    assert_int_equal(drops.count, 0);
}

static void close_now(void *queue) {
    LT_IGNORE(lt_queue_close(queue, true));
    must(!"returned");
}

static void free_now(void *queue) {
    LT_IGNORE(lt_queue_free(queue));
    must(!"returned");
}

static void run_and_end(void (*function)(void *), void *arg, lt_status status) {
    lt_thread *thread = NULL;
    assert_ok(lt_thread_start(function, arg, NULL, &thread));
    assert_status(lt_thread_join(thread), status);
    assert_ok(lt_thread_free(thread));
}

static void ignore_error(const lt_error_info *info, void *arg) {
    (void)info;
    (void)arg;
}

static void check_drop_that_leaves(size_t capacity, bool by_free, bool by_exit) {
    assert_ok(lt_set_excepthook(ignore_error, NULL));
    lt_queue *queue = queue_with_drop(capacity);
    lt_status status = by_exit ? LT_OK : LT_FAILED;
    put_numbers(queue, 1, 6);
    drops.by_exit = by_exit;
    drops.leave_at = 2;
    run_and_end(by_free ? free_now : close_now, queue, status);
    check_dropped(1, 2);
    check_sizes(queue, 4, capacity); // The rest stays.
    assert_true(lt_queue_is_closed(queue));
    check_not_joined(queue);
    drops.leave_at = 4;
    run_and_end(close_now, queue, status);
    check_dropped(1, 4);
    get_numbers(queue, 5, 5); // What is there can still be had.
    assert_ok(lt_queue_task_done(queue));
    if (by_free) {
        assert_ok(lt_queue_free(queue));
        assert_int_equal(drops.count, 5);
        assert_ptr_equal(drops.items[4], number(6));
        return;
    }
    assert_ok(lt_queue_close(queue, true));
    assert_int_equal(drops.count, 5);
    assert_ptr_equal(drops.items[4], number(6));
    check_joined(queue);
    assert_ok(lt_queue_free(queue));
}

TEST(a_drop_that_raises_leaves_the_rest_for_the_next_time) {
    for (size_t c = 0; c < LENGTH(SMALL_AND_LARGE); c++) {
        for (int by_free = 0; by_free < 2; by_free++) {
            check_drop_that_leaves(SMALL_AND_LARGE[c], by_free, false);
            check_drop_that_leaves(SMALL_AND_LARGE[c], by_free, true);
        }
    }
}

TEST(a_free_that_is_refused_drops_and_closes_nothing) {
    lt_queue *queue = queue_with_drop(2);
    put_numbers(queue, 1, 2);
    waiter w;
    waiter_start(&w, waits_put_wait, queue);
    assert_status(lt_queue_free(queue), LT_BUSY);
    assert_int_equal(drops.count, 0);
    assert_false(lt_queue_is_closed(queue));
    check_sizes(queue, 2, 2);
    get_numbers(queue, 1, 2);
    assert_ok(waiter_join(&w));
    check_sizes(queue, 1, 2);
    assert_ok(lt_queue_free(queue));
    assert_int_equal(drops.count, 1);
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

TEST(is_closed_tells_whether_it_is) {
    for (size_t c = 0; c < LENGTH(SMALL_AND_LARGE); c++) {
        for (int immediate = 0; immediate < 2; immediate++) {
            lt_queue *queue = new_queue(SMALL_AND_LARGE[c]);
            put_numbers(queue, 1, 2);
            assert_false(lt_queue_is_closed(queue));
            assert_ok(lt_queue_close(queue, immediate));
            assert_true(lt_queue_is_closed(queue));
            assert_int_equal(lt_queue_size(queue), immediate ? 0 : 2);
            assert_int_equal(lt_queue_capacity(queue), SMALL_AND_LARGE[c]);
            assert_ok(lt_queue_close(queue, !immediate));
            assert_true(lt_queue_is_closed(queue));
            check_sizes(queue, 0, SMALL_AND_LARGE[c]);
            assert_ok(lt_queue_free(queue));
            assert_false(lt_queue_is_closed(queue)); // A bad handle.
            assert_int_equal(lt_last_status(), LT_BAD_HANDLE);
        }
    }
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
