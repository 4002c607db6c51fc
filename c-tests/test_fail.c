// lt_fail: an error without an unwinding. And what becomes of the arguments of tasks that never run.
#include "support.h"

static void fail_and_return(void *arg) {
    must(lt_fail(3, "first") == LT_OK);
    must(lt_fail(7, arg) == LT_OK);
}

static void *fail_in_task(void *arg) {
    fail_and_return(arg);
    return arg;
}

static void must_be(const lt_error_info *info, const char *message) {
    must(info->kind == LT_ERROR_RAISED && info->code == 7);
    must(strcmp(info->type_name, "error") == 0 && strcmp(info->message, message) == 0);
    must(strstr(lt_error_backtrace(info), "fail_and_return") != NULL);
}

TEST(a_joinable_thread_that_says_so_has_failed) {
    lt_thread *thread;
    const lt_error_info *info;
    assert_ok(lt_thread_start(fail_and_return, "a thread", NULL, &thread));
    assert_status(lt_thread_join(thread), LT_FAILED);
    assert_ok(lt_thread_error(thread, &info));
    must_be(info, "a thread");
    assert_ok(lt_thread_free(thread));
}

TEST(the_container_of_a_thread_takes_it) {
    lt_errors *errors = lt_errors_new();
    const lt_error_info *info;
    assert_ok(lt_spawn(fail_and_return, "spawned", errors, NULL));
    must_soon(lt_errors_count(errors) == 1);
    assert_ok(lt_errors_get(errors, &info));
    must_be(info, "spawned");
    join_all_threads();
    assert_ok(lt_errors_free(errors));
}

TEST(a_task_that_says_so_fails_its_future) {
    lt_pool *pool = lt_pool_new(1, NULL);
    lt_future *future;
    void *result = NULL;
    const lt_error_info *info;
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_pool_submit(pool, fail_in_task, "a task", &future));
        assert_status(lt_future_result(future, &result), LT_FAILED);
        assert_null(result);
        assert_ok(lt_future_error(future, &info));
        must_be(info, "a task");
        assert_ok(lt_future_free(future));
    }
    assert_ok(lt_pool_free(pool));
}

static void count_error(const lt_error_info *info, void *count) {
    must_be(info, "forgotten");
    atomic_fetch_add((atomic_int *)count, 1);
}

TEST(the_hook_hears_of_it_where_nothing_else_takes_it) {
    atomic_int count = 0;
    assert_ok(lt_set_excepthook(count_error, &count));
    lt_pool *pool = lt_pool_new(1, NULL);
    assert_ok(lt_pool_submit(pool, fail_in_task, "forgotten", NULL));
    assert_ok(lt_pool_free(pool));
    assert_int_equal(atomic_load(&count), 1);
    assert_ok(lt_start_new_thread(fail_and_return, "forgotten", NULL));
    must_soon(atomic_load(&count) == 2);
    join_all_threads();
    assert_ok(lt_set_excepthook(NULL, NULL));
}

static lt_pool *nested_pool;

static void *succeed(void *arg) {
    return arg;
}

static void *fail_around_another(void *arg) {
    fail_and_return(arg);
    lt_future *inner, *failing;
    void *result;
    must(lt_pool_submit(nested_pool, succeed, &inner, &inner) == LT_OK);
    must(lt_future_result(inner, &result) == LT_OK && result == &inner);
    must(lt_pool_submit(nested_pool, fail_in_task, "inner", &failing) == LT_OK);
    must(lt_future_result(failing, NULL) == LT_FAILED);
    must(lt_future_free(inner) == LT_OK && lt_future_free(failing) == LT_OK);
    return NULL;
}

static void *succeed_around_another(void *arg) {
    lt_future *failing;
    must(lt_pool_submit(nested_pool, fail_in_task, "inner", &failing) == LT_OK);
    must(lt_future_result(failing, NULL) == LT_FAILED);
    must(lt_future_free(failing) == LT_OK);
    return arg;
}

TEST(a_task_run_in_the_middle_of_another_fails_for_itself) {
    lt_future *future;
    const lt_error_info *info;
    nested_pool = lt_pool_new(1, NULL);
    assert_ok(lt_pool_submit(nested_pool, fail_around_another, "outer", &future));
    assert_status(lt_future_result(future, NULL), LT_FAILED);
    assert_ok(lt_future_error(future, &info));
    must_be(info, "outer");
    assert_ok(lt_future_free(future));
    assert_ok(lt_pool_submit(nested_pool, succeed_around_another, NULL, &future));
    assert_ok(lt_future_result(future, NULL));
    assert_ok(lt_future_free(future));
    assert_ok(lt_pool_free(nested_pool));
}

static void fail_and_exit(void *arg) {
    fail_and_return(arg);
    lt_exit();
}

TEST(who_does_not_return_has_not_failed) {
    lt_thread *thread;
    assert_ok(lt_thread_start(fail_and_exit, "lost", NULL, &thread));
    assert_ok(lt_thread_join(thread));
    assert_ok(lt_thread_free(thread));
}

TEST(it_is_for_functions_of_threads_and_tasks) {
    assert_status(lt_fail(1, "main"), LT_INVALID);
    must(last_error_names("lt_fail"));
    assert_status(lt_fail(1, NULL), LT_INVALID);
    must(strstr(lt_last_error(), "message") != NULL);
}

// ---- Arguments of tasks that never run

typedef struct parcel {
    lt_event *go;
    atomic_int *dropped;
} parcel;

static void *wait_for_go(void *arg) {
    must(lt_event_wait(((parcel *)arg)->go) == LT_OK);
    return NULL;
}

static void drop_parcel(void *arg) {
    atomic_fetch_add(((parcel *)arg)->dropped, 1);
}

TEST(the_argument_of_a_task_that_nobody_hears_of_is_dropped_when_it_is_cancelled) {
    atomic_int dropped = 0;
    parcel parcel = {lt_event_new(), &dropped};
    lt_pool *pool = lt_pool_new(1, NULL);
    lt_future *future;
    assert_ok(lt_pool_set_drop(pool, drop_parcel));
    assert_ok(lt_pool_submit(pool, wait_for_go, &parcel, NULL));
    lt_pool_info info = {.size = sizeof info};
    do {
        assert_ok(lt_pool_stats(pool, &info));
    } while (info.running == 0);
    for (int i = 0; i < 4; i++) {
        assert_ok(lt_pool_submit(pool, wait_for_go, &parcel, NULL));
    }
    assert_ok(lt_pool_submit(pool, wait_for_go, &parcel, &future));
    assert_ok(lt_pool_shutdown(pool, false, true));
    assert_int_equal(atomic_load(&dropped), 4);
    assert_status(lt_future_result(future, NULL), LT_CANCELLED);
    assert_ok(lt_future_free(future));
    assert_ok(lt_event_set(parcel.go));
    assert_ok(lt_pool_free(pool));
    assert_int_equal(atomic_load(&dropped), 4); // Not that of the task that ran.
    assert_ok(lt_event_free(parcel.go));
    pool = lt_pool_new(1, NULL);
    assert_ok(lt_pool_set_drop(pool, NULL));
    assert_ok(lt_pool_free(pool));
}
