// The semaphore.
#include "waits.h"

static lt_semaphore *new_semaphore(uint32_t initial) {
    lt_semaphore *semaphore = lt_semaphore_new(initial);
    assert_non_null(semaphore);
    assert_int_equal(lt_semaphore_value(semaphore), initial);
    return semaphore;
}

TEST(it_has_the_permits_it_was_made_with) {
    const uint32_t initial[] = {0, 1, 2, UINT32_MAX - 1, UINT32_MAX};
    for (size_t i = 0; i < LENGTH(initial); i++) {
        assert_ok(lt_semaphore_free(new_semaphore(initial[i])));
        lt_semaphore *bounded = lt_semaphore_new_bounded(initial[i], initial[i]);
        assert_int_equal(lt_semaphore_value(bounded), initial[i]);
        assert_ok(lt_semaphore_free(bounded));
    }
}

TEST(each_form_takes_one_permit) {
    lt_semaphore *semaphore = new_semaphore(3);
    assert_ok(lt_semaphore_acquire(semaphore));
    assert_int_equal(lt_semaphore_value(semaphore), 2);
    assert_ok(lt_semaphore_try_acquire(semaphore));
    assert_int_equal(lt_semaphore_value(semaphore), 1);
    assert_ok(lt_semaphore_acquire_timeout(semaphore, 0.0));
    assert_int_equal(lt_semaphore_value(semaphore), 0);
    assert_status(lt_semaphore_try_acquire(semaphore), LT_BUSY);
    assert_status(lt_semaphore_acquire_timeout(semaphore, 0.0), LT_TIMED_OUT);
    assert_int_equal(lt_semaphore_value(semaphore), 0);
    assert_ok(lt_semaphore_free(semaphore));
}

TEST(release_gives_permits) {
    lt_semaphore *semaphore = new_semaphore(0);
    assert_ok(lt_semaphore_release(semaphore, 1));
    assert_ok(lt_semaphore_release(semaphore, 4));
    assert_int_equal(lt_semaphore_value(semaphore), 5);
    for (int i = 0; i < 5; i++) {
        assert_ok(lt_semaphore_try_acquire(semaphore));
    }
    assert_status(lt_semaphore_try_acquire(semaphore), LT_BUSY);
    assert_ok(lt_semaphore_free(semaphore));
}

TEST(release_of_nothing_is_invalid) {
    lt_semaphore *semaphore = new_semaphore(1);
    assert_status(lt_semaphore_release(semaphore, 0), LT_INVALID);
    assert_int_equal(lt_last_status(), LT_INVALID);
    assert_true(last_error_names("lt_semaphore_release"));
    assert_int_equal(lt_semaphore_value(semaphore), 1);
    assert_ok(lt_semaphore_free(semaphore));
    // The handle goes before the arguments, the arguments before the bound.
    assert_status(lt_semaphore_release(semaphore, 0), LT_BAD_HANDLE);
    lt_semaphore *full = lt_semaphore_new_bounded(1, 1);
    assert_status(lt_semaphore_release(full, 0), LT_INVALID);
    assert_ok(lt_semaphore_free(full));
}

static void check_overflow(lt_semaphore *semaphore, uint32_t n) {
    uint32_t before = lt_semaphore_value(semaphore);
    assert_status(lt_semaphore_release(semaphore, n), LT_OVERFLOW);
    assert_int_equal(lt_last_status(), LT_OVERFLOW);
    assert_true(last_error_names("lt_semaphore_release"));
    assert_int_equal(lt_semaphore_value(semaphore), before);
}

// What is tried first is the value as it was last seen: others change it, and its slot serves another semaphore.
TEST(the_value_is_what_it_is_however_it_was_last_seen) {
    lt_semaphore *semaphore = lt_semaphore_new_bounded(2, 3);
    assert_ok(lt_semaphore_acquire(semaphore));
    assert_ok(lt_semaphore_try_acquire(semaphore)); // Now 0, and last seen as 1.
    assert_status(lt_semaphore_try_acquire(semaphore), LT_BUSY);
    assert_status(lt_semaphore_acquire_timeout(semaphore, 0.001), LT_TIMED_OUT);
    assert_ok(lt_semaphore_release(semaphore, 1));
    assert_ok(lt_semaphore_release(semaphore, 2));
    assert_status(lt_semaphore_release(semaphore, 1), LT_OVERFLOW);
    assert_ok(lt_semaphore_try_acquire(semaphore));
    assert_ok(lt_semaphore_release(semaphore, 1));
    assert_status(lt_semaphore_release(semaphore, 1), LT_OVERFLOW);
    must(lt_semaphore_value(semaphore) == 3);
    for (unsigned left = 3; left > 0; left--) {
        assert_ok(lt_semaphore_acquire(semaphore));
        must(lt_semaphore_value(semaphore) == left - 1);
    }
    assert_ok(lt_semaphore_free(semaphore));
    lt_semaphore *next = lt_semaphore_new_bounded(1, 1);
    assert_status(lt_semaphore_release(semaphore, 1), LT_BAD_HANDLE);
    assert_status(lt_semaphore_acquire(semaphore), LT_BAD_HANDLE);
    must(lt_semaphore_value(next) == 1);
    assert_status(lt_semaphore_release(next, 1), LT_OVERFLOW);
    assert_ok(lt_semaphore_acquire(next));
    assert_status(lt_semaphore_acquire_timeout(next, 0.0), LT_TIMED_OUT);
    assert_ok(lt_semaphore_free(next));
}

TEST(release_above_the_bound_gives_nothing) {
    lt_semaphore *bounded = lt_semaphore_new_bounded(1, 3);
    check_overflow(bounded, 3);
    check_overflow(bounded, UINT32_MAX);
    assert_ok(lt_semaphore_release(bounded, 2));
    check_overflow(bounded, 1);
    assert_ok(lt_semaphore_acquire(bounded));
    assert_ok(lt_semaphore_release(bounded, 1));
    assert_ok(lt_semaphore_free(bounded));

    lt_semaphore *none = lt_semaphore_new_bounded(0, 0);
    check_overflow(none, 1);
    assert_status(lt_semaphore_try_acquire(none), LT_BUSY);
    assert_ok(lt_semaphore_free(none));
}

TEST(release_above_all_numbers_gives_nothing) {
    lt_semaphore *semaphore = new_semaphore(0);
    assert_ok(lt_semaphore_release(semaphore, UINT32_MAX));
    assert_int_equal(lt_semaphore_value(semaphore), UINT32_MAX);
    check_overflow(semaphore, 1);
    check_overflow(semaphore, UINT32_MAX);
    assert_ok(lt_semaphore_acquire(semaphore));
    check_overflow(semaphore, 2);
    assert_ok(lt_semaphore_release(semaphore, 1));
    assert_ok(lt_semaphore_free(semaphore));
}

TEST(an_initial_value_above_the_bound_is_invalid) {
    const uint32_t initial[] = {1, 8, UINT32_MAX}, max[] = {0, 7, UINT32_MAX - 1};
    for (size_t i = 0; i < LENGTH(initial); i++) {
        assert_null(lt_semaphore_new_bounded(initial[i], max[i]));
        assert_int_equal(lt_last_status(), LT_INVALID);
        assert_true(last_error_names("lt_semaphore_new_bounded"));
    }
}

TEST(acquire_blocks_until_a_release) {
    waits_check_blocks_until_satisfied(&SEMAPHORE_WAIT);
}

TEST(timeouts_are_checked_and_kept) {
    waits_check_timeouts(&SEMAPHORE_WAIT);
}

TEST(timeouts_are_checked_and_kept_on_a_thread) {
    waits_check_timeouts_on_a_thread(&SEMAPHORE_WAIT);
}

TEST(a_time_out_that_races_with_a_release_takes_the_permit_or_leaves_it) {
    waits_check_race_with_time_out(&SEMAPHORE_WAIT);
}

TEST(free_while_a_thread_waits_is_busy) {
    waits_check_free_while_waiting(&SEMAPHORE_WAIT);
}

TEST(free_of_null_or_with_permits_is_fine) {
    assert_ok(lt_semaphore_free(NULL));
    assert_ok(lt_semaphore_free(new_semaphore(7)));
}

enum { WAITERS = 5 };

static void start_waiters(waiter *w, lt_semaphore *semaphore) {
    for (int i = 0; i < WAITERS; i++) {
        waiter_start(&w[i], waits_semaphore_wait, semaphore);
    }
}

static int count_done(waiter *w) {
    int done = 0;
    for (int i = 0; i < WAITERS; i++) {
        done += waiter_is_done(&w[i]);
    }
    return done;
}

TEST(one_release_wakes_as_many_as_it_gives) {
    lt_semaphore *semaphore = new_semaphore(0);
    waiter w[WAITERS];
    start_waiters(w, semaphore);
    assert_int_equal(lt_semaphore_value(semaphore), 0);
    assert_ok(lt_semaphore_release(semaphore, 3));
    must_soon(count_done(w) == 3);
    assert_int_equal(lt_semaphore_value(semaphore), 0);
    assert_status(lt_semaphore_free(semaphore), LT_BUSY);
    assert_ok(lt_semaphore_release(semaphore, 4));
    for (int i = 0; i < WAITERS; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_int_equal(lt_semaphore_value(semaphore), 2);
    assert_ok(lt_semaphore_free(semaphore));
}

TEST(who_comes_later_does_not_overtake_a_waiter) {
    lt_semaphore *semaphore = new_semaphore(0);
    for (int i = 0; i < 200; i++) {
        waiter w;
        waiter_start(&w, waits_semaphore_wait, semaphore);
        assert_ok(lt_semaphore_release(semaphore, 1));
        assert_status(lt_semaphore_try_acquire(semaphore), LT_BUSY);
        assert_ok(waiter_join(&w));
    }
    assert_ok(lt_semaphore_free(semaphore));
}

// As in Python: whether a release is above the bound does not depend on who waits at that moment.
TEST(the_bound_is_the_same_while_threads_wait) {
    lt_semaphore *semaphore = lt_semaphore_new_bounded(0, 2);
    waiter w[WAITERS];
    start_waiters(w, semaphore);
    check_overflow(semaphore, 3);
    check_overflow(semaphore, WAITERS);
    assert_int_equal(count_done(w), 0);
    for (int released = 0; released < 6; released += 2) {
        must_soon(count_done(w) == released);
        assert_ok(lt_semaphore_release(semaphore, 2));
    }
    for (int i = 0; i < WAITERS; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_int_equal(lt_semaphore_value(semaphore), 1);
    check_overflow(semaphore, 2);
    assert_ok(lt_semaphore_free(semaphore));
}

typedef struct traffic {
    lt_semaphore *semaphore;
    _Atomic long taken, given;
    _Atomic bool stop;
} traffic;

static lt_status take_until_stopped(void *arg) {
    traffic *t = arg;
    static const double seconds[] = {0.0, 1e-6, 20e-6, 100e-6, 0.01};
    for (unsigned turn = 0; !atomic_load(&t->stop); turn++) {
        double timeout = seconds[turn % LENGTH(seconds)];
        lt_status status = lt_semaphore_acquire_timeout(t->semaphore, timeout);
        must(status == LT_OK || status == LT_TIMED_OUT);
        atomic_fetch_add(&t->taken, status == LT_OK);
    }
    return LT_OK;
}

TEST(no_permit_is_lost_or_made_when_waits_time_out) {
    traffic t = {.semaphore = new_semaphore(0)};
    waiter w[3];
    for (size_t i = 0; i < LENGTH(w); i++) {
        waiter_launch(&w[i], take_until_stopped, &t);
    }
    for (double began = lt_monotonic(); seconds_since(began) < 0.5;) {
        uint32_t n = 1 + t.given % 3;
        assert_ok(lt_semaphore_release(t.semaphore, n));
        t.given += n;
        if (t.given % 16 < 3) {
            assert_ok(lt_sleep(20e-6)); // Now and then the takers run dry.
        }
    }
    atomic_store(&t.stop, true);
    for (size_t i = 0; i < LENGTH(w); i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_int_equal(t.taken + lt_semaphore_value(t.semaphore), t.given);
    assert_ok(lt_semaphore_free(t.semaphore));
}
