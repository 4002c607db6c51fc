// Who waits for what, for a program that hangs.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    FILE *report = tmpfile();
    if (report == NULL || lt_dump(fileno(report)) != LT_OK) return 1;
    rewind(report);
    char line[200] = "";
    puts(fgets(line, sizeof line, report) != NULL ? "a line for each thread" : "nothing"); // -> a line for each thread
    return fclose(report) != 0;
}
