// One system call fails, once: the first of its kind, the second, and so on, until there are no more; each with each
// error that the system has for it. test_refused.c has those that fail for good.
//
// What is left out there is left out here. LT_LONG tries every n; else some of the larger ones.
// timeout: 180
// needs: seccomp
#include "refusal.h"
#include "waits.h"

// ---- What is tried

typedef struct scene {
    const char *name;
    void (*play)(const tour *t);
} scene;

static const scene SCENES[] = {
    {"two threads", tour_two_threads},
    {"interrupts", tour_interrupts},
    {"timers and watches", tour_timers_and_watches},
    {"a pool", tour_pool},
    {"errors", tour_errors},
    {"signals", tour_signals},
    {"a trace", tour_trace},
};

// A thread whose ident nobody has sleeps on one word only.
static void wait_unknown(const wait_kind *kind, void *object) {
    waiter w = {.call = kind->wait, .object = object, .running = lt_allocate_lock()};
    must(lt_lock_acquire(w.running) == LT_OK);
    must(lt_start_new_thread(waiter_run, &w, NULL) == LT_OK);
    must_soon(waiter_asleep(&w));
    must_for(kind->name, kind->satisfy(object) == LT_OK);
    must_for(kind->name, waiter_join(&w) == LT_OK);
    waits_undo(kind, object);
    must_for(kind->name, kind->try_wait(object) == kind->not_yet);
}

static void each_wait(const tour *t) {
    (void)t;
    for_each_wait(kind) {
        waits_check_blocks_until_satisfied(kind);
        void *object = waits_make(kind);
        waits_check_time_out(kind, object, 0.001);
        wait_unknown(kind, object);
        waits_destroy(kind, object);
    }
}

enum { ROUNDS = 3 };

static lt_status pass_barrier(void *barrier) {
    lt_status status = LT_OK;
    for (int i = 0; status == LT_OK && i < ROUNDS; i++) {
        status = lt_barrier_wait(barrier, NULL);
    }
    return status;
}

static void barrier_rounds(const tour *t) {
    lt_barrier *barrier = lt_barrier_new(3, NULL, NULL);
    on_tour(barrier != NULL);
    waiter w[2];
    for (size_t i = 0; i < LENGTH(w); i++) {
        waiter_start(&w[i], pass_barrier, barrier);
    }
    on_tour(pass_barrier(barrier) == LT_OK);
    for (size_t i = 0; i < LENGTH(w); i++) {
        on_tour(waiter_join(&w[i]) == LT_OK);
    }
    on_tour(lt_barrier_free(barrier) == LT_OK);
}

static const scene WAITS_IN_SCENES[] = {
    {"each wait", each_wait},
    {"a barrier", barrier_rounds},
};

// ---- Which calls

// A wait of the library's is FUTEX_WAIT_BITSET on the monotonic clock, which none of the C library's is.
enum { FUTEX_WAITS = 9 | 128 };

static const row WAIT_ROWS[] = {
    {"a futex", {SYS_futex, END}, {EINTR, EAGAIN, END}, NOTHING},
    {"a futex_waitv", {SYS_futex_waitv, END}, {EINTR, EAGAIN, ENOMEM, ENOSYS, END}, NOTHING},
    {"a membarrier", {SYS_membarrier, END}, {EPERM, END}, NOTHING},
};

// What a signal has interrupted is done again. (Who polls /proc in a test does not.)
static const row INTERRUPTED_ROWS[] = {
    {"an interrupted open", {SYS_openat, END}, {EINTR, END}, NOTHING},
    {"an interrupted read", {SYS_read, SYS_pread64, END}, {EINTR, END}, NOTHING},
    {"an interrupted write", {SYS_write, SYS_writev, END}, {EINTR, END}, NOTHING},
};

typedef struct play {
    nth_call call;
    const scene *scene;
} play;

// The next that the system would give.
static int next_descriptor(void) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && close(fd) == 0);
    return fd;
}

// Then the same again, of which nothing may fail.
static void play_twice(nth_call *call) {
    const play *p = (const play *)call;
    char name[128];
    snprintf(name, sizeof name, "%s: %s, call %ld (%s)", p->scene->name, call->row->name, call->n,
        strerror(call->error));
    tour t = {name, call->row->fails}, after = {name, NOTHING};
    alarm(30);
    atomic_store(&call->on, true);
    int descriptor = next_descriptor();
    p->scene->play(&t);
    must_for(name, next_descriptor() == descriptor);
    atomic_store(&call->on, false);
    p->scene->play(&after);
}

static long next_n(long n) {
    return getenv("LT_LONG") != NULL || n < 8 ? n + 1 : n + n / 2;
}

static long tried;

// Whether all went well.
static bool refuse_each(const scene *s, const row *r, int error) {
    play *p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(p != MAP_FAILED);
    bool well = true, reached = true;
    for (long n = 1; reached; n = next_n(n)) {
        *p = (play){{.row = r, .error = error, .futex = FUTEX_WAITS, .n = n}, s};
        int status = run_with_nth_refused(&p->call, play_twice);
        reached = atomic_load(&p->call.seen) >= n;
        tried += reached;
        if (status != 0) {
            printf("%s: %s, call %ld (%s): the child ended with %#x\n", s->name, r->name, n, strerror(error),
                (unsigned)status);
            well = false;
        }
    }
    must(munmap(p, sizeof *p) == 0);
    return well;
}

static void check_scenes(const scene *scenes, size_t n, const row *rows, size_t count) {
    int failed = 0;
    for (size_t s = 0; s < n; s++) {
        for (const row *r = rows; r < rows + count; r++) {
            for (const int *error = r->errors; is_survived(r) && *error != END; error++) {
                failed += !refuse_each(&scenes[s], r, *error);
            }
        }
    }
    assert_int_equal(failed, 0);
}

static void skip_where_nobody_can_be_asked(void) {
    skip_where_nothing_is_refused();
    if (!can_filter(SECCOMP_RET_USER_NOTIF)) {
        skip_because("this kernel asks nobody before a system call");
    }
}

TEST(of_a_wait_that_fails_once_nobody_sees_anything) {
    skip_where_nobody_can_be_asked();
    if ((lt_features() & LT_FEATURE_WAKE_IN_HANDLERS) == 0) {
        skip_because("on the portable wait engine others' code waits");
    }
    check_scenes(WAITS_IN_SCENES, LENGTH(WAITS_IN_SCENES), WAIT_ROWS, LENGTH(WAIT_ROWS));
    check_scenes(SCENES, LENGTH(SCENES), WAIT_ROWS, LENGTH(WAIT_ROWS));
    assert_true(tried > 0);
}

TEST(what_is_interrupted_once_is_done_again) {
    skip_where_nobody_can_be_asked();
    check_scenes(SCENES, LENGTH(SCENES), INTERRUPTED_ROWS, LENGTH(INTERRUPTED_ROWS));
    assert_true(tried > 0);
}

TEST(what_fails_once_is_told_and_then_all_works) {
    skip_where_nobody_can_be_asked();
    check_scenes(SCENES, LENGTH(SCENES), ROWS, LENGTH(ROWS));
    assert_true(tried > 0);
}
