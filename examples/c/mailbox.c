/*
 * A bounded mailbox on a condition and a re-entrant lock. send() takes the lock itself, and so it can
 * be called by send_pair(), which holds the lock already so that nothing gets between the two.
 */
#include <lowthread.h>

#include <stdio.h>
#include <stdlib.h>

enum { CAPACITY = 4, SENDERS = 3, PAIRS = 1000 };

struct mailbox {
    lt_rlock *lock; // Guards the messages and the count.
    lt_condition *changed;
    int messages[CAPACITY];
    int first, count;
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

// The predicates: called with the lock held.
static bool has_mail(void *arg) { return ((struct mailbox *)arg)->count > 0; }
static bool has_room(void *arg) { return ((struct mailbox *)arg)->count < CAPACITY; }
static bool has_room_for_two(void *arg) { return ((struct mailbox *)arg)->count < CAPACITY - 1; }

static void send(struct mailbox *box, int message) {
    check(lt_rlock_acquire(box->lock));
    check(lt_condition_wait_for_rlock(box->changed, box->lock, has_room, box, LT_FOREVER));
    box->messages[(box->first + box->count++) % CAPACITY] = message;
    check(lt_condition_notify_all(box->changed)); // All: they wait for different things.
    check(lt_rlock_release(box->lock));
}

static void send_pair(struct mailbox *box, int message) {
    check(lt_rlock_acquire(box->lock));
    check(lt_condition_wait_for_rlock(box->changed, box->lock, has_room_for_two, box, LT_FOREVER));
    send(box, message); // There is room, so it does not wait, and nobody else gets in.
    send(box, -message);
    check(lt_rlock_release(box->lock));
}

static lt_status receive(struct mailbox *box, double seconds, int *message) {
    check(lt_rlock_acquire(box->lock));
    lt_status status = lt_condition_wait_for_rlock(box->changed, box->lock, has_mail, box, seconds);
    if (status == LT_OK) {
        *message = box->messages[box->first];
        box->first = (box->first + 1) % CAPACITY;
        box->count--;
        check(lt_condition_notify_all(box->changed));
    }
    check(lt_rlock_release(box->lock)); // Whatever the wait returned, the lock is held.
    return status;
}

static void send_pairs(void *box) {
    for (int i = 1; i <= PAIRS; i++) {
        send_pair(box, i);
    }
}

int main(void) {
    struct mailbox box = {.lock = lt_rlock_new(), .changed = lt_condition_new()};
    check(box.lock != NULL && box.changed != NULL ? LT_OK : lt_last_status());
    for (int i = 0; i < SENDERS; i++) {
        check(lt_thread_start(send_pairs, &box, NULL, NULL));
    }
    int one = 0, other = 0, pairs = 0;
    for (; pairs < SENDERS * PAIRS; pairs++) {
        check(receive(&box, 30.0, &one));
        check(receive(&box, 30.0, &other));
        promise(one > 0 && other == -one, "a pair stays together");
    }
    printf("%d pairs came through a mailbox for %d\n", pairs, CAPACITY);
    promise(receive(&box, 0.01, &one) == LT_TIMED_OUT, "and that was all");
    while (lt_thread_count() > 0) { // The last sender has still to release the lock.
        check(lt_sleep(0.001));
    }
    check(lt_condition_free(box.changed));
    check(lt_rlock_free(box.lock));
    return EXIT_SUCCESS;
}
