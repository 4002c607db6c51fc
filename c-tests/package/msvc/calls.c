// C in Microsoft's ABI: arguments, results and structs are what the header says; lt_exit and lt_raise run __finally.
#include "program.h"

static int finals;

static void put_name(void *queue) {
    static char name[64];
    must(lt_thread_name(lt_get_ident(), name, sizeof name) == LT_OK);
    must(lt_queue_put(queue, name) == LT_OK);
}

static void check_structs(void) {
    lt_queue *queue = lt_queue_new(2);
    lt_thread_options options = {.size = sizeof options, .name = "of another compiler", .stack_size = 1 << 20};
    lt_thread *thread;
    void *name;
    must(lt_thread_start(put_name, queue, &options, &thread) == LT_OK);
    must(lt_thread_join(thread) == LT_OK);
    must(lt_queue_get(queue, &name) == LT_OK && same(name, "of another compiler"));
    must(lt_thread_free(thread) == LT_OK && lt_queue_free(queue) == LT_OK);
}

static void check_times(void) {
    lt_event *event = lt_event_new();
    double began = lt_monotonic();
    must(lt_event_wait_timeout(event, 0.02) == LT_TIMED_OUT);
    must(lt_monotonic() - began >= 0.02 && lt_monotonic() - began < 10.0);
    must(lt_event_wait_timeout(event, LT_TIMEOUT_MAX * 2) == LT_OVERFLOW);
    must(lt_event_free(event) == LT_OK && lt_event_free(event) == LT_BAD_HANDLE);
}

static void leave_by_exit(void *arg) {
    (void)arg;
    __try {
        __try {
            lt_exit();
        } __finally {
            finals++;
        }
    } __finally {
        finals++;
    }
}

static void leave_by_raise(void *arg) {
    (void)arg;
    __try {
        lt_raise(42, "raised on purpose");
    } __finally {
        finals++;
    }
}

void start(void);
void start(void) {
    lt_thread *thread;
    const lt_error_info *info;
    must(lt_set_excepthook(quiet, 0) == LT_OK);
    check_structs();
    check_times();
    must(run(leave_by_exit, &thread) == LT_OK && finals == 2);
    must(lt_thread_free(thread) == LT_OK);
    must(run(leave_by_raise, &thread) == LT_FAILED && finals == 3);
    must(lt_thread_error(thread, &info) == LT_OK);
    must(info->kind == LT_ERROR_RAISED && info->code == 42 && same(info->message, "raised on purpose"));
    must(lt_thread_free(thread) == LT_OK);
    say("C: as promised\n");
    ExitProcess(0);
}
