// The model of a select: of the cases that could be done, one is; of those that never can be, the first is told.
#include "makers.h"

#include <limits.h>

enum { CASES = 6 };

const struct case_kind case_kinds[CASE_KINDS] = {{LT_CASE_LOCK, LOCK}, {LT_CASE_RLOCK, RLOCK}, {LT_CASE_SEMAPHORE, SEMAPHORE},
    {LT_CASE_EVENT, EVENT}, {LT_CASE_GET, QUEUE}, {LT_CASE_PUT, QUEUE}, {LT_CASE_READ, RWLOCK}, {LT_CASE_WRITE, RWLOCK},
    {LT_CASE_JOIN, THREAD}, {LT_CASE_FUTURE, FUTURE}};

possible look(int32_t op, object *o) {
    possible is = {.object = o, .impossible = LT_OK, .status = LT_OK};
    switch (op) {
    case LT_CASE_LOCK: is.ready = !o->held; break;
    case LT_CASE_RLOCK: is.ready = can_acquire_rlock(o); break;
    case LT_CASE_SEMAPHORE: is.ready = o->semaphore.value > 0; break;
    case LT_CASE_EVENT: is.ready = o->held; break;
    case LT_CASE_GET:
        is.ready = o->queue.size > 0 || o->queue.closed;
        is.status = o->queue.size > 0 ? LT_OK : LT_CLOSED;
        break;
    case LT_CASE_PUT:
        is.ready = o->queue.closed || o->queue.capacity == 0 || o->queue.size < o->queue.capacity;
        is.status = o->queue.closed ? LT_CLOSED : LT_OK;
        break;
    case LT_CASE_READ: is.ready = !o->rwlock.writer; break;
    case LT_CASE_WRITE: is.ready = !o->rwlock.writer && o->rwlock.readers == 0; break;
    case LT_CASE_JOIN:
        is.ready = o->thread.body->joined;
        is.status = o->thread.body->ending == RAISES || o->thread.body->ending == FAILS ? LT_FAILED : LT_OK;
        break;
    default:
        is.ready = o->future.life != PENDING && o->future.life != RUNNING;
        is.status = o->future.life == RETURNED ? LT_OK : o->future.life == CANCELLED ? LT_CANCELLED : LT_FAILED;
    }
    return is;
}

// Does to the model what the case has done.
static void happen(lt_case *c, object *o) {
    MUST("lt_select", c->op == LT_CASE_GET && c->status == LT_OK ? true : c->item == (void *)w);
    if (c->status != LT_OK) {
        return;
    }
    switch (c->op) {
    case LT_CASE_LOCK: o->held = true; break;
    case LT_CASE_RLOCK:
        o->rlock.owner = w->me;
        o->rlock.depth++;
        break;
    case LT_CASE_SEMAPHORE: o->semaphore.value--; break;
    case LT_CASE_GET:
        MUST("lt_select", c->item == o->queue.items[0]);
        memmove(o->queue.items, o->queue.items + 1, --o->queue.size * sizeof o->queue.items[0]);
        break;
    case LT_CASE_PUT:
        o->queue.items[o->queue.size++] = w;
        o->queue.unfinished++;
        break;
    case LT_CASE_READ: o->rwlock.readers++; break;
    case LT_CASE_WRITE: o->rwlock.writer = true; break;
    default: break;
    }
}

static void select_one(void) {
    lt_case cases[CASES], before[CASES];
    possible is[CASES];
    size_t n = below(CASES + 1), index = 4711, *out = rarely() ? NULL : &index, first = CASES;
    bool ready = false;
    for (size_t i = 0; i < n; i++) {
        unsigned which = below(CASE_KINDS);
        picked p = pick(case_kinds[which].kind);
        cases[i] = (lt_case){.op = case_kinds[which].op, .status = 4711, .handle = p.handle, .item = w};
        if (rarely()) {
            static const int32_t bad[] = {0, 11, -1, INT32_MAX, INT32_MIN};
            cases[i].op = bad[below(5)];
            is[i] = (possible){.impossible = LT_INVALID};
        } else if (p.object == NULL) {
            is[i] = (possible){.impossible = LT_BAD_HANDLE};
        } else {
            is[i] = look(cases[i].op, p.object);
            if (cases[i].op == LT_CASE_PUT && p.object->queue.size >= QUEUED) {
                return;
            }
            if (cases[i].op == LT_CASE_RLOCK && p.object->rlock.depth == UINT64_MAX) {
                return; // Whether that is never possible, or an overflow, is not said.
            }
        }
        before[i] = cases[i];
        ready |= is[i].ready;
        if (is[i].impossible != LT_OK && first == CASES) {
            first = i;
        }
    }
    bool absent = n > 0 && rarely(), refused = first < CASES, waits = !ready && !refused && !absent;
    a_wait x = any_timed(waits && n > 0);
    if (n == 0 && x.seconds > 1e-5 && !refused_seconds(x.seconds) && !interrupt_pending()) {
        x.seconds = 1e-6;
    }
    statuses expected;
    if (absent) {
        expected = ONE(LT_INVALID) | seconds_status(x.seconds);
    } else if (refused) {
        expected = ONE(is[first].impossible) | seconds_status(x.seconds);
    } else if (n == 0 && x.seconds < 0) {
        expected = ONE(LT_DEADLOCK);
    } else {
        expected = wait_status(&x, true, waits, LT_BUSY);
    }
    lt_status got = CALL(expected, lt_select, absent ? NULL : cases, n, x.seconds, out);
    size_t chosen = CASES;
    if (got == LT_OK) {
        for (size_t i = 0; i < n; i++) {
            if (cases[i].status != 4711) {
                MUST("lt_select", chosen == CASES); // Just one happens.
                chosen = i;
            }
        }
        MUST("lt_select", chosen < n && is[chosen].ready && cases[chosen].status == is[chosen].status);
        MUST("lt_select", out == NULL || index == chosen);
        happen(&cases[chosen], is[chosen].object);
    } else if (refused && !absent && got == is[first].impossible) {
        MUST("lt_select", out == NULL || index == first);
    } else {
        MUST("lt_select", index == 4711);
    }
    for (size_t i = 0; i < n; i++) {
        if (i != chosen && !refused) {
            MUST("lt_select", memcmp(&cases[i], &before[i], sizeof cases[i]) == 0);
        }
    }
    waited(&x, "lt_select", got);
}

STEPS(select_steps, select_one);
