// What the tests ask of POSIX, and Windows has not. A case that comes to it is skipped, and says why; so this is
// for the thread that runs the case.
#ifndef LT_WINDOWS_POSIX_H
#define LT_WINDOWS_POSIX_H

// The tests have functions of this name.
#define tell lt_windows_tell
#include <direct.h>
#include <fcntl.h>
#include <io.h>
#undef tell
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

// Leaves the case. Returns -1 where there is none.
int lt_windows_lacks(const char *what);

// The calling thread's own.
int64_t lt_get_native_id(void);

// As winpthreads should say it.
void pthread_exit(void *value) __attribute__((noreturn));

int dprintf(int file, const char *format, ...);

// The native id of the thread that runs main(): what getpid() is to the tests.
pid_t lt_windows_main_thread(void);

// Of the two below.
long sysconf(int name);

#ifdef __cplusplus
}
#endif

// ---- Numbers that can be simulated as any other.
#define SIGHUP 1
#define SIGQUIT 3
#define SIGTRAP 5
#define SIGBUS 7
#define SIGKILL 9
#define SIGUSR1 10
#define SIGUSR2 12
#define SIGPIPE 13
#define SIGALRM 14
#define SIGCHLD 17
#define SIGCONT 18
#define SIGSTOP 19
#define SIGURG 23
#define SIGVTALRM 26
#define SIGPROF 27
#define SIGWINCH 28
#define SIGSYS 31
#define SIGRTMIN 34
#define SIGRTMAX 64

// ---- Signals

typedef union sigval {
    int sival_int;
    void *sival_ptr;
} sigval;

typedef struct siginfo_t {
    int si_signo, si_code;
    union sigval si_value;
    pid_t si_pid;
    void *si_addr;
} siginfo_t;

typedef uint64_t lt_sigset;
#define sigset_t lt_sigset

struct sigaction {
    void (*sa_handler)(int);
    void (*sa_sigaction)(int, siginfo_t *, void *);
    sigset_t sa_mask;
    int sa_flags;
};

#define SA_SIGINFO 4
#define SA_RESTART 0x10000000
#define SA_NODEFER 0x40000000
#define SA_RESETHAND ((int)0x80000000)
#define SA_ONSTACK 0x08000000
#define SIG_BLOCK 0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2
#define SI_QUEUE (-1)
#define SI_TKILL (-6)
#define SI_USER 0

static inline int sigaction(int signum, const struct sigaction *new_one, struct sigaction *old_one) {
    (void)signum, (void)new_one, (void)old_one;
    return lt_windows_lacks("handlers of signals");
}
static inline int kill(pid_t process, int signum) {
    (void)process, (void)signum;
    return lt_windows_lacks("signals");
}
#define raise(signum) kill(0, signum)
static inline int sigqueue(pid_t process, int signum, const union sigval value) {
    (void)process, (void)signum, (void)value;
    return lt_windows_lacks("signals");
}
static inline int sigfillset(sigset_t *set) { return (*set = ~(sigset_t)0) == 0; }
static inline int sigemptyset(sigset_t *set) { return (*set = 0) != 0; }
static inline int sigaddset(sigset_t *set, int signum) {
    return (*set |= (sigset_t)1 << signum) == 0;
}
static inline int sigdelset(sigset_t *set, int signum) {
    *set &= ~((sigset_t)1 << signum);
    return 0;
}
static inline int sigismember(const sigset_t *set, int signum) { return (*set >> signum & 1) != 0; }
static inline int sigprocmask(int how, const sigset_t *set, sigset_t *before) {
    (void)how, (void)set, (void)before;
    return lt_windows_lacks("signal masks");
}
static inline int sigpending(sigset_t *set) { return sigprocmask(0, set, set); }
static inline int sigsuspend(const sigset_t *set) { return sigprocmask(0, set, NULL); }
static inline int sigwait(const sigset_t *set, int *signum) { return sigprocmask(*signum, set, NULL); }
static inline int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *wait) {
    (void)info, (void)wait;
    return sigprocmask(0, set, NULL);
}
#undef pthread_sigmask
#define pthread_sigmask sigprocmask
#undef pthread_kill
#define pthread_kill(thread, signum) ((void)(thread), kill(0, signum))
static inline int pause(void) { return lt_windows_lacks("signals"); }
#undef alarm
static inline unsigned lt_alarm(unsigned seconds) {
    (void)seconds;
    return 0;
}
#define alarm lt_alarm

// ---- Processes

static inline pid_t fork(void) { return lt_windows_lacks("fork"); }
static inline pid_t vfork(void) { return lt_windows_lacks("fork"); }
static inline pid_t waitpid(pid_t child, int *status, int options) {
    (void)child, (void)status, (void)options;
    return lt_windows_lacks("fork");
}
static inline int posix_spawnp(pid_t *child, const char *program, const void *actions, const void *attributes,
    char *const arguments[], char *const environment[]) {
    (void)child, (void)program, (void)actions, (void)attributes, (void)arguments, (void)environment;
    return lt_windows_lacks("posix_spawn");
}
static inline int readlink(const char *path, char *target, size_t size) {
    (void)path, (void)target, (void)size;
    return lt_windows_lacks("/proc");
}
static inline pid_t wait(int *status) { return waitpid(0, status, 0); }
#undef pthread_atfork
static inline int pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void)) {
    (void)before, (void)parent, (void)child;
    return lt_windows_lacks("fork");
}
#define WIFEXITED(status) ((void)(status), 0)
#define WEXITSTATUS(status) ((void)(status), 0)
#define WIFSIGNALED(status) ((void)(status), 0)
#define WTERMSIG(status) ((void)(status), 0)
#define WNOHANG 1
#undef getpid
#define getpid lt_windows_main_thread
enum { SYS_gettid, SYS_tgkill, SYS_futex };
#define syscall(call, ...) ((call) == SYS_gettid ? lt_get_native_id() : kill(0, 0))
static inline int pipe(int *ends) { return _pipe(ends, 65536, _O_BINARY); }

#define _SC_PAGESIZE 0
#define _SC_NPROCESSORS_ONLN 1

// ---- Handlers in a frame: winpthreads has a list that it alone knows; here as glibc has it.
typedef struct lt_cleanup {
    void (*function)(void *);
    void *argument;
    int call;
} lt_cleanup;
static inline void lt_cleanup_run(lt_cleanup *cleanup) {
    if (cleanup->call) {
        cleanup->function(cleanup->argument);
    }
}
#undef pthread_cleanup_push
#undef pthread_cleanup_pop
#define pthread_cleanup_push(function, argument)                                                   \
    do {                                                                                           \
        lt_cleanup lt_cleanup_ __attribute__((cleanup(lt_cleanup_run))) = {function, argument, 1};
#define pthread_cleanup_pop(run)                                                                   \
        lt_cleanup_.call = (run);                                                                  \
    } while (0)

// ---- Memory

// Memory of the allocator's is aligned to as much already.
#define aligned_alloc(alignment, size) ((void)(alignment), malloc(size))

#define PROT_NONE 0
#define PROT_READ 1
#define PROT_WRITE 2
#define MAP_PRIVATE 2
#define MAP_ANONYMOUS 0x20
#define MAP_NORESERVE 0x4000
#define MAP_FAILED ((void *)-1)
static inline void *mmap(void *address, size_t size, int access, int kind, int file, int64_t offset) {
    (void)address, (void)size, (void)access, (void)kind, (void)file, (void)offset;
    lt_windows_lacks("mmap");
    return MAP_FAILED;
}
static inline int munmap(void *address, size_t size) {
    (void)address, (void)size;
    return lt_windows_lacks("mmap");
}
static inline int mprotect(void *address, size_t size, int access) {
    (void)access;
    return munmap(address, size);
}

struct rlimit {
    uint64_t rlim_cur, rlim_max;
};
#define RLIMIT_AS 9
#define RLIMIT_NPROC 6
static inline int setrlimit(int what, const struct rlimit *limit) {
    (void)what, (void)limit;
    return lt_windows_lacks("setrlimit");
}
static inline int getrlimit(int what, struct rlimit *limit) { return setrlimit(what, limit); }

static inline int setenv(const char *name, const char *value, int overwrite) {
    (void)overwrite;
    return _putenv_s(name, value);
}
static inline int unsetenv(const char *name) { return _putenv_s(name, ""); }

// ---- Modules

#define RTLD_DEFAULT NULL
#define RTLD_NEXT NULL
#define RTLD_NOW 2
#define RTLD_LAZY 1
#define RTLD_LOCAL 0
#define RTLD_GLOBAL 0x100
static inline void *dlsym(void *module, const char *name) {
    (void)module, (void)name;
    lt_windows_lacks("dlsym");
    return NULL;
}
static inline void *dlopen(const char *name, int flags) {
    (void)flags;
    return dlsym(NULL, name);
}
static inline int dlclose(void *module) { return dlsym(module, "") == NULL; }
static inline char *dlerror(void) { return NULL; }

typedef struct Dl_info {
    const char *dli_fname, *dli_sname;
    void *dli_fbase;
} Dl_info;
static inline int dladdr(const void *address, Dl_info *info) {
    (void)address, (void)info;
    return dlsym(NULL, "") != NULL;
}
#define mkdir(path, mode) _mkdir(path)

// ---- Processors and stacks

typedef struct cpu_set_t {
    uint64_t bits;
} cpu_set_t;
#define CPU_SETSIZE 64
#define CPU_ZERO(set) ((set)->bits = 0)
#define CPU_SET(cpu, set) ((set)->bits |= (uint64_t)1 << (cpu))
#define CPU_ISSET(cpu, set) (((set)->bits >> (cpu) & 1) != 0)
#define CPU_COUNT(set) __builtin_popcountll((set)->bits)
static inline int sched_getaffinity(pid_t thread, size_t size, cpu_set_t *set) {
    (void)thread, (void)size, (void)set;
    return lt_windows_lacks("sched_getaffinity");
}
static inline int sched_setaffinity(pid_t thread, size_t size, const cpu_set_t *set) {
    (void)thread, (void)size, (void)set;
    return lt_windows_lacks("sched_setaffinity");
}
static inline int sched_getcpu(void) { return 0; }

typedef struct stack_t {
    void *ss_sp;
    int ss_flags;
    size_t ss_size;
} stack_t;
#define SS_DISABLE 2
static inline int sigaltstack(const stack_t *stack, stack_t *before) {
    (void)stack, (void)before;
    return lt_windows_lacks("stacks of signals");
}
static inline int pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes) {
    (void)thread, (void)attributes;
    return lt_windows_lacks("pthread_getattr_np");
}

#endif
