// What the library that is running is, and what it can do.
#include <lowthread.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    char header[32];
    snprintf(header, sizeof header, "%d.%d.%d", LT_VERSION_MAJOR, LT_VERSION_MINOR, LT_VERSION_PATCH);
    puts(strcmp(header, lt_version()) == 0 ? "as the header" : lt_version()); // -> as the header
    if (lt_features() & LT_FEATURE_PTHREADS) puts("threads of POSIX");        // -> threads of POSIX
    return 0;
}
