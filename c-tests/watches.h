// What can be watched, beside the table of waits.
#ifndef LT_WATCHES_H
#define LT_WATCHES_H

#include "pools.h"

typedef struct watched_kind {
    int32_t op;
    const wait_kind *wait;
} watched_kind;

static const watched_kind WATCHED[] = {{LT_CASE_LOCK, &LOCK_WAIT}, {LT_CASE_RLOCK, &RLOCK_WAIT},
    {LT_CASE_SEMAPHORE, &SEMAPHORE_WAIT}, {LT_CASE_EVENT, &EVENT_WAIT}, {LT_CASE_READ, &READ_WAIT},
    {LT_CASE_WRITE, &WRITE_WAIT}, {LT_CASE_GET, &QUEUE_GET_WAIT}, {LT_CASE_PUT, &QUEUE_PUT_WAIT}};

#define for_each_watched(kind)                                                                     \
    for (const watched_kind *kind = WATCHED; kind < WATCHED + LENGTH(WATCHED); kind++)

// Does it once, and leaves the object not possible again.
static inline void take_watched(const watched_kind *kind, void *object) {
    must_for(kind->wait->name, kind->wait->try_wait(object) == LT_OK);
    if (kind->wait->undo != NULL) {
        must_for(kind->wait->name, kind->wait->undo(object) == LT_OK);
    }
}

// As destroy, for a lock that is held too.
static inline void destroy_watched(const watched_kind *kind, void *object) {
    must_for(kind->wait->name, kind->wait->destroy(object) == LT_OK);
}

static inline void wait_for_event(void *event) {
    must(lt_event_wait(event) == LT_OK);
}

static inline void *wait_in_task(void *event) {
    must(lt_event_wait(event) == LT_OK);
    return event;
}

#endif
