// Names, who waits for what, and dumps.
// timeout: 60
#include "waits.h"

#include <sys/time.h>

// ---- Names

static const char *name_of(const void *handle) {
    static char name[256];
    assert_ok(lt_name(handle, name, sizeof name));
    return name;
}

static void nothing(void *arg) {
    (void)arg;
}

static void *no_task(void *arg) {
    return arg;
}

// One of each type but a thread, which has its own names, and how the sentence of an error calls it.
enum { TYPES = 15 };

typedef struct object {
    const char *type;
    void *handle;
    lt_status (*free)(void *);
} object;

#define FREE(name)                                                                                 \
    static lt_status free_##name(void *handle) { return lt_##name##_free(handle); }
FREE(lock) FREE(rlock) FREE(semaphore) FREE(event) FREE(condition) FREE(barrier) FREE(rwlock)
FREE(spinlock) FREE(queue) FREE(errors) FREE(local) FREE(timer) FREE(watchdog) FREE(future)

static lt_status free_pool(void *handle) {
    return lt_pool_free(handle);
}

static void make_all(object all[TYPES]) {
    lt_timer *timer = NULL;
    lt_watchdog *dog = NULL;
    lt_pool *pool = lt_pool_new(1, NULL);
    lt_future *future = NULL;
    assert_ok(lt_timer_start(1000.0, 0.0, nothing, NULL, &timer));
    assert_ok(lt_watchdog_start(1000.0, SIGINT, &dog));
    assert_ok(lt_pool_submit(pool, no_task, NULL, &future));
    assert_ok(lt_future_result(future, NULL));
    const object made[TYPES] = {
        {"lock", lt_allocate_lock(), free_lock}, {"rlock", lt_rlock_new(), free_rlock},
        {"semaphore", lt_semaphore_new(0), free_semaphore}, {"event", lt_event_new(), free_event},
        {"condition", lt_condition_new(), free_condition},
        {"barrier", lt_barrier_new(2, NULL, NULL), free_barrier},
        {"rwlock", lt_rwlock_new(), free_rwlock}, {"spinlock", lt_spinlock_new(), free_spinlock},
        {"queue", lt_queue_new(0), free_queue}, {"errors", lt_errors_new(), free_errors},
        {"local", lt_local_new(NULL), free_local}, {"timer", timer, free_timer},
        {"watchdog", dog, free_watchdog}, {"future", future, free_future}, {"pool", pool, free_pool}};
    memcpy(all, made, sizeof made);
}

TEST(an_object_is_called_by_its_type_and_handle_or_as_it_was_named) {
    object all[TYPES];
    make_all(all);
    for (int i = 0; i < TYPES; i++) {
        char usual[64];
        snprintf(usual, sizeof usual, "%s 0x%" PRIxPTR, all[i].type, (uintptr_t)all[i].handle);
        assert_string_equal(name_of(all[i].handle), usual);
        assert_ok(lt_set_name(all[i].handle, "first"));
        assert_ok(lt_set_name(all[i].handle, "h\xc3\xb6her"));
        assert_string_equal(name_of(all[i].handle), "h\xc3\xb6her");
        char cut[3] = "xx";
        assert_ok(lt_name(all[i].handle, cut, sizeof cut));
        assert_string_equal(cut, "h");
        assert_ok(lt_set_name(all[i].handle, i % 2 == 0 ? NULL : ""));
        assert_string_equal(name_of(all[i].handle), usual);
        assert_ok(lt_set_name(all[i].handle, "last"));
    }
    for (int i = 0; i < TYPES; i++) {
        assert_string_equal(name_of(all[i].handle), "last");
        assert_ok(all[i].free(all[i].handle));
        assert_int_equal(lt_set_name(all[i].handle, "late"), LT_BAD_HANDLE);
        assert_string_equal(lt_last_error(), "lt_set_name: handle is stale: it was freed before");
    }
}

TEST(what_is_wrong_with_a_name_is_told) {
    char name[8] = "before";
    lt_lock *lock = lt_allocate_lock();
    assert_int_equal(lt_set_name(NULL, "x"), LT_BAD_HANDLE);
    assert_string_equal(lt_last_error(), "lt_set_name: handle is NULL");
    assert_int_equal(lt_set_name((void *)(uintptr_t)4096, "x"), LT_BAD_HANDLE);
    assert_int_equal(lt_name(NULL, name, sizeof name), LT_BAD_HANDLE);
    assert_int_equal(lt_name(lock, name, 0), LT_INVALID);
    assert_int_equal(lt_name(lock, NULL, 5), LT_INVALID);
    assert_string_equal(lt_last_error(), "lt_name: buf must not be NULL");
    assert_string_equal(name, "before");
    assert_ok(lt_set_name(lock, "good"));
    assert_int_equal(lt_set_name(lock, "\xff"), LT_INVALID);
    assert_string_equal(lt_last_error(), "lt_set_name: name is not UTF-8");
    assert_string_equal(name_of(lock), "good");
    assert_ok(lt_lock_free(lock));
}

static void wait_for_event(void *event) {
    must(lt_event_wait(event) == LT_OK);
}

TEST(a_handle_of_a_thread_names_the_thread) {
    lt_event *event = lt_event_new();
    lt_thread *thread = NULL;
    assert_ok(lt_thread_start(wait_for_event, event, NULL, &thread));
    char usual[64], name[64];
    assert_ok(lt_thread_name(lt_thread_ident(thread), usual, sizeof usual));
    assert_string_equal(name_of(thread), usual);
    assert_ok(lt_set_name(thread, "worker"));
    assert_string_equal(name_of(thread), "worker");
    assert_ok(lt_thread_name(lt_thread_ident(thread), name, sizeof name));
    assert_string_equal(name, "worker");
    assert_ok(lt_set_name(thread, NULL));
    assert_string_equal(name_of(thread), usual);
    assert_ok(lt_event_set(event));
    assert_ok(lt_thread_join(thread));
    assert_int_equal(lt_set_name(thread, "late"), LT_INVALID);
    assert_string_equal(lt_last_error(), "lt_set_name: no thread with this ident is alive");
    assert_memory_equal(name_of(thread), "thread 0x", 9);
    assert_ok(lt_thread_free(thread));
    assert_ok(lt_event_free(event));
}

static long resident_pages(void) {
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    must(file != NULL && fscanf(file, "%ld %ld", &pages, &resident) == 2);
    fclose(file);
    return resident;
}

TEST(the_names_of_what_was_freed_do_not_pile_up) {
    skip_where_memory_does_not_tell();
    char name[64];
    long before = 0;
    for (int i = 0; i < 400000; i++) {
        lt_event *event = lt_event_new();
        snprintf(name, sizeof name, "the event with the number %d and a name that is long", i);
        must(lt_set_name(event, name) == LT_OK);
        must(lt_event_free(event) == LT_OK);
        if (i == 10000) {
            before = resident_pages();
        }
    }
    // They would be 30 MB.
    assert_true(resident_pages() - before < 1024);
}

static _Atomic bool is_over;

static lt_status name_all_the_time(void *lock) {
    for (long i = 0; !atomic_load(&is_over); i++) {
        must(lt_set_name(lock, i % 3 == 0 ? "one" : i % 3 == 1 ? "another" : NULL) == LT_OK);
    }
    return LT_OK;
}

TEST(a_name_is_read_whole_while_it_changes) {
    lt_lock *lock = lt_allocate_lock();
    char usual[64];
    strcpy(usual, name_of(lock));
    waiter w[2];
    atomic_store(&is_over, false);
    for (int i = 0; i < 2; i++) {
        waiter_launch(&w[i], name_all_the_time, lock);
    }
    for (int i = 0; i < 20000; i++) {
        const char *name = name_of(lock);
        must(strcmp(name, "one") == 0 || strcmp(name, "another") == 0 || strcmp(name, usual) == 0);
    }
    atomic_store(&is_over, true);
    for (int i = 0; i < 2; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_ok(lt_lock_free(lock));
}

// ---- Who waits for what

// What the thread with this ident waits for; false if for nothing.
static bool wait_of(lt_ident ident, lt_wait_info *found) {
    lt_wait_info all[64];
    size_t count = 0;
    all[0].size = sizeof all[0];
    must(lt_waits(all, LENGTH(all), &count) == LT_OK && count <= LENGTH(all));
    for (size_t i = 0; i < count; i++) {
        if (all[i].ident == ident) {
            *found = all[i];
            return true;
        }
    }
    return false;
}

// By the names of the kinds: the verb and the type.
static const char *const TOLD[][3] = {{"lock", "acquire", "lock"}, {"re-entrant lock", "acquire", "rlock"},
    {"semaphore", "acquire", "semaphore"}, {"event", "wait", "event"}, {"read", "read", "rwlock"},
    {"write", "write", "rwlock"}, {"condition", "wait", "condition"},
    {"condition of a re-entrant lock", "wait", "condition"}, {"queue get", "get", "queue"},
    {"queue put", "put", "queue"}};

TEST(each_wait_is_told_and_taken_back) {
    for_each_wait(kind) {
        const char *const *told = NULL;
        for (size_t i = 0; i < LENGTH(TOLD); i++) {
            told = strcmp(TOLD[i][0], kind->name) == 0 ? TOLD[i] : told;
        }
        must_for(kind->name, told != NULL);
        void *object = waits_make(kind);
        double before = lt_monotonic();
        waiter forever, timed;
        timed_wait t = {kind, object, 1000.0};
        waiter_start(&forever, kind->wait, object);
        waiter_start(&timed, timed_wait_call, &t);
        lt_wait_info info;
        must_soon(wait_of(forever.ident, &info));
        must_for(kind->name, strcmp(info.verb, told[1]) == 0 && strcmp(info.type, told[2]) == 0);
        must_for(kind->name, info.since >= before && info.since <= lt_monotonic() && isinf(info.until));
        bool is_object = strncmp(kind->name, "condition", 9) != 0;
        must_for(kind->name, info.handle != NULL && (!is_object || info.handle == object));
        must_soon(wait_of(timed.ident, &info));
        must_for(kind->name, info.until >= before + 1000.0 && info.until <= lt_monotonic() + 1000.0);
        must_for(kind->name, strncmp(info.name, told[2], strlen(told[2])) == 0);
        assert_ok(lt_interrupt(forever.ident));
        assert_ok(lt_interrupt(timed.ident));
        must_for(kind->name, waiter_join(&forever) == LT_INTERRUPTED);
        must_for(kind->name, waiter_join(&timed) == LT_INTERRUPTED);
        must_for(kind->name, !wait_of(forever.ident, &info) && !wait_of(timed.ident, &info));
        waits_destroy(kind, object);
    }
}

static lt_status acquire_rlock(void *rlock) {
    must(lt_rlock_acquire(rlock) == LT_OK);
    return lt_rlock_release(rlock);
}

static lt_status join_thread(void *thread) {
    return lt_thread_join(thread);
}

static lt_status wait_for_future(void *future) {
    return lt_future_result(future, NULL);
}

static void *wait_in_task(void *event) {
    must(lt_event_wait(event) == LT_OK);
    return NULL;
}

TEST(who_has_what_is_waited_for_is_told_where_it_is_known) {
    lt_rlock *rlock = lt_rlock_new();
    lt_event *event = lt_event_new();
    lt_thread *thread = NULL;
    lt_pool *pool = lt_pool_new(1, NULL);
    lt_future *future = NULL;
    assert_ok(lt_rlock_acquire(rlock));
    assert_ok(lt_set_name(rlock, "the rlock"));
    assert_ok(lt_thread_start(wait_for_event, event, NULL, &thread));
    assert_ok(lt_pool_submit(pool, wait_in_task, event, &future));
    waiter w[3];
    lt_wait_info info;
    waiter_start(&w[0], acquire_rlock, rlock);
    must_soon(wait_of(w[0].ident, &info));
    assert_int_equal(info.holder, lt_get_ident());
    assert_string_equal(info.name, "the rlock");
    waiter_start(&w[1], join_thread, thread);
    must_soon(wait_of(w[1].ident, &info));
    assert_int_equal(info.holder, lt_thread_ident(thread));
    assert_string_equal(info.verb, "join");
    assert_string_equal(info.type, "thread");
    waiter_start(&w[2], wait_for_future, future);
    must_soon(wait_of(w[2].ident, &info) && info.holder != 0);
    assert_string_equal(info.type, "future");
    lt_wait_info of_worker;
    assert_true(wait_of(info.holder, &of_worker));
    assert_ptr_equal(of_worker.handle, event);
    assert_ok(lt_rlock_release(rlock));
    assert_ok(lt_event_set(event));
    for (int i = 0; i < 3; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_ok(lt_future_free(future));
    assert_ok(free_pool(pool));
    assert_ok(lt_thread_free(thread));
    assert_ok(lt_event_free(event));
    assert_ok(lt_rlock_free(rlock));
}

static lt_status sleep_until_interrupted(void *unused) {
    (void)unused;
    return lt_sleep(1000.0);
}

TEST(a_wait_for_no_object_is_told_too) {
    waiter w;
    lt_wait_info info;
    waiter_start(&w, sleep_until_interrupted, NULL);
    must_soon(wait_of(w.ident, &info));
    assert_string_equal(info.verb, "sleep");
    assert_string_equal(info.type, "");
    assert_string_equal(info.name, "");
    assert_null(info.handle);
    assert_int_equal(info.holder, 0);
    assert_ok(lt_interrupt(w.ident));
    assert_int_equal(waiter_join(&w), LT_INTERRUPTED);
}

TEST(as_many_are_told_as_there_is_room_for) {
    lt_event *event = lt_event_new();
    waiter w[5];
    for (int i = 0; i < 5; i++) {
        waiter_start(&w[i], waits_event_wait, event);
    }
    size_t count = 0;
    must_soon(lt_waits(NULL, 0, &count) == LT_OK && count == 5);
    struct {
        size_t size;
        lt_ident ident;
        lt_ident after;
    } small[2] = {{16, 0, 77}, {0, 0, 0}};
    assert_ok(lt_waits((lt_wait_info *)small, 1, NULL));
    assert_true(small[0].ident != 0 && small[0].after == 77);
    assert_int_equal(lt_waits(NULL, 1, &count), LT_INVALID);
    lt_wait_info bad = {.size = 1};
    assert_int_equal(lt_waits(&bad, 1, &count), LT_INVALID);
    assert_ok(lt_event_set(event));
    for (int i = 0; i < 5; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_ok(lt_event_free(event));
}

// ---- Dumps

// What one writes.
static char *dump(void) {
    static char text[1 << 16];
    int ends[2];
    must(pipe(ends) == 0 && fcntl(ends[1], F_SETPIPE_SZ, sizeof text) >= 0);
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
    assert_non_null(strstr(text, ", without a time-out\n"));
    assert_null(strstr(text, "deadlock"));
    assert_ok(lt_queue_get(queue, &(void *){NULL}));
    assert_ok(waiter_join(&put));
    assert_null(strstr(dump(), "jobs"));
    assert_ok(lt_queue_free(queue));
}

static lt_status arrive(void *barrier) {
    return lt_barrier_wait(barrier, NULL);
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
    assert_int_equal(count_in(text, ", which is auditor's\n"), 1);
    assert_int_equal(count_in(text, "  auditor waits for rlock \"accounts\" 0x"), 1);
    assert_int_equal(count_in(text, ", which is closer's\n"), 1);
    assert_int_equal(count_in(text, "  closer waits for thread 0x"), 1);
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
    skip_without_signals();
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
    const int bad[] = {0, -1, 65, INT_MAX, SIGKILL, SIGSTOP};
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
        must(lt_set_thread_name(round % 2 ? "odd" : "even") == LT_OK);
    }
    return LT_OK;
}

TEST(a_dump_may_come_at_any_moment) {
    skip_without_signals();
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
    skip_without_signals();
    if (getenv("LOWTHREAD_DUMP_SIGNAL") != NULL) {
        raise(SIGUSR1);
        _exit(7);
    }
    const char *const names[] = {"USR1", "SIGUSR1", "number"};
    for (size_t i = 0; i < LENGTH(names); i++) {
        int out[2];
        assert_int_equal(pipe(out), 0);
        pid_t child = fork();
        if (child == 0) {
            char number[8];
            snprintf(number, sizeof number, "%d", SIGUSR1);
            setenv("LOWTHREAD_DUMP_SIGNAL", names[i][0] == 'n' ? number : names[i], 1);
            dup2(out[1], 2);
            close(out[0]);
            close(out[1]);
            execl("/proc/self/exe", "test_insight", "the_environment_asks_for_a_dump", (char *)NULL);
            _exit(1);
        }
        close(out[1]);
        char text[4096];
        size_t length = 0;
        for (ssize_t n; (n = read(out[0], text + length, sizeof text - 1 - length)) > 0;) {
            length += (size_t)n;
        }
        text[length] = 0;
        close(out[0]);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
        assert_non_null(strstr(text, "lowthread: 1 threads, at "));
        assert_non_null(strstr(text, "  MainThread (ident 1, native id "));
    }
}

// ---- Fork

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
        must(strcmp(name_of(event), "parent's") == 0);
        must(lt_set_name(event, "child's") == LT_OK);
        must(strstr(dump(), "lowthread: 1 threads, at ") != NULL);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_string_equal(name_of(event), "parent's");
    assert_ok(lt_event_set(event));
    for (int i = 0; i < 3; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_ok(lt_event_free(event));
}
