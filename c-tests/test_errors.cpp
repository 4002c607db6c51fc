// Errors that end a thread: exceptions of C++ and of others, lt_raise(), hooks, lt_errors.
// What plain C can do is in test_errors_c.c.
// timeout: 120
// flags: -g
#include "harness.h"

#include <atomic>
#include <cstring>
#include <cxxabi.h>
#include <functional>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <set>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <typeinfo>
#include <unistd.h>
#include <unwind.h>
#include <vector>

namespace {

using Body = std::function<void()>;

std::atomic<int> alive, destroyed, after, caught;

struct Counted {
    std::string text = "long enough not to be stored in the string object itself";
    Counted() { alive++; }
    Counted(const Counted &other) : text(other.text) { alive++; }
    ~Counted() {
        alive--;
        destroyed++;
    }
};

thread_local Counted local;

template <typename Condition> void until(Condition condition) {
    for (double began = lt_monotonic(); !condition(); std::this_thread::yield()) {
        must(seconds_since(began) < 60);
    }
}

void wait_for_threads() {
    until([] { return lt_thread_count() == 0; });
}

// What a hook was told.
struct Heard {
    int32_t kind, code;
    lt_ident ident;
    std::string thread_name, type_name, message, backtrace;
    explicit Heard(const lt_error_info &info)
        : kind(info.kind), code(info.code), ident(info.ident), thread_name(info.thread_name),
          type_name(info.type_name), message(info.message), backtrace(lt_error_backtrace(&info)) {
        must(info.size == sizeof info);
    }
};

std::mutex heard_mutex;
std::vector<Heard> heard;
void *const TOKEN = &heard;

void listen(const lt_error_info *info, void *arg) {
    must(arg == TOKEN);
    must(info->ident == lt_get_ident());
    std::lock_guard<std::mutex> guard(heard_mutex);
    heard.emplace_back(*info);
}

void begin() {
    wait_for_threads();
    alive = destroyed = after = caught = 0;
    heard.clear();
    assert_ok(lt_set_excepthook(listen, TOKEN));
}

void call_body(void *body) {
    (*static_cast<const Body *>(body))();
    after++;
}

// Runs the body on a joinable thread; the status of the join.
lt_status run(const Body &body) {
    lt_thread *thread = nullptr;
    assert_ok(lt_thread_start(call_body, const_cast<Body *>(&body), nullptr, &thread));
    lt_status status = lt_thread_join(thread);
    wait_for_threads();
    assert_ok(lt_thread_free(thread));
    return status;
}

#define OUT_OF_LINE __attribute__((noinline, noclone))

template <typename T> std::string name_of() {
    int status = -1;
    char *name = abi::__cxa_demangle(typeid(T).name(), nullptr, nullptr, &status);
    std::string copy = status == 0 ? name : typeid(T).name();
    free(name);
    return copy;
}

void check_heard(int kind, const std::string &type, const std::string &message, const char *from) {
    assert_int_equal(heard.size(), 1);
    assert_int_equal(heard[0].kind, kind);
    assert_string_equal(heard[0].type_name.c_str(), type.c_str());
    assert_string_equal(heard[0].message.c_str(), message.c_str());
    if (kind == LT_ERROR_RAISED || throws_are_traced()) {
        if (heard[0].backtrace.find(from) == std::string::npos) {
            fail_msg("no %s in the trace:\n%s", from, heard[0].backtrace.c_str());
        }
    }
}

// In the trace of a C++ exception, or of another language's.
void check_thrown_in(const char *function, const char *trace) {
    assert_true(!throws_are_traced() || strstr(trace, function) != nullptr);
}

// Throws a T from a function of its own, with things to be destroyed on the way.
template <typename T> OUT_OF_LINE void throw_here(const T &value) {
    Counted counted;
    throw value;
}

template <typename T> void check_throw(const T &value, const char *message) {
    begin();
    assert_status(run([&] {
        local.text += "!";
        throw_here(value);
    }), LT_FAILED);
    assert_int_equal(after, 0);
    assert_int_equal(destroyed, 2);
    check_heard(LT_ERROR_CXX, name_of<T>(), message, "throw_here");
}

struct Other {
    virtual ~Other() = default;
    long first = 1;
};
struct Base : std::exception {
    std::string text = "of the base";
    const char *what() const noexcept override { return text.c_str(); }
};
struct Plain {
    int value = 0;
};
struct Derived : Base {};
struct Virtual : virtual Base {};
struct VirtualTwice : Other, Virtual {};
struct Left : virtual Base {};
struct Right : virtual Base {};
struct Diamond : Left, Right {};
struct Second : Other, Base {};
struct Third : Plain, Second {};
struct Private : private Base {};
struct PrivateSecond : Other, private Base {};
struct Empty : std::exception {};
enum class Colour { red };

} // namespace

// ---- C++

TEST(a_standard_exception_is_reported) {
    check_throw(std::runtime_error("it broke"), "it broke");
    check_throw(std::out_of_range(""), "");
    check_throw(std::bad_alloc(), "std::bad_alloc");
}

TEST(an_exception_is_found_among_the_bases) {
    check_throw(Base(), "of the base");
    check_throw(Derived(), "of the base");
    check_throw(Empty(), std::exception().what());
}

TEST(an_exception_is_found_in_a_virtual_base) {
    check_throw(Virtual(), "of the base");
    check_throw(VirtualTwice(), "of the base");
    check_throw(Diamond(), "of the base");
}

TEST(an_exception_is_found_as_the_second_base) {
    check_throw(Second(), "of the base");
    check_throw(Third(), "of the base");
}

TEST(an_exception_is_found_in_a_private_base) {
    check_throw(Private(), "of the base");
    check_throw(PrivateSecond(), "of the base");
}

TEST(numbers_are_reported) {
    check_throw(42, "42");
    check_throw(-7L, "-7");
    check_throw(INT64_MIN, "-9223372036854775808");
    check_throw(UINT64_MAX, "18446744073709551615");
    check_throw(7U, "7");
    check_throw(short(-3), "-3");
    check_throw(1.5, "1.5");
    check_throw(true, "true");
}

TEST(strings_are_reported) {
    check_throw(static_cast<const char *>("a literal"), "a literal");
    static char array[] = "an array";
    check_throw(static_cast<char *>(array), "an array");
    check_throw(std::string("short"), "short");
    check_throw(std::string(3000, 'x'), std::string(3000, 'x').c_str());
    check_throw(std::string(), "");
    check_throw(std::string("one\0two", 7), "one");
}

TEST(what_has_no_message_gets_one) {
    for (int i = 0; i < 7; i++) {
        begin();
        assert_status(run([i] {
            switch (i) {
                case 0: throw_here(Plain()); break;
                case 1: throw_here(Colour::red); break;
                case 2: throw_here(static_cast<const char *>(nullptr)); break;
                case 3: throw_here(nullptr); break;
                case 4: throw_here([] {}); break;
                case 5: throw_here(static_cast<void *>(&after)); break;
                default: throw_here(static_cast<const std::exception *>(nullptr));
            }
        }), LT_FAILED);
        assert_int_equal(heard.size(), 1);
        assert_int_equal(heard[0].kind, LT_ERROR_CXX);
        assert_int_not_equal(heard[0].type_name.size(), 0);
        assert_int_not_equal(heard[0].message.size(), 0);
    }
}

TEST(a_message_may_be_long_or_no_text) {
    std::string text(1000000, 'm');
    check_throw(std::runtime_error(text), text.c_str());
    check_throw(std::runtime_error("\xff\xfe\x80 caf\xc3\xa9"), "\xff\xfe\x80 caf\xc3\xa9");
}

namespace {
// what() is noexcept, so one that throws is not of C++11: its code comes from a class of another kind.
int way_of_what;
struct Fake {
    virtual ~Fake() = default;
    virtual const char *what() const {
        Counted counted;
        switch (way_of_what) {
            case 0: throw std::runtime_error("from what()");
            case 1: lt_raise(5, "from what()");
            case 2: lt_exit();
            default: return nullptr;
        }
    }
};
struct BadWhat : std::exception {};

OUT_OF_LINE void throw_with_bad_what() {
    static Fake fake;
    void *exception = abi::__cxa_allocate_exception(sizeof(BadWhat));
    new (exception) BadWhat;
    memcpy(exception, static_cast<void *>(&fake), sizeof(void *));
    void *type = const_cast<std::type_info *>(&typeid(BadWhat));
    abi::__cxa_throw(exception, static_cast<std::type_info *>(type), nullptr);
}
} // namespace

TEST(a_what_that_throws_or_gives_nothing_does_no_harm) {
    for (way_of_what = 0; way_of_what < 4; way_of_what++) {
        if (way_of_what == 2) {
            continue;
        }
        begin();
        assert_status(run(throw_with_bad_what), LT_FAILED);
        assert_int_equal(heard.size(), 1);
        assert_int_equal(heard[0].kind, LT_ERROR_CXX);
        assert_string_equal(heard[0].type_name.c_str(), name_of<BadWhat>().c_str());
        assert_int_not_equal(heard[0].message.size(), 0);
        assert_int_equal(alive, 0);
    }
}

TEST(a_what_that_exits_ends_the_thread) {
    begin();
    way_of_what = 2;
    lt_status status = run(throw_with_bad_what);
    assert_true(status == LT_OK || status == LT_FAILED);
    assert_int_equal(after, 0);
    assert_int_equal(alive, 0);
}

TEST(a_what_that_exits_ends_the_task) {
    begin();
    way_of_what = 2;
    lt_pool *pool = lt_pool_new(1, nullptr);
    for (int i = 0; i < 3; i++) {
        lt_future *future;
        const lt_error_info *info;
        assert_ok(lt_pool_submit(pool, [](void *) -> void * { throw_with_bad_what(); return nullptr; }, nullptr,
            &future));
        assert_status(lt_future_result(future, nullptr), LT_FAILED);
        assert_ok(lt_future_error(future, &info));
        assert_int_equal(info->kind, LT_ERROR_EXITED);
        assert_ok(lt_future_free(future));
    }
    assert_ok(lt_pool_free(pool));
    assert_int_equal(alive, 0);
}

TEST(the_exception_object_is_destroyed) {
    struct Carrier : std::runtime_error {
        std::shared_ptr<int> shared;
        explicit Carrier(std::shared_ptr<int> s) : std::runtime_error("carrier"), shared(s) {}
    };
    begin();
    auto shared = std::make_shared<int>(1);
    for (int i = 0; i < 3; i++) {
        assert_status(run([&] { throw Carrier(shared); }), LT_FAILED);
    }
    assert_int_equal(heard.size(), 3);
    assert_int_equal(shared.use_count(), 1);
}

namespace {
OUT_OF_LINE void throw_first() {
    throw std::runtime_error("the first");
}
OUT_OF_LINE void rethrow_it() {
    try {
        throw_first();
    } catch (const std::exception &) {
        caught++;
        throw;
    }
}
OUT_OF_LINE void nest_it() {
    try {
        throw_first();
    } catch (...) {
        std::throw_with_nested(std::logic_error("the outer"));
    }
}
} // namespace

TEST(a_rethrown_exception_is_reported_once) {
    begin();
    assert_status(run([] { rethrow_it(); }), LT_FAILED);
    check_heard(LT_ERROR_CXX, "std::runtime_error", "the first", "rethrow_it");
    assert_int_equal(caught, 1);
}

TEST(a_nested_exception_is_reported_by_its_outer_one) {
    begin();
    assert_status(run([] { nest_it(); }), LT_FAILED);
    assert_int_equal(heard.size(), 1);
    assert_string_equal(heard[0].message.c_str(), "the outer");
    assert_non_null(strstr(heard[0].type_name.c_str(), "std::logic_error"));
    check_thrown_in("nest_it", heard[0].backtrace.c_str());
}

namespace {
OUT_OF_LINE void rethrow_pointer(const std::exception_ptr &pointer) {
    Counted counted;
    std::rethrow_exception(pointer);
}
} // namespace

TEST(an_exception_pointer_is_reported_wherever_it_is_rethrown) {
    begin();
    std::exception_ptr pointers[] = {std::make_exception_ptr(std::runtime_error("carried")),
        std::make_exception_ptr(Second()), std::make_exception_ptr(42)};
    const char *messages[] = {"carried", "of the base", "42"};
    for (int i = 0; i < 3; i++) {
        for (int round = 0; round < 3; round++) {
            heard.clear();
            assert_status(run([&] { rethrow_pointer(pointers[i]); }), LT_FAILED);
            assert_int_equal(heard.size(), 1);
            assert_int_equal(heard[0].kind, LT_ERROR_CXX);
            assert_string_equal(heard[0].message.c_str(), messages[i]);
            check_thrown_in("rethrow_pointer", heard[0].backtrace.c_str());
        }
    }
    // It is still whole here.
    try {
        std::rethrow_exception(pointers[0]);
    } catch (const std::runtime_error &error) {
        assert_string_equal(error.what(), "carried");
    }
}

TEST(one_exception_pointer_is_rethrown_by_many_threads_at_once) {
    begin();
    auto shared = std::make_shared<int>(0);
    struct Carrier : std::runtime_error {
        std::shared_ptr<int> shared;
        explicit Carrier(std::shared_ptr<int> s) : std::runtime_error("carried"), shared(s) {}
    };
    auto pointer = std::make_exception_ptr(Carrier(shared));
    Body body = [&] { rethrow_pointer(pointer); };
    for (int i = 0; i < 20; i++) {
        assert_ok(lt_start_new_thread(call_body, &body, nullptr));
    }
    wait_for_threads();
    assert_int_equal(heard.size(), 20);
    for (const Heard &h : heard) {
        assert_string_equal(h.message.c_str(), "carried");
    }
    assert_int_equal(shared.use_count(), 2);
    pointer = nullptr;
    assert_int_equal(shared.use_count(), 1);
}

// ---- Other languages

static void delete_foreign(_Unwind_Reason_Code, _Unwind_Exception *exception) {
    destroyed++;
    free(exception);
}

OUT_OF_LINE static void throw_foreign() {
    Counted counted;
    void *memory = aligned_alloc(alignof(_Unwind_Exception), sizeof(_Unwind_Exception));
    must(memory != nullptr);
    auto *exception = static_cast<_Unwind_Exception *>(memory);
    memset(exception, 0, sizeof *exception);
#ifdef __ARM_EABI_UNWINDER__
    std::memcpy(exception->exception_class, "TESTLANG", 8);
#else
    exception->exception_class = UINT64_C(0x544553544c414e47); // "TESTLANG"
#endif
    exception->exception_cleanup = delete_foreign;
    _Unwind_RaiseException(exception);
    must(!"it was not caught");
}

TEST(an_exception_of_another_language_is_reported) {
    begin();
    assert_status(run(throw_foreign), LT_FAILED);
    assert_int_equal(heard.size(), 1);
    assert_int_equal(heard[0].kind, LT_ERROR_FOREIGN);
    assert_int_equal(heard[0].code, 0);
    assert_int_not_equal(heard[0].type_name.size(), 0);
    assert_int_not_equal(heard[0].message.size(), 0);
    check_thrown_in("throw_foreign", heard[0].backtrace.c_str());
    assert_int_equal(destroyed, 2); // The counted object, and the exception.
    assert_int_equal(alive, 0);
}

// ---- lt_raise

namespace {
OUT_OF_LINE void raise_from(int frames);
void (*volatile raise_from_below)(int) = raise_from;
OUT_OF_LINE void raise_from(int frames) {
    Counted counted;
    if (frames > 1) {
        raise_from_below(frames - 1);
    } else {
        lt_raise(7, "raised");
    }
    after++;
}

void check_raised() {
    check_heard(LT_ERROR_RAISED, "error", "raised", "raise_from");
    assert_int_equal(heard[0].code, 7);
    assert_int_equal(after, 0);
    assert_int_equal(alive, 0);
}
} // namespace

TEST(a_raise_runs_the_destructors) {
    begin();
    assert_status(run([] {
        local.text += "!";
        raise_from(50);
    }), LT_FAILED);
    check_raised();
    assert_int_equal(destroyed, 51);
}

TEST(a_raise_passes_handlers_that_rethrow) {
    begin();
    assert_status(run([] {
        try {
            try {
                raise_from(5);
            } catch (const std::exception &) {
                caught += 100;
            } catch (int) {
                caught += 100;
            }
        } catch (...) {
            caught++;
            throw;
        }
    }), LT_FAILED);
    assert_int_equal(caught, 1);
    // A rethrown exception shows the frames of the rethrow.
    check_heard(LT_ERROR_RAISED, "error", "raised", "call_body");
    assert_int_equal(heard[0].code, 7);
    assert_int_equal(alive, 0);
    assert_int_equal(after, 0);
}

TEST(a_handler_of_everything_stops_a_raise) {
    begin();
    assert_ok(run([] {
        for (int i = 0; i < 100; i++) {
            try {
                raise_from(3);
            } catch (...) {
                caught++;
            }
        }
    }));
    assert_int_equal(caught, 100);
    assert_int_equal(destroyed, 300);
    assert_int_equal(alive, 0);
    assert_int_equal(after, 1);
    assert_int_equal(heard.size(), 0);
}

TEST(an_error_in_a_handler_takes_the_place_of_the_first) {
    begin();
    assert_status(run([] {
        try {
            throw std::runtime_error("the first");
        } catch (...) {
            raise_from(2);
        }
    }), LT_FAILED);
    check_raised();
    begin();
    assert_status(run([] {
        try {
            raise_from(2);
        } catch (...) {
            throw std::runtime_error("the second");
        }
    }), LT_FAILED);
    check_heard(LT_ERROR_CXX, "std::runtime_error", "the second", "an_error_in_a_handler");
}

TEST(a_raise_ends_a_thread_that_the_library_did_not_start) {
    begin();
    std::thread thread([] {
        local.text += "!";
        raise_from(4);
    });
    thread.join();
    check_raised();
    assert_int_equal(destroyed, 5);
}

TEST(a_foreign_thread_may_catch_a_raise) {
    begin();
    std::thread thread([] {
        try {
            raise_from(4);
        } catch (...) {
            caught++;
        }
    });
    thread.join();
    assert_int_equal(caught, 1);
    assert_int_equal(alive, 0);
    assert_int_equal(heard.size(), 0);
}

TEST(errors_that_stay_inside_are_no_business_of_the_library) {
    begin();
    assert_ok(run([] {
        for (int i = 0; i < 100; i++) {
            try {
                throw_here(i);
            } catch (int j) {
                must(i == j);
                caught++;
            }
        }
    }));
    assert_int_equal(caught, 100);
    assert_int_equal(heard.size(), 0);
    assert_int_equal(after, 1);
}

// ---- The report

namespace {
constexpr int LINE_OF_THROW = __LINE__ + 2;
OUT_OF_LINE void throw_at_a_known_line() {
    throw std::runtime_error("here");
}
OUT_OF_LINE void call_the_thrower() {
    throw_at_a_known_line();
    after++;
}
} // namespace

TEST(the_trace_has_functions_files_and_lines_innermost_first) {
    skip_without_lines();
    skip_where_throws_are_not_traced();
    begin();
    assert_status(run(call_the_thrower), LT_FAILED);
    const char *trace = heard[0].backtrace.c_str();
    const char *thrower = strstr(trace, "throw_at_a_known_line");
    const char *caller = strstr(trace, "call_the_thrower");
    assert_non_null(thrower);
    assert_non_null(caller);
    assert_true(thrower < caller);
    std::string where = "test_errors.cpp:" + std::to_string(LINE_OF_THROW);
    if (strstr(trace, where.c_str()) == nullptr) {
        fail_msg("no %s in the trace:\n%s", where.c_str(), trace);
    }
    // The first line is the throw, not the machinery behind it.
    assert_true(thrower < strchr(trace, '\n'));
    assert_null(strstr(trace, "_Unwind_RaiseException"));
    assert_null(strstr(trace, "lt_guarded_call"));
}

TEST(the_report_says_which_thread) {
    begin();
    lt_ident ident = 0;
    assert_ok(lt_start_new_thread(
        [](void *) {
            must(lt_set_thread_name("caf\xc3\xa9 of a thread with a long name") == LT_OK);
            throw 1;
        },
        nullptr, &ident));
    wait_for_threads();
    assert_int_equal(heard.size(), 1);
    assert_int_equal(heard[0].ident, ident);
    assert_string_equal(heard[0].thread_name.c_str(), "caf\xc3\xa9 of a thread with a long name");
}

TEST(that_thread_alone_is_gone) {
    begin();
    std::atomic<bool> leave{false};
    std::atomic<int> loops{0};
    Body body = [&] {
        while (!leave) {
            loops++;
            std::this_thread::yield();
        }
    };
    lt_thread *other = nullptr;
    assert_ok(lt_thread_start(call_body, &body, nullptr, &other));
    for (int i = 0; i < 10; i++) {
        Body fails = [] { throw_here(1); };
        lt_thread *thread = nullptr;
        assert_ok(lt_thread_start(call_body, &fails, nullptr, &thread));
        assert_status(lt_thread_join(thread), LT_FAILED);
        assert_ok(lt_thread_free(thread));
        until([] { return lt_thread_count() == 1; });
    }
    assert_true(lt_thread_is_alive(other));
    int before = loops;
    until([&] { return loops > before; });
    leave = true;
    assert_ok(lt_thread_join(other));
    assert_ok(lt_thread_free(other));
    assert_int_equal(heard.size(), 10);
    wait_for_threads();
}

TEST(a_joinable_thread_keeps_its_error) {
    begin();
    Body body = [] { throw_here(std::runtime_error("kept")); };
    lt_errors *errors = lt_errors_new();
    lt_thread_options options = {sizeof options, "keeper", 0, false, errors};
    for (int with_errors = 0; with_errors < 2; with_errors++) {
        lt_thread *thread = nullptr;
        assert_ok(lt_thread_start(call_body, &body, with_errors ? &options : nullptr, &thread));
        assert_status(lt_thread_join(thread), LT_FAILED);
        const lt_error_info *info = nullptr;
        assert_ok(lt_thread_error(thread, &info));
        assert_int_equal(info->size, sizeof *info);
        assert_int_equal(info->ident, lt_thread_ident(thread));
        assert_int_equal(info->kind, LT_ERROR_CXX);
        assert_string_equal(info->type_name, "std::runtime_error");
        assert_string_equal(info->message, "kept");
        check_thrown_in("throw_here", lt_error_backtrace(info));
        if (with_errors) {
            assert_string_equal(info->thread_name, "keeper");
        }
        const lt_error_info *again = nullptr;
        assert_ok(lt_thread_error(thread, &again));
        assert_ptr_equal(again, info);
        assert_ok(lt_thread_free(thread));
    }
    assert_int_equal(heard.size(), 1); // The container took the other.
    assert_int_equal(lt_errors_count(errors), 1);
    assert_ok(lt_errors_free(errors));
}

// ---- Hooks

TEST(a_hook_runs_on_the_thread_while_that_still_counts) {
    begin();
    static std::atomic<size_t> count;
    static std::atomic<bool> is_main;
    assert_ok(lt_set_excepthook(
        [](const lt_error_info *, void *) {
            count = lt_thread_count();
            is_main = lt_get_ident() == lt_main_ident();
        },
        nullptr));
    run([] { throw_here(1); });
    assert_int_equal(count, 1);
    assert_false(is_main);
}

TEST(a_hook_may_set_another_and_start_threads) {
    begin();
    static std::atomic<int> calls;
    calls = 0;
    assert_ok(lt_set_excepthook(
        [](const lt_error_info *, void *) {
            calls++;
            must(lt_set_excepthook(listen, TOKEN) == LT_OK);
            must(lt_start_new_thread([](void *) { throw 2; }, nullptr, nullptr) == LT_OK);
        },
        nullptr));
    run([] { throw_here(1); });
    assert_int_equal(calls, 1);
    assert_int_equal(heard.size(), 1);
    assert_string_equal(heard[0].message.c_str(), "2");
}

TEST(a_hook_may_catch_exceptions_of_its_own) {
    begin();
    assert_ok(lt_set_excepthook(
        [](const lt_error_info *info, void *arg) {
            try {
                throw_here(5);
            } catch (int) {
                caught++;
            }
            listen(info, arg);
        },
        TOKEN));
    run([] { throw_here(std::runtime_error("outer")); });
    run([] { raise_from(2); });
    assert_int_equal(caught, 2);
    assert_int_equal(alive, 0);
    assert_int_equal(heard.size(), 2);
    assert_string_equal(heard[0].message.c_str(), "outer");
    assert_string_equal(heard[1].message.c_str(), "raised");
}

// libstdc++ ends the process if a foreign exception is caught while another one is being handled:
// so none of C++ may be when the hook is called.
TEST(a_hook_may_catch_a_raise_of_its_own) {
    begin();
    assert_ok(lt_set_excepthook(
        [](const lt_error_info *info, void *arg) {
            try {
                raise_from(3);
            } catch (...) {
                caught++;
            }
            listen(info, arg);
        },
        TOKEN));
    run([] { raise_from(2); });
    assert_int_equal(caught, 1);
    run([] { throw_here(std::runtime_error("outer")); });
    assert_int_equal(caught, 2);
    assert_int_equal(alive, 0);
    assert_int_equal(heard.size(), 2);
    assert_string_equal(heard[0].message.c_str(), "raised");
    assert_string_equal(heard[1].message.c_str(), "outer");
}

TEST(a_hook_that_exits_ends_the_thread) {
    begin();
    static std::atomic<int> calls;
    calls = 0;
    assert_ok(lt_set_excepthook(
        [](const lt_error_info *, void *) {
            calls++;
            Counted counted;
            lt_exit();
        },
        nullptr));
    auto shared = std::make_shared<int>(1);
    for (int i = 0; i < 5; i++) {
        assert_status(run([&] {
            local.text += "!";
            struct Carrier {
                std::shared_ptr<int> shared;
            };
            throw Carrier{shared};
        }), LT_FAILED);
        assert_int_equal(shared.use_count(), 1); // The exception was destroyed all the same.
    }
    run([] { raise_from(3); });
    assert_int_equal(calls, 6);
    assert_int_equal(alive, 0);
}

// ---- The default hook's output

namespace {

// What the body, in a forked child, has written to stderr.
std::string output_of(const Body &body, int expected_status = 0, double read_later = 0) {
    int ends[2];
    must(pipe(ends) == 0);
    fflush(nullptr);
    pid_t child = fork_to_go_on();
    must(child >= 0);
    if (child == 0) {
        close(ends[0]);
        dup2(ends[1], STDERR_FILENO);
        close(ends[1]);
        body();
        wait_for_threads();
        _exit(0);
    }
    close(ends[1]);
    if (read_later > 0) {
        usleep(static_cast<useconds_t>(read_later * 1e6));
    }
    std::string output;
    char buffer[4096];
    for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) {
        output.append(buffer, static_cast<size_t>(n));
    }
    close(ends[0]);
    int status = -1;
    must(waitpid(child, &status, 0) == child);
    if (status != expected_status) {
        fail_msg("the child ended with %#x, not %#x: %s", status, expected_status, output.c_str());
    }
    return output;
}

void start(const Body &body, const char *name) {
    lt_thread_options options = {sizeof options, name, 0, false, nullptr};
    must(lt_thread_start(call_body, const_cast<Body *>(&body), &options, nullptr) == LT_OK);
}

size_t occurrences(const std::string &text, const std::string &part) {
    size_t found = 0;
    for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) {
        found++;
    }
    return found;
}

bool starts_with(const std::string &text, const std::string &part) {
    return text.compare(0, part.size(), part) == 0;
}

} // namespace

TEST(the_default_hook_prints_the_report) {
    std::string output = output_of([] {
        must(lt_set_excepthook(nullptr, nullptr) == LT_OK);
        lt_thread_options options = {sizeof options, "worker", 0, false, nullptr};
        lt_thread *thread = nullptr;
        must(lt_thread_start([](void *) { call_the_thrower(); }, nullptr, &options, &thread) == LT_OK);
        must(lt_thread_join(thread) == LT_FAILED);
        dprintf(STDERR_FILENO, "ident %llu\n", (unsigned long long)lt_thread_ident(thread));
    });
    size_t last = output.rfind("ident ");
    std::string ident = output.substr(last + 6, output.size() - last - 7);
    std::string head = "Unhandled error in thread worker (ident " + ident +
                       "): std::runtime_error: here\n";
    if (!starts_with(output, head)) {
        fail_msg("it begins with another line than %s%s", head.c_str(), output.c_str());
    }
    assert_true(!throws_are_traced() || strstr(output.c_str(), "throw_at_a_known_line") != nullptr);
    assert_int_equal(occurrences(output, "Unhandled error"), 1);
}

TEST(null_restores_the_default_hook) {
    std::string output = output_of([] {
        must(lt_set_excepthook(listen, TOKEN) == LT_OK);
        static const Body body = [] { lt_raise(1, "told to whom?"); };
        start(body, "one");
        wait_for_threads();
        must(lt_set_excepthook(nullptr, TOKEN) == LT_OK);
        start(body, "two");
    });
    assert_int_equal(occurrences(output, "Unhandled error"), 1);
    assert_true(starts_with(output, "Unhandled error in thread two (ident "));
    assert_non_null(strstr(output.c_str(), "): error: told to whom?\n"));
}

TEST(a_hook_that_raises_is_told_once) {
    for (int way = 0; way < 3; way++) {
        static int chosen;
        chosen = way;
        std::string output = output_of([] {
            must(lt_set_excepthook(
                     [](const lt_error_info *, void *) {
                         if (after++ > 0) {
                             dprintf(STDERR_FILENO, "called again\n");
                         }
                         switch (chosen) {
                             case 0: raise_from(2); break;
                             case 1: throw std::runtime_error("raised");
                             default: throw_foreign();
                         }
                     },
                     nullptr) == LT_OK);
            static const Body body = [] { throw_here(std::logic_error("the first")); };
            start(body, "victim");
        });
        assert_int_equal(occurrences(output, "called again"), 0);
        assert_int_equal(occurrences(output, "Unhandled error in "), 2);
        assert_int_equal(occurrences(output, ": std::logic_error: the first\n"), 1);
        if (way < 2) {
            assert_int_equal(occurrences(output, ": raised\n"), 1);
        }
    }
}

namespace {
// 8 threads that fail at the same time with a message of their own, again and again.
void check_reports_are_whole(size_t length, int rounds, double read_later) {
    std::string output = output_of(
        [&] {
            must(lt_set_excepthook(nullptr, nullptr) == LT_OK);
            static std::atomic<int> ready;
            static size_t size;
            size = length;
            for (int round = 0; round < rounds; round++) {
                ready = 0;
                for (int i = 0; i < 8; i++) {
                    char letter = static_cast<char>('a' + i);
                    must(lt_start_new_thread_copy(
                             [](void *arg) {
                                 std::string message(size, *static_cast<char *>(arg));
                                 ready++;
                                 until([] { return ready == 8; });
                                 lt_raise(1, message.c_str());
                             },
                             &letter, 1, nullptr) == LT_OK);
                }
                wait_for_threads();
            }
        },
        0, read_later);
    size_t reports = 0;
    for (size_t at = 0; at < output.size();) {
        size_t end = output.find('\n', at);
        assert_true(end != std::string::npos);
        std::string line = output.substr(at, end - at);
        at = end + 1;
        if (starts_with(line, "Unhandled error in thread Thread-")) {
            reports++;
            size_t message = line.find("): error: ");
            assert_true(message != std::string::npos);
            message += 10;
            if (line.substr(message) != std::string(length, line[message])) {
                fail_msg("two reports in one: %.200s ... %s", line.c_str(),
                    line.substr(line.size() - 200).c_str());
            }
        } else if (!starts_with(line, "  0x")) {
            fail_msg("a line of no report: %.200s", line.c_str());
        }
    }
    assert_int_equal(reports, 8 * rounds);
}
} // namespace

TEST(reports_of_many_threads_are_never_interleaved) {
    check_reports_are_whole(100, 3, 0);
}

TEST(long_reports_into_a_full_pipe_are_never_interleaved) {
    check_reports_are_whole(50000, 2, 0.2); // Well before the others would have waited long enough.
}

// The renderer holds locks for most of the time, as others do while the report is told.
TEST(a_child_forked_while_errors_are_told_can_tell_errors) {
    skip_where_children_have_no_threads();
    skip_beside_busy_threads();
    begin();
    static std::atomic<bool> leave;
    static std::atomic<int> told;
    leave = false;
    told = 0;
    assert_ok(lt_set_excepthook([](const lt_error_info *, void *) { told++; }, nullptr));
    static const Body failing = [] { raise_from(2); };
    Body busy = [] {
        while (!leave) {
            must(lt_start_new_thread(call_body, const_cast<Body *>(&failing), nullptr) == LT_OK);
            until([] { return lt_thread_count() < 4; });
        }
    };
    assert_ok(lt_start_new_thread(call_body, &busy, nullptr));
    int status = 0;
    for (int i = 0; i < 5 && status == 0; i++) {
        int before = told;
        until([&] { return told > before; });
        status = run_in_child(
            [](void *) {
                alarm(20);
                told = 0;
                must(lt_start_new_thread(call_body, const_cast<Body *>(&failing), nullptr) == LT_OK);
                wait_for_threads();
                must(told == 1);
            },
            nullptr);
    }
    leave = true;
    wait_for_threads();
    assert_int_equal(status, 0);
}

TEST(a_closed_stderr_does_no_harm) {
    begin();
    must(run_in_child(
             [](void *) {
                 close(STDERR_FILENO);
                 must(lt_set_excepthook(nullptr, nullptr) == LT_OK);
                 static const Body body = [] { throw_here(1); };
                 start(body, "mute");
                 wait_for_threads();
             },
             nullptr) == 0);
}

TEST(a_raise_on_the_main_thread_ends_the_process_with_1) {
    begin();
    static const Body raise_here = [] {
        must(lt_set_excepthook(nullptr, nullptr) == LT_OK);
        must(atexit([] { dprintf(STDERR_FILENO, "exit handlers run\n"); }) == 0);
        raise_from(3);
    };
    std::string output = output_of(raise_here, 1 << 8);
    assert_true(starts_with(output, "Unhandled error in thread MainThread (ident "));
    assert_non_null(strstr(output.c_str(), "): error: raised\n"));
    assert_non_null(strstr(output.c_str(), "raise_from"));
    assert_int_equal(occurrences(output, "exit handlers run"), 1);
}

TEST(a_raise_on_the_main_thread_is_told_to_the_hook) {
    begin();
    std::string output = output_of(
        [] {
            must(lt_set_excepthook(
                     [](const lt_error_info *info, void *) {
                         dprintf(STDERR_FILENO, "%s %d %s", info->thread_name, info->code,
                             info->message);
                     },
                     nullptr) == LT_OK);
            raise_from(3);
        },
        1 << 8);
    assert_string_equal(output.c_str(), "MainThread 7 raised");
}

TEST(a_raise_on_the_main_thread_can_be_caught) {
    begin();
    try {
        raise_from(3);
    } catch (...) {
        caught++;
    }
    assert_int_equal(caught, 1);
    assert_int_equal(alive, 0);
    assert_int_equal(heard.size(), 0);
}

// ---- lt_errors

TEST(the_first_error_wins) {
    begin();
    lt_errors *errors = lt_errors_new();
    assert_non_null(errors);
    const lt_error_info *info = nullptr;
    assert_status(lt_errors_get(errors, &info), LT_EMPTY);
    assert_null(info);
    assert_int_equal(lt_errors_count(errors), 0);
    Body bodies[] = {[] {}, [] { throw_here(std::runtime_error("the first")); },
        [] { raise_from(2); }, [] { lt_exit(); }, [] { throw 3; }};
    lt_ident idents[5] = {};
    const size_t counts[] = {0, 1, 2, 2, 3};
    for (int i = 0; i < 5; i++) {
        assert_ok(lt_spawn(call_body, &bodies[i], errors, &idents[i]));
        wait_for_threads();
        assert_int_equal(lt_errors_count(errors), counts[i]);
        if (i > 0) {
            const lt_error_info *now = nullptr;
            assert_ok(lt_errors_get(errors, &now));
            assert_true(info == nullptr || info == now);
            info = now;
        }
    }
    assert_int_equal(info->ident, idents[1]);
    assert_int_equal(info->kind, LT_ERROR_CXX);
    assert_string_equal(info->message, "the first");
    check_thrown_in("throw_here", lt_error_backtrace(info));
    assert_int_equal(heard.size(), 0);

    assert_ok(lt_errors_clear(errors));
    assert_int_equal(lt_errors_count(errors), 0);
    assert_status(lt_errors_get(errors, &info), LT_EMPTY);
    assert_ok(lt_errors_clear(errors));
    assert_ok(lt_spawn(call_body, &bodies[2], errors, nullptr));
    wait_for_threads();
    assert_ok(lt_errors_get(errors, &info));
    assert_string_equal(info->message, "raised");
    assert_int_equal(info->code, 7);
    assert_ok(lt_errors_get(errors, nullptr));
    assert_ok(lt_errors_free(errors));
    assert_status(lt_errors_free(errors), LT_BAD_HANDLE);
    assert_ok(lt_errors_free(nullptr));
}

TEST(one_of_many_errors_at_once_is_the_first) {
    begin();
    lt_errors *errors = lt_errors_new();
    for (int round = 0; round < 20; round++) {
        static std::atomic<int> ready;
        ready = 0;
        lt_ident idents[8];
        for (lt_ident &ident : idents) {
            assert_ok(lt_spawn(
                [](void *) {
                    ready++;
                    until([] { return ready == 8; });
                    lt_raise(1, std::to_string(lt_get_ident()).c_str());
                },
                nullptr, errors, &ident));
        }
        wait_for_threads();
        assert_int_equal(lt_errors_count(errors), 8);
        const lt_error_info *info = nullptr;
        assert_ok(lt_errors_get(errors, &info));
        assert_string_equal(info->message, std::to_string(info->ident).c_str());
        assert_int_equal(std::set<lt_ident>(idents, idents + 8).count(info->ident), 1);
        assert_ok(lt_errors_clear(errors));
    }
    assert_ok(lt_errors_free(errors));
    assert_int_equal(heard.size(), 0);
}

TEST(errors_are_looked_at_while_others_arrive) {
    begin();
    lt_errors *errors = lt_errors_new();
    Body body = [] { raise_from(2); };
    for (int i = 0; i < 200; i++) {
        assert_ok(lt_spawn(call_body, &body, errors, nullptr));
        const lt_error_info *info = nullptr;
        lt_status status = lt_errors_get(errors, &info);
        assert_true(status == LT_OK || status == LT_EMPTY);
        if (status == LT_OK) {
            assert_string_equal(info->message, "raised");
        }
    }
    wait_for_threads();
    assert_int_equal(lt_errors_count(errors), 200);
    assert_ok(lt_errors_free(errors));
}

TEST(an_error_whose_container_was_freed_goes_to_the_hook) {
    begin();
    std::atomic<bool> leave{false};
    Body body = [&] {
        until([&] { return leave.load(); });
        raise_from(2);
    };
    lt_errors *errors = lt_errors_new();
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_spawn(call_body, &body, errors, nullptr));
    }
    assert_ok(lt_errors_free(errors));
    // Others in the same place are not meant.
    std::vector<lt_errors *> others;
    for (int i = 0; i < 200; i++) {
        others.push_back(lt_errors_new());
    }
    leave = true;
    wait_for_threads();
    assert_int_equal(heard.size(), 3);
    for (lt_errors *other : others) {
        assert_int_equal(lt_errors_count(other), 0);
        assert_ok(lt_errors_free(other));
    }
}

TEST(a_spawn_with_bad_arguments_starts_nothing) {
    begin();
    lt_errors *stale = lt_errors_new();
    assert_ok(lt_errors_free(stale));
    lt_lock *lock = lt_allocate_lock();
    lt_errors *wrong[] = {stale, reinterpret_cast<lt_errors *>(lock)};
    for (lt_errors *errors : wrong) {
        lt_ident ident = 99;
        assert_status(lt_spawn(call_body, &wrong, errors, &ident), LT_BAD_HANDLE);
        assert_status(lt_spawn(nullptr, nullptr, errors, &ident), LT_BAD_HANDLE);
        lt_thread_options options = {sizeof options, nullptr, 0, false, errors};
        lt_thread *thread = nullptr;
        assert_status(lt_thread_start(call_body, &wrong, &options, &thread), LT_BAD_HANDLE);
        assert_null(thread);
        assert_int_equal(ident, 99);
    }
    assert_status(lt_spawn(nullptr, nullptr, nullptr, nullptr), LT_INVALID);
    assert_int_equal(lt_thread_count(), 0);
    assert_int_equal(after, 0);
    assert_ok(lt_lock_free(lock));
}

TEST(a_spawn_without_a_container_tells_the_hook) {
    begin();
    Body body = [] { raise_from(2); };
    assert_ok(lt_spawn(call_body, &body, nullptr, nullptr));
    wait_for_threads();
    check_raised();
}

// ---- The storm

TEST(in_a_storm_every_error_and_destructor_is_accounted_for) {
    const int threads = getenv("LT_LONG") != nullptr ? 20000 : 2000;
    begin();
    static std::atomic<int> hooked;
    hooked = 0;
    assert_ok(lt_set_excepthook([](const lt_error_info *, void *) { hooked++; }, nullptr));
    lt_errors *errors = lt_errors_new();
    int expected_hooked = 0, expected_errors = 0, returns = 0;
    for (int i = 0; i < threads; i++) {
        bool contained = i % (threads / 40 + 1) != 0; // Telling a hook takes its time.
        int way = i % (has_pthreads() ? 5 : 4); // Or pthread_cancel unwinds nothing.
        (contained ? expected_errors : expected_hooked) += way == 1 || way == 2;
        returns += way == 0;
        auto body = [](void *arg) {
            local.text += "!";
            Counted counted;
            switch (*static_cast<int *>(arg)) {
                case 0: return;
                case 1: throw_here(std::runtime_error("stormy")); break;
                case 2: raise_from(1); break;
                case 3: {
                    Counted more;
                    lt_exit();
                }
                default: {
                    Counted more;
                    pthread_cancel(pthread_self());
                    pthread_testcancel();
                }
            }
            after++;
        };
        static int ways[5] = {0, 1, 2, 3, 4};
        assert_ok(lt_spawn(body, &ways[way], contained ? errors : nullptr, nullptr));
        until([] { return lt_thread_count() < 50; });
    }
    wait_for_threads();
    if (!has_pthreads()) {
        until([&] { return destroyed == 3 * threads - returns; }); // Some after the thread has been counted out.
    }
    assert_int_equal(after, 0);
    assert_int_equal(alive, 0);
    assert_int_equal(destroyed, 3 * threads - returns);
    assert_int_equal(hooked, expected_hooked);
    assert_int_equal(lt_errors_count(errors), expected_errors);
    assert_ok(lt_errors_free(errors));
}
