/*
 * A rate limiter, as a bucket of tokens: a request takes a token, and waits if there is none; a timer
 * puts one in now and then. So many requests may come at once, and then only so many a second.
 */
#include <lowthread.h>

#include <stdio.h>
#include <stdlib.h>

struct limiter {
    lt_semaphore *tokens;
    lt_timer *refill;
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

static void add_token(void *tokens) { // On the library's timer thread.
    lt_status status = lt_semaphore_release(tokens, 1);
    check(status == LT_OVERFLOW ? LT_OK : status); // The bucket is full: this token is lost.
}

static struct limiter limiter_start(unsigned burst, double per_second) {
    struct limiter limiter = {.tokens = lt_semaphore_new_bounded(burst, burst)};
    double period = 1.0 / per_second;
    check(limiter.tokens != NULL ? LT_OK : lt_last_status());
    check(lt_timer_start(period, period, add_token, limiter.tokens, &limiter.refill));
    return limiter;
}

static void limiter_stop(struct limiter *limiter) {
    check(lt_timer_free(limiter->refill)); // From here on nobody uses the tokens.
    check(lt_semaphore_free(limiter->tokens));
}

int main(void) {
    enum { BURST = 3, REQUESTS = 13 };
    const double per_second = 100.0;
    double started = lt_monotonic();
    struct limiter limiter = limiter_start(BURST, per_second);

    for (int i = 1; i <= REQUESTS; i++) {
        check(lt_semaphore_acquire_timeout(limiter.tokens, 30.0)); // Or LT_TIMED_OUT: too busy.
        if (i == BURST || i == REQUESTS) {
            printf("request %d is let through\n", i);
        }
    }
    double seconds = lt_monotonic() - started;
    promise(seconds >= (REQUESTS - BURST) / per_second, "the requests are slowed down");

    // Who does not want to wait is told so.
    lt_status status;
    do {
        status = lt_semaphore_try_acquire(limiter.tokens);
    } while (status == LT_OK);
    promise(status == LT_BUSY, "without a token a request is refused");
    puts("a request is refused");

    // After a pause the bucket is full, and not fuller.
    while (lt_semaphore_value(limiter.tokens) < BURST) {
        check(lt_sleep(1.0 / per_second));
    }
    check(lt_sleep(3.0 / per_second));
    promise(lt_semaphore_value(limiter.tokens) == BURST, "tokens are not saved up without bound");
    limiter_stop(&limiter);
    return EXIT_SUCCESS;
}
