// How it grows: from one thread to 10,000 at one object, a million handles, 100,000 timers; beside POSIX, where that has
// the same. Throughput, the longest wait and memory, as JSON for draw_scale.py.
//
//     lowthread-scale [--short] [FILE]
//
// All threads of a row sleep at the object, so the kernel says, before the first of them gets it. Then each takes its
// turns. With more of them there are fewer turns for each, so that all rows have as many.
#define _GNU_SOURCE
#include <lowthread.h>

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 3, SIZES = 5, METRICS = 4, STACK = 64 * 1024, ROOM = 1024, WRITE_EACH = 10 };

#define OK(call) must((call) == LT_OK, #call)
#define ZERO(call) must((call) == 0, #call)

static void must(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "%s: %s\n", what, lt_last_error());
        exit(EXIT_FAILURE);
    }
}

static bool is_short;
static FILE *out;

// Bytes of this process in memory.
static double memory(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    must(file != NULL && fscanf(file, "%*d %ld", &pages) == 1, "reading /proc/self/statm");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double larger(double a, double b) {
    return a > b ? a : b;
}

// ---- Threads at one object

typedef struct contender {
    const char *name;
    void (*make)(void);       // The object, so that nobody gets it.
    void (*go)(size_t turns); // From now on, in all, so many turns.
    void (*turn)(size_t i);
    void (*free)(void);
} contender;

static struct {
    const contender *contender;
    size_t turns;
    _Atomic double began;
    _Atomic size_t left; // Threads.
    sem_t over;
} crowd;

typedef struct member {
    pthread_t thread;
    _Atomic long native_id; // Once it comes to the object.
    double longest, end;
} member;

static void *take_turns(void *arg) {
    member *me = arg;
    double came = lt_monotonic();
    atomic_store(&me->native_id, syscall(SYS_gettid));
    for (size_t i = 0; i < crowd.turns; i++) {
        crowd.contender->turn(i);
        me->end = lt_monotonic();
        me->longest = larger(me->longest, me->end - larger(came, atomic_load(&crowd.began)));
        came = me->end;
    }
    if (atomic_fetch_sub(&crowd.left, 1) == 1) {
        ZERO(sem_post(&crowd.over));
    }
    return NULL;
}

static bool is_asleep(long native_id) {
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/self/task/%ld/stat", native_id);
    FILE *file = fopen(path, "re");
    must(file != NULL, path);
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    const char *name_end = strrchr(text, ')');
    return name_end != NULL && name_end[1] == ' ' && name_end[2] == 'S';
}

static void await_sleep(member *m) {
    while (atomic_load(&m->native_id) == 0 || !is_asleep(atomic_load(&m->native_id))) {
        sched_yield();
    }
}

// M/s, the longest wait in ms, bytes for each thread.
static void at_one_object(const contender *c, size_t n, size_t turns, double *figures) {
    member *members = calloc(n, sizeof *members);
    must(members != NULL, "memory");
    memset(&crowd, 0, sizeof crowd);
    crowd.contender = c;
    crowd.turns = turns / n > 0 ? turns / n : 1;
    atomic_store(&crowd.began, INFINITY);
    atomic_store(&crowd.left, n);
    ZERO(sem_init(&crowd.over, 0, 0));
    c->make();
    double before = memory();
    pthread_attr_t attributes;
    ZERO(pthread_attr_init(&attributes));
    ZERO(pthread_attr_setstacksize(&attributes, STACK));
    for (size_t i = 0; i < n; i++) {
        ZERO(pthread_create(&members[i].thread, &attributes, take_turns, &members[i]));
    }
    for (size_t i = 0; i < n; i++) {
        await_sleep(&members[i]);
    }
    figures[2] = (memory() - before) / (double)n;
    double began = lt_monotonic(), longest = 0, end = 0;
    atomic_store(&crowd.began, began);
    c->go(n * crowd.turns);
    while (sem_wait(&crowd.over) != 0) {
    }
    for (size_t i = 0; i < n; i++) {
        ZERO(pthread_join(members[i].thread, NULL));
        longest = larger(longest, members[i].longest);
        end = larger(end, members[i].end);
    }
    figures[0] = (double)(n * crowd.turns) / (end - began) * 1e-6;
    figures[1] = longest * 1e3;
    c->free();
    ZERO(sem_destroy(&crowd.over));
    free(members);
}

static lt_lock *lock;
static void lock_make(void) {
    lock = lt_allocate_lock();
    OK(lt_lock_acquire(lock));
}
static void lock_go(size_t turns) {
    (void)turns;
    OK(lt_lock_release(lock));
}
static void lock_turn(size_t i) {
    (void)i;
    OK(lt_lock_acquire(lock));
    OK(lt_lock_release(lock));
}
static void lock_free(void) {
    OK(lt_lock_free(lock));
}

static pthread_mutex_t mutex;
static void mutex_make(void) {
    ZERO(pthread_mutex_init(&mutex, NULL));
    ZERO(pthread_mutex_lock(&mutex));
}
static void mutex_go(size_t turns) {
    (void)turns;
    ZERO(pthread_mutex_unlock(&mutex));
}
static void mutex_turn(size_t i) {
    (void)i;
    ZERO(pthread_mutex_lock(&mutex));
    ZERO(pthread_mutex_unlock(&mutex));
}
static void mutex_free(void) {
    ZERO(pthread_mutex_destroy(&mutex));
}

static lt_semaphore *semaphore;
static void semaphore_make(void) {
    semaphore = lt_semaphore_new(0);
}
static void semaphore_go(size_t turns) {
    (void)turns;
    OK(lt_semaphore_release(semaphore, 1));
}
static void semaphore_turn(size_t i) {
    (void)i;
    OK(lt_semaphore_acquire(semaphore));
    OK(lt_semaphore_release(semaphore, 1));
}
static void semaphore_free(void) {
    OK(lt_semaphore_free(semaphore));
}

static sem_t posix_semaphore;
static void sem_make(void) {
    ZERO(sem_init(&posix_semaphore, 0, 0));
}
static void sem_go(size_t turns) {
    (void)turns;
    ZERO(sem_post(&posix_semaphore));
}
static void sem_turn(size_t i) {
    (void)i;
    ZERO(sem_wait(&posix_semaphore));
    ZERO(sem_post(&posix_semaphore));
}
static void sem_free(void) {
    ZERO(sem_destroy(&posix_semaphore));
}

static lt_event *event;
static void event_make(void) {
    event = lt_event_new();
}
static void event_go(size_t turns) {
    (void)turns;
    OK(lt_event_set(event));
}
static void event_turn(size_t i) {
    (void)i;
    OK(lt_event_wait(event));
}
static void event_free(void) {
    OK(lt_event_free(event));
}

static pthread_cond_t changed = PTHREAD_COND_INITIALIZER, room = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static bool is_set;
static void broadcast_make(void) {
    is_set = false;
}
static void broadcast_go(size_t turns) {
    (void)turns;
    ZERO(pthread_mutex_lock(&guard));
    is_set = true;
    ZERO(pthread_cond_broadcast(&changed));
    ZERO(pthread_mutex_unlock(&guard));
}
static void broadcast_turn(size_t i) {
    (void)i;
    ZERO(pthread_mutex_lock(&guard));
    while (!is_set) {
        ZERO(pthread_cond_wait(&changed, &guard));
    }
    ZERO(pthread_mutex_unlock(&guard));
}
static void nothing(void) {
}

static lt_queue *queue;
static void queue_make(void) {
    queue = lt_queue_new(ROOM);
}
static void queue_go(size_t turns) {
    for (size_t i = 0; i < turns; i++) {
        OK(lt_queue_put(queue, &queue));
    }
}
static void queue_turn(size_t i) {
    (void)i;
    void *item;
    OK(lt_queue_get(queue, &item));
}
static void queue_free(void) {
    OK(lt_queue_free(queue));
}

static size_t filled;
static void ring_make(void) {
    filled = 0;
}
static void ring_go(size_t turns) {
    for (size_t i = 0; i < turns; i++) {
        ZERO(pthread_mutex_lock(&guard));
        while (filled == ROOM) {
            ZERO(pthread_cond_wait(&room, &guard));
        }
        filled++;
        ZERO(pthread_cond_signal(&changed));
        ZERO(pthread_mutex_unlock(&guard));
    }
}
static void ring_turn(size_t i) {
    (void)i;
    ZERO(pthread_mutex_lock(&guard));
    while (filled == 0) {
        ZERO(pthread_cond_wait(&changed, &guard));
    }
    filled--;
    ZERO(pthread_cond_signal(&room));
    ZERO(pthread_mutex_unlock(&guard));
}

static lt_rwlock *rwlock;
static void rwlock_make(void) {
    rwlock = lt_rwlock_new();
    OK(lt_rwlock_write_acquire(rwlock));
}
static void rwlock_go(size_t turns) {
    (void)turns;
    OK(lt_rwlock_write_release(rwlock));
}
static void rwlock_turn(size_t i) {
    if (i % WRITE_EACH == WRITE_EACH - 1) {
        OK(lt_rwlock_write_acquire(rwlock));
        OK(lt_rwlock_write_release(rwlock));
    } else {
        OK(lt_rwlock_read_acquire(rwlock));
        OK(lt_rwlock_read_release(rwlock));
    }
}
static void rwlock_free(void) {
    OK(lt_rwlock_free(rwlock));
}

static pthread_rwlock_t posix_rwlock;
static void posix_rwlock_make(void) {
    ZERO(pthread_rwlock_init(&posix_rwlock, NULL));
    ZERO(pthread_rwlock_wrlock(&posix_rwlock));
}
static void posix_rwlock_go(size_t turns) {
    (void)turns;
    ZERO(pthread_rwlock_unlock(&posix_rwlock));
}
static void posix_rwlock_turn(size_t i) {
    bool writes = i % WRITE_EACH == WRITE_EACH - 1;
    ZERO((writes ? pthread_rwlock_wrlock : pthread_rwlock_rdlock)(&posix_rwlock));
    ZERO(pthread_rwlock_unlock(&posix_rwlock));
}
static void posix_rwlock_free(void) {
    ZERO(pthread_rwlock_destroy(&posix_rwlock));
}

// ---- A pool

static lt_event *all_run;
static _Atomic size_t workers, tasks;
static _Atomic double longest_in_line;
static lt_event *all_done;

static void *meet(void *arg) {
    if (atomic_fetch_sub(&workers, 1) == 1) {
        OK(lt_event_set(all_run));
    }
    OK(lt_event_wait(all_run));
    return arg;
}

static void *count_down(void *submitted) {
    double waited = lt_monotonic() - *(double *)submitted, longest = atomic_load(&longest_in_line);
    while (waited > longest && !atomic_compare_exchange_weak(&longest_in_line, &longest, waited)) {
    }
    if (atomic_fetch_sub(&tasks, 1) == 1) {
        OK(lt_event_set(all_done));
    }
    return NULL;
}

// As at one object; a turn is a task without a future.
static void in_a_pool(const contender *c, size_t n, size_t turns, double *figures) {
    (void)c;
    double *submitted = calloc(turns, sizeof *submitted), before = memory();
    must(submitted != NULL, "memory");
    all_run = lt_event_new();
    all_done = lt_event_new();
    atomic_store(&workers, n);
    atomic_store(&tasks, turns);
    atomic_store(&longest_in_line, 0.0);
    lt_pool *pool = lt_pool_new((uint32_t)n, NULL);
    for (size_t i = 0; i < n; i++) {
        OK(lt_pool_submit(pool, meet, NULL, NULL));
    }
    OK(lt_event_wait(all_run));
    figures[2] = (memory() - before) / (double)n;
    double began = lt_monotonic();
    for (size_t i = 0; i < turns; i++) {
        submitted[i] = lt_monotonic();
        OK(lt_pool_submit(pool, count_down, &submitted[i], NULL));
    }
    OK(lt_event_wait(all_done));
    figures[0] = (double)turns / (lt_monotonic() - began) * 1e-6;
    figures[1] = atomic_load(&longest_in_line) * 1e3;
    OK(lt_pool_free(pool));
    OK(lt_event_free(all_run));
    OK(lt_event_free(all_done));
    free(submitted);
}

// ---- Many objects

static double each(double since, size_t n) {
    return (lt_monotonic() - since) / (double)n * 1e9;
}

// ns for a new one, for an acquire with a release of each, and for its free; bytes.
static void many_locks(const contender *c, size_t n, size_t turns, double *figures) {
    (void)turns;
    bool ours = c->turn != NULL;
    void **all = malloc(n * sizeof *all);
    must(all != NULL, "memory");
    memset(all, 0, n * sizeof *all);
    double before = memory(), since = lt_monotonic();
    for (size_t i = 0; i < n; i++) {
        all[i] = ours ? (void *)lt_allocate_lock() : malloc(sizeof(pthread_mutex_t));
        must(all[i] != NULL && (ours || pthread_mutex_init(all[i], NULL) == 0), "a lock");
    }
    figures[0] = each(since, n);
    figures[3] = (memory() - before) / (double)n;
    since = lt_monotonic();
    for (size_t i = 0; i < n; i++) {
        if (ours) {
            OK(lt_lock_acquire(all[i]));
            OK(lt_lock_release(all[i]));
        } else {
            ZERO(pthread_mutex_lock(all[i]));
            ZERO(pthread_mutex_unlock(all[i]));
        }
    }
    figures[1] = each(since, n);
    since = lt_monotonic();
    for (size_t i = 0; i < n; i++) {
        if (ours) {
            OK(lt_lock_free(all[i]));
        } else {
            ZERO(pthread_mutex_destroy(all[i]));
            free(all[i]);
        }
    }
    figures[2] = each(since, n);
    free(all);
}

static _Atomic size_t to_fire;
static lt_event *all_fired;

static void fire(void *arg) {
    (void)arg;
    if (atomic_fetch_sub(&to_fire, 1) == 1) {
        OK(lt_event_set(all_fired));
    }
}

// ns for a start, and for a free in another order; the lateness of the last of those that are due at one moment, for
// each of them, in ns; bytes.
static void many_timers(const contender *c, size_t n, size_t turns, double *figures) {
    (void)c;
    (void)turns;
    lt_timer **all = malloc(n * sizeof *all);
    must(all != NULL, "memory");
    memset(all, 0, n * sizeof *all);
    double before = memory(), since = lt_monotonic();
    for (size_t i = 0; i < n; i++) {
        OK(lt_timer_start(1000.0 + (double)(i * 7919 % n), 0, fire, NULL, &all[i]));
    }
    figures[0] = each(since, n);
    figures[3] = (memory() - before) / (double)n;
    since = lt_monotonic();
    for (size_t i = 0; i < n; i++) {
        OK(lt_timer_free(all[i]));
    }
    figures[1] = each(since, n);
    all_fired = lt_event_new();
    atomic_store(&to_fire, n);
    double due = lt_monotonic() + 0.05 + (double)n * 2e-6;
    for (size_t i = 0; i < n; i++) {
        OK(lt_timer_start(larger(due - lt_monotonic(), 0), 0, fire, NULL, NULL));
    }
    OK(lt_event_wait(all_fired));
    figures[2] = each(due, n);
    OK(lt_event_free(all_fired));
    free(all);
}

static lt_thread **chain;

static size_t links;

static void join_the_next(void *arg) {
    size_t next = (size_t)(uintptr_t)arg + 1;
    OK(lt_event_wait(all_run));
    if (next == links) {
        OK(lt_event_wait(event));
    } else {
        OK(lt_thread_join(chain[next]));
    }
}

// Of threads of which each joins another: ns for each in a start, a dump and a list of the waits, and when all have gone
// on, one after the other.
static void blocked_threads(const contender *c, size_t n, size_t turns, double *figures) {
    (void)c;
    (void)turns;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    lt_wait_info *waits = calloc(n, sizeof *waits);
    chain = calloc(n, sizeof *chain);
    must(null >= 0 && waits != NULL && chain != NULL, "memory");
    waits[0].size = sizeof *waits;
    event = lt_event_new();
    all_run = lt_event_new();
    links = n;
    double since = lt_monotonic();
    for (size_t i = 0; i < n; i++) {
        OK(lt_thread_start(join_the_next, (void *)(uintptr_t)i, NULL, &chain[i]));
    }
    figures[0] = each(since, n);
    OK(lt_event_set(all_run));
    size_t count = 0;
    for (size_t joining = 0; joining + 1 < n;) {
        OK(lt_sleep(0.01));
        OK(lt_waits(waits, n, &count));
        joining = 0;
        for (size_t i = 0; i < count; i++) {
            joining += waits[i].holder != 0;
        }
    }
    since = lt_monotonic();
    OK(lt_dump(null));
    figures[1] = each(since, n);
    since = lt_monotonic();
    OK(lt_waits(waits, n, &count));
    figures[2] = each(since, n);
    since = lt_monotonic();
    OK(lt_event_set(event));
    OK(lt_thread_join(chain[0]));
    figures[3] = each(since, n);
    for (size_t i = 0; i < n; i++) {
        OK(lt_thread_free(chain[i]));
    }
    OK(lt_event_free(event));
    OK(lt_event_free(all_run));
    free(chain);
    free(waits);
    close(null);
}

// ---- The rows

#define AT_ONE_OBJECT {"M/s", "longest wait, ms", "bytes for each"}

static const struct {
    const char *title, *of;
    size_t sizes[SIZES], turns; // No turns: one for each.
    const char *metrics[METRICS];
    void (*measure)(const contender *c, size_t n, size_t turns, double *figures);
    contender contenders[2];
} rows[] = {
    {"lock", "threads", {1, 10, 100, 1000, 10000}, 200000, AT_ONE_OBJECT, at_one_object,
        {{"lowthread", lock_make, lock_go, lock_turn, lock_free},
            {"pthread_mutex", mutex_make, mutex_go, mutex_turn, mutex_free}}},
    {"semaphore", "threads", {1, 10, 100, 1000, 10000}, 200000, AT_ONE_OBJECT, at_one_object,
        {{"lowthread", semaphore_make, semaphore_go, semaphore_turn, semaphore_free},
            {"sem_t", sem_make, sem_go, sem_turn, sem_free}}},
    {"event", "threads", {1, 10, 100, 1000, 10000}, 0, AT_ONE_OBJECT, at_one_object,
        {{"lowthread", event_make, event_go, event_turn, event_free},
            {"pthread_cond", broadcast_make, broadcast_go, broadcast_turn, nothing}}},
    {"queue", "threads", {1, 10, 100, 1000, 10000}, 200000, AT_ONE_OBJECT, at_one_object,
        {{"lowthread", queue_make, queue_go, queue_turn, queue_free},
            {"pthread_cond", ring_make, ring_go, ring_turn, nothing}}},
    {"rwlock, 10 % writes", "threads", {1, 10, 100, 1000, 10000}, 200000, AT_ONE_OBJECT, at_one_object,
        {{"lowthread", rwlock_make, rwlock_go, rwlock_turn, rwlock_free},
            {"pthread_rwlock", posix_rwlock_make, posix_rwlock_go, posix_rwlock_turn, posix_rwlock_free}}},
    {"pool", "workers", {1, 10, 100, 1000, 10000}, 200000, AT_ONE_OBJECT, in_a_pool, {{.name = "lowthread"}}},
    {"locks", "handles", {100, 1000, 10000, 100000, 1000000}, 0, {"ns new", "ns acquire + release", "ns free", "bytes for each"},
        many_locks, {{.name = "lowthread", .turn = lock_turn}, {.name = "malloc + pthread_mutex"}}},
    {"timers", "timers", {10, 100, 1000, 10000, 100000}, 0, {"ns start", "ns free", "ns late, for each", "bytes for each"},
        many_timers, {{.name = "lowthread"}}},
    {"threads that join", "threads", {1, 10, 100, 1000, 10000}, 0,
        {"ns start", "ns in a dump", "ns in lt_waits", "ns until all have ended"}, blocked_threads, {{.name = "lowthread"}}},
};

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// In a process of its own, where nothing is left of what was measured before.
static void measure(size_t row, size_t which, size_t n, size_t turns, double *figures) {
    pid_t child = fork();
    if (child == 0) {
        rows[row].measure(&rows[row].contenders[which], n, turns, figures);
        _exit(EXIT_SUCCESS);
    }
    int status;
    must(child > 0 && waitpid(child, &status, 0) == child && status == 0, rows[row].title);
}

static void measure_row(size_t row) {
    size_t sizes = is_short ? 3 : SIZES, rounds = is_short ? 1 : ROUNDS;
    double figures[SIZES][2][METRICS][ROUNDS];
    double *got = mmap(NULL, METRICS * sizeof *got, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(got != MAP_FAILED, "memory");
    for (size_t size = 0; size < sizes; size++) {
        size_t n = rows[row].sizes[size], turns = rows[row].turns == 0 ? n : is_short ? 2000 : rows[row].turns;
        for (size_t round = 0; round < rounds; round++) {
            for (size_t i = 0; i < 2 && rows[row].contenders[i].name != NULL; i++) {
                measure(row, i, n, turns, got);
                for (size_t m = 0; m < METRICS; m++) {
                    figures[size][i][m][round] = got[m];
                }
            }
        }
    }
    fprintf(out, "%s\n  {\"title\": \"%s\", \"of\": \"%s\", \"lines\": [", row == 0 ? "" : ",", rows[row].title, rows[row].of);
    for (size_t i = 0; i < 2 && rows[row].contenders[i].name != NULL; i++) {
        for (size_t m = 0; m < METRICS && rows[row].metrics[m] != NULL; m++) {
            fprintf(out, "%s\n    {\"name\": \"%s\", \"metric\": \"%s\", \"points\": [", i + m == 0 ? "" : ",",
                rows[row].contenders[i].name, rows[row].metrics[m]);
            for (size_t size = 0; size < sizes; size++) {
                double *of = figures[size][i][m];
                qsort(of, rounds, sizeof *of, ascending);
                fprintf(out, "%s[%zu, %.6g]", size == 0 ? "" : ", ", rows[row].sizes[size], of[rounds / 2]);
            }
            fprintf(out, "]}");
        }
    }
    fprintf(out, "]}");
    fflush(out);
    fprintf(stderr, "%s\n", rows[row].title);
}

int main(int argc, char **argv) {
    is_short = argc > 1 && strcmp(argv[1], "--short") == 0;
    out = argc > 1 + is_short ? fopen(argv[1 + is_short], "we") : stdout;
    must(out != NULL, "opening the file");
    OK(lt_set_stack_size(STACK));
    struct utsname system;
    ZERO(uname(&system));
    time_t now = time(NULL);
    struct tm began;
    gmtime_r(&now, &began);
    fprintf(out, "{\"began\": \"%04d-%02d-%02d\", \"processors\": %ld, \"system\": \"%s %s\", \"rows\": [", began.tm_year + 1900,
        began.tm_mon + 1, began.tm_mday, sysconf(_SC_NPROCESSORS_ONLN), system.sysname, system.release);
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        measure_row(row);
    }
    fprintf(out, "\n]}\n");
    return fclose(out) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
