// The program's own handler runs, and then the wait ends.
#include <lowthread.h>
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t noted;

static void note(int signum) { noted = signum; }

int main(void) {
    signal(SIGINT, note);
    if (lt_signal_chain_to_main(SIGINT) != LT_OK) return 1;
    raise(SIGINT);
    puts(lt_status_name(lt_sleep(60.0)));            // -> LT_INTERRUPTED
    puts(noted == SIGINT ? "noted, too" : "missed"); // -> noted, too
    return 0;
}
