/*
 * A pool of workers, and tasks that may fail. A task that raises fails alone: the error waits in its
 * future, the worker goes on to the next task.
 */
#include <lowthread.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

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

static void *parse(void *text) { // A small number in place of a pointer: nobody has to free it.
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno != 0) {
        lt_raise(errno, "out of range"); // From any depth; does not return.
    }
    if (end == text || *end != '\0') {
        lt_raise(EINVAL, "not a number");
    }
    return (void *)(intptr_t)number;
}

static void count_end(lt_future *future, void *arg) { // On the worker; or, added late, on main.
    (void)future;
    LT_IGNORE(lt_semaphore_release(arg, 1));
}

static void ignore_error(const lt_error_info *error, void *heard) {
    promise(error->code == EINVAL, "the hook hears which error it was");
    *(int *)heard += 1;
}

int main(void) {
    enum { TASKS = 5 };
    char *texts[TASKS] = {"17", "seventeen", "25", "99999999999999999999", "-1"};
    lt_pool *pool = lt_pool_new(2, "parser");
    lt_semaphore *ended = lt_semaphore_new(0);
    check(pool != NULL && ended != NULL ? LT_OK : lt_last_status());

    lt_future *futures[TASKS];
    for (int i = 0; i < TASKS; i++) {
        check(lt_pool_submit(pool, parse, texts[i], &futures[i]));
        check(lt_future_add_done_callback(futures[i], count_end, ended));
    }
    size_t done;
    check(lt_future_wait_many(futures, TASKS, LT_ALL, 30.0, &done));
    promise(done == TASKS, "all are over");

    int failed = 0;
    for (int i = 0; i < TASKS; i++) {
        void *result;
        const lt_error_info *error;
        lt_status status = lt_future_result(futures[i], &result);
        if (status == LT_FAILED) {
            check(lt_future_error(futures[i], &error)); // Valid until the future is freed.
            printf("%s: %s\n", texts[i], error->message);
            failed++;
        } else {
            check(status);
            printf("%s: %d\n", texts[i], (int)(intptr_t)result);
        }
        check(lt_semaphore_acquire_timeout(ended, 30.0)); // One for each, failed or not.
        check(lt_future_free(futures[i]));
    }
    promise(failed == 2, "two fail, and the others do not");

    // All at once: the first error cancels what has not begun. There is no future that could keep
    // the error, so the hook hears of it.
    int heard = 0;
    void *results[TASKS];
    check(lt_set_excepthook(ignore_error, &heard));
    lt_status status = lt_pool_map(pool, parse, (void *const *)texts, 2, results, 30.0);
    promise(status == LT_FAILED && heard == 1 && results[1] == NULL, "one error fails the map");
    check(lt_set_excepthook(NULL, NULL));

    check(lt_pool_free(pool)); // Waits for its workers.
    check(lt_semaphore_free(ended));
    return EXIT_SUCCESS;
}
