// needs: signals of POSIX
/*
 * A main loop under a watchdog: as long as it feeds the dog in time, nothing happens. When it hangs
 * in a wait, the wait is interrupted and the loop can say so and go on.
 */
#include <lowthread.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void promise(bool kept, const char *sentence) {
    if (!kept) {
        fprintf(stderr, "broken promise: %s; last error: %s\n", sentence, lt_last_error());
        exit(EXIT_FAILURE);
    }
}

static void send_work(void *queue) { // Three items of work, and then no more.
    static int numbers[] = {1, 2, 3};
    for (int i = 0; i < 3; i++) {
        promise(lt_queue_put(queue, &numbers[i]) == LT_OK, "an open queue takes an item");
    }
}

int main(void) {
    const double patience = 0.3;
    lt_queue *work = lt_queue_new(0);
    promise(work != NULL, "a queue can be made");
    promise(lt_start_new_thread(send_work, work, NULL) == LT_OK, "a thread starts");

    lt_watchdog *dog;
    const double began = lt_monotonic();
    promise(lt_watchdog_start(patience, SIGALRM, &dog) == LT_OK, "a watchdog starts");
    int done = 0, complaints = 0;
    while (done < 3 || complaints < 2) {
        void *item;
        lt_status status = lt_queue_get(work, &item); // Without a timeout: the dog sees to that.
        if (status == LT_OK) {
            printf("work item %d\n", *(int *)item);
            done++;
        } else {
            promise(status == LT_INTERRUPTED, "nothing but the watchdog ends the wait");
            promise(lt_interrupt_signal() == SIGALRM, "it does so with its signal");
            printf("no work for %.1f seconds\n", patience);
            complaints++;
            promise(lt_monotonic() - began >= complaints * patience, "and not before its patience is over");
        }
        promise(lt_watchdog_feed(dog) == LT_OK, "a feed also arms a dog that has barked");
    }
    promise(lt_watchdog_cancel(dog) == LT_OK, "a dog can be silenced");
    LT_IGNORE(lt_check_interrupt()); // Perhaps it had barked once more.
    promise(lt_sleep(patience) == LT_OK, "and is silent then");
    promise(lt_watchdog_free(dog) == LT_OK, "it can be freed");
    return EXIT_SUCCESS;
}
