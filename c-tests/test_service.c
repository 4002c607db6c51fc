// The library's own threads, as user code sees them: what a callback of a timer or a signal runs with, and
// what is started there. shim_pthread_create.c refuses threads.
// timeout: 60
// needs: signal masks
#include "shims.h"

#include <setjmp.h>
#include <spawn.h>
#include <sys/prctl.h>

extern char **environ;

// What a thread has that another one gets by being started on it.
typedef struct inherited {
    bool blocked[32];
    int slack;
    int cpus;
} inherited;

static void look(inherited *seen) {
    sigset_t mask;
    cpu_set_t cpus;
    must(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0);
    for (int signum = 1; signum < 32; signum++) {
        seen->blocked[signum] = sigismember(&mask, signum) == 1;
    }
    seen->slack = prctl(PR_GET_TIMERSLACK);
    must(sched_getaffinity(0, sizeof cpus, &cpus) == 0);
    seen->cpus = CPU_COUNT(&cpus);
}

static void must_be_same(const char *who, const inherited *is, const inherited *expected) {
    for (int signum = 1; signum < 32; signum++) {
        must_for(who, is->blocked[signum] == expected->blocked[signum]);
    }
    must_for(who, is->slack == expected->slack);
    must_for(who, is->cpus == expected->cpus);
}

typedef struct visit {
    lt_semaphore *done;
    lt_pool *pool;
    inherited callback, thread, task;
    uint64_t program; // The mask of a program, as the kernel tells it.
} visit;

static void look_from_a_thread(void *arg) {
    visit *v = arg;
    look(&v->thread);
    must(lt_semaphore_release(v->done, 1) == LT_OK);
}

static void *look_from_a_task(void *arg) {
    visit *v = arg;
    look(&v->task);
    must(lt_semaphore_release(v->done, 1) == LT_OK);
    return NULL;
}

static uint64_t mask_of_a_program(void) {
    int ends[2];
    char text[100] = "", *arguments[] = {"grep", "SigBlk", "/proc/self/status", NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    must(pipe(ends) == 0);
    must(posix_spawn_file_actions_init(&actions) == 0);
    must(posix_spawn_file_actions_adddup2(&actions, ends[1], 1) == 0);
    must(posix_spawnp(&child, "grep", &actions, NULL, arguments, environ) == 0);
    must(waitpid(child, NULL, 0) == child);
    must(read(ends[0], text, sizeof text - 1) > 8);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    close(ends[1]);
    return strtoull(text + strlen("SigBlk:"), NULL, 16);
}

static void visit_from_a_callback(void *arg) {
    visit *v = arg;
    look(&v->callback);
    v->program = mask_of_a_program();
    must(lt_start_new_thread(look_from_a_thread, v, NULL) == LT_OK);
    must(lt_pool_submit(v->pool, look_from_a_task, v, NULL) == LT_OK);
    must(lt_semaphore_release(v->done, 1) == LT_OK);
}

static void visit_on_a_signal(int signum, void *arg) {
    (void)signum;
    visit_from_a_callback(arg);
}

static void check_visit(visit *v, const inherited *expected) {
    for (int i = 0; i < 3; i++) {
        must(lt_semaphore_acquire_timeout(v->done, POLL_SECONDS) == LT_OK);
    }
    must_be_same("callback", &v->callback, expected);
    must_be_same("thread", &v->thread, expected);
    must_be_same("task", &v->task, expected);
    for (int signum = 1; signum < 32; signum++) {
        must((v->program >> (signum - 1) & 1) == expected->blocked[signum]);
    }
}

static visit new_visit(void) {
    visit v = {.done = lt_semaphore_new(0), .pool = lt_pool_new(1, NULL)};
    must(v.done != NULL && v.pool != NULL);
    return v;
}

static void leave(void *arg) {
    (void)arg;
    lt_exit();
}

static void leave_on_a_signal(int signum, void *arg) {
    (void)signum;
    must(lt_semaphore_release(arg, 1) == LT_OK);
    lt_exit();
}

static void block(int signum) {
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, signum);
    must(pthread_sigmask(SIG_BLOCK, &mask, NULL) == 0);
}

// In a child: the services are new there. With a signal blocked, which is then what is ordinary.
static void check_timers(void *unused) {
    (void)unused;
    block(SIGUSR2);
    inherited own;
    look(&own);
    visit v = new_visit();
    must(lt_timer_start(0.0, 0.0, visit_from_a_callback, &v, NULL) == LT_OK);
    check_visit(&v, &own);
    must(lt_timer_start(0.0, 0.0, leave, NULL, NULL) == LT_OK);
    visit later = new_visit();
    must(lt_timer_start(0.01, 0.0, visit_from_a_callback, &later, NULL) == LT_OK);
    check_visit(&later, &own);
}

TEST(what_a_timers_callback_starts_is_ordinary) {
    assert_int_equal(run_in_child(check_timers, NULL), 0);
}

static void check_signals(void *unused) {
    (void)unused;
    block(SIGUSR2);
    inherited own;
    look(&own);
    visit v = new_visit();
    must(lt_signal_to_callback(SIGUSR1, visit_on_a_signal, &v) == LT_OK);
    must(raise(SIGUSR1) == 0);
    check_visit(&v, &own);
    must(lt_signal_to_callback(SIGUSR1, leave_on_a_signal, v.done) == LT_OK);
    must(raise(SIGUSR1) == 0);
    must(lt_semaphore_acquire_timeout(v.done, POLL_SECONDS) == LT_OK);
    visit later = new_visit();
    must(lt_signal_to_callback(SIGUSR1, visit_on_a_signal, &later) == LT_OK);
    must(raise(SIGUSR1) == 0);
    check_visit(&later, &own);
}

TEST(what_a_signals_callback_starts_is_ordinary) {
    assert_int_equal(run_in_child(check_signals, NULL), 0);
}

static void pin_to_one_cpu(void) {
    cpu_set_t cpus, one;
    must(sched_getaffinity(0, sizeof cpus, &cpus) == 0);
    CPU_ZERO(&one);
    for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++) {
        if (CPU_ISSET(cpu, &cpus)) {
            CPU_SET(cpu, &one);
        }
    }
    must(sched_setaffinity(0, sizeof one, &one) == 0);
}

static void *use_a_pool_and_a_timer_pinned(void *arg) {
    visit *v = arg;
    pin_to_one_cpu();
    must(lt_timer_start(0.0, 0.0, visit_from_a_callback, v, NULL) == LT_OK);
    must(lt_pool_submit(v->pool, look_from_a_task, v, NULL) == LT_OK);
    return NULL;
}

static void check_pinned(void *unused) {
    (void)unused;
    inherited own;
    look(&own);
    visit v = new_visit();
    pthread_t thread;
    must(pthread_create(&thread, NULL, use_a_pool_and_a_timer_pinned, &v) == 0);
    must(pthread_join(thread, NULL) == 0);
    must(lt_semaphore_acquire_timeout(v.done, POLL_SECONDS) == LT_OK);
    check_visit(&v, &own);
}

TEST(a_pinned_thread_that_comes_first_pins_no_timer_and_no_worker) {
    inherited own;
    look(&own);
    if (own.cpus < 2) {
        skip_because("one processor");
    }
    assert_int_equal(run_in_child(check_pinned, NULL), 0);
}

static void *make_a_pool_pinned(void *arg) {
    visit *v = arg;
    pin_to_one_cpu();
    v->pool = lt_pool_new(1, NULL);
    return NULL;
}

TEST(workers_run_where_the_thread_may_that_made_the_pool) {
    visit v = {.done = lt_semaphore_new(0)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, make_a_pool_pinned, &v), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_ok(lt_pool_submit(v.pool, look_from_a_task, &v, NULL));
    assert_ok(lt_semaphore_acquire(v.done));
    assert_int_equal(v.task.cpus, 1);
    assert_ok(lt_pool_free(v.pool));
    assert_ok(lt_semaphore_free(v.done));
}

// ---- Signals that an instruction raises

static sigjmp_buf back;

static void jump_back(int signum) {
    siglongjmp(back, signum);
}

static void touch_nothing(void *arg) {
    int caught = sigsetjmp(back, 1);
    if (caught == 0) {
        static volatile uintptr_t nowhere = 16;
        *(volatile int *)nowhere = 1;
    }
    must(caught == SIGSEGV);
    must(lt_event_set(arg) == LT_OK);
}

static void touch_nothing_on_a_signal(int signum, void *arg) {
    (void)signum;
    touch_nothing(arg);
}

static void check_faults(void *unused) {
    (void)unused;
    struct sigaction action = {.sa_handler = jump_back};
    must(sigaction(SIGSEGV, &action, NULL) == 0);
    lt_event *over = lt_event_new();
    must(lt_timer_start(0.0, 0.0, touch_nothing, over, NULL) == LT_OK);
    must(lt_event_wait_timeout(over, POLL_SECONDS) == LT_OK);
    must(lt_event_clear(over) == LT_OK);
    must(lt_signal_to_callback(SIGUSR1, touch_nothing_on_a_signal, over) == LT_OK);
    must(raise(SIGUSR1) == 0);
    must(lt_event_wait_timeout(over, POLL_SECONDS) == LT_OK);
}

TEST(a_fault_in_a_callback_runs_the_programs_handler) {
    if (under_sanitizer()) {
        skip_because("the sanitizer handles faults");
    }
    assert_int_equal(run_in_child(check_faults, NULL), 0);
}

// What the kernel says that a thread blocks.
static uint64_t mask_of(int64_t native_id) {
    char path[64], line[256];
    uint64_t mask = 0;
    snprintf(path, sizeof path, "/proc/self/task/%" PRId64 "/status", native_id);
    FILE *file = fopen(path, "r");
    must(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "SigBlk:", 7) == 0) {
            mask = strtoull(line + 7, NULL, 16);
        }
    }
    fclose(file);
    return mask;
}

static void store_native_id(void *arg) {
    atomic_store((_Atomic int64_t *)arg, lt_get_native_id());
}

TEST(while_it_waits_a_service_takes_no_signals_but_faults_and_a_profilers) {
    const int taken[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGPROF};
    uint64_t expected = 0x7fffffff & ~(UINT64_C(1) << (SIGKILL - 1)) & ~(UINT64_C(1) << (SIGSTOP - 1));
    for (size_t i = 0; i < LENGTH(taken); i++) {
        expected &= ~(UINT64_C(1) << (taken[i] - 1));
    }
    _Atomic int64_t service = 0;
    for (int i = 0; i < 2; i++) { // As it was started, and after a callback.
        assert_ok(lt_timer_start(0.0, 0.0, store_native_id, &service, NULL));
        must_soon(service != 0 && (mask_of(service) & 0x7fffffff) == expected && asleep(service));
    }
}

// ---- A service without a thread

static void (*shim_refuse_threads)(long from, long to, int error);

static bool in_shim(const char *function) {
    if (!in_shims(function, "pthread_create")) {
        return false;
    }
    shim_function(&shim_refuse_threads, "shim_refuse_threads");
    return true;
}

static _Atomic int64_t left_by;

static void refuse_and_leave(void *arg) {
    atomic_store(&left_by, lt_get_native_id());
    shim_refuse_threads(1, LONG_MAX, EAGAIN);
    must(lt_semaphore_release(arg, 1) == LT_OK);
    lt_exit();
}

static void refuse_and_leave_on_a_signal(int signum, void *arg) {
    (void)signum;
    refuse_and_leave(arg);
}

static void release(void *arg) {
    must(lt_semaphore_release(arg, 1) == LT_OK);
}

static void release_on_a_signal(int signum, void *arg) {
    (void)signum;
    release(arg);
}

TEST(a_cancel_returns_when_the_callback_has_ended_its_thread_for_good) {
    if (!in_shim(__func__)) {
        return;
    }
    for (int i = 0; i < 100; i++) {
        lt_semaphore *said = lt_semaphore_new(0);
        lt_timer *timer;
        assert_ok(lt_timer_start(0.0, 0.0, refuse_and_leave, said, &timer));
        assert_ok(lt_semaphore_acquire(said));
        assert_ok(lt_timer_cancel(timer)); // The callback may be on its way out still.
        assert_ok(lt_timer_free(timer));
        // Another timer waits for the end of the attempt at a successor, and tells of it.
        assert_status(lt_timer_start(0.0, 0.0, release, said, NULL), LT_NO_THREAD);
        assert_int_equal(lt_last_errno(), EAGAIN);
        shim_refuse_threads(0, 0, 0);
        assert_ok(lt_semaphore_free(said));
    }
}

TEST(the_next_use_of_a_timer_brings_the_service_back) {
    if (!in_shim(__func__)) {
        return;
    }
    for (int i = 0; i < 100; i++) {
        lt_semaphore *said = lt_semaphore_new(0);
        lt_timer *pending;
        assert_ok(lt_timer_start(0.0, 0.0, refuse_and_leave, said, &pending));
        assert_ok(lt_semaphore_acquire(said));
        assert_ok(lt_timer_free(pending)); // Now that is over.
        assert_status(lt_timer_start(0.0, 0.0, release, said, &pending), LT_NO_THREAD);
        shim_refuse_threads(0, 0, 0);
        assert_ok(lt_timer_start(0.0, 0.0, release, said, &pending));
        assert_ok(lt_semaphore_acquire_timeout(said, POLL_SECONDS));
        assert_ok(lt_timer_free(pending));
        assert_ok(lt_semaphore_free(said));
    }
}

TEST(the_next_route_brings_a_signals_service_back) {
    if (!in_shim(__func__)) {
        return;
    }
    for (int i = 0; i < 100; i++) {
        lt_semaphore *said = lt_semaphore_new(0);
        assert_ok(lt_signal_to_callback(SIGUSR1, refuse_and_leave_on_a_signal, said));
        assert_int_equal(raise(SIGUSR1), 0);
        assert_ok(lt_semaphore_acquire(said));
        must_soon(thread_state(left_by) == 0);
        assert_status(lt_signal_to_callback(SIGUSR1, release_on_a_signal, said), LT_NO_THREAD);
        shim_refuse_threads(0, 0, 0);
        assert_ok(lt_signal_to_callback(SIGUSR1, release_on_a_signal, said));
        assert_int_equal(raise(SIGUSR1), 0);
        assert_ok(lt_semaphore_acquire_timeout(said, POLL_SECONDS));
        assert_ok(lt_signal_restore(SIGUSR1));
        assert_ok(lt_semaphore_free(said));
    }
}
