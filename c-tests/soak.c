// Every primitive at once for SECONDS, with 64 threads that hand something to each other or take turns, beside forks,
// interrupts, errors, timers and a pool: soak SECONDS. Each thread counts what it has done, and what it has waited for at
// the longest. One that does not go on for PATIENCE has lost a wake-up: then it is told who waits for what, and that is the
// end. So is what came out wrong, and memory that grows.
#include <lowthread.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE = 120, SAMPLES = 10, MEMORY_MAY_GROW = 8 << 20 };

#define must(claim) ((claim) ? (void)0 : fail(__LINE__, #claim))

static void fail(int line, const char *claim) {
    fprintf(stderr, "soak.c:%d: %s is not so; the last error: %s\n", line, claim, lt_last_error());
    LT_IGNORE(lt_dump(2));
    abort();
}

typedef struct worker worker;

// What some threads do together.
typedef struct station {
    const char *name;
    void (*work)(worker *);
    int threads;
    bool hands_over;   // Else its threads take turns.
    int interruptible; // So many of them, whose waits begin anew after an interrupt; of the others none saves a lost wake-up.
} station;

struct worker {
    const station *station;
    int number; // In its station.
    lt_thread *thread;
    _Atomic uint64_t done;
    _Atomic uint64_t interrupts;
    _Atomic double longest;
};

static atomic_bool stopping;
static atomic_bool interrupting;

static bool is_interruptible(const worker *w) {
    return w->number < w->station->interruptible;
}

static bool goes_on(worker *w) {
    atomic_fetch_add_explicit(&w->done, 1, memory_order_relaxed);
    return !atomic_load_explicit(&stopping, memory_order_relaxed);
}

static void waited(worker *w, double began) {
    double seconds = lt_monotonic() - began;
    if (seconds > atomic_load_explicit(&w->longest, memory_order_relaxed)) {
        atomic_store_explicit(&w->longest, seconds, memory_order_relaxed);
    }
}

// The status of a wait, which is begun anew after an interrupt.
#define wait_for(w, call)                                                                                              \
    __extension__({                                                                                                    \
        double began_ = lt_monotonic();                                                                                \
        lt_status status_;                                                                                             \
        while ((status_ = (call)) == LT_INTERRUPTED) {                                                                 \
            must(is_interruptible(w));                                                                                 \
            atomic_fetch_add_explicit(&(w)->interrupts, 1, memory_order_relaxed);                                      \
        }                                                                                                              \
        waited((w), began_);                                                                                           \
        status_;                                                                                                       \
    })

// ---- Those who take turns: each adds to a plain number, which is right in the end

static lt_lock *lock;
static lt_rlock *rlock;
static lt_rwlock *rwlock;
static lt_spinlock *spinlock;
static lt_semaphore *permits; // Two.
static struct {
    uint64_t lock, rlock, rwlock, spinlock;
} turns;
static atomic_int inside;

#define TAKES_TURNS(name, what, acquire, release)                                                                      \
    static void name(worker *w) {                                                                                      \
        do {                                                                                                           \
            must(wait_for(w, acquire(what)) == LT_OK);                                                                 \
            turns.what++;                                                                                              \
            must(release(what) == LT_OK);                                                                              \
        } while (goes_on(w));                                                                                          \
    }

static lt_status enter_twice(lt_rlock *r) {
    lt_status status = lt_rlock_acquire(r);
    must(status != LT_OK || lt_rlock_acquire(r) == LT_OK);
    return status;
}

static lt_status leave_twice(lt_rlock *r) {
    must(lt_rlock_release(r) == LT_OK);
    return lt_rlock_release(r);
}

TAKES_TURNS(take_lock, lock, lt_lock_acquire, lt_lock_release)
TAKES_TURNS(take_rlock, rlock, enter_twice, leave_twice)
TAKES_TURNS(spin, spinlock, lt_spinlock_acquire, lt_spinlock_release)

static _Atomic uint64_t writes;

static void read_and_write(worker *w) {
    for (uint64_t i = (uint64_t)w->number;; i++) {
        if (i % 8 == 0) {
            must(wait_for(w, lt_rwlock_write_acquire(rwlock)) == LT_OK);
            turns.rwlock++;
            atomic_fetch_add_explicit(&writes, 1, memory_order_relaxed);
            must(lt_rwlock_write_release(rwlock) == LT_OK);
        } else {
            must(wait_for(w, lt_rwlock_read_acquire(rwlock)) == LT_OK);
            uint64_t seen = turns.rwlock;
            must(seen == *(volatile uint64_t *)&turns.rwlock);
            must(lt_rwlock_read_release(rwlock) == LT_OK);
        }
        if (!goes_on(w)) {
            return;
        }
    }
}

static void take_permit(worker *w) {
    do {
        must(wait_for(w, lt_semaphore_acquire(permits)) == LT_OK);
        must(atomic_fetch_add(&inside, 1) < 2);
        atomic_fetch_sub(&inside, 1);
        must(lt_semaphore_release(permits, 1) == LT_OK);
    } while (goes_on(w));
}

// ---- Those who hand something over

static lt_semaphore *there[4]; // Of two pairs.

static void signal_there_and_back(worker *w) {
    lt_semaphore *mine = there[w->number], *others = there[w->number ^ 1];
    if (w->number % 2 == 0) {
        must(lt_semaphore_release(others, 1) == LT_OK);
    }
    do {
        must(wait_for(w, lt_semaphore_acquire(mine)) == LT_OK);
        must(lt_semaphore_release(others, 1) == LT_OK);
    } while (goes_on(w));
    must(lt_semaphore_release(others, 1) == LT_OK); // In case it waits for one more.
}

static lt_event *turn_of[4];

static void set_there_and_back(worker *w) {
    lt_event *mine = turn_of[w->number], *others = turn_of[w->number ^ 1];
    if (w->number % 2 == 0) {
        must(lt_event_set(others) == LT_OK);
    }
    do {
        must(wait_for(w, lt_event_wait(mine)) == LT_OK);
        must(lt_event_clear(mine) == LT_OK);
        must(lt_event_set(others) == LT_OK);
    } while (goes_on(w));
    must(lt_event_set(others) == LT_OK);
}

// A buffer of four places: even threads put, odd ones get.
static struct {
    lt_lock *lock;
    lt_condition *items, *room;
    int full;
    uint64_t put, got;
    int putting;
} buffer = {.putting = 3};

static void trade(worker *w) {
    bool puts = w->number % 2 == 0;
    lt_condition *mine = puts ? buffer.room : buffer.items, *others = puts ? buffer.items : buffer.room;
    must(wait_for(w, lt_lock_acquire(buffer.lock)) == LT_OK);
    for (;;) {
        while (puts ? buffer.full == 4 : buffer.full == 0 && buffer.putting > 0) {
            must(wait_for(w, lt_condition_wait(mine, buffer.lock)) == LT_OK);
        }
        if (!puts && buffer.full == 0) {
            break;
        }
        buffer.full += puts ? 1 : -1;
        *(puts ? &buffer.put : &buffer.got) += 1;
        must(lt_condition_notify(others, 1) == LT_OK);
        if (!goes_on(w) && puts) {
            buffer.putting--;
            must(lt_condition_notify_all(buffer.items) == LT_OK);
            break;
        }
        must(lt_lock_release(buffer.lock) == LT_OK);
        must(wait_for(w, lt_lock_acquire(buffer.lock)) == LT_OK);
    }
    must(lt_lock_release(buffer.lock) == LT_OK);
}

static lt_queue *queue; // Four put, four get.
static atomic_int putters = 4;
static _Atomic uint64_t sum_put, sum_got;

static void stream(worker *w) {
    if (w->number % 2 == 0) {
        uintptr_t item = 0;
        do {
            must(wait_for(w, lt_queue_put(queue, (void *)++item)) == LT_OK);
            atomic_fetch_add_explicit(&sum_put, item, memory_order_relaxed);
        } while (goes_on(w));
        if (atomic_fetch_sub(&putters, 1) == 1) {
            must(lt_queue_close(queue, false) == LT_OK);
        }
        return;
    }
    void *item;
    lt_status status;
    while ((status = wait_for(w, lt_queue_get(queue, &item))) == LT_OK) {
        atomic_fetch_add_explicit(&sum_got, (uintptr_t)item, memory_order_relaxed);
        (void)goes_on(w);
    }
    must(status == LT_CLOSED);
}

static lt_queue *selected[2]; // One puts, two select.

static void select_items(worker *w) {
    static char item, end;
    if (w->number == 0) {
        uint64_t n = 0;
        do {
            must(wait_for(w, lt_queue_put(selected[n++ % 2], &item)) == LT_OK);
        } while (goes_on(w));
        for (int i = 0; i < 2; i++) {
            must(wait_for(w, lt_queue_put(selected[i], &end)) == LT_OK);
        }
        return;
    }
    for (;;) {
        lt_case cases[] = {{.op = LT_CASE_GET, .handle = selected[0]}, {.op = LT_CASE_GET, .handle = selected[1]}};
        size_t index;
        must(wait_for(w, lt_select(cases, 2, -1.0, &index)) == LT_OK && cases[index].status == LT_OK);
        if (cases[index].item == &end) {
            return;
        }
        (void)goes_on(w);
    }
}

static lt_barrier *barrier;
static bool last_round; // Written by one, while the others wait.

static void decide_whether_last(void *unused) {
    (void)unused;
    last_round = atomic_load(&stopping);
}

static void meet(worker *w) {
    for (bool last = false; !last;) {
        must(wait_for(w, lt_barrier_wait(barrier, NULL)) == LT_OK);
        last = last_round;
        (void)goes_on(w);
        must(wait_for(w, lt_barrier_wait(barrier, NULL)) == LT_OK); // Before it is decided anew.
        last = last || last_round;
    }
}

// ---- What else a program does

static lt_pool *pool;

static void *twice(void *number) {
    return (void *)((uintptr_t)number * 2);
}

static void use_pool(worker *w) {
    do {
        enum { TASKS = 16 };
        lt_future *futures[TASKS];
        for (uintptr_t i = 0; i < TASKS; i++) {
            must(lt_pool_submit(pool, twice, (void *)i, &futures[i]) == LT_OK);
        }
        for (uintptr_t i = 0; i < TASKS; i++) {
            void *result;
            must(wait_for(w, lt_future_result(futures[i], &result)) == LT_OK && result == (void *)(i * 2));
            must(lt_future_free(futures[i]) == LT_OK);
            (void)goes_on(w);
        }
    } while (goes_on(w));
}

static void release_one(void *semaphore) {
    must(lt_semaphore_release(semaphore, 1) == LT_OK);
}

static void use_timers(worker *w) {
    lt_semaphore *called = lt_semaphore_new(0);
    must(called != NULL);
    do {
        lt_timer *never;
        lt_watchdog *dog;
        must(lt_timer_start(1000.0, 0.0, release_one, called, &never) == LT_OK);
        must(lt_watchdog_start(1000.0, SIGUSR1, &dog) == LT_OK);
        must(lt_timer_start(0.0005, 0.0, release_one, called, NULL) == LT_OK);
        must(wait_for(w, lt_semaphore_acquire(called)) == LT_OK);
        must(lt_watchdog_feed(dog) == LT_OK);
        must(wait_for(w, lt_watchdog_free(dog)) == LT_OK && wait_for(w, lt_timer_free(never)) == LT_OK);
    } while (goes_on(w));
    while (lt_semaphore_free(called) != LT_OK) { // The last callback may not be over.
        LT_IGNORE(lt_sleep(0.001));
    }
}

static void put_one(void *to) {
    must(lt_queue_put(to, to) == LT_OK);
}

static void live_in_child(void) {
    lt_lock *own = lt_allocate_lock();
    lt_queue *from_thread = lt_queue_new(1);
    void *item = NULL;
    must(own != NULL && from_thread != NULL && lt_lock_acquire(own) == LT_OK);
    must(lt_start_new_thread(put_one, from_thread, NULL) == LT_OK);
    must(lt_queue_get(from_thread, &item) == LT_OK && item == from_thread);
    must(lt_lock_release(own) == LT_OK && lt_lock_free(own) == LT_OK);
    _exit(0);
}

static void fork_and_wait(worker *w) {
    do {
        int status = -1;
        pid_t child = fork();
        must(child >= 0);
        if (child == 0) {
            live_in_child();
        }
        double began = lt_monotonic();
        while (waitpid(child, &status, 0) == -1) {
        }
        waited(w, began);
        must(status == 0);
        must(lt_sleep(0.05) == LT_OK);
    } while (goes_on(w));
}

static lt_local *local;

static void live_shortly(void *how) {
    must(lt_local_set(local, how) == LT_OK && lt_local_get(local) == how);
    switch ((uintptr_t)how) {
    case 1:
        lt_raise(7, "so it goes");
    case 2:
        lt_exit();
    default:
        break;
    }
}

static void start_threads(worker *w) {
    lt_errors *errors = lt_errors_new();
    must(errors != NULL);
    do {
        lt_thread *threads[3];
        lt_thread_options options = {.size = sizeof options, .errors = errors};
        for (uintptr_t i = 0; i < 3; i++) {
            must(lt_thread_start(live_shortly, (void *)i, &options, &threads[i]) == LT_OK);
        }
        for (int i = 0; i < 3; i++) {
            must(wait_for(w, lt_thread_join(threads[i])) == (i == 1 ? LT_FAILED : LT_OK));
            must(lt_thread_free(threads[i]) == LT_OK);
        }
        must(lt_errors_count(errors) == 1 && lt_errors_clear(errors) == LT_OK);
    } while (goes_on(w));
    must(lt_errors_free(errors) == LT_OK);
}

static void interrupt_others(worker *w);

static const station STATIONS[] = {
    {"lock", take_lock, 8, false, 4},
    {"rlock", take_rlock, 4, false, 2},
    {"read-write lock", read_and_write, 8, false, 4},
    {"spinlock", spin, 3, false, 0},
    {"semaphore of two", take_permit, 6, false, 3},
    {"semaphores, there and back", signal_there_and_back, 4, true, 2},
    {"events, there and back", set_there_and_back, 4, true, 2},
    {"conditions", trade, 6, true, 0},
    {"queue", stream, 8, true, 4},
    {"select", select_items, 3, true, 1},
    {"barrier", meet, 4, true, 0},
    {"pool's tasks", use_pool, 2, true, 1},
    {"timers", use_timers, 1, true, 1},
    {"forks", fork_and_wait, 1, false, 0},
    {"threads, errors", start_threads, 1, false, 1},
    {"interrupts", interrupt_others, 1, false, 0},
};

enum { KINDS = sizeof STATIONS / sizeof *STATIONS, THREADS = 64 };

static worker workers[THREADS];

static void interrupt_others(worker *w) {
    uint32_t seed = 1;
    while (!atomic_load(&interrupting)) {
        must(lt_sleep(0.0005) == LT_OK);
    }
    do {
        seed = seed * 1664525 + 1013904223;
        const worker *other = &workers[(seed >> 8) % THREADS];
        if (is_interruptible(other)) {
            must(lt_thread_interrupt(other->thread) == LT_OK);
        }
        must(lt_sleep(0.0005) == LT_OK);
    } while (goes_on(w));
    atomic_store(&interrupting, false);
}

static void begin(void *arg) {
    worker *w = arg;
    w->station->work(w);
    LT_IGNORE(lt_check_interrupt()); // One that came after its last wait.
}

static size_t resident(void) {
    FILE *statm = fopen("/proc/self/statm", "r");
    size_t pages = 0;
    must(statm != NULL && fscanf(statm, "%*u %zu", &pages) == 1 && fclose(statm) == 0);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static uint64_t done_by(const char *name) {
    uint64_t done = 0;
    for (int i = 0; i < THREADS; i++) {
        done += strcmp(workers[i].station->name, name) == 0 ? atomic_load(&workers[i].done) : 0;
    }
    return done;
}

// Everybody goes on, within PATIENCE.
static void look(void) {
    static uint64_t seen[THREADS];
    static double since[THREADS];
    double now = lt_monotonic();
    for (int i = 0; i < THREADS; i++) {
        uint64_t done = atomic_load(&workers[i].done);
        if (done != seen[i] || since[i] == 0) {
            seen[i] = done;
            since[i] = now;
        } else if (now - since[i] > PATIENCE) {
            fprintf(stderr, "%s: thread %d does not go on\n", workers[i].station->name, workers[i].number);
            must(now - since[i] <= PATIENCE);
        }
    }
}

static void make_all(void) {
    must((lock = lt_allocate_lock()) != NULL && (rlock = lt_rlock_new()) != NULL);
    must((rwlock = lt_rwlock_new()) != NULL && (spinlock = lt_spinlock_new()) != NULL);
    must((permits = lt_semaphore_new_bounded(2, 2)) != NULL && (barrier = lt_barrier_new(4, decide_whether_last, NULL)) != NULL);
    must((queue = lt_queue_new(64)) != NULL && (pool = lt_pool_new(4, "soak")) != NULL && (local = lt_local_new(NULL)) != NULL);
    for (int i = 0; i < 4; i++) {
        must((there[i] = lt_semaphore_new(0)) != NULL && (turn_of[i] = lt_event_new()) != NULL);
    }
    must((selected[0] = lt_queue_new(4)) != NULL && (selected[1] = lt_queue_new(4)) != NULL);
    must((buffer.lock = lt_allocate_lock()) != NULL);
    must((buffer.items = lt_condition_new()) != NULL && (buffer.room = lt_condition_new()) != NULL);
}

static void tell(double seconds, const size_t memory[], uint64_t *handed_over) {
    printf("%-28s %8s %16s %12s %14s\n", "", "threads", "done", "interrupts", "longest wait");
    for (int k = 0, from = 0; k < KINDS; from += STATIONS[k++].threads) {
        uint64_t interrupts = 0, done = done_by(STATIONS[k].name);
        double longest = 0;
        for (int i = from; i < from + STATIONS[k].threads; i++) {
            interrupts += workers[i].interrupts;
            longest = workers[i].longest > longest ? workers[i].longest : longest;
        }
        *handed_over += STATIONS[k].hands_over ? done : 0;
        printf("%-28s %8d %16llu %12llu %11.1f ms\n", STATIONS[k].name, STATIONS[k].threads, (unsigned long long)done,
               (unsigned long long)interrupts, longest * 1e3);
    }
    printf("handed over %llu times in %.0f seconds; memory, in KB:", (unsigned long long)*handed_over, seconds);
    for (int i = 0; i < SAMPLES; i++) {
        printf(" %zu", memory[i] / 1024);
    }
    printf("\n");
}

int main(int argc, char **argv) {
    double seconds = argc > 1 ? atof(argv[1]) : 5, began = lt_monotonic();
    size_t memory[SAMPLES];
    make_all();
    for (int k = 0, i = 0; k < KINDS; k++) {
        for (int number = 0; number < STATIONS[k].threads; number++, i++) {
            must(i < THREADS);
            workers[i].station = &STATIONS[k];
            workers[i].number = number;
            must(lt_thread_start(begin, &workers[i], NULL, &workers[i].thread) == LT_OK);
        }
    }
    atomic_store(&interrupting, true);
    FILE *nowhere = fopen("/dev/null", "w");
    must(nowhere != NULL);
    for (int sample = 0; sample < SAMPLES; sample++) {
        while (lt_monotonic() - began < seconds * (sample + 1) / SAMPLES) {
            must(lt_sleep(seconds < 50 ? seconds / 50 : 1) == LT_OK);
            look();
        }
        must(lt_dump(fileno(nowhere)) == LT_OK);
        memory[sample] = resident();
    }
    // Whom it interrupts, the others, stay until it is over.
    atomic_store(&stopping, true);
    for (int i = THREADS; i-- > 0;) {
        lt_status status = lt_thread_join_timeout(workers[i].thread, PATIENCE);
        if (status != LT_OK) {
            fprintf(stderr, "%s: thread %d does not end\n", workers[i].station->name, workers[i].number);
        }
        must(status == LT_OK);
    }
    uint64_t handed_over = 0;
    tell(lt_monotonic() - began, memory, &handed_over);
    must(lt_pool_free(pool) == LT_OK && fclose(nowhere) == 0);
    must(turns.lock == done_by("lock") && turns.rlock == done_by("rlock") && turns.spinlock == done_by("spinlock"));
    must(turns.rwlock == writes);
    must(sum_put == sum_got && buffer.put == buffer.got && buffer.full == 0);
    must(memory[SAMPLES - 1] < memory[SAMPLES / 5] + MEMORY_MAY_GROW);
    return 0;
}
