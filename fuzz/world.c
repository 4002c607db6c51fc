// The world of a program: its bytes, its objects, its three threads, and what every call is held to.
#define _GNU_SOURCE
#include "world.h"

#include "makers.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>

static world the_world;
world *const w = &the_world;
bool verbose;

// ---- Bytes

unsigned byte(void) {
    if (w->left == 0) {
        return 0;
    }
    w->left--;
    return *w->data++;
}

unsigned below(unsigned n) {
    return byte() % n;
}

bool rarely(void) {
    return byte() >= 240;
}

double any_seconds(void) {
    static const double table[] = {0.0, 1e-6, LT_FOREVER, -0.0, 1e-9, 5e-324, -INFINITY, -1e-300, LT_TIMEOUT_MAX, 3600.0,
        NAN, INFINITY, LT_TIMEOUT_MAX * (1 + DBL_EPSILON), DBL_MAX, -DBL_MAX, 1e-5};
    return table[below(16)];
}

const char *any_name(bool *valid) {
    static char buffer[1024];
    *valid = true;
    switch (below(8)) {
    case 0: return NULL;
    case 1: return "";
    case 2: return "queue of what is left";
    case 3: return "\xc3\xa9t\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\x89";
    case 4: *valid = false; return "half \xc3";
    case 5: *valid = false; return "\xff\xfe";
    case 6: *valid = false; return "\xed\xa0\x80 is half a pair";
    default: {
        // A long one, of characters of all lengths.
        size_t n = byte(), at = 0;
        static const char *const letters[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8e\x89"};
        for (size_t i = 0; i < n; i++) {
            const char *letter = letters[(i * 7 + n) % 4];
            memcpy(buffer + at, letter, strlen(letter));
            at += strlen(letter);
        }
        buffer[at] = '\0';
        return buffer;
    }
    }
}

// ---- Calls

enum { SENTINEL = 77777 };

static const uint8_t *program;
static size_t program_size;
static unsigned long calls;
void (*on_finding)(const uint8_t *program, size_t size);

void complain(const char *function, const char *format, ...) {
    fprintf(stderr, "\nstep %u, thread %d: %s: ", w->step, w->me, function);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n  the last error is %s: \"%s\"\n", lt_status_name(lt_last_status()), lt_last_error());
    if (on_finding != NULL) {
        on_finding(program, program_size);
    }
    abort();
}

void begin_call(void) {
    errno = SENTINEL;
}

// A sentence without the name of the object, which it has as long as the object is there and is called so:
// `function: type "name": what was wrong`.
static const char *nameless(const char *sentence) {
    const char *rest = strstr(sentence, ": ");
    if (rest == NULL) {
        return sentence;
    }
    rest += 2;
    size_t type = strcspn(rest, " \"");
    if (rest[type] == ' ' && rest[type + 1] == '"') {
        const char *end = strstr(rest + type + 2, "\": ");
        return end == NULL ? rest : end + 3;
    }
    return rest;
}

// An error is the last error now, and whatever is none has left that alone.
static void check_last_error(const char *function, lt_status failed) {
    actor *me = &w->actors[w->me];
    lt_status status = lt_last_status();
    const char *sentence = lt_last_error();
    if (w->at_work) {
        return; // On a thread of the library's, which has a last error of its own.
    }
    if (failed != LT_OK) {
        size_t length = strlen(function);
        if (status != failed) {
            complain(function, "it failed with %s, and the last status is %s", lt_status_name(failed), lt_status_name(status));
        }
        if (strncmp(sentence, function, length) != 0 || strncmp(sentence + length, ": ", 2) != 0 ||
            sentence[length + 2] == '\0') {
            complain(function, "its error is \"%s\"", sentence);
        }
        snprintf(me->sentence, sizeof me->sentence, "%s", sentence);
        me->status = status;
    } else if (status != me->status || strcspn(sentence, ":") != strcspn(me->sentence, ":") ||
               strncmp(sentence, me->sentence, strcspn(sentence, ":")) != 0 ||
               strcmp(nameless(sentence), nameless(me->sentence)) != 0) {
        complain(function, "it has not failed, and the last error was %s: \"%s\"", lt_status_name(me->status), me->sentence);
    }
}

static void after_call(const char *function) {
    if (errno != SENTINEL) {
        complain(function, "errno has become %d", errno);
    }
    calls++;
}

lt_status end_call(const char *function, lt_status got, statuses expected) {
    after_call(function);
    if (verbose) {
        fprintf(stderr, "%3u  thread %d  %-32s %s\n", w->step, w->me, function, lt_status_name(got));
    }
    if (got < LT_UNSUPPORTED || got > LT_FULL || (expected & ONE(got)) == 0) {
        char wanted[512] = "";
        for (lt_status s = LT_UNSUPPORTED; s <= LT_FULL; s++) {
            if (expected & ONE(s)) {
                strcat(strcat(wanted, " "), lt_status_name(s));
            }
        }
        complain(function, "it returned %s (%d), and the contract says%s", lt_status_name(got), (int)got, wanted);
    }
    check_last_error(function, got < 0 ? got : LT_OK);
    return got;
}

void end_value(const char *function, uint64_t got, bool good, uint64_t expected) {
    after_call(function);
    if (verbose) {
        fprintf(stderr, "%3u  thread %d  %-32s %" PRIu64 "%s\n", w->step, w->me, function, got, good ? "" : ", bad handle");
    }
    if (got != (good ? expected : 0)) {
        complain(function, "it returned %" PRIu64 ", and the contract says %" PRIu64, got, good ? expected : 0);
    }
    check_last_error(function, good ? LT_OK : LT_BAD_HANDLE);
}

void *end_new(const char *function, void *handle, statuses expected) {
    lt_status got = handle != NULL ? LT_OK : lt_last_status();
    if (handle == NULL && got >= 0) {
        complain(function, "it returned NULL, and there is no error");
    }
    (void)end_call(function, got, expected);
    if (handle != NULL && (uintptr_t)handle >> (8 * sizeof handle - 1) != 0) {
        complain(function, "its handle is no positive number");
    }
    return handle;
}

// ---- Objects

object *(*const makers[KINDS])(void) = {
    [LOCK] = make_lock, [RLOCK] = make_rlock, [RWLOCK] = make_rwlock, [SPINLOCK] = make_spinlock,
    [SEMAPHORE] = make_semaphore, [EVENT] = make_event, [CONDITION] = make_condition, [BARRIER] = make_barrier,
    [QUEUE] = make_queue, [LOCAL] = make_local, [TIMER] = make_timer, [WATCHDOG] = make_watchdog,
    [ERRORS] = make_errors, [THREAD] = make_thread, [POOL] = make_pool, [FUTURE] = make_future,
    [WATCHER] = make_watcher,
};

bool room(void) {
    for (object *o = w->objects; o < w->objects + OBJECTS; o++) {
        if (!o->alive) {
            return true;
        }
    }
    return false;
}

unsigned alive(kind k) {
    unsigned n = 0;
    for (object *o = w->objects; o < w->objects + OBJECTS; o++) {
        n += o->alive && o->kind == k;
    }
    return n;
}

object *nth(kind k, unsigned n) {
    for (object *o = w->objects; o < w->objects + OBJECTS; o++) {
        if (o->alive && o->kind == k && n-- == 0) {
            return o;
        }
    }
    return NULL;
}

object *add(kind k, void *handle) {
    if (handle == NULL) {
        return NULL;
    }
    object *place = NULL;
    for (object *o = w->objects; o < w->objects + OBJECTS; o++) {
        if (o->alive && o->handle == handle) {
            complain("a constructor", "two objects have the same handle");
        }
        if (!o->alive && place == NULL) {
            place = o;
        }
    }
    *place = (object){.kind = k, .handle = handle, .alive = true};
    return place;
}

void forget(object *o) {
    w->stale[w->freed % STALE].kind = o->kind;
    w->stale[w->freed++ % STALE].handle = o->handle;
    o->alive = false;
}

object *make(kind k) {
    return room() ? makers[k]() : NULL;
}

static void *bad_handle(kind k) {
    void *handle = NULL;
    switch (below(8)) {
    case 0: return NULL;
    case 1: return (void *)(uintptr_t)(16 * (1 + byte()));
    case 2: {
        object *o = nth(k, 0);
        return o == NULL ? NULL : (char *)o->handle + 1 + below(7);
    }
    case 3: return (void *)(uintptr_t)-1;
    case 4:
    case 5:
        handle = w->freed == 0 ? NULL : w->stale[below(w->freed < STALE ? w->freed : STALE)].handle;
        break;
    case 6: {
        object *o = nth(k, 0);
        handle = o == NULL ? NULL : (void *)(uintptr_t)(double)(uintptr_t)o->handle;
        break;
    }
    default: {
        object *o = &w->objects[below(OBJECTS)];
        handle = o->alive && o->kind != k ? o->handle : NULL;
    }
    }
    for (object *o = w->objects; o < w->objects + OBJECTS; o++) {
        if (o->alive && o->kind == k && o->handle == handle) {
            return NULL;
        }
    }
    return handle;
}

picked pick(kind k) {
    unsigned b = byte();
    if (b < 232) {
        unsigned n = alive(k);
        object *o = n == 0 ? make(k) : nth(k, b % n);
        if (o != NULL) {
            return (picked){o->handle, o};
        }
    }
    return (picked){bad_handle(k), NULL};
}

// ---- Waits

bool interrupt_pending(void) {
    return w->actors[w->me].by_name || w->actors[w->me].signals != 0;
}

bool refused_seconds(double seconds) {
    return isnan(seconds) || seconds > LT_TIMEOUT_MAX;
}

statuses seconds_status(double seconds) {
    return isnan(seconds) ? ONE(LT_INVALID) : seconds > LT_TIMEOUT_MAX ? ONE(LT_OVERFLOW) : 0;
}

static a_wait bounded(a_wait x, bool waits) {
    enum { SLEEPS = 16 }; // Of a program.
    if (waits && !interrupt_pending()) {
        if (x.form == BARE) {
            if (rarely()) {
                (void)CALL(ONE(LT_OK), lt_interrupt, w->actors[w->me].ident);
                w->actors[w->me].by_name = true;
            } else {
                x.form = TRY;
            }
        } else if (x.form == TIMED && !refused_seconds(x.seconds) && x.seconds != 0.0) {
            bool few = w->timed++ < SLEEPS;
            x.seconds = !few ? 0.0 : x.seconds > 0 && x.seconds < 1e-5 ? x.seconds : 1e-6;
        }
    } else if (waits && x.seconds > 0 && x.seconds < 1.0) {
        x.seconds = 3600.0; // Which of the two comes first, the interrupt or the end of the time, is not said.
    }
    x.began = x.form == TIMED ? lt_monotonic() : 0.0;
    return x;
}

a_wait any_wait(bool waits) {
    unsigned form = below(3);
    return bounded((a_wait){.form = form, .seconds = form == TIMED ? any_seconds() : form == TRY ? 0.0 : LT_FOREVER}, waits);
}

a_wait any_timed(bool waits) {
    return bounded((a_wait){.form = TIMED, .seconds = any_seconds()}, waits);
}

statuses wait_status(const a_wait *x, bool good, bool waits, lt_status refused) {
    if (!good) {
        return ONE(LT_BAD_HANDLE);
    }
    if (x->form == TIMED && refused_seconds(x->seconds)) {
        return seconds_status(x->seconds);
    }
    if (!waits) {
        return ONE(LT_OK);
    }
    if (x->form == TRY) {
        return ONE(refused);
    }
    if (x->form == TIMED && x->seconds == 0.0) {
        return ONE(LT_TIMED_OUT);
    }
    return ONE(interrupt_pending() ? LT_INTERRUPTED : LT_TIMED_OUT);
}

void take_interrupt(const char *function) {
    actor *me = &w->actors[w->me];
    begin_call();
    int signum = lt_interrupt_signal();
    after_call("lt_interrupt_signal");
    if (signum == 0) {
        if (!me->by_name) {
            complain(function, "interrupted by nobody");
        }
        me->by_name = false;
    } else {
        if (signum < 1 || signum > 64 || (me->signals & -me->signals) != (uint64_t)1 << (signum - 1)) {
            complain(function, "interrupted by signal %d, pending are %" PRIx64, signum, me->signals);
        }
        me->signals &= me->signals - 1;
        if (signum == SIGURG && handler_calls() == me->handled) {
            complain(function, "interrupted before the handler of the signal has run");
        }
    }
    me->last_signal = signum;
}

void waited(const a_wait *x, const char *function, lt_status got) {
    if (got == LT_INTERRUPTED) {
        take_interrupt(function);
    } else if (got == LT_TIMED_OUT && x->form == TIMED && lt_monotonic() - x->began < x->seconds - 1e-9) {
        complain(function, "it has waited for less than %g seconds", x->seconds);
    }
}

// ---- Threads

void wait_on(sem_t *semaphore) {
    while (sem_wait(semaphore) != 0) {
    }
}

static struct {
    sem_t go, done;
    void (*step)(void);
} posts[ACTORS];

static void serve(int actor) {
    prctl(PR_SET_TIMERSLACK, 1);
    for (;;) {
        wait_on(&posts[actor].go);
        posts[actor].step();
        sem_post(&posts[actor].done);
    }
}

void on_actor(int actor, void (*step)(void)) {
    if (actor == w->me || w->me != MAIN || w->at_work) {
        step();
        return;
    }
    w->me = actor;
    posts[actor].step = step;
    sem_post(&posts[actor].go);
    wait_on(&posts[actor].done);
    w->me = MAIN;
}

static void *foreign(void *unused) {
    serve(FOREIGN);
    return unused;
}

static void started(void *unused) {
    (void)unused;
    serve(STARTED);
}

void soon(const char *what, bool (*condition)(void)) {
    for (double began = lt_monotonic(); !condition();) {
        if (lt_monotonic() - began > 20.0) {
            complain(what, "it is not so, and will not be");
        }
        sched_yield();
    }
}

body *new_body(void) {
    body *b = calloc(1, sizeof *b);
    sem_init(&b->entered, 0, 0);
    sem_init(&b->gate, 0, 0);
    b->ending = below(ENDINGS);
    b->code = (int)byte() - 128;
    b->value = (void *)(uintptr_t)byte();
    b->next = w->bodies;
    w->bodies = b;
    w->bodies_started++;
    return b;
}

void open_gate(body *b) {
    if (!b->open) {
        b->open = true;
        sem_post(&b->gate);
    }
}

// On the thread itself, when its gate is open.
void end_body(body *b) {
    switch (b->ending) {
    case RAISES: lt_raise(b->code, "that the fuzzer wanted it");
    case EXITS: lt_exit();
    case FAILS:
        if (lt_fail(b->code + 1, "first") != LT_OK || lt_fail(b->code, "that it said so") != LT_OK) {
            complain("lt_fail", "it failed on a thread that runs a function");
        }
        break;
    default: break;
    }
}

// ---- What the library calls

static _Atomic unsigned drop_count, future_count, hook_count, handler_count;

void call_drop(void *item) {
    (void)item;
    atomic_fetch_add(&drop_count, 1);
}

void call_future(lt_future *future, void *arg) {
    (void)future;
    if (arg != &the_world) {
        complain("lt_future_add_done_callback", "the argument is another one");
    }
    atomic_fetch_add(&future_count, 1);
}

static void call_hook(const lt_error_info *info, void *arg) {
    if (arg != &the_world || info->size < sizeof *info || info->message == NULL || info->type_name == NULL) {
        complain("lt_set_excepthook", "the hook got something else");
    }
    atomic_fetch_add(&hook_count, 1);
}

static void handle_signal(int signum) {
    (void)signum;
    atomic_fetch_add(&handler_count, 1);
}

unsigned drops(void) {
    return atomic_load(&drop_count);
}

unsigned future_calls(void) {
    return atomic_load(&future_count);
}

unsigned hook_calls(void) {
    return atomic_load(&hook_count);
}

unsigned handler_calls(void) {
    return atomic_load(&handler_count);
}

// ---- A program

static void begin_actor(void) {
    actor *me = &w->actors[w->me];
    me->ident = lt_get_ident();
    me->handle = lt_thread_current();
    me->last_signal = lt_interrupt_signal();
    me->status = lt_last_status();
    snprintf(me->sentence, sizeof me->sentence, "%s", lt_last_error());
    snprintf(me->name, sizeof me->name, "actor %d", w->me);
    (void)CALL(ONE(LT_OK), lt_set_thread_name, me->name);
}

void take_all_interrupts(void) {
    while (interrupt_pending()) {
        (void)CALL(ONE(LT_INTERRUPTED), lt_check_interrupt);
        take_interrupt("lt_check_interrupt");
    }
}

static void end_actor(void) {
    take_all_interrupts();
    (void)CALL(ONE(LT_OK), lt_check_interrupt);
}

static void begin_process(void) {
    static bool begun;
    if (begun) {
        return;
    }
    begun = true;
    prctl(PR_SET_TIMERSLACK, 1);
    struct sigaction action = {.sa_handler = handle_signal, .sa_flags = SA_RESTART};
    sigaction(SIGURG, &action, NULL);
    signal(SIGIO, SIG_IGN);
    for (int i = FOREIGN; i < ACTORS; i++) {
        sem_init(&posts[i].go, 0, 0);
        sem_init(&posts[i].done, 0, 0);
    }
    pthread_t thread;
    static lt_thread *daemon; // Freed, it would not know itself.
    lt_thread_options options = {.size = sizeof options, .daemon = true};
    if (pthread_create(&thread, NULL, foreign, NULL) != 0 || lt_thread_start(started, NULL, &options, &daemon) != LT_OK) {
        complain("lt_thread_start", "there is no thread to be had");
    }
    if (lt_set_excepthook(call_hook, &the_world) != LT_OK) {
        complain("lt_set_excepthook", "it failed");
    }
}

static bool all_dropped(void) {
    return drops() == w->dropped;
}

static bool all_told(void) {
    return future_calls() == w->callbacks && hook_calls() == w->hooked;
}

static bool all_gone(void) {
    return lt_thread_count() == 1;
}

static void end_of_kind(kind k) {
    for (object *o; (o = nth(k, 0)) != NULL;) {
        free_object(o);
    }
}

static void end_program(void) {
    for (int i = 0; i < ACTORS; i++) {
        on_actor(i, end_actor);
    }
    for (body *b = w->bodies; b != NULL; b = b->next) {
        open_gate(b);
    }
    end_insight();
    end_of_kind(TIMER);
    end_of_kind(WATCHDOG);
    end_pools();
    end_threads();
    // Nobody waits for daemons. Their errors are for a container that is there.
    soon("the end: no thread is left", all_gone);
    for (kind k = 0; k < KINDS; k++) {
        end_of_kind(k);
    }
    (void)CALL(ONE(LT_OK), lt_set_stack_size, 0);
    soon("the end: what was discarded was dropped", all_dropped);
    soon("the end: each callback was called, and each error told", all_told);
    check_watches();
    for (unsigned i = 0; i < w->freed && i < STALE; i++) {
        check_stale(w->stale[i].kind, w->stale[i].handle);
    }
    while (w->bodies != NULL) {
        body *b = w->bodies;
        w->bodies = b->next;
        sem_destroy(&b->entered);
        sem_destroy(&b->gate);
        free(b);
    }
}

void run_program(const uint8_t *data, size_t size) {
    static const steps *const all[] = {&exclusion_steps, &counting_steps, &queue_steps, &thread_steps, &task_steps,
        &misc_steps, &select_steps, &watch_steps, &insight_steps};
    enum { FILES = sizeof all / sizeof all[0], STEPS = 400 };
    begin_process();
    program = data;
    program_size = size;
    the_world = (world){.data = data, .left = size};
    w->dropped = drops();
    w->callbacks = future_calls();
    w->hooked = hook_calls();
    for (int i = 0; i < ACTORS; i++) {
        on_actor(i, begin_actor);
    }
    while (w->left > 0 && w->step < STEPS) {
        w->step++;
        const steps *chosen = all[below(FILES)];
        step_fn step = chosen->steps[below(chosen->count)];
        unsigned who = byte();
        on_actor(who >= 248 ? STARTED : who >= 240 ? FOREIGN : MAIN, step);
    }
    end_program();
}

unsigned long calls_made(void) {
    return calls;
}
