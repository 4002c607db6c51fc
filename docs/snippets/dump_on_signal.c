// needs: signals of POSIX
// The same for whoever sends a signal: kill -QUIT.
#include <lowthread.h>
#include <signal.h>
#include <stdio.h>

int main(void) {
    FILE *report = tmpfile();
    if (report == NULL || lt_dump_on_signal(SIGQUIT, fileno(report)) != LT_OK) return 1;
    raise(SIGQUIT);
    rewind(report);
    puts(fgetc(report) != EOF ? "written" : "nothing"); // -> written
    return lt_dump_on_signal(SIGQUIT, -1) != LT_OK;     // As it was before.
}
