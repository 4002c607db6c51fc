// How objects are made and freed: a function for each kind, in the file that knows it.
#ifndef LT_FUZZ_MAKERS_H
#define LT_FUZZ_MAKERS_H

#include "world.h"

object *make_lock(void);
object *make_rlock(void);
object *make_rwlock(void);
object *make_spinlock(void);
object *make_semaphore(void);
object *make_event(void);
object *make_condition(void);
object *make_barrier(void);
object *make_queue(void);
object *make_local(void);
object *make_timer(void);
object *make_watchdog(void);
object *make_errors(void);
object *make_thread(void);
object *make_pool(void);
object *make_future(void);
object *make_watcher(void);

// A constructor's return: NULL with an error of these, or, if LT_OK is among them, a handle.
void *end_new(const char *function, void *handle, statuses expected);
#define NEW(expected, function, ...) (begin_call(), end_new(#function, function(__VA_ARGS__), (expected)))

// Frees an object with the function of its kind, which must be possible.
void free_object(object *o);
// A handle that was freed must be refused by that.
void check_stale(kind kind, void *handle);
// What of a queue that is freed is discarded.
void discard_queue(object *o);
void end_pools(void);
void end_threads(void);
void end_insight(void);
void watch_freed(const object *o);
// After the end of a program: no watch that was freed has called since.
void check_watches(void);

// Told of every input that has shown something, before the process aborts.
extern void (*on_finding)(const uint8_t *program, size_t size);

#endif
