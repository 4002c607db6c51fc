// The system refuses a new thread, under shim_pthread_create.c.
// needs: LD_PRELOAD
#include "shims.h"

static void (*shim_refuse_threads)(long from, long to, int error);
static long (*shim_thread_calls)(void);
static long (*shim_live)(void);

static bool in_shim(const char *function) {
    if (!in_shims(function, "malloc pthread_create")) {
        return false;
    }
    shim_function(&shim_refuse_threads, "shim_refuse_threads");
    shim_function(&shim_thread_calls, "shim_thread_calls");
    shim_function(&shim_live, "shim_live");
    return true;
}

static _Atomic int ran;

static void run(void *arg) {
    (void)arg;
    atomic_fetch_add(&ran, 1);
}

static lt_status start(lt_ident *ident) {
    return lt_start_new_thread(run, NULL, ident);
}

static lt_status start_copy(lt_ident *ident) {
    return lt_start_new_thread_copy(run, "some arguments", 15, ident);
}

static void check_refused(lt_status (*start)(lt_ident *), const char *name, int error) {
    size_t count = lt_thread_count();
    lt_ident ident = 12345;
    must(start(&ident) == LT_NO_THREAD);
    must(lt_last_status() == LT_NO_THREAD);
    must(lt_last_errno() == error);
    must(last_error_names(name));
    must(ident == 12345);
    must(lt_thread_count() == count);
    must(atomic_load(&ran) == 0);
}

static void check_works_again(lt_status (*start)(lt_ident *)) {
    lt_ident ident = 12345;
    assert_ok(start(&ident));
    assert_int_not_equal(ident, 12345);
    join_all_threads();
    assert_int_equal(atomic_exchange(&ran, 0), 1);
}

static void check_every_error(lt_status (*start)(lt_ident *), const char *name) {
    const int errors[] = {EAGAIN, ENOMEM, EPERM, EINVAL};
    check_works_again(start);
    for (size_t i = 0; i < LENGTH(errors); i++) {
        shim_refuse_threads(1, LONG_MAX, errors[i]);
        check_refused(start, name, errors[i]);
        long live = shim_live();
        for (int j = 0; j < 500; j++) {
            check_refused(start, name, errors[i]);
        }
        assert_int_equal(shim_live(), live);
        shim_refuse_threads(0, 0, 0);
        check_works_again(start);
    }
}

TEST(a_refused_start_leaves_nothing_behind) {
    if (in_shim(__func__)) {
        check_every_error(start, "lt_start_new_thread");
    }
}

TEST(a_refused_start_frees_the_arguments_by_value) {
    if (in_shim(__func__)) {
        check_every_error(start_copy, "lt_start_new_thread_copy");
    }
}

TEST(the_nth_of_many_starts_is_refused_alone) {
    if (!in_shim(__func__)) {
        return;
    }
    for (long nth = 1; nth <= 10; nth++) {
        shim_refuse_threads(nth, nth, EAGAIN);
        for (long i = 1; i <= 10; i++) {
            lt_status status = lt_start_new_thread(run, NULL, NULL);
            assert_status(status, i == nth ? LT_NO_THREAD : LT_OK);
        }
        join_all_threads();
        assert_int_equal(atomic_exchange(&ran, 0), 9);
    }
}

TEST(a_stack_that_the_system_finds_too_small_is_tried_larger_once) {
    if (!in_shim(__func__)) {
        return;
    }
    assert_ok(lt_set_stack_size(4096));
    shim_refuse_threads(1, 1, EINVAL);
    check_works_again(start);
    assert_int_equal(shim_thread_calls(), 2);
    shim_refuse_threads(1, 1, EINVAL);
    check_works_again(start_copy);
    shim_refuse_threads(1, LONG_MAX, EINVAL);
    check_refused(start, "lt_start_new_thread", EINVAL);
    assert_int_equal(shim_thread_calls(), 2);
    shim_refuse_threads(1, LONG_MAX, EAGAIN); // Another reason is not tried again.
    check_refused(start, "lt_start_new_thread", EAGAIN);
    assert_int_equal(shim_thread_calls(), 1);
}

static lt_status is_refused_too(void *unused) {
    (void)unused;
    must(lt_last_status() == LT_OK && lt_last_errno() == 0); // Not that of the main thread.
    shim_refuse_threads(1, 1, ENOMEM);
    check_refused(start, "lt_start_new_thread", ENOMEM);
    return LT_OK;
}

TEST(the_errno_of_a_refusal_is_the_threads_own) {
    if (!in_shim(__func__)) {
        return;
    }
    shim_refuse_threads(1, 1, EAGAIN);
    check_refused(start, "lt_start_new_thread", EAGAIN);
    waiter w;
    waiter_launch(&w, is_refused_too, NULL);
    assert_ok(waiter_join(&w));
    assert_int_equal(lt_last_errno(), EAGAIN);
    assert_status(lt_sleep(-1.0), LT_INVALID);
    assert_int_equal(lt_last_errno(), 0); // It goes with the last error.
}
