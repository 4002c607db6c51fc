/*
 * libuv's loop, two ways: a uv_poll_t on the descriptor of a watch; and, where there are no descriptors (on Windows),
 * a watch whose function wakes the loop by uv_async_send().
 */
#include <lowthread.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

enum { TASKS = 100 };

static lt_queue *squares, *cubes;
static uintptr_t taken, sum;
static uv_poll_t poll_handle;
static uv_async_t async_handle;
static uv_timer_t timer;

static void check(lt_status status) {
    if (status != LT_OK) {
        fprintf(stderr, "%s\n", status < 0 ? lt_last_error() : lt_status_message(status));
        exit(EXIT_FAILURE);
    }
}

static void must(int error) {
    if (error < 0) {
        fprintf(stderr, "%s\n", uv_strerror(error));
        exit(EXIT_FAILURE);
    }
}

static void *work(void *arg) {
    uintptr_t n = (uintptr_t)arg;
    check(lt_queue_put(squares, (void *)(n * n)));
    check(lt_queue_put(cubes, (void *)(n * n * n)));
    return NULL;
}

static void take_all(lt_queue *queue) {
    void *result;
    while (lt_queue_try_get(queue, &result) == LT_OK) {
        sum += (uintptr_t)result;
        taken++;
    }
    if (taken == 2 * TASKS) { // Then there is nothing left that keeps the loop.
        uv_close((uv_handle_t *)&poll_handle, NULL);
        uv_close((uv_handle_t *)&async_handle, NULL);
        uv_close((uv_handle_t *)&timer, NULL);
        taken++;
    }
}

static void on_squares(uv_poll_t *handle, int status, int events) {
    (void)handle, (void)events;
    must(status);
    take_all(squares);
}

static void on_cubes(uv_async_t *handle) {
    (void)handle;
    take_all(cubes);
}

// On a thread of the library's: it only wakes the loop.
static void wake_loop(void *handle) {
    must(uv_async_send(handle));
}

static void give_up(uv_timer_t *unused) {
    (void)unused;
    fputs("a result was missed\n", stderr);
    exit(EXIT_FAILURE);
}

int main(void) {
    uv_loop_t *loop = uv_default_loop();
    squares = lt_queue_new(0);
    cubes = lt_queue_new(0);
    lt_pool *pool = lt_pool_new(2, NULL);
    int readable;
    lt_watcher *by_descriptor, *by_function;
    check(lt_watch_fd(squares, LT_CASE_GET, &readable, &by_descriptor));
    must(uv_poll_init(loop, &poll_handle, readable));
    must(uv_poll_start(&poll_handle, UV_READABLE, on_squares));
    must(uv_async_init(loop, &async_handle, on_cubes));
    check(lt_watch(cubes, LT_CASE_GET, wake_loop, &async_handle, &by_function));
    must(uv_timer_init(loop, &timer));
    must(uv_timer_start(&timer, give_up, 20000, 0));

    for (uintptr_t n = 1; n <= TASKS; n++) {
        check(lt_pool_submit(pool, work, (void *)n, NULL));
    }
    must(uv_run(loop, UV_RUN_DEFAULT));
    printf("%d results, their sum %ju\n", 2 * TASKS, (uintmax_t)sum);

    check(lt_watch_free(by_descriptor));
    check(lt_watch_free(by_function)); // From here on it sends nothing.
    must(uv_loop_close(loop));
    check(lt_pool_free(pool));
    check(lt_queue_free(squares));
    check(lt_queue_free(cubes));
    uintptr_t s = (uintptr_t)TASKS * (TASKS + 1) / 2;
    return sum == s * (2 * TASKS + 1) / 3 + s * s ? EXIT_SUCCESS : EXIT_FAILURE;
}
