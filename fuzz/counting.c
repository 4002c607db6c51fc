// The models of what threads wait for until another one does something: semaphore, event, condition, barrier.
#include "makers.h"

// ---- Semaphore

object *make_semaphore(void) {
    static const uint32_t values[] = {0, 1, 2, 3, UINT32_MAX, UINT32_MAX - 1, 0x80000000u, 0x7fffffffu};
    uint32_t initial = values[below(8)], max = UINT32_MAX;
    object *o;
    if (below(2)) {
        max = values[below(8)];
        o = add(SEMAPHORE, NEW(ONE(initial > max ? LT_INVALID : LT_OK), lt_semaphore_new_bounded, initial, max));
    } else {
        o = add(SEMAPHORE, NEW(ONE(LT_OK), lt_semaphore_new, initial));
    }
    if (o != NULL) {
        o->semaphore.value = initial;
        o->semaphore.max = max;
    }
    return o;
}

static void semaphore_acquire(void) {
    picked p = pick(SEMAPHORE);
    bool good = p.object != NULL, waits = good && p.object->semaphore.value == 0;
    a_wait x = any_wait(waits);
    statuses expected = wait_status(&x, good, waits, LT_BUSY);
    lt_status got = x.form == BARE ? CALL(expected, lt_semaphore_acquire, p.handle)
                    : x.form == TRY ? CALL(expected, lt_semaphore_try_acquire, p.handle)
                                    : CALL(expected, lt_semaphore_acquire_timeout, p.handle, x.seconds);
    if (got == LT_OK) {
        p.object->semaphore.value--;
    }
    waited(&x, "lt_semaphore_acquire", got);
}

static void semaphore_release(void) {
    picked p = pick(SEMAPHORE);
    static const uint32_t counts[] = {1, 1, 2, 3, 0, UINT32_MAX, 0x80000000u, 0x7fffffffu};
    uint32_t n = counts[below(8)];
    lt_status is = p.object == NULL                                                 ? LT_BAD_HANDLE
                   : n == 0                                                         ? LT_INVALID
                   : n > p.object->semaphore.max - p.object->semaphore.value ? LT_OVERFLOW
                                                                                    : LT_OK;
    if (CALL(ONE(is), lt_semaphore_release, p.handle, n) == LT_OK) {
        p.object->semaphore.value += n;
    }
}

static void semaphore_look(void) {
    picked p = pick(SEMAPHORE);
    VALUE(p.object != NULL, p.object == NULL ? 0 : p.object->semaphore.value, lt_semaphore_value, p.handle);
}

// ---- Event

object *make_event(void) {
    return add(EVENT, NEW(ONE(LT_OK), lt_event_new));
}

static void event_wait(void) {
    picked p = pick(EVENT);
    bool good = p.object != NULL, waits = good && !p.object->held;
    a_wait x = any_wait(waits);
    statuses expected = wait_status(&x, good, waits, LT_BUSY);
    lt_status got = x.form == BARE ? CALL(expected, lt_event_wait, p.handle)
                    : x.form == TRY ? CALL(expected, lt_event_try_wait, p.handle)
                                    : CALL(expected, lt_event_wait_timeout, p.handle, x.seconds);
    waited(&x, "lt_event_wait", got);
}

static void event_change(void) {
    picked p = pick(EVENT);
    statuses expected = ONE(p.object == NULL ? LT_BAD_HANDLE : LT_OK);
    bool set = below(2);
    lt_status got = set ? CALL(expected, lt_event_set, p.handle) : CALL(expected, lt_event_clear, p.handle);
    if (got == LT_OK) {
        p.object->held = set;
    }
    VALUE(p.object != NULL, p.object != NULL && p.object->held, lt_event_is_set, p.handle);
}

// ---- Condition

object *make_condition(void) {
    return add(CONDITION, NEW(ONE(LT_OK), lt_condition_new));
}

// What a wait of a condition needs: a lock that is held, or a re-entrant one that is the caller's.
static statuses held_status(const picked *lock, bool reentrant) {
    const object *o = lock->object;
    if (reentrant) {
        return o->rlock.owner == NOBODY ? ONE(LT_NOT_HELD) : o->rlock.owner != w->me ? ONE(LT_NOT_OWNER) : ONE(LT_OK);
    }
    return ONE(o->held ? LT_OK : LT_NOT_HELD);
}

// A predicate that says so from its nth call on, and looks at the lock.
typedef struct predicate {
    unsigned calls, after;
    object *lock;
    bool reentrant;
} predicate;

static bool ask(void *arg) {
    predicate *p = arg;
    if (p->reentrant) {
        VALUE(true, p->lock->rlock.depth, lt_rlock_recursion_count, p->lock->handle);
    } else {
        VALUE(true, true, lt_lock_locked, p->lock->handle);
    }
    return ++p->calls > p->after;
}

static void condition_wait(void) {
    bool reentrant = below(2);
    picked condition = pick(CONDITION), lock = pick(reentrant ? RLOCK : LOCK);
    bool good = condition.object != NULL && lock.object != NULL;
    statuses held = good ? held_status(&lock, reentrant) : 0;
    bool predicated = below(2), absent = predicated && rarely();
    predicate asked = {.after = below(3), .lock = lock.object, .reentrant = reentrant};
    if (predicated && interrupt_pending() && asked.after == 1) {
        asked.after = 2; // Whether it is asked again after an interrupt is not said.
    }
    bool waits = good && held == ONE(LT_OK) && !(predicated && asked.after == 0) && !absent;
    // There is no try form.
    a_wait x = any_wait(waits);
    if (x.form == TRY) {
        x.form = TIMED;
        x.seconds = 0.0;
    }
    if (x.form == BARE && predicated) {
        x.form = TIMED;
        x.seconds = LT_FOREVER;
    }
    statuses expected = !good                                               ? ONE(LT_BAD_HANDLE)
                        : x.form == TIMED && refused_seconds(x.seconds)   ? seconds_status(x.seconds)
                        : absent                                            ? ONE(LT_INVALID)
                        : held != ONE(LT_OK)                                ? held
                        : !waits                                            ? ONE(LT_OK)
                                                                            : wait_status(&x, good, waits, LT_TIMED_OUT);
    if (absent && good) {
        expected |= ONE(LT_INVALID);
    }
    // It is asked before the first wait and after each, of which one of 0 seconds is one.
    unsigned asks = waits && !(expected & (ONE(LT_INVALID) | ONE(LT_OVERFLOW))) && expected != ONE(LT_INTERRUPTED) ? 2 : 1;
    if (predicated && asks == 2 && asked.after == 1) {
        expected = ONE(LT_OK);
    }
    lt_status got;
    if (predicated) {
        lt_predicate function = absent ? NULL : ask;
        got = reentrant
                  ? CALL(expected, lt_condition_wait_for_rlock, condition.handle, lock.handle, function, &asked, x.seconds)
                  : CALL(expected, lt_condition_wait_for, condition.handle, lock.handle, function, &asked, x.seconds);
        MUST("lt_condition_wait_for", asked.calls == (got < 0 ? 0 : got == LT_INTERRUPTED ? asked.calls : asks));
    } else if (x.form == BARE) {
        got = reentrant ? CALL(expected, lt_condition_wait_rlock, condition.handle, lock.handle)
                        : CALL(expected, lt_condition_wait, condition.handle, lock.handle);
    } else {
        got = reentrant ? CALL(expected, lt_condition_wait_rlock_timeout, condition.handle, lock.handle, x.seconds)
                        : CALL(expected, lt_condition_wait_timeout, condition.handle, lock.handle, x.seconds);
    }
    waited(&x, "lt_condition_wait", got);
}

static void condition_notify(void) {
    picked p = pick(CONDITION);
    statuses expected = ONE(p.object == NULL ? LT_BAD_HANDLE : LT_OK);
    static const uint32_t counts[] = {0, 1, 2, UINT32_MAX};
    if (below(2)) {
        (void)CALL(expected, lt_condition_notify, p.handle, counts[below(4)]);
    } else {
        (void)CALL(expected, lt_condition_notify_all, p.handle);
    }
    VALUE(p.object != NULL, 0, lt_condition_waiting, p.handle);
}

// ---- Barrier

static lt_barrier *acting;
static unsigned acts;

static void act(void *arg) {
    acts++;
    MUST("lt_barrier_wait", arg == w);
    if (acting != NULL) {
        (void)CALL(ONE(LT_DEADLOCK), lt_barrier_wait, acting, NULL);
    }
}

object *make_barrier(void) {
    static const uint32_t parties[] = {1, 1, 2, 3, 0, UINT32_MAX, 1, 1};
    uint32_t n = parties[below(8)];
    bool with_action = below(2);
    object *o = add(BARRIER, NEW(n == 0 ? ONE(LT_INVALID) : n == UINT32_MAX ? ONE(LT_OK) | ONE(LT_INVALID) : ONE(LT_OK),
                                  lt_barrier_new, n, with_action ? act : NULL, w));
    if (o != NULL) {
        o->barrier.parties = n;
        o->barrier.acts = with_action;
    }
    return o;
}

static void barrier_wait(void) {
    picked p = pick(BARRIER);
    bool good = p.object != NULL, broken = good && p.object->barrier.broken;
    bool waits = good && !broken && p.object->barrier.parties != 1;
    a_wait x = any_wait(waits);
    if (x.form == TRY) {
        x.form = TIMED;
        x.seconds = 0.0;
    }
    statuses expected = wait_status(&x, good, waits, LT_TIMED_OUT);
    if (expected == ONE(LT_OK) && broken) {
        expected = ONE(LT_BROKEN);
    }
    uint32_t index = 4711, *out = rarely() ? NULL : &index;
    acts = 0;
    acting = good && rarely() ? p.handle : NULL;
    lt_status got = x.form == BARE ? CALL(expected, lt_barrier_wait, p.handle, out)
                                   : CALL(expected, lt_barrier_wait_timeout, p.handle, x.seconds, out);
    MUST("lt_barrier_wait", out == NULL || index == (got == LT_OK ? 0 : 4711));
    MUST("lt_barrier_wait", acts == (got == LT_OK && p.object->barrier.acts));
    if (got == LT_TIMED_OUT || got == LT_INTERRUPTED) {
        p.object->barrier.broken = true;
    }
    waited(&x, "lt_barrier_wait", got);
}

static void barrier_change(void) {
    picked p = pick(BARRIER);
    statuses expected = ONE(p.object == NULL ? LT_BAD_HANDLE : LT_OK);
    switch (below(3)) {
    case 0:
        // Without parties it is not to be mended.
        if (CALL(expected, lt_barrier_reset, p.handle) == LT_OK) {
            p.object->barrier.broken = p.object->barrier.parties == 0;
        }
        break;
    case 1:
        if (CALL(expected, lt_barrier_abort, p.handle) == LT_OK) {
            p.object->barrier.broken = true;
        }
        break;
    default:
        if (p.object != NULL && p.object->barrier.parties == 0) {
            expected = ONE(LT_INVALID);
        }
        if (CALL(expected, lt_barrier_drop, p.handle) == LT_OK && --p.object->barrier.parties == 0) {
            p.object->barrier.broken = true;
        }
    }
}

static void barrier_look(void) {
    picked p = pick(BARRIER);
    bool good = p.object != NULL;
    VALUE(good, good ? p.object->barrier.parties : 0, lt_barrier_parties, p.handle);
    VALUE(good, 0, lt_barrier_waiting, p.handle);
    VALUE(good, good && p.object->barrier.broken, lt_barrier_is_broken, p.handle);
}

STEPS(counting_steps, semaphore_acquire, semaphore_acquire, semaphore_release, semaphore_release, semaphore_look, event_wait,
    event_wait, event_change, event_change, condition_wait, condition_wait, condition_wait, condition_notify, barrier_wait,
    barrier_wait, barrier_change, barrier_look);
