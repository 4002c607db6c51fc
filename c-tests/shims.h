// For tests that run under a preloaded library.
#ifndef LT_SHIMS_H
#define LT_SHIMS_H

#include "support.h"

#include <dlfcn.h>

// Runs a program with these shims preloaded (names of c-tests/shim_x.c, separated by spaces) and with
// NAME=VALUE in its environment; the case fails unless it ends with exit code 0 (77: is skipped).
static inline void run_under_shims(
    const char *shims, const char *program, const char *argument, const char *setting) {
    skip_where_nothing_is_loaded();
    const char *dir = getenv("LT_SHIM_DIR");
    if (dir == NULL) {
        fail_msg("LT_SHIM_DIR does not say where the shims are");
    }
    char preload[4096] = "LD_PRELOAD=";
    char names[256];
    snprintf(names, sizeof names, "%s", shims);
    for (char *name = strtok(names, " "); name != NULL; name = strtok(NULL, " ")) {
        size_t length = strlen(preload);
        snprintf(preload + length, sizeof preload - length, "%s/shim_%s.so ", dir, name);
    }

    int status = run_program(program, argument, (const char *[]){preload, setting, NULL});
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        skip_because("the shim cannot do here what it should");
    }
    assert_int_equal(status, 0);
}

// Runs this case in a process of its own under the shims: true there, false in this one, afterwards.
// For the first line of a case: `if (!in_shims(__func__, "malloc")) return;`
static inline bool in_shims(const char *function, const char *shims) {
    if (under_sanitizer()) {
        skip_because("the sanitizer has a malloc and a pthread_create of its own");
    }
    if (getenv("LT_IN_SHIMS") != NULL) {
        return true;
    }
    run_under_shims(shims, NULL, function + strlen("lt_test_"), "LT_IN_SHIMS=1");
    return false;
}

// Finds a function of a shim: `shim_function(&shim_fail, "shim_fail")`.
static inline void shim_function(void *function, const char *name) {
    void *found = dlsym(RTLD_DEFAULT, name);
    must_for(name, found != NULL);
    memcpy(function, &found, sizeof found);
}

#endif
