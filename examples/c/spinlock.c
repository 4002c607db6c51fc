/*
 * A spinlock around a few instructions: a histogram that many threads add to. Who waits for it stays
 * awake, so nothing that may block or take long belongs in between.
 */
#include <lowthread.h>

#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4, SAMPLES = 50000, BUCKETS = 8 };

struct histogram {
    lt_spinlock *lock; // Guards the two below: the sum of the buckets is the total.
    unsigned buckets[BUCKETS];
    unsigned total;
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

static void add_samples(void *arg) {
    struct histogram *histogram = arg;
    for (unsigned i = 0; i < SAMPLES; i++) {
        unsigned bucket = i * i % BUCKETS; // What can be done before is.
        check(lt_spinlock_acquire(histogram->lock));
        histogram->buckets[bucket]++;
        histogram->total++;
        check(lt_spinlock_release(histogram->lock));
    }
}

int main(void) {
    struct histogram histogram = {.lock = lt_spinlock_new()};
    check(histogram.lock != NULL ? LT_OK : lt_last_status());
    lt_thread *threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        check(lt_thread_start(add_samples, &histogram, NULL, &threads[i]));
    }

    unsigned sum = 0;
    check(lt_spinlock_acquire(histogram.lock));
    for (int i = 0; i < BUCKETS; i++) {
        sum += histogram.buckets[i];
    }
    unsigned seen = histogram.total;
    check(lt_spinlock_release(histogram.lock));
    promise(sum == seen, "in the middle of it, too, the buckets sum up to the total");

    for (int i = 0; i < THREADS; i++) {
        check(lt_thread_join(threads[i]));
        check(lt_thread_free(threads[i]));
    }
    printf("%u samples, %u of them in bucket 1\n", histogram.total, histogram.buckets[1]);
    promise(histogram.total == THREADS * SAMPLES, "no sample is lost");
    promise(histogram.buckets[1] == THREADS * SAMPLES / 2, "every odd square is 1 modulo 8");
    promise(lt_spinlock_release(histogram.lock) == LT_NOT_HELD, "a release too many is reported");
    check(lt_spinlock_free(histogram.lock));
    return EXIT_SUCCESS;
}
