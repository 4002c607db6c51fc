// The harness of the C tests: cmocka, plus cases that register themselves.
//
//     #include "harness.h"
//
//     TEST(release_of_a_free_lock_is_reported) {
//         lt_lock *lock = lt_allocate_lock();
//         assert_non_null(lock);
//         assert_status(lt_lock_release(lock), LT_NOT_HELD);
//         assert_ok(lt_lock_free(lock));
//     }
//
// A file test_lock.c (or .cpp, in C++17) becomes one executable, and each case in it a ctest named
// lock.release_of_a_free_lock_is_reported. Without arguments the executable runs all of its cases,
// with names only those. CMake finds the cases by reading the source: TEST( stands at the start of
// a line. Comments at the start of a line of the source are for CMake too:
//
//     // timeout: 60            seconds after which a case of this file is killed (default 30)
//     // serial: on            no other test runs at the same time
//     // flags: -fexceptions    more options for the compiler
//     // needs: fork            what all of it is about, and Windows has not: there it is skipped
//
// Each c-tests/shim_x.c becomes a library to be preloaded, or loaded: $LT_SHIM_DIR/shim_x.so.
//
// cmocka's assertions leave the case by longjmp, so they are for the thread that runs the case.
// Other threads and forked children use must(), which ends the process.
#ifndef LT_HARNESS_H
#define LT_HARNESS_H

#include "system.h"

#include <lowthread.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

// Inside, because cmocka 1.1 does not say extern "C" itself.
#include <cmocka.h>

typedef struct lt_test_case {
    const char *name;
    void (*run)(void);
    struct lt_test_case *next;
} lt_test_case;

void lt_harness_add(lt_test_case *added);

LT_NORETURN void lt_harness_must(const char *file, int line, const char *expression);

void lt_harness_status(const char *file, int line, const char *call, lt_status is,
    lt_status expected);

// fork(), for a child that uses the library. Where there are other threads and the library has no LT_FEATURE_FORK,
// the program ends here, on whichever thread, and counts as skipped.
int fork_to_go_on(void);

// What waitpid() says of such a child. What an emulator cannot do, the program ends for, and counts as skipped.
int wait_for_child(int child);

// Runs body(arg) in a child forked like that, which ends with exit code 0 when it returns. The result is what
// waitpid() says: 0 if all went well.
int run_in_child(void (*body)(void *arg), void *arg);

// Runs a program of the tests with one argument or NULL, with these NAME=VALUE in its environment (the last is NULL),
// and says what waitpid() did. `program` is NULL for the one that runs. An emulator runs it where it runs this one.
int run_program(const char *program, const char *argument, const char *const settings[]);

// Whether an emulator of a processor, QEMU, runs the tests.
bool under_emulator(void);

// Seconds since `start`, a value of lt_monotonic().
double seconds_since(double start);

#ifdef __cplusplus
}
#endif

#define TEST(name)                                                                                 \
    static void lt_test_##name(void);                                                              \
    static lt_test_case lt_case_##name = {#name, lt_test_##name, NULL};                            \
    __attribute__((constructor)) static void lt_add_##name(void) {                                 \
        lt_harness_add(&lt_case_##name);                                                           \
    }                                                                                              \
    static void lt_test_##name(void)

// Fails the case unless the call returned this status, and says both by name.
#define assert_status(call, expected)                                                              \
    lt_harness_status(__FILE__, __LINE__, #call, (call), (expected))

#define assert_ok(call) assert_status(call, LT_OK)

// For every thread: unless the condition holds, says so and aborts the process.
#define must(condition)                                                                            \
    ((condition) ? (void)0 : lt_harness_must(__FILE__, __LINE__, #condition))

// Leaves the case; ctest counts it as skipped and shows the reason.
#define skip_because(reason) (printf("skipped: %s\n", (reason)), skip())

// Whether a sanitizer has replaced the C library's malloc and threads.
static inline bool under_sanitizer(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#else
    return false;
#endif
}

// Whether an error tells where it was thrown. On ARM with 32 bits only what lt_raise() throws does.
static inline bool throws_are_traced(void) {
#ifdef __arm__
    return false;
#else
    return true;
#endif
}

static inline void skip_where_throws_are_not_traced(void) {
    if (!throws_are_traced()) {
        skip_because("the unwinder of this processor does not tell where something was thrown");
    }
}

// For a case that forks and goes on with threads in the child.
static inline void skip_where_children_have_no_threads(void) {
#ifdef __SANITIZE_THREAD__
    skip_because("ThreadSanitizer does not follow threads into a child");
#endif
}

// For a case that forks beside threads that are busy: some such forks never return, or have a child that hangs before
// it runs anything of the program's.
#define skip_beside_busy_threads()                                                                 \
    (under_emulator() ? (void)skip_because("QEMU may hang in a fork beside threads that are busy") : (void)0)

// For a case that takes something from its process: a sanitizer would miss it as well, and QEMU keeps it for itself.
#define skip_where_limits_are_not_its_own()                                                                            \
    (under_sanitizer() || under_emulator() ? (void)skip_because("what runs the program would lack it, too") : (void)0)

// Leaves the case where the library that is under test cannot do that.
#define skip_without(feature, reason) ((lt_features() & (feature)) == 0 ? (void)skip_because(reason) : (void)0)

// Whether threads are those of POSIX: what that ends, cancels and cleans up, the library sees.
static inline bool has_pthreads(void) {
    return (lt_features() & LT_FEATURE_PTHREADS) != 0;
}

// For a case in which destructors of thread-specific values run before the thread's end is told.
#define skip_where_destructors_come_late()                                                         \
    skip_without(LT_FEATURE_PTHREADS, "there the destructors of other libraries run after the library's own")

// For a case about files and lines in traces.
#define skip_without_lines() skip_without(LT_FEATURE_LINES, "there traces have functions, and no lines")

// How often a case forks: LT_LONG is for more. Under a sanitizer each fork copies the tables of its shadow, and under an
// emulator each is slow. And GCC's sanitizer has one lock for what threads free at their very end that cannot be taken
// around a fork: one child in thousands finds it taken.
static inline int forks(int many) {
    return under_sanitizer() || under_emulator() ? many / 10 : getenv("LT_LONG") != NULL ? 10 * many : many;
}

// How often a case repeats what is to leave nothing behind: under a sanitizer, which keeps what was freed, and an
// emulator, whose memory is its own, only so often that they see each step.
static inline int repetitions(int many) {
    return under_sanitizer() || under_emulator() ? many / 20 : many;
}

#endif
