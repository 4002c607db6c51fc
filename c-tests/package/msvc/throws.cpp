// Microsoft's C++: an exception ends its thread alone, lt_exit and lt_raise run destructors, and `catch (...)` stops
// neither. Its runtime is the one that every Windows has, msvcrt.dll.
#include "program.h"

// Of std::type_info, at which nobody looks here.
const void *table_of_type_info[2] __asm__("??_7type_info@@6B@") = {};

static int destroyed, caught, thrown_destroyed;

struct Counted {
    ~Counted() { destroyed++; }
};

struct Thrown {
    int number;
    explicit Thrown(int number) : number(number) {}
    Thrown(const Thrown &other) : number(other.number) {}
    ~Thrown() { thrown_destroyed++; }
};

static void throw_it(void *) {
    Counted outer;
    {
        Counted inner;
        throw Thrown(7);
    }
}

static void catch_it(void *arg) {
    try {
        throw_it(arg);
    } catch (const Thrown &thrown) {
        caught += thrown.number;
    }
}

static void leave_by_exit(void *) {
    Counted counted;
    lt_exit();
}

static void leave_by_raise(void *) {
    Counted counted;
    lt_raise(42, "raised on purpose");
}

extern "C" void start() {
    lt_thread *thread;
    const lt_error_info *info;
    must(lt_set_excepthook(quiet, nullptr) == LT_OK);

    must(run(throw_it, &thread) == LT_FAILED && destroyed == 2 && thrown_destroyed == 1);
    must(lt_thread_error(thread, &info) == LT_OK && info->kind == LT_ERROR_FOREIGN);
    must(lt_thread_free(thread) == LT_OK);

    must(run(catch_it, &thread) == LT_OK && destroyed == 4 && caught == 7 && thrown_destroyed == 2);
    must(lt_thread_free(thread) == LT_OK);

    must(run(leave_by_exit, &thread) == LT_OK && destroyed == 5);
    must(lt_thread_free(thread) == LT_OK);

    must(run(leave_by_raise, &thread) == LT_FAILED && destroyed == 6);
    must(lt_thread_error(thread, &info) == LT_OK && info->kind == LT_ERROR_RAISED && info->code == 42);
    must(lt_thread_free(thread) == LT_OK);
    must(lt_thread_count() == 0);
    say("C++: as promised\n");
    ExitProcess(0);
}
