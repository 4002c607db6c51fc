// Interrupts the main thread, unless that feeds it.
#include <lowthread.h>
#include <signal.h>
#include <stdio.h>

int main(void) {
    lt_watchdog *watchdog;
    if (lt_watchdog_start(0.05, SIGINT, &watchdog) != LT_OK) return 1;
    if (lt_watchdog_feed(watchdog) != LT_OK) return 1; // In each round of a loop.
    puts(lt_status_name(lt_sleep(60.0))); // -> LT_INTERRUPTED
    if (lt_watchdog_cancel(watchdog) != LT_OK) return 1;
    return lt_watchdog_free(watchdog) != LT_OK;
}
