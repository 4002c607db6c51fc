// Watches with a descriptor: it is readable while something can be done, and whoever makes it so writes it.
// timeout: 60
// needs: descriptors that can be polled
#include "watches.h"

#include <dirent.h>
#include <poll.h>
#include <sys/resource.h>
#ifdef __linux__
#include <sys/epoll.h>
#endif

static bool is_readable(int fd) {
    struct pollfd one = {.fd = fd, .events = POLLIN};
    int n;
    do {
        n = poll(&one, 1, 0);
    } while (n < 0 && errno == EINTR); // As below.
    must(n == 0 || (n == 1 && one.revents == POLLIN));
    return n == 1;
}

static int watch_fd(const void *handle, int32_t op, lt_watcher **watcher) {
    int fd = -1;
    must(lt_watch_fd(handle, op, &fd, watcher) == LT_OK);
    must(fd >= 0);
    return fd;
}

static int open_descriptors(void) {
    DIR *all = opendir("/dev/fd");
    must(all != NULL);
    int n = 0;
    while (readdir(all) != NULL) {
        n++;
    }
    must(closedir(all) == 0);
    return n;
}

// ---- What can be watched

TEST(it_is_readable_from_when_it_is_possible_until_somebody_finds_that_it_is_not) {
    for_each_watched(kind) {
        const wait_kind *wait = kind->wait;
        void *object = wait->make();
        lt_watcher *watcher = NULL;
        int fd = watch_fd(object, kind->op, &watcher);
        for (int i = 0; i < 3; i++) {
            must_for(wait->name, !is_readable(fd));
            must_for(wait->name, wait->try_wait(object) == wait->not_yet);
            must_for(wait->name, !is_readable(fd));
            must_for(wait->name, wait->satisfy(object) == LT_OK);
            must_for(wait->name, is_readable(fd));
            must_for(wait->name, is_readable(fd));
            take_watched(kind, object);
            must_for(wait->name, wait->try_wait(object) == wait->not_yet);
        }
        assert_ok(lt_watch_free(watcher));
        destroy_watched(kind, object);
    }
}

TEST(it_is_readable_at_once_if_it_is_possible) {
    for_each_watched(kind) {
        const wait_kind *wait = kind->wait;
        void *object = wait->make();
        assert_ok(wait->satisfy(object));
        lt_watcher *watcher = NULL;
        int fd = watch_fd(object, kind->op, &watcher);
        must_for(wait->name, is_readable(fd));
        assert_ok(lt_watch_free(watcher));
        destroy_watched(kind, object);
    }
}

TEST(a_poll_that_finds_that_it_is_not_possible_quiets_it) {
    for_each_watched(kind) {
        const wait_kind *wait = kind->wait;
        void *object = wait->make();
        lt_watcher *watcher = NULL;
        int fd = watch_fd(object, kind->op, &watcher);
        assert_ok(wait->satisfy(object));
        take_watched(kind, object);
        must_for(wait->name, wait->wait_timeout(object, 0.0) == LT_TIMED_OUT);
        must_for(wait->name, !is_readable(fd));
        assert_ok(wait->satisfy(object));
        must_for(wait->name, is_readable(fd));
        assert_ok(lt_watch_free(watcher));
        destroy_watched(kind, object);
    }
}

TEST(a_wait_that_finds_that_it_is_not_possible_quiets_it) {
    for_each_watched(kind) {
        const wait_kind *wait = kind->wait;
        void *object = wait->make();
        lt_watcher *watcher = NULL;
        int fd = watch_fd(object, kind->op, &watcher);
        assert_ok(wait->satisfy(object));
        take_watched(kind, object);
        waiter w;
        waiter_start(&w, wait->wait, object);
        must_for(wait->name, !is_readable(fd));
        assert_ok(wait->satisfy(object));
        assert_ok(waiter_join(&w));
        assert_ok(lt_watch_free(watcher));
        destroy_watched(kind, object);
    }
}

TEST(a_clear_quiets_it) {
    lt_event *event = lt_event_new();
    lt_watcher *watcher = NULL;
    int fd = watch_fd(event, LT_CASE_EVENT, &watcher);
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_event_set(event));
        assert_true(is_readable(fd));
        assert_ok(lt_event_clear(event));
        assert_false(is_readable(fd));
    }
    assert_ok(lt_watch_free(watcher));
    assert_ok(lt_event_free(event));
}

TEST(a_close_makes_both_sides_possible_for_good) {
    lt_queue *queue = lt_queue_new(1);
    lt_watcher *get = NULL, *put = NULL;
    int get_fd = watch_fd(queue, LT_CASE_GET, &get), put_fd = watch_fd(queue, LT_CASE_PUT, &put);
    assert_false(is_readable(get_fd));
    assert_true(is_readable(put_fd));
    assert_ok(lt_queue_close(queue, false));
    void *item = NULL;
    for (int i = 0; i < 2; i++) {
        assert_status(lt_queue_try_get(queue, &item), LT_CLOSED);
        assert_status(lt_queue_try_put(queue, queue), LT_CLOSED);
        assert_true(is_readable(get_fd) && is_readable(put_fd));
    }
    assert_ok(lt_watch_free(get));
    assert_ok(lt_watch_free(put));
    assert_ok(lt_queue_free(queue));
}

TEST(the_end_of_a_thread_and_of_a_task_is_told) {
    lt_event *event = lt_event_new();
    lt_thread *thread = NULL;
    assert_ok(lt_thread_start(wait_for_event, event, NULL, &thread));
    lt_pool *pool = pool_of(1);
    lt_future *future = submit(pool, wait_in_task, event), *pending = submit(pool, wait_in_task, event);
    lt_watcher *watchers[3] = {NULL};
    int fds[3] = {watch_fd(thread, LT_CASE_JOIN, &watchers[0]), watch_fd(future, LT_CASE_FUTURE, &watchers[1]),
        watch_fd(pending, LT_CASE_FUTURE, &watchers[2])};
    assert_ok(lt_future_cancel(pending));
    assert_true(!is_readable(fds[0]) && !is_readable(fds[1]) && is_readable(fds[2]));
    assert_ok(lt_event_set(event));
    for (int i = 0; i < 3; i++) {
        must_soon(is_readable(fds[i]));
    }
    assert_ok(lt_thread_join(thread));
    assert_ok(lt_future_try_result(future, NULL));
    for (int i = 0; i < 3; i++) {
        assert_true(is_readable(fds[i]));
        assert_ok(lt_watch_free(watchers[i]));
    }
    // And of those that are over.
    fds[0] = watch_fd(thread, LT_CASE_JOIN, &watchers[0]);
    fds[1] = watch_fd(future, LT_CASE_FUTURE, &watchers[1]);
    assert_true(is_readable(fds[0]) && is_readable(fds[1]));
    assert_ok(lt_watch_free(watchers[0]));
    assert_ok(lt_watch_free(watchers[1]));
    assert_ok(lt_thread_free(thread));
    assert_ok(lt_future_free(future));
    assert_ok(lt_future_free(pending));
    assert_ok(lt_pool_free(pool));
    assert_ok(lt_event_free(event));
}

TEST(one_object_has_any_number_of_watches) {
    lt_semaphore *semaphore = lt_semaphore_new(0);
    lt_watcher *watchers[100] = {NULL};
    int fds[100];
    for (size_t i = 0; i < LENGTH(watchers); i++) {
        fds[i] = watch_fd(semaphore, LT_CASE_SEMAPHORE, &watchers[i]);
    }
    assert_ok(lt_semaphore_release(semaphore, 1));
    for (size_t i = 0; i < LENGTH(watchers); i++) {
        assert_true(is_readable(fds[i]));
        if (i % 2 == 0) {
            assert_ok(lt_watch_free(watchers[i]));
        }
    }
    assert_ok(lt_semaphore_try_acquire(semaphore));
    assert_status(lt_semaphore_try_acquire(semaphore), LT_BUSY);
    for (size_t i = 1; i < LENGTH(watchers); i += 2) {
        assert_false(is_readable(fds[i]));
        assert_ok(lt_watch_free(watchers[i]));
    }
    assert_ok(lt_semaphore_free(semaphore));
}

// ---- Its life

TEST(a_watched_object_may_be_freed_and_the_watch_is_dead) {
    for_each_watched(kind) {
        for (int possible = 0; possible < 2; possible++) {
            const wait_kind *wait = kind->wait;
            void *object = wait->make();
            lt_watcher *watcher = NULL;
            int fd = watch_fd(object, kind->op, &watcher);
            if (possible) {
                assert_ok(wait->satisfy(object));
            }
            destroy_watched(kind, object);
            must_for(wait->name, !is_readable(fd));
            // The next object may have the same slot.
            void *next = wait->make();
            assert_ok(wait->satisfy(next));
            must_for(wait->name, !is_readable(fd));
            destroy_watched(kind, next);
            assert_ok(lt_watch_free(watcher));
            assert_status(lt_watch_free(watcher), LT_BAD_HANDLE);
        }
    }
}

TEST(a_watch_on_a_freed_thread_or_future_is_dead) {
    lt_event *event = lt_event_new();
    lt_thread *thread = NULL;
    assert_ok(lt_thread_start(wait_for_event, event, NULL, &thread));
    lt_pool *pool = pool_of(1);
    lt_future *future = submit(pool, wait_in_task, event);
    lt_watcher *watchers[2] = {NULL};
    int fds[2] = {watch_fd(thread, LT_CASE_JOIN, &watchers[0]), watch_fd(future, LT_CASE_FUTURE, &watchers[1])};
    assert_ok(lt_thread_free(thread));
    assert_ok(lt_future_free(future));
    assert_ok(lt_event_set(event));
    must_soon(lt_thread_count() <= 1); // The worker.
    assert_ok(lt_pool_free(pool));
    for (int i = 0; i < 2; i++) {
        assert_false(is_readable(fds[i]));
        assert_ok(lt_watch_free(watchers[i]));
    }
    assert_ok(lt_event_free(event));
}

TEST(the_descriptor_is_closed_with_the_watch_and_on_exec) {
    lt_lock *lock = lt_allocate_lock();
    int before = open_descriptors();
    for (int i = 0; i < 2000; i++) {
        lt_watcher *watcher = NULL;
        int fd = watch_fd(lock, LT_CASE_LOCK, &watcher);
        assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        assert_ok(lt_watch_free(watcher));
        assert_int_equal(fcntl(fd, F_GETFD), -1);
    }
    assert_int_equal(open_descriptors(), before);
    assert_ok(lt_lock_free(lock));
}

TEST(without_a_descriptor_to_be_had_it_says_so_and_nothing_is_left) {
    lt_lock *lock = lt_allocate_lock();
    int before = open_descriptors();
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, old.rlim_max}), 0);
    int fd = 77;
    lt_watcher *watcher = NULL;
    lt_status status = lt_watch_fd(lock, LT_CASE_LOCK, &fd, &watcher);
    int error = lt_last_errno();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_status(status, LT_NO_MEMORY);
    assert_int_equal(error, EMFILE);
    assert_int_equal(fd, 77);
    assert_null(watcher);
    assert_int_equal(open_descriptors(), before);
    assert_ok(lt_lock_free(lock));
}

TEST(bad_arguments_are_told) {
    lt_lock *lock = lt_allocate_lock(), *freed = lt_allocate_lock();
    assert_ok(lt_lock_free(freed));
    int before = open_descriptors();
    const struct {
        const void *handle;
        int32_t op;
        lt_status status;
    } rows[] = {{lock, 0, LT_INVALID}, {lock, 11, LT_INVALID}, {lock, -1, LT_INVALID}, {NULL, 99, LT_INVALID},
        {NULL, LT_CASE_LOCK, LT_BAD_HANDLE}, {freed, LT_CASE_LOCK, LT_BAD_HANDLE}, {lock, LT_CASE_GET, LT_BAD_HANDLE},
        {&before, LT_CASE_LOCK, LT_BAD_HANDLE}, {lock, LT_CASE_JOIN, LT_BAD_HANDLE},
        {lock, LT_CASE_FUTURE, LT_BAD_HANDLE}};
    for (size_t i = 0; i < LENGTH(rows); i++) {
        int fd = 77;
        lt_watcher *watcher = NULL;
        assert_status(lt_watch_fd(rows[i].handle, rows[i].op, &fd, &watcher), rows[i].status);
        assert_true(last_error_names("lt_watch_fd"));
        assert_int_equal(fd, 77);
        assert_null(watcher);
    }
    assert_ok(lt_watch_free(NULL));
    assert_status(lt_watch_free((lt_watcher *)lock), LT_BAD_HANDLE);
    // What is not wanted may be left out.
    lt_watcher *watcher = NULL;
    assert_ok(lt_watch_fd(lock, LT_CASE_LOCK, NULL, &watcher));
    assert_ok(lt_watch_free(watcher));
    assert_int_equal(open_descriptors(), before);
    assert_ok(lt_lock_free(lock));
}

// ---- Edges

#ifdef __linux__

static int epoll_of(int fd, uint32_t events) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    must(epoll >= 0);
    struct epoll_event event = {.events = events, .data = {.fd = fd}};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
    return epoll;
}

// Whether there is an event, within so many milliseconds.
static bool fires(int epoll, int milliseconds) {
    struct epoll_event event;
    double end = lt_monotonic() + milliseconds / 1e3;
    int n;
    while ((n = epoll_wait(epoll, &event, 1, milliseconds)) < 0) {
        must(errno == EINTR); // By a handler, SA_RESTART or not.
        milliseconds = lt_monotonic() < end ? (int)((end - lt_monotonic()) * 1e3) + 1 : 0;
    }
    return n == 1;
}

TEST(each_time_that_it_becomes_possible_is_an_edge) {
    for_each_watched(kind) {
        const wait_kind *wait = kind->wait;
        void *object = wait->make();
        lt_watcher *watcher = NULL;
        int epoll = epoll_of(watch_fd(object, kind->op, &watcher), EPOLLIN | EPOLLET);
        for (int i = 0; i < 6; i++) {
            must_for(wait->name, !fires(epoll, 0));
            must_for(wait->name, wait->satisfy(object) == LT_OK);
            must_for(wait->name, fires(epoll, 0));
            must_for(wait->name, !fires(epoll, 0));
            take_watched(kind, object);
            if (i % 2 == 0) {
                must_for(wait->name, wait->try_wait(object) == wait->not_yet);
            } else { // It was taken, and nobody has found that there is no more.
                (void)fires(epoll, 0); // Some are taken back by a release in between.
            }
        }
        assert_ok(lt_watch_free(watcher));
        assert_int_equal(close(epoll), 0);
        destroy_watched(kind, object);
    }
}

// ---- A storm beside an epoll loop

typedef struct storm {
    lt_queue *queue;
    long items;
    _Atomic long others;
} storm;

static lt_status put_all(void *arg) {
    storm *s = arg;
    for (long i = 1; i <= s->items; i++) {
        lt_status status = lt_queue_put(s->queue, any_value((uintptr_t)i));
        must(status == LT_OK);
    }
    return LT_OK;
}

static lt_status get_some(void *arg) {
    storm *s = arg;
    void *item = NULL;
    while (lt_queue_get(s->queue, &item) == LT_OK) {
        atomic_fetch_add(&s->others, 1);
    }
    return LT_OK;
}

// The loop gets what it can whenever it is told, beside a thread that gets all the time if there is a `rival`.
static void check_storm(size_t capacity, uint32_t events, bool rival) {
    const char *setting = getenv("LT_STORM");
    storm s = {lt_queue_new(capacity), setting != NULL ? atol(setting) : 100000, 0};
    int before = open_descriptors();
    lt_watcher *watcher = NULL;
    int epoll = epoll_of(watch_fd(s.queue, LT_CASE_GET, &watcher), EPOLLIN | events);
    waiter putter, getter;
    waiter_launch(&putter, put_all, &s);
    if (rival) {
        waiter_launch(&getter, get_some, &s);
    }
    long got = 0, wakes = 0, in_vain = 0;
    void *item = NULL;
    while (got + atomic_load(&s.others) < s.items) {
        if (!fires(epoll, rival ? 100 : (int)(POLL_SECONDS * 1000))) {
            must(rival); // Nothing is missed.
            continue;
        }
        wakes++;
        long before_this = got;
        while (lt_queue_try_get(s.queue, &item) == LT_OK) {
            got++;
        }
        in_vain += got == before_this;
    }
    assert_ok(waiter_join(&putter));
    assert_int_equal(got + atomic_load(&s.others), s.items);
    // It sleeps when there is nothing to do.
    (void)fires(epoll, 0);
    assert_status(lt_queue_try_get(s.queue, &item), LT_EMPTY);
    assert_false(fires(epoll, 50));
    printf("%ld items, %ld wakes, %ld in vain\n", s.items, wakes, in_vain);
    // Each wake is for a put: no busy loop.
    assert_true(wakes <= s.items + 100);
    assert_true(rival || in_vain <= s.items / 2 + 100);
    assert_ok(lt_queue_close(s.queue, false));
    if (rival) {
        assert_ok(waiter_join(&getter));
    }
    assert_ok(lt_watch_free(watcher));
    assert_int_equal(close(epoll), 0);
    assert_int_equal(open_descriptors(), before);
    assert_ok(lt_queue_free(s.queue));
}

TEST(in_a_storm_of_puts_a_level_triggered_loop_gets_all_and_does_not_spin) {
    check_storm(0, 0, false);
    check_storm(2, 0, false);
    check_storm(64, 0, true);
}

TEST(in_a_storm_of_puts_an_edge_triggered_loop_gets_all_and_does_not_spin) {
    check_storm(0, EPOLLET, false);
    check_storm(2, EPOLLET, false);
    check_storm(64, EPOLLET, true);
}

typedef struct ping {
    lt_semaphore *there, *back;
    long rounds;
} ping;

static lt_status answer(void *arg) {
    ping *p = arg;
    for (long i = 0; i < p->rounds; i++) {
        must(lt_semaphore_acquire(p->there) == LT_OK);
        must(lt_semaphore_release(p->back, 1) == LT_OK);
    }
    return LT_OK;
}

static lt_status release_and_try(void *semaphore) {
    for (int i = 0; i < 50; i++) {
        must(lt_semaphore_release(semaphore, 1) == LT_OK);
        must(lt_semaphore_try_acquire(semaphore) != LT_BAD_HANDLE);
        must(lt_semaphore_try_acquire(semaphore) != LT_BAD_HANDLE);
    }
    return lt_semaphore_release(semaphore, 1);
}

// Each is seen to by itself, and between two of them others have the list.
TEST(of_many_watches_none_is_left_out_in_a_storm) {
    enum { MANY = 16 };
    lt_semaphore *semaphore = lt_semaphore_new(0);
    lt_watcher *watchers[MANY];
    int fds[MANY];
    for (int i = 0; i < MANY; i++) {
        fds[i] = watch_fd(semaphore, LT_CASE_SEMAPHORE, &watchers[i]);
    }
    for (int round = 0; round < repetitions(300); round++) {
        waiter w[2];
        for (size_t i = 0; i < LENGTH(w); i++) {
            waiter_launch(&w[i], release_and_try, semaphore);
        }
        for (size_t i = 0; i < LENGTH(w); i++) {
            must(waiter_join(&w[i]) == LT_OK);
        }
        for (int i = 0; i < MANY; i++) {
            must(lt_semaphore_value(semaphore) == 0 || is_readable(fds[i]));
        }
        while (lt_semaphore_try_acquire(semaphore) == LT_OK) {
        }
        for (int i = 0; i < MANY; i++) {
            must(!is_readable(fds[i]));
        }
    }
    for (int i = 0; i < MANY; i++) {
        assert_ok(lt_watch_free(watchers[i]));
    }
    assert_ok(lt_semaphore_free(semaphore));
}

TEST(no_wake_up_is_lost_between_a_thread_and_a_loop) {
    for (int edges = 0; edges < 2; edges++) {
        ping p = {lt_semaphore_new(0), lt_semaphore_new(0), 20000};
        lt_watcher *watcher = NULL;
        int epoll = epoll_of(watch_fd(p.back, LT_CASE_SEMAPHORE, &watcher), EPOLLIN | (edges ? EPOLLET : 0));
        waiter w;
        waiter_launch(&w, answer, &p);
        for (long i = 0; i < p.rounds; i++) {
            assert_ok(lt_semaphore_release(p.there, 1));
            while (lt_semaphore_try_acquire(p.back) != LT_OK) {
                assert_true(fires(epoll, (int)(POLL_SECONDS * 1000)));
            }
        }
        assert_ok(waiter_join(&w));
        assert_ok(lt_watch_free(watcher));
        assert_int_equal(close(epoll), 0);
        assert_ok(lt_semaphore_free(p.there));
        assert_ok(lt_semaphore_free(p.back));
    }
}

#endif

// ---- Frees beside tells

typedef struct releaser {
    lt_semaphore *semaphore;
    lt_event *stop;
} releaser;

static lt_status release_and_take(void *arg) {
    releaser *r = arg;
    while (!lt_event_is_set(r->stop)) {
        must(lt_semaphore_release(r->semaphore, 1) == LT_OK);
        must(lt_semaphore_try_acquire(r->semaphore) != LT_BAD_HANDLE);
        (void)!lt_semaphore_try_acquire(r->semaphore);
    }
    return LT_OK;
}

TEST(nothing_is_written_after_a_free) {
    releaser r = {lt_semaphore_new(0), lt_event_new()};
    waiter w[2];
    for (int i = 0; i < 2; i++) {
        waiter_launch(&w[i], release_and_take, &r);
    }
    for (int i = 0; i < 20000; i++) {
        lt_watcher *watcher = NULL;
        int fd = watch_fd(r.semaphore, LT_CASE_SEMAPHORE, &watcher);
        assert_ok(lt_watch_free(watcher));
        // The same number, most often: whoever wrote, or read, to it still would do so here.
        int pipe_ends[2];
        assert_int_equal(pipe(pipe_ends), 0);
        must(fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK) == 0);
        assert_true(pipe_ends[0] == fd || pipe_ends[1] == fd || fd > pipe_ends[0]);
        char byte;
        assert_int_equal(read(pipe_ends[0], &byte, 1), -1);
        assert_int_equal(close(pipe_ends[0]), 0);
        assert_int_equal(close(pipe_ends[1]), 0);
    }
    assert_ok(lt_event_set(r.stop));
    for (int i = 0; i < 2; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_ok(lt_semaphore_free(r.semaphore));
    assert_ok(lt_event_free(r.stop));
}

// ---- Signal handlers

static lt_semaphore *handled;
static lt_lock *handled_lock;

static void release_in_handler(int signum) {
    (void)signum;
    must(lt_semaphore_release(handled, 1) == LT_OK);
    // Held at times, free at times: either is found so.
    if (lt_lock_try_acquire(handled_lock) == LT_OK) {
        must(lt_lock_release(handled_lock) == LT_OK);
    }
}

TEST(a_release_in_a_handler_is_told_whatever_that_has_interrupted) {
    skip_without_handlers();
    handled = lt_semaphore_new(0);
    handled_lock = lt_allocate_lock();
    lt_watcher *watchers[2] = {NULL};
    int fd = watch_fd(handled, LT_CASE_SEMAPHORE, &watchers[0]);
    int lock_fd = watch_fd(handled_lock, LT_CASE_LOCK, &watchers[1]);
    releaser r = {handled, lt_event_new()};
    struct sigaction old, action = {.sa_handler = release_in_handler, .sa_flags = SA_RESTART};
    assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
    waiter w[2];
    for (int i = 0; i < 2; i++) {
        waiter_launch(&w[i], release_and_take, &r);
        must_soon(atomic_load(&w[i].native_id) != 0);
    }
    long sent = 0;
    for (double began = lt_monotonic(); seconds_since(began) < 1.0; sent++) {
        assert_int_equal(syscall(SYS_tgkill, getpid(), (int)w[sent % 2].native_id, SIGUSR1), 0);
        if (lt_lock_try_acquire(handled_lock) == LT_OK) {
            assert_ok(lt_lock_release(handled_lock));
        }
        sched_yield();
    }
    assert_ok(lt_event_set(r.stop));
    for (int i = 0; i < 2; i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_int_equal(sigaction(SIGUSR1, &old, NULL), 0);
    // What is there was told, and what is not is quiet once somebody has looked.
    assert_ok(lt_semaphore_release(handled, 1));
    assert_true(is_readable(fd) && is_readable(lock_fd));
    while (lt_semaphore_try_acquire(handled) == LT_OK) {
    }
    assert_false(is_readable(fd));
    for (int i = 0; i < 2; i++) {
        assert_ok(lt_watch_free(watchers[i]));
    }
    assert_ok(lt_semaphore_free(handled));
    assert_ok(lt_lock_free(handled_lock));
    assert_ok(lt_event_free(r.stop));
}

// ---- Fork

typedef struct forked {
    lt_semaphore *semaphore;
    lt_watcher *watcher;
    int fd;
} forked;

static void in_child(void *arg) {
    forked *f = arg;
    // The parent's descriptor is neither written nor read here.
    must(lt_semaphore_release(f->semaphore, 1) == LT_OK);
    must(!is_readable(f->fd));
    must(lt_semaphore_try_acquire(f->semaphore) == LT_OK && lt_semaphore_try_acquire(f->semaphore) == LT_BUSY);
    must(lt_watch_free(f->watcher) == LT_OK);
    must(fcntl(f->fd, F_GETFD) == -1);
    // One of its own works.
    lt_watcher *own = NULL;
    int fd = watch_fd(f->semaphore, LT_CASE_SEMAPHORE, &own);
    must(!is_readable(fd));
    must(lt_semaphore_release(f->semaphore, 1) == LT_OK && is_readable(fd));
    must(lt_watch_free(own) == LT_OK && lt_semaphore_free(f->semaphore) == LT_OK);
}

TEST(a_child_has_dead_watches_and_leaves_the_parents_alone) {
    skip_where_children_have_no_threads();
    forked f = {.semaphore = lt_semaphore_new(0)};
    f.fd = watch_fd(f.semaphore, LT_CASE_SEMAPHORE, &f.watcher);
    assert_int_equal(run_in_child(in_child, &f), 0);
    assert_false(is_readable(f.fd));
    assert_ok(lt_semaphore_release(f.semaphore, 1));
    assert_true(is_readable(f.fd));
    assert_ok(lt_semaphore_try_acquire(f.semaphore));
    assert_status(lt_semaphore_try_acquire(f.semaphore), LT_BUSY);
    assert_false(is_readable(f.fd));
    assert_ok(lt_watch_free(f.watcher));
    assert_ok(lt_semaphore_free(f.semaphore));
}
