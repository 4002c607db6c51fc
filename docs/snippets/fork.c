// needs: fork
// In a forked child nobody is left who could release what another thread held.
#include <lowthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    lt_lock *lock = lt_allocate_lock();
    lt_rlock *rlock = lt_rlock_new();
    lt_rwlock *rwlock = lt_rwlock_new();
    if (lt_lock_acquire(lock) != LT_OK || lt_rwlock_write_acquire(rwlock) != LT_OK) return 1;
    pid_t child = fork();
    if (child == 0) {
        bool mended = lt_lock_at_fork_reinit(lock) == LT_OK && lt_rlock_at_fork_reinit(rlock) == LT_OK &&
            lt_rwlock_at_fork_reinit(rwlock) == LT_OK;
        _exit(mended && lt_lock_try_acquire(lock) == LT_OK ? 0 : 1);
    }
    int how;
    waitpid(child, &how, 0);
    puts(how == 0 ? "free in the child" : "no"); // -> free in the child
    return 0;
}
