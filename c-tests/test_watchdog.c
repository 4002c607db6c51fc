// Watchdogs: they interrupt the main thread unless they are fed.
// timeout: 60
#include "waits.h"

static void unignore(void) {
    signal(SIGINT, SIG_DFL); // A shell ignores it for what runs in the background.
}

static void check_barks(int signum, double began, double seconds) {
    assert_status(lt_sleep(1000.0), LT_INTERRUPTED);
    assert_int_equal(lt_interrupt_signal(), signum);
    assert_true(seconds_since(began) >= seconds);
    assert_true(seconds_since(began) < seconds + SLACK);
}

TEST(one_that_is_not_fed_interrupts_a_blocked_main_with_its_signal) {
    unignore();
    const int signals[] = {SIGINT, SIGTERM, SIGUSR1, 1, 64};
    const double seconds[] = {DBL_MIN, 1e-9, 1e-3, 0.05, 0.0123};
    for (size_t i = 0; i < LENGTH(signals); i++) {
        lt_watchdog *dog = NULL;
        double began = lt_monotonic();
        assert_ok(lt_watchdog_start(seconds[i], signals[i], &dog));
        assert_non_null(dog);
        check_barks(signals[i], began, seconds[i]);
        assert_ok(lt_watchdog_free(dog));
        assert_ok(lt_check_interrupt());
    }
}

TEST(one_that_is_not_fed_ends_each_wait_of_main) {
    unignore();
    for_each_wait(kind) {
        void *object = waits_make(kind);
        lt_watchdog *dog = NULL;
        assert_ok(lt_watchdog_start(0.01, SIGINT, &dog));
        must_for(kind->name, kind->wait(object) == LT_INTERRUPTED);
        must_for(kind->name, lt_interrupt_signal() == SIGINT);
        must_for(kind->name, kind->try_wait(object) == kind->not_yet);
        assert_ok(lt_watchdog_free(dog));
        waits_destroy(kind, object);
    }
}

TEST(one_that_is_not_fed_barks_once) {
    lt_watchdog *dog = NULL;
    double began = lt_monotonic();
    assert_ok(lt_watchdog_start(0.01, SIGTERM, &dog));
    check_barks(SIGTERM, began, 0.01);
    assert_ok(lt_sleep(0.1));
    assert_ok(lt_check_interrupt());
    assert_ok(lt_watchdog_free(dog));
}

static lt_status feed(void *dog) {
    return lt_watchdog_feed(dog);
}

// Whether it was fed in time, which the machine may have been too busy for.
static bool check_feeding(double seconds, bool on_a_thread) {
    lt_watchdog *dog = NULL;
    double began = lt_monotonic(), fed = began;
    assert_ok(lt_watchdog_start(seconds, SIGTERM, &dog));
    bool in_time = true;
    for (int i = 0; i < 10 && in_time; i++) {
        in_time = lt_sleep(seconds / 5) == LT_OK;
        double before = lt_monotonic();
        waiter w;
        if (on_a_thread) {
            waiter_launch(&w, feed, dog);
            assert_ok(waiter_join(&w));
        } else {
            assert_ok(lt_watchdog_feed(dog));
        }
        in_time = in_time && seconds_since(fed) < seconds;
        fed = before;
    }
    if (in_time) {
        assert_ok(lt_check_interrupt());
        assert_true(seconds_since(began) > seconds); // It would have barked long ago.
        check_barks(SIGTERM, fed, seconds);
    }
    assert_ok(lt_watchdog_free(dog));
    while (lt_check_interrupt() == LT_INTERRUPTED) {
    }
    return in_time;
}

static void check_feeding_until_in_time(bool on_a_thread) {
    for (double seconds = 0.1; !check_feeding(seconds, on_a_thread); seconds *= 3) {
        assert_true(seconds < 3);
    }
}

TEST(one_that_is_fed_in_time_waits_from_then_on) {
    check_feeding_until_in_time(false);
}

TEST(any_thread_may_feed) {
    check_feeding_until_in_time(true);
}

static lt_event *barked;
static lt_status barked_before;

// On the thread that barks: until this is over, none does.
static void await_bark(void *arg) {
    (void)arg;
    barked_before = lt_event_wait_timeout(barked, 0.1);
}

TEST(one_that_is_fed_barks_behind_what_is_due_before_it_then) {
    const double seconds = 0.05;
    barked = lt_event_new();
    lt_watchdog *dog = NULL;
    lt_timer *timer = NULL;
    double began = lt_monotonic();
    assert_ok(lt_watchdog_start(seconds, SIGTERM, &dog));
    assert_ok(lt_timer_start(seconds, 0, await_bark, NULL, &timer));
    lt_status fed = lt_watchdog_feed(dog);
    bool in_time = seconds_since(began) < seconds; // Else it may have barked before, and will once more.
    assert_ok(fed);
    check_barks(SIGTERM, began, seconds);
    assert_ok(lt_event_set(barked));
    assert_ok(lt_timer_free(timer));
    assert_true(!in_time || barked_before == LT_TIMED_OUT);
    assert_ok(lt_watchdog_free(dog));
    LT_IGNORE(lt_check_interrupt());
    assert_ok(lt_event_free(barked));
}

TEST(a_feed_arms_one_that_has_barked) {
    lt_watchdog *dog = NULL;
    double began = lt_monotonic();
    assert_ok(lt_watchdog_start(0.01, SIGTERM, &dog));
    for (int i = 0; i < 10; i++) {
        check_barks(SIGTERM, began, 0.01);
        began = lt_monotonic();
        assert_ok(lt_watchdog_feed(dog));
    }
    check_barks(SIGTERM, began, 0.01);
    assert_ok(lt_watchdog_free(dog));
}

// Whether the end came in time, which the machine may have been too busy for.
static bool check_silenced(double seconds, lt_status (*end)(lt_watchdog *)) {
    lt_watchdog *dog = NULL;
    double began = lt_monotonic();
    assert_ok(lt_watchdog_start(seconds, SIGTERM, &dog));
    assert_ok(end(dog));
    bool in_time = seconds_since(began) < seconds;
    if (in_time) {
        assert_ok(lt_sleep(3 * seconds));
        assert_ok(lt_check_interrupt());
    }
    LT_IGNORE(lt_check_interrupt());
    if (end == lt_watchdog_cancel) {
        began = lt_monotonic();
        assert_ok(lt_watchdog_feed(dog)); // Arms it again.
        check_barks(SIGTERM, began, seconds);
        assert_ok(end(dog)); // Nothing to cancel, and no harm in it.
        assert_ok(end(dog));
        assert_ok(lt_watchdog_free(dog));
    }
    return in_time;
}

TEST(one_that_is_cancelled_is_silent_until_it_is_fed) {
    for (double seconds = 0.05; !check_silenced(seconds, lt_watchdog_cancel); seconds *= 3) {
        assert_true(seconds < 3);
    }
}

TEST(one_that_is_freed_is_silent) {
    for (double seconds = 0.05; !check_silenced(seconds, lt_watchdog_free); seconds *= 3) {
        assert_true(seconds < 3);
    }
}

static void take_all(void) {
    while (lt_check_interrupt() == LT_INTERRUPTED) {
    }
}

// The cancel may be interrupted, by the very dog that it wants silent.
static void end_for_sure(lt_status (*end)(lt_watchdog *), lt_watchdog *dog) {
    lt_status status;
    while ((status = end(dog)) == LT_INTERRUPTED) {
        assert_int_equal(lt_interrupt_signal(), SIGTERM);
    }
    assert_ok(status);
}

static void check_race(lt_status (*end)(lt_watchdog *)) {
    for (int i = 0; i < 2000; i++) {
        lt_watchdog *dog = NULL;
        assert_ok(lt_watchdog_start((1 + i % 7) * 1e-5, SIGTERM, &dog));
        for (double until = lt_monotonic() + i % 13 * 1e-5; lt_monotonic() < until;) {
            if (i % 13 > 6) {
                assert_ok(lt_watchdog_feed(dog));
            }
        }
        end_for_sure(end, dog);
        take_all(); // What came before. From here on, nothing comes.
        sched_yield();
        assert_ok(lt_check_interrupt());
        if (end != lt_watchdog_free) {
            end_for_sure(lt_watchdog_free, dog);
        }
    }
    assert_ok(lt_sleep(0.01));
}

TEST(after_a_cancel_it_does_not_bark) {
    check_race(lt_watchdog_cancel);
}

TEST(after_a_free_it_does_not_bark) {
    check_race(lt_watchdog_free);
}

TEST(a_thousand_dogs_bark_each_with_its_own_signal) {
    unignore();
    lt_watchdog *dogs[1000];
    bool heard[65] = {false};
    for (int signum = SIGRTMIN; signum <= 64; signum++) {
        signal(signum, SIG_DFL);
    }
    for (size_t i = 0; i < LENGTH(dogs); i++) {
        int signum = SIGRTMIN + (int)(i % 10);
        assert_ok(lt_watchdog_start(0.01 + (double)(i * 7919 % 1000) * 1e-5, signum, &dogs[i]));
    }
    for (int count = 0; count < 10;) {
        assert_status(lt_sleep(1000.0), LT_INTERRUPTED);
        int signum = lt_interrupt_signal();
        assert_in_range(signum, SIGRTMIN, SIGRTMIN + 9);
        count += !heard[signum];
        heard[signum] = true;
    }
    for (size_t i = 0; i < LENGTH(dogs); i++) {
        lt_status status;
        while ((status = lt_watchdog_free(dogs[i])) == LT_INTERRUPTED) {
        }
        assert_ok(status);
    }
    while (lt_check_interrupt() == LT_INTERRUPTED) {
    } // For the cases after this one.
}

static _Atomic int handled;

static void count_on_main(int signum) {
    (void)signum;
    must(syscall(SYS_gettid) == getpid());
    atomic_fetch_add(&handled, 1);
}

TEST(a_handler_of_the_program_runs_and_an_ignored_signal_does_nothing) {
    skip_without_signals();
    lt_watchdog *dog = NULL, *other = NULL;
    must(signal(SIGUSR1, count_on_main) != SIG_ERR);
    assert_ok(lt_watchdog_start(0.01, SIGUSR1, &dog));
    assert_status(lt_sleep(1000.0), LT_INTERRUPTED);
    must_soon(atomic_load(&handled) == 1);
    must(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
    assert_ok(lt_watchdog_feed(dog));
    assert_ok(lt_watchdog_start(0.05, SIGTERM, &other)); // Barks later.
    assert_status(lt_sleep(1000.0), LT_INTERRUPTED);
    assert_int_equal(lt_interrupt_signal(), SIGTERM);
    assert_ok(lt_watchdog_free(dog));
    assert_ok(lt_watchdog_free(other));
    must(signal(SIGUSR1, SIG_DFL) != SIG_ERR);
}

TEST(the_thread_behind_watchdogs_does_not_count) {
    lt_watchdog *dog = NULL;
    assert_ok(lt_watchdog_start(1000.0, SIGTERM, &dog));
    assert_int_equal(lt_thread_count(), 0);
    size_t count = 0;
    assert_ok(lt_enumerate(NULL, 0, &count));
    assert_int_equal(count, 1);
    assert_ok(lt_watchdog_free(dog));
}

TEST(one_without_a_handle_barks_too) {
    assert_ok(lt_watchdog_start(0.01, SIGTERM, NULL));
    check_barks(SIGTERM, lt_monotonic(), 0.0);
}

TEST(bad_arguments_are_refused_and_start_nothing) {
    const struct {
        double seconds;
        int signum;
        lt_status status;
    } bad[] = {
        {0.0, SIGTERM, LT_INVALID}, {-0.0, SIGTERM, LT_INVALID}, {-1.0, SIGTERM, LT_INVALID},
        {-DBL_MIN, SIGTERM, LT_INVALID}, {-INFINITY, SIGTERM, LT_INVALID},
        {NAN, SIGTERM, LT_INVALID}, {ABOVE_TIMEOUT_MAX, SIGTERM, LT_OVERFLOW},
        {INFINITY, SIGTERM, LT_OVERFLOW}, {0.001, 0, LT_INVALID}, {0.001, 65, LT_INVALID},
        {0.001, -1, LT_INVALID}, {0.001, INT_MAX, LT_INVALID}, {0.001, INT_MIN, LT_INVALID},
    };
    lt_watchdog *const untouched = (lt_watchdog *)(void *)&handled;
    lt_watchdog *dog = untouched;
    for (size_t i = 0; i < LENGTH(bad); i++) {
        assert_status(lt_watchdog_start(bad[i].seconds, bad[i].signum, &dog), bad[i].status);
        assert_true(last_error_names("lt_watchdog_start"));
        assert_ptr_equal(dog, untouched);
    }
    assert_ok(lt_sleep(0.02));
    assert_ok(lt_watchdog_start(LT_TIMEOUT_MAX, 64, &dog));
    assert_ok(lt_watchdog_feed(dog));
    assert_ok(lt_watchdog_free(dog));
}

TEST(a_bad_handle_is_reported) {
    const struct {
        const char *name;
        lt_status (*call)(lt_watchdog *);
    } all[] = {{"lt_watchdog_feed", lt_watchdog_feed}, {"lt_watchdog_cancel", lt_watchdog_cancel},
        {"lt_watchdog_free", lt_watchdog_free}};
    lt_watchdog *stale = NULL;
    lt_event *event = lt_event_new();
    assert_ok(lt_watchdog_start(1000.0, SIGTERM, &stale));
    assert_ok(lt_watchdog_free(stale));
    for (size_t i = 0; i < LENGTH(all); i++) {
        must_for(all[i].name, all[i].call(stale) == LT_BAD_HANDLE);
        must_for(all[i].name, all[i].call((lt_watchdog *)(void *)event) == LT_BAD_HANDLE);
        must_for(all[i].name, last_error_names(all[i].name));
        must_for(all[i].name,
            all[i].call(NULL) == (all[i].call == lt_watchdog_free ? LT_OK : LT_BAD_HANDLE));
    }
    assert_ok(lt_event_free(event));
}

static void use_watchdogs_in_child(void *old) {
    alarm(20);
    must(lt_sleep(0.05) == LT_OK); // The parent's does not bark here, though it would have.
    must(lt_watchdog_feed(old) == LT_OK); // But when it is fed, it does.
    must(lt_sleep(1000.0) == LT_INTERRUPTED && lt_interrupt_signal() == SIGTERM);
    must(lt_watchdog_free(old) == LT_OK);
    lt_watchdog *dog = NULL;
    must(lt_watchdog_start(0.01, SIGUSR1, &dog) == LT_OK);
    must(lt_sleep(1000.0) == LT_INTERRUPTED && lt_interrupt_signal() == SIGUSR1);
    must(lt_watchdog_free(dog) == LT_OK);
}

TEST(in_a_child_a_watchdog_is_silent_until_it_is_fed) {
    lt_watchdog *dog = NULL;
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_watchdog_start(0.02, SIGTERM, &dog));
        assert_int_equal(run_in_child(use_watchdogs_in_child, dog), 0);
        assert_status(lt_sleep(1000.0), LT_INTERRUPTED); // In the parent it has barked.
        assert_ok(lt_watchdog_free(dog));
    }
}
