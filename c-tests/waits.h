// The waits of every type in one table, and the promises that all of them share.
#ifndef LT_WAITS_H
#define LT_WAITS_H

#include "support.h"

typedef struct wait_kind {
    const char *name;
    void *(*make)(void); // An object on which the wait blocks.
    lt_status (*wait)(void *);
    lt_status (*try_wait)(void *);
    lt_status (*wait_timeout)(void *, double);
    lt_status (*satisfy)(void *); // Lets one waiter through.
    lt_status (*destroy)(void *);
    lt_status not_yet;        // What try_wait answers.
    const char *timeout_name; // The function behind wait_timeout.
    // Makes it block again when it has let one waiter through. NULL if it does so by itself.
    lt_status (*undo)(void *);
    bool lets_all_through; // Once it is satisfied.
    // In a forked child: makes it block, whatever it was used for. NULL if try_wait can do that.
    lt_status (*mend)(void *);
} wait_kind;

#define WAITS_CALL(name, expression)                                                               \
    static inline lt_status name(void *o) { return expression; }
#define WAITS_TIMED(name, expression)                                                              \
    static inline lt_status name(void *o, double seconds) { return expression; }

static inline void *waits_lock(void) {
    lt_lock *lock = lt_allocate_lock();
    must(lt_lock_acquire(lock) == LT_OK);
    return lock;
}
WAITS_CALL(waits_lock_wait, lt_lock_acquire(o))
WAITS_CALL(waits_lock_try, lt_lock_try_acquire(o))
WAITS_TIMED(waits_lock_timed, lt_lock_acquire_timeout(o, seconds))
WAITS_CALL(waits_lock_satisfy, lt_lock_release(o))
WAITS_CALL(waits_lock_destroy, lt_lock_free(o))
WAITS_CALL(waits_lock_uninterruptible, lt_lock_acquire_uninterruptible(o))

static inline lt_status waits_lock_mend(void *o) {
    must(lt_lock_at_fork_reinit(o) == LT_OK);
    return lt_lock_acquire(o);
}

static inline void *waits_semaphore(void) {
    return lt_semaphore_new(0);
}
WAITS_CALL(waits_semaphore_wait, lt_semaphore_acquire(o))
WAITS_CALL(waits_semaphore_try, lt_semaphore_try_acquire(o))
WAITS_TIMED(waits_semaphore_timed, lt_semaphore_acquire_timeout(o, seconds))
WAITS_CALL(waits_semaphore_satisfy, lt_semaphore_release(o, 1))
WAITS_CALL(waits_semaphore_destroy, lt_semaphore_free(o))

static inline void *waits_event(void) {
    return lt_event_new();
}
WAITS_CALL(waits_event_wait, lt_event_wait(o))
WAITS_CALL(waits_event_try, lt_event_try_wait(o))
WAITS_TIMED(waits_event_timed, lt_event_wait_timeout(o, seconds))
WAITS_CALL(waits_event_satisfy, lt_event_set(o))
WAITS_CALL(waits_event_undo, lt_event_clear(o))
WAITS_CALL(waits_event_destroy, lt_event_free(o))

static inline void *waits_empty_queue(void) {
    return lt_queue_new(0);
}
WAITS_CALL(waits_get_wait, lt_queue_get(o, &(void *){NULL}))
WAITS_CALL(waits_get_try, lt_queue_try_get(o, &(void *){NULL}))
WAITS_TIMED(waits_get_timed, lt_queue_get_timeout(o, seconds, &(void *){NULL}))
WAITS_CALL(waits_get_satisfy, lt_queue_put(o, o))
WAITS_CALL(waits_queue_destroy, lt_queue_free(o))

static inline void *waits_full_queue(void) {
    lt_queue *queue = lt_queue_new(1);
    must(lt_queue_put(queue, queue) == LT_OK);
    return queue;
}
WAITS_CALL(waits_put_wait, lt_queue_put(o, o))
WAITS_CALL(waits_put_try, lt_queue_try_put(o, o))
WAITS_TIMED(waits_put_timed, lt_queue_put_timeout(o, o, seconds))
WAITS_CALL(waits_put_satisfy, lt_queue_get(o, &(void *){NULL}))

// A re-entrant lock whose owner has ended, so that everybody must wait for it. A reinit frees it.
static inline void *waits_own_rlock(void *rlock) {
    must(lt_rlock_acquire(rlock) == LT_OK);
    return NULL;
}

static inline lt_status waits_rlock_undo(void *o) {
    int saved = errno;
    pthread_t owner;
    must(lt_rlock_at_fork_reinit(o) == LT_OK);
    must(pthread_create(&owner, NULL, waits_own_rlock, o) == 0);
    must(pthread_join(owner, NULL) == 0);
    errno = saved;
    return LT_OK;
}

static inline void *waits_rlock(void) {
    lt_rlock *rlock = lt_rlock_new();
    must(rlock != NULL && waits_rlock_undo(rlock) == LT_OK);
    return rlock;
}
WAITS_CALL(waits_rlock_wait, lt_rlock_acquire(o))
WAITS_CALL(waits_rlock_try, lt_rlock_try_acquire(o))
WAITS_TIMED(waits_rlock_timed, lt_rlock_acquire_timeout(o, seconds))
WAITS_CALL(waits_rlock_satisfy, lt_rlock_at_fork_reinit(o))
WAITS_CALL(waits_rlock_destroy, lt_rlock_free(o))

// A read-write lock that a writer holds.
static inline void *waits_rwlock(void) {
    lt_rwlock *rwlock = lt_rwlock_new();
    must(lt_rwlock_write_acquire(rwlock) == LT_OK);
    return rwlock;
}

static inline lt_status waits_rwlock_mend(void *o) {
    must(lt_rwlock_at_fork_reinit(o) == LT_OK);
    return lt_rwlock_write_acquire(o);
}

// While several read, only the last to leave can.
static inline lt_status waits_read_undo(void *o) {
    must(lt_rwlock_read_release(o) == LT_OK);
    return lt_rwlock_write_acquire(o);
}
WAITS_CALL(waits_read_wait, lt_rwlock_read_acquire(o))
WAITS_CALL(waits_read_try, lt_rwlock_try_read_acquire(o))
WAITS_TIMED(waits_read_timed, lt_rwlock_read_acquire_timeout(o, seconds))
WAITS_CALL(waits_write_wait, lt_rwlock_write_acquire(o))
WAITS_CALL(waits_write_try, lt_rwlock_try_write_acquire(o))
WAITS_TIMED(waits_write_timed, lt_rwlock_write_acquire_timeout(o, seconds))
WAITS_CALL(waits_rwlock_satisfy, lt_rwlock_write_release(o))
WAITS_CALL(waits_rwlock_destroy, lt_rwlock_free(o))

// A condition with what one needs for it: permits, as of a semaphore, under a lock of either kind.
// It is never given back, since tests try handles that were freed.
typedef struct waits_permits {
    lt_condition *condition;
    lt_lock *lock;
    lt_rlock *rlock; // Or this one.
    long permits;
    struct waits_permits *next;
} waits_permits;

static waits_permits *_Atomic waits_all_permits; // So that they are no leak.

static inline void *waits_make_permits(lt_lock *lock, lt_rlock *rlock) {
    int saved = errno;
    waits_permits *p = malloc(sizeof *p);
    must(p != NULL && (lock != NULL || rlock != NULL));
    *p = (waits_permits){lt_condition_new(), lock, rlock, 0, atomic_load(&waits_all_permits)};
    must(p->condition != NULL);
    while (!atomic_compare_exchange_weak(&waits_all_permits, &p->next, p)) {
    }
    errno = saved;
    return p;
}

static inline void *waits_condition(void) {
    return waits_make_permits(lt_allocate_lock(), NULL);
}

static inline void *waits_condition_rlock(void) {
    return waits_make_permits(NULL, lt_rlock_new());
}

// An acquire that leaves an interrupt pending.
static inline void waits_permits_enter(waits_permits *p) {
    if (p->lock != NULL) {
        must(lt_lock_acquire_uninterruptible(p->lock) == LT_OK);
        return;
    }
    while (lt_rlock_try_acquire(p->rlock) == LT_BUSY) {
        sched_yield();
    }
}

static inline void waits_permits_leave(waits_permits *p) {
    must((p->lock != NULL ? lt_lock_release(p->lock) : lt_rlock_release(p->rlock)) == LT_OK);
}

static inline bool waits_has_permit(void *o) {
    return ((waits_permits *)o)->permits > 0;
}

static inline lt_status waits_permits_timed(void *o, double seconds) {
    if (o == NULL) {
        return lt_condition_wait_for(NULL, NULL, waits_has_permit, NULL, seconds);
    }
    waits_permits *p = o;
    waits_permits_enter(p);
    lt_status status =
        p->lock != NULL
            ? lt_condition_wait_for(p->condition, p->lock, waits_has_permit, p, seconds)
            : lt_condition_wait_for_rlock(p->condition, p->rlock, waits_has_permit, p, seconds);
    p->permits -= status == LT_OK;
    must(p->permits >= 0);
    waits_permits_leave(p);
    return status;
}
WAITS_CALL(waits_permits_wait, waits_permits_timed(o, LT_FOREVER))
WAITS_CALL(waits_permits_try, waits_permits_timed(o, 0.0))

static inline lt_status waits_permits_satisfy(void *o) {
    waits_permits *p = o;
    waits_permits_enter(p);
    p->permits++;
    lt_status status = lt_condition_notify(p->condition, 1);
    waits_permits_leave(p);
    return status;
}

static inline lt_status waits_permits_destroy(void *o) {
    waits_permits *p = o;
    lt_status status = lt_condition_free(p->condition);
    if (status == LT_OK) {
        must((p->lock != NULL ? lt_lock_free(p->lock) : lt_rlock_free(p->rlock)) == LT_OK);
    }
    return status;
}

static inline lt_status waits_permits_mend(void *o) {
    waits_permits *p = o;
    p->permits = 0;
    return p->lock != NULL ? lt_lock_at_fork_reinit(p->lock) : lt_rlock_at_fork_reinit(p->rlock);
}

static const wait_kind LOCK_WAIT = {"lock", waits_lock, waits_lock_wait, waits_lock_try,
    waits_lock_timed, waits_lock_satisfy, waits_lock_destroy, LT_BUSY, "lt_lock_acquire_timeout",
    .mend = waits_lock_mend};
static const wait_kind RLOCK_WAIT = {"re-entrant lock", waits_rlock, waits_rlock_wait,
    waits_rlock_try, waits_rlock_timed, waits_rlock_satisfy, waits_rlock_destroy, LT_BUSY,
    "lt_rlock_acquire_timeout", .undo = waits_rlock_undo, .mend = waits_rlock_undo};
static const wait_kind SEMAPHORE_WAIT = {"semaphore", waits_semaphore, waits_semaphore_wait,
    waits_semaphore_try, waits_semaphore_timed, waits_semaphore_satisfy, waits_semaphore_destroy,
    LT_BUSY, "lt_semaphore_acquire_timeout", .mend = NULL};
static const wait_kind EVENT_WAIT = {"event", waits_event, waits_event_wait, waits_event_try,
    waits_event_timed, waits_event_satisfy, waits_event_destroy, LT_BUSY, "lt_event_wait_timeout",
    .undo = waits_event_undo, .lets_all_through = true, .mend = waits_event_undo};
static const wait_kind READ_WAIT = {"read", waits_rwlock, waits_read_wait, waits_read_try,
    waits_read_timed, waits_rwlock_satisfy, waits_rwlock_destroy, LT_BUSY,
    "lt_rwlock_read_acquire_timeout", .undo = waits_read_undo, .lets_all_through = true,
    .mend = waits_rwlock_mend};
static const wait_kind WRITE_WAIT = {"write", waits_rwlock, waits_write_wait, waits_write_try,
    waits_write_timed, waits_rwlock_satisfy, waits_rwlock_destroy, LT_BUSY,
    "lt_rwlock_write_acquire_timeout", .mend = waits_rwlock_mend};
static const wait_kind CONDITION_WAIT = {"condition", waits_condition, waits_permits_wait,
    waits_permits_try, waits_permits_timed, waits_permits_satisfy, waits_permits_destroy,
    LT_TIMED_OUT, "lt_condition_wait_for", .mend = waits_permits_mend};
static const wait_kind CONDITION_RLOCK_WAIT = {"condition of a re-entrant lock",
    waits_condition_rlock, waits_permits_wait, waits_permits_try, waits_permits_timed,
    waits_permits_satisfy, waits_permits_destroy, LT_TIMED_OUT, "lt_condition_wait_for_rlock",
    .mend = waits_permits_mend};
static const wait_kind QUEUE_GET_WAIT = {"queue get", waits_empty_queue, waits_get_wait,
    waits_get_try, waits_get_timed, waits_get_satisfy, waits_queue_destroy, LT_EMPTY,
    "lt_queue_get_timeout", .mend = NULL};
static const wait_kind QUEUE_PUT_WAIT = {"queue put", waits_full_queue, waits_put_wait,
    waits_put_try, waits_put_timed, waits_put_satisfy, waits_queue_destroy, LT_FULL,
    "lt_queue_put_timeout", .mend = NULL};

// The same by select: each alone, or beside an event that nobody sets.
static inline lt_status waits_select(int32_t op, void *o, double seconds) {
    lt_case alone = {.op = op, .handle = o, .item = o};
    size_t index = 7;
    lt_status status = lt_select(&alone, 1, seconds, &index);
    must(status < 0 || index == (status == LT_OK ? 0 : 7));
    return status == LT_OK ? alone.status : status;
}

static inline lt_status waits_select_beside(int32_t op, void *o, double seconds) {
    static lt_event *_Atomic never; // So that it is no leak.
    int saved = errno;
    if (atomic_load(&never) == NULL) {
        lt_event *none = NULL, *made = lt_event_new();
        must(made != NULL);
        if (!atomic_compare_exchange_strong(&never, &none, made)) {
            must(lt_event_free(made) == LT_OK);
        }
    }
    errno = saved;
    lt_case cases[2] = {{.op = LT_CASE_EVENT, .handle = atomic_load(&never)}, {.op = op, .handle = o, .item = o}};
    size_t index = 7;
    lt_status status = lt_select(cases, 2, seconds, &index);
    must(status < 0 || index == (status == LT_OK ? 1 : 7));
    return status == LT_OK ? cases[1].status : status;
}

#define WAITS_SELECT(name, select, op)                                                             \
    WAITS_CALL(name, select(op, o, LT_FOREVER))                                                    \
    WAITS_CALL(name##_try, select(op, o, 0.0))                                                     \
    WAITS_TIMED(name##_timed, select(op, o, seconds))
#define WAITS_BY(select) select, select##_try, select##_timed

WAITS_SELECT(waits_select_lock, waits_select, LT_CASE_LOCK)
WAITS_SELECT(waits_select_rlock, waits_select, LT_CASE_RLOCK)
WAITS_SELECT(waits_select_semaphore, waits_select_beside, LT_CASE_SEMAPHORE)
WAITS_SELECT(waits_select_event, waits_select, LT_CASE_EVENT)
WAITS_SELECT(waits_select_read, waits_select, LT_CASE_READ)
WAITS_SELECT(waits_select_write, waits_select_beside, LT_CASE_WRITE)
WAITS_SELECT(waits_select_get, waits_select_beside, LT_CASE_GET)
WAITS_SELECT(waits_select_put, waits_select, LT_CASE_PUT)

static const wait_kind SELECT_LOCK_WAIT = {"select lock", waits_lock, WAITS_BY(waits_select_lock),
    waits_lock_satisfy, waits_lock_destroy, LT_TIMED_OUT, "lt_select", .mend = waits_lock_mend};
static const wait_kind SELECT_RLOCK_WAIT = {"select re-entrant lock", waits_rlock,
    WAITS_BY(waits_select_rlock), waits_rlock_satisfy, waits_rlock_destroy, LT_TIMED_OUT, "lt_select",
    .undo = waits_rlock_undo, .mend = waits_rlock_undo};
static const wait_kind SELECT_SEMAPHORE_WAIT = {"select semaphore", waits_semaphore,
    WAITS_BY(waits_select_semaphore), waits_semaphore_satisfy, waits_semaphore_destroy, LT_TIMED_OUT,
    "lt_select", .mend = NULL};
static const wait_kind SELECT_EVENT_WAIT = {"select event", waits_event, WAITS_BY(waits_select_event),
    waits_event_satisfy, waits_event_destroy, LT_TIMED_OUT, "lt_select", .undo = waits_event_undo,
    .lets_all_through = true, .mend = waits_event_undo};
static const wait_kind SELECT_READ_WAIT = {"select read", waits_rwlock, WAITS_BY(waits_select_read),
    waits_rwlock_satisfy, waits_rwlock_destroy, LT_TIMED_OUT, "lt_select", .undo = waits_read_undo,
    .lets_all_through = true, .mend = waits_rwlock_mend};
static const wait_kind SELECT_WRITE_WAIT = {"select write", waits_rwlock, WAITS_BY(waits_select_write),
    waits_rwlock_satisfy, waits_rwlock_destroy, LT_TIMED_OUT, "lt_select", .mend = waits_rwlock_mend};
static const wait_kind SELECT_GET_WAIT = {"select get", waits_empty_queue, WAITS_BY(waits_select_get),
    waits_get_satisfy, waits_queue_destroy, LT_TIMED_OUT, "lt_select", .mend = NULL};
static const wait_kind SELECT_PUT_WAIT = {"select put", waits_full_queue, WAITS_BY(waits_select_put),
    waits_put_satisfy, waits_queue_destroy, LT_TIMED_OUT, "lt_select", .mend = NULL};

static const wait_kind *const WAITS[] = {&LOCK_WAIT, &RLOCK_WAIT, &SEMAPHORE_WAIT, &EVENT_WAIT,
    &READ_WAIT, &WRITE_WAIT, &CONDITION_WAIT, &CONDITION_RLOCK_WAIT, &QUEUE_GET_WAIT,
    &QUEUE_PUT_WAIT, &SELECT_LOCK_WAIT, &SELECT_RLOCK_WAIT, &SELECT_SEMAPHORE_WAIT, &SELECT_EVENT_WAIT,
    &SELECT_READ_WAIT, &SELECT_WRITE_WAIT, &SELECT_GET_WAIT, &SELECT_PUT_WAIT};

// For each kind of wait: `for_each_wait(kind) { ... }`.
#define for_each_wait(kind)                                                                        \
    for (const wait_kind *const *at_ = WAITS, *kind = *at_;                                        \
         at_ < WAITS + LENGTH(WAITS) && (kind = *at_, true); at_++)

static inline void *waits_make(const wait_kind *kind) {
    void *object = kind->make();
    must_for(kind->name, object != NULL);
    return object;
}

static inline void waits_destroy(const wait_kind *kind, void *object) {
    must_for(kind->name, kind->destroy(object) == LT_OK);
}

// After a wait that was satisfied: the next one blocks.
static inline void waits_undo(const wait_kind *kind, void *object) {
    must_for(kind->name, kind->undo == NULL || kind->undo(object) == LT_OK);
}

// A wait with a timeout, for a waiter thread.
typedef struct timed_wait {
    const wait_kind *kind;
    void *object;
    double seconds;
} timed_wait;

static inline lt_status timed_wait_call(void *arg) {
    const timed_wait *t = arg;
    return t->kind->wait_timeout(t->object, t->seconds);
}

// A timeout ends with LT_TIMED_OUT, never early, and not much too late.
static inline void waits_check_time_out(const wait_kind *kind, void *object, double seconds) {
    double began = lt_monotonic();
    must_for(kind->name, kind->wait_timeout(object, seconds) == LT_TIMED_OUT);
    double took = seconds_since(began);
    must_for(kind->name, took >= seconds);
    must_for(kind->name, took < seconds + SLACK);
}

// A timeout that is refused, whether or not the wait could succeed, changes nothing.
static inline void waits_check_refused(const wait_kind *kind, double seconds, lt_status status) {
    void *object = waits_make(kind);
    must_for(kind->name, kind->wait_timeout(object, seconds) == status);
    must_for(kind->name, lt_last_status() == status);
    must_for(kind->name, last_error_names(kind->timeout_name));
    must_for(kind->name, strstr(lt_last_error(), "seconds") != NULL);
    must_for(kind->name, kind->satisfy(object) == LT_OK);
    must_for(kind->name, kind->wait_timeout(object, seconds) == status);
    must_for(kind->name, kind->try_wait(object) == LT_OK);
    waits_destroy(kind, object);
}

// A timeout that is not needed does no harm.
static inline void waits_check_ready(const wait_kind *kind, double seconds) {
    void *object = waits_make(kind);
    must_for(kind->name, kind->satisfy(object) == LT_OK);
    must_for(kind->name, kind->wait_timeout(object, seconds) == LT_OK);
    waits_destroy(kind, object);
}

// A wait that ends only when it is satisfied.
static inline void waits_check_unbounded(const wait_kind *kind, double seconds) {
    timed_wait t = {kind, waits_make(kind), seconds};
    waiter w;
    waiter_start(&w, timed_wait_call, &t);
    must_for(kind->name, kind->satisfy(t.object) == LT_OK);
    must_for(kind->name, waiter_join(&w) == LT_OK);
    waits_destroy(kind, t.object);
}

// What API.md promises of every timeout, on the calling thread.
static inline void waits_check_timeouts(const wait_kind *kind) {
    void *object = waits_make(kind);
    static const double bounded[] = {0.0, -0.0, DBL_MIN, 1e-10, 1e-9, 1e-6, 0.001, 0.03};
    for (size_t i = 0; i < LENGTH(bounded); i++) {
        waits_check_time_out(kind, object, bounded[i]);
        waits_check_ready(kind, bounded[i]);
    }
    must_for(kind->name, kind->try_wait(object) == kind->not_yet);
    waits_destroy(kind, object);

    const double unbounded[] = {
        LT_FOREVER, -0.5, -DBL_MIN, -DBL_MAX, -INFINITY, LT_TIMEOUT_MAX, 1e9};
    for (size_t i = 0; i < LENGTH(unbounded); i++) {
        waits_check_ready(kind, unbounded[i]);
        waits_check_unbounded(kind, unbounded[i]);
    }

    waits_check_refused(kind, NAN, LT_INVALID);
    waits_check_refused(kind, -NAN, LT_INVALID);
    waits_check_refused(kind, ABOVE_TIMEOUT_MAX, LT_OVERFLOW);
    waits_check_refused(kind, DBL_MAX, LT_OVERFLOW);
    waits_check_refused(kind, INFINITY, LT_OVERFLOW);
}

static inline lt_status waits_timeouts_call(void *kind) {
    waits_check_timeouts(kind);
    return LT_OK;
}

// The same on a thread of its own, which waits in another way than the main one.
static inline void waits_check_timeouts_on_a_thread(const wait_kind *kind) {
    waiter w;
    waiter_launch(&w, waits_timeouts_call, (void *)kind);
    must(waiter_join(&w) == LT_OK);
}

// The three forms of a wait return when it is satisfied.
static inline void waits_check_blocks_until_satisfied(const wait_kind *kind) {
    void *object = waits_make(kind);
    waiter w;
    waiter_start(&w, kind->wait, object);
    must_for(kind->name, !waiter_is_done(&w));
    must_for(kind->name, kind->try_wait(object) == kind->not_yet);
    must_for(kind->name, kind->wait_timeout(object, 0.0) == LT_TIMED_OUT);
    must_for(kind->name, kind->satisfy(object) == LT_OK);
    must_for(kind->name, waiter_join(&w) == LT_OK);
    waits_destroy(kind, object);
}

// An object is not freed under a thread that waits for it, and lives on as if nothing had been.
static inline void waits_check_free_while_waiting(const wait_kind *kind) {
    const double seconds[] = {LT_FOREVER, 1000.0};
    for (size_t i = 0; i < LENGTH(seconds); i++) {
        timed_wait t = {kind, waits_make(kind), seconds[i]};
        waiter w;
        waiter_start(&w, timed_wait_call, &t);
        must_for(kind->name, kind->destroy(t.object) == LT_BUSY);
        must_for(kind->name, kind->satisfy(t.object) == LT_OK);
        must_for(kind->name, waiter_join(&w) == LT_OK);
        waits_destroy(kind, t.object);
        must_for(kind->name, kind->destroy(t.object) == LT_BAD_HANDLE);
    }
}

// ---- Races

// Passes so many seconds awake, for delays that a sleep could not be trusted with.
static inline void spend(double seconds) {
    for (double began = lt_monotonic(); seconds_since(began) < seconds;) {
    }
}

// Two threads in step: each waits for the other to have come as far.
static inline void wait_for_step(_Atomic long *step, long at_least) {
    for (double began = lt_monotonic(); atomic_load(step) < at_least; sched_yield()) {
        must(seconds_since(began) < POLL_SECONDS);
    }
}

// Whether a race has been run for long enough: until both sides have won it, if that does not take
// too long.
static inline bool raced_enough(double began, double seconds, bool both_have_won) {
    double passed = seconds_since(began);
    return passed >= seconds && (both_have_won || passed >= 4 * seconds);
}

typedef struct time_out_race {
    const wait_kind *kind;
    void *object;
    _Atomic long go, begun, done; // The number of the round.
    _Atomic bool stop;
    double seconds;
    lt_status status;
} time_out_race;

static inline lt_status time_out_race_run(void *arg) {
    time_out_race *r = arg;
    for (long round = 1;; round++) {
        wait_for_step(&r->go, round);
        if (atomic_load(&r->stop)) {
            return LT_OK;
        }
        atomic_store(&r->begun, round);
        r->status = r->kind->wait_timeout(r->object, r->seconds);
        atomic_store(&r->done, round);
    }
}

static inline void time_out_race_end(time_out_race *r, waiter *w) {
    atomic_store(&r->stop, true);
    atomic_fetch_add(&r->go, 1);
    must(waiter_join(w) == LT_OK);
    waits_destroy(r->kind, r->object);
}

// A wait times out at the moment at which it is satisfied: it takes what it was given or leaves it,
// and nothing else.
static inline void waits_check_race_with_time_out(const wait_kind *kind) {
    time_out_race r = {.kind = kind, .object = waits_make(kind), .seconds = 100e-6};
    waiter w;
    waiter_launch(&w, time_out_race_run, &r);
    long satisfied = 0, timed_out = 0, round = 0;
    double began = lt_monotonic();
    while (!raced_enough(began, 0.5, satisfied >= 10 && timed_out >= 10)) {
        atomic_store(&r.go, ++round);
        wait_for_step(&r.begun, round);
        spend((80 + (double)(round * 7 % 60)) * 1e-6);
        must_for(kind->name, kind->satisfy(r.object) == LT_OK);
        wait_for_step(&r.done, round);
        if (r.status == LT_OK) {
            satisfied++;
        } else {
            must_for(kind->name, r.status == LT_TIMED_OUT);
            must_for(kind->name, kind->try_wait(r.object) == LT_OK);
            timed_out++;
        }
        waits_undo(kind, r.object);
        must_for(kind->name, kind->try_wait(r.object) == kind->not_yet);
    }
    time_out_race_end(&r, &w);
}

// ---- All of it for one kind, with what the tests of every kind at once do not see

static inline lt_status waits_interrupt_main(void *unused) {
    (void)unused;
    must_soon(asleep(getpid()));
    return lt_interrupt_main(SIGUSR2);
}

static inline void waits_check_interrupts(const wait_kind *kind) {
    const double seconds[] = {LT_FOREVER, 1000.0};
    for (int i = 0; i < 20; i++) {
        void *object = waits_make(kind);
        must_for(kind->name, lt_interrupt_main(SIGUSR1) == LT_OK);
        must_for(kind->name, kind->try_wait(object) == kind->not_yet); // Stays pending.
        must_for(kind->name, kind->wait_timeout(object, 0.0) == LT_TIMED_OUT);
        must_for(kind->name, kind->wait_timeout(object, seconds[i % 2]) == LT_INTERRUPTED);
        must_for(kind->name, lt_interrupt_signal() == SIGUSR1);
        waiter w;
        waiter_launch(&w, waits_interrupt_main, NULL);
        must_for(kind->name, kind->wait_timeout(object, seconds[i % 2]) == LT_INTERRUPTED);
        must_for(kind->name, lt_interrupt_signal() == SIGUSR2);
        must_for(kind->name, waiter_join(&w) == LT_OK);
        must_for(kind->name, kind->try_wait(object) == kind->not_yet); // Nothing has happened.
        must_for(kind->name, kind->satisfy(object) == LT_OK);
        must_for(kind->name, lt_interrupt_main(SIGUSR1) == LT_OK);
        must_for(kind->name, kind->wait(object) == LT_OK); // Does not block.
        must_for(kind->name, lt_check_interrupt() == LT_INTERRUPTED);
        must_for(kind->name, lt_check_interrupt() == LT_OK);
        waits_destroy(kind, object);
    }
}

static inline void waits_check_all(const wait_kind *kind) {
    waits_check_blocks_until_satisfied(kind);
    waits_check_timeouts(kind);
    waits_check_timeouts_on_a_thread(kind);
    waits_check_free_while_waiting(kind);
    waits_check_interrupts(kind);
}

static inline void waits_pass(double seconds) {
    must(lt_sleep(seconds) == LT_OK);
}

static inline bool waits_is_settled(int64_t native_id) {
    long sleeps = sleeps_of(native_id);
    waits_pass(0.01);
    return asleep(native_id) && sleeps_of(native_id) == sleeps;
}

typedef struct waits_metered {
    timed_wait t;
    double spent; // Seconds of this thread's processor time.
} waits_metered;

static inline double waits_processor_time(void) {
    struct timespec t;
    must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline lt_status waits_metered_call(void *arg) {
    waits_metered *m = arg;
    double before = waits_processor_time();
    lt_status status = timed_wait_call(&m->t);
    m->spent = waits_processor_time() - before;
    return status;
}

static inline void waits_check_sleeps_soundly(const wait_kind *kind, double seconds) {
    waits_metered m = {{kind, waits_make(kind), seconds}, -1.0};
    waiter w;
    waiter_start(&w, waits_metered_call, &m);
    int64_t id = atomic_load(&w.native_id);
    must_soon(waits_is_settled(id));
    long sleeps = sleeps_of(id);
    waits_pass(0.2);
    must_for(kind->name, sleeps_of(id) == sleeps); // Not awake for a moment.
    must_for(kind->name, kind->satisfy(m.t.object) == LT_OK);
    must_for(kind->name, waiter_join(&w) == LT_OK);
    must_for(kind->name, m.spent >= 0 && m.spent < 0.02);
    waits_destroy(kind, m.t.object);
}

#endif
