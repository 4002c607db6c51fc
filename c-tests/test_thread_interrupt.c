// lt_thread_interrupt(): joinable threads in every kind of wait. The main thread's interrupts are in
// test_interrupt.c.
// timeout: 120
#include "waits.h"

// A joinable thread that makes calls.
typedef struct sleeper {
    lt_status (*call)(void *object);
    void *object;
    lt_thread *thread;
    lt_status status;
    int signum;
    bool pending; // Whether another interrupt was, after the call.
} sleeper;

static void sleeper_run(void *arg) {
    sleeper *s = arg;
    s->signum = -1;
    s->status = s->call(s->object);
    s->signum = lt_interrupt_signal();
    s->pending = lt_check_interrupt() == LT_INTERRUPTED;
}

static void sleeper_launch(sleeper *s, lt_status (*call)(void *), void *object, bool daemon) {
    lt_thread_options options = {.size = sizeof options, .daemon = daemon};
    *s = (sleeper){.call = call, .object = object};
    must(lt_thread_start(sleeper_run, s, &options, &s->thread) == LT_OK);
}

static bool sleeper_asleep(const sleeper *s) {
    return asleep(lt_thread_native_id(s->thread));
}

static lt_status sleeper_end(sleeper *s) {
    must(lt_thread_join(s->thread) == LT_OK);
    must(lt_thread_free(s->thread) == LT_OK);
    return s->status;
}

// It is interrupted in its sleep, once.
static void check_interrupted(const char *what, lt_status (*call)(void *), void *object) {
    sleeper s;
    sleeper_launch(&s, call, object, true);
    must_soon(sleeper_asleep(&s));
    must_for(what, lt_thread_interrupt(s.thread) == LT_OK);
    must_for(what, sleeper_end(&s) == LT_INTERRUPTED);
    must_for(what, s.signum == 0);
    must_for(what, !s.pending);
}

TEST(every_wait_is_interrupted) {
    for_each_wait(kind) {
        void *object = waits_make(kind);
        check_interrupted(kind->name, kind->wait, object);
        const double seconds[] = {LT_FOREVER, 1000.0, LT_TIMEOUT_MAX};
        for (size_t i = 0; i < LENGTH(seconds); i++) {
            timed_wait t = {kind, object, seconds[i]};
            check_interrupted(kind->name, timed_wait_call, &t);
        }
        // Nothing has happened to the object.
        must_for(kind->name, kind->try_wait(object) == kind->not_yet);
        must_for(kind->name, kind->satisfy(object) == LT_OK);
        must_for(kind->name, kind->try_wait(object) == LT_OK);
        waits_destroy(kind, object);
    }
    assert_ok(lt_check_interrupt()); // Of the main thread.
}

static lt_status sleep_long(void *arg) {
    (void)arg;
    return lt_sleep(1000.0);
}

TEST(a_sleep_is_interrupted) {
    check_interrupted("sleep", sleep_long, NULL);
}

static lt_status join_it(void *thread) {
    return lt_thread_join(thread);
}

static lt_status join_it_in_time(void *thread) {
    return lt_thread_join_timeout(thread, 1000.0);
}

static lt_status shut_down(void *arg) {
    (void)arg;
    return lt_shutdown(LT_FOREVER);
}

static lt_status shut_down_in_time(void *arg) {
    (void)arg;
    return lt_shutdown(1000.0);
}

TEST(joins_and_shutdowns_are_interrupted) {
    lt_event *leave = lt_event_new();
    sleeper s;
    sleeper_launch(&s, waits_event_wait, leave, false);
    check_interrupted("join", join_it, s.thread);
    check_interrupted("join in time", join_it_in_time, s.thread);
    check_interrupted("shutdown", shut_down, NULL);
    check_interrupted("shutdown in time", shut_down_in_time, NULL);
    assert_true(lt_thread_is_alive(s.thread));
    assert_ok(lt_event_set(leave));
    assert_ok(sleeper_end(&s));
    assert_false(s.pending);
    assert_ok(lt_event_free(leave));
}

TEST(an_uninterruptible_wait_leaves_it_pending) {
    void *lock = waits_lock();
    sleeper s;
    sleeper_launch(&s, waits_lock_uninterruptible, lock, false);
    must_soon(sleeper_asleep(&s));
    for (int i = 0; i < 10; i++) {
        assert_ok(lt_thread_interrupt(s.thread));
    }
    assert_true(lt_thread_is_alive(s.thread));
    assert_ok(lt_lock_release(lock));
    assert_ok(sleeper_end(&s));
    assert_true(s.pending);
    assert_ok(lt_lock_free(lock));
}

// Checked on the thread itself, which interrupts itself.
static lt_status pending_rules(void *arg) {
    lt_thread *_Atomic *place = arg;
    must_soon(atomic_load(place) != NULL);
    lt_thread *self = *place;
    must(lt_check_interrupt() == LT_OK && lt_interrupt_signal() == 0);
    for (int i = 0; i < 3; i++) { // Three are one.
        must(lt_thread_interrupt(self) == LT_OK);
    }
    must(lt_check_interrupt() == LT_INTERRUPTED);
    must(lt_check_interrupt() == LT_OK);
    for_each_wait(kind) {
        void *object = waits_make(kind);
        must(lt_thread_interrupt(self) == LT_OK);
        // What does not block, and what fails, leaves it pending.
        must_for(kind->name, kind->try_wait(object) == kind->not_yet);
        must_for(kind->name, kind->wait_timeout(object, 0.0) == LT_TIMED_OUT);
        must_for(kind->name, kind->wait_timeout(object, NAN) == LT_INVALID);
        must_for(kind->name, kind->wait(NULL) == LT_BAD_HANDLE);
        must_for(kind->name, kind->satisfy(object) == LT_OK);
        must_for(kind->name, kind->wait(object) == LT_OK);
        waits_undo(kind, object);
        must_for(kind->name, kind->wait(object) == LT_INTERRUPTED);
        must_for(kind->name, lt_interrupt_signal() == 0);
        must_for(kind->name, kind->wait_timeout(object, 1e-4) == LT_TIMED_OUT);
        waits_destroy(kind, object);
    }
    must(lt_thread_interrupt(self) == LT_OK);
    must(lt_sleep(1000.0) == LT_INTERRUPTED);
    return LT_OK;
}

TEST(a_pending_interrupt_ends_the_next_wait_that_blocks) {
    lt_thread *_Atomic place = NULL;
    sleeper s;
    sleeper_launch(&s, pending_rules, (void *)&place, false);
    atomic_store(&place, s.thread);
    assert_ok(sleeper_end(&s));
}

TEST(nobody_else_is_interrupted) {
    lt_event *leave = lt_event_new();
    sleeper s[5];
    waiter detached;
    for (int i = 0; i < 5; i++) {
        sleeper_launch(&s[i], waits_event_wait, leave, false);
        must_soon(sleeper_asleep(&s[i]));
    }
    waiter_start(&detached, waits_event_wait, leave);
    assert_ok(lt_thread_interrupt(s[2].thread));
    must_soon(!lt_thread_is_alive(s[2].thread));
    assert_ok(lt_interrupt_main(SIGUSR1)); // Nor by the main thread's.
    assert_status(lt_check_interrupt(), LT_INTERRUPTED);
    assert_int_equal(lt_thread_count(), 5);
    assert_ok(lt_event_set(leave));
    for (int i = 0; i < 5; i++) {
        assert_status(sleeper_end(&s[i]), i == 2 ? LT_INTERRUPTED : LT_OK);
        assert_false(s[i].pending);
    }
    assert_ok(waiter_join(&detached));
    assert_ok(lt_check_interrupt());
    join_all_threads();
    assert_ok(lt_event_free(leave));
}

static lt_status return_at_once(void *arg) {
    (void)arg;
    return LT_OK;
}

// What the library knew of the thread that is over may serve another one now.
TEST(interrupting_a_thread_that_has_ended_does_nothing) {
    lt_event *leave = lt_event_new();
    sleeper over[20];
    waiter detached[20];
    sleeper joinable[20];
    for (int i = 0; i < 20; i++) {
        sleeper_launch(&over[i], return_at_once, NULL, false);
        assert_ok(lt_thread_join(over[i].thread));
        waiter_start(&detached[i], waits_event_wait, leave);
        sleeper_launch(&joinable[i], waits_event_wait, leave, false);
        must_soon(sleeper_asleep(&joinable[i]));
        for (int j = 0; j <= i; j++) {
            assert_ok(lt_thread_interrupt(over[j].thread));
        }
    }
    assert_int_equal(lt_thread_count(), 40);
    assert_ok(lt_event_set(leave));
    for (int i = 0; i < 20; i++) {
        assert_ok(waiter_join(&detached[i]));
        assert_ok(sleeper_end(&joinable[i]));
        assert_false(joinable[i].pending);
        assert_ok(sleeper_end(&over[i]));
        assert_status(lt_thread_interrupt(over[i].thread), LT_BAD_HANDLE);
    }
    assert_status(lt_thread_interrupt(NULL), LT_BAD_HANDLE);
    join_all_threads();
    assert_ok(lt_event_free(leave));
}

TEST(an_interrupt_that_was_not_taken_is_gone_with_its_thread) {
    lt_event *leave = lt_event_new();
    for (int i = 0; i < 50; i++) {
        sleeper s;
        sleeper_launch(&s, return_at_once, NULL, false);
        assert_ok(lt_thread_interrupt(s.thread)); // Before, while or after it runs.
        assert_ok(sleeper_end(&s));
        sleeper_launch(&s, return_at_once, NULL, false);
        assert_ok(sleeper_end(&s));
        assert_false(s.pending);
    }
    assert_ok(lt_event_free(leave));
}

static lt_status sleep_briefly(void *arg) {
    (void)arg;
    lt_status status = lt_sleep(1e-5);
    return status == LT_INTERRUPTED ? LT_OK : status;
}

// The end of a thread races with its interrupt, and with the next thread in its place.
TEST(interrupts_race_with_the_end_of_the_thread) {
    for (int i = 0; i < (getenv("LT_LONG") ? 20000 : 1000); i++) {
        sleeper s;
        sleeper_launch(&s, sleep_briefly, NULL, false);
        while (lt_thread_is_alive(s.thread)) {
            assert_ok(lt_thread_interrupt(s.thread));
        }
        assert_ok(sleeper_end(&s));
    }
}

// ---- The race between interrupts and what satisfies a wait

typedef struct race {
    const wait_kind *kind;
    bool timed;
    void *object;
    lt_semaphore *go, *done;
    _Atomic long satisfied, interrupted;
    _Atomic bool stop;
} race;

typedef struct racer {
    race *race;
    bool may_be_interrupted;
    lt_thread *thread;
} racer;

static void racer_run(void *arg) {
    racer *own = arg;
    race *r = own->race;
    for (;;) {
        lt_status status =
            r->timed ? r->kind->wait_timeout(r->object, 1000.0) : r->kind->wait(r->object);
        if (atomic_load(&r->stop)) {
            return;
        }
        if (status == LT_OK) {
            waits_undo(r->kind, r->object);
            atomic_fetch_add(&r->satisfied, 1);
        } else {
            must_for(r->kind->name, status == LT_INTERRUPTED);
            must_for(r->kind->name, lt_interrupt_signal() == 0);
            must_for(r->kind->name, own->may_be_interrupted);
            atomic_fetch_add(&r->interrupted, 1);
        }
        must(lt_semaphore_release(r->done, 1) == LT_OK);
    }
}

static void satisfy_when_told(void *arg) {
    race *r = arg;
    for (;;) {
        must(lt_semaphore_acquire(r->go) == LT_OK);
        if (atomic_load(&r->stop)) {
            return;
        }
        must_for(r->kind->name, r->kind->satisfy(r->object) == LT_OK);
    }
}

// In each round one interrupt, always of the same thread, and one wake-up: each has its effect, once.
static void check_race(const wait_kind *kind, int threads, bool timed) {
    const int rounds = getenv("LT_LONG") != NULL ? 6000 : 300;
    race r = {.kind = kind,
        .timed = timed,
        .object = waits_make(kind),
        .go = lt_semaphore_new(0),
        .done = lt_semaphore_new(0)};
    racer racers[3];
    lt_thread *other;
    must(lt_thread_start(satisfy_when_told, &r, NULL, &other) == LT_OK);
    for (int i = 0; i < threads; i++) {
        racers[i] = (racer){.race = &r, .may_be_interrupted = i == 0};
        must(lt_thread_start(racer_run, &racers[i], NULL, &racers[i].thread) == LT_OK);
    }
    for (int i = 0; i < rounds; i++) {
        must(lt_semaphore_release(r.go, 1) == LT_OK);
        for (volatile int spin = i % 50 * 20; spin > 0; spin--) {
        }
        must(lt_thread_interrupt(racers[0].thread) == LT_OK);
        for (int answers = 0; answers < 2; answers++) {
            // The wait is long only if a wake-up was lost.
            must_for(kind->name, lt_semaphore_acquire_timeout(r.done, 60.0) == LT_OK);
        }
        must_for(kind->name, r.satisfied == i + 1);
        must_for(kind->name, r.interrupted == i + 1);
    }
    atomic_store(&r.stop, true);
    must(lt_semaphore_release(r.go, 1) == LT_OK);
    must(lt_thread_join(other) == LT_OK);
    must(lt_thread_free(other) == LT_OK);
    for (int i = 0; i < threads; i++) {
        must(lt_thread_interrupt(racers[i].thread) == LT_OK);
        must(lt_thread_join(racers[i].thread) == LT_OK);
        must(lt_thread_free(racers[i].thread) == LT_OK);
    }
    waits_destroy(kind, r.object);
    must(lt_semaphore_free(r.go) == LT_OK);
    must(lt_semaphore_free(r.done) == LT_OK);
}

TEST(interrupts_race_with_releases_for_one_thread) {
    for_each_wait(kind) {
        check_race(kind, 1, false);
        check_race(kind, 1, true);
    }
}

TEST(interrupts_race_with_releases_among_several_threads) {
    for_each_wait(kind) {
        if (kind->undo == NULL) { // Else only one can wait at a time.
            check_race(kind, 3, false);
            check_race(kind, 3, true);
        }
    }
}
