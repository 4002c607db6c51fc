// Ctrl-C ends a wait, in place of the program.
#include <lowthread.h>
#include <signal.h>
#include <stdio.h>

int main(void) {
    signal(SIGINT, SIG_DFL); // A shell may have it ignored.
    if (lt_signal_to_main(SIGINT) != LT_OK) return puts(lt_last_error()), 1;
    raise(SIGINT); // As Ctrl-C does.
    puts(lt_status_name(lt_sleep(60.0))); // -> LT_INTERRUPTED
    return lt_signal_restore(SIGINT) != LT_OK;
}
