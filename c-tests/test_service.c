// The library's own threads, and what is started from their callbacks: as ordinary as from main.
#include "shims.h"

#include <sys/prctl.h>

static void (*shim_refuse_threads)(long from, long to, int error);


// ---- What a callback starts

static int blocked_here(void) {
    sigset_t mask;
    int blocked = 0;
    must(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0);
    for (int signum = 1; signum < 32; signum++) {
        blocked += sigismember(&mask, signum) == 1;
    }
    return blocked;
}

static long slack_here(void) {
    return prctl(PR_GET_TIMERSLACK);
}

static int cpus_here(void) {
    cpu_set_t cpus;
    must(sched_getaffinity(0, sizeof cpus, &cpus) == 0);
    return CPU_COUNT(&cpus);
}

// How a shell ends that sends itself SIGTERM: killed, unless that is blocked.
static int ended_by_sigterm(void) {
    int status = system("kill -TERM $$; exit 7");
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
}

typedef struct seen {
    int blocked;
    long slack;
    int cpus;
} seen;

static seen here(void) {
    return (seen){blocked_here(), slack_here(), cpus_here()};
}

static void must_be_ordinary(const char *what, seen there) {
    seen ordinary = here();
    must_for(what, there.blocked == ordinary.blocked);
    must_for(what, there.slack == ordinary.slack);
    must_for(what, there.cpus == ordinary.cpus);
}

typedef struct from_callback {
    lt_pool *pool;
    lt_semaphore *done;
    seen thread, worker, itself;
    int program_ended;
} from_callback;

static void look(void *arg) {
    from_callback *c = arg;
    c->thread = here();
    must(lt_semaphore_release(c->done, 1) == LT_OK);
}

static void *look_as_task(void *arg) {
    from_callback *c = arg;
    c->worker = here();
    must(lt_semaphore_release(c->done, 1) == LT_OK);
    return NULL;
}

static void start_things(void *arg) {
    from_callback *c = arg;
    c->itself = here();
    must(lt_pool_submit(c->pool, look_as_task, c, NULL) == LT_OK);
    must(lt_start_new_thread(look, c, NULL) == LT_OK);
    c->program_ended = ended_by_sigterm();
    must(lt_semaphore_release(c->done, 1) == LT_OK);
}

static void start_things_on_signal(int signum, void *arg) {
    (void)signum;
    start_things(arg);
}

static void check_from_callback(from_callback *c) {
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_semaphore_acquire_timeout(c->done, POLL_SECONDS));
    }
    must_be_ordinary("the callback", c->itself);
    must_be_ordinary("a thread", c->thread);
    must_be_ordinary("a worker", c->worker);
    assert_true(c->program_ended);
    assert_ok(lt_pool_free(c->pool));
    assert_ok(lt_semaphore_free(c->done));
    join_all_threads();
}

TEST(what_a_timers_callback_starts_is_as_if_main_had_started_it) {
    from_callback c = {.pool = lt_pool_new(2, NULL), .done = lt_semaphore_new(0)};
    assert_ok(lt_timer_start(0.0, 0.0, start_things, &c, NULL));
    check_from_callback(&c);
}

TEST(what_a_signals_callback_starts_is_as_if_main_had_started_it) {
    from_callback c = {.pool = lt_pool_new(2, NULL), .done = lt_semaphore_new(0)};
    assert_ok(lt_signal_to_callback(SIGUSR1, start_things_on_signal, &c));
    assert_int_equal(raise(SIGUSR1), 0);
    check_from_callback(&c);
    assert_ok(lt_signal_restore(SIGUSR1));
}

// Each is sent by the thread to itself, as a fault is; a blocked one would end the process.
static const int FAULTS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGPROF};
static _Atomic int caught;

static void catch_fault(int signum) {
    (void)signum;
    atomic_fetch_add(&caught, 1);
}

static void fault(void *arg) {
    for (size_t i = 0; i < LENGTH(FAULTS); i++) {
        must(pthread_kill(pthread_self(), FAULTS[i]) == 0);
    }
    must(lt_event_set(arg) == LT_OK);
}

TEST(a_fault_in_a_callback_reaches_the_handler_of_the_program) {
    struct sigaction before[LENGTH(FAULTS)];
    struct sigaction action = {.sa_handler = catch_fault};
    for (size_t i = 0; i < LENGTH(FAULTS); i++) {
        assert_int_equal(sigaction(FAULTS[i], &action, &before[i]), 0);
    }
    lt_event *over = lt_event_new();
    assert_ok(lt_timer_start(0.0, 0.0, fault, over, NULL));
    assert_ok(lt_event_wait_timeout(over, POLL_SECONDS));
    assert_int_equal(atomic_load(&caught), LENGTH(FAULTS));
    for (size_t i = 0; i < LENGTH(FAULTS); i++) {
        assert_int_equal(sigaction(FAULTS[i], &before[i], NULL), 0);
    }
    assert_ok(lt_event_free(over));
}

// ---- Processors

static void pin(void) {
    cpu_set_t cpus, one;
    must(sched_getaffinity(0, sizeof cpus, &cpus) == 0);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++) {
        if (CPU_ISSET(cpu, &cpus)) {
            CPU_SET(cpu, &one);
        }
    }
    must(sched_setaffinity(0, sizeof one, &one) == 0);
}

static void nothing(void *arg) {
    (void)arg;
}

// In a child, where there is no service yet: the pinned thread is the first to use them all.
static void *use_everything_pinned(void *arg) {
    from_callback *c = arg;
    pin();
    must(lt_timer_start(0.0, 0.0, nothing, NULL, NULL) == LT_OK);
    lt_future *future;
    must(lt_pool_submit(c->pool, look_as_task, c, &future) == LT_OK);
    must(lt_future_result(future, NULL) == LT_OK);
    must(lt_future_free(future) == LT_OK);
    must(lt_semaphore_acquire(c->done) == LT_OK);
    return NULL;
}

static void look_at_timers_and_tasks(void *unused) {
    (void)unused;
    from_callback c = {.pool = lt_pool_new(1, NULL), .done = lt_semaphore_new(0)};
    pthread_t pinned;
    must(pthread_create(&pinned, NULL, use_everything_pinned, &c) == 0);
    must(pthread_join(pinned, NULL) == 0);
    must_be_ordinary("a worker whose first task was a pinned thread's", c.worker);
    must(lt_timer_start(0.0, 0.0, look, &c, NULL) == LT_OK);
    must(lt_semaphore_acquire_timeout(c.done, POLL_SECONDS) == LT_OK);
    must_be_ordinary("a timer after a pinned thread's", c.thread);
}

TEST(a_pinned_thread_that_comes_first_pins_nobody_else) {
    if (cpus_here() < 2) {
        skip_because("there is one processor");
    }
    if (under_sanitizer() || on_parking_engine()) {
        skip_because("a child of the case's own is for the engine that forks");
    }
    assert_int_equal(run_in_child(look_at_timers_and_tasks, NULL), 0);
}

// ---- Names

static void read_system_name(char *name, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%" PRId64 "/comm", lt_get_native_id());
    FILE *file = fopen(path, "r");
    must(file != NULL && fgets(name, (int)size, file) != NULL);
    fclose(file);
    name[strcspn(name, "\n")] = 0;
}

typedef struct names {
    char own[64], system[64];
} names;

static void read_names(void *arg) {
    names *n = arg;
    must(lt_thread_name(lt_get_ident(), n->own, sizeof n->own) == LT_OK);
    read_system_name(n->system, sizeof n->system);
}

static void start_unnamed_from_named(void *arg) {
    lt_thread *thread;
    must(lt_set_thread_name("a reader") == LT_OK);
    must(lt_thread_start(read_names, arg, NULL, &thread) == LT_OK);
    must(lt_thread_join(thread) == LT_OK);
    must(lt_thread_free(thread) == LT_OK);
}

TEST(the_system_shows_an_unnamed_thread_by_its_own_name) {
    names n;
    lt_thread *thread;
    assert_ok(lt_thread_start(start_unnamed_from_named, &n, NULL, &thread));
    assert_ok(lt_thread_join(thread));
    assert_ok(lt_thread_free(thread));
    assert_string_equal(n.own, n.system);
    assert_memory_equal(n.own, "Thread-", 7);
}

// ---- Services without a thread to be had

static _Atomic bool refused;
static _Atomic int fired;

static void refuse_and_leave(void *arg) {
    (void)arg;
    shim_refuse_threads(1, LONG_MAX, EAGAIN);
    atomic_store(&refused, true);
    lt_exit();
}

static void fire(void *arg) {
    (void)arg;
    atomic_fetch_add(&fired, 1);
}

static lt_status cancel(void *timer) {
    return lt_timer_cancel(timer);
}

TEST(a_service_that_could_not_go_on_is_started_again_by_its_next_use) {
    if (!in_shims(__func__, "malloc pthread_create")) {
        return;
    }
    shim_function(&shim_refuse_threads, "shim_refuse_threads");
    for (int i = 0; i < 20; i++) {
        lt_timer *first, *second;
        atomic_store(&refused, false);
        must(lt_timer_start(0.0, 0.0, refuse_and_leave, NULL, &first) == LT_OK);
        must_soon(atomic_load(&refused));
        // The callback is over, whoever could be told.
        must(cancel(first) == LT_OK);
        shim_refuse_threads(0, 0, 0);
        must(lt_timer_start(0.0, 0.0, fire, NULL, &second) == LT_OK);
        must_soon(atomic_load(&fired) == i + 1);
        must(lt_timer_free(first) == LT_OK);
        must(lt_timer_free(second) == LT_OK);
    }
}
