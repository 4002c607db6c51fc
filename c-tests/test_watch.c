// Watches that call: a function is called when something becomes possible, on a thread of the library's.
// timeout: 60
#include "watches.h"

typedef struct told {
    lt_semaphore *calls; // A permit for each.
    _Atomic long count;
    _Atomic lt_ident thread;
} told;

static void tell(void *arg) {
    told *t = arg;
    atomic_store(&t->thread, lt_get_ident());
    atomic_fetch_add(&t->count, 1);
    must(lt_semaphore_release(t->calls, 1) == LT_OK);
}

static told nobody_told(void) {
    return (told){.calls = lt_semaphore_new(0)};
}

static lt_watcher *watch(const void *handle, int32_t op, void (*ready)(void *), void *arg) {
    lt_watcher *watcher = NULL;
    must(lt_watch(handle, op, ready, arg, &watcher) == LT_OK && watcher != NULL);
    return watcher;
}

// Whether it was called once more; waits for that.
static void must_be_told(told *t) {
    must(lt_semaphore_acquire(t->calls) == LT_OK);
}

// Returns when the thread that calls has come through all that was told before.
static void settle(void) {
    lt_event *event = lt_event_new();
    told t = nobody_told();
    lt_watcher *watcher = watch(event, LT_CASE_EVENT, tell, &t);
    must(lt_event_set(event) == LT_OK);
    must_be_told(&t);
    must(lt_watch_free(watcher) == LT_OK);
    must(lt_event_free(event) == LT_OK && lt_semaphore_free(t.calls) == LT_OK);
}

// ---- What is told

TEST(it_is_called_each_time_that_it_becomes_possible) {
    for_each_watched(kind) {
        const wait_kind *wait = kind->wait;
        void *object = wait->make();
        told t = nobody_told();
        lt_watcher *watcher = watch(object, kind->op, tell, &t);
        settle();
        must_for(wait->name, atomic_load(&t.count) == 0);
        for (int i = 0; i < 6; i++) {
            must_for(wait->name, wait->satisfy(object) == LT_OK);
            must_be_told(&t);
            must_for(wait->name, atomic_load(&t.thread) != lt_get_ident());
            take_watched(kind, object);
            if (i % 2 == 0) {
                must_for(wait->name, wait->try_wait(object) == wait->not_yet);
            }
            settle();
            // Some are made impossible again by a release in between.
            while (kind->wait->undo != NULL && lt_semaphore_try_acquire(t.calls) == LT_OK) {
            }
        }
        assert_ok(lt_watch_free(watcher));
        destroy_watched(kind, object);
        assert_ok(lt_semaphore_free(t.calls));
    }
}

TEST(it_is_called_at_once_if_it_is_possible) {
    for_each_watched(kind) {
        void *object = kind->wait->make();
        assert_ok(kind->wait->satisfy(object));
        told t = nobody_told();
        lt_watcher *watcher = watch(object, kind->op, tell, &t);
        must_be_told(&t);
        settle();
        must_for(kind->wait->name, atomic_load(&t.count) == 1);
        assert_ok(lt_watch_free(watcher));
        destroy_watched(kind, object);
        assert_ok(lt_semaphore_free(t.calls));
    }
}

TEST(it_is_not_called_again_while_it_stays_possible) {
    lt_semaphore *semaphore = lt_semaphore_new(0);
    lt_queue *queue = lt_queue_new(0);
    lt_event *event = lt_event_new();
    told t[3] = {nobody_told(), nobody_told(), nobody_told()};
    lt_watcher *watchers[3] = {watch(semaphore, LT_CASE_SEMAPHORE, tell, &t[0]),
        watch(queue, LT_CASE_GET, tell, &t[1]), watch(event, LT_CASE_EVENT, tell, &t[2])};
    for (int round = 1; round <= 3; round++) {
        for (int i = 0; i < 5; i++) {
            assert_ok(lt_semaphore_release(semaphore, 2));
            assert_ok(lt_queue_put(queue, queue));
            assert_ok(lt_event_set(event));
            settle();
        }
        for (int i = 0; i < 3; i++) {
            assert_int_equal(atomic_load(&t[i].count), round);
        }
        // By others, who do not find that there is no more.
        void *item = NULL;
        for (int i = 0; i < 5; i++) {
            assert_ok(lt_semaphore_acquire(semaphore));
            assert_ok(lt_semaphore_acquire(semaphore));
            assert_ok(lt_queue_get(queue, &item));
        }
        assert_ok(lt_event_clear(event));
    }
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_watch_free(watchers[i]));
        assert_ok(lt_semaphore_free(t[i].calls));
    }
    assert_ok(lt_semaphore_free(semaphore));
    assert_ok(lt_queue_free(queue));
    assert_ok(lt_event_free(event));
}

static void raise_now(void *arg) {
    tell(arg);
    lt_raise(3, "from ready");
}

static void exit_now(void *arg) {
    tell(arg);
    lt_exit();
}

static void count_error(const lt_error_info *info, void *count) {
    must(info->code == 3 && strcmp(info->message, "from ready") == 0);
    atomic_fetch_add((_Atomic int *)count, 1);
}

TEST(an_error_goes_to_the_hook_and_the_watch_goes_on_also_after_an_exit) {
    _Atomic int errors = 0;
    assert_ok(lt_set_excepthook(count_error, &errors));
    void (*const ready[])(void *) = {raise_now, exit_now};
    for (int k = 0; k < 2; k++) {
        lt_semaphore *semaphore = lt_semaphore_new(0);
        told t = nobody_told();
        lt_watcher *watcher = watch(semaphore, LT_CASE_SEMAPHORE, ready[k], &t);
        for (int i = 0; i < 20; i++) {
            assert_ok(lt_semaphore_release(semaphore, 1));
            must_be_told(&t);
            assert_ok(lt_semaphore_acquire(semaphore));
        }
        assert_ok(lt_watch_free(watcher));
        assert_int_equal(atomic_load(&errors), 20);
        assert_ok(lt_semaphore_free(semaphore));
        assert_ok(lt_semaphore_free(t.calls));
    }
    assert_ok(lt_set_excepthook(NULL, NULL));
    assert_int_equal(lt_thread_count(), 0);
}

TEST(the_end_of_a_thread_and_of_a_task_is_told_and_the_try_form_has_it) {
    for (int i = 0; i < 50; i++) {
        lt_event *event = lt_event_new();
        lt_thread *thread = NULL;
        assert_ok(lt_thread_start(wait_for_event, event, NULL, &thread));
        lt_pool *pool = pool_of(1);
        lt_future *future = submit(pool, wait_in_task, event);
        told joined = nobody_told(), over = nobody_told();
        lt_watcher *watchers[2] = {watch(thread, LT_CASE_JOIN, tell, &joined),
            watch(future, LT_CASE_FUTURE, tell, &over)};
        assert_ok(lt_event_set(event));
        must_be_told(&joined);
        must_be_told(&over);
        assert_ok(lt_thread_try_join(thread));
        assert_ok(lt_future_try_result(future, NULL));
        assert_ok(lt_watch_free(watchers[0]));
        assert_ok(lt_watch_free(watchers[1]));
        assert_ok(lt_thread_free(thread));
        assert_ok(lt_future_free(future));
        assert_ok(lt_pool_free(pool));
        assert_ok(lt_event_free(event));
        assert_ok(lt_semaphore_free(joined.calls));
        assert_ok(lt_semaphore_free(over.calls));
    }
}

typedef struct taker {
    lt_queue *queue;
    _Atomic long taken, calls;
} taker;

static void take_all(void *arg) {
    taker *t = arg;
    void *item = NULL;
    atomic_fetch_add(&t->calls, 1);
    while (lt_queue_try_get(t->queue, &item) == LT_OK) {
        atomic_fetch_add(&t->taken, 1);
    }
}

static lt_status put_many(void *queue) {
    for (long i = 0; i < 50000; i++) {
        must(lt_queue_put(queue, queue) == LT_OK);
    }
    return LT_OK;
}

TEST(nothing_is_missed_in_a_storm) {
    for (size_t capacity = 0; capacity < 4; capacity++) {
        taker t = {lt_queue_new(capacity), 0, 0};
        lt_watcher *watcher = watch(t.queue, LT_CASE_GET, take_all, &t);
        waiter w[2];
        for (int i = 0; i < 2; i++) {
            waiter_launch(&w[i], put_many, t.queue);
        }
        for (int i = 0; i < 2; i++) {
            assert_ok(waiter_join(&w[i]));
        }
        must_soon(atomic_load(&t.taken) == 100000);
        assert_true(atomic_load(&t.calls) <= 100000 + 100);
        assert_ok(lt_watch_free(watcher));
        assert_ok(lt_queue_free(t.queue));
    }
}

// ---- Its life

typedef struct held {
    lt_event *begun, *go_on;
    lt_watcher *watcher;
    _Atomic bool over;
} held;

static void wait_in_ready(void *arg) {
    held *h = arg;
    must(lt_event_set(h->begun) == LT_OK);
    must(lt_event_wait(h->go_on) == LT_OK);
    atomic_store(&h->over, true);
}

static lt_status free_held(void *arg) {
    held *h = arg;
    lt_status status = lt_watch_free(h->watcher);
    must(atomic_load(&h->over));
    return status;
}

TEST(a_free_waits_for_the_call_and_is_not_interrupted) {
    lt_event *event = lt_event_new(), *other = lt_event_new();
    assert_ok(lt_event_set(event));
    held h = {.begun = lt_event_new(), .go_on = lt_event_new()};
    h.watcher = watch(event, LT_CASE_EVENT, wait_in_ready, &h);
    told t = nobody_told();
    lt_watcher *behind = watch(other, LT_CASE_EVENT, tell, &t);
    assert_ok(lt_event_wait(h.begun));
    // What is in line behind a call that lasts is freed at once, and not called.
    assert_ok(lt_event_set(other));
    assert_ok(lt_watch_free(behind));
    waiter w;
    waiter_start(&w, free_held, &h);
    assert_ok(lt_interrupt(w.ident));
    must_soon(waiter_asleep(&w));
    assert_status(lt_watch_free(h.watcher), LT_BAD_HANDLE); // By that one already.
    assert_ok(lt_event_set(h.go_on));
    assert_ok(waiter_join(&w));
    settle();
    assert_int_equal(atomic_load(&t.count), 0);
    assert_ok(lt_event_free(event));
    assert_ok(lt_event_free(other));
    assert_ok(lt_event_free(h.begun));
    assert_ok(lt_event_free(h.go_on));
    assert_ok(lt_semaphore_free(t.calls));
}

typedef struct own {
    told told;
    lt_semaphore *semaphore;
    lt_watcher *_Atomic watcher;
    bool leave;
} own;

static void free_own(void *arg) {
    own *o = arg;
    lt_watcher *watcher;
    while ((watcher = atomic_load(&o->watcher)) == NULL) {
        sched_yield();
    }
    // Told once more while it runs: that is not called any more.
    must(lt_semaphore_try_acquire(o->semaphore) == LT_OK);
    must(lt_semaphore_release(o->semaphore, 1) == LT_OK);
    must(lt_watch_free(watcher) == LT_OK);
    must(lt_watch_free(watcher) == LT_BAD_HANDLE);
    tell(&o->told);
    if (o->leave) {
        lt_exit();
    }
}

TEST(a_call_may_free_its_own_watch) {
    for (int i = 0; i < 200; i++) {
        own o = {nobody_told(), lt_semaphore_new(1), NULL, i % 2 == 1};
        lt_watcher *watcher = NULL;
        assert_ok(lt_watch(o.semaphore, LT_CASE_SEMAPHORE, free_own, &o, &watcher));
        atomic_store(&o.watcher, watcher);
        must_be_told(&o.told);
        settle();
        assert_int_equal(atomic_load(&o.told.count), 1);
        assert_status(lt_watch_free(watcher), LT_BAD_HANDLE);
        assert_ok(lt_semaphore_free(o.semaphore));
        assert_ok(lt_semaphore_free(o.told.calls));
    }
}

TEST(a_watched_object_may_be_freed_and_nothing_is_called_then) {
    for_each_watched(kind) {
        void *object = kind->wait->make();
        told t = nobody_told();
        lt_watcher *watcher = watch(object, kind->op, tell, &t);
        destroy_watched(kind, object);
        // The next object may have the same slot.
        void *next = kind->wait->make();
        assert_ok(kind->wait->satisfy(next));
        settle();
        must_for(kind->wait->name, atomic_load(&t.count) == 0);
        destroy_watched(kind, next);
        assert_ok(lt_watch_free(watcher));
        assert_status(lt_watch_free(watcher), LT_BAD_HANDLE);
        assert_ok(lt_semaphore_free(t.calls));
    }
}

static lt_status release_often(void *semaphore) {
    for (int i = 0; i < 100000; i++) {
        must(lt_semaphore_release(semaphore, 1) == LT_OK);
        must(lt_semaphore_acquire(semaphore) == LT_OK);
    }
    return LT_OK;
}

static void must_not_be_freed(void *arg) {
    must(!atomic_load((_Atomic bool *)arg));
}

TEST(nothing_is_called_after_a_free) {
    lt_semaphore *semaphore = lt_semaphore_new(0);
    waiter w;
    waiter_launch(&w, release_often, semaphore);
    for (int i = 0; i < 5000; i++) {
        _Atomic bool freed = false;
        lt_watcher *watcher = watch(semaphore, LT_CASE_SEMAPHORE, must_not_be_freed, &freed);
        if (i % 3 == 0) {
            sched_yield();
        }
        assert_ok(lt_watch_free(watcher));
        atomic_store(&freed, true);
    }
    assert_ok(waiter_join(&w));
    assert_ok(lt_semaphore_free(semaphore));
}

TEST(bad_arguments_are_told) {
    lt_lock *lock = lt_allocate_lock(), *freed = lt_allocate_lock();
    assert_ok(lt_lock_free(freed));
    told t = nobody_told();
    const struct {
        const void *handle;
        int32_t op;
        void (*ready)(void *);
        lt_status status;
    } rows[] = {{lock, 0, tell, LT_INVALID}, {lock, 11, tell, LT_INVALID}, {lock, LT_CASE_LOCK, NULL, LT_INVALID},
        {NULL, LT_CASE_LOCK, NULL, LT_BAD_HANDLE}, {freed, LT_CASE_LOCK, tell, LT_BAD_HANDLE},
        {lock, LT_CASE_GET, tell, LT_BAD_HANDLE}, {&t, LT_CASE_LOCK, tell, LT_BAD_HANDLE}};
    for (size_t i = 0; i < LENGTH(rows); i++) {
        lt_watcher *watcher = NULL;
        assert_status(lt_watch(rows[i].handle, rows[i].op, rows[i].ready, &t, &watcher), rows[i].status);
        assert_true(last_error_names("lt_watch"));
        assert_null(watcher);
    }
    assert_ok(lt_watch_free(NULL));
    settle();
    assert_int_equal(atomic_load(&t.count), 0);
    // It stays, without a handle.
    assert_ok(lt_watch(lock, LT_CASE_LOCK, tell, &t, NULL));
    must_be_told(&t);
    assert_ok(lt_lock_free(lock));
    assert_ok(lt_semaphore_free(t.calls));
}

// ---- Signal handlers, fork

static lt_semaphore *handled;

static void release_in_handler(int signum) {
    (void)signum;
    must(lt_semaphore_release(handled, 1) == LT_OK);
}

typedef struct counter {
    _Atomic long taken;
} counter;

static void take_handled(void *arg) {
    counter *c = arg;
    while (lt_semaphore_try_acquire(handled) == LT_OK) {
        atomic_fetch_add(&c->taken, 1);
    }
}

static lt_status watch_and_free(void *stop) {
    while (!lt_event_is_set(stop)) {
        counter c = {0};
        lt_watcher *watcher = watch(handled, LT_CASE_SEMAPHORE, take_handled, &c);
        must(lt_watch_free(watcher) == LT_OK);
        must(lt_semaphore_release(handled, (uint32_t)atomic_load(&c.taken) + 1) == LT_OK);
        while (lt_semaphore_try_acquire(handled) == LT_BUSY) {
        }
    }
    return LT_OK;
}

TEST(a_release_in_a_handler_is_told_whatever_that_has_interrupted) {
    skip_without_handlers();
    handled = lt_semaphore_new(0);
    counter all = {0};
    lt_watcher *watcher = watch(handled, LT_CASE_SEMAPHORE, take_handled, &all);
    lt_event *stop = lt_event_new();
    struct sigaction old, action = {.sa_handler = release_in_handler, .sa_flags = SA_RESTART};
    assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
    waiter w;
    waiter_launch(&w, watch_and_free, stop);
    must_soon(atomic_load(&w.native_id) != 0);
    for (double began = lt_monotonic(); seconds_since(began) < 1.0;) {
        assert_int_equal(syscall(SYS_tgkill, getpid(), (int)w.native_id, SIGUSR1), 0);
        sched_yield();
    }
    assert_ok(lt_event_set(stop));
    // It may find nothing any more.
    for (bool done = false; !done;) {
        assert_ok(lt_semaphore_release(handled, 1));
        done = lt_lock_acquire_timeout(w.running, 0.01) == LT_OK;
    }
    assert_ok(lt_lock_release(w.running));
    assert_ok(waiter_join(&w));
    assert_int_equal(sigaction(SIGUSR1, &old, NULL), 0);
    must_soon(lt_semaphore_value(handled) == 0);
    assert_ok(lt_semaphore_release(handled, 1));
    must_soon(lt_semaphore_value(handled) == 0);
    assert_ok(lt_watch_free(watcher));
    assert_ok(lt_semaphore_free(handled));
    assert_ok(lt_event_free(stop));
}

typedef struct forked {
    lt_semaphore *semaphore;
    lt_watcher *watcher;
    told told;
} forked;

static void in_child(void *arg) {
    forked *f = arg;
    long before = atomic_load(&f->told.count);
    must(lt_semaphore_release(f->semaphore, 1) == LT_OK);
    settle();
    must(atomic_load(&f->told.count) == before);
    must(lt_watch_free(f->watcher) == LT_OK);
    // One of its own works.
    told t = nobody_told();
    lt_watcher *own = watch(f->semaphore, LT_CASE_SEMAPHORE, tell, &t);
    must_be_told(&t);
    must(lt_watch_free(own) == LT_OK);
}

TEST(a_child_has_dead_watches) {
    skip_where_children_have_no_threads();
    forked f = {.semaphore = lt_semaphore_new(0), .told = nobody_told()};
    f.watcher = watch(f.semaphore, LT_CASE_SEMAPHORE, tell, &f.told);
    assert_int_equal(run_in_child(in_child, &f), 0);
    assert_ok(lt_semaphore_release(f.semaphore, 1));
    must_be_told(&f.told);
    assert_ok(lt_watch_free(f.watcher));
    assert_ok(lt_semaphore_free(f.semaphore));
    assert_ok(lt_semaphore_free(f.told.calls));
}

static void fork_in_ready(void *arg) {
    forked *f = arg;
    int child = fork_to_go_on();
    if (child == 0) {
        // It does not wait for itself, nor is anything left to be called.
        must(lt_watch_free(f->watcher) == LT_OK);
        must(lt_semaphore_free(f->semaphore) == LT_OK);
        _exit(0);
    }
    must(wait_for_child(child) == 0);
    tell(&f->told);
}

TEST(a_call_may_fork) {
    skip_where_children_have_no_threads();
    forked f = {.semaphore = lt_semaphore_new(0), .told = nobody_told()};
    f.watcher = watch(f.semaphore, LT_CASE_SEMAPHORE, fork_in_ready, &f);
    assert_ok(lt_semaphore_release(f.semaphore, 1));
    must_be_told(&f.told);
    assert_ok(lt_watch_free(f.watcher));
    assert_ok(lt_semaphore_free(f.semaphore));
    assert_ok(lt_semaphore_free(f.told.calls));
}
