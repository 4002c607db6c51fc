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
#include "tour.h"

// The names of other processors.
#ifdef SYS_mmap2
#define MAP SYS_mmap2
#else
#define MAP SYS_mmap
#endif
#ifndef SYS_newfstatat
#define SYS_newfstatat SYS_fstatat64
#endif
#ifndef SYS_readlink
#define SYS_readlink SYS_readlinkat
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

typedef struct row {
    const char *name;
    long numbers[4];
    int errors[6];
    int fails;
} row;

#define END (-1)

static const row ROWS[] = {
    // The C library falls back from clone3 to clone where there is none.
    {"no thread", {SYS_clone, SYS_clone3, END}, {EAGAIN, EPERM, ENOMEM, END}, THREADS},
    {"no clone3", {SYS_clone3, END}, {ENOSYS, END}, NOTHING},
    {"no mapping", {MAP, END}, {ENOMEM, EPERM, EAGAIN, END}, OBJECTS | THREADS},
    // The guard of a stack.
    {"no protection", {SYS_mprotect, END}, {ENOMEM, EACCES, END}, OBJECTS | THREADS},
    {"no advice", {SYS_madvise, END}, {EINVAL, EAGAIN, END}, NOTHING},
    {"no futex_waitv", {SYS_futex_waitv, END}, {ENOSYS, EPERM, EINVAL, ENOMEM, END}, NOTHING},
    {"no membarrier", {SYS_membarrier, END}, {ENOSYS, EPERM, EINVAL, END}, NOTHING},
    {"no affinity", {SYS_sched_getaffinity, SYS_sched_setaffinity, END}, {ENOSYS, EPERM, EINVAL, END}, NOTHING},
    {"no actions", {SYS_rt_sigaction, END}, {EINVAL, EPERM, END}, ROUTES | THREADS},
    {"no signals to threads", {SYS_rt_tgsigqueueinfo, END}, {EPERM, EAGAIN, ENOSYS, END}, NOTHING},
    {"no descriptor", {SYS_eventfd2, END}, {EMFILE, ENFILE, ENOMEM, ENOSYS, ENODEV, END}, DESCRIPTORS},
    {"no files", {SYS_openat, END}, {EACCES, ENOENT, EMFILE, ENFILE, ENOSYS, END}, NOTHING},
    {"no reading", {SYS_read, SYS_pread64, SYS_readlink, END}, {EIO, EACCES, EBADF, END}, NOTHING},
    {"no looking at files", {SYS_newfstatat, SYS_fstat, SYS_statx, END}, {EACCES, ENOMEM, END}, NOTHING},
    {"full disk", {SYS_write, SYS_writev, END}, {ENOSPC, EIO, EPIPE, EAGAIN, END}, WRITES | DESCRIPTORS},
    {"no names", {SYS_prctl, END}, {EPERM, EINVAL, END}, NOTHING},
    {"no yielding", {SYS_sched_yield, END}, {ENOSYS, END}, NOTHING},
    {"no chance", {SYS_getrandom, END}, {ENOSYS, EAGAIN, END}, NOTHING},
    {"no limits", {SYS_prlimit64, END}, {EPERM, ENOSYS, END}, NOTHING},
    {"no robust lists", {SYS_set_robust_list, END}, {ENOSYS, END}, NOTHING},
};

typedef struct fault {
    const row *row;
    int error;
} fault;

static bool refuse(const fault *f) {
    size_t n = 0;
    while (n < LENGTH(f->row->numbers) && f->row->numbers[n] != END) {
        n++;
    }
    return refuse_calls(f->row->numbers, n, f->error);
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

static void skip_where_nothing_is_refused(void) {
    if (!can_refuse_calls()) {
        skip_because("there are no filters here");
    }
    if (under_sanitizer() || under_emulator()) {
        skip_because("the calls of what runs the program would be refused, too");
    }
}

static void check_each(void (*when)(void *)) {
    skip_where_nothing_is_refused();
    int failed = 0;
    for (size_t i = 0; i < LENGTH(ROWS); i++) {
        if ((lt_features() & LT_FEATURE_NO_MEMORY) == 0 && (ROWS[i].fails & OBJECTS) != 0) {
            continue; // The portable wait engine ends the process.
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
