// lt_adopt_main(): another thread than the process's first is the main one. Each case in a process of its own.
#include "support.h"

typedef struct adoption {
    void *(*as_main)(void *);
    lt_ident first;
    lt_event *leave;
    _Atomic bool over;
} adoption;

static void run_adoption(void *arg) {
    alarm(20);
    adoption *a = arg;
    a->first = lt_get_ident();
    a->leave = lt_event_new();
    pthread_t thread;
    must(pthread_create(&thread, NULL, a->as_main, a) == 0);
    must(pthread_join(thread, NULL) == 0);
    must(atomic_load(&a->over));
}

static void check_adoption(void *(*as_main)(void *)) {
    adoption a = {.as_main = as_main};
    assert_int_equal(run_in_child(run_adoption, &a), 0);
}

static void *see_what_main_is(void *arg) {
    adoption *a = arg;
    lt_thread_info info[4] = {{.size = sizeof info[0]}};
    size_t count = 0;
    char name[64];
    must(lt_main_ident() == a->first);
    must(lt_adopt_main() == LT_OK);
    must(lt_adopt_main() == LT_OK); // It is already.
    must(lt_main_ident() == lt_get_ident() && lt_get_ident() != a->first);
    must(lt_thread_name(lt_get_ident(), name, sizeof name) == LT_OK && strcmp(name, "MainThread") == 0);
    must(lt_thread_name(a->first, name, sizeof name) == LT_OK && strcmp(name, "MainThread") != 0);
    must(lt_enumerate(info, LENGTH(info), &count) == LT_OK && count == 1);
    must(info[0].ident == lt_get_ident() && info[0].native_id == lt_get_native_id());
    must(lt_thread_count() == 0);
    atomic_store(&a->over, true);
    return NULL;
}

TEST(the_adopted_thread_is_the_main_one_in_all_that_is_told) {
    check_adoption(see_what_main_is);
}

static _Atomic int64_t handled_by;

static void note_thread(int signum) {
    (void)signum;
    atomic_store(&handled_by, lt_get_native_id());
}

static void interrupt_main_with_sigusr1(void *main) {
    must_soon(asleep(atomic_load((_Atomic int64_t *)main)));
    must(lt_interrupt_main(SIGUSR1) == LT_OK);
}

static void *be_interrupted(void *arg) {
    adoption *a = arg;
    struct sigaction action = {.sa_handler = note_thread};
    _Atomic int64_t own = lt_get_native_id();
    must(lt_adopt_main() == LT_OK);
    // Without a handler, and with one: then it runs here.
    must(lt_start_new_thread(interrupt_main_with_sigusr1, &own, NULL) == LT_OK);
    must(lt_event_wait(a->leave) == LT_INTERRUPTED && lt_interrupt_signal() == SIGUSR1);
    must(atomic_load(&handled_by) == 0);
    join_all_threads();
    must(sigaction(SIGUSR1, &action, NULL) == 0);
    must(lt_start_new_thread(interrupt_main_with_sigusr1, &own, NULL) == LT_OK);
    must(lt_event_wait(a->leave) == LT_INTERRUPTED && lt_interrupt_signal() == SIGUSR1);
    must(atomic_load(&handled_by) == own);
    must(lt_signal_to_main(SIGUSR2) == LT_OK);
    must(kill(getpid(), SIGUSR2) == 0);
    must(lt_event_wait(a->leave) == LT_INTERRUPTED && lt_interrupt_signal() == SIGUSR2);
    atomic_store(&a->over, true);
    return NULL;
}

TEST(interrupts_and_routes_reach_the_adopted_main_thread) {
    check_adoption(be_interrupted);
}

static void *take_over_what_is_pending(void *arg) {
    adoption *a = arg;
    must(lt_interrupt_main(SIGUSR1) == LT_OK);
    must(lt_interrupt_main(SIGUSR2) == LT_OK);
    must(lt_check_interrupt() == LT_OK); // Not this thread's so far.
    must(lt_adopt_main() == LT_OK);
    must(lt_event_wait(a->leave) == LT_INTERRUPTED && lt_interrupt_signal() == SIGUSR1);
    must(lt_event_wait(a->leave) == LT_INTERRUPTED && lt_interrupt_signal() == SIGUSR2);
    must(lt_check_interrupt() == LT_OK);
    atomic_store(&a->over, true);
    return NULL;
}

TEST(signals_that_are_pending_move_to_the_adopted_main_thread) {
    check_adoption(take_over_what_is_pending);
}

static void must_not_adopt(void *arg) {
    must(lt_adopt_main() == LT_INVALID && last_error_names("lt_adopt_main"));
    must(lt_event_set(arg) == LT_OK);
}

static void *must_not_adopt_in_a_task(void *arg) {
    must_not_adopt(arg);
    return NULL;
}

TEST(the_librarys_own_threads_do_not_become_main) {
    lt_event *said = lt_event_new();
    lt_pool *pool = lt_pool_new(1, NULL);
    assert_ok(lt_timer_start(0.0, 0.0, must_not_adopt, said, NULL));
    assert_ok(lt_event_wait(said));
    assert_ok(lt_event_clear(said));
    assert_ok(lt_pool_submit(pool, must_not_adopt_in_a_task, said, NULL));
    assert_ok(lt_event_wait(said));
    assert_int_equal(lt_main_ident(), lt_get_ident());
    assert_ok(lt_pool_free(pool));
    assert_ok(lt_event_free(said));
}

static void *exit_as_main(void *arg) {
    (void)arg;
    must(lt_adopt_main() == LT_OK);
    lt_exit();
}

static void wait_for_the_end_of_the_process(void *arg) {
    alarm(20);
    pthread_t thread;
    must(pthread_create(&thread, NULL, exit_as_main, arg) == 0);
    for (;;) {
        pause();
    }
}

TEST(lt_exit_on_the_adopted_main_thread_ends_the_process) {
    assert_int_equal(run_in_child(wait_for_the_end_of_the_process, NULL), 0);
}

static void *adopt_main(void *unused) {
    (void)unused;
    must(lt_adopt_main() == LT_OK);
    return NULL;
}

static void exit_on_the_first_thread(void *unused) {
    (void)unused;
    lt_exit(); // It is not the main one: another one ends the process.
}

static void *end_the_process(void *first) {
    must(lt_adopt_main() == LT_OK);
    must_soon(thread_state(*(int64_t *)first) == 'Z');
    exit(0);
}

static void leave_the_first_thread(void *unused) {
    alarm(20);
    static int64_t first;
    first = lt_get_native_id();
    pthread_t thread;
    must(pthread_create(&thread, NULL, adopt_main, NULL) == 0);
    must(pthread_join(thread, NULL) == 0);
    must(pthread_create(&thread, NULL, end_the_process, &first) == 0);
    exit_on_the_first_thread(unused);
}

TEST(lt_exit_on_the_former_main_thread_ends_that_alone) {
    assert_int_equal(run_in_child(leave_the_first_thread, NULL), 0);
}

// In a child of the former main thread, that is main again, and knows what it held.
static void check_forked(void *rlock) {
    must(lt_main_ident() == lt_get_ident());
    must(lt_rlock_is_owned(rlock) && lt_rlock_release(rlock) == LT_OK);
    must(lt_rlock_acquire_timeout(rlock, 5.0) == LT_OK);
}

static void fork_after_an_adoption(void *unused) {
    (void)unused;
    alarm(20);
    lt_rlock *rlock = lt_rlock_new();
    must(lt_rlock_acquire(rlock) == LT_OK);
    pthread_t thread;
    must(pthread_create(&thread, NULL, adopt_main, NULL) == 0);
    must(pthread_join(thread, NULL) == 0);
    must(lt_main_ident() != lt_get_ident());
    must(lt_interrupt_main(SIGUSR1) == LT_OK); // Reaches nobody any more.
    must(lt_check_interrupt() == LT_OK);
    must(lt_native_handle(lt_main_ident()) == 0);
    must(run_in_child(check_forked, rlock) == 0);
}

TEST(a_fork_makes_the_forking_thread_main_again) {
    assert_int_equal(run_in_child(fork_after_an_adoption, NULL), 0);
}

static lt_once_flag flag = LT_ONCE_FLAG_INIT;

static void call_again(void *unused) {
    (void)unused;
    pthread_t thread;
    must(pthread_create(&thread, NULL, adopt_main, NULL) == 0);
    must(pthread_join(thread, NULL) == 0);
    must(lt_call_once(&flag, call_again, NULL) == LT_DEADLOCK);
}

static void fork_in_a_call(void *unused) {
    must(run_in_child(call_again, unused) == 0);
}

static void fork_in_a_once_function(void *unused) {
    alarm(20);
    must(lt_call_once(&flag, fork_in_a_call, unused) == LT_OK);
}

// The forking thread is there in the child, whether it is main still or not.
TEST(the_thread_that_forked_has_not_vanished_when_another_one_is_main) {
    assert_int_equal(run_in_child(fork_in_a_once_function, NULL), 0);
}

static void *adopt_again_and_again(void *arg) {
    while (!atomic_load((_Atomic bool *)arg)) {
        must(lt_adopt_main() == LT_OK);
    }
    return NULL;
}

// Two threads take it from each other: an interrupt is never lost between them.
static void storm(void *unused) {
    (void)unused;
    alarm(60);
    static _Atomic bool enough;
    pthread_t threads[2];
    for (size_t i = 0; i < LENGTH(threads); i++) {
        must(pthread_create(&threads[i], NULL, adopt_again_and_again, (void *)&enough) == 0);
    }
    for (int i = 0; i < 20000; i++) {
        must(lt_interrupt_main(SIGUSR1) == LT_OK);
    }
    atomic_store(&enough, true);
    for (size_t i = 0; i < LENGTH(threads); i++) {
        must(pthread_join(threads[i], NULL) == 0);
    }
    must(lt_interrupt_main(SIGUSR2) == LT_OK);
    must(lt_adopt_main() == LT_OK);
    must(lt_check_interrupt() == LT_INTERRUPTED && lt_interrupt_signal() == SIGUSR1);
    must(lt_check_interrupt() == LT_INTERRUPTED && lt_interrupt_signal() == SIGUSR2);
}

TEST(an_interrupt_is_not_lost_between_two_main_threads) {
    assert_int_equal(run_in_child(storm, NULL), 0);
}
