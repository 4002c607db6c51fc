// Statuses and the last error.
#include "harness.h"

static const lt_status every[] = {
    LT_OK, LT_BUSY, LT_TIMED_OUT, LT_INTERRUPTED, LT_CLOSED, LT_BROKEN, LT_CANCELLED, LT_FAILED,
    LT_EMPTY, LT_FULL, LT_INVALID, LT_BAD_HANDLE, LT_NOT_HELD, LT_NOT_OWNER, LT_OVERFLOW,
    LT_NO_MEMORY, LT_NO_THREAD, LT_DEADLOCK, LT_UNSUPPORTED,
};

enum { EVERY = sizeof every / sizeof every[0] };

TEST(values_are_the_documented_ones) {
    for (int i = 0; i < EVERY; i++) {
        assert_int_equal(every[i], i < 10 ? i : 9 - i);
    }
}

TEST(names_are_those_of_the_macros) {
    assert_string_equal(lt_status_name(LT_OK), "LT_OK");
    assert_string_equal(lt_status_name(LT_TIMED_OUT), "LT_TIMED_OUT");
    assert_string_equal(lt_status_name(LT_FULL), "LT_FULL");
    assert_string_equal(lt_status_name(LT_INVALID), "LT_INVALID");
    assert_string_equal(lt_status_name(LT_UNSUPPORTED), "LT_UNSUPPORTED");
}

TEST(names_and_messages_are_all_different) {
    for (int i = 0; i < EVERY; i++) {
        assert_true(strlen(lt_status_message(every[i])) > 0);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(lt_status_name(every[i]), lt_status_name(every[j]));
            assert_string_not_equal(lt_status_message(every[i]), lt_status_message(every[j]));
        }
    }
}

TEST(unknown_values_have_a_name_and_a_message) {
    const lt_status unknown[] = {10, -10, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_string_equal(lt_status_name(unknown[i]), "LT_UNKNOWN");
        assert_true(strlen(lt_status_message(unknown[i])) > 0);
    }
}

static void has_no_error(void *arg) {
    must(strcmp(lt_last_error(), "") == 0);
    must(lt_last_status() == LT_OK);
    must(lt_last_errno() == 0);
    must(lt_lock_release(arg) == LT_OK);
}

TEST(a_thread_starts_without_an_error) {
    assert_status(lt_lock_acquire(NULL), LT_BAD_HANDLE);
    lt_lock *done = lt_allocate_lock();
    assert_ok(lt_lock_acquire(done));
    assert_ok(lt_start_new_thread(has_no_error, done, NULL));
    assert_ok(lt_lock_acquire(done));
    assert_ok(lt_lock_free(done));
}

TEST(the_last_error_names_the_function_and_the_argument) {
    assert_status(lt_sleep(-1.0), LT_INVALID);
    assert_int_equal(lt_last_status(), LT_INVALID);
    assert_non_null(strstr(lt_last_error(), "lt_sleep"));
    assert_non_null(strstr(lt_last_error(), "seconds"));

    lt_lock *lock = lt_allocate_lock();
    assert_status(lt_lock_acquire_timeout(lock, LT_TIMEOUT_MAX * 2), LT_OVERFLOW);
    assert_int_equal(lt_last_status(), LT_OVERFLOW);
    assert_non_null(strstr(lt_last_error(), "lt_lock_acquire_timeout"));
    assert_ok(lt_lock_free(lock));
}

TEST(the_last_error_outlives_successes_and_answers) {
    assert_status(lt_lock_acquire(NULL), LT_BAD_HANDLE);
    lt_lock *lock = lt_allocate_lock();
    assert_ok(lt_lock_acquire(lock));
    assert_status(lt_lock_try_acquire(lock), LT_BUSY);
    assert_int_equal(lt_last_status(), LT_BAD_HANDLE);
    assert_non_null(strstr(lt_last_error(), "lt_lock_acquire"));
    assert_ok(lt_lock_free(lock));
}

TEST(a_getter_records_the_error_behind_its_default) {
    assert_false(lt_lock_locked(NULL));
    assert_int_equal(lt_last_status(), LT_BAD_HANDLE);
    assert_non_null(strstr(lt_last_error(), "lt_lock_locked"));
}

TEST(a_constructor_that_fails_leaves_its_status) {
    assert_null(lt_semaphore_new_bounded(2, 1));
    assert_int_equal(lt_last_status(), LT_INVALID);
    assert_non_null(strstr(lt_last_error(), "lt_semaphore_new_bounded"));
}

TEST(the_version_that_runs_is_the_one_of_the_header) {
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", LT_VERSION_MAJOR, LT_VERSION_MINOR,
        LT_VERSION_PATCH);
    assert_string_equal(lt_version(), version);
}

TEST(a_feature_is_no_more_than_the_platform_has) {
    const struct {
        unsigned feature;
        bool has;
    } all[] = {
        {LT_FEATURE_FORK, LT_HAS_FORK},
        {LT_FEATURE_SIGNALS, LT_HAS_SIGNALS},
        {LT_FEATURE_WAKE_IN_HANDLERS, LT_HAS_WAKE_IN_HANDLERS},
        {LT_FEATURE_AFFINITY, LT_HAS_AFFINITY},
        {LT_FEATURE_NO_MEMORY, LT_HAS_NO_MEMORY},
        {LT_FEATURE_PTHREADS, LT_HAS_PTHREADS},
        {LT_FEATURE_LINES, LT_HAS_LINES},
    };
    unsigned known = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_true(all[i].has || (lt_features() & all[i].feature) == 0);
        known |= all[i].feature;
    }
    assert_int_equal(lt_features() & ~known, 0);
    // These do not depend on how it was built.
    const unsigned of_the_platform = (LT_HAS_SIGNALS ? LT_FEATURE_SIGNALS : 0)
        | (LT_HAS_PTHREADS ? LT_FEATURE_PTHREADS : 0) | (LT_HAS_LINES ? LT_FEATURE_LINES : 0);
    assert_int_equal(lt_features() & (LT_FEATURE_SIGNALS | LT_FEATURE_PTHREADS | LT_FEATURE_LINES), of_the_platform);
}
