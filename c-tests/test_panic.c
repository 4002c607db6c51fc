// Panics of Rust that leave a thread function; the functions are in panic/panics.rs.
// timeout: 60
#include "support.h"

static _Atomic int told;
static int32_t told_kind;
static int told_code;
static char told_type[64], told_message[256], told_trace[16384];

static void listen(const lt_error_info *info, void *arg) {
    (void)arg;
    told_kind = info->kind;
    told_code = info->code;
    snprintf(told_type, sizeof told_type, "%s", info->type_name);
    snprintf(told_message, sizeof told_message, "%s", info->message);
    snprintf(told_trace, sizeof told_trace, "%s", lt_error_backtrace(info));
    atomic_fetch_add(&told, 1);
}

#if defined __SANITIZE_ADDRESS__
// What is leaked of a panic: see docs/errors.md.
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:panics.so\n";
}
#endif

static void *library;
static int (*take_dropped)(void);

static void *symbol(const char *name) {
    void *found = find_function(library, name);
    must_for(name, found != NULL);
    return found;
}

static lt_thread_fn thread_function(const char *name) {
    void *found = symbol(name);
    lt_thread_fn function;
    memcpy(&function, &found, sizeof function);
    return function;
}

static void begin(void) {
    skip_where_nothing_is_loaded();
    char path[4096];
    const char *directory = getenv("LT_SHIM_DIR");
    if (directory == NULL) {
        skip_because("where panics.so is only ctest knows");
    }
    snprintf(path, sizeof path, "%s/panics.so", directory);
    library = load_library(path);
    assert_non_null(library);
    void *found = symbol("take_dropped");
    memcpy(&take_dropped, &found, sizeof take_dropped);
    thread_function("silence_panics")(NULL);
    take_dropped();
    told = 0;
    assert_ok(lt_set_excepthook(listen, NULL));
}

static void check_panic(const char *name, int dropped) {
    begin();
    for (int i = 1; i <= 10; i++) {
        lt_thread *thread;
        const lt_error_info *info = NULL;
        assert_ok(lt_thread_start(thread_function(name), NULL, NULL, &thread));
        assert_status(lt_thread_join(thread), LT_FAILED);
        assert_ok(lt_thread_error(thread, &info));
        assert_int_equal(info->kind, LT_ERROR_RUST);
        assert_ok(lt_thread_free(thread));
        assert_int_equal(told, i);
        assert_int_equal(told_kind, LT_ERROR_RUST);
        assert_int_equal(told_code, 0);
        assert_string_equal(told_type, "panic");
        assert_int_not_equal(strlen(told_message), 0);
        assert_true(!throws_are_traced() || strstr(told_trace, "panic_below") != NULL);
        assert_int_equal(take_dropped(), dropped);
        assert_int_equal(lt_thread_count(), 0);
    }
}

TEST(a_panic_ends_the_thread_alone) {
    check_panic("panic_with_text", 1);
}

TEST(a_panic_runs_the_destructors) {
    check_panic("panic_with_format", 10);
}

// The payload, which counts too, is leaked: only the runtime that made it could drop it.
TEST(a_panic_may_have_any_payload) {
    check_panic("panic_with_payload", 3);
}

TEST(a_panic_goes_to_a_container) {
    begin();
    lt_errors *errors = lt_errors_new();
    const lt_error_info *info;
    assert_ok(lt_spawn(thread_function("panic_with_text"), NULL, errors, NULL));
    join_all_threads();
    assert_ok(lt_errors_get(errors, &info));
    assert_int_equal(info->kind, LT_ERROR_RUST);
    assert_ok(lt_errors_free(errors));
    assert_int_equal(told, 0);
}

TEST(a_panic_that_stays_inside_is_no_business_of_the_library) {
    begin();
    lt_thread *thread;
    assert_ok(lt_thread_start(thread_function("panic_and_catch"), NULL, NULL, &thread));
    assert_ok(lt_thread_join(thread));
    assert_ok(lt_thread_free(thread));
    assert_int_equal(take_dropped(), 3);
    assert_int_equal(told, 0);
}

static void exit_instead(int code, const char *message) {
    (void)code;
    (void)message;
    lt_exit();
}

static void check_left_through_rust(void (*leave)(int, const char *), lt_status status) {
    begin();
    void *argument;
    memcpy(&argument, &leave, sizeof argument);
    lt_thread *thread;
    assert_ok(lt_thread_start(thread_function("leave_through_rust"), argument, NULL, &thread));
    assert_status(lt_thread_join(thread), status);
    assert_ok(lt_thread_free(thread));
    assert_int_equal(take_dropped(), 3);
    assert_int_equal(lt_thread_count(), 0);
}

TEST(a_raise_runs_destructors_of_rust) {
    check_left_through_rust(lt_raise, LT_FAILED);
    assert_int_equal(told, 1);
    assert_int_equal(told_kind, LT_ERROR_RAISED);
    assert_int_equal(told_code, 5);
    assert_string_equal(told_message, "raised");
}

TEST(an_exit_runs_destructors_of_rust) {
    check_left_through_rust(exit_instead, LT_OK);
    assert_int_equal(told, 0);
}

// ---- What is left of a panic

static lt_task_fn task_function(const char *name) {
    void *found = symbol(name);
    lt_task_fn function;
    memcpy(&function, &found, sizeof function);
    return function;
}

// A task of Rust that runs after others finds no panic of theirs.
static void must_be_calm(lt_pool *pool) {
    lt_future *future;
    void *panicking;
    assert_ok(lt_pool_submit(pool, task_function("is_panicking"), NULL, &future));
    assert_ok(lt_future_result(future, &panicking));
    assert_null(panicking);
    assert_ok(lt_future_free(future));
}

TEST(no_task_finds_the_panic_of_another) {
    begin();
    lt_pool *pool = lt_pool_new(1, NULL);
    for (int i = 1; i <= 20; i++) {
        lt_future *future;
        assert_ok(lt_pool_submit(pool, task_function("panic_in_task"), NULL, &future));
        assert_status(lt_future_result(future, NULL), LT_FAILED);
        assert_ok(lt_future_free(future));
        must_be_calm(pool);
        assert_ok(lt_pool_submit(pool, task_function("panic_in_task"), NULL, NULL));
        must_be_calm(pool);
        assert_int_equal(atomic_load(&told), i); // Of the one without a future.
        lt_pool_info info = {.size = sizeof info};
        assert_ok(lt_pool_stats(pool, &info));
        assert_int_equal(info.workers, 1);
    }
    assert_ok(lt_pool_free(pool));
    assert_int_equal(lt_thread_count(), 0);
}

static void panic_when_done(lt_future *future, void *arg) {
    (void)future;
    (void)arg;
    thread_function("panic_with_text")(NULL);
}

static void *wait_for_it(void *event) {
    must(lt_event_wait(event) == LT_OK);
    return NULL;
}

TEST(no_task_finds_the_panic_of_a_callback) {
    begin();
    lt_pool *pool = lt_pool_new(1, NULL);
    lt_event *go = lt_event_new();
    for (int i = 0; i < 20; i++) {
        lt_future *future;
        assert_ok(lt_event_clear(go));
        assert_ok(lt_pool_submit(pool, wait_for_it, go, &future));
        assert_ok(lt_future_add_done_callback(future, panic_when_done, NULL));
        assert_ok(lt_event_set(go)); // So the worker calls back.
        assert_ok(lt_future_result(future, NULL));
        assert_ok(lt_future_free(future));
        must_be_calm(pool);
    }
    assert_ok(lt_event_free(go));
    assert_ok(lt_pool_free(pool));
}

static atomic_int calls, panicked_before;

static void panic_in_turn(void *arg) {
    (void)arg;
    if (task_function("is_panicking")(NULL) != NULL) {
        atomic_fetch_add(&panicked_before, 1);
    }
    atomic_fetch_add(&calls, 1);
    thread_function("panic_with_text")(NULL);
}

static void panic_at_signal(int signum, void *arg) {
    (void)signum;
    panic_in_turn(arg);
}

TEST(no_callback_of_a_timer_finds_the_panic_of_another) {
    begin();
    lt_timer *timer;
    calls = panicked_before = 0;
    assert_ok(lt_timer_start(0.001, 0.001, panic_in_turn, NULL, &timer));
    must_soon(atomic_load(&calls) >= 10);
    assert_ok(lt_timer_free(timer));
    assert_int_equal(panicked_before, 0);
    must_soon(atomic_load(&told) >= 10);
}

TEST(no_callback_of_a_signal_finds_the_panic_of_another) {
    begin();
    calls = panicked_before = 0;
    skip_without_signals();
    assert_ok(lt_signal_to_callback(SIGUSR1, panic_at_signal, NULL));
    for (int i = 1; i <= 10; i++) {
        must(raise(SIGUSR1) == 0);
        must_soon(atomic_load(&calls) == i);
    }
    assert_ok(lt_signal_restore(SIGUSR1));
    assert_int_equal(panicked_before, 0);
}
