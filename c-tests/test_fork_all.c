// Forks while threads use every kind of object; each child can use each kind, old and new.
// 100 forks; 1,000 if LT_LONG is set.
// timeout: 300
// flags: -fexceptions
// needs: fork
#include "support.h"

enum { HAMMERS = 8, ROUTED = 4 };

// What all threads use together.
typedef struct world {
    lt_lock *lock;
    lt_rlock *rlock;
    lt_semaphore *semaphore;
    lt_event *event;
    lt_condition *condition;
    lt_barrier *barrier; // Of three, with an action.
    lt_rwlock *rwlock;
    lt_spinlock *spinlock;
    lt_once_flag once;
    lt_queue *queue;
    lt_errors *errors;
    lt_local *local;
    lt_timer *timer;
    lt_watchdog *watchdog;
    lt_thread *sleeper; // Waits on `never`.
    lt_event *never;
    _Atomic bool stop;
    _Atomic uint64_t seed, turns;
} world;

static void nothing(void *unused) {
    (void)unused;
}

static void raise_an_error(void *unused) {
    (void)unused;
    lt_raise(7, "on purpose");
}

static void count_up(void *counter) {
    atomic_fetch_add((_Atomic int *)counter, 1);
}

static void count_signal(int signum, void *counter) {
    (void)signum;
    atomic_fetch_add((_Atomic int *)counter, 1);
}

static void sleep_until(void *event) {
    must(lt_event_wait(event) == LT_OK);
}

// ---- The hammers: each takes one turn at one kind

static void hammer_lock(world *w) {
    lt_lock *own = lt_allocate_lock();
    if (lt_lock_acquire_timeout(w->lock, 1e-4) == LT_OK) {
        must(lt_lock_release(w->lock) == LT_OK);
    }
    must(lt_lock_free(own) == LT_OK);
}

static void hammer_semaphore(world *w) {
    lt_semaphore *own = lt_semaphore_new(1);
    if (lt_semaphore_acquire_timeout(w->semaphore, 1e-4) == LT_OK) {
        must(lt_semaphore_release(w->semaphore, 1) == LT_OK);
    }
    must(lt_semaphore_free(own) == LT_OK);
}

static void hammer_event(world *w) {
    lt_event *own = lt_event_new();
    must(lt_event_set(w->event) == LT_OK && lt_event_clear(w->event) == LT_OK);
    LT_IGNORE(lt_event_wait_timeout(w->event, 1e-5));
    must(lt_event_free(own) == LT_OK);
}

static void hammer_rlock(world *w) {
    lt_rlock *own = lt_rlock_new();
    if (lt_rlock_acquire_timeout(w->rlock, 1e-4) == LT_OK) {
        must(lt_rlock_acquire(w->rlock) == LT_OK);
        must(lt_rlock_release_save(w->rlock, NULL) == LT_OK);
    }
    must(lt_rlock_free(own) == LT_OK);
}

static void hammer_condition(world *w) {
    lt_condition *own = lt_condition_new();
    must(lt_condition_notify(w->condition, 1) == LT_OK);
    if (lt_rlock_acquire_timeout(w->rlock, 1e-4) == LT_OK) {
        LT_IGNORE(lt_condition_wait_rlock_timeout(w->condition, w->rlock, 1e-5));
        must(lt_rlock_release(w->rlock) == LT_OK);
    }
    must(lt_condition_free(own) == LT_OK);
}

static void hammer_barrier(world *w) {
    lt_barrier *own = lt_barrier_new(1, NULL, NULL);
    LT_IGNORE(lt_barrier_wait_timeout(w->barrier, 1e-4, NULL));
    if (lt_barrier_is_broken(w->barrier)) {
        must(lt_barrier_reset(w->barrier) == LT_OK);
    }
    must(lt_barrier_wait(own, NULL) == LT_OK && lt_barrier_free(own) == LT_OK);
}

static void hammer_rwlock(world *w) {
    lt_rwlock *own = lt_rwlock_new();
    if (lt_rwlock_read_acquire_timeout(w->rwlock, 1e-4) == LT_OK) {
        must(lt_rwlock_read_release(w->rwlock) == LT_OK);
    }
    if (lt_rwlock_write_acquire_timeout(w->rwlock, 1e-4) == LT_OK) {
        must(lt_rwlock_write_release(w->rwlock) == LT_OK);
    }
    must(lt_rwlock_free(own) == LT_OK);
}

static void hammer_spinlock(world *w) {
    lt_spinlock *own = lt_spinlock_new();
    must(lt_spinlock_acquire(w->spinlock) == LT_OK && lt_spinlock_release(w->spinlock) == LT_OK);
    must(lt_spinlock_free(own) == LT_OK);
}

static void leave_it_to_be_called_again(void *unused) {
    (void)unused;
    LT_IGNORE(lt_sleep(1e-5));
    lt_exit();
}

static void call_once_and_exit(void *w) {
    LT_IGNORE(lt_call_once(&((world *)w)->once, leave_it_to_be_called_again, NULL));
}

// The function never returns, so that it is always at its first call.
static void hammer_once(world *w) {
    lt_thread *thread = NULL;
    must(lt_thread_start(call_once_and_exit, w, NULL, &thread) == LT_OK);
    must(lt_thread_join(thread) == LT_OK && lt_thread_free(thread) == LT_OK);
}

static void hammer_queue(world *w) {
    lt_queue *own = lt_queue_new(2);
    void *item;
    must(lt_queue_put(own, own) == LT_OK && lt_queue_get(own, &item) == LT_OK);
    LT_IGNORE(lt_queue_put_timeout(w->queue, w, 1e-5));
    LT_IGNORE(lt_queue_get_timeout(w->queue, 1e-5, &item));
    must(lt_queue_free(own) == LT_OK);
}

static void hammer_errors(world *w) {
    lt_errors *own = lt_errors_new();
    LT_IGNORE(lt_errors_count(w->errors));
    must(lt_spawn(nothing, NULL, own, NULL) == LT_OK);
    must(lt_errors_free(own) == LT_OK);
}

static void hammer_threads(world *w) {
    (void)w;
    lt_thread *thread = NULL;
    char name[64];
    size_t count;
    lt_thread_options options = {.size = sizeof options, .name = "hämmer"};
    must(lt_thread_start(nothing, NULL, &options, &thread) == LT_OK);
    LT_IGNORE(lt_thread_name(lt_thread_ident(thread), name, sizeof name));
    must(lt_set_thread_name("hammer") == LT_OK);
    must(lt_enumerate(NULL, 0, &count) == LT_OK && count > 1);
    must(lt_thread_join(thread) == LT_OK && lt_thread_free(thread) == LT_OK);
}

static void hammer_locals(world *w) {
    lt_local *own = lt_local_new(NULL);
    must(lt_local_set(own, w) == LT_OK && lt_local_get(own) == w);
    must(lt_local_set(w->local, own) == LT_OK && lt_local_get(w->local) == own);
    must(lt_local_free(own) == LT_OK);
}

static void hammer_timers(world *w) {
    lt_timer *own = NULL;
    lt_watchdog *dog = NULL;
    must(lt_timer_start(1e-5, 1e-5, nothing, NULL, &own) == LT_OK);
    must(lt_timer_start(0.0, 0.0, nothing, NULL, NULL) == LT_OK);
    must(lt_watchdog_start(1000.0, SIGTERM, &dog) == LT_OK);
    must(lt_watchdog_feed(dog) == LT_OK && lt_watchdog_feed(w->watchdog) == LT_OK);
    must(lt_watchdog_free(dog) == LT_OK);
    must(lt_timer_free(own) == LT_OK);
}

static void hammer_routes(world *w) {
    int signum = SIGRTMIN + 1 + (int)(atomic_load(&w->turns) % ROUTED);
    must(lt_signal_to_event(signum, w->event) == LT_OK);
    must(raise(signum) == 0);
    must(lt_signal_to_queue(signum, w->queue) == LT_OK);
    must(raise(signum) == 0);
}

typedef void (*hammer)(world *);

static const hammer ALL_HAMMERS[] = {hammer_lock, hammer_rlock, hammer_semaphore, hammer_event,
    hammer_condition, hammer_barrier, hammer_rwlock, hammer_spinlock, hammer_once, hammer_queue,
    hammer_errors, hammer_threads, hammer_locals, hammer_timers, hammer_routes};

static lt_status make_turmoil(void *arg) {
    world *w = arg;
    uint64_t turn = atomic_fetch_add(&w->seed, 1);
    while (!atomic_load(&w->stop)) {
        ALL_HAMMERS[turn++ % LENGTH(ALL_HAMMERS)](w);
        atomic_fetch_add(&w->turns, 1);
    }
    return LT_OK;
}

// ---- What a child does

static void check_alone(void) {
    must(lt_thread_count() == 0);
    must(lt_main_ident() == lt_get_ident());
    size_t count = 0;
    lt_thread_info info[2] = {{.size = sizeof *info}};
    must(lt_enumerate(info, LENGTH(info), &count) == LT_OK);
    must(count == 1 && info[0].ident == lt_get_ident() && info[0].native_id == getpid());
    must(lt_check_interrupt() == LT_OK);
    must(lt_shutdown(LT_FOREVER) == LT_OK);
}

static void come_to_it(void *barrier) {
    must(lt_barrier_wait(barrier, NULL) == LT_OK);
}

static void check_old_synchronisers(world *w) {
    must(lt_rlock_at_fork_reinit(w->rlock) == LT_OK);
    must(lt_rlock_acquire(w->rlock) == LT_OK && lt_rlock_acquire(w->rlock) == LT_OK);
    must(lt_rlock_recursion_count(w->rlock) == 2);
    must(lt_condition_waiting(w->condition) == 0);
    must(lt_condition_notify_all(w->condition) == LT_OK);
    must(lt_condition_wait_rlock_timeout(w->condition, w->rlock, 1e-4) == LT_TIMED_OUT);
    must(lt_condition_free(w->condition) == LT_OK && lt_rlock_free(w->rlock) == LT_OK);

    // The threads that waited are gone, and so is the one that ran the action; what is broken stays so.
    must(lt_barrier_waiting(w->barrier) == 0);
    must(!lt_barrier_is_broken(w->barrier) || lt_barrier_reset(w->barrier) == LT_OK);
    for (int i = 0; i < 2; i++) {
        must(lt_start_new_thread(come_to_it, w->barrier, NULL) == LT_OK);
    }
    must(lt_barrier_wait(w->barrier, NULL) == LT_OK);
    must_soon(lt_thread_count() == 0);
    must(lt_barrier_free(w->barrier) == LT_OK);

    must(lt_rwlock_at_fork_reinit(w->rwlock) == LT_OK);
    must(lt_rwlock_write_acquire(w->rwlock) == LT_OK);
    must(lt_rwlock_write_release(w->rwlock) == LT_OK);
    must(lt_rwlock_read_acquire(w->rwlock) == LT_OK && lt_rwlock_free(w->rwlock) == LT_OK);

    LT_IGNORE(lt_spinlock_try_acquire(w->spinlock)); // Its holder may be gone.
    must(lt_spinlock_release(w->spinlock) == LT_OK);
    must(lt_spinlock_acquire(w->spinlock) == LT_OK && lt_spinlock_free(w->spinlock) == LT_OK);

    _Atomic int calls = 0;
    for (int i = 0; i < 2; i++) {
        must(lt_call_once(&w->once, count_up, &calls) == LT_OK && atomic_load(&calls) == 1);
    }
}

static void check_old(world *w) {
    void *item;
    must(lt_lock_at_fork_reinit(w->lock) == LT_OK);
    must(lt_lock_acquire(w->lock) == LT_OK && lt_lock_release(w->lock) == LT_OK);
    must(lt_lock_free(w->lock) == LT_OK);
    must(lt_semaphore_release(w->semaphore, 1) == LT_OK);
    must(lt_semaphore_acquire(w->semaphore) == LT_OK);
    must(lt_semaphore_free(w->semaphore) == LT_OK);
    must(lt_event_set(w->event) == LT_OK && lt_event_wait(w->event) == LT_OK);
    must(lt_event_free(w->event) == LT_OK);
    check_old_synchronisers(w);
    while (lt_queue_try_get(w->queue, &item) == LT_OK) {
    }
    must(lt_queue_put(w->queue, w) == LT_OK && lt_queue_get(w->queue, &item) == LT_OK);
    must(item == w && lt_queue_free(w->queue) == LT_OK);
    must(lt_errors_clear(w->errors) == LT_OK && lt_errors_count(w->errors) == 0);
    must(lt_errors_free(w->errors) == LT_OK);
    must(lt_local_set(w->local, w) == LT_OK && lt_local_get(w->local) == w);
    must(lt_local_free(w->local) == LT_OK);
    must(lt_timer_cancel(w->timer) == LT_OK && lt_timer_free(w->timer) == LT_OK);
    must(lt_watchdog_cancel(w->watchdog) == LT_OK);
    must(lt_watchdog_feed(w->watchdog) == LT_OK);
    must(lt_watchdog_free(w->watchdog) == LT_OK);
    // The thread did not come along: it is not alive, and nobody waits for it.
    must(!lt_thread_is_alive(w->sleeper));
    must(lt_thread_interrupt(w->sleeper) == LT_OK);
    must(lt_thread_join(w->sleeper) == LT_OK);
    must(lt_thread_try_join(w->sleeper) == LT_OK);
    must(lt_thread_free(w->sleeper) == LT_OK);
    must(lt_event_free(w->never) == LT_OK);
}

static void wait_and_count(void *arg) {
    void **pair = arg;
    must(lt_event_wait(pair[0]) == LT_OK);
    count_up(pair[1]);
}

static void check_new(void) {
    // Threads that wait, and are joined.
    _Atomic int counter = 0;
    lt_event *event = lt_event_new();
    lt_thread *threads[3];
    void *pair[] = {event, &counter};
    for (size_t i = 0; i < LENGTH(threads); i++) {
        must(lt_thread_start(wait_and_count, pair, NULL, &threads[i]) == LT_OK);
    }
    must(lt_thread_count() == 3);
    must(lt_event_set(event) == LT_OK);
    for (size_t i = 0; i < LENGTH(threads); i++) {
        must(lt_thread_join(threads[i]) == LT_OK && lt_thread_free(threads[i]) == LT_OK);
    }
    must(atomic_load(&counter) == 3);
    must(lt_start_new_thread(count_up, &counter, NULL) == LT_OK);
    must_soon(atomic_load(&counter) == 4);
    must_soon(lt_thread_count() == 0);

    lt_lock *lock = lt_allocate_lock();
    LT_WITH_LOCK(lock) {
        must(lt_lock_acquire_timeout(lock, 1e-4) == LT_TIMED_OUT);
    }
    must(lt_lock_free(lock) == LT_OK);
    lt_semaphore *semaphore = lt_semaphore_new(1);
    must(lt_semaphore_acquire(semaphore) == LT_OK && lt_semaphore_free(semaphore) == LT_OK);

    // An error and its container.
    lt_errors *errors = lt_errors_new();
    lt_thread *thread = NULL;
    lt_thread_options options = {.size = sizeof options, .name = "child's", .errors = errors};
    must(lt_thread_start(raise_an_error, NULL, &options, &thread) == LT_OK);
    must(lt_thread_join(thread) == LT_FAILED && lt_thread_free(thread) == LT_OK);
    must(lt_errors_count(errors) == 1 && lt_errors_free(errors) == LT_OK);

    // Names.
    char name[32];
    must(lt_thread_name(lt_main_ident(), name, sizeof name) == LT_OK && name[0] != '\0');
    must(lt_set_thread_name("only child") == LT_OK);
    must(lt_thread_name(lt_get_ident(), name, sizeof name) == LT_OK);
    must(strcmp(name, "only child") == 0);

    lt_local *local = lt_local_new(NULL);
    must(lt_local_set(local, local) == LT_OK && lt_local_get(local) == local);
    must(lt_local_free(local) == LT_OK);

    // Timers, a watchdog, routes.
    lt_timer *timer = NULL;
    must(lt_timer_start(0.0, 1e-4, count_up, &counter, &timer) == LT_OK);
    must_soon(atomic_load(&counter) >= 7);
    must(lt_timer_free(timer) == LT_OK);
    lt_watchdog *dog = NULL;
    must(lt_watchdog_start(1e-3, SIGTERM, &dog) == LT_OK);
    must(lt_sleep(1000.0) == LT_INTERRUPTED && lt_interrupt_signal() == SIGTERM);
    must(lt_watchdog_free(dog) == LT_OK);
    lt_queue *queue = lt_queue_new(1);
    for (int signum = SIGRTMIN + 1; signum <= SIGRTMIN + ROUTED; signum++) {
        struct sigaction action;
        must(sigaction(signum, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
        must(raise(signum) == 0);
        void *item;
        must(lt_signal_to_queue(signum, queue) == LT_OK && raise(signum) == 0);
        must(lt_queue_get(queue, &item) == LT_OK && (intptr_t)item == signum);
        _Atomic int calls = 0;
        must(lt_signal_to_callback(signum, count_signal, &calls) == LT_OK && raise(signum) == 0);
        must_soon(atomic_load(&calls) == 1);
        must(lt_signal_restore(signum) == LT_OK);
    }
    must(lt_queue_free(queue) == LT_OK);
    must(lt_event_free(event) == LT_OK);
    check_alone();
}

static void check_child(void *w) {
    alarm(20);
    check_alone();
    check_old(w);
    check_new();
}

// ---- The parent

static lt_status fork_often(void *arg) {
    world *w = arg;
    for (int i = 0; i < forks(100); i++) {
        uint64_t turns = atomic_load(&w->turns);
        int status = run_in_child(check_child, w);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "fork %d: status %#x%s\n", i, (unsigned)status,
                WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? ", it hung" : "");
            must(!"the child is well");
        }
        must_soon(atomic_load(&w->turns) > turns); // The parent's threads go on.
    }
    return LT_OK;
}

static void check_forks(bool on_a_thread) {
    skip_where_children_have_no_threads();
    skip_beside_busy_threads();
    for (int signum = SIGRTMIN + 1; signum <= SIGRTMIN + ROUTED; signum++) {
        must(signal(signum, SIG_IGN) != SIG_ERR);
    }
    static world w;
    w = (world){.lock = lt_allocate_lock(), .rlock = lt_rlock_new(),
        .semaphore = lt_semaphore_new(2), .event = lt_event_new(),
        .condition = lt_condition_new(), .barrier = lt_barrier_new(3, nothing, NULL),
        .rwlock = lt_rwlock_new(), .spinlock = lt_spinlock_new(), .queue = lt_queue_new(3), .errors = lt_errors_new(),
        .local = lt_local_new(NULL), .never = lt_event_new()};
    assert_ok(lt_timer_start(0.0, 1e-4, nothing, NULL, &w.timer));
    assert_ok(lt_watchdog_start(1000.0, SIGTERM, &w.watchdog));
    assert_ok(lt_thread_start(sleep_until, w.never, NULL, &w.sleeper));
    waiter hammers[HAMMERS], forker;
    for (size_t i = 0; i < HAMMERS; i++) {
        waiter_launch(&hammers[i], make_turmoil, &w);
    }
    if (on_a_thread) {
        waiter_launch(&forker, fork_often, &w);
        assert_ok(waiter_join(&forker));
    } else {
        assert_ok(fork_often(&w));
    }
    atomic_store(&w.stop, true);
    for (size_t i = 0; i < HAMMERS; i++) {
        assert_ok(waiter_join(&hammers[i]));
    }
    assert_true(lt_thread_is_alive(w.sleeper));
    assert_ok(lt_event_set(w.never));
    assert_ok(lt_thread_join(w.sleeper));
    assert_ok(lt_thread_free(w.sleeper));
    assert_ok(lt_timer_free(w.timer));
    assert_ok(lt_watchdog_free(w.watchdog));
    for (int signum = SIGRTMIN + 1; signum <= SIGRTMIN + ROUTED; signum++) {
        assert_ok(lt_signal_restore(signum));
    }
    join_all_threads();
}

TEST(main_forks_while_threads_use_every_kind) {
    check_forks(false);
}

TEST(a_thread_forks_while_others_use_every_kind) {
    check_forks(true);
}

// ---- The first call of a program, and forks at that moment

static void *start_the_first_timer(void *ready) {
    must(pthread_barrier_wait(ready) >= -1);
    must(lt_timer_start(0.0, 0.0, nothing, NULL, NULL) == LT_OK);
    return NULL;
}

static void *route_the_first_signals(void *ready) {
    must(pthread_barrier_wait(ready) >= -1);
    for (int signum = SIGRTMIN + 1; signum <= SIGRTMIN + 20; signum++) {
        must(lt_signal_to_main(signum) == LT_OK);
    }
    return NULL;
}

static void do_nothing(void *unused) {
    (void)unused;
    alarm(20);
    must(lt_get_ident() == lt_main_ident());
}

typedef struct first_call {
    void *(*on_a_thread)(void *ready);
} first_call;

// In a child, where the services are to be started anew: a fork meets that.
static void fork_at_the_first_call(void *arg) {
    alarm(20);
    const first_call *first = arg;
    pthread_barrier_t ready;
    pthread_t thread;
    must(pthread_barrier_init(&ready, NULL, 2) == 0);
    must(pthread_create(&thread, NULL, first->on_a_thread, &ready) == 0);
    must(pthread_barrier_wait(&ready) >= -1);
    for (int i = 0; i < 3; i++) {
        must(run_in_child(do_nothing, NULL) == 0);
    }
    must(pthread_join(thread, NULL) == 0);
}

// In a process of its own, where nothing has called the library yet.
static void in_a_fresh_process(const char *case_name, first_call first, void (*begin)(void)) {
    if (getenv("LT_FRESH") == NULL) {
        int status = run_program(NULL, case_name, (const char *[]){"LT_FRESH=1", NULL});
        assert_int_equal(status, 0);
        return;
    }
    begin();
    for (int i = 0; i < forks(2000); i++) {
        int status = run_in_child(fork_at_the_first_call, &first);
        if (status != 0) {
            fprintf(stderr, "round %d: status %#x%s\n", i, (unsigned)status,
                WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? ", it hung" : "");
        }
        must(status == 0);
    }
}

static void begin_with_a_timer(void) {
    must(lt_timer_start(0.0, 0.0, nothing, NULL, NULL) == LT_OK);
}

TEST(a_program_whose_first_call_starts_a_timer_may_fork) {
    in_a_fresh_process("a_program_whose_first_call_starts_a_timer_may_fork",
        (first_call){start_the_first_timer}, begin_with_a_timer);
}

static void begin_with_a_route(void) {
    must(lt_signal_to_main(SIGUSR1) == LT_OK);
}

TEST(a_program_whose_first_call_routes_a_signal_may_fork) {
    in_a_fresh_process("a_program_whose_first_call_routes_a_signal_may_fork",
        (first_call){route_the_first_signals}, begin_with_a_route);
}

// ---- A callback of the library's threads forks, and the child returns from it: as with any thread
// function, that is the end of the child.

typedef struct forked {
    lt_event *done;
    int status;
} forked;

static void fork_and_return(void *arg) {
    forked *f = arg;
    pid_t child = fork_to_go_on();
    must(child >= 0);
    if (child == 0) {
        return;
    }
    double began = lt_monotonic();
    while (waitpid(child, &f->status, WNOHANG) == 0) {
        if (seconds_since(began) > SLACK) { // It hangs, and may have all signals blocked.
            must(kill(child, SIGKILL) == 0 && waitpid(child, &f->status, 0) == child);
            break;
        }
        must(lt_sleep(0.001) == LT_OK);
    }
    must(lt_event_set(f->done) == LT_OK);
}

static void fork_and_return_on_a_signal(int signum, void *arg) {
    (void)signum;
    fork_and_return(arg);
}

TEST(a_child_may_return_from_the_callback_of_a_timer_that_forked) {
    forked f = {lt_event_new(), -1};
    assert_ok(lt_timer_start(0.0, 0.0, fork_and_return, &f, NULL));
    assert_ok(lt_event_wait(f.done));
    assert_int_equal(f.status, 0);
}

TEST(a_child_may_return_from_the_callback_of_a_signal_that_forked) {
    forked f = {lt_event_new(), -1};
    assert_ok(lt_signal_to_callback(SIGUSR1, fork_and_return_on_a_signal, &f));
    assert_int_equal(raise(SIGUSR1), 0);
    assert_ok(lt_event_wait(f.done));
    assert_int_equal(f.status, 0);
    assert_ok(lt_signal_restore(SIGUSR1));
}
