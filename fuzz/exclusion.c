// The models of what one thread has at a time: lock, re-entrant lock, read-write lock, spinlock.
#include "makers.h"

// ---- Lock

object *make_lock(void) {
    return add(LOCK, NEW(ONE(LT_OK), lt_allocate_lock));
}

static void lock_acquire(void) {
    picked p = pick(LOCK);
    bool good = p.object != NULL, waits = good && p.object->held;
    a_wait x = any_wait(waits);
    statuses expected = wait_status(&x, good, waits, LT_BUSY);
    lt_status got = x.form == BARE ? CALL(expected, lt_lock_acquire, p.handle)
                    : x.form == TRY ? CALL(expected, lt_lock_try_acquire, p.handle)
                                    : CALL(expected, lt_lock_acquire_timeout, p.handle, x.seconds);
    if (got == LT_OK) {
        p.object->held = true;
    }
    waited(&x, "lt_lock_acquire", got);
}

static void lock_acquire_uninterruptible(void) {
    picked p = pick(LOCK);
    if (p.object == NULL || !p.object->held) {
        if (CALL(ONE(p.object == NULL ? LT_BAD_HANDLE : LT_OK), lt_lock_acquire_uninterruptible, p.handle) == LT_OK) {
            p.object->held = true;
        }
    }
}

static void lock_release(void) {
    picked p = pick(LOCK);
    lt_status is = p.object == NULL ? LT_BAD_HANDLE : p.object->held ? LT_OK : LT_NOT_HELD;
    if (CALL(ONE(is), lt_lock_release, p.handle) == LT_OK) {
        p.object->held = false;
    }
}

static void lock_look(void) {
    picked p = pick(LOCK);
    VALUE(p.object != NULL, p.object != NULL && p.object->held, lt_lock_locked, p.handle);
    if (rarely() && CALL(ONE(p.object != NULL ? LT_OK : LT_BAD_HANDLE), lt_lock_at_fork_reinit, p.handle) == LT_OK) {
        p.object->held = false;
    }
}

// ---- Re-entrant lock

object *make_rlock(void) {
    object *o = add(RLOCK, NEW(ONE(LT_OK), lt_rlock_new));
    o->rlock.owner = NOBODY;
    return o;
}

bool can_acquire_rlock(const object *o) {
    return o->rlock.owner == NOBODY || o->rlock.owner == w->me;
}

static bool at_limit(const object *o) {
    return o != NULL && o->rlock.owner == w->me && o->rlock.depth == UINT64_MAX;
}

static void acquired(object *o, uint64_t times) {
    o->rlock.owner = w->me;
    o->rlock.depth += times;
}

static void rlock_acquire(void) {
    picked p = pick(RLOCK);
    bool good = p.object != NULL, waits = good && !can_acquire_rlock(p.object);
    a_wait x = any_wait(waits);
    statuses expected = wait_status(&x, good, waits, LT_BUSY);
    if (expected == ONE(LT_OK) && at_limit(p.object)) {
        expected = ONE(LT_OVERFLOW);
    }
    lt_status got = x.form == BARE ? CALL(expected, lt_rlock_acquire, p.handle)
                    : x.form == TRY ? CALL(expected, lt_rlock_try_acquire, p.handle)
                                    : CALL(expected, lt_rlock_acquire_timeout, p.handle, x.seconds);
    if (got == LT_OK) {
        acquired(p.object, 1);
    }
    waited(&x, "lt_rlock_acquire", got);
}

static void rlock_acquire_uninterruptible(void) {
    picked p = pick(RLOCK);
    if (p.object != NULL && !can_acquire_rlock(p.object)) {
        return;
    }
    lt_status is = p.object == NULL ? LT_BAD_HANDLE : at_limit(p.object) ? LT_OVERFLOW : LT_OK;
    if (CALL(ONE(is), lt_rlock_acquire_uninterruptible, p.handle) == LT_OK) {
        acquired(p.object, 1);
    }
}

static lt_status release_status(const object *o) {
    return o == NULL                        ? LT_BAD_HANDLE
           : o->rlock.owner == NOBODY ? LT_NOT_HELD
           : o->rlock.owner != w->me  ? LT_NOT_OWNER
                                            : LT_OK;
}

static void rlock_release(void) {
    picked p = pick(RLOCK);
    if (CALL(ONE(release_status(p.object)), lt_rlock_release, p.handle) == LT_OK && --p.object->rlock.depth == 0) {
        p.object->rlock.owner = NOBODY;
    }
}

static void rlock_save(void) {
    picked p = pick(RLOCK);
    uint64_t count = 4711, *out = rarely() ? NULL : &count;
    lt_status got = CALL(ONE(release_status(p.object)), lt_rlock_release_save, p.handle, out);
    if (got == LT_OK) {
        MUST("lt_rlock_release_save", out == NULL || count == p.object->rlock.depth);
        p.object->rlock.owner = NOBODY;
        p.object->rlock.depth = 0;
    } else {
        MUST("lt_rlock_release_save", count == 4711);
    }
}

static void rlock_restore(void) {
    picked p = pick(RLOCK);
    static const uint64_t counts[] = {1, 2, 0, UINT64_MAX, UINT64_MAX - 1, (uint64_t)1 << 32, (uint64_t)1 << 63};
    uint64_t count = counts[below(7)];
    bool good = p.object != NULL, mine = good && p.object->rlock.owner == w->me;
    bool waits = good && count != 0 && !can_acquire_rlock(p.object);
    bool uninterruptible = below(2) && !waits;
    if (waits && !interrupt_pending()) {
        return;
    }
    // Which of the two is told first is not said.
    statuses expected = !good                ? ONE(LT_BAD_HANDLE)
                        : count == 0 && mine ? ONE(LT_INVALID) | ONE(LT_DEADLOCK)
                        : count == 0         ? ONE(LT_INVALID)
                        : mine               ? ONE(LT_DEADLOCK)
                        : waits              ? ONE(LT_INTERRUPTED)
                                             : ONE(LT_OK);
    lt_status got = uninterruptible ? CALL(expected, lt_rlock_acquire_restore_uninterruptible, p.handle, count)
                                    : CALL(expected, lt_rlock_acquire_restore, p.handle, count);
    if (got == LT_OK) {
        acquired(p.object, count);
    } else if (got == LT_INTERRUPTED) {
        take_interrupt("lt_rlock_acquire_restore");
    }
}

static void rlock_look(void) {
    picked p = pick(RLOCK);
    object none = {.rlock.owner = NOBODY};
    object *o = p.object == NULL ? &none : p.object;
    bool good = p.object != NULL, mine = o->rlock.owner == w->me;
    VALUE(good, o->rlock.owner != NOBODY, lt_rlock_locked, p.handle);
    VALUE(good, mine, lt_rlock_is_owned, p.handle);
    VALUE(good, mine ? o->rlock.depth : 0, lt_rlock_recursion_count, p.handle);
    VALUE(good, o->rlock.owner == NOBODY ? 0 : w->actors[o->rlock.owner].ident, lt_rlock_owner, p.handle);
    VALUE(good, o->rlock.depth, lt_rlock_depth, p.handle);
    if (rarely() && CALL(ONE(good ? LT_OK : LT_BAD_HANDLE), lt_rlock_at_fork_reinit, p.handle) == LT_OK) {
        o->rlock.owner = NOBODY;
        o->rlock.depth = 0;
    }
}

// ---- Read-write lock

object *make_rwlock(void) {
    return add(RWLOCK, NEW(ONE(LT_OK), lt_rwlock_new));
}

static void rwlock_read_acquire(void) {
    picked p = pick(RWLOCK);
    bool good = p.object != NULL, waits = good && p.object->rwlock.writer;
    a_wait x = any_wait(waits);
    statuses expected = wait_status(&x, good, waits, LT_BUSY);
    lt_status got = x.form == BARE ? CALL(expected, lt_rwlock_read_acquire, p.handle)
                    : x.form == TRY ? CALL(expected, lt_rwlock_try_read_acquire, p.handle)
                                    : CALL(expected, lt_rwlock_read_acquire_timeout, p.handle, x.seconds);
    if (got == LT_OK) {
        p.object->rwlock.readers++;
    }
    waited(&x, "lt_rwlock_read_acquire", got);
}

static void rwlock_write_acquire(void) {
    picked p = pick(RWLOCK);
    bool good = p.object != NULL, waits = good && (p.object->rwlock.writer || p.object->rwlock.readers > 0);
    a_wait x = any_wait(waits);
    statuses expected = wait_status(&x, good, waits, LT_BUSY);
    lt_status got = x.form == BARE ? CALL(expected, lt_rwlock_write_acquire, p.handle)
                    : x.form == TRY ? CALL(expected, lt_rwlock_try_write_acquire, p.handle)
                                    : CALL(expected, lt_rwlock_write_acquire_timeout, p.handle, x.seconds);
    if (got == LT_OK) {
        p.object->rwlock.writer = true;
    }
    waited(&x, "lt_rwlock_write_acquire", got);
}

static void rwlock_release(void) {
    picked p = pick(RWLOCK);
    if (below(2)) {
        lt_status is = p.object == NULL ? LT_BAD_HANDLE : p.object->rwlock.readers > 0 ? LT_OK : LT_NOT_HELD;
        if (CALL(ONE(is), lt_rwlock_read_release, p.handle) == LT_OK) {
            p.object->rwlock.readers--;
        }
    } else {
        lt_status is = p.object == NULL ? LT_BAD_HANDLE : p.object->rwlock.writer ? LT_OK : LT_NOT_HELD;
        if (CALL(ONE(is), lt_rwlock_write_release, p.handle) == LT_OK) {
            p.object->rwlock.writer = false;
        }
    }
}

static void rwlock_reinit(void) {
    picked p = pick(RWLOCK);
    if (rarely() && CALL(ONE(p.object == NULL ? LT_BAD_HANDLE : LT_OK), lt_rwlock_at_fork_reinit, p.handle) == LT_OK) {
        p.object->rwlock.readers = 0;
        p.object->rwlock.writer = false;
    }
}

// ---- Spinlock

object *make_spinlock(void) {
    return add(SPINLOCK, NEW(ONE(LT_OK), lt_spinlock_new));
}

static void spinlock_acquire(void) {
    picked p = pick(SPINLOCK);
    bool waits = p.object != NULL && p.object->held;
    lt_status is = p.object == NULL ? LT_BAD_HANDLE : waits ? LT_BUSY : LT_OK;
    lt_status got = waits || below(2) ? CALL(ONE(is), lt_spinlock_try_acquire, p.handle)
                                      : CALL(ONE(is), lt_spinlock_acquire, p.handle);
    if (got == LT_OK) {
        p.object->held = true;
    }
}

static void spinlock_release(void) {
    picked p = pick(SPINLOCK);
    lt_status is = p.object == NULL ? LT_BAD_HANDLE : p.object->held ? LT_OK : LT_NOT_HELD;
    if (CALL(ONE(is), lt_spinlock_release, p.handle) == LT_OK) {
        p.object->held = false;
    }
}

STEPS(exclusion_steps, lock_acquire, lock_acquire_uninterruptible, lock_release, lock_release, lock_look, rlock_acquire,
    rlock_acquire, rlock_acquire_uninterruptible, rlock_release, rlock_release, rlock_save, rlock_restore, rlock_look,
    rwlock_read_acquire, rwlock_write_acquire, rwlock_release, rwlock_release, rwlock_reinit, spinlock_acquire,
    spinlock_release);
