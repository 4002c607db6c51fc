// What leaves tasks and callbacks in C++: exceptions, lt_raise(), lt_exit(), and the destructors on the way.
// timeout: 60
// flags: -g
#include "harness.h"

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

std::atomic<int> alive, destroyed, after, hook_calls;
std::mutex hook_mutex;
std::string hook_type, hook_message;

struct Counted {
    Counted() { alive++; }
    Counted(const Counted &) = delete;
    ~Counted() {
        alive--;
        destroyed++;
    }
};

struct Own : std::exception {
    const char *what() const noexcept override { return "own"; }
};

void listen(const lt_error_info *info, void *) {
    std::lock_guard<std::mutex> guard(hook_mutex);
    hook_type = info->type_name;
    hook_message = info->message;
    hook_calls++;
}

lt_pool *begin(uint32_t workers) {
    alive = destroyed = after = hook_calls = 0;
    must(lt_set_excepthook(listen, nullptr) == LT_OK);
    lt_pool *pool = lt_pool_new(workers, nullptr);
    must(pool != nullptr);
    return pool;
}

template <typename Condition> void until(Condition condition) {
    for (double began = lt_monotonic(); !condition(); std::this_thread::yield()) {
        must(seconds_since(began) < 20);
    }
}

uint32_t workers_of(lt_pool *pool) {
    lt_pool_info info = {};
    info.size = sizeof info;
    must(lt_pool_stats(pool, &info) == LT_OK);
    return info.workers;
}

void *leave_frames(int how, int frames);
void *(*volatile leave_frames_below)(int, int) = leave_frames; // Hides from the compiler what it does.

// Through frames with destructors.
void *leave_frames(int how, int frames) {
    Counted counted;
    if (frames > 1) {
        leave_frames_below(how, frames - 1);
    } else if (how == 0) {
        throw std::runtime_error("thrown by a task");
    } else if (how == 1) {
        throw 42;
    } else if (how == 2) {
        throw Own();
    } else if (how == 3) {
        lt_raise(7, "raised by a task");
    } else if (how == 4) {
        lt_exit();
    }
    after++;
    return nullptr;
}

template <int how> void *leave(void *) {
    return leave_frames_below(how, 10);
}

void *give_back(void *arg) {
    return arg;
}

const struct {
    lt_task_fn task;
    int kind, code;
    const char *type, *message;
} WAYS[] = {{leave<0>, LT_ERROR_CXX, 0, "std::runtime_error", "thrown by a task"},
    {leave<1>, LT_ERROR_CXX, 0, "int", nullptr}, {leave<2>, LT_ERROR_CXX, 0, nullptr, "own"},
    {leave<3>, LT_ERROR_RAISED, 7, "error", "raised by a task"},
    {leave<4>, LT_ERROR_EXITED, 0, nullptr, nullptr}};

void *come(void *barrier) {
    must(lt_barrier_wait(static_cast<lt_barrier *>(barrier), nullptr) == LT_OK);
    return nullptr;
}

lt_future *submit(lt_pool *pool, lt_task_fn task, void *arg) {
    lt_future *future = nullptr;
    must(lt_pool_submit(pool, task, arg, &future) == LT_OK);
    return future;
}

} // namespace

TEST(what_leaves_a_task_is_the_error_of_its_future) {
    lt_pool *pool = begin(1);
    for (const auto &way : WAYS) {
        destroyed = 0;
        lt_future *future = submit(pool, way.task, nullptr);
        assert_status(lt_future_result(future, nullptr), LT_FAILED);
        assert_int_equal(destroyed, 10); // All frames were left.
        assert_int_equal(alive, 0);
        const lt_error_info *info = nullptr;
        assert_ok(lt_future_error(future, &info));
        assert_int_equal(info->kind, way.kind);
        assert_int_equal(info->code, way.code);
        if (way.type != nullptr) {
            assert_string_equal(info->type_name, way.type);
        }
        if (way.message != nullptr) {
            assert_string_equal(info->message, way.message);
        }
        // The frames of an exit are gone when its end is told.
        if (way.kind == LT_ERROR_RAISED || (way.kind != LT_ERROR_EXITED && throws_are_traced())) {
            assert_non_null(strstr(lt_error_backtrace(info), "leave_frames"));
        }
        assert_ok(lt_future_free(future));
        until([&] { return workers_of(pool) == 1; });
    }
    assert_int_equal(after, 0);
    assert_int_equal(hook_calls, 0);
    assert_ok(lt_pool_free(pool));
}

TEST(what_leaves_a_task_without_a_future_goes_to_the_hook) {
    lt_pool *pool = begin(2);
    int expected = 0;
    for (const auto &way : WAYS) {
        destroyed = 0;
        assert_ok(lt_pool_submit(pool, way.task, nullptr, nullptr));
        until([] { return destroyed == 10; });
        expected += way.kind != LT_ERROR_EXITED;
        until([&] { return hook_calls == expected; });
        std::lock_guard<std::mutex> guard(hook_mutex);
        if (way.message != nullptr) {
            assert_string_equal(hook_message.c_str(), way.message);
        }
    }
    assert_ok(lt_pool_free(pool));
    assert_int_equal(hook_calls, expected);
    assert_int_equal(after, 0);
    assert_int_equal(alive, 0);
}

TEST(a_pool_keeps_its_workers_whatever_leaves_its_tasks) {
    lt_pool *pool = begin(3);
    std::vector<lt_future *> futures;
    lt_barrier *all = lt_barrier_new(3, nullptr, nullptr);
    for (int i = 0; i < 3; i++) { // Else it has no more than it needed at once.
        futures.push_back(submit(pool, come, all));
    }
    for (lt_future *future : futures) {
        assert_ok(lt_future_result(future, nullptr));
        assert_ok(lt_future_free(future));
    }
    assert_ok(lt_barrier_free(all));
    futures.clear();
    for (int i = 0; i < 60; i++) {
        futures.push_back(submit(pool, WAYS[i % 5].task, nullptr));
        assert_ok(lt_pool_submit(pool, WAYS[i % 4].task, nullptr, nullptr));
    }
    for (lt_future *future : futures) {
        assert_status(lt_future_result(future, nullptr), LT_FAILED);
        assert_ok(lt_future_free(future));
    }
    lt_future *future = submit(pool, give_back, pool);
    assert_ok(lt_future_result(future, nullptr));
    assert_ok(lt_future_free(future));
    until([&] { return workers_of(pool) == 3; });
    assert_ok(lt_pool_free(pool));
    assert_int_equal(hook_calls, 60);
    assert_int_equal(destroyed, 1200);
    assert_int_equal(alive, 0);
    assert_int_equal(lt_thread_count(), 0);
}

TEST(a_task_may_catch_what_it_throws) {
    lt_pool *pool = begin(1);
    lt_future *future = submit(
        pool,
        [](void *arg) -> void * {
            try {
                leave_frames_below(0, 10);
            } catch (const std::runtime_error &) {
                return arg;
            }
            return nullptr;
        },
        pool);
    void *result = nullptr;
    assert_ok(lt_future_result(future, &result));
    assert_ptr_equal(result, pool);
    assert_ok(lt_future_free(future));
    assert_ok(lt_pool_free(pool));
    assert_int_equal(hook_calls, 0);
}

TEST(what_a_helped_task_throws_does_not_reach_who_waits) {
    lt_pool *pool = begin(1);
    lt_future *future = submit(
        pool,
        [](void *arg) -> void * {
            Counted counted;
            for (int i = 0; i < 4; i++) { // All but lt_exit().
                lt_future *inner = submit(static_cast<lt_pool *>(arg), WAYS[i].task, nullptr);
                try {
                    must(lt_future_result(inner, nullptr) == LT_FAILED);
                } catch (...) {
                    must(!"thrown through the library");
                }
                must(lt_future_free(inner) == LT_OK);
            }
            return arg;
        },
        pool);
    void *result = nullptr;
    assert_ok(lt_future_result(future, &result));
    assert_ptr_equal(result, pool);
    assert_int_equal(destroyed, 41);
    assert_ok(lt_future_free(future));
    assert_ok(lt_pool_free(pool));
    assert_int_equal(hook_calls, 0);
}

TEST(destructors_run_when_a_helped_task_exits) {
    lt_pool *pool = begin(1);
    for (int form = 0; form < 3; form++) {
        destroyed = 0;
        lt_task_fn outer[] = {[](void *arg) -> void * {
                                  Counted counted;
                                  lt_future *inner =
                                      submit(static_cast<lt_pool *>(arg), WAYS[4].task, nullptr);
                                  LT_IGNORE(lt_future_result(inner, nullptr));
                                  after++;
                                  return arg;
                              },
            [](void *arg) -> void * {
                Counted counted;
                lt_future *inner = submit(static_cast<lt_pool *>(arg), WAYS[4].task, nullptr);
                LT_IGNORE(lt_future_wait_many(&inner, 1, LT_ALL, LT_FOREVER, nullptr));
                after++;
                return arg;
            },
            [](void *arg) -> void * {
                Counted counted;
                void *args[1] = {nullptr};
                LT_IGNORE(lt_pool_map(static_cast<lt_pool *>(arg), WAYS[4].task, args, 1, nullptr,
                    LT_FOREVER));
                after++;
                return arg;
            }};
        lt_future *future = submit(pool, outer[form], pool);
        assert_status(lt_future_result(future, nullptr), LT_FAILED);
        assert_ok(lt_future_free(future));
        assert_int_equal(destroyed, 11);
        lt_future *next = submit(pool, give_back, nullptr);
        assert_ok(lt_future_result(next, nullptr));
        assert_ok(lt_future_free(next));
        assert_int_equal(workers_of(pool), 1);
    }
    assert_int_equal(after, 0);
    assert_ok(lt_pool_free(pool));
}

TEST(a_callback_that_throws_goes_to_the_hook_and_no_further) {
    lt_pool *pool = begin(1);
    lt_future *future = submit(pool, give_back, nullptr);
    assert_ok(lt_future_result(future, nullptr));
    auto throwing = [](lt_future *, void *) { leave_frames_below(0, 10); };
    try {
        for (int i = 1; i <= 3; i++) {
            assert_ok(lt_future_add_done_callback(future, throwing, nullptr)); // Late.
            assert_int_equal(hook_calls, i);
        }
    } catch (...) {
        must(!"thrown through the library");
    }
    assert_string_equal(hook_message.c_str(), "thrown by a task");
    assert_int_equal(destroyed, 30);
    assert_ok(lt_future_free(future));
    assert_ok(lt_pool_free(pool));
}

TEST(a_map_fails_with_the_first_of_its_tasks_that_throws) {
    lt_pool *pool = begin(1);
    int numbers[4] = {0, 1, 2, 3};
    void *args[4], *results[4];
    for (int i = 0; i < 4; i++) {
        args[i] = &numbers[i];
        results[i] = pool;
    }
    lt_task_fn task = [](void *arg) -> void * {
        return *static_cast<int *>(arg) == 1 ? leave_frames_below(0, 10) : arg;
    };
    assert_status(lt_pool_map(pool, task, args, 4, results, LT_FOREVER), LT_FAILED);
    assert_ptr_equal(results[0], args[0]);
    assert_null(results[1]);
    assert_int_equal(hook_calls, 1);
    assert_string_equal(hook_type.c_str(), "std::runtime_error");
    assert_ok(lt_pool_free(pool));
}

TEST(a_drop_that_throws_passes_through_the_close_of_a_queue) {
    lt_pool *pool = begin(1);
    lt_queue *queue = lt_queue_new(0);
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_queue_put(queue, nullptr));
    }
    assert_ok(lt_queue_set_drop(queue, [](void *) {
        if (++after == 2) {
            throw Own();
        }
    }));
    bool caught = false;
    try {
        LT_IGNORE(lt_queue_close(queue, true));
    } catch (const Own &) {
        caught = true;
    }
    assert_true(caught);
    assert_int_equal(lt_queue_size(queue), 1);
    assert_ok(lt_queue_free(queue));
    assert_int_equal(after, 3);
    assert_ok(lt_pool_free(pool));
}
