// Threads, their idents and their number. Their stacks are in test_stack.c.
// timeout: 60
#include "support.h"

// ---- What a thread gets

typedef struct seen {
    void *arg;
    lt_ident ident, main_ident;
    int64_t native_id;
    size_t count;
    lt_event *done;
} seen;

static void look_around(void *arg) {
    seen *s = arg;
    s->arg = arg;
    s->ident = lt_get_ident();
    s->main_ident = lt_main_ident();
    s->native_id = lt_get_native_id();
    must(s->native_id == syscall(SYS_gettid));
    must(lt_get_ident() == s->ident);
    s->count = lt_thread_count();
    must(lt_event_set(s->done) == LT_OK);
}

TEST(a_thread_runs_the_function_with_its_argument) {
    seen s = {.done = lt_event_new()};
    lt_ident ident = 0;
    assert_ok(lt_start_new_thread(look_around, &s, &ident));
    assert_ok(lt_event_wait(s.done));
    assert_ptr_equal(s.arg, &s);
    assert_int_equal(s.ident, ident);
    assert_int_not_equal(ident, 0);
    assert_int_not_equal(ident, lt_get_ident());
    assert_int_equal(s.main_ident, lt_get_ident());
    assert_int_not_equal(s.native_id, lt_get_native_id());
    assert_int_equal(s.count, 1);
    join_all_threads();
    assert_ok(lt_event_free(s.done));
}

static void set_event(void *event) {
    must(lt_event_set(event) == LT_OK);
}

static void set_copied_event(void *event) {
    set_event(*(lt_event **)event);
}

TEST(the_ident_need_not_be_asked_for) {
    lt_event *ran = lt_event_new();
    assert_ok(lt_start_new_thread(set_event, ran, NULL));
    assert_ok(lt_event_wait(ran));
    assert_ok(lt_event_clear(ran));
    assert_ok(lt_start_new_thread_copy(set_copied_event, &ran, sizeof ran, NULL));
    assert_ok(lt_event_wait(ran));
    join_all_threads();
    assert_ok(lt_event_free(ran));
}

static void expect_null(void *arg) {
    must(arg == NULL);
}

TEST(the_argument_may_be_null) {
    assert_ok(lt_start_new_thread(expect_null, NULL, NULL));
    join_all_threads();
}

static void check_start_refused(lt_status (*start)(lt_ident *ident), const char *function,
    const char *argument, lt_status status) {
    lt_ident ident = 12345;
    assert_status(start(&ident), status);
    assert_status(start(NULL), status);
    assert_int_equal(ident, 12345);
    assert_int_equal(lt_last_status(), status);
    assert_true(last_error_names(function));
    assert_non_null(strstr(lt_last_error(), argument));
    assert_int_equal(lt_thread_count(), 0);
}

static lt_status start_nothing(lt_ident *ident) {
    return lt_start_new_thread(NULL, NULL, ident);
}

static lt_status start_nothing_with_args(lt_ident *ident) {
    return lt_start_new_thread_copy(NULL, "args", 4, ident);
}

static lt_status start_nothing_without_args(lt_ident *ident) {
    return lt_start_new_thread_copy(NULL, NULL, 4, ident);
}

static lt_status start_with_null_args(lt_ident *ident) {
    return lt_start_new_thread_copy(look_around, NULL, 1, ident);
}

static lt_status start_with_too_large_args(lt_ident *ident) {
    return lt_start_new_thread_copy(look_around, "args", SIZE_MAX, ident);
}

TEST(a_null_function_is_invalid) {
    check_start_refused(start_nothing, "lt_start_new_thread", "function", LT_INVALID);
    check_start_refused(start_nothing_with_args, "lt_start_new_thread_copy", "function", LT_INVALID);
    check_start_refused(
        start_nothing_without_args, "lt_start_new_thread_copy", "function", LT_INVALID);
}

TEST(null_arguments_with_a_size_are_invalid) {
    check_start_refused(start_with_null_args, "lt_start_new_thread_copy", "args", LT_INVALID);
}

TEST(more_arguments_than_memory_are_refused) {
    if (under_sanitizer()) {
        skip_because("the sanitizer's malloc ends the process");
    }
    check_start_refused(
        start_with_too_large_args, "lt_start_new_thread_copy", "memory", LT_NO_MEMORY);
}

// ---- Arguments by value

typedef struct arguments {
    const void *original;
    lt_event *done;
    max_align_t aligned;
    unsigned char bytes[1000];
} arguments;

static void check_copy(void *arg) {
    arguments *copy = arg;
    must((const void *)copy != copy->original);
    must((uintptr_t)copy % _Alignof(max_align_t) == 0);
    for (size_t i = 0; i < sizeof copy->bytes; i++) {
        must(copy->bytes[i] == (unsigned char)i);
    }
    memset(copy->bytes, 0xee, sizeof copy->bytes); // It is the thread's own, to write to.
    must(lt_event_set(copy->done) == LT_OK);
}

TEST(arguments_by_value_are_the_threads_own) {
    arguments args = {.original = &args, .done = lt_event_new()};
    for (size_t i = 0; i < sizeof args.bytes; i++) {
        args.bytes[i] = (unsigned char)i;
    }
    lt_ident ident[20] = {0};
    for (size_t i = 0; i < LENGTH(ident); i++) {
        arguments scratch = args;
        assert_ok(lt_start_new_thread_copy(check_copy, &scratch, sizeof scratch, &ident[i]));
        memset(&scratch, 0, sizeof scratch); // Before or after it runs: the thread must not care.
        assert_int_not_equal(ident[i], 0);
    }
    join_all_threads();
    for (size_t i = 0; i < sizeof args.bytes; i++) {
        assert_int_equal(args.bytes[i], (unsigned char)i);
    }
    assert_ok(lt_event_free(args.done));
}

static void ignore(void *arg) {
    (void)arg;
}

TEST(arguments_of_size_zero_are_fine) {
    assert_ok(lt_start_new_thread_copy(ignore, NULL, 0, NULL));
    assert_ok(lt_start_new_thread_copy(ignore, "x", 0, NULL));
    join_all_threads();
}

static void check_large_copy(void *arg) {
    const unsigned char *bytes = arg;
    for (size_t i = 0; i < 3000000; i++) {
        must(bytes[i] == (unsigned char)(i * 7));
    }
}

TEST(arguments_may_be_large) {
    unsigned char *bytes = malloc(3000000);
    for (size_t i = 0; i < 3000000; i++) {
        bytes[i] = (unsigned char)(i * 7);
    }
    assert_ok(lt_start_new_thread_copy(check_large_copy, bytes, 3000000, NULL));
    memset(bytes, 0, 3000000);
    free(bytes);
    join_all_threads();
}

static pthread_key_t late_key;
static _Atomic int late_looks;

static void look_late(void *arg) {
    must(memcmp(arg, "still there", 12) == 0);
    atomic_fetch_add(&late_looks, 1);
}

static void keep_for_later(void *arg) {
    must(pthread_setspecific(late_key, arg) == 0);
}

TEST(arguments_by_value_outlive_the_destructors_of_the_thread) {
    skip_where_destructors_come_late();
    assert_int_equal(pthread_key_create(&late_key, look_late), 0);
    assert_ok(lt_start_new_thread_copy(keep_for_later, "still there", 12, NULL));
    join_all_threads();
    assert_int_equal(late_looks, 1);
    assert_int_equal(pthread_key_delete(late_key), 0);
}

// ---- Idents

TEST(the_main_threads_ident_is_known_to_all) {
    assert_int_equal(lt_main_ident(), lt_get_ident());
    assert_int_not_equal(lt_main_ident(), 0);
    assert_int_equal(lt_get_native_id(), getpid());
    assert_int_equal(lt_get_native_id(), syscall(SYS_gettid));
}

static void *foreign(void *ident) {
    *(lt_ident *)ident = lt_get_ident();
    must(lt_get_ident() == *(lt_ident *)ident);
    must(lt_get_native_id() == syscall(SYS_gettid));
    must(lt_main_ident() != lt_get_ident());
    must(lt_thread_count() == 0); // It is not one that the library started.
    return NULL;
}

TEST(a_foreign_thread_has_an_ident_and_is_not_counted) {
    lt_ident ident[50];
    for (size_t i = 0; i < LENGTH(ident); i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, foreign, &ident[i]), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_not_equal(ident[i], 0);
        assert_int_not_equal(ident[i], lt_main_ident());
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(ident[i], ident[j]);
        }
    }
}

static pthread_key_t rounds_key;
static _Atomic int rounds_seen;

typedef struct rounds {
    lt_ident ident;
    int left;
} rounds;

static void look_in_every_round(void *arg) {
    rounds *r = arg;
    must(lt_get_ident() == r->ident);
    must(lt_get_native_id() == syscall(SYS_gettid));
    atomic_fetch_add(&rounds_seen, 1);
    if (--r->left > 0) {
        must(pthread_setspecific(rounds_key, r) == 0);
    }
}

static void look_in_rounds(void *arg) {
    rounds *r = arg;
    r->ident = lt_get_ident();
    must(pthread_setspecific(rounds_key, r) == 0);
}

static void check_rounds(int number) {
    rounds r = {.ident = lt_get_ident(), .left = number}; // From here on the library has its key:
    rounds_seen = 0;                                      // ours comes later in every round.
    assert_int_equal(pthread_key_create(&rounds_key, look_in_every_round), 0);
    assert_ok(lt_start_new_thread(look_in_rounds, &r, NULL));
    join_all_threads();
    must_soon(rounds_seen == number);
    assert_int_equal(pthread_key_delete(rounds_key), 0);
}

TEST(destructors_see_the_same_ident) {
    for (int rounds = 1; rounds < PTHREAD_DESTRUCTOR_ITERATIONS; rounds++) {
        check_rounds(rounds);
    }
}

TEST(destructors_see_the_same_ident_in_the_last_round) {
    check_rounds(PTHREAD_DESTRUCTOR_ITERATIONS);
}

static int by_value(const void *a, const void *b) {
    lt_ident x = *(const lt_ident *)a, y = *(const lt_ident *)b;
    return (x > y) - (x < y);
}

static void check_all_different(lt_ident *ident, size_t n) {
    qsort(ident, n, sizeof *ident, by_value);
    assert_int_not_equal(ident[0], 0);
    for (size_t i = 1; i < n; i++) {
        assert_true(ident[i - 1] < ident[i]);
    }
}

enum { WAVES = 100, WAVE = 100 };

typedef struct wave {
    _Atomic int ran;
    size_t threads; // Before the first wave.
} wave;

static void run_in_wave(void *arg) {
    atomic_fetch_add(&((wave *)arg)->ran, 1);
}

static void send_wave(wave *w, lt_ident *ident) {
    int before = atomic_load(&w->ran);
    for (int i = 0; i < WAVE; i++) {
        // Every other one with a copy, which has to be freed.
        lt_status status = i % 2 == 0
                               ? lt_start_new_thread(run_in_wave, w, &ident[i])
                               : lt_start_new_thread_copy(ignore, w, sizeof *w, &ident[i]);
        assert_ok(status);
    }
    join_all_threads();
    assert_int_equal(atomic_load(&w->ran), before + WAVE / 2);
    // A system that is busy may have thousands that are on their way out.
    must_soon(count_threads() <= w->threads);
}

TEST(ten_thousand_threads_in_waves_leave_nothing_behind) {
    skip_where_memory_does_not_tell();
    static lt_ident ident[WAVES * WAVE];
    wave w = {0, count_threads()};
    // Until every arena and every stack that is kept was made: a thread counts no more a moment before it
    // is gone, so how many there are at once is a matter of chance.
    for (int i = 0; i < WAVES; i++) {
        send_wave(&w, ident + i * WAVE);
    }
    size_t before = resident_bytes(), after = SIZE_MAX;
    for (int i = 0; i < WAVES; i++) {
        send_wave(&w, ident + i * WAVE);
        // The least of the second half: what is left behind is in that too.
        size_t now = resident_bytes();
        after = i >= WAVES / 2 && now < after ? now : after;
    }
    if (after > before + 512 * 1024) {
        fail_msg("grew by %zu bytes", after - before);
    }
    check_all_different(ident, LENGTH(ident));
}

static void *see_and_be_seen(void *unused) {
    (void)unused;
    must(lt_get_ident() != 0);
    must(lt_sleep(1e-9) == LT_OK);
    must(lt_sleep(-1.0) == LT_INVALID && last_error_names("lt_sleep"));
    return NULL;
}

static void send_foreign_wave(void) {
    pthread_t thread[50];
    for (size_t i = 0; i < LENGTH(thread); i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, see_and_be_seen, NULL), 0);
    }
    for (size_t i = 0; i < LENGTH(thread); i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    }
}

TEST(ten_thousand_foreign_threads_in_waves_leave_nothing_behind) {
    skip_where_memory_does_not_tell();
    for (int i = 0; i < 20; i++) {
        send_foreign_wave();
    }
    size_t before = resident_bytes(), after = SIZE_MAX;
    for (int i = 0; i < 200; i++) {
        send_foreign_wave();
        // As above.
        size_t now = resident_bytes();
        after = i >= 100 && now < after ? now : after;
    }
    if (after > before + 512 * 1024) {
        fail_msg("grew by %zu bytes", after - before);
    }
    assert_int_equal(lt_thread_count(), 0);
}

// ---- Many at once

enum { CROWD = 2000 };

typedef struct crowd {
    lt_semaphore *arrived;
    lt_event *leave;
} crowd;

static void stand_in_crowd(void *arg) {
    crowd *c = arg;
    must(lt_semaphore_release(c->arrived, 1) == LT_OK);
    must(lt_event_wait(c->leave) == LT_OK);
}

TEST(two_thousand_threads_are_alive_at_once) {
    static lt_ident ident[CROWD];
    crowd c = {lt_semaphore_new(0), lt_event_new()};
    assert_ok(lt_set_stack_size(64 * 1024));
    for (int i = 0; i < CROWD; i++) {
        assert_ok(lt_start_new_thread(stand_in_crowd, &c, &ident[i]));
    }
    for (int i = 0; i < CROWD; i++) {
        assert_ok(lt_semaphore_acquire_timeout(c.arrived, POLL_SECONDS));
    }
    assert_int_equal(lt_thread_count(), CROWD);
    check_all_different(ident, CROWD);
    assert_ok(lt_event_set(c.leave));
    join_all_threads();
    assert_ok(lt_event_free(c.leave));
    assert_ok(lt_semaphore_free(c.arrived));
    assert_ok(lt_set_stack_size(0));
}

static void start_two_more(void *arg) {
    int depth = *(int *)arg - 1;
    if (depth > 0) {
        must(lt_start_new_thread_copy(start_two_more, &depth, sizeof depth, NULL) == LT_OK);
        must(lt_start_new_thread_copy(start_two_more, &depth, sizeof depth, NULL) == LT_OK);
    }
}

TEST(threads_start_threads) {
    int depth = 9;
    assert_ok(lt_start_new_thread_copy(start_two_more, &depth, sizeof depth, NULL));
    join_all_threads();
}

TEST(the_count_rises_and_falls_with_the_threads) {
    crowd c = {lt_semaphore_new(0), lt_event_new()};
    assert_int_equal(lt_thread_count(), 0);
    for (size_t i = 1; i <= 10; i++) {
        assert_ok(lt_start_new_thread(stand_in_crowd, &c, NULL));
        assert_int_equal(lt_thread_count(), i);
    }
    assert_ok(lt_event_set(c.leave));
    join_all_threads();
    assert_ok(lt_event_free(c.leave));
    assert_ok(lt_semaphore_free(c.arrived));
}

// ---- The end of the process

static void exit_with_a_live_thread(void *arg) {
    (void)arg;
    alarm(20);
    crowd c = {lt_semaphore_new(0), lt_event_new()};
    must(lt_start_new_thread(stand_in_crowd, &c, NULL) == LT_OK);
    must(lt_semaphore_acquire(c.arrived) == LT_OK);
    exit(7);
}

TEST(the_process_does_not_wait_for_threads) {
    int status = run_in_child(exit_with_a_live_thread, NULL);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void note(int signum) {
    (void)signum;
}

static lt_status wait_for_event(void *event) {
    return lt_event_wait(event);
}

static void work_on_without_main(void *main_ident) {
    must_soon(thread_state(getpid()) == 'Z');
    must(lt_main_ident() == *(lt_ident *)main_ident && lt_get_ident() != lt_main_ident());
    must(lt_thread_count() == 1);
    for (int i = 0; i < 100; i++) {
        must(lt_interrupt_main(SIGUSR1) == LT_OK && lt_interrupt_main(SIGTERM) == LT_OK);
    }
    must(lt_check_interrupt() == LT_OK);
    waiter w;
    lt_event *event = lt_event_new();
    waiter_start(&w, wait_for_event, event);
    must(lt_event_set(event) == LT_OK && waiter_join(&w) == LT_OK);
    _exit(7);
}

static void end_the_main_thread(void *unused) {
    (void)unused;
    alarm(20);
    signal(SIGUSR1, note);
    static lt_ident ident;
    ident = lt_get_ident();
    must(lt_start_new_thread(work_on_without_main, &ident, NULL) == LT_OK);
    pthread_exit(NULL);
}

TEST(the_others_work_on_when_the_main_thread_has_ended) {
    if (on_musl()) {
        skip_because("a forked child of musl's hangs when its first thread has ended");
    }
    int status = run_in_child(end_the_main_thread, NULL);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

// ---- lt_native_handle

typedef struct handle_visit {
    lt_event *leave;
    _Atomic uintptr_t self;
} handle_visit;

static uintptr_t own_native_handle(void) {
    return has_pthreads() ? (uintptr_t)pthread_self() : (uintptr_t)lt_get_native_id();
}

static void stay_and_store_self(void *arg) {
    handle_visit *v = arg;
    atomic_store(&v->self, own_native_handle());
    must(lt_event_wait(v->leave) == LT_OK);
}

TEST(the_native_handle_of_a_started_thread_is_known_when_the_start_returns) {
    for (int i = 0; i < 200; i++) {
        handle_visit v = {.leave = lt_event_new()};
        lt_ident ident;
        assert_ok(lt_start_new_thread(stay_and_store_self, &v, &ident));
        uintptr_t handle = lt_native_handle(ident);
        must_soon(v.self != 0);
        assert_int_equal(handle, v.self);
        assert_int_equal(lt_native_handle(ident), handle);
        assert_ok(lt_event_set(v.leave));
        join_all_threads();
        assert_int_equal(lt_native_handle(ident), 0);
        assert_int_equal(lt_last_status(), LT_INVALID);
        assert_true(last_error_names("lt_native_handle"));
        assert_ok(lt_event_free(v.leave));
    }
}

static void *have_a_native_handle(void *ident) {
    *(lt_ident *)ident = lt_get_ident();
    must(lt_native_handle(*(lt_ident *)ident) == own_native_handle());
    return NULL;
}

TEST(the_main_thread_and_foreign_ones_have_native_handles_while_they_live) {
    lt_ident ident;
    pthread_t thread;
    assert_int_equal(lt_native_handle(lt_main_ident()), own_native_handle());
    assert_int_equal(pthread_create(&thread, NULL, have_a_native_handle, &ident), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(lt_native_handle(ident), 0);
    assert_int_equal(lt_native_handle(0), 0);
    assert_int_equal(lt_native_handle(UINT64_MAX), 0);
}

// Short threads, whose records serve others before their starters come to note what they were.
TEST(a_native_handle_is_never_that_of_an_earlier_thread) {
    handle_visit v = {.leave = lt_event_new()};
    for (int i = 0; i < 3000; i++) {
        lt_ident ident;
        v.self = 0;
        for (int j = 0; j < 3; j++) {
            assert_ok(lt_start_new_thread(ignore, NULL, NULL));
        }
        assert_ok(lt_start_new_thread(stay_and_store_self, &v, &ident));
        uintptr_t handle = lt_native_handle(ident);
        must_soon(v.self != 0);
        assert_int_equal(handle, v.self);
        assert_ok(lt_event_set(v.leave));
        join_all_threads();
        assert_ok(lt_event_clear(v.leave));
    }
    assert_ok(lt_event_free(v.leave));
}
