// What a forked child can do.
// timeout: 120
// needs: fork
#include "waits.h"
#include <sys/time.h>

// ---- Objects of the parent

enum { KINDS = LENGTH(WAITS) };

typedef struct estate {
    void *waited[KINDS]; // Each has two threads that wait for it.
    waiter waiters[2 * KINDS];
    lt_lock *held, *free;
    lt_semaphore *permits; // 3 of at most 4.
    lt_event *set;
    lt_queue *items; // &items[0], [1], [2] of at most 4.
} estate;

static void estate_make(estate *e) {
    for (size_t i = 0; i < KINDS; i++) {
        timed_wait *timed = malloc(sizeof *timed);
        *timed = (timed_wait){WAITS[i], e->waited[i] = waits_make(WAITS[i]), 1000.0};
        waiter_start(&e->waiters[2 * i], WAITS[i]->wait, e->waited[i]);
        waiter_start(&e->waiters[2 * i + 1], timed_wait_call, timed);
    }
    e->held = waits_lock();
    e->free = lt_allocate_lock();
    e->permits = lt_semaphore_new_bounded(3, 4);
    e->set = lt_event_new();
    must(lt_event_set(e->set) == LT_OK);
    e->items = lt_queue_new(4);
    for (int i = 0; i < 3; i++) {
        must(lt_queue_put(e->items, &e->items + i) == LT_OK);
    }
}

// In the parent: all is as if there had been no fork.
static void estate_check_and_free(estate *e) {
    must(lt_thread_count() >= 2 * KINDS);
    for (size_t i = 0; i < KINDS; i++) {
        must_for(WAITS[i]->name, WAITS[i]->destroy(e->waited[i]) == LT_BUSY);
        must_for(WAITS[i]->name, WAITS[i]->satisfy(e->waited[i]) == LT_OK);
        if (!WAITS[i]->lets_all_through) {
            must_soon(waiter_is_done(&e->waiters[2 * i]) || waiter_is_done(&e->waiters[2 * i + 1]));
            must_for(WAITS[i]->name, WAITS[i]->satisfy(e->waited[i]) == LT_OK);
        }
        for (size_t j = 2 * i; j <= 2 * i + 1; j++) {
            void *timed = e->waiters[j].object != e->waited[i] ? e->waiters[j].object : NULL;
            must_for(WAITS[i]->name, waiter_join(&e->waiters[j]) == LT_OK);
            free(timed);
        }
        waits_destroy(WAITS[i], e->waited[i]);
    }
    must(lt_lock_locked(e->held) && !lt_lock_locked(e->free));
    must(lt_semaphore_value(e->permits) == 3 && lt_event_is_set(e->set));
    must(lt_queue_size(e->items) == 3);
    must(lt_lock_free(e->held) == LT_OK && lt_lock_free(e->free) == LT_OK);
    must(lt_semaphore_free(e->permits) == LT_OK && lt_event_free(e->set) == LT_OK);
    must(lt_queue_free(e->items) == LT_OK);
}

// ---- What is checked in each child

static lt_status interrupt_main_when_asleep(void *unused) {
    (void)unused;
    must_soon(asleep(getpid()));
    return lt_interrupt_main(SIGTERM);
}

static void check_this_thread_is_main(void) {
    must(lt_thread_count() == 0);
    must(lt_get_ident() != 0 && lt_main_ident() == lt_get_ident());
    must(lt_get_native_id() == getpid() && syscall(SYS_gettid) == getpid());
    must(lt_check_interrupt() == LT_OK);
    must(lt_interrupt_main(SIGUSR1) == LT_OK);
    must(lt_sleep(1000.0) == LT_INTERRUPTED && lt_interrupt_signal() == SIGUSR1);
    waiter w;
    waiter_launch(&w, interrupt_main_when_asleep, NULL);
    must(lt_sleep(1000.0) == LT_INTERRUPTED && lt_interrupt_signal() == SIGTERM);
    must(waiter_join(&w) == LT_OK);
    join_all_threads();
}

static void count_up(void *counter) {
    atomic_fetch_add((_Atomic int *)counter, 1);
}

static void check_new_objects_and_threads(void) {
    _Atomic int counter = 0;
    lt_ident ident = 0;
    for (int i = 0; i < 20; i++) {
        must(lt_start_new_thread(count_up, &counter, &ident) == LT_OK);
        must(ident != 0 && ident != lt_get_ident());
    }
    join_all_threads();
    must(atomic_load(&counter) == 20);
    for_each_wait(kind) {
        void *object = waits_make(kind);
        waiter w;
        waiter_start(&w, kind->wait, object);
        must_for(kind->name, lt_thread_count() == 1);
        must_for(kind->name, w.ident != lt_main_ident());
        must_for(kind->name, kind->destroy(object) == LT_BUSY);
        must_for(kind->name, kind->satisfy(object) == LT_OK);
        must_for(kind->name, waiter_join(&w) == LT_OK);
        waits_destroy(kind, object);
        join_all_threads();
    }
}

// An object that threads of the parent waited for: they are gone, and with them their claims.
static void check_waited(const wait_kind *kind, void *object) {
    must_for(kind->name, kind->try_wait(object) == kind->not_yet);
    must_for(kind->name, kind->wait_timeout(object, 0.0005) == LT_TIMED_OUT);
    must_for(kind->name, kind->satisfy(object) == LT_OK);
    must_for(kind->name, kind->try_wait(object) == LT_OK);
    waits_undo(kind, object);
    must_for(kind->name, kind->try_wait(object) == kind->not_yet);
    {
        waiter w;
        waiter_start(&w, kind->wait, object);
        must_for(kind->name, kind->satisfy(object) == LT_OK);
        must_for(kind->name, waiter_join(&w) == LT_OK);
    }
    waits_destroy(kind, object);
}

static void check_child(void *arg) {
    alarm(20);
    estate *e = arg;
    check_this_thread_is_main();

    must(lt_lock_locked(e->held) && lt_lock_try_acquire(e->held) == LT_BUSY);
    must(lt_lock_at_fork_reinit(e->held) == LT_OK && !lt_lock_locked(e->held));
    must(lt_lock_acquire(e->held) == LT_OK && lt_lock_release(e->held) == LT_OK);
    must(!lt_lock_locked(e->free) && lt_lock_acquire(e->free) == LT_OK);
    must(lt_semaphore_value(e->permits) == 3 && lt_semaphore_release(e->permits, 1) == LT_OK);
    must(lt_semaphore_release(e->permits, 1) == LT_OVERFLOW);
    must(lt_event_wait(e->set) == LT_OK);
    must(lt_queue_size(e->items) == 3 && lt_queue_capacity(e->items) == 4);
    for (int i = 0; i < 3; i++) {
        void *item;
        must(lt_queue_get(e->items, &item) == LT_OK && item == (void *)(&e->items + i));
    }
    must(lt_lock_free(e->held) == LT_OK && lt_lock_free(e->free) == LT_OK);
    must(lt_semaphore_free(e->permits) == LT_OK && lt_event_free(e->set) == LT_OK);
    must(lt_queue_free(e->items) == LT_OK);
    for (size_t i = 0; i < KINDS; i++) {
        check_waited(WAITS[i], e->waited[i]);
    }
    check_new_objects_and_threads();
}

static void check_fork(estate *e) {
    int status = run_in_child(check_child, e);
    must(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static lt_status check_forks_on_a_thread(void *arg) {
    lt_ident before = lt_get_ident();
    for (int i = 0; i < 3; i++) {
        check_fork(arg);
    }
    must(lt_get_ident() == before && lt_main_ident() != before);
    return LT_OK;
}

TEST(the_main_thread_forks) {
    estate e;
    estate_make(&e);
    lt_ident before = lt_get_ident();
    for (int i = 0; i < 3; i++) {
        check_fork(&e);
    }
    assert_int_equal(lt_get_ident(), before);
    estate_check_and_free(&e);
}

TEST(a_thread_of_the_library_forks) {
    estate e;
    estate_make(&e);
    waiter w;
    waiter_launch(&w, check_forks_on_a_thread, &e);
    assert_ok(waiter_join(&w));
    estate_check_and_free(&e);
}

static void *fork_on_a_foreign_thread(void *e) {
    check_fork(e); // The library sees this thread for the first time in its fork handler.
    must(lt_get_ident() != lt_main_ident());
    check_fork(e);
    return NULL;
}

TEST(a_foreign_thread_forks) {
    estate e;
    estate_make(&e);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, fork_on_a_foreign_thread, &e), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    estate_check_and_free(&e);
}

static void fork_again(void *e) {
    alarm(20);
    waiter w;
    lt_event *never = lt_event_new();
    waiter_start(&w, EVENT_WAIT.wait, never); // A thread of its own, that the grandchild loses.
    check_fork(e);
    must(lt_thread_count() == 1 && !waiter_is_done(&w));
}

TEST(a_child_forks) {
    estate e;
    estate_make(&e);
    int status = run_in_child(fork_again, &e);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    estate_check_and_free(&e);
}

// ---- Free slots that a thread keeps for itself

enum { KEPT = 10 };
typedef struct slots {
    uintptr_t of[KEPT];
    lt_event *freed, *over;
} slots;

// The place of a handle's object: the handle without its generation.
static uintptr_t place(const void *handle) {
    return (uintptr_t)handle & (uintptr_t)0xffffffffffc0;
}

static void keep_slots(void *arg) {
    slots *s = arg;
    lt_spinlock *made[KEPT];
    for (int i = 0; i < KEPT; i++) {
        made[i] = lt_spinlock_new();
        s->of[i] = place(made[i]);
    }
    for (int i = 0; i < KEPT; i++) {
        must(lt_spinlock_free(made[i]) == LT_OK);
    }
    must(lt_event_set(s->freed) == LT_OK);
    must(lt_event_wait(s->over) == LT_OK);
}

static void find_slots(void *arg) {
    const slots *s = arg;
    int found = 0;
    for (int made = 0; made < 200; made++) {
        uintptr_t at = place(lt_spinlock_new());
        for (int i = 0; i < KEPT; i++) {
            found += s->of[i] == at;
        }
    }
    must(found == KEPT);
}

TEST(slots_that_another_thread_keeps_serve_a_child) {
    slots s = {.freed = lt_event_new(), .over = lt_event_new()};
    lt_thread *keeper = NULL;
    assert_ok(lt_thread_start(keep_slots, &s, NULL, &keeper));
    assert_ok(lt_event_wait(s.freed));
    assert_int_equal(run_in_child(find_slots, &s), 0);
    assert_ok(lt_event_set(s.over));
    assert_ok(lt_thread_join(keeper)); // Gone, not only out of its function.
    find_slots(&s);                    // And at the end of that thread, all.
    assert_ok(lt_thread_free(keeper));
    assert_ok(lt_event_free(s.freed));
    assert_ok(lt_event_free(s.over));
}

static void return_from_the_function(void *unused) {
    (void)unused;
    alarm(20);
    must(lt_main_ident() == lt_get_ident());
    must(lt_thread_count() == 0);
}

// The child's only thread returns into the library, from the function that the parent started.
static void fork_and_return(void *status) {
    pid_t child = fork_to_go_on();
    must(child >= 0);
    if (child == 0) {
        return_from_the_function(NULL);
        return;
    }
    must(waitpid(child, status, 0) == child);
}

TEST(a_forked_thread_may_return_from_its_function_in_the_child) {
    int status = -1;
    assert_ok(lt_start_new_thread(fork_and_return, &status, NULL));
    join_all_threads();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void nothing_is_pending(void *unused) {
    (void)unused;
    must(lt_check_interrupt() == LT_OK);
    must(lt_sleep(0.001) == LT_OK);
}

// As in Python. The library may have done nothing before but to be interrupted.
TEST(what_was_pending_stays_with_the_parent) {
    assert_ok(lt_interrupt_main(SIGUSR1));
    assert_int_equal(run_in_child(nothing_is_pending, NULL), 0);
    assert_status(lt_check_interrupt(), LT_INTERRUPTED);
    assert_int_equal(lt_interrupt_signal(), SIGUSR1);
}

// ---- What is on its way

static _Atomic bool is_held_up, may_go_on;

static void be_held_up(int signum) {
    (void)signum;
    atomic_store(&is_held_up, true);
    while (!atomic_load(&may_go_on)) {
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
}

// Where it sleeps, until it may go on.
static void hold_up(waiter *w) {
    const pid_t native_id = (pid_t)atomic_load(&w->native_id);
    atomic_store(&is_held_up, false);
    atomic_store(&may_go_on, false);
    must(syscall(SYS_tgkill, getpid(), native_id, SIGUSR2) == 0);
    must_soon(atomic_load(&is_held_up));
}

static void find_no_permit(void *semaphore) {
    must(lt_semaphore_value(semaphore) == 0);
    // One that sleeps as well: who is awake would not look at what was left for a sleeper.
    must(lt_semaphore_acquire_timeout(semaphore, 0.05) == LT_TIMED_OUT);
    must(lt_semaphore_release(semaphore, 1) == LT_OK);
    must(lt_semaphore_acquire_timeout(semaphore, 1000.0) == LT_OK);
    must(lt_semaphore_try_acquire(semaphore) == LT_BUSY);
}

TEST(a_permit_that_a_sleeper_of_the_parent_has_not_fetched_is_nobodys_in_a_child) {
    skip_without_handlers();
    struct sigaction holds = {.sa_handler = be_held_up}, before;
    must(sigaction(SIGUSR2, &holds, &before) == 0);
    lt_semaphore *semaphore = lt_semaphore_new(0);
    waiter w;
    waiter_start(&w, waits_semaphore_wait, semaphore);
    hold_up(&w);
    assert_ok(lt_semaphore_release(semaphore, 1));
    assert_int_equal(run_in_child(find_no_permit, semaphore), 0);
    atomic_store(&may_go_on, true);
    assert_ok(waiter_join(&w));
    assert_int_equal(lt_semaphore_value(semaphore), 0);
    assert_ok(lt_semaphore_free(semaphore));
    must(sigaction(SIGUSR2, &before, NULL) == 0);
}

// Starts one that waits for the lock, which the caller has, and that the next release hands it over to.
static void start_promised(lt_lock *lock, waiter *w) {
    for (;;) {
        waiter_start(w, waits_lock_wait, lock);
        must(lt_sleep(0.002) == LT_OK); // It is patient for so long.
        long sleeps = sleeps_of(w->native_id);
        must(lt_lock_release(lock) == LT_OK);
        if (lt_lock_try_acquire(lock) == LT_OK) {
            must_soon(waiter_is_done(w) || (sleeps_of(w->native_id) > sleeps && waiter_asleep(w)));
            return;
        }
        must(waiter_join(w) == LT_OK); // It was there while the lock was free; what it acquired the caller may release.
    }
}

static void find_no_hand_over(void *lock) {
    must(lt_lock_locked(lock)); // By who is not here, for whom anybody may release it.
    waiter w;
    start_promised(lock, &w);
    must(!waiter_is_done(&w)); // It has not what was for another.
    must(lt_lock_release(lock) == LT_OK);
    must(waiter_join(&w) == LT_OK);
}

TEST(a_lock_that_was_handed_to_a_sleeper_of_the_parent_is_handed_to_nobody_in_a_child) {
    skip_without_handlers();
    struct sigaction holds = {.sa_handler = be_held_up}, before;
    must(sigaction(SIGUSR2, &holds, &before) == 0);
    lt_lock *lock = lt_allocate_lock();
    assert_ok(lt_lock_acquire(lock));
    waiter w;
    start_promised(lock, &w);
    hold_up(&w);
    assert_ok(lt_lock_release(lock));
    assert_true(lt_lock_locked(lock));
    assert_int_equal(run_in_child(find_no_hand_over, lock), 0);
    atomic_store(&may_go_on, true);
    assert_ok(waiter_join(&w));
    assert_ok(lt_lock_release(lock));
    assert_ok(lt_lock_free(lock));
    must(sigaction(SIGUSR2, &before, NULL) == 0);
}

// ---- Forks in the middle of everything

typedef struct turmoil {
    void *shared[KINDS];
    _Atomic bool stop;
    _Atomic uint64_t seed, turns;
    int (*fork)(struct turmoil *t); // What waitpid() says of the child.
} turmoil;

static lt_status make_turmoil(void *arg) {
    turmoil *t = arg;
    uint64_t turn = atomic_fetch_add(&t->seed, 1);
    while (!atomic_load(&t->stop)) {
        turn++;
        const wait_kind *kind = WAITS[turn % KINDS];
        void *shared = t->shared[turn % KINDS], *own = waits_make(kind);
        lt_status s = kind->wait_timeout(shared, 20e-6);
        must_for(kind->name, s == LT_OK || s == LT_TIMED_OUT);
        if (kind->undo == waits_read_undo) {
            must(s != LT_OK || lt_rwlock_read_release(shared) == LT_OK);
        } else if (kind->undo == waits_event_undo) {
            must(lt_event_set(shared) == LT_OK && lt_event_clear(shared) == LT_OK);
        } else if (s == LT_OK) {
            must_for(kind->name, kind->satisfy(shared) == LT_OK);
        }
        waits_destroy(kind, own);
        if (turn % 16 == 0 && lt_thread_count() < 20) {
            _Atomic int counter = 0;
            must(lt_start_new_thread_copy(count_up, &counter, sizeof counter, NULL) == LT_OK);
        }
        atomic_fetch_add(&t->turns, 1);
    }
    return LT_OK;
}

// An object that was in use at the fork, in whatever state it was.
static void check_used(const wait_kind *kind, void *object) {
    if (kind->mend != NULL) {
        must_for(kind->name, kind->mend(object) == LT_OK);
    } else {
        for (lt_status s; (s = kind->try_wait(object)) != kind->not_yet;) {
            must_for(kind->name, s == LT_OK);
        }
    }
    check_waited(kind, object);
}

static void check_child_of_turmoil(void *arg) {
    alarm(20);
    turmoil *t = arg;
    must(lt_thread_count() == 0);
    must(lt_main_ident() == lt_get_ident());
    for (size_t i = 0; i < KINDS; i++) {
        check_used(WAITS[i], t->shared[i]);
    }
    check_new_objects_and_threads();
}

static int go_on_in_child(turmoil *t) {
    return run_in_child(check_child_of_turmoil, t);
}

// What every child may do, whatever the wait engine.
static int run_a_program_in_child(turmoil *unused) {
    (void)unused;
    pid_t child = fork();
    must(child >= 0);
    if (child == 0) {
        alarm(20); // It lasts.
        execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
        _exit(1);
    }
    int status;
    must(waitpid(child, &status, 0) == child);
    return status;
}

static lt_status fork_often(void *arg) {
    turmoil *t = arg;
    for (int i = 0; i < forks(100); i++) {
        uint64_t turns = atomic_load(&t->turns);
        int status = t->fork(t);
        must(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        must_soon(atomic_load(&t->turns) > turns); // The parent's threads go on.
    }
    return LT_OK;
}

static void check_turmoil(int (*fork)(turmoil *t), bool also_on_a_thread) {
    skip_where_children_have_no_threads();
    skip_beside_busy_threads();
    turmoil t = {.fork = fork};
    for (size_t i = 0; i < KINDS; i++) {
        t.shared[i] = waits_make(WAITS[i]);
        assert_ok(WAITS[i]->satisfy(t.shared[i])); // The one turn that the threads hand on.
    }
    waiter w[3], forker;
    for (size_t i = 0; i < LENGTH(w); i++) {
        waiter_launch(&w[i], make_turmoil, &t);
    }
    if (also_on_a_thread) {
        waiter_launch(&forker, fork_often, &t);
    }
    assert_ok(fork_often(&t));
    if (also_on_a_thread) {
        assert_ok(waiter_join(&forker));
    } else {
        assert_ok(fork_often(&t));
    }
    atomic_store(&t.stop, true);
    for (size_t i = 0; i < LENGTH(w); i++) {
        assert_ok(waiter_join(&w[i]));
    }
    join_all_threads();
    for (size_t i = 0; i < KINDS; i++) {
        waits_destroy(WAITS[i], t.shared[i]);
    }
}

TEST(two_hundred_forks_in_the_middle_of_everything) {
    check_turmoil(go_on_in_child, false);
}

TEST(two_threads_fork_in_the_middle_of_everything) {
    check_turmoil(go_on_in_child, true);
}

TEST(a_child_that_is_forked_in_the_middle_of_everything_may_run_another_program) {
    check_turmoil(run_a_program_in_child, true);
}

// ---- Sections that a fork meets

typedef struct first_calls {
    lt_barrier *barrier;
    atomic_bool stop;
} first_calls;

static void *come_once(void *barrier) {
    return lt_barrier_wait(barrier, NULL) == LT_OK ? NULL : barrier;
}

static lt_status come_by_new_threads(void *arg) {
    first_calls *f = arg;
    while (!atomic_load(&f->stop)) {
        pthread_t threads[4];
        for (size_t i = 0; i < LENGTH(threads); i++) {
            must(pthread_create(&threads[i], NULL, come_once, f->barrier) == 0);
        }
        for (size_t i = 0; i < LENGTH(threads); i++) {
            void *failed;
            must(pthread_join(threads[i], &failed) == 0 && failed == NULL);
        }
    }
    return LT_OK;
}

TEST(a_thread_whose_first_call_comes_to_a_barrier_does_not_hold_up_a_fork) {
    first_calls f = {.barrier = lt_barrier_new(1, NULL, NULL)};
    waiter w;
    waiter_launch(&w, come_by_new_threads, &f);
    for (int i = 0; i < forks(1000); i++) {
        pid_t child = fork_to_go_on();
        must(child != -1);
        if (child == 0) {
            _exit(0);
        }
        must(waitpid(child, NULL, 0) == child);
    }
    atomic_store(&f.stop, true);
    assert_ok(waiter_join(&w));
    assert_ok(lt_barrier_free(f.barrier));
}

static volatile sig_atomic_t handler_forks;

static void fork_in_a_handler(int signum) {
    (void)signum;
    pid_t child = fork_to_go_on();
    if (child == 0) {
        _exit(0);
    }
    if (child != -1 && waitpid(child, NULL, 0) == child) {
        handler_forks++;
    }
}

TEST(a_handler_forks_wherever_its_thread_is) {
    skip_without_handlers();
    must(lt_get_ident() != 0);
    struct sigaction forks = {.sa_handler = fork_in_a_handler}, before;
    must(sigaction(SIGALRM, &forks, &before) == 0);
    while (handler_forks < 300) {
        sig_atomic_t so_far = handler_forks;
        struct itimerval soon = {.it_value.tv_usec = 20 + so_far % 60};
        must(setitimer(ITIMER_REAL, &soon, NULL) == 0);
        while (handler_forks == so_far) {
            size_t count;
            assert_ok(lt_enumerate(NULL, 0, &count));
        }
    }
    must(sigaction(SIGALRM, &before, NULL) == 0);
}

// ---- A handler that forks while its thread waits

static volatile sig_atomic_t in_child, forked;

static void fork_and_go_on_waiting(int signum) {
    (void)signum;
    pid_t child = fork_to_go_on();
    if (child == 0) {
        alarm(20);
        in_child = 1;
        return;
    }
    int status = -1;
    must(child != -1 && waitpid(child, &status, 0) == child && status == 0);
    forked = 1;
}

static pthread_t waiting_thread;
static int64_t waiting_id;

static void *fork_the_one_who_waits(void *arg) {
    must_soon(asleep(waiting_id));
    must(pthread_kill(waiting_thread, SIGUSR2) == 0);
    must_soon(forked);
    return arg;
}

// In the child the task is the parent's: the wait is over, the future and the pool can be freed and are used no more.
static void wait_for_a_task_that_forks_us(bool for_its_pool) {
    forked = 0;
    waiting_thread = pthread_self();
    waiting_id = lt_get_native_id();
    lt_pool *pool = lt_pool_new(1, NULL);
    lt_future *future = NULL;
    must(pool != NULL && lt_pool_submit(pool, fork_the_one_who_waits, &future, &future) == LT_OK);
    void *result = NULL;
    if (for_its_pool) {
        must(lt_pool_shutdown(pool, true, false) == LT_OK);
    }
    lt_status status = lt_future_result(future, &result);
    must(status == (in_child ? LT_CANCELLED : LT_OK) && (in_child || result == (void *)&future));
    must(lt_future_free(future) == LT_OK && lt_future_free(future) == LT_BAD_HANDLE);
    must(lt_pool_free(pool) == LT_OK && lt_pool_free(pool) == LT_BAD_HANDLE);
    if (in_child) {
        lt_pool *pools[2] = {lt_pool_new(1, NULL), lt_pool_new(1, NULL)};
        must(pools[0] != NULL && pools[1] != NULL && pools[0] != pools[1]);
        must(lt_pool_free(pools[0]) == LT_OK && lt_pool_free(pools[1]) == LT_OK);
        _exit(0);
    }
}

TEST(a_child_may_return_into_the_wait_for_a_task_or_a_pool_whose_thread_forked_in_a_handler) {
    skip_without_handlers();
    struct sigaction forks = {.sa_handler = fork_and_go_on_waiting}, before;
    for (int restart = 0; restart <= 1; restart++) {
        forks.sa_flags = restart ? SA_RESTART : 0;
        must(sigaction(SIGUSR2, &forks, &before) == 0);
        for (int i = 0; i < 20; i++) {
            wait_for_a_task_that_forks_us(i % 2);
        }
        must(sigaction(SIGUSR2, &before, NULL) == 0);
    }
}

// ---- The same for every other wait, which begins anew in the child

static lt_status drop_others(void *barrier) {
    while (lt_barrier_parties(barrier) > 1) {
        must(lt_barrier_drop(barrier) == LT_OK);
    }
    return LT_OK;
}

static void *barrier_of_five(void) {
    return lt_barrier_new(5, NULL, NULL);
}
WAITS_CALL(barrier_wait, lt_barrier_wait(o, NULL))
WAITS_CALL(barrier_free, lt_barrier_free(o))

// Without a predicate: who returns was notified.
static struct {
    lt_condition *condition;
    lt_lock *lock;
    bool is_notified;
} bare;

static void *bare_condition(void) {
    bare.condition = lt_condition_new();
    bare.lock = lt_allocate_lock();
    return &bare;
}

static lt_status bare_wait_timed(void *unused, double seconds) {
    (void)unused;
    must(lt_lock_acquire(bare.lock) == LT_OK);
    lt_status status = lt_condition_wait_timeout(bare.condition, bare.lock, seconds);
    must(status != LT_OK || bare.is_notified);
    must(lt_lock_release(bare.lock) == LT_OK);
    return status;
}
WAITS_CALL(bare_wait, bare_wait_timed(o, LT_FOREVER))

static lt_status bare_notify(void *unused) {
    (void)unused;
    must(lt_lock_acquire(bare.lock) == LT_OK);
    bare.is_notified = true;
    must(lt_condition_notify(bare.condition, 1) == LT_OK);
    return lt_lock_release(bare.lock);
}
WAITS_CALL(bare_free, (LT_IGNORE(o), lt_condition_free(bare.condition)))

static void *queue_with_work(void) {
    lt_queue *queue = lt_queue_new(0);
    must(queue != NULL && lt_queue_put(queue, queue) == LT_OK);
    return queue;
}
WAITS_CALL(queue_join, lt_queue_join(o))
WAITS_TIMED(queue_join_timed, lt_queue_join_timeout(o, seconds))
WAITS_CALL(queue_task_done, lt_queue_task_done(o))

static void *no_end_in_the_parent(void *arg) {
    while (!in_child) {
        pause();
    }
    return arg;
}

static void call_without_end(void *arg) {
    LT_IGNORE(no_end_in_the_parent(arg));
}

static lt_once_flag once_in_the_child;

static void *once_flag(void) {
    return &once_in_the_child;
}
WAITS_CALL(once_call, lt_call_once(o, call_without_end, NULL))

static void *two_tasks(void) {
    static lt_future *futures[2];
    lt_pool *pool = lt_pool_new(2, NULL);
    for (int i = 0; i < 2; i++) {
        must(lt_pool_submit(pool, no_end_in_the_parent, NULL, &futures[i]) == LT_OK);
    }
    return futures;
}
WAITS_CALL(wait_for_both, lt_future_wait_many(o, 2, LT_ALL, LT_FOREVER, NULL))

static void *thread_without_end(void) {
    lt_thread *thread = NULL;
    must(lt_thread_start(call_without_end, NULL, NULL, &thread) == LT_OK);
    return thread;
}
WAITS_CALL(thread_join, lt_thread_join(o))
WAITS_CALL(thread_free, lt_thread_free(o))

// Whose wait ends by itself in the child has nothing that satisfies it.
static const wait_kind OTHER_WAITS[] = {
    {.name = "barrier", .make = barrier_of_five, .wait = barrier_wait, .satisfy = drop_others, .destroy = barrier_free},
    {.name = "uninterruptible lock", .make = waits_lock, .wait = waits_lock_uninterruptible, .satisfy = waits_lock_satisfy,
        .destroy = waits_lock_destroy},
    {.name = "bare condition", .make = bare_condition, .wait = bare_wait, .wait_timeout = bare_wait_timed,
        .satisfy = bare_notify, .destroy = bare_free},
    {.name = "queue join", .make = queue_with_work, .wait = queue_join, .wait_timeout = queue_join_timed,
        .satisfy = queue_task_done, .destroy = waits_queue_destroy},
    {.name = "once", .make = once_flag, .wait = once_call},
    {.name = "many futures", .make = two_tasks, .wait = wait_for_both},
    {.name = "join", .make = thread_without_end, .wait = thread_join, .destroy = thread_free},
};

enum { NEIGHBOURS = 2, STACK = 1 << 20 };

static struct {
    const wait_kind *kind;
    void *object;
    bool timed; // The wait ends by its time, and else is satisfied.
    char *stacks[NEIGHBOURS];
    _Atomic int64_t ids[NEIGHBOURS];
} forking;

static void *satisfy_in_the_child(void *arg) {
    must_soon(asleep(waiting_id));
    must_for(forking.kind->name, forking.kind->destroy(forking.object) == LT_BUSY);
    must_for(forking.kind->name, forking.kind->satisfy(forking.object) == LT_OK);
    return arg;
}

// In a handler whose thread waits: the child goes on, and the parent waits for its end.
static void go_on_in_a_child(const char *what) {
    pid_t child = fork_to_go_on();
    if (child != 0) {
        must_for(what, child != -1 && wait_for_child(child) == 0);
        _exit(0);
    }
    alarm(20);
    in_child = 1;
    waiting_id = getpid();
}

// In the child nothing may be done to the stacks of threads that are gone: but for their ends, where the C library has
// its own, they are out of reach.
static void fork_and_begin_anew(int signum) {
    (void)signum;
    go_on_in_a_child(forking.kind->name);
    for (int i = 0; i < NEIGHBOURS; i++) {
        must(mprotect(forking.stacks[i], STACK / 2, PROT_NONE) == 0);
    }
    pthread_t thread;
    must(forking.timed || forking.kind->satisfy == NULL ||
         pthread_create(&thread, NULL, satisfy_in_the_child, NULL) == 0);
}

static void *wait_beside(void *number) {
    volatile char room[STACK / 2 + 1024 * 64];
    room[0] = 0;
    atomic_store((_Atomic int64_t *)number, lt_get_native_id());
    LT_IGNORE(forking.kind->wait(forking.object));
    return (char *)number + room[0];
}

static void start_neighbour(int i) {
    pthread_t thread;
    pthread_attr_t attributes;
    forking.stacks[i] = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(forking.stacks[i] != MAP_FAILED && pthread_attr_init(&attributes) == 0);
    must(pthread_attr_setstack(&attributes, forking.stacks[i], STACK) == 0);
    must(pthread_create(&thread, &attributes, wait_beside, &forking.ids[i]) == 0);
    must_soon(atomic_load(&forking.ids[i]) != 0 && asleep(atomic_load(&forking.ids[i])));
}

static void *fork_between_neighbours(void *arg) {
    must_soon(asleep(waiting_id));
    start_neighbour(1);
    must(pthread_kill(waiting_thread, SIGUSR2) == 0);
    return arg;
}

static void begin_anew_in_a_child(void *unused) {
    (void)unused;
    pthread_t forker;
    forking.object = waits_make(forking.kind);
    start_neighbour(0);
    waiting_thread = pthread_self();
    waiting_id = lt_get_native_id();
    must(pthread_create(&forker, NULL, fork_between_neighbours, NULL) == 0);
    const wait_kind *kind = forking.kind;
    lt_status status = forking.timed ? kind->wait_timeout(forking.object, 0.1) : kind->wait(forking.object);
    while (!in_child && forking.timed) {
        status = kind->wait_timeout(forking.object, 0.1);
    }
    must_for(kind->name, in_child && status == (forking.timed ? LT_TIMED_OUT : LT_OK));
    if (!forking.timed) {
        waits_undo(kind, forking.object);
    }
    if (kind->destroy != NULL) {
        must_soon(kind->destroy(forking.object) == LT_OK);
    }
    _exit(0);
}

TEST(a_wait_whose_thread_forks_in_a_handler_begins_anew_in_the_child) {
    skip_without_handlers();
    if (under_emulator()) {
        skip_because("QEMU can start no thread in the child of any but the newest thread");
    }
    const wait_kind *kinds[LENGTH(WAITS) + LENGTH(OTHER_WAITS)];
    memcpy(kinds, WAITS, sizeof WAITS);
    for (size_t i = 0; i < LENGTH(OTHER_WAITS); i++) {
        kinds[LENGTH(WAITS) + i] = &OTHER_WAITS[i];
    }
    struct sigaction forks = {.sa_handler = fork_and_begin_anew}, before;
    for (size_t i = 0; i < 4 * LENGTH(kinds); i++) {
        forking.kind = kinds[i / 4];
        forking.timed = i % 2 == 1;
        forks.sa_flags = i % 4 >= 2 ? SA_RESTART : 0;
        if (!forking.timed || forking.kind->wait_timeout != NULL) {
            must(sigaction(SIGUSR2, &forks, &before) == 0);
            must_for(forking.kind->name, run_in_child(begin_anew_in_a_child, NULL) == 0);
            must(sigaction(SIGUSR2, &before, NULL) == 0);
        }
    }
}

// ---- A notify of more than eight is on its way from one to the other

static struct {
    lt_condition *condition;
    lt_lock *lock;
    waiter others[12];
} notified;

static lt_status wait_and_let_go(void *unused) {
    (void)unused;
    must(lt_lock_acquire(notified.lock) == LT_OK);
    lt_status status = lt_condition_wait(notified.condition, notified.lock);
    must(lt_lock_release(notified.lock) == LT_OK);
    return status;
}

static void *let_go_in_the_child(void *arg) {
    must_soon(asleep(waiting_id));
    must(lt_lock_release(notified.lock) == LT_OK);
    return arg;
}

static void fork_and_be_notified(int signum) {
    (void)signum;
    go_on_in_a_child("a notify on its way");
    pthread_t thread;
    must(pthread_create(&thread, NULL, let_go_in_the_child, NULL) == 0);
}

// The main thread comes as one of the others; whoever is notified waits for the lock, or for its turn.
static void *notify_and_have_it_fork(void *place) {
    must_soon(lt_condition_waiting(notified.condition) == (uint32_t)(intptr_t)place + 1);
    for (size_t i = (size_t)(intptr_t)place; i < LENGTH(notified.others); i++) {
        waiter_launch(&notified.others[i], wait_and_let_go, NULL);
    }
    must_soon(lt_condition_waiting(notified.condition) == LENGTH(notified.others) + 1 && asleep(waiting_id));
    must(lt_lock_acquire(notified.lock) == LT_OK && lt_condition_notify_all(notified.condition) == LT_OK);
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL); // The first one comes to the lock, most often.
    must_soon(asleep(waiting_id));
    must(pthread_kill(waiting_thread, SIGUSR2) == 0);
    return place;
}

static void be_notified_in_a_child(void *place) {
    pthread_t notifier;
    notified.condition = lt_condition_new();
    notified.lock = lt_allocate_lock();
    for (intptr_t i = 0; i < (intptr_t)place; i++) {
        waiter_launch(&notified.others[i], wait_and_let_go, NULL);
        must_soon(lt_condition_waiting(notified.condition) == (uint32_t)i + 1);
    }
    waiting_thread = pthread_self();
    waiting_id = lt_get_native_id();
    must(pthread_create(&notifier, NULL, notify_and_have_it_fork, place) == 0);
    must(wait_and_let_go(NULL) == LT_OK && in_child);
    must_soon(lt_condition_free(notified.condition) == LT_OK && lt_lock_free(notified.lock) == LT_OK);
    _exit(0);
}

TEST(a_notify_on_its_way_to_a_thread_that_forks_in_a_handler_reaches_it_in_the_child) {
    skip_without_handlers();
    if (under_emulator()) {
        skip_because("QEMU can start no thread in the child of any but the newest thread");
    }
    struct sigaction forks = {.sa_handler = fork_and_be_notified, .sa_flags = SA_RESTART}, before;
    must(sigaction(SIGUSR2, &forks, &before) == 0);
    for (intptr_t place = 0; place <= (intptr_t)LENGTH(notified.others); place += 4) {
        must(run_in_child(be_notified_in_a_child, (void *)place) == 0);
    }
    must(sigaction(SIGUSR2, &before, NULL) == 0);
}
