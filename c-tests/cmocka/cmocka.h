// What these tests use of cmocka, for platforms that have none to link with (musl, Windows): the same
// names and the same output. CMake takes it where it does not find cmocka itself.
#ifndef LT_SMALL_CMOCKA_H
#define LT_SMALL_CMOCKA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __GNUC__
#define LT_CMOCKA_PRINTS __attribute__((format(printf, 1, 2)))
#define LT_CMOCKA_NORETURN __attribute__((noreturn))
#else
#define LT_CMOCKA_PRINTS
#define LT_CMOCKA_NORETURN
#endif

typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
    const char *name;
    void (*test_func)(void **state);
    CMFixtureFunction setup_func;
    CMFixtureFunction teardown_func;
    void *initial_state;
};

// Runs the cases; how many failed. Fixtures are not called.
int _cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests, size_t count,
    CMFixtureFunction setup, CMFixtureFunction teardown);

void print_error(const char *format, ...) LT_CMOCKA_PRINTS;

// These leave the case.
LT_CMOCKA_NORETURN void _fail(const char *file, int line);
LT_CMOCKA_NORETURN void _skip(const char *file, int line);

// These do unless what they say is so.
void lt_cmocka_true(int is, const char *what, const char *file, int line);
void lt_cmocka_equal(uintmax_t a, uintmax_t b, const char *file, int line);
void lt_cmocka_not_equal(uintmax_t a, uintmax_t b, const char *file, int line);
void lt_cmocka_strings(const char *a, const char *b, int equal, const char *file, int line);
void lt_cmocka_memory(const void *a, const void *b, size_t size, const char *file, int line);
void lt_cmocka_range(uintmax_t is, uintmax_t low, uintmax_t high, const char *file, int line);

#define LT_CMOCKA_NUMBER(x) ((uintmax_t)(x))
#define LT_CMOCKA_POINTER(x) ((uintmax_t)(uintptr_t)(x))
#define LT_CMOCKA_HERE __FILE__, __LINE__

#define fail() _fail(LT_CMOCKA_HERE)
#define fail_msg(...) (print_error(__VA_ARGS__), print_error("\n"), _fail(LT_CMOCKA_HERE))
#define skip() _skip(LT_CMOCKA_HERE)

#define assert_true(c) lt_cmocka_true((c) ? 1 : 0, #c, LT_CMOCKA_HERE)
#define assert_false(c) lt_cmocka_true((c) ? 0 : 1, "!(" #c ")", LT_CMOCKA_HERE)
#define assert_null(p) lt_cmocka_true((p) == NULL, #p " == NULL", LT_CMOCKA_HERE)
#define assert_non_null(p) lt_cmocka_true((p) != NULL, #p " != NULL", LT_CMOCKA_HERE)
#define assert_int_equal(a, b)                                                                     \
    lt_cmocka_equal(LT_CMOCKA_NUMBER(a), LT_CMOCKA_NUMBER(b), LT_CMOCKA_HERE)
#define assert_int_not_equal(a, b)                                                                 \
    lt_cmocka_not_equal(LT_CMOCKA_NUMBER(a), LT_CMOCKA_NUMBER(b), LT_CMOCKA_HERE)
#define assert_ptr_equal(a, b)                                                                     \
    lt_cmocka_equal(LT_CMOCKA_POINTER(a), LT_CMOCKA_POINTER(b), LT_CMOCKA_HERE)
#define assert_ptr_not_equal(a, b)                                                                 \
    lt_cmocka_not_equal(LT_CMOCKA_POINTER(a), LT_CMOCKA_POINTER(b), LT_CMOCKA_HERE)
#define assert_string_equal(a, b) lt_cmocka_strings((a), (b), 1, LT_CMOCKA_HERE)
#define assert_string_not_equal(a, b) lt_cmocka_strings((a), (b), 0, LT_CMOCKA_HERE)
#define assert_memory_equal(a, b, size) lt_cmocka_memory((a), (b), (size), LT_CMOCKA_HERE)
#define assert_in_range(is, low, high)                                                             \
    lt_cmocka_range(LT_CMOCKA_NUMBER(is), LT_CMOCKA_NUMBER(low), LT_CMOCKA_NUMBER(high),          \
        LT_CMOCKA_HERE)

#endif
