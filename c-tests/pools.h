// Pools, and tasks for them.
#ifndef LT_POOLS_H
#define LT_POOLS_H

#include "waits.h"

static inline void *any_value(uintptr_t n) {
    return (void *)n; // Never looked behind.
}

static inline lt_pool *pool_of(uint32_t workers) {
    lt_pool *pool = lt_pool_new(workers, NULL);
    must(pool != NULL);
    return pool;
}

static inline lt_future *submit(lt_pool *pool, lt_task_fn task, void *arg) {
    lt_future *future = NULL;
    must(lt_pool_submit(pool, task, arg, &future) == LT_OK);
    must(future != NULL);
    return future;
}

static inline void submit_forgotten(lt_pool *pool, lt_task_fn task, void *arg) {
    must(lt_pool_submit(pool, task, arg, NULL) == LT_OK);
}

static inline lt_pool_info stats_of(lt_pool *pool) {
    lt_pool_info info = {.size = sizeof info};
    must(lt_pool_stats(pool, &info) == LT_OK);
    return info;
}

// Waits for the result, which there must be, and frees the future.
static inline void *take_result(lt_future *future) {
    void *result = NULL;
    must(lt_future_result(future, &result) == LT_OK);
    must(lt_future_free(future) == LT_OK);
    return result;
}

// ---- Tasks

static inline void *give_back(void *arg) {
    return arg;
}

static inline void *count_call(void *counter) {
    atomic_fetch_add((_Atomic int *)counter, 1);
    return counter;
}

static inline void *raise_seven(void *message) {
    lt_raise(7, message);
}

static inline void *leave(void *unused) {
    (void)unused;
    lt_exit();
}

// Tasks stand at a gate until it is opened.
typedef struct gate {
    lt_semaphore *arrived;
    lt_event *open;
} gate;

static inline gate new_gate(void) {
    gate g = {lt_semaphore_new(0), lt_event_new()};
    must(g.arrived != NULL && g.open != NULL);
    return g;
}

static inline void *stand_at(void *arg) {
    const gate *g = arg;
    must(lt_semaphore_release(g->arrived, 1) == LT_OK);
    must(lt_event_wait(g->open) == LT_OK);
    return arg;
}

// Submits a task that stands at the gate, and returns when it does.
static inline lt_future *submit_standing(lt_pool *pool, gate *g) {
    lt_future *future = submit(pool, stand_at, g);
    must(lt_semaphore_acquire(g->arrived) == LT_OK);
    return future;
}

static inline void open_gate(gate *g) {
    must(lt_event_set(g->open) == LT_OK);
}

static inline void free_gate(gate *g) {
    must(lt_semaphore_free(g->arrived) == LT_OK && lt_event_free(g->open) == LT_OK);
}

// ---- What the hook is told

static _Atomic int hook_calls;
static char hook_message[256];

static inline void listening_hook(const lt_error_info *info, void *unused) {
    (void)unused;
    snprintf(hook_message, sizeof hook_message, "%s", info->message);
    atomic_fetch_add(&hook_calls, 1);
}

static inline void listen_to_hook(void) {
    atomic_store(&hook_calls, 0);
    must(lt_set_excepthook(listening_hook, NULL) == LT_OK);
}

#endif
