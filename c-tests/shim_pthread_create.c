// Preloaded by tests: makes chosen calls of pthread_create fail.
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

static _Atomic long first, last, calls;
static _Atomic int refusal;
static void (*_Atomic before_refusal)(void);

// From now on the calls number `from` to `to` fail with this error; with from = 0, none.
void shim_refuse_threads(long from, long to, int error) {
    atomic_store(&first, 0);
    atomic_store(&calls, 0);
    atomic_store(&last, to);
    atomic_store(&refusal, error);
    atomic_store(&first, from);
}

// Each call that fails calls this first, on its own thread; NULL for nothing.
void shim_before_refusal(void (*function)(void)) {
    atomic_store(&before_refusal, function);
}

// How many calls there were since then.
long shim_thread_calls(void) {
    return atomic_load(&calls);
}

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
    void *(*function)(void *), void *restrict arg) {
    long call = atomic_fetch_add(&calls, 1) + 1, from = atomic_load(&first);
    if (from != 0 && call >= from && call <= atomic_load(&last)) {
        void (*meanwhile)(void) = atomic_load(&before_refusal);
        if (meanwhile != NULL) {
            meanwhile();
        }
        return atomic_load(&refusal);
    }
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    void *found = dlsym(RTLD_NEXT, "pthread_create");
    memcpy(&real, &found, sizeof found);
    return real(thread, attributes, function, arg);
}
