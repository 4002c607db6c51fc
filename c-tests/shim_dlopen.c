// Preloaded by test_dlopen.c into a program that is not linked with lowthread: loads $LT_LIBRARY,
// closes it under threads that run, and ends the program with exit code 0 if they did not mind.
#include <lowthread.h>

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4 };

#define check(condition)                                                                           \
    ((condition) ? (void)0                                                                         \
                 : (fprintf(stderr, "%s:%d: check(%s) failed\n", __FILE__, __LINE__, #condition),  \
                       _exit(1)))

static struct {
    __typeof__(lt_start_new_thread) *start_new_thread;
    __typeof__(lt_thread_count) *thread_count;
    __typeof__(lt_get_ident) *get_ident;
    __typeof__(lt_exit) *exit;
    __typeof__(lt_sleep) *sleep;
    __typeof__(lt_allocate_lock) *allocate_lock;
    __typeof__(lt_lock_acquire_timeout) *lock_acquire_timeout;
    __typeof__(lt_lock_release) *lock_release;
    __typeof__(lt_lock_locked) *lock_locked;
} lt;

static lt_lock *lock;
static _Atomic long turns[THREADS];
static _Atomic bool stop;

static void find(void *library, const char *name, void *function) {
    void *found = dlsym(library, name);
    check(found != NULL);
    memcpy(function, &found, sizeof found);
}

static void *open_library(int flags) {
    void *library = dlopen(getenv("LT_LIBRARY"), RTLD_NOW | flags);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        _exit(1);
    }
    find(library, "lt_start_new_thread", &lt.start_new_thread);
    find(library, "lt_thread_count", &lt.thread_count);
    find(library, "lt_get_ident", &lt.get_ident);
    find(library, "lt_exit", &lt.exit);
    find(library, "lt_sleep", &lt.sleep);
    find(library, "lt_allocate_lock", &lt.allocate_lock);
    find(library, "lt_lock_acquire_timeout", &lt.lock_acquire_timeout);
    find(library, "lt_lock_release", &lt.lock_release);
    find(library, "lt_lock_locked", &lt.lock_locked);
    return library;
}

static void run(void *arg) {
    _Atomic long *turn = arg;
    lt_ident ident = lt.get_ident();
    while (!atomic_load(&stop)) {
        lt_status status = lt.lock_acquire_timeout(lock, 0.01);
        check(status == LT_OK || status == LT_TIMED_OUT);
        check(status != LT_OK || lt.lock_release(lock) == LT_OK);
        check(lt.sleep(0.0002) == LT_OK);
        check(lt.get_ident() == ident);
        atomic_fetch_add(turn, 1);
    }
    if ((turn - turns) % 2 == 0) {
        lt.exit();
    }
}

static void pause_briefly(void) {
    nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

static void check_all_go_on(void) {
    for (int i = 0; i < THREADS; i++) {
        for (long before = atomic_load(&turns[i]); atomic_load(&turns[i]) < before + 20;) {
            pause_briefly();
        }
    }
}

static void check_fork(void) {
    pid_t child = fork();
    if (child == 0) {
        check(lt.thread_count() == 0); // The library's fork handlers are still there.
        _exit(0);
    }
    int status;
    check(waitpid(child, &status, 0) == child && status == 0);
}

__attribute__((constructor)) static void load_and_close(void) {
    if (getenv("LT_LIBRARY") == NULL) {
        return;
    }
    check(dlsym(RTLD_DEFAULT, "lt_version") == NULL); // Or nothing below would mean anything.
    alarm(20);
    int flags = strcmp(getenv("LT_DLOPEN"), "global") == 0 ? RTLD_GLOBAL : RTLD_LOCAL;
    void *library = open_library(flags);
    check((lock = lt.allocate_lock()) != NULL);
    for (int i = 0; i < THREADS; i++) {
        check(lt.start_new_thread(run, &turns[i], NULL) == LT_OK);
    }
    check_all_go_on();
    check(dlclose(library) == 0);
    check_all_go_on();
    check_fork();

    library = open_library(flags);
    check(lt.thread_count() == THREADS); // It is the same library, which knows its threads.
    check(!lt.lock_locked(NULL));
    check_all_go_on();
    check(dlclose(library) == 0);
    atomic_store(&stop, true);
    while (lt.thread_count() > 0) { // They end, by return and by lt_exit(), after the close.
        pause_briefly();
    }
    exit(0);
}
