// The models of threads: joinable ones, containers for their errors, thread-local values, names, interrupts.
#define _GNU_SOURCE
#include "makers.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

// ---- Thread-local values

static _Atomic unsigned destroyed;

static void destroy(void *value) {
    MUST("lt_local_new", value == w);
    atomic_fetch_add(&destroyed, 1);
}

object *make_local(void) {
    // The threads that make calls outlive each program: only those of a program have values that are destroyed.
    return add(LOCAL, NEW(ONE(LT_OK), lt_local_new, below(2) ? destroy : NULL));
}

static void local_use(void) {
    picked p = pick(LOCAL);
    bool good = p.object != NULL;
    void *value = (void *)(uintptr_t)byte();
    if (below(2) && CALL(ONE(good ? LT_OK : LT_BAD_HANDLE), lt_local_set, p.handle, value) == LT_OK) {
        p.object->local[w->me] = value;
    }
    VALUE(good, good ? p.object->local[w->me] : NULL, lt_local_get, p.handle);
}

static void set_for_the_end(void *key) {
    MUST("lt_local_get", lt_local_get(key) == NULL && lt_local_set(key, w) == LT_OK && lt_local_get(key) == w);
}

// On a thread of its own, which ends.
static void local_destroyed(void) {
    enum { STARTS = 2 };
    if (w->locals_made >= STARTS) {
        return;
    }
    w->locals_made++;
    take_all_interrupts();
    unsigned before = atomic_load(&destroyed);
    lt_local *key = NEW(ONE(LT_OK), lt_local_new, destroy);
    bool freed = below(2);
    lt_thread *thread;
    (void)CALL(ONE(LT_OK), lt_thread_start, set_for_the_end, key, NULL, &thread);
    (void)CALL(ONE(LT_OK), lt_thread_join, thread);
    MUST("lt_local_new", atomic_load(&destroyed) == before + 1);
    (void)CALL(ONE(LT_OK), lt_thread_free, thread);
    (void)CALL(ONE(LT_OK), lt_local_free, key);
    if (freed) {
        (void)CALL(ONE(LT_BAD_HANDLE), lt_local_free, key);
    }
}

// ---- Containers for errors

object *make_errors(void) {
    return add(ERRORS, NEW(ONE(LT_OK), lt_errors_new));
}

static void errors_look(void) {
    picked p = pick(ERRORS);
    bool good = p.object != NULL;
    VALUE(good, good ? p.object->errors.count : 0, lt_errors_count, p.handle);
    const lt_error_info *info = (void *)w, **out = rarely() ? NULL : &info;
    lt_status is = !good ? LT_BAD_HANDLE : p.object->errors.count == 0 ? LT_EMPTY : LT_OK;
    lt_status got = CALL(ONE(is), lt_errors_get, p.handle, out);
    if (got != LT_OK || out == NULL) {
        MUST("lt_errors_get", info == (void *)w);
    } else {
        MUST("lt_errors_get", info->kind == LT_ERROR_RAISED && info->code == p.object->errors.code);
    }
    if (below(4) == 1 && CALL(ONE(good ? LT_OK : LT_BAD_HANDLE), lt_errors_clear, p.handle) == LT_OK) {
        p.object->errors.count = 0;
    }
}

// ---- Threads

static void run(void *arg) {
    body *b = arg;
    sem_post(&b->entered);
    wait_on(&b->gate);
    // Whoever freed the handle has made it none.
    lt_thread *self = lt_thread_current();
    if (self != NULL && (self != b->self || lt_thread_join(self) != LT_DEADLOCK || lt_last_status() != LT_DEADLOCK)) {
        complain("lt_thread_join", "a thread that joins itself is not told so");
    }
    end_body(b);
}

static object *start(bool wild) {
    enum { STARTS = 4 };
    if (w->bodies_started >= STARTS) {
        return NULL;
    }
    picked errors = {NULL, NULL};
    lt_thread_options options = {.size = sizeof options};
    statuses refused = 0;
    bool valid = true;
    if (wild) {
        static const size_t sizes[] = {sizeof options, sizeof options, 8, 16, 0, 7, 4097, SIZE_MAX};
        options.size = sizes[below(8)];
        options.name = any_name(&valid);
        static const size_t stacks[] = {0, 65536, 1, 4095, SIZE_MAX, SIZE_MAX / 2 + 1, 1 << 17, 1 << 20};
        options.stack_size = stacks[below(8)];
        options.daemon = below(2);
        if (below(2)) {
            errors = pick(ERRORS);
            options.errors = errors.handle;
        }
        if (options.size < sizeof(size_t) || options.size > 4096) {
            refused = ONE(LT_INVALID);
        } else {
            if (options.size > 8 && !valid) {
                refused |= ONE(LT_INVALID);
            }
            if (options.size > 16 && ((options.stack_size >= 1 && options.stack_size < 4096) ||
                                         options.stack_size > SIZE_MAX / 2)) {
                refused |= ONE(LT_INVALID);
            }
            if (options.size < sizeof options) {
                errors.object = NULL;
                options.daemon = options.size > 24 && options.daemon;
            } else if (options.errors != NULL && errors.object == NULL) {
                refused |= ONE(LT_BAD_HANDLE);
            }
        }
    }
    bool absent = wild && rarely();
    if (absent) {
        refused |= ONE(LT_INVALID);
    }
    body *b = new_body();
    lt_thread *thread = (void *)w;
    b->daemon = options.daemon;
    b->errors = errors.object;
    lt_status got = CALL(refused != 0 ? refused : ONE(LT_OK), lt_thread_start, absent ? NULL : run, b,
        wild || below(2) ? &options : NULL, &thread);
    if (got != LT_OK) {
        MUST("lt_thread_start", thread == (void *)w);
        b->joined = true;
        return NULL;
    }
    b->self = thread;
    w->running++;
    wait_on(&b->entered);
    object *o = add(THREAD, thread);
    o->thread.body = b;
    o->thread.daemon = options.daemon;
    return o;
}

object *make_thread(void) {
    return start(false);
}

static void thread_start(void) {
    if (room()) {
        (void)start(true);
    }
}

static bool fails(const body *b) {
    return b->ending == RAISES || b->ending == FAILS;
}

// Tells the model that a thread is at its end.
static void ended(object *o) {
    body *b = o->thread.body;
    if (b->joined) {
        return;
    }
    b->joined = true;
    w->running--;
    if (fails(b)) {
        if (b->errors != NULL) {
            if (b->errors->errors.count++ == 0) {
                b->errors->errors.code = b->code;
            }
        } else {
            w->hooked++;
        }
    }
}

static void thread_join(void) {
    picked p = pick(THREAD);
    bool good = p.object != NULL;
    body *b = good ? p.object->thread.body : NULL;
    if (good && !b->joined && below(3) == 0) {
        // It ends now; the join returns when it has.
        take_all_interrupts();
        open_gate(b);
        (void)CALL(ONE(fails(b) ? LT_FAILED : LT_OK), lt_thread_join, p.handle);
        ended(p.object);
    }
    bool waits = good && !b->joined;
    a_wait x = any_wait(waits);
    statuses expected = wait_status(&x, good, waits, LT_BUSY);
    if (expected == ONE(LT_OK) && fails(b)) {
        expected = ONE(LT_FAILED);
    }
    lt_status got = x.form == BARE ? CALL(expected, lt_thread_join, p.handle)
                    : x.form == TRY ? CALL(expected, lt_thread_try_join, p.handle)
                                    : CALL(expected, lt_thread_join_timeout, p.handle, x.seconds);
    waited(&x, "lt_thread_join", got);
}

static void thread_look(void) {
    picked p = pick(THREAD);
    bool good = p.object != NULL;
    body *b = good ? p.object->thread.body : NULL;
    VALUE(good, good && !b->joined, lt_thread_is_alive, p.handle);
    VALUE(good, good && p.object->thread.daemon, lt_thread_daemon, p.handle);
    begin_call();
    lt_ident ident = lt_thread_ident(p.handle);
    end_value("lt_thread_ident", ident != 0, good, 1);
    begin_call();
    int64_t native = lt_thread_native_id(p.handle);
    end_value("lt_thread_native_id", native != 0, good, 1);
    const lt_error_info *info = (void *)w;
    lt_status is = !good ? LT_BAD_HANDLE : b->joined && fails(b) ? LT_OK : LT_EMPTY;
    if (CALL(ONE(is), lt_thread_error, p.handle, &info) == LT_OK) {
        MUST("lt_thread_error", info->kind == LT_ERROR_RAISED && info->code == b->code && info->ident == ident);
        MUST("lt_thread_error", strcmp(info->message, b->ending == RAISES ? "that the fuzzer wanted it" : "that it said so") == 0);
    } else {
        MUST("lt_thread_error", info == (void *)w);
    }
    if (good && b->joined) {
        char name[8] = "before";
        (void)CALL(ONE(LT_INVALID), lt_interrupt, ident);
        (void)CALL(ONE(LT_INVALID), lt_thread_name, ident, name, sizeof name);
        MUST("lt_thread_name", strcmp(name, "before") == 0);
        (void)CALL(ONE(LT_OK), lt_thread_interrupt, p.handle);
        begin_call();
        end_call("lt_native_handle", lt_native_handle(ident) == 0 ? lt_last_status() : LT_OK, ONE(LT_INVALID));
    } else if (!good) {
        (void)CALL(ONE(LT_BAD_HANDLE), lt_thread_interrupt, p.handle);
    }
}

static void counts(void) {
    size_t count = 4711;
    enum { MANY = 16 };
    lt_thread_info infos[MANY];
    static const size_t sizes[] = {sizeof *infos, sizeof *infos, sizeof *infos, 0, 7, 4097};
    size_t size = sizes[below(6)], capacity = below(MANY);
    memset(infos, 0x55, sizeof infos);
    infos[0].size = size;
    bool bad = capacity > 0 && (size < sizeof(size_t) || size > 4096);
    for (object *o = w->objects; o < w->objects + OBJECTS; o++) {
        if (o->alive && o->kind == POOL) {
            return; // How many workers there are at this moment, nobody has promised.
        }
    }
    bool absent = rarely();
    if (absent && capacity > 0) {
        (void)CALL(ONE(LT_INVALID), lt_enumerate, NULL, capacity, &count);
        return;
    }
    lt_status got = CALL(ONE(bad ? LT_INVALID : LT_OK), lt_enumerate, infos, capacity, &count);
    if (got != LT_OK) {
        MUST("lt_enumerate", count == 4711);
        return;
    }
    // The main thread, the one of ours that the library has started, and those of the program.
    MUST("lt_enumerate", count == 2 + w->running);
    MUST("lt_thread_count", lt_thread_count() == 1 + w->running);
    for (size_t i = 0; i < capacity && i < count; i++) {
        MUST("lt_enumerate", infos[i].ident != 0 && memchr(infos[i].name, 0, sizeof infos[i].name) != NULL);
        for (size_t j = 0; j < i; j++) {
            MUST("lt_enumerate", infos[i].ident != infos[j].ident);
        }
    }
}

static void shutdown_threads(void) {
    bool waits = false;
    for (body *b = w->bodies; b != NULL; b = b->next) {
        waits |= b->self != NULL && !b->joined && !b->daemon;
    }
    a_wait x = any_timed(waits);
    lt_status got = CALL(wait_status(&x, true, waits, LT_BUSY), lt_shutdown, x.seconds);
    waited(&x, "lt_shutdown", got);
}

// At the end, when all gates are open.
void end_threads(void) {
    (void)CALL(ONE(LT_OK), lt_shutdown, LT_FOREVER);
    for (object *o; (o = nth(THREAD, 0)) != NULL;) {
        body *b = o->thread.body;
        (void)CALL(ONE(fails(b) ? LT_FAILED : LT_OK), lt_thread_join, o->handle);
        ended(o);
        free_object(o);
    }
    // Those whose handles were freed tell the hook, or a container.
    for (body *b = w->bodies; b != NULL; b = b->next) {
        if (b->self != NULL && !b->joined && fails(b) && b->errors == NULL) {
            w->hooked++;
        }
    }
}

// ---- Who is who

static void self(void) {
    actor *me = &w->actors[w->me];
    VALUE(true, me->ident, lt_get_ident);
    VALUE(true, w->actors[MAIN].ident, lt_main_ident);
    VALUE(true, me->handle, lt_thread_current);
    VALUE(true, gettid(), lt_get_native_id);
    begin_call();
    end_value("lt_native_handle", lt_native_handle(w->actors[below(ACTORS)].ident) != 0, true, 1);
    if (w->me == MAIN && rarely()) {
        (void)CALL(ONE(LT_OK), lt_adopt_main);
    }
    (void)CALL(ONE(LT_INVALID), lt_fail, 1, w->me == STARTED ? NULL : "nobody's");
}

// Whether `name` is the most of `whole` that fits into len bytes, cut on a character boundary.
static bool is_cut(const char *name, const char *whole, size_t len) {
    size_t length = strlen(whole) < len - 1 ? strlen(whole) : len - 1;
    while ((whole[length] & 0xc0) == 0x80) {
        length--;
    }
    return strlen(name) == length && memcmp(name, whole, length) == 0;
}

static void name_self(void) {
    actor *me = &w->actors[w->me];
    bool valid;
    const char *name = any_name(&valid);
    if (name != NULL && strlen(name) >= NAME) {
        return;
    }
    lt_status got = CALL(ONE(name == NULL || !valid ? LT_INVALID : LT_OK), lt_set_thread_name, name);
    if (got == LT_OK) {
        snprintf(me->name, NAME, "%s", name);
    }
    actor *asked = &w->actors[below(ACTORS)];
    char buffer[NAME] = "before";
    size_t len = below(4) == 0 ? below(NAME) : NAME;
    bool stranger = rarely();
    lt_ident ident = stranger ? (lt_ident)-1 - byte() : asked->ident;
    got = CALL(ONE(len == 0 || stranger ? LT_INVALID : LT_OK), lt_thread_name, ident, buffer, len);
    if (got == LT_OK) {
        MUST("lt_thread_name", is_cut(buffer, asked->name, len));
    } else {
        MUST("lt_thread_name", strcmp(buffer, "before") == 0);
    }
}

// ---- Interrupts

static void interrupt(void) {
    static const int signums[] = {SIGURG, SIGURG, SIGIO, SIGWINCH, SIGCHLD, 34, 64, 0, 65, -1, INT_MIN, INT_MAX};
    if (below(2)) {
        actor *whom = &w->actors[below(ACTORS)];
        bool stranger = rarely();
        lt_ident ident = stranger ? (lt_ident)-1 - byte() : whom->ident;
        if (CALL(ONE(stranger ? LT_INVALID : LT_OK), lt_interrupt, ident) == LT_OK) {
            whom->by_name = true;
        }
        return;
    }
    int signum = signums[below(12)];
    unsigned handled = handler_calls();
    bool in_range = signum >= 1 && signum <= 64;
    if (CALL(ONE(in_range ? LT_OK : LT_INVALID), lt_interrupt_main, signum) == LT_OK && signum != SIGIO) {
        actor *main = &w->actors[MAIN];
        if (signum == SIGURG && (main->signals & (uint64_t)1 << (SIGURG - 1)) == 0) {
            main->handled = handled;
        }
        main->signals |= (uint64_t)1 << (signum - 1);
    }
}

static void check_interrupt(void) {
    VALUE(true, w->actors[w->me].last_signal, lt_interrupt_signal);
    if (CALL(ONE(interrupt_pending() ? LT_INTERRUPTED : LT_OK), lt_check_interrupt) == LT_INTERRUPTED) {
        take_interrupt("lt_check_interrupt");
    }
}

static void sleep_a_little(void) {
    a_wait x = {.form = TIMED, .seconds = any_seconds(), .began = lt_monotonic()};
    if (x.seconds > 1e-5 && !refused_seconds(x.seconds) && !interrupt_pending()) {
        x.seconds = 1e-6;
    }
    statuses expected = refused_seconds(x.seconds) ? seconds_status(x.seconds)
                        : x.seconds < 0              ? ONE(LT_INVALID)
                        : x.seconds == 0             ? ONE(LT_OK)
                        : interrupt_pending()        ? ONE(LT_INTERRUPTED)
                                                     : ONE(LT_OK);
    lt_status got = CALL(expected, lt_sleep, x.seconds);
    waited(&x, "lt_sleep", got);
    MUST("lt_sleep", got != LT_OK || lt_monotonic() - x.began >= x.seconds - 1e-9);
}

STEPS(thread_steps, local_use, local_use, local_destroyed, errors_look, thread_start, thread_join, thread_look, counts,
    shutdown_threads, self, name_self, interrupt, interrupt, check_interrupt, sleep_a_little);
