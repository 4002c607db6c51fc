// The trace of an error: who may ask for it and when, and what it costs.
// timeout: 120
// flags: -g
#include "copies.h"

#include <atomic>
#include <csignal>
#include <pthread.h>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <ctime>
#include <thread>
#include <vector>

#define OUT_OF_LINE __attribute__((noinline, noclone))

OUT_OF_LINE static void throw_it(void *message) {
    throw std::runtime_error(static_cast<const char *>(message));
}

namespace {

// The error of a thread that has ended, and the container that has it.
struct Failed {
    lt_errors *errors = lt_errors_new();
    const lt_error_info *info = nullptr;

    explicit Failed(lt_thread_fn function = throw_it, void *arg = const_cast<char *>("thrown")) {
        skip_where_throws_are_not_traced();
        must(lt_spawn(function, arg, errors, nullptr) == LT_OK);
        for (double began = lt_monotonic(); lt_errors_get(errors, &info) == LT_EMPTY; sched_yield()) {
            must(seconds_since(began) < 60);
        }
        must(info != nullptr);
    }
    Failed(const Failed &) = delete;
    ~Failed() { must(lt_errors_free(errors) == LT_OK); }

    std::string trace() const { return lt_error_backtrace(info); }
};

bool contains(const std::string &text, const char *part) {
    return text.find(part) != std::string::npos;
}

} // namespace

TEST(a_trace_names_functions_files_and_lines) {
    skip_without_lines();
    Failed failed;
    std::string trace = failed.trace();
    assert_true(contains(trace, "throw_it(void*) at "));
    assert_true(contains(trace, "test_traces.cpp:"));
    // The first line is where it was thrown: not the throwing itself.
    assert_true(contains(trace.substr(0, trace.find('\n')), "throw_it"));
    // The last is the thread's function: not what has called it.
    assert_false(contains(trace, "lowthread"));
    assert_false(contains(trace, "start_thread"));
}

namespace {
__attribute__((always_inline)) inline void inlined_below(void *arg) {
    throw_it(arg);
}
__attribute__((always_inline)) inline void inlined_above(void *arg) {
    inlined_below(arg);
    std::atomic_signal_fence(std::memory_order_seq_cst);
}
OUT_OF_LINE void around(void *arg) {
    inlined_above(arg);
    std::atomic_signal_fence(std::memory_order_seq_cst);
}
} // namespace

TEST(what_the_compiler_has_inlined_has_lines_of_its_own) {
    skip_without_lines();
    Failed failed(around);
    std::string trace = failed.trace();
    size_t below = trace.find("inlined_below"), above = trace.find("inlined_above"), out = trace.find("around");
    assert_true(below != std::string::npos && below < above && above < out);
    assert_true(out != std::string::npos);
}

TEST(a_trace_is_kept_with_its_report) {
    Failed failed;
    const char *trace = lt_error_backtrace(failed.info);
    assert_true(trace == lt_error_backtrace(failed.info));
    // A copy leads to the original.
    lt_error_info copy = *failed.info;
    assert_true(trace == lt_error_backtrace(&copy));
}

TEST(a_trace_of_nothing_is_empty_and_an_error) {
    assert_string_equal(lt_error_backtrace(nullptr), "");
    assert_status(lt_last_status(), LT_INVALID);
    assert_non_null(strstr(lt_last_error(), "lt_error_backtrace: info must not be NULL"));
    lt_error_info own = {};
    own.size = sizeof own;
    assert_string_equal(lt_error_backtrace(&own), "");
    assert_status(lt_last_status(), LT_INVALID);
    assert_non_null(strstr(lt_last_error(), "lt_error_backtrace: info is not one"));
}

TEST(many_threads_may_ask_at_once) {
    for (int round = 0; round < 50; round++) {
        Failed failed;
        std::atomic<int> ready{0};
        const char *traces[8];
        std::vector<std::thread> threads;
        for (auto &trace : traces) {
            threads.emplace_back([&] {
                for (ready++; ready < 8;) {
                    sched_yield();
                }
                trace = lt_error_backtrace(failed.info);
            });
        }
        for (auto &thread : threads) {
            thread.join();
        }
        for (auto *trace : traces) {
            assert_true(trace == traces[0]);
        }
        assert_true(contains(traces[0], "throw_it"));
    }
}

TEST(a_hook_may_ask_and_may_not) {
    static std::string trace;
    static std::atomic<int> told;
    assert_ok(lt_set_excepthook([](const lt_error_info *info, void *) {
        trace = told++ == 0 ? "" : lt_error_backtrace(info);
    }, nullptr));
    for (int i = 0; i < 2; i++) {
        lt_thread *thread;
        assert_ok(lt_thread_start(throw_it, const_cast<char *>("told"), nullptr, &thread));
        assert_status(lt_thread_join(thread), LT_FAILED);
        assert_int_equal(contains(trace, "throw_it"), i == 1 && throws_are_traced());
        assert_ok(lt_thread_free(thread));
    }
    assert_ok(lt_set_excepthook(nullptr, nullptr));
}

// ---- Modules

namespace {

using PassOn = void (*)(void (*)(void *), void *);

struct Module {
    char path[4096];
    void *library;
    PassOn pass_on;

    explicit Module(const char *name) : Module(shim_path("module"), name) {}
    Module(const char *from, const char *name) : library(load_copy(from, name, path, sizeof path)) {
        void *symbol = dlsym(library, "pass_on");
        must(symbol != nullptr);
        memcpy(&pass_on, &symbol, sizeof symbol);
    }
    Module(const Module &) = delete;
    ~Module() {
        must(library == nullptr || dlclose(library) == 0);
        delete_copy(path);
    }
};

double processor_time() {
    timespec time;
    must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Six modules on one stack, with that of the program: each is entered from the one before.
struct Chain {
    const std::vector<Module *> *modules;
    size_t depth;

    static void go(void *arg) {
        auto *chain = static_cast<Chain *>(arg);
        if (chain->depth == chain->modules->size()) {
            throw_it(const_cast<char *>("through them all"));
        }
        chain->depth++;
        (*chain->modules)[chain->depth - 1]->pass_on(go, chain);
    }
};

} // namespace

TEST(in_a_storm_through_six_modules_a_trace_costs_less_than_a_millisecond) {
    enum { STORM = 1000 };
    Module a("storm-a.so"), b("storm-b.so"), c("storm-c.so"), d("storm-d.so"), e("storm-e.so");
    const std::vector<Module *> modules = {&a, &b, &c, &d, &e};
    double spent = 0, began = lt_monotonic();
    for (int i = 0; i <= STORM; i++) {
        Chain chain = {&modules, 0};
        Failed failed(Chain::go, &chain);
        double before = processor_time();
        std::string trace = failed.trace();
        // Not the first, which reads what there is to be known.
        spent += i == 0 ? 0 : processor_time() - before;
        assert_true(contains(trace, "in pass_on"));
        assert_true(contains(trace, "in throw_it(void*)"));
    }
    // A sanitizer is on the way of each call of the C library's, an emulator of each instruction.
    if (!under_sanitizer() && !under_emulator() && (spent > STORM * 1e-3 || seconds_since(began) > STORM * 50e-3)) {
        fail_msg("%d traces took %.0f ms of the processor, and %.1f s", STORM, spent * 1e3,
            seconds_since(began));
    }
}

TEST(a_module_may_be_unloaded_before_anybody_asks) {
    Module module("unloaded.so"), other("loaded-instead.so");
    const std::vector<Module *> modules = {&module};
    Chain chain = {&modules, 0};
    Failed failed(Chain::go, &chain);
    assert_int_equal(dlclose(module.library), 0);
    module.library = nullptr;
    std::string trace = failed.trace();
    assert_true(contains(trace, "throw_it"));
}

TEST(a_function_without_a_name_is_told_by_its_file) {
    skip_without_lines();
    char path[4096];
    copy_library(shim_path("module"), "nameless.so", path, sizeof path);
    must(system((std::string(getenv("LT_STRIP")) + " -s " + path).c_str()) == 0);
    Module module(path, "stripped.so");
    const std::vector<Module *> modules = {&module};
    Chain chain = {&modules, 0};
    Failed failed(Chain::go, &chain);
    delete_copy(path);
    assert_true(contains(failed.trace(), "in pass_on")); // Which is exported.
    assert_true(contains(failed.trace(), "/stripped.so+0x"));
}

TEST(a_file_in_the_place_of_the_one_that_was_loaded_is_not_read) {
    Module old("twice.so");
    {
        // Another file at the same path, under a name that is new to the loader.
        Module fresh("./twice.so");
        assert_true(old.library != fresh.library);
        const std::vector<Module *> modules = {&old, &fresh};
        Chain chain = {&modules, 0};
        Failed failed(Chain::go, &chain);
        std::string trace = failed.trace();
        size_t named = trace.find("in pass_on");
        assert_true(named != std::string::npos);
        assert_true(trace.find("in pass_on", named + 1) == std::string::npos);
        assert_true(contains(trace, "/twice.so+0x"));
    }
    copy_library(shim_path("module"), "twice.so", old.path, sizeof old.path); // For its end.
}

// ---- While a library is loaded

namespace {

// Loads a library whose constructor calls the function.
void in_constructor(void (*function)()) {
    char address[32], path[4096];
    snprintf(address, sizeof address, "%llx", reinterpret_cast<unsigned long long>(function));
    must(setenv("LT_IN_CONSTRUCTOR", address, 1) == 0);
    void *library = load_copy(shim_path("module"), "constructor.so", path, sizeof path);
    must(unsetenv("LT_IN_CONSTRUCTOR") == 0);
    must(dlclose(library) == 0);
    delete_copy(path);
}

void must_fail_soon(lt_thread_fn function, lt_status expected) {
    lt_thread *thread;
    must(lt_thread_start(function, const_cast<char *>("from a constructor"), nullptr, &thread) == LT_OK);
    must(lt_thread_join_timeout(thread, 30) == expected);
    must(lt_thread_free(thread) == LT_OK);
}

} // namespace

// The constructor runs under the dynamic loader's lock: the thread must not need that.
TEST(a_constructor_may_join_a_thread_that_throws) {
    in_constructor([] { must_fail_soon(throw_it, LT_FAILED); });
}

TEST(a_constructor_may_join_a_thread_whose_trace_is_asked_for) {
    static std::string type, trace;
    assert_ok(lt_set_excepthook([](const lt_error_info *info, void *) {
        type = info->type_name;
        trace = lt_error_backtrace(info);
    }, nullptr));
    in_constructor([] { must_fail_soon(throw_it, LT_FAILED); });
    assert_string_equal(type.c_str(), "std::runtime_error");
    assert_true(contains(trace, "throw_it(void*)") || !throws_are_traced());
    assert_ok(lt_set_excepthook(nullptr, nullptr));
}

TEST(a_constructor_may_join_a_thread_whose_trace_is_asked_for_in_a_signal_handler) {
    static const lt_error_info *failed;
    static std::string trace;
    static char stack[64 * 1024];
    struct sigaction action = {}, before;
    action.sa_handler = [](int) { trace = lt_error_backtrace(failed); };
    action.sa_flags = SA_ONSTACK;
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    assert_ok(lt_set_excepthook([](const lt_error_info *info, void *) {
        stack_t own = {}, none = {};
        own.ss_sp = stack;
        own.ss_size = sizeof stack;
        none.ss_flags = SS_DISABLE;
        failed = info;
        must(sigaltstack(&own, nullptr) == 0);
        must(pthread_kill(pthread_self(), SIGUSR1) == 0);
        must(sigaltstack(&none, nullptr) == 0);
    }, nullptr));
    in_constructor([] { must_fail_soon(throw_it, LT_FAILED); });
    assert_true(contains(trace, "throw_it(void*)") || !throws_are_traced());
    assert_ok(lt_set_excepthook(nullptr, nullptr));
    assert_int_equal(sigaction(SIGUSR1, &before, nullptr), 0);
}

TEST(a_constructor_may_join_a_thread_that_chooses_stack_sizes) {
    in_constructor([] {
        must_fail_soon([](void *) {
            must(lt_set_stack_size(1 << 20) == LT_OK && lt_set_stack_size(0) == LT_OK);
        }, LT_OK);
    });
}

// ---- Small stacks

namespace {

template <int N> struct Nest {
    using type = std::pair<typename Nest<N - 1>::type, std::vector<typename Nest<N - 1>::type>>;
};
template <> struct Nest<0> {
    using type = std::string;
};
template <typename T> OUT_OF_LINE void throw_from_long_name(T *) {
    throw std::runtime_error("on a small stack");
}
template <int N> void use_little_stack(void *) {
    throw_from_long_name(static_cast<typename Nest<N>::type *>(nullptr));
}

// What the default hook prints of such a thread.
std::string printed(lt_thread_fn function, size_t stack_size) {
    int ends[2];
    must(pipe(ends) == 0);
    pid_t child = fork_to_go_on();
    must(child >= 0);
    if (child == 0) {
        must(dup2(ends[1], STDERR_FILENO) == STDERR_FILENO && close(ends[0]) == 0);
        lt_thread_options options = {};
        options.size = sizeof options;
        options.stack_size = stack_size;
        lt_thread *thread;
        must(lt_thread_start(function, nullptr, &options, &thread) == LT_OK);
        must(lt_thread_join(thread) == LT_FAILED);
        _exit(0);
    }
    close(ends[1]);
    std::string text;
    char block[4096];
    for (ssize_t n; (n = read(ends[0], block, sizeof block)) > 0;) {
        text.append(block, static_cast<size_t>(n));
    }
    close(ends[0]);
    int status = -1;
    must(waitpid(child, &status, 0) == child);
    if (status != 0) {
        fail_msg("a stack of %zu: the child ended with %x", stack_size, static_cast<unsigned>(status));
    }
    return text;
}

} // namespace

TEST(the_smallest_stack_is_enough_for_an_exception_and_its_trace) {
    const lt_thread_fn functions[] = {use_little_stack<0>, use_little_stack<2>, use_little_stack<5>};
    for (auto function : functions) {
        for (size_t size : {4096U, 16384U, 65536U, 1U << 20}) {
            std::string text = printed(function, size);
            assert_true(contains(text, "std::runtime_error: on a small stack"));
            assert_true(contains(text, "throw_from_long_name") || !throws_are_traced());
            assert_false(contains(text, "no trace"));
        }
    }
}
