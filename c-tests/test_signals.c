// Signals of the program, which are none of the library's business: waits are neither shortened nor
// lengthened by them, errno is kept, and some functions may be called from a handler.
// timeout: 60
// needs: signals of POSIX
#include "waits.h"

#include <sys/prctl.h>
#include <sys/time.h>

// ---- A storm: SIGALRM a thousand times a second, for whichever thread does not block it

static _Atomic long handled;

static void count_signal(int signum) {
    (void)signum;
    atomic_fetch_add(&handled, 1);
    errno = 4321; // A handler that is no good citizen: the library must not mistake it for its own.
}

static void block_signal(int how) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    must(pthread_sigmask(how, &set, NULL) == 0);
}

static void begin_storm(void (*handler)(int), int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    must(sigaction(SIGALRM, &action, NULL) == 0);
    atomic_store(&handled, 0);
    struct itimerval every = {{0, 1000}, {0, 1000}};
    must(setitimer(ITIMER_REAL, &every, NULL) == 0);
}

static void end_storm(void) {
    struct itimerval never = {{0, 0}, {0, 0}};
    must(setitimer(ITIMER_REAL, &never, NULL) == 0);
}

// A thread that gets none of the signals.
static void launch_apart(waiter *w, lt_status (*call)(void *), void *arg) {
    block_signal(SIG_BLOCK);
    waiter_launch(w, call, arg);
    block_signal(SIG_UNBLOCK);
}

// Runs the call on this thread with the storm upon it.
static void in_storm_on_main(lt_status (*call)(void *), void *arg, int flags) {
    begin_storm(count_signal, flags);
    must(call(arg) == LT_OK);
    end_storm();
    must(atomic_load(&handled) > 0);
}

// The same on a thread that is not the main one.
static void in_storm_on_a_thread(lt_status (*call)(void *), void *arg, int flags) {
    waiter w;
    begin_storm(count_signal, flags);
    waiter_launch(&w, call, arg);
    block_signal(SIG_BLOCK);
    must(waiter_join(&w) == LT_OK);
    block_signal(SIG_UNBLOCK);
    end_storm();
    must(atomic_load(&handled) > 0);
}

static lt_status wait_for_the_time(void *unused) {
    (void)unused;
    double began = lt_monotonic();
    must(lt_sleep(0.05) == LT_OK);
    must(seconds_since(began) >= 0.05 && seconds_since(began) < 0.05 + SLACK);
    for_each_wait(kind) {
        void *object = waits_make(kind);
        waits_check_time_out(kind, object, 0.05);
        waits_check_time_out(kind, object, 0.0005);
        must_for(kind->name, kind->try_wait(object) == kind->not_yet);
        waits_destroy(kind, object);
    }
    return LT_OK;
}

TEST(waits_for_the_time_are_not_changed_by_signals) {
    in_storm_on_main(wait_for_the_time, NULL, 0);
}

TEST(waits_for_the_time_are_not_changed_by_signals_that_restart) {
    in_storm_on_main(wait_for_the_time, NULL, SA_RESTART);
}

TEST(waits_for_the_time_on_a_thread_are_not_changed_by_signals) {
    in_storm_on_a_thread(wait_for_the_time, NULL, 0);
}

typedef struct late_gift {
    const wait_kind *kind;
    void *object;
    _Atomic bool given;
} late_gift;

// Satisfies the wait, after so many signals that they would long have ended it.
static lt_status satisfy_late(void *arg) {
    late_gift *gift = arg;
    long before = atomic_load(&handled);
    must_soon(atomic_load(&handled) >= before + 20);
    atomic_store(&gift->given, true);
    return gift->kind->satisfy(gift->object);
}

static lt_status wait_for_the_gift(void *unused) {
    (void)unused;
    for_each_wait(kind) {
        const double seconds[] = {LT_FOREVER, 1000.0};
        for (size_t i = 0; i < LENGTH(seconds); i++) {
            late_gift gift = {.kind = kind, .object = waits_make(kind)};
            timed_wait t = {kind, gift.object, seconds[i]};
            waiter w;
            launch_apart(&w, satisfy_late, &gift);
            must_for(kind->name, timed_wait_call(&t) == LT_OK);
            must_for(kind->name, atomic_load(&gift.given));
            must_for(kind->name, waiter_join(&w) == LT_OK);
            waits_destroy(kind, gift.object);
        }
    }
    return LT_OK;
}

TEST(waits_without_bound_are_not_ended_by_signals) {
    in_storm_on_main(wait_for_the_gift, NULL, 0);
}

TEST(waits_without_bound_on_a_thread_are_not_ended_by_signals) {
    in_storm_on_a_thread(wait_for_the_gift, NULL, 0);
}

static void wait_while_stopped(void) {
    alarm(20);
    for_each_wait(kind) {
        void *object = waits_make(kind);
        waits_check_time_out(kind, object, 0.05);
        waits_destroy(kind, object);
    }
    waiter w;
    waiter_launch(&w, wait_for_the_time, NULL);
    must(waiter_join(&w) == LT_OK);
}

TEST(waits_are_not_ended_by_a_stop_of_the_process) {
    fflush(NULL);
    pid_t child = fork_to_go_on();
    assert_true(child >= 0);
    if (child == 0) {
        must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0); // Or it might stay stopped for ever.
        wait_while_stopped();
        _exit(0);
    }
    int status = 0;
    for (bool stop = true; waitpid(child, &status, WNOHANG) == 0; stop = !stop) {
        assert_int_equal(kill(child, stop ? SIGSTOP : SIGCONT), 0);
        nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

// ---- errno

#define must_keep_errno(call)                                                                      \
    do {                                                                                           \
        errno = 1234;                                                                              \
        (void)!(call);                                                                             \
        must(errno == 1234 && #call);                                                              \
    } while (0)

static void nothing(void *arg) {
    (void)arg;
}

static void note_nothing(int signum) {
    (void)signum;
}

static lt_status keep_errno(void *unused) {
    (void)unused;
    must_keep_errno(lt_get_ident());
    must_keep_errno(lt_get_native_id());
    must_keep_errno(lt_main_ident());
    must_keep_errno(lt_thread_count());
    must_keep_errno(lt_monotonic() > 0);
    must_keep_errno(lt_sleep(0.0));
    must_keep_errno(lt_sleep(0.002));
    must_keep_errno(lt_sleep(NAN));
    must_keep_errno(lt_last_error());
    must_keep_errno(lt_last_status());
    must_keep_errno(lt_set_stack_size(65536));
    must_keep_errno(lt_set_stack_size(SIZE_MAX));
    must_keep_errno(lt_stack_size());
    must_keep_errno(lt_start_new_thread(nothing, NULL, NULL));
    must_keep_errno(lt_start_new_thread_copy(nothing, "copy", 4, NULL));
    must_keep_errno(lt_start_new_thread(NULL, NULL, NULL));
    must_keep_errno(lt_set_stack_size(0));
    for (int signum = 1; signum <= 64; signum++) {
        must_keep_errno(lt_interrupt_main(signum));
    }
    must_keep_errno(lt_interrupt_signal());
    for_each_wait(kind) {
        enum { MANY = 200 }; // Enough for the library to ask the system for memory.
        void *object[MANY];
        for (int i = 0; i < MANY; i++) {
            must_keep_errno((object[i] = kind->make()) != NULL);
        }
        must_keep_errno(kind->try_wait(object[0]));
        must_keep_errno(kind->wait_timeout(object[0], 0.0));
        must_keep_errno(kind->wait_timeout(object[0], 0.002));
        must_keep_errno(kind->wait_timeout(object[0], 1e-9));
        must_keep_errno(kind->wait_timeout(object[0], NAN));
        must_keep_errno(kind->wait_timeout(NULL, 0.0));
        waiter w;
        waiter_start(&w, kind->wait, object[0]);
        must_keep_errno(kind->destroy(object[0]));
        must_keep_errno(kind->satisfy(object[0]));
        must_keep_errno(waiter_join(&w)); // An acquire that blocks, or not.
        must_keep_errno(kind->satisfy(object[0]));
        must_keep_errno(kind->wait(object[0]));
        for (int i = 0; i < MANY; i++) {
            must_keep_errno(kind->destroy(object[i]));
            must_keep_errno(kind->destroy(object[i]));
        }
    }
    return LT_OK;
}

TEST(calls_leave_errno_alone) {
    waiter w;
    waiter_launch(&w, keep_errno, NULL);
    assert_ok(waiter_join(&w));
    while (lt_check_interrupt() == LT_INTERRUPTED) {
    }
    signal(SIGUSR1, note_nothing);
    must_keep_errno(lt_interrupt_main(SIGUSR1));
    must_keep_errno(lt_event_wait(lt_event_new()));
    must_keep_errno(lt_check_interrupt());
    signal(SIGUSR1, SIG_DFL);
    join_all_threads();
}

TEST(calls_on_the_main_thread_leave_errno_alone) {
    void (*before[65])(int);
    for (int signum = 1; signum <= 64; signum++) {
        before[signum] = signal(signum, SIG_IGN); // Or every wait below would be interrupted.
    }
    assert_ok(keep_errno(NULL));
    while (lt_check_interrupt() == LT_INTERRUPTED) {
    }
    for (int signum = 1; signum <= 64; signum++) {
        signal(signum, before[signum]);
    }
    join_all_threads();
}

// ---- From a handler

static lt_lock *shared_lock;
static lt_semaphore *shared_semaphore;
static lt_event *shared_event;
static _Thread_local lt_ident own_ident;
static _Atomic long released;

// All that is async-signal-safe: from the handler, and outside it, where the handler interrupts it.
static void use_the_library(void) {
    must(lt_get_ident() == own_ident);
    must(strcmp(lt_status_name(LT_BUSY), "LT_BUSY") == 0);
    must(strlen(lt_status_message(LT_BUSY)) > 0);
    must(lt_features() & LT_FEATURE_WAKE_IN_HANDLERS);
    lt_status status = lt_lock_try_acquire(shared_lock);
    must(status == LT_OK || status == LT_BUSY);
    if (status == LT_OK) {
        must(lt_lock_release(shared_lock) == LT_OK);
    }
    must(lt_semaphore_release(shared_semaphore, 2) == LT_OK);
    atomic_fetch_add(&released, 2);
    must(lt_event_set(shared_event) == LT_OK);
    must(lt_interrupt_main(SIGTERM) == LT_OK);
}

static void use_the_library_in_handler(int signum) {
    (void)signum;
    int before = errno = 77;
    use_the_library();
    must(errno == before);
    atomic_fetch_add(&handled, 1);
}

static _Atomic bool stop_using;
static _Atomic long acquired;

static void acquire_some(lt_status (*acquire)(void *)) {
    for (int i = 0; i < 10; i++) {
        lt_status status = acquire(shared_semaphore);
        must(status == LT_OK || status == LT_BUSY || status == LT_INTERRUPTED);
        atomic_fetch_add(&acquired, status == LT_OK);
    }
}

// Calls the same functions and blocks on the same objects, so that the handler finds it everywhere.
static lt_status use_the_same(void *unused) {
    (void)unused;
    own_ident = lt_get_ident();
    block_signal(SIG_UNBLOCK);
    while (!atomic_load(&stop_using)) {
        lt_status status = lt_lock_acquire(shared_lock);
        must(status == LT_OK || status == LT_INTERRUPTED);
        if (status == LT_OK) {
            must(lt_lock_release(shared_lock) == LT_OK);
        }
        acquire_some(waits_semaphore_wait);
        use_the_library();
        acquire_some(waits_semaphore_try);
        must(lt_event_clear(shared_event) == LT_OK);
        status = lt_event_wait(shared_event);
        must(status == LT_OK || status == LT_INTERRUPTED);
        must(lt_get_ident() == own_ident);
        must(status == LT_OK || lt_get_ident() == lt_main_ident());
    }
    block_signal(SIG_BLOCK);
    return LT_OK;
}

TEST(what_is_async_signal_safe_works_in_a_handler) {
    skip_without_handlers();
    shared_lock = lt_allocate_lock();
    shared_semaphore = lt_semaphore_new(0);
    shared_event = lt_event_new();
    block_signal(SIG_BLOCK);
    waiter w[2];
    begin_storm(use_the_library_in_handler, 0);
    for (size_t i = 0; i < LENGTH(w); i++) {
        waiter_launch(&w[i], use_the_same, NULL);
    }
    // First the kernel gives all signals to the other threads, then, once main takes them, to main.
    must_soon(atomic_load(&handled) > 300);
    own_ident = lt_get_ident();
    block_signal(SIG_UNBLOCK);
    for (double began = lt_monotonic(); seconds_since(began) < 0.5;) {
        lt_status status = lt_lock_acquire_timeout(shared_lock, 0.001);
        must(status == LT_OK || status == LT_TIMED_OUT || status == LT_INTERRUPTED);
        if (status == LT_OK) {
            must(lt_lock_release(shared_lock) == LT_OK);
        }
        acquire_some(waits_semaphore_try);
        for (int i = 0; i < 20; i++) {
            use_the_library();
        }
        status = lt_event_wait_timeout(shared_event, 0.002);
        must(status == LT_OK || status == LT_TIMED_OUT || status == LT_INTERRUPTED);
    }
    atomic_store(&stop_using, true);
    for (size_t i = 0; i < LENGTH(w); i++) {
        must_soon(waiter_is_done(&w[i])); // The storm goes on until they have stopped.
        assert_ok(waiter_join(&w[i]));
    }
    end_storm();
    block_signal(SIG_BLOCK);
    assert_int_equal(acquired + lt_semaphore_value(shared_semaphore), released);
    assert_false(lt_lock_locked(shared_lock));
    while (lt_check_interrupt() == LT_INTERRUPTED) {
        assert_int_equal(lt_interrupt_signal(), SIGTERM);
    }
    assert_ok(lt_lock_free(shared_lock));
    assert_ok(lt_semaphore_free(shared_semaphore));
    assert_ok(lt_event_free(shared_event));
    block_signal(SIG_UNBLOCK);
}
