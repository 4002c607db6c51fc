// Interrupts of the main thread.
// timeout: 60
#include "waits.h"

// A shell may have told its background jobs, and so this, to ignore some signals.
__attribute__((constructor)) static void restore_default_actions(void) {
    for (int signum = 1; signum <= 64; signum++) {
        signal(signum, SIG_DFL); // Some cannot be set.
    }
}

// Takes what is pending; how many interrupts that were.
static int take_all(void) {
    int taken = 0;
    while (lt_check_interrupt() == LT_INTERRUPTED) {
        taken++;
    }
    return taken;
}

static void take_one(int signum) {
    assert_status(lt_check_interrupt(), LT_INTERRUPTED);
    assert_int_equal(lt_interrupt_signal(), signum);
}

TEST(nothing_is_pending_at_first) {
    assert_int_equal(lt_interrupt_signal(), 0);
    assert_ok(lt_check_interrupt());
    assert_int_equal(lt_interrupt_signal(), 0);
}

TEST(a_signal_out_of_range_is_invalid) {
    const int bad[] = {0, -1, 65, 128, INT_MAX, INT_MIN};
    assert_int_not_equal(lt_get_ident(), 0); // A handler-safe call is not the first to be remembered.
    for (size_t i = 0; i < LENGTH(bad); i++) {
        assert_status(lt_interrupt_main(bad[i]), LT_INVALID);
        assert_int_equal(lt_last_status(), LT_INVALID);
        assert_true(last_error_names("lt_interrupt_main"));
        assert_non_null(strstr(lt_last_error(), "signum"));
    }
    assert_ok(lt_check_interrupt());
}

TEST(every_signal_is_told_and_none_takes_its_default_action) {
    restore_default_actions(); // cmocka has handlers of its own, which would run.
    for (int signum = 1; signum <= 64; signum++) {
        assert_ok(lt_interrupt_main(signum));
        take_one(signum);
        assert_ok(lt_check_interrupt());
    }
}

TEST(the_same_signal_twice_is_one) {
    for (int i = 0; i < 5; i++) {
        assert_ok(lt_interrupt_main(SIGTERM));
    }
    take_one(SIGTERM);
    assert_ok(lt_check_interrupt());
}

TEST(different_signals_are_taken_lowest_first) {
    restore_default_actions(); // cmocka has handlers of its own, which would run.
    for (int signum = 64; signum >= 1; signum -= 3) {
        assert_ok(lt_interrupt_main(signum));
    }
    for (int signum = 1; signum <= 64; signum += 3) {
        take_one(signum);
    }
    assert_ok(lt_check_interrupt());
    assert_int_equal(lt_interrupt_signal(), 64); // That of the last one stays.
}

TEST(an_ignored_signal_does_nothing) {
    skip_without_signals();
    void (*before)(int) = signal(SIGUSR1, SIG_IGN);
    assert_ok(lt_interrupt_main(SIGUSR1));
    assert_ok(lt_check_interrupt());
    signal(SIGUSR1, before);
    assert_ok(lt_interrupt_main(SIGUSR1));
    take_one(SIGUSR1);
}

// ---- Waits

static void check_interrupted_at_once(const wait_kind *kind, double seconds) {
    void *object = waits_make(kind);
    assert_ok(lt_interrupt_main(SIGINT));
    double began = lt_monotonic();
    lt_status status = seconds < 0 ? kind->wait(object) : kind->wait_timeout(object, seconds);
    must_for(kind->name, status == LT_INTERRUPTED);
    must_for(kind->name, seconds_since(began) < SLACK);
    must_for(kind->name, lt_interrupt_signal() == SIGINT);
    // Nothing has happened: not to the object, and no second time to the thread.
    must_for(kind->name, kind->try_wait(object) == kind->not_yet);
    must_for(kind->name, kind->wait_timeout(object, 1e-6) == LT_TIMED_OUT);
    must_for(kind->name, kind->satisfy(object) == LT_OK);
    must_for(kind->name, kind->try_wait(object) == LT_OK);
    waits_destroy(kind, object);
}

TEST(a_pending_interrupt_ends_the_next_wait_that_blocks) {
    for_each_wait(kind) {
        check_interrupted_at_once(kind, LT_FOREVER);
        check_interrupted_at_once(kind, 1e-10);
        check_interrupted_at_once(kind, 1000.0);
        check_interrupted_at_once(kind, LT_TIMEOUT_MAX);
    }
}

TEST(what_does_not_block_leaves_an_interrupt_pending) {
    assert_ok(lt_interrupt_main(SIGINT));
    for_each_wait(kind) {
        void *object = waits_make(kind);
        must_for(kind->name, kind->try_wait(object) == kind->not_yet);
        must_for(kind->name, kind->wait_timeout(object, 0.0) == LT_TIMED_OUT);
        const double seconds[] = {LT_FOREVER, -0.5, -0.0, 1e-10, 1000.0};
        for (size_t i = 0; i < LENGTH(seconds); i++) {
            waits_check_ready(kind, seconds[i]);
        }
        must_for(kind->name, kind->satisfy(object) == LT_OK);
        must_for(kind->name, kind->wait(object) == LT_OK);
        waits_destroy(kind, object);
    }
    assert_ok(lt_sleep(0.0));
    take_one(SIGINT);
    assert_ok(lt_check_interrupt());
}

TEST(errors_leave_an_interrupt_pending) {
    assert_ok(lt_interrupt_main(SIGINT));
    for_each_wait(kind) {
        must_for(kind->name, kind->wait(NULL) == LT_BAD_HANDLE);
        must_for(kind->name, kind->wait_timeout(NULL, 1.0) == LT_BAD_HANDLE);
        waits_check_refused(kind, NAN, LT_INVALID);
    }
    take_one(SIGINT);
}

static lt_status interrupt_main_when_asleep(void *signum) {
    must_soon(asleep(getpid()));
    return lt_interrupt_main(*(int *)signum);
}

static void check_interrupted_asleep(const wait_kind *kind, double seconds) {
    int signum = SIGUSR2;
    void *object = waits_make(kind);
    waiter w;
    waiter_launch(&w, interrupt_main_when_asleep, &signum);
    lt_status status = seconds < 0 ? kind->wait(object) : kind->wait_timeout(object, seconds);
    must_for(kind->name, status == LT_INTERRUPTED);
    must_for(kind->name, lt_interrupt_signal() == signum);
    must_for(kind->name, kind->try_wait(object) == kind->not_yet);
    must_for(kind->name, kind->satisfy(object) == LT_OK);
    must_for(kind->name, kind->wait(object) == LT_OK);
    waits_destroy(kind, object); // Nobody is thought to be waiting still.
    assert_ok(waiter_join(&w));
}

TEST(a_wait_that_blocks_is_interrupted) {
    for (int i = 0; i < 20; i++) {
        for_each_wait(kind) {
            check_interrupted_asleep(kind, LT_FOREVER);
            check_interrupted_asleep(kind, 1000.0);
        }
    }
}

static lt_status interrupt_main_then_satisfy(void *lock) {
    must_soon(asleep(getpid()));
    must(lt_interrupt_main(SIGUSR1) == LT_OK);
    must(lt_interrupt_main(SIGUSR2) == LT_OK);
    must_soon(asleep(getpid())); // Still, or again.
    return lt_lock_release(lock);
}

TEST(acquire_uninterruptible_leaves_interrupts_pending) {
    lt_lock *lock = waits_lock();
    waiter w;
    waiter_launch(&w, interrupt_main_then_satisfy, lock);
    assert_ok(lt_lock_acquire_uninterruptible(lock));
    assert_ok(waiter_join(&w));
    assert_int_equal(take_all(), 2);
    assert_ok(lt_lock_free(lock));
}

TEST(other_threads_are_not_interrupted) {
    for_each_wait(kind) {
        void *object = waits_make(kind);
        waiter w;
        waiter_start(&w, kind->wait, object);
        assert_ok(lt_interrupt_main(SIGINT));
        waits_check_timeouts_on_a_thread(kind);
        must_for(kind->name, !waiter_is_done(&w));
        must_for(kind->name, kind->satisfy(object) == LT_OK);
        must_for(kind->name, waiter_join(&w) == LT_OK);
        waits_destroy(kind, object);
        take_one(SIGINT);
    }
}

static lt_status nothing_is_pending(void *unused) {
    (void)unused;
    must(lt_check_interrupt() == LT_OK);
    must(lt_interrupt_signal() == 0);
    must(lt_sleep(0.001) == LT_OK);
    return LT_OK;
}

TEST(check_and_signal_are_the_callers_own) {
    assert_ok(lt_interrupt_main(SIGINT));
    take_one(SIGINT);
    assert_ok(lt_interrupt_main(SIGTERM));
    waiter w;
    waiter_launch(&w, nothing_is_pending, NULL);
    assert_ok(waiter_join(&w));
    take_one(SIGTERM);
}

// ---- Handlers

static _Atomic int handled_signal, handled_on, handled_times;

static void note(int signum) {
    atomic_store(&handled_signal, signum);
    atomic_store(&handled_on, (int)syscall(SYS_gettid));
    atomic_fetch_add(&handled_times, 1);
}

static void install(int signum, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler}; // No SA_RESTART.
    must(sigaction(signum, &action, NULL) == 0);
    handled_signal = handled_on = handled_times = 0;
}

static lt_status interrupt_main(void *signum) {
    return lt_interrupt_main(*(int *)signum);
}

TEST(a_handler_of_the_program_runs_on_the_main_thread) {
    int signum = SIGUSR1;
    install(signum, note);
    waiter w;
    waiter_launch(&w, interrupt_main, &signum);
    must_soon(handled_times == 1);
    assert_int_equal(handled_signal, SIGUSR1);
    assert_int_equal(handled_on, getpid());
    assert_ok(lt_sleep(0.0));
    take_one(SIGUSR1);
    assert_ok(waiter_join(&w));
    assert_int_equal(handled_times, 1);
    install(SIGUSR1, SIG_DFL);
}

TEST(a_handler_runs_when_main_interrupts_itself) {
    install(SIGUSR1, note);
    assert_ok(lt_interrupt_main(SIGUSR1));
    assert_int_equal(handled_times, 1);
    take_one(SIGUSR1);
    install(SIGUSR1, SIG_DFL);
}

TEST(a_system_call_that_blocks_is_interrupted_where_there_is_a_handler) {
    int signum = SIGUSR1, fds[2];
    char byte;
    install(signum, note);
    assert_int_equal(pipe(fds), 0);
    waiter w;
    waiter_launch(&w, interrupt_main_when_asleep, &signum);
    assert_int_equal(read(fds[0], &byte, 1), -1);
    assert_int_equal(errno, EINTR);
    take_one(SIGUSR1);
    assert_ok(waiter_join(&w));
    assert_int_equal(handled_times, 1);
    assert_int_equal(close(fds[0]) + close(fds[1]), 0);
    install(SIGUSR1, SIG_DFL);
}

static void interrupt_with_another_signal(int signum) {
    (void)signum;
    int saved = errno;
    must(lt_interrupt_main(SIGTERM) == LT_OK);
    errno = saved;
}

static lt_status kill_main_when_asleep(void *unused) {
    (void)unused;
    must_soon(asleep(getpid()));
    must(kill(getpid(), SIGALRM) == 0);
    return LT_OK;
}

TEST(a_handler_may_interrupt_the_wait_that_it_interrupted) {
    skip_without_handlers();
    install(SIGALRM, interrupt_with_another_signal);
    sigset_t only_main;
    sigemptyset(&only_main);
    sigaddset(&only_main, SIGALRM);
    for_each_wait(kind) {
        void *object = waits_make(kind);
        waiter w;
        must(pthread_sigmask(SIG_BLOCK, &only_main, NULL) == 0); // For the new thread.
        waiter_launch(&w, kill_main_when_asleep, NULL);
        must(pthread_sigmask(SIG_UNBLOCK, &only_main, NULL) == 0);
        must_for(kind->name, kind->wait(object) == LT_INTERRUPTED);
        must_for(kind->name, lt_interrupt_signal() == SIGTERM);
        waits_destroy(kind, object);
        assert_ok(waiter_join(&w));
    }
}

// ---- The order of handler and interrupt

typedef struct rounds {
    _Atomic long begun, answered;
    _Atomic bool over;
} rounds;

static lt_status interrupt_in_rounds(void *arg) {
    rounds *r = arg;
    for (long round = 1;; round++) {
        wait_for_step(&r->begun, round);
        if (atomic_load(&r->over)) {
            return LT_OK;
        }
        spend((double)(round * 7 % 50) * 1e-6);
        must(lt_interrupt_main(SIGUSR1) == LT_OK);
        wait_for_step(&r->answered, round);
    }
}

// A runtime whose handler leaves a note looks for it when its wait was interrupted.
static void check_order(lt_status (*until_interrupted)(void *), void *object, long count) {
    rounds r = {.over = false};
    install(SIGUSR1, note);
    waiter w;
    waiter_launch(&w, interrupt_in_rounds, &r);
    long round = 1;
    double began = lt_monotonic(); // On a busy machine a round can take as long as many.
    for (; round <= count && (round < 20 || seconds_since(began) < 3.0); round++) {
        atomic_store(&r.begun, round);
        must(until_interrupted(object) == LT_INTERRUPTED);
        must(atomic_load(&handled_times) == round && lt_interrupt_signal() == SIGUSR1);
        atomic_store(&r.answered, round);
    }
    atomic_store(&r.over, true);
    atomic_store(&r.begun, round);
    assert_ok(waiter_join(&w));
    assert_ok(lt_check_interrupt());
    install(SIGUSR1, SIG_DFL);
}

static lt_status check_until_interrupted(void *unused) {
    (void)unused;
    while (lt_check_interrupt() == LT_OK) {
    }
    return LT_INTERRUPTED;
}

TEST(the_handler_has_run_when_a_wait_says_so) {
    for_each_wait(kind) {
        void *object = waits_make(kind);
        check_order(kind->wait, object, kind == &EVENT_WAIT ? 10000 : 500);
        waits_destroy(kind, object);
    }
}

TEST(the_handler_has_run_when_a_check_says_so) {
    check_order(check_until_interrupted, NULL, 10000);
}

static void interrupt_main_from_here(int signum) {
    (void)signum;
    must(lt_interrupt_main(SIGUSR1) == LT_OK);
}

TEST(the_handler_has_run_when_a_handler_on_main_has_interrupted_it) {
    install(SIGALRM, interrupt_main_from_here);
    install(SIGUSR1, note);
    for (int i = 1; i <= 1000; i++) {
        must(raise(SIGALRM) == 0);
        assert_int_equal(handled_times, i);
        assert_status(lt_sleep(1000.0), LT_INTERRUPTED);
        assert_int_equal(lt_interrupt_signal(), SIGUSR1);
    }
    install(SIGALRM, SIG_DFL);
    install(SIGUSR1, SIG_DFL);
}

TEST(a_handler_that_main_blocks_runs_later_and_the_interrupt_does_not_wait) {
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    install(SIGUSR1, note);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &one, NULL), 0);
    int signum = SIGUSR1;
    waiter w;
    waiter_launch(&w, interrupt_main, &signum);
    assert_status(lt_sleep(1000.0), LT_INTERRUPTED);
    assert_int_equal(handled_times, 0);
    assert_ok(waiter_join(&w));
    assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &one, NULL), 0);
    assert_int_equal(handled_times, 1);
    install(SIGUSR1, SIG_DFL);
}

static lt_status interrupt_main_each_time(void *count) {
    for (long i = *(long *)count; i > 0; i--) {
        must_soon(asleep(getpid()));
        must(lt_interrupt_main(SIGUSR1) == LT_OK);
    }
    return LT_OK;
}

// The other side of the order: whoever was woken by the handler's signal finds the interrupt.
TEST(a_system_call_that_the_handler_has_ended_finds_the_interrupt) {
    long count = 1000;
    int fds[2];
    char byte;
    install(SIGUSR1, note);
    assert_int_equal(pipe(fds), 0);
    waiter w;
    waiter_launch(&w, interrupt_main_each_time, &count);
    for (long i = 0; i < count; i++) {
        assert_int_equal(read(fds[0], &byte, 1), -1);
        assert_int_equal(errno, EINTR);
        take_one(SIGUSR1);
    }
    assert_ok(waiter_join(&w));
    assert_int_equal(close(fds[0]) + close(fds[1]), 0);
    install(SIGUSR1, SIG_DFL);
}

// ---- Races

typedef struct race {
    const wait_kind *kind;
    void *object;
    _Atomic long begun, done; // The number of the round.
} race;

// Satisfies the wait and interrupts it, now in this order, now in the other.
static lt_status satisfy_and_interrupt(void *arg) {
    race *r = arg;
    for (long round = 1;; round++) {
        wait_for_step(&r->begun, round);
        if (r->kind == NULL) {
            return LT_OK;
        }
        spend((double)(round * 7 % 60) * 1e-6);
        for (int turn = 0; turn < 2; turn++) {
            bool satisfy = turn == round % 2;
            must((satisfy ? r->kind->satisfy(r->object) : lt_interrupt_main(SIGUSR1)) == LT_OK);
            spend((double)(round % 5) * 1e-6);
        }
        atomic_store(&r->done, round);
    }
}

TEST(an_interrupt_that_races_with_a_wake_up_loses_neither) {
    for_each_wait(kind) {
        race r = {.kind = kind, .object = waits_make(kind)};
        waiter w;
        waiter_launch(&w, satisfy_and_interrupt, &r);
        long satisfied = 0, interrupted = 0, round = 0;
        double began = lt_monotonic();
        while (!raced_enough(began, 0.3, satisfied >= 10 && interrupted >= 10)) {
            atomic_store(&r.begun, ++round);
            lt_status status = kind->wait(r.object);
            wait_for_step(&r.done, round);
            if (status == LT_OK) {
                satisfied++;
                must_for(kind->name, lt_check_interrupt() == LT_INTERRUPTED);
            } else {
                must_for(kind->name, status == LT_INTERRUPTED);
                must_for(kind->name, kind->try_wait(r.object) == LT_OK);
                interrupted++;
            }
            must_for(kind->name, lt_check_interrupt() == LT_OK);
            waits_undo(kind, r.object);
            must_for(kind->name, kind->try_wait(r.object) == kind->not_yet);
        }
        r.kind = NULL;
        atomic_store(&r.begun, round + 1);
        assert_ok(waiter_join(&w));
        waits_destroy(kind, r.object);
    }
}

// ---- Storms

typedef struct storm {
    const wait_kind *kind;
    void *object;
    _Atomic bool main_has_left, stop;
    _Atomic long given, taken, interrupted;
} storm;

static lt_status raise_until_stopped(void *arg) {
    storm *s = arg;
    for (int signum = 1; !atomic_load(&s->stop); signum = signum % 64 + 1) {
        must(lt_interrupt_main(signum) == LT_OK);
        if (signum % 8 == 0) {
            must(lt_sleep(20e-6) == LT_OK);
        }
    }
    return LT_OK;
}

static lt_status give_until_stopped(void *arg) {
    storm *s = arg;
    while (!atomic_load(&s->stop)) {
        // Never more than the takers can take at once: so each of them must wake somebody.
        if (atomic_load(&s->given) - atomic_load(&s->taken) >= 2) {
            sched_yield();
            continue;
        }
        must(s->kind->satisfy(s->object) == LT_OK);
        if (atomic_fetch_add(&s->given, 1) % 256 == 0) { // Until both block, and main is interrupted.
            long before = atomic_load(&s->interrupted);
            must_soon(atomic_load(&s->interrupted) > before || atomic_load(&s->main_has_left));
        }
    }
    return LT_OK;
}

static lt_status take_until_closed(void *arg) {
    storm *s = arg;
    for (;;) {
        must(s->kind->wait(s->object) == LT_OK); // It is not the main thread.
        if (atomic_load(&s->stop)) {
            return LT_OK;
        }
        atomic_fetch_add(&s->taken, 1);
    }
}

// Main and another thread take what a third gives, and a fourth interrupts main all the while.
static void check_nothing_is_lost(const wait_kind *kind) {
    restore_default_actions(); // cmocka has handlers of its own, which would run.
    storm s = {.kind = kind, .object = waits_make(kind)};
    waiter raiser, giver, taker;
    waiter_launch(&raiser, raise_until_stopped, &s);
    waiter_launch(&giver, give_until_stopped, &s);
    waiter_launch(&taker, take_until_closed, &s);
    for (double began = lt_monotonic(); seconds_since(began) < 0.4;) {
        lt_status status = kind->wait(s.object);
        must_for(kind->name, status == LT_OK || status == LT_INTERRUPTED);
        if (status == LT_OK) {
            atomic_fetch_add(&s.taken, 1);
        } else {
            atomic_fetch_add(&s.interrupted, 1);
            must_for(kind->name, lt_interrupt_signal() >= 1 && lt_interrupt_signal() <= 64);
        }
    }
    // Were a wake-up lost, the taker, now alone, would sleep over what there is to take.
    atomic_store(&s.main_has_left, true);
    long before = atomic_load(&s.taken);
    must_soon(atomic_load(&s.taken) > before + 100);
    atomic_store(&s.stop, true);
    must_for(kind->name, kind->satisfy(s.object) == LT_OK);
    while (!waiter_is_done(&raiser) || !waiter_is_done(&giver) || !waiter_is_done(&taker)) {
        take_all();
        sched_yield();
    }
    take_all();
    assert_ok(waiter_join(&raiser));
    assert_ok(waiter_join(&giver));
    assert_ok(waiter_join(&taker));
    long left = 0;
    while (kind->try_wait(s.object) == LT_OK) {
        left++;
    }
    must_for(kind->name, s.taken + left == s.given);
    waits_destroy(kind, s.object);
}

TEST(a_storm_of_interrupts_loses_no_permit) {
    check_nothing_is_lost(&SEMAPHORE_WAIT);
}

TEST(a_storm_of_interrupts_loses_no_item) {
    check_nothing_is_lost(&QUEUE_GET_WAIT);
}

TEST(after_a_storm_of_interrupts_nothing_is_pending_for_ever) {
    restore_default_actions(); // cmocka has handlers of its own, which would run.
    storm s = {.kind = &EVENT_WAIT, .object = lt_event_new()};
    waiter raiser;
    waiter_launch(&raiser, raise_until_stopped, &s);
    for (double began = lt_monotonic(); seconds_since(began) < 0.3;) {
        lt_status status = lt_event_wait_timeout(s.object, 1e-5);
        assert_true(status == LT_TIMED_OUT || status == LT_INTERRUPTED);
        status = lt_sleep(1e-6);
        assert_true(status == LT_OK || status == LT_INTERRUPTED);
        take_all();
    }
    atomic_store(&s.stop, true);
    while (!waiter_is_done(&raiser)) {
        take_all();
        sched_yield();
    }
    take_all();
    assert_ok(waiter_join(&raiser));
    for (int i = 0; i < 10; i++) {
        assert_status(lt_event_wait_timeout(s.object, 1e-4), LT_TIMED_OUT);
        assert_ok(lt_check_interrupt());
    }
    assert_ok(lt_event_free(s.object));
}
