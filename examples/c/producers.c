/*
 * Many producers and consumers around one bounded queue. When the last producer is done, the queue is
 * closed: the consumers take what is left, and end. No item that says "stop" is needed.
 */
#include <lowthread.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { PRODUCERS = 4, CONSUMERS = 2, ITEMS = 5000, CAPACITY = 64, BATCH = 16 };

struct producer {
    lt_queue *queue;
    int number;
};

struct consumer {
    lt_queue *queue;
    int last[PRODUCERS]; // Of each producer, the last item seen.
    int count;
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

static void produce(void *arg) {
    struct producer *self = arg;
    for (intptr_t i = 1; i <= ITEMS; i++) { // A number in place of a pointer: no memory to free.
        check(lt_queue_put(self->queue, (void *)(i * PRODUCERS + self->number)));
    }
}

static void consume(void *arg) {
    struct consumer *self = arg;
    lt_status status;
    void *items[BATCH];
    size_t n;
    while ((status = lt_queue_get_many(self->queue, items, BATCH, LT_FOREVER, &n)) == LT_OK) {
        for (size_t i = 0; i < n; i++) {
            int producer = (int)((intptr_t)items[i] % PRODUCERS);
            int item = (int)((intptr_t)items[i] / PRODUCERS);
            promise(item > self->last[producer], "each producer's items come in their order");
            self->last[producer] = item;
            self->count++;
        }
    }
    check(status == LT_CLOSED ? LT_OK : status);
}

int main(void) {
    lt_queue *queue = lt_queue_new(CAPACITY);
    check(queue != NULL ? LT_OK : lt_last_status());
    struct producer producers[PRODUCERS];
    struct consumer consumers[CONSUMERS] = {{.queue = queue}, {.queue = queue}};
    lt_thread *producing[PRODUCERS], *consuming[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++) {
        check(lt_thread_start(consume, &consumers[i], NULL, &consuming[i]));
    }
    for (int i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){.queue = queue, .number = i};
        check(lt_thread_start(produce, &producers[i], NULL, &producing[i]));
    }

    for (int i = 0; i < PRODUCERS; i++) {
        check(lt_thread_join(producing[i]));
        check(lt_thread_free(producing[i]));
    }
    check(lt_queue_close(queue, false)); // Not at once: what is in it is still to be had.
    int count = 0;
    for (int i = 0; i < CONSUMERS; i++) {
        check(lt_thread_join(consuming[i]));
        check(lt_thread_free(consuming[i]));
        count += consumers[i].count;
    }
    printf("%d producers passed %d items to %d consumers\n", PRODUCERS, count, CONSUMERS);
    promise(count == PRODUCERS * ITEMS, "every item comes once");
    promise(lt_queue_put(queue, NULL) == LT_CLOSED, "a closed queue takes no more");
    check(lt_queue_free(queue));
    return EXIT_SUCCESS;
}
