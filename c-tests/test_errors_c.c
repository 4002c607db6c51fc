// Errors in threads, as plain C has them. What C++ sees is in test_errors.cpp.
// timeout: 60
// flags: -fexceptions -g
#include "support.h"

static _Atomic int cleanups, handlers, destructors, after, told;
static int told_code;
static int32_t told_kind;
static char told_type[64], told_message[4096], told_trace[16384], told_name[64];
static lt_ident told_ident;
static void *told_arg;

static void listen(const lt_error_info *info, void *arg) {
    must(info->size == sizeof *info);
    told_code = info->code;
    told_kind = info->kind;
    told_ident = info->ident;
    told_arg = arg;
    snprintf(told_type, sizeof told_type, "%s", info->type_name);
    snprintf(told_message, sizeof told_message, "%s", info->message);
    snprintf(told_trace, sizeof told_trace, "%s", lt_error_backtrace(info));
    snprintf(told_name, sizeof told_name, "%s", info->thread_name);
    atomic_fetch_add(&told, 1);
}

static void begin(void) {
    join_all_threads();
    cleanups = handlers = destructors = after = told = 0;
    assert_ok(lt_set_excepthook(listen, &told));
}

static void count_cleanup(int *scope) {
    (void)scope;
    atomic_fetch_add(&cleanups, 1);
}

static void count_handler(void *arg) {
    (void)arg;
    atomic_fetch_add(&handlers, 1);
}

static void count_destructor(void *arg) {
    (void)arg;
    atomic_fetch_add(&destructors, 1);
}

static void raise_from(int frames);
static void (*volatile raise_from_below)(int) = raise_from; // Hides from the compiler what it does.

__attribute__((noinline)) static void raise_from(int frames) {
    __attribute__((cleanup(count_cleanup), unused)) int scope = frames;
    pthread_cleanup_push(count_handler, NULL);
    if (frames > 1) {
        raise_from_below(frames - 1);
    } else {
        lt_raise(-12, "caf\xc3\xa9 closed");
    }
    atomic_fetch_add(&after, 1);
    pthread_cleanup_pop(0);
}

static void raise_from_frames(void *frames) {
    raise_from(*(int *)frames);
    atomic_fetch_add(&after, 1);
}

// On musl an error is no reason to call them, as they are no cleanups of frames there.
static int handlers_called(int frames) {
    return on_musl() ? 0 : frames;
}

static void check_raise_from(int frames) {
    begin();
    lt_ident ident;
    assert_ok(lt_start_new_thread_copy(raise_from_frames, &frames, sizeof frames, &ident));
    join_all_threads();
    assert_int_equal(cleanups, frames);
    assert_int_equal(handlers, handlers_called(frames));
    assert_int_equal(after, 0);
    assert_int_equal(told, 1);
    assert_int_equal(told_kind, LT_ERROR_RAISED);
    assert_int_equal(told_code, -12);
    assert_string_equal(told_type, "error");
    assert_string_equal(told_message, "caf\xc3\xa9 closed");
    assert_int_equal(told_ident, ident);
    assert_ptr_equal(told_arg, &told);
    assert_memory_equal(told_name, "Thread-", 7);
    assert_non_null(strstr(told_trace, "raise_from"));
    assert_true(!LT_HAS_LINES || strstr(told_trace, "test_errors_c.c:") != NULL);
    assert_null(strstr(told_trace, "lt_raise"));
}

TEST(a_raise_ends_the_thread_and_runs_its_cleanups) {
    check_raise_from(1);
}

TEST(a_raise_ends_the_thread_from_fifty_frames_down) {
    check_raise_from(50);
}

static void raise_bare(void *message) {
    lt_raise(0, message);
}

TEST(the_message_is_a_copy_and_may_be_null_or_long) {
    static char text[4096];
    memset(text, 'x', sizeof text - 1);
    begin();
    assert_ok(lt_start_new_thread(raise_bare, NULL, NULL));
    join_all_threads();
    assert_string_equal(told_message, "");
    assert_ok(lt_start_new_thread(raise_bare, text, NULL));
    join_all_threads();
    assert_string_equal(told_message, text);
    assert_int_equal(told_code, 0);
    lt_thread *thread;
    assert_ok(lt_thread_start(raise_bare, text, NULL, &thread));
    assert_status(lt_thread_join(thread), LT_FAILED);
    const lt_error_info *info;
    memset(text, 'y', 4);
    assert_ok(lt_thread_error(thread, &info));
    assert_int_equal(info->message[0], 'x');
    assert_ok(lt_thread_free(thread));
    assert_int_equal(told, 3);
}

static void raise_with_code(void *code) {
    lt_raise(*(int *)code, "code");
}

TEST(every_code_is_passed_on) {
    const int codes[] = {0, 1, -1, INT_MAX, INT_MIN};
    begin();
    for (size_t i = 0; i < LENGTH(codes); i++) {
        assert_ok(lt_start_new_thread_copy(raise_with_code, &codes[i], sizeof codes[i], NULL));
        join_all_threads();
        assert_int_equal(told_code, codes[i]);
    }
}

static pthread_key_t key;

static void set_key_and_raise(void *arg) {
    must(pthread_setspecific(key, arg) == 0);
    raise_from(2);
}

TEST(thread_specific_destructors_run) {
    skip_where_destructors_come_late();
    begin();
    assert_int_equal(pthread_key_create(&key, count_destructor), 0);
    assert_ok(lt_start_new_thread(set_key_and_raise, &key, NULL));
    join_all_threads();
    assert_int_equal(destructors, 1);
    assert_int_equal(told, 1);
    assert_int_equal(pthread_key_delete(key), 0);
}

static void raise_as_destructor(void *arg) {
    count_destructor(arg);
    lt_raise(3, "from a destructor");
}

static void set_key(void *arg) {
    must(pthread_setspecific(key, arg) == 0);
}

TEST(a_raise_in_a_thread_specific_destructor_is_told) {
    skip_where_destructors_come_late();
    begin();
    assert_int_equal(pthread_key_create(&key, raise_as_destructor), 0);
    assert_ok(lt_start_new_thread(set_key, &key, NULL));
    join_all_threads();
    assert_int_equal(destructors, 1);
    assert_int_equal(told, 1);
    assert_string_equal(told_message, "from a destructor");
    assert_int_equal(pthread_key_delete(key), 0);
}

static void *raise_in_pthread(void *arg) {
    raise_from(3);
    return arg;
}

TEST(a_raise_ends_a_thread_of_others) {
    begin();
    pthread_t thread;
    void *result = &result;
    assert_int_equal(pthread_create(&thread, NULL, raise_in_pthread, &key), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_true(result != &key || !has_pthreads()); // It gives what it was given.
    assert_int_equal(cleanups, on_musl() ? 0 : 3); // Which unwinds no thread of others.
    assert_int_equal(handlers, 3);
    assert_int_equal(told, 1);
    assert_string_equal(told_message, "caf\xc3\xa9 closed");
    assert_non_null(strstr(told_trace, "raise_from"));
}

static lt_event *hook_waits;

static void wait_in_hook(const lt_error_info *info, void *arg) {
    listen(info, arg);
    must(lt_event_wait(hook_waits) == LT_OK);
}

TEST(a_joinable_thread_is_alive_while_its_hook_runs) {
    begin();
    hook_waits = lt_event_new();
    assert_ok(lt_set_excepthook(wait_in_hook, NULL));
    lt_thread *thread;
    assert_ok(lt_thread_start(raise_bare, "waits", NULL, &thread));
    must_soon(told == 1);
    assert_true(lt_thread_is_alive(thread));
    assert_status(lt_thread_try_join(thread), LT_BUSY);
    assert_int_equal(lt_thread_count(), 1);
    assert_status(lt_shutdown(0.0), LT_TIMED_OUT);
    // Another hook now does not harm the one that runs.
    assert_ok(lt_set_excepthook(listen, &told));
    assert_ok(lt_event_set(hook_waits));
    assert_status(lt_thread_join(thread), LT_FAILED);
    assert_ok(lt_thread_free(thread));
    assert_ok(lt_event_free(hook_waits));
}

static void set_the_hook_again(void *stop) {
    while (!atomic_load((_Atomic bool *)stop)) {
        must(lt_set_excepthook(listen, &told) == LT_OK);
    }
}

TEST(the_hook_may_be_set_while_threads_fail) {
    begin();
    _Atomic bool stop = false;
    assert_ok(lt_start_new_thread(set_the_hook_again, (void *)&stop, NULL));
    for (int i = 0; i < 20; i++) {
        lt_thread *thread;
        assert_ok(lt_thread_start(raise_bare, "stormy", NULL, &thread));
        assert_status(lt_thread_join(thread), LT_FAILED);
        assert_ok(lt_thread_free(thread));
        assert_int_equal(told, i + 1);
    }
    atomic_store(&stop, true);
    join_all_threads();
}

// Until the system has seen them out as well: where threads are not those of POSIX they are counted out before, and
// their stacks are still there.
static void see_all_threads_out(size_t others) {
    join_all_threads();
    must_soon(count_threads() <= others);
}

TEST(threads_that_fail_leave_nothing_behind) {
    begin();
    lt_errors *errors = lt_errors_new();
    size_t before = 0, others = count_threads();
    int many = repetitions(3000);
    for (int i = 0; i < many; i++) {
        if (i % 20 == 0) {
            see_all_threads_out(others);
        }
        if (i == many / 3) {
            before = resident_bytes();
        }
        assert_ok(lt_spawn(raise_bare, "a message that takes some memory of its own", errors, NULL));
    }
    see_all_threads_out(others);
    assert_int_equal(lt_errors_count(errors), many);
    assert_int_equal(told, 0);
    assert_true(!memory_tells() || resident_bytes() < before + 1024 * 1024);
    assert_ok(lt_errors_free(errors));
}

static void raise_in_child(void *arg) {
    (void)arg;
    raise_from(3);
}

TEST(a_raise_on_the_main_thread_ends_the_process_with_1) {
    begin();
    int status = run_in_child(raise_in_child, NULL);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
}
