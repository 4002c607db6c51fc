// Callbacks of lowthread as items of a queue: for a runtime that only its own thread may enter, as PHP's and
// Perl's. Another thread's call puts the number of what is to be called; the runtime's thread gets it, and calls.
//
//     cc -shared -fPIC mailbox.c -llowthread -o libmailbox.so
#include <lowthread.h>

typedef struct mailbox {
    lt_queue *queue;
    void *item;
} mailbox;

// For a timer, a thread, a drop function: arg is a mailbox, and lasts as long.
void mailbox_call(void *arg);
// For a future's end: lt_future_add_done_callback(future, mailbox_done, mailbox).
void mailbox_done(lt_future *future, void *arg);

void mailbox_call(void *arg) {
    const mailbox *to = arg;
    // LT_CLOSED: nobody reads any more.
    LT_IGNORE(lt_queue_put(to->queue, to->item));
}

void mailbox_done(lt_future *future, void *arg) {
    (void)future;
    mailbox_call(arg);
}

// A task that waits for an item of the queue `arg`, and returns it; LT_CLOSED, LT_INTERRUPTED: it fails. For a runtime
// whose own threads must not wait: an idle worker costs it nothing.
void *mailbox_get(void *arg);

void *mailbox_get(void *arg) {
    void *item = NULL;
    lt_status status = lt_queue_get(arg, &item);
    if (status != LT_OK) {
        LT_IGNORE(lt_fail(status, lt_status_message(status)));
    }
    return item;
}

// Work that C does meanwhile: n * n, and 84 / n. In a program of yours it is a library's: a checksum, a picture.
void *mailbox_square(void *n);
void *mailbox_divide(void *n);
void mailbox_answer(void *arg);

void *mailbox_square(void *n) {
    return (void *)((intptr_t)n * (intptr_t)n);
}

void *mailbox_divide(void *n) {
    if (n == NULL) {
        LT_IGNORE(lt_fail(1, "84 cannot be divided by 0"));
        return NULL;
    }
    return (void *)(84 / (intptr_t)n);
}

// A thread that answers: what it gets from queues[0] it puts, squared, into queues[1]; until the first is closed.
// With another end than that it fails.
void mailbox_answer(void *arg) {
    lt_queue *const *queues = arg;
    void *item;
    lt_status status;
    while ((status = lt_queue_get(queues[0], &item)) == LT_OK) {
        LT_IGNORE(lt_queue_put(queues[1], mailbox_square(item)));
    }
    if (status != LT_CLOSED) {
        LT_IGNORE(lt_fail(status, lt_status_message(status)));
    }
}
