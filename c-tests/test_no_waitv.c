// Where the kernel has no futex_waitv, or a sandbox forbids it, threads that can be interrupted wait in
// another way. The tests of interrupts, time and signals run again there, under shim_no_waitv.c.
// timeout: 120
// needs: seccomp
#include "shims.h"

static void run_again(const char *test, int error) {
    if ((lt_features() & LT_FEATURE_WAKE_IN_HANDLERS) == 0) {
        skip_because("the portable wait engine never calls futex_waitv");
    }
    if (under_sanitizer()) {
        skip_because("the sanitizer wants to be loaded first");
    }
    char program[4096], setting[64];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 64);
    assert_true(length > 0);
    program[length] = '\0';
    strcpy(strrchr(program, '/') + 1, test); // It lies beside this one.
    snprintf(setting, sizeof setting, "LT_WAITV_ERRNO=%d", error);
    run_under_shims("no_waitv", program, NULL, setting);
}

TEST(interrupts_work_without_futex_waitv) {
    run_again("test_interrupt", ENOSYS);
}

TEST(times_are_kept_without_futex_waitv) {
    run_again("test_time", ENOSYS);
}

TEST(signals_do_no_harm_without_futex_waitv) {
    run_again("test_signals", ENOSYS);
}

TEST(interrupts_work_where_futex_waitv_is_forbidden) {
    run_again("test_interrupt", EPERM);
}

TEST(times_are_kept_where_futex_waitv_is_forbidden) {
    run_again("test_time", EPERM);
}

TEST(interrupts_work_where_there_is_no_memory_for_futex_waitv) {
    run_again("test_interrupt", ENOMEM);
}
