/*
 * The _thread pipeline demo, in C: workers, a semaphore, a bounded queue, a watchdog
 * and an error.
 *
 * Each step checks what it promises. If a promise is broken, a sentence says which, and the exit
 * status is 1.
 */
#include <lowthread.h>

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

// Goes on if the call did what it was asked; else says why not and ends the program.
static void check(lt_status status) {
    if (status != LT_OK) {
        fprintf(stderr, "%s\n", status < 0 ? lt_last_error() : lt_status_message(status));
        exit(EXIT_FAILURE);
    }
}

// The same for a constructor, which returns NULL when it fails.
static void *made(void *handle) {
    check(handle != NULL ? LT_OK : lt_last_status());
    return handle;
}

static void promise(bool kept, const char *sentence) {
    if (!kept) {
        fprintf(stderr, "broken promise: %s\n", sentence);
        exit(EXIT_FAILURE);
    }
}

// ---- Three workers finish in the order of their delays -------------------------------------------

enum { WORKERS = 3 };

struct finish {
    lt_lock *lock; // Guards the two below.
    int order[WORKERS];
    int count;
    lt_event *all;
};

struct worker {
    int number;
    double delay;
    struct finish *finish;
};

static void work(void *arg) {
    const struct worker *self = arg; // This thread's own copy.
    struct finish *finish = self->finish;
    bool last = false;
    check(lt_sleep(self->delay));
    LT_WITH_LOCK(finish->lock) {
        finish->order[finish->count++] = self->number;
        last = finish->count == WORKERS;
    }
    if (last) {
        check(lt_event_set(finish->all));
    }
}

// Whether the shorter delay finished first, in steps of this many seconds.
static bool run_workers(double step) {
    struct finish finish = {.lock = made(lt_allocate_lock()), .all = made(lt_event_new())};
    for (int number = WORKERS; number >= 1; number--) { // The slowest starts first.
        struct worker worker = {.number = number, .delay = step * number, .finish = &finish};
        check(lt_start_new_thread_copy(work, &worker, sizeof worker, NULL));
    }
    check(lt_event_wait(finish.all));
    check(lt_event_free(finish.all));
    check(lt_lock_free(finish.lock));
    return finish.order[0] == 1 && finish.order[1] == 2 && finish.order[2] == 3;
}

static void order_by_delay(void) {
    double step = 0.05;
    while (!run_workers(step)) { // A busy machine may wake a thread late: once more, further apart.
        step *= 4;
        promise(step < 4, "the shorter delay finishes first");
    }
    puts("completion order [1, 2, 3]");
}

// ---- Five guests share a room for two ------------------------------------------------------------

enum { GUESTS = 5, ROOM_FOR = 2 };

struct room {
    lt_semaphore *places;
    lt_lock *lock; // Guards the two below.
    int inside;
    int most;
    lt_event *was_full;
    lt_semaphore *gone;
};

static void visit(void *arg) {
    struct room *room = arg;
    check(lt_semaphore_acquire(room->places));
    LT_WITH_LOCK(room->lock) {
        room->inside++;
        room->most = room->inside > room->most ? room->inside : room->most;
        if (room->inside == ROOM_FOR) {
            check(lt_event_set(room->was_full));
        }
    }
    check(lt_event_wait(room->was_full)); // So two do meet, however the threads are scheduled,
    check(lt_sleep(0.01));                // and a third one would be seen.
    LT_WITH_LOCK(room->lock) {
        room->inside--;
    }
    check(lt_semaphore_release(room->places, 1));
    check(lt_semaphore_release(room->gone, 1)); // The last look at the room, which main takes down.
}

static void receive_guests(void) {
    struct room room = {
        .places = made(lt_semaphore_new_bounded(ROOM_FOR, ROOM_FOR)),
        .lock = made(lt_allocate_lock()),
        .was_full = made(lt_event_new()),
        .gone = made(lt_semaphore_new(0)),
    };
    for (int i = 0; i < GUESTS; i++) {
        check(lt_start_new_thread(visit, &room, NULL));
    }
    for (int i = 0; i < GUESTS; i++) {
        check(lt_semaphore_acquire(room.gone));
    }
    printf("max concurrent %d\n", room.most);
    promise(room.most == ROOM_FOR, "the semaphore lets in two, and no more");
    check(lt_semaphore_free(room.gone));
    check(lt_event_free(room.was_full));
    check(lt_lock_free(room.lock));
    check(lt_semaphore_free(room.places));
}

// ---- A producer, a queue of three, a consumer ----------------------------------------------------

enum { ITEMS = 10, CAPACITY = 3 };

static int squares[ITEMS];

static void produce(void *arg) {
    lt_queue *queue = arg;
    for (int i = 0; i < ITEMS; i++) {
        squares[i] = i * i; // Before the put, and so before the consumer's look at it.
        check(lt_queue_put(queue, &squares[i]));
    }
    check(lt_queue_close(queue, false));
}

static void consume(void) {
    lt_queue *queue = made(lt_queue_new(CAPACITY));
    check(lt_start_new_thread(produce, queue, NULL));
    while (!lt_queue_is_full(queue)) { // Nobody gets yet: the producer fills the queue, and waits.
        check(lt_sleep(0.001));
    }
    lt_status status;
    void *item;
    int count = 0;
    while ((status = lt_queue_get(queue, &item)) == LT_OK) {
        promise(item == &squares[count] && *(int *)item == count * count, "first in, first out");
        promise(lt_queue_size(queue) <= CAPACITY, "the queue keeps its bound");
        count++;
    }
    check(status == LT_CLOSED ? LT_OK : status);
    printf("queue of %d passed %d items in order\n", CAPACITY, count);
    promise(count == ITEMS, "what was put before the close is still there to get");
    check(lt_queue_free(queue));
}

// ---- A watchdog interrupts a main thread that would wait for ever --------------------------------

static _Atomic double barked_at;

static void watch(void *arg) {
    (void)arg;
    check(lt_sleep(0.05));
    atomic_store(&barked_at, lt_monotonic());
    check(lt_interrupt_main(SIGINT));
}

static void be_interrupted(void) {
    lt_lock *lock = made(lt_allocate_lock());
    check(lt_lock_acquire(lock));
    check(lt_start_new_thread(watch, NULL, NULL));
    lt_status status = lt_lock_acquire(lock); // Nobody will release it.
    double seconds = lt_monotonic() - atomic_load(&barked_at);
    promise(status == LT_INTERRUPTED, "an interrupt ends a blocked acquire");
    promise(lt_interrupt_signal() == SIGINT, "the signal is the one that was sent");
    printf("blocked acquire interrupted after %.0f microseconds\n", seconds * 1e6);
    check(lt_lock_release(lock)); // Still held by the first acquire, not by the second.
    check(lt_lock_free(lock));
}

// ---- A thread fails, and the others go on --------------------------------------------------------

static void fail(void *arg) {
    (void)arg;
    lt_raise(42, "worker 2 gives up"); // From any depth; this thread ends here.
}

static void go_on(void *arg) {
    (void)arg;
    check(lt_sleep(0.01));
}

static void survive_an_error(void) {
    const lt_thread_fn functions[WORKERS] = {go_on, fail, go_on};
    lt_thread *threads[WORKERS];
    lt_errors *errors = made(lt_errors_new());
    const lt_thread_options options = {.size = sizeof options, .errors = errors};
    int failed = 0;
    for (int i = 0; i < WORKERS; i++) {
        check(lt_thread_start(functions[i], NULL, &options, &threads[i]));
    }
    for (int i = 0; i < WORKERS; i++) {
        lt_status status = lt_thread_join(threads[i]);
        if (status == LT_FAILED) {
            failed++;
        } else {
            check(status);
        }
        check(lt_thread_free(threads[i]));
    }
    const lt_error_info *info;
    check(lt_errors_get(errors, &info));
    printf("%d of %d failed: %s ended with %s %d: %s\n", failed, WORKERS, info->thread_name,
           info->type_name, info->code, info->message);
    promise(failed == 1 && info->code == 42, "only the thread that raised has failed");
    check(lt_errors_free(errors));
}

int main(void) {
    check(lt_signal_to_main(SIGINT)); // Ctrl-C ends the wait that main is in, and so the demo.
    printf("main thread, ident %" PRIu64 "\n", lt_get_ident());
    promise(lt_get_ident() == lt_main_ident(), "this is the main thread");
    order_by_delay();
    receive_guests();
    consume();
    be_interrupted();
    survive_an_error();
    return EXIT_SUCCESS;
}
