// needs: signals of POSIX
// A signal as something to wait for.
#include <lowthread.h>
#include <signal.h>
#include <stdio.h>

int main(void) {
    lt_event *hangup = lt_event_new();
    if (lt_signal_to_event(SIGHUP, hangup) != LT_OK) return 1;
    raise(SIGHUP);
    puts(lt_status_name(lt_event_wait_timeout(hangup, 30.0))); // -> LT_OK
    return lt_signal_restore(SIGHUP) != LT_OK;
}
