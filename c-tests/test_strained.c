// Tests of waits, run again where something disturbs them all the time: signals in every thread, each of which ends a
// system call; a wall clock that jumps; a process that is stopped and goes on. tools/strained does so with all programs.
// timeout: 180
// needs: LD_PRELOAD
#include "shims.h"

#include <spawn.h>

static const char *beside(char *program, size_t size, const char *test) {
    if (under_sanitizer() || under_emulator()) {
        skip_because("what runs the program is too slow for it");
    }
    ssize_t length = readlink("/proc/self/exe", program, size - 64);
    assert_true(length > 0);
    program[length] = '\0';
    strcpy(strrchr(program, '/') + 1, test);
    return program;
}

static void run_again(const char *shim, const char *test) {
    char program[4096];
    run_under_shims(shim, beside(program, sizeof program, test), NULL, "LT_TICK_US=100");
}

TEST(locks_hold_under_signals) {
    run_again("ticks", "test_lock");
}

TEST(times_are_kept_under_signals) {
    run_again("ticks", "test_time");
}

TEST(events_wake_under_signals) {
    run_again("ticks", "test_event");
}

TEST(interrupts_come_under_signals) {
    run_again("ticks", "test_thread_interrupt");
}

TEST(the_signals_come) {
    if (in_shims(__func__, "ticks")) {
        long (*shim_ticks)(void);
        shim_function(&shim_ticks, "shim_ticks");
        long before = shim_ticks();
        must_soon(lt_sleep(0.01) == LT_OK && shim_ticks() > before + 100);
    }
}

TEST(timers_do_not_look_at_the_wall_clock) {
    run_again("clock", "test_timer");
}

TEST(conditions_do_not_look_at_the_wall_clock) {
    run_again("clock", "test_condition");
}

TEST(the_wall_clock_is_thrown) {
    if (in_shims(__func__, "clock")) {
        unsigned (*shim_looks_at_the_clock)(void);
        shim_function(&shim_looks_at_the_clock, "shim_looks_at_the_clock");
        time_t first = time(NULL), second = time(NULL);
        assert_true(labs((long)(first - second)) > 80000);
        unsigned before = shim_looks_at_the_clock();
        double began = lt_monotonic();
        assert_ok(lt_sleep(0.05));
        assert_true(seconds_since(began) >= 0.05 && shim_looks_at_the_clock() == before);
    }
}

// The child gets SIGSTOP and SIGCONT until it has ended.
static void stop_again_and_again(const char *test) {
    char program[4096];
    beside(program, sizeof program, test);
    extern char **environ;
    pid_t child;
    assert_int_equal(posix_spawn(&child, program, NULL, NULL, (char *[]){program, NULL}, environ), 0);
    int status = 0, stops = 0;
    for (; waitpid(child, &status, WNOHANG) == 0; stops++) {
        assert_int_equal(kill(child, SIGSTOP), 0);
        nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
        assert_int_equal(kill(child, SIGCONT), 0);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    assert_int_equal(status, 0);
    assert_true(stops > 2);
}

TEST(waits_go_on_after_a_stop) {
    stop_again_and_again("test_event");
    stop_again_and_again("test_semaphore");
}

TEST(interrupts_come_after_a_stop) {
    stop_again_and_again("test_thread_interrupt");
}
