// Traces: a timeline of all threads, in a file.
// timeout: 120
#include "system.h"
#include "waits.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#ifndef _WIN32
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#endif

enum { MOST_THREADS = 64 };

static const char *path(void) {
    static char name[64];
    snprintf(name, sizeof name, "trace-%d.json", (int)getpid());
    return name;
}

// ---- Reading it

typedef struct trace {
    char *text;
    char **lines; // Of the events; each is one of JSON.
    size_t count;
    bool ends; // With the end of the array.
} trace;

// Goes over a value in JSON, strictly; NULL if it is none.
static const char *over_value(const char *s) {
    if (*s == '{') {
        for (s++; *s != '}'; s += *s == ',') {
            if (*s != '"' || (s = over_value(s)) == NULL || *s++ != ':' || (s = over_value(s)) == NULL ||
                (*s != ',' && *s != '}') || (*s == ',' && s[1] == '}')) {
                return NULL;
            }
        }
        return s + 1;
    }
    if (*s == '"') {
        for (s++; *s != '"'; s++) {
            if ((unsigned char)*s < 0x20 || (*s == '\\' && *++s != '"' && *s != '\\')) {
                return NULL;
            }
        }
        return s + 1;
    }
    const char *begin = s;
    while (isdigit((unsigned char)*s)) {
        s++;
    }
    if (s == begin || (*begin == '0' && s > begin + 1)) {
        return NULL;
    }
    if (*s == '.') {
        for (begin = ++s; isdigit((unsigned char)*s); s++) {
        }
    }
    return s == begin ? NULL : s;
}

// What is in a file: of one that is not finished, the last line may be cut off.
static trace read_trace(const char *name, bool finished) {
    trace t = {0};
    FILE *file = fopen(name, "rb");
    must(file != NULL);
    must(fseek(file, 0, SEEK_END) == 0);
    long size = ftell(file);
    rewind(file);
    t.text = calloc(1, (size_t)size + 1);
    must(fread(t.text, 1, (size_t)size, file) == (size_t)size);
    fclose(file);
    size_t room = 1;
    for (long i = 0; i < size; i++) {
        room += t.text[i] == '\n';
    }
    t.lines = calloc(room, sizeof *t.lines);
    must(strncmp(t.text, "[\n", 2) == 0);
    // Not strchr: there is one that looks for the end of all first.
    const char *const behind_all = t.text + size;
    for (char *line = t.text + 2, *end; (end = memchr(line, '\n', (size_t)(behind_all - line))) != NULL; line = end + 1) {
        *end = 0;
        if (strcmp(line, "]") == 0) {
            must(!t.ends && end[1] == 0);
            t.ends = true;
            continue;
        }
        must(!t.ends);
        const char *behind = *line == '{' ? over_value(line) : NULL;
        bool is_last = strncmp(end + 1, "]\n", 2) == 0;
        if (behind == NULL || strcmp(behind, is_last ? "" : ",") != 0) {
            fprintf(stderr, "no event: %s\n", line);
            must(!"a line that is no event");
        }
        t.lines[t.count++] = line;
    }
    must(t.ends == finished);
    return t;
}

static void free_trace(trace *t) {
    free(t->lines);
    free(t->text);
}

// The first event at or behind this one that has all these in its line, the last of which is NULL.
static const char *find_from(const trace *t, size_t from, const char *const parts[]) {
    for (size_t i = from; i < t->count; i++) {
        size_t n = 0;
        while (parts[n] != NULL && strstr(t->lines[i], parts[n]) != NULL) {
            n++;
        }
        if (parts[n] == NULL) {
            return t->lines[i];
        }
    }
    return NULL;
}

#define FIND(t, ...) find_from(t, 0, (const char *const[]){__VA_ARGS__, NULL})
#define HAS(t, ...) must_for(#__VA_ARGS__, FIND(t, __VA_ARGS__) != NULL)

static size_t count_of(const trace *t, const char *part, const char *other) {
    size_t n = 0;
    for (size_t i = 0; i < t->count; i++) {
        n += strstr(t->lines[i], part) != NULL && strstr(t->lines[i], other) != NULL;
    }
    return n;
}

static double number(const char *line, const char *key) {
    const char *at = strstr(line, key);
    must(at != NULL);
    return strtod(at + strlen(key), NULL);
}

// The text behind a key, up to its quotation mark.
static const char *text_of(const char *line, const char *key) {
    static char text[4][128];
    static int next;
    char *to = text[next++ % 4];
    const char *at = strstr(line, key);
    must(at != NULL);
    at += strlen(key);
    size_t length = strcspn(at, "\"");
    must(length < 127);
    memcpy(to, at, length);
    to[length] = 0;
    return to;
}

// Each end belongs to a beginning of its thread, and time does not go back; each arrow's end to a beginning.
static void check_balance(const trace *t, bool all_end) {
    int depth[MOST_THREADS] = {0};
    double last[MOST_THREADS] = {0};
    for (size_t i = 0; i < t->count; i++) {
        const char *line = t->lines[i];
        size_t tid = (size_t)number(line, "\"tid\":");
        if (tid >= MOST_THREADS) {
            continue;
        }
        bool begins = strstr(line, "{\"ph\":\"B\"") == line, ends = strstr(line, "{\"ph\":\"E\"") == line;
        depth[tid] += begins - ends;
        must_for(line, depth[tid] >= 0);
        if (begins || ends) {
            must_for(line, number(line, "\"ts\":") >= last[tid]);
            last[tid] = number(line, "\"ts\":");
        }
        if (strstr(line, "{\"ph\":\"f\"") == line) {
            // Most often it is near: there may be thousands.
            const char *const begin[] = {"{\"ph\":\"s\"", text_of(line, "\"cat\":\""), text_of(line, "\"id\":\""), NULL};
            must_for(line, find_from(t, i < 16 ? 0 : i - 16, begin) != NULL || find_from(t, 0, begin) != NULL);
        }
    }
    for (size_t tid = 2; tid < MOST_THREADS && all_end; tid++) {
        must(depth[tid] == 0);
    }
}

static void must_have_lost(const trace *t, double n) {
    must(number(t->lines[t->count - 1], "\"lost\":") == n);
}

// In which threads go on.
static trace finished_trace_of_some(void) {
    trace t = read_trace(path(), true);
    remove(path());
    check_balance(&t, false);
    return t;
}

static trace finished_trace(void) {
    trace t = read_trace(path(), true);
    remove(path());
    check_balance(&t, true);
    return t;
}

// ---- What is in it

static void spanned(void *arg) {
    lt_trace_begin(arg);
    lt_trace_begin("inner \"one\"\n\\");
    lt_trace_end();
    lt_trace_end();
    lt_trace_end(); // There is none.
}

static void ends_too_often(void *arg) {
    lt_trace_end();
    spanned(arg);
}

static lt_ident start_named(lt_thread **thread, void (*function)(void *), void *arg, const char *name) {
    lt_thread_options options = {.size = sizeof options, .name = name};
    must(lt_thread_start(function, arg, &options, thread) == LT_OK);
    return lt_thread_ident(*thread);
}

// How many slices of its thread are open before a line.
static int depth_at(const trace *t, const char *line) {
    int depth = 0;
    for (size_t i = 0; t->lines[i] != line; i++) {
        bool is_its = number(t->lines[i], "\"tid\":") == number(line, "\"tid\":");
        depth += is_its && strstr(t->lines[i], "{\"ph\":\"B\"") == t->lines[i];
        depth -= is_its && strstr(t->lines[i], "{\"ph\":\"E\"") == t->lines[i];
    }
    return depth;
}

static void *ends_too_often_in_a_task(void *arg) {
    ends_too_often(arg);
    return arg;
}

TEST(no_span_ends_what_is_around_it) {
    assert_ok(lt_trace_start(path()));
    lt_thread *thread;
    start_named(&thread, ends_too_often, "in a thread", "spanner");
    assert_ok(lt_thread_join(thread));
    lt_pool *pool = lt_pool_new(1, NULL);
    assert_ok(lt_pool_submit(pool, ends_too_often_in_a_task, "in a task", NULL));
    assert_ok(lt_pool_free(pool));
    assert_ok(lt_trace_stop());
    trace t = finished_trace();
    must(depth_at(&t, FIND(&t, "\"in a thread\"")) == 1);
    must(depth_at(&t, FIND(&t, "\"in a task\"")) == 2);
    free_trace(&t);
}

TEST(threads_have_names_and_spans_lie_within_each_other) {
    assert_ok(lt_trace_start(path()));
    lt_thread *thread;
    start_named(&thread, spanned, "outer", "spanner");
    assert_ok(lt_thread_join(thread));
    lt_trace_begin(NULL);
    lt_trace_begin("\xff not UTF-8 \xc3\xa9");
    char name[200];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = 0;
    lt_trace_begin(name); // Left open, as the two.
    assert_ok(lt_trace_stop());
    lt_trace_begin("not in it");
    lt_trace_end();
    trace t = finished_trace();
    HAS(&t, "\"thread_name\"", "\"name\":\"spanner\"");
    HAS(&t, "\"thread_name\"", "\"name\":\"MainThread\"");
    HAS(&t, "\"B\"", "\"cat\":\"thread\"", "spanned");
    HAS(&t, "\"cat\":\"span\"", "\"name\":\"outer\"");
    HAS(&t, "\"cat\":\"span\"", "\"name\":\"inner \\\"one\\\"?\\\\\"");
    HAS(&t, "\"cat\":\"span\"", "\"name\":\"? not UTF-8 \xc3\xa9\"");
    must(count_of(&t, "\"cat\":\"span\"", "\"") == 5 && FIND(&t, "not in it") == NULL);
    must(strlen(text_of(FIND(&t, "\"xxx"), "\"name\":\"")) == 96);
    must_have_lost(&t, 0);
    free_trace(&t);
}

typedef struct held {
    lt_lock *lock;
    _Atomic int64_t wants; // The thread that does, as the system knows it.
} held;

static void acquire_held(void *arg) {
    held *h = arg;
    atomic_store(&h->wants, lt_get_native_id());
    must(lt_lock_acquire(h->lock) == LT_OK && lt_lock_release(h->lock) == LT_OK);
}

static size_t waiting(void) {
    size_t count = 0;
    must(lt_waits(NULL, 0, &count) == LT_OK);
    return count;
}

TEST(a_wait_tells_for_what_on_whom_and_who_ended_it) {
    held h = {lt_allocate_lock(), 0};
    assert_ok(lt_set_name(h.lock, "journal"));
    assert_ok(lt_set_thread_name("auditor"));
    assert_ok(lt_trace_start(path()));
    assert_ok(lt_lock_acquire(h.lock));
    lt_thread *thread;
    start_named(&thread, acquire_held, &h, "clerk");
    must_soon(waiting() == 1 && asleep(h.wants));
    assert_ok(lt_lock_release(h.lock));
    assert_ok(lt_thread_join(thread));
    assert_ok(lt_lock_free(h.lock)); // Its name is known still.
    assert_ok(lt_trace_stop());
    trace t = finished_trace();
    const char *wait = FIND(&t, "\"B\"", "\"cat\":\"wait\"", "acquire lock \\\"journal\\\"", "\"holder\":\"auditor\"");
    must(wait != NULL);
    HAS(&t, "\"n\"", "\"cat\":\"held\"", "lock \\\"journal\\\"");
    must(count_of(&t, "{\"ph\":\"b\"", "\"cat\":\"held\"") == 2 && count_of(&t, "{\"ph\":\"e\"", "\"cat\":\"held\"") == 2);
    HAS(&t, "{\"ph\":\"b\"", "\"name\":\"auditor\"");
    HAS(&t, "{\"ph\":\"b\"", "\"name\":\"clerk\"");
    HAS(&t, "{\"ph\":\"X\"", "\"name\":\"wake\"", "\"tid\":1,", "\"threads\":1");
    char tid[32];
    snprintf(tid, sizeof tid, "\"tid\":%d,", (int)number(wait, "\"tid\":"));
    const char *arrow = FIND(&t, "{\"ph\":\"f\"", "\"cat\":\"wake\"", tid);
    must(arrow != NULL);
    HAS(&t, "{\"ph\":\"s\"", "\"cat\":\"wake\"", "\"tid\":1,", text_of(arrow, "\"id\":\""));
    must_have_lost(&t, 0);
    free_trace(&t);
}

// ---- Arrows, from who wakes to whom

// One that sleeps for something, and one that ends that on another thread.
typedef struct pair {
    const char *name;
    lt_status (*sleep)(struct pair *);
    lt_status (*wake)(struct pair *); // NULL: who sleeps sees to it itself that another thread does.
    const wait_kind *kind;
    void *object;
    lt_thread *waker;
    lt_event *ready, *go; // The waker has come that far; it is to go on.
    lt_ident by;
    _Atomic lt_ident sleeper;
    _Atomic int64_t sleeper_native;
} pair;

static bool waits_now(lt_ident ident) {
    lt_wait_info infos[32];
    size_t count = 0;
    infos[0].size = sizeof infos[0];
    must(lt_waits(infos, LENGTH(infos), &count) == LT_OK && count <= LENGTH(infos));
    while (count > 0 && infos[count - 1].ident != ident) {
        count--;
    }
    return count > 0;
}

// On the thread that is going to wake.
static void about_to_wake(pair *p) {
    p->by = lt_get_ident();
    must(lt_event_set(p->ready) == LT_OK && lt_event_wait(p->go) == LT_OK);
}

static void about_to_sleep(pair *p) {
    atomic_store(&p->sleeper_native, lt_get_native_id());
    atomic_store(&p->sleeper, lt_get_ident());
}

static void sleep_of_pair(void *arg) {
    pair *p = arg;
    about_to_sleep(p);
    must_for(p->name, p->sleep(p) == LT_OK);
}

static void wake_of_pair(void *arg) {
    pair *p = arg;
    must_for(p->name, p->wake(p) == LT_OK);
}

static char *tid_of(lt_ident ident, char text[32]) {
    snprintf(text, 32, "\"tid\":%llu,", (unsigned long long)ident);
    return text;
}

// Whether an arrow leads from a slice of one thread into the last wait of another.
static bool leads(const trace *t, lt_ident from, lt_ident to) {
    char from_text[32], to_text[32];
    tid_of(from, from_text), tid_of(to, to_text);
    const char *wait = NULL;
    for (size_t i = 0; i < t->count; i++) {
        const char *line = t->lines[i];
        if (strstr(line, to_text) != NULL && strstr(line, "{\"ph\":\"B\"") == line && strstr(line, "\"cat\":\"wait\"") != NULL) {
            wait = line;
        } else if (wait != NULL && strstr(line, to_text) != NULL && strstr(line, "{\"ph\":\"f\"") == line) {
            const char *begin = FIND(t, "{\"ph\":\"s\"", "\"cat\":\"wake\"", from_text, text_of(line, "\"id\":\""));
            if (begin != NULL) {
                // It begins in a slice, or no program draws it.
                int depth = 0;
                for (size_t n = 0; n < t->count; n++) {
                    bool before = strstr(t->lines[n], from_text) != NULL && number(t->lines[n], "\"ts\":") <= number(begin, "\"ts\":");
                    depth += before && strstr(t->lines[n], "{\"ph\":\"B\"") == t->lines[n];
                    depth -= before && strstr(t->lines[n], "{\"ph\":\"E\"") == t->lines[n];
                }
                return depth > 0 && number(wait, "\"ts\":") <= number(line, "\"ts\":");
            }
        }
    }
    return false;
}

static void check_arrow(pair *p) {
    p->ready = lt_event_new();
    p->go = lt_event_new();
    assert_ok(lt_trace_start(path()));
    lt_thread *sleeper;
    if (p->wake != NULL) {
        start_named(&p->waker, wake_of_pair, p, "waker");
        assert_ok(lt_event_wait(p->ready));
    }
    start_named(&sleeper, sleep_of_pair, p, "sleeper");
    assert_ok(lt_event_wait(p->ready));
    must_soon(atomic_load(&p->sleeper) != 0 && waits_now(atomic_load(&p->sleeper)) && asleep(atomic_load(&p->sleeper_native)));
    assert_ok(lt_event_set(p->go));
    must_soon(!lt_thread_is_alive(sleeper)); // Before its join: a lock that this thread made would look like its own.
    assert_ok(lt_thread_join(sleeper));
    if (p->wake != NULL) {
        assert_ok(lt_thread_join(p->waker));
        assert_ok(lt_thread_free(p->waker));
    }
    assert_ok(lt_trace_stop());
    trace t = read_trace(path(), true);
    check_balance(&t, false);
    if (!leads(&t, p->by, atomic_load(&p->sleeper))) {
        fputs(p->name, stderr);
        for (size_t i = 0; i < t.count; i++) {
            fprintf(stderr, "\n%s", t.lines[i]);
        }
    }
    must_for(p->name, leads(&t, p->by, atomic_load(&p->sleeper)));
    free_trace(&t);
    remove(path());
    assert_ok(lt_thread_free(sleeper));
    assert_ok(lt_event_free(p->ready));
    assert_ok(lt_event_free(p->go));
}

static lt_status sleep_of_kind(pair *p) {
    return p->kind->wait(p->object);
}

static lt_status satisfy(pair *p) {
    about_to_wake(p);
    return p->kind->satisfy(p->object);
}

TEST(who_makes_a_wait_possible_has_an_arrow_to_it) {
    for_each_wait(kind) {
        if (kind->satisfy != waits_rlock_satisfy) { // Which mends a lock, and wakes nobody.
            pair p = {.name = kind->name, .sleep = sleep_of_kind, .wake = satisfy, .kind = kind, .object = waits_make(kind)};
            check_arrow(&p);
            waits_destroy(kind, p.object);
        }
    }
}

static lt_status select_one(int32_t op, void *handle) {
    lt_case one = {.op = op, .handle = handle};
    lt_status status = lt_select(&one, 1, LT_FOREVER, &(size_t){0});
    return status == LT_OK ? one.status : status;
}

static lt_status only_end(pair *p) { about_to_wake(p); return LT_OK; }
static lt_status join_waker(pair *p) { return lt_thread_join(p->waker); }
static lt_status select_join_of_waker(pair *p) { return select_one(LT_CASE_JOIN, p->waker); }

static lt_status own_rlock(pair *p) {
    must(lt_rlock_acquire(p->object) == LT_OK);
    about_to_wake(p);
    return lt_rlock_release(p->object);
}
static lt_status wait_for_rlock(pair *p) {
    must(lt_rlock_acquire(p->object) == LT_OK);
    return lt_rlock_release(p->object);
}

static lt_status do_task(pair *p) { about_to_wake(p); return lt_queue_task_done(p->object); }
static lt_status join_queue(pair *p) { return lt_queue_join(p->object); }
static lt_status close_queue(pair *p) { about_to_wake(p); return lt_queue_close(p->object, false); }
static lt_status get_from_closed(pair *p) {
    return lt_queue_get(p->object, &(void *){NULL}) == LT_CLOSED ? LT_OK : LT_INVALID;
}

static lt_status come_last(pair *p) { about_to_wake(p); return lt_barrier_wait(p->object, NULL); }
static lt_status wait_at_barrier(pair *p) { return lt_barrier_wait(p->object, NULL); }

static lt_once_flag once;
static void take_time(void *p) { about_to_wake(p); }
static lt_status call_once(pair *p) { return lt_call_once(&once, take_time, p); }

static lt_status notify_all(pair *p) { about_to_wake(p); return lt_condition_notify_all(p->object); }
static lt_status wait_for_notify(pair *p) {
    lt_lock *lock = lt_allocate_lock();
    must(lt_lock_acquire(lock) == LT_OK && lt_condition_wait(p->object, lock) == LT_OK && lt_lock_release(lock) == LT_OK);
    return lt_lock_free(lock);
}

static void *work_for_pair(void *arg) {
    about_to_wake(arg);
    return NULL;
}
static lt_future *submitted(pair *p) {
    lt_future *future;
    must(lt_pool_submit(p->object, work_for_pair, p, &future) == LT_OK);
    return future;
}
static lt_status wait_for_result(pair *p) {
    lt_future *future = submitted(p);
    must(lt_future_result(future, NULL) == LT_OK);
    return lt_future_free(future);
}
static lt_status wait_for_many(pair *p) {
    lt_future *future = submitted(p);
    must(lt_future_wait_many(&future, 1, LT_ALL, LT_FOREVER, NULL) == LT_OK);
    return lt_future_free(future);
}
static lt_status select_future(pair *p) {
    lt_future *future = submitted(p);
    must(select_one(LT_CASE_FUTURE, future) == LT_OK);
    return lt_future_free(future);
}
static lt_status shut_down(pair *p) {
    must(lt_pool_submit(p->object, work_for_pair, p, NULL) == LT_OK);
    return lt_pool_shutdown(p->object, true, false);
}

static void ring_for_pair(void *arg) {
    pair *p = arg;
    about_to_wake(p);
    must(lt_event_set(p->object) == LT_OK);
}
static lt_status wait_for_timer(pair *p) {
    must(lt_timer_start(0, 0, ring_for_pair, p, NULL) == LT_OK);
    return lt_event_wait(p->object);
}
static lt_status cancel_timer(pair *p) {
    lt_timer *timer;
    must(lt_timer_start(0, 0, take_time, p, &timer) == LT_OK && lt_event_wait(p->ready) == LT_OK);
    return lt_timer_free(timer);
}

TEST(what_ends_a_wait_of_another_kind_has_an_arrow_to_it_too) {
    lt_queue *undone = lt_queue_new(0), *closed = lt_queue_new(0);
    assert_ok(lt_queue_put(undone, NULL));
    lt_pool *pool = lt_pool_new(1, NULL);
    lt_event *event = lt_event_new();
    pair pairs[] = {
        {.name = "join", .sleep = join_waker, .wake = only_end},
        {.name = "select join", .sleep = select_join_of_waker, .wake = only_end},
        {.name = "rlock", .sleep = wait_for_rlock, .wake = own_rlock, .object = lt_rlock_new()},
        {.name = "queue join", .sleep = join_queue, .wake = do_task, .object = undone},
        {.name = "queue close", .sleep = get_from_closed, .wake = close_queue, .object = closed},
        {.name = "barrier", .sleep = wait_at_barrier, .wake = come_last, .object = lt_barrier_new(2, NULL, NULL)},
        {.name = "call_once", .sleep = call_once, .wake = call_once},
        {.name = "notify_all", .sleep = wait_for_notify, .wake = notify_all, .object = lt_condition_new()},
        {.name = "result", .sleep = wait_for_result, .object = pool},
        {.name = "wait_many", .sleep = wait_for_many, .object = pool},
        {.name = "select future", .sleep = select_future, .object = pool},
        {.name = "timer", .sleep = wait_for_timer, .object = event},
        {.name = "cancel", .sleep = cancel_timer},
        {.name = "shutdown", .sleep = shut_down, .object = pool},
    };
    for (size_t i = 0; i < LENGTH(pairs); i++) {
        check_arrow(&pairs[i]);
    }
    assert_ok(lt_rlock_free(pairs[2].object));
    assert_ok(lt_queue_free(undone));
    assert_ok(lt_queue_free(closed));
    assert_ok(lt_barrier_free(pairs[5].object));
    assert_ok(lt_condition_free(pairs[7].object));
    assert_ok(lt_pool_free(pool));
    assert_ok(lt_event_free(event));
}

typedef struct worker {
    _Atomic lt_ident ident;
    _Atomic int64_t native_id;
} worker;

static void *tell_worker(void *arg) {
    worker *w = arg;
    atomic_store(&w->native_id, lt_get_native_id());
    atomic_store(&w->ident, lt_get_ident());
    return NULL;
}

TEST(a_submit_has_an_arrow_to_the_idle_worker_that_it_wakes) {
    worker w = {0};
    lt_pool *pool = lt_pool_new(1, NULL);
    assert_ok(lt_set_name(pool, "compressors"));
    assert_ok(lt_trace_start(path()));
    for (int i = 0; i < 2; i++) {
        assert_ok(lt_pool_submit(pool, tell_worker, &w, NULL));
        must_soon(atomic_load(&w.ident) != 0 && waits_now(atomic_load(&w.ident)) && asleep(atomic_load(&w.native_id)));
    }
    assert_ok(lt_pool_submit(pool, tell_worker, &w, NULL));
    assert_ok(lt_pool_shutdown(pool, true, false));
    assert_ok(lt_trace_stop());
    trace t = finished_trace();
    HAS(&t, "\"B\"", "\"cat\":\"wait\"", "idle pool \\\"compressors\\\"");
    must(leads(&t, lt_get_ident(), atomic_load(&w.ident)));
    free_trace(&t);
    assert_ok(lt_pool_free(pool));
}

typedef struct shared {
    lt_rwlock *lock;
    lt_event *both;
    _Atomic int readers;
} shared;

static void read_shared(void *arg) {
    shared *s = arg;
    must(lt_rwlock_read_acquire(s->lock) == LT_OK);
    if (atomic_fetch_add(&s->readers, 1) == 1) {
        must(lt_event_set(s->both) == LT_OK);
    }
    must(lt_event_wait(s->both) == LT_OK && lt_rwlock_read_release(s->lock) == LT_OK);
}

TEST(what_is_held_by_several_has_a_line_for_each) {
    shared s = {lt_rwlock_new(), lt_event_new(), 0};
    assert_ok(lt_trace_start(path()));
    lt_thread *threads[2];
    for (int i = 0; i < 2; i++) {
        start_named(&threads[i], read_shared, &s, "reader");
    }
    for (int i = 0; i < 2; i++) {
        assert_ok(lt_thread_join(threads[i]));
    }
    assert_ok(lt_trace_stop());
    trace t = finished_trace();
    const char *first = FIND(&t, "{\"ph\":\"b\"", "\"cat\":\"held\"");
    must(first != NULL && count_of(&t, "{\"ph\":\"b\"", "\"cat\":\"held\"") == 2);
    must(count_of(&t, "{\"ph\":\"b\"", text_of(first, "\"local\":\"")) == 1);
    must(count_of(&t, "{\"ph\":\"e\"", text_of(first, "\"local\":\"")) == 1);
    free_trace(&t);
    assert_ok(lt_rwlock_free(s.lock));
    assert_ok(lt_event_free(s.both));
}

static void *square(void *arg) {
    lt_trace_begin("left open");
    return arg;
}

static void *exits(void *arg) {
    (void)arg;
    lt_trace_begin("left by lt_exit");
    lt_exit();
    return NULL;
}

TEST(a_task_has_an_arrow_from_its_submit) {
    assert_ok(lt_trace_start(path()));
    lt_pool *pool = lt_pool_new(2, "squarer");
    lt_future *future;
    void *arguments[20] = {0};
    assert_ok(lt_pool_submit(pool, square, NULL, &future));
    assert_ok(lt_future_result(future, NULL));
    assert_ok(lt_future_free(future));
    assert_ok(lt_pool_submit(pool, square, NULL, NULL));
    assert_ok(lt_pool_submit(pool, exits, NULL, NULL));
    assert_ok(lt_pool_map(pool, square, arguments, 20, NULL, LT_FOREVER));
    assert_ok(lt_pool_free(pool));
    assert_ok(lt_trace_stop());
    trace t = finished_trace();
    must(count_of(&t, "{\"ph\":\"X\"", "\"name\":\"submit\"") == 4);
    must(count_of(&t, "{\"ph\":\"s\"", "\"cat\":\"task\"") == 4);
    size_t runs = count_of(&t, "{\"ph\":\"f\"", "\"cat\":\"task\"");
    must(runs >= 4 && runs == count_of(&t, "{\"ph\":\"B\"", "\"cat\":\"task\""));
    must(count_of(&t, "\"cat\":\"task\"", "\"name\":\"square\"") == runs - 1);
    HAS(&t, "\"cat\":\"task\"", "\"name\":\"exits\"");
    HAS(&t, "\"thread_name\"", "squarer_0");
    must_have_lost(&t, 0);
    free_trace(&t);
}

static void ring(void *event) {
    must(lt_event_set(event) == LT_OK);
}

static void fails(void *arg) {
    (void)arg;
    must(lt_fail(7, "the disk is \"full\"") == LT_OK);
}

static void ignore(const lt_error_info *info, void *arg) {
    (void)info;
    (void)arg;
}

TEST(timers_errors_and_signals_are_in_it) {
    assert_ok(lt_trace_start(path()));
    lt_event *event = lt_event_new();
    lt_timer *timer;
    assert_ok(lt_timer_start(0.001, 0, ring, event, &timer));
    assert_ok(lt_event_wait(event));
    assert_ok(lt_timer_free(timer));
    lt_thread *thread;
    assert_ok(lt_set_excepthook(ignore, NULL));
    start_named(&thread, fails, NULL, "failing");
    assert_status(lt_thread_join(thread), LT_FAILED);
    assert_ok(lt_set_excepthook(NULL, NULL));
#ifndef _WIN32
    if ((lt_features() & LT_FEATURE_SIGNALS) != 0) {
        assert_ok(lt_event_clear(event));
        assert_ok(lt_signal_to_event(SIGUSR1, event));
        raise(SIGUSR1);
        assert_ok(lt_event_wait(event));
        assert_ok(lt_signal_restore(SIGUSR1));
    }
#endif
    assert_ok(lt_event_free(event));
    assert_ok(lt_trace_stop());
    trace t = read_trace(path(), true);
    check_balance(&t, false); // Service threads go on.
    HAS(&t, "\"cat\":\"timer\"", "\"name\":\"ring\"");
    const char *callback = FIND(&t, "{\"ph\":\"f\"", "\"cat\":\"timer\"");
    must(callback != NULL);
    HAS(&t, "{\"ph\":\"s\"", "\"cat\":\"timer\"", "\"tid\":1,", text_of(callback, "\"id\":\""));
    HAS(&t, "{\"ph\":\"X\"", "\"cat\":\"timer\"", "\"tid\":1,", text_of(callback, "\"id\":\""));
    HAS(&t, "{\"ph\":\"i\"", "\"cat\":\"error\"", "error: the disk is \\\"full\\\"");
    if ((lt_features() & LT_FEATURE_SIGNALS) != 0) {
        HAS(&t, "{\"ph\":\"B\"", "\"cat\":\"signal\"", "USR1");
    }
    free_trace(&t);
    remove(path());
}

// ---- Beginning and ending

TEST(there_is_one_trace_at_a_time_and_one_after_the_other) {
    assert_ok(lt_trace_stop());
    for (int i = 0; i < 50; i++) {
        char name[32];
        snprintf(name, sizeof name, "the %d.", i);
        assert_ok(lt_trace_start(path()));
        assert_status(lt_trace_start("another.json"), LT_BUSY);
        assert_ok(lt_set_insight(LT_INSIGHT_OWNERS));
        assert_ok(lt_set_insight(0)); // It goes on.
        lt_trace_begin(name);
        lt_thread *thread;
        start_named(&thread, spanned, name, "spanner");
        assert_ok(lt_thread_join(thread));
        if (i % 2 == 0) { // Else it is left open, and the next does not know of it.
            lt_trace_end();
        }
        assert_ok(lt_trace_stop());
        lt_trace_end();
        trace t = finished_trace();
        must(count_of(&t, "\"cat\":\"span\"", name) == 2 && count_of(&t, "\"cat\":\"span\"", "\"") == 3);
        must_have_lost(&t, 0);
        free_trace(&t);
    }
}

TEST(each_trace_has_the_names_of_its_threads) {
    assert_ok(lt_set_thread_name("in both"));
    for (int i = 0; i < 2; i++) {
        assert_ok(lt_trace_start(path()));
        lt_trace_begin("named");
        lt_trace_end();
        assert_ok(lt_trace_stop());
        trace t = finished_trace();
        must(count_of(&t, "\"thread_name\"", "\"name\":\"in both\"") == 1);
        free_trace(&t);
    }
}

static off_t size_of_file(void) {
    struct stat file = {0};
    must(stat(path(), &file) == 0);
    return file.st_size;
}

TEST(what_is_told_is_written_soon) {
    assert_ok(lt_trace_start(path()));
    off_t size = size_of_file();
    lt_trace_begin("not much");
    must_soon(size_of_file() > size);
    assert_ok(lt_trace_stop());
    remove(path());
}

typedef struct deep {
    lt_semaphore *arrived;
    lt_event *go_on;
} deep;

// More than can be open at once.
static void go_deep(void *arg) {
    const deep *d = arg;
    for (int i = 0; i < 1100; i++) {
        lt_trace_begin("deep");
    }
    must(lt_semaphore_release(d->arrived, 1) == LT_OK && lt_event_wait(d->go_on) == LT_OK);
}

TEST(what_is_lost_between_two_traces_is_lost_in_neither) {
    deep d = {lt_semaphore_new(0), lt_event_new()};
    assert_ok(lt_trace_start(path()));
    lt_thread *thread;
    start_named(&thread, go_deep, &d, "deep");
    assert_ok(lt_semaphore_acquire(d.arrived));
    assert_ok(lt_trace_stop());
    trace t = finished_trace_of_some();
    must(number(t.lines[t.count - 1], "\"lost\":") >= 1100 - 1024);
    free_trace(&t);
    assert_ok(lt_event_set(d.go_on));
    assert_ok(lt_thread_join(thread)); // Ends what is open.
    assert_ok(lt_trace_start(path()));
    assert_ok(lt_trace_stop());
    t = finished_trace();
    must_have_lost(&t, 0);
    free_trace(&t);
    assert_ok(lt_semaphore_free(d.arrived));
    assert_ok(lt_event_free(d.go_on));
}

TEST(what_cannot_be_written_is_refused) {
    assert_status(lt_trace_start(NULL), LT_INVALID);
    assert_status(lt_trace_start("no/such/folder/trace.json"), LT_INVALID);
    must(strstr(lt_last_error(), "errno") != NULL);
    assert_status(lt_trace_start(""), LT_INVALID);
#ifdef __linux__
    assert_status(lt_trace_start("/dev/full"), LT_INVALID);
#endif
    assert_ok(lt_trace_start(path()));
    assert_ok(lt_trace_stop());
    trace t = finished_trace();
    free_trace(&t);
}

#ifndef _WIN32

static void many_spans(void *arg) {
    for (int i = 0; i < 20000; i++) {
        lt_trace_begin(arg);
        lt_trace_end();
    }
}

// In a child: what it does to its files ends with it.
static void fill_the_disk(void *arg) {
    (void)arg;
    must(lt_trace_start(path()) == LT_OK);
    must(setrlimit(RLIMIT_FSIZE, &(struct rlimit){100000, 100000}) == 0);
    many_spans("on a full disk");
    must(lt_trace_stop() == LT_INVALID);
    must(strstr(lt_last_error(), "took no more") != NULL);
    trace t = read_trace(path(), false);
    must(t.count > 500);
    check_balance(&t, false);
    free_trace(&t);
    remove(path());
}

TEST(a_disk_that_is_full_harms_nobody_and_is_told_in_the_end) {
    skip_where_children_have_no_threads();
    assert_int_equal(run_in_child(fill_the_disk, NULL), 0);
}

// A pipe that nobody reads for a while: the writer waits in the middle of its work, and the rings fill.
typedef struct slow_file {
    char path[80], copy[80];
    int reads;
    double made;
} slow_file;

static slow_file new_slow_file(void) {
    slow_file f;
    snprintf(f.path, sizeof f.path, "%s.fifo", path());
    snprintf(f.copy, sizeof f.copy, "%s.copy", path());
    remove(f.path);
    must(mkfifo(f.path, 0600) == 0);
    f.reads = open(f.path, O_RDONLY | O_NONBLOCK);
    must(f.reads >= 0);
    f.made = lt_monotonic();
    return f;
}

static bool is_full(const slow_file *f) {
    struct pollfd other = {.events = POLLOUT, .fd = open(f->path, O_WRONLY | O_NONBLOCK)};
    must(other.fd >= 0);
    bool full = poll(&other, 1, 0) == 0;
    close(other.fd);
    return full;
}

// Ends the trace, and has all of it read.
static trace stopped_trace_of(slow_file *f) {
    must(fcntl(f->reads, F_SETFL, 0) == 0);
    int child = fork();
    must(child >= 0);
    if (child == 0) { // Reads what the parent writes.
        FILE *to = fopen(f->copy, "wb");
        char buffer[4096];
        for (ssize_t n; (n = read(f->reads, buffer, sizeof buffer)) > 0;) {
            must(fwrite(buffer, 1, (size_t)n, to) == (size_t)n);
        }
        fclose(to);
        _exit(0);
    }
    close(f->reads);
    const double unread = seconds_since(f->made);
    const lt_status stopped = lt_trace_stop();
    assert_int_equal(wait_for_child(child), 0);
    if (stopped == LT_INVALID && unread > 1) { // Then the writer had given up.
        remove(f->path);
        remove(f->copy);
        skip_because("the machine is too slow for a pipe that is read within a second");
    }
    assert_ok(stopped);
    trace t = read_trace(f->copy, true);
    check_balance(&t, true);
    remove(f->path);
    remove(f->copy);
    return t;
}

TEST(what_finds_no_room_is_lost_and_counted_and_ends_are_not) {
    slow_file f = new_slow_file();
    assert_ok(lt_trace_start(f.path));
    lt_trace_begin("the first");
    for (int i = 0; i < 5; i++) {
        many_spans("one of many");
    }
    lt_trace_end();
    trace t = stopped_trace_of(&f);
    double spans = (double)count_of(&t, "\"cat\":\"span\"", "one of many");
    double lost = number(t.lines[t.count - 1], "\"lost\":");
    must(lost > 0 && spans > 0);
    must(2 * (100000 - spans) == lost); // Each with its end.
    HAS(&t, "{\"ph\":\"i\"", "\"cat\":\"lost\"");
    must(count_of(&t, "\"cat\":\"span\"", "the first") == 1);
    free_trace(&t);
}

static void stay_until(void *stays) {
    atomic_store((_Atomic int *)stays, 1);
    must_soon(atomic_load((_Atomic int *)stays) == 2);
}

TEST(a_thread_that_comes_and_goes_while_the_writer_is_at_work_has_a_name) {
    _Atomic int stays = 0;
    lt_thread *thread;
    assert_ok(lt_trace_start(path()));
    start_named(&thread, stay_until, (void *)&stays, "early");
    must_soon(atomic_load(&stays) == 1);
    lt_trace_begin("behind it"); // The writer comes to this thread first.
    atomic_store(&stays, 2);
    assert_ok(lt_thread_join(thread));
    assert_ok(lt_trace_stop());
    remove(path());
    slow_file f = new_slow_file();
    assert_ok(lt_trace_start(f.path));
    many_spans("one of many");
    must_soon(is_full(&f));
    start_named(&thread, spanned, "in the room of the first", "late");
    assert_ok(lt_thread_join(thread));
    trace t = stopped_trace_of(&f);
    HAS(&t, "\"thread_name\"", "\"name\":\"late\"");
    free_trace(&t);
}

// There is little, which the writer does not come for: so it is written by who stops.
static void have_nobody_read(void *arg) {
    (void)arg;
    signal(SIGPIPE, SIG_DFL);
    slow_file f = new_slow_file();
    must(lt_trace_start(f.path) == LT_OK);
    lt_trace_begin("read by nobody");
    must(close(f.reads) == 0 && remove(f.path) == 0);
    must(lt_trace_stop() == LT_INVALID);
}

TEST(a_pipe_that_nobody_reads_does_not_end_the_process) {
    skip_where_children_have_no_threads();
    assert_int_equal(run_in_child(have_nobody_read, NULL), 0);
}

static void write_to_fifo(void *arg) {
    (void)arg;
    remove(path());
    must(mkfifo(path(), 0600) == 0);
    must(lt_trace_start(path()) == LT_INVALID && strstr(lt_last_error(), "file") != NULL);
    int reader = open(path(), O_RDONLY | O_NONBLOCK);
    must(reader >= 0 && lt_trace_start(path()) == LT_OK);
    for (int i = 0; i < 10000; i++) { // More than it has room for.
        lt_trace_begin("not read");
        lt_trace_end();
    }
    double began = lt_monotonic();
    must(lt_trace_stop() == LT_INVALID && seconds_since(began) < POLL_SECONDS);
    remove(path());
}

TEST(a_fifo_that_nobody_reads_holds_up_nobody) {
    skip_where_children_have_no_threads();
    assert_int_equal(run_in_child(write_to_fifo, NULL), 0);
}

typedef struct slow_reader {
    char text[4 << 20];
    double unread; // The longest that nothing was read.
} slow_reader;

static void *read_slowly(void *arg) {
    slow_reader *r = arg;
    int from = open(path(), O_RDONLY);
    must(from >= 0);
    size_t length = 0;
    double began = lt_monotonic();
    for (int i = 0;; i++) {
        ssize_t n = read(from, r->text + length, sizeof r->text - 1 - length);
        must(n >= 0);
        double unread = seconds_since(began);
        r->unread = unread > r->unread ? unread : r->unread;
        if (n == 0) {
            break;
        }
        began = lt_monotonic();
        length += (size_t)n;
        if (i < 3) {
            must(lt_sleep(0.3) == LT_OK);
        }
    }
    close(from);
    return NULL;
}

TEST(a_fifo_that_is_read_slowly_has_all_of_the_trace) {
    remove(path());
    must(mkfifo(path(), 0600) == 0);
    static slow_reader r;
    pthread_t reader;
    must(pthread_create(&reader, NULL, read_slowly, &r) == 0);
    lt_status status;
    must_soon((status = lt_trace_start(path())) != LT_INVALID); // Until it is there.
    assert_ok(status);
    for (int i = 0; i < 5000; i++) {
        lt_trace_begin("read");
        lt_trace_end();
    }
    const lt_status stopped = lt_trace_stop();
    must(pthread_join(reader, NULL) == 0);
    remove(path());
    if (stopped == LT_INVALID && r.unread > 1) { // Then the writer had given up.
        skip_because("the machine is too slow for a pipe that is read within a second");
    }
    assert_ok(stopped);
    FILE *file = fopen(path(), "w");
    must(file != NULL && fputs(r.text, file) >= 0 && fclose(file) == 0);
    trace t = finished_trace_of_some(); // The reader has a row, and goes on.
    must(count_of(&t, "\"cat\":\"span\"", "\"read\"") == 5000);
    must_have_lost(&t, 0);
    free_trace(&t);
}

static void have_another_file_there(void *arg) {
    (void)arg;
    int before = open("/dev/null", O_RDONLY); // The trace's is the next.
    char name[80];
    snprintf(name, sizeof name, "%s.own", path());
    must(before >= 0 && lt_trace_start(path()) == LT_OK && close(before + 1) == 0);
    int own = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    must(own == before + 1);
    lt_trace_begin("in no other file");
    int child = fork();
    if (child == 0) {
        _exit(fcntl(own, F_GETFD) == -1);
    }
    must(wait_for_child(child) == 0);
    must(lt_trace_stop() == LT_INVALID);
    struct stat found;
    must(fstat(own, &found) == 0 && found.st_size == 0);
    remove(name);
    remove(path());
}

TEST(a_program_that_closes_the_descriptor_keeps_its_own_file) {
    skip_where_children_have_no_threads();
    assert_int_equal(run_in_child(have_another_file_there, NULL), 0);
}

static void refuse_memory(void *arg) {
    (void)arg;
    must(lt_trace_start(path()) == LT_OK);
    struct rlimit limit;
    must(getrlimit(RLIMIT_AS, &limit) == 0);
    must(setrlimit(RLIMIT_AS, &(struct rlimit){1, limit.rlim_max}) == 0);
    for (int i = 0; i < 1500; i++) {
        lt_trace_begin("without memory");
    }
    must(setrlimit(RLIMIT_AS, &limit) == 0);
    lt_trace_begin("with memory");
    must(lt_trace_stop() == LT_OK);
    trace t = read_trace(path(), true);
    check_balance(&t, false);
    HAS(&t, "\"cat\":\"span\"", "\"with memory\"");
    must(FIND(&t, "without memory") == NULL);
    must_have_lost(&t, 1500);
    free_trace(&t);
    remove(path());
}

TEST(without_memory_events_are_lost_as_long_as_there_is_none) {
    skip_without_memory();
    skip_where_limits_are_not_its_own();
    assert_int_equal(run_in_child(refuse_memory, NULL), 0);
}

static void use_in_child(void *arg) {
    (void)arg;
    char name[80];
    snprintf(name, sizeof name, "%s", path());
    lt_trace_begin("in the child");
    lt_trace_end();
    must(lt_trace_stop() == LT_OK); // There is none.
    must(lt_trace_start(name) == LT_OK);
    lt_thread *thread;
    start_named(&thread, spanned, "a trace of its own", "spanner");
    must(lt_thread_join(thread) == LT_OK && lt_trace_stop() == LT_OK);
    trace t = read_trace(name, true);
    check_balance(&t, true);
    HAS(&t, "a trace of its own");
    must(FIND(&t, "in the child") == NULL && FIND(&t, "in the parent") == NULL);
    free_trace(&t);
    remove(name);
}

static void busy(void *ends) {
    while (!atomic_load((_Atomic bool *)ends)) {
        many_spans("busy");
    }
}

TEST(a_child_does_not_write_into_its_parents_file) {
    skip_where_children_have_no_threads();
    skip_beside_busy_threads();
    _Atomic bool ends = false;
    assert_ok(lt_trace_start(path()));
    lt_thread *thread;
    start_named(&thread, busy, (void *)&ends, "busy");
    for (int i = 0; i < 10; i++) {
        lt_trace_begin("in the parent");
        assert_int_equal(run_in_child(use_in_child, NULL), 0);
        lt_trace_end();
    }
    atomic_store(&ends, true);
    assert_ok(lt_thread_join(thread));
    assert_ok(lt_trace_stop());
    trace t = finished_trace();
    must(count_of(&t, "\"cat\":\"span\"", "in the parent") == 10 && FIND(&t, "in the child") == NULL);
    free_trace(&t);
}

TEST(after_a_crash_the_file_is_whole_but_for_its_end) {
    skip_where_children_have_no_threads();
    int child = fork_to_go_on();
    if (child == 0) {
        must(lt_trace_start("crash.json") == LT_OK);
        many_spans("before the crash");
        struct stat file = {0};
        must_soon(stat("crash.json", &file) == 0 && file.st_size > 1000); // It comes by itself.
        signal(SIGABRT, SIG_DFL);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        abort();
    }
    int status = wait_for_child(child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    trace t = read_trace("crash.json", false);
    check_balance(&t, false);
    must(count_of(&t, "\"cat\":\"span\"", "before the crash") > 10);
    free_trace(&t);
    remove("crash.json");
}

// ---- From the environment; this is run as a program of its own

TEST(a_program_that_is_traced_from_outside) {
    lt_thread *thread;
    start_named(&thread, spanned, "from outside", "spanner");
    assert_ok(lt_thread_join(thread));
}

TEST(the_environment_has_a_program_traced_to_its_end) {
    char setting[128], name[128];
    snprintf(setting, sizeof setting, "LOWTHREAD_INSIGHT=owners,trace:%s.100%%.%%p", path());
    const char *const settings[] = {setting, NULL};
    assert_int_equal(run_program(NULL, "a_program_that_is_traced_from_outside", settings), 0);
    // The process is the only one with such a file.
    snprintf(name, sizeof name, "ls %s.100%%.*", path());
    FILE *found = popen(name, "r");
    must(found != NULL && fgets(name, sizeof name, found) != NULL);
    pclose(found);
    name[strcspn(name, "\n")] = 0;
    trace t = read_trace(name, true);
    check_balance(&t, true);
    HAS(&t, "\"cat\":\"span\"", "from outside");
    free_trace(&t);
    remove(name);
}

// ---- From handlers

static lt_semaphore *permits;

static void release_in_handler(int signum) {
    (void)signum;
    must(lt_semaphore_release(permits, 1) == LT_OK);
}

static void take_permits(void *ends) {
    while (!atomic_load((_Atomic bool *)ends)) {
        must(lt_semaphore_acquire(permits) == LT_OK);
    }
}

TEST(a_handler_that_wakes_is_traced_or_counted_as_lost) {
    skip_without(LT_FEATURE_SIGNALS, "nothing there is async-signal-safe");
    _Atomic bool ends = false;
    permits = lt_semaphore_new(0);
    assert_ok(lt_trace_start(path()));
    lt_thread *thread;
    start_named(&thread, take_permits, (void *)&ends, "taker");
    signal(SIGUSR2, release_in_handler);
    struct itimerspec often = {{0, 400000}, {0, 400000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    timer_t timer;
    must(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_settime(timer, 0, &often, NULL) == 0);
    for (double began = lt_monotonic(); seconds_since(began) < 0.3;) {
        lt_trace_begin("interrupted");
        lt_trace_end();
    }
    timer_delete(timer);
    signal(SIGUSR2, SIG_IGN);
    atomic_store(&ends, true);
    assert_ok(lt_semaphore_release(permits, 1));
    assert_ok(lt_thread_join(thread));
    assert_ok(lt_trace_stop());
    trace t = finished_trace();
    HAS(&t, "{\"ph\":\"f\"", "\"cat\":\"wake\"");
    HAS(&t, "\"interrupted\"");
    free_trace(&t);
    assert_ok(lt_semaphore_free(permits));
}

#else

// No child is forked there, and the files and signals are others.
#define SKIPPED(name)                                                                                                  \
    TEST(name) {                                                                                                       \
        skip_because("Windows has no fork, and other files and signals");                                              \
    }
SKIPPED(a_disk_that_is_full_harms_nobody_and_is_told_in_the_end)
SKIPPED(what_finds_no_room_is_lost_and_counted_and_ends_are_not)
SKIPPED(a_thread_that_comes_and_goes_while_the_writer_is_at_work_has_a_name)
SKIPPED(a_pipe_that_nobody_reads_does_not_end_the_process)
SKIPPED(a_fifo_that_nobody_reads_holds_up_nobody)
SKIPPED(a_fifo_that_is_read_slowly_has_all_of_the_trace)
SKIPPED(a_program_that_closes_the_descriptor_keeps_its_own_file)
SKIPPED(without_memory_events_are_lost_as_long_as_there_is_none)
SKIPPED(a_child_does_not_write_into_its_parents_file)
SKIPPED(after_a_crash_the_file_is_whole_but_for_its_end)
SKIPPED(a_program_that_is_traced_from_outside)
SKIPPED(the_environment_has_a_program_traced_to_its_end)
SKIPPED(a_handler_that_wakes_is_traced_or_counted_as_lost)

#endif

// ---- Many at once

static void work(void *lock) {
    for (int i = 0; i < 1000; i++) {
        lt_trace_begin("round");
        must(lt_lock_acquire(lock) == LT_OK);
        lt_trace_begin("inside");
        must(lt_lock_release(lock) == LT_OK);
        lt_trace_end();
        lt_trace_end();
    }
}

TEST(ten_threads_have_each_their_own) {
    assert_ok(lt_trace_start(path()));
    lt_lock *lock = lt_allocate_lock();
    lt_thread *threads[10];
    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof name, "worker %d", i);
        start_named(&threads[i], work, lock, name);
    }
    for (int i = 0; i < 10; i++) {
        assert_ok(lt_thread_join(threads[i]));
    }
    assert_ok(lt_trace_stop());
    assert_ok(lt_lock_free(lock));
    trace t = finished_trace();
    must_have_lost(&t, 0);
    must(count_of(&t, "\"cat\":\"span\"", "\"round\"") == 10000 && count_of(&t, "\"cat\":\"span\"", "\"inside\"") == 10000);
    must(count_of(&t, "{\"ph\":\"b\"", "\"cat\":\"held\"") == 10000 && count_of(&t, "{\"ph\":\"e\"", "\"cat\":\"held\"") == 10000);
    for (int i = 0; i < 10; i++) {
        char name[32];
        snprintf(name, sizeof name, "\"name\":\"worker %d\"", i);
        HAS(&t, "\"thread_name\"", name);
    }
    free_trace(&t);
}

static void nothing(void *arg) {
    (void)arg;
}

TEST(threads_that_come_and_go_have_names_and_leave_room_for_others) {
    enum { THREADS = 5000 };
    assert_ok(lt_trace_start(path()));
    for (int i = 0; i < THREADS; i++) {
        lt_thread *thread;
        start_named(&thread, nothing, NULL, "short");
        assert_ok(lt_thread_join(thread));
        assert_ok(lt_thread_free(thread));
    }
    assert_ok(lt_trace_stop());
    trace t = finished_trace();
    size_t lives = count_of(&t, "{\"ph\":\"B\"", "\"name\":\"nothing\"");
    must(lives == count_of(&t, "\"thread_name\"", "\"name\":\"short\""));
    must(lives > THREADS / 2);
    free_trace(&t);
}

static void starts_and_stops(void *ends) {
    while (!atomic_load((_Atomic bool *)ends)) {
        LT_IGNORE(lt_trace_start(path()));
        LT_IGNORE(lt_trace_stop());
    }
}

TEST(a_trace_may_begin_and_end_at_any_time) {
    _Atomic bool ends = false;
    lt_lock *lock = lt_allocate_lock();
    lt_thread *threads[4];
    for (int i = 0; i < 2; i++) {
        start_named(&threads[i], starts_and_stops, (void *)&ends, "on and off");
    }
    for (int round = 0; round < 20; round++) {
        for (int i = 2; i < 4; i++) {
            start_named(&threads[i], work, lock, "worker");
        }
        for (int i = 2; i < 4; i++) {
            assert_ok(lt_thread_join(threads[i]));
        }
    }
    atomic_store(&ends, true);
    for (int i = 0; i < 2; i++) {
        assert_ok(lt_thread_join(threads[i]));
    }
    assert_ok(lt_lock_free(lock));
    trace t = read_trace(path(), true);
    check_balance(&t, false);
    free_trace(&t);
    remove(path());
}
