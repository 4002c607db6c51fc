// Functions of the program, called by the library, that do not return: they raise, throw or exit. The
// actions of barriers, the functions of lt_call_once(), the predicates of conditions.
// timeout: 120
#include "harness.h"

#include <atomic>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>

namespace {

// ---- How they leave

enum way { RETURN, RAISE, THROW, EXIT, PTHREAD_EXIT };

#if LT_HAS_PTHREADS
const way WAYS_OUT[] = {RAISE, THROW, EXIT, PTHREAD_EXIT};
#else
const way WAYS_OUT[] = {RAISE, THROW, EXIT};
#endif

std::atomic<int> destroyed;

struct Counted {
    ~Counted() { destroyed++; }
};

void leave(way out) {
    Counted counted;
    switch (out) {
        case RETURN: return;
        case RAISE: lt_raise(42, "raised on purpose");
        case THROW: throw std::runtime_error("thrown on purpose");
        case EXIT: lt_exit();
        case PTHREAD_EXIT: pthread_exit(nullptr);
    }
}

// ---- Threads

template <typename Condition> void must_soon(Condition condition) {
    for (double began = lt_monotonic(); !condition(); std::this_thread::yield()) {
        must(seconds_since(began) < 20);
    }
}

// A thread that makes one call, from which it may not return. If it does, it says so.
struct Caller {
    lt_status (*call)(void *);
    void *object;
    std::atomic<bool> returned{false};
    lt_status status = LT_OK;
    lt_thread *thread = nullptr;

    Caller(lt_status (*call)(void *), void *object) : call(call), object(object) {
        must(lt_thread_start(run, this, nullptr, &thread) == LT_OK);
    }
    Caller(const Caller &) = delete;

    static void run(void *arg) {
        auto *own = static_cast<Caller *>(arg);
        Counted counted;
        own->status = own->call(own->object);
        own->returned = true;
    }

    void must_be_asleep() const {
        must_soon([this] { return asleep(lt_thread_native_id(thread)); });
    }

    // It went the way of the function that it called.
    void must_have_left(way out) {
        lt_status expected = out == RAISE || out == THROW ? LT_FAILED : LT_OK;
        must(lt_thread_join(thread) == expected);
        must(returned == (out == RETURN));
        const lt_error_info *info = nullptr;
        if (expected == LT_OK) {
            must(lt_thread_error(thread, &info) == LT_EMPTY);
        } else {
            must(lt_thread_error(thread, &info) == LT_OK);
            must(info->kind == (out == RAISE ? LT_ERROR_RAISED : LT_ERROR_CXX));
            must(info->code == (out == RAISE ? 42 : 0));
            must(std::string(info->message)
                 == (out == RAISE ? "raised on purpose" : "thrown on purpose"));
            must(std::string(info->type_name) == (out == RAISE ? "error" : "std::runtime_error"));
        }
        must(lt_thread_free(thread) == LT_OK);
    }

    // It returned, and what.
    lt_status end() {
        must(lt_thread_join(thread) == LT_OK && lt_thread_free(thread) == LT_OK);
        must(returned);
        return status;
    }
};

// ---- Barriers

struct Barrier {
    lt_barrier *barrier;
    std::atomic<way> out{RETURN};
    std::atomic<int> actions{0};
    lt_event *in = lt_event_new(), *go_on = lt_event_new(); // So that it can be met in its action.

    explicit Barrier(uint32_t parties) {
        barrier = lt_barrier_new(parties, act, this);
        must(barrier != nullptr && in != nullptr && go_on != nullptr);
        must(lt_event_set(go_on) == LT_OK);
    }
    Barrier(const Barrier &) = delete;

    ~Barrier() {
        must(lt_barrier_waiting(barrier) == 0);
        must(lt_barrier_free(barrier) == LT_OK);
        must(lt_event_free(in) == LT_OK && lt_event_free(go_on) == LT_OK);
    }

    static void act(void *arg) {
        auto *own = static_cast<Barrier *>(arg);
        own->actions++;
        must(lt_event_set(own->in) == LT_OK);
        must(lt_event_wait(own->go_on) == LT_OK);
        leave(own->out);
    }

    static lt_status come(void *arg) {
        uint32_t index = 77;
        lt_status status = lt_barrier_wait(static_cast<Barrier *>(arg)->barrier, &index);
        must((status == LT_OK) == (index != 77));
        return status;
    }

    static lt_status come_in_time(void *arg) {
        return lt_barrier_wait_timeout(static_cast<Barrier *>(arg)->barrier, 1000.0, nullptr);
    }

    void must_wait(uint32_t n) const {
        must_soon([this, n] { return lt_barrier_waiting(barrier) == n; });
    }

    // A round, mended or whole.
    void must_work() {
        out = RETURN;
        int before = actions;
        Caller first(come, this);
        must_wait(1);
        Caller second(come_in_time, this);
        must_wait(2);
        must(come(this) == LT_OK);
        must(first.end() == LT_OK && second.end() == LT_OK);
        must(actions == before + 1);
    }
};

} // namespace

TEST(an_action_that_does_not_return_ends_its_thread_and_breaks_the_barrier) {
    for (way out : WAYS_OUT) {
        for (auto *come : {Barrier::come, Barrier::come_in_time}) {
            Barrier b(3);
            b.must_work();
            b.out = out;
            destroyed = 0;
            Caller first(Barrier::come, &b), second(Barrier::come_in_time, &b);
            b.must_wait(2);
            Caller last(come, &b);
            last.must_have_left(out);
            assert_status(first.end(), LT_BROKEN);
            assert_status(second.end(), LT_BROKEN);
            assert_int_equal(destroyed, 4); // That of the action, and those of three threads.
            assert_true(lt_barrier_is_broken(b.barrier));
            assert_status(lt_barrier_wait(b.barrier, nullptr), LT_BROKEN);
            assert_int_equal(b.actions, 2);
            assert_ok(lt_barrier_reset(b.barrier));
            b.must_work();
        }
    }
}

TEST(who_comes_while_such_an_action_runs_hears_that_it_is_broken) {
    for (way out : WAYS_OUT) {
        Barrier b(2);
        b.out = out;
        assert_ok(lt_event_clear(b.go_on));
        Caller first(Barrier::come, &b);
        b.must_wait(1);
        Caller last(Barrier::come, &b);
        assert_ok(lt_event_wait(b.in));
        Caller outside(Barrier::come, &b), outside_in_time(Barrier::come_in_time, &b);
        outside.must_be_asleep();
        outside_in_time.must_be_asleep();
        assert_status(lt_barrier_free(b.barrier), LT_BUSY);
        assert_ok(lt_event_set(b.go_on));
        last.must_have_left(out);
        assert_status(first.end(), LT_BROKEN);
        assert_status(outside.end(), LT_BROKEN);
        assert_status(outside_in_time.end(), LT_BROKEN);
        assert_true(lt_barrier_is_broken(b.barrier));
    }
}

TEST(such_an_action_breaks_it_after_an_abort_or_a_reset_too) {
    for (way out : WAYS_OUT) {
        for (int turn = 0; turn < 4; turn++) {
            Barrier b(3);
            b.out = out;
            assert_ok(lt_event_clear(b.go_on));
            Caller first(Barrier::come, &b), second(Barrier::come, &b);
            b.must_wait(2);
            Caller last(Barrier::come, &b);
            assert_ok(lt_event_wait(b.in));
            if (turn != 1) {
                assert_ok(lt_barrier_abort(b.barrier));
            }
            if (turn != 0) {
                assert_ok(lt_barrier_reset(b.barrier));
            }
            if (turn == 3) {
                assert_ok(lt_barrier_abort(b.barrier));
            }
            assert_ok(lt_event_set(b.go_on));
            last.must_have_left(out);
            assert_status(first.end(), LT_BROKEN);
            assert_status(second.end(), LT_BROKEN);
            assert_true(lt_barrier_is_broken(b.barrier));
            assert_ok(lt_barrier_reset(b.barrier));
            b.must_work();
        }
    }
}

TEST(what_an_action_throws_can_be_caught_behind_the_wait) {
    Barrier b(1);
    for (int i = 0; i < 100; i++) {
        b.out = THROW;
        uint32_t index = 77;
        bool caught = false;
        try {
            LT_IGNORE(i % 2 == 0 ? lt_barrier_wait(b.barrier, &index)
                                 : lt_barrier_wait_timeout(b.barrier, 0.0, &index));
        } catch (const std::runtime_error &error) {
            caught = std::string(error.what()) == "thrown on purpose";
        }
        assert_true(caught);
        assert_int_equal(index, 77);
        assert_true(lt_barrier_is_broken(b.barrier));
        assert_status(lt_barrier_wait(b.barrier, &index), LT_BROKEN);
        assert_ok(lt_barrier_reset(b.barrier));
        b.out = RETURN;
        assert_ok(lt_barrier_wait(b.barrier, &index));
        assert_int_equal(index, 0);
    }
}

TEST(a_raise_in_an_action_can_be_stopped_behind_the_wait) {
    Barrier b(1);
    b.out = RAISE;
    int caught = 0;
    try {
        LT_IGNORE(lt_barrier_wait(b.barrier, nullptr));
    } catch (...) {
        caught++;
    }
    assert_int_equal(caught, 1);
    assert_true(lt_barrier_is_broken(b.barrier));
}

TEST(an_action_that_catches_its_own_exception_breaks_nothing) {
    auto catches = [](void *) {
        try {
            leave(THROW);
        } catch (const std::exception &) {
        }
    };
    lt_barrier *barrier = lt_barrier_new(1, catches, nullptr);
    assert_ok(lt_barrier_wait(barrier, nullptr));
    assert_false(lt_barrier_is_broken(barrier));
    assert_ok(lt_barrier_free(barrier));
}

namespace {

// ---- Once

struct Once {
    lt_once_flag flag = LT_ONCE_FLAG_INIT;
    std::atomic<int> calls{0}, returns{0}, fail_first{0};
    std::atomic<way> out{RETURN};
    lt_event *in = lt_event_new(), *go_on = lt_event_new();

    Once() { must(lt_event_set(go_on) == LT_OK); }
    Once(const Once &) = delete;
    ~Once() { must(lt_event_free(in) == LT_OK && lt_event_free(go_on) == LT_OK); }

    static void function(void *arg) {
        auto *own = static_cast<Once *>(arg);
        int call = ++own->calls;
        must(lt_event_set(own->in) == LT_OK);
        must(lt_event_wait(own->go_on) == LT_OK);
        if (call <= own->fail_first) {
            leave(own->out);
        }
        own->returns++;
    }

    static lt_status call(void *arg) {
        auto *own = static_cast<Once *>(arg);
        return lt_call_once(&own->flag, function, own);
    }
};

} // namespace

TEST(a_function_that_does_not_return_ends_its_thread_and_is_called_again) {
    for (way out : WAYS_OUT) {
        Once once;
        once.out = out;
        once.fail_first = 3;
        destroyed = 0;
        for (int i = 1; i <= 3; i++) {
            Caller caller(Once::call, &once);
            caller.must_have_left(out);
            assert_int_equal(once.calls, i);
            assert_int_equal(destroyed, 2 * i);
        }
        assert_int_equal(once.flag.state, 0);
        assert_ok(Once::call(&once));
        assert_ok(Once::call(&once));
        assert_int_equal(once.calls, 4);
        assert_int_equal(once.returns, 1);
    }
}

TEST(one_of_those_who_wait_calls_it_then) {
    for (way out : WAYS_OUT) {
        Once once;
        once.out = out;
        once.fail_first = 1;
        assert_ok(lt_event_clear(once.go_on));
        Caller caller(Once::call, &once);
        assert_ok(lt_event_wait(once.in));
        Caller first(Once::call, &once), second(Once::call, &once);
        first.must_be_asleep();
        second.must_be_asleep();
        assert_ok(lt_event_set(once.go_on));
        caller.must_have_left(out);
        assert_ok(first.end());
        assert_ok(second.end());
        assert_int_equal(once.calls, 2);
        assert_int_equal(once.returns, 1);
    }
}

// Each of those who wait fails in its turn, and hands on to the next.
TEST(all_of_those_who_wait_may_fail_one_after_the_other) {
    for (way out : WAYS_OUT) {
        Once once;
        once.out = out;
        once.fail_first = 4;
        assert_ok(lt_event_clear(once.go_on));
        {
            Caller a(Once::call, &once), b(Once::call, &once), c(Once::call, &once),
                d(Once::call, &once);
            for (Caller *caller : {&a, &b, &c, &d}) {
                caller->must_be_asleep();
            }
            assert_ok(lt_event_set(once.go_on));
            for (Caller *caller : {&a, &b, &c, &d}) {
                caller->must_have_left(out);
            }
        }
        assert_int_equal(once.calls, 4);
        assert_ok(Once::call(&once));
        assert_int_equal(once.returns, 1);
    }
}

TEST(what_a_function_throws_can_be_caught_behind_the_call) {
    Once once;
    once.out = THROW;
    once.fail_first = 100;
    for (int i = 1; i <= 100; i++) {
        bool caught = false;
        try {
            LT_IGNORE(Once::call(&once));
        } catch (const std::runtime_error &error) {
            caught = std::string(error.what()) == "thrown on purpose";
        }
        assert_true(caught);
        assert_int_equal(once.calls, i);
    }
    assert_ok(Once::call(&once));
    assert_int_equal(once.returns, 1);
}

TEST(an_exception_that_passes_two_of_them_leaves_both_callable) {
    static lt_once_flag outer, inner;
    static int outer_calls, inner_calls;
    auto call_inner = [](void *) {
        outer_calls++;
        LT_IGNORE(lt_call_once(
            &inner, [](void *) { leave(++inner_calls == 1 ? THROW : RETURN); }, nullptr));
    };
    int caught = 0;
    try {
        LT_IGNORE(lt_call_once(&outer, call_inner, nullptr));
    } catch (const std::runtime_error &) {
        caught++;
    }
    assert_int_equal(caught, 1);
    assert_int_equal(outer.state + inner.state, 0);
    assert_ok(lt_call_once(&outer, call_inner, nullptr));
    assert_int_equal(outer_calls, 2);
    assert_int_equal(inner_calls, 2);
}

namespace {

struct Race {
    enum { FLAGS = 300, FAILURES = 2 };
    lt_once_flag flags[FLAGS] = {};
    std::atomic<int> calls[FLAGS] = {}, returns[FLAGS] = {};
    std::atomic<int> caught{0};
};

struct Entry {
    Race *race;
    int number;
};

lt_status use_all(void *arg) {
    auto *race = static_cast<Race *>(arg);
    for (int i = 0; i < Race::FLAGS; i++) {
        Entry entry = {race, i};
        auto fail_twice = [](void *arg) {
            auto *entry = static_cast<Entry *>(arg);
            if (++entry->race->calls[entry->number] <= Race::FAILURES) {
                leave(THROW);
            }
            entry->race->returns[entry->number]++;
        };
        for (;;) {
            try {
                must(lt_call_once(&race->flags[i], fail_twice, &entry) == LT_OK);
                must(race->returns[i] == 1);
                break;
            } catch (const std::runtime_error &) {
                race->caught++;
            }
        }
    }
    return LT_OK;
}

} // namespace

TEST(racing_callers_of_what_fails_twice_call_three_times) {
    static Race race;
    Caller a(use_all, &race), b(use_all, &race), c(use_all, &race);
    assert_ok(a.end());
    assert_ok(b.end());
    assert_ok(c.end());
    assert_int_equal(race.caught, Race::FLAGS * Race::FAILURES);
    for (int i = 0; i < Race::FLAGS; i++) {
        assert_int_equal(race.calls[i], Race::FAILURES + 1);
        assert_int_equal(race.returns[i], 1);
    }
}

namespace {

// ---- Conditions

struct Site {
    lt_condition *condition = lt_condition_new();
    lt_lock *lock = lt_allocate_lock();
    lt_rlock *rlock = lt_rlock_new();
    bool with_rlock;
    way out;
    int asked = 0, leave_at;

    Site(bool with_rlock, way out, int leave_at)
        : with_rlock(with_rlock), out(out), leave_at(leave_at) {}
    Site(const Site &) = delete;

    // Nothing is left behind that would make one of them busy.
    ~Site() {
        must(lt_condition_waiting(condition) == 0);
        must(lt_condition_free(condition) == LT_OK);
        must(lt_lock_free(lock) == LT_OK && lt_rlock_free(rlock) == LT_OK);
    }

    static bool ask(void *arg) {
        auto *own = static_cast<Site *>(arg);
        must(own->is_locked());
        if (++own->asked == own->leave_at) {
            leave(own->out);
        }
        return false;
    }

    static lt_status wait(void *arg) {
        auto *own = static_cast<Site *>(arg);
        if (!own->with_rlock) {
            must(lt_lock_acquire(own->lock) == LT_OK);
            return lt_condition_wait_for(own->condition, own->lock, ask, own, LT_FOREVER);
        }
        for (int i = 0; i < 3; i++) {
            must(lt_rlock_acquire(own->rlock) == LT_OK);
        }
        return lt_condition_wait_for_rlock(own->condition, own->rlock, ask, own, 1000.0);
    }

    bool is_locked() const { return with_rlock ? lt_rlock_locked(rlock) : lt_lock_locked(lock); }
};

} // namespace

TEST(a_predicate_that_does_not_return_leaves_with_the_lock_held) {
    for (way out : WAYS_OUT) {
        for (bool with_rlock : {false, true}) {
            for (int leave_at : {1, 3}) {
                Site site(with_rlock, out, leave_at);
                Caller caller(Site::wait, &site);
                for (int i = 1; i < leave_at; i++) {
                    must_soon([&site] {
                        return lt_condition_waiting(site.condition) == 1 && !site.is_locked();
                    });
                    assert_ok(lt_condition_notify(site.condition, 1));
                }
                caller.must_have_left(out);
                assert_true(site.is_locked());
                assert_int_equal(site.asked, leave_at);
                if (with_rlock) { // Its owner is gone.
                    assert_status(lt_rlock_release(site.rlock), LT_NOT_OWNER);
                } else {
                    assert_ok(lt_lock_release(site.lock));
                }
            }
        }
    }
}

TEST(what_a_predicate_throws_can_be_caught_behind_the_wait) {
    for (bool with_rlock : {false, true}) {
        Site site(with_rlock, THROW, 1);
        bool caught = false;
        try {
            LT_IGNORE(Site::wait(&site));
        } catch (const std::runtime_error &error) {
            caught = std::string(error.what()) == "thrown on purpose";
        }
        assert_true(caught);
        if (with_rlock) {
            assert_true(lt_rlock_recursion_count(site.rlock) == 3);
            assert_ok(lt_rlock_release_save(site.rlock, nullptr));
        } else {
            assert_ok(lt_lock_release(site.lock));
        }
        assert_false(site.is_locked());
    }
}

TEST(a_notify_that_a_throwing_predicate_was_told_of_is_taken) {
    Site site(false, THROW, 2);
    Caller caller(Site::wait, &site);
    must_soon([&site] { return lt_condition_waiting(site.condition) == 1; });
    auto wait = [](void *arg) {
        auto *own = static_cast<Site *>(arg);
        must(lt_lock_acquire(own->lock) == LT_OK);
        lt_status status = lt_condition_wait(own->condition, own->lock);
        must(lt_lock_release(own->lock) == LT_OK);
        return status;
    };
    Caller second(wait, &site);
    must_soon([&site] { return lt_condition_waiting(site.condition) == 2; });
    assert_ok(lt_condition_notify(site.condition, 1));
    caller.must_have_left(THROW);
    assert_ok(lt_lock_release(site.lock));
    assert_int_equal(lt_condition_waiting(site.condition), 1);
    assert_ok(lt_condition_notify(site.condition, 1));
    assert_ok(second.end());
}
