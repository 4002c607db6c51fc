// Preloaded by tests: makes chosen allocations and mappings fail, and counts those that are alive.
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// The C library's own. glibc has names for them, and an allocating dlsym; on musl that allocates nothing.
#ifdef __GLIBC__
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *p);
#else
// Finds a function: `next(&function, "name")`.
static void next(void *function, const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, sizeof found);
}

static void *__libc_malloc(size_t size) {
    void *(*function)(size_t);
    next(&function, "malloc");
    return function(size);
}

static void *__libc_calloc(size_t n, size_t size) {
    void *(*function)(size_t, size_t);
    next(&function, "calloc");
    return function(n, size);
}

static void *__libc_realloc(void *p, size_t size) {
    void *(*function)(void *, size_t);
    next(&function, "realloc");
    return function(p, size);
}

static void *__libc_memalign(size_t alignment, size_t size) {
    void *(*function)(size_t, size_t);
    next(&function, "aligned_alloc");
    return function(alignment, size);
}

static void __libc_free(void *p) {
    void (*function)(void *);
    next(&function, "free");
    function(p);
}
#endif

static _Atomic long first, last, calls, failures, live;
static _Atomic long spared; // The thread whose allocations do not count, 0 for none.

// From now on the allocations number `from` to `to` fail; with from = 0, none.
void shim_fail(long from, long to) {
    atomic_store(&first, 0);
    atomic_store(&spared, 0);
    atomic_store(&calls, 0);
    atomic_store(&failures, 0);
    atomic_store(&last, to);
    atomic_store(&first, from);
}

// From now on all allocations of threads other than the caller fail.
void shim_fail_others(void) {
    shim_fail(0, 0);
    atomic_store(&spared, syscall(SYS_gettid));
    atomic_store(&last, LONG_MAX);
    atomic_store(&first, 1);
}

// How many failed since then.
long shim_failures(void) {
    return atomic_load(&failures);
}

// How many allocations of the process are not freed yet.
long shim_live(void) {
    return atomic_load(&live);
}

static bool refuse(void) {
    long from = atomic_load(&first);
    if (from == 0 || (atomic_load(&spared) != 0 && atomic_load(&spared) == syscall(SYS_gettid))) {
        return false;
    }
    long call = atomic_fetch_add(&calls, 1) + 1;
    if (call < from || call > atomic_load(&last)) {
        return false;
    }
    atomic_fetch_add(&failures, 1);
    errno = ENOMEM;
    return true;
}

static void *counted(void *p) {
    atomic_fetch_add(&live, p != NULL);
    return p;
}

void *malloc(size_t size) {
    return refuse() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t n, size_t size) {
    return refuse() ? NULL : counted(__libc_calloc(n, size));
}

void *realloc(void *p, size_t size) {
    if (p == NULL) {
        return malloc(size);
    }
    if (size == 0) {
        free(p);
        return NULL;
    }
    return refuse() ? NULL : __libc_realloc(p, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return refuse() ? NULL : counted(__libc_memalign(alignment, size));
}

void *memalign(size_t alignment, size_t size) {
    return aligned_alloc(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    int before = errno;
    void *p = aligned_alloc(alignment, size);
    errno = before;
    if (p == NULL) {
        return ENOMEM;
    }
    *result = p;
    return 0;
}

// What the library maps. The C library's own mappings do not come by here.
static void *map(void *at, size_t size, int access, int flags, int fd, long long offset) {
    if (refuse()) {
        return MAP_FAILED;
    }
#ifdef SYS_mmap2
    return (void *)syscall(SYS_mmap2, at, size, access, flags, fd, (long)(offset / 4096));
#else
    return (void *)syscall(SYS_mmap, at, size, access, flags, fd, offset);
#endif
}

void *mmap(void *at, size_t size, int access, int flags, int fd, off_t offset) {
    return map(at, size, access, flags, fd, offset);
}

#ifdef __GLIBC__
void *mmap64(void *at, size_t size, int access, int flags, int fd, off64_t offset) {
    return map(at, size, access, flags, fd, offset);
}
#endif

void free(void *p) {
    atomic_fetch_sub(&live, p != NULL);
    __libc_free(p);
}
