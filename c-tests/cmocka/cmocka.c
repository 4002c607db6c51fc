#include "cmocka.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

// How a case ends that does not return.
enum { FAILED = 1, SKIPPED };

static jmp_buf end;
static bool running;

void print_error(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
}

LT_CMOCKA_NORETURN static void leave(int how) {
    if (!running) {
        fprintf(stderr, "an assertion outside of a case\n");
        // Not abort(): its signal may be under test.
        fflush(NULL);
        __builtin_trap();
    }
    longjmp(end, how);
}

void _fail(const char *file, int line) {
    fprintf(stderr, "[   LINE   ] --- %s:%d: error: Failure!\n", file, line);
    leave(FAILED);
}

void _skip(const char *file, int line) {
    (void)file;
    (void)line;
    leave(SKIPPED);
}

void lt_cmocka_true(int is, const char *what, const char *file, int line) {
    if (!is) {
        print_error("[  ERROR   ] --- %s\n", what);
        _fail(file, line);
    }
}

void lt_cmocka_equal(uintmax_t a, uintmax_t b, const char *file, int line) {
    if (a != b) {
        print_error("[  ERROR   ] --- %#" PRIxMAX " != %#" PRIxMAX "\n", a, b);
        _fail(file, line);
    }
}

void lt_cmocka_not_equal(uintmax_t a, uintmax_t b, const char *file, int line) {
    if (a == b) {
        print_error("[  ERROR   ] --- %#" PRIxMAX " == %#" PRIxMAX "\n", a, b);
        _fail(file, line);
    }
}

void lt_cmocka_strings(const char *a, const char *b, int equal, const char *file, int line) {
    if ((strcmp(a, b) == 0) != equal) {
        print_error("[  ERROR   ] --- \"%s\" %s \"%s\"\n", a, equal ? "!=" : "==", b);
        _fail(file, line);
    }
}

void lt_cmocka_memory(const void *a, const void *b, size_t size, const char *file, int line) {
    if (memcmp(a, b, size) != 0) {
        print_error("[  ERROR   ] --- %zu bytes differ\n", size);
        _fail(file, line);
    }
}

void lt_cmocka_range(uintmax_t is, uintmax_t low, uintmax_t high, const char *file, int line) {
    if (is < low || is > high) {
        print_error("[  ERROR   ] --- %" PRIuMAX " is not within %" PRIuMAX "-%" PRIuMAX "\n", is, low,
            high);
        _fail(file, line);
    }
}

// How the case ended; 0 if it returned.
static int run(const struct CMUnitTest *test) {
    running = true;
    int how = setjmp(end);
    if (how == 0) {
        void *state = test->initial_state;
        test->test_func(&state);
    }
    running = false;
    return how;
}

int _cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests, size_t count,
    CMFixtureFunction setup, CMFixtureFunction teardown) {
    (void)setup;
    (void)teardown;
    printf("[==========] %s: Running %zu test(s).\n", name, count);
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        printf("[ RUN      ] %s\n", tests[i].name);
        static const char *const words[] = {"       OK", "  FAILED ", "  SKIPPED"};
        int how = run(&tests[i]);
        failed += how == FAILED;
        printf("[%s ] %s\n", words[how], tests[i].name);
    }
    printf("[==========] %zu test(s) run, %d failed.\n", count, failed);
    return failed;
}
