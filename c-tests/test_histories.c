// What threads see of an object at the same time is what one after the other could have seen: thousands of short
// histories of random calls, each checked for linearizability; and whoever hangs is told of.
// timeout: 120
#include "history.h"
#include "support.h"

// How long each kind is run, and on a busy machine until there are that many histories; as long as LT_HISTORY_SECONDS says, if
// that is set.
enum { LEAST = 20 };

static double seconds_of_each(void) {
    const char *asked = getenv("LT_HISTORY_SECONDS");
    return asked != NULL ? strtod(asked, NULL) : under_sanitizer() || under_emulator() ? 0.5 : 1.5;
}

enum { THREADS = 4, CALLS = 8 };

static _Atomic uint64_t now; // Which goes on with each call and each return.

typedef struct player {
    uint8_t number;
    uint64_t random;
    size_t count;
    history_call calls[CALLS + 2];
} player;

// What is played with: how it is made, what a thread does in a round, and the model.
typedef struct game {
    const char *name;
    const char *const *verbs;
    void (*begin)(history_state *initial);
    void (*play)(player *p);
    void (*end)(void);
    history_step step;
    void (*annotate)(history *h);
} game;

static const game *the_game;
static player players[THREADS];
static _Atomic unsigned round_number, arrived;
static _Atomic bool over;
static history the_history;

static uint64_t random_of(player *p, uint64_t n) {
    p->random ^= p->random << 13;
    p->random ^= p->random >> 7;
    p->random ^= p->random << 17;
    return (p->random >> 11) % n;
}

static history_call *call_begins(player *p, uint8_t verb, uint64_t given) {
    must(p->count < LENGTH(p->calls));
    history_call *c = &p->calls[p->count++];
    *c = (history_call){.thread = p->number, .verb = verb, .given = given, .ended = HISTORY_NEVER};
    c->began = atomic_fetch_add(&now, 1);
    return c;
}

static void call_ends(history_call *c, lt_status status, uint64_t got) {
    c->status = status;
    c->got = got;
    c->ended = atomic_fetch_add(&now, 1);
}

// Meets the others at the start of a round: awake, so that all begin at once.
static void meet(unsigned round) {
    while (atomic_load(&round_number) < round) {
        sched_yield();
    }
}

static void *play_rounds(void *arg) {
    player *p = arg;
    for (unsigned round = 1;; round++) {
        meet(round);
        if (atomic_load(&over)) {
            return NULL;
        }
        the_game->play(p);
        atomic_fetch_add(&arrived, 1);
    }
}

// Ends the process where a round does not end, and says who waits.
static void *watch(void *unused) {
    for (unsigned seen = 0, last = 0, same = 0; !atomic_load(&over); last = seen) {
        nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
        seen = atomic_load(&round_number);
        same = seen == last ? same + 1 : 0;
        if (same > 300) {
            fprintf(stderr, "%s: round %u does not end\n", the_game->name, seen);
            for (int i = 0; i < THREADS; i++) {
                if (players[i].count > 0) {
                    const history_call *c = &players[i].calls[players[i].count - 1];
                    fprintf(stderr, "  thread %d %s %s\n", i, c->ended == HISTORY_NEVER ? "is in" : "is past",
                        the_game->verbs[c->verb]);
                }
            }
            LT_IGNORE(lt_dump(2));
            abort();
        }
    }
    return unused;
}

static void gather(void) {
    the_history.count = 0;
    for (int i = 0; i < THREADS; i++) {
        for (size_t j = 0; j < players[i].count; j++) {
            must(the_history.count < HISTORY_MOST);
            the_history.calls[the_history.count++] = players[i].calls[j];
        }
    }
}

static void play(const game *game) {
    must(lt_get_ident() != 0);
    the_game = game;
    atomic_store(&over, false);
    atomic_store(&round_number, 0);
    pthread_t threads[THREADS], watcher;
    for (int i = 0; i < THREADS; i++) {
        const char *seed = getenv("LT_SEED");
        players[i] = (player){.number = (uint8_t)i, .random = 88172645463325252u + 7919u * (uint64_t)i};
        players[i].random += seed != NULL ? strtoull(seed, NULL, 10) * 104729 : 0;
        must(pthread_create(&threads[i], NULL, play_rounds, &players[i]) == 0);
    }
    must(pthread_create(&watcher, NULL, watch, NULL) == 0);
    double began = lt_monotonic();
    unsigned rounds = 0;
    while (rounds < LEAST || seconds_since(began) < seconds_of_each()) {
        history_state initial = {{0}};
        game->begin(&initial);
        for (int i = 0; i < THREADS; i++) {
            players[i].count = 0;
        }
        atomic_store(&arrived, 0);
        atomic_store(&round_number, ++rounds);
        while (atomic_load(&arrived) < THREADS) {
            sched_yield();
        }
        gather();
        if (game->annotate != NULL) {
            game->annotate(&the_history);
        }
        if (game->step != NULL && !history_is_possible(&the_history, game->step, &initial)) {
            fprintf(stderr, "%s: no order of these calls explains what they returned:\n", game->name);
            history_print(&the_history, game->verbs);
            abort();
        }
        game->end();
    }
    atomic_store(&over, true);
    atomic_store(&round_number, rounds + 1);
    for (int i = 0; i < THREADS; i++) {
        must(pthread_join(threads[i], NULL) == 0);
    }
    must(pthread_join(watcher, NULL) == 0);
    printf("%s: %u histories\n", game->name, rounds);
}

// ---- Lock

enum { ACQUIRE, TRY, RELEASE, LOOK, LONG };
static const char *const lock_verbs[] = {"acquire", "try_acquire", "release", "locked", "acquire_long"};
static lt_lock *lock;

static void lock_begin(history_state *initial) {
    (void)initial;
    lock = lt_allocate_lock();
}

static void lock_end(void) {
    must(lt_lock_free(lock) == LT_OK);
}

static void lock_play(player *p) {
    for (int i = 0; i < 6; i++) {
        uint8_t verb = (uint8_t)random_of(p, 4);
        history_call *c = call_begins(p, verb, 0);
        switch (verb) {
        case ACQUIRE: call_ends(c, lt_lock_acquire_timeout(lock, 0.0001 * (double)random_of(p, 3)), 0); break;
        case TRY: call_ends(c, lt_lock_try_acquire(lock), 0); break;
        case RELEASE: call_ends(c, lt_lock_release(lock), 0); break;
        default: call_ends(c, LT_OK, lt_lock_locked(lock));
        }
    }
    // Whoever waits without bound finds each holder here, who releases.
    history_call *c = call_begins(p, RELEASE, 0);
    call_ends(c, lt_lock_release(lock), 0);
    if (p->number == 0) {
        c = call_begins(p, LONG, 0);
        call_ends(c, lt_lock_acquire_timeout(lock, 0.002), 0);
    }
}

static bool lock_step(history_state *s, const history_call *c) {
    uint8_t *held = &s->bytes[0];
    switch (c->verb) {
    case RELEASE:
        if (c->status != (*held ? LT_OK : LT_NOT_HELD)) {
            return false;
        }
        *held = 0;
        return true;
    case LOOK: return c->got == *held;
    default:
        if (c->status == LT_OK && !*held) {
            *held = 1;
            return true;
        }
        return (c->status == LT_BUSY || c->status == LT_TIMED_OUT) && *held;
    }
}

TEST(histories_of_a_lock_are_linearizable) {
    play(&(game){"lock", lock_verbs, lock_begin, lock_play, lock_end, lock_step, NULL});
}

// ---- Semaphore

static const char *const semaphore_verbs[] = {"acquire", "try_acquire", "release", "value"};
static lt_semaphore *semaphore;
enum { PERMITS = 3 };

static void semaphore_begin(history_state *initial) {
    initial->bytes[0] = 1;
    semaphore = lt_semaphore_new_bounded(1, PERMITS);
}

static void semaphore_end(void) {
    must(lt_semaphore_free(semaphore) == LT_OK);
}

static void semaphore_play(player *p) {
    for (int i = 0; i < 7; i++) {
        uint8_t verb = (uint8_t)random_of(p, 4);
        history_call *c = call_begins(p, verb, verb == RELEASE ? 1 + random_of(p, 2) : random_of(p, 3));
        switch (verb) {
        case ACQUIRE: call_ends(c, lt_semaphore_acquire_timeout(semaphore, 0.0001 * (double)c->given), 0); break;
        case TRY: call_ends(c, lt_semaphore_try_acquire(semaphore), 0); break;
        case RELEASE: call_ends(c, lt_semaphore_release(semaphore, (uint32_t)c->given), 0); break;
        default: call_ends(c, LT_OK, lt_semaphore_value(semaphore));
        }
    }
}

// A permit that is released for a waiter who sleeps is nobody's until one has fetched it: another waiter may, who has
// come later and is awake, and until then who tries does not get it.
static void annotate_waiting(history *h) {
    for (size_t i = 0; i < h->count; i++) {
        for (size_t j = 0; j < h->count; j++) {
            const history_call *other = &h->calls[j];
            h->calls[i].waiting += i != j && other->verb == ACQUIRE && other->given > 0 && other->began < h->calls[i].ended && h->calls[i].began < other->ended;
        }
    }
}

static bool semaphore_step(history_state *s, const history_call *c) {
    uint8_t *value = &s->bytes[0];
    uint64_t least = *value > c->waiting ? *value - c->waiting : 0;
    switch (c->verb) {
    case RELEASE:
        if (c->status == LT_OVERFLOW) {
            return *value + c->given > PERMITS;
        }
        *value = (uint8_t)(*value + c->given);
        return c->status == LT_OK && least + c->given <= PERMITS;
    case LOOK: return c->got <= *value && c->got >= least;
    default:
        if (c->status == LT_OK && *value > 0) {
            --*value;
            return true;
        }
        return (c->status == LT_BUSY || c->status == LT_TIMED_OUT) && least == 0;
    }
}

TEST(histories_of_a_semaphore_are_linearizable) {
    play(&(game){
        "semaphore", semaphore_verbs, semaphore_begin, semaphore_play, semaphore_end, semaphore_step, annotate_waiting});
}

// ---- Event

enum { WAIT, TRY_WAIT, SET, IS_SET, CLEAR };
static const char *const event_verbs[] = {"wait", "try_wait", "set", "is_set", "clear"};
static lt_event *event;

static void event_begin(history_state *initial) {
    (void)initial;
    event = lt_event_new();
}

static void event_end(void) {
    must(lt_event_free(event) == LT_OK);
}

static void event_play(player *p) {
    for (int i = 0; i < 7; i++) {
        uint8_t verb = (uint8_t)random_of(p, 5);
        history_call *c = call_begins(p, verb, 0);
        switch (verb) {
        case WAIT: call_ends(c, lt_event_wait_timeout(event, 0.0001 * (double)random_of(p, 3)), 0); break;
        case TRY_WAIT: call_ends(c, lt_event_try_wait(event), 0); break;
        case SET: call_ends(c, lt_event_set(event), 0); break;
        case CLEAR: call_ends(c, lt_event_clear(event), 0); break;
        default: call_ends(c, LT_OK, lt_event_is_set(event));
        }
    }
}

static bool event_step(history_state *s, const history_call *c) {
    uint8_t *set = &s->bytes[0];
    switch (c->verb) {
    case SET: *set = 1; return c->status == LT_OK;
    case CLEAR: *set = 0; return c->status == LT_OK;
    case IS_SET: return c->got == *set;
    default: return c->status == LT_OK ? *set : (c->status == LT_BUSY || c->status == LT_TIMED_OUT) && !*set;
    }
}

TEST(histories_of_an_event_are_linearizable) {
    play(&(game){"event", event_verbs, event_begin, event_play, event_end, event_step, NULL});
}

// ---- Read-write lock

enum { READ, TRY_READ, READ_RELEASE, WRITE, TRY_WRITE, WRITE_RELEASE };
static const char *const rwlock_verbs[] = {"read", "try_read", "read_release", "write", "try_write", "write_release"};
static lt_rwlock *rwlock;

static void rwlock_begin(history_state *initial) {
    (void)initial;
    rwlock = lt_rwlock_new();
}

static void rwlock_end(void) {
    must(lt_rwlock_free(rwlock) == LT_OK);
}

static void rwlock_play(player *p) {
    for (int i = 0; i < 7; i++) {
        uint8_t verb = (uint8_t)random_of(p, 6);
        history_call *c = call_begins(p, verb, 0);
        double seconds = 0.0001 * (double)random_of(p, 3);
        switch (verb) {
        case READ: call_ends(c, lt_rwlock_read_acquire_timeout(rwlock, seconds), 0); break;
        case TRY_READ: call_ends(c, lt_rwlock_try_read_acquire(rwlock), 0); break;
        case READ_RELEASE: call_ends(c, lt_rwlock_read_release(rwlock), 0); break;
        case WRITE: call_ends(c, lt_rwlock_write_acquire_timeout(rwlock, seconds), 0); break;
        case TRY_WRITE: call_ends(c, lt_rwlock_try_write_acquire(rwlock), 0); break;
        default: call_ends(c, lt_rwlock_write_release(rwlock), 0);
        }
    }
}

// Whether somebody may have stood in line meanwhile: then who reads, or writes, may have to wait behind.
static void annotate_lines(history *h) {
    for (size_t i = 0; i < h->count; i++) {
        for (size_t j = 0; j < h->count; j++) {
            const history_call *other = &h->calls[j];
            if (i != j && (other->verb == WRITE || other->verb == READ) && other->began < h->calls[i].ended &&
                h->calls[i].began < other->ended) {
                h->calls[i].beside_put = true;
            }
        }
    }
}

static bool rwlock_step(history_state *s, const history_call *c) {
    uint8_t *readers = &s->bytes[0], *writer = &s->bytes[1];
    bool refused = c->status == LT_BUSY || c->status == LT_TIMED_OUT;
    switch (c->verb) {
    case READ:
    case TRY_READ:
        if (c->status == LT_OK && !*writer) {
            ++*readers;
            return true;
        }
        return refused && (*writer || c->beside_put);
    case WRITE:
    case TRY_WRITE:
        if (c->status == LT_OK && !*writer && *readers == 0) {
            *writer = 1;
            return true;
        }
        return refused && (*writer || *readers > 0 || c->beside_put);
    case READ_RELEASE:
        if (c->status == LT_OK && *readers > 0) {
            --*readers;
            return true;
        }
        return c->status == LT_NOT_HELD && *readers == 0;
    default:
        if (c->status == LT_OK && *writer) {
            *writer = 0;
            return true;
        }
        return c->status == LT_NOT_HELD && !*writer;
    }
}

TEST(histories_of_a_read_write_lock_are_linearizable) {
    play(&(game){
        "rwlock", rwlock_verbs, rwlock_begin, rwlock_play, rwlock_end, rwlock_step, annotate_lines});
}

// ---- Queue

enum { PUT, TRY_PUT, GET, TRY_GET, CLOSE, DISCARD };
static const char *const queue_verbs[] = {"put", "try_put", "get", "try_get", "close", "discard"};
static lt_queue *queue;
static size_t capacity;

static void queue_begin(history_state *initial) {
    (void)initial;
    static unsigned round;
    capacity = (const size_t[]){2, 0, 1, 3}[round++ % 4];
    queue = lt_queue_new(capacity);
}

static void queue_end(void) {
    must(lt_queue_free(queue) == LT_OK);
}

static void queue_play(player *p) {
    for (int i = 0; i < CALLS; i++) {
        uint8_t verb = (uint8_t)random_of(p, 20);
        verb = verb == 19 ? CLOSE : verb % 4;
        double seconds = 0.0001 * (double)random_of(p, 3);
        void *item = NULL;
        // Each item is another one.
        history_call *c = call_begins(p, verb, (uint64_t)(p->number * CALLS + i + 1));
        switch (verb) {
        case PUT: call_ends(c, lt_queue_put_timeout(queue, (void *)(uintptr_t)c->given, seconds), 0); break;
        case TRY_PUT: call_ends(c, lt_queue_try_put(queue, (void *)(uintptr_t)c->given), 0); break;
        case CLOSE: call_ends(c, lt_queue_close(queue, c->given % 2), 0); break;
        default: {
            lt_status status = verb == GET ? lt_queue_get_timeout(queue, seconds, &item) : lt_queue_try_get(queue, &item);
            call_ends(c, status, (uint64_t)(uintptr_t)item);
        }
        }
    }
}

// A try_get is LT_EMPTY too where the first item is still being put, and a try_put LT_FULL where room is being made. An
// immediate close closes, and then discards one item after the other, while who comes may take the next.
static void annotate_queue(history *h) {
    for (size_t i = 0, calls = h->count; i < calls; i++) {
        if (h->calls[i].verb == CLOSE && h->calls[i].given % 2 != 0) {
            must(h->count < HISTORY_MOST);
            h->calls[h->count] = h->calls[i];
            h->calls[h->count++].verb = DISCARD;
        }
    }
    for (size_t i = 0; i < h->count; i++) {
        for (size_t j = 0; j < h->count; j++) {
            const history_call *other = &h->calls[j];
            if (i != j && other->began < h->calls[i].ended && h->calls[i].began < other->ended) {
                h->calls[i].beside_put |= other->verb == PUT || other->verb == TRY_PUT;
                h->calls[i].beside_get |= other->verb == GET || other->verb == TRY_GET || other->verb == CLOSE;
                h->calls[i].waiting |= other->verb == DISCARD;
            }
        }
    }
}

// The state: how many, whether closed, and the items.
static bool queue_step(history_state *s, const history_call *c) {
    uint8_t *size = &s->bytes[0], *closed = &s->bytes[1], *items = &s->bytes[2];
    switch (c->verb) {
    case PUT:
    case TRY_PUT:
        if (*closed) {
            return c->status == LT_CLOSED;
        }
        if (c->status == LT_OK) {
            if (*size == (capacity == 0 ? HISTORY_STATE - 2 : capacity)) {
                return false;
            }
            items[(*size)++] = (uint8_t)c->given;
            return true;
        }
        return (c->status == LT_FULL || c->status == LT_TIMED_OUT) && capacity != 0 &&
               (*size == capacity || (c->verb == TRY_PUT && c->beside_get) || (c->status == LT_TIMED_OUT && c->beside_get));
    case CLOSE: *closed = 1; return c->status == LT_OK;
    case DISCARD:
        memset(items, 0, HISTORY_STATE - 2);
        *size = 0;
        return *closed;
    default:
        if (c->status == LT_OK) {
            while (c->waiting && *closed && *size > 0 && items[0] != c->got) {
                memmove(items, items + 1, HISTORY_STATE - 3);
                items[--*size] = 0;
            }
            if (*size == 0 || items[0] != c->got) {
                return false;
            }
            memmove(items, items + 1, HISTORY_STATE - 3);
            items[--*size] = 0;
            return true;
        }
        if (c->got != 0) {
            return false;
        }
        return c->status == LT_CLOSED ? *closed && (*size == 0 || c->waiting) : (*size == 0 && !*closed) || c->beside_put;
    }
}

TEST(histories_of_a_queue_are_linearizable) {
    play(&(game){"queue", queue_verbs, queue_begin, queue_play, queue_end, queue_step, annotate_queue});
}

// ---- Barrier

enum { ROUNDS = 5 };
static const char *const barrier_verbs[] = {"wait"};
static lt_barrier *barrier;

static void barrier_begin(history_state *initial) {
    (void)initial;
    barrier = lt_barrier_new(THREADS, NULL, NULL);
}

static void barrier_play(player *p) {
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t index = THREADS;
        history_call *c = call_begins(p, 0, (uint64_t)i);
        lt_status status = lt_barrier_wait(barrier, &index);
        call_ends(c, status, index);
    }
}

// Nobody goes on before all are there, and their numbers are all different.
static void barrier_end(void) {
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t last_came = 0, first_went = HISTORY_NEVER;
        unsigned numbers = 0;
        for (int i = 0; i < THREADS; i++) {
            const history_call *c = &players[i].calls[round];
            must(c->status == LT_OK && c->got < THREADS);
            numbers |= 1u << c->got;
            last_came = c->began > last_came ? c->began : last_came;
            first_went = c->ended < first_went ? c->ended : first_went;
        }
        must(numbers == (1u << THREADS) - 1);
        must(last_came < first_went);
    }
    must(lt_barrier_free(barrier) == LT_OK);
}

TEST(histories_of_a_barrier_let_nobody_go_before_all_are_there) {
    play(&(game){"barrier", barrier_verbs, barrier_begin, barrier_play, barrier_end, NULL, NULL});
}

// ---- Future

enum { DONE, RUNNING, CANCELLED, RESULT, TRY_RESULT, CANCEL, BEGINS, ENDS };
static const char *const future_verbs[] = {
    "done", "running", "cancelled", "result", "try_result", "cancel", "the task begins", "the task ends"};
static lt_pool *pool;
static lt_future *future;
static history_call task_begins, task_ends;
static _Atomic bool entered;

static void *task(void *arg) {
    task_begins.ended = atomic_fetch_add(&now, 1);
    atomic_store(&entered, true);
    for (volatile int i = 0; i < 300; i++) {
    }
    task_ends.began = atomic_fetch_add(&now, 1);
    return arg;
}

static void future_begin(history_state *initial) {
    (void)initial;
    if (pool == NULL) {
        pool = lt_pool_new(1, NULL);
    }
    atomic_store(&entered, false);
    task_begins = (history_call){.thread = THREADS, .verb = BEGINS, .began = atomic_fetch_add(&now, 1)};
    task_begins.ended = HISTORY_NEVER;
    task_ends = (history_call){.thread = THREADS, .verb = ENDS, .began = task_begins.began, .ended = HISTORY_NEVER};
    must(lt_pool_submit(pool, task, &pool, &future) == LT_OK);
}

static void future_play(player *p) {
    for (int i = 0; i < 6; i++) {
        uint8_t verb = (uint8_t)random_of(p, p->number == 0 ? 6 : 5);
        void *result = NULL;
        history_call *c = call_begins(p, verb, 0);
        lt_status status = LT_OK;
        switch (verb) {
        case DONE: result = (void *)(uintptr_t)lt_future_done(future); break;
        case RUNNING: result = (void *)(uintptr_t)lt_future_running(future); break;
        case CANCELLED: result = (void *)(uintptr_t)lt_future_cancelled(future); break;
        case RESULT: status = lt_future_result_timeout(future, 0.00005 * (double)random_of(p, 3), &result); break;
        case TRY_RESULT: status = lt_future_try_result(future, &result); break;
        default: status = lt_future_cancel(future);
        }
        call_ends(c, status, (uint64_t)(uintptr_t)result);
    }
}

// The task itself is one of those who call.
static void annotate_task(history *h) {
    void *result;
    lt_status status = lt_future_result(future, &result);
    must(status == LT_CANCELLED || (status == LT_OK && result == &pool));
    must(atomic_load(&entered) == (status == LT_OK));
    if (status == LT_OK) {
        h->calls[h->count++] = task_begins;
        h->calls[h->count++] = task_ends;
    }
}

static void future_end(void) {
    must(lt_future_free(future) == LT_OK);
}

static bool future_step(history_state *s, const history_call *c) {
    enum { PENDING_STATE, RUNNING_STATE, DONE_STATE, CANCELLED_STATE };
    uint8_t *state = &s->bytes[0];
    bool is_over = *state == DONE_STATE || *state == CANCELLED_STATE;
    switch (c->verb) {
    case DONE: return c->got == is_over;
    case RUNNING: return c->got == (*state == RUNNING_STATE);
    case CANCELLED: return c->got == (*state == CANCELLED_STATE);
    case BEGINS: return *state == PENDING_STATE && (*state = RUNNING_STATE, true);
    case ENDS: return *state == RUNNING_STATE && (*state = DONE_STATE, true);
    case CANCEL:
        if (*state == PENDING_STATE || *state == CANCELLED_STATE) {
            *state = CANCELLED_STATE;
            return c->status == LT_OK;
        }
        return c->status == LT_BUSY;
    default:
        switch (c->status) {
        case LT_OK: return *state == DONE_STATE && c->got == (uint64_t)(uintptr_t)&pool;
        case LT_CANCELLED: return *state == CANCELLED_STATE;
        case LT_BUSY:
        case LT_TIMED_OUT: return !is_over;
        default: return false;
        }
    }
}

TEST(histories_of_a_future_are_linearizable) {
    play(&(game){"future", future_verbs, future_begin, future_play, future_end, future_step, annotate_task});
    assert_ok(lt_pool_free(pool));
    pool = NULL;
}

// ---- The checker itself

static bool possible(history_step step, size_t count, const history_call *calls) {
    history h = {.count = count};
    memcpy(h.calls, calls, count * sizeof *calls);
    return history_is_possible(&h, step, &(history_state){{0}});
}

TEST(a_history_that_is_not_linearizable_is_refused) {
    capacity = 0;
    history_call fifo[] = {{.verb = PUT, .given = 1, .began = 0, .ended = 1}, {.verb = PUT, .given = 2, .began = 2, .ended = 3},
        {.verb = GET, .got = 1, .began = 4, .ended = 5}, {.verb = GET, .got = 2, .began = 6, .ended = 7}};
    assert_true(possible(queue_step, 4, fifo));
    fifo[2].got = 2;
    fifo[3].got = 1;
    assert_false(possible(queue_step, 4, fifo)); // Out of order,
    fifo[1].began = 0;
    assert_true(possible(queue_step, 4, fifo)); // unless the puts were at the same time;
    fifo[3].got = 2;
    assert_false(possible(queue_step, 4, fifo)); // twice the same;
    fifo[3] = (history_call){.verb = TRY_GET, .status = LT_EMPTY, .began = 6, .ended = 7};
    assert_false(possible(queue_step, 4, fifo)); // lost,
    fifo[3].beside_put = true;
    assert_true(possible(queue_step, 4, fifo)); // unless one is still being put;
    assert_true(possible(queue_step, 3, fifo));
    fifo[2].began = 0;
    fifo[2].ended = 1;
    fifo[1].began = 2;
    assert_false(possible(queue_step, 3, fifo)); // got before it was put.

    history_call two[] = {{.verb = ACQUIRE, .began = 0, .ended = 3}, {.verb = TRY, .began = 1, .ended = 2}};
    assert_false(possible(lock_step, 2, two)); // Both hold it;
    two[1].status = LT_BUSY;
    assert_true(possible(lock_step, 2, two));
    two[1].ended = HISTORY_NEVER;
    two[1].status = LT_OK;
    assert_true(possible(lock_step, 2, two)); // who has not returned need not have come.
    history_call third = {.verb = TRY, .status = LT_BUSY, .began = 4, .ended = 5};
    assert_false(possible(lock_step, 1, &third)); // Nobody holds it.

    history_call event_calls[] = {{.verb = SET, .began = 0, .ended = 1}, {.verb = CLEAR, .began = 2, .ended = 3},
        {.verb = WAIT, .began = 4, .ended = 5}};
    assert_false(possible(event_step, 3, event_calls));
    event_calls[2].began = 0;
    assert_true(possible(event_step, 3, event_calls));

    history_call readers[] = {{.verb = READ, .began = 0, .ended = 1}, {.verb = READ, .began = 2, .ended = 3},
        {.verb = WRITE, .began = 4, .ended = 5}};
    assert_false(possible(rwlock_step, 3, readers));
    readers[2].status = LT_TIMED_OUT;
    assert_true(possible(rwlock_step, 3, readers));

    history_call permits[] = {{.verb = RELEASE, .given = 2, .began = 0, .ended = 1}, {.verb = TRY, .began = 2, .ended = 3},
        {.verb = TRY, .began = 4, .ended = 5}, {.verb = TRY, .status = LT_BUSY, .began = 6, .ended = 7}};
    assert_true(possible(semaphore_step, 4, permits));
    permits[3].status = LT_OK;
    assert_false(possible(semaphore_step, 4, permits));

    history_call futures[] = {{.verb = CANCEL, .began = 0, .ended = 1}, {.verb = BEGINS, .began = 0, .ended = 2}};
    assert_false(possible(future_step, 2, futures));
    futures[0].status = LT_BUSY;
    assert_true(possible(future_step, 2, futures));
}
