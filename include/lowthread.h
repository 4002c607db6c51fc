/*
 * lowthread 0.1.0: the threading of Python's _thread, for C.
 *
 * Every object is an opaque handle, every time a double of seconds, every result a status.
 *
 *     static void work(void *arg) { LT_WITH_LOCK(arg) { puts("one at a time"); } }
 *
 *     lt_lock *lock = lt_allocate_lock();
 *     if (lt_start_new_thread(work, lock, NULL) != LT_OK) puts(lt_last_error());
 *
 * HANDLES  come from lt_X_new() (for the lock: lt_allocate_lock()), which returns NULL when it
 *          fails, and go to lt_X_free(). They do not point at anything that a program may look at.
 *          One that is NULL, freed or of another type is never undefined behaviour: the call
 *          returns LT_BAD_HANDLE.
 *          Where a pointer has 32 bits, a process has at most 1,048,320 objects at once and makes
 *          2,147 million in all, of all types together; then it is LT_NO_MEMORY.
 * STATUSES LT_OK is 0, answers are positive, errors negative. lt_last_error() has a sentence on the
 *          last error. Out-parameters are written only on LT_OK (counts of what was done, with
 *          answers too), and may be NULL when not wanted.
 *          errno is as it was after every call.
 * TIMEOUTS are seconds on the monotonic clock: negative (LT_FOREVER) waits without bound, 0 never
 *          waits, a positive one is rounded up and never ends early. NaN is LT_INVALID, more than
 *          LT_TIMEOUT_MAX is LT_OVERFLOW. Signals neither shorten nor lengthen a wait.
 * WAITS    have three forms: lt_X_verb() without bound, lt_X_try_verb() never blocks and returns
 *          LT_BUSY (a queue: LT_FULL, LT_EMPTY), lt_X_verb_timeout() returns LT_TIMED_OUT. Every
 *          wait that blocks can be interrupted: it returns LT_INTERRUPTED, and nothing has happened
 *          (but a barrier is broken).
 * STRUCTS  that begin with `size` may grow: set it to sizeof. A library that knows fewer members asks
 *          those it is given to be 0, and leaves those it fills alone; one that knows more does
 *          without. A size below that of a size_t or above 4096 is LT_INVALID.
 * GETTERS  return 0, false or NULL for a bad handle, and lt_last_error() says so.
 *
 * Generated from the library's source by `make header`: change it there.
 */
#ifndef LOWTHREAD_H
#define LOWTHREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// The compiler warns when the result is ignored. LT_IGNORE(call) ignores it on purpose.
#ifndef LT_NODISCARD
#if defined(__cplusplus) && __cplusplus >= 201703L
#define LT_NODISCARD [[nodiscard]]
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ > 201710L
#define LT_NODISCARD [[nodiscard]]
#elif defined(__GNUC__)
#define LT_NODISCARD __attribute__((warn_unused_result))
#else
#define LT_NODISCARD
#endif
#endif
#define LT_IGNORE(call) ((void)!(call))

// The function does not return.
#ifndef LT_NORETURN
#if defined(__cplusplus)
#define LT_NORETURN [[noreturn]]
#elif defined(__GNUC__)
#define LT_NORETURN __attribute__((noreturn))
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define LT_NORETURN _Noreturn
#else
#define LT_NORETURN
#endif
#endif

// An address that is a multiple of n, where that of the members need not be one.
#ifndef LT_ALIGNED
#if defined(__cplusplus)
#define LT_ALIGNED(n) alignas(n)
#elif defined(__GNUC__)
#define LT_ALIGNED(n) __attribute__((aligned(n)))
#elif defined(_MSC_VER)
#define LT_ALIGNED(n) __declspec(align(n))
#else
#define LT_ALIGNED(n)
#endif
#endif

// Integer constants are enumerators, for those who read declarations without a preprocessor. Behind
// them are macros of the same names, with numbers, so that #if and #ifdef know them as well.

// ---- Statuses and the last error ---------------------------------------------------------------

// What a call did. LT_OK is 0; a positive status is an answer ("it would have to wait"), a
// negative one an error ("the argument is wrong"), for which lt_last_error() has a sentence.
typedef int32_t lt_status;

enum {
    LT_OK            = 0,   // Done.
    LT_BUSY          = 1,   // Not done: it would have to wait, or the object is still in use.
    LT_TIMED_OUT     = 2,   // Not done: the time was up first.
    LT_INTERRUPTED   = 3,   // Not done: this thread was interrupted while it waited.
    LT_CLOSED        = 4,   // The queue or the pool is shut down.
    LT_BROKEN        = 5,   // The barrier or the pool is broken.
    LT_CANCELLED     = 6,   // The future was cancelled.
    LT_FAILED        = 7,   // The task or the thread ended with an error.
    LT_EMPTY         = 8,   // The queue, or the container, has nothing to give.
    LT_FULL          = 9,   // The queue has no room.
    LT_INVALID       = -1,  // An argument is out of range, not a number, or NULL.
    LT_BAD_HANDLE    = -2,  // The handle is NULL, freed, or of another type.
    LT_NOT_HELD      = -3,  // Released, but it was not acquired.
    LT_NOT_OWNER     = -4,  // The re-entrant lock is held by another thread.
    LT_OVERFLOW      = -5,  // A timeout or a count is too large.
    LT_NO_MEMORY     = -6,  // Out of memory; nothing was changed.
    LT_NO_THREAD     = -7,  // No new thread could be started; lt_last_errno() says why.
    LT_DEADLOCK      = -8,  // The thread would have to wait for itself.
    LT_UNSUPPORTED   = -9,  // Not available on this platform.
};
#define LT_OK 0
#define LT_BUSY 1
#define LT_TIMED_OUT 2
#define LT_INTERRUPTED 3
#define LT_CLOSED 4
#define LT_BROKEN 5
#define LT_CANCELLED 6
#define LT_FAILED 7
#define LT_EMPTY 8
#define LT_FULL 9
#define LT_INVALID (-1)
#define LT_BAD_HANDLE (-2)
#define LT_NOT_HELD (-3)
#define LT_NOT_OWNER (-4)
#define LT_OVERFLOW (-5)
#define LT_NO_MEMORY (-6)
#define LT_NO_THREAD (-7)
#define LT_DEADLOCK (-8)
#define LT_UNSUPPORTED (-9)

// The name of a status, such as "LT_TIMED_OUT"; "LT_UNKNOWN" for a value that is none.
// Static; async-signal-safe.
const char *lt_status_name(lt_status status);

// What a status means, in a few words. Static; async-signal-safe.
const char *lt_status_message(lt_status status);

// One sentence on this thread's last call that failed with a negative status: the function, and
// what was wrong with which argument. Kept through later calls that succeed or answer; "" if none
// failed yet. Valid until this thread's next call of lt_last_error().
const char *lt_last_error(void);

// The status of the call that lt_last_error() is about; LT_OK if there is none. For constructors,
// which return NULL.
lt_status lt_last_status(void);

// The errno behind the call that lt_last_error() is about; 0 if there is none.
int lt_last_errno(void);

// ---- Version, features, time -------------------------------------------------------------------

enum {
    LT_VERSION_MAJOR = 0,
    LT_VERSION_MINOR = 1,
    LT_VERSION_PATCH = 0,
};
#define LT_VERSION_MAJOR 0
#define LT_VERSION_MINOR 1
#define LT_VERSION_PATCH 0

enum {
    LT_FEATURE_FORK  = 1,   // A forked child may go on using it.
    LT_FEATURE_SIGNALS = 2,   // Signals can be routed and sent.
    LT_FEATURE_WAKE_IN_HANDLERS = 4,   // What is async-signal-safe is so.
    LT_FEATURE_AFFINITY = 8,   // Threads inherit their processors.
    LT_FEATURE_NO_MEMORY = 16,  // No wait ends the process for lack of memory.
    LT_FEATURE_PTHREADS = 32,  // Threads are those of POSIX.
    LT_FEATURE_LINES = 64,  // Traces name files and lines.
};
#define LT_FEATURE_FORK 1
#define LT_FEATURE_SIGNALS 2
#define LT_FEATURE_WAKE_IN_HANDLERS 4
#define LT_FEATURE_AFFINITY 8
#define LT_FEATURE_NO_MEMORY 16
#define LT_FEATURE_PTHREADS 32
#define LT_FEATURE_LINES 64

// What the library that is running can do: a set of LT_FEATURE_X. Those of its platform are known to #if:
// LT_HAS_X is 1. Without LT_FEATURE_FORK a forked child may go on if the process had no other threads;
// otherwise it may only execute a program, or _exit. Async-signal-safe.
unsigned int lt_features(void);

// What the library can have on this platform, however it was built.
#if defined(__linux__) && !defined(__ANDROID__)
#define LT_HAS_FORK 1
#define LT_HAS_WAKE_IN_HANDLERS 1
#define LT_HAS_AFFINITY 1
#define LT_HAS_NO_MEMORY 1
#define LT_HAS_LINES 1
#else
#define LT_HAS_FORK 0
#define LT_HAS_WAKE_IN_HANDLERS 0
#define LT_HAS_AFFINITY 0
#define LT_HAS_NO_MEMORY 0
#define LT_HAS_LINES 0
#endif
#ifdef _WIN32
#define LT_HAS_SIGNALS 0
#define LT_HAS_PTHREADS 0
#else
#define LT_HAS_SIGNALS 1
#define LT_HAS_PTHREADS 1
#endif

#define LT_FOREVER       (-1.0) // As a timeout: without bound, as every negative value.
#define LT_TIMEOUT_MAX   9223372036.0 // The longest timeout, in seconds: about 292 years.

// The version of the library that is running, "MAJOR.MINOR.PATCH". Static.
const char *lt_version(void);

// Seconds on the monotonic clock, which never jumps and on which all timeouts run.
double lt_monotonic(void);

// Sleeps for at least this many seconds; 0 only lets other threads run. Returns LT_INTERRUPTED if
// the thread is interrupted meanwhile. Negative or not a number: LT_INVALID.
LT_NODISCARD lt_status lt_sleep(double seconds);

// ---- Lock --------------------------------------------------------------------------------------

// A lock is a binary semaphore: acquired or not. Nobody owns it, so any thread may release it,
// which also makes it a signal from one thread to another. It is not re-entrant.
//
// A release happens before the acquire that it makes possible: what was written before the one
// is seen after the other. Under contention a lock may be taken by whoever comes first, but no
// waiter starves: one that has waited for a millisecond is handed the lock by the next release.
typedef struct lt_lock lt_lock;

// A new lock, not acquired; NULL when out of memory.
LT_NODISCARD lt_lock *lt_allocate_lock(void);

// Frees a lock, acquired or not. LT_BUSY, and nothing is freed, while a thread waits for it.
// NULL is LT_OK.
LT_NODISCARD lt_status lt_lock_free(lt_lock *lock);

// Acquires the lock; blocks until that is possible. LT_INTERRUPTED: not acquired.
LT_NODISCARD lt_status lt_lock_acquire(lt_lock *lock);

// Acquires the lock if it is free, else returns LT_BUSY. Never blocks; async-signal-safe.
LT_NODISCARD lt_status lt_lock_try_acquire(lt_lock *lock);

// Acquires the lock; blocks for at most this many seconds. LT_TIMED_OUT or LT_INTERRUPTED: not
// acquired.
LT_NODISCARD lt_status lt_lock_acquire_timeout(lt_lock *lock, double seconds);

// Acquires the lock; blocks until that is possible, and leaves an interrupt pending.
LT_NODISCARD lt_status lt_lock_acquire_uninterruptible(lt_lock *lock);

// Releases the lock, whichever thread acquired it. LT_NOT_HELD if it is not acquired: of two
// releases that race, one fails. Never blocks; async-signal-safe.
LT_NODISCARD lt_status lt_lock_release(lt_lock *lock);

// Whether the lock is acquired at this moment.
bool lt_lock_locked(const lt_lock *lock);

// Makes the lock free, in a forked child: its holder may be a thread that the child does not have.
LT_NODISCARD lt_status lt_lock_at_fork_reinit(lt_lock *lock);

#if defined(__GNUC__) && !defined(__cplusplus)
// LT_WITH_LOCK(lock) { ... } runs the block with the lock held and releases it on every way out:
// the end, break, return, goto; and, where C is built with -fexceptions, lt_exit() and exceptions
// of other languages. A break leaves the block, not a loop around it. It blocks like
// lt_lock_acquire_uninterruptible(); if that fails (a bad handle), the block is skipped.
// For GNU C (GCC, Clang); in C++ use a guard object.
#define LT_WITH_LOCK(lock)                                                                         \
    LT_WITH_LOCK_AS_(lock, LT_JOIN_(lt_held_, __LINE__), LT_JOIN_(lt_again_, __LINE__))
#define LT_WITH_LOCK_AS_(lock, held, again)                                                        \
    for (lt_lock *held __attribute__((cleanup(lt_with_lock_end_))) = lt_with_lock_(lock),          \
                 *again = held;                                                                    \
         again != NULL; again = NULL)
#define LT_JOIN_(a, b) LT_JOIN_TOKENS_(a, b)
#define LT_JOIN_TOKENS_(a, b) a##b

static inline lt_lock *lt_with_lock_(lt_lock *lock) {
    return lt_lock_acquire_uninterruptible(lock) == LT_OK ? lock : NULL;
}

static inline void lt_with_lock_end_(lt_lock **held) {
    if (*held != NULL) {
        LT_IGNORE(lt_lock_release(*held));
    }
}
#endif

// ---- Threads -----------------------------------------------------------------------------------

// What a thread runs. When it returns, the thread ends.
typedef void (*lt_thread_fn)(void *arg);

// Names a thread of this process: never 0, and never reused.
typedef uint64_t lt_ident;

// Starts a thread that runs function(arg). It is detached: nobody joins it, and the process does
// not wait for it when it exits. LT_NO_THREAD if the system refuses, LT_NO_MEMORY, or LT_INVALID
// for a NULL function; then nothing was started. `ident` may be NULL.
LT_NODISCARD lt_status lt_start_new_thread(lt_thread_fn function, void *arg, lt_ident *ident);

// The same, with arguments by value: the thread gets a pointer to its own copy of the `size` bytes
// at `args`, aligned like malloc's memory and freed when the thread has ended. A size of 0 is fine.
LT_NODISCARD lt_status lt_start_new_thread_copy(lt_thread_fn function, const void *args,
    size_t size, lt_ident *ident);

// Ends the calling thread from any depth, silently. On the way C++ destructors, pthread cleanup
// handlers, thread-local destructors and, where C is built with -fexceptions, cleanup attributes
// run. Also ends threads that the library did not start. On the main thread it is exit(0).
LT_NORETURN void lt_exit(void);

// The calling thread's ident, whoever started it; 0 when out of memory. Async-signal-safe on a
// thread that has called it before.
lt_ident lt_get_ident(void);

// The number that the operating system has for the calling thread.
int64_t lt_get_native_id(void);

// The main thread's ident. In a forked child, the thread that forked is the main thread.
lt_ident lt_main_ident(void);

// Makes the calling thread the main thread: for lt_interrupt_main(), which reaches it now with what
// was pending, lt_main_ident(), signal routes and lt_exit(); for runtimes whose main thread is not the
// process's first. LT_INVALID on a thread of a pool's, or in a callback of a timer or a signal.
LT_NODISCARD lt_status lt_adopt_main(void);

// What the system's library calls the living thread with this ident: its pthread_t; without
// LT_HAS_PTHREADS its native id. Known when its start returns; of others, from their first call. 0,
// with the error noted, if there is none. It names nothing once the thread has ended: ask for
// threads that you know to be alive.
uintptr_t lt_native_handle(lt_ident ident);

// How many threads that the library started are running. One counts until the last destructors of
// its thread-local values have run, and no more once it was joined.
size_t lt_thread_count(void);

// The stack size of threads to be started, in bytes; 0 for the platform's default.
size_t lt_stack_size(void);

// Sets the stack size of threads to be started; 0 restores the default. Else it is rounded up, so
// that a thread can use at least this many bytes; lt_stack_size() gives the effective size.
// LT_INVALID, and nothing changes, for 1..4095 and for more than half the address space.
LT_NODISCARD lt_status lt_set_stack_size(size_t size);

// ---- Interrupts --------------------------------------------------------------------------------

// Simulates the arrival of a signal on the main thread, which gets LT_INTERRUPTED from its wait, or
// its next one that would block; before that a handler that the program has installed runs there.
// Nothing happens if the signal is ignored; the default action is never taken. LT_INVALID outside
// 1..64. It happens before the LT_INTERRUPTED. Async-signal-safe.
LT_NODISCARD lt_status lt_interrupt_main(int signum);

// Interrupts a thread, without a signal: it gets LT_INTERRUPTED from its wait, or its next one that
// would block. Any thread that has an ident: the main one, one that the library started, one of
// the program's after its first call. LT_INVALID if no living thread has this ident.
LT_NODISCARD lt_status lt_interrupt(lt_ident ident);

// For loops that compute: LT_INTERRUPTED, and it is taken, if an interrupt is pending for the
// calling thread, else LT_OK.
LT_NODISCARD lt_status lt_check_interrupt(void);

// The signal behind the calling thread's last LT_INTERRUPTED; 0 if there was none.
int lt_interrupt_signal(void);

// ---- Errors in threads -------------------------------------------------------------------------

enum {
    LT_ERROR_RAISED  = 1,   // Raised with lt_raise().
    LT_ERROR_CXX     = 2,   // Thrown by C++.
    LT_ERROR_RUST    = 3,   // A panic of Rust.
    LT_ERROR_FOREIGN = 4,   // Thrown by another language.
    LT_ERROR_EXITED  = 5,   // The task ended with lt_exit().
};
#define LT_ERROR_RAISED 1
#define LT_ERROR_CXX 2
#define LT_ERROR_RUST 3
#define LT_ERROR_FOREIGN 4
#define LT_ERROR_EXITED 5

// An error that ended a thread or a task. `size` is what the library knows of this struct.
typedef struct lt_error_info {
    size_t size;
    // The thread that it ended, and its name then.
    uint64_t ident;
    const char *thread_name;
    // LT_ERROR_RAISED, LT_ERROR_CXX, ...
    int32_t kind;
    // What lt_raise() was given; 0 for other kinds.
    int32_t code;
    // "error" for lt_raise(), the C++ type, or the like. Never NULL.
    const char *type_name;
    // Never NULL.
    const char *message;
    // The library's: what lt_error_backtrace() needs. NULL in a struct that the library has not filled.
    const void *internal;
} lt_error_info;

// A container for the first error of many threads: start them with it, and look into it when they
// are done. Errors that it takes are not told to the hook. An error's arrival happens before its
// get. A thread whose container was freed tells the hook.
typedef struct lt_errors lt_errors;

// A hook for errors that end a thread: called on that thread, or, for lt_pool_map(), on the one
// that maps, with the argument given for it. The info is valid until it returns.
typedef void (*lt_excepthook)(const lt_error_info *info, void *arg);

// Ends the calling thread function, or pool task, with an unhandled error. C++ frames on the way
// see a foreign exception: destructors run, `catch (...)` can stop it. A NULL message is "". On
// the main thread, which has no thread function, the hook is told and the process exits with 1.
LT_NORETURN void lt_raise(int code, const char *message);

// Makes the thread function, or pool task, that the calling thread is in count as failed once it
// returns, as if it had raised then: for languages whose frames must not be unwound. The last call
// counts. LT_INVALID for a NULL message and on a thread that runs no such function; LT_NO_MEMORY.
LT_NODISCARD lt_status lt_fail(int code, const char *message);

// The frames at the throw, a line for each, innermost first; valid as long as the info that the
// library gave. Rendered when first asked for, which reads files for some milliseconds; from any
// thread, several at once. If it cannot be, the text says why. A copy of the info will do, too.
// "" and LT_INVALID for NULL, and for a zeroed struct.
const char *lt_error_backtrace(const lt_error_info *info);

// Sets who is told of an error that ends a thread and that nothing else takes; NULL restores the
// default, which prints it, with the trace, to stderr. A hook may raise: that is printed. LT_OK, always.
LT_NODISCARD lt_status lt_set_excepthook(lt_excepthook hook, void *arg);

// A new container, empty; NULL when out of memory.
LT_NODISCARD lt_errors *lt_errors_new(void);

// Frees a container and the error in it. NULL is LT_OK.
LT_NODISCARD lt_status lt_errors_free(lt_errors *errors);

// Gives the first error that arrived, valid until it is cleared or the container freed. LT_EMPTY
// if none did.
LT_NODISCARD lt_status lt_errors_get(lt_errors *errors, const lt_error_info **info);

// How many errors have arrived, the first included.
size_t lt_errors_count(const lt_errors *errors);

// Empties the container and sets its count to 0.
LT_NODISCARD lt_status lt_errors_clear(lt_errors *errors);

// Starts a detached thread as lt_start_new_thread() does, whose error goes to `errors`; NULL: to
// the hook.
LT_NODISCARD lt_status lt_spawn(lt_thread_fn function, void *arg, lt_errors *errors,
    lt_ident *ident);

// ---- Joinable threads --------------------------------------------------------------------------

// A thread that can be joined. Joins may be repeated and done by any number of threads. What the
// thread did happens before the return of a join. Freeing the handle of a running thread lets it
// run on, detached.
typedef struct lt_thread lt_thread;

// What lt_thread_start() can be told. Set `size` to sizeof(lt_thread_options), and zero what is
// not wanted: a program may know fewer members than the library, or more, if those are 0.
typedef struct lt_thread_options {
    size_t size;
    // UTF-8, copied; NULL for "Thread-N".
    const char *name;
    // As for lt_set_stack_size(); 0 for what that has set.
    size_t stack_size;
    // A daemon is not waited for by lt_shutdown().
    bool daemon;
    // Where its error goes; NULL for the hook.
    lt_errors *errors;
} lt_thread_options;

// What lt_enumerate() tells of a thread.
typedef struct lt_thread_info {
    size_t size;
    lt_ident ident;
    int64_t native_id;
    bool daemon;
    bool joinable;
    // Cut to what fits, on a character boundary.
    char name[64];
} lt_thread_info;

// Starts a thread. `options` may be NULL; with a NULL `thread` it is detached. LT_INVALID for a
// NULL function or bad options, LT_BAD_HANDLE for bad errors, LT_NO_THREAD if the system refuses,
// LT_NO_MEMORY; then nothing was started.
LT_NODISCARD lt_status lt_thread_start(lt_thread_fn function, void *arg,
    const lt_thread_options *options, lt_thread **thread);

// Waits for the end of the thread. LT_FAILED if it ended with an error, which lt_thread_error()
// gives; LT_DEADLOCK from the thread itself. Afterwards the thread is gone from the system.
LT_NODISCARD lt_status lt_thread_join(lt_thread *thread);

// The same, but LT_BUSY while the thread runs, also its last few steps in the system. Never blocks.
LT_NODISCARD lt_status lt_thread_try_join(lt_thread *thread);

// The same as lt_thread_join(); blocks for at most this many seconds.
LT_NODISCARD lt_status lt_thread_join_timeout(lt_thread *thread, double seconds);

// Interrupts the thread, as lt_interrupt_main() the main thread: it gets LT_INTERRUPTED from its wait,
// or its next one that would block. Nothing happens to a thread that has ended.
LT_NODISCARD lt_status lt_thread_interrupt(lt_thread *thread);

// The calling thread's own handle: not another one, to be freed as before. NULL, which is no error,
// if the thread is not joinable or its handle was freed.
lt_thread *lt_thread_current(void);

// Whether the thread has not ended yet.
bool lt_thread_is_alive(const lt_thread *thread);

// The thread's ident, also after its end.
lt_ident lt_thread_ident(const lt_thread *thread);

// The number that the operating system has, or had, for the thread.
int64_t lt_thread_native_id(const lt_thread *thread);

// Whether the thread was started as a daemon.
bool lt_thread_daemon(const lt_thread *thread);

// The error that ended the thread, valid as long as the handle. LT_EMPTY if none did, or not yet.
// The first call renders the trace, which can take some milliseconds.
LT_NODISCARD lt_status lt_thread_error(lt_thread *thread, const lt_error_info **info);

// Frees the handle; the thread, if it runs, runs on. LT_BUSY, and nothing is freed, while somebody
// joins it. NULL is LT_OK.
LT_NODISCARD lt_status lt_thread_free(lt_thread *thread);

// Copies the name of a living thread, cut to `len` bytes on a character boundary. LT_INVALID for
// an ident that no living thread has, and for len 0. The defaults are MainThread and Thread-N.
LT_NODISCARD lt_status lt_thread_name(lt_ident ident, char *buf, size_t len);

// Names the calling thread, in UTF-8. The system gets what it has room for; the library keeps all.
// LT_INVALID for NULL and what is not UTF-8, LT_NO_MEMORY.
LT_NODISCARD lt_status lt_set_thread_name(const char *name);

// Joins every joinable thread that is no daemon, those too that are started meanwhile, and those
// whose handles were freed; waits for at most this many seconds. Afterwards they are gone from the
// system, and joins return at once. LT_DEADLOCK from such a thread. Pools are not waited for.
LT_NODISCARD lt_status lt_shutdown(double seconds);

// Tells of the main thread and of every thread that the library started and that still runs. Fills
// what fits into `array`, which may be NULL if `capacity` is 0; `count` is the number of threads.
// Only the `size` of the first element is read: it is the size of each, and what it has room for is
// filled. LT_INVALID for a size below that of a size_t or above 4096.
LT_NODISCARD lt_status lt_enumerate(lt_thread_info *array, size_t capacity, size_t *count);

// ---- Thread-local storage ----------------------------------------------------------------------

// A key under which each thread has a value of its own, NULL at first. There is no limit to the
// number of keys. When a thread ends, however it does, the destructor is called there with each
// value that is not NULL, which is cleared before; again if it sets a new one, up to four rounds.
typedef struct lt_local lt_local;

// Called with a value when its thread ends.
typedef void (*lt_local_destructor)(void *value);

// A new key; `destructor` may be NULL. NULL when out of memory.
LT_NODISCARD lt_local *lt_local_new(lt_local_destructor destructor);

// Frees a key. Runs no destructor: the values that threads have are forgotten. NULL is LT_OK.
LT_NODISCARD lt_status lt_local_free(lt_local *local);

// The calling thread's value; NULL when unset.
void *lt_local_get(const lt_local *local);

// Sets the calling thread's value; NULL unsets it. LT_NO_MEMORY: unchanged.
LT_NODISCARD lt_status lt_local_set(lt_local *local, void *value);

// ---- Re-entrant lock ---------------------------------------------------------------------------

// A re-entrant lock is owned by the thread that acquired it, which may acquire it again and must
// release it as often. For the others it is as a lock: the last release happens before the next
// acquire, and no waiter starves.
typedef struct lt_rlock lt_rlock;

// A new re-entrant lock, not acquired; NULL when out of memory.
LT_NODISCARD lt_rlock *lt_rlock_new(void);

// Frees a lock, acquired or not. LT_BUSY, and nothing is freed, while a thread waits for it.
// NULL is LT_OK.
LT_NODISCARD lt_status lt_rlock_free(lt_rlock *rlock);

// Acquires the lock; blocks while another thread holds it. LT_INTERRUPTED: not acquired.
// LT_OVERFLOW if the calling thread holds it 2^64 - 1 times.
LT_NODISCARD lt_status lt_rlock_acquire(lt_rlock *rlock);

// The same as lt_rlock_acquire(), but no interrupt ends it: that stays pending for the next wait.
LT_NODISCARD lt_status lt_rlock_acquire_uninterruptible(lt_rlock *rlock);

// Acquires the lock unless another thread holds it: then LT_BUSY. Never blocks.
LT_NODISCARD lt_status lt_rlock_try_acquire(lt_rlock *rlock);

// Acquires the lock; blocks for at most this many seconds. LT_TIMED_OUT or LT_INTERRUPTED: not
// acquired.
LT_NODISCARD lt_status lt_rlock_acquire_timeout(lt_rlock *rlock, double seconds);

// Releases the lock once. LT_NOT_OWNER if another thread holds it, LT_NOT_HELD if none does.
// Never blocks.
LT_NODISCARD lt_status lt_rlock_release(lt_rlock *rlock);

// Whether the lock is acquired at this moment, by whatever thread.
bool lt_rlock_locked(const lt_rlock *rlock);

// Whether the calling thread holds the lock.
bool lt_rlock_is_owned(const lt_rlock *rlock);

// How often the calling thread holds the lock.
uint64_t lt_rlock_recursion_count(const lt_rlock *rlock);

// The ident of the thread that holds the lock, 0 if none does. Unless that is the calling thread, it
// may have changed by the return: for messages and debuggers.
lt_ident lt_rlock_owner(const lt_rlock *rlock);

// How often the thread that holds the lock does, whichever that is; 0 if none does. Otherwise as
// lt_rlock_owner().
uint64_t lt_rlock_depth(const lt_rlock *rlock);

// Releases the lock wholly and tells how often it was held, for lt_rlock_acquire_restore().
// LT_NOT_OWNER or LT_NOT_HELD as for a release. Never blocks.
LT_NODISCARD lt_status lt_rlock_release_save(lt_rlock *rlock, uint64_t *count);

// Acquires the lock as often as it was held; blocks while another thread holds it. LT_DEADLOCK if
// the calling thread does; LT_INVALID for 0. LT_INTERRUPTED: not acquired.
LT_NODISCARD lt_status lt_rlock_acquire_restore(lt_rlock *rlock, uint64_t count);

// The same as lt_rlock_acquire_restore(), but no interrupt ends it: that stays pending.
LT_NODISCARD lt_status lt_rlock_acquire_restore_uninterruptible(lt_rlock *rlock, uint64_t count);

// Makes the lock free, in a forked child: its owner may be a thread that the child does not have.
LT_NODISCARD lt_status lt_rlock_at_fork_reinit(lt_rlock *rlock);

// ---- Semaphore ---------------------------------------------------------------------------------

// A semaphore counts permits: an acquire takes one, or waits for one; a release gives some back.
// A release happens before the acquires that take its permits. Released permits go to threads
// that wait, if there are any, before those that come later.
typedef struct lt_semaphore lt_semaphore;

// A new semaphore with this many permits; NULL when out of memory.
LT_NODISCARD lt_semaphore *lt_semaphore_new(uint32_t initial);

// The same, but the value may never rise above `max`. NULL also if `initial` is above it.
LT_NODISCARD lt_semaphore *lt_semaphore_new_bounded(uint32_t initial, uint32_t max);

// Frees a semaphore. LT_BUSY, and nothing is freed, while a thread waits for it. NULL is LT_OK.
LT_NODISCARD lt_status lt_semaphore_free(lt_semaphore *semaphore);

// Takes a permit; blocks until there is one. LT_INTERRUPTED: not taken.
LT_NODISCARD lt_status lt_semaphore_acquire(lt_semaphore *semaphore);

// Takes a permit if there is one, else returns LT_BUSY. Never blocks.
LT_NODISCARD lt_status lt_semaphore_try_acquire(lt_semaphore *semaphore);

// Takes a permit; blocks for at most this many seconds. LT_TIMED_OUT or LT_INTERRUPTED: not taken.
LT_NODISCARD lt_status lt_semaphore_acquire_timeout(lt_semaphore *semaphore, double seconds);

// Gives `n` permits back. LT_OVERFLOW, and none is given, if the value would rise above the bound
// (2^32 - 1 for one without); LT_INVALID for 0. Never blocks; async-signal-safe.
LT_NODISCARD lt_status lt_semaphore_release(lt_semaphore *semaphore, uint32_t n);

// How many permits there are at this moment.
uint32_t lt_semaphore_value(const lt_semaphore *semaphore);

// ---- Event -------------------------------------------------------------------------------------

// An event is a flag that threads wait for. It stays set, and lets everybody through, until it is
// cleared. A set wakes all who wait at that moment, even when a clear follows at once. A set, of what
// is set already too, happens before the waits that it ends and the clear that undoes it.
typedef struct lt_event lt_event;

// A new event, not set; NULL when out of memory.
LT_NODISCARD lt_event *lt_event_new(void);

// Frees an event. LT_BUSY, and nothing is freed, while a thread waits for it. NULL is LT_OK.
LT_NODISCARD lt_status lt_event_free(lt_event *event);

// Sets the event and wakes all who wait for it; of more than eight those woken wake the others. Never
// blocks; async-signal-safe.
LT_NODISCARD lt_status lt_event_set(lt_event *event);

// Clears the event: later waits block until the next set.
LT_NODISCARD lt_status lt_event_clear(lt_event *event);

// Whether the event is set at this moment.
bool lt_event_is_set(const lt_event *event);

// Blocks until the event is set. LT_INTERRUPTED: it was not.
LT_NODISCARD lt_status lt_event_wait(lt_event *event);

// LT_OK if the event is set, else LT_BUSY. Never blocks.
LT_NODISCARD lt_status lt_event_try_wait(lt_event *event);

// Blocks until the event is set, for at most this many seconds. LT_TIMED_OUT or LT_INTERRUPTED:
// it was not.
LT_NODISCARD lt_status lt_event_wait_timeout(lt_event *event, double seconds);

// ---- Condition ---------------------------------------------------------------------------------

// A condition lets threads that hold a lock wait for what another thread does under that lock. A
// wait releases the lock, sleeps until it is notified, and holds the lock again when it returns,
// whatever it returns. Waiters are notified in the order in which they came; none wakes without a
// notify, which happens before the return of the wait.
typedef struct lt_condition lt_condition;

// Says whether what is waited for is so. Called with the lock held; an error in it goes on up, and
// leaves the lock so.
typedef bool (*lt_predicate)(void *arg);

// A new condition; NULL when out of memory. The lock is named at each wait.
LT_NODISCARD lt_condition *lt_condition_new(void);

// Frees a condition. LT_BUSY, and nothing is freed, while a thread waits for it. NULL is LT_OK.
LT_NODISCARD lt_status lt_condition_free(lt_condition *condition);

// Releases the lock, blocks until notified, and acquires it again. LT_NOT_HELD if the lock is not
// acquired. LT_INTERRUPTED: not notified. Acquiring it again is not interrupted.
LT_NODISCARD lt_status lt_condition_wait(lt_condition *condition, lt_lock *lock);

// The same; waits for at most this many seconds to be notified. LT_TIMED_OUT: not notified. With
// 0 the lock is released for a moment only.
LT_NODISCARD lt_status lt_condition_wait_timeout(lt_condition *condition, lt_lock *lock,
    double seconds);

// Waits until predicate(arg) is true: asks before the first wait and after each. LT_TIMED_OUT if
// that was false `seconds` after the call, LT_INTERRUPTED; LT_INVALID for a NULL predicate;
// LT_NOT_HELD.
LT_NODISCARD lt_status lt_condition_wait_for(lt_condition *condition, lt_lock *lock,
    lt_predicate predicate, void *arg, double seconds);

// lt_condition_wait() with a re-entrant lock, which is released wholly and then held as often as
// before. LT_NOT_OWNER if another thread holds it.
LT_NODISCARD lt_status lt_condition_wait_rlock(lt_condition *condition, lt_rlock *rlock);

// lt_condition_wait_timeout() with a re-entrant lock.
LT_NODISCARD lt_status lt_condition_wait_rlock_timeout(lt_condition *condition, lt_rlock *rlock,
    double seconds);

// lt_condition_wait_for() with a re-entrant lock. LT_NOT_OWNER if another thread holds it.
LT_NODISCARD lt_status lt_condition_wait_for_rlock(lt_condition *condition, lt_rlock *rlock,
    lt_predicate predicate, void *arg, double seconds);

// Wakes the n threads that have waited longest, or all if there are fewer; 0 wakes none. With or
// without the lock. Never blocks.
LT_NODISCARD lt_status lt_condition_notify(lt_condition *condition, uint32_t n);

// Wakes all threads that wait; of more than eight those woken wake the others.
LT_NODISCARD lt_status lt_condition_notify_all(lt_condition *condition);

// How many threads wait at this moment.
uint32_t lt_condition_waiting(const lt_condition *condition);

// ---- Barrier -----------------------------------------------------------------------------------

// A barrier holds threads back until so many of them, its parties, are there; then it lets them
// all go, and the next round begins. What each did before it came happens before the return of
// all. A thread that gives up breaks the barrier: the others get LT_BROKEN, and so does who comes
// later, until a reset.
typedef struct lt_barrier lt_barrier;

// A new barrier. In each round, the thread that comes last calls action(arg), which may be NULL,
// before the others go on. NULL if `parties` is 0, or out of memory.
LT_NODISCARD lt_barrier *lt_barrier_new(uint32_t parties, lt_thread_fn action, void *arg);

// Frees a barrier. LT_BUSY, and nothing is freed, while a thread waits for it. NULL is LT_OK.
LT_NODISCARD lt_status lt_barrier_free(lt_barrier *barrier);

// Blocks until all parties are there. `index`, different for each of a round, is the order in which
// they came, from 0. LT_INTERRUPTED: the barrier is broken now; LT_BROKEN: it was; LT_DEADLOCK from
// its own action. An action that raises breaks it, and the error goes on up the calling thread.
LT_NODISCARD lt_status lt_barrier_wait(lt_barrier *barrier, uint32_t *index);

// The same; blocks for at most this many seconds. LT_TIMED_OUT: the barrier is broken now; with 0
// too, unless the caller is the last one.
LT_NODISCARD lt_status lt_barrier_wait_timeout(lt_barrier *barrier, double seconds,
    uint32_t *index);

// The threads that wait get LT_BROKEN, and a new round begins; mends a broken barrier.
// Who comes later is of the new round.
LT_NODISCARD lt_status lt_barrier_reset(lt_barrier *barrier);

// Breaks the barrier: threads that wait, and those that come later, get LT_BROKEN.
LT_NODISCARD lt_status lt_barrier_abort(lt_barrier *barrier);

// Takes one party out, of this round and the later ones: it does not wait. If all others are there, they
// go on, and one of them runs the action. Without parties it is broken, and a reset does not mend it.
// LT_INVALID, and nothing happens, if it has none.
LT_NODISCARD lt_status lt_barrier_drop(lt_barrier *barrier);

// How many threads make a round.
uint32_t lt_barrier_parties(const lt_barrier *barrier);

// How many threads of the round are there and wait, at this moment.
uint32_t lt_barrier_waiting(const lt_barrier *barrier);

// Whether the barrier is broken.
bool lt_barrier_is_broken(const lt_barrier *barrier);

// ---- Read-write lock ---------------------------------------------------------------------------

// A read-write lock is held by any number of readers or by one writer. Nobody owns it: any thread
// may release. It is not re-entrant: a thread that reads and comes again may wait for a writer that
// waits for it. A release happens before the acquires that it makes possible. Who comes may take a
// free lock before a writer that waits, but not without end: neither readers nor writers starve.
typedef struct lt_rwlock lt_rwlock;

// A new lock, not acquired; NULL when out of memory.
LT_NODISCARD lt_rwlock *lt_rwlock_new(void);

// Frees a lock, acquired or not. LT_BUSY, and nothing is freed, while a thread waits for it.
// NULL is LT_OK.
LT_NODISCARD lt_status lt_rwlock_free(lt_rwlock *rwlock);

// Acquires the lock for reading; blocks while a writer holds it or others wait in line.
// LT_INTERRUPTED: not acquired. LT_OVERFLOW beyond 2^30 - 1 readers.
LT_NODISCARD lt_status lt_rwlock_read_acquire(lt_rwlock *rwlock);

// Acquires the lock for reading if that needs no waiting, else returns LT_BUSY. Never blocks.
LT_NODISCARD lt_status lt_rwlock_try_read_acquire(lt_rwlock *rwlock);

// Acquires the lock for reading; blocks for at most this many seconds. LT_TIMED_OUT or
// LT_INTERRUPTED: not acquired.
LT_NODISCARD lt_status lt_rwlock_read_acquire_timeout(lt_rwlock *rwlock, double seconds);

// Releases the lock for one reader. LT_NOT_HELD if no reader holds it.
// Never blocks.
LT_NODISCARD lt_status lt_rwlock_read_release(lt_rwlock *rwlock);

// Acquires the lock for writing; blocks while anybody holds it.
// LT_INTERRUPTED: not acquired.
LT_NODISCARD lt_status lt_rwlock_write_acquire(lt_rwlock *rwlock);

// Acquires the lock for writing if that needs no waiting, else returns LT_BUSY. Never blocks.
LT_NODISCARD lt_status lt_rwlock_try_write_acquire(lt_rwlock *rwlock);

// Acquires the lock for writing; blocks for at most this many seconds. LT_TIMED_OUT or
// LT_INTERRUPTED: not acquired.
LT_NODISCARD lt_status lt_rwlock_write_acquire_timeout(lt_rwlock *rwlock, double seconds);

// Releases the lock for its writer. LT_NOT_HELD if no writer holds it.
// Never blocks.
LT_NODISCARD lt_status lt_rwlock_write_release(lt_rwlock *rwlock);

// Makes the lock free, in a forked child: its holders may be threads that the child does not have.
LT_NODISCARD lt_status lt_rwlock_at_fork_reinit(lt_rwlock *rwlock);

// ---- Once --------------------------------------------------------------------------------------

// Says whether a function was called. Not a handle: `static lt_once_flag flag = LT_ONCE_FLAG_INIT;`
// in the program's own memory, which must be zeroed. The end of the function happens before the
// return of each lt_call_once() with the flag.
typedef struct LT_ALIGNED(8) lt_once_flag {
    // The library's alone.
    uint64_t state;
} lt_once_flag;

// Calls function(arg), unless that was done with this flag; blocks while another thread is at it.
// If it raises, the error goes on up, and the next call calls again. LT_INTERRUPTED: not called, or
// not over; LT_DEADLOCK from the function itself; LT_INVALID for NULL.
LT_NODISCARD lt_status lt_call_once(lt_once_flag *flag, lt_thread_fn function, void *arg);

#define LT_ONCE_FLAG_INIT {0}

// ---- Spinlock ----------------------------------------------------------------------------------

// A spinlock is for sections of a few instructions: who waits for it stays awake. Nobody owns it,
// and nothing keeps waiters in order. A release happens before the next acquire. Where the section
// may block or take long, use a lock.
typedef struct lt_spinlock lt_spinlock;

// A new spinlock, not acquired; NULL when out of memory.
LT_NODISCARD lt_spinlock *lt_spinlock_new(void);

// Frees a spinlock, acquired or not. LT_BUSY, and nothing is freed, while a thread waits for it.
// NULL is LT_OK.
LT_NODISCARD lt_status lt_spinlock_free(lt_spinlock *spinlock);

// Acquires the spinlock; spins, and yields when it must, until that is possible. Not interrupted.
LT_NODISCARD lt_status lt_spinlock_acquire(lt_spinlock *spinlock);

// Acquires the spinlock if it is free, else returns LT_BUSY.
LT_NODISCARD lt_status lt_spinlock_try_acquire(lt_spinlock *spinlock);

// Releases the spinlock, whichever thread acquired it. LT_NOT_HELD if it is not acquired.
LT_NODISCARD lt_status lt_spinlock_release(lt_spinlock *spinlock);

// ---- Queue -------------------------------------------------------------------------------------

// A queue passes pointers between threads, first in first out. It never looks behind them; NULL
// is an item like any other. Any number of threads may put and get. A put happens before the get
// of its item.
typedef struct lt_queue lt_queue;

// What is called for an item that is discarded.
typedef void (*lt_drop_fn)(void *item);

// A new queue for at most `capacity` items, 0 for any number; NULL when out of memory. Up to 16,384
// items, the first one brings the memory for all: after that, no put is LT_NO_MEMORY.
LT_NODISCARD lt_queue *lt_queue_new(size_t capacity);

// Closes a queue, discards the items in it, and frees it. LT_BUSY, and nothing is done, while a
// thread waits for it. NULL is LT_OK.
LT_NODISCARD lt_status lt_queue_free(lt_queue *queue);

// Puts an item in; blocks while the queue is full. Not put if it returns LT_CLOSED,
// LT_INTERRUPTED or LT_NO_MEMORY.
LT_NODISCARD lt_status lt_queue_put(lt_queue *queue, void *item);

// Puts an item in if there is room, else returns LT_FULL: also while another thread is still making
// that room. Never blocks.
LT_NODISCARD lt_status lt_queue_try_put(lt_queue *queue, void *item);

// Puts an item in; blocks for at most this many seconds. LT_TIMED_OUT or LT_INTERRUPTED: not put.
LT_NODISCARD lt_status lt_queue_put_timeout(lt_queue *queue, void *item, double seconds);

// Takes the oldest item out; blocks while the queue is empty. LT_CLOSED once it is closed and
// empty. LT_INVALID if `item` is NULL: the item would be lost.
LT_NODISCARD lt_status lt_queue_get(lt_queue *queue, void **item);

// Takes the oldest item out if there is one, else returns LT_EMPTY, or LT_CLOSED. An item that another
// thread is still putting is not there, nor are those behind it. Never blocks.
LT_NODISCARD lt_status lt_queue_try_get(lt_queue *queue, void **item);

// Takes the oldest item out; blocks for at most this many seconds. LT_TIMED_OUT or
// LT_INTERRUPTED: nothing was taken.
LT_NODISCARD lt_status lt_queue_get_timeout(lt_queue *queue, double seconds, void **item);

// Puts n items in, in their order; blocks while the queue is full, for at most this many seconds.
// LT_OK only if all were put; `done` is how many were, also with LT_TIMED_OUT, LT_INTERRUPTED,
// LT_CLOSED and LT_NO_MEMORY.
LT_NODISCARD lt_status lt_queue_put_many(lt_queue *queue, void *const *items, size_t n,
    double seconds, size_t *done);

// Waits for an item, for at most this many seconds, and takes out as many as there are, up to n.
// `done` is how many; 0 with LT_TIMED_OUT, LT_INTERRUPTED and LT_CLOSED.
LT_NODISCARD lt_status lt_queue_get_many(lt_queue *queue, void **items, size_t n, double seconds,
    size_t *done);

// Closes the queue: puts return LT_CLOSED from now on, and so do gets once the items that are in
// it are taken; with `immediate`, those are discarded, and gets return it at once. Wakes all who
// wait. An item that is discarded counts as done.
LT_NODISCARD lt_status lt_queue_close(lt_queue *queue, bool immediate);

// Sets the function that is called for each item that an immediate close or the free discards, on
// the thread that does so; NULL for none. If it raises, the error goes on up that thread, and the
// rest stays in the queue.
LT_NODISCARD lt_status lt_queue_set_drop(lt_queue *queue, lt_drop_fn drop);

// Says that an item that was taken out is done with, for lt_queue_join(). LT_INVALID, and nothing
// is counted, if all that were put are so already.
LT_NODISCARD lt_status lt_queue_task_done(lt_queue *queue);

// Blocks until all items that were put are done with. Each lt_queue_task_done() happens before its
// return. LT_INTERRUPTED: not so yet.
LT_NODISCARD lt_status lt_queue_join(lt_queue *queue);

// Whether all items that were put are done with: LT_OK, or LT_BUSY. Never blocks.
LT_NODISCARD lt_status lt_queue_try_join(lt_queue *queue);

// The same as lt_queue_join(); blocks for at most this many seconds.
LT_NODISCARD lt_status lt_queue_join_timeout(lt_queue *queue, double seconds);

// How many items are in the queue at this moment.
size_t lt_queue_size(const lt_queue *queue);

// How many items the queue can hold; 0 for any number.
size_t lt_queue_capacity(const lt_queue *queue);

// Whether the queue is empty at this moment.
bool lt_queue_is_empty(const lt_queue *queue);

// Whether the queue is full at this moment; one without a bound never is.
bool lt_queue_is_full(const lt_queue *queue);

// Whether the queue was closed.
bool lt_queue_is_closed(const lt_queue *queue);

// ---- Signal routing: here, behind the types that signals go to ---------------------------------

// A callback for signals: runs on a thread of the library's, in ordinary context.
typedef void (*lt_signal_fn)(int signum, void *arg);

// Routes a signal to the main thread: each arrival does what lt_interrupt_main() does, so that
// Ctrl-C makes a wait there return LT_INTERRUPTED. A signal has one route; a later call replaces
// it. LT_INVALID for what cannot be caught; on Windows LT_UNSUPPORTED for all but three. LT_NO_MEMORY,
// LT_NO_THREAD.
LT_NODISCARD lt_status lt_signal_to_main(int signum);

// Routes a signal to the main thread, and leaves the handler that is installed at work: it is called
// as before, by ours, with its mask and flags, on the same thread; when it has returned, the main
// thread is interrupted. Where there is none, this is lt_signal_to_main(). For runtimes like Python.
// Errors as of lt_signal_to_main().
LT_NODISCARD lt_status lt_signal_chain_to_main(int signum);

// Routes a signal to an event, which it sets. Errors as of lt_signal_to_main().
LT_NODISCARD lt_status lt_signal_to_event(int signum, lt_event *event);

// Routes a signal to a queue: each arrival puts (void *)(intptr_t)signum. While the queue is full,
// that signal waits, and no other; the kernel keeps real-time signals apart and merges the others.
// Errors as of lt_signal_to_main().
LT_NODISCARD lt_status lt_signal_to_queue(int signum, lt_queue *queue);

// Routes a signal to a callback, which may block and call anything. LT_INVALID for NULL; errors as of
// lt_signal_to_main().
LT_NODISCARD lt_status lt_signal_to_callback(int signum, lt_signal_fn callback, void *arg);

// Puts back what the signal did before its first route; LT_OK if it has none. A callback that is
// running runs on. LT_INVALID and LT_UNSUPPORTED for what has no routes.
LT_NODISCARD lt_status lt_signal_restore(int signum);

// ---- Timers and the watchdog -------------------------------------------------------------------

// A timer calls a function later, once or again and again. One thread of the library's serves all
// of them, in the order in which they are due: a callback that takes long holds up the others.
// One that raises is told to the excepthook, and the timer goes on. A forked child has no timers.
typedef struct lt_timer lt_timer;

// A watchdog interrupts the main thread unless it is fed in time: for a main loop that may hang in
// a wait. It does so once; the next feed arms it again.
typedef struct lt_watchdog lt_watchdog;

// What a timer calls.
typedef void (*lt_timer_fn)(void *arg);

// Calls callback(arg) after `seconds`, 0 for at once; then every `repeat` seconds, 0 for once. A
// repeating timer keeps its phase and leaves out the periods that it missed. With a NULL `timer`
// it cannot be cancelled. LT_INVALID for a negative time, LT_NO_MEMORY, LT_NO_THREAD.
LT_NODISCARD lt_status lt_timer_start(double seconds, double repeat, lt_timer_fn callback,
    void *arg, lt_timer **timer);

// Cancels the timer: when it returns, the callback neither runs nor will. It blocks while the
// callback runs; called from that, it does not, and only the next calls are cancelled.
// LT_INTERRUPTED: cancelled, but the callback may still run.
LT_NODISCARD lt_status lt_timer_cancel(lt_timer *timer);

// Cancels the timer as lt_timer_cancel() does, and frees it. LT_INTERRUPTED, or LT_BUSY while
// another thread cancels it: not freed. NULL is LT_OK.
LT_NODISCARD lt_status lt_timer_free(lt_timer *timer);

// Starts a watchdog: lt_interrupt_main(signum) once it was not fed for so many seconds, which are
// above 0. LT_INVALID for a bad argument, LT_NO_MEMORY, LT_NO_THREAD.
LT_NODISCARD lt_status lt_watchdog_start(double seconds, int signum, lt_watchdog **watchdog);

// Feeds the watchdog: its time begins anew.
LT_NODISCARD lt_status lt_watchdog_feed(lt_watchdog *watchdog);

// Stops the watchdog: when it returns, it does not interrupt. The next feed arms it again. It blocks
// while the watchdog is at it. LT_INTERRUPTED: stopped, but it may be at it still.
LT_NODISCARD lt_status lt_watchdog_cancel(lt_watchdog *watchdog);

// Stops the watchdog as lt_watchdog_cancel() does, and frees it. LT_INTERRUPTED, or LT_BUSY while
// another thread stops it: not freed. NULL is LT_OK.
LT_NODISCARD lt_status lt_watchdog_free(lt_watchdog *watchdog);

// ---- Pool and futures --------------------------------------------------------------------------

enum {
    LT_ALL           = 0,   // For lt_future_wait_many(): until all are over.
    LT_ANY           = 1,   // Until one is over.
    LT_FIRST_ERROR   = 2,   // Until one has failed, or all are over.
};
#define LT_ALL 0
#define LT_ANY 1
#define LT_FIRST_ERROR 2

// A future stands for what becomes of a task. All that the task did happens before the return of
// who waits for it. A worker that waits for a task of its own pool which nobody has begun runs it
// itself, on its stack and under whatever locks it holds, so that tasks can wait for each other in
// a pool of one worker.
typedef struct lt_future lt_future;

// What is called when a task is over, perhaps after the return of who waits for it: with its
// future, whose handle may have been freed meanwhile, and may be by it.
typedef void (*lt_future_fn)(lt_future *future, void *arg);

// Blocks until the task is over; `result` is what it returned. LT_FAILED if it ended with an error,
// LT_CANCELLED; LT_INTERRUPTED: not over yet; LT_DEADLOCK from the task itself, or on a worker that has
// neither stack left to run the task nor another thread to be had for it.
LT_NODISCARD lt_status lt_future_result(lt_future *future, void **result);

// The same, but LT_BUSY if the task is not over, and never LT_DEADLOCK. Never blocks.
LT_NODISCARD lt_status lt_future_try_result(lt_future *future, void **result);

// The same as lt_future_result(); blocks for at most this many seconds. A worker that runs the task
// itself does so to its end.
LT_NODISCARD lt_status lt_future_result_timeout(lt_future *future, double seconds, void **result);

// The error that the task ended with, valid as long as the handle. LT_EMPTY if it did not, or not
// yet. The first call renders the trace, which can take some milliseconds.
LT_NODISCARD lt_status lt_future_error(lt_future *future, const lt_error_info **info);

// Whether the task is over: it returned, failed, or was cancelled.
bool lt_future_done(const lt_future *future);

// Whether a thread is in the task.
bool lt_future_running(const lt_future *future);

// Whether the task was cancelled.
bool lt_future_cancelled(const lt_future *future);

// Cancels the task if nobody has begun it: it will not be called. LT_OK too if that was done
// before; LT_BUSY if it runs or has ended. Never blocks.
LT_NODISCARD lt_status lt_future_cancel(lt_future *future);

// Has callback(future, arg) called once when the task is over, on the thread that ended it; at once,
// on this one, if it is over and all that were added before have been called. Those of one future
// are called one after the other, as they were added; an error in one goes to the hook. LT_INVALID
// for NULL, LT_NO_MEMORY.
LT_NODISCARD lt_status lt_future_add_done_callback(lt_future *future, lt_future_fn callback,
    void *arg);

// Blocks until so many of the n futures are over as the mode says: LT_ALL, LT_ANY, LT_FIRST_ERROR;
// for at most this many seconds. `done` is how many are over, cancelled ones too, also with
// LT_TIMED_OUT and LT_INTERRUPTED. With n = 0 it returns at once. LT_NO_MEMORY;
// LT_DEADLOCK as of lt_future_result().
LT_NODISCARD lt_status lt_future_wait_many(lt_future *const *futures, size_t n, int mode,
    double seconds, size_t *done);

// Frees the handle; the task goes on, and what it ends with is forgotten, or an error told to the
// hook. LT_BUSY, and nothing is freed, while a thread waits for it. NULL is LT_OK.
LT_NODISCARD lt_status lt_future_free(lt_future *future);

// A pool runs tasks on threads of its own, its workers, in the order in which they were submitted.
// A worker is started when a task comes and none is idle, up to a bound; idle ones are kept. What
// was done before a submit happens before the task. A task that raises, throws or calls lt_exit()
// ends itself alone; but lt_exit() ends its thread, and so a task there that waits for it. A forked
// child has the pool without its workers and tasks.
typedef struct lt_pool lt_pool;

// What a pool runs. What it returns is for the future.
typedef void *(*lt_task_fn)(void *arg);

// What lt_pool_stats() tells. Set `size` to sizeof(lt_pool_info).
typedef struct lt_pool_info {
    size_t size;
    uint32_t max_workers;
    // More than max_workers while some wait for tasks that they have no stack left to run.
    uint32_t workers;
    // Workers that wait for a task.
    uint32_t idle;
    // Workers that are in a task, or just coming out of one.
    uint32_t running;
    // Tasks that no worker has taken yet.
    size_t queued;
    // Tasks that workers are through with, in whatever way; not those that were cancelled. Quick ones
    // of a map are counted some at a time.
    uint64_t completed;
} lt_pool_info;

// A new pool of at most so many workers; 0: the number of processors + 4, but at most 32. Their
// names are name_prefix_0 and so on; NULL for a default. NULL if the prefix is not UTF-8, or out
// of memory.
LT_NODISCARD lt_pool *lt_pool_new(uint32_t max_workers, const char *name_prefix);

// Shuts the pool down, blocks until all its tasks have run and its workers ended, and frees it.
// LT_DEADLOCK from a worker of it: nothing is done. LT_INTERRUPTED, or LT_BUSY while another thread
// waits for its end: shut down, not freed. NULL is LT_OK.
LT_NODISCARD lt_status lt_pool_free(lt_pool *pool);

// Has a worker call function(arg). With a NULL `future` nobody hears of its end; its error goes to
// the hook. LT_CLOSED after a shutdown, LT_INVALID for a NULL function, LT_NO_MEMORY; LT_NO_THREAD
// if there is no worker and none can be started. Then it is not called. `arg` must last as long.
LT_NODISCARD lt_status lt_pool_submit(lt_pool *pool, lt_task_fn function, void *arg,
    lt_future **future);

// Calls function(args[i]) for each of the n, on the workers; blocks until all are done, for at most
// this many seconds. `results` may be NULL. LT_FAILED at the first error, which the hook hears of,
// LT_TIMED_OUT, LT_INTERRUPTED, LT_CANCELLED by a shutdown: what has not begun is cancelled; results of
// what has not ended are NULL, and what runs goes on with its argument. Errors as of lt_pool_submit().
LT_NODISCARD lt_status lt_pool_map(lt_pool *pool, lt_task_fn function, void *const *args, size_t n,
    void **results, double seconds);

// Shuts the pool down: submits return LT_CLOSED from now on. Tasks that have not begun are run, or,
// with `cancel_pending`, cancelled. With `wait` it blocks until all workers have ended: LT_DEADLOCK
// from one of them, and nothing is done; LT_INTERRUPTED: shut down, but not at its end.
LT_NODISCARD lt_status lt_pool_shutdown(lt_pool *pool, bool wait, bool cancel_pending);

// Sets the function that is called with the argument of each task that is cancelled and has no
// future, on the thread that cancels it; NULL for none. Who has a future learns of it there.
LT_NODISCARD lt_status lt_pool_set_drop(lt_pool *pool, lt_drop_fn drop);

// Tells how the pool does at this moment: the members that lie within info->size, and that the
// library knows; the others are left alone. LT_INVALID for a size below that of a size_t or above
// 4096, and for NULL.
LT_NODISCARD lt_status lt_pool_stats(lt_pool *pool, lt_pool_info *info);

// ---- Insight -----------------------------------------------------------------------------------

enum {
    LT_DEADLOCK_CYCLE = 0,   // Threads wait for each other, or would: the call has returned LT_DEADLOCK.
    LT_DEADLOCK_ORDER = 1,   // Two locks were acquired in both orders: threads that do so at once may wait for ever.
};
#define LT_DEADLOCK_CYCLE 0
#define LT_DEADLOCK_ORDER 1

// One of the threads that lt_deadlock_info tells of.
typedef struct lt_deadlock_link {
    // Its ident.
    uint64_t thread;
    // The handle of what it holds, which the thread before it in the array wants, and the first one what the last
    // holds: of a lock, of itself where it is joined, of the future of its task.
    const void *holds;
    // The handle of what it waits for, or would.
    const void *wants;
    // All this in a sentence, with names, and with places where they are known.
    const char *text;
} lt_deadlock_link;

// What insight has found, for the hook of lt_set_deadlock_hook(). Valid until that returns.
typedef struct lt_deadlock_info {
    size_t size;
    // One of the LT_DEADLOCK_ constants.
    int32_t kind;
    // How many links there are.
    size_t count;
    // The first is the calling thread's.
    const lt_deadlock_link *links;
} lt_deadlock_info;

enum {
    LT_INSIGHT_OWNERS = 1,   // Locks remember who acquired them, and where; not those that another thread has ever released.
    LT_INSIGHT_DEADLOCK = 2,   // A wait that would never end returns LT_DEADLOCK at once; with what LT_INSIGHT_OWNERS has.
    LT_INSIGHT_ORDER = 4,   // Two locks that are acquired in both orders are told of; with what LT_INSIGHT_OWNERS has.
    LT_INSIGHT_CONTENTION = 8,   // What is waited for because others hold it is counted, for lt_contention().
};
#define LT_INSIGHT_OWNERS 1
#define LT_INSIGHT_DEADLOCK 2
#define LT_INSIGHT_ORDER 4
#define LT_INSIGHT_CONTENTION 8

// What lt_waits() tells of a thread that waits.
typedef struct lt_wait_info {
    size_t size;
    lt_ident ident;
    // Whose it is what the thread waits for: the owner of a re-entrant lock, a joined thread, the
    // thread that runs a task. 0 where that is not known.
    lt_ident holder;
    // NULL for a wait that is for no object, or for several.
    const void *handle;
    // On the clock of lt_monotonic(). `until` is infinity without a time-out.
    double since;
    double until;
    // "acquire", "get", "join" and the like; "" for the type without an object.
    char verb[16];
    char type[16];
    // As lt_name() has it.
    char name[64];
} lt_wait_info;

// Is told of a deadlock, or of two orders, on the thread that found it. It returns: lt_exit() in it ends the process.
typedef void (*lt_deadlock_hook)(const lt_deadlock_info*, void*);

// What lt_contention() tells of an object that was waited for. Times are in seconds.
typedef struct lt_contention_info {
    size_t size;
    const void *handle;
    // How often a thread had to wait, and for how long in all.
    uint64_t waits;
    double waited;
    double longest_wait;
    // As far as it is known: what was held before anybody waited is not.
    double longest_hold;
    // How often the object was handed to one that had waited for too long.
    uint64_t handovers;
    char type[16];
    // As lt_name() has it; "" once the object was freed.
    char name[64];
    // Where most was waited; "" if that is not known.
    char place[128];
} lt_contention_info;

// Names an object of any type, in UTF-8, for dumps: copied, of any length; NULL or "" takes the name
// away. A thread's handle names the thread, as lt_set_thread_name() does for the library; LT_INVALID
// once it has ended. Costs nothing where no name is asked for. LT_NO_MEMORY.
LT_NODISCARD lt_status lt_set_name(const void *handle, const char *name);

// Copies the name of an object, cut to `len` bytes on a character boundary. Without one it is called
// by its type and its handle. LT_INVALID for len 0.
LT_NODISCARD lt_status lt_name(const void *handle, char *buf, size_t len);

// Writes a line for each thread to a descriptor: its name, what it waits for, since when, and who has
// that, where it is known; then the circles in which threads wait for each other. LT_INVALID if that
// cannot be written. Takes no lock and no memory; async-signal-safe.
LT_NODISCARD lt_status lt_dump(int fd);

// Has this signal write a dump to the descriptor, in the place of what was done with it before, which
// an fd of -1 puts back. LOWTHREAD_DUMP_SIGNAL=QUIT in the environment does it for the standard error
// without a line of code. LT_INVALID for what cannot be caught, or is a fault; LT_UNSUPPORTED.
LT_NODISCARD lt_status lt_dump_on_signal(int signum, int fd);

// Tells of the threads that wait now. Fills what fits into `array`, as lt_enumerate() does, with the
// same LT_INVALID; `array` may be NULL as there, `count` is their number. Never blocks.
LT_NODISCARD lt_status lt_waits(lt_wait_info *array, size_t capacity, size_t *count);

// Turns insight on: LT_INSIGHT_ constants, 0 for none. LOWTHREAD_INSIGHT=owners,deadlock,order,contention in the
// environment does so from the start. A trace is not touched. LT_INVALID for other bits, LT_NO_MEMORY.
LT_NODISCARD lt_status lt_set_insight(uint32_t what);

// Sets who is told of deadlocks that were refused, and of two orders; NULL restores the default, which writes it
// to stderr. What a hook throws goes to the excepthook. LT_OK, always.
LT_NODISCARD lt_status lt_set_deadlock_hook(lt_deadlock_hook hook, void *arg);

// Tells of the locks, re-entrant and read-write locks and spinlocks that were waited for while LT_INSIGHT_CONTENTION
// was on, the longest waited for first. Fills what fits into `array`, as lt_enumerate() does, with the same
// LT_INVALID; `array` may be NULL as there, `count` is their number. LT_NO_MEMORY.
LT_NODISCARD lt_status lt_contention(lt_contention_info *array, size_t capacity, size_t *count);

// Writes the same to a descriptor, a line for each. LT_INVALID if that cannot be written, LT_NO_MEMORY.
LT_NODISCARD lt_status lt_contention_report(int fd);

// Writes a trace from now on: a timeline of all threads in trace-event JSON, which Perfetto and Chrome show. `path` is
// made, or emptied. LOWTHREAD_INSIGHT=trace:FILE in the environment does so from the start, with %p in FILE for the
// process. LT_BUSY while a trace is on; LT_INVALID if the file cannot be written, as a FIFO that nobody reads;
// LT_NO_MEMORY, LT_NO_THREAD.
LT_NODISCARD lt_status lt_trace_start(const char *path);

// Writes what is left of the trace, and ends it, as the end of the process does. LT_OK without one; LT_INVALID if not
// all of it could be written, as to a FIFO of which nothing was read for a second.
LT_NODISCARD lt_status lt_trace_stop(void);

// Begins a span of the calling thread in the trace, inside of those that are open: `name` in UTF-8 is copied, and cut
// to 96 bytes; NULL is "". Does nothing while no trace is on.
void lt_trace_begin(const char *name);

// Ends the span that the calling thread began last, in the same function, task or callback. Those that are left open
// end with that. Does nothing without one.
void lt_trace_end(void);

// ---- Waiting for several things at once -------------------------------------------------------

enum {
    LT_CASE_LOCK     = 1,   // For lt_case.op, what may happen: the lock is acquired.
    LT_CASE_RLOCK    = 2,   // The re-entrant lock is acquired, for the first time or once more.
    LT_CASE_SEMAPHORE = 3,   // A permit of the semaphore is taken.
    LT_CASE_EVENT    = 4,   // The event is set.
    LT_CASE_GET      = 5,   // An item is taken out of the queue: then it is in `item`; or that is closed and empty: LT_CLOSED.
    LT_CASE_PUT      = 6,   // `item` is put into the queue; or that is closed: LT_CLOSED.
    LT_CASE_READ     = 7,   // The read-write lock is acquired for reading.
    LT_CASE_WRITE    = 8,   // The read-write lock is acquired for writing.
    LT_CASE_JOIN     = 9,   // The thread is over: it has been joined. LT_FAILED if it ended with an error.
    LT_CASE_FUTURE   = 10,  // The task of the future is over. LT_FAILED, LT_CANCELLED.
};
#define LT_CASE_LOCK 1
#define LT_CASE_RLOCK 2
#define LT_CASE_SEMAPHORE 3
#define LT_CASE_EVENT 4
#define LT_CASE_GET 5
#define LT_CASE_PUT 6
#define LT_CASE_READ 7
#define LT_CASE_WRITE 8
#define LT_CASE_JOIN 9
#define LT_CASE_FUTURE 10

// One of the things that lt_select() waits for.
typedef struct lt_case {
    // One of the LT_CASE_ constants.
    int32_t op;
    // Set for the case that happens: what a call that does this alone would have returned.
    lt_status status;
    // The object: an lt_queue for LT_CASE_GET, and so on.
    const void *handle;
    // What is to be put, or what was got; not touched otherwise.
    void *item;
} lt_case;

// Waits until one of n cases can be done, does that one and no other, and tells which; blocks for at most
// this many seconds. LT_OK whenever one happened: its status says more. LT_TIMED_OUT, LT_INTERRUPTED: none.
// LT_BAD_HANDLE, LT_INVALID, LT_DEADLOCK: the case at `index` can never be done. Where several could be, each
// is the one as often as any other. LT_NO_MEMORY. Who frees an object that is selected on gets LT_BUSY.
LT_NODISCARD lt_status lt_select(lt_case *cases, size_t n, double seconds, size_t *index);
// A watch tells an event loop (epoll, libuv, GLib, asyncio, Win32) that something can be done: the case
// of a select with this `op`. It takes nothing: the loop then asks with the try form. The object may be
// freed: the watch is dead then, and still to be freed. A forked child has none that works.
typedef struct lt_watcher lt_watcher;

// What a watch calls.
typedef void (*lt_ready_fn)(void *arg);

// Calls ready(arg) when the case becomes possible, and at once if it is; several times may merge into one.
// One thread of the library's calls for all watches. One that raises is told to the excepthook, and the
// watch goes on. With a NULL `watcher` it stays. LT_BAD_HANDLE, LT_INVALID, LT_NO_MEMORY, LT_NO_THREAD.
LT_NODISCARD lt_status lt_watch(const void *handle, int32_t op, lt_ready_fn ready, void *arg,
    lt_watcher **watcher);

// Gives a descriptor that is readable while the case may be possible, for poll() and its like, level- or
// edge-triggered. It is never to be read, nor closed: the free of the watch does that. Who makes the case
// possible writes it; a try form, or a wait, that finds it not so quiets it. LT_BAD_HANDLE, LT_INVALID,
// LT_NO_MEMORY (also if there is no descriptor to be had: lt_last_errno()), LT_UNSUPPORTED on Windows.
LT_NODISCARD lt_status lt_watch_fd(const void *handle, int32_t op, int *fd, lt_watcher **watcher);

// Frees the watch, and closes its descriptor: when it returns, `ready` neither runs nor will. It blocks
// while `ready` runs, without being interrupted; called from that, it does not. NULL is LT_OK.
LT_NODISCARD lt_status lt_watch_free(lt_watcher *watcher);

#ifdef __cplusplus
}
#endif

#endif
