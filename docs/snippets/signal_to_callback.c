// needs: signals of POSIX
// A handler that may do anything: it runs on a thread.
#include <lowthread.h>
#include <signal.h>
#include <stdio.h>

static void reload(int signum, void *done) {
    puts(signum == SIGHUP ? "reloading" : "?"); // -> reloading
    LT_IGNORE(lt_semaphore_release(done, 1));
}

int main(void) {
    lt_semaphore *done = lt_semaphore_new(0);
    if (lt_signal_to_callback(SIGHUP, reload, done) != LT_OK) return 1;
    raise(SIGHUP);
    return lt_semaphore_acquire_timeout(done, 30.0) != LT_OK;
}
