// What the console tells a program: Ctrl-C and Ctrl-Break.
#include "support.h"

#include <windows.h>

// Runs this case in a process that has a console, if this one has none: nobody could tell it anything. True if it
// was run there.
static bool was_run_in_a_console(const char *function) {
    // A program that was started by one that ignores Ctrl-C does, too.
    must(SetConsoleCtrlHandler(NULL, FALSE));
    if (GetConsoleCP() != 0) {
        return false;
    }
    if (getenv("LT_HAS_CONSOLE") != NULL) {
        skip_because("there is no console");
    }
    must(_putenv("LT_HAS_CONSOLE=1") == 0);
    char program[MAX_PATH], command[MAX_PATH + 200];
    must(GetModuleFileNameA(NULL, program, sizeof program) != 0);
    snprintf(command, sizeof command, "\"%s\" %s", program, function + strlen("lt_test_"));
    STARTUPINFOA start = {
        .cb = sizeof start,
        .dwFlags = STARTF_USESTDHANDLES,
        .hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE),
        .hStdError = GetStdHandle(STD_ERROR_HANDLE),
    };
    PROCESS_INFORMATION child;
    const DWORD flags = CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP;
    DWORD code = 1;
    fflush(NULL);
    must(CreateProcessA(NULL, command, NULL, NULL, TRUE, flags, NULL, NULL, &start, &child));
    must(WaitForSingleObject(child.hProcess, INFINITE) == WAIT_OBJECT_0);
    must(GetExitCodeProcess(child.hProcess, &code));
    assert_int_equal(code, 0);
    return true;
}

#define IN_A_CONSOLE()                                                                             \
    if (was_run_in_a_console(__func__)) {                                                          \
        return;                                                                                    \
    }

// Wine's console has no Ctrl-Break. Then what is told by is called here as the system does: on a new thread.
static HANDLE tell_as_the_system(DWORD event) {
    typedef DWORD(WINAPI * routine)(void *);
    routine start = (routine)(uintptr_t)GetProcAddress(GetModuleHandleA("kernelbase.dll"), "CtrlRoutine");
    must(start != NULL);
    HANDLE thread = CreateThread(NULL, 0, start, (void *)(uintptr_t)event, 0, NULL);
    must(thread != NULL);
    return thread;
}

static void tell(DWORD event) {
    if (!GenerateConsoleCtrlEvent(event, 0)) {
        must(event == CTRL_BREAK_EVENT);
        CloseHandle(tell_as_the_system(event));
    }
}

static void tell_when_main_sleeps(void *arg) {
    must_soon(asleep(getpid()));
    tell(*(DWORD *)arg);
}

static void check_interrupts_main(DWORD event, int signum) {
    assert_ok(lt_signal_to_main(signum));
    lt_event *never = lt_event_new();
    assert_ok(lt_start_new_thread(tell_when_main_sleeps, &event, NULL));
    assert_status(lt_event_wait_timeout(never, POLL_SECONDS), LT_INTERRUPTED);
    assert_int_equal(lt_interrupt_signal(), signum);
    join_all_threads();
    assert_ok(lt_event_free(never));
    assert_ok(lt_signal_restore(signum));
}

TEST(ctrl_c_interrupts_a_wait_of_the_main_thread) {
    IN_A_CONSOLE();
    check_interrupts_main(CTRL_C_EVENT, SIGINT);
}

TEST(ctrl_break_interrupts_a_wait_of_the_main_thread) {
    IN_A_CONSOLE();
    check_interrupts_main(CTRL_BREAK_EVENT, SIGBREAK);
}

TEST(each_ctrl_c_goes_into_a_queue) {
    IN_A_CONSOLE();
    lt_queue *queue = lt_queue_new(0);
    assert_ok(lt_signal_to_queue(SIGINT, queue));
    for (int i = 0; i < 3; i++) {
        void *item = NULL;
        tell(CTRL_C_EVENT);
        assert_ok(lt_queue_get_timeout(queue, POLL_SECONDS, &item));
        assert_int_equal((intptr_t)item, SIGINT);
    }
    assert_ok(lt_signal_restore(SIGINT));
    assert_ok(lt_queue_free(queue));
}

static void note(int signum, void *arg) {
    must(signum == SIGBREAK);
    must(lt_event_set(arg) == LT_OK);
}

TEST(ctrl_break_calls_a_callback_that_may_use_the_library) {
    IN_A_CONSOLE();
    lt_event *told = lt_event_new();
    assert_ok(lt_signal_to_callback(SIGBREAK, note, told));
    tell(CTRL_BREAK_EVENT);
    assert_ok(lt_event_wait_timeout(told, POLL_SECONDS));
    assert_ok(lt_signal_restore(SIGBREAK));
    assert_ok(lt_event_free(told));
}

// The process ends as soon as the thread does that was told.
TEST(a_closed_window_leaves_the_program_time_to_end) {
    assert_ok(lt_signal_to_main(SIGTERM));
    HANDLE told = tell_as_the_system(CTRL_CLOSE_EVENT);
    assert_status(lt_sleep(POLL_SECONDS), LT_INTERRUPTED);
    assert_int_equal(lt_interrupt_signal(), SIGTERM);
    assert_int_equal(WaitForSingleObject(told, 200), WAIT_TIMEOUT);
    CloseHandle(told);
}

TEST(what_windows_has_not_is_unsupported) {
    for (int signum = 1; signum <= 64; signum++) {
        bool has = signum == SIGINT || signum == SIGTERM || signum == SIGBREAK;
        assert_status(lt_signal_to_main(signum), has ? LT_OK : LT_UNSUPPORTED);
        assert_true(has || last_error_names("lt_signal_to_main"));
        assert_status(lt_signal_restore(signum), has ? LT_OK : LT_UNSUPPORTED);
    }
    assert_status(lt_signal_to_main(0), LT_INVALID);
    assert_status(lt_signal_to_main(65), LT_INVALID);
}

TEST(a_call_keeps_what_get_last_error_says) {
    lt_event *event = lt_event_new();
    SetLastError(4711);
    errno = 42;
    assert_status(lt_event_wait_timeout(event, 0.01), LT_TIMED_OUT);
    assert_int_equal(GetLastError(), 4711);
    assert_int_equal(errno, 42);
    assert_ok(lt_event_set(event));
    assert_true(lt_get_ident() != 0);
    assert_int_equal(GetLastError(), 4711);
    assert_ok(lt_event_free(event));
}
