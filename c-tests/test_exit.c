// lt_exit(). What it does in C++ is in test_exit_cpp.cpp.
// flags: -fexceptions
#include "support.h"

static _Atomic int cleanups, handlers, destructors, after;

static void reset_counters(void) {
    cleanups = handlers = destructors = after = 0;
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

static void exit_from(int frames);
static void (*volatile exit_from_below)(int) = exit_from; // Hides from the compiler what it does.

// Ends the thread from this many frames down.
static void exit_from(int frames) {
    __attribute__((cleanup(count_cleanup), unused)) int scope = frames;
    pthread_cleanup_push(count_handler, NULL);
    if (frames > 1) {
        exit_from_below(frames - 1);
    } else {
        lt_exit();
    }
    atomic_fetch_add(&after, 1);
    pthread_cleanup_pop(0);
}

static void exit_from_frames(void *frames) {
    exit_from(*(int *)frames);
    atomic_fetch_add(&after, 1);
}

static void check_exit_from(int frames) {
    reset_counters();
    assert_ok(lt_start_new_thread_copy(exit_from_frames, &frames, sizeof frames, NULL));
    join_all_threads();
    assert_int_equal(cleanups, frames);
    assert_int_equal(handlers, frames);
    assert_int_equal(after, 0);
}

TEST(it_ends_the_thread_and_runs_its_cleanups) {
    check_exit_from(1);
}

TEST(it_ends_the_thread_from_fifty_frames_down) {
    check_exit_from(50);
}

static void just_exit(void *arg) {
    (void)arg;
    lt_exit();
}

TEST(a_thousand_threads_that_exit_leave_nothing_behind) {
    for (int i = 0; i < 1000; i++) {
        assert_ok(lt_start_new_thread_copy(just_exit, &i, sizeof i, NULL));
    }
    join_all_threads();
}

static void exit_as_the_function(void *arg) {
    (void)arg;
    exit_from(3);
}

static lt_status wait_for_event(void *event) {
    return lt_event_wait(event);
}

TEST(other_threads_go_on) {
    lt_event *leave = lt_event_new();
    waiter w;
    waiter_start(&w, wait_for_event, leave);
    for (int i = 0; i < 50; i++) {
        assert_ok(lt_start_new_thread(exit_as_the_function, NULL, NULL));
    }
    must_soon(lt_thread_count() == 1);
    assert_ok(lt_event_set(leave));
    assert_ok(waiter_join(&w));
    assert_ok(lt_event_free(leave));
}

static pthread_key_t key;

static void set_key_and_exit(void *arg) {
    must(pthread_setspecific(key, arg) == 0);
    exit_from(2);
}

TEST(thread_specific_destructors_run) {
    skip_where_destructors_come_late();
    reset_counters();
    assert_int_equal(pthread_key_create(&key, count_destructor), 0);
    assert_ok(lt_start_new_thread(set_key_and_exit, &key, NULL));
    join_all_threads();
    assert_int_equal(destructors, 1);
    assert_int_equal(pthread_key_delete(key), 0);
}

static void copy_outlives(void *arg) {
    must(memcmp(arg, "still there", 12) == 0);
    count_destructor(arg);
}

TEST(arguments_by_value_outlive_the_destructors) {
    skip_where_destructors_come_late();
    reset_counters();
    assert_int_equal(pthread_key_create(&key, copy_outlives), 0);
    assert_ok(lt_start_new_thread_copy(set_key_and_exit, "still there", 12, NULL));
    join_all_threads();
    assert_int_equal(destructors, 1);
    assert_int_equal(pthread_key_delete(key), 0);
}

static void *exit_a_foreign_thread(void *arg) {
    if (arg != NULL) {
        must(lt_get_ident() != 0); // One that the library knows, and one that it has never seen.
    }
    exit_from(50);
    return &after;
}

static void check_foreign(void *arg) {
    reset_counters();
    pthread_t thread;
    void *result = &thread;
    assert_int_equal(pthread_create(&thread, NULL, exit_a_foreign_thread, arg), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_true(result == NULL || !has_pthreads()); // Or it has none.
    assert_int_equal(cleanups, on_musl() ? 0 : 50); // Which unwinds no thread of others.
    assert_int_equal(handlers, 50);
    assert_int_equal(after, 0);
    assert_int_equal(lt_thread_count(), 0);
}

TEST(it_ends_a_thread_that_the_library_did_not_start) {
    check_foreign(NULL);
    check_foreign(&after);
}

// ---- On the main thread: in a child, which tells through a pipe what happened.

typedef struct child {
    void (*body)(void);
    int pipe[2];
    char output[256];
    ssize_t length;
    int status;
} child;

static int tell_fd;

static void tell(const char *what) {
    must(write(tell_fd, what, strlen(what)) == (ssize_t)strlen(what));
}

static void tell_at_exit(void) {
    tell("[atexit]");
}

static void tell_cleanup(int *scope) {
    (void)scope;
    tell("[cleanup]");
}

static void run_body(void *arg) {
    const child *c = arg;
    alarm(20);
    tell_fd = c->pipe[1];
    must(dup2(c->pipe[1], STDERR_FILENO) == STDERR_FILENO);
    must(dup2(c->pipe[1], STDOUT_FILENO) == STDOUT_FILENO);
    must(setvbuf(stdout, NULL, _IOFBF, BUFSIZ) == 0);
    must(atexit(tell_at_exit) == 0);
    c->body();
    tell("[after]");
}

static void check_child(void (*body)(void), const char *expected) {
    child c = {.body = body};
    assert_int_equal(pipe(c.pipe), 0);
    c.status = run_in_child(run_body, &c);
    assert_int_equal(close(c.pipe[1]), 0);
    for (ssize_t n; (n = read(c.pipe[0], c.output + c.length, 255 - (size_t)c.length)) > 0;) {
        c.length += n;
    }
    assert_int_equal(close(c.pipe[0]), 0);
    assert_string_equal(c.output, expected);
    assert_true(WIFEXITED(c.status));
    assert_int_equal(WEXITSTATUS(c.status), 0);
}

static void exit_main(void) {
    __attribute__((cleanup(tell_cleanup), unused)) int scope = 0;
    printf("[buffered]");
    lt_exit();
}

TEST(on_the_main_thread_it_ends_the_process_like_exit_0) {
    check_child(exit_main, "[atexit][buffered]");
}

static void exit_main_with_threads(void) {
    lt_event *never = lt_event_new();
    waiter w;
    waiter_start(&w, wait_for_event, never);
    lt_exit();
}

TEST(on_the_main_thread_it_does_not_wait_for_the_others) {
    check_child(exit_main_with_threads, "[atexit]");
}

static void exit_silently(void) {
    must(lt_start_new_thread(exit_as_the_function, NULL, NULL) == LT_OK);
    join_all_threads();
    tell("[joined]");
    lt_exit();
}

TEST(it_is_silent) {
    check_child(exit_silently, "[joined][atexit]");
}

static void exit_in_forked_child(void *arg) {
    (void)arg;
    must(lt_main_ident() == lt_get_ident());
    lt_exit(); // This thread was a worker; in the child it is the main thread.
}

static lt_status fork_and_exit(void *arg) {
    int status = run_in_child(exit_in_forked_child, arg);
    must(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return LT_OK;
}

TEST(a_worker_that_forked_ends_its_process) {
    child c;
    assert_int_equal(pipe(c.pipe), 0);
    tell_fd = c.pipe[1];
    assert_int_equal(atexit(tell_at_exit), 0);
    waiter w;
    waiter_launch(&w, fork_and_exit, NULL);
    assert_ok(waiter_join(&w));
    char byte;
    assert_int_equal(read(c.pipe[0], &byte, 1), 1); // Its atexit handlers ran.
    assert_int_equal(byte, '[');
}
