// Another thread ends what the main thread waits for.
#include <lowthread.h>
#include <signal.h>
#include <stdio.h>

static void hurry(void *arg) {
    (void)arg;
    LT_IGNORE(lt_interrupt_main(SIGINT));
}

int main(void) {
    if (lt_start_new_thread(hurry, NULL, NULL) != LT_OK) return 1;
    puts(lt_status_name(lt_sleep(60.0)));                             // -> LT_INTERRUPTED
    puts(lt_interrupt_signal() == SIGINT ? "as by Ctrl-C" : "other"); // -> as by Ctrl-C
    puts(lt_status_name(lt_check_interrupt()));                       // -> LT_OK
    return 0;
}
