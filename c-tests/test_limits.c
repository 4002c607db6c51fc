// A process that may have little: of descriptors, of memory, of threads, of stack; and one whose standard descriptors are
// closed.
// timeout: 60
// needs: setrlimit
#include "tour.h"

#include <sys/resource.h>

static void limit(int what, rlim_t most) {
    must(setrlimit(what, &(struct rlimit){most, most}) == 0);
}

static void go(void (*body)(void *)) {
    skip_where_limits_are_not_its_own();
    assert_int_equal(run_in_child(body, NULL), 0);
}

static void without_descriptors(void *unused) {
    (void)unused;
    tour t = {"no descriptors", DESCRIPTORS | FILES}, after = {"descriptors again", NOTHING};
    struct rlimit before;
    must(getrlimit(RLIMIT_NOFILE, &before) == 0);
    must(setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, before.rlim_max}) == 0);
    go_on_tour(&t);
    must(setrlimit(RLIMIT_NOFILE, &before) == 0);
    go_on_tour(&after);
}

TEST(without_a_descriptor_to_be_had_only_watches_by_descriptor_are_refused) {
    go(without_descriptors);
}

static void without_addresses(void *unused) {
    (void)unused;
    // What is there already stays.
    tour t = {"no addresses", OBJECTS | THREADS}, after = {"addresses again", NOTHING};
    struct rlimit before;
    must(getrlimit(RLIMIT_AS, &before) == 0);
    must(setrlimit(RLIMIT_AS, &(struct rlimit){1 << 20, before.rlim_max}) == 0);
    go_on_tour(&t);
    must(setrlimit(RLIMIT_AS, &before) == 0);
    go_on_tour(&after);
}

TEST(without_addresses_what_needs_some_is_refused) {
    go(without_addresses);
}

// Root has no such limit, so as somebody else.
static void without_threads(void *unused) {
    (void)unused;
    tour t = {"no threads", THREADS};
    const int nobody = 54321;
    must(getuid() != 0 || (setgid(nobody) == 0 && setuid(nobody) == 0));
    limit(RLIMIT_NPROC, 1);
    go_on_tour(&t);
    must(lt_start_new_thread(tour_tell, NULL, NULL) == LT_NO_THREAD && lt_last_errno() == EAGAIN);
}

TEST(without_threads_what_needs_one_is_refused) {
    go(without_threads);
}

static void with_small_stacks(void *unused) {
    (void)unused;
    tour t = {"small stacks", NOTHING};
    limit(RLIMIT_STACK, 256 << 10);
    go_on_tour(&t);
}

TEST(with_a_small_limit_of_stacks_all_works) {
    go(with_small_stacks);
}

static bool is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0;
}

// What the library opens is none of the three, so that what is printed, or read, does not come to it.
static void without_standard_descriptors(void *unused) {
    (void)unused;
    tour t = {"no standard descriptors", NOTHING};
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        close(fd);
    }
    go_on_tour(&t); // Each descriptor of a watch is above them: it looks.
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        must(!is_open(fd));
    }
}

TEST(closed_standard_descriptors_are_not_taken) {
    go(without_standard_descriptors);
}

// The copy above them is one more.
static void with_one_descriptor(void *unused) {
    (void)unused;
    lt_queue *queue = lt_queue_new(1);
    lt_watcher *watcher;
    int fd = -1;
    close(STDIN_FILENO);
    struct rlimit before;
    must(getrlimit(RLIMIT_NOFILE, &before) == 0);
    must(setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, before.rlim_max}) == 0);
    must(lt_watch_fd(queue, LT_CASE_PUT, &fd, &watcher) == LT_NO_MEMORY && lt_last_errno() != 0 && fd == -1);
    must(!is_open(STDIN_FILENO));
    must(setrlimit(RLIMIT_NOFILE, &before) == 0);
    must(lt_watch_fd(queue, LT_CASE_PUT, &fd, &watcher) == LT_OK && fd > STDERR_FILENO);
    must(lt_watch_free(watcher) == LT_OK && !is_open(fd) && !is_open(STDIN_FILENO));
}

TEST(where_only_a_standard_descriptor_is_left_none_is_taken) {
    go(with_one_descriptor);
}
