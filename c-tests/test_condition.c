// The condition, with a lock and with a re-entrant lock.
// timeout: 60
#include "waits.h"

// A condition and one of the two locks; the re-entrant one is held this often.
enum { DEPTH = 3 };

typedef struct site {
    lt_condition *condition;
    lt_lock *lock;
    lt_rlock *rlock;
    double seconds; // Of its waits.
    _Atomic int woken;
} site;

static void enter(site *s) {
    if (s->lock != NULL) {
        must(lt_lock_acquire_uninterruptible(s->lock) == LT_OK);
        return;
    }
    for (int i = 0; i < DEPTH; i++) {
        lt_status status;
        while ((status = lt_rlock_acquire(s->rlock)) == LT_INTERRUPTED) {
        }
        must(status == LT_OK);
    }
}

static void check_held(const site *s) {
    if (s->lock != NULL) {
        must(lt_lock_locked(s->lock));
    } else {
        must(lt_rlock_is_owned(s->rlock) && lt_rlock_recursion_count(s->rlock) == DEPTH);
    }
}

static void leave(site *s) {
    check_held(s);
    if (s->lock != NULL) {
        must(lt_lock_release(s->lock) == LT_OK);
        return;
    }
    for (int i = 0; i < DEPTH; i++) {
        must(lt_rlock_release(s->rlock) == LT_OK);
    }
}

static bool is_locked(const site *s) {
    return s->lock != NULL ? lt_lock_locked(s->lock) : lt_rlock_locked(s->rlock);
}

static lt_status site_wait(site *s) {
    return s->lock != NULL ? lt_condition_wait(s->condition, s->lock)
                           : lt_condition_wait_rlock(s->condition, s->rlock);
}

static lt_status site_wait_timeout(site *s, double seconds) {
    return s->lock != NULL ? lt_condition_wait_timeout(s->condition, s->lock, seconds)
                           : lt_condition_wait_rlock_timeout(s->condition, s->rlock, seconds);
}

static lt_status site_wait_for(site *s, lt_predicate predicate, void *arg, double seconds) {
    return s->lock != NULL
               ? lt_condition_wait_for(s->condition, s->lock, predicate, arg, seconds)
               : lt_condition_wait_for_rlock(s->condition, s->rlock, predicate, arg, seconds);
}

static site new_site(int kind) {
    site s = {.condition = lt_condition_new(), .seconds = LT_FOREVER};
    must(s.condition != NULL && lt_condition_waiting(s.condition) == 0);
    if (kind == 0) {
        must((s.lock = lt_allocate_lock()) != NULL);
    } else {
        must((s.rlock = lt_rlock_new()) != NULL);
    }
    return s;
}

static lt_status free_lock(const site *s) {
    return s->lock != NULL ? lt_lock_free(s->lock) : lt_rlock_free(s->rlock);
}

static void free_site(const site *s) {
    must(lt_condition_waiting(s->condition) == 0);
    must(lt_condition_free(s->condition) == LT_OK);
    must(free_lock(s) == LT_OK);
}

#define for_each_site(s)                                                                           \
    for (int kind_ = 0; kind_ < 2; kind_++)                                                        \
        for (site s = new_site(kind_); s.condition != NULL; free_site(&s), s.condition = NULL)

// A whole turn of a thread: enter, wait, leave.
static lt_status take_turn(void *arg) {
    site *s = arg;
    enter(s);
    lt_status status = s->seconds < 0 ? site_wait(s) : site_wait_timeout(s, s->seconds);
    atomic_fetch_add(&s->woken, 1);
    leave(s);
    return status;
}

// Whether so many wait, and the last of them has released the lock too.
static bool waiting(const site *s, uint32_t n) {
    return lt_condition_waiting(s->condition) == n && !is_locked(s);
}

static void start_turn(waiter *w, site *s) {
    uint32_t before = lt_condition_waiting(s->condition);
    waiter_launch(w, take_turn, s);
    must_soon(waiting(s, before + 1));
}

static int count_done(const waiter *w, int n) {
    int done = 0;
    for (int i = 0; i < n; i++) {
        done += waiter_is_done(&w[i]);
    }
    return done;
}

static bool is_so(void *arg) {
    (void)arg;
    return true;
}

static bool is_not_so(void *arg) {
    (void)arg;
    return false;
}

// ---- Arguments

static void check_error(lt_status status, lt_status expected, const char *function) {
    must_for(function, status == expected);
    must_for(function, lt_last_status() == expected);
    must_for(function, last_error_names(function));
}

TEST(a_lock_that_is_not_held_is_reported_by_each_form) {
    site s = new_site(0), r = new_site(1);
    for (int i = 0; i < 2; i++) {
        check_error(site_wait(&s), LT_NOT_HELD, "lt_condition_wait");
        check_error(site_wait_timeout(&s, 0.0), LT_NOT_HELD, "lt_condition_wait_timeout");
        check_error(site_wait_timeout(&s, 1.0), LT_NOT_HELD, "lt_condition_wait_timeout");
        check_error(site_wait_for(&s, is_so, NULL, 1.0), LT_NOT_HELD, "lt_condition_wait_for");
        check_error(site_wait_for(&s, is_not_so, NULL, 0.0), LT_NOT_HELD, "lt_condition_wait_for");
        check_error(site_wait(&r), LT_NOT_HELD, "lt_condition_wait_rlock");
        check_error(site_wait_timeout(&r, 0.0), LT_NOT_HELD, "lt_condition_wait_rlock_timeout");
        check_error(site_wait_timeout(&r, 1.0), LT_NOT_HELD, "lt_condition_wait_rlock_timeout");
        check_error(
            site_wait_for(&r, is_so, NULL, 1.0), LT_NOT_HELD, "lt_condition_wait_for_rlock");
        assert_false(is_locked(&s) || is_locked(&r));
        enter(&s);
        enter(&r);
        leave(&s);
        leave(&r);
    }
    free_site(&s);
    free_site(&r);
}

TEST(a_reentrant_lock_of_another_thread_is_reported_by_each_form) {
    site r = new_site(1);
    assert_ok(waits_rlock_undo(r.rlock)); // Held by a thread that has ended.
    check_error(site_wait(&r), LT_NOT_OWNER, "lt_condition_wait_rlock");
    check_error(site_wait_timeout(&r, 1.0), LT_NOT_OWNER, "lt_condition_wait_rlock_timeout");
    check_error(site_wait_timeout(&r, 0.0), LT_NOT_OWNER, "lt_condition_wait_rlock_timeout");
    check_error(site_wait_for(&r, is_so, NULL, 1.0), LT_NOT_OWNER, "lt_condition_wait_for_rlock");
    assert_int_equal(lt_condition_waiting(r.condition), 0);
    assert_true(lt_rlock_locked(r.rlock));
    free_site(&r);
}

// A lock is not owned: that another thread has acquired it does not matter.
TEST(a_lock_that_another_thread_acquired_will_do) {
    site s = new_site(0);
    waiter w;
    waiter_launch(&w, waits_lock_wait, s.lock);
    assert_ok(waiter_join(&w));
    assert_status(site_wait_timeout(&s, 0.001), LT_TIMED_OUT);
    leave(&s);
    free_site(&s);
}

TEST(handles_go_before_arguments_and_these_before_the_state_of_the_lock) {
    site s = new_site(0), r = new_site(1);
    lt_lock *freed = lt_allocate_lock();
    assert_ok(lt_lock_free(freed));
    for (int held = 0; held < 2; held++) {
        lt_lock *const bad[] = {NULL, freed, (lt_lock *)r.rlock};
        for (size_t i = 0; i < LENGTH(bad); i++) {
            check_error(lt_condition_wait(s.condition, bad[i]), LT_BAD_HANDLE, "lt_condition_wait");
            check_error(lt_condition_wait_timeout(s.condition, bad[i], NAN), LT_BAD_HANDLE,
                "lt_condition_wait_timeout");
            check_error(lt_condition_wait_for(s.condition, bad[i], NULL, NULL, NAN), LT_BAD_HANDLE,
                "lt_condition_wait_for");
        }
        lt_rlock *const bad_rlocks[] = {NULL, (lt_rlock *)freed, (lt_rlock *)s.lock};
        for (size_t i = 0; i < LENGTH(bad_rlocks); i++) {
            lt_rlock *bad_one = bad_rlocks[i];
            check_error(lt_condition_wait_rlock(s.condition, bad_one), LT_BAD_HANDLE,
                "lt_condition_wait_rlock");
            check_error(lt_condition_wait_rlock_timeout(s.condition, bad_one, INFINITY),
                LT_BAD_HANDLE, "lt_condition_wait_rlock_timeout");
            check_error(lt_condition_wait_for_rlock(s.condition, bad_one, NULL, NULL, NAN),
                LT_BAD_HANDLE, "lt_condition_wait_for_rlock");
        }
        check_error(site_wait_timeout(&s, NAN), LT_INVALID, "lt_condition_wait_timeout");
        check_error(site_wait_timeout(&s, INFINITY), LT_OVERFLOW, "lt_condition_wait_timeout");
        check_error(site_wait_timeout(&r, -NAN), LT_INVALID, "lt_condition_wait_rlock_timeout");
        check_error(site_wait_timeout(&r, ABOVE_TIMEOUT_MAX), LT_OVERFLOW,
            "lt_condition_wait_rlock_timeout");
        assert_non_null(strstr(lt_last_error(), "seconds"));
        check_error(site_wait_for(&s, NULL, NULL, 1.0), LT_INVALID, "lt_condition_wait_for");
        assert_non_null(strstr(lt_last_error(), "predicate"));
        check_error(site_wait_for(&r, NULL, NULL, 1.0), LT_INVALID, "lt_condition_wait_for_rlock");
        assert_non_null(strstr(lt_last_error(), "predicate"));
        check_error(site_wait_for(&s, is_so, NULL, NAN), LT_INVALID, "lt_condition_wait_for");
        check_error(site_wait_for(&s, is_so, NULL, DBL_MAX), LT_OVERFLOW, "lt_condition_wait_for");
        check_error(
            site_wait_for(&r, is_so, NULL, NAN), LT_INVALID, "lt_condition_wait_for_rlock");
        assert_non_null(strstr(lt_last_error(), "seconds"));
        assert_int_equal(is_locked(&s), held);
        assert_int_equal(is_locked(&r), held);
        if (!held) {
            enter(&s);
            enter(&r);
        }
    }
    leave(&s);
    leave(&r);
    free_site(&s);
    free_site(&r);
}

// ---- Time

static void check_time_out(site *s, double seconds, bool with_predicate) {
    double began = lt_monotonic();
    assert_status(with_predicate ? site_wait_for(s, is_not_so, NULL, seconds)
                                 : site_wait_timeout(s, seconds),
        LT_TIMED_OUT);
    double took = seconds_since(began);
    assert_true(took >= seconds);
    assert_true(took < seconds + SLACK);
    check_held(s);
}

TEST(a_time_out_is_never_early_and_the_lock_is_held_again) {
    for_each_site(s) {
        enter(&s);
        const double seconds[] = {0.0, -0.0, DBL_MIN, 1e-9, 1e-6, 0.001, 0.03};
        for (size_t i = 0; i < LENGTH(seconds); i++) {
            check_time_out(&s, seconds[i], false);
            check_time_out(&s, seconds[i], true);
        }
        leave(&s);
    }
}

TEST(unbounded_times_end_with_a_notify_only) {
    const double unbounded[] = {LT_FOREVER, -DBL_MIN, -INFINITY, LT_TIMEOUT_MAX, 1e9};
    for_each_site(s) {
        for (size_t i = 0; i < LENGTH(unbounded); i++) {
            s.seconds = unbounded[i];
            waiter w;
            start_turn(&w, &s);
            assert_ok(lt_condition_notify(s.condition, 1));
            assert_ok(waiter_join(&w));
        }
    }
}

static lt_status acquire_and_say(void *arg) {
    site *s = arg;
    enter(s);
    atomic_store(&s->woken, 1);
    leave(s);
    return LT_OK;
}

// It lets go of the lock, however short: in the end another thread gets it.
TEST(with_0_seconds_the_lock_is_released_for_a_moment) {
    for_each_site(s) {
        waiter w;
        enter(&s);
        waiter_start(&w, acquire_and_say, &s);
        for (double began = lt_monotonic(); !atomic_load(&s.woken);) {
            assert_true(seconds_since(began) < POLL_SECONDS);
            assert_status(site_wait_timeout(&s, 0.0), LT_TIMED_OUT);
            check_held(&s);
        }
        leave(&s);
        assert_ok(waiter_join(&w));
    }
}

TEST(timeouts_are_checked_and_kept) {
    waits_check_timeouts(&CONDITION_WAIT);
    waits_check_timeouts(&CONDITION_RLOCK_WAIT);
}

TEST(timeouts_are_checked_and_kept_on_a_thread) {
    waits_check_timeouts_on_a_thread(&CONDITION_WAIT);
    waits_check_timeouts_on_a_thread(&CONDITION_RLOCK_WAIT);
}

TEST(a_wait_blocks_until_it_is_satisfied) {
    waits_check_blocks_until_satisfied(&CONDITION_WAIT);
    waits_check_blocks_until_satisfied(&CONDITION_RLOCK_WAIT);
}

TEST(a_time_out_that_races_with_a_notify_loses_nothing) {
    waits_check_race_with_time_out(&CONDITION_WAIT);
    waits_check_race_with_time_out(&CONDITION_RLOCK_WAIT);
}

// ---- Notify

TEST(a_notify_before_the_wait_is_not_remembered) {
    for_each_site(s) {
        assert_ok(lt_condition_notify(s.condition, 1));
        assert_ok(lt_condition_notify(s.condition, UINT32_MAX));
        assert_ok(lt_condition_notify_all(s.condition));
        enter(&s);
        assert_ok(lt_condition_notify(s.condition, 7));
        assert_status(site_wait_timeout(&s, 0.005), LT_TIMED_OUT);
        leave(&s);
        waiter w;
        start_turn(&w, &s);
        assert_false(waiter_is_done(&w));
        assert_ok(lt_condition_notify_all(s.condition));
        assert_ok(waiter_join(&w));
    }
}

enum { WAITERS = 6 };

TEST(a_notify_wakes_exactly_as_many_as_it_says_and_the_first_ones) {
    for_each_site(s) {
        waiter w[WAITERS];
        for (int i = 0; i < WAITERS; i++) {
            start_turn(&w[i], &s);
        }
        assert_ok(lt_condition_notify(s.condition, 0));
        assert_int_equal(lt_condition_waiting(s.condition), WAITERS);
        int notified = 0;
        const uint32_t n[] = {1, 2, 1, 100};
        for (size_t i = 0; i < LENGTH(n); i++) {
            if (i % 2 == 1) {
                enter(&s); // With the lock or without.
            }
            assert_ok(lt_condition_notify(s.condition, n[i]));
            notified = (int)n[i] < WAITERS - notified ? notified + (int)n[i] : WAITERS;
            assert_int_equal(lt_condition_waiting(s.condition), WAITERS - notified);
            if (i % 2 == 1) {
                leave(&s);
            }
            must_soon(count_done(w, notified) == notified);
            assert_int_equal(atomic_load(&s.woken), notified);
        }
        for (int i = 0; i < WAITERS; i++) {
            assert_ok(waiter_join(&w[i]));
        }
    }
}

TEST(notify_all_wakes_all_who_wait) {
    for_each_site(s) {
        waiter w[WAITERS];
        for (int i = 0; i < WAITERS; i++) {
            start_turn(&w[i], &s);
        }
        enter(&s);
        assert_ok(lt_condition_notify_all(s.condition));
        assert_int_equal(lt_condition_waiting(s.condition), 0);
        assert_int_equal(atomic_load(&s.woken), 0); // Nobody returns without the lock.
        assert_int_equal(count_done(w, WAITERS), 0);
        leave(&s);
        for (int i = 0; i < WAITERS; i++) {
            assert_ok(waiter_join(&w[i]));
        }
    }
}

// A handler, so that a wait is disturbed by what is no notify.
static void handle(int signum) {
    (void)signum;
}

TEST(a_signal_does_not_wake_a_waiter) {
    struct sigaction action = {.sa_handler = handle}; // No SA_RESTART.
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    for_each_site(s) {
        waiter w;
        start_turn(&w, &s);
        for (int i = 0; i < 100; i++) {
            must_soon(waiter_asleep(&w));
            assert_int_equal(syscall(SYS_tgkill, getpid(), (int)w.native_id, SIGUSR1), 0);
        }
        must_soon(waiter_asleep(&w));
        assert_false(waiter_is_done(&w));
        assert_int_equal(lt_condition_waiting(s.condition), 1);
        assert_ok(lt_condition_notify(s.condition, 1));
        assert_ok(waiter_join(&w));
    }
}

// ---- Those who give up

TEST(a_waiter_that_timed_out_swallows_no_notify) {
    for_each_site(s) {
        for (int i = 0; i < 20; i++) {
            waiter gives_up, w;
            s.seconds = 0.002;
            waiter_launch(&gives_up, take_turn, &s); // First in line, if it is there still.
            must_soon(lt_condition_waiting(s.condition) == 1 || waiter_is_done(&gives_up));
            s.seconds = LT_FOREVER;
            waiter_launch(&w, take_turn, &s);
            lt_status status = waiter_join(&gives_up);
            must_soon(lt_condition_waiting(s.condition) == 1);
            assert_true(status == LT_TIMED_OUT);
            assert_ok(lt_condition_notify(s.condition, 1));
            assert_ok(waiter_join(&w));
        }
    }
}

// Joinable, so that it can be interrupted.
typedef struct sleeper {
    site *site;
    lt_thread *thread;
    lt_status status;
    bool pending; // Whether another interrupt was.
} sleeper;

static void sleeper_run(void *arg) {
    sleeper *own = arg;
    own->status = take_turn(own->site);
    own->pending = lt_check_interrupt() == LT_INTERRUPTED;
}

static void start_sleeper(sleeper *own, site *s) {
    uint32_t before = lt_condition_waiting(s->condition);
    *own = (sleeper){.site = s};
    must(lt_thread_start(sleeper_run, own, NULL, &own->thread) == LT_OK);
    must_soon(waiting(s, before + 1));
}

static lt_status join_sleeper(sleeper *own) {
    must(lt_thread_join(own->thread) == LT_OK && lt_thread_free(own->thread) == LT_OK);
    return own->status;
}

TEST(a_waiter_that_was_interrupted_swallows_no_notify) {
    for_each_site(s) {
        sleeper first;
        waiter second, third;
        start_sleeper(&first, &s);
        start_turn(&second, &s);
        start_turn(&third, &s);
        assert_ok(lt_thread_interrupt(first.thread));
        assert_status(join_sleeper(&first), LT_INTERRUPTED);
        assert_false(first.pending);
        assert_int_equal(lt_condition_waiting(s.condition), 2);
        assert_ok(lt_condition_notify(s.condition, 1));
        assert_ok(waiter_join(&second));
        assert_false(waiter_is_done(&third));
        assert_ok(lt_condition_notify(s.condition, 1));
        assert_ok(waiter_join(&third));
    }
}

// The first in line gives up at the moment of a notify: either it was notified, or the second was.
TEST(a_notify_that_races_with_an_interrupt_wakes_one) {
    for_each_site(s) {
        int first_won = 0, second_won = 0;
        double began = lt_monotonic();
        for (int round = 0; !raced_enough(began, 0.3, first_won >= 10 && second_won >= 10);
             round++) {
            sleeper first;
            waiter second;
            start_sleeper(&first, &s);
            start_turn(&second, &s);
            if (round % 2 == 0) {
                assert_ok(lt_thread_interrupt(first.thread));
                spend((double)(round / 2 % 40) * 1e-6);
                assert_ok(lt_condition_notify(s.condition, 1));
            } else {
                assert_ok(lt_condition_notify(s.condition, 1));
                assert_ok(lt_thread_interrupt(first.thread));
            }
            if (join_sleeper(&first) == LT_OK) {
                first_won++;
                assert_int_equal(lt_condition_waiting(s.condition), 1);
                assert_false(waiter_is_done(&second));
                assert_ok(lt_condition_notify(s.condition, 1));
            } else {
                second_won++;
                assert_status(first.status, LT_INTERRUPTED);
            }
            assert_ok(waiter_join(&second));
        }
    }
}

TEST(acquiring_the_lock_again_is_not_interrupted) {
    for_each_site(s) {
        sleeper own;
        start_sleeper(&own, &s);
        int64_t native_id = lt_thread_native_id(own.thread);
        enter(&s);
        assert_ok(lt_thread_interrupt(own.thread));
        must_soon(lt_condition_waiting(s.condition) == 0);
        must_soon(asleep(native_id)); // For the lock.
        for (int i = 0; i < 10; i++) {
            assert_ok(lt_thread_interrupt(own.thread));
            must_soon(asleep(native_id));
        }
        assert_int_equal(atomic_load(&s.woken), 0);
        leave(&s);
        assert_status(join_sleeper(&own), LT_INTERRUPTED);
        assert_true(own.pending);
    }
}

TEST(acquiring_the_lock_again_after_a_notify_is_not_interrupted) {
    for_each_site(s) {
        sleeper own;
        start_sleeper(&own, &s);
        enter(&s);
        assert_ok(lt_condition_notify(s.condition, 1));
        assert_ok(lt_thread_interrupt(own.thread));
        must_soon(asleep(lt_thread_native_id(own.thread)));
        assert_true(lt_thread_is_alive(own.thread));
        leave(&s);
        assert_ok(join_sleeper(&own));
        assert_true(own.pending);
    }
}

TEST(a_time_out_waits_for_the_lock_all_the_same) {
    for_each_site(s) {
        s.seconds = 0.005;
        waiter w;
        waiter_launch(&w, take_turn, &s);
        must_soon(atomic_load(&w.native_id) != 0);
        enter(&s); // Before it, or while it waits.
        assert_ok(lt_sleep(0.02));
        assert_false(waiter_is_done(&w) && atomic_load(&s.woken) == 0);
        leave(&s);
        assert_status(waiter_join(&w), LT_TIMED_OUT);
    }
}

TEST(a_wait_of_the_main_thread_is_interrupted_with_the_lock_held) {
    for_each_site(s) {
        enter(&s);
        assert_ok(lt_interrupt_main(SIGUSR1));
        assert_status(site_wait_timeout(&s, 0.0), LT_TIMED_OUT); // Which does not block.
        assert_ok(site_wait_for(&s, is_so, NULL, LT_FOREVER));
        assert_status(site_wait_for(&s, is_not_so, NULL, 0.0), LT_TIMED_OUT);
        assert_status(site_wait(&s), LT_INTERRUPTED);
        assert_int_equal(lt_interrupt_signal(), SIGUSR1);
        check_held(&s);
        assert_int_equal(lt_condition_waiting(s.condition), 0);
        assert_ok(lt_interrupt_main(SIGUSR2));
        assert_status(site_wait_for(&s, is_not_so, NULL, 1000.0), LT_INTERRUPTED);
        assert_int_equal(lt_interrupt_signal(), SIGUSR2);
        check_held(&s);
        assert_ok(lt_check_interrupt());
        leave(&s);
    }
}

// ---- Predicates

typedef struct question {
    site *site;
    int asked, true_at; // At the how manieth time it is so.
    _Atomic int asked_so_far;
} question;

static bool ask(void *arg) {
    question *q = arg;
    check_held(q->site);
    atomic_store(&q->asked_so_far, ++q->asked);
    return q->asked >= q->true_at;
}

TEST(a_predicate_that_is_true_is_asked_once_and_nothing_is_waited_for) {
    for_each_site(s) {
        enter(&s);
        waiter w;
        waiter_start(&w, acquire_and_say, &s); // It would get the lock.
        const double seconds[] = {0.0, LT_FOREVER, 1.0, LT_TIMEOUT_MAX};
        for (size_t i = 0; i < LENGTH(seconds); i++) {
            question q = {.site = &s, .true_at = 1};
            assert_ok(site_wait_for(&s, ask, &q, seconds[i]));
            assert_int_equal(q.asked, 1);
        }
        assert_int_equal(atomic_load(&s.woken), 0);
        leave(&s);
        assert_ok(waiter_join(&w));
    }
}

static lt_status wait_for_answer(void *arg) {
    question *q = arg;
    enter(q->site);
    lt_status status = site_wait_for(q->site, ask, q, q->site->seconds);
    leave(q->site);
    return status;
}

TEST(a_predicate_is_asked_before_the_first_wait_and_after_each_notify) {
    const double seconds[] = {LT_FOREVER, 1000.0};
    for_each_site(s) {
        for (size_t i = 0; i < LENGTH(seconds); i++) {
            s.seconds = seconds[i];
            question q = {.site = &s, .true_at = 6};
            waiter w;
            waiter_launch(&w, wait_for_answer, &q);
            for (int times = 1; times < 6; times++) {
                must_soon(atomic_load(&q.asked_so_far) == times && waiting(&s, 1));
                assert_false(waiter_is_done(&w));
                assert_ok(lt_condition_notify(s.condition, 1));
            }
            assert_ok(waiter_join(&w));
            assert_int_equal(q.asked, 6);
        }
    }
}

TEST(a_predicate_that_is_true_at_the_end_of_the_time_is_enough) {
    for_each_site(s) {
        enter(&s);
        question q = {.site = &s, .true_at = 2};
        assert_ok(site_wait_for(&s, ask, &q, 0.002));
        assert_int_equal(q.asked, 2);
        question at_once = {.site = &s, .true_at = 2};
        assert_ok(site_wait_for(&s, ask, &at_once, 0.0));
        assert_int_equal(at_once.asked, 2);
        question never = {.site = &s, .true_at = 100};
        assert_status(site_wait_for(&s, ask, &never, 0.002), LT_TIMED_OUT);
        assert_int_equal(never.asked, 2);
        leave(&s);
    }
}

static lt_status notify_until_told(void *arg) {
    site *s = arg;
    while (!atomic_load(&s->woken)) {
        must(lt_condition_notify_all(s->condition) == LT_OK);
        must(lt_sleep(0.001) == LT_OK);
    }
    return LT_OK;
}

TEST(the_deadline_covers_the_whole_loop) {
    for_each_site(s) {
        waiter w;
        waiter_launch(&w, notify_until_told, &s);
        bool notified = false; // On the way, for which a busy machine wants more time.
        for (double seconds = 0.1; !notified; seconds *= 2) {
            must(seconds < POLL_SECONDS);
            question q = {.site = &s, .true_at = INT_MAX};
            enter(&s);
            double began = lt_monotonic();
            assert_status(site_wait_for(&s, ask, &q, seconds), LT_TIMED_OUT);
            assert_true(seconds_since(began) >= seconds);
            assert_true(seconds_since(began) < seconds + SLACK);
            notified = q.asked > 2;
            leave(&s);
        }
        atomic_store(&s.woken, 1);
        assert_ok(waiter_join(&w));
    }
}

static bool release_it(void *arg) {
    leave(arg);
    return false;
}

static bool release_and_say_so(void *arg) {
    leave(arg);
    return true;
}

TEST(a_predicate_that_releases_the_lock_is_found_out) {
    for_each_site(s) {
        enter(&s);
        check_error(site_wait_for(&s, release_it, &s, 1.0), LT_NOT_HELD,
            s.lock != NULL ? "lt_condition_wait_for" : "lt_condition_wait_for_rlock");
        assert_int_equal(lt_condition_waiting(s.condition), 0);
        assert_false(is_locked(&s));
        enter(&s);
        assert_ok(site_wait_for(&s, release_and_say_so, &s, 1.0));
        assert_false(is_locked(&s));
    }
}

static bool free_the_condition(void *arg) {
    site *s = arg;
    must(lt_condition_free(s->condition) == LT_OK);
    return false;
}

TEST(a_predicate_that_frees_the_condition_is_found_out) {
    for (int kind = 0; kind < 2; kind++) {
        site s = new_site(kind);
        enter(&s);
        check_error(site_wait_for(&s, free_the_condition, &s, 1.0), LT_BAD_HANDLE,
            s.lock != NULL ? "lt_condition_wait_for" : "lt_condition_wait_for_rlock");
        leave(&s);
        assert_ok(free_lock(&s));
    }
}

// ---- Frees

TEST(free_of_the_condition_or_the_lock_under_a_waiter_is_busy) {
    for_each_site(s) {
        waiter w[2];
        start_turn(&w[0], &s);
        s.seconds = 1000.0;
        start_turn(&w[1], &s);
        assert_status(lt_condition_free(s.condition), LT_BUSY);
        assert_false(is_locked(&s)); // And still:
        assert_status(free_lock(&s), LT_BUSY);
        assert_ok(lt_condition_notify(s.condition, 1));
        assert_ok(waiter_join(&w[0]));
        assert_status(lt_condition_free(s.condition), LT_BUSY);
        assert_status(free_lock(&s), LT_BUSY);
        assert_ok(lt_condition_notify(s.condition, 1));
        assert_ok(waiter_join(&w[1]));
    }
    assert_ok(lt_condition_free(NULL));
}

TEST(right_after_notify_all_the_condition_can_be_freed_but_not_the_lock) {
    for (int i = 0; i < 40; i++) {
        site s = new_site(i % 2);
        waiter w[3];
        for (size_t j = 0; j < LENGTH(w); j++) {
            start_turn(&w[j], &s);
        }
        enter(&s);
        assert_ok(lt_condition_notify_all(s.condition));
        assert_ok(lt_condition_free(s.condition));
        assert_status(free_lock(&s), LT_BUSY); // They are on their way to it.
        lt_condition *others = lt_condition_new(); // Perhaps in the same place.
        leave(&s);
        for (size_t j = 0; j < LENGTH(w); j++) {
            assert_ok(waiter_join(&w[j]));
        }
        assert_status(lt_condition_notify(s.condition, 1), LT_BAD_HANDLE);
        assert_ok(lt_condition_free(others));
        assert_ok(free_lock(&s));
    }
}

TEST(free_while_a_thread_waits_is_busy) {
    waits_check_free_while_waiting(&CONDITION_WAIT);
    waits_check_free_while_waiting(&CONDITION_RLOCK_WAIT);
}

// ---- Many threads

// Tickets are drawn under the lock, in the order of the line; so a notify is for the lowest ones.
typedef struct office {
    site site;
    long tickets, served; // Under the lock.
    _Atomic long woken;
    bool closed;
} office;

static lt_status queue_up_until_closed(void *arg) {
    office *o = arg;
    enter(&o->site);
    while (!o->closed) {
        long ticket = o->tickets++;
        must(site_wait(&o->site) == LT_OK);
        check_held(&o->site);
        must(ticket < o->served);
        atomic_fetch_add(&o->woken, 1);
    }
    leave(&o->site);
    return LT_OK;
}

TEST(of_many_waiters_those_are_woken_that_came_first_and_no_others) {
    for (int kind = 0; kind < 2; kind++) {
        office o = {.site = new_site(kind)};
        waiter w[5];
        for (size_t i = 0; i < LENGTH(w); i++) {
            waiter_launch(&w[i], queue_up_until_closed, &o);
        }
        long rounds = 0;
        // Until enough of them were served, however little of the machine is left to this.
        for (double began = lt_monotonic(); seconds_since(began) < 0.3 || o.served <= 100; rounds++) {
            must(seconds_since(began) < POLL_SECONDS);
            uint32_t n = (uint32_t)(rounds % 7);
            enter(&o.site);
            uint32_t in_line = lt_condition_waiting(o.site.condition);
            assert_int_equal(in_line, o.tickets - o.served);
            assert_ok(lt_condition_notify(o.site.condition, n));
            o.served += n < in_line ? n : in_line;
            assert_int_equal(lt_condition_waiting(o.site.condition), o.tickets - o.served);
            leave(&o.site);
            if (rounds % 5 == 0) {
                sched_yield();
            }
        }
        enter(&o.site);
        o.closed = true;
        o.served = o.tickets;
        assert_ok(lt_condition_notify_all(o.site.condition));
        leave(&o.site);
        for (size_t i = 0; i < LENGTH(w); i++) {
            assert_ok(waiter_join(&w[i]));
        }
        assert_int_equal(o.woken, o.served);
        free_site(&o.site);
    }
}

// A buffer of two places between threads that put and get, some of which time out all the time.
typedef struct buffer {
    site site;
    lt_condition *room;
    long in, out; // Under the lock.
    bool closed;
} buffer;

static bool has_item(void *arg) {
    buffer *b = arg;
    return b->in > b->out || b->closed;
}

static bool has_room(void *arg) {
    buffer *b = arg;
    return b->in < b->out + 2 || b->closed;
}

static lt_status wait_for_room(buffer *b, double seconds) {
    return b->site.lock != NULL
               ? lt_condition_wait_for(b->room, b->site.lock, has_room, b, seconds)
               : lt_condition_wait_for_rlock(b->room, b->site.rlock, has_room, b, seconds);
}

static lt_status trade(void *arg, bool puts) {
    static const double seconds[] = {LT_FOREVER, 1e-5, 5.0, 0.0, 1e-4};
    buffer *b = arg;
    enter(&b->site);
    for (unsigned turn = 0; !b->closed; turn++) {
        double timeout = seconds[turn % LENGTH(seconds)];
        lt_status status =
            puts ? wait_for_room(b, timeout) : site_wait_for(&b->site, has_item, b, timeout);
        check_held(&b->site);
        must(status == LT_OK || status == LT_TIMED_OUT);
        must(timeout != 5.0 || status == LT_OK); // Or a notify was lost.
        if (status == LT_OK && !b->closed) {
            *(puts ? &b->in : &b->out) += 1;
            must(b->in >= b->out && b->in <= b->out + 2);
            must(lt_condition_notify(puts ? b->site.condition : b->room, 1) == LT_OK);
        }
    }
    leave(&b->site);
    return LT_OK;
}

static lt_status put_until_closed(void *arg) {
    return trade(arg, true);
}

static lt_status get_until_closed(void *arg) {
    return trade(arg, false);
}

static long traded(buffer *b) {
    enter(&b->site);
    long items = b->out;
    leave(&b->site);
    return items;
}

// ---- Crowds

typedef struct crowd {
    site site;
    bool over;
} crowd;

// Joinable, so that it can be interrupted.
typedef struct member {
    crowd *crowd;
    lt_thread *thread;
    double seconds;
    _Atomic long notified;
} member;

static void come_again_until_over(void *arg) {
    member *m = arg;
    site *s = &m->crowd->site;
    enter(s);
    while (!m->crowd->over) {
        lt_status status = m->seconds < 0 ? site_wait(s) : site_wait_timeout(s, m->seconds);
        check_held(s);
        must(status == LT_OK || status == LT_INTERRUPTED ||
             (status == LT_TIMED_OUT && m->seconds >= 0));
        if (status == LT_OK) {
            atomic_fetch_add(&m->notified, 1);
        }
    }
    leave(s);
}

static long count_notified(member *members, int n) {
    long notified = 0;
    for (int i = 0; i < n; i++) {
        notified += atomic_load(&members[i].notified);
    }
    return notified;
}

// More than a notify wakes itself. Those in front and in between give up and come back meanwhile.
TEST(of_a_crowd_all_are_notified_while_some_give_up) {
    enum { CROWD = 40, ROUNDS = 100 };
    for (int kind = 0; kind < 2; kind++) {
        crowd c = {.site = new_site(kind)};
        static member members[CROWD];
        uint32_t patient = 0;
        for (int i = 0; i < CROWD; i++) {
            bool gives_up = i % 4 == 0;
            patient += !gives_up;
            members[i] = (member){.crowd = &c, .seconds = gives_up ? 1e-4 * (i + 1) : LT_FOREVER};
            must(lt_thread_start(come_again_until_over, &members[i], NULL, &members[i].thread) == LT_OK);
        }
        for (int round = 1; round <= ROUNDS; round++) {
            // Whoever was interrupted waits again after that.
            must(lt_thread_interrupt(members[(round * 7) % CROWD].thread) == LT_OK);
            long before = 0;
            uint32_t there = 0;
            while (there < patient) {
                enter(&c.site);
                before = count_notified(members, CROWD);
                there = lt_condition_waiting(c.site.condition);
                if (there >= patient) {
                    c.over = round == ROUNDS;
                    must(lt_condition_notify_all(c.site.condition) == LT_OK);
                    must(lt_condition_waiting(c.site.condition) == 0);
                }
                leave(&c.site);
                sched_yield();
            }
            // At the moment of the notify some may have given up, and one was interrupted, perhaps.
            must_soon(count_notified(members, CROWD) - before >= (long)there - CROWD / 4 - 1);
        }
        for (int i = 0; i < CROWD; i++) {
            must(lt_thread_join(members[i].thread) == LT_OK);
            must(lt_thread_free(members[i].thread) == LT_OK);
        }
        free_site(&c.site);
    }
}

TEST(no_notify_is_lost_when_waits_time_out) {
    for (int kind = 0; kind < 2; kind++) {
        buffer b = {.site = new_site(kind), .room = lt_condition_new()};
        waiter w[4];
        for (size_t i = 0; i < LENGTH(w); i++) {
            waiter_launch(&w[i], i % 2 == 0 ? put_until_closed : get_until_closed, &b);
        }
        assert_ok(lt_sleep(0.3));
        long before = traded(&b);
        must_soon(traded(&b) > before);
        enter(&b.site);
        b.closed = true;
        assert_ok(lt_condition_notify_all(b.site.condition));
        assert_ok(lt_condition_notify_all(b.room));
        leave(&b.site);
        for (size_t i = 0; i < LENGTH(w); i++) {
            assert_ok(waiter_join(&w[i]));
        }
        assert_ok(lt_condition_free(b.room));
        free_site(&b.site);
    }
}

// ---- Forks

static void check_child(void *arg) {
    alarm(20);
    site *s = arg;
    must(lt_condition_waiting(s->condition) == 0);
    must(lt_condition_notify(s->condition, 1) == LT_OK);
    must(lt_condition_notify_all(s->condition) == LT_OK);
    enter(s);
    must(site_wait_timeout(s, 0.001) == LT_TIMED_OUT);
    leave(s);
    waiter w;
    s->seconds = LT_FOREVER;
    start_turn(&w, s);
    must(lt_condition_free(s->condition) == LT_BUSY && free_lock(s) == LT_BUSY);
    must(lt_condition_notify(s->condition, 1) == LT_OK);
    must(waiter_join(&w) == LT_OK);
    free_site(s);
}

TEST(in_a_child_nobody_waits) {
    for_each_site(s) {
        waiter w[2];
        start_turn(&w[0], &s);
        start_turn(&w[1], &s);
        assert_int_equal(run_in_child(check_child, &s), 0);
        assert_int_equal(lt_condition_waiting(s.condition), 2);
        assert_ok(lt_condition_notify(s.condition, 2));
        assert_ok(waiter_join(&w[0]));
        assert_ok(waiter_join(&w[1]));
    }
}

static void check_child_of_notified(void *arg) {
    alarm(20);
    site *s = arg;
    must((s->lock != NULL ? lt_lock_at_fork_reinit(s->lock) : lt_rlock_at_fork_reinit(s->rlock))
         == LT_OK);
    check_child(s);
}

// They are between their notify and the lock.
TEST(in_a_child_nobody_comes_back_who_was_notified) {
    for_each_site(s) {
        waiter w[2];
        start_turn(&w[0], &s);
        start_turn(&w[1], &s);
        enter(&s);
        assert_ok(lt_condition_notify_all(s.condition));
        assert_int_equal(run_in_child(check_child_of_notified, &s), 0);
        leave(&s);
        assert_ok(waiter_join(&w[0]));
        assert_ok(waiter_join(&w[1]));
    }
}

static pid_t child_of_predicate;

static bool fork_and_say_so(void *arg) {
    (void)arg;
    fflush(NULL);
    return (child_of_predicate = fork_to_go_on()) >= 0;
}

TEST(a_predicate_may_fork) {
    for_each_site(s) {
        waiter w;
        start_turn(&w, &s);
        enter(&s);
        lt_status waited = site_wait_for(&s, fork_and_say_so, NULL, LT_FOREVER);
        if (child_of_predicate == 0) {
            must(waited == LT_OK);
            leave(&s);
            check_child(&s);
            _exit(0);
        }
        assert_ok(waited);
        leave(&s);
        assert_int_equal(wait_for_child(child_of_predicate), 0);
        assert_ok(lt_condition_notify(s.condition, 1));
        assert_ok(waiter_join(&w));
    }
}
