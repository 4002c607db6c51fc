// Loaded before the library: from then on a filter ends the process at any system call but its end. For start.sh.

#include "filter.h"

#include <stdlib.h>

int filtered;

__attribute__((constructor)) static void begin(void) {
    filtered = getenv("LT_UNFILTERED") == NULL && forbid_system_calls();
}
