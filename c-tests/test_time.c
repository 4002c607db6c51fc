// Time and sleep.
#include "waits.h"

#include <semaphore.h>

static int64_t system_nanoseconds(void) {
    struct timespec t;
    must(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

TEST(monotonic_never_goes_back) {
    double last = lt_monotonic();
    for (int i = 0; i < 200000; i++) {
        double now = lt_monotonic();
        assert_true(now >= last);
        last = now;
    }
}

TEST(monotonic_is_the_monotonic_clock_of_the_system) {
    for (int i = 0; i < 1000; i++) {
        int64_t before = system_nanoseconds();
        double now = lt_monotonic() * 1e9;
        int64_t after = system_nanoseconds();
        // A double of seconds keeps its nanoseconds for some weeks, then loses the last.
        assert_true(now >= (double)before - 1000 && now <= (double)after + 1000);
    }
}

static void check_sleep(double seconds) {
    double began = lt_monotonic();
    must(lt_sleep(seconds) == LT_OK);
    double took = seconds_since(began);
    must(took >= seconds);
    must(took < seconds + SLACK);
}

static lt_status check_sleeps(void *unused) {
    (void)unused;
    static const double seconds[] = {0.0, -0.0, DBL_MIN, 1e-10, 1e-9, 1e-6, 0.0001, 0.001, 0.05, 0.3};
    for (size_t i = 0; i < LENGTH(seconds); i++) {
        check_sleep(seconds[i]);
    }
    return LT_OK;
}

TEST(sleep_is_never_short_on_the_main_thread) {
    assert_ok(check_sleeps(NULL));
}

TEST(sleep_is_never_short_on_another_thread) {
    waiter w;
    waiter_launch(&w, check_sleeps, NULL);
    assert_ok(waiter_join(&w));
}

static void check_refused(double seconds, lt_status status) {
    double began = lt_monotonic();
    assert_status(lt_sleep(seconds), status);
    assert_true(seconds_since(began) < SLACK);
    assert_int_equal(lt_last_status(), status);
    assert_true(last_error_names("lt_sleep"));
    assert_non_null(strstr(lt_last_error(), "seconds"));
}

TEST(sleep_of_a_negative_time_is_invalid) {
    check_refused(LT_FOREVER, LT_INVALID);
    check_refused(-0.5, LT_INVALID);
    check_refused(-DBL_MIN, LT_INVALID);
    check_refused(-DBL_MAX, LT_INVALID);
    check_refused(-INFINITY, LT_INVALID);
}

TEST(sleep_of_what_is_no_number_is_invalid) {
    check_refused(NAN, LT_INVALID);
    check_refused(-NAN, LT_INVALID);
}

TEST(sleep_above_the_maximum_overflows) {
    check_refused(ABOVE_TIMEOUT_MAX, LT_OVERFLOW);
    check_refused(DBL_MAX, LT_OVERFLOW);
    check_refused(INFINITY, LT_OVERFLOW);
}

TEST(sleep_of_the_maximum_is_valid_and_can_be_interrupted) {
    assert_ok(lt_interrupt_main(SIGUSR1));
    assert_status(lt_sleep(LT_TIMEOUT_MAX), LT_INTERRUPTED);
    assert_int_equal(lt_interrupt_signal(), SIGUSR1);
}

static lt_status interrupt_main_when_asleep(void *unused) {
    (void)unused;
    must_soon(asleep(getpid()));
    return lt_interrupt_main(SIGUSR2);
}

TEST(sleep_is_interrupted_while_it_sleeps) {
    waiter w;
    waiter_launch(&w, interrupt_main_when_asleep, NULL);
    double began = lt_monotonic();
    assert_status(lt_sleep(1000.0), LT_INTERRUPTED);
    assert_true(seconds_since(began) < SLACK);
    assert_int_equal(lt_interrupt_signal(), SIGUSR2);
    assert_ok(waiter_join(&w));
}

TEST(sleep_of_zero_leaves_an_interrupt_pending) {
    assert_ok(lt_interrupt_main(SIGUSR1));
    assert_ok(lt_sleep(0.0));
    assert_ok(lt_sleep(-0.0));
    assert_status(lt_check_interrupt(), LT_INTERRUPTED);
}

TEST(sleep_of_the_shortest_time_takes_an_interrupt) {
    assert_ok(lt_interrupt_main(SIGUSR1));
    assert_status(lt_sleep(1e-10), LT_INTERRUPTED);
    assert_ok(lt_check_interrupt());
}

// ---- On a busy machine

static _Atomic bool stop_computing;

static lt_status compute(void *unused) {
    (void)unused;
    while (!atomic_load_explicit(&stop_computing, memory_order_relaxed)) {
    }
    return LT_OK;
}

static const double SHORT = 0.001;

static lt_status system_wait(void *semaphore) {
    struct timespec at;
    must(clock_gettime(CLOCK_REALTIME, &at) == 0);
    at.tv_nsec += (long)(SHORT * 1e9);
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    while (sem_timedwait(semaphore, &at) == -1 && errno == EINTR) {
    }
    must(errno == ETIMEDOUT);
    return LT_TIMED_OUT;
}

static lt_status sleep_shortly(void *unused) {
    (void)unused;
    must(lt_sleep(SHORT) == LT_OK);
    return LT_TIMED_OUT;
}

static double time_ten(lt_status (*wait)(void *), void *object) {
    double began = lt_monotonic();
    for (int i = 0; i < 10; i++) {
        must(wait(object) == LT_TIMED_OUT);
    }
    return seconds_since(began);
}

// Ten times as long, and the rest for a scheduler that was in a bad mood: in one of ten tries.
static bool is_hardly_longer(lt_status (*wait)(void *), void *object, sem_t *semaphore) {
    for (int i = 0; i < 10; i++) {
        if (time_ten(wait, object) < 10 * time_ten(system_wait, semaphore) + 0.2) {
            return true;
        }
    }
    return false;
}

TEST(waits_are_hardly_longer_than_the_systems_own_while_other_threads_compute) {
    waiter w[4];
    for (size_t i = 0; i < LENGTH(w); i++) {
        waiter_launch(&w[i], compute, NULL);
    }
    sem_t semaphore;
    assert_int_equal(sem_init(&semaphore, 0, 0), 0);
    must_for("sleep", is_hardly_longer(sleep_shortly, NULL, &semaphore));
    for_each_wait(kind) {
        timed_wait t = {kind, waits_make(kind), SHORT};
        must_for(kind->name, is_hardly_longer(timed_wait_call, &t, &semaphore));
        waits_destroy(kind, t.object);
    }
    assert_int_equal(sem_destroy(&semaphore), 0);
    atomic_store(&stop_computing, true);
    for (size_t i = 0; i < LENGTH(w); i++) {
        assert_ok(waiter_join(&w[i]));
    }
}
