// Insight: what threads wait for because others hold it.
// timeout: 60
#include "told.h"

#include <fcntl.h>
#include <poll.h>

// What lt_contention() has of an object; false if nothing.
static bool contention_of(const void *handle, lt_contention_info *found) {
    lt_contention_info all[64];
    size_t count = 0;
    all[0].size = sizeof all[0];
    must(lt_contention(all, LENGTH(all), &count) == LT_OK);
    for (size_t i = 0; i < count && i < LENGTH(all); i++) {
        must(i == 0 || all[i].waited <= all[i - 1].waited);
        if (all[i].handle == handle) {
            *found = all[i];
            return true;
        }
    }
    return false;
}

typedef struct kind {
    const char *type;
    void *(*make)(void);
    lt_status (*acquire)(void *);
    lt_status (*release)(void *);
    lt_status (*destroy)(void *);
} kind;

static void *new_lock(void) {
    return lt_allocate_lock();
}
static void *new_rlock(void) {
    return lt_rlock_new();
}
static void *new_rwlock(void) {
    return lt_rwlock_new();
}
static void *new_spinlock(void) {
    return lt_spinlock_new();
}
WAITS_CALL(acquire_lock, lt_lock_acquire(o))
WAITS_CALL(release_lock, lt_lock_release(o))
WAITS_CALL(destroy_lock, lt_lock_free(o))
WAITS_CALL(acquire_rlock, lt_rlock_acquire(o))
WAITS_CALL(release_rlock, lt_rlock_release(o))
WAITS_CALL(destroy_rlock, lt_rlock_free(o))
WAITS_CALL(acquire_write, lt_rwlock_write_acquire(o))
WAITS_CALL(release_write, lt_rwlock_write_release(o))
WAITS_CALL(acquire_read, lt_rwlock_read_acquire(o))
WAITS_CALL(release_read, lt_rwlock_read_release(o))
WAITS_CALL(destroy_rwlock, lt_rwlock_free(o))
WAITS_CALL(acquire_spinlock, lt_spinlock_acquire(o))
WAITS_CALL(release_spinlock, lt_spinlock_release(o))
WAITS_CALL(destroy_spinlock, lt_spinlock_free(o))

static const kind KINDS[] = {
    {"lock", new_lock, acquire_lock, release_lock, destroy_lock},
    {"rlock", new_rlock, acquire_rlock, release_rlock, destroy_rlock},
    {"rwlock", new_rwlock, acquire_write, release_write, destroy_rwlock},
    {"rwlock", new_rwlock, acquire_read, release_read, destroy_rwlock},
    {"spinlock", new_spinlock, acquire_spinlock, release_spinlock, destroy_spinlock},
};

typedef struct user {
    const kind *kind;
    void *object;
    double seconds;
    _Atomic bool has_begun;
} user;

// Acquires, holds for so long, releases.
static lt_status use(void *arg) {
    user *u = arg;
    atomic_store(&u->has_begun, true);
    must(u->kind->acquire(u->object) == LT_OK);
    must(lt_sleep(u->seconds) == LT_OK);
    return u->kind->release(u->object);
}

static const char *report(void) {
    static char text[1 << 16];
    int ends[2];
    must(pipe(ends) == 0);
    assert_ok(lt_contention_report(ends[1]));
    close(ends[1]);
    ssize_t n = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    must(n > 0);
    text[n] = 0;
    return text;
}

TEST(a_report_says_so_when_nothing_was_waited_for) {
    lt_contention_info any;
    if (contention_of(NULL, &any)) {
        fail_msg("nothing has no handle");
    }
    size_t count = 0;
    assert_ok(lt_contention(NULL, 0, &count));
    if (count == 0) { // Not where other cases came before.
        assert_string_equal(report(), "nothing was waited for\n");
    }
}

// A name of letters of two bytes each: one of them is where a place is cut.
static lt_status \u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9(void *lock) {
    must(lt_lock_acquire(lock) == LT_OK);
    return lt_lock_release(lock);
}

TEST(a_place_is_cut_between_characters) {
    lt_lock *lock = lt_allocate_lock();
    assert_ok(lt_set_insight(LT_INSIGHT_CONTENTION));
    assert_ok(lt_lock_acquire(lock));
    waiter w;
    waiter_start(&w, \u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9, lock);
    assert_ok(lt_lock_release(lock));
    assert_ok(waiter_join(&w));
    assert_ok(lt_set_insight(0));
    lt_contention_info info;
    must(contention_of(lock, &info));
    const size_t length = strlen(info.place);
    assert_ok(lt_lock_free(lock));
    if (strstr(info.place, "\xc3\xa9") == NULL) {
        skip_because("places are known where the library is optimised, and has lines");
    }
    assert_int_equal(length, 126);
    assert_memory_equal(info.place + length - 2, "\xc3\xa9", 2);
}

TEST(waits_are_counted_for_what_is_held) {
    for (size_t i = 0; i < LENGTH(KINDS); i++) {
        const kind *k = &KINDS[i];
        // Of who spins it is told that he waits where deadlocks are looked for.
        assert_ok(lt_set_insight(LT_INSIGHT_CONTENTION | (k->acquire == acquire_spinlock ? LT_INSIGHT_DEADLOCK : 0)));
        void *object = k->make();
        assert_ok(lt_set_name(object, "the culprit"));
        lt_contention_info info;
        must_for(k->type, !contention_of(object, &info));
        for (int n = 1; n <= 3; n++) {
            user u = {k, object, 0.02, false};
            waiter w;
            must(k == &KINDS[3] ? acquire_write(object) == LT_OK : k->acquire(object) == LT_OK);
            lt_wait_info wait;
            waiter_launch(&w, use, &u);
            must_soon(wait_of(w.ident, &wait) && wait.handle == object); // From now on, at the latest, it waits.
            assert_ok(lt_sleep(0.05));
            must(k == &KINDS[3] ? release_write(object) == LT_OK : k->release(object) == LT_OK);
            assert_ok(waiter_join(&w));
            must_for(k->type, contention_of(object, &info));
            must_for(k->type, info.waits == (uint64_t)n && info.size == sizeof info);
            must_for(k->type, info.waited >= 0.04 * n && info.waited < n * SLACK);
            must_for(k->type, info.longest_wait >= 0.04 && info.longest_wait <= info.waited);
            must_for(k->type, strcmp(info.type, k->type) == 0 && strcmp(info.name, "the culprit") == 0);
        }
        // From the first wait on it is known how long it is held; that is told with the next wait.
        must_for(k->type, info.longest_hold >= 0.02);
        assert_ok(k->destroy(object));
        must_for(k->type, contention_of(object, &info) && info.name[0] == 0);
    }
    assert_ok(lt_set_insight(0));
}

TEST(what_nobody_waits_for_is_not_counted) {
    assert_ok(lt_set_insight(LT_INSIGHT_CONTENTION | LT_INSIGHT_OWNERS));
    size_t before = 0, after = 0;
    assert_ok(lt_contention(NULL, 0, &before));
    for (size_t i = 0; i < LENGTH(KINDS); i++) {
        void *object = KINDS[i].make();
        for (int n = 0; n < 100; n++) {
            assert_ok(KINDS[i].acquire(object));
            assert_ok(KINDS[i].release(object));
        }
        assert_ok(KINDS[i].destroy(object));
    }
    lt_event *event = lt_event_new(); // Nobody holds an event.
    assert_status(lt_event_wait_timeout(event, 0.01), LT_TIMED_OUT);
    assert_ok(lt_event_free(event));
    assert_ok(lt_contention(NULL, 0, &after));
    assert_int_equal(before, after);
    assert_ok(lt_set_insight(0));
}

TEST(a_lock_that_is_handed_over_is_counted_so) {
    assert_ok(lt_set_insight(LT_INSIGHT_CONTENTION));
    lt_lock *lock = lt_allocate_lock();
    user u = {&KINDS[0], lock, 0.0, false};
    waiter w;
    assert_ok(lt_lock_acquire(lock));
    waiter_start(&w, use, &u);
    assert_ok(lt_sleep(0.01)); // Longer than anybody is patient; and once more awake, it asks for the lock.
    assert_ok(lt_lock_release(lock));
    assert_ok(waiter_join(&w));
    lt_contention_info info;
    assert_true(contention_of(lock, &info) && info.handovers <= info.waits);
    for (int i = 0; i < 1000 && info.handovers == 0; i++) {
        assert_ok(lt_lock_acquire(lock));
        waiter_start(&w, use, &u);
        for (double began = lt_monotonic(); seconds_since(began) < 0.003;) {
            assert_ok(lt_lock_release(lock));
            if (lt_lock_try_acquire(lock) != LT_OK) {
                break;
            }
        }
        if (lt_lock_locked(lock)) {
            lt_status status = lt_lock_release(lock);
            must(status == LT_OK || status == LT_NOT_HELD);
        }
        lt_status status = waiter_join(&w);
        must(status == LT_OK || status == LT_NOT_HELD);
        must(contention_of(lock, &info));
    }
    assert_true(info.handovers > 0);
    assert_ok(lt_lock_free(lock));
    assert_ok(lt_set_insight(0));
}

TEST(who_waited_for_a_moment_was_handed_nothing) {
    assert_ok(lt_set_insight(LT_INSIGHT_CONTENTION));
    lt_rwlock *rwlock = lt_rwlock_new();
    for (int i = 0, made = 1; i < 300 && made < 20; i++) {
        user u = {&KINDS[3], rwlock, 0.0, false};
        waiter w;
        lt_contention_info info;
        assert_ok(lt_rwlock_write_acquire(rwlock));
        waiter_launch(&w, use, &u);
        must_soon(atomic_load(&u.has_begun));
        assert_ok(lt_sleep(1e-4));
        assert_ok(lt_rwlock_write_release(rwlock));
        assert_ok(waiter_join(&w));
        if (contention_of(rwlock, &info)) {
            must(info.longest_wait >= 1e-3 || info.handovers == 0);
            if (info.longest_wait >= 1e-3) { // A busy machine: that one tells no more.
                assert_ok(lt_rwlock_free(rwlock));
                rwlock = lt_rwlock_new();
                made++;
            }
        }
    }
    assert_ok(lt_rwlock_free(rwlock));
    assert_ok(lt_set_insight(0));
}

TEST(what_was_released_while_nobody_looked_was_not_held_until_then) {
    lt_lock *lock = lt_allocate_lock();
    lt_contention_info info;
    for (int i = 0; i < 4; i++) {
        assert_ok(lt_set_insight(LT_INSIGHT_CONTENTION));
        assert_ok(lt_lock_acquire(lock));
        assert_status(lt_lock_acquire_timeout(lock, 1e-3), LT_TIMED_OUT); // From here on its holders are recorded.
        if (i == 1) {
            assert_ok(lt_set_insight(0));
        }
        assert_ok(lt_lock_release(lock));
        if (i == 1) {
            assert_ok(lt_sleep(0.5));
        }
    }
    assert_true(contention_of(lock, &info) && info.longest_hold < 0.5);
    assert_ok(lt_lock_free(lock));
    assert_ok(lt_set_insight(0));
}

TEST(the_report_has_a_line_for_each_the_worst_first) {
    assert_ok(lt_set_insight(LT_INSIGHT_CONTENTION));
    lt_lock *locks[2] = {lt_allocate_lock(), lt_allocate_lock()};
    for (int i = 0; i < 2; i++) {
        assert_ok(lt_set_name(locks[i], i == 0 ? "slight" : "worst"));
        user u = {&KINDS[0], locks[i], 0.0, false};
        waiter w;
        assert_ok(lt_lock_acquire(locks[i]));
        waiter_start(&w, use, &u);
        assert_ok(lt_sleep(i == 0 ? 0.01 : 1.0));
        assert_ok(lt_lock_release(locks[i]));
        assert_ok(waiter_join(&w));
    }
    const char *text = report();
    assert_memory_equal(text, "lock \"worst\" 0x", 15);
    const char *slight = strstr(text, "\nlock \"slight\" 0x");
    assert_non_null(slight);
    assert_non_null(strstr(slight, " s in 1 waits, "));
    assert_status(lt_contention_report(-1), LT_INVALID);
    for (int i = 0; i < 2; i++) {
        assert_ok(lt_lock_free(locks[i]));
    }
    assert_ok(lt_set_insight(0));
}

static lt_status write_report(void *fd) {
    return lt_contention_report(*(int *)fd);
}

static lt_status wait_for_held(void *lock) {
    return lt_lock_acquire_timeout(lock, 1e-3);
}

// While the last line of a report, which tells of those without room, is not read.
static void check_report_holds_nobody_up(size_t lines, lt_lock *held) {
    int ends[2];
    char line[1024];
    open_narrow_pipe(ends);
    waiter reporter, other;
    waiter_launch(&reporter, write_report, &ends[1]);
    for (size_t i = 0; i < lines - 1; i++) {
        must(read(ends[0], line, sizeof line) > 0);
    }
#ifdef F_SETPIPE_SZ
    struct pollfd next = {ends[0], POLLIN, 0};
    must(poll(&next, 1, -1) == 1);
#endif
    must_soon(waiter_asleep(&reporter));
    waiter_launch(&other, wait_for_held, held);
    must_soon(waiter_is_done(&other));
    assert_status(waiter_join(&other), LT_TIMED_OUT);
    must(read(ends[0], line, sizeof line) > 0 && memcmp(line, "lock 0x", 7) == 0);
    must(read(ends[0], line, sizeof line) > 0 && memcmp(line, "and ", 4) == 0);
    assert_ok(waiter_join(&reporter));
    close(ends[0]);
    close(ends[1]);
}

TEST(more_objects_than_there_is_room_for_take_no_more_memory) {
    assert_ok(lt_set_insight(LT_INSIGHT_CONTENTION));
    size_t count = 0;
    lt_lock *kept[3000];
    for (size_t i = 0; i < LENGTH(kept); i++) {
        kept[i] = lt_allocate_lock();
        assert_ok(lt_lock_acquire(kept[i]));
        assert_status(lt_lock_acquire_timeout(kept[i], 1e-6), LT_TIMED_OUT);
    }
    assert_ok(lt_contention(NULL, 0, &count));
    assert_true(count > 500 && count <= 1024);
    check_report_holds_nobody_up(count, kept[0]);
    for (size_t i = 0; i < LENGTH(kept); i++) {
        assert_ok(lt_lock_free(kept[i]));
    }
    // Those that were freed make room.
    lt_lock *lock = lt_allocate_lock();
    lt_contention_info info;
    assert_ok(lt_lock_acquire(lock));
    assert_status(lt_lock_acquire_timeout(lock, 0.5), LT_TIMED_OUT);
    assert_true(contention_of(lock, &info));
    assert_ok(lt_lock_free(lock));
    assert_ok(lt_set_insight(0));
}
