// What all objects have: they are freed, and have names. And what has no object: statuses, once, stacks, routes, dumps.
#define _GNU_SOURCE
#include "makers.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

// ---- Freeing

static lt_status free_as(kind k, void *handle, statuses expected) {
    switch (k) {
    case LOCK: return CALL(expected, lt_lock_free, handle);
    case RLOCK: return CALL(expected, lt_rlock_free, handle);
    case RWLOCK: return CALL(expected, lt_rwlock_free, handle);
    case SPINLOCK: return CALL(expected, lt_spinlock_free, handle);
    case SEMAPHORE: return CALL(expected, lt_semaphore_free, handle);
    case EVENT: return CALL(expected, lt_event_free, handle);
    case CONDITION: return CALL(expected, lt_condition_free, handle);
    case BARRIER: return CALL(expected, lt_barrier_free, handle);
    case QUEUE: return CALL(expected, lt_queue_free, handle);
    case LOCAL: return CALL(expected, lt_local_free, handle);
    case TIMER: return CALL(expected, lt_timer_free, handle);
    case WATCHDOG: return CALL(expected, lt_watchdog_free, handle);
    case ERRORS: return CALL(expected, lt_errors_free, handle);
    case THREAD: return CALL(expected, lt_thread_free, handle);
    case POOL: return CALL(expected, lt_pool_free, handle);
    case WATCHER: return CALL(expected, lt_watch_free, handle);
    default: return CALL(expected, lt_future_free, handle);
    }
}

void free_object(object *o) {
    if (o->kind == QUEUE) {
        discard_queue(o);
    }
    if (o->kind == ERRORS) {
        for (body *b = w->bodies; b != NULL; b = b->next) {
            b->errors = b->errors == o ? NULL : b->errors;
        }
    }
    (void)free_as(o->kind, o->handle, ONE(LT_OK));
    if (o->kind == WATCHER) {
        watch_freed(o);
    }
    MUST("lt_queue_free", o->kind != QUEUE || drops() == w->dropped);
    forget(o);
}

void check_stale(kind kind, void *handle) {
    (void)free_as(kind, handle, ONE(LT_BAD_HANDLE));
}

static void free_any(void) {
    kind k = below(KINDS);
    if (rarely()) {
        (void)free_as(k, NULL, ONE(LT_OK));
        return;
    }
    picked p = pick(k);
    if (p.object == NULL) {
        (void)free_as(k, p.handle, ONE(p.handle == NULL ? LT_OK : LT_BAD_HANDLE));
    } else if (k == POOL && p.object->pool.tasks > 0) {
        return; // It would wait for them.
    } else {
        if (k == POOL) {
            take_all_interrupts();
        }
        void *handle = p.object->handle;
        free_object(p.object);
        (void)free_as(k, handle, ONE(LT_BAD_HANDLE));
    }
}

// ---- Names

static picked any_handle(void) {
    if (byte() < 232) {
        object *o = &w->objects[below(OBJECTS)];
        if (o->alive) {
            return (picked){o->handle, o};
        }
    }
    if (w->freed > 0 && below(2)) {
        return (picked){w->stale[below(w->freed < STALE ? w->freed : STALE)].handle, NULL};
    }
    static void *const bad[] = {NULL, (void *)1, (void *)(uintptr_t)-1, (void *)64, (void *)(uintptr_t)-64};
    return (picked){bad[below(5)], NULL};
}

static bool has_ended(const object *o) {
    return o->kind == THREAD && o->thread.body->joined;
}

static void names(void) {
    picked p = any_handle();
    bool good = p.object != NULL, valid;
    if (below(2)) {
        const char *name = any_name(&valid);
        if (name != NULL && strlen(name) >= NAME) {
            return;
        }
        lt_status is = !good ? LT_BAD_HANDLE : !valid ? LT_INVALID : has_ended(p.object) ? LT_INVALID : LT_OK;
        // A name may be looked at first: it is the handle of any type that is the peculiar one.
        statuses expected = ONE(is);
        if (CALL(expected, lt_set_name, p.handle, name) == LT_OK) {
            snprintf(p.object->name, NAME, "%s", name == NULL ? "" : name);
        }
    }
    char buffer[NAME] = "before";
    size_t len = below(4) == 0 ? below(NAME) : NAME;
    lt_status is = !good ? LT_BAD_HANDLE : len == 0 ? LT_INVALID : LT_OK;
    statuses expected = ONE(is);
    if (good && has_ended(p.object) && len > 0) {
        expected |= ONE(LT_INVALID);
    }
    lt_status got = CALL(expected, lt_name, p.handle, buffer, len);
    if (got != LT_OK) {
        MUST("lt_name", strcmp(buffer, "before") == 0);
    } else if (p.object->name[0] != '\0') {
        size_t length = strlen(p.object->name) < len - 1 ? strlen(p.object->name) : len - 1;
        while ((p.object->name[length] & 0xc0) == 0x80) {
            length--;
        }
        MUST("lt_name", strlen(buffer) == length && memcmp(buffer, p.object->name, length) == 0);
    } else {
        MUST("lt_name", len == 1 || p.object->kind == THREAD || buffer[0] != '\0');
    }
}

// ---- Statuses

static void status_texts(void) {
    static const lt_status statuses[] = {LT_OK, LT_FULL, LT_UNSUPPORTED, 10, -10, INT32_MAX, INT32_MIN, 1000000};
    lt_status status = below(2) ? statuses[below(8)] : (lt_status)byte() - 128;
    bool known = status >= LT_UNSUPPORTED && status <= LT_FULL;
    MUST("lt_status_name", strncmp(lt_status_name(status), "LT_", 3) == 0);
    MUST("lt_status_name", (strcmp(lt_status_name(status), "LT_UNKNOWN") == 0) != known);
    MUST("lt_status_message", lt_status_message(status)[0] != '\0');
    MUST("lt_version", strcmp(lt_version(), "0.1.0") == 0);
    MUST("lt_features", lt_features() != 0);
}

// ---- Once

static lt_once_flag *calling;
static unsigned called;

static void call(void *arg) {
    MUST("lt_call_once", arg == w);
    called++;
    if (calling != NULL) {
        (void)CALL(ONE(LT_DEADLOCK), lt_call_once, calling, call, w);
    }
}

static void once(void) {
    lt_once_flag flag = LT_ONCE_FLAG_INIT;
    calling = below(2) ? &flag : NULL;
    called = 0;
    if (rarely()) {
        (void)CALL(ONE(LT_INVALID), lt_call_once, NULL, call, w);
        (void)CALL(ONE(LT_INVALID), lt_call_once, &flag, NULL, w);
        MUST("lt_call_once", called == 0);
    }
    for (int i = 0; i < 2; i++) {
        (void)CALL(ONE(LT_OK), lt_call_once, &flag, call, w);
        MUST("lt_call_once", called == 1);
    }
}

// ---- Stacks

static void stacks(void) {
    static const size_t sizes[] = {0, 1, 4095, 4096, 65536, 100000, SIZE_MAX, SIZE_MAX / 2 + 1};
    size_t size = sizes[below(8)];
    bool refused = (size >= 1 && size < 4096) || size > SIZE_MAX / 2;
    if (CALL(ONE(refused ? LT_INVALID : LT_OK), lt_set_stack_size, size) == LT_OK) {
        MUST("lt_stack_size", size == 0 ? lt_stack_size() == 0 : lt_stack_size() >= size);
        w->stack_size = lt_stack_size();
    }
    VALUE(true, w->stack_size, lt_stack_size);
    // What the threads of the program have is no part of this.
    (void)CALL(ONE(LT_OK), lt_set_stack_size, w->stack_size = 0);
}

// ---- Routes of signals

static void never_signalled(int signum, void *arg) {
    (void)arg;
    complain("lt_signal_to_callback", "signal %d came", signum);
}

static void routes(void) {
    static const int signums[] = {SIGWINCH, SIGUSR2, 40, 0, 65, -1, SIGKILL, SIGSTOP, INT_MAX, INT_MIN};
    int signum = signums[below(10)];
    bool refused = signum < 1 || signum > 64 || signum == SIGKILL || signum == SIGSTOP;
    statuses expected = ONE(refused ? LT_INVALID : LT_OK);
    struct sigaction before, after;
    bool known = sigaction(signum, NULL, &before) == 0;
    switch (below(5)) {
    case 0: (void)CALL(expected, lt_signal_to_main, signum); break;
    case 1: (void)CALL(expected, lt_signal_chain_to_main, signum); break;
    case 2: {
        picked p = pick(EVENT);
        if (p.object == NULL) {
            expected = ONE(LT_BAD_HANDLE) | (refused ? ONE(LT_INVALID) : 0);
        }
        (void)CALL(expected, lt_signal_to_event, signum, p.handle);
        break;
    }
    case 3: {
        picked p = pick(QUEUE);
        if (p.object == NULL) {
            expected = ONE(LT_BAD_HANDLE) | (refused ? ONE(LT_INVALID) : 0);
        }
        (void)CALL(expected, lt_signal_to_queue, signum, p.handle);
        break;
    }
    default: {
        bool absent = below(4) == 0;
        (void)CALL(absent ? ONE(LT_INVALID) : expected, lt_signal_to_callback, signum, absent ? NULL : never_signalled, NULL);
    }
    }
    (void)CALL(ONE(refused ? LT_INVALID : LT_OK), lt_signal_restore, signum);
    if (known && sigaction(signum, NULL, &after) == 0) {
        MUST("lt_signal_restore", before.sa_handler == after.sa_handler);
    }
}

// ---- Traces of errors

static void backtrace(void) {
    lt_error_info none;
    memset(&none, 0, sizeof none);
    begin_call();
    const char *text = lt_error_backtrace(below(2) ? NULL : &none);
    MUST("lt_error_backtrace", text[0] == '\0');
    (void)end_call("lt_error_backtrace", lt_last_status(), ONE(LT_INVALID));
}

// ---- Threads that are detached

static sem_t was_here;

static void be_here(void *arg) {
    MUST("lt_start_new_thread_copy", memcmp(arg, "by value", 9) == 0);
    sem_post(&was_here);
}

static void be_anywhere(void *arg) {
    MUST("lt_start_new_thread", arg == w);
    sem_post(&was_here);
}

static bool settled(void) {
    return lt_thread_count() == 1 + w->running;
}

static void detached(void) {
    enum { STARTS = 2 };
    (void)CALL(ONE(LT_INVALID), lt_start_new_thread, NULL, NULL, NULL);
    (void)CALL(ONE(LT_INVALID), lt_spawn, NULL, NULL, NULL, NULL);
    if (w->locals_made >= STARTS || alive(POOL) > 0) {
        return;
    }
    w->locals_made++;
    sem_init(&was_here, 0, 0);
    lt_ident ident = 0;
    if (below(2)) {
        (void)CALL(ONE(LT_OK), lt_start_new_thread_copy, be_here, "by value", 9, &ident);
    } else {
        picked errors = pick(ERRORS);
        if (errors.object == NULL && errors.handle != NULL) {
            (void)CALL(ONE(LT_BAD_HANDLE), lt_spawn, be_anywhere, w, errors.handle, &ident);
            MUST("lt_spawn", ident == 0);
            return;
        }
        (void)CALL(ONE(LT_OK), lt_spawn, be_anywhere, w, errors.handle, &ident);
    }
    wait_on(&was_here);
    MUST("lt_start_new_thread", ident != 0);
    soon("a detached thread is counted no more", settled);
}

STEPS(misc_steps, free_any, free_any, free_any, free_any, names, names, status_texts, once, stacks, routes, backtrace,
    detached);
