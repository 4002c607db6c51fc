// needs: signals of POSIX
/*
 * Signals without signal handlers: some become items in a queue, one calls a function that may do
 * anything, and Ctrl-C ends a wait of the main thread. Here the program sends them to itself.
 */
#include <lowthread.h>

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void promise(bool kept, const char *sentence) {
    if (!kept) {
        fprintf(stderr, "broken promise: %s; last error: %s\n", sentence, lt_last_error());
        exit(EXIT_FAILURE);
    }
}

static void reload(int signum, void *arg) { // On a thread of the library's: no handler's limits.
    printf("reloading, on signal %d\n", signum);
    promise(lt_event_set(arg) == LT_OK, "a callback can use the library");
}

int main(void) {
    lt_queue *jobs = lt_queue_new(0);
    lt_event *reloaded = lt_event_new();
    promise(jobs != NULL && reloaded != NULL, "a queue and an event can be made");
    promise(lt_signal_to_queue(SIGUSR1, jobs) == LT_OK, "a signal can go to a queue");
    promise(lt_signal_to_queue(SIGUSR2, jobs) == LT_OK, "and so can another one");
    promise(lt_signal_to_callback(SIGHUP, reload, reloaded) == LT_OK, "or to a function");
    promise(lt_signal_to_main(SIGINT) == LT_OK, "or to the main thread");

    raise(SIGHUP);
    promise(lt_event_wait_timeout(reloaded, 30.0) == LT_OK, "the function is called");

    const int sent[] = {SIGUSR1, SIGUSR2, SIGUSR1};
    for (int i = 0; i < 3; i++) {
        void *item;
        raise(sent[i]);
        promise(lt_queue_get_timeout(jobs, 30.0, &item) == LT_OK, "a signal becomes an item");
        promise((int)(intptr_t)item == sent[i], "the item is the signal's number");
        printf("signal %d came through the queue\n", (int)(intptr_t)item);
    }

    raise(SIGINT); // As Ctrl-C would.
    promise(lt_sleep(30.0) == LT_INTERRUPTED, "Ctrl-C ends the wait");
    promise(lt_interrupt_signal() == SIGINT, "and says what it was");
    puts("interrupted: good bye");

    const int routed[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGINT};
    for (int i = 0; i < 4; i++) {
        promise(lt_signal_restore(routed[i]) == LT_OK, "all is put back as it was");
    }
    promise(lt_queue_free(jobs) == LT_OK, "a queue without a route can be freed");
    return EXIT_SUCCESS;
}
