#include "harness.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

static lt_test_case *first_case;
static lt_test_case **last_case = &first_case;

void lt_harness_add(lt_test_case *added) {
    *last_case = added;
    last_case = &added->next;
}

void lt_harness_must(const char *file, int line, const char *expression) {
    fprintf(stderr, "%s:%d: error: must(%s) failed; last error: %s\n", file, line, expression,
        lt_last_error());
    abort();
}

void lt_harness_status(const char *file, int line, const char *call, lt_status is,
    lt_status expected) {
    if (is != expected) {
        print_error("%s is %s, not %s; last error: %s\n", call, lt_status_name(is),
            lt_status_name(expected), lt_last_error());
        _fail(file, line);
    }
}

bool under_emulator(void) {
#ifdef LT_EMULATOR
    return true;
#else
    return false;
#endif
}

static void end_as_skipped(const char *reason) {
    printf("skipped: %s\n[  SKIPPED ]\n", reason);
    fflush(NULL);
    _exit(0);
}

int fork_to_go_on(void) {
    const int emulators = under_emulator() ? 1 : 0; // QEMU has one of its own.
    if ((lt_features() & LT_FEATURE_FORK) == 0 && count_threads() - emulators > 1) {
        end_as_skipped("on the portable wait engine a child of a process with threads may only exec");
    }
    return fork();
}

int wait_for_child(int child) {
    enum { ENDED_BY_ITSELF = 127 }; // An assertion of QEMU's fails, and then abort() does.
    int status;
    if (waitpid(child, &status, 0) != child) {
        return -1;
    }
    if (under_emulator() && WIFEXITED(status) && WEXITSTATUS(status) == ENDED_BY_ITSELF) {
        end_as_skipped("where another thread than the newest forks, QEMU 7 can start no thread in the child");
    }
    return status;
}

int run_in_child(void (*body)(void *arg), void *arg) {
    fflush(NULL);
    pid_t child = fork_to_go_on();
    if (child == 0) {
        body(arg);
        _exit(0);
    }
    return child > 0 ? wait_for_child(child) : -1;
}

int run_program(const char *program, const char *argument, const char *const settings[]) {
    enum { MANY = 1024 };
    extern char **environ;
    char self[4096] = "", *arguments[MANY], *environment[MANY];
    size_t argc = 0, envc = 0;
    if (program == NULL) {
        must(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
        program = self;
    }
#ifdef LT_EMULATOR
    char words[] = LT_EMULATOR;
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
        must(argc < MANY - 4);
        arguments[argc++] = word;
    }
#endif
    for (; *settings != NULL; settings++) {
        must(argc < MANY - 4 && envc < MANY - 1);
#ifdef LT_EMULATOR
        // Not the emulator's own: what is to be preloaded is of another processor. (Other values may have commas, at which
        // it would part them.)
        if (strncmp(*settings, "LD_PRELOAD=", strlen("LD_PRELOAD=")) == 0) {
            arguments[argc++] = (char *)"-E";
            arguments[argc++] = (char *)*settings;
            continue;
        }
#endif
        environment[envc++] = (char *)*settings;
    }
    arguments[argc++] = (char *)program;
    arguments[argc++] = (char *)argument;
    arguments[argc] = NULL;
    for (char **variable = environ; *variable != NULL; variable++) {
        must(envc < MANY - 1);
        environment[envc++] = *variable;
    }
    environment[envc] = NULL;

    pid_t child;
    int status;
    fflush(NULL);
    must(posix_spawnp(&child, arguments[0], NULL, NULL, arguments, environment) == 0);
    must(waitpid(child, &status, 0) == child);
    return status;
}

double seconds_since(double start) {
    return lt_monotonic() - start;
}

// What cmocka calls. It catches signals such as SIGSEGV, but a case starts with the signals as every
// program finds them; ctest reports a crash as well.
static void run_case(void **state) {
    const lt_test_case *c = *state;
    const int caught[] = {SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS};
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++) {
        signal(caught[i], SIG_DFL);
    }
    c->run();
}

#if defined __SANITIZE_ADDRESS__ && __GNUC__ < 14
// This allocator's locks are not taken around a fork, as those of the C library's are: the child of a fork in whose
// middle another thread allocates, starts or ends would wait for them for ever. (GCC 14 does it.) The functions are those by which
// the leak checker takes them, in its order. They are in the static library alone, which the preset asks for.
void lt_lock_threads(void) __asm__("_ZN6__lsan18LockThreadRegistryEv");
void lt_lock_allocator(void) __asm__("_ZN6__lsan13LockAllocatorEv");
void lt_lock_stacks(void) __asm__("_ZN11__sanitizer17StackDepotLockAllEv");
void lt_unlock_stacks(void) __asm__("_ZN11__sanitizer19StackDepotUnlockAllEv");
void lt_unlock_allocator(void) __asm__("_ZN6__lsan15UnlockAllocatorEv");
void lt_unlock_threads(void) __asm__("_ZN6__lsan20UnlockThreadRegistryEv");

static void lock_sanitizer(void) {
    lt_lock_threads();
    lt_lock_allocator();
    lt_lock_stacks();
}

static void unlock_sanitizer(void) {
    lt_unlock_stacks();
    lt_unlock_allocator();
    lt_unlock_threads();
}

__attribute__((constructor)) static void lock_sanitizer_around_forks(void) {
    must(pthread_atfork(lock_sanitizer, unlock_sanitizer, unlock_sanitizer) == 0);
}
#endif

static bool wanted(const lt_test_case *candidate, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], candidate->name) == 0) {
            return true;
        }
    }
    return argc == 1;
}

int main(int argc, char **argv) {
#ifdef __SANITIZE_ADDRESS__
    // In the child of another thread's fork this stack has no thread, but what it points at is no leak:
    // here, in cmocka, and in the call of the library that this thread was in the middle of.
    enum { DEEP = 64 << 10 };
    char *here = __builtin_frame_address(0);
    __lsan_register_root_region(here - DEEP, DEEP);
#endif
    // Line by line, so that a forked child has nothing of its parent's to print again.
    setvbuf(stdout, NULL, _IOLBF, 0);

    size_t cases = 0;
    for (const lt_test_case *c = first_case; c != NULL; c = c->next) {
        cases++;
    }
    struct CMUnitTest *tests = calloc(cases + 1, sizeof *tests);
    if (tests == NULL) {
        return EXIT_FAILURE;
    }
    size_t count = 0;
    for (lt_test_case *c = first_case; c != NULL; c = c->next) {
        if (wanted(c, argc, argv)) {
            tests[count++] =
                (struct CMUnitTest){.name = c->name, .test_func = run_case, .initial_state = c};
        }
    }
    if (argc > 1 && count != (size_t)(argc - 1)) {
        fprintf(stderr, "%s: no such case among the arguments\n", argv[0]);
        return EXIT_FAILURE;
    }
    const char *slash = strrchr(argv[0], '/');
    int failed = _cmocka_run_group_tests(slash ? slash + 1 : argv[0], tests, count, NULL, NULL);
    free(tests);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
