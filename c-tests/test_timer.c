// Timers: when they call, and when they do not.
// timeout: 60
// flags: -fexceptions
#include "support.h"

// What a timer's callback has seen.
typedef struct witness {
    _Atomic int calls;
    _Atomic double at; // The last call.
    _Atomic lt_ident ident;
    lt_semaphore *called;
} witness;

static witness witness_make(void) {
    return (witness){.called = lt_semaphore_new(0)};
}

static void note(void *arg) {
    witness *w = arg;
    atomic_store(&w->at, lt_monotonic());
    atomic_store(&w->ident, lt_get_ident());
    atomic_fetch_add(&w->calls, 1);
    must(lt_semaphore_release(w->called, 1) == LT_OK);
}

static void set_event(void *event) {
    must(lt_event_set(event) == LT_OK);
}

// Returns when all that was due before has been called.
static void let_timers_come(double seconds) {
    lt_event *event = lt_event_new();
    must(lt_timer_start(seconds, 0.0, set_event, event, NULL) == LT_OK);
    must(lt_event_wait(event) == LT_OK);
    must_soon(lt_event_free(event) == LT_OK);
}

static void never(void *unused) {
    (void)unused;
    must(!"the timer was cancelled");
}

// ---- When

TEST(one_that_is_due_sooner_comes_sooner_though_it_was_set_later) {
    lt_timer *late = NULL;
    assert_ok(lt_timer_start(1000.0, 0.0, never, NULL, &late));
    for (int i = 0; i < 20; i++) {
        lt_event *event = lt_event_new();
        assert_ok(lt_timer_start(0.001, 0.0, set_event, event, NULL));
        assert_ok(lt_event_wait_timeout(event, POLL_SECONDS));
        must_soon(lt_event_free(event) == LT_OK);
    }
    assert_ok(lt_timer_free(late));
}

TEST(a_timer_calls_once_and_never_early) {
    witness w = witness_make();
    const double seconds[] = {0.0, -0.0, DBL_MIN, 1e-10, 1e-9, 1e-6, 1e-4, 0.001, 0.0123, 0.05};
    for (size_t i = 0; i < LENGTH(seconds); i++) {
        lt_timer *timer = NULL;
        double began = lt_monotonic();
        assert_ok(lt_timer_start(seconds[i], 0.0, note, &w, &timer));
        assert_non_null(timer);
        assert_ok(lt_semaphore_acquire(w.called));
        assert_true(atomic_load(&w.at) >= began + seconds[i]);
        assert_true(atomic_load(&w.at) < began + seconds[i] + SLACK);
        assert_true(atomic_load(&w.ident) != 0 && atomic_load(&w.ident) != lt_main_ident());
        let_timers_come(2 * seconds[i]);
        assert_int_equal(atomic_load(&w.calls), (int)i + 1);
        assert_ok(lt_timer_cancel(timer)); // There is nothing to cancel, and no harm in it.
        assert_ok(lt_timer_cancel(timer));
        assert_ok(lt_timer_free(timer));
    }
    assert_ok(lt_semaphore_free(w.called));
}

TEST(a_timer_without_a_handle_calls_too) {
    static witness w; // The last timer outlives the case.
    w = witness_make();
    for (int i = 0; i < 1000; i++) {
        assert_ok(lt_timer_start(i % 10 * 1e-4, 0.0, note, &w, NULL));
    }
    for (int i = 0; i < 1000; i++) {
        assert_ok(lt_semaphore_acquire(w.called));
    }
    let_timers_come(0.0);
    assert_int_equal(atomic_load(&w.calls), 1000);
    assert_ok(lt_timer_start(0.0, 1e-4, note, &w, NULL)); // For ever.
    for (int i = 0; i < 10; i++) {
        assert_ok(lt_semaphore_acquire(w.called));
    }
}

TEST(the_thread_behind_timers_does_not_count) {
    witness w = witness_make();
    lt_timer *timer = NULL;
    assert_ok(lt_timer_start(0.0, 0.001, note, &w, &timer));
    assert_ok(lt_semaphore_acquire(w.called));
    assert_int_equal(lt_thread_count(), 0);
    size_t count = 0;
    assert_ok(lt_enumerate(NULL, 0, &count));
    assert_int_equal(count, 1);
    assert_ok(lt_shutdown(LT_FOREVER));
    assert_ok(lt_timer_free(timer));
}

// ---- Again and again

enum { CALLS = 20 };

typedef struct rhythm {
    double period, times[CALLS];
    int calls;
    lt_event *all;
} rhythm;

static void beat(void *arg) {
    rhythm *r = arg;
    if (r->calls < CALLS) {
        r->times[r->calls++] = lt_monotonic();
        must(lt_sleep(0.4 * r->period) == LT_OK); // A timer that starts anew from here would drift.
        if (r->calls == CALLS) {
            must(lt_event_set(r->all) == LT_OK);
        }
    }
}

// Whether all calls came in their own period.
static bool keeps_the_phase(double period) {
    rhythm r = {.period = period, .all = lt_event_new()};
    lt_timer *timer = NULL;
    double began = lt_monotonic();
    must(lt_timer_start(2 * period, period, beat, &r, &timer) == LT_OK);
    must(lt_event_wait(r.all) == LT_OK);
    must(lt_timer_free(timer) == LT_OK);
    for (int i = 0; i < CALLS; i++) {
        must(r.times[i] >= began + (2 + i) * period); // However busy the machine is.
    }
    must(lt_event_free(r.all) == LT_OK);
    return r.times[CALLS - 1] - began < (2 + CALLS) * period;
}

TEST(a_repeating_timer_does_not_drift) {
    double period = 0.01;
    while (!keeps_the_phase(period)) { // A busy machine leaves some out: again, with longer ones.
        period *= 2;
        assert_true(period < 1.0);
    }
}

typedef struct one_pause {
    double until; // When the first call returns.
    double times[4];
    int calls;
    lt_event *begin, *all;
} one_pause;

static void be_late_once(void *arg) {
    one_pause *p = arg;
    if (p->calls == 0) {
        must(lt_event_wait(p->begin) == LT_OK);
        while (lt_monotonic() < p->until) {
            must(lt_sleep(1e-4) == LT_OK);
        }
    }
    if (p->calls < 4) {
        p->times[p->calls++] = lt_monotonic();
    }
    if (p->calls == 4) {
        must(lt_event_set(p->all) == LT_OK);
    }
}

TEST(a_repeating_timer_leaves_out_what_it_missed_and_keeps_its_phase) {
    const double period = 0.02;
    one_pause p = {.begin = lt_event_new(), .all = lt_event_new()};
    lt_timer *timer = NULL;
    double before = lt_monotonic();
    assert_ok(lt_timer_start(0.0, period, be_late_once, &p, &timer));
    p.until = lt_monotonic() + 3.5 * period;
    assert_ok(lt_event_set(p.begin));
    assert_ok(lt_event_wait(p.all));
    assert_ok(lt_timer_free(timer));
    for (int i = 1; i < 4; i++) { // The 1st, 2nd and 3rd after the first call were missed.
        assert_true(p.times[i] >= before + (3 + i) * period);
    }
    assert_ok(lt_event_free(p.begin));
    assert_ok(lt_event_free(p.all));
}

TEST(a_period_shorter_than_the_callback_holds_up_nobody_else) {
    witness busy = witness_make(), w = witness_make();
    lt_timer *timer = NULL;
    assert_ok(lt_timer_start(0.0, 1e-9, note, &busy, &timer));
    for (int i = 0; i < 100; i++) {
        assert_ok(lt_timer_start(1e-5, 0.0, note, &w, NULL));
        assert_ok(lt_semaphore_acquire(w.called));
    }
    assert_ok(lt_timer_free(timer));
    assert_true(atomic_load(&busy.calls) > 0);
}

// ---- Many

enum { MANY = 10000 };

typedef struct many {
    struct one {
        double earliest, latest; // When it is due.
        lt_timer *timer;
        bool cancelled;
        _Atomic int calls;
    } one[MANY];
    double latest_earliest;
    lt_semaphore *called;
} many;

static many all_timers;

static void check_order(void *arg) {
    struct one *one = arg;
    double now = lt_monotonic();
    must(atomic_fetch_add(&one->calls, 1) == 0);
    must(!one->cancelled);
    must(now >= one->earliest);
    // None before it was due later.
    must(one->latest == 0 || one->latest >= all_timers.latest_earliest);
    if (one->earliest > all_timers.latest_earliest) {
        all_timers.latest_earliest = one->earliest;
    }
    must(lt_semaphore_release(all_timers.called, 1) == LT_OK);
}

static double random_up_to(double most) {
    return most * (rand() / (RAND_MAX + 1.0));
}

static void start_many(void) {
    all_timers.called = lt_semaphore_new(0);
    all_timers.latest_earliest = 0;
    srand(4711);
    for (int i = 0; i < MANY; i++) {
        struct one *one = &all_timers.one[i];
        one->cancelled = false;
        atomic_store(&one->calls, 0);
        // All are set before the first is due, unless the machine is very busy.
        double seconds = 1.0 + random_up_to(0.5);
        one->earliest = lt_monotonic() + seconds;
        must(lt_timer_start(seconds, 0.0, check_order, one, &one->timer) == LT_OK);
        one->latest = lt_monotonic() + seconds;
    }
}

TEST(ten_thousand_timers_call_in_the_order_in_which_they_are_due) {
    start_many();
    for (int i = 0; i < MANY; i++) {
        assert_ok(lt_semaphore_acquire(all_timers.called));
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(atomic_load(&all_timers.one[i].calls), 1);
        assert_ok(lt_timer_free(all_timers.one[i].timer));
    }
}

TEST(of_ten_thousand_timers_those_that_are_cancelled_do_not_call) {
    start_many();
    int expected = 0;
    for (int i = 0; i < MANY; i++) {
        struct one *one = &all_timers.one[(size_t)i * 7919 % MANY];
        if (i % 3 != 0) {
            assert_ok(i % 2 == 0 ? lt_timer_cancel(one->timer) : lt_timer_free(one->timer));
            if (atomic_load(&one->calls) == 0) {
                one->cancelled = true;
            }
        }
        expected += !one->cancelled;
    }
    for (int i = 0; i < expected; i++) {
        assert_ok(lt_semaphore_acquire(all_timers.called));
    }
    let_timers_come(0.5);
    assert_int_equal(lt_semaphore_value(all_timers.called), 0);
}

// ---- Cancelling

typedef struct victim {
    _Atomic bool dead, inside;
    _Atomic int calls;
} victim;

static void live(void *arg) {
    victim *v = arg;
    must(!atomic_load(&v->dead));
    atomic_store(&v->inside, true);
    atomic_fetch_add(&v->calls, 1);
    sched_yield();
    must(!atomic_load(&v->dead));
    atomic_store(&v->inside, false);
}

static void check_cancel_race(lt_status (*end)(lt_timer *), double repeat) {
    int fired = 0;
    for (int i = 0; i < 3000; i++) {
        victim *v = calloc(1, sizeof *v);
        lt_timer *timer = NULL;
        assert_ok(lt_timer_start(i % 7 * 1e-5, repeat, live, v, &timer));
        for (double until = lt_monotonic() + i % 13 * 1e-5; lt_monotonic() < until;) {
            if (i % 13 > 6) {
                sched_yield();
            }
        }
        assert_ok(end(timer));
        atomic_store(&v->dead, true); // From here on the callback neither runs nor will run.
        assert_false(atomic_load(&v->inside));
        fired += atomic_load(&v->calls) > 0;
        if (end != lt_timer_free) {
            assert_ok(lt_timer_free(timer));
        }
        free(v); // For AddressSanitizer.
    }
    printf("%d of 3000 had called before\n", fired);
}

TEST(after_a_cancel_the_callback_neither_runs_nor_will) {
    check_cancel_race(lt_timer_cancel, 0.0);
}

TEST(after_a_cancel_a_repeating_callback_neither_runs_nor_will) {
    check_cancel_race(lt_timer_cancel, 1e-5);
}

TEST(after_a_free_the_callback_neither_runs_nor_will) {
    check_cancel_race(lt_timer_free, 0.0);
}

TEST(after_a_free_a_repeating_callback_neither_runs_nor_will) {
    check_cancel_race(lt_timer_free, 1e-5);
}

// A callback that knows its own timer, and stops at a gate.
typedef struct own {
    lt_timer *timer;
    lt_event *known, *entered, *open;
    lt_status (*call)(lt_timer *); // What it does to its timer, if anything.
    lt_status status;
    _Atomic int calls;
    _Atomic bool left;
} own;

static void own_start(own *o, double repeat, void (*callback)(void *),
    lt_status (*call)(lt_timer *)) {
    *o = (own){.known = lt_event_new(), .entered = lt_event_new(), .open = lt_event_new(),
        .call = call};
    must(lt_timer_start(0.0, repeat, callback, o, &o->timer) == LT_OK);
    must(lt_event_set(o->known) == LT_OK);
}

static void own_end(own *o) {
    must_soon(atomic_load(&o->left));
    must_soon(lt_event_free(o->known) == LT_OK);
    must_soon(lt_event_free(o->entered) == LT_OK);
    must_soon(lt_event_free(o->open) == LT_OK);
}

// Acts on its own timer, then waits at the gate.
static void act_and_stop_at_the_gate(void *arg) {
    own *o = arg;
    must(lt_event_wait(o->known) == LT_OK);
    atomic_fetch_add(&o->calls, 1);
    if (o->call != NULL) {
        o->status = o->call(o->timer);
    }
    must(lt_event_set(o->entered) == LT_OK);
    must(lt_event_wait(o->open) == LT_OK);
    atomic_store(&o->left, true);
}

TEST(a_callback_that_cancels_its_own_timer_is_the_last) {
    own o;
    own_start(&o, 1e-4, act_and_stop_at_the_gate, lt_timer_cancel);
    assert_ok(lt_event_wait(o.entered));
    assert_ok(o.status);
    assert_ok(lt_event_set(o.open));
    let_timers_come(0.01);
    assert_int_equal(atomic_load(&o.calls), 1);
    assert_ok(lt_timer_free(o.timer));
    own_end(&o);
}

TEST(a_callback_that_frees_its_own_timer_is_the_last) {
    own o;
    own_start(&o, 1e-4, act_and_stop_at_the_gate, lt_timer_free);
    assert_ok(lt_event_wait(o.entered));
    assert_ok(o.status);
    assert_status(lt_timer_cancel(o.timer), LT_BAD_HANDLE);
    assert_status(lt_timer_free(o.timer), LT_BAD_HANDLE);
    assert_ok(lt_event_set(o.open));
    let_timers_come(0.01);
    assert_int_equal(atomic_load(&o.calls), 1);
    own_end(&o);
}

static lt_status cancel(void *timer) {
    return lt_timer_cancel(timer);
}

static lt_status free_timer(void *timer) {
    return lt_timer_free(timer);
}

static void check_end_waits(lt_status (*end)(void *), double repeat, size_t how_many) {
    own o;
    own_start(&o, repeat, act_and_stop_at_the_gate, NULL);
    assert_ok(lt_event_wait(o.entered));
    waiter w[4];
    for (size_t i = 0; i < how_many; i++) {
        waiter_start(&w[i], end, o.timer);
    }
    for (size_t i = 0; i < how_many; i++) {
        assert_false(waiter_is_done(&w[i]));
    }
    assert_false(atomic_load(&o.left));
    assert_ok(lt_event_set(o.open));
    for (size_t i = 0; i < how_many; i++) {
        assert_ok(waiter_join(&w[i]));
        assert_true(atomic_load(&o.left));
    }
    let_timers_come(0.01);
    assert_int_equal(atomic_load(&o.calls), 1);
    assert_status(lt_timer_free(o.timer), end == cancel ? LT_OK : LT_BAD_HANDLE);
    own_end(&o);
}

TEST(a_cancel_waits_for_the_callback_that_runs) {
    check_end_waits(cancel, 0.0, 1);
    check_end_waits(cancel, 1e-4, 4);
}

TEST(a_free_waits_for_the_callback_that_runs) {
    check_end_waits(free_timer, 0.0, 1);
    check_end_waits(free_timer, 1e-4, 1);
}

static lt_status interrupt_when_main_sleeps(void *unused) {
    (void)unused;
    must_soon(asleep(getpid()));
    return lt_interrupt_main(SIGTERM);
}

static void check_end_interrupted(lt_status (*end)(lt_timer *)) {
    own o;
    own_start(&o, 1e-4, act_and_stop_at_the_gate, NULL);
    assert_ok(lt_event_wait(o.entered));
    waiter w;
    waiter_launch(&w, interrupt_when_main_sleeps, NULL);
    assert_status(end(o.timer), LT_INTERRUPTED);
    assert_int_equal(lt_interrupt_signal(), SIGTERM);
    assert_ok(waiter_join(&w));
    assert_false(atomic_load(&o.left)); // It still runs, but for the last time.
    assert_ok(lt_event_set(o.open));
    let_timers_come(0.01);
    assert_int_equal(atomic_load(&o.calls), 1);
    assert_ok(lt_timer_free(o.timer)); // It was not freed.
    own_end(&o);
}

TEST(a_cancel_that_is_interrupted_has_cancelled) {
    check_end_interrupted(lt_timer_cancel);
}

TEST(a_free_that_is_interrupted_has_cancelled_and_not_freed) {
    check_end_interrupted(lt_timer_free);
}

TEST(a_cancel_that_need_not_wait_leaves_an_interrupt_pending) {
    lt_timer *timer = NULL;
    assert_ok(lt_timer_start(1000.0, 0.0, never, NULL, &timer));
    assert_ok(lt_interrupt_main(SIGTERM));
    assert_ok(lt_timer_cancel(timer));
    assert_ok(lt_timer_free(timer));
    assert_status(lt_check_interrupt(), LT_INTERRUPTED);
}

// Somebody waits for the callback to end; it frees the timer meanwhile.
static void free_when_somebody_waits(void *arg) {
    own *o = arg;
    must(lt_event_wait(o->known) == LT_OK);
    atomic_fetch_add(&o->calls, 1);
    must(lt_event_set(o->entered) == LT_OK);
    must(lt_event_wait(o->open) == LT_OK);
    o->status = lt_timer_free(o->timer);
    atomic_store(&o->left, true);
}

TEST(a_timer_is_not_freed_while_somebody_waits_for_it) {
    own o;
    own_start(&o, 1e-4, free_when_somebody_waits, NULL);
    assert_ok(lt_event_wait(o.entered));
    waiter w;
    waiter_start(&w, cancel, o.timer);
    assert_ok(lt_event_set(o.open));
    assert_ok(waiter_join(&w));
    assert_status(o.status, LT_BUSY);
    assert_ok(lt_timer_free(o.timer));
    own_end(&o);
}

static void count_up(void *counter) {
    atomic_fetch_add((_Atomic int *)counter, 1);
}

static void free_and_start_others(void *arg) {
    own *o = arg;
    must(lt_event_wait(o->known) == LT_OK);
    must(lt_event_set(o->entered) == LT_OK);
    must(lt_event_wait(o->open) == LT_OK);
    o->status = lt_timer_free(o->timer);
    for (int i = 0; i < 1000; i++) { // If it was freed, one of them has its place.
        must(lt_timer_start(0.5, 0.0, count_up, &o->calls, NULL) == LT_OK);
    }
    atomic_store(&o->left, true);
}

TEST(a_cancel_that_waited_cancels_no_later_timer) {
    own o;
    own_start(&o, 0.0, free_and_start_others, NULL);
    assert_ok(lt_event_wait(o.entered));
    waiter w;
    waiter_start(&w, cancel, o.timer);
    assert_ok(lt_event_set(o.open));
    LT_IGNORE(waiter_join(&w));
    let_timers_come(1.0);
    assert_int_equal(atomic_load(&o.calls), 1000);
    own_end(&o);
}

static lt_status start_and_cancel_many(void *unused) {
    (void)unused;
    lt_timer *timers[300];
    for (size_t i = 0; i < LENGTH(timers); i++) {
        must(lt_timer_start(1000.0, 0.0, never, NULL, &timers[i]) == LT_OK);
    }
    for (size_t i = 0; i < LENGTH(timers); i++) {
        must(lt_timer_cancel(timers[i]) == LT_OK && lt_timer_free(timers[i]) == LT_OK);
    }
    return LT_OK;
}

TEST(a_new_timer_is_not_taken_for_one_that_its_running_callback_freed) {
    own o;
    own_start(&o, 0.0, act_and_stop_at_the_gate, lt_timer_free);
    assert_ok(lt_event_wait(o.entered));
    waiter w; // One of its timers has the place of the freed one, whose callback still runs.
    waiter_launch(&w, start_and_cancel_many, NULL);
    must_soon(waiter_is_done(&w));
    assert_ok(lt_event_set(o.open));
    assert_ok(waiter_join(&w));
    own_end(&o);
}

// ---- Callbacks that do more

typedef struct chain {
    int length;
    lt_timer *other;
    lt_event *done;
} chain;

static void start_the_next(void *arg) {
    chain *c = arg;
    if (--c->length > 0) {
        must(lt_timer_start(1e-5, 0.0, start_the_next, c, NULL) == LT_OK);
        return;
    }
    must(lt_timer_cancel(c->other) == LT_OK && lt_timer_free(c->other) == LT_OK);
    must(lt_sleep(0.001) == LT_OK);
    must(lt_event_set(c->done) == LT_OK);
}

TEST(a_callback_may_start_and_end_timers) {
    chain c = {.length = 100, .done = lt_event_new()};
    assert_ok(lt_timer_start(1000.0, 1000.0, never, NULL, &c.other));
    assert_ok(lt_timer_start(0.0, 0.0, start_the_next, &c, NULL));
    assert_ok(lt_event_wait(c.done));
    assert_status(lt_timer_cancel(c.other), LT_BAD_HANDLE);
    must_soon(lt_event_free(c.done) == LT_OK);
}

static void note_and_raise(void *arg) {
    note(arg);
    lt_raise(77, "in a timer");
}

static void note_and_exit(void *arg) {
    note(arg);
    lt_exit();
}

static _Atomic int told;

static void tell(const lt_error_info *info, void *heard) {
    must(info->kind == LT_ERROR_RAISED && info->code == 77);
    must(strcmp(info->message, "in a timer") == 0);
    atomic_fetch_add(&told, 1);
    must(lt_semaphore_release(heard, 1) == LT_OK);
}

static void check_others_go_on(void (*callback)(void *), bool heard_of) {
    witness bad = witness_make(), good = witness_make(), once = witness_make();
    lt_semaphore *heard = lt_semaphore_new(0);
    lt_timer *bad_timer = NULL, *good_timer = NULL;
    atomic_store(&told, 0);
    assert_ok(lt_set_excepthook(tell, heard));
    assert_ok(lt_timer_start(1e-3, 1e-3, callback, &bad, &bad_timer));
    assert_ok(lt_timer_start(1e-3, 1e-3, note, &good, &good_timer));
    for (int i = 0; i < 30; i++) {
        assert_ok(lt_semaphore_acquire(bad.called)); // The timer itself goes on, too.
        assert_ok(lt_semaphore_acquire(good.called));
        if (heard_of) {
            assert_ok(lt_semaphore_acquire(heard));
        }
        assert_ok(lt_timer_start(0.0, 0.0, callback, &once, NULL)); // And one that is over with it.
        assert_ok(lt_semaphore_acquire(once.called));
        if (heard_of) {
            assert_ok(lt_semaphore_acquire(heard));
        }
    }
    assert_ok(lt_timer_free(bad_timer));
    assert_ok(lt_timer_free(good_timer));
    assert_int_equal(atomic_load(&told) > 0, heard_of);
    assert_int_equal(lt_thread_count(), 0);
    assert_ok(lt_set_excepthook(NULL, NULL));
}

TEST(a_callback_that_raises_is_told_to_the_hook_and_all_go_on) {
    check_others_go_on(note_and_raise, true);
}

TEST(a_callback_that_exits_is_silent_and_all_go_on) {
    check_others_go_on(note_and_exit, false);
}

static void check_cancel_of_what_leaves(void (*callback)(void *), int rounds) {
    for (int i = 0; i < rounds; i++) {
        witness w = witness_make();
        lt_timer *timer = NULL;
        assert_ok(lt_timer_start(0.0, 1e-6, callback, &w, &timer));
        assert_ok(lt_semaphore_acquire(w.called));
        assert_ok(lt_timer_cancel(timer));
        int calls = atomic_load(&w.calls);
        sched_yield();
        assert_int_equal(atomic_load(&w.calls), calls);
        assert_ok(lt_timer_free(timer));
        assert_ok(lt_semaphore_free(w.called));
    }
}

TEST(a_cancel_waits_for_a_callback_that_exits) {
    check_cancel_of_what_leaves(note_and_exit, 200);
}

static void ignore(const lt_error_info *info, void *unused) {
    (void)info;
    (void)unused;
}

TEST(a_cancel_waits_for_a_callback_that_raises) {
    assert_ok(lt_set_excepthook(ignore, NULL));
    check_cancel_of_what_leaves(note_and_raise, 20);
    assert_ok(lt_set_excepthook(NULL, NULL));
}

// ---- What is refused

TEST(a_bad_time_or_no_callback_is_refused_and_starts_nothing) {
    const struct {
        double seconds, repeat;
        lt_status status;
    } bad[] = {
        {-1.0, 0.0, LT_INVALID}, {-DBL_MIN, 0.0, LT_INVALID}, {-INFINITY, 0.0, LT_INVALID},
        {NAN, 0.0, LT_INVALID}, {0.0, -1.0, LT_INVALID}, {0.0, -DBL_MIN, LT_INVALID},
        {0.0, -INFINITY, LT_INVALID}, {0.0, NAN, LT_INVALID}, {NAN, NAN, LT_INVALID},
        {ABOVE_TIMEOUT_MAX, 0.0, LT_OVERFLOW}, {INFINITY, 0.0, LT_OVERFLOW},
        {0.0, ABOVE_TIMEOUT_MAX, LT_OVERFLOW}, {0.0, INFINITY, LT_OVERFLOW},
    };
    lt_timer *const untouched = (lt_timer *)(void *)&told;
    lt_timer *timer = untouched;
    for (size_t i = 0; i < LENGTH(bad); i++) {
        assert_status(lt_timer_start(bad[i].seconds, bad[i].repeat, never, NULL, &timer),
            bad[i].status);
        assert_true(last_error_names("lt_timer_start"));
        assert_status(lt_timer_start(bad[i].seconds, bad[i].repeat, never, NULL, NULL),
            bad[i].status);
    }
    assert_status(lt_timer_start(0.0, 0.0, NULL, NULL, &timer), LT_INVALID);
    assert_true(last_error_names("lt_timer_start"));
    assert_ptr_equal(timer, untouched);
    let_timers_come(0.01);
}

TEST(the_longest_times_are_fine) {
    lt_timer *timers[2];
    assert_ok(lt_timer_start(LT_TIMEOUT_MAX, LT_TIMEOUT_MAX, never, NULL, &timers[0]));
    witness w = witness_make();
    assert_ok(lt_timer_start(0.0, LT_TIMEOUT_MAX, note, &w, &timers[1]));
    assert_ok(lt_semaphore_acquire(w.called));
    let_timers_come(0.01);
    assert_int_equal(atomic_load(&w.calls), 1);
    assert_ok(lt_timer_free(timers[0]));
    assert_ok(lt_timer_free(timers[1]));
}

TEST(a_bad_handle_is_reported) {
    lt_timer *timer = NULL;
    lt_event *event = lt_event_new();
    assert_ok(lt_timer_start(1000.0, 0.0, never, NULL, &timer));
    assert_ok(lt_timer_free(NULL));
    assert_status(lt_timer_cancel(NULL), LT_BAD_HANDLE);
    assert_status(lt_timer_cancel((lt_timer *)(void *)event), LT_BAD_HANDLE);
    assert_true(last_error_names("lt_timer_cancel"));
    assert_status(lt_timer_free((lt_timer *)(void *)event), LT_BAD_HANDLE);
    assert_status(lt_event_set((lt_event *)(void *)timer), LT_BAD_HANDLE);
    assert_status(lt_watchdog_feed((lt_watchdog *)(void *)timer), LT_BAD_HANDLE);
    assert_ok(lt_timer_free(timer));
    assert_status(lt_timer_free(timer), LT_BAD_HANDLE);
    assert_true(last_error_names("lt_timer_free"));
    assert_status(lt_timer_cancel(timer), LT_BAD_HANDLE);
    assert_ok(lt_event_free(event));
}

// ---- Forks

static void use_timers_in_child(void *arg) {
    alarm(20);
    lt_timer **old = arg;
    must(lt_thread_count() == 0);
    must(lt_timer_cancel(old[0]) == LT_OK && lt_timer_free(old[0]) == LT_OK);
    must(lt_timer_free(old[1]) == LT_OK); // Its callback ran at the fork, in the parent.
    witness w = witness_make();
    lt_timer *timer = NULL;
    must(lt_timer_start(0.0, 1e-3, note, &w, &timer) == LT_OK);
    for (int i = 0; i < 3; i++) {
        must(lt_semaphore_acquire(w.called) == LT_OK);
    }
    must(lt_timer_free(timer) == LT_OK);
}

static void call_in_the_parent_alone(void *arg) {
    must(*(pid_t *)arg == getpid());
}

TEST(a_child_has_no_timers_and_can_start_its_own) {
    own o;
    own_start(&o, 0.0, act_and_stop_at_the_gate, NULL);
    assert_ok(lt_event_wait(o.entered));
    pid_t self = getpid();
    lt_timer *old[2] = {NULL, o.timer};
    assert_ok(lt_timer_start(1e-3, 1e-3, call_in_the_parent_alone, &self, &old[0]));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(run_in_child(use_timers_in_child, old), 0);
    }
    assert_ok(lt_event_set(o.open));
    let_timers_come(0.01);
    assert_ok(lt_timer_free(old[0]));
    assert_ok(lt_timer_free(old[1]));
    own_end(&o);
}

static void check_new_timers(void *unused) {
    (void)unused;
    sigset_t all; // The library's thread takes no signals, and the child has come from that.
    sigfillset(&all);
    must(pthread_sigmask(SIG_UNBLOCK, &all, NULL) == 0);
    alarm(20);
    must(lt_main_ident() == lt_get_ident() && lt_thread_count() == 0);
    let_timers_come(0.001);
}

static void fork_and_check(void *event) {
    int status = run_in_child(check_new_timers, NULL);
    must(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    must(lt_event_set(event) == LT_OK);
}

TEST(a_callback_may_fork) {
    lt_event *event = lt_event_new();
    lt_timer *timer = NULL;
    assert_ok(lt_timer_start(0.0, 0.0, fork_and_check, event, &timer));
    assert_ok(lt_event_wait(event));
    assert_ok(lt_timer_free(timer));
    assert_ok(lt_event_free(event));
    let_timers_come(0.001);
}

// ---- What is left of it

static void release_one(void *semaphore) {
    must(lt_semaphore_release(semaphore, 1) == LT_OK);
}

TEST(timers_without_a_handle_leave_nothing_behind) {
    enum { AT_ONCE = 100 };
    lt_semaphore *called = lt_semaphore_new(0);
    int rounds = repetitions(400);
    size_t before = 0;
    for (int round = 0; round < rounds; round++) {
        if (round == rounds / 2) {
            before = resident_bytes();
        }
        for (int i = 0; i < AT_ONCE; i++) {
            assert_ok(lt_timer_start(0.0, 0.0, release_one, called, NULL));
        }
        for (int i = 0; i < AT_ONCE; i++) {
            assert_ok(lt_semaphore_acquire(called));
        }
    }
    assert_true(!memory_tells() || resident_bytes() < before + 512 * 1024);
    must_soon(lt_semaphore_free(called) == LT_OK);
}
