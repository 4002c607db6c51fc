// Bytes are a library or its debug information, of which a trace wants lines: whatever they say, an answer comes. The entry
// is there in the fuzzer's own build of the library alone (src/sys/linux/symbols/fuzzed.rs).
#define _GNU_SOURCE
#include "makers.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

bool verbose;
void (*on_finding)(const uint8_t *, size_t);
static unsigned long looked_at;

void lowthread_fuzz_debug(int fd);

void run_program(const uint8_t *data, size_t size) {
    int fd = memfd_create("debug", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        perror("memfd_create");
        exit(2);
    }
    lowthread_fuzz_debug(fd); // Its own from now on.
    looked_at++;
}

unsigned long calls_made(void) {
    return looked_at;
}
