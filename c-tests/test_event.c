// The event.
#include "waits.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

static lt_event *new_event(void) {
    lt_event *event = lt_event_new();
    assert_non_null(event);
    return event;
}

TEST(a_new_event_is_not_set) {
    lt_event *event = new_event();
    assert_false(lt_event_is_set(event));
    assert_status(lt_event_try_wait(event), LT_BUSY);
    assert_status(lt_event_wait_timeout(event, 0.0), LT_TIMED_OUT);
    assert_ok(lt_event_free(event));
}

TEST(a_set_event_lets_everybody_through_until_it_is_cleared) {
    lt_event *event = new_event();
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_event_set(event));
        for (int j = 0; j < 3; j++) {
            assert_true(lt_event_is_set(event));
            assert_ok(lt_event_wait(event));
            assert_ok(lt_event_try_wait(event));
            assert_ok(lt_event_wait_timeout(event, 0.0));
        }
        assert_ok(lt_event_clear(event));
        assert_false(lt_event_is_set(event));
        assert_status(lt_event_try_wait(event), LT_BUSY);
        waits_check_time_out(&EVENT_WAIT, event, 0.001);
    }
    assert_ok(lt_event_free(event));
}

TEST(setting_and_clearing_twice_is_the_same_as_once) {
    lt_event *event = new_event();
    assert_ok(lt_event_clear(event));
    assert_ok(lt_event_clear(event));
    assert_false(lt_event_is_set(event));
    assert_ok(lt_event_set(event));
    assert_ok(lt_event_set(event));
    assert_true(lt_event_is_set(event));
    assert_ok(lt_event_clear(event));
    assert_false(lt_event_is_set(event));
    assert_ok(lt_event_free(event));
}

TEST(wait_blocks_until_a_set) {
    waits_check_blocks_until_satisfied(&EVENT_WAIT);
}

TEST(timeouts_are_checked_and_kept) {
    waits_check_timeouts(&EVENT_WAIT);
}

TEST(timeouts_are_checked_and_kept_on_a_thread) {
    waits_check_timeouts_on_a_thread(&EVENT_WAIT);
}

TEST(free_while_a_thread_waits_is_busy) {
    waits_check_free_while_waiting(&EVENT_WAIT);
}

TEST(free_of_null_or_of_a_set_event_is_fine) {
    assert_ok(lt_event_free(NULL));
    lt_event *event = new_event();
    assert_ok(lt_event_set(event));
    assert_ok(lt_event_free(event));
}

enum { WAITERS = 8 };

static void check_all_wake(lt_event *event, bool clear_at_once) {
    waiter w[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        waiter_start(&w[i], waits_event_wait, event);
    }
    assert_ok(lt_event_set(event));
    if (clear_at_once) {
        assert_ok(lt_event_clear(event));
    }
    for (int i = 0; i < WAITERS; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_int_equal(lt_event_is_set(event), !clear_at_once);
    assert_ok(lt_event_clear(event));
}

TEST(set_wakes_all_who_wait) {
    lt_event *event = new_event();
    for (int i = 0; i < 10; i++) {
        check_all_wake(event, false);
    }
    assert_ok(lt_event_free(event));
}

TEST(set_then_clear_wakes_all_who_waited) {
    lt_event *event = new_event();
    for (int i = 0; i < 50; i++) {
        check_all_wake(event, true);
    }
    assert_ok(lt_event_free(event));
}

TEST(a_clear_before_the_set_does_not_matter_to_those_who_wait) {
    lt_event *event = new_event();
    waiter w;
    waiter_start(&w, waits_event_wait, event);
    assert_ok(lt_event_clear(event));
    assert_status(lt_event_free(event), LT_BUSY);
    assert_false(waiter_is_done(&w));
    assert_ok(lt_event_set(event));
    assert_ok(waiter_join(&w));
    assert_ok(lt_event_free(event));
}

typedef struct rally {
    lt_event *ball[2];
    long score; // Not atomic: the events order it.
} rally;

enum { STROKES = 20000 };

static void stroke(rally *r, int side) {
    must(lt_event_wait(r->ball[side]) == LT_OK);
    must(lt_event_clear(r->ball[side]) == LT_OK);
    r->score++;
    must(lt_event_set(r->ball[!side]) == LT_OK);
}

static lt_status play(void *rally) {
    for (int i = 0; i < STROKES; i++) {
        stroke(rally, 1);
    }
    return LT_OK;
}

TEST(two_threads_take_turns_without_losing_one) {
    rally r = {.ball = {new_event(), new_event()}};
    waiter w;
    waiter_launch(&w, play, &r);
    assert_ok(lt_event_set(r.ball[0]));
    for (int i = 0; i < STROKES; i++) {
        stroke(&r, 0);
    }
    assert_ok(waiter_join(&w));
    assert_int_equal(r.score, 2L * STROKES);
    assert_ok(lt_event_free(r.ball[0]));
    assert_ok(lt_event_free(r.ball[1]));
}

// Of a few waiters none depends on another: not on one that is woken and stays in a signal handler.
static _Atomic bool other_is_through, waited_in_vain;
static pthread_t handled;

static void wait_for_the_other(int signal) {
    (void)signal;
    for (double began = lt_monotonic(); !atomic_load(&other_is_through);) {
        if (seconds_since(began) > 2) {
            atomic_store(&waited_in_vain, true);
            return;
        }
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
}

static lt_event *was_handled;

// There as long as it takes to send it the signal.
static lt_status wait_to_be_handled(void *event) {
    handled = pthread_self();
    lt_status status = lt_event_wait(event);
    must(lt_event_wait(was_handled) == LT_OK);
    return status;
}

static lt_status wait_and_tell(void *event) {
    lt_status status = lt_event_wait(event);
    atomic_store(&other_is_through, true);
    return status;
}

TEST(one_of_a_few_that_is_woken_and_stays_in_a_handler_keeps_nobody) {
    struct sigaction action = {.sa_handler = wait_for_the_other};
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    // On one processor the first is still on its way out of its sleep when the signal comes.
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    lt_event *event = new_event();
    was_handled = new_event();
    for (int round = 0; round < 20; round++) {
        atomic_store(&other_is_through, false);
        assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
        waiter first, other;
        waiter_start(&first, wait_to_be_handled, event);
        assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
        waiter_start(&other, wait_and_tell, event);
        assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
        assert_ok(lt_event_set(event));
        assert_int_equal(pthread_kill(handled, SIGUSR1), 0);
        assert_ok(lt_event_set(was_handled));
        assert_ok(waiter_join(&first));
        assert_ok(waiter_join(&other));
        assert_false(atomic_load(&waited_in_vain));
        assert_ok(lt_event_clear(event));
        assert_ok(lt_event_clear(was_handled));
    }
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_ok(lt_event_free(was_handled));
    assert_ok(lt_event_free(event));
}

// Each waiter that is woken wakes others: also one that is just giving up.
enum { CROWD = 48 };

static lt_status wait_impatiently(void *event) {
    lt_status status = lt_event_wait_timeout(event, 0.002);
    return status == LT_TIMED_OUT ? LT_OK : status;
}

TEST(a_set_wakes_a_crowd_of_which_some_give_up_at_that_moment) {
    lt_event *event = new_event();
    for (int round = 0; round < 30; round++) {
        waiter w[CROWD];
        for (int i = 0; i < CROWD; i++) {
            waiter_launch(&w[i], i % 2 == 0 ? waits_event_wait : wait_impatiently, event);
        }
        // The impatient ones fall asleep, and wake up again, in the course of this.
        for (int i = 0; i < CROWD; i += 2) {
            must_soon(waiter_asleep(&w[i]));
        }
        assert_ok(lt_event_set(event));
        for (int i = 0; i < CROWD; i++) {
            assert_ok(waiter_join(&w[i]));
        }
        assert_ok(lt_event_clear(event));
    }
    assert_ok(lt_event_free(event));
}

typedef struct flicker {
    lt_event *event;
    _Atomic bool stop;
} flicker;

static lt_status flicker_until_stopped(void *arg) {
    flicker *f = arg;
    while (!atomic_load(&f->stop)) {
        must(lt_event_set(f->event) == LT_OK);
        must(lt_event_clear(f->event) == LT_OK);
    }
    return LT_OK;
}

TEST(waits_under_a_flicker_of_sets_and_clears_all_end) {
    flicker f = {.event = new_event()};
    waiter w;
    waiter_launch(&w, flicker_until_stopped, &f);
    for (int i = 0; i < 5000; i++) {
        assert_ok(lt_event_wait_timeout(f.event, POLL_SECONDS));
    }
    atomic_store(&f.stop, true);
    assert_ok(waiter_join(&w));
    assert_ok(lt_event_free(f.event));
}

// A thread that waits, clears and looks for work misses none: each set, of a set event too, comes after what its
// caller did before it, and a clear after the sets that it undoes.
static _Alignas(64) _Atomic long posted, seen;
static _Atomic bool lost, over;

static lt_status look_for_work(void *event) {
    long last = 0;
    while (!atomic_load(&over)) {
        lt_status status = lt_event_wait_timeout(event, 1.0);
        if (status == LT_OK) {
            must(lt_event_clear(event) == LT_OK);
        }
        long now = atomic_load_explicit(&posted, memory_order_acquire);
        if (status == LT_TIMED_OUT && now != last && !lt_event_is_set(event)) {
            atomic_store(&lost, true);
        }
        last = now;
        atomic_store_explicit(&seen, now, memory_order_release);
    }
    return LT_OK;
}

TEST(a_set_of_what_is_set_comes_after_what_was_done_before_it) {
    lt_event *event = waits_event();
    waiter w;
    waiter_launch(&w, look_for_work, event);
    double began = lt_monotonic();
    for (long round = 1; round < 1000000 && seconds_since(began) < 5; round++) {
        // The second set often finds the event still set.
        for (long i = 1; i >= 0; i--) {
            atomic_store_explicit(&posted, 2 * round - i, memory_order_release);
            must(lt_event_set(event) == LT_OK);
            for (volatile long delay = round % 64; delay > 0 && i > 0; delay--) {
            }
        }
        // Awake, as a thread that yields has its writes seen by that; but for the case of one processor.
        for (long turns = 1; atomic_load_explicit(&seen, memory_order_acquire) != 2 * round; turns++) {
            if (turns % 10000 == 0) {
                sched_yield();
            }
        }
        must(!atomic_load(&lost));
    }
    atomic_store(&over, true);
    must(lt_event_set(event) == LT_OK);
    assert_ok(waiter_join(&w));
    assert_ok(lt_event_free(event));
}
