// Loaded by test_traces.cpp, under several names: a module that its frames are in. And, if the environment asks
// for it, one whose constructor calls a function of the program's, whose address it is given.
#include <stdint.h>
#include <stdlib.h>

#define NO_JUMP __asm__ volatile("" ::: "memory")

__attribute__((noinline)) static void step(void (*function)(void *), void *arg) {
    function(arg);
    NO_JUMP;
}

void pass_on(void (*function)(void *), void *arg) {
    step(function, arg);
    NO_JUMP;
}

__attribute__((constructor)) static void construct(void) {
    const char *address = getenv("LT_IN_CONSTRUCTOR");
    if (address != NULL) {
        void (*function)(void) = (void (*)(void))(uintptr_t)strtoull(address, NULL, 16);
        function();
    }
}
