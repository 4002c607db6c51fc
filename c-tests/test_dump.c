// Dumps: who waits for what, written at any moment.
// timeout: 60
// needs: signals of POSIX
#include "told.h"

#include <poll.h>
#include <sys/time.h>

static void nothing(void *arg) {
    (void)arg;
}

// What one writes.
static char *dump(void) {
    static char text[1 << 16];
    int ends[2];
    must(pipe(ends) == 0);
    must(lt_dump(ends[1]) == LT_OK);
    close(ends[1]);
    ssize_t n = read(ends[0], text, sizeof text - 1);
    must(n > 0);
    text[n] = 0;
    close(ends[0]);
    return text;
}

TEST(a_dump_has_a_line_for_each_thread) {
    lt_queue *queue = waits_full_queue();
    assert_ok(lt_set_name(queue, "jobs"));
    waiter put;
    waiter_start(&put, waits_put_wait, queue);
    lt_wait_info info;
    must_soon(wait_of(put.ident, &info));
    const char *text = dump();
    char expected[256];
    snprintf(expected, sizeof expected, "put queue \"jobs\" 0x%" PRIxPTR ", for ", (uintptr_t)queue);
    assert_non_null(strstr(text, expected));
    assert_non_null(strstr(text, "lowthread: 2 threads, at "));
    assert_non_null(strstr(text, "\n  MainThread (ident "));
    assert_non_null(strstr(text, "): runs\n"));
    assert_non_null(strstr(text, ", without a time-out, which is full\n"));
    assert_null(strstr(text, "deadlock"));
    assert_null(strstr(text, "owners"));
    assert_ok(lt_queue_get(queue, &(void *){NULL}));
    assert_ok(waiter_join(&put));
    assert_null(strstr(dump(), "jobs"));
    assert_ok(lt_queue_free(queue));
}

static void ignore(const lt_error_info *info, void *arg) {
    (void)info;
    (void)arg;
}

static void consume_badly(void *queue) {
    must(lt_queue_get(queue, &(void *){NULL}) == LT_OK);
    must(lt_fail(7, "no such order") == LT_OK);
}

TEST(a_full_queue_whose_consumer_has_died_is_explained) {
    lt_queue *queue = waits_full_queue();
    assert_ok(lt_set_excepthook(ignore, NULL));
    lt_thread_options options = {.size = sizeof options, .name = "kitchen"};
    lt_thread *consumer;
    assert_ok(lt_thread_start(consume_badly, queue, &options, &consumer));
    assert_status(lt_thread_join(consumer), LT_FAILED);
    assert_ok(lt_set_excepthook(NULL, NULL));
    assert_ok(lt_queue_put(queue, queue));
    waiter put;
    waiter_start(&put, waits_put_wait, queue);
    lt_wait_info info;
    must_soon(wait_of(put.ident, &info));
    const char *text = dump(), *last = strstr(text, "last error, 0.");
    assert_non_null(strstr(text, ", which is full\n"));
    assert_true(last != NULL && strstr(last, " s ago: thread kitchen (ident ") != NULL);
    assert_non_null(strstr(last, "): error: no such order\n"));
    assert_ok(lt_queue_get(queue, &(void *){NULL}));
    assert_ok(waiter_join(&put));
    assert_ok(lt_queue_get(queue, &(void *){NULL}));
    waiter get;
    waiter_start(&get, waits_get_wait, queue);
    must_soon(wait_of(get.ident, &info));
    assert_non_null(strstr(dump(), ", which is empty\n"));
    assert_ok(lt_queue_put(queue, queue));
    assert_ok(waiter_join(&get));
    assert_ok(lt_queue_free(queue));
    assert_ok(lt_thread_free(consumer));
}

TEST(who_holds_a_lock_is_said_or_how_to_learn_it) {
    const char *const hint = "\nwho holds locks is recorded with LOWTHREAD_INSIGHT=owners\n";
    for (int i = 0; i < 2; i++) {
        lt_lock *lock = lt_allocate_lock();
        assert_ok(lt_set_insight(i == 0 ? 0 : LT_INSIGHT_OWNERS));
        assert_ok(lt_lock_acquire(lock));
        waiter w;
        waiter_start(&w, waits_lock_wait, lock);
        lt_wait_info info;
        must_soon(wait_of(w.ident, &info));
        assert_true((strstr(dump(), hint) != NULL) == (i == 0));
        assert_ok(lt_lock_release(lock));
        assert_ok(waiter_join(&w));
        assert_null(strstr(dump(), hint));
        assert_ok(lt_lock_free(lock));
    }
    assert_ok(lt_set_insight(0));
}

static void *idle_soon(void *ident) {
    atomic_store((_Atomic lt_ident *)ident, lt_get_ident());
    return NULL;
}

TEST(a_worker_without_a_task_is_idle) {
    lt_pool *pool = lt_pool_new(1, "packer");
    assert_ok(lt_set_name(pool, "packers"));
    _Atomic lt_ident worker = 0;
    lt_wait_info info;
    assert_ok(lt_pool_submit(pool, idle_soon, (void *)&worker, NULL));
    must_soon(atomic_load(&worker) != 0 && wait_of(atomic_load(&worker), &info));
    assert_string_equal(info.verb, "idle");
    assert_non_null(strstr(dump(), "): idle pool \"packers\" 0x"));
    assert_ok(lt_pool_free(pool));
}

static lt_status arrive(void *barrier) {
    return lt_barrier_wait(barrier, NULL);
}

TEST(a_barrier_that_misses_one_says_how_many_wait) {
    lt_barrier *barrier = lt_barrier_new(3, NULL, NULL);
    waiter first, second;
    lt_wait_info info;
    waiter_start(&first, arrive, barrier);
    must_soon(wait_of(first.ident, &info));
    assert_non_null(strstr(dump(), ", where 1 of 3 wait\n"));
    waiter_start(&second, arrive, barrier);
    must_soon(wait_of(second.ident, &info));
    assert_non_null(strstr(dump(), ", where 2 of 3 wait\n"));
    assert_ok(lt_barrier_wait(barrier, NULL));
    assert_ok(waiter_join(&first));
    assert_ok(waiter_join(&second));
    assert_ok(lt_barrier_free(barrier));
}

TEST(a_name_in_a_dump_is_one_line) {
    lt_barrier *barrier = lt_barrier_new(2, NULL, NULL);
    assert_ok(lt_set_name(barrier, "phase\n\x1b[2Jtwo"));
    waiter w;
    lt_wait_info info;
    waiter_start(&w, arrive, barrier);
    must_soon(wait_of(w.ident, &info));
    assert_non_null(strstr(dump(), ": wait barrier \"phase??[2Jtwo\" 0x"));
    assert_ok(arrive(barrier));
    assert_ok(waiter_join(&w));
    assert_ok(lt_barrier_free(barrier));
}

// Three threads, each of which has what the one before waits for: over two re-entrant locks and a join.
typedef struct circle {
    lt_rlock *first, *second;
    lt_event *go;
    lt_thread *joined;
    lt_status joined_with;
} circle;

static void hold_first_and_join(void *arg) {
    circle *c = arg;
    must(lt_rlock_acquire(c->first) == LT_OK);
    must(lt_event_wait(c->go) == LT_OK);
    c->joined_with = lt_thread_join(c->joined);
    must(lt_rlock_release(c->first) == LT_OK);
}

static void hold_second_and_acquire_first(void *arg) {
    circle *c = arg;
    must(lt_rlock_acquire(c->second) == LT_OK);
    must(lt_event_wait(c->go) == LT_OK);
    must(lt_rlock_acquire(c->first) == LT_OK);
    must(lt_rlock_release(c->first) == LT_OK);
    must(lt_rlock_release(c->second) == LT_OK);
}

static void acquire_second(void *arg) {
    circle *c = arg;
    must(lt_event_wait(c->go) == LT_OK);
    must(lt_rlock_acquire(c->second) == LT_OK);
    must(lt_rlock_release(c->second) == LT_OK);
}

static int count_in(const char *text, const char *part) {
    int count = 0;
    for (; (text = strstr(text, part)) != NULL; text++) {
        count++;
    }
    return count;
}

TEST(a_dump_tells_the_circle_of_a_deadlock_once) {
    circle c = {lt_rlock_new(), lt_rlock_new(), lt_event_new(), NULL, LT_OK};
    assert_ok(lt_set_name(c.first, "accounts"));
    assert_ok(lt_set_name(c.second, "journal"));
    lt_thread *threads[3];
    lt_thread_options options = {.size = sizeof options, .name = "writer"};
    assert_ok(lt_thread_start(acquire_second, &c, &options, &threads[0]));
    c.joined = threads[0];
    options.name = "closer";
    assert_ok(lt_thread_start(hold_first_and_join, &c, &options, &threads[1]));
    options.name = "auditor";
    assert_ok(lt_thread_start(hold_second_and_acquire_first, &c, &options, &threads[2]));
    must_soon(lt_rlock_locked(c.first) && lt_rlock_locked(c.second));
    assert_ok(lt_event_set(c.go));
    lt_wait_info info;
    for (int i = 0; i < 3; i++) {
        must_soon(wait_of(lt_thread_ident(threads[i]), &info) && info.holder != 0);
    }
    const char *text = dump();
    assert_int_equal(count_in(text, "deadlock: each waits for the next\n"), 1);
    assert_int_equal(count_in(text, "  writer waits for rlock \"journal\" 0x"), 1);
    assert_int_equal(count_in(text, ", which auditor (ident "), 2);
    assert_int_equal(count_in(text, "  auditor waits for rlock \"accounts\" 0x"), 1);
    assert_int_equal(count_in(text, ", which closer (ident "), 2);
    assert_int_equal(count_in(text, "  closer waits for thread \"writer\" 0x"), 1);
    // One that is interrupted breaks it.
    assert_ok(lt_thread_interrupt(threads[1]));
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_thread_join(threads[i]));
        assert_ok(lt_thread_free(threads[i]));
    }
    assert_int_equal(c.joined_with, LT_INTERRUPTED);
    assert_null(strstr(dump(), "deadlock"));
    assert_ok(lt_rlock_free(c.first));
    assert_ok(lt_rlock_free(c.second));
    assert_ok(lt_event_free(c.go));
}

typedef struct part {
    lt_rlock *has, *wants, *wants_later;
    _Atomic bool has_it;
    lt_event *go;
    lt_ident ident;
} part;

static void wait_for(lt_rlock *lock) {
    lt_status status = lt_rlock_acquire(lock);
    must(status == LT_INTERRUPTED || (status == LT_OK && lt_rlock_release(lock) == LT_OK));
}

static void wait_for_one_and_then_another(void *arg) {
    part *p = arg;
    must(lt_rlock_acquire(p->has) == LT_OK);
    atomic_store(&p->has_it, true);
    must(lt_event_wait(p->go) == LT_OK);
    wait_for(p->wants);
    if (p->wants_later != NULL) {
        wait_for(p->wants_later);
    }
    must(lt_rlock_release(p->has) == LT_OK);
}

static lt_status dump_to(void *fd) {
    return lt_dump(*(int *)fd);
}

// It changes into one of the second and third thread alone, to which the first one's wait leads.
TEST(a_circle_that_changes_while_it_is_written_comes_to_an_end) {
    int ends[2];
    open_narrow_pipe(ends);
    lt_rlock *locks[3] = {lt_rlock_new(), lt_rlock_new(), lt_rlock_new()};
    lt_event *go = lt_event_new();
    part parts[3];
    lt_wait_info info;
    for (int i = 0; i < 3; i++) {
        parts[i] = (part){.has = locks[i], .wants = locks[(i + 1) % 3], .wants_later = i == 2 ? locks[1] : NULL, .go = go};
        assert_ok(lt_start_new_thread(wait_for_one_and_then_another, &parts[i], &parts[i].ident));
        must_soon(atomic_load(&parts[i].has_it));
    }
    assert_ok(lt_event_set(go));
    for (int i = 0; i < 3; i++) {
        must_soon(wait_of(parts[i].ident, &info) && info.handle == parts[i].wants);
    }
    waiter w;
    waiter_launch(&w, dump_to, &ends[1]);
    char line[1024];
    bool in_circle = false;
    int told = 0;
    while (told < 1000 && !waiter_is_done(&w)) {
        struct pollfd next = {ends[0], POLLIN, 0};
        if (poll(&next, 1, 10) == 0) {
            continue;
        }
        ssize_t n = read(ends[0], line, sizeof line);
        must(n > 0);
        told += in_circle;
        if (!in_circle && memcmp(line, "deadlock:", 9) == 0) {
            in_circle = true;
            assert_ok(lt_interrupt(parts[2].ident));
            must_soon(wait_of(parts[2].ident, &info) && info.handle == locks[1]);
        }
    }
    assert_true(in_circle && told >= 2 && told < 1000);
    assert_ok(waiter_join(&w));
    assert_ok(lt_interrupt(parts[1].ident)); // Whose lock the two others wait for.
    join_all_threads();
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_rlock_free(locks[i]));
    }
    assert_ok(lt_event_free(go));
    close(ends[0]);
    close(ends[1]);
}

TEST(a_descriptor_that_takes_nothing_is_told) {
    assert_int_equal(lt_dump(-1), LT_INVALID);
    assert_string_equal(lt_last_error(), "lt_dump: fd cannot be written to");
}

// ---- Dumps by signals

static int ends[2];

static void open_pipe(void) {
    must(pipe(ends) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
}

// What has come, up to now.
static size_t drain(void) {
    static char text[1 << 16];
    size_t all = 0;
    for (ssize_t n; (n = read(ends[0], text, sizeof text)) > 0;) {
        all += (size_t)n;
    }
    return all;
}

static _Atomic int handled;

static void count(int signum) {
    (void)signum;
    atomic_fetch_add(&handled, 1);
}

TEST(a_signal_dumps_until_that_is_turned_off) {
    open_pipe();
    signal(SIGQUIT, count);
    assert_ok(lt_dump_on_signal(SIGQUIT, ends[1]));
    assert_ok(lt_dump_on_signal(SIGQUIT, ends[1]));
    raise(SIGQUIT);
    assert_true(drain() > 0);
    assert_int_equal(atomic_load(&handled), 0);
    assert_ok(lt_dump_on_signal(SIGQUIT, -1));
    raise(SIGQUIT);
    assert_true(drain() == 0);
    assert_int_equal(atomic_load(&handled), 1);
    // Off when it is off, and where the program has installed another handler meanwhile.
    assert_ok(lt_dump_on_signal(SIGQUIT, -1));
    assert_ok(lt_dump_on_signal(SIGQUIT, ends[1]));
    signal(SIGQUIT, count);
    assert_ok(lt_dump_on_signal(SIGQUIT, -1));
    raise(SIGQUIT);
    assert_int_equal(atomic_load(&handled), 2);
    // Nor for a fault, which comes again as soon as its handler returns.
    const int bad[] = {0, -1, 65, INT_MAX, SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < LENGTH(bad); i++) {
        assert_int_equal(lt_dump_on_signal(bad[i], ends[1]), LT_INVALID);
    }
}

// Every wait there is, and what is done between, with a dump in the middle of it ten thousand times a second.
static lt_status use_everything(void *unused) {
    (void)unused;
    for (int round = 0; round < 20; round++) {
        for_each_wait(kind) {
            void *object = waits_make(kind);
            if (strncmp(kind->name, "condition", 9) != 0) { // Whose object is no handle.
                must(lt_set_name(object, kind->name) == LT_OK);
            }
            must_for(kind->name, kind->wait_timeout(object, 0.0002) == LT_TIMED_OUT);
            must_for(kind->name, kind->satisfy(object) == LT_OK);
            must_for(kind->name, kind->wait(object) == LT_OK);
            waits_undo(kind, object);
            waits_destroy(kind, object);
        }
        lt_thread *thread = NULL;
        must(lt_thread_start(nothing, NULL, NULL, &thread) == LT_OK);
        must(lt_thread_join(thread) == LT_OK && lt_thread_free(thread) == LT_OK);
        for (int i = 0; i < 2000; i++) { // Under the lock that names are read under, most of the time.
            must(lt_set_thread_name(i % 2 ? "odd" : "even") == LT_OK);
        }
    }
    return LT_OK;
}

TEST(a_dump_may_come_at_any_moment) {
    skip_without_handlers();
    int sink = open("/dev/null", O_WRONLY);
    assert_ok(lt_dump_on_signal(SIGALRM, sink));
    struct itimerval every = {{0, 100}, {0, 100}}, never = {{0, 0}, {0, 0}};
    assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
    waiter w[2];
    for (int i = 0; i < 2; i++) {
        waiter_launch(&w[i], use_everything, NULL);
    }
    must(use_everything(NULL) == LT_OK);
    for (int i = 0; i < 2; i++) {
        must(waiter_join(&w[i]) == LT_OK);
    }
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_ok(lt_dump_on_signal(SIGALRM, -1));
    close(sink);
}

TEST(the_environment_asks_for_a_dump) {
    if (getenv("LOWTHREAD_DUMP_SIGNAL") != NULL) {
        raise(SIGUSR1);
        _exit(7);
    }
    char number[40];
    snprintf(number, sizeof number, "LOWTHREAD_DUMP_SIGNAL=%d", SIGUSR1);
    const char *const settings[] = {"LOWTHREAD_DUMP_SIGNAL=USR1", "LOWTHREAD_DUMP_SIGNAL=SIGUSR1", number};
    for (size_t i = 0; i < LENGTH(settings); i++) {
        char text[4096];
        const int status = run_program_and_listen(
            "the_environment_asks_for_a_dump", (const char *[]){settings[i], NULL}, text, sizeof text);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
        assert_non_null(strstr(text, "lowthread: 1 threads, at "));
        assert_non_null(strstr(text, "  MainThread (ident 1, native id "));
    }
}

TEST(a_forked_child_tells_nothing_of_the_parents_threads) {
    skip_without(LT_FEATURE_FORK, "a forked child may only run another program");
    lt_event *event = lt_event_new();
    waiter w[3];
    lt_wait_info info;
    for (int i = 0; i < 3; i++) {
        waiter_start(&w[i], waits_event_wait, event);
        must_soon(wait_of(w[i].ident, &info));
    }
    assert_ok(lt_set_name(event, "parent's"));
    pid_t child = fork();
    if (child == 0) {
        size_t count = 99;
        must(lt_waits(NULL, 0, &count) == LT_OK && count == 0);
        must(lt_set_name(event, "child's") == LT_OK);
        must(strstr(dump(), "lowthread: 1 threads, at ") != NULL);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_ok(lt_event_set(event));
    for (int i = 0; i < 3; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_ok(lt_event_free(event));
}
