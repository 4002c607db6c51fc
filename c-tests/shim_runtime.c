// Loaded by test_fork_traces.c under the name of a C++ runtime: what makes names readable asks the test first.
#include <stdlib.h>
#include <string.h>

void (*shim_on_demangle)(void);

char *__cxa_demangle(const char *name, char *buffer, size_t *length, int *status) {
    (void)buffer;
    (void)length;
    (void)status;
    if (shim_on_demangle != NULL) {
        shim_on_demangle();
    }
    char *clear = malloc(strlen(name) + sizeof "clear ");
    if (clear != NULL) {
        strcpy(clear, "clear ");
        strcat(clear, name);
    }
    return clear;
}
