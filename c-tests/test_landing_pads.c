// No frame of the library that user code is called from has a landing pad for that call: lt_exit and
// exceptions pass it as if it were not there. This walks the stack inside each kind of user code, and
// looks into the unwinder's tables (.gcc_except_table) for each frame of the library that it meets.
// A new way into user code must be added here.
// flags: -fexceptions
// needs: dladdr
#include "support.h"

#include <dlfcn.h>
#include <unwind.h>

// ---- The tables

static uint64_t read_uleb(const unsigned char **at) {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        unsigned char byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
}

enum { OMIT = 0xff, ULEB = 0x01, UDATA4 = 0x03, SDATA4 = 0x0b };

static uint64_t read_encoded(const unsigned char **at, unsigned char encoding) {
    uint32_t four;
    if ((encoding & 0x0f) == ULEB) {
        return read_uleb(at);
    }
    must((encoding & 0x0f) == UDATA4 || (encoding & 0x0f) == SDATA4);
    memcpy(&four, *at, sizeof four);
    *at += sizeof four;
    return four;
}

// What the tables say of a call at this offset in a function. Rust's personality ends the process for a
// call that has no entry.
typedef enum { PASSES, LANDS, ENDS } on_unwinding;

static on_unwinding look_up(const unsigned char *table, uint64_t offset) {
    if (table == NULL) {
        return PASSES;
    }
    unsigned char encoding = *table++; // Of where landing pads start.
    if (encoding != OMIT) {
        read_encoded(&table, encoding);
    }
    if (*table++ != OMIT) { // Of types: how far it is to them.
        read_uleb(&table);
    }
    encoding = *table++;
    uint64_t length = read_uleb(&table);
    for (const unsigned char *end = table + length; table < end;) {
        uint64_t start = read_encoded(&table, encoding);
        uint64_t size = read_encoded(&table, encoding);
        uint64_t pad = read_encoded(&table, encoding);
        read_uleb(&table); // What is done there.
        if (offset >= start && offset < start + size) {
            return pad == 0 ? PASSES : LANDS;
        }
    }
    return ENDS;
}

// The table of the frame's function, if it has one. On ARM with 32 bits the unwinder gives what lies behind the entry
// of a function in any case; where the first bit is set, that is another function's.
static const unsigned char *table_of(struct _Unwind_Context *context) {
#ifdef __arm__
    const struct _Unwind_Control_Block *block = (void *)_Unwind_GetGR(context, UNWIND_POINTER_REG);
    if (*block->pr_cache.ehtp >> 31 != 0) {
        return NULL;
    }
#endif
    return _Unwind_GetLanguageSpecificData(context);
}

// ---- The walk

static const char *way; // Into user code, that is tried.
static _Atomic int looked;

typedef struct walk {
    const void *library;
    int frames; // Of the library.
} walk;

static _Unwind_Reason_Code look_at_frame(struct _Unwind_Context *context, void *arg) {
    walk *w = arg;
    int before = 0;
    uintptr_t ip = _Unwind_GetIPInfo(context, &before);
    Dl_info info;
    if (dladdr((void *)ip, &info) == 0 || info.dli_fbase != w->library) {
        return _URC_NO_REASON;
    }
    w->frames++;
    uint64_t offset = ip - (before == 0) - _Unwind_GetRegionStart(context);
    on_unwinding what = look_up(table_of(context), offset);
    if (what != PASSES) {
        fprintf(stderr,
            "%s: the frame at %s+%#lx (%s) %s: addr2line -if -e %s %#lx says which\n", way,
            info.dli_fname, (unsigned long)(ip - (uintptr_t)info.dli_fbase),
            info.dli_sname == NULL ? "no exported function" : info.dli_sname,
            what == LANDS ? "has a landing pad" : "ends the process", info.dli_fname,
            (unsigned long)(ip - (uintptr_t)info.dli_fbase));
        abort();
    }
    return _URC_NO_REASON;
}

// What all user code does here.
static void look(void) {
    Dl_info library;
    must(dladdr((void *)(uintptr_t)lt_version, &library) != 0);
    walk w = {library.dli_fbase, 0};
    _Unwind_Backtrace(look_at_frame, &w);
    must_for(way, w.frames > 0);
    atomic_fetch_add(&looked, 1);
}

static void look_and(void *unused) {
    (void)unused;
    look();
}

static void *look_in_a_task(void *arg) {
    look();
    return arg;
}

// ---- The ways

static void raise_an_error(void *unused) {
    (void)unused;
    lt_raise(1, "on purpose");
}

static void *raise_in_a_task(void *arg) {
    raise_an_error(arg);
    return arg;
}

static void *do_nothing(void *arg) {
    return arg;
}

static void a_thread(void) {
    must(lt_start_new_thread(look_and, NULL, NULL) == LT_OK);
}

static void a_thread_with_a_copy(void) {
    must(lt_start_new_thread_copy(look_and, "copy", 5, NULL) == LT_OK);
}

static void a_spawned_thread(void) {
    must(lt_spawn(look_and, NULL, NULL, NULL) == LT_OK);
}

static void join(lt_thread *thread, lt_status status) {
    must_for(way, lt_thread_join(thread) == status);
    must(lt_thread_free(thread) == LT_OK);
}

static void a_joinable_thread(void) {
    lt_thread *thread;
    must(lt_thread_start(look_and, NULL, NULL, &thread) == LT_OK);
    join(thread, LT_OK);
}

static void a_function_called_once(void) {
    lt_once_flag flag = LT_ONCE_FLAG_INIT;
    must(lt_call_once(&flag, look_and, NULL) == LT_OK);
}

static void an_action(void) {
    lt_barrier *barrier = lt_barrier_new(1, look_and, NULL);
    must(lt_barrier_wait(barrier, NULL) == LT_OK);
    must(lt_barrier_wait_timeout(barrier, 1000.0, NULL) == LT_OK);
    must(lt_barrier_free(barrier) == LT_OK);
}

static void *come(void *barrier) {
    must(lt_barrier_wait(barrier, NULL) == LT_OK);
    return NULL;
}

// Who comes during an action waits outside, and may be the one to run the next.
static void actions_one_after_the_other(void) {
    lt_barrier *barrier = lt_barrier_new(2, look_and, NULL);
    pthread_t thread[4];
    for (int i = 0; i < 4; i++) {
        must(pthread_create(&thread[i], NULL, come, barrier) == 0);
    }
    for (int i = 0; i < 4; i++) {
        must(pthread_join(thread[i], NULL) == 0);
    }
    must(lt_barrier_free(barrier) == LT_OK);
}

static bool look_and_be(void *met) {
    look();
    return *(bool *)met;
}

typedef struct predicate {
    lt_condition *condition;
    lt_lock *lock;
    lt_rlock *rlock;
    bool met;
} predicate;

static lt_status meet(void *arg) {
    predicate *p = arg;
    must_soon(lt_condition_waiting(p->condition) == 1);
    must((p->lock ? lt_lock_acquire(p->lock) : lt_rlock_acquire(p->rlock)) == LT_OK);
    p->met = true;
    must(lt_condition_notify(p->condition, 1) == LT_OK);
    return p->lock ? lt_lock_release(p->lock) : lt_rlock_release(p->rlock);
}

static void a_predicate(void) {
    predicate p = {lt_condition_new(), lt_allocate_lock(), NULL, false};
    waiter w;
    must(lt_lock_acquire(p.lock) == LT_OK);
    waiter_launch(&w, meet, &p);
    must(lt_condition_wait_for(p.condition, p.lock, look_and_be, &p.met, LT_FOREVER) == LT_OK);
    must(waiter_join(&w) == LT_OK);
    p.met = false;
    must(lt_condition_wait_for(p.condition, p.lock, look_and_be, &p.met, 0.001) == LT_TIMED_OUT);
    must(lt_condition_free(p.condition) == LT_OK && lt_lock_free(p.lock) == LT_OK);
}

static void a_predicate_under_a_reentrant_lock(void) {
    predicate p = {lt_condition_new(), NULL, lt_rlock_new(), false};
    waiter w;
    must(lt_rlock_acquire(p.rlock) == LT_OK);
    waiter_launch(&w, meet, &p);
    must(lt_condition_wait_for_rlock(p.condition, p.rlock, look_and_be, &p.met, LT_FOREVER) ==
         LT_OK);
    must(waiter_join(&w) == LT_OK);
    must(lt_condition_free(p.condition) == LT_OK && lt_rlock_free(p.rlock) == LT_OK);
}

static void discards(size_t capacity, bool close) {
    lt_queue *queue = lt_queue_new(capacity);
    must(lt_queue_set_drop(queue, look_and) == LT_OK);
    must(lt_queue_put(queue, queue) == LT_OK && lt_queue_put(queue, queue) == LT_OK);
    must(!close || lt_queue_close(queue, true) == LT_OK);
    must(lt_queue_free(queue) == LT_OK);
}

static void items_that_a_close_discards(void) {
    discards(0, true);
    discards(4, true);
}

static void items_that_a_free_discards(void) {
    discards(0, false);
    discards(4, false);
}

static lt_future *submit(lt_pool *pool, lt_task_fn task, void *arg) {
    lt_future *future;
    must(lt_pool_submit(pool, task, arg, &future) == LT_OK);
    return future;
}

static void end(lt_future *future, lt_status status) {
    must_for(way, lt_future_result(future, NULL) == status);
    must(lt_future_free(future) == LT_OK);
}

static void a_task(void) {
    lt_pool *pool = lt_pool_new(1, NULL);
    end(submit(pool, look_in_a_task, NULL), LT_OK);
    must(lt_pool_submit(pool, look_in_a_task, NULL, NULL) == LT_OK);
    void *results[2], *args[2] = {NULL, NULL};
    must(lt_pool_map(pool, look_in_a_task, args, 2, results, LT_FOREVER) == LT_OK);
    must(lt_pool_free(pool) == LT_OK);
}

// A pool of one: who waits for a task runs it.
static void *wait_in_a_task(void *pool) {
    end(submit(pool, look_in_a_task, NULL), LT_OK);
    lt_future *future = submit(pool, look_in_a_task, NULL);
    must(lt_future_result_timeout(future, 1000.0, NULL) == LT_OK);
    must(lt_future_free(future) == LT_OK);
    future = submit(pool, look_in_a_task, NULL);
    must(lt_future_wait_many(&future, 1, LT_ALL, 1000.0, NULL) == LT_OK);
    must(lt_future_free(future) == LT_OK);
    void *args[2] = {NULL, NULL};
    must(lt_pool_map(pool, look_in_a_task, args, 2, NULL, LT_FOREVER) == LT_OK);
    return NULL;
}

static void a_task_that_another_waits_for(void) {
    lt_pool *pool = lt_pool_new(1, NULL);
    end(submit(pool, wait_in_a_task, pool), LT_OK);
    must(lt_pool_free(pool) == LT_OK);
}

static void look_in_a_callback(lt_future *future, void *unused) {
    (void)future;
    (void)unused;
    look();
}

static void raise_in_a_callback(lt_future *future, void *arg) {
    (void)future;
    raise_an_error(arg);
}

static void *wait_for_event(void *event) {
    must(lt_event_wait(event) == LT_OK);
    return event;
}

// One worker is busy until `go` is set, and a task waits for it.
typedef struct busy_pool {
    lt_pool *pool;
    lt_event *go;
    lt_future *running, *pending;
} busy_pool;

static busy_pool keep_busy(lt_future_fn callback) {
    busy_pool b = {.pool = lt_pool_new(1, NULL), .go = lt_event_new()};
    b.running = submit(b.pool, wait_for_event, b.go);
    must_soon(lt_future_running(b.running));
    b.pending = submit(b.pool, do_nothing, NULL);
    must(lt_future_add_done_callback(b.running, callback, NULL) == LT_OK);
    must(lt_future_add_done_callback(b.pending, callback, NULL) == LT_OK);
    return b;
}

static void let_go(busy_pool *b) {
    must(lt_event_set(b->go) == LT_OK);
    must(lt_pool_free(b->pool) == LT_OK);
    must(lt_future_free(b->running) == LT_OK && lt_future_free(b->pending) == LT_OK);
    must(lt_event_free(b->go) == LT_OK);
}

static void a_callback_at_the_end(void) {
    busy_pool b = keep_busy(look_in_a_callback);
    let_go(&b);
}

static void a_callback_at_once(void) {
    lt_pool *pool = lt_pool_new(1, NULL);
    lt_future *future = submit(pool, do_nothing, NULL);
    must(lt_future_result(future, NULL) == LT_OK);
    must(lt_future_add_done_callback(future, look_in_a_callback, NULL) == LT_OK);
    must(lt_future_free(future) == LT_OK && lt_pool_free(pool) == LT_OK);
}

static void a_callback_of_what_is_cancelled(void) {
    busy_pool b = keep_busy(look_in_a_callback);
    must(lt_future_cancel(b.pending) == LT_OK);
    let_go(&b);
}

static void a_callback_of_what_a_shutdown_cancels(void) {
    busy_pool b = keep_busy(look_in_a_callback);
    must(lt_pool_shutdown(b.pool, false, true) == LT_OK);
    let_go(&b);
}

static void arguments_that_a_shutdown_discards(void) {
    busy_pool b = keep_busy(look_in_a_callback);
    must(lt_pool_set_drop(b.pool, look_and) == LT_OK);
    must(lt_pool_submit(b.pool, do_nothing, NULL, NULL) == LT_OK);
    must(lt_pool_shutdown(b.pool, false, true) == LT_OK);
    let_go(&b);
}

static void a_timer(void) {
    lt_timer *timer;
    must(lt_timer_start(0.0, 0.0001, look_and, NULL, &timer) == LT_OK);
    must_soon(atomic_load(&looked) >= 3);
    must(lt_timer_free(timer) == LT_OK);
}

static void a_watch(void) {
    lt_semaphore *semaphore = lt_semaphore_new(0);
    lt_watcher *watcher;
    must(lt_watch(semaphore, LT_CASE_SEMAPHORE, look_and, NULL, &watcher) == LT_OK);
    must(lt_semaphore_release(semaphore, 1) == LT_OK);
    must_soon(atomic_load(&looked) >= 1);
    must(lt_watch_free(watcher) == LT_OK);
    must(lt_semaphore_free(semaphore) == LT_OK);
}

static void look_at_a_signal(int signum, void *unused) {
    (void)signum;
    (void)unused;
    look();
}

static void look_from_a_handler(int signum) {
    (void)signum;
    look();
}

static void a_chained_handler(void) {
    must(signal(SIGUSR1, look_from_a_handler) != SIG_ERR);
    must(lt_signal_chain_to_main(SIGUSR1) == LT_OK);
    must(raise(SIGUSR1) == 0);
    if (lt_get_ident() == lt_main_ident()) {
        must_soon(lt_check_interrupt() == LT_INTERRUPTED);
    }
    must(lt_signal_restore(SIGUSR1) == LT_OK);
    must(signal(SIGUSR1, SIG_DFL) != SIG_ERR);
}

static void a_signal(void) {
    must(lt_signal_to_callback(SIGUSR2, look_at_a_signal, NULL) == LT_OK);
    must(kill(getpid(), SIGUSR2) == 0);
    must_soon(atomic_load(&looked) > 0);
    must(lt_signal_restore(SIGUSR2) == LT_OK);
}

static void set_local(void *local) {
    must(lt_local_set(local, local) == LT_OK);
}

static void *set_local_on_a_foreign_thread(void *local) {
    set_local(local);
    return NULL;
}

static void a_destructor_at_the_end_of_a_thread(void) {
    lt_local *local = lt_local_new(look_and);
    lt_thread *thread;
    must(lt_thread_start(set_local, local, NULL, &thread) == LT_OK);
    join(thread, LT_OK);
    pthread_t foreign;
    must(pthread_create(&foreign, NULL, set_local_on_a_foreign_thread, local) == 0);
    must(pthread_join(foreign, NULL) == 0);
    must(atomic_load(&looked) == 2);
    must(lt_local_free(local) == LT_OK);
}

static void look_at_an_error(const lt_error_info *info, void *unused) {
    (void)info;
    (void)unused;
    look();
}

static void fail_by_returning(void *unused) {
    (void)unused;
    must(lt_fail(1, "on purpose") == LT_OK);
}

// Each `source` of an error tells the hook.
static void hook(void (*source)(void)) {
    must(lt_set_excepthook(look_at_an_error, NULL) == LT_OK);
    source();
    must_soon(atomic_load(&looked) > 0);
    must(lt_set_excepthook(NULL, NULL) == LT_OK);
}

static void fail_in_a_thread(void) {
    lt_thread *thread;
    must(lt_thread_start(raise_an_error, NULL, NULL, &thread) == LT_OK);
    join(thread, LT_FAILED);
    must(lt_thread_start(fail_by_returning, NULL, NULL, &thread) == LT_OK);
    join(thread, LT_FAILED);
}

static void the_hook_of_a_thread(void) {
    hook(fail_in_a_thread);
}

static void fail_in_a_task(void) {
    lt_pool *pool = lt_pool_new(1, NULL);
    must(lt_pool_submit(pool, raise_in_a_task, NULL, NULL) == LT_OK);
    must(lt_pool_free(pool) == LT_OK);
}

static void the_hook_of_a_task(void) {
    hook(fail_in_a_task);
}

static void *wait_and_raise(void *event) {
    must(lt_event_wait(event) == LT_OK);
    return raise_in_a_task(event);
}

static void fail_in_a_task_whose_future_is_gone(void) {
    lt_pool *pool = lt_pool_new(1, NULL);
    lt_event *go = lt_event_new();
    must(lt_future_free(submit(pool, wait_and_raise, go)) == LT_OK);
    must(lt_event_set(go) == LT_OK);
    must(lt_pool_free(pool) == LT_OK && lt_event_free(go) == LT_OK);
}

static void the_hook_of_a_task_whose_future_is_gone(void) {
    hook(fail_in_a_task_whose_future_is_gone);
}

static void fail_in_a_map(void) {
    lt_pool *pool = lt_pool_new(1, NULL);
    void *args[2] = {NULL, NULL};
    must(lt_pool_map(pool, raise_in_a_task, args, 2, NULL, LT_FOREVER) == LT_FAILED);
    must(lt_pool_free(pool) == LT_OK);
}

static void the_hook_of_a_map(void) {
    hook(fail_in_a_map);
}

static void fail_in_callbacks(void) {
    busy_pool b = keep_busy(raise_in_a_callback);
    must(lt_future_cancel(b.pending) == LT_OK);
    must(lt_future_add_done_callback(b.pending, raise_in_a_callback, NULL) == LT_OK);
    let_go(&b);
}

static void the_hook_of_a_callback(void) {
    hook(fail_in_callbacks);
}

static void fail_in_a_timer(void) {
    lt_timer *timer;
    must(lt_timer_start(0.0, 0.0, raise_an_error, NULL, &timer) == LT_OK);
    must_soon(atomic_load(&looked) > 0);
    must(lt_timer_free(timer) == LT_OK);
}

static void the_hook_of_a_timer(void) {
    hook(fail_in_a_timer);
}

static void fail_in_a_destructor(void) {
    lt_local *local = lt_local_new(raise_an_error);
    lt_thread *thread;
    must(lt_thread_start(set_local, local, NULL, &thread) == LT_OK);
    must(lt_thread_join(thread) >= LT_OK);
    must(lt_thread_free(thread) == LT_OK && lt_local_free(local) == LT_OK);
}

static void the_hook_of_a_destructor(void) {
    hook(fail_in_a_destructor);
}

static const struct {
    const char *name;
    void (*go)(void);
} WAYS[] = {
#define WAY(name) {#name, name}
    WAY(a_thread), WAY(a_thread_with_a_copy), WAY(a_spawned_thread), WAY(a_joinable_thread),
    WAY(a_function_called_once), WAY(an_action), WAY(actions_one_after_the_other),
    WAY(a_predicate), WAY(a_predicate_under_a_reentrant_lock), WAY(items_that_a_close_discards),
    WAY(items_that_a_free_discards), WAY(a_task), WAY(a_task_that_another_waits_for),
    WAY(a_callback_at_the_end), WAY(a_callback_at_once), WAY(a_callback_of_what_is_cancelled),
    WAY(a_callback_of_what_a_shutdown_cancels), WAY(arguments_that_a_shutdown_discards),
    WAY(a_timer), WAY(a_watch), WAY(a_signal), WAY(a_chained_handler), WAY(a_destructor_at_the_end_of_a_thread),
    WAY(the_hook_of_a_thread), WAY(the_hook_of_a_task), WAY(the_hook_of_a_task_whose_future_is_gone),
    WAY(the_hook_of_a_map),
    WAY(the_hook_of_a_callback), WAY(the_hook_of_a_timer), WAY(the_hook_of_a_destructor),
};

static void want_optimised_library(void) {
#ifndef NDEBUG
    skip_because("Rust's dev profile leaves landing pads that do nothing");
#endif
}

static void check_ways(void) {
    for (size_t i = 0; i < LENGTH(WAYS); i++) {
        way = WAYS[i].name;
        atomic_store(&looked, 0);
        WAYS[i].go();
        must_soon(atomic_load(&looked) > 0);
        join_all_threads();
    }
}

TEST(no_way_into_user_code_has_a_landing_pad) {
    skip_where_nothing_is_loaded();
    want_optimised_library();
    check_ways();
}

static void *check_ways_there(void *unused) {
    check_ways();
    return unused;
}

TEST(no_way_into_user_code_has_a_landing_pad_on_a_foreign_thread) {
    skip_where_nothing_is_loaded();
    want_optimised_library();
    pthread_t thread;
    must(pthread_create(&thread, NULL, check_ways_there, NULL) == 0);
    must(pthread_join(thread, NULL) == 0);
}

// That the tables are read as they should be: a call with a cleanup around it, in this file.
static on_unwinding seen_here;

static _Unwind_Reason_Code look_at_own_frame(struct _Unwind_Context *context, void *frames) {
    if ((*(int *)frames)++ == 1) {
        uint64_t offset = _Unwind_GetIP(context) - 1 - _Unwind_GetRegionStart(context);
        seen_here = look_up(table_of(context), offset);
    }
    return _URC_NO_REASON;
}

__attribute__((noinline)) static void look_at_caller(void) {
    int frames = 0;
    _Unwind_Backtrace(look_at_own_frame, &frames);
    atomic_fetch_add(&looked, 1);
}

// So that the compiler does not know what is called.
static void (*volatile call)(void) = look_at_caller;
static _Atomic int cleaned;

static void clean(int *unused) {
    (void)unused;
    atomic_fetch_add(&cleaned, 1);
}

__attribute__((noinline)) static void call_with_a_cleanup(void) {
    int unused __attribute__((cleanup(clean))) = 0;
    call();
    atomic_fetch_add(&looked, 1);
}

__attribute__((noinline)) static void call_without_a_cleanup(void) {
    call();
    atomic_fetch_add(&looked, 1);
}

TEST(a_landing_pad_would_be_seen) {
    call_without_a_cleanup();
    assert_int_equal(seen_here, PASSES);
    call_with_a_cleanup();
    assert_int_equal(seen_here, LANDS);
}
