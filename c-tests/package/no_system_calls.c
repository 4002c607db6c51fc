// Where nothing stands in the way no system call is made: under a filter that ends the process at any.

#include <lowthread.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CALLS = 1000000 };

// From here on only the end of the process, and what it has to say, is let through.
static int forbid_system_calls(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

int main(int count, char **arguments) {
    lt_lock *lock = lt_allocate_lock();
    lt_rlock *rlock = lt_rlock_new();
    lt_semaphore *semaphore = lt_semaphore_new(1);
    lt_event *event = lt_event_new();
    lt_condition *condition = lt_condition_new();
    lt_rwlock *rwlock = lt_rwlock_new();
    lt_spinlock *spinlock = lt_spinlock_new();
    lt_queue *queue = lt_queue_new(64);
    lt_local *local = lt_local_new(NULL);
    void *item = NULL;
    // The first brings the memory.
    lt_status bad = lt_local_set(local, lock) | lt_queue_put(queue, item) | lt_queue_get(queue, &item);
    if (!forbid_system_calls()) {
        return 77;
    }
    if (count > 1 && strcmp(arguments[1], "sleep") == 0) {
        return lt_sleep(0.001); // To see that the filter works.
    }
    for (int i = 0; i < CALLS; i++) {
        bad |= lt_lock_acquire(lock) | lt_lock_release(lock);
        bad |= lt_lock_acquire_timeout(lock, 1.0) | lt_lock_release(lock);
        bad |= lt_lock_try_acquire(lock) | lt_lock_release(lock);
        bad |= lt_rlock_acquire(rlock) | lt_rlock_acquire(rlock) | lt_rlock_release(rlock) | lt_rlock_release(rlock);
        bad |= lt_semaphore_acquire(semaphore) | lt_semaphore_release(semaphore, 1);
        bad |= lt_event_set(event) | lt_event_wait(event) | lt_event_clear(event);
        bad |= lt_condition_notify(condition, 1);
        bad |= lt_rwlock_read_acquire(rwlock) | lt_rwlock_read_release(rwlock);
        bad |= lt_rwlock_write_acquire(rwlock) | lt_rwlock_write_release(rwlock);
        bad |= lt_spinlock_acquire(spinlock) | lt_spinlock_release(spinlock);
        bad |= lt_queue_put(queue, item) | lt_queue_get(queue, &item);
        bad |= lt_check_interrupt() | lt_local_set(local, lock);
        bad |= lt_local_get(local) != lock || lt_get_ident() == 0;
    }
    return bad;
}
