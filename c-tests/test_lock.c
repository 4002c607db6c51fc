// The lock, and LT_WITH_LOCK.
// flags: -fexceptions
#include "waits.h"

static lt_lock *new_lock(void) {
    lt_lock *lock = lt_allocate_lock();
    assert_non_null(lock);
    return lock;
}

TEST(a_new_lock_is_free) {
    lt_lock *lock = new_lock();
    assert_false(lt_lock_locked(lock));
    assert_ok(lt_lock_try_acquire(lock));
    assert_true(lt_lock_locked(lock));
    assert_ok(lt_lock_free(lock));
}

TEST(every_form_acquires_a_free_lock) {
    lt_lock *lock = new_lock();
    lt_status (*const forms[])(void *) = {
        waits_lock_wait, waits_lock_try, waits_lock_uninterruptible};
    for (size_t i = 0; i < LENGTH(forms); i++) {
        assert_ok(forms[i](lock));
        assert_true(lt_lock_locked(lock));
        assert_ok(lt_lock_release(lock));
        assert_false(lt_lock_locked(lock));
    }
    assert_ok(lt_lock_free(lock));
}

TEST(release_of_a_free_lock_is_reported) {
    lt_lock *lock = new_lock();
    assert_status(lt_lock_release(lock), LT_NOT_HELD);
    assert_int_equal(lt_last_status(), LT_NOT_HELD);
    assert_true(last_error_names("lt_lock_release"));
    assert_false(lt_lock_locked(lock));
    assert_ok(lt_lock_acquire(lock));
    assert_ok(lt_lock_release(lock));
    assert_status(lt_lock_release(lock), LT_NOT_HELD);
    assert_ok(lt_lock_free(lock));
}

TEST(it_is_not_reentrant) {
    lt_lock *lock = new_lock();
    assert_ok(lt_lock_acquire(lock));
    assert_status(lt_lock_try_acquire(lock), LT_BUSY);
    assert_status(lt_lock_acquire_timeout(lock, 0.0), LT_TIMED_OUT);
    waits_check_time_out(&LOCK_WAIT, lock, 0.02);
    assert_ok(lt_lock_free(lock));
}

TEST(any_thread_may_release_it) {
    lt_lock *lock = new_lock();
    assert_ok(lt_lock_acquire(lock));
    waiter w;
    waiter_launch(&w, waits_lock_satisfy, lock);
    assert_ok(lt_lock_acquire(lock));
    assert_ok(waiter_join(&w));
    assert_ok(lt_lock_free(lock));
}

TEST(acquire_blocks_until_a_release) {
    waits_check_blocks_until_satisfied(&LOCK_WAIT);
}

TEST(acquire_uninterruptible_blocks_until_a_release) {
    lt_lock *lock = waits_lock();
    waiter w;
    waiter_start(&w, waits_lock_uninterruptible, lock);
    assert_ok(lt_lock_release(lock));
    assert_ok(waiter_join(&w));
    assert_true(lt_lock_locked(lock));
    assert_ok(lt_lock_free(lock));
}

TEST(timeouts_are_checked_and_kept) {
    waits_check_timeouts(&LOCK_WAIT);
}

TEST(timeouts_are_checked_and_kept_on_a_thread) {
    waits_check_timeouts_on_a_thread(&LOCK_WAIT);
}

TEST(a_time_out_that_races_with_a_release_takes_the_lock_or_leaves_it) {
    waits_check_race_with_time_out(&LOCK_WAIT);
}

TEST(free_while_a_thread_waits_is_busy) {
    waits_check_free_while_waiting(&LOCK_WAIT);
}

TEST(free_of_a_held_lock_is_fine) {
    lt_lock *lock = new_lock();
    assert_ok(lt_lock_acquire(lock));
    assert_ok(lt_lock_free(lock));
    assert_status(lt_lock_release(lock), LT_BAD_HANDLE);
}

TEST(free_of_null_is_fine) {
    assert_ok(lt_lock_free(NULL));
}

TEST(at_fork_reinit_makes_it_free) {
    lt_lock *lock = new_lock();
    assert_ok(lt_lock_at_fork_reinit(lock));
    assert_false(lt_lock_locked(lock));
    assert_ok(lt_lock_acquire(lock));
    assert_ok(lt_lock_at_fork_reinit(lock));
    assert_false(lt_lock_locked(lock));
    assert_status(lt_lock_release(lock), LT_NOT_HELD);
    assert_ok(lt_lock_free(lock));
}

// ---- Many threads

enum { THREADS = 4, ROUNDS = 20000 };

typedef struct counting {
    lt_lock *lock;
    long count; // Not atomic: the lock guards it.
    _Atomic int seed;
} counting;

static lt_status count_under_the_lock(void *arg) {
    counting *c = arg;
    int form = atomic_fetch_add(&c->seed, 1);
    for (int i = 0; i < ROUNDS; i++, form++) {
        switch (form % 4) {
            case 0: must(lt_lock_acquire(c->lock) == LT_OK); break;
            case 1: must(lt_lock_acquire_timeout(c->lock, 1000.0) == LT_OK); break;
            case 2: must(lt_lock_acquire_uninterruptible(c->lock) == LT_OK); break;
            default:
                for (lt_status s; (s = lt_lock_try_acquire(c->lock)) != LT_OK;) {
                    must(s == LT_BUSY);
                    sched_yield();
                }
        }
        long seen = c->count;
        if (i % 16 == 0) {
            spend((double)(i / 16 % 8) * 10e-6); // So that others come, and some fall asleep.
        }
        c->count = seen + 1;
        must(lt_lock_release(c->lock) == LT_OK);
    }
    return LT_OK;
}

TEST(one_at_a_time) {
    counting c = {.lock = new_lock()};
    waiter w[THREADS];
    for (int i = 0; i < THREADS; i++) {
        waiter_launch(&w[i], count_under_the_lock, &c);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_int_equal(c.count, (long)THREADS * ROUNDS);
    assert_false(lt_lock_locked(c.lock));
    assert_ok(lt_lock_free(c.lock));
}

typedef struct racing {
    lt_lock *lock;
    pthread_barrier_t barrier;
    _Atomic int released;
} racing;

static lt_status race_to_release(void *arg) {
    racing *r = arg;
    for (int i = 0; i < 2000; i++) {
        int place = pthread_barrier_wait(&r->barrier);
        if (place == PTHREAD_BARRIER_SERIAL_THREAD) {
            must(lt_lock_acquire(r->lock) == LT_OK);
            atomic_store(&r->released, 0);
        }
        pthread_barrier_wait(&r->barrier);
        lt_status status = lt_lock_release(r->lock);
        must(status == LT_OK || status == LT_NOT_HELD);
        if (status == LT_OK) {
            atomic_fetch_add(&r->released, 1);
        }
        pthread_barrier_wait(&r->barrier);
        must(atomic_load(&r->released) == 1);
        must(!lt_lock_locked(r->lock));
    }
    return LT_OK;
}

TEST(of_racing_releases_exactly_one_succeeds) {
    racing r = {.lock = new_lock()};
    assert_int_equal(pthread_barrier_init(&r.barrier, NULL, 3), 0);
    waiter w[3];
    for (int i = 0; i < 3; i++) {
        waiter_launch(&w[i], race_to_release, &r);
    }
    for (int i = 0; i < 3; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_int_equal(pthread_barrier_destroy(&r.barrier), 0);
    assert_ok(lt_lock_free(r.lock));
}

typedef struct barging {
    lt_lock *lock;
    _Atomic bool stop;
    _Atomic long turns;
} barging;

// Lets go of the lock for a moment that nobody who sleeps can use.
static lt_status barge(void *arg) {
    barging *b = arg;
    while (!atomic_load(&b->stop)) {
        must(lt_lock_acquire(b->lock) == LT_OK);
        for (double began = lt_monotonic(); seconds_since(began) < 0.001;) {
        }
        atomic_fetch_add(&b->turns, 1);
        must(lt_lock_release(b->lock) == LT_OK);
    }
    return LT_OK;
}

static void check_no_waiter_starves(lt_status (*acquire)(void *), int barging_threads) {
    barging b = {.lock = new_lock()};
    waiter w[3];
    for (int i = 0; i < barging_threads; i++) {
        waiter_launch(&w[i], barge, &b);
    }
    must_soon(atomic_load(&b.turns) > 10);
    for (int i = 0; i < 50; i++) {
        long before = atomic_load(&b.turns);
        assert_ok(acquire(b.lock));
        // A millisecond of patience, which is a turn, then the next release: the rest is for the scheduler.
        assert_true(atomic_load(&b.turns) - before < 1000);
        assert_ok(lt_lock_release(b.lock));
    }
    atomic_store(&b.stop, true);
    for (int i = 0; i < barging_threads; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_ok(lt_lock_free(b.lock));
}

// How often this thread, which holds the lock and takes it again at once, overtakes one that waits.
static int overtake(lt_lock *lock, waiter *w) {
    int times = 0;
    for (;; times++) {
        must_soon(waiter_asleep(w) || waiter_is_done(w));
        must(lt_lock_release(lock) == LT_OK);
        if (lt_lock_try_acquire(lock) != LT_OK) {
            return times;
        }
        // From its first sleep on, it has waited for the millisecond of its patience.
        for (double began = lt_monotonic(); seconds_since(began) < 0.0015;) {
            nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
        }
    }
}

TEST(a_waiter_is_overtaken_once_or_twice_and_then_handed_the_lock) {
    if (!sleepers_are_told_from_woken()) {
        skip_because("the system does not tell a thread that sleeps from one that was woken");
    }
    lt_lock *lock = new_lock();
    int most = 0;
    double began = lt_monotonic();
    for (int i = 0; i < 100 || most == 0; i++) { // Or it would not have been tested.
        assert_true(seconds_since(began) < POLL_SECONDS);
        assert_ok(lt_lock_acquire(lock));
        waiter w;
        waiter_start(&w, i % 2 == 0 ? waits_lock_wait : waits_lock_uninterruptible, lock);
        int times = overtake(lock, &w);
        most = times > most ? times : most;
        // Signals all the time wake the waiter, too: it is overtaken while it is on its way.
        assert_true(times <= 2 || getenv("LT_TICK_US") != NULL);
        assert_ok(waiter_join(&w));
        assert_ok(lt_lock_release(lock)); // That the waiter left held.
    }
    assert_ok(lt_lock_free(lock));
}

// As waits_check_race_with_time_out(), but the waiter has been overtaken and is promised the lock.
TEST(a_time_out_that_races_with_a_hand_over_takes_the_lock_or_leaves_it) {
    time_out_race r = {.kind = &LOCK_WAIT, .object = waits_lock(), .seconds = 0.003};
    waiter w;
    waiter_launch(&w, time_out_race_run, &r);
    int acquired = 0, timed_out = 0, overtaken = 0;
    double began = lt_monotonic();
    for (long round = 1;
         !raced_enough(began, 1.0, acquired >= 10 && timed_out >= 10 && overtaken >= 10); round++) {
        atomic_store(&r.go, round);
        wait_for_step(&r.begun, round);
        double start = lt_monotonic();
        must_soon(waiter_asleep(&w) || atomic_load(&r.done) == round);
        spend(0.0015 - seconds_since(start));
        assert_ok(lt_lock_release(r.object));
        if (lt_lock_try_acquire(r.object) == LT_OK) { // Not handed over yet: next time.
            overtaken++;
            spend(0.00295 + (double)(round * 7 % 100) * 1e-6 - seconds_since(start));
            assert_ok(lt_lock_release(r.object));
        }
        wait_for_step(&r.done, round);
        if (r.status == LT_OK) {
            acquired++;
        } else {
            assert_status(r.status, LT_TIMED_OUT);
            assert_ok(lt_lock_try_acquire(r.object));
            timed_out++;
        }
        assert_status(lt_lock_try_acquire(r.object), LT_BUSY);
    }
    time_out_race_end(&r, &w);
}

static lt_status acquire_within_ten_seconds(void *lock) {
    return lt_lock_acquire_timeout(lock, 10.0);
}

TEST(a_waiter_gets_it_from_a_thread_that_barges) {
    check_no_waiter_starves(waits_lock_wait, 1);
    check_no_waiter_starves(acquire_within_ten_seconds, 1);
    check_no_waiter_starves(waits_lock_uninterruptible, 1);
}

TEST(a_waiter_gets_it_from_three_threads_that_barge) {
    check_no_waiter_starves(waits_lock_wait, 3);
}

// ---- LT_WITH_LOCK

TEST(with_lock_holds_it_in_the_block_alone) {
    lt_lock *lock = new_lock();
    int ran = 0;
    LT_WITH_LOCK(lock) {
        ran++;
        assert_true(lt_lock_locked(lock));
    }
    assert_false(lt_lock_locked(lock));
    LT_WITH_LOCK(lock) ran++;
    assert_int_equal(ran, 2);
    assert_false(lt_lock_locked(lock));
    assert_ok(lt_lock_free(lock));
}

TEST(with_lock_evaluates_the_lock_once) {
    lt_lock *locks[2] = {new_lock(), new_lock()}, **next = locks;
    LT_WITH_LOCK(*next++) {
        assert_true(lt_lock_locked(locks[0]));
        assert_false(lt_lock_locked(locks[1]));
    }
    assert_ptr_equal(next, locks + 1);
    assert_ok(lt_lock_free(locks[0]));
    assert_ok(lt_lock_free(locks[1]));
}

TEST(with_lock_releases_on_break_and_continue) {
    lt_lock *lock = new_lock();
    int ran = 0;
    LT_WITH_LOCK(lock) {
        if (++ran == 1) {
            break;
        }
        ran = 100;
    }
    assert_int_equal(ran, 1);
    assert_false(lt_lock_locked(lock));
    LT_WITH_LOCK(lock) {
        ran++;
        continue;
    }
    assert_int_equal(ran, 2);
    assert_false(lt_lock_locked(lock));
    assert_ok(lt_lock_free(lock));
}

static int return_from_it(lt_lock *lock) {
    LT_WITH_LOCK(lock) {
        return lt_lock_locked(lock) ? 1 : 2;
    }
    return 3;
}

TEST(with_lock_releases_on_return) {
    lt_lock *lock = new_lock();
    assert_int_equal(return_from_it(lock), 1);
    assert_false(lt_lock_locked(lock));
    assert_ok(lt_lock_free(lock));
}

TEST(with_lock_releases_on_goto) {
    lt_lock *lock = new_lock();
    int turns = 0;
again:
    LT_WITH_LOCK(lock) {
        if (++turns < 3) {
            goto again; // Back to before the block: it would block for ever if still held.
        }
        goto out;
    }
    fail();
out:
    assert_int_equal(turns, 3);
    assert_false(lt_lock_locked(lock));
    assert_ok(lt_lock_free(lock));
}

TEST(with_lock_nests) {
    lt_lock *outer = new_lock(), *inner = new_lock();
    LT_WITH_LOCK(outer) {
        LT_WITH_LOCK(inner) {
            assert_true(lt_lock_locked(outer) && lt_lock_locked(inner));
            break; // Of the inner one.
        }
        assert_true(lt_lock_locked(outer) && !lt_lock_locked(inner));
    }
    assert_false(lt_lock_locked(outer));
    LT_WITH_LOCK(outer) LT_WITH_LOCK(inner) assert_true(lt_lock_locked(inner));
    assert_false(lt_lock_locked(outer) || lt_lock_locked(inner));
    assert_ok(lt_lock_free(outer));
    assert_ok(lt_lock_free(inner));
}

TEST(with_lock_skips_the_block_for_a_bad_handle) {
    lt_lock *freed = new_lock();
    assert_ok(lt_lock_free(freed));
    lt_event *event = lt_event_new();
    lt_lock *const bad[] = {NULL, freed, (lt_lock *)event};
    for (size_t i = 0; i < LENGTH(bad); i++) {
        LT_WITH_LOCK(bad[i]) {
            fail();
        }
        assert_int_equal(lt_last_status(), LT_BAD_HANDLE);
        assert_true(last_error_names("lt_lock_acquire_uninterruptible"));
    }
    assert_ok(lt_event_free(event));
}

TEST(with_lock_may_release_it_early) {
    lt_lock *lock = new_lock();
    LT_WITH_LOCK(lock) {
        assert_ok(lt_lock_release(lock));
    }
    assert_false(lt_lock_locked(lock));
    assert_ok(lt_lock_free(lock));
}

TEST(with_lock_is_not_interrupted) {
    lt_lock *lock = new_lock();
    assert_ok(lt_interrupt_main(SIGUSR1));
    int ran = 0;
    LT_WITH_LOCK(lock) {
        ran++;
    }
    assert_int_equal(ran, 1);
    assert_status(lt_check_interrupt(), LT_INTERRUPTED);
    assert_ok(lt_lock_free(lock));
}

static lt_status interrupt_main_then_release(void *lock) {
    must_soon(asleep(getpid()));
    must(lt_interrupt_main(SIGUSR1) == LT_OK);
    must_soon(asleep(getpid())); // Still, or again.
    return lt_lock_release(lock);
}

TEST(with_lock_goes_on_waiting_when_interrupted) {
    lt_lock *lock = waits_lock();
    waiter w;
    waiter_launch(&w, interrupt_main_then_release, lock);
    int ran = 0;
    LT_WITH_LOCK(lock) {
        ran++;
    }
    assert_int_equal(ran, 1);
    assert_status(lt_check_interrupt(), LT_INTERRUPTED);
    assert_int_equal(lt_interrupt_signal(), SIGUSR1);
    assert_ok(waiter_join(&w));
    assert_ok(lt_lock_free(lock));
}

static void exit_within(void *lock) {
    LT_WITH_LOCK(lock) {
        lt_exit();
    }
}

static void raise_within(void *lock) {
    LT_WITH_LOCK(lock) {
        lt_raise(1, "an exception of another language, as far as C can tell");
    }
}

static void (*leave_within)(void *lock);

static void leave_within_three(void *locks) {
    lt_lock **lock = locks;
    LT_WITH_LOCK(lock[0]) {
        LT_WITH_LOCK(lock[1]) {
            leave_within(lock[2]);
        }
    }
}

static void check_released_by(void (*leave)(void *)) {
    lt_lock *locks[] = {new_lock(), new_lock(), new_lock()};
    lt_errors *errors = lt_errors_new();
    leave_within = leave;
    assert_ok(lt_spawn(leave_within_three, locks, errors, NULL));
    join_all_threads();
    for (size_t i = 0; i < LENGTH(locks); i++) {
        assert_false(lt_lock_locked(locks[i]));
        assert_ok(lt_lock_free(locks[i]));
    }
    assert_int_equal(lt_errors_count(errors), leave == raise_within);
    assert_ok(lt_errors_free(errors));
}

TEST(with_lock_releases_on_lt_exit) {
    check_released_by(exit_within);
}

TEST(with_lock_releases_on_an_exception) {
    check_released_by(raise_within);
}
