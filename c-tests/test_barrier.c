// The barrier. Actions that raise, throw or exit are in test_unwinding.cpp.
// timeout: 60
#include "waits.h"

enum { NO_INDEX = 77 };

static lt_barrier *new_barrier(uint32_t parties, lt_thread_fn action, void *arg) {
    lt_barrier *barrier = lt_barrier_new(parties, action, arg);
    must(barrier != NULL);
    must(lt_barrier_parties(barrier) == parties);
    must(lt_barrier_waiting(barrier) == 0 && !lt_barrier_is_broken(barrier));
    return barrier;
}

static void must_be_empty(lt_barrier *barrier, bool broken) {
    must(lt_barrier_waiting(barrier) == 0);
    must(lt_barrier_is_broken(barrier) == broken);
}

// A thread that comes to the barrier once.
typedef struct party {
    lt_barrier *barrier;
    double seconds;
    uint32_t index;
    bool pending; // Whether an interrupt was, afterwards.
    lt_status status;
    lt_thread *thread;
} party;

static void come(void *arg) {
    party *p = arg;
    p->status = p->seconds < 0 ? lt_barrier_wait(p->barrier, &p->index)
                               : lt_barrier_wait_timeout(p->barrier, p->seconds, &p->index);
    must(p->status == LT_OK || p->index == NO_INDEX);
    p->pending = lt_check_interrupt() == LT_INTERRUPTED;
}

static void launch(party *p, lt_barrier *barrier, double seconds) {
    *p = (party){.barrier = barrier, .seconds = seconds, .index = NO_INDEX};
    must(lt_thread_start(come, p, NULL, &p->thread) == LT_OK);
}

// Returns when the thread waits among those of the round.
static void start(party *p, lt_barrier *barrier, double seconds) {
    uint32_t before = lt_barrier_waiting(barrier);
    launch(p, barrier, seconds);
    must_soon(lt_barrier_waiting(barrier) == before + 1);
}

static bool sleeps(const party *p) {
    return asleep(lt_thread_native_id(p->thread));
}

static lt_status end(party *p) {
    must(lt_thread_join(p->thread) == LT_OK && lt_thread_free(p->thread) == LT_OK);
    return p->status;
}

static void count_up(void *counter) {
    atomic_fetch_add((_Atomic int *)counter, 1);
}

// ---- One thread

TEST(without_parties_there_is_none) {
    assert_null(lt_barrier_new(0, NULL, NULL));
    assert_int_equal(lt_last_status(), LT_INVALID);
    assert_true(last_error_names("lt_barrier_new"));
    assert_non_null(strstr(lt_last_error(), "parties"));
    const uint32_t parties[] = {1, 2, 3, INT32_MAX, UINT32_MAX};
    for (size_t i = 0; i < LENGTH(parties); i++) {
        assert_ok(lt_barrier_free(new_barrier(parties[i], NULL, NULL)));
    }
    assert_ok(lt_barrier_free(NULL));
}

TEST(one_party_never_waits) {
    _Atomic int times = 0;
    lt_barrier *barrier = new_barrier(1, count_up, &times), *plain = new_barrier(1, NULL, NULL);
    for (int i = 1; i <= 10; i++) {
        uint32_t index = NO_INDEX;
        assert_ok(i % 2 == 0 ? lt_barrier_wait(barrier, &index)
                             : lt_barrier_wait_timeout(barrier, i % 4 == 1 ? 0.0 : 1.0, &index));
        assert_int_equal(index, 0);
        assert_int_equal(times, i);
        assert_ok(lt_barrier_wait(plain, NULL));
        assert_ok(lt_barrier_wait_timeout(plain, 0.0, NULL));
        must_be_empty(barrier, false);
    }
    assert_ok(lt_barrier_free(barrier));
    assert_ok(lt_barrier_free(plain));
}

TEST(a_time_out_is_never_early_and_breaks_it) {
    lt_barrier *barrier = new_barrier(2, NULL, NULL);
    const double seconds[] = {0.0, -0.0, DBL_MIN, 1e-9, 1e-6, 0.001, 0.03};
    for (size_t i = 0; i < LENGTH(seconds); i++) {
        uint32_t index = NO_INDEX;
        double began = lt_monotonic();
        assert_status(lt_barrier_wait_timeout(barrier, seconds[i], &index), LT_TIMED_OUT);
        double took = seconds_since(began);
        assert_true(took >= seconds[i] && took < seconds[i] + SLACK);
        must_be_empty(barrier, true);
        assert_status(lt_barrier_wait(barrier, &index), LT_BROKEN);
        assert_status(lt_barrier_wait_timeout(barrier, 0.0, &index), LT_BROKEN);
        assert_status(lt_barrier_wait_timeout(barrier, 1000.0, &index), LT_BROKEN);
        assert_int_equal(index, NO_INDEX);
        assert_ok(lt_barrier_reset(barrier));
        must_be_empty(barrier, false);
    }
    assert_ok(lt_barrier_free(barrier));
}

TEST(a_timeout_that_is_refused_breaks_nothing) {
    lt_barrier *barrier = new_barrier(2, NULL, NULL), *lone = new_barrier(1, NULL, NULL);
    const double bad[] = {NAN, -NAN, ABOVE_TIMEOUT_MAX, DBL_MAX, INFINITY};
    for (int broken = 0; broken < 2; broken++) {
        for (size_t i = 0; i < LENGTH(bad); i++) {
            lt_status status = isnan(bad[i]) ? LT_INVALID : LT_OVERFLOW;
            uint32_t index = NO_INDEX;
            assert_status(lt_barrier_wait_timeout(barrier, bad[i], &index), status);
            assert_int_equal(lt_last_status(), status);
            assert_true(last_error_names("lt_barrier_wait_timeout"));
            assert_non_null(strstr(lt_last_error(), "seconds"));
            assert_status(lt_barrier_wait_timeout(lone, bad[i], &index), status);
            assert_int_equal(index, NO_INDEX);
            must_be_empty(barrier, broken);
        }
        assert_ok(lt_barrier_abort(barrier));
    }
    assert_ok(lt_barrier_free(barrier));
    assert_ok(lt_barrier_free(lone));
}

TEST(abort_breaks_it_and_reset_mends_it) {
    lt_barrier *barrier = new_barrier(1, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_barrier_wait(barrier, NULL));
        assert_ok(lt_barrier_reset(barrier)); // Of one that is whole: nothing.
        must_be_empty(barrier, false);
        assert_ok(lt_barrier_abort(barrier));
        assert_ok(lt_barrier_abort(barrier));
        must_be_empty(barrier, true);
        assert_status(lt_barrier_wait(barrier, NULL), LT_BROKEN);
        assert_ok(lt_barrier_reset(barrier));
        assert_ok(lt_barrier_reset(barrier));
    }
    assert_ok(lt_barrier_abort(barrier));
    assert_ok(lt_barrier_free(barrier));
}

TEST(a_pending_interrupt_breaks_it_only_in_a_wait_that_blocks) {
    lt_barrier *lone = new_barrier(1, NULL, NULL), *two = new_barrier(2, NULL, NULL);
    assert_ok(lt_interrupt_main(SIGUSR1));
    assert_ok(lt_barrier_wait(lone, NULL));
    assert_ok(lt_barrier_wait_timeout(lone, 1.0, NULL));
    assert_status(lt_barrier_wait_timeout(two, 0.0, NULL), LT_TIMED_OUT);
    assert_status(lt_barrier_wait(two, NULL), LT_BROKEN);
    assert_ok(lt_barrier_reset(two));
    assert_status(lt_barrier_wait_timeout(two, NAN, NULL), LT_INVALID);
    must_be_empty(two, false);
    assert_status(lt_barrier_wait(two, NULL), LT_INTERRUPTED);
    assert_int_equal(lt_interrupt_signal(), SIGUSR1);
    must_be_empty(two, true);
    assert_ok(lt_barrier_reset(two));
    assert_ok(lt_interrupt_main(SIGUSR2));
    assert_status(lt_barrier_wait_timeout(two, 1000.0, NULL), LT_INTERRUPTED);
    assert_int_equal(lt_interrupt_signal(), SIGUSR2);
    assert_ok(lt_check_interrupt());
    assert_ok(lt_barrier_free(lone));
    assert_ok(lt_barrier_free(two));
}

// ---- Several threads

enum { PARTIES = 4 };

TEST(the_index_is_the_order_in_which_they_came) {
    lt_barrier *barrier = new_barrier(PARTIES, NULL, NULL);
    for (int round = 0; round < 3; round++) {
        party p[PARTIES - 1];
        for (int i = 0; i < PARTIES - 1; i++) {
            start(&p[i], barrier, i % 2 == 0 ? LT_FOREVER : 1000.0);
        }
        uint32_t index = NO_INDEX;
        assert_ok(round == 0 ? lt_barrier_wait_timeout(barrier, 0.0, &index)
                             : lt_barrier_wait(barrier, round == 1 ? &index : NULL));
        assert_int_equal(index, round < 2 ? PARTIES - 1 : NO_INDEX);
        for (int i = 0; i < PARTIES - 1; i++) {
            assert_ok(end(&p[i]));
            assert_int_equal(p[i].index, i);
        }
        must_be_empty(barrier, false);
    }
    assert_ok(lt_barrier_free(barrier));
}

typedef struct rounds {
    lt_barrier *barrier;
    int number[PARTIES]; // Each thread's round, not atomic: the barrier orders it.
    int sum, actions;
    _Atomic uint32_t came[2]; // The indices of the round, as a set.
    _Atomic int seed;
} rounds;

static void add_up(void *arg) {
    rounds *r = arg;
    r->actions++;
    for (int i = 0; i < PARTIES; i++) {
        must(r->number[i] == r->actions);
        r->sum += r->number[i];
    }
}

static lt_status go_round_and_round(void *arg) {
    rounds *r = arg;
    int me = atomic_fetch_add(&r->seed, 1), times = 3000;
    for (int i = 1; i <= times; i++) {
        uint32_t index = NO_INDEX;
        r->number[me] = i;
        must((i % 3 == 0 ? lt_barrier_wait_timeout(r->barrier, 1000.0, &index)
                         : lt_barrier_wait(r->barrier, &index))
             == LT_OK);
        must(r->actions == i && r->sum == PARTIES * i * (i + 1) / 2);
        must(index < PARTIES);
        must((atomic_fetch_or(&r->came[i % 2], UINT32_C(1) << index) & UINT32_C(1) << index) == 0);
        // Half a round on: all have come here, and nobody goes on before the next.
        must(lt_barrier_parties(r->barrier) == PARTIES);
        if (index == 0) {
            must_soon(atomic_load(&r->came[i % 2]) == (UINT32_C(1) << PARTIES) - 1);
            atomic_store(&r->came[i % 2], 0);
        }
    }
    return LT_OK;
}

TEST(the_action_runs_once_a_round_before_anybody_goes_on) {
    rounds r = {.seed = 0};
    r.barrier = new_barrier(PARTIES, add_up, &r);
    waiter w[PARTIES];
    for (int i = 0; i < PARTIES; i++) {
        waiter_launch(&w[i], go_round_and_round, &r);
    }
    for (int i = 0; i < PARTIES; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_int_equal(r.actions, 3000);
    must_be_empty(r.barrier, false);
    assert_ok(lt_barrier_free(r.barrier));
}

// How those who wait are sent away. The first of them gives up itself where it is about that.
static void check_all_sent_away(lt_status (*send_away)(lt_barrier *, party *), lt_status first,
    bool broken) {
    const double first_seconds = first == LT_TIMED_OUT ? 0.2 : LT_FOREVER;
    lt_barrier *barrier = new_barrier(PARTIES, NULL, NULL);
    for (int place = 0; place < PARTIES - 1; place++) { // In the line.
        party p[PARTIES - 1];
        for (int i = 0; i < PARTIES - 1; i++) {
            launch(&p[i], barrier, i == place ? first_seconds : i % 2 == 0 ? 1000.0 : LT_FOREVER);
            if (first != LT_TIMED_OUT) { // Else it may be over.
                must_soon(lt_barrier_waiting(barrier) == (uint32_t)i + 1);
            }
        }
        assert_ok(send_away(barrier, &p[place]));
        for (int i = 0; i < PARTIES - 1; i++) {
            assert_status(end(&p[i]), i == place ? first : LT_BROKEN);
            assert_false(p[i].pending);
        }
        must_be_empty(barrier, broken);
        assert_ok(lt_barrier_reset(barrier));
        must_be_empty(barrier, false);
    }
    assert_ok(lt_barrier_free(barrier));
}

static lt_status by_abort(lt_barrier *barrier, party *p) {
    (void)p;
    return lt_barrier_abort(barrier);
}

static lt_status by_reset(lt_barrier *barrier, party *p) {
    (void)p;
    return lt_barrier_reset(barrier);
}

static lt_status by_interrupt(lt_barrier *barrier, party *p) {
    (void)barrier;
    return lt_thread_interrupt(p->thread);
}

static lt_status by_itself(lt_barrier *barrier, party *p) {
    (void)barrier, (void)p;
    return LT_OK;
}

TEST(an_abort_sends_all_away) {
    check_all_sent_away(by_abort, LT_BROKEN, true);
}

TEST(a_reset_sends_all_away_and_leaves_it_whole) {
    check_all_sent_away(by_reset, LT_BROKEN, false);
}

TEST(who_is_interrupted_breaks_it_for_the_others) {
    check_all_sent_away(by_interrupt, LT_INTERRUPTED, true);
}

TEST(who_times_out_breaks_it_for_the_others) {
    check_all_sent_away(by_itself, LT_TIMED_OUT, true);
}

TEST(who_comes_after_a_reset_is_of_the_next_round) {
    lt_barrier *barrier = new_barrier(2, NULL, NULL);
    for (int i = 0; i < 200; i++) {
        party old, new[2];
        start(&old, barrier, LT_FOREVER);
        assert_ok(lt_barrier_reset(barrier)); // Perhaps before the old one is awake.
        launch(&new[0], barrier, 1000.0);
        launch(&new[1], barrier, LT_FOREVER);
        assert_ok(end(&new[0]));
        assert_ok(end(&new[1]));
        assert_int_equal(new[0].index + new[1].index, 1);
        assert_status(end(&old), LT_BROKEN);
        must_be_empty(barrier, false);
    }
    assert_ok(lt_barrier_free(barrier));
}

// ---- Dropping out

TEST(who_drops_out_is_missed_by_nobody_in_this_round_and_the_later_ones) {
    for (int with_action = 0; with_action < 2; with_action++) {
        _Atomic int times = 0;
        lt_barrier *barrier = new_barrier(3, with_action ? count_up : NULL, &times);
        party p[2];
        start(&p[0], barrier, LT_FOREVER);
        start(&p[1], barrier, 1000.0);
        assert_ok(lt_barrier_drop(barrier)); // The last one of the round.
        for (int i = 0; i < 2; i++) {
            assert_ok(end(&p[i]));
            assert_int_equal(p[i].index, i);
        }
        assert_int_equal(lt_barrier_parties(barrier), 2);
        start(&p[0], barrier, LT_FOREVER);
        uint32_t index = NO_INDEX;
        assert_ok(lt_barrier_wait(barrier, &index));
        assert_int_equal(index, 1);
        assert_ok(end(&p[0]));
        assert_ok(lt_barrier_drop(barrier)); // Nobody is there yet.
        assert_ok(lt_barrier_wait(barrier, &index));
        assert_int_equal(index, 0);
        assert_int_equal(times, with_action ? 3 : 0);
        must_be_empty(barrier, false);
        assert_ok(lt_barrier_free(barrier));
    }
}

TEST(a_barrier_that_is_broken_has_fewer_parties_when_it_is_mended) {
    lt_barrier *barrier = new_barrier(2, NULL, NULL);
    assert_ok(lt_barrier_abort(barrier));
    assert_ok(lt_barrier_drop(barrier));
    must_be_empty(barrier, true);
    assert_ok(lt_barrier_reset(barrier));
    assert_ok(lt_barrier_wait(barrier, NULL));
    assert_ok(lt_barrier_free(barrier));
}

TEST(the_last_drop_breaks_it_for_good) {
    lt_barrier *barrier = new_barrier(1, NULL, NULL);
    assert_ok(lt_barrier_drop(barrier));
    for (int i = 0; i < 2; i++) {
        must_be_empty(barrier, true);
        assert_int_equal(lt_barrier_parties(barrier), 0);
        assert_status(lt_barrier_wait(barrier, NULL), LT_BROKEN);
        assert_status(lt_barrier_wait_timeout(barrier, 0.0, NULL), LT_BROKEN);
        assert_status(lt_barrier_drop(barrier), LT_INVALID);
        assert_true(last_error_names("lt_barrier_drop"));
        assert_ok(lt_barrier_reset(barrier));
    }
    assert_ok(lt_barrier_free(barrier));
}

typedef struct acting {
    lt_barrier *barrier;
    lt_event *begun, *goes_on;
    int drops;
} acting;

static void drop_and_wait(void *arg) {
    acting *a = arg;
    for (; a->drops > 0; a->drops--) {
        must(lt_barrier_drop(a->barrier) == LT_OK);
    }
    must(lt_event_set(a->begun) == LT_OK);
    must(lt_event_wait(a->goes_on) == LT_OK);
}

// How many drop out during the action, of two parties; who has come meanwhile goes on alone, or is sent away.
static void check_drop_in_action(int by_action, int by_others) {
    acting a = {.begun = lt_event_new(), .goes_on = lt_event_new(), .drops = by_action};
    a.barrier = new_barrier(2, drop_and_wait, &a);
    party p[3];
    start(&p[0], a.barrier, LT_FOREVER);
    launch(&p[1], a.barrier, LT_FOREVER);
    assert_ok(lt_event_wait(a.begun));
    launch(&p[2], a.barrier, LT_FOREVER);
    must_soon(sleeps(&p[2]));
    for (int i = 0; i < by_others; i++) {
        assert_ok(lt_barrier_drop(a.barrier));
    }
    bool all = by_action + by_others == 2;
    if (all) {
        assert_status(end(&p[2]), LT_BROKEN); // At once.
    }
    assert_ok(lt_event_set(a.goes_on));
    assert_ok(end(&p[0])); // Their round was complete.
    assert_ok(end(&p[1]));
    if (!all) {
        assert_ok(end(&p[2]));
    }
    must_be_empty(a.barrier, all);
    assert_ok(lt_barrier_free(a.barrier));
    must(lt_event_free(a.begun) == LT_OK && lt_event_free(a.goes_on) == LT_OK);
}

TEST(a_drop_during_the_action_is_of_the_next_round) {
    check_drop_in_action(1, 0);
    check_drop_in_action(0, 1);
}

TEST(the_last_drop_during_the_action_sends_those_away_who_came_meanwhile) {
    check_drop_in_action(1, 1);
    check_drop_in_action(0, 2);
}

static lt_status leave_after_some_rounds(void *arg) {
    rounds *r = arg;
    int times = 300 * (1 + atomic_fetch_add(&r->seed, 1));
    for (int i = 0; i < times; i++) {
        must(lt_barrier_wait(r->barrier, NULL) == LT_OK);
    }
    must(lt_barrier_drop(r->barrier) == LT_OK);
    return LT_OK;
}

TEST(threads_that_leave_one_after_the_other_hold_up_nobody) {
    for (int with_action = 0; with_action < 2; with_action++) {
        _Atomic int times = 0;
        rounds r = {.seed = 0};
        r.barrier = new_barrier(PARTIES, with_action ? count_up : NULL, &times);
        waiter w[PARTIES];
        for (int i = 0; i < PARTIES; i++) {
            waiter_launch(&w[i], leave_after_some_rounds, &r);
        }
        for (int i = 0; i < PARTIES; i++) {
            assert_ok(waiter_join(&w[i]));
        }
        assert_int_equal(times, with_action ? 300 * PARTIES : 0);
        must_be_empty(r.barrier, true);
        assert_ok(lt_barrier_free(r.barrier));
    }
}

static lt_status give_up_races(void *arg) {
    time_out_race *r = arg;
    for (long round = 1;; round++) {
        wait_for_step(&r->go, round);
        if (atomic_load(&r->stop)) {
            return LT_OK;
        }
        atomic_store(&r->begun, round);
        r->status = lt_barrier_wait_timeout(r->object, r->seconds, NULL);
        atomic_store(&r->done, round);
    }
}

// Either both go on, or one has timed out and the other hears that it is broken.
TEST(a_time_out_that_races_with_the_last_party_is_for_both_or_for_neither) {
    time_out_race r = {.object = new_barrier(2, NULL, NULL), .seconds = 100e-6};
    waiter w;
    waiter_launch(&w, give_up_races, &r);
    long together = 0, broken = 0, round = 0;
    double began = lt_monotonic();
    while (!raced_enough(began, 0.5, together >= 10 && broken >= 10)) {
        atomic_store(&r.go, ++round);
        wait_for_step(&r.begun, round);
        spend((80 + (double)(round * 7 % 60)) * 1e-6);
        lt_status status = lt_barrier_wait(r.object, NULL);
        wait_for_step(&r.done, round);
        if (status == LT_OK) {
            together++;
            assert_ok(r.status);
        } else {
            broken++;
            assert_status(status, LT_BROKEN);
            assert_status(r.status, LT_TIMED_OUT);
        }
        must_be_empty(r.object, status == LT_BROKEN);
        assert_ok(lt_barrier_reset(r.object));
    }
    atomic_store(&r.stop, true);
    atomic_fetch_add(&r.go, 1);
    assert_ok(waiter_join(&w));
    assert_ok(lt_barrier_free(r.object));
}

// ---- While the action runs

// A barrier of two, the action of which is running: two have come, and neither goes on.
typedef struct scene {
    lt_barrier *barrier;
    lt_event *in, *out;
    _Atomic int actions;
    party first, last;
} scene;

static void act(void *arg) {
    scene *s = arg;
    if (atomic_fetch_add(&s->actions, 1) == 0) {
        must(lt_event_set(s->in) == LT_OK);
        must(lt_event_wait(s->out) == LT_OK);
    }
}

static void scene_begin(scene *s) {
    *s = (scene){.in = lt_event_new(), .out = lt_event_new()};
    s->barrier = new_barrier(2, act, s);
    start(&s->first, s->barrier, LT_FOREVER);
    launch(&s->last, s->barrier, LT_FOREVER);
    must(lt_event_wait(s->in) == LT_OK);
    must(lt_barrier_waiting(s->barrier) == 0);
    must(lt_barrier_free(s->barrier) == LT_BUSY);
    must(lt_thread_is_alive(s->first.thread) && lt_thread_is_alive(s->last.thread));
}

static void scene_join(scene *s) {
    must(end(&s->first) == LT_OK && s->first.index == 0);
    must(end(&s->last) == LT_OK && s->last.index == 1);
}

// The round was complete: those of it go on, whatever happened to the barrier meanwhile.
static void scene_end(scene *s) {
    must(lt_thread_is_alive(s->first.thread) && lt_thread_is_alive(s->last.thread));
    must(lt_event_set(s->out) == LT_OK);
    scene_join(s);
}

static void scene_free(scene *s) {
    must(lt_barrier_free(s->barrier) == LT_OK);
    must(lt_event_free(s->in) == LT_OK && lt_event_free(s->out) == LT_OK);
}

TEST(who_comes_while_the_action_runs_is_of_the_next_round) {
    scene s;
    party next[2];
    scene_begin(&s);
    for (int i = 0; i < 2; i++) {
        launch(&next[i], s.barrier, i == 0 ? LT_FOREVER : 1000.0);
        must_soon(sleeps(&next[i]));
    }
    assert_int_equal(atomic_load(&s.actions), 1);
    scene_end(&s);
    assert_ok(end(&next[0]));
    assert_ok(end(&next[1]));
    assert_int_equal(next[0].index + next[1].index, 1);
    assert_int_equal(atomic_load(&s.actions), 2);
    must_be_empty(s.barrier, false);
    scene_free(&s);
}

TEST(more_than_a_round_may_come_while_the_action_runs) {
    scene s;
    party next[5];
    scene_begin(&s);
    for (int i = 0; i < 5; i++) {
        launch(&next[i], s.barrier, LT_FOREVER);
        must_soon(sleeps(&next[i]));
    }
    scene_end(&s);
    must_soon(lt_barrier_waiting(s.barrier) == 1 && atomic_load(&s.actions) == 3);
    assert_ok(lt_barrier_wait(s.barrier, NULL));
    uint32_t indices = 0;
    for (int i = 0; i < 5; i++) {
        assert_ok(end(&next[i]));
        indices += next[i].index;
    }
    assert_int_equal(indices, 2); // Two rounds, and the first of the third.
    assert_int_equal(atomic_load(&s.actions), 4);
    scene_free(&s);
}

static void check_sent_away_outside(void (*disturb)(scene *s, party *outside), lt_status first,
    double seconds, bool broken) {
    scene s;
    party outside[2];
    scene_begin(&s);
    launch(&outside[0], s.barrier, LT_FOREVER);
    must_soon(sleeps(&outside[0]));
    launch(&outside[1], s.barrier, seconds);
    must_soon(sleeps(&outside[1]) || !lt_thread_is_alive(outside[1].thread));
    disturb(&s, &outside[1]);
    assert_status(end(&outside[1]), first);
    assert_status(end(&outside[0]), LT_BROKEN);
    assert_int_equal(lt_barrier_is_broken(s.barrier), broken);
    assert_status(lt_barrier_free(s.barrier), LT_BUSY);
    if (broken) { // Who comes now hears so at once.
        assert_status(lt_barrier_wait(s.barrier, NULL), LT_BROKEN);
        assert_status(lt_barrier_wait_timeout(s.barrier, 0.0, NULL), LT_BROKEN);
    }
    scene_end(&s);
    must_be_empty(s.barrier, broken);
    assert_int_equal(atomic_load(&s.actions), 1);
    assert_ok(lt_barrier_reset(s.barrier));
    party next;
    start(&next, s.barrier, LT_FOREVER);
    assert_ok(lt_barrier_wait(s.barrier, NULL));
    assert_ok(end(&next));
    assert_int_equal(atomic_load(&s.actions), 2);
    scene_free(&s);
}

static void disturb_by_abort(scene *s, party *outside) {
    (void)outside;
    must(lt_barrier_abort(s->barrier) == LT_OK);
}

static void disturb_by_reset(scene *s, party *outside) {
    (void)outside;
    must(lt_barrier_reset(s->barrier) == LT_OK);
}

static void disturb_by_interrupt(scene *s, party *outside) {
    (void)s;
    must(lt_thread_interrupt(outside->thread) == LT_OK);
}

static void disturb_by_nothing(scene *s, party *outside) {
    (void)s, (void)outside;
}

TEST(an_abort_while_the_action_runs_is_not_for_its_round) {
    check_sent_away_outside(disturb_by_abort, LT_BROKEN, 1000.0, true);
}

TEST(a_reset_while_the_action_runs_is_not_for_its_round) {
    check_sent_away_outside(disturb_by_reset, LT_BROKEN, 1000.0, false);
}

TEST(an_interrupt_while_the_action_runs_is_not_for_its_round) {
    check_sent_away_outside(disturb_by_interrupt, LT_INTERRUPTED, 1000.0, true);
}

TEST(a_time_out_while_the_action_runs_is_not_for_its_round) {
    check_sent_away_outside(disturb_by_nothing, LT_TIMED_OUT, 0.01, true);
}

TEST(an_abort_and_a_reset_while_the_action_runs_leave_it_whole) {
    scene s;
    party next[2];
    scene_begin(&s);
    assert_ok(lt_barrier_abort(s.barrier));
    assert_true(lt_barrier_is_broken(s.barrier));
    assert_ok(lt_barrier_reset(s.barrier));
    must_be_empty(s.barrier, false);
    for (int i = 0; i < 2; i++) {
        launch(&next[i], s.barrier, LT_FOREVER);
        must_soon(sleeps(&next[i])); // Not even together do they begin: the action still runs.
    }
    assert_int_equal(atomic_load(&s.actions), 1);
    scene_end(&s);
    assert_ok(end(&next[0]));
    assert_ok(end(&next[1]));
    assert_int_equal(atomic_load(&s.actions), 2);
    must_be_empty(s.barrier, false);
    scene_free(&s);
}

TEST(interrupting_those_of_a_complete_round_does_not_break_it) {
    scene s;
    scene_begin(&s);
    assert_ok(lt_thread_interrupt(s.first.thread));
    must_soon(sleeps(&s.first));
    assert_false(lt_barrier_is_broken(s.barrier));
    scene_end(&s);
    assert_true(s.first.pending);
    must_be_empty(s.barrier, false);
    scene_free(&s);
}

TEST(a_time_out_of_those_of_a_complete_round_does_not_break_it) {
    scene s = {.in = lt_event_new(), .out = lt_event_new()};
    s.barrier = new_barrier(2, act, &s);
    for (double seconds = 0.02;; seconds *= 2) { // On a machine as busy as it may be.
        launch(&s.first, s.barrier, seconds);
        launch(&s.last, s.barrier, LT_FOREVER);
        must_soon(lt_event_is_set(s.in) || lt_barrier_is_broken(s.barrier));
        if (lt_event_is_set(s.in)) {
            must(lt_sleep(2 * seconds) == LT_OK);
            break;
        }
        LT_IGNORE(end(&s.first));
        LT_IGNORE(end(&s.last));
        assert_ok(lt_barrier_reset(s.barrier));
    }
    assert_false(lt_barrier_is_broken(s.barrier));
    assert_ok(lt_event_set(s.out));
    assert_ok(end(&s.first));
    assert_ok(end(&s.last));
    must_be_empty(s.barrier, false);
    scene_free(&s);
}

// Who waited outside waits still when the action is over, at every moment of its coming in.
TEST(free_is_busy_while_those_outside_come_in) {
    for (int i = 0; i < 100; i++) {
        scene s;
        party outside;
        scene_begin(&s);
        launch(&outside, s.barrier, LT_FOREVER);
        must_soon(sleeps(&outside));
        assert_ok(lt_event_set(s.out));
        for (double began = lt_monotonic(); lt_barrier_waiting(s.barrier) == 0;) {
            assert_true(seconds_since(began) < POLL_SECONDS);
            assert_status(lt_barrier_free(s.barrier), LT_BUSY);
        }
        assert_ok(lt_barrier_wait(s.barrier, NULL));
        assert_ok(end(&outside));
        scene_join(&s);
        scene_free(&s);
    }
}

TEST(a_reset_sends_those_away_who_come_in) {
    for (int i = 0; i < 300; i++) {
        scene s;
        party outside;
        scene_begin(&s);
        launch(&outside, s.barrier, LT_FOREVER);
        must_soon(sleeps(&outside));
        assert_ok(lt_event_set(s.out));
        if (i % 3 == 0) {
            assert_ok(end(&s.last)); // Or the action may still run.
        }
        spend(i % 60 * 1e-6);
        assert_ok(lt_barrier_reset(s.barrier));
        assert_ok(lt_thread_join_timeout(outside.thread, POLL_SECONDS));
        assert_status(end(&outside), LT_BROKEN); // It came before the reset.
        if (i % 3 == 0) {
            assert_ok(end(&s.first));
        } else {
            scene_join(&s);
        }
        must_be_empty(s.barrier, false);
        scene_free(&s);
    }
}

static lt_barrier *own_barrier;
static lt_status own_status;

static void come_again(void *unused) {
    (void)unused;
    must(lt_barrier_free(own_barrier) == LT_BUSY);
    own_status = lt_barrier_wait_timeout(own_barrier, 0.005, NULL);
}

TEST(an_action_that_comes_to_its_own_barrier_is_told_so) {
    own_barrier = new_barrier(1, come_again, NULL);
    own_status = LT_OK;
    uint32_t index = NO_INDEX;
    assert_ok(lt_barrier_wait(own_barrier, &index)); // Its round was complete.
    assert_int_equal(index, 0);
    assert_status(own_status, LT_DEADLOCK);
    must_be_empty(own_barrier, false);
    assert_ok(lt_barrier_free(own_barrier));
}

TEST(so_is_the_action_of_a_round_that_a_drop_has_made_complete) {
    own_barrier = new_barrier(2, come_again, NULL);
    own_status = LT_OK;
    party first;
    launch(&first, own_barrier, LT_FOREVER);
    must_soon(sleeps(&first));
    assert_ok(lt_barrier_drop(own_barrier));
    assert_ok(end(&first));
    assert_status(own_status, LT_DEADLOCK);
    must_be_empty(own_barrier, false);
    assert_ok(lt_barrier_free(own_barrier));
}

// ---- Frees

TEST(free_under_a_waiter_is_busy) {
    lt_barrier *barrier = new_barrier(2, NULL, NULL);
    party p;
    start(&p, barrier, LT_FOREVER);
    assert_status(lt_barrier_free(barrier), LT_BUSY);
    assert_ok(lt_barrier_wait(barrier, NULL));
    assert_ok(end(&p));
    assert_ok(lt_barrier_free(barrier));
    assert_status(lt_barrier_wait(barrier, NULL), LT_BAD_HANDLE);
}

TEST(right_after_its_round_it_can_be_freed) {
    for (int i = 0; i < 200; i++) {
        lt_barrier *barrier = new_barrier(3, NULL, NULL);
        party p[2];
        start(&p[0], barrier, LT_FOREVER);
        start(&p[1], barrier, LT_FOREVER);
        if (i % 2 == 0) {
            assert_ok(lt_barrier_wait(barrier, NULL));
        } else {
            assert_ok(lt_barrier_abort(barrier));
        }
        assert_ok(lt_barrier_free(barrier)); // The others are on their way.
        lt_barrier *next = new_barrier(2, NULL, NULL); // Perhaps in the same place.
        for (int j = 0; j < 2; j++) {
            assert_status(end(&p[j]), i % 2 == 0 ? LT_OK : LT_BROKEN);
        }
        must_be_empty(next, false);
        assert_ok(lt_barrier_free(next));
    }
}

// ---- Turmoil

typedef struct turmoil {
    lt_barrier *barrier;
    _Atomic bool stop;
    _Atomic int seed;
    _Atomic long actions, rounds[3], sent_away;
} turmoil;

static void count_action(void *arg) {
    atomic_fetch_add(&((turmoil *)arg)->actions, 1);
}

static lt_status come_until_stopped(void *arg) {
    static const double seconds[] = {LT_FOREVER, 1e-4, 1.0, 20e-6};
    turmoil *t = arg;
    for (int turn = atomic_fetch_add(&t->seed, 1); !atomic_load(&t->stop); turn++) {
        uint32_t index = NO_INDEX;
        lt_status s = lt_barrier_wait_timeout(t->barrier, seconds[turn % 4], &index);
        must(s == LT_OK || s == LT_TIMED_OUT || s == LT_BROKEN);
        must((s == LT_OK) == (index < 3));
        atomic_fetch_add(s == LT_OK ? &t->rounds[index] : &t->sent_away, 1);
        if (s != LT_OK) {
            must(lt_barrier_reset(t->barrier) == LT_OK);
        }
    }
    return LT_OK;
}

// Whatever happens, a round is of three threads with three indices, and has had its action.
TEST(no_round_is_torn_by_time_outs_resets_and_aborts) {
    turmoil t = {.seed = 0};
    t.barrier = new_barrier(3, count_action, &t);
    waiter w[5];
    for (size_t i = 0; i < LENGTH(w); i++) {
        waiter_launch(&w[i], come_until_stopped, &t);
    }
    // Until enough of both has happened, however little of the machine is left to this.
    for (double began = lt_monotonic();
         seconds_since(began) < 0.4 || t.actions <= 10 || t.sent_away <= 10;) {
        assert_true(seconds_since(began) < POLL_SECONDS);
        assert_ok(lt_sleep(200e-6));
        assert_ok(lt_barrier_abort(t.barrier));
        assert_true(lt_barrier_waiting(t.barrier) < 3);
        assert_ok(lt_barrier_reset(t.barrier));
    }
    atomic_store(&t.stop, true);
    for (size_t i = 0; i < LENGTH(w); i++) {
        while (!waiter_is_done(&w[i])) {
            assert_ok(lt_barrier_abort(t.barrier));
            sched_yield();
        }
        assert_ok(waiter_join(&w[i]));
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(t.rounds[i], t.actions);
    }
    assert_int_equal(lt_barrier_waiting(t.barrier), 0);
    assert_ok(lt_barrier_free(t.barrier));
}

// ---- Forks

static void check_round_in_child(lt_barrier *barrier) {
    party p;
    start(&p, barrier, LT_FOREVER);
    must(lt_barrier_free(barrier) == LT_BUSY);
    must(lt_barrier_wait(barrier, NULL) == LT_OK);
    must(end(&p) == LT_OK);
    must_be_empty(barrier, false);
    must(lt_barrier_free(barrier) == LT_OK);
}

static void check_child(void *barrier) {
    alarm(20);
    must_be_empty(barrier, false);
    check_round_in_child(barrier);
}

TEST(in_a_child_nobody_waits) {
    lt_barrier *barrier = new_barrier(2, NULL, NULL);
    party p;
    start(&p, barrier, LT_FOREVER);
    assert_int_equal(run_in_child(check_child, barrier), 0);
    assert_int_equal(lt_barrier_waiting(barrier), 1);
    assert_ok(lt_barrier_wait(barrier, NULL));
    assert_ok(end(&p));
    assert_ok(lt_barrier_free(barrier));
}

static void check_child_of_broken(void *barrier) {
    alarm(20);
    must_be_empty(barrier, true);
    must(lt_barrier_wait(barrier, NULL) == LT_BROKEN);
    must(lt_barrier_reset(barrier) == LT_OK);
    check_round_in_child(barrier);
}

TEST(in_a_child_it_is_broken_still) {
    lt_barrier *barrier = new_barrier(2, NULL, NULL);
    assert_ok(lt_barrier_abort(barrier));
    assert_int_equal(run_in_child(check_child_of_broken, barrier), 0);
    assert_ok(lt_barrier_free(barrier));
}

TEST(in_a_child_the_action_of_another_thread_does_not_run) {
    scene s;
    party outside[2];
    scene_begin(&s);
    launch(&outside[0], s.barrier, LT_FOREVER);
    must_soon(sleeps(&outside[0]));
    assert_int_equal(run_in_child(check_child, s.barrier), 0);
    assert_ok(lt_barrier_abort(s.barrier));
    assert_status(end(&outside[0]), LT_BROKEN);
    assert_int_equal(run_in_child(check_child_of_broken, s.barrier), 0);
    scene_end(&s);
    scene_free(&s);
}

static bool run_once;

static void fork_elsewhere(void *barrier) {
    must(run_in_child(check_child, *(lt_barrier **)barrier) == 0);
}

static void fork_on_a_thread(void *barrier) {
    if (run_once) {
        return;
    }
    run_once = true;
    lt_thread *thread;
    must(lt_thread_start(fork_elsewhere, barrier, NULL, &thread) == LT_OK);
    must(lt_thread_join(thread) == LT_OK && lt_thread_free(thread) == LT_OK);
}

// Of the parent's main thread, which is not the child's.
TEST(in_the_child_of_a_thread_the_action_of_the_main_thread_does_not_run) {
    static lt_barrier *barrier;
    barrier = new_barrier(2, fork_on_a_thread, &barrier);
    party first;
    start(&first, barrier, LT_FOREVER);
    assert_ok(lt_barrier_wait(barrier, NULL));
    assert_ok(end(&first));
    assert_true(run_once);
    assert_ok(lt_barrier_free(barrier));
}

static pid_t child_of_action;

static void fork_in_the_action(void *arg) {
    (void)arg;
    if (child_of_action == -1) {
        fflush(NULL);
        child_of_action = fork_to_go_on();
        must(child_of_action >= 0);
        come_again(NULL);
        must(own_status == LT_DEADLOCK);
    }
}

// In the child the thread that forked still runs the action.
TEST(an_action_may_fork) {
    child_of_action = -1;
    lt_barrier *barrier = own_barrier = new_barrier(2, fork_in_the_action, NULL);
    party first;
    start(&first, barrier, LT_FOREVER);
    uint32_t index = NO_INDEX;
    lt_status waited = lt_barrier_wait(barrier, &index);
    if (child_of_action == 0) {
        alarm(20);
        must(waited == LT_OK && index == 1);
        check_child(barrier);
        _exit(0);
    }
    assert_ok(waited);
    assert_ok(end(&first));
    assert_int_equal(wait_for_child(child_of_action), 0);
    must_be_empty(barrier, false);
    assert_ok(lt_barrier_free(barrier));
}
