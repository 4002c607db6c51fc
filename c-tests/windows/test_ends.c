// How threads, fibers and the process end here.
// timeout: 60
#include "support.h"

#include <windows.h>

static void leave_by_the_system(void *arg) {
    must(lt_event_set(arg) == LT_OK);
    ExitThread(7);
}

TEST(a_thread_that_ends_by_exit_thread_is_joined_and_counts_no_more) {
    lt_event *ran = lt_event_new();
    for (int i = 0; i < 20; i++) {
        lt_thread *thread;
        assert_ok(lt_thread_start(leave_by_the_system, ran, NULL, &thread));
        assert_ok(lt_thread_join(thread));
        assert_true(lt_event_is_set(ran));
        assert_false(lt_thread_is_alive(thread));
        assert_int_equal(lt_thread_count(), 0);
        assert_ok(lt_thread_free(thread));
        assert_ok(lt_start_new_thread(leave_by_the_system, ran, NULL));
        join_all_threads();
    }
    assert_ok(lt_event_free(ran));
}

// ---- Fibers

typedef struct visit {
    HANDLE made, deleted;
    void *home, *fiber;
    lt_ident there, after;
} visit;

static void WINAPI meet_the_library(void *arg) {
    visit *v = arg;
    v->there = lt_get_ident();
    SwitchToFiber(v->home);
}

static DWORD WINAPI visit_from_a_fiber(void *arg) {
    visit *v = arg;
    v->home = ConvertThreadToFiber(NULL);
    v->fiber = CreateFiber(0, meet_the_library, v);
    SwitchToFiber(v->fiber);
    must(SetEvent(v->made) && WaitForSingleObject(v->deleted, INFINITE) == WAIT_OBJECT_0);
    v->after = lt_get_ident();
    must(lt_sleep(0.001) == LT_OK);
    return 0;
}

TEST(a_fiber_that_another_thread_deletes_ends_neither_thread) {
    visit v = {.made = CreateEventA(NULL, FALSE, FALSE, NULL), .deleted = CreateEventA(NULL, FALSE, FALSE, NULL)};
    lt_ident own = lt_get_ident();
    HANDLE thread = CreateThread(NULL, 0, visit_from_a_fiber, &v, 0, NULL);
    must(WaitForSingleObject(v.made, INFINITE) == WAIT_OBJECT_0);
    DeleteFiber(v.fiber);
    assert_int_equal(lt_get_ident(), own);
    assert_int_not_equal(lt_native_handle(v.there), 0);
    must(SetEvent(v.deleted) && WaitForSingleObject(thread, INFINITE) == WAIT_OBJECT_0);
    assert_int_equal(v.after, v.there);
    assert_int_not_equal(v.there, own);
    CloseHandle(thread);
    CloseHandle(v.made);
    CloseHandle(v.deleted);
}

// ---- The process

static void do_nothing(void *arg) {
    (void)arg;
}

static void come_and_go(void *arg) {
    (void)arg;
    for (;;) {
        LT_IGNORE(lt_start_new_thread(do_nothing, NULL, NULL));
        LT_IGNORE(lt_set_thread_name("busy"));
    }
}

// The others are ended wherever they are, perhaps with a lock of the library's.
TEST(a_process_ends_beside_threads_that_come_and_go) {
    if (getenv("LT_CHILD") != NULL) {
        for (int i = 0; i < 4; i++) {
            assert_ok(lt_start_new_thread(come_and_go, NULL, NULL));
        }
        assert_ok(lt_sleep(0.01));
        ExitProcess(0);
    }
    must(_putenv("LT_CHILD=1") == 0);
    for (int i = 0; i < 5; i++) {
        char program[MAX_PATH], command[MAX_PATH + 100];
        must(GetModuleFileNameA(NULL, program, sizeof program) != 0);
        snprintf(command, sizeof command, "\"%s\" %s", program, __func__ + strlen("lt_test_"));
        STARTUPINFOA start = {.cb = sizeof start};
        PROCESS_INFORMATION child;
        DWORD code = 1;
        must(CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &start, &child));
        must(WaitForSingleObject(child.hProcess, 20000) == WAIT_OBJECT_0);
        must(GetExitCodeProcess(child.hProcess, &code) && code == 0);
        CloseHandle(child.hProcess);
        CloseHandle(child.hThread);
    }
}
