// The re-entrant lock.
#include "waits.h"

static lt_rlock *new_rlock(void) {
    lt_rlock *rlock = lt_rlock_new();
    assert_non_null(rlock);
    return rlock;
}

static void check_held(lt_rlock *rlock, uint64_t count) {
    must(lt_rlock_locked(rlock) == (count > 0));
    must(lt_rlock_is_owned(rlock) == (count > 0));
    must(lt_rlock_recursion_count(rlock) == count);
    must(lt_rlock_owner(rlock) == (count > 0 ? lt_get_ident() : 0));
    must(lt_rlock_depth(rlock) == count);
}

// What the calling thread sees of a lock that another one holds.
static lt_status check_held_by_another(void *rlock) {
    uint64_t count = 77;
    must(lt_rlock_locked(rlock));
    must(!lt_rlock_is_owned(rlock));
    must(lt_rlock_recursion_count(rlock) == 0);
    must(lt_rlock_owner(rlock) != 0 && lt_rlock_owner(rlock) != lt_get_ident());
    must(lt_rlock_depth(rlock) > 0);
    must(lt_rlock_try_acquire(rlock) == LT_BUSY);
    must(lt_rlock_acquire_timeout(rlock, 0.0) == LT_TIMED_OUT);
    must(lt_rlock_acquire_timeout(rlock, 0.001) == LT_TIMED_OUT);
    must(lt_rlock_release(rlock) == LT_NOT_OWNER);
    must(lt_last_status() == LT_NOT_OWNER && last_error_names("lt_rlock_release"));
    must(lt_rlock_release_save(rlock, &count) == LT_NOT_OWNER && count == 77);
    must(lt_last_status() == LT_NOT_OWNER && last_error_names("lt_rlock_release_save"));
    must(lt_rlock_locked(rlock));
    return LT_OK;
}

static void on_a_thread(lt_status (*call)(void *), void *object) {
    waiter w;
    waiter_launch(&w, call, object);
    must(waiter_join(&w) == LT_OK);
}

TEST(a_new_one_is_free) {
    lt_rlock *rlock = new_rlock();
    check_held(rlock, 0);
    assert_ok(lt_rlock_free(rlock));
}

static lt_status check_who_holds_it_how_often(void *rlock) {
    must(lt_rlock_owner(rlock) == lt_main_ident());
    must(lt_rlock_depth(rlock) == 3);
    return LT_OK;
}

TEST(anybody_can_ask_who_holds_it_and_how_often) {
    lt_rlock *rlock = new_rlock();
    assert_ok(lt_rlock_acquire_restore(rlock, 3));
    on_a_thread(check_who_holds_it_how_often, rlock);
    assert_ok(lt_rlock_free(rlock));
}

TEST(every_form_acquires_once_more) {
    lt_rlock *rlock = new_rlock();
    uint64_t count = 0;
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_rlock_acquire(rlock));
        check_held(rlock, ++count);
        assert_ok(lt_rlock_acquire_uninterruptible(rlock));
        check_held(rlock, ++count);
        assert_ok(lt_rlock_try_acquire(rlock));
        check_held(rlock, ++count);
        const double seconds[] = {0.0, 1e-9, 1000.0, LT_FOREVER, -0.5, LT_TIMEOUT_MAX};
        for (size_t j = 0; j < LENGTH(seconds); j++) {
            assert_ok(lt_rlock_acquire_timeout(rlock, seconds[j]));
            check_held(rlock, ++count);
        }
    }
    on_a_thread(check_held_by_another, rlock);
    while (count > 0) {
        assert_ok(lt_rlock_release(rlock));
        check_held(rlock, --count);
    }
    assert_ok(lt_rlock_free(rlock));
}

TEST(the_last_release_frees_it_and_no_other) {
    lt_rlock *rlock = new_rlock();
    for (int i = 0; i < 100; i++) {
        assert_ok(lt_rlock_acquire(rlock));
    }
    for (int i = 0; i < 100; i++) {
        if (i % 10 == 0) {
            on_a_thread(check_held_by_another, rlock);
        }
        assert_ok(lt_rlock_release(rlock));
    }
    on_a_thread(waits_rlock_try, rlock); // It ends without a release:
    assert_int_equal(check_held_by_another(rlock), LT_OK); // which leaves the lock held.
    assert_ok(lt_rlock_free(rlock));
}

TEST(timeouts_of_the_owner_are_checked_too) {
    lt_rlock *rlock = new_rlock();
    const double bad[] = {NAN, -NAN, ABOVE_TIMEOUT_MAX, DBL_MAX, INFINITY};
    for (int held = 0; held < 2; held++) {
        for (size_t i = 0; i < LENGTH(bad); i++) {
            lt_status status = isnan(bad[i]) ? LT_INVALID : LT_OVERFLOW;
            assert_status(lt_rlock_acquire_timeout(rlock, bad[i]), status);
            assert_int_equal(lt_last_status(), status);
            assert_true(last_error_names("lt_rlock_acquire_timeout"));
            assert_non_null(strstr(lt_last_error(), "seconds"));
            check_held(rlock, held);
        }
        assert_ok(lt_rlock_acquire(rlock));
    }
    assert_ok(lt_rlock_free(rlock));
}

TEST(release_of_a_free_one_is_reported) {
    lt_rlock *rlock = new_rlock();
    for (int i = 0; i < 2; i++) {
        uint64_t count = 77;
        assert_status(lt_rlock_release(rlock), LT_NOT_HELD);
        assert_int_equal(lt_last_status(), LT_NOT_HELD);
        assert_true(last_error_names("lt_rlock_release"));
        assert_status(lt_rlock_release_save(rlock, &count), LT_NOT_HELD);
        assert_int_equal(lt_last_status(), LT_NOT_HELD);
        assert_true(last_error_names("lt_rlock_release_save"));
        assert_int_equal(count, 77);
        check_held(rlock, 0);
        assert_ok(lt_rlock_acquire(rlock));
        assert_ok(lt_rlock_release(rlock));
    }
    assert_ok(lt_rlock_free(rlock));
}

TEST(a_save_releases_it_wholly_and_a_restore_takes_it_as_often) {
    lt_rlock *rlock = new_rlock();
    for (uint64_t n = 1; n < 50; n++) {
        for (uint64_t i = 0; i < n; i++) {
            assert_ok(lt_rlock_acquire(rlock));
        }
        uint64_t count = 0;
        assert_ok(lt_rlock_release_save(rlock, &count));
        assert_int_equal(count, n);
        check_held(rlock, 0);
        assert_ok(lt_rlock_acquire_restore(rlock, count));
        check_held(rlock, n);
        assert_ok(lt_rlock_release_save(rlock, NULL)); // Not wanted.
        check_held(rlock, 0);
    }
    assert_ok(lt_rlock_free(rlock));
}

TEST(a_restore_takes_any_count_but_0) {
    lt_rlock *rlock = new_rlock();
    assert_status(lt_rlock_acquire_restore(rlock, 0), LT_INVALID);
    assert_int_equal(lt_last_status(), LT_INVALID);
    assert_true(last_error_names("lt_rlock_acquire_restore"));
    assert_non_null(strstr(lt_last_error(), "count"));
    check_held(rlock, 0);
    const uint64_t counts[] = {1, 2, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < LENGTH(counts); i++) {
        uint64_t count = 0;
        assert_ok(lt_rlock_acquire_restore(rlock, counts[i]));
        check_held(rlock, counts[i]);
        assert_ok(lt_rlock_release(rlock));
        check_held(rlock, counts[i] - 1);
        if (counts[i] > 1) {
            assert_ok(lt_rlock_release_save(rlock, &count));
            assert_true(count == counts[i] - 1);
        }
    }
    assert_ok(lt_rlock_free(rlock));
}

TEST(an_acquire_that_cannot_be_counted_overflows) {
    lt_rlock *rlock = new_rlock();
    assert_ok(lt_rlock_acquire_restore(rlock, UINT64_MAX));
    lt_status (*const forms[])(void *) = {waits_rlock_wait, waits_rlock_try};
    const char *const names[] = {"lt_rlock_acquire", "lt_rlock_try_acquire"};
    for (size_t i = 0; i < LENGTH(forms); i++) {
        assert_status(forms[i](rlock), LT_OVERFLOW);
        assert_int_equal(lt_last_status(), LT_OVERFLOW);
        assert_true(last_error_names(names[i]));
        check_held(rlock, UINT64_MAX);
    }
    assert_status(lt_rlock_acquire_timeout(rlock, 1.0), LT_OVERFLOW);
    assert_true(last_error_names("lt_rlock_acquire_timeout"));
    assert_ok(lt_rlock_release(rlock));
    assert_ok(lt_rlock_acquire(rlock));
    check_held(rlock, UINT64_MAX);
    assert_ok(lt_rlock_free(rlock));
}

TEST(a_restore_by_the_owner_is_a_deadlock) {
    lt_rlock *rlock = new_rlock();
    assert_ok(lt_rlock_acquire(rlock));
    assert_status(lt_rlock_acquire_restore(rlock, 3), LT_DEADLOCK);
    assert_int_equal(lt_last_status(), LT_DEADLOCK);
    assert_true(last_error_names("lt_rlock_acquire_restore"));
    assert_status(lt_rlock_acquire_restore(rlock, 0), LT_INVALID); // The arguments go first.
    check_held(rlock, 1);
    assert_ok(lt_rlock_release(rlock));
    assert_ok(lt_rlock_acquire_restore(rlock, 3));
    check_held(rlock, 3);
    assert_ok(lt_rlock_free(rlock));
}

static lt_status restore_and_check(void *rlock) {
    lt_status status = lt_rlock_acquire_restore(rlock, 5);
    check_held(rlock, status == LT_OK ? 5 : 0);
    return status;
}

TEST(a_restore_blocks_while_another_thread_holds_it) {
    lt_rlock *rlock = new_rlock();
    assert_ok(lt_rlock_acquire(rlock));
    assert_ok(lt_rlock_acquire(rlock));
    waiter w;
    waiter_start(&w, restore_and_check, rlock);
    assert_status(lt_rlock_free(rlock), LT_BUSY);
    assert_ok(lt_rlock_release(rlock));
    assert_false(waiter_is_done(&w));
    must_soon(waiter_asleep(&w));
    assert_ok(lt_rlock_release(rlock));
    assert_ok(waiter_join(&w));
    assert_int_equal(check_held_by_another(rlock), LT_OK);
    assert_ok(lt_rlock_free(rlock));
}

static lt_status interrupt_main_when_asleep(void *unused) {
    (void)unused;
    must_soon(asleep(getpid()));
    return lt_interrupt_main(SIGUSR1);
}

TEST(a_restore_that_blocks_is_interrupted_and_has_not_acquired) {
    lt_rlock *rlock = waits_rlock();
    waiter w;
    waiter_launch(&w, interrupt_main_when_asleep, NULL);
    assert_status(lt_rlock_acquire_restore(rlock, 4), LT_INTERRUPTED);
    assert_int_equal(lt_interrupt_signal(), SIGUSR1);
    assert_ok(waiter_join(&w));
    assert_int_equal(check_held_by_another(rlock), LT_OK);
    assert_ok(lt_rlock_at_fork_reinit(rlock));
    assert_ok(lt_interrupt_main(SIGUSR1)); // What does not block leaves it pending.
    assert_ok(lt_rlock_acquire_restore(rlock, 4));
    assert_ok(lt_rlock_acquire(rlock));
    assert_status(lt_check_interrupt(), LT_INTERRUPTED);
    check_held(rlock, 5);
    assert_ok(lt_rlock_free(rlock));
}

typedef struct holder {
    lt_rlock *rlock;
    lt_event *held;
} holder;

// Holds it until main waits for it, and still does after two interrupts.
static lt_status hold_against_main(void *arg) {
    const holder *h = arg;
    must(lt_rlock_acquire(h->rlock) == LT_OK);
    must(lt_event_set(h->held) == LT_OK);
    must_soon(asleep(getpid()));
    must(lt_interrupt_main(SIGUSR1) == LT_OK);
    must(lt_interrupt_main(SIGUSR2) == LT_OK);
    must_soon(asleep(getpid())); // Still, or again.
    return lt_rlock_release(h->rlock);
}

TEST(the_uninterruptible_forms_leave_interrupts_pending) {
    holder h = {new_rlock(), lt_event_new()};
    for (uint64_t count = 1; count <= 2; count++) {
        waiter w;
        waiter_launch(&w, hold_against_main, &h);
        assert_ok(lt_event_wait(h.held));
        assert_ok(lt_event_clear(h.held));
        if (count == 1) {
            assert_ok(lt_rlock_acquire_uninterruptible(h.rlock));
        } else {
            assert_ok(lt_rlock_acquire_restore_uninterruptible(h.rlock, count));
        }
        check_held(h.rlock, count);
        assert_ok(waiter_join(&w));
        assert_status(lt_check_interrupt(), LT_INTERRUPTED);
        assert_status(lt_check_interrupt(), LT_INTERRUPTED);
        assert_ok(lt_check_interrupt());
        assert_status(lt_rlock_acquire_restore_uninterruptible(h.rlock, 1), LT_DEADLOCK);
        assert_ok(lt_rlock_release_save(h.rlock, NULL));
        assert_status(lt_rlock_acquire_restore_uninterruptible(h.rlock, 0), LT_INVALID);
    }
    assert_ok(lt_event_free(h.held));
    assert_ok(lt_rlock_free(h.rlock));
}

static lt_status acquire_twice_release_thrice(void *rlock) {
    must(lt_rlock_acquire(rlock) == LT_OK);
    must(lt_rlock_acquire(rlock) == LT_OK);
    check_held(rlock, 2);
    must(lt_rlock_release(rlock) == LT_OK);
    must(lt_rlock_release(rlock) == LT_OK);
    lt_status status = lt_rlock_release(rlock);
    must(status == LT_NOT_HELD || status == LT_NOT_OWNER);
    return LT_OK;
}

TEST(it_passes_from_thread_to_thread) {
    lt_rlock *rlock = new_rlock();
    assert_ok(lt_rlock_acquire(rlock));
    waiter w[4];
    for (size_t i = 0; i < LENGTH(w); i++) {
        waiter_start(&w[i], acquire_twice_release_thrice, rlock);
    }
    assert_ok(lt_rlock_release(rlock));
    for (size_t i = 0; i < LENGTH(w); i++) {
        assert_ok(waiter_join(&w[i]));
    }
    check_held(rlock, 0);
    assert_ok(lt_rlock_free(rlock));
}

TEST(acquire_blocks_until_a_release) {
    waits_check_blocks_until_satisfied(&RLOCK_WAIT);
}

TEST(timeouts_are_checked_and_kept) {
    waits_check_timeouts(&RLOCK_WAIT);
}

TEST(timeouts_are_checked_and_kept_on_a_thread) {
    waits_check_timeouts_on_a_thread(&RLOCK_WAIT);
}

TEST(a_time_out_that_races_with_a_release_takes_the_lock_or_leaves_it) {
    waits_check_race_with_time_out(&RLOCK_WAIT);
}

TEST(free_while_a_thread_waits_is_busy) {
    waits_check_free_while_waiting(&RLOCK_WAIT);
}

TEST(free_of_null_or_of_a_held_one_is_fine) {
    assert_ok(lt_rlock_free(NULL));
    lt_rlock *rlock = new_rlock();
    assert_ok(lt_rlock_acquire(rlock));
    assert_ok(lt_rlock_acquire(rlock));
    assert_ok(lt_rlock_free(rlock));
    assert_status(lt_rlock_release(rlock), LT_BAD_HANDLE);
    // The next one in its place is as new.
    for (int i = 0; i < 200; i++) {
        lt_rlock *next = new_rlock();
        check_held(next, 0);
        assert_ok(lt_rlock_acquire(next));
        check_held(next, 1);
        assert_ok(lt_rlock_free(next));
    }
}

// The slot of the old one serves the new one: whoever holds that, holds nothing by the old handle.
TEST(an_old_handle_reaches_nothing_in_what_lives_there_now) {
    lt_rlock *old = new_rlock();
    assert_ok(lt_rlock_free(old));
    lt_rlock *now = new_rlock();
    must(((uintptr_t)old ^ (uintptr_t)now) != 0);
    assert_status(lt_rlock_acquire(old), LT_BAD_HANDLE);
    assert_status(lt_rlock_release(old), LT_BAD_HANDLE);
    check_held(now, 0);
    for (uint64_t count = 1; count <= 3; count++) {
        assert_ok(lt_rlock_acquire(now));
        assert_status(lt_rlock_acquire(old), LT_BAD_HANDLE);
        assert_status(lt_rlock_try_acquire(old), LT_BAD_HANDLE);
        assert_status(lt_rlock_release(old), LT_BAD_HANDLE);
        check_held(now, count);
    }
    for (uint64_t count = 3; count > 0; count--) {
        check_held(now, count);
        assert_ok(lt_rlock_release(now));
    }
    assert_ok(lt_rlock_free(now));
}

TEST(at_fork_reinit_makes_it_free) {
    lt_rlock *rlock = waits_rlock(); // Its owner has ended.
    assert_ok(lt_rlock_at_fork_reinit(rlock));
    check_held(rlock, 0);
    assert_ok(lt_rlock_at_fork_reinit(rlock));
    check_held(rlock, 0);
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_rlock_acquire(rlock));
    }
    assert_ok(lt_rlock_at_fork_reinit(rlock));
    check_held(rlock, 0);
    assert_status(lt_rlock_release(rlock), LT_NOT_HELD);
    assert_ok(lt_rlock_acquire(rlock));
    check_held(rlock, 1);
    assert_ok(lt_rlock_free(rlock));
}

// ---- Many threads

enum { THREADS = 4, ROUNDS = 10000 };

typedef struct counting {
    lt_rlock *rlock;
    long count; // Not atomic: the lock guards it.
    _Atomic int seed;
} counting;

static uint64_t enter(lt_rlock *rlock, int form) {
    switch (form % 4) {
        case 0: must(lt_rlock_acquire(rlock) == LT_OK); return 1;
        case 1: must(lt_rlock_acquire_timeout(rlock, 1000.0) == LT_OK); return 1;
        case 2: must(lt_rlock_acquire_restore(rlock, 3) == LT_OK); return 3;
        default:
            for (lt_status s; (s = lt_rlock_try_acquire(rlock)) != LT_OK;) {
                must(s == LT_BUSY);
                sched_yield();
            }
            return 1;
    }
}

static lt_status count_under_the_lock(void *arg) {
    counting *c = arg;
    int form = atomic_fetch_add(&c->seed, 1);
    for (int i = 0; i < ROUNDS; i++, form++) {
        uint64_t held = enter(c->rlock, form);
        long seen = c->count;
        must(lt_rlock_acquire(c->rlock) == LT_OK);
        if (i % 16 == 0) {
            spend((double)(i / 16 % 8) * 10e-6); // So that others come, and some fall asleep.
        }
        check_held(c->rlock, ++held);
        c->count = seen + 1;
        if (form % 3 == 0) {
            uint64_t count = 0;
            must(lt_rlock_release_save(c->rlock, &count) == LT_OK && count == held);
        } else {
            while (held-- > 0) {
                must(lt_rlock_release(c->rlock) == LT_OK);
            }
        }
        must(!lt_rlock_is_owned(c->rlock));
    }
    return LT_OK;
}

TEST(one_at_a_time) {
    counting c = {.rlock = new_rlock()};
    waiter w[THREADS];
    for (int i = 0; i < THREADS; i++) {
        waiter_launch(&w[i], count_under_the_lock, &c);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_int_equal(c.count, (long)THREADS * ROUNDS);
    check_held(c.rlock, 0);
    assert_ok(lt_rlock_free(c.rlock));
}

typedef struct barging {
    lt_rlock *rlock;
    _Atomic bool stop;
    _Atomic long turns;
} barging;

// Lets go of the lock for a moment that nobody who sleeps can use.
static lt_status barge(void *arg) {
    barging *b = arg;
    while (!atomic_load(&b->stop)) {
        must(lt_rlock_acquire(b->rlock) == LT_OK);
        must(lt_rlock_acquire(b->rlock) == LT_OK);
        spend(0.001);
        atomic_fetch_add(&b->turns, 1);
        must(lt_rlock_release(b->rlock) == LT_OK);
        must(lt_rlock_release(b->rlock) == LT_OK);
    }
    return LT_OK;
}

static lt_status acquire_within_ten_seconds(void *rlock) {
    return lt_rlock_acquire_timeout(rlock, 10.0);
}

static void check_no_waiter_starves(lt_status (*acquire)(void *), int barging_threads) {
    barging b = {.rlock = new_rlock()};
    waiter w[3];
    for (int i = 0; i < barging_threads; i++) {
        waiter_launch(&w[i], barge, &b);
    }
    must_soon(atomic_load(&b.turns) > 10);
    for (int i = 0; i < 50; i++) {
        long before = atomic_load(&b.turns);
        assert_ok(acquire(b.rlock));
        // A millisecond of patience, which is a turn, then the next release: the rest is for the scheduler.
        assert_true(atomic_load(&b.turns) - before < 1000);
        assert_ok(lt_rlock_release_save(b.rlock, NULL));
    }
    atomic_store(&b.stop, true);
    for (int i = 0; i < barging_threads; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_ok(lt_rlock_free(b.rlock));
}

TEST(a_waiter_gets_it_from_a_thread_that_barges) {
    check_no_waiter_starves(waits_rlock_wait, 1);
    check_no_waiter_starves(acquire_within_ten_seconds, 1);
    check_no_waiter_starves(restore_and_check, 1);
}

TEST(a_waiter_gets_it_from_three_threads_that_barge) {
    check_no_waiter_starves(waits_rlock_wait, 3);
}

// ---- Forks

typedef struct forking {
    lt_rlock *own, *others;
} forking;

static void check_child(void *arg) {
    alarm(20);
    forking *f = arg;
    check_held(f->own, 2); // The child's only thread is the one that held it.
    must(lt_rlock_release(f->own) == LT_OK && lt_rlock_release(f->own) == LT_OK);
    check_held(f->own, 0);
    must(check_held_by_another(f->others) == LT_OK);
    must(lt_rlock_at_fork_reinit(f->others) == LT_OK);
    check_held(f->others, 0);
    must(lt_rlock_acquire(f->others) == LT_OK);
    check_held(f->others, 1);
    must(lt_rlock_free(f->own) == LT_OK && lt_rlock_free(f->others) == LT_OK);
}

static lt_status hold_until(void *arg) {
    void **pair = arg;
    must(lt_rlock_acquire(pair[0]) == LT_OK);
    must(lt_event_wait(pair[1]) == LT_OK);
    return lt_rlock_release(pair[0]);
}

static lt_status fork_while_it_is_held(void *others) {
    forking f = {lt_rlock_new(), others};
    must(lt_rlock_acquire(f.own) == LT_OK && lt_rlock_acquire(f.own) == LT_OK);
    waiter waits; // Which the child does not have.
    waiter_start(&waits, waits_rlock_wait, f.own);
    must(run_in_child(check_child, &f) == 0);
    check_held(f.own, 2);
    must(lt_rlock_release_save(f.own, NULL) == LT_OK);
    must(waiter_join(&waits) == LT_OK);
    must(lt_rlock_free(f.own) == LT_OK);
    return check_held_by_another(others);
}

TEST(in_a_child_it_is_owned_by_who_owned_it_or_by_nobody_that_is_there) {
    void *pair[] = {lt_rlock_new(), lt_event_new()};
    waiter holder;
    waiter_start(&holder, hold_until, pair);
    assert_ok(fork_while_it_is_held(pair[0]));
    on_a_thread(fork_while_it_is_held, pair[0]);
    assert_ok(lt_event_set(pair[1]));
    assert_ok(waiter_join(&holder));
    assert_ok(lt_rlock_free(pair[0]));
    assert_ok(lt_event_free(pair[1]));
}
