// Which thread is main, what threads are called by the system's library, and who they are to themselves.
#include "support.h"

// ---- lt_adopt_main

typedef struct adopter {
    lt_event *adopted, *go;
    lt_ident ident;
    lt_status waited, second;
    int signum;
} adopter;

static void *adopt_and_wait(void *arg) {
    adopter *a = arg;
    must(lt_adopt_main() == LT_OK);
    must(lt_adopt_main() == LT_OK);
    a->ident = lt_get_ident();
    must(lt_main_ident() == a->ident);
    must(lt_event_set(a->adopted) == LT_OK);
    a->waited = lt_event_wait_timeout(a->go, POLL_SECONDS);
    a->signum = lt_interrupt_signal();
    a->second = lt_check_interrupt();
    return NULL;
}

static void interrupt_an_adopted_main(void *unused) {
    (void)unused;
    adopter a = {.adopted = lt_event_new(), .go = lt_event_new()};
    lt_ident first = lt_get_ident();
    must(lt_main_ident() == first);
    pthread_t thread;
    must(pthread_create(&thread, NULL, adopt_and_wait, &a) == 0);
    must(lt_event_wait(a.adopted) == LT_OK);
    must(lt_interrupt_main(SIGINT) == LT_OK);
    must(pthread_join(thread, NULL) == 0);
    must(a.waited == LT_INTERRUPTED && a.signum == SIGINT && a.second == LT_OK);
    // It was not for who was main before.
    must(lt_check_interrupt() == LT_OK);
    must(lt_adopt_main() == LT_OK && lt_main_ident() == first && lt_get_ident() == first);
}

TEST(an_adopted_main_thread_is_the_one_that_is_interrupted) {
    assert_int_equal(run_in_child(interrupt_an_adopted_main, NULL), 0);
}

static _Atomic int handled_by;

static void note_thread(int signum) {
    (void)signum;
    atomic_store(&handled_by, (int)syscall(SYS_gettid));
}

static void *adopt_and_be_signalled(void *arg) {
    must(lt_adopt_main() == LT_OK);
    must(lt_interrupt_main(SIGUSR2) == LT_OK);
    must(lt_event_wait_timeout(arg, POLL_SECONDS) == LT_INTERRUPTED);
    must(atomic_load(&handled_by) == (int)syscall(SYS_gettid));
    return NULL;
}

static void signal_an_adopted_main(void *unused) {
    (void)unused;
    struct sigaction action = {.sa_handler = note_thread};
    must(sigaction(SIGUSR2, &action, NULL) == 0);
    pthread_t thread;
    must(pthread_create(&thread, NULL, adopt_and_be_signalled, lt_event_new()) == 0);
    must(pthread_join(thread, NULL) == 0);
}

TEST(the_handler_of_an_interrupt_runs_on_the_adopted_main_thread) {
    assert_int_equal(run_in_child(signal_an_adopted_main, NULL), 0);
}

static void *exit_as_main(void *unused) {
    must(lt_adopt_main() == LT_OK);
    lt_exit();
    return unused;
}

static void exit_on_an_adopted_main(void *unused) {
    (void)unused;
    pthread_t thread;
    must(pthread_create(&thread, NULL, exit_as_main, NULL) == 0);
    must(pthread_join(thread, NULL) == 0);
    must(!"the process ends with its main thread");
}

TEST(lt_exit_on_an_adopted_main_thread_ends_the_process) {
    assert_int_equal(run_in_child(exit_on_an_adopted_main, NULL), 0);
}

static void *fork_as_main(void *unused) {
    must(lt_adopt_main() == LT_OK);
    lt_ident ident = lt_get_ident();
    pid_t child = fork();
    must(child >= 0);
    if (child == 0) {
        _exit(lt_main_ident() != ident || lt_get_ident() != ident);
    }
    int status;
    must(waitpid(child, &status, 0) == child && status == 0);
    return unused;
}

static void fork_on_an_adopted_main(void *unused) {
    (void)unused;
    pthread_t thread;
    must(pthread_create(&thread, NULL, fork_as_main, NULL) == 0);
    must(pthread_join(thread, NULL) == 0);
}

TEST(an_adopted_main_thread_that_forks_is_main_in_the_child) {
    assert_int_equal(run_in_child(fork_on_an_adopted_main, NULL), 0);
}

static void adopt_in_callback(void *arg) {
    must(lt_adopt_main() == LT_INVALID && last_error_names("lt_adopt_main"));
    must(lt_event_set(arg) == LT_OK);
}

TEST(a_thread_of_the_librarys_own_cannot_be_main) {
    lt_event *over = lt_event_new();
    lt_ident before = lt_main_ident();
    assert_ok(lt_timer_start(0.0, 0.0, adopt_in_callback, over, NULL));
    assert_ok(lt_event_wait_timeout(over, POLL_SECONDS));
    assert_true(lt_main_ident() == before);
    assert_ok(lt_event_free(over));
}

static size_t mains_in_the_list(void) {
    lt_thread_info info[64] = {{.size = sizeof info[0]}};
    size_t count, mains = 0;
    must(lt_enumerate(info, LENGTH(info), &count) == LT_OK && count <= LENGTH(info));
    for (size_t i = 0; i < count; i++) {
        mains += info[i].ident == lt_main_ident();
    }
    return mains;
}

static void adopt_and_look(void *unused) {
    (void)unused;
    must(lt_adopt_main() == LT_OK);
    must(mains_in_the_list() == 1);
    char name[32];
    must(lt_thread_name(lt_get_ident(), name, sizeof name) == LT_OK);
}

static void enumerate_with_an_adopted_main(void *unused) {
    (void)unused;
    lt_thread *thread;
    must(mains_in_the_list() == 1);
    must(lt_thread_start(adopt_and_look, NULL, NULL, &thread) == LT_OK);
    must(lt_thread_join(thread) == LT_OK);
}

TEST(a_started_thread_that_is_main_stands_once_in_the_list) {
    assert_int_equal(run_in_child(enumerate_with_an_adopted_main, NULL), 0);
}

// ---- lt_native_handle

static void wait_for(void *event) {
    must(lt_event_wait(event) == LT_OK);
}

TEST(the_native_handle_of_a_started_thread_is_known_when_the_start_returns) {
    lt_event *go = lt_event_new();
    for (int i = 0; i < 200; i++) {
        lt_ident ident;
        assert_ok(lt_event_clear(go));
        assert_ok(lt_start_new_thread(wait_for, go, &ident));
        uintptr_t handle = lt_native_handle(ident);
        assert_true(handle != 0);
        clockid_t clock;
        assert_int_equal(pthread_getcpuclockid((pthread_t)handle, &clock), 0);
        assert_ok(lt_event_set(go));
    }
    join_all_threads();
    assert_ok(lt_event_free(go));
}

static void *own_handle(void *unused) {
    must(lt_native_handle(lt_get_ident()) == (uintptr_t)pthread_self());
    return unused;
}

TEST(the_native_handle_is_the_threads_pthread_t) {
    own_handle(NULL);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, own_handle, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

TEST(an_ended_thread_has_no_native_handle) {
    lt_event *go = lt_event_new();
    assert_ok(lt_event_set(go));
    lt_thread *thread;
    assert_ok(lt_thread_start(wait_for, go, NULL, &thread));
    assert_ok(lt_thread_join(thread));
    assert_true(lt_native_handle(lt_thread_ident(thread)) == 0);
    assert_status(lt_last_status(), LT_INVALID);
    assert_true(last_error_names("lt_native_handle"));
    assert_true(lt_native_handle(0) == 0);
    assert_ok(lt_thread_free(thread));
    assert_ok(lt_event_free(go));
}

// ---- lt_thread_current

typedef struct current {
    lt_semaphore *started, *freed;
    lt_thread *seen, *after;
} current;

static void see_oneself(void *arg) {
    current *c = arg;
    c->seen = lt_thread_current();
    must(lt_semaphore_release(c->started, 1) == LT_OK);
    must(lt_semaphore_acquire(c->freed) == LT_OK);
    c->after = lt_thread_current();
    must(lt_semaphore_release(c->started, 1) == LT_OK);
}

TEST(a_thread_finds_its_own_handle_until_that_is_freed) {
    current c = {.started = lt_semaphore_new(0), .freed = lt_semaphore_new(0)};
    assert_null(lt_thread_current());
    lt_thread *thread;
    assert_ok(lt_thread_start(see_oneself, &c, NULL, &thread));
    assert_ok(lt_semaphore_acquire(c.started));
    assert_ptr_equal(c.seen, thread);
    assert_ok(lt_thread_free(thread));
    assert_ok(lt_semaphore_release(c.freed, 1));
    assert_ok(lt_semaphore_acquire(c.started));
    assert_null(c.after);
    c.seen = thread;
    assert_ok(lt_semaphore_release(c.freed, 1));
    assert_ok(lt_start_new_thread(see_oneself, &c, NULL));
    assert_ok(lt_semaphore_acquire(c.started));
    assert_null(c.seen);
    join_all_threads();
    assert_ok(lt_semaphore_free(c.started));
    assert_ok(lt_semaphore_free(c.freed));
}

// ---- What counts

static void nothing(void *arg) {
    (void)arg;
}

TEST(what_a_shutdown_waited_for_counts_no_more_and_is_gone) {
    for (int i = 0; i < 3000; i++) {
        lt_thread *threads[3];
        int64_t ids[LENGTH(threads)];
        for (size_t j = 0; j < LENGTH(threads); j++) {
            must(lt_thread_start(nothing, NULL, NULL, &threads[j]) == LT_OK);
        }
        for (size_t j = 0; j < LENGTH(threads) && i % 100 == 0; j++) {
            ids[j] = lt_thread_native_id(threads[j]);
        }
        must(lt_shutdown(POLL_SECONDS) == LT_OK);
        must(lt_thread_count() == 0);
        for (size_t j = 0; j < LENGTH(threads); j++) {
            must(i % 100 != 0 || thread_state(ids[j]) == 0);
            must(lt_thread_free(threads[j]) == LT_OK);
        }
    }
}

TEST(a_joined_thread_counts_no_more) {
    for (int i = 0; i < 3000; i++) {
        lt_thread *thread;
        must(lt_thread_start(nothing, NULL, NULL, &thread) == LT_OK);
        must(lt_thread_join(thread) == LT_OK);
        must(lt_thread_count() == 0);
        must(lt_thread_free(thread) == LT_OK);
    }
}

static lt_local *key;
static _Atomic size_t counted_at_the_end;

static void count_at_the_end(void *value) {
    (void)value;
    char name[32];
    must(lt_thread_name(lt_get_ident(), name, sizeof name) == LT_OK);
    atomic_store(&counted_at_the_end, lt_thread_count());
}

static void set_key(void *unused) {
    (void)unused;
    must(lt_local_set(key, &key) == LT_OK);
}

TEST(a_thread_counts_while_its_destructors_run) {
    key = lt_local_new(count_at_the_end);
    lt_thread *thread;
    assert_ok(lt_thread_start(set_key, NULL, NULL, &thread));
    assert_ok(lt_thread_join(thread));
    assert_int_equal(atomic_load(&counted_at_the_end), 1);
    assert_ok(lt_thread_free(thread));
    assert_ok(lt_local_free(key));
}
