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

// Runs a program as run_program() does; what it says to the standard error, which must fit into a pipe, is in `said`.
static inline int run_program_and_listen(const char *argument, const char *const settings[], char *said, size_t size) {
    int out[2];
    must(pipe(out) == 0);
    const int standard_error = dup(2);
    dup2(out[1], 2);
    const int status = run_program(NULL, argument, settings);
    dup2(standard_error, 2);
    close(standard_error);
    close(out[1]);
    size_t length = 0;
    for (ssize_t n; (n = read(out[0], said + length, size - 1 - length)) > 0;) {
        length += (size_t)n;
    }
    said[length] = 0;
    close(out[0]);
    return status;
}

#endif
