// The system refuses a system call, with each error that it has for it: before the library has done anything, later,
// and while threads are in the middle of everything.
//
// Left out, since nothing could go on: a futex that always says EINTR wakes nobody, which no kernel does (real signals are
// test_strained.c's); a
// mask of signals that cannot be set; a read that is always interrupted; munmap, without which the C library aborts when it
// gives up a stack.
// timeout: 120
// needs: seccomp
#include "refusal.h"

typedef struct fault {
    const row *row;
    int error;
} fault;

static bool refuse(const fault *f) {
    return refuse_calls(f->row->numbers, count_calls(f->row), f->error);
}

static tour tour_of(const fault *f) {
    static char name[64];
    snprintf(name, sizeof name, "%s (%s)", f->row->name, strerror(f->error));
    alarm(20);
    return (tour){name, f->row->fails};
}

static void from_the_start(void *fault) {
    tour t = tour_of(fault);
    must_for(t.name, refuse(fault));
    go_on_tour(&t);
}

static void later(void *fault) {
    tour t = tour_of(fault), before = {t.name, NOTHING};
    go_on_tour(&before);
    must_for(t.name, refuse(fault));
    go_on_tour(&t);
    go_on_tour(&t);
}

static _Atomic bool over;

static void *tour_again_and_again(void *t) {
    while (!atomic_load(&over)) {
        tour_two_threads(t);
        tour_timers_and_watches(t);
        tour_pool(t);
    }
    return NULL;
}

// Threads of the program's own, which are there before.
static void in_the_middle(void *fault) {
    tour t = tour_of(fault);
    pthread_t threads[3];
    for (size_t i = 0; i < LENGTH(threads); i++) {
        must(pthread_create(&threads[i], NULL, tour_again_and_again, &t) == 0);
    }
    tour before = {t.name, NOTHING};
    tour_pool(&before);
    must_for(t.name, refuse(fault));
    tour_interrupts(&t);
    tour_pool(&t);
    atomic_store(&over, true);
    for (size_t i = 0; i < LENGTH(threads); i++) {
        must(pthread_join(threads[i], NULL) == 0);
    }
}

static void check_each(void (*when)(void *)) {
    skip_where_nothing_is_refused();
    int failed = 0;
    for (size_t i = 0; i < LENGTH(ROWS); i++) {
        if (!is_survived(&ROWS[i])) {
            continue;
        }
        for (const int *error = ROWS[i].errors; *error != END; error++) {
            fault f = {&ROWS[i], *error};
            int status = run_in_child(when, &f);
            if (status != 0) {
                printf("%s (%s): the child ended with %#x\n", f.row->name, strerror(f.error), (unsigned)status);
                failed++;
            }
        }
    }
    assert_int_equal(failed, 0);
}

TEST(what_is_refused_from_the_start_is_told_and_the_rest_works) {
    check_each(from_the_start);
}

TEST(what_is_refused_later_is_told_and_the_rest_works) {
    check_each(later);
}

TEST(what_is_refused_in_the_middle_is_told_and_the_rest_works) {
    check_each(in_the_middle);
}

// Without a futex a wait looks again and again. The C library ends the process where it would sleep: so nobody is joined.
static void without_a_futex(void *unused) {
    (void)unused;
    const tour here = {"no futex", NOTHING}, *t = &here;
    alarm(20);
    tour_parts p = {lt_allocate_lock(), lt_event_new(), lt_event_new(), lt_queue_new(2), lt_queue_new(2)};
    on_tour(lt_lock_acquire(p.lock) == LT_OK);
    on_tour(refuse_calls((const long[]){SYS_futex, SYS_futex_waitv}, 2, ENOSYS));
    double began = lt_monotonic();
    on_tour(lt_lock_acquire_timeout(p.lock, 0.02) == LT_TIMED_OUT && seconds_since(began) >= 0.02);
    on_tour(lt_event_wait_timeout(p.event, 0.02) == LT_TIMED_OUT && seconds_since(began) >= 0.04);
    on_tour(lt_start_new_thread(tour_other_side, &p, NULL) == LT_OK);
    on_tour(lt_event_wait(p.begun) == LT_OK);
    on_tour(lt_lock_release(p.lock) == LT_OK);
    on_tour(lt_event_set(p.event) == LT_OK);
    tour_there_and_back(t, &p);
    _exit(0);
}

TEST(without_a_futex_times_are_kept_and_threads_wake) {
    skip_where_nothing_is_refused();
    if ((lt_features() & LT_FEATURE_WAKE_IN_HANDLERS) == 0) {
        skip_because("the portable wait engine ends the process");
    }
    assert_int_equal(run_in_child(without_a_futex, NULL), 0);
}
