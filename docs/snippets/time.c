// A sleep is never shorter than what was asked for.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    double start = lt_monotonic();
    if (lt_sleep(0.01) != LT_OK) return 1; // LT_INTERRUPTED: it was shorter after all
    puts(lt_monotonic() - start >= 0.01 ? "slept" : "too short"); // -> slept
    return 0;
}
