// The spinlock.
#include "waits.h"

static lt_spinlock *new_spinlock(void) {
    lt_spinlock *spinlock = lt_spinlock_new();
    must(spinlock != NULL);
    return spinlock;
}

TEST(it_is_acquired_by_one_at_a_time) {
    lt_spinlock *spinlock = new_spinlock();
    for (int i = 0; i < 3; i++) {
        assert_ok(i % 2 == 0 ? lt_spinlock_acquire(spinlock) : lt_spinlock_try_acquire(spinlock));
        assert_status(lt_spinlock_try_acquire(spinlock), LT_BUSY);
        assert_status(lt_spinlock_try_acquire(spinlock), LT_BUSY);
        assert_ok(lt_spinlock_release(spinlock));
    }
    assert_ok(lt_spinlock_free(spinlock));
}

TEST(release_of_a_free_one_is_reported) {
    lt_spinlock *spinlock = new_spinlock();
    for (int i = 0; i < 2; i++) {
        assert_status(lt_spinlock_release(spinlock), LT_NOT_HELD);
        assert_int_equal(lt_last_status(), LT_NOT_HELD);
        assert_true(last_error_names("lt_spinlock_release"));
        assert_ok(lt_spinlock_acquire(spinlock));
        assert_ok(lt_spinlock_release(spinlock));
    }
    assert_ok(lt_spinlock_free(spinlock));
}

WAITS_CALL(acquire, lt_spinlock_acquire(o))
WAITS_CALL(release, lt_spinlock_release(o))

TEST(any_thread_may_release_it) {
    lt_spinlock *spinlock = new_spinlock();
    assert_ok(lt_spinlock_acquire(spinlock));
    waiter w;
    waiter_launch(&w, release, spinlock);
    assert_ok(lt_spinlock_acquire(spinlock));
    assert_ok(waiter_join(&w));
    assert_ok(lt_spinlock_free(spinlock));
}

TEST(free_of_null_or_of_a_held_one_is_fine) {
    assert_ok(lt_spinlock_free(NULL));
    lt_spinlock *spinlock = new_spinlock();
    assert_ok(lt_spinlock_acquire(spinlock));
    assert_ok(lt_spinlock_free(spinlock));
    assert_status(lt_spinlock_release(spinlock), LT_BAD_HANDLE);
    assert_status(lt_spinlock_acquire(spinlock), LT_BAD_HANDLE);
    for (int i = 0; i < 100; i++) { // The next one in its place is as new.
        spinlock = new_spinlock();
        assert_ok(lt_spinlock_try_acquire(spinlock));
        assert_ok(lt_spinlock_free(spinlock));
    }
}

// Returns when it is busy with nothing but the spinlock.
static void start_to_spin(waiter *w, lt_spinlock *spinlock) {
    waiter_launch(w, acquire, spinlock);
    must_soon(atomic_load(&w->native_id) != 0 && processor_time_of(atomic_load(&w->native_id)) > 0.01);
}

TEST(free_while_a_thread_spins_is_busy) {
    lt_spinlock *spinlock = new_spinlock();
    assert_ok(lt_spinlock_acquire(spinlock));
    waiter w;
    start_to_spin(&w, spinlock);
    assert_status(lt_spinlock_free(spinlock), LT_BUSY);
    assert_false(waiter_is_done(&w));
    assert_ok(lt_spinlock_release(spinlock));
    assert_ok(waiter_join(&w));
    assert_status(lt_spinlock_try_acquire(spinlock), LT_BUSY);
    assert_ok(lt_spinlock_free(spinlock));
}

static lt_status release_late(void *spinlock) {
    must(lt_interrupt_main(SIGUSR1) == LT_OK);
    spend(0.02);
    return lt_spinlock_release(spinlock);
}

TEST(it_is_not_interrupted) {
    lt_spinlock *spinlock = new_spinlock();
    assert_ok(lt_spinlock_acquire(spinlock));
    assert_ok(lt_interrupt_main(SIGUSR2));
    waiter w;
    waiter_launch(&w, release_late, spinlock);
    assert_ok(lt_spinlock_acquire(spinlock));
    assert_ok(waiter_join(&w));
    assert_status(lt_check_interrupt(), LT_INTERRUPTED);
    assert_status(lt_check_interrupt(), LT_INTERRUPTED);
    assert_ok(lt_check_interrupt());
    assert_ok(lt_spinlock_free(spinlock));
}

// ---- Many threads

enum { THREADS = 4, ROUNDS = 50000 };

typedef struct counting {
    lt_spinlock *spinlock;
    long count; // Not atomic: the spinlock guards it.
    _Atomic int seed;
} counting;

static lt_status count_under_the_lock(void *arg) {
    counting *c = arg;
    int form = atomic_fetch_add(&c->seed, 1);
    for (int i = 0; i < ROUNDS; i++, form++) {
        if (form % 3 != 0) {
            must(lt_spinlock_acquire(c->spinlock) == LT_OK);
        } else {
            for (lt_status s; (s = lt_spinlock_try_acquire(c->spinlock)) != LT_OK;) {
                must(s == LT_BUSY);
                sched_yield();
            }
        }
        long seen = c->count;
        if (i % 1000 == 0) {
            sched_yield(); // So that the others find it held by one that does not run.
        }
        c->count = seen + 1;
        must(lt_spinlock_release(c->spinlock) == LT_OK);
    }
    return LT_OK;
}

TEST(many_threads_count_together) {
    counting c = {.spinlock = new_spinlock()};
    waiter w[THREADS];
    for (int i = 0; i < THREADS; i++) {
        waiter_launch(&w[i], count_under_the_lock, &c);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_int_equal(c.count, (long)THREADS * ROUNDS);
    assert_status(lt_spinlock_release(c.spinlock), LT_NOT_HELD);
    assert_ok(lt_spinlock_free(c.spinlock));
}

typedef struct racing {
    lt_spinlock *spinlock;
    pthread_barrier_t barrier;
    _Atomic int released;
} racing;

static lt_status race_to_release(void *arg) {
    racing *r = arg;
    for (int i = 0; i < 1000; i++) {
        if (pthread_barrier_wait(&r->barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
            must(lt_spinlock_try_acquire(r->spinlock) == LT_OK);
            atomic_store(&r->released, 0);
        }
        pthread_barrier_wait(&r->barrier);
        lt_status status = lt_spinlock_release(r->spinlock);
        must(status == LT_OK || status == LT_NOT_HELD);
        atomic_fetch_add(&r->released, status == LT_OK);
        pthread_barrier_wait(&r->barrier);
        must(atomic_load(&r->released) == 1);
    }
    return LT_OK;
}

TEST(of_racing_releases_exactly_one_succeeds) {
    racing r = {.spinlock = new_spinlock()};
    assert_int_equal(pthread_barrier_init(&r.barrier, NULL, 3), 0);
    waiter w[3];
    for (int i = 0; i < 3; i++) {
        waiter_launch(&w[i], race_to_release, &r);
    }
    for (int i = 0; i < 3; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_int_equal(pthread_barrier_destroy(&r.barrier), 0);
    assert_ok(lt_spinlock_free(r.spinlock));
}

// ---- Forks

static void check_child(void *arg) {
    alarm(20);
    lt_spinlock **pair = arg;
    for (int i = 0; i < 2; i++) { // Held as before; any thread may release it, and nobody spins.
        must(lt_spinlock_try_acquire(pair[i]) == LT_BUSY);
        must(lt_spinlock_release(pair[i]) == LT_OK);
        must(lt_spinlock_release(pair[i]) == LT_NOT_HELD);
        must(lt_spinlock_acquire(pair[i]) == LT_OK);
        must(lt_spinlock_free(pair[i]) == LT_OK);
    }
}

TEST(in_a_child_it_is_held_as_before_and_nobody_spins) {
    lt_spinlock *pair[] = {new_spinlock(), new_spinlock()};
    waiter holder, spinner;
    waiter_launch(&holder, acquire, pair[0]);
    assert_ok(waiter_join(&holder));
    assert_ok(lt_spinlock_acquire(pair[1]));
    start_to_spin(&spinner, pair[1]);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(run_in_child(check_child, pair), 0);
    }
    assert_ok(lt_spinlock_release(pair[1]));
    assert_ok(waiter_join(&spinner));
    assert_ok(lt_spinlock_free(pair[0]));
    assert_ok(lt_spinlock_free(pair[1]));
}
