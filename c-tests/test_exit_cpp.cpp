// lt_exit() in C++: destructors, thread_local objects, exception handlers.
#include "harness.h"

#include <atomic>
#include <cxxabi.h>
#include <functional>
#include <string>
#include <thread>

namespace {

std::atomic<int> alive, destroyed, after, caught;

struct Counted {
    std::string text = "long enough not to be stored in the string object itself";
    Counted() { alive++; }
    Counted(const Counted &) = delete;
    ~Counted() {
        alive--;
        destroyed++;
    }
};

void reset() {
    alive = destroyed = after = caught = 0;
}

void wait_for_threads() {
    for (double began = lt_monotonic(); lt_thread_count() > 0; std::this_thread::yield()) {
        must(seconds_since(began) < 20);
    }
}

void run(const std::function<void()> &body) {
    reset();
    auto call = [](void *arg) {
        (*static_cast<const std::function<void()> *>(arg))();
        after++;
    };
    assert_ok(lt_start_new_thread(call, const_cast<std::function<void()> *>(&body), nullptr));
    wait_for_threads();
}

void exit_from(int frames);
void (*volatile exit_from_below)(int) = exit_from; // Hides from the compiler what it does.

void exit_from(int frames) {
    Counted counted;
    if (frames > 1) {
        exit_from_below(frames - 1);
    } else {
        lt_exit();
    }
    after++;
}

} // namespace

TEST(destructors_run_from_fifty_frames_down) {
    run([] { exit_from(50); });
    assert_int_equal(destroyed, 50);
    assert_int_equal(alive, 0);
    assert_int_equal(after, 0);
}

TEST(destructors_run_in_each_of_many_threads) {
    reset();
    for (int i = 0; i < 500; i++) {
        assert_ok(lt_start_new_thread([](void *) { exit_from(5); }, nullptr, nullptr));
    }
    wait_for_threads();
    assert_int_equal(destroyed, 2500);
    assert_int_equal(alive, 0);
}

static thread_local Counted local;

TEST(thread_local_objects_are_destroyed) {
    skip_where_destructors_come_late();
    run([] {
        local.text += "!";
        exit_from(2);
    });
    assert_int_equal(destroyed, 3);
    assert_int_equal(alive, 0);
    assert_int_equal(after, 0);
}

TEST(thread_local_objects_are_destroyed_when_the_function_returns) {
    skip_where_destructors_come_late();
    run([] { local.text += "!"; });
    assert_int_equal(destroyed, 1);
    assert_int_equal(after, 1);
}

static std::atomic<lt_ident> ident_in_function, ident_in_destructor;
static std::atomic<size_t> count_in_destructor;

struct Looks {
    void touch() {}
    ~Looks() {
        ident_in_destructor = lt_get_ident();
        count_in_destructor = lt_thread_count();
    }
};

static thread_local Looks looks;

TEST(thread_local_destructors_still_belong_to_the_thread) {
    skip_where_destructors_come_late();
    run([] {
        looks.touch();
        ident_in_function = lt_get_ident();
        lt_exit();
    });
    assert_int_equal(ident_in_destructor, ident_in_function);
    assert_int_equal(count_in_destructor, 1);
    assert_int_not_equal(ident_in_destructor, lt_get_ident());
}

TEST(it_passes_through_handlers_that_rethrow) {
    run([] {
        try {
            exit_from(3);
        } catch (...) {
            caught++;
            throw;
        }
    });
    assert_int_equal(caught, 1);
    assert_int_equal(destroyed, 3);
    assert_int_equal(after, 0);
}

TEST(it_is_no_std_exception_but_a_forced_unwind) {
    skip_without(LT_FEATURE_PTHREADS, "there lt_exit is a foreign exception to C++");
    // libstdc++ has no object for the reference to refer to.
    run([]() __attribute__((no_sanitize("undefined"))) {
        try {
            try {
                exit_from(3);
            } catch (const std::exception &) {
                caught += 100;
            }
        } catch (abi::__forced_unwind &) {
            caught++;
            throw;
        }
    });
    assert_int_equal(caught, 1);
    assert_int_equal(after, 0);
}

TEST(an_object_under_construction_is_taken_apart) {
    struct Half {
        Counted first, second;
        Half() { lt_exit(); }
        ~Half() { after++; }
    };
    run([] { Half half; });
    assert_int_equal(destroyed, 2);
    assert_int_equal(after, 0);
}

TEST(it_ends_a_std_thread) {
    reset();
    std::thread thread([] {
        local.text += "!";
        exit_from(4);
    });
    thread.join();
    assert_int_equal(destroyed, 5);
    assert_int_equal(after, 0);
}

TEST(exceptions_that_stay_inside_are_no_business_of_the_library) {
    run([] {
        for (int i = 0; i < 100; i++) {
            try {
                Counted counted;
                throw i;
            } catch (int j) {
                must(i == j);
                caught++;
            }
        }
    });
    assert_int_equal(caught, 100);
    assert_int_equal(destroyed, 100);
    assert_int_equal(after, 1);
}
