/*
 * An event loop that waits for the library as it waits for anything else: a pool works, its results come through a
 * queue, and the loop polls one descriptor that is readable while there are some. Here it is Linux' epoll; poll(),
 * select() and kqueue take it as well. Elsewhere this program has nothing to show.
 */
#include <lowthread.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __linux__

#include <sys/epoll.h>
#include <unistd.h>

enum { TASKS = 1000, MILLISECONDS = 10000 };

static lt_queue *results;

// Goes on if the call did what it was asked; else says why not and ends the program.
static void check(lt_status status) {
    if (status != LT_OK) {
        fprintf(stderr, "%s\n", status < 0 ? lt_last_error() : lt_status_message(status));
        exit(EXIT_FAILURE);
    }
}

static void promise(bool kept, const char *sentence) {
    if (!kept) {
        fprintf(stderr, "broken promise: %s\n", sentence);
        exit(EXIT_FAILURE);
    }
}

static void *square(void *n) {
    uintptr_t number = (uintptr_t)n;
    check(lt_queue_put(results, (void *)(number * number)));
    return NULL;
}

// One wake-up of the loop: takes what is there, until there is no more. That quiets the descriptor.
static uintptr_t take_all(size_t *taken) {
    uintptr_t sum = 0;
    void *result;
    lt_status status;
    while ((status = lt_queue_try_get(results, &result)) == LT_OK) {
        sum += (uintptr_t)result;
        ++*taken;
    }
    promise(status == LT_EMPTY, "a queue that is open is empty in the end");
    return sum;
}

int main(void) {
    results = lt_queue_new(0);
    lt_pool *pool = lt_pool_new(2, "squares");
    int readable;
    lt_watcher *watcher;
    check(lt_watch_fd(results, LT_CASE_GET, &readable, &watcher));

    int loop = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {.fd = readable}};
    promise(loop >= 0 && epoll_ctl(loop, EPOLL_CTL_ADD, readable, &event) == 0, "epoll takes the descriptor");

    for (uintptr_t n = 1; n <= TASKS; n++) {
        check(lt_pool_submit(pool, square, (void *)n, NULL));
    }
    size_t taken = 0, wakes = 0;
    uintptr_t sum = 0;
    while (taken < TASKS) {
        promise(epoll_wait(loop, &event, 1, MILLISECONDS) == 1, "nothing is missed");
        promise(event.data.fd == readable, "the loop has nothing else to do");
        sum += take_all(&taken);
        wakes++;
    }
    promise(sum == (uintptr_t)TASKS * (TASKS + 1) * (2 * TASKS + 1) / 6, "each result comes once");
    // A worker puts its result, and wakes the loop then, which may have taken that already.
    check(lt_pool_shutdown(pool, true, false));
    if (epoll_wait(loop, &event, 1, 0) == 1) {
        take_all(&taken);
    }
    promise(epoll_wait(loop, &event, 1, 50) == 0, "a loop with nothing to do sleeps");
    promise(wakes <= TASKS, "each wake-up is for a result");
    printf("%d results in %zu wake-ups\n", TASKS, wakes);

    check(lt_pool_free(pool));
    check(lt_watch_free(watcher)); // The descriptor is closed with it.
    close(loop);
    check(lt_queue_free(results));
    return EXIT_SUCCESS;
}

#else

int main(void) {
    puts("skipped: there is no epoll");
    return EXIT_SUCCESS;
}

#endif
