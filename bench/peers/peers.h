/*
 * Rust's queues, locks and pools, as C calls them: what a `new` returns goes to the others of its name.
 */
#ifndef PEERS_H
#define PEERS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Queues; capacity 0 is no bound. array_queue has one, and never sleeps: it spins and yields. ---- */

#define PEER_QUEUE(name)                                                                           \
    void *peer_##name##_new(size_t capacity);                                                      \
    void peer_##name##_free(void *queue);                                                          \
    void peer_##name##_put(void *queue, void *item);                                               \
    void *peer_##name##_get(void *queue);
PEER_QUEUE(kanal)
PEER_QUEUE(crossbeam)
PEER_QUEUE(array_queue)

/* Takes an item out of one of these, by crossbeam's Select. */
void *peer_crossbeam_select(void *const *queues, size_t n);

/* ---- Pools ---- */

typedef void *(*peer_function)(void *argument);

#define PEER_POOL(name)                                                                            \
    void *peer_##name##_new(size_t workers);                                                       \
    void peer_##name##_free(void *pool);                                                           \
    void peer_##name##_execute(void *pool, peer_function function, void *argument);                \
    void *peer_##name##_submit(void *pool, peer_function function, void *argument);
PEER_POOL(crossbeam_pool)
PEER_POOL(rayon)
PEER_POOL(threadpool)

/* Runs the function for each of the arguments, by rayon's par_iter; `results` has room for as many. */
void peer_rayon_map(void *pool, peer_function function, void *const *arguments, size_t n, void **results);

/* What a `submit` returned. One thread may wait. */
void *peer_future_result(void *future);
void peer_future_free(void *future);

/* ---- Locks ---- */

/* What Rust's standard library wants back for a release. */
typedef struct peer_guard {
    uintptr_t words[2];
} peer_guard;

void *peer_parking_lot_mutex_new(void);
void peer_parking_lot_mutex_free(void *mutex);
void peer_parking_lot_mutex_acquire(void *mutex);
/* 1: acquired. 0: not within the time. */
int peer_parking_lot_mutex_acquire_for(void *mutex, uint64_t nanoseconds);
void peer_parking_lot_mutex_release(void *mutex);
void *peer_parking_lot_condition_new(void);
void peer_parking_lot_condition_free(void *condition);
void peer_parking_lot_condition_wait(void *condition, void *mutex);
void peer_parking_lot_condition_notify(void *condition);
void peer_parking_lot_condition_notify_all(void *condition);

void *peer_std_mutex_new(void);
void peer_std_mutex_free(void *mutex);
peer_guard peer_std_mutex_acquire(void *mutex);
void peer_std_mutex_release(peer_guard guard);
void *peer_std_condition_new(void);
void peer_std_condition_free(void *condition);
peer_guard peer_std_condition_wait(void *condition, peer_guard guard);
void peer_std_condition_notify(void *condition);
void peer_std_condition_notify_all(void *condition);

void *peer_parking_lot_rwlock_new(void);
void peer_parking_lot_rwlock_free(void *lock);
void peer_parking_lot_rwlock_read_acquire(void *lock);
void peer_parking_lot_rwlock_read_release(void *lock);
void peer_parking_lot_rwlock_write_acquire(void *lock);
void peer_parking_lot_rwlock_write_release(void *lock);

void *peer_std_rwlock_new(void);
void peer_std_rwlock_free(void *lock);
peer_guard peer_std_rwlock_read_acquire(void *lock);
void peer_std_rwlock_read_release(peer_guard guard);
peer_guard peer_std_rwlock_write_acquire(void *lock);
void peer_std_rwlock_write_release(peer_guard guard);

void *peer_parking_lot_reentrant_new(void);
void peer_parking_lot_reentrant_free(void *lock);
void peer_parking_lot_reentrant_acquire(void *lock);
void peer_parking_lot_reentrant_release(void *lock);

#ifdef __cplusplus
}
#endif

#endif
