// The models of pools of one worker, of futures, timers and watchdogs.
#include "makers.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>

// ---- Pools

object *make_pool(void) {
    enum { POOLS = 2 };
    if (w->pools_made >= POOLS) {
        return NULL;
    }
    w->pools_made++;
    bool valid;
    const char *prefix = any_name(&valid);
    object *o = add(POOL, NEW(ONE(valid ? LT_OK : LT_INVALID), lt_pool_new, 1, prefix));
    return o;
}

static void *run(void *arg) {
    body *b = arg;
    sem_post(&b->entered);
    wait_on(&b->gate);
    end_body(b);
    return b->value;
}

static bool over(life life) {
    return life != PENDING && life != RUNNING;
}

// The future whose task it is, NULL if its handle was freed or there never was one.
static object *future_of(const body *b) {
    for (object *o = w->objects; o < w->objects + OBJECTS; o++) {
        if (o->alive && o->kind == FUTURE && o->future.body == b) {
            return o;
        }
    }
    return NULL;
}

static life life_of(ending ending) {
    return ending == RETURNS ? RETURNED : ending == EXITS ? EXITED : FAILED;
}

static lt_status answer(life life) {
    return life == RETURNED ? LT_OK : life == CANCELLED ? LT_CANCELLED : LT_FAILED;
}

// What is first in line is what the worker is in.
static void begin_next(object *pool) {
    if (pool->pool.tasks > 0) {
        body *b = pool->pool.bodies[0];
        wait_on(&b->entered);
        object *future = future_of(b);
        if (future != NULL) {
            future->future.life = RUNNING;
        }
    }
}

// Ends the task that runs, and sees the next one begin.
static void finish(object *pool) {
    body *b = pool->pool.bodies[0];
    object *future = future_of(b);
    take_all_interrupts();
    open_gate(b);
    if (future != NULL) {
        void *result = (void *)w;
        life life = life_of(b->ending);
        (void)CALL(ONE(answer(life)), lt_future_result, future->handle, &result);
        MUST("lt_future_result", result == (life == RETURNED ? b->value : (void *)w));
        future->future.life = life;
        future->future.pool = NULL;
    } else if (b->ending == RAISES || b->ending == FAILS) {
        w->hooked++;
    }
    memmove(pool->pool.bodies, pool->pool.bodies + 1, --pool->pool.tasks * sizeof b);
    begin_next(pool);
}

static object *submit(object *pool, bool with_future) {
    body *b = new_body();
    lt_future *future = (void *)w;
    lt_status is = pool->pool.closed ? LT_CLOSED : LT_OK;
    if (CALL(ONE(is), lt_pool_submit, pool->handle, run, b, with_future ? &future : NULL) != LT_OK) {
        MUST("lt_pool_submit", future == (void *)w);
        return NULL;
    }
    pool->pool.bodies[pool->pool.tasks++] = b;
    object *o = NULL;
    if (with_future) {
        o = add(FUTURE, future);
        o->future.pool = pool;
        o->future.body = b;
        b->had_future = true;
    }
    if (pool->pool.tasks == 1) {
        begin_next(pool);
    }
    return o;
}

object *make_future(void) {
    picked pool = pick(POOL);
    if (pool.object == NULL || pool.object->pool.tasks >= QUEUED / 2 || !room()) {
        return NULL;
    }
    return submit(pool.object, true);
}

static void pool_submit(void) {
    picked p = pick(POOL);
    if (p.object == NULL) {
        lt_future *future = (void *)w;
        (void)CALL(ONE(LT_BAD_HANDLE), lt_pool_submit, p.handle, run, NULL, &future);
        MUST("lt_pool_submit", future == (void *)w);
    } else if (rarely()) {
        (void)CALL(ONE(LT_INVALID), lt_pool_submit, p.handle, NULL, NULL, NULL);
    } else if (p.object->pool.tasks < QUEUED / 2 && room()) {
        (void)submit(p.object, below(2));
    }
}

static void pool_finish(void) {
    object *pool = nth(POOL, 0);
    if (pool != NULL && pool->pool.tasks > 0) {
        finish(pool);
    }
}

static void *add_one(void *arg) {
    return (char *)arg + 1;
}

static void pool_map(void) {
    picked p = pick(POOL);
    enum { MANY = 5 };
    void *args[MANY], *results[MANY];
    size_t n = below(MANY + 1);
    for (size_t i = 0; i < n; i++) {
        args[i] = (void *)(uintptr_t)byte();
        results[i] = (void *)w;
    }
    bool good = p.object != NULL, closed = good && p.object->pool.closed, absent = rarely();
    bool waits = good && !closed && !absent && n > 0 && p.object->pool.tasks > 0;
    if (good && !closed && !absent && n > 0 && !waits && interrupt_pending()) {
        return; // It blocks until the worker has done it.
    }
    a_wait x = any_timed(waits);
    if (good && n > 0 && !waits && x.seconds >= 0 && x.seconds < 3600.0) {
        x.seconds = LT_FOREVER; // Whether it is in time is not to be known.
    }
    statuses expected = wait_status(&x, good, waits, LT_BUSY);
    if (good && absent) {
        expected = ONE(LT_INVALID) | seconds_status(x.seconds);
    } else if (expected == ONE(LT_OK) && closed) {
        expected = n > 0 ? ONE(LT_CLOSED) : ONE(LT_CLOSED) | ONE(LT_OK);
    }
    lt_status got = CALL(expected, lt_pool_map, p.handle, absent ? NULL : add_one, args, n, results, x.seconds);
    for (size_t i = 0; i < n; i++) {
        if (got == LT_OK) {
            MUST("lt_pool_map", results[i] == (char *)args[i] + 1);
        } else if (got > 0 && got != LT_CLOSED) {
            MUST("lt_pool_map", results[i] == NULL);
        }
    }
    waited(&x, "lt_pool_map", got);
}

static void cancel_pending(object *pool) {
    while (pool->pool.tasks > 1) {
        body *b = pool->pool.bodies[--pool->pool.tasks];
        object *future = future_of(b);
        b->open = true; // Nobody comes to this gate.
        if (future != NULL) {
            future->future.life = CANCELLED;
            future->future.pool = NULL;
        } else {
            w->dropped += pool->pool.drops;
        }
    }
}

// Whether a task waits whose future was freed: whether its argument is dropped is not said.
static bool orphans(const object *pool) {
    for (size_t i = 1; pool != NULL && i < pool->pool.tasks; i++) {
        if (pool->pool.bodies[i]->had_future && future_of(pool->pool.bodies[i]) == NULL) {
            return true;
        }
    }
    return false;
}

static void pool_shutdown(void) {
    picked p = pick(POOL);
    bool good = p.object != NULL, cancels = below(2) && !orphans(p.object), blocks = below(2);
    bool waits = good && blocks && p.object->pool.tasks > 0;
    if (good && blocks && !waits && interrupt_pending()) {
        return; // Whether the worker has ended yet is not to be known.
    }
    if (waits && !interrupt_pending()) {
        blocks = waits = false;
    }
    lt_status got = CALL(ONE(!good ? LT_BAD_HANDLE : waits ? LT_INTERRUPTED : LT_OK), lt_pool_shutdown, p.handle, blocks, cancels);
    if (good) {
        p.object->pool.closed = true;
        if (cancels) {
            cancel_pending(p.object);
            MUST("lt_pool_shutdown", drops() == w->dropped);
        }
    }
    if (got == LT_INTERRUPTED) {
        take_interrupt("lt_pool_shutdown");
    }
}

static void pool_look(void) {
    picked p = pick(POOL);
    bool good = p.object != NULL;
    static const size_t sizes[] = {sizeof(lt_pool_info), sizeof(lt_pool_info), 16, 0, 7, 4097, SIZE_MAX};
    lt_pool_info info;
    memset(&info, 0x55, sizeof info);
    info.size = sizes[below(7)];
    bool refused = info.size < sizeof(size_t) || info.size > 4096, absent = rarely();
    lt_status is = !good ? LT_BAD_HANDLE : refused || absent ? LT_INVALID : LT_OK;
    if (CALL(ONE(is), lt_pool_stats, p.handle, absent ? NULL : &info) == LT_OK) {
        MUST("lt_pool_stats", info.max_workers == 1);
        if (info.size == 16) {
            MUST("lt_pool_stats", info.queued == (size_t)0x5555555555555555);
        } else if (p.object->pool.tasks > 0) {
            MUST("lt_pool_stats", info.queued == p.object->pool.tasks - 1 && info.running >= 1);
        } else {
            MUST("lt_pool_stats", info.queued == 0 && info.workers <= 1);
        }
    }
    bool drops = below(2);
    if (CALL(ONE(good ? LT_OK : LT_BAD_HANDLE), lt_pool_set_drop, p.handle, drops ? call_drop : NULL) == LT_OK) {
        p.object->pool.drops = drops;
    }
}

// ---- Futures

static void future_result(void) {
    picked p = pick(FUTURE);
    bool good = p.object != NULL, waits = good && !over(p.object->future.life);
    a_wait x = any_wait(waits);
    statuses expected = wait_status(&x, good, waits, LT_BUSY);
    if (expected == ONE(LT_OK)) {
        expected = ONE(answer(p.object->future.life));
    }
    void *result = (void *)w, **out = rarely() ? NULL : &result;
    lt_status got = x.form == BARE ? CALL(expected, lt_future_result, p.handle, out)
                    : x.form == TRY ? CALL(expected, lt_future_try_result, p.handle, out)
                                    : CALL(expected, lt_future_result_timeout, p.handle, x.seconds, out);
    MUST("lt_future_result", result == (got == LT_OK && out != NULL ? p.object->future.body->value : (void *)w));
    waited(&x, "lt_future_result", got);
}

static void future_look(void) {
    picked p = pick(FUTURE);
    bool good = p.object != NULL;
    life life = good ? p.object->future.life : PENDING;
    VALUE(good, over(life), lt_future_done, p.handle);
    VALUE(good, life == RUNNING, lt_future_running, p.handle);
    VALUE(good, life == CANCELLED, lt_future_cancelled, p.handle);
    const lt_error_info *info = (void *)w;
    lt_status is = !good ? LT_BAD_HANDLE : life == FAILED || life == EXITED ? LT_OK : LT_EMPTY;
    if (CALL(ONE(is), lt_future_error, p.handle, &info) == LT_OK) {
        MUST("lt_future_error", info->kind == (life == EXITED ? LT_ERROR_EXITED : LT_ERROR_RAISED));
        MUST("lt_future_error", info->code == (life == EXITED ? 0 : p.object->future.body->code));
    } else {
        MUST("lt_future_error", info == (void *)w);
    }
}

static void future_cancel(void) {
    picked p = pick(FUTURE);
    bool good = p.object != NULL;
    life life = good ? p.object->future.life : PENDING;
    lt_status is = !good ? LT_BAD_HANDLE : life == PENDING || life == CANCELLED ? LT_OK : LT_BUSY;
    if (CALL(ONE(is), lt_future_cancel, p.handle) == LT_OK && life == PENDING) {
        object *pool = p.object->future.pool;
        size_t i = 0;
        while (pool->pool.bodies[i] != p.object->future.body) {
            i++;
        }
        memmove(pool->pool.bodies + i, pool->pool.bodies + i + 1, (--pool->pool.tasks - i) * sizeof pool->pool.bodies[0]);
        p.object->future.body->open = true;
        p.object->future.life = CANCELLED;
        p.object->future.pool = NULL;
    }
}

static void future_callback(void) {
    picked p = pick(FUTURE);
    bool good = p.object != NULL, absent = rarely();
    lt_status is = !good ? LT_BAD_HANDLE : absent ? LT_INVALID : LT_OK;
    if (CALL(ONE(is), lt_future_add_done_callback, p.handle, absent ? NULL : call_future, w) == LT_OK) {
        w->callbacks++;
    }
}

static void future_wait_many(void) {
    enum { MANY = 5 };
    lt_future *futures[MANY];
    static const int modes[] = {LT_ALL, LT_ANY, LT_FIRST_ERROR, LT_ALL, LT_ANY, LT_FIRST_ERROR, 3, -1};
    int mode = modes[below(8)];
    size_t n = below(MANY + 1), over_now = 0, failed = 0, done = 4711;
    bool bad = false;
    for (size_t i = 0; i < n; i++) {
        picked p = pick(FUTURE);
        futures[i] = p.handle;
        bad |= p.object == NULL;
        if (p.object != NULL) {
            over_now += over(p.object->future.life);
            failed += p.object->future.life == FAILED || p.object->future.life == EXITED;
        }
    }
    bool absent = n > 0 && rarely();
    bool met = n == 0 || over_now == n || (mode == LT_ANY && over_now > 0) || (mode == LT_FIRST_ERROR && failed > 0);
    bool invalid = mode < 0 || mode > 2 || absent, waits = !bad && !invalid && !met;
    a_wait x = any_timed(waits);
    statuses expected;
    if (bad || invalid || refused_seconds(x.seconds)) {
        expected = (bad && !absent ? ONE(LT_BAD_HANDLE) : 0) | (invalid ? ONE(LT_INVALID) : 0) | seconds_status(x.seconds);
        if (bad && !absent) {
            expected = ONE(LT_BAD_HANDLE);
            // Handles are checked before the rest, but they are not there yet for who looks at the array.
            expected |= invalid ? ONE(LT_INVALID) : 0;
            expected |= seconds_status(x.seconds);
        }
    } else {
        expected = wait_status(&x, true, waits, LT_BUSY);
    }
    lt_status got = CALL(expected, lt_future_wait_many, absent ? NULL : futures, n, mode, x.seconds, &done);
    MUST("lt_future_wait_many", done == (got < 0 ? 4711 : over_now));
    waited(&x, "lt_future_wait_many", got);
}

void end_pools(void) {
    for (object *o; (o = nth(POOL, 0)) != NULL;) {
        while (o->pool.tasks > 0) {
            finish(o);
        }
        free_object(o);
    }
}

// ---- Timers

static _Atomic unsigned fired;

static void never(void *unused) {
    (void)unused;
    complain("lt_timer_start", "what is due in an hour has been called");
}

static void fire(void *unused) {
    (void)unused;
    atomic_fetch_add(&fired, 1);
}

object *make_timer(void) {
    lt_timer *timer = NULL;
    (void)CALL(ONE(LT_OK), lt_timer_start, 3600.0, 0.0, never, NULL, &timer);
    return add(TIMER, timer);
}

static statuses refused_timer(double seconds) {
    return refused_seconds(seconds) ? seconds_status(seconds) : seconds < 0 ? ONE(LT_INVALID) : 0;
}

static void timer_start(void) {
    double seconds = any_seconds(), repeat = any_seconds();
    bool absent = rarely();
    statuses refused = refused_timer(seconds) | refused_timer(repeat) | (absent ? ONE(LT_INVALID) : 0);
    if (refused == 0 && (seconds < 60.0 || !room())) {
        return; // When it is called is what the test of timers is about.
    }
    lt_timer *timer = (void *)w;
    lt_status got = CALL(refused != 0 ? refused : ONE(LT_OK), lt_timer_start, seconds, repeat, absent ? NULL : never, NULL, &timer);
    if (got == LT_OK) {
        (void)add(TIMER, timer);
    } else {
        MUST("lt_timer_start", timer == (void *)w);
    }
}

static unsigned fired_before;

static bool has_fired(void) {
    return atomic_load(&fired) == fired_before + 1;
}

static void timer_fires(void) {
    if (w->timed++ > 8) {
        return;
    }
    fired_before = atomic_load(&fired);
    lt_timer *timer = NULL;
    (void)CALL(ONE(LT_OK), lt_timer_start, 0.0, 0.0, fire, NULL, &timer);
    soon("a timer of 0 seconds fires", has_fired);
    if (interrupt_pending()) {
        (void)CALL(ONE(LT_OK) | ONE(LT_INTERRUPTED), lt_check_interrupt);
        take_interrupt("lt_check_interrupt");
    }
    while (interrupt_pending()) {
        (void)CALL(ONE(LT_INTERRUPTED), lt_check_interrupt);
        take_interrupt("lt_check_interrupt");
    }
    (void)CALL(ONE(LT_OK), lt_timer_cancel, timer);
    (void)CALL(ONE(LT_OK), lt_timer_free, timer);
    (void)CALL(ONE(LT_BAD_HANDLE), lt_timer_free, timer);
}

static void timer_cancel(void) {
    picked p = pick(TIMER);
    (void)CALL(ONE(p.object == NULL ? LT_BAD_HANDLE : LT_OK), lt_timer_cancel, p.handle);
}

// ---- Watchdogs

object *make_watchdog(void) {
    lt_watchdog *watchdog = NULL;
    (void)CALL(ONE(LT_OK), lt_watchdog_start, 3600.0, SIGWINCH, &watchdog);
    return add(WATCHDOG, watchdog);
}

static void watchdog_start(void) {
    static const int signums[] = {SIGWINCH, SIGURG, 64, 0, 65, -1, INT_MAX, 1};
    double seconds = any_seconds();
    int signum = signums[below(8)];
    bool absent = rarely();
    statuses refused = refused_seconds(seconds) ? seconds_status(seconds) : seconds <= 0 ? ONE(LT_INVALID) : 0;
    refused |= signum < 1 || signum > 64 ? ONE(LT_INVALID) : 0;
    if (refused == 0 && (seconds < 60.0 || !room() || absent)) {
        return;
    }
    lt_watchdog *watchdog = (void *)w;
    lt_status got = CALL(refused != 0 ? refused : ONE(LT_OK), lt_watchdog_start, seconds, signum, &watchdog);
    if (got == LT_OK) {
        (void)add(WATCHDOG, watchdog);
    } else {
        MUST("lt_watchdog_start", watchdog == (void *)w);
    }
}

static void watchdog_use(void) {
    picked p = pick(WATCHDOG);
    statuses expected = ONE(p.object == NULL ? LT_BAD_HANDLE : LT_OK);
    if (below(2)) {
        (void)CALL(expected, lt_watchdog_feed, p.handle);
    } else {
        (void)CALL(expected, lt_watchdog_cancel, p.handle);
    }
}

STEPS(task_steps, pool_submit, pool_submit, pool_finish, pool_finish, pool_map, pool_shutdown, pool_look, future_result,
    future_result, future_look, future_look, future_cancel, future_callback, future_wait_many, timer_start, timer_fires,
    timer_cancel, watchdog_start, watchdog_use);
