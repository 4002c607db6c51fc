// Panics of Rust that leave a thread function; the functions are in panic/panics.rs.
// timeout: 60
#include "support.h"

#include <dlfcn.h>

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
    snprintf(told_trace, sizeof told_trace, "%s", info->backtrace);
    atomic_fetch_add(&told, 1);
}

static void *library;
static int (*take_dropped)(void);

static void *symbol(const char *name) {
    void *found = dlsym(library, name);
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
    snprintf(path, sizeof path, "%s/panics.so", directory != NULL ? directory : ".");
    library = dlopen(path, RTLD_NOW);
    if (library == NULL) {
        skip_because("no panics.so: run it by ctest");
    }
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
        assert_non_null(strstr(told_trace, "panic_below"));
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
