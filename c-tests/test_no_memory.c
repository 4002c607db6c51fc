// Out of memory: each allocation behind each call fails once, under shim_malloc.c.
// timeout: 60
// needs: LD_PRELOAD
#include "shims.h"
#include "waits.h"

#include <sys/mman.h>

static void (*shim_fail)(long from, long to);
static void (*shim_fail_others)(void);
static long (*shim_failures)(void);
static long (*shim_live)(void);

static bool in_shim(const char *function) {
    if (!in_shims(function, "malloc")) {
        return false;
    }
    shim_function(&shim_fail, "shim_fail");
    shim_function(&shim_fail_others, "shim_fail_others");
    shim_function(&shim_failures, "shim_failures");
    shim_function(&shim_live, "shim_live");
    return true;
}

#define EVERY LONG_MAX

// Calls `attempt` with its allocation number `nth` failing. It says whether it succeeded, and must do
// so if, and only if, no allocation failed.
static bool fail_nth(long nth, bool (*attempt)(void *arg), void *arg) {
    enum { SENTINEL = 12345 }; // What failed leaves errno as it was.
    shim_fail(nth, nth);
    errno = SENTINEL;
    bool succeeded = attempt(arg);
    must(errno == SENTINEL);
    must(succeeded == (shim_failures() == 0));
    shim_fail(0, 0);
    return succeeded;
}

// Calls `attempt` with its first allocation failing, then with the second, until none fails. How
// often it failed.
static int fail_each(bool (*attempt)(void *arg), void *arg) {
    for (long nth = 1;; nth++) {
        if (fail_nth(nth, attempt, arg)) {
            return (int)nth - 1;
        }
        // Some memory is for later, too, and not given back. But the same failure takes it once.
        long live = shim_live();
        if (fail_nth(nth, attempt, arg)) {
            return (int)nth - 1;
        }
        must(shim_live() == live);
    }
}

static void must_be_out_of_memory(const char *function) {
    must_for(function, lt_last_status() == LT_NO_MEMORY);
    must_for(function, lt_last_errno() == ENOMEM);
    must_for(function, last_error_names(function));
}

// ---- Constructors

typedef struct constructor {
    const char *name;
    void *(*make)(void);
    lt_status (*destroy)(void *);
    void *made;
} constructor;

static bool construct(void *arg) {
    constructor *c = arg;
    c->made = c->make();
    if (c->made == NULL) {
        must_be_out_of_memory(c->name);
    }
    return c->made != NULL;
}

static void check_constructor(const char *name, void *(*make)(void), lt_status (*destroy)(void *)) {
    enum { MANY = 1000 }; // Enough for several chunks.
    void *made[MANY];
    constructor c = {name, make, destroy, NULL};
    int failures = 0;
    for (int i = 0; i < MANY; i++) {
        failures += fail_each(construct, &c);
        made[i] = c.made;
        for (int j = 0; j < i; j++) {
            must(made[j] != made[i]);
        }
    }
    assert_true(failures > 2);
    long live = shim_live();
    shim_fail(1, EVERY); // What was made once can be made again without asking for memory,
    for (int i = 0; i < MANY; i++) {
        must(destroy(made[i]) == LT_OK); // and what gives memory back does not ask for any.
    }
    for (int i = 0; i < MANY; i++) {
        must((made[i] = make()) != NULL);
    }
    shim_fail(0, 0);
    assert_int_equal(shim_live(), live);
}

static void *make_lock(void) {
    return lt_allocate_lock();
}

static void *make_semaphore(void) {
    return lt_semaphore_new(1);
}

static void *make_bounded_semaphore(void) {
    return lt_semaphore_new_bounded(1, 2);
}

static void *make_event(void) {
    return lt_event_new();
}

static void *make_rlock(void) {
    return lt_rlock_new();
}

static void *make_condition(void) {
    return lt_condition_new();
}

static void *make_barrier(void) {
    return lt_barrier_new(2, NULL, NULL);
}

static void *make_rwlock(void) {
    return lt_rwlock_new();
}

static void *make_spinlock(void) {
    return lt_spinlock_new();
}

WAITS_CALL(free_condition, lt_condition_free(o))
WAITS_CALL(free_barrier, lt_barrier_free(o))
WAITS_CALL(free_spinlock, lt_spinlock_free(o))

TEST(a_lock_without_memory_is_null_and_leaks_nothing) {
    if (in_shim(__func__)) {
        check_constructor("lt_allocate_lock", make_lock, waits_lock_destroy);
    }
}

TEST(a_semaphore_without_memory_is_null_and_leaks_nothing) {
    if (in_shim(__func__)) {
        check_constructor("lt_semaphore_new", make_semaphore, waits_semaphore_destroy);
    }
}

TEST(a_bounded_semaphore_without_memory_is_null_and_leaks_nothing) {
    if (in_shim(__func__)) {
        check_constructor(
            "lt_semaphore_new_bounded", make_bounded_semaphore, waits_semaphore_destroy);
    }
}

TEST(an_event_without_memory_is_null_and_leaks_nothing) {
    if (in_shim(__func__)) {
        check_constructor("lt_event_new", make_event, waits_event_destroy);
    }
}

TEST(a_reentrant_lock_without_memory_is_null_and_leaks_nothing) {
    if (in_shim(__func__)) {
        check_constructor("lt_rlock_new", make_rlock, waits_rlock_destroy);
    }
}

TEST(a_condition_without_memory_is_null_and_leaks_nothing) {
    if (in_shim(__func__)) {
        check_constructor("lt_condition_new", make_condition, free_condition);
    }
}

TEST(a_barrier_without_memory_is_null_and_leaks_nothing) {
    if (in_shim(__func__)) {
        check_constructor("lt_barrier_new", make_barrier, free_barrier);
    }
}

TEST(a_read_write_lock_without_memory_is_null_and_leaks_nothing) {
    if (in_shim(__func__)) {
        check_constructor("lt_rwlock_new", make_rwlock, waits_rwlock_destroy);
    }
}

TEST(a_spinlock_without_memory_is_null_and_leaks_nothing) {
    if (in_shim(__func__)) {
        check_constructor("lt_spinlock_new", make_spinlock, free_spinlock);
    }
}

typedef struct making {
    size_t capacity;
    lt_queue *queue;
} making;

static bool make_queue(void *arg) {
    making *m = arg;
    m->queue = lt_queue_new(m->capacity);
    if (m->queue == NULL) {
        must_be_out_of_memory("lt_queue_new");
    }
    return m->queue != NULL;
}

// The first item brings the memory for as many as have room, or for the first ones.
static bool put_first(void *arg) {
    making *m = arg;
    lt_status status = lt_queue_put(m->queue, m);
    if (status != LT_OK) {
        must(status == LT_NO_MEMORY);
        must_be_out_of_memory("lt_queue_put");
        must(lt_queue_is_empty(m->queue));
    }
    return status == LT_OK;
}

static bool make_queue_and_put_first(void *arg) {
    making *m = arg;
    if (!make_queue(arg)) {
        return false;
    }
    if (!put_first(arg)) {
        must(lt_queue_free(m->queue) == LT_OK);
        return false;
    }
    return true;
}

static void check_queue(size_t capacity, size_t items) {
    making m = {capacity, NULL};
    for (int i = 0; i < 300; i++) {
        assert_true(fail_each(make_queue_and_put_first, &m) > 0);
        assert_ok(lt_queue_free(m.queue));
    }
    long live = shim_live();
    for (int i = 0; i < 300; i++) {
        assert_true(make_queue_and_put_first(&m));
        shim_fail(1, EVERY);
        for (uintptr_t n = 2; n <= items; n++) {
            must(lt_queue_put(m.queue, (void *)n) == LT_OK);
        }
        must(lt_queue_free(m.queue) == LT_OK);
        must(shim_failures() == 0);
        shim_fail(0, 0);
        assert_int_equal(shim_live(), live);
    }
}

TEST(a_queue_without_memory_is_null_and_leaks_nothing) {
    if (in_shim(__func__)) {
        check_queue(1000, 1000);
        check_queue(0, 50);
        check_queue(20000, 50);
    }
}

// ---- Waits and everything else that objects do

static void count_up(void *counter) {
    ++*(int *)counter;
}

static void check_other_uses_without_memory(void) {
    int count = 0;
    lt_barrier *barrier = lt_barrier_new(1, count_up, &count), *two = lt_barrier_new(2, NULL, NULL);
    lt_spinlock *spinlock = lt_spinlock_new();
    lt_once_flag flag = LT_ONCE_FLAG_INIT;
    shim_fail(1, EVERY);
    must(lt_barrier_wait(barrier, NULL) == LT_OK && count == 1);
    must(lt_barrier_wait_timeout(two, 0.001, NULL) == LT_TIMED_OUT);
    must(lt_barrier_reset(two) == LT_OK && lt_barrier_abort(two) == LT_OK);
    must(lt_spinlock_acquire(spinlock) == LT_OK && lt_spinlock_release(spinlock) == LT_OK);
    must(lt_call_once(&flag, count_up, &count) == LT_OK && count == 2);
    must(lt_barrier_free(barrier) == LT_OK && lt_barrier_free(two) == LT_OK);
    must(lt_spinlock_free(spinlock) == LT_OK);
    must(shim_failures() == 0);
    shim_fail(0, 0);
}

static lt_status use_without_memory(void *unused) {
    (void)unused;
    for_each_wait(kind) {
        void *object = waits_make(kind);
        shim_fail(1, EVERY);
        waits_check_time_out(kind, object, 0.0);
        waits_check_time_out(kind, object, 0.001);
        must_for(kind->name, kind->try_wait(object) == kind->not_yet);
        if (kind->satisfy != waits_get_satisfy) { // To put an item in may need memory, see below.
            must_for(kind->name, kind->satisfy(object) == LT_OK);
            must_for(kind->name, kind->wait(object) == LT_OK);
        }
        must_for(kind->name, kind->destroy(object) == LT_OK);
        must_for(kind->name, kind->destroy(object) == LT_BAD_HANDLE);
        must_for(kind->name, lt_last_status() == LT_BAD_HANDLE);
        must_for(kind->name, shim_failures() == 0);
        shim_fail(0, 0);
    }
    check_other_uses_without_memory();
    return LT_OK;
}

TEST(objects_need_no_memory_once_they_are_made) {
    skip_without_memory();
    if (!in_shim(__func__)) {
        return;
    }
    assert_ok(use_without_memory(NULL));
    waiter w;
    waiter_launch(&w, use_without_memory, NULL);
    assert_ok(waiter_join(&w));
}

typedef struct putting {
    lt_queue *queue;
    uintptr_t number;
} putting;

// A batch that runs out of memory says how much of it was put.
static bool put_batch(void *arg) {
    putting *p = arg;
    enum { BATCH = 700 };
    void *items[BATCH];
    for (uintptr_t i = 0; i < BATCH; i++) {
        items[i] = (void *)(p->number + i);
    }
    size_t done = 9999, size = lt_queue_size(p->queue);
    lt_status status = lt_queue_put_many(p->queue, items, BATCH, LT_FOREVER, &done);
    must(lt_queue_size(p->queue) == size + done);
    p->number += done;
    if (status != LT_OK) {
        must(status == LT_NO_MEMORY && done < BATCH);
        must_be_out_of_memory("lt_queue_put_many");
    }
    must(status != LT_OK || done == BATCH);
    return status == LT_OK;
}

static void *make_watcher(void) {
    static lt_lock *held; // For all of them.
    if (held == NULL && (held = lt_allocate_lock()) == NULL) {
        return NULL;
    }
    lt_watcher *watcher = NULL;
    (void)!lt_watch_fd(held, LT_CASE_LOCK, NULL, &watcher);
    return watcher;
}

WAITS_CALL(free_watcher, lt_watch_free(o))

TEST(a_watch_without_memory_is_refused_and_leaks_nothing) {
    if (in_shim(__func__)) {
        assert_ok(lt_watch_free(make_watcher())); // The lock is made for good.
        check_constructor("lt_watch_fd", make_watcher, free_watcher);
    }
}

typedef struct nine {
    lt_semaphore *semaphore;
    lt_case cases[9];
} nine;

static bool select_nine(void *arg) {
    nine *n = arg;
    size_t index = 77;
    lt_status status = lt_select(n->cases, LENGTH(n->cases), 0.001, &index);
    if (status == LT_NO_MEMORY) {
        must_be_out_of_memory("lt_select");
    } else {
        must(status == LT_TIMED_OUT);
    }
    must(index == 77 && lt_semaphore_value(n->semaphore) == 0);
    return status == LT_TIMED_OUT;
}

TEST(a_select_on_many_without_memory_is_refused_where_it_would_wait) {
    skip_without_memory();
    if (!in_shim(__func__)) {
        return;
    }
    nine n = {.semaphore = lt_semaphore_new(0)};
    for (size_t i = 0; i < LENGTH(n.cases); i++) {
        n.cases[i] = (lt_case){.op = LT_CASE_SEMAPHORE, .handle = n.semaphore};
    }
    assert_int_equal(fail_each(select_nine, &n), 1);
    assert_ok(lt_semaphore_release(n.semaphore, 1));
    shim_fail(1, EVERY);
    assert_ok(lt_select(n.cases, LENGTH(n.cases), LT_FOREVER, NULL));
    shim_fail(0, 0);
    assert_int_equal(lt_semaphore_value(n.semaphore), 0);
    assert_ok(lt_semaphore_free(n.semaphore));
}

TEST(a_batch_without_memory_is_put_as_far_as_it_goes) {
    if (!in_shim(__func__)) {
        return;
    }
    putting p = {lt_queue_new(0), 0};
    int failures = 0;
    for (int i = 0; i < 20; i++) {
        for (long nth = 1;; nth++) {
            if (fail_nth(nth, put_batch, &p)) {
                break;
            }
            failures++;
        }
    }
    assert_true(failures > 0);
    for (uintptr_t got = 0; got < p.number; got++) {
        void *item;
        must(lt_queue_try_get(p.queue, &item) == LT_OK && item == (void *)got);
    }
    assert_true(lt_queue_is_empty(p.queue));
    assert_ok(lt_queue_free(p.queue));
}

static bool put_number(void *arg) {
    const putting *p = arg;
    void *item = (void *)p->number;
    static const char *const names[] = {
        "lt_queue_put", "lt_queue_try_put", "lt_queue_put_timeout", "lt_queue_put_timeout"};
    lt_status status = p->number % 4 == 0   ? lt_queue_put(p->queue, item)
                       : p->number % 4 == 1 ? lt_queue_try_put(p->queue, item)
                                            : lt_queue_put_timeout(p->queue, item, 1.0);
    if (status != LT_OK) {
        must(status == LT_NO_MEMORY);
        must_be_out_of_memory(names[p->number % 4]);
    }
    return status == LT_OK;
}

static void check_puts(size_t capacity) {
    enum { ITEMS = 3000 };
    assert_ok(lt_queue_free(lt_queue_new(capacity))); // What is kept for the next one.
    long live = shim_live();
    putting p = {lt_queue_new(capacity), 0};
    int failures = 0;
    for (int round = 0; round < 2; round++) {
        uintptr_t got = 0;
        for (p.number = 0; p.number < ITEMS; p.number++) {
            must(lt_queue_size(p.queue) == p.number - got);
            failures += fail_each(put_number, &p);
            if (p.number % 3 == 0) { // So that a ring has wrapped when it grows.
                void *item;
                must(lt_queue_get(p.queue, &item) == LT_OK && item == (void *)got++);
            }
        }
        for (; got < ITEMS; got++) {
            void *item;
            must(lt_queue_try_get(p.queue, &item) == LT_OK && item == (void *)got);
        }
    }
    assert_true(failures > 0);
    assert_ok(lt_queue_free(p.queue));
    assert_int_equal(shim_live(), live);
}

TEST(a_put_that_fails_leaves_the_queue_as_it_was) {
    if (in_shim(__func__)) {
        check_puts(0);
        check_puts(20000);
    }
}

// ---- Threads

typedef struct crowd {
    lt_semaphore *arrived;
    lt_event *leave;
} crowd;

static void stay(void *arg) {
    crowd c = *(crowd *)arg;
    must(lt_semaphore_release(c.arrived, 1) == LT_OK);
    must(lt_event_wait(c.leave) == LT_OK);
}

typedef struct start {
    bool copy;
    crowd crowd;
    size_t alive;
    int no_memory, no_thread;
} start;

static bool start_thread(void *arg) {
    start *s = arg;
    lt_ident ident = 12345;
    lt_status status = s->copy
                           ? lt_start_new_thread_copy(stay, &s->crowd, sizeof s->crowd, &ident)
                           : lt_start_new_thread(stay, &s->crowd, &ident);
    if (status == LT_OK) {
        must(ident != 12345 && ident != 0);
        must(lt_semaphore_acquire(s->crowd.arrived) == LT_OK); // It has taken over what is its own.
        s->alive++;
    } else {
        must(status == LT_NO_MEMORY || status == LT_NO_THREAD);
        must(lt_last_status() == status && lt_last_errno() != 0);
        must(last_error_names(s->copy ? "lt_start_new_thread_copy" : "lt_start_new_thread"));
        must(ident == 12345);
        s->no_memory += status == LT_NO_MEMORY;
        s->no_thread += status == LT_NO_THREAD;
    }
    must(lt_thread_count() == s->alive);
    return status == LT_OK;
}

static void check_starts(bool copy) {
    start s = {.copy = copy, .crowd = {lt_semaphore_new(0), lt_event_new()}};
    for (size_t i = 0; i < 100; i++) { // Enough for several chunks of what is known of threads.
        // A new size for each, so that the C library has to make a new stack for each.
        assert_ok(lt_set_stack_size(65536 + i * 4096));
        fail_each(start_thread, &s);
    }
    assert_true(s.no_memory > 0);
    // musl maps the stacks of threads by itself.
    assert_true(s.no_thread > 0 || on_musl());
    assert_ok(lt_event_set(s.crowd.leave));
    join_all_threads();
    assert_ok(lt_event_free(s.crowd.leave));
    assert_ok(lt_semaphore_free(s.crowd.arrived));
}

TEST(a_thread_without_memory_is_refused_and_leaks_nothing) {
    skip_without_memory();
    if (in_shim(__func__)) {
        check_starts(false);
    }
}

TEST(arguments_by_value_without_memory_are_refused_and_leak_nothing) {
    skip_without_memory();
    if (in_shim(__func__)) {
        check_starts(true);
    }
}

static void nothing(void *arg) {
    (void)arg;
}

static void start_with_copy(int times) {
    for (int i = 0; i < times; i++) {
        assert_ok(lt_start_new_thread_copy(nothing, "some arguments", 15, NULL));
        join_all_threads();
    }
}

TEST(arguments_by_value_are_freed_with_the_thread) {
    if (!in_shim(__func__)) {
        return;
    }
    start_with_copy(20);
    long live = shim_live();
    start_with_copy(200);
    must_soon(shim_live() <= live + 2); // What the C library has of stacks that are not in use yet.
}

static bool ask_for_ident(void *unused) {
    (void)unused;
    return lt_get_ident() != 0;
}

static lt_rlock *free_rlock;
static lt_barrier *lone_barrier;

static void never_called(void *unused) {
    (void)unused;
    must(!"called");
}

// What has an owner cannot have one that has no ident, and says so.
static void check_owners_without_ident(void) {
    lt_once_flag flag = LT_ONCE_FLAG_INIT;
    must(lt_call_once(&flag, never_called, NULL) == LT_NO_MEMORY);
    must(lt_rlock_acquire(free_rlock) == LT_NO_MEMORY);
    must(lt_rlock_try_acquire(free_rlock) == LT_NO_MEMORY);
    must(lt_rlock_acquire_timeout(free_rlock, 0.0) == LT_NO_MEMORY);
    must(lt_rlock_acquire_restore(free_rlock, 1) == LT_NO_MEMORY);
    must(!lt_rlock_locked(free_rlock) && !lt_rlock_is_owned(free_rlock));
    must(lt_barrier_wait(lone_barrier, NULL) == LT_OK); // Nobody owns a round.
}

static void *foreign_thread(void *event) {
    shim_fail(1, EVERY);
    must(lt_get_ident() == 0);
    must(lt_last_error() != NULL && lt_last_errno() == 0 && lt_last_status() == LT_OK);
    must(lt_event_wait_timeout(event, 0.001) == LT_TIMED_OUT);
    must(lt_event_wait_timeout(event, NAN) == LT_INVALID);
    must(lt_sleep(0.001) == LT_OK);
    must(lt_check_interrupt() == LT_OK && lt_interrupt_signal() == 0);
    check_owners_without_ident();
    must(shim_failures() > 0);
    shim_fail(0, 0);
    must(fail_each(ask_for_ident, NULL) > 0);
    must(lt_get_ident() == lt_get_ident());
    return NULL;
}

TEST(a_foreign_thread_has_no_ident_without_memory_and_can_wait_all_the_same) {
    skip_without_memory();
    if (!in_shim(__func__)) {
        return;
    }
    lt_event *event = lt_event_new();
    free_rlock = lt_rlock_new();
    lone_barrier = lt_barrier_new(1, nothing, NULL);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, foreign_thread, event), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_ok(lt_event_free(event));
    assert_ok(lt_rlock_free(free_rlock));
    assert_ok(lt_barrier_free(lone_barrier));
}

// ---- A thread that is started, and then has no memory for the library's thread-specific value

typedef struct newborn {
    lt_ident announced, own, own_later;
    bool exit;
    lt_lock *done;
} newborn;

static void live_without_memory(void *arg) {
    newborn *n = arg;
    n->own = lt_get_ident();
    shim_fail(0, 0);
    n->own_later = lt_get_ident();
    must(lt_lock_release(n->done) == LT_OK);
    if (n->exit) {
        lt_exit();
    }
}

static void check_newborn(bool exit) {
    newborn n = {.exit = exit, .done = waits_lock()};
    shim_fail_others();
    lt_status status = lt_start_new_thread(live_without_memory, &n, &n.announced);
    assert_ok(status);
    assert_ok(lt_lock_acquire(n.done));
    join_all_threads();
    assert_true(n.own == n.announced || n.own == 0);
    if (!exit) {
        assert_int_equal(n.own_later, n.announced);
    }
}

// The C library has room for 32 keys in each thread, and allocates it for those that come later.
static void use_up_keys(void) {
    for (int i = 0; i < 40; i++) {
        pthread_key_t key;
        assert_int_equal(pthread_key_create(&key, NULL), 0);
    }
}

TEST(a_thread_born_without_memory_is_the_one_that_was_announced) {
    skip_without_memory();
    if (in_shim(__func__)) {
        use_up_keys();
        check_newborn(false);
    }
}

TEST(a_thread_born_without_memory_is_no_longer_counted_when_it_exits) {
    skip_without_memory();
    if (in_shim(__func__)) {
        use_up_keys();
        check_newborn(true);
    }
}

// ---- Errors

static void ignore_error(const lt_error_info *info, void *arg) {
    (void)arg;
    must(strlen(info->type_name) > 0 && strlen(info->message) > 0);
}

static void raise_with(long allocations) {
    shim_fail(allocations + 1, EVERY);
    lt_raise(7, "that there was no memory");
}

static void exit_at_once(void *arg) {
    (void)arg;
    lt_exit();
}

static void raise_in_thread(void *allocations) {
    raise_with(*(long *)allocations);
}

static void *raise_in_task(void *allocations) {
    raise_with(*(long *)allocations);
    return NULL;
}

// Whatever of it there is memory for.
TEST(an_error_without_memory_is_an_error_all_the_same) {
    skip_without_memory();
    if (!in_shim(__func__)) {
        return;
    }
    assert_ok(lt_set_excepthook(ignore_error, NULL));
    lt_pool *pool = lt_pool_new(1, NULL);
    bool lost = false, told = false;
    // What the C library loads when a thread first exits.
    assert_ok(lt_start_new_thread(exit_at_once, NULL, NULL));
    join_all_threads();
    // The first time with all the memory, which some parts of the C library keep.
    for (long round = -1; round < 12; round++) {
        long allocations = round < 0 ? EVERY - 1 : round;
        const lt_error_info *info = NULL;
        lt_thread *thread;
        assert_ok(lt_thread_start(raise_in_thread, &allocations, NULL, &thread));
        lt_status status = lt_thread_join(thread);
        shim_fail(0, 0);
        assert_status(status, LT_FAILED);
        assert_ok(lt_thread_error(thread, &info));
        assert_int_equal(info->kind, LT_ERROR_RAISED);
        assert_string_equal(info->type_name, "error");
        assert_non_null(lt_error_backtrace(info));
        lost |= strcmp(info->message, "out of memory") == 0;
        told |= strcmp(info->message, "that there was no memory") == 0;
        assert_ok(lt_thread_free(thread));

        lt_future *future;
        assert_ok(lt_pool_submit(pool, raise_in_task, &allocations, &future));
        status = lt_future_result(future, NULL);
        shim_fail(0, 0);
        assert_status(status, LT_FAILED);
        assert_ok(lt_future_error(future, &info));
        assert_non_null(lt_error_backtrace(info));
        assert_ok(lt_future_free(future));
    }
    assert_true(lost && told);
    assert_ok(lt_pool_free(pool));
}

typedef struct rendering {
    const lt_error_info *info;
    long nth, refused;
    bool whole;
} rendering;

static void render(void *arg) {
    rendering *r = arg;
    shim_fail(r->nth, r->nth + 9);
    const char *trace = lt_error_backtrace(r->info);
    r->refused = shim_failures();
    shim_fail(0, 0);
    r->whole = strstr(trace, "raise_in_thread") != NULL;
    must(strncmp(trace, "  ", 2) == 0); // A line at least, if only one that says why there is no more.
}

// In a child for each, since what was rendered once is known.
TEST(a_trace_is_finished_with_memory_that_was_set_aside) {
    skip_without_memory();
    if (under_emulator()) {
        skip_because("what runs the program is too slow for it");
    }
    skip_where_children_have_no_threads();
    if (!in_shim(__func__)) {
        return;
    }
    rendering *r = mmap(NULL, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(r != MAP_FAILED);
    assert_ok(lt_set_excepthook(ignore_error, NULL));
    long all = EVERY - 1;
    lt_thread *thread;
    assert_ok(lt_thread_start(raise_in_thread, &all, NULL, &thread));
    assert_status(lt_thread_join(thread), LT_FAILED);
    shim_fail(0, 0);
    assert_ok(lt_thread_error(thread, &r->info));
    int finished = 0;
    do {
        r->nth += 3;
        assert_int_equal(run_in_child(render, r), 0);
        finished += r->whole && r->refused > 0;
    } while (r->refused > 0);
    assert_true(finished > 10);
    assert_ok(lt_thread_free(thread));
    munmap(r, sizeof *r);
}
