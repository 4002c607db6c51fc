/*
 * GLib's main loop, and so GTK's: a source on the descriptor of a watch. It is called while a result is there.
 */
#include <lowthread.h>

#include <glib-unix.h>
#include <glib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { TASKS = 100 };

static lt_queue *results;
static GMainLoop *loop;
static uintptr_t taken, sum;

static void check(lt_status status) {
    if (status != LT_OK) {
        fprintf(stderr, "%s\n", status < 0 ? lt_last_error() : lt_status_message(status));
        exit(EXIT_FAILURE);
    }
}

static void *square(void *n) {
    check(lt_queue_put(results, (void *)((uintptr_t)n * (uintptr_t)n)));
    return NULL;
}

static gboolean take_all(gint fd, GIOCondition condition, gpointer unused) {
    (void)fd, (void)condition, (void)unused;
    void *result;
    while (lt_queue_try_get(results, &result) == LT_OK) {
        sum += (uintptr_t)result;
        taken++;
    }
    if (taken == TASKS) {
        g_main_loop_quit(loop);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean give_up(gpointer unused) {
    (void)unused;
    fputs("a result was missed\n", stderr);
    exit(EXIT_FAILURE);
}

int main(void) {
    results = lt_queue_new(0);
    lt_pool *pool = lt_pool_new(2, NULL);
    int readable;
    lt_watcher *watcher;
    check(lt_watch_fd(results, LT_CASE_GET, &readable, &watcher));
    loop = g_main_loop_new(NULL, FALSE);
    guint source = g_unix_fd_add(readable, G_IO_IN, take_all, NULL);
    g_timeout_add_seconds(20, give_up, NULL);

    for (uintptr_t n = 1; n <= TASKS; n++) {
        check(lt_pool_submit(pool, square, (void *)n, NULL));
    }
    g_main_loop_run(loop);
    printf("%d results, their sum %ju\n", TASKS, (uintmax_t)sum);

    g_source_remove(source); // Before the descriptor is closed.
    check(lt_watch_free(watcher));
    g_main_loop_unref(loop);
    check(lt_pool_free(pool));
    check(lt_queue_free(results));
    return sum == (uintptr_t)TASKS * (TASKS + 1) * (2 * TASKS + 1) / 6 ? EXIT_SUCCESS : EXIT_FAILURE;
}
