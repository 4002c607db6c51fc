// Joinable threads: options, joins, what is known of a thread, names, lt_shutdown(), lt_enumerate().
// timeout: 60
#include "waits.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

// A thread that stays until it is told to leave.
typedef struct stayer {
    lt_event *leave;
    lt_thread *thread;
    _Atomic int64_t native_id;
    _Atomic lt_ident ident;
    _Atomic bool left;
} stayer;

static void stay(void *arg) {
    stayer *s = arg;
    atomic_store(&s->ident, lt_get_ident());
    atomic_store(&s->native_id, lt_get_native_id());
    while (lt_event_wait(s->leave) != LT_OK) {
    }
    atomic_store(&s->left, true);
}

static void stayer_start_with(stayer *s, const lt_thread_options *options) {
    *s = (stayer){.leave = lt_event_new()};
    must(lt_thread_start(stay, s, options, &s->thread) == LT_OK);
    must_soon(atomic_load(&s->native_id) != 0);
}

static void stayer_start(stayer *s) {
    stayer_start_with(s, NULL);
}

static void stayer_end(stayer *s) {
    must(lt_event_set(s->leave) == LT_OK);
    if (s->thread != NULL) {
        must(lt_thread_join(s->thread) == LT_OK);
        must(lt_thread_free(s->thread) == LT_OK);
    }
    join_all_threads();
    must(lt_event_free(s->leave) == LT_OK);
}

static void do_nothing(void *arg) {
    (void)arg;
}

static void add_one(void *counter) {
    atomic_fetch_add((_Atomic int *)counter, 1);
}

static void raise_as(void *message) {
    lt_raise(17, message);
}

static void ignore_error(const lt_error_info *info, void *arg) {
    (void)info;
    (void)arg;
}

// ---- Starting

TEST(a_thread_runs_with_its_argument_and_is_joined) {
    _Atomic int counter = 0;
    lt_thread *thread = NULL;
    assert_ok(lt_thread_start(add_one, &counter, NULL, &thread));
    assert_non_null(thread);
    assert_ok(lt_thread_join(thread));
    assert_int_equal(counter, 1);
    assert_false(lt_thread_is_alive(thread));
    assert_ok(lt_thread_free(thread));
    assert_status(lt_thread_join(thread), LT_BAD_HANDLE);
    assert_status(lt_thread_free(thread), LT_BAD_HANDLE);
    assert_ok(lt_thread_free(NULL));
}

TEST(without_a_place_for_the_handle_the_thread_is_detached) {
    _Atomic int counter = 0;
    lt_thread_options options = {.size = sizeof options, .name = "detached"};
    assert_ok(lt_thread_start(add_one, &counter, NULL, NULL));
    assert_ok(lt_thread_start(add_one, &counter, &options, NULL));
    join_all_threads();
    assert_int_equal(counter, 2);
}

TEST(a_null_function_is_invalid) {
    lt_thread *thread = (lt_thread *)&thread;
    assert_status(lt_thread_start(NULL, NULL, NULL, &thread), LT_INVALID);
    assert_true(last_error_names("lt_thread_start"));
    assert_non_null(strstr(lt_last_error(), "function"));
    assert_ptr_equal(thread, &thread);
    assert_status(lt_thread_start(NULL, NULL, NULL, NULL), LT_INVALID);
}

TEST(options_of_a_wrong_size_are_invalid) {
    const size_t sizes[] = {0, 1, sizeof(size_t) - 1, 4097, SIZE_MAX}; // More of them: test_sizes.c
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        char room[8192] = {0};
        memcpy(room, &sizes[i], sizeof sizes[i]);
        lt_thread *thread = NULL;
        lt_status status = lt_thread_start(do_nothing, NULL, (void *)room, &thread);
        assert_status(status, LT_INVALID);
        assert_true(last_error_names("lt_thread_start"));
        assert_non_null(strstr(lt_last_error(), "size"));
        assert_null(thread);
    }
    assert_int_equal(lt_thread_count(), 0);
}

static void store_own_name(void *buffer) {
    must(lt_thread_name(lt_get_ident(), buffer, 64) == LT_OK);
}

// An older program knows less of the struct: what it does not know counts as zero.
TEST(shorter_options_of_an_older_program_are_fine) {
    lt_thread_options options = {.size = offsetof(lt_thread_options, stack_size),
        .name = "older",
        .stack_size = 1, // Not to be read.
        .daemon = true,
        .errors = (lt_errors *)&options};
    char name[64] = "";
    lt_thread *thread = NULL;
    assert_ok(lt_thread_start(store_own_name, name, &options, &thread));
    assert_ok(lt_thread_join(thread));
    assert_string_equal(name, "older");
    assert_false(lt_thread_daemon(thread));
    assert_ok(lt_thread_free(thread));
}

TEST(names_are_copied_and_must_be_utf_8) {
    const char *good[] = {"a", "", "caf\xc3\xa9", "\xf0\x9f\xa6\x80 crab",
        "a name that is longer than the fifteen bytes of the system"};
    for (size_t i = 0; i < LENGTH(good); i++) {
        char given[100], name[64] = "not set";
        strcpy(given, good[i]);
        lt_thread_options options = {.size = sizeof options, .name = given};
        lt_thread *thread = NULL;
        assert_ok(lt_thread_start(store_own_name, name, &options, &thread));
        memset(given, 'x', sizeof given - 1);
        assert_ok(lt_thread_join(thread));
        assert_string_equal(name, good[i]);
        assert_ok(lt_thread_free(thread));
    }
    const char *bad[] = {"\xff", "caf\xe9", "\xc3", "\xf0\x9f\xa6", "\xed\xa0\x80", "\xc0\x80"};
    for (size_t i = 0; i < LENGTH(bad); i++) {
        lt_thread_options options = {.size = sizeof options, .name = bad[i]};
        lt_thread *thread = NULL;
        assert_status(lt_thread_start(do_nothing, NULL, &options, &thread), LT_INVALID);
        assert_non_null(strstr(lt_last_error(), "name"));
        assert_null(thread);
        assert_status(lt_thread_start(do_nothing, NULL, &options, NULL), LT_INVALID);
        assert_status(lt_set_thread_name(bad[i]), LT_INVALID);
    }
    assert_int_equal(lt_thread_count(), 0);
}

TEST(default_names_count_up) {
    char first[64], second[64];
    lt_thread *threads[2];
    assert_ok(lt_thread_start(store_own_name, first, NULL, &threads[0]));
    assert_ok(lt_thread_join(threads[0]));
    assert_ok(lt_thread_start(store_own_name, second, NULL, &threads[1]));
    assert_ok(lt_thread_join(threads[1]));
    int a = 0, b = 0;
    char rest;
    assert_int_equal(sscanf(first, "Thread-%d%c", &a, &rest), 1);
    assert_int_equal(sscanf(second, "Thread-%d%c", &b, &rest), 1);
    assert_true(0 < a && a < b);
    assert_ok(lt_thread_free(threads[0]));
    assert_ok(lt_thread_free(threads[1]));
}

static void store_stack_size(void *size) {
    pthread_attr_t attributes;
    void *address;
    must(pthread_getattr_np(pthread_self(), &attributes) == 0);
    must(pthread_attr_getstack(&attributes, &address, size) == 0);
    pthread_attr_destroy(&attributes);
}

TEST(a_stack_size_is_for_that_thread) {
    const size_t asked[] = {4096, 4097, 100000, 262144, 1 << 20, 16 << 20};
    for (size_t i = 0; i < LENGTH(asked); i++) {
        lt_thread_options options = {.size = sizeof options, .stack_size = asked[i]};
        size_t size = 0;
        lt_thread *thread;
        assert_ok(lt_thread_start(store_stack_size, &size, &options, &thread));
        assert_ok(lt_thread_join(thread));
        assert_true(size >= asked[i]);
        assert_ok(lt_thread_free(thread));
        assert_int_equal(lt_stack_size(), 0);
    }
    const size_t bad[] = {1, 4095, SIZE_MAX / 2 + 1, SIZE_MAX};
    for (size_t i = 0; i < LENGTH(bad); i++) {
        lt_thread_options options = {.size = sizeof options, .stack_size = bad[i]};
        lt_thread *thread = NULL;
        assert_status(lt_thread_start(do_nothing, NULL, &options, &thread), LT_INVALID);
        assert_null(thread);
    }
    assert_ok(lt_set_stack_size(32 << 20)); // The system may give more: what it had for another one.
    lt_thread_options options = {.size = sizeof options};
    size_t size = 0;
    lt_thread *thread;
    assert_ok(lt_thread_start(store_stack_size, &size, &options, &thread));
    assert_ok(lt_thread_join(thread));
    assert_true(size >= 32 << 20);
    assert_ok(lt_thread_free(thread));
    assert_ok(lt_set_stack_size(0));
}

TEST(a_thread_that_the_system_refuses_leaves_nothing_behind) {
    lt_thread_options options = {.size = sizeof options, .stack_size = too_large_a_stack()};
    lt_thread *thread = NULL;
    for (int i = 0; i < 100; i++) {
        assert_status(lt_thread_start(do_nothing, NULL, &options, &thread), LT_NO_THREAD);
        assert_int_not_equal(lt_last_errno(), 0);
        assert_null(thread);
        assert_int_equal(lt_thread_count(), 0);
    }
    assert_ok(lt_shutdown(0.0));
}

// ---- Joining

TEST(a_join_blocks_until_the_end) {
    stayer s;
    stayer_start(&s);
    assert_status(lt_thread_try_join(s.thread), LT_BUSY);
    assert_status(lt_thread_join_timeout(s.thread, 0.0), LT_TIMED_OUT);
    assert_true(lt_thread_is_alive(s.thread));
    assert_ok(lt_event_set(s.leave));
    assert_ok(lt_thread_join(s.thread));
    assert_true(s.left);
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_thread_join(s.thread));
        assert_ok(lt_thread_try_join(s.thread));
        assert_ok(lt_thread_join_timeout(s.thread, 0.0));
        assert_ok(lt_thread_join_timeout(s.thread, 1.0));
    }
    stayer_end(&s);
}

static lt_status join_call(void *thread) {
    return lt_thread_join(thread);
}

TEST(any_number_of_threads_join_at_once) {
    enum { JOINERS = 10 };
    waiter w[JOINERS];
    for (int round = 0; round < 20; round++) {
        stayer s;
        stayer_start(&s);
        for (int i = 0; i < JOINERS; i++) {
            waiter_launch(&w[i], join_call, s.thread);
        }
        for (int i = 0; i < JOINERS && round % 2 == 0; i++) {
            must_soon(waiter_asleep(&w[i]));
        }
        assert_status(lt_thread_try_join(s.thread), LT_BUSY);
        assert_ok(lt_event_set(s.leave));
        for (int i = 0; i < JOINERS; i++) {
            assert_ok(waiter_join(&w[i]));
        }
        stayer_end(&s);
    }
}

TEST(a_joined_thread_is_gone_from_the_system) {
    size_t before = count_threads();
    for (int i = 0; i < 300; i++) {
        lt_thread *thread;
        assert_ok(lt_thread_start(do_nothing, NULL, NULL, &thread));
        int64_t id = lt_thread_native_id(thread);
        assert_int_not_equal(id, 0);
        if (i % 3 == 0) {
            assert_ok(lt_thread_join(thread));
        } else if (i % 3 == 1) {
            assert_ok(lt_thread_join_timeout(thread, 1000.0));
        } else {
            lt_status status;
            while ((status = lt_thread_try_join(thread)) == LT_BUSY) {
                sched_yield();
            }
            assert_ok(status);
        }
        assert_int_equal(lt_thread_count(), 0);
        // Linux takes it off the list a moment after it has told pthread_join().
        must_soon(thread_state(id) == 0);
        must_soon(count_threads() <= before);
        assert_ok(lt_thread_free(thread));
    }
}

static bool of_time_out(lt_thread *thread, double seconds) {
    double began = lt_monotonic();
    lt_status status = lt_thread_join_timeout(thread, seconds);
    double took = seconds_since(began);
    return status == LT_TIMED_OUT && took >= seconds && took < seconds + SLACK;
}

typedef struct timed_join {
    lt_thread *thread;
    double seconds;
} timed_join;

static lt_status timed_join_call(void *arg) {
    const timed_join *t = arg;
    return lt_thread_join_timeout(t->thread, t->seconds);
}

TEST(a_join_with_a_timeout_ends_in_time) {
    stayer s;
    stayer_start(&s);
    const double bounded[] = {0.0, -0.0, DBL_MIN, 1e-10, 1e-9, 1e-6, 0.001, 0.03, 0.2};
    for (size_t i = 0; i < LENGTH(bounded); i++) {
        assert_true(of_time_out(s.thread, bounded[i]));
    }
    const double refused[] = {NAN, -NAN, ABOVE_TIMEOUT_MAX, DBL_MAX, INFINITY};
    for (size_t i = 0; i < LENGTH(refused); i++) {
        assert_status(
            lt_thread_join_timeout(s.thread, refused[i]), i < 2 ? LT_INVALID : LT_OVERFLOW);
        assert_true(last_error_names("lt_thread_join_timeout"));
        assert_non_null(strstr(lt_last_error(), "seconds"));
    }
    const double unbounded[] = {LT_FOREVER, -0.5, -DBL_MIN, -INFINITY, LT_TIMEOUT_MAX, 1e9};
    enum { N = LENGTH(unbounded) };
    waiter w[N];
    timed_join t[N];
    for (int i = 0; i < N; i++) {
        t[i] = (timed_join){s.thread, unbounded[i]};
        waiter_start(&w[i], timed_join_call, &t[i]);
    }
    assert_ok(lt_event_set(s.leave));
    for (int i = 0; i < N; i++) {
        assert_ok(waiter_join(&w[i]));
        assert_ok(lt_thread_join_timeout(s.thread, unbounded[i]));
    }
    for (size_t i = 0; i < LENGTH(refused); i++) { // Also of one that is over.
        assert_status(
            lt_thread_join_timeout(s.thread, refused[i]), i < 2 ? LT_INVALID : LT_OVERFLOW);
    }
    stayer_end(&s);
}

static void join_self(void *self) {
    lt_thread *_Atomic *thread = self;
    must_soon(atomic_load(thread) != NULL);
    must(lt_thread_join(*thread) == LT_DEADLOCK);
    must(last_error_names("lt_thread_join"));
    must(lt_thread_try_join(*thread) == LT_DEADLOCK);
    must(lt_thread_join_timeout(*thread, 1.0) == LT_DEADLOCK);
    must(lt_thread_join_timeout(*thread, NAN) == LT_INVALID);
    must(lt_thread_is_alive(*thread));
    must(lt_thread_ident(*thread) == lt_get_ident());
    must(lt_thread_native_id(*thread) == lt_get_native_id());
}

TEST(a_thread_that_joins_itself_is_told_so) {
    lt_thread *_Atomic self = NULL;
    lt_thread *thread;
    assert_ok(lt_thread_start(join_self, (void *)&self, NULL, &thread));
    atomic_store(&self, thread);
    assert_ok(lt_thread_join(thread));
    assert_ok(lt_thread_free(thread));
}

static lt_status interrupt_main_when_asleep(void *arg) {
    (void)arg;
    must_soon(asleep(getpid()));
    return lt_interrupt_main(SIGUSR2);
}

TEST(a_join_by_the_main_thread_is_interrupted) {
    stayer s;
    stayer_start(&s);
    for (int i = 0; i < 5; i++) {
        waiter w;
        waiter_launch(&w, interrupt_main_when_asleep, NULL);
        assert_status(i % 2 ? lt_thread_join(s.thread) : lt_thread_join_timeout(s.thread, 1000.0),
            LT_INTERRUPTED);
        assert_int_equal(lt_interrupt_signal(), SIGUSR2);
        assert_ok(waiter_join(&w));
        assert_true(lt_thread_is_alive(s.thread));
    }
    // A poll, and a join that need not wait, leave it pending.
    assert_ok(lt_interrupt_main(SIGUSR2));
    assert_status(lt_thread_try_join(s.thread), LT_BUSY);
    assert_status(lt_thread_join_timeout(s.thread, 0.0), LT_TIMED_OUT);
    assert_ok(lt_event_set(s.leave));
    must_soon(!lt_thread_is_alive(s.thread));
    assert_ok(lt_thread_join(s.thread));
    assert_status(lt_check_interrupt(), LT_INTERRUPTED);
    stayer_end(&s);
}

TEST(a_thread_that_failed_says_so_at_every_join) {
    assert_ok(lt_set_excepthook(ignore_error, NULL));
    lt_thread *thread;
    assert_ok(lt_thread_start(raise_as, "the message", NULL, &thread));
    assert_status(lt_thread_join(thread), LT_FAILED);
    assert_status(lt_thread_try_join(thread), LT_FAILED);
    assert_status(lt_thread_join_timeout(thread, 0.0), LT_FAILED);
    assert_status(lt_thread_join_timeout(thread, LT_FOREVER), LT_FAILED);
    const lt_error_info *info = NULL;
    assert_ok(lt_thread_error(thread, &info));
    assert_int_equal(info->kind, LT_ERROR_RAISED);
    assert_int_equal(info->code, 17);
    assert_string_equal(info->message, "the message");
    assert_string_equal(info->type_name, "error");
    assert_int_equal(info->ident, lt_thread_ident(thread));
    assert_non_null(strstr(lt_error_backtrace(info), "raise_as"));
    assert_ok(lt_thread_error(thread, NULL));
    assert_ok(lt_thread_free(thread));
    assert_ok(lt_set_excepthook(NULL, NULL));
}

static void exit_at_once(void *arg) {
    (void)arg;
    lt_exit();
}

static void cancel_itself(void *arg) {
    (void)arg;
    pthread_cancel(pthread_self());
    pthread_testcancel();
}

TEST(other_ends_are_no_failure) {
    const lt_thread_fn functions[] = {do_nothing, exit_at_once, cancel_itself};
    for (size_t i = 0; i < LENGTH(functions); i++) {
        lt_thread *thread;
        const lt_error_info *info = (lt_error_info *)&info;
        assert_ok(lt_thread_start(functions[i], NULL, NULL, &thread));
        assert_ok(lt_thread_join(thread));
        assert_status(lt_thread_error(thread, &info), LT_EMPTY);
        assert_ptr_equal(info, &info);
        assert_ok(lt_thread_free(thread));
    }
}

TEST(a_running_thread_has_no_error) {
    stayer s;
    stayer_start(&s);
    assert_status(lt_thread_error(s.thread, NULL), LT_EMPTY);
    stayer_end(&s);
}

// ---- Freeing

TEST(the_handle_of_a_running_thread_may_be_freed) {
    stayer s;
    stayer_start(&s);
    lt_thread *thread = s.thread;
    s.thread = NULL;
    assert_ok(lt_thread_free(thread));
    assert_status(lt_thread_join(thread), LT_BAD_HANDLE);
    assert_status(lt_thread_free(thread), LT_BAD_HANDLE);
    assert_false(lt_thread_is_alive(thread));
    assert_int_equal(lt_thread_count(), 1);
    assert_true(thread_state(s.native_id) != 0);
    stayer_end(&s);
    must_soon(thread_state(s.native_id) == 0);
}

TEST(the_handle_of_a_finished_thread_may_be_freed_without_a_join) {
    size_t before = count_threads();
    for (int i = 0; i < 200; i++) {
        lt_thread *thread;
        assert_ok(lt_thread_start(do_nothing, NULL, NULL, &thread));
        if (i % 2 == 0) {
            must_soon(!lt_thread_is_alive(thread));
        }
        assert_ok(lt_thread_free(thread));
    }
    join_all_threads();
    must_soon(count_threads() <= before);
}

TEST(a_handle_is_not_freed_while_somebody_joins) {
    stayer s;
    stayer_start(&s);
    for (int i = 0; i < 2; i++) {
        timed_join t = {s.thread, i == 0 ? LT_FOREVER : 1000.0};
        waiter w;
        waiter_start(&w, timed_join_call, &t);
        assert_status(lt_thread_free(s.thread), LT_BUSY);
        assert_true(lt_thread_is_alive(s.thread));
        if (i == 1) {
            assert_ok(lt_event_set(s.leave));
        } else {
            assert_status(lt_thread_try_join(s.thread), LT_BUSY);
            assert_ok(lt_event_set(s.leave));
        }
        assert_ok(waiter_join(&w));
        if (i == 0) {
            stayer_end(&s);
            stayer_start(&s);
        }
    }
    stayer_end(&s);
}

TEST(handles_are_recycled_while_threads_run) {
    size_t before = count_threads();
    for (int i = 0; i < 300; i++) {
        lt_thread *threads[5];
        _Atomic int counter = 0;
        for (int j = 0; j < 5; j++) {
            assert_ok(lt_thread_start(add_one, &counter, NULL, &threads[j]));
        }
        for (int j = 0; j < 5; j++) {
            if (j < 4) {
                assert_ok(lt_thread_join(threads[j]));
            }
            assert_ok(lt_thread_free(threads[j]));
            assert_status(lt_thread_join(threads[j]), LT_BAD_HANDLE);
        }
        join_all_threads();
        assert_int_equal(counter, 5);
    }
    must_soon(count_threads() <= before);
}

// ---- What is known of a thread

TEST(ident_and_native_id_are_known_at_once_and_after_the_end) {
    stayer s;
    stayer_start(&s);
    assert_int_equal(lt_thread_ident(s.thread), s.ident);
    assert_int_equal(lt_thread_native_id(s.thread), s.native_id);
    assert_ok(lt_event_set(s.leave));
    assert_ok(lt_thread_join(s.thread));
    assert_int_equal(lt_thread_ident(s.thread), s.ident);
    assert_int_equal(lt_thread_native_id(s.thread), s.native_id);
    stayer_end(&s);
    for (int i = 0; i < 200; i++) {
        lt_thread *thread;
        assert_ok(lt_thread_start(do_nothing, NULL, NULL, &thread));
        assert_int_not_equal(lt_thread_native_id(thread), 0);
        assert_int_not_equal(lt_thread_native_id(thread), getpid());
        assert_int_not_equal(lt_thread_ident(thread), 0);
        assert_ok(lt_thread_join(thread));
        assert_ok(lt_thread_free(thread));
    }
}

TEST(a_daemon_is_told_from_others) {
    lt_thread_options options = {.size = sizeof options, .daemon = true};
    stayer daemon, other;
    stayer_start_with(&daemon, &options);
    stayer_start(&other);
    assert_true(lt_thread_daemon(daemon.thread));
    assert_false(lt_thread_daemon(other.thread));
    assert_ok(lt_event_set(other.leave));
    assert_ok(lt_thread_join(other.thread));
    assert_ok(lt_event_set(daemon.leave));
    assert_ok(lt_thread_join(daemon.thread));
    assert_true(lt_thread_daemon(daemon.thread));
    stayer_end(&daemon);
    stayer_end(&other);
}

// ---- Names

static const struct {
    const char *whole, *cut;
} NAMES[] = {
    {"short", "short"},
    {"fifteen bytes!!", "fifteen bytes!!"},
    {"sixteen bytes ok", "sixteen bytes o"},
    {"fourteen bytes\xc3\xa9", "fourteen bytes"},               // 14 + 2
    {"thirteenbytes\xc3\xa9", "thirteenbytes\xc3\xa9"},         // 13 + 2
    {"\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad", // 6 of 3
        "\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad"},
    {"\xf0\x9f\xa6\x80\xf0\x9f\xa6\x80\xf0\x9f\xa6\x80\xf0\x9f\xa6\x80", // 4 of 4
        "\xf0\x9f\xa6\x80\xf0\x9f\xa6\x80\xf0\x9f\xa6\x80"},
};

// What the system has room for.
static const char *shown_name(size_t i) {
    return strlen(NAMES[i].whole) <= longest_thread_name() ? NAMES[i].whole : NAMES[i].cut;
}

static void check_names(void *arg) {
    (void)arg;
    for (size_t i = 0; i < LENGTH(NAMES); i++) {
        char name[64];
        must(lt_set_thread_name(NAMES[i].whole) == LT_OK);
        must(lt_thread_name(lt_get_ident(), name, sizeof name) == LT_OK);
        must_for(NAMES[i].whole, strcmp(name, NAMES[i].whole) == 0);
        read_thread_name(lt_get_native_id(), name, sizeof name);
        must_for(name, strcmp(name, shown_name(i)) == 0);
    }
}

TEST(the_system_gets_what_it_has_room_for_of_a_name) {
    lt_thread *thread;
    assert_ok(lt_thread_start(check_names, NULL, NULL, &thread));
    assert_ok(lt_thread_join(thread));
    assert_ok(lt_thread_free(thread));
}

TEST(the_system_gets_the_name_in_the_options) {
    for (size_t i = 0; i < LENGTH(NAMES); i++) {
        lt_thread_options options = {.size = sizeof options, .name = NAMES[i].whole};
        stayer s;
        char name[64];
        stayer_start_with(&s, &options);
        assert_ok(lt_thread_name(s.ident, name, sizeof name));
        assert_string_equal(name, NAMES[i].whole);
        read_thread_name(s.native_id, name, sizeof name);
        assert_string_equal(name, shown_name(i));
        stayer_end(&s);
    }
}

TEST(a_name_is_cut_to_the_buffer_between_characters) {
    lt_thread_options options = {.size = sizeof options, .name = "a\xc3\xa9\xe4\xb8\xad\xf0\x9f\xa6\x80"};
    const char *cut[] = {NULL, "", "a", "a", "a\xc3\xa9", "a\xc3\xa9", "a\xc3\xa9",
        "a\xc3\xa9\xe4\xb8\xad", "a\xc3\xa9\xe4\xb8\xad", "a\xc3\xa9\xe4\xb8\xad",
        "a\xc3\xa9\xe4\xb8\xad", "a\xc3\xa9\xe4\xb8\xad\xf0\x9f\xa6\x80"};
    stayer s;
    stayer_start_with(&s, &options);
    for (size_t len = 1; len < LENGTH(cut) + 5; len++) {
        char buffer[32];
        memset(buffer, '#', sizeof buffer);
        assert_ok(lt_thread_name(s.ident, buffer, len));
        assert_string_equal(buffer, cut[len < LENGTH(cut) ? len : LENGTH(cut) - 1]);
        assert_int_equal(buffer[len], '#');
    }
    char buffer[4] = "abc";
    assert_status(lt_thread_name(s.ident, buffer, 0), LT_INVALID);
    assert_non_null(strstr(lt_last_error(), "len"));
    assert_status(lt_thread_name(s.ident, NULL, 4), LT_INVALID);
    assert_status(lt_thread_name(s.ident, NULL, 0), LT_INVALID);
    assert_string_equal(buffer, "abc");
    stayer_end(&s);
}

TEST(only_living_threads_have_names) {
    char name[64] = "untouched";
    stayer s;
    stayer_start(&s);
    assert_ok(lt_event_set(s.leave));
    assert_ok(lt_thread_join(s.thread));
    const lt_ident bad[] = {0, s.ident, UINT64_MAX, s.ident + 1000};
    for (size_t i = 0; i < LENGTH(bad); i++) {
        assert_status(lt_thread_name(bad[i], name, sizeof name), LT_INVALID);
        assert_non_null(strstr(lt_last_error(), "ident"));
        assert_string_equal(name, "untouched");
    }
    stayer_end(&s);
}

TEST(the_main_thread_has_a_name) {
    char name[64];
    assert_ok(lt_thread_name(lt_main_ident(), name, sizeof name));
    assert_string_equal(name, "MainThread");
    assert_ok(lt_set_thread_name("the main one, at length"));
    assert_ok(lt_thread_name(lt_main_ident(), name, sizeof name));
    assert_string_equal(name, "the main one, at length");
    assert_status(lt_set_thread_name(NULL), LT_INVALID);
    assert_ok(lt_set_thread_name("MainThread"));
}

// ---- lt_shutdown

TEST(shutdown_without_threads_returns_at_once) {
    assert_ok(lt_shutdown(LT_FOREVER));
    assert_ok(lt_shutdown(0.0));
    assert_status(lt_shutdown(NAN), LT_INVALID);
    assert_status(lt_shutdown(INFINITY), LT_OVERFLOW);
    assert_status(lt_shutdown(ABOVE_TIMEOUT_MAX), LT_OVERFLOW);
    assert_true(last_error_names("lt_shutdown"));
}

static lt_status shutdown_call(void *seconds) {
    return lt_shutdown(*(double *)seconds);
}

TEST(shutdown_waits_for_joinable_threads_and_times_out) {
    enum { N = 5 };
    stayer s[N];
    double forever = LT_FOREVER;
    for (int i = 0; i < N; i++) {
        stayer_start(&s[i]);
    }
    for (int i = 0; i < N; i++) {
        double began = lt_monotonic();
        assert_status(lt_shutdown(0.0), LT_TIMED_OUT);
        assert_status(lt_shutdown(0.02), LT_TIMED_OUT);
        assert_true(seconds_since(began) >= 0.02 && seconds_since(began) < SLACK);
        if (i == N - 1) {
            waiter w[2];
            waiter_start(&w[0], shutdown_call, &forever);
            waiter_start(&w[1], shutdown_call, &forever);
            assert_ok(lt_event_set(s[i].leave));
            assert_ok(waiter_join(&w[0]));
            assert_ok(waiter_join(&w[1]));
        } else {
            assert_ok(lt_event_set(s[i].leave));
            assert_ok(lt_thread_join(s[i].thread));
        }
    }
    assert_ok(lt_shutdown(0.0));
    for (int i = 0; i < N; i++) {
        stayer_end(&s[i]);
    }
}

TEST(shutdown_waits_for_threads_whose_handles_were_freed) {
    stayer s;
    stayer_start(&s);
    assert_ok(lt_thread_free(s.thread));
    s.thread = NULL;
    assert_status(lt_shutdown(0.02), LT_TIMED_OUT);
    double forever = LT_FOREVER;
    waiter w;
    waiter_start(&w, shutdown_call, &forever);
    assert_ok(lt_event_set(s.leave));
    assert_ok(waiter_join(&w));
    assert_true(s.left);
    stayer_end(&s);
}

TEST(shutdown_does_not_wait_for_daemons_or_detached_threads) {
    lt_thread_options options = {.size = sizeof options, .daemon = true};
    stayer daemon, detached = {.leave = lt_event_new()};
    stayer_start_with(&daemon, &options);
    assert_ok(lt_thread_start(stay, &detached, NULL, NULL));
    assert_ok(lt_shutdown(LT_FOREVER));
    assert_ok(lt_shutdown(0.0));
    assert_true(lt_thread_is_alive(daemon.thread));
    assert_ok(lt_event_set(detached.leave));
    stayer_end(&daemon);
    assert_ok(lt_event_free(detached.leave));
}

static void start_another(void *counter) {
    if (atomic_fetch_add((_Atomic int *)counter, 1) < 200) {
        lt_thread *thread;
        must(lt_thread_start(start_another, counter, NULL, &thread) == LT_OK);
        must(lt_thread_free(thread) == LT_OK);
    }
}

TEST(shutdown_waits_for_threads_that_are_started_meanwhile) {
    for (int i = 0; i < 10; i++) {
        _Atomic int counter = 0;
        lt_thread *thread;
        assert_ok(lt_thread_start(start_another, (void *)&counter, NULL, &thread));
        assert_ok(lt_shutdown(LT_FOREVER));
        assert_int_equal(counter, 201);
        assert_ok(lt_thread_free(thread));
    }
}

static void shut_down_from_within(void *expected) {
    must(lt_shutdown(1000.0) == *(lt_status *)expected);
    must(*(lt_status *)expected == LT_OK || last_error_names("lt_shutdown"));
}

TEST(shutdown_from_a_thread_that_it_would_wait_for_is_a_deadlock) {
    lt_status deadlock = LT_DEADLOCK, ok = LT_OK;
    lt_thread *thread;
    assert_ok(lt_thread_start(shut_down_from_within, &deadlock, NULL, &thread));
    assert_ok(lt_thread_join(thread));
    assert_ok(lt_thread_free(thread));
    lt_thread_options options = {.size = sizeof options, .daemon = true};
    assert_ok(lt_thread_start(shut_down_from_within, &ok, &options, &thread));
    assert_ok(lt_thread_join(thread));
    assert_ok(lt_thread_free(thread));
    assert_ok(lt_thread_start(shut_down_from_within, &ok, NULL, NULL));
    join_all_threads();
}

TEST(shutdown_is_interrupted) {
    stayer s;
    stayer_start(&s);
    waiter w;
    waiter_launch(&w, interrupt_main_when_asleep, NULL);
    assert_status(lt_shutdown(LT_FOREVER), LT_INTERRUPTED);
    assert_int_equal(lt_interrupt_signal(), SIGUSR2);
    assert_ok(waiter_join(&w));
    stayer_end(&s);
}

TEST(shutdown_is_no_failure_if_threads_failed) {
    assert_ok(lt_set_excepthook(ignore_error, NULL));
    lt_thread *thread;
    assert_ok(lt_thread_start(raise_as, "failed", NULL, &thread));
    assert_ok(lt_shutdown(LT_FOREVER));
    assert_status(lt_thread_join(thread), LT_FAILED);
    assert_ok(lt_thread_free(thread));
    assert_ok(lt_set_excepthook(NULL, NULL));
}

// ---- lt_enumerate

static const lt_thread_info *find(const lt_thread_info *array, size_t count, lt_ident ident) {
    size_t i = 0;
    while (i < count && array[i].ident != ident) {
        i++;
    }
    must(i < count && "it is enumerated");
    return &array[i];
}

TEST(every_thread_is_enumerated) {
    // A name of 70 bytes, with a character across the 63rd.
    const char *long_name = "0123456789012345678901234567890123456789012345678901234567890"
                            "1\xc3\xa9" "4567";
    lt_thread_options daemon_options = {.size = sizeof daemon_options, .name = "demon", .daemon = true};
    lt_thread_options long_options = {.size = sizeof long_options, .name = long_name};
    stayer daemon, named, detached = {.leave = lt_event_new()};
    stayer_start_with(&daemon, &daemon_options);
    stayer_start_with(&named, &long_options);
    assert_ok(lt_start_new_thread(stay, &detached, NULL));
    must_soon(atomic_load(&detached.native_id) != 0);

    lt_thread_info array[6];
    memset(array, 0xaa, sizeof array);
    array[0].size = sizeof array[0];
    size_t count = 0;
    assert_ok(lt_enumerate(array, LENGTH(array), &count));
    assert_int_equal(count, 4);
    const lt_thread_info *info = find(array, count, lt_main_ident());
    assert_int_equal(info->native_id, getpid());
    assert_string_equal(info->name, "MainThread");
    assert_false(info->daemon);
    assert_false(info->joinable);
    info = find(array, count, daemon.ident);
    assert_int_equal(info->native_id, daemon.native_id);
    assert_string_equal(info->name, "demon");
    assert_true(info->daemon);
    assert_true(info->joinable);
    info = find(array, count, named.ident);
    assert_int_equal(strlen(info->name), 62);
    assert_memory_equal(info->name, long_name, 62);
    assert_false(info->daemon);
    assert_true(info->joinable);
    info = find(array, count, detached.ident);
    assert_int_equal(info->native_id, detached.native_id);
    assert_false(info->daemon);
    assert_false(info->joinable);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(array[i].size, sizeof array[i]);
    }
    assert_int_equal(array[4].size, (size_t)0xaaaaaaaaaaaaaaaa); // Behind them nothing is written.

    assert_ok(lt_event_set(detached.leave));
    assert_ok(lt_event_set(named.leave));
    assert_ok(lt_thread_join(named.thread));
    stayer_end(&daemon);
    stayer_end(&named);
    assert_ok(lt_event_free(detached.leave));
    assert_ok(lt_enumerate(array, LENGTH(array), &count));
    assert_int_equal(count, 1);
}

TEST(enumerate_fills_what_fits) {
    stayer s[3];
    for (int i = 0; i < 3; i++) {
        stayer_start(&s[i]);
    }
    for (size_t capacity = 0; capacity <= 6; capacity++) {
        lt_thread_info array[6];
        memset(array, 0xaa, sizeof array);
        array[0].size = sizeof array[0];
        size_t count = 0;
        assert_ok(lt_enumerate(array, capacity, &count));
        assert_int_equal(count, 4);
        for (size_t i = 1; i < LENGTH(array); i++) {
            bool filled = array[i].size == sizeof array[i];
            assert_true(filled == (i < capacity && i < count));
        }
    }
    size_t count = 0;
    assert_ok(lt_enumerate(NULL, 0, &count));
    assert_int_equal(count, 4);
    assert_ok(lt_enumerate(NULL, 0, NULL));
    count = 99;
    assert_status(lt_enumerate(NULL, 1, &count), LT_INVALID);
    lt_thread_info array[2] = {{.size = 0}};
    assert_status(lt_enumerate(array, 2, &count), LT_INVALID);
    array[0].size = 4097;
    assert_status(lt_enumerate(array, 2, &count), LT_INVALID);
    assert_int_equal(count, 99);
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_event_set(s[i].leave));
        assert_ok(lt_thread_join(s[i].thread));
    }
    for (int i = 0; i < 3; i++) {
        stayer_end(&s[i]);
    }
}

TEST(enumerate_while_threads_come_and_go) {
    _Atomic int counter = 0;
    lt_thread *thread;
    for (int i = 0; i < 5; i++) {
        counter = 0;
        assert_ok(lt_thread_start(start_another, (void *)&counter, NULL, &thread));
        while (lt_shutdown(0.0) == LT_TIMED_OUT) {
            lt_thread_info array[8];
            array[0].size = sizeof array[0];
            size_t count = 0;
            assert_ok(lt_enumerate(array, LENGTH(array), &count));
            for (size_t j = 0; j < count && j < LENGTH(array); j++) {
                assert_true(array[j].ident != 0 && memchr(array[j].name, '\0', 64) != NULL);
            }
            assert_ok(lt_sleep(0.0)); // The others need a processor, too.
        }
        assert_ok(lt_thread_free(thread));
    }
    join_all_threads();
}

// ---- What has ended counts no more

TEST(after_a_shutdown_its_threads_count_no_more_and_are_gone) {
    size_t before = count_threads();
    for (int i = 0; i < 3000; i++) {
        lt_thread *kept, *freed;
        assert_ok(lt_thread_start(do_nothing, NULL, NULL, &kept));
        assert_ok(lt_thread_start(do_nothing, NULL, NULL, &freed));
        assert_ok(lt_thread_free(freed));
        assert_ok(lt_shutdown(LT_FOREVER));
        assert_int_equal(lt_thread_count(), 0);
        assert_ok(lt_thread_try_join(kept)); // It was joined.
        assert_ok(lt_thread_free(kept));
    }
    must_soon(count_threads() == before);
}

TEST(a_joined_thread_counts_no_more) {
    for (int i = 0; i < 3000; i++) {
        lt_thread *thread;
        lt_status status = LT_OK;
        assert_ok(lt_thread_start(do_nothing, NULL, NULL, &thread));
        if (i % 2 == 0) {
            assert_ok(lt_thread_join(thread));
        } else {
            while ((status = lt_thread_try_join(thread)) == LT_BUSY) {
                sched_yield();
            }
        }
        assert_ok(status);
        assert_int_equal(lt_thread_count(), 0);
        char name[8];
        assert_status(lt_thread_name(lt_thread_ident(thread), name, sizeof name), LT_INVALID);
        assert_ok(lt_thread_free(thread));
    }
}

TEST(a_thread_that_is_not_alive_counts_no_more) {
    double began = lt_monotonic(); // On a busy machine a round can take as long as many.
    for (int i = 0; i < 3000 && (i < 100 || seconds_since(began) < 5.0); i++) {
        lt_thread *thread;
        assert_ok(lt_thread_start(do_nothing, NULL, NULL, &thread));
        while (lt_thread_is_alive(thread)) {
        }
        assert_int_equal(lt_thread_count(), 0);
        assert_ok(lt_thread_join(thread));
        assert_ok(lt_thread_free(thread));
    }
}

typedef struct last_words {
    lt_local *local;
    lt_event *go, *leave;
    bool seen;
} last_words;

static void say_last_words(void *arg) {
    last_words *l = arg;
    char name[64];
    must(lt_event_set(l->go) == LT_OK);
    must(lt_event_wait(l->leave) == LT_INTERRUPTED);
    must(lt_thread_count() == 1);
    must(lt_thread_name(lt_get_ident(), name, sizeof name) == LT_OK && strcmp(name, "last") == 0);
    must(lt_thread_current() != NULL && lt_thread_is_alive(lt_thread_current()));
    l->seen = true;
}

static void set_last_words(void *arg) {
    last_words *l = arg;
    must(lt_local_set(l->local, l) == LT_OK);
}

TEST(a_thread_counts_and_can_be_interrupted_until_its_last_destructor_has_run) {
    last_words l = {lt_local_new(say_last_words), lt_event_new(), lt_event_new(), false};
    lt_thread_options options = {.size = sizeof options, .name = "last"};
    lt_thread *thread;
    assert_ok(lt_thread_start(set_last_words, &l, &options, &thread));
    assert_ok(lt_event_wait(l.go));
    assert_int_equal(lt_thread_count(), 1);
    assert_status(lt_shutdown(0.001), LT_TIMED_OUT);
    assert_ok(lt_thread_interrupt(thread));
    assert_ok(lt_shutdown(LT_FOREVER));
    assert_int_equal(lt_thread_count(), 0);
    assert_true(l.seen);
    assert_ok(lt_thread_free(thread));
    assert_ok(lt_local_free(l.local));
    assert_ok(lt_event_free(l.go));
    assert_ok(lt_event_free(l.leave));
}

static void give_up_again_and_again(void *enough) {
    while (!atomic_load((_Atomic bool *)enough)) {
        lt_status status = lt_shutdown(1e-5);
        must(status == LT_OK || status == LT_TIMED_OUT);
    }
}

TEST(shutdowns_that_give_up_leave_no_thread_behind) {
    skip_where_memory_does_not_tell();
#ifdef __GLIBC__
    // Each of the allocator's arenas is mapped as large as eight stacks, and the more threads meet the more there are.
    must(mallopt(M_ARENA_MAX, 1) == 1);
#endif
    _Atomic bool enough = false;
    size_t before = 0;
    assert_ok(lt_start_new_thread(give_up_again_and_again, (void *)&enough, NULL));
    for (int i = 0; i < 2000; i++) {
        lt_thread *thread;
        // For the stacks of many more 32 bits have no addresses.
        must_soon(lt_thread_count() < 100);
        assert_ok(lt_thread_start(do_nothing, NULL, NULL, &thread));
        assert_ok(lt_thread_free(thread));
        if (i == 200) {
            assert_ok(lt_shutdown(LT_FOREVER));
            before = mapped_bytes();
        }
    }
    atomic_store(&enough, true);
    assert_ok(lt_shutdown(LT_FOREVER));
    join_all_threads();
    // A thread counts no more a moment before its stack is gone.
    must_soon(mapped_bytes() < before + 256 * 1024 * 1024);
}

// ---- lt_thread_current

static void store_current(void *arg) {
    lt_event *event = lt_event_new();
    must(lt_event_free(event) == LT_OK);
    *(lt_thread **)arg = lt_thread_current();
}

static void store_current_when_freed(void *arg) {
    lt_event *freed = arg;
    must(lt_thread_current() != NULL);
    must(lt_event_wait(freed) == LT_OK);
    must(lt_thread_current() == NULL);
    must(lt_last_status() == LT_OK);
}

TEST(a_joinable_thread_knows_its_own_handle) {
    lt_thread *thread = NULL, *own = NULL;
    assert_null(lt_thread_current());
    assert_ok(lt_thread_start(store_current, &own, NULL, &thread));
    assert_ok(lt_thread_join(thread));
    assert_ptr_equal(own, thread);
    assert_ok(lt_thread_free(thread));
    own = (lt_thread *)&own;
    assert_ok(lt_start_new_thread(store_current, &own, NULL));
    join_all_threads();
    assert_null(own);
}

TEST(a_thread_whose_handle_was_freed_has_none) {
    lt_event *freed = lt_event_new();
    lt_thread *thread;
    assert_ok(lt_thread_start(store_current_when_freed, freed, NULL, &thread));
    must_soon(asleep(lt_thread_native_id(thread)));
    assert_ok(lt_thread_free(thread));
    assert_ok(lt_event_set(freed));
    assert_ok(lt_shutdown(LT_FOREVER));
    assert_ok(lt_event_free(freed));
}

// ---- What the system shows

typedef struct shown {
    char own[64], system[64];
} shown;

static void store_both_names(void *arg) {
    shown *s = arg;
    must(lt_thread_name(lt_get_ident(), s->own, sizeof s->own) == LT_OK);
    read_thread_name(lt_get_native_id(), s->system, sizeof s->system);
}

static void start_unnamed(void *arg) {
    must(lt_set_thread_name("a starter") == LT_OK);
    lt_thread *thread;
    must(lt_thread_start(store_both_names, arg, NULL, &thread) == LT_OK);
    must(lt_thread_join(thread) == LT_OK);
    must(lt_thread_free(thread) == LT_OK);
}

TEST(the_system_shows_an_unnamed_thread_by_its_default_name) {
    shown s;
    lt_thread *thread;
    assert_ok(lt_thread_start(start_unnamed, &s, NULL, &thread));
    assert_ok(lt_thread_join(thread));
    assert_ok(lt_thread_free(thread));
    assert_int_equal(strncmp(s.own, "Thread-", 7), 0);
    assert_int_equal(strncmp(s.system, s.own, longest_thread_name()), 0);
}

static void wait_for_one(void *semaphore) {
    must(lt_semaphore_acquire(semaphore) == LT_OK);
}

TEST(threads_that_are_freed_while_they_run_leave_nothing_behind) {
    lt_semaphore *go = lt_semaphore_new(0);
    int threads = repetitions(400);
    size_t before = 0;
    for (int i = 0; i < threads; i++) {
        if (i == threads / 2) {
            before = resident_bytes();
        }
        lt_thread *thread;
        assert_ok(lt_thread_start(wait_for_one, go, NULL, &thread));
        assert_ok(lt_thread_free(thread));
        assert_ok(lt_semaphore_release(go, 1));
        join_all_threads();
    }
    assert_true(!memory_tells() || resident_bytes() < before + 512 * 1024);
    must_soon(lt_semaphore_free(go) == LT_OK);
}
