// Names, and who waits for what.
// timeout: 60
#include "system.h"
#include "told.h"

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

TEST(an_error_calls_its_object_by_its_name) {
    lt_lock *lock = lt_allocate_lock();
    lt_queue *queue = lt_queue_new(1);
    lt_semaphore *semaphore = lt_semaphore_new_bounded(1, 1);
    assert_status(lt_lock_release(lock), LT_NOT_HELD);
    assert_string_equal(lt_last_error(), "lt_lock_release: the lock is not held");
    assert_ok(lt_set_name(lock, "journal"));
    assert_string_equal(lt_last_error(), "lt_lock_release: lock \"journal\": the lock is not held");
    assert_ok(lt_set_name(queue, "jobs"));
    assert_status(lt_queue_task_done(queue), LT_INVALID);
    assert_string_equal(lt_last_error(), "lt_queue_task_done: queue \"jobs\": called more often than items were put");
    assert_ok(lt_set_name(semaphore, "p\xc3\xa4sse"));
    assert_status(lt_semaphore_release(semaphore, 1), LT_OVERFLOW);
    assert_string_equal(lt_last_error(),
        "lt_semaphore_release: semaphore \"p\xc3\xa4sse\": the value would rise above the bound of the semaphore");
    assert_status(lt_semaphore_release((lt_semaphore *)(void *)lock, 1), LT_BAD_HANDLE);
    assert_string_equal(lt_last_error(),
        "lt_semaphore_release: lock \"journal\": semaphore is of another type: lt_lock");
    assert_ok(lt_lock_free(lock));
    assert_string_equal(lt_last_error(), "lt_semaphore_release: semaphore is of another type: lt_lock");
    assert_status(lt_sleep(-1.0), LT_INVALID); // About nothing, and not about the object of the error before.
    assert_string_equal(lt_last_error(), "lt_sleep: seconds is negative");
    assert_ok(lt_queue_free(queue));
    assert_ok(lt_semaphore_free(semaphore));
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

static const char *const LONG_NAMES[] = {
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"};

static void check_system_name(void *arg) {
    (void)arg;
    char name[64] = "";
    read_thread_name(lt_get_native_id(), name, sizeof name);
    must(strspn(name, "a") == longest_thread_name() || strspn(name, "b") == longest_thread_name());
}

TEST(a_thread_that_is_named_while_it_begins_has_one_name_or_the_other) {
    lt_thread_options options = {.size = sizeof options, .name = LONG_NAMES[0]};
    for (int round = 0; round < 3000; round++) {
        lt_thread *thread = NULL;
        assert_ok(lt_thread_start(check_system_name, NULL, &options, &thread));
        lt_status status = LT_OK;
        for (int i = 1; i < 60 && status == LT_OK; i++) {
            status = lt_set_name(thread, LONG_NAMES[i % 2]);
        }
        assert_true(status == LT_OK || status == LT_INVALID); // It may have ended.
        assert_ok(lt_thread_join(thread));
        assert_ok(lt_thread_free(thread));
    }
}

TEST(the_names_of_what_was_freed_do_not_pile_up) {
    skip_where_memory_does_not_tell();
    char name[64];
    size_t before = 0;
    for (int i = 0; i < 400000; i++) {
        lt_event *event = lt_event_new();
        snprintf(name, sizeof name, "the event with the number %d and a name that is long", i);
        must(lt_set_name(event, name) == LT_OK);
        must(lt_event_free(event) == LT_OK);
        if (i == 10000) {
            before = resident_bytes();
        }
    }
    // They would be 30 MB.
    assert_true(resident_bytes() < before + (4 << 20));
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

// By the names of the kinds: the verb and the type.
static const char *const TOLD[][3] = {{"lock", "acquire", "lock"}, {"re-entrant lock", "acquire", "rlock"},
    {"semaphore", "acquire", "semaphore"}, {"event", "wait", "event"}, {"read", "read", "rwlock"},
    {"write", "write", "rwlock"}, {"condition", "wait", "condition"},
    {"condition of a re-entrant lock", "wait", "condition"}, {"queue get", "get", "queue"},
    {"queue put", "put", "queue"}};

// Which may wait for several objects.
static const char *const SELECT_TOLD[] = {"select", "select", ""};

TEST(each_wait_is_told_and_taken_back) {
    for_each_wait(kind) {
        const char *const *told = NULL;
        for (size_t i = 0; i < LENGTH(TOLD); i++) {
            told = strcmp(TOLD[i][0], kind->name) == 0 ? TOLD[i] : told;
        }
        bool selects = strncmp(kind->name, "select", 6) == 0;
        told = selects ? SELECT_TOLD : told;
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
        bool is_object = !selects && strncmp(kind->name, "condition", 9) != 0;
        must_for(kind->name, (info.handle == NULL) == selects && (!is_object || info.handle == object));
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

// ---- What the environment asks for

TEST(what_the_environment_asks_for_in_vain_is_told) {
    if (getenv("LT_ASKED") != NULL) {
        // What is right beside it is done all the same.
        lt_lock *lock = lt_allocate_lock();
        assert_ok(lt_lock_acquire(lock));
        assert_int_equal(lt_lock_acquire_timeout(lock, 0.01), LT_TIMED_OUT);
        size_t count = 0;
        lt_status got = lt_contention(NULL, 0, &count);
        assert_true(got == LT_OK || got == LT_INVALID);
        assert_int_equal(count, 1);
        return;
    }
    const struct {
        const char *settings[2], *said;
    } rows[] = {
        {{"LOWTHREAD_INSIGHT=contentions,contention"}, "lowthread: LOWTHREAD_INSIGHT: there is no contentions\n"},
        {{"LOWTHREAD_INSIGHT=contention, order"}, "lowthread: LOWTHREAD_INSIGHT: there is no  order\n"},
        {{"LOWTHREAD_INSIGHT=contention,Owners,\n"}, "lowthread: LOWTHREAD_INSIGHT: there is no Owners\n"},
        {{"LOWTHREAD_INSIGHT=contention,trace:/no/such/folder"}, "lowthread: cannot write a trace into /no/such/folder\n"},
        {{"LOWTHREAD_INSIGHT=trace:/no/a,trace:/dev/null,contention"},
         "lowthread: LOWTHREAD_INSIGHT: /no/a is left out: of two the last counts\n"},
        {{"LOWTHREAD_INSIGHT=socket:/no/a,socket:/no/b,contention"},
         "lowthread: LOWTHREAD_INSIGHT: /no/a is left out: of two the last counts\n"},
        {{"LOWTHREAD_INSIGHT=contention,socket:/no/a,trace:/dev/null"}, NULL},
        {{"LOWTHREAD_INSIGHT=contention", "LOWTHREAD_DUMP_SIGNAL=KILL"},
         "lowthread: LOWTHREAD_DUMP_SIGNAL: no signal KILL makes a dump\n"},
        {{"LOWTHREAD_INSIGHT=contention", "LOWTHREAD_DUMP_SIGNAL=SIGNAL"},
         "lowthread: LOWTHREAD_DUMP_SIGNAL: no signal SIGNAL makes a dump\n"},
        {{"LOWTHREAD_INSIGHT=contention,,", "LOWTHREAD_DUMP_SIGNAL="}, NULL},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        char said[4096];
        const char *const settings[] = {"LT_ASKED=", rows[i].settings[0], rows[i].settings[1], NULL};
        const int status = run_program_and_listen(
            "what_the_environment_asks_for_in_vain_is_told", settings, said, sizeof said);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        if (rows[i].said != NULL) {
            assert_non_null(strstr(said, rows[i].said));
        } else {
            assert_null(strstr(said, "lowthread: LOWTHREAD_"));
        }
    }
}
