// The model of a queue.
#include "makers.h"

object *make_queue(void) {
    static const size_t capacities[] = {0, 1, 2, 3, 8, 20, SIZE_MAX, (size_t)1 << 40};
    size_t capacity = capacities[below(8)];
    statuses expected = capacity > 1000 ? ONE(LT_OK) | ONE(LT_INVALID) | ONE(LT_NO_MEMORY) : ONE(LT_OK);
    object *o = add(QUEUE, NEW(expected, lt_queue_new, capacity));
    if (o != NULL) {
        o->queue.capacity = capacity;
    }
    return o;
}

static bool full(const object *o) {
    return o->queue.capacity != 0 && o->queue.size >= o->queue.capacity;
}

// As many as the model has room for.
static bool enough(const object *o, size_t n) {
    return o != NULL && o->queue.size + n > QUEUED;
}

static void push(object *o, void *item) {
    o->queue.items[o->queue.size++] = item;
    o->queue.unfinished++;
}

static void *shift(object *o) {
    void *item = o->queue.items[0];
    memmove(o->queue.items, o->queue.items + 1, --o->queue.size * sizeof item);
    return item;
}

void discard_queue(object *o) {
    w->dropped += o->queue.drops ? (unsigned)o->queue.size : 0;
    o->queue.unfinished -= o->queue.size;
    o->queue.size = 0;
}

static void *any_item(void) {
    return (void *)(uintptr_t)(byte() * (uintptr_t)0x101010101010101);
}

static void queue_put(void) {
    picked p = pick(QUEUE);
    if (enough(p.object, 1)) {
        return;
    }
    bool good = p.object != NULL, closed = good && p.object->queue.closed, waits = good && !closed && full(p.object);
    void *item = any_item();
    a_wait x = any_wait(waits);
    statuses expected = wait_status(&x, good, waits, LT_FULL);
    if (expected == ONE(LT_OK) && closed) {
        expected = ONE(LT_CLOSED);
    }
    lt_status got = x.form == BARE ? CALL(expected, lt_queue_put, p.handle, item)
                    : x.form == TRY ? CALL(expected, lt_queue_try_put, p.handle, item)
                                    : CALL(expected, lt_queue_put_timeout, p.handle, item, x.seconds);
    if (got == LT_OK) {
        push(p.object, item);
    }
    waited(&x, "lt_queue_put", got);
}

static void queue_get(void) {
    picked p = pick(QUEUE);
    bool good = p.object != NULL, empty = good && p.object->queue.size == 0;
    bool absent = rarely(), over = empty && p.object->queue.closed, waits = empty && !over && !absent;
    a_wait x = any_wait(waits);
    statuses expected = wait_status(&x, good, waits, LT_EMPTY);
    if (absent && good) {
        // Of two arguments that are wrong, either is told.
        expected = ONE(LT_INVALID) | (x.form == TIMED ? seconds_status(x.seconds) : 0);
    } else if (expected == ONE(LT_OK) && over) {
        expected = ONE(LT_CLOSED);
    }
    void *item = &p, **out = absent ? NULL : &item;
    lt_status got = x.form == BARE ? CALL(expected, lt_queue_get, p.handle, out)
                    : x.form == TRY ? CALL(expected, lt_queue_try_get, p.handle, out)
                                    : CALL(expected, lt_queue_get_timeout, p.handle, x.seconds, out);
    MUST("lt_queue_get", item == (got == LT_OK ? shift(p.object) : (void *)&p));
    waited(&x, "lt_queue_get", got);
}

static void queue_put_many(void) {
    picked p = pick(QUEUE);
    enum { MANY = 6 };
    void *items[MANY];
    size_t n = below(MANY + 1), done = 4711, *out = rarely() ? NULL : &done;
    if (enough(p.object, n)) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        items[i] = any_item();
    }
    bool good = p.object != NULL, closed = good && p.object->queue.closed, absent = rarely();
    size_t free = !good || p.object->queue.capacity == 0 ? n : p.object->queue.capacity - p.object->queue.size;
    size_t fit = n < free ? n : free;
    bool waits = good && !closed && fit < n && !(absent && n > 0);
    a_wait x = any_timed(waits);
    statuses expected = wait_status(&x, good, waits, LT_FULL);
    if (good && absent && n > 0) {
        expected = ONE(LT_INVALID) | seconds_status(x.seconds);
    } else if (expected == ONE(LT_OK) && closed) {
        expected = n > 0 ? ONE(LT_CLOSED) : ONE(LT_CLOSED) | ONE(LT_OK);
    }
    lt_status got = CALL(expected, lt_queue_put_many, p.handle, absent ? NULL : items, n, x.seconds, out);
    size_t put = got < 0 || got == LT_CLOSED ? 0 : fit;
    MUST("lt_queue_put_many", out == NULL || done == (got < 0 ? 4711 : put));
    for (size_t i = 0; i < put; i++) {
        push(p.object, items[i]);
    }
    waited(&x, "lt_queue_put_many", got);
}

static void queue_get_many(void) {
    picked p = pick(QUEUE);
    enum { MANY = 6 };
    void *items[MANY + 1];
    for (size_t i = 0; i <= MANY; i++) {
        items[i] = &p;
    }
    size_t n = below(MANY + 1), done = 4711, *out = rarely() ? NULL : &done;
    bool good = p.object != NULL, empty = good && p.object->queue.size == 0, over = empty && p.object->queue.closed;
    bool absent = rarely(), waits = empty && !over && n > 0 && !absent;
    a_wait x = any_timed(waits);
    statuses expected = wait_status(&x, good, waits, LT_EMPTY);
    if (good && absent && n > 0) {
        expected = ONE(LT_INVALID) | seconds_status(x.seconds);
    } else if (expected == ONE(LT_OK) && over) {
        expected = n > 0 ? ONE(LT_CLOSED) : ONE(LT_CLOSED) | ONE(LT_OK);
    }
    lt_status got = CALL(expected, lt_queue_get_many, p.handle, absent ? NULL : items, n, x.seconds, out);
    size_t taken = got != LT_OK ? 0 : n < p.object->queue.size ? n : p.object->queue.size;
    MUST("lt_queue_get_many", out == NULL || done == (got < 0 ? 4711 : taken));
    for (size_t i = 0; i <= MANY; i++) {
        MUST("lt_queue_get_many", items[i] == (i < taken ? shift(p.object) : (void *)&p));
    }
    waited(&x, "lt_queue_get_many", got);
}

static void queue_close(void) {
    picked p = pick(QUEUE);
    bool immediate = below(2);
    if (CALL(ONE(p.object == NULL ? LT_BAD_HANDLE : LT_OK), lt_queue_close, p.handle, immediate) == LT_OK) {
        p.object->queue.closed = true;
        if (immediate) {
            discard_queue(p.object);
        }
        MUST("lt_queue_close", drops() == w->dropped);
    }
}

static void queue_set_drop(void) {
    picked p = pick(QUEUE);
    bool drops = below(2);
    if (CALL(ONE(p.object == NULL ? LT_BAD_HANDLE : LT_OK), lt_queue_set_drop, p.handle, drops ? call_drop : NULL) ==
        LT_OK) {
        p.object->queue.drops = drops;
    }
}

static void queue_task_done(void) {
    picked p = pick(QUEUE);
    // "If all that were put are so already": also before they were taken.
    lt_status is = p.object == NULL ? LT_BAD_HANDLE : p.object->queue.unfinished == 0 ? LT_INVALID : LT_OK;
    if (p.object != NULL && p.object->queue.unfinished == p.object->queue.size && p.object->queue.size > 0) {
        return; // What is done and is still in the queue nobody has promised anything about.
    }
    if (CALL(ONE(is), lt_queue_task_done, p.handle) == LT_OK) {
        p.object->queue.unfinished--;
    }
}

static void queue_join(void) {
    picked p = pick(QUEUE);
    bool good = p.object != NULL, waits = good && p.object->queue.unfinished > 0;
    a_wait x = any_wait(waits);
    statuses expected = wait_status(&x, good, waits, LT_BUSY);
    lt_status got = x.form == BARE ? CALL(expected, lt_queue_join, p.handle)
                    : x.form == TRY ? CALL(expected, lt_queue_try_join, p.handle)
                                    : CALL(expected, lt_queue_join_timeout, p.handle, x.seconds);
    waited(&x, "lt_queue_join", got);
}

static void queue_look(void) {
    picked p = pick(QUEUE);
    bool good = p.object != NULL;
    VALUE(good, good ? p.object->queue.size : 0, lt_queue_size, p.handle);
    VALUE(good, good ? p.object->queue.capacity : 0, lt_queue_capacity, p.handle);
    VALUE(good, good && p.object->queue.size == 0, lt_queue_is_empty, p.handle);
    VALUE(good, good && full(p.object), lt_queue_is_full, p.handle);
    VALUE(good, good && p.object->queue.closed, lt_queue_is_closed, p.handle);
}

STEPS(queue_steps, queue_put, queue_put, queue_put, queue_get, queue_get, queue_put_many, queue_get_many, queue_close,
    queue_set_drop, queue_task_done, queue_task_done, queue_join, queue_look, queue_look);
