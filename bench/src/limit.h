/*
 * What a call into a shared library costs at the least: the work of a lock, a semaphore and so on,
 * with nothing around it, behind the same kind of call that lowthread's users make.
 */
#ifndef LIMIT_H
#define LIMIT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Held by a thread, so many times. */
typedef struct limit_rlock {
    uint64_t owner, count;
} limit_rlock;

/* 0: done. 1: it would have to wait. */
int limit_lock_acquire(uint64_t *word);
int limit_lock_try_acquire(uint64_t *word);
int limit_lock_release(uint64_t *word);
int limit_semaphore_acquire(uint64_t *word);
int limit_semaphore_release(uint64_t *word, uint32_t n);
int limit_event_is_set(const uint64_t *word);
int limit_rwlock_read_acquire(uint64_t *word);
int limit_rwlock_read_release(uint64_t *word);
int limit_once(const uint64_t *word);
int limit_condition_notify(const uint64_t *word);
int limit_rlock_acquire(limit_rlock *lock);
int limit_rlock_release(limit_rlock *lock);
int limit_spinlock_release(uint64_t *word);
int limit_nothing(void);

#ifdef __cplusplus
}
#endif

#endif
