// Who waits for what, as lt_waits() tells it.
#ifndef LT_TOLD_H
#define LT_TOLD_H

#include "waits.h"

// What the thread with this ident waits for; false if for nothing.
static inline bool wait_of(lt_ident ident, lt_wait_info *found) {
    lt_wait_info all[64];
    size_t count = 0;
    all[0].size = sizeof all[0];
    must(lt_waits(all, LENGTH(all), &count) == LT_OK && count <= LENGTH(all));
    for (size_t i = 0; i < count; i++) {
        if (all[i].ident == ident) {
            *found = all[i];
            return true;
        }
    }
    return false;
}

// A pipe that takes one write, and the next one when that was read.
static inline void open_narrow_pipe(int ends[2]) {
#ifdef F_SETPIPE_SZ
    must(pipe2(ends, O_DIRECT) == 0 && fcntl(ends[1], F_SETPIPE_SZ, 1) > 0);
#else
    (void)ends;
    skip_because("only Linux has pipes that keep writes apart");
#endif
}

#endif
