// lt_interrupt(): every thread that the library knows by its ident, in every kind of wait.
// timeout: 120
#include "waits.h"

// How a thread comes by an ident: this decides how it sleeps.
typedef struct thread_kind {
    const char *name;
    void (*start)(void (*run)(void *), void *arg, lt_ident *ident); // 0: found by its native id.
} thread_kind;

static void start_told(void (*run)(void *), void *arg, lt_ident *ident) {
    must(lt_start_new_thread(run, arg, ident) == LT_OK);
}

static void start_untold(void (*run)(void *), void *arg, lt_ident *ident) {
    *ident = 0;
    must(lt_start_new_thread(run, arg, NULL) == LT_OK);
}

typedef struct foreign {
    void (*run)(void *);
    void *arg;
} foreign;

static void *foreign_run(void *arg) {
    foreign f = *(foreign *)arg;
    free(arg);
    f.run(f.arg);
    return NULL;
}

static void start_foreign(void (*run)(void *), void *arg, lt_ident *ident) {
    pthread_t thread;
    foreign *f = malloc(sizeof *f);
    must(f != NULL);
    *f = (foreign){run, arg};
    *ident = 0;
    must(pthread_create(&thread, NULL, foreign_run, f) == 0 && pthread_detach(thread) == 0);
}

static void start_joinable(void (*run)(void *), void *arg, lt_ident *ident) {
    lt_thread *thread;
    lt_thread_options options = {.size = sizeof options, .daemon = true};
    must(lt_thread_start(run, arg, &options, &thread) == LT_OK);
    *ident = lt_thread_ident(thread);
    must(lt_thread_free(thread) == LT_OK);
}

static const thread_kind TOLD = {"told", start_told}, UNTOLD = {"untold", start_untold},
                         FOREIGN = {"foreign", start_foreign}, JOINABLE = {"joinable", start_joinable};
static const thread_kind *const KINDS[] = {&TOLD, &UNTOLD, &FOREIGN, &JOINABLE};

// A thread that makes one call.
typedef struct subject {
    lt_status (*call)(void *);
    void *object;
    lt_ident ident;
    bool tells; // A foreign thread: lt_enumerate does not know of it.
    _Atomic lt_ident own;
    _Atomic int64_t native_id;
    lt_status status;
    int signum;
    bool pending; // Whether another interrupt was, after the call.
    _Atomic bool done;
} subject;

static void subject_run(void *arg) {
    subject *s = arg;
    if (s->tells) {
        atomic_store(&s->own, lt_get_ident());
    }
    atomic_store(&s->native_id, lt_get_native_id());
    s->status = s->call(s->object);
    s->signum = lt_interrupt_signal();
    s->pending = lt_check_interrupt() == LT_INTERRUPTED;
    atomic_store(&s->done, true);
}

static lt_ident ident_of_native(int64_t native_id) {
    static lt_thread_info all[64];
    size_t count = 0;
    all[0].size = sizeof *all;
    must(lt_enumerate(all, LENGTH(all), &count) == LT_OK && count <= LENGTH(all));
    for (size_t i = 0; i < count; i++) {
        if (all[i].native_id == native_id) {
            return all[i].ident;
        }
    }
    return 0;
}

static void subject_launch(
    subject *s, const thread_kind *kind, lt_status (*call)(void *), void *object) {
    *s = (subject){.call = call, .object = object, .tells = kind == &FOREIGN};
    kind->start(subject_run, s, &s->ident);
    must_soon(atomic_load(&s->native_id) != 0);
    if (s->tells) {
        s->ident = atomic_load(&s->own);
    } else if (s->ident == 0) {
        s->ident = ident_of_native(s->native_id);
    }
    must(s->ident != 0);
}

static void check_interrupted(
    const thread_kind *thread, const char *what, lt_status (*call)(void *), void *object) {
    subject s;
    subject_launch(&s, thread, call, object);
    must_soon(asleep(s.native_id));
    must_for(what, lt_interrupt(s.ident) == LT_OK);
    must_soon(atomic_load(&s.done));
    must_for(thread->name, s.status == LT_INTERRUPTED);
    must_for(what, s.status == LT_INTERRUPTED && s.signum == 0 && !s.pending);
}

TEST(every_wait_of_every_thread_is_interrupted) {
    for (size_t i = 0; i < LENGTH(KINDS); i++) {
        for_each_wait(kind) {
            void *object = waits_make(kind);
            check_interrupted(KINDS[i], kind->name, kind->wait, object);
            timed_wait t = {kind, object, 1000.0};
            check_interrupted(KINDS[i], kind->name, timed_wait_call, &t);
            // Nothing has happened to the object.
            must_for(kind->name, kind->try_wait(object) == kind->not_yet);
            must_for(kind->name, kind->satisfy(object) == LT_OK);
            must_for(kind->name, kind->try_wait(object) == LT_OK);
            waits_destroy(kind, object);
        }
    }
    assert_ok(lt_check_interrupt()); // Of the main thread.
}

static lt_status sleep_long(void *arg) {
    (void)arg;
    return lt_sleep(1000.0);
}

TEST(a_sleep_of_every_thread_is_interrupted) {
    for (size_t i = 0; i < LENGTH(KINDS); i++) {
        check_interrupted(KINDS[i], "sleep", sleep_long, NULL);
    }
}

static lt_status compute(void *go) {
    while (!atomic_load((_Atomic bool *)go)) {
    }
    return lt_check_interrupt();
}

TEST(a_thread_that_computes_finds_its_interrupt) {
    for (size_t i = 0; i < LENGTH(KINDS); i++) {
        _Atomic bool go = false;
        subject s;
        subject_launch(&s, KINDS[i], compute, &go);
        for (int times = 0; times < 3; times++) { // Three are one.
            assert_ok(lt_interrupt(s.ident));
        }
        atomic_store(&go, true);
        must_soon(atomic_load(&s.done));
        assert_status(s.status, LT_INTERRUPTED);
        assert_int_equal(s.signum, 0);
        assert_false(s.pending);
    }
}

static lt_status interrupt_it(void *ident) {
    must_soon(asleep(getpid()));
    return lt_interrupt(*(lt_ident *)ident);
}

TEST(the_main_thread_is_interrupted_without_a_signal) {
    lt_ident main_thread = lt_main_ident();
    lt_event *never = lt_event_new();
    waiter w;
    waiter_launch(&w, interrupt_it, &main_thread);
    assert_status(lt_event_wait(never), LT_INTERRUPTED);
    assert_int_equal(lt_interrupt_signal(), 0);
    assert_ok(waiter_join(&w));
    assert_ok(lt_interrupt(main_thread)); // Itself.
    assert_status(lt_sleep(1000.0), LT_INTERRUPTED);
    assert_ok(lt_check_interrupt());
    assert_ok(lt_event_free(never));
}

TEST(one_with_a_signal_and_one_without_are_two_answers) {
    lt_event *never = lt_event_new();
    for (int order = 0; order < 2; order++) {
        for (int turn = 0; turn < 2; turn++) {
            assert_ok(turn == order ? lt_interrupt(lt_main_ident()) : lt_interrupt_main(SIGUSR2));
        }
        assert_status(lt_event_wait(never), LT_INTERRUPTED);
        int first = lt_interrupt_signal();
        assert_status(lt_event_wait(never), LT_INTERRUPTED);
        assert_int_equal(first + lt_interrupt_signal(), SIGUSR2);
        assert_status(lt_event_wait_timeout(never, 1e-4), LT_TIMED_OUT);
    }
    assert_ok(lt_event_free(never));
}

static _Atomic lt_ident service;

static void note_ident(int signum, void *called) {
    (void)signum;
    atomic_store(&service, lt_get_ident());
    must(lt_semaphore_release(called, 1) == LT_OK);
}

TEST(what_is_no_living_thread_is_invalid) {
    for (size_t i = 0; i < LENGTH(KINDS); i++) {
        lt_event *leave = lt_event_new();
        subject s;
        subject_launch(&s, KINDS[i], waits_event_wait, leave);
        assert_ok(lt_event_set(leave));
        must_soon(atomic_load(&s.done));
        must_soon(lt_interrupt(s.ident) == LT_INVALID); // When it is over.
        assert_int_equal(lt_last_status(), LT_INVALID);
        assert_true(last_error_names("lt_interrupt"));
        must_soon(lt_event_free(leave) == LT_OK);
    }
    const lt_ident nobody[] = {0, UINT64_MAX, UINT64_C(1) << 40};
    for (size_t i = 0; i < LENGTH(nobody); i++) {
        assert_status(lt_interrupt(nobody[i]), LT_INVALID);
    }
    // A thread of the library's own.
    lt_semaphore *called = lt_semaphore_new(0);
    skip_without_signals();
    assert_ok(lt_signal_to_callback(SIGUSR1, note_ident, called));
    assert_int_equal(raise(SIGUSR1), 0);
    assert_ok(lt_semaphore_acquire(called));
    assert_status(lt_interrupt(atomic_load(&service)), LT_INVALID);
    assert_ok(lt_signal_restore(SIGUSR1));
}

// ---- Races

typedef struct rounds {
    lt_event *never;
    _Atomic long begun, answered; // The number of the round.
    long count;
} rounds;

static lt_status be_interrupted(void *arg) {
    rounds *r = arg;
    for (long round = 1; round <= r->count; round++) {
        atomic_store(&r->begun, round);
        must((round % 2 ? lt_event_wait(r->never) : lt_event_wait_timeout(r->never, 1000.0)) ==
            LT_INTERRUPTED);
        atomic_store(&r->answered, round);
    }
    return LT_OK;
}

// At every moment of falling asleep: a wait that missed its interrupt would last.
TEST(no_interrupt_is_missed_however_the_thread_sleeps) {
    for (size_t i = 0; i < LENGTH(KINDS); i++) {
        rounds r = {.never = lt_event_new(), .count = getenv("LT_LONG") != NULL ? 100000 : 5000};
        subject s;
        subject_launch(&s, KINDS[i], be_interrupted, &r);
        for (long round = 1; round <= r.count; round++) {
            wait_for_step(&r.begun, round);
            spend((double)(round * 7 % 80) * 1e-6);
            must_for(KINDS[i]->name, lt_interrupt(s.ident) == LT_OK);
            wait_for_step(&r.answered, round);
        }
        must_soon(atomic_load(&s.done));
        assert_false(s.pending);
        assert_ok(lt_event_free(r.never));
    }
}

typedef struct shared_event {
    lt_event *event;
    _Atomic int through;
} shared_event;

static lt_status wait_twice(void *arg) {
    shared_event *shared = arg;
    lt_status status = lt_event_wait(shared->event);
    if (status == LT_INTERRUPTED) {
        status = lt_event_wait(shared->event);
        must(status == LT_OK);
        status = LT_INTERRUPTED;
    }
    atomic_fetch_add(&shared->through, 1);
    return status;
}

// They sleep on the same word: the interrupt of one is no answer for another.
TEST(those_who_sleep_beside_it_sleep_on) {
    shared_event shared = {.event = lt_event_new()};
    subject s[12];
    for (size_t i = 0; i < LENGTH(s); i++) {
        subject_launch(&s[i], KINDS[i % LENGTH(KINDS)], wait_twice, &shared);
        must_soon(asleep(s[i].native_id));
    }
    for (size_t i = 0; i < 4; i++) {
        assert_ok(lt_interrupt(s[i].ident));
    }
    for (size_t i = 0; i < LENGTH(s); i++) {
        must_soon(asleep(s[i].native_id));
    }
    assert_int_equal(atomic_load(&shared.through), 0);
    assert_ok(lt_event_set(shared.event));
    for (size_t i = 0; i < LENGTH(s); i++) {
        must_soon(atomic_load(&s[i].done));
        assert_status(s[i].status, i < 4 ? LT_INTERRUPTED : LT_OK);
        assert_false(s[i].pending);
    }
    must_soon(lt_event_free(shared.event) == LT_OK);
}

static _Atomic lt_ident last_started;
static _Atomic bool stop_interrupting;

static lt_status interrupt_those_that_were(void *unused) {
    (void)unused;
    while (!atomic_load(&stop_interrupting)) {
        lt_ident last = atomic_load(&last_started);
        for (lt_ident ident = last > 3 ? last - 3 : 1; ident < last; ident++) {
            if (ident != lt_main_ident()) {
                lt_status status = lt_interrupt(ident);
                must(status == LT_OK || status == LT_INVALID);
            }
        }
    }
    return LT_OK;
}

static lt_status wait_a_moment(void *arg) {
    (void)arg;
    lt_status status = lt_sleep(1e-5);
    return status == LT_OK ? lt_check_interrupt() : status;
}

// What the library knew of a thread that is over serves the next one, which nobody interrupts.
TEST(an_interrupt_for_a_thread_that_ends_reaches_no_other) {
    subject interrupter;
    subject_launch(&interrupter, &FOREIGN, interrupt_those_that_were, NULL);
    for (int i = 0; i < (getenv("LT_LONG") ? 20000 : 1500); i++) {
        subject s = {.call = wait_a_moment};
        start_told(subject_run, &s, &s.ident);
        must_soon(atomic_load(&s.done));
        assert_ok(s.status);
        atomic_store(&last_started, s.ident + 1);
    }
    atomic_store(&stop_interrupting, true);
    must_soon(atomic_load(&interrupter.done));
    assert_ok(lt_check_interrupt());
}
