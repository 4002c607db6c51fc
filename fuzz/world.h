// The fuzzer that knows the answers: bytes become a program of calls, and a small sequential model of the contract
// says before each call what it must return.
//
// A program has one call at a time, made by one of three threads in turn (the main one, one of the program's, one that
// the library started), so that every answer is known. The model is written from the documentation of the header, not
// from the library's source: where the two differ, one of them is wrong, and the program ends.
//
// Each CALL checks besides: errno is as it was; an error has a sentence that names the function, and its status is the
// last one; anything else leaves the last error alone.
#ifndef LT_FUZZ_WORLD_H
#define LT_FUZZ_WORLD_H

#include <lowthread.h>

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind {
    LOCK, RLOCK, RWLOCK, SPINLOCK, SEMAPHORE, EVENT, CONDITION, BARRIER, QUEUE, LOCAL, TIMER, WATCHDOG, ERRORS,
    THREAD, POOL, FUTURE, WATCHER, KINDS
} kind;

// Who makes calls. The library has started the last one.
enum { MAIN, FOREIGN, STARTED, ACTORS };
enum { NOBODY = -1 };

enum { OBJECTS = 24, STALE = 64, QUEUED = 24, NAME = 80, SENTENCE = 512 };

// How a thread or a task ends.
typedef enum ending { RETURNS, RAISES, EXITS, FAILS, ENDINGS } ending;

// A thread or a task: it stands at its gate until it is told to end. Never reused, since what was detached may still
// run when its handle is gone.
typedef struct body {
    sem_t entered, gate;
    ending ending;
    void *value;
    lt_thread *self; // The handle that it must have.
    bool daemon, open, joined, had_future;
    struct object *errors; // Where its error goes; NULL for the hook.
    int code;
    struct body *next;
} body;

typedef enum life { PENDING, RUNNING, RETURNED, FAILED, EXITED, CANCELLED } life;

typedef struct object {
    kind kind;
    void *handle;
    bool alive;
    char name[NAME]; // "" for the default one.
    union {
        bool held;
        struct { int owner; uint64_t depth; } rlock;
        struct { uint32_t readers; bool writer; } rwlock;
        struct { uint32_t value, max; } semaphore;
        struct { uint32_t parties; bool broken, acts; } barrier;
        struct {
            size_t capacity, size, unfinished;
            void *items[QUEUED];
            bool closed, drops;
        } queue;
        void *local[ACTORS];
        struct { size_t count; int code; } errors;
        struct { body *body; bool daemon; } thread;
        struct { body *bodies[QUEUED]; size_t tasks; bool closed, drops; } pool; // The first one runs.
        struct { struct object *pool; body *body; life life; unsigned callbacks; } future;
        // `seen`: how often it had called when the case was last found not to be possible.
        struct { struct object *object; void *handle; int32_t op; int fd; unsigned number, seen; } watcher;
    };
} object;

typedef struct actor {
    lt_ident ident;
    lt_thread *handle; // Of the one that is joinable.
    char sentence[SENTENCE];
    lt_status status;
    bool by_name;     // An interrupt without a signal is pending,
    uint64_t signals; // and those of signals, of which 1 is bit 0. The main thread's alone.
    int last_signal;
    unsigned handled; // How often the handler had run when its signal became pending.
    char name[NAME];
} actor;

typedef struct world {
    const uint8_t *data;
    size_t left;
    unsigned step;
    unsigned long calls;
    object objects[OBJECTS];
    struct { kind kind; void *handle; } stale[STALE];
    unsigned freed;
    actor actors[ACTORS];
    int me;
    bool at_work; // In a callback of the library's: what is asked there is not written down.
    body *bodies;
    unsigned bodies_started, running, pools_made, locals_made, timed;
    unsigned dropped, callbacks, hooked; // How often ours were to be called.
    size_t stack_size;
    bool traced; // A trace is on.
} world;

extern world *const w;
extern bool verbose;

// ---- Bytes

unsigned byte(void);           // The next one, 0 after the end.
unsigned below(unsigned n);    // One of 0..n - 1.
bool rarely(void);             // One in sixteen; never after the end.
double any_seconds(void);      // NaN and infinity too.
const char *any_name(bool *valid); // NULL, "", long ones, and what is not UTF-8.

// ---- Calls

// A set of statuses, of which a call may return each.
typedef uint32_t statuses;
#define ONE(status) ((statuses)1 << ((status) + 16))

LT_NORETURN void complain(const char *function, const char *format, ...) __attribute__((format(printf, 2, 3)));

void begin_call(void);
lt_status end_call(const char *function, lt_status got, statuses expected);
void end_value(const char *function, uint64_t got, bool good, uint64_t expected);

// Makes a call that must return one of these statuses.
#define CALL(expected, function, ...) (begin_call(), end_call(#function, function(__VA_ARGS__), (expected)))
// The same for a getter: this value, or 0 and an error for a bad handle.
#define VALUE(good, expected, function, ...)                                                                           \
    (begin_call(), end_value(#function, (uint64_t)(uintptr_t)function(__VA_ARGS__), (good), (uint64_t)(expected)))
// Anything else that must be so.
#define MUST(function, condition) ((condition) ? (void)0 : complain(function, "%s is not so", #condition))

// ---- Objects

// A handle for a call, and the object that it is; a bad one is of none: NULL, stale, misaligned, another type's.
typedef struct picked {
    void *handle;
    object *object;
} picked;

picked pick(kind kind);
object *make(kind kind);               // NULL if there is no room for one.
object *add(kind kind, void *handle); // Puts a new one among them.
void forget(object *o);                // It was freed.
unsigned alive(kind kind);
object *nth(kind kind, unsigned n);
bool room(void);

// ---- Waits

// The three forms of a wait.
typedef struct a_wait {
    enum { BARE, TRY, TIMED } form;
    double seconds;
    double began;
} a_wait;

// Chooses one that ends in any case: `waits` says whether it would have to wait.
a_wait any_wait(bool waits);
// The same for functions that have a time-out only.
a_wait any_timed(bool waits);
// What it returns: `refused` is the answer of the try form.
statuses wait_status(const a_wait *x, bool good, bool waits, lt_status refused);
// Whether the arguments alone say what it returns.
bool refused_seconds(double seconds);
statuses seconds_status(double seconds);
// After it: takes the interrupt out that it was answered with, and looks at the clock.
void waited(const a_wait *x, const char *function, lt_status got);

bool interrupt_pending(void);
void take_interrupt(const char *function);
// For a wait that is to end in another way.
void take_all_interrupts(void);

// ---- Others

// Runs a step on another thread, which then is `me`.
void on_actor(int actor, void (*step)(void));
void soon(const char *what, bool (*condition)(void));

body *new_body(void);
void open_gate(body *b);
void end_body(body *b);
void wait_on(sem_t *semaphore);

void call_drop(void *item);
void call_future(lt_future *future, void *arg);
unsigned drops(void);
unsigned future_calls(void);
unsigned hook_calls(void);
unsigned handler_calls(void);

// The steps of each file: one is chosen of all.
typedef void (*step_fn)(void);
typedef struct steps {
    const step_fn *steps;
    unsigned count;
} steps;
extern const steps exclusion_steps, counting_steps, queue_steps, thread_steps, task_steps, misc_steps, select_steps, watch_steps, insight_steps;
#define STEPS(name, ...)                                                                                               \
    static const step_fn name##_table[] = {__VA_ARGS__};                                                               \
    const steps name = {name##_table, sizeof name##_table / sizeof name##_table[0]}

// What the select's model asks of the others.
bool can_acquire_rlock(const object *o);

// What a case of a select would be.
typedef struct possible {
    object *object;
    bool ready;
    lt_status impossible; // Or LT_OK.
    lt_status status;     // Its own, if it happens.
} possible;

enum { CASE_KINDS = 10 };
extern const struct case_kind { int32_t op; kind kind; } case_kinds[CASE_KINDS];
possible look(int32_t op, object *o);

// Runs a whole program; the process ends where it finds something.
void run_program(const uint8_t *data, size_t size);
// How many calls were made in all.
unsigned long calls_made(void);

#endif
