// "The last one turns off the light": whoever knows from its own call that all others are through with an object
// may free it at once, though the thread that it knows it from is not quite out of its call.
// timeout: 120
#include "pools.h"

enum { ROUNDS = 3000 };

// The first user of each kind does something that lets the last one go on, which then frees the object. They
// meet at neither end: when the last one frees, the first may be anywhere on its way out.
typedef struct kind {
    const char *name;
    void *(*make)(void);
    lt_status (*first)(void *object);
    lt_status (*last)(void *object);
    lt_status (*destroy)(void *object);
} kind;

#define CALL(name, type, call)                                                                     \
    static lt_status name(void *arg) {                                                             \
        type *object = (type *)arg;                                                                \
        return call;                                                                               \
    }

// In this order.
#define both(first, second) ((first) == LT_OK ? (second) : LT_INVALID)

// ---- Locks: the first holds it, and the last waits for it.

static void *make_held_lock(void) {
    lt_lock *lock = lt_allocate_lock();
    must(lt_lock_acquire(lock) == LT_OK);
    return lock;
}

static void *make_write_held(void) {
    lt_rwlock *rwlock = lt_rwlock_new();
    must(lt_rwlock_write_acquire(rwlock) == LT_OK);
    return rwlock;
}

static void *make_read_held(void) {
    lt_rwlock *rwlock = lt_rwlock_new();
    must(lt_rwlock_read_acquire(rwlock) == LT_OK);
    return rwlock;
}

static void *make_held_spinlock(void) {
    lt_spinlock *spinlock = lt_spinlock_new();
    must(lt_spinlock_acquire(spinlock) == LT_OK);
    return spinlock;
}

CALL(lock_first, lt_lock, lt_lock_release(object))
CALL(lock_last, lt_lock, both(lt_lock_acquire(object), lt_lock_release(object)))
CALL(lock_last_timeout, lt_lock, both(lt_lock_acquire_timeout(object, 60.0), lt_lock_release(object)))
CALL(lock_free, lt_lock, lt_lock_free(object))
CALL(write_first, lt_rwlock, lt_rwlock_write_release(object))
CALL(read_first, lt_rwlock, lt_rwlock_read_release(object))
CALL(write_last, lt_rwlock, both(lt_rwlock_write_acquire(object), lt_rwlock_write_release(object)))
CALL(read_last, lt_rwlock, both(lt_rwlock_read_acquire(object), lt_rwlock_read_release(object)))
CALL(rwlock_free, lt_rwlock, lt_rwlock_free(object))
CALL(spinlock_first, lt_spinlock, lt_spinlock_release(object))
CALL(spinlock_last, lt_spinlock, both(lt_spinlock_acquire(object), lt_spinlock_release(object)))
CALL(spinlock_free, lt_spinlock, lt_spinlock_free(object))

// ---- What is given away: permits, sets, items

static void *make_semaphore(void) {
    return lt_semaphore_new(0);
}

static void *make_event(void) {
    return lt_event_new();
}

static void *make_queue(void) {
    return lt_queue_new(4);
}

static void *make_unbounded(void) {
    return lt_queue_new(0);
}

static void *make_full(void) {
    lt_queue *queue = lt_queue_new(1);
    must(lt_queue_put(queue, NULL) == LT_OK);
    return queue;
}

static lt_status get(lt_queue *queue) {
    void *item;
    return lt_queue_get(queue, &item);
}

CALL(semaphore_first, lt_semaphore, lt_semaphore_release(object, 1))
CALL(semaphore_last, lt_semaphore, lt_semaphore_acquire(object))
CALL(semaphore_free, lt_semaphore, lt_semaphore_free(object))
CALL(event_first, lt_event, lt_event_set(object))
CALL(event_last, lt_event, lt_event_wait(object))
CALL(event_free, lt_event, lt_event_free(object))
CALL(queue_first_put, lt_queue, lt_queue_put(object, NULL))
CALL(queue_first_close, lt_queue, lt_queue_close(object, false))
CALL(queue_last_get, lt_queue, get(object))
CALL(queue_last_closed, lt_queue, get(object) == LT_CLOSED ? LT_OK : LT_INVALID)
CALL(queue_free, lt_queue, lt_queue_free(object))
// Here the one that waits for room is the first to be through.
CALL(queue_first_put_when_full, lt_queue, lt_queue_put(object, NULL))
CALL(queue_last_get_two, lt_queue, both(get(object), get(object)))
CALL(queue_first_done, lt_queue, both(get(object), lt_queue_task_done(object)))
CALL(queue_last_join, lt_queue, lt_queue_join(object))

// ---- Several at a time

typedef struct meeting {
    lt_condition *condition;
    lt_lock *lock;
    bool come;
} meeting;

static void *make_meeting(void) {
    meeting *m = calloc(1, sizeof *m);
    must(m != NULL);
    m->condition = lt_condition_new();
    m->lock = lt_allocate_lock();
    return m;
}

static lt_status meeting_first(void *arg) {
    meeting *m = arg;
    must(lt_lock_acquire(m->lock) == LT_OK);
    m->come = true;
    lt_lock *lock = m->lock;
    must(lt_condition_notify_all(m->condition) == LT_OK);
    return lt_lock_release(lock);
}

static lt_status meeting_last(void *arg) {
    meeting *m = arg;
    must(lt_lock_acquire(m->lock) == LT_OK);
    while (!m->come) {
        must(lt_condition_wait(m->condition, m->lock) == LT_OK);
    }
    return lt_lock_release(m->lock);
}

static lt_status meeting_free(void *arg) {
    meeting *m = arg;
    lt_status status = both(lt_condition_free(m->condition), lt_lock_free(m->lock));
    free(m);
    return status;
}

static void *make_barrier(void) {
    return lt_barrier_new(2, NULL, NULL);
}

CALL(barrier_wait, lt_barrier, lt_barrier_wait(object, NULL))
CALL(barrier_free, lt_barrier, lt_barrier_free(object))

// ---- Of these the first user is a thread of the library's.

typedef struct work {
    lt_pool *pool;
    lt_future *future;
    lt_semaphore *told;
    lt_timer *timer;
    lt_thread *thread;
    lt_errors *errors;
    gate gate;
} work;

static void *make_work(void) {
    work *w = calloc(1, sizeof *w);
    must(w != NULL);
    w->gate = new_gate();
    w->told = lt_semaphore_new(0);
    w->pool = pool_of(1);
    w->future = submit_standing(w->pool, &w->gate);
    return w;
}

static void tell(void *told) {
    must(lt_semaphore_release(told, 1) == LT_OK);
}

static void tell_of_future(lt_future *future, void *told) {
    (void)future;
    tell(told);
}

static lt_status work_first(void *arg) {
    return lt_event_set(((work *)arg)->gate.open);
}

static lt_status work_last_result(void *arg) {
    work *w = arg;
    return both(lt_future_result(w->future, NULL), lt_future_free(w->future));
}

static lt_status work_last_told(void *arg) {
    work *w = arg;
    must(lt_future_add_done_callback(w->future, tell_of_future, w->told) == LT_OK);
    must(lt_semaphore_acquire(w->told) == LT_OK);
    return lt_future_free(w->future);
}

static lt_status work_last_shutdown(void *arg) {
    work *w = arg;
    return both(lt_pool_shutdown(w->pool, true, false), lt_future_free(w->future));
}

static lt_status work_free(void *arg) {
    work *w = arg;
    lt_status status = lt_pool_free(w->pool);
    must(lt_semaphore_free(w->told) == LT_OK);
    free_gate(&w->gate);
    free(w);
    return status;
}

static void raise_told(void *unused) {
    (void)unused;
    lt_raise(1, "told");
}

static void *make_helper(void) {
    work *w = calloc(1, sizeof *w);
    must(w != NULL);
    w->told = lt_semaphore_new(0);
    w->errors = lt_errors_new();
    return w;
}

static lt_status helper_first(void *arg) {
    tell(((work *)arg)->told);
    return LT_OK;
}

static lt_status timer_last(void *arg) {
    work *w = arg;
    must(lt_semaphore_acquire(w->told) == LT_OK);
    must(lt_timer_start(0, 0, tell, w->told, &w->timer) == LT_OK);
    must(lt_semaphore_acquire(w->told) == LT_OK);
    return lt_timer_free(w->timer);
}

static lt_status thread_last(void *arg) {
    work *w = arg;
    must(lt_thread_start(tell, w->told, NULL, &w->thread) == LT_OK);
    must(lt_semaphore_acquire(w->told) == LT_OK);
    must(lt_semaphore_acquire(w->told) == LT_OK);
    return both(lt_thread_join(w->thread), lt_thread_free(w->thread));
}

static lt_status errors_last(void *arg) {
    work *w = arg;
    must(lt_semaphore_acquire(w->told) == LT_OK);
    must(lt_spawn(raise_told, NULL, w->errors, NULL) == LT_OK);
    while (lt_errors_count(w->errors) == 0) {
        sched_yield();
    }
    return LT_OK;
}

static lt_status helper_free(void *arg) {
    work *w = arg;
    must(lt_semaphore_free(w->told) == LT_OK);
    lt_status status = lt_errors_free(w->errors);
    free(w);
    return status;
}

static const kind KINDS[] = {
    {"lock", make_held_lock, lock_first, lock_last, lock_free},
    {"lock, with a time", make_held_lock, lock_first, lock_last_timeout, lock_free},
    {"rwlock, two writers", make_write_held, write_first, write_last, rwlock_free},
    {"rwlock, a writer and a reader", make_write_held, write_first, read_last, rwlock_free},
    {"rwlock, a reader and a writer", make_read_held, read_first, write_last, rwlock_free},
    {"spinlock", make_held_spinlock, spinlock_first, spinlock_last, spinlock_free},
    {"semaphore", make_semaphore, semaphore_first, semaphore_last, semaphore_free},
    {"event", make_event, event_first, event_last, event_free},
    {"queue, the last item", make_queue, queue_first_put, queue_last_get, queue_free},
    {"queue, unbounded", make_unbounded, queue_first_put, queue_last_get, queue_free},
    {"queue, closed", make_queue, queue_first_close, queue_last_closed, queue_free},
    {"queue, a put that waited", make_full, queue_first_put_when_full, queue_last_get_two, queue_free},
    {"queue, all done", make_full, queue_first_done, queue_last_join, queue_free},
    {"condition and its lock", make_meeting, meeting_first, meeting_last, meeting_free},
    {"barrier", make_barrier, barrier_wait, barrier_wait, barrier_free},
    {"future, its result", make_work, work_first, work_last_result, work_free},
    {"future, its callback", make_work, work_first, work_last_told, work_free},
    {"pool", make_work, work_first, work_last_shutdown, work_free},
    {"timer", make_helper, helper_first, timer_last, helper_free},
    {"thread", make_helper, helper_first, thread_last, helper_free},
    {"errors", make_helper, helper_first, errors_last, helper_free},
};

typedef struct relay {
    const kind *kind;
    void *_Atomic object;
    _Atomic int round;
    int rounds;
} relay;

static lt_status run_first(void *arg) {
    relay *r = arg;
    for (int round = 1; round <= r->rounds; round++) {
        while (atomic_load(&r->round) < round) {
            sched_yield();
        }
        // Now and then the other is asleep by then, now and then awake.
        for (volatile int delay = round % 7 == 0 ? 0 : round * 37 % 5000; delay > 0; delay--) {
        }
        if (round % 7 == 0) {
            nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
        }
        must_for(r->kind->name, r->kind->first(atomic_load(&r->object)) == LT_OK);
    }
    return LT_OK;
}

static void check_kinds(size_t from, size_t to, int rounds) {
    for (size_t i = from; i < to; i++) {
        relay r = {.kind = &KINDS[i], .rounds = rounds};
        waiter w;
        waiter_launch(&w, run_first, &r);
        for (int round = 1; round <= r.rounds; round++) {
            void *object = r.kind->make();
            must_for(r.kind->name, object != NULL);
            atomic_store(&r.object, object);
            atomic_store(&r.round, round);
            must_for(r.kind->name, r.kind->last(object) == LT_OK);
            must_for(r.kind->name, r.kind->destroy(object) == LT_OK);
        }
        assert_ok(waiter_join(&w));
    }
}

TEST(the_last_user_of_a_leaf_primitive_frees_it_at_once) {
    check_kinds(0, 8, ROUNDS);
}

TEST(the_last_user_of_a_queue_frees_it_at_once) {
    check_kinds(8, 13, ROUNDS);
}

TEST(the_last_user_of_a_condition_or_a_barrier_frees_it_at_once) {
    check_kinds(13, 15, ROUNDS);
}

TEST(the_last_user_of_what_has_threads_frees_it_at_once) {
    check_kinds(15, LENGTH(KINDS), ROUNDS / 10);
}
