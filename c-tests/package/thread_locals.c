// Loads the libraries NAME1.so, NAME2.so and so on, each of which has thread-local variables and a function `touch`,
// then lowthread, and uses it on two threads: for thread_locals.sh.

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t (*get_ident)(void);

static void *other(void *ident) {
    *(uint64_t *)ident = get_ident();
    return NULL;
}

int main(int count, char **arguments) {
    for (int kind = 2; kind + 1 < count; kind += 2) {
        for (int i = 1; i <= atoi(arguments[kind + 1]); i++) {
            char name[4096];
            snprintf(name, sizeof name, "%s%d.so", arguments[kind], i);
            void *library = dlopen(name, RTLD_NOW);
            void *touch = library ? dlsym(library, "touch") : NULL;
            if (touch == NULL) {
                fprintf(stderr, "%s\n", dlerror());
                return 2;
            }
            ((void (*)(void))touch)();
        }
    }
    void *lowthread = dlopen(arguments[1], RTLD_NOW);
    if (lowthread == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    get_ident = (uint64_t (*)(void))dlsym(lowthread, "lt_get_ident");
    uint64_t here = get_ident(), there = 0;
    pthread_t thread;
    if (pthread_create(&thread, NULL, other, &there) != 0 || pthread_join(thread, NULL) != 0) {
        return 2;
    }
    return here == 0 || there == 0 || here == there || here != get_ident() ? 3 : 0;
}
