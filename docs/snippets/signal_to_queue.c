// needs: signals of POSIX
// Signals as items, in the order in which they come.
#include <lowthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>

int main(void) {
    lt_queue *signals = lt_queue_new(16);
    if (lt_signal_to_queue(SIGHUP, signals) != LT_OK) return 1;
    raise(SIGHUP);
    void *item;
    if (lt_queue_get_timeout(signals, 30.0, &item) != LT_OK) return 1;
    puts((int)(intptr_t)item == SIGHUP ? "SIGHUP" : "another"); // -> SIGHUP
    return lt_signal_restore(SIGHUP) != LT_OK;
}
