// Histories: what threads called at the same time, and whether there is an order of those calls, one after the other,
// in which each returns what it did. Each call takes effect at one moment between its invocation and its return.
//
// The search is that of Wing and Gong with Lowe's memory: of the calls that may come next (no other one has returned
// before they began), each is tried on the model, and a set of calls with a state that has led nowhere is not tried
// again.
#ifndef LT_HISTORY_H
#define LT_HISTORY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HISTORY_MOST = 48, HISTORY_STATE = 40 };

// For a call that may have happened or not: it has not returned.
#define HISTORY_NEVER UINT64_MAX

typedef struct history_call {
    uint8_t thread, verb;
    int32_t status;
    uint64_t given, got;
    uint64_t began, ended; // On one clock of all threads.
    // Of the calls that were under way meanwhile: whether one adds, or takes; how many may have waited.
    bool beside_put, beside_get;
    uint8_t waiting;
} history_call;

typedef struct history_state {
    uint8_t bytes[HISTORY_STATE];
} history_state;

// Does a call to a state; false if it could not have returned that there.
typedef bool (*history_step)(history_state *state, const history_call *call);

typedef struct history {
    size_t count;
    history_call calls[HISTORY_MOST];
} history;

typedef struct history_seen {
    uint64_t search; // Of which search it is: of an older one, it is free.
    uint64_t done;
    history_state state;
} history_seen;

enum { HISTORY_TABLE = 1 << 16 };

typedef struct history_search {
    const history *history;
    history_step step;
    uint64_t wanted; // The calls that have returned.
    uint64_t number;
    size_t seen_count;
    history_seen *seen; // A hash table.
} history_search;

// Notes a set of calls with a state; false if it was noted before.
static inline bool history_note(history_search *s, uint64_t done, const history_state *state) {
    uint64_t hash = done * 0x9e3779b97f4a7c15;
    for (size_t i = 0; i < HISTORY_STATE; i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, state->bytes + i, sizeof word);
        hash = (hash ^ word) * 0xbf58476d1ce4e5b9;
        hash ^= hash >> 29;
    }
    if (s->seen_count >= HISTORY_TABLE / 2) {
        fprintf(stderr, "a history is too large to be checked\n");
        abort();
    }
    for (size_t at = hash % HISTORY_TABLE;; at = (at + 1) % HISTORY_TABLE) {
        history_seen *seen = &s->seen[at];
        if (seen->search != s->number) {
            *seen = (history_seen){s->number, done, *state};
            s->seen_count++;
            return true;
        }
        if (seen->done == done && memcmp(&seen->state, state, sizeof *state) == 0) {
            return false;
        }
    }
}

static inline bool history_from(history_search *s, uint64_t done, const history_state *state) {
    if ((done & s->wanted) == s->wanted) {
        return true;
    }
    const history *h = s->history;
    uint64_t first_return = HISTORY_NEVER;
    for (size_t i = 0; i < h->count; i++) {
        if (!(done >> i & 1) && h->calls[i].ended < first_return) {
            first_return = h->calls[i].ended;
        }
    }
    for (size_t i = 0; i < h->count; i++) {
        if ((done >> i & 1) || h->calls[i].began > first_return) {
            continue;
        }
        history_state next = *state;
        uint64_t with = done | (uint64_t)1 << i;
        if (s->step(&next, &h->calls[i]) && history_note(s, with, &next) && history_from(s, with, &next)) {
            return true;
        }
    }
    return false;
}

// Whether there is such an order that begins in this state.
static inline bool history_is_possible(const history *h, history_step step, const history_state *initial) {
    static history_seen table[HISTORY_TABLE];
    static uint64_t searches;
    history_search s = {.history = h, .step = step, .number = ++searches, .seen = table};
    for (size_t i = 0; i < h->count; i++) {
        s.wanted |= h->calls[i].ended == HISTORY_NEVER ? 0 : (uint64_t)1 << i;
    }
    return history_from(&s, 0, initial);
}

static inline void history_print(const history *h, const char *const *verbs) {
    for (size_t i = 0; i < h->count; i++) {
        const history_call *c = &h->calls[i];
        fprintf(stderr, "  thread %d  %4llu .. %-4llu  %-16s given %llu, returned %d, got %llu\n", c->thread,
            (unsigned long long)c->began, (unsigned long long)c->ended, verbs[c->verb], (unsigned long long)c->given,
            (int)c->status, (unsigned long long)c->got);
    }
}

#endif
