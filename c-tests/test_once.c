// lt_call_once(). Functions that raise, throw or exit are in test_unwinding.cpp.
#include "waits.h"

static void count_up(void *counter) {
    atomic_fetch_add((_Atomic int *)counter, 1);
}

TEST(a_flag_is_eight_zeroed_bytes) {
    static lt_once_flag by_default, by_name = LT_ONCE_FLAG_INIT;
    assert_int_equal(sizeof(lt_once_flag), 8);
    assert_memory_equal(&by_default, "\0\0\0\0\0\0\0\0", 8);
    assert_memory_equal(&by_name, &by_default, 8);
}

TEST(the_function_is_called_once_with_its_argument) {
    lt_once_flag flag = LT_ONCE_FLAG_INIT;
    _Atomic int first = 0, second = 0;
    assert_ok(lt_call_once(&flag, count_up, &first));
    assert_int_equal(first, 1);
    for (int i = 0; i < 10; i++) {
        assert_ok(lt_call_once(&flag, count_up, &first));
        assert_ok(lt_call_once(&flag, count_up, &second)); // Another one makes no difference.
    }
    assert_int_equal(first, 1);
    assert_int_equal(second, 0);
}

TEST(null_is_invalid) {
    lt_once_flag flag = LT_ONCE_FLAG_INIT;
    _Atomic int times = 0;
    for (int done = 0; done < 2; done++) {
        assert_status(lt_call_once(NULL, count_up, &times), LT_INVALID);
        assert_int_equal(lt_last_status(), LT_INVALID);
        assert_true(last_error_names("lt_call_once"));
        assert_non_null(strstr(lt_last_error(), "flag"));
        assert_status(lt_call_once(&flag, NULL, &times), LT_INVALID);
        assert_int_equal(lt_last_status(), LT_INVALID);
        assert_true(last_error_names("lt_call_once"));
        assert_non_null(strstr(lt_last_error(), "function"));
        assert_status(lt_call_once(NULL, NULL, NULL), LT_INVALID);
        assert_int_equal(times, done);
        assert_ok(lt_call_once(&flag, count_up, &times));
    }
}

static lt_once_flag inner_flag;

static void call_again(void *flag) {
    _Atomic int times = 0;
    for (int i = 0; i < 2; i++) {
        must(lt_call_once(flag, count_up, &times) == LT_DEADLOCK);
        must(lt_last_status() == LT_DEADLOCK && last_error_names("lt_call_once"));
    }
    must(lt_call_once(&inner_flag, count_up, &times) == LT_OK); // With another flag it may.
    must(times == 1);
}

TEST(from_within_its_own_function_is_a_deadlock) {
    lt_once_flag flag = LT_ONCE_FLAG_INIT;
    assert_ok(lt_call_once(&flag, call_again, &flag));
    assert_ok(lt_call_once(&flag, call_again, &flag));
}

// ---- Racing callers

enum { THREADS = 4, FLAGS = 400 };

typedef struct race {
    lt_once_flag flags[FLAGS];
    int made[FLAGS]; // Not atomic: the flags order them.
    _Atomic int calls;
    pthread_barrier_t together;
} race;

typedef struct making {
    race *race;
    int number;
} making;

static void make_it(void *arg) {
    making *m = arg;
    atomic_fetch_add(&m->race->calls, 1);
    if (m->number % 2 == 0) {
        spend((double)(m->number % 5) * 20e-6); // Some sleep, some spin.
    }
    m->race->made[m->number]++;
}

static lt_status use_all(void *arg) {
    race *r = arg;
    for (int i = 0; i < FLAGS; i++) {
        making m = {r, i};
        if (i % 8 == 0) {
            pthread_barrier_wait(&r->together);
        }
        must(lt_call_once(&r->flags[i], make_it, &m) == LT_OK);
        must(r->made[i] == 1);
    }
    return LT_OK;
}

TEST(of_racing_callers_one_calls_and_all_see_it_done) {
    static race r;
    assert_int_equal(pthread_barrier_init(&r.together, NULL, THREADS), 0);
    waiter w[THREADS];
    for (int i = 0; i < THREADS; i++) {
        waiter_launch(&w[i], use_all, &r);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_int_equal(r.calls, FLAGS);
    assert_int_equal(pthread_barrier_destroy(&r.together), 0);
}

// What it is for: C has no other way to make a global handle safely.
static lt_once_flag global_flag = LT_ONCE_FLAG_INIT;
static lt_lock *global_lock;
static long global_count;

static void make_global_lock(void *unused) {
    (void)unused;
    global_lock = lt_allocate_lock();
}

static lt_status count_under_the_global_lock(void *unused) {
    (void)unused;
    for (int i = 0; i < 1000; i++) {
        must(lt_call_once(&global_flag, make_global_lock, NULL) == LT_OK);
        must(lt_lock_acquire(global_lock) == LT_OK);
        global_count++;
        must(lt_lock_release(global_lock) == LT_OK);
    }
    return LT_OK;
}

TEST(a_global_lock_is_made_by_whoever_comes_first) {
    waiter w[THREADS];
    for (int i = 0; i < THREADS; i++) {
        waiter_launch(&w[i], count_under_the_global_lock, NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_int_equal(global_count, THREADS * 1000);
    assert_ok(lt_lock_free(global_lock));
}

// ---- While the function runs

// A function that runs until it is told to return.
typedef struct scene {
    lt_once_flag flag;
    lt_event *in, *out;
    _Atomic int calls;
    waiter caller;
} scene;

static void act(void *arg) {
    scene *s = arg;
    atomic_fetch_add(&s->calls, 1);
    must(lt_event_set(s->in) == LT_OK);
    must(lt_event_wait(s->out) == LT_OK);
}

static lt_status call_it(void *arg) {
    scene *s = arg;
    return lt_call_once(&s->flag, act, s);
}

static void scene_begin(scene *s) {
    *s = (scene){.in = lt_event_new(), .out = lt_event_new()};
    waiter_launch(&s->caller, call_it, s);
    must(lt_event_wait(s->in) == LT_OK);
}

static void scene_end(scene *s) {
    must(!waiter_is_done(&s->caller));
    must(lt_event_set(s->out) == LT_OK);
    must(waiter_join(&s->caller) == LT_OK);
    must(atomic_load(&s->calls) == 1);
    must(call_it(s) == LT_OK && atomic_load(&s->calls) == 1);
    must(lt_event_free(s->in) == LT_OK && lt_event_free(s->out) == LT_OK);
}

TEST(the_others_wait_until_it_returns) {
    scene s;
    waiter others[3];
    scene_begin(&s);
    for (int i = 0; i < 3; i++) {
        waiter_start(&others[i], call_it, &s);
    }
    for (int i = 0; i < 3; i++) {
        assert_false(waiter_is_done(&others[i]));
    }
    assert_int_equal(s.calls, 1);
    assert_ok(lt_event_set(s.out));
    for (int i = 0; i < 3; i++) {
        assert_ok(waiter_join(&others[i]));
    }
    assert_ok(waiter_join(&s.caller));
    assert_int_equal(s.calls, 1);
    assert_ok(lt_event_free(s.in));
    assert_ok(lt_event_free(s.out));
}

static lt_status interrupt_main_when_asleep(void *unused) {
    (void)unused;
    must_soon(asleep(getpid()));
    return lt_interrupt_main(SIGUSR1);
}

TEST(who_waits_is_interrupted_and_may_call_again) {
    scene s;
    scene_begin(&s);
    for (int i = 0; i < 3; i++) {
        waiter w;
        waiter_launch(&w, interrupt_main_when_asleep, NULL);
        assert_status(call_it(&s), LT_INTERRUPTED);
        assert_int_equal(lt_interrupt_signal(), SIGUSR1);
        assert_ok(waiter_join(&w));
    }
    assert_ok(lt_interrupt_main(SIGUSR2)); // And when it was pending.
    assert_status(call_it(&s), LT_INTERRUPTED);
    assert_int_equal(lt_interrupt_signal(), SIGUSR2);
    assert_ok(lt_check_interrupt());
    scene_end(&s);
}

TEST(what_does_not_block_leaves_an_interrupt_pending) {
    lt_once_flag flag = LT_ONCE_FLAG_INIT;
    _Atomic int times = 0;
    assert_ok(lt_interrupt_main(SIGUSR1));
    assert_ok(lt_call_once(&flag, count_up, &times));
    assert_ok(lt_call_once(&flag, count_up, &times));
    assert_int_equal(times, 1);
    assert_status(lt_check_interrupt(), LT_INTERRUPTED);
}

static void handle(int signum) {
    (void)signum;
}

TEST(a_signal_does_not_wake_who_waits) {
    struct sigaction action = {.sa_handler = handle}; // No SA_RESTART.
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    scene s;
    waiter w;
    scene_begin(&s);
    waiter_start(&w, call_it, &s);
    for (int i = 0; i < 100; i++) {
        must_soon(waiter_asleep(&w));
        assert_int_equal(syscall(SYS_tgkill, getpid(), (int)w.native_id, SIGUSR1), 0);
    }
    assert_false(waiter_is_done(&w));
    scene_end(&s);
    assert_ok(waiter_join(&w));
}

// The flag may be gone as soon as everybody has returned.
TEST(a_flag_may_be_on_the_stack_of_one_of_the_callers) {
    for (int i = 0; i < 100; i++) {
        scene s;
        scene_begin(&s);
        waiter w;
        waiter_launch(&w, call_it, &s);
        if (i % 2 == 0) {
            must_soon(waiter_asleep(&w));
        }
        scene_end(&s);
        assert_ok(waiter_join(&w));
        memset(&s, 0xff, sizeof s);
    }
}

// ---- Forks

static void check_child(void *arg) {
    alarm(20);
    scene *s = arg;
    must(lt_event_set(s->out) == LT_OK);
    // Its caller is no thread of the child: the call is as if it had never begun.
    must(call_it(s) == LT_OK);
    must(atomic_load(&s->calls) == 2);
    must(call_it(s) == LT_OK && atomic_load(&s->calls) == 2);
}

static void check_grandchild(void *arg) {
    alarm(20);
    must(run_in_child(check_child, arg) == 0);
    check_child(arg);
}

TEST(in_a_child_a_function_that_was_running_is_called_again) {
    scene s;
    waiter others[2];
    scene_begin(&s);
    assert_int_equal(run_in_child(check_child, &s), 0);
    waiter_start(&others[0], call_it, &s); // Now with threads that wait.
    waiter_start(&others[1], call_it, &s);
    assert_int_equal(run_in_child(check_child, &s), 0);
    assert_int_equal(run_in_child(check_grandchild, &s), 0);
    assert_ok(lt_event_clear(s.out));
    scene_end(&s);
    assert_ok(waiter_join(&others[0]));
    assert_ok(waiter_join(&others[1]));
}

static void check_done(void *arg) {
    alarm(20);
    must(call_it(arg) == LT_OK);
    must(atomic_load(&((scene *)arg)->calls) == 1);
}

static lt_status fork_and_check_done(void *arg) {
    return run_in_child(check_done, arg) == 0 ? LT_OK : LT_INVALID;
}

TEST(in_a_child_what_was_done_is_done) {
    scene s;
    scene_begin(&s);
    assert_ok(lt_event_set(s.out));
    assert_ok(waiter_join(&s.caller));
    assert_int_equal(run_in_child(check_done, &s), 0);
    waiter w;
    waiter_launch(&w, fork_and_check_done, &s);
    assert_ok(waiter_join(&w));
    assert_ok(lt_event_free(s.in));
    assert_ok(lt_event_free(s.out));
}

typedef struct forking {
    lt_once_flag flag;
    pid_t child;
    int calls;
    waiter other; // A thread of the child.
} forking;

static void fork_within(void *arg);

static lt_status call_forking(void *arg) {
    forking *f = arg;
    return lt_call_once(&f->flag, fork_within, f);
}

static void fork_within(void *arg) {
    forking *f = arg;
    f->calls++;
    fflush(NULL);
    f->child = fork_to_go_on();
    must(f->child >= 0);
    if (f->child == 0) {
        alarm(20);
        must(call_forking(f) == LT_DEADLOCK); // It still runs, on this thread,
        waiter_start(&f->other, call_forking, f); // and others wait for it.
    }
}

static lt_status call_and_fork_within(void *arg) {
    forking *f = arg;
    must(call_forking(f) == LT_OK);
    must(call_forking(f) == LT_OK);
    must(f->calls == 1);
    if (f->child == 0) {
        must(waiter_join(&f->other) == LT_OK);
        _exit(0);
    }
    must(wait_for_child(f->child) == 0);
    return LT_OK;
}

TEST(the_function_may_fork_and_returns_in_both) {
    forking on_main = {.calls = 0}, on_thread = {.calls = 0};
    assert_ok(call_and_fork_within(&on_main));
    waiter w;
    waiter_launch(&w, call_and_fork_within, &on_thread);
    assert_ok(waiter_join(&w));
}

// ---- Callers that the library did not start

static void *call_on_a_foreign_thread(void *s) {
    must(call_it(s) == LT_OK);
    return NULL;
}

TEST(in_a_child_a_function_that_a_foreign_thread_was_in_is_called_again) {
    scene s = {.in = lt_event_new(), .out = lt_event_new()};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, call_on_a_foreign_thread, &s), 0);
    assert_ok(lt_event_wait(s.in));
    assert_int_equal(run_in_child(check_child, &s), 0);
    assert_int_equal(run_in_child(check_grandchild, &s), 0);
    assert_ok(lt_event_set(s.out));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(s.calls, 1);
}

static void fork_on_other_threads(void *arg);

static void check_child_of_main(void *arg) {
    alarm(20);
    scene *s = arg;
    for (int i = 0; i < 2; i++) {
        must(lt_call_once(&s->flag, fork_on_other_threads, s) == LT_OK);
        must(atomic_load(&s->calls) == 2);
    }
}

static lt_status fork_and_check(void *s) {
    must(run_in_child(check_child_of_main, s) == 0);
    return LT_OK;
}

static void *fork_and_check_on_a_foreign_thread(void *s) {
    must(fork_and_check(s) == LT_OK);
    return NULL;
}

static void fork_on_other_threads(void *arg) {
    scene *s = arg;
    if (atomic_fetch_add(&s->calls, 1) == 0) {
        pthread_t foreign;
        waiter w;
        waiter_launch(&w, fork_and_check, s);
        must(waiter_join(&w) == LT_OK);
        must(pthread_create(&foreign, NULL, fork_and_check_on_a_foreign_thread, s) == 0);
        must(pthread_join(foreign, NULL) == 0);
    }
}

TEST(in_the_child_of_a_thread_a_function_that_the_main_thread_was_in_is_called_again) {
    scene s = {.calls = 0};
    assert_ok(lt_call_once(&s.flag, fork_on_other_threads, &s));
    assert_int_equal(s.calls, 1);
}
