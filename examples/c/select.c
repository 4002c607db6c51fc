/*
 * One thread that waits for several things at once: urgent jobs, ordinary ones, room to put its results, and the word
 * to stop. Without select it would have to wait for one of them, and ask for the others now and then.
 */
#include <lowthread.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { URGENT, ORDINARY, STOP, INPUTS };
enum { JOBS = 50 };

struct desk {
    lt_queue *urgent, *ordinary, *results;
    lt_event *stop;
    int done[2]; // The worker's own until it has been joined.
};

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

static void work(void *arg) {
    struct desk *desk = arg;
    for (;;) {
        lt_case inputs[INPUTS] = {
            [URGENT] = {.op = LT_CASE_GET, .handle = desk->urgent},
            [ORDINARY] = {.op = LT_CASE_GET, .handle = desk->ordinary},
            [STOP] = {.op = LT_CASE_EVENT, .handle = desk->stop},
        };
        size_t which;
        // What is urgent goes first: a select by itself favours nobody.
        lt_status status = lt_select(&inputs[URGENT], 1, 0.0, &which);
        if (status == LT_TIMED_OUT) {
            status = lt_select(inputs, INPUTS, LT_FOREVER, &which);
        }
        check(status);
        if (which == STOP) {
            return;
        }
        desk->done[which]++;
        // The result is put as soon as there is room; but nobody may want it any more.
        lt_case outputs[2] = {
            {.op = LT_CASE_PUT, .handle = desk->results, .item = inputs[which].item},
            {.op = LT_CASE_EVENT, .handle = desk->stop},
        };
        check(lt_select(outputs, 2, LT_FOREVER, &which));
        if (which == 1) {
            return;
        }
    }
}

int main(void) {
    struct desk desk = {lt_queue_new(0), lt_queue_new(0), lt_queue_new(2), lt_event_new(), {0, 0}};
    lt_thread *worker;
    for (uintptr_t i = 1; i <= JOBS; i++) {
        check(lt_queue_put(i % 10 == 0 ? desk.urgent : desk.ordinary, (void *)i));
    }
    check(lt_thread_start(work, &desk, NULL, &worker));

    // The results come; or the worker ends, which it is not to.
    uintptr_t sum = 0;
    for (int i = 0; i < JOBS; i++) {
        lt_case cases[2] = {
            {.op = LT_CASE_GET, .handle = desk.results},
            {.op = LT_CASE_JOIN, .handle = worker},
        };
        size_t which;
        check(lt_select(cases, 2, 30.0, &which));
        promise(which == 0 && cases[0].status == LT_OK, "the worker works until it is told to stop");
        if (i < JOBS / 10) {
            promise((uintptr_t)cases[0].item % 10 == 0, "what is urgent goes first");
        }
        sum += (uintptr_t)cases[0].item;
    }
    promise(sum == JOBS * (JOBS + 1) / 2, "each job is done once");

    check(lt_event_set(desk.stop));
    check(lt_thread_join(worker));
    promise(desk.done[URGENT] == JOBS / 10 && desk.done[ORDINARY] == JOBS - JOBS / 10, "and none was forgotten");
    printf("%d urgent jobs and %d others\n", desk.done[URGENT], desk.done[ORDINARY]);
    check(lt_thread_free(worker));
    check(lt_queue_free(desk.urgent));
    check(lt_queue_free(desk.ordinary));
    check(lt_queue_free(desk.results));
    check(lt_event_free(desk.stop));
    return EXIT_SUCCESS;
}
