// A sandbox that a program enters when it is ready may refuse membarrier, which the library was granted when it made
// its first queue. From then on both sides of a queue, and of a fork, must fence for themselves.
// timeout: 120
// needs: seccomp
#include "waits.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

static bool membarrier_works(void) {
    return syscall(SYS_membarrier, 0, 0, 0) >= 0;
}

// In all threads.
static bool forbid_membarrier(void) {
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = LENGTH(rules), .filter = rules};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0 &&
        !membarrier_works();
}

typedef struct pair {
    lt_queue *there, *back;
    _Atomic long rounds;
    _Atomic bool stop;
} pair;

// About as long as the other side stays awake before it registers and sleeps, now shorter, now longer: that is the
// moment for which the fences are.
static void delay(long round) {
    spend((5.0 + (double)(round * 37 % 400) * 0.05) * 1e-6);
}

static lt_status answer(void *arg) {
    pair *p = arg;
    long round = 0;
    for (void *item; lt_queue_get(p->there, &item) == LT_OK; round++) {
        delay(round);
        must(lt_queue_put(p->back, item) == LT_OK);
    }
    return LT_OK;
}

static lt_status ask(void *arg) {
    pair *p = arg;
    for (long round = 0; !atomic_load(&p->stop); round++) {
        void *item = NULL;
        must(lt_queue_put(p->there, p) == LT_OK);
        must(lt_queue_get_timeout(p->back, POLL_SECONDS, &item) == LT_OK);
        atomic_fetch_add(&p->rounds, 1);
        delay(round / 7);
    }
    return LT_OK;
}

static void run(double seconds, bool forbids) {
    pair p = {.there = lt_queue_new(4), .back = lt_queue_new(4)};
    waiter asks, answers;
    waiter_launch(&answers, answer, &p);
    waiter_launch(&asks, ask, &p);
    must_soon(atomic_load(&p.rounds) > 100);
    bool as_asked = !forbids || forbid_membarrier();
    long before = atomic_load(&p.rounds);
    for (double began = lt_monotonic(); as_asked && seconds_since(began) < seconds;) {
        sched_yield();
    }
    atomic_store(&p.stop, true);
    assert_ok(waiter_join(&asks));
    assert_true(atomic_load(&p.rounds) > before || !as_asked);
    assert_ok(lt_queue_close(p.there, false));
    assert_ok(waiter_join(&answers));
    assert_ok(lt_queue_free(p.there));
    assert_ok(lt_queue_free(p.back));
    if (!as_asked) {
        skip_because("there is no membarrier here, or no filter");
    }
}

TEST(queues_lose_no_wake_up_when_membarrier_is_refused_after_it_was_granted) {
    if (!membarrier_works()) {
        skip_because("there is no membarrier here");
    }
    run(getenv("LT_LONG") != NULL ? 60.0 : 3.0, true);
    run(0.2, false); // Made later.
}

static void use_a_queue(void *unused) {
    (void)unused;
    alarm(20);
    lt_queue *queue = lt_queue_new(1);
    waiter w;
    waiter_start(&w, QUEUE_GET_WAIT.wait, queue);
    must(lt_queue_put(queue, queue) == LT_OK && waiter_join(&w) == LT_OK);
    must_soon(lt_queue_free(queue) == LT_OK);
}

static lt_status make_and_free(void *stop) {
    while (!atomic_load((_Atomic bool *)stop)) {
        lt_condition *condition = lt_condition_new();
        must(condition != NULL && lt_condition_free(condition) == LT_OK);
    }
    return LT_OK;
}

TEST(forks_find_nobody_inside_when_membarrier_is_refused_after_it_was_granted) {
    skip_beside_busy_threads();
    _Atomic bool stop = false;
    waiter w;
    lt_queue *queue = lt_queue_new(1);
    waiter_launch(&w, make_and_free, &stop);
    assert_int_equal(run_in_child(use_a_queue, NULL), 0);
    bool forbidden = membarrier_works() && forbid_membarrier();
    for (int i = 0; forbidden && i < 100; i++) {
        assert_int_equal(run_in_child(use_a_queue, NULL), 0);
    }
    atomic_store(&stop, true);
    assert_ok(waiter_join(&w));
    assert_ok(lt_queue_free(queue));
    if (!forbidden) {
        skip_because("there is no membarrier here, or no filter");
    }
}
