// A system that refuses system calls: which, and with which errors; for good, or one of them.
#ifndef LT_REFUSAL_H
#define LT_REFUSAL_H

#include "tour.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

// ---- What may be refused, and what may fail for it

// The names of other processors.
#ifdef SYS_mmap2
#define MAP SYS_mmap2
#else
#define MAP SYS_mmap
#endif
#ifndef SYS_newfstatat
#define SYS_newfstatat SYS_fstatat64
#endif
#ifndef SYS_readlink
#define SYS_readlink SYS_readlinkat
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

typedef struct row {
    const char *name;
    long numbers[4];
    int errors[8];
    int fails;
} row;

#define END (-1)

static const row ROWS[] = {
    // The C library falls back from clone3 to clone where there is none.
    {"no thread", {SYS_clone, SYS_clone3, END}, {EAGAIN, EPERM, ENOMEM, END}, THREADS},
    {"no clone3", {SYS_clone3, END}, {ENOSYS, END}, NOTHING},
    {"no mapping", {MAP, END}, {ENOMEM, EPERM, EAGAIN, END}, OBJECTS | THREADS},
    // The guard of a stack.
    {"no protection", {SYS_mprotect, END}, {ENOMEM, EACCES, END}, OBJECTS | THREADS},
    {"no advice", {SYS_madvise, END}, {EINVAL, EAGAIN, END}, NOTHING},
    {"no futex_waitv", {SYS_futex_waitv, END}, {ENOSYS, EPERM, EINVAL, ENOMEM, END}, NOTHING},
    {"no membarrier", {SYS_membarrier, END}, {ENOSYS, EPERM, EINVAL, END}, NOTHING},
    {"no affinity", {SYS_sched_getaffinity, SYS_sched_setaffinity, END}, {ENOSYS, EPERM, EINVAL, END}, NOTHING},
    {"no actions", {SYS_rt_sigaction, END}, {EINVAL, EPERM, END}, ROUTES | THREADS},
    {"no signals to threads", {SYS_rt_tgsigqueueinfo, END}, {EPERM, EAGAIN, ENOSYS, END}, NOTHING},
    {"no descriptor", {SYS_eventfd2, END}, {EMFILE, ENFILE, ENOMEM, ENOSYS, ENODEV, END}, DESCRIPTORS},
    {"no files", {SYS_openat, END}, {EACCES, ENOENT, EMFILE, ENFILE, ENOSYS, END}, FILES},
    {"no reading", {SYS_read, SYS_pread64, SYS_readlink, END}, {EIO, EACCES, EBADF, END}, NOTHING},
    {"no looking at files", {SYS_newfstatat, SYS_fstat, SYS_statx, END}, {EACCES, ENOMEM, END}, FILES},
    {"full disk", {SYS_write, SYS_writev, END}, {ENOSPC, EIO, EPIPE, EAGAIN, END}, WRITES | DESCRIPTORS},
    {"no names", {SYS_prctl, END}, {EPERM, EINVAL, END}, NOTHING},
    {"no yielding", {SYS_sched_yield, END}, {ENOSYS, END}, NOTHING},
    {"no chance", {SYS_getrandom, END}, {ENOSYS, EAGAIN, END}, NOTHING},
    {"no limits", {SYS_prlimit64, END}, {EPERM, ENOSYS, END}, NOTHING},
    {"no robust lists", {SYS_set_robust_list, END}, {ENOSYS, END}, NOTHING},
};

static inline size_t count_calls(const row *r) {
    size_t n = 0;
    while (n < LENGTH(r->numbers) && r->numbers[n] != END) {
        n++;
    }
    return n;
}

// The portable wait engine ends the process where it gets no memory.
static inline bool is_survived(const row *r) {
    return (lt_features() & LT_FEATURE_NO_MEMORY) != 0 || (r->fails & OBJECTS) == 0;
}

// ---- Filters

// What the system says of a filter that does this to such calls.
static inline long filter_calls(const long *numbers, size_t n, uint32_t action, unsigned flags) {
    struct sock_filter rules[2 * 8 + 2] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    size_t length = 1;
    must(n <= 8);
    for (size_t i = 0; i < n; i++) {
        rules[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)numbers[i], 0, 1);
        rules[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
    }
    rules[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = (unsigned short)length, .filter = rules};
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

// Of all threads of the process, for good. False where there are no filters.
static inline bool refuse_calls(const long *numbers, size_t n, int error) {
    return filter_calls(numbers, n, SECCOMP_RET_ERRNO | (uint32_t)error, SECCOMP_FILTER_FLAG_TSYNC) == 0;
}

static inline bool can_filter(uint32_t action) {
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0 &&
        syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static inline void skip_where_nothing_is_refused(void) {
    if (!can_filter(SECCOMP_RET_ERRNO)) {
        skip_because("there are no filters here");
    }
    if (under_sanitizer() || under_emulator()) {
        skip_because("the calls of what runs the program would be refused, too");
    }
}

// ---- One of them: a process asks its parent before each such call

#ifndef SECCOMP_USER_NOTIF_FLAG_CONTINUE
#define SECCOMP_USER_NOTIF_FLAG_CONTINUE 1
#endif

typedef struct nth_call {
    const row *row;
    int error;
    int futex; // What a futex is called for, where others than the library's waits are let through.
    long n;
    _Atomic bool on; // While calls count.
    _Atomic long seen;
    int ends[2]; // The parent's, and the child's.
} nth_call;

// A message of one byte, and room for a descriptor beside it.
typedef struct parcel {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    char byte;
    struct iovec bytes;
    struct msghdr message;
} parcel;

static inline struct msghdr *empty_parcel(parcel *p) {
    *p = (parcel){.bytes = {&p->byte, 1}};
    p->message = (struct msghdr){.msg_iov = &p->bytes, .msg_iovlen = 1, .msg_control = p->control,
        .msg_controllen = sizeof p->control};
    return &p->message;
}

static inline void send_descriptor(int through, int fd) {
    parcel p;
    struct msghdr *message = empty_parcel(&p);
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    header->cmsg_len = CMSG_LEN(sizeof fd);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    must(sendmsg(through, message, 0) == 1);
}

// -1 if nobody sent one.
static inline int receive_descriptor(int through) {
    parcel p;
    struct msghdr *message = empty_parcel(&p);
    int fd = -1;
    if (recvmsg(through, message, MSG_CMSG_CLOEXEC) == 1 && message->msg_controllen >= CMSG_LEN(sizeof fd)) {
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(message)), sizeof fd);
    }
    return fd;
}

// In the child, which has one thread.
static inline void ask_before_calls(nth_call *c) {
    long fd = filter_calls(
        c->row->numbers, count_calls(c->row), SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
    must_for(c->row->name, fd >= 0);
    send_descriptor(c->ends[1], (int)fd);
    must(close((int)fd) == 0);
}

static inline bool is_refused(nth_call *c, const struct seccomp_data *call) {
    bool counts = atomic_load(&c->on) && (call->nr != SYS_futex || (int)call->args[1] == c->futex);
    return counts && atomic_fetch_add(&c->seen, 1) + 1 == c->n;
}

// As ioctl(), whose second argument is of another type in each C library.
static inline long notification(int fd, unsigned long request, void *argument) {
    return syscall(SYS_ioctl, fd, request, argument);
}

// In the parent, until the child has ended.
static inline void answer_calls(nth_call *c, int fd) {
    for (;;) {
        struct pollfd asked = {.fd = fd, .events = POLLIN};
        if (poll(&asked, 1, -1) < 0) {
            continue;
        }
        if ((asked.revents & POLLIN) == 0) {
            return;
        }
        struct seccomp_notif call = {0};
        if (notification(fd, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) {
            continue; // A signal has taken it back.
        }
        struct seccomp_notif_resp answer = {.id = call.id};
        if (is_refused(c, &call.data)) {
            answer.error = -c->error;
        } else {
            answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        }
        notification(fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
}

// Runs this in a child that is refused one call, the nth of those while `on` is set; what waitpid() says.
static inline int run_with_nth_refused(nth_call *c, void (*body)(nth_call *)) {
    fflush(NULL);
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, c->ends) == 0);
    pid_t child = fork();
    must(child >= 0);
    if (child == 0) {
        ask_before_calls(c);
        body(c);
        _exit(0);
    }
    must(close(c->ends[1]) == 0);
    int fd = receive_descriptor(c->ends[0]);
    if (fd >= 0) {
        answer_calls(c, fd);
        must(close(fd) == 0);
    }
    must(close(c->ends[0]) == 0);
    return wait_for_child(child);
}

#endif
