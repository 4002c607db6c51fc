// What the tests ask of the system about this process and its threads: system.c in the folder of each.
#ifndef LT_SYSTEM_H
#define LT_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// What the system says a thread is doing: 'R' runs, 'S' sleeps, 'Z' has ended; 0 if there is none.
char thread_state(int64_t native_id);

// Whether the thread sleeps in the kernel. For a thread whose next sleep is known.
bool asleep(int64_t native_id);

// Whether one is told from a thread that was woken, and has not had a processor yet.
bool sleepers_are_told_from_woken(void);

// How many threads the process has, those included that nobody counts any more.
size_t count_threads(void);

// How often the thread has gone to sleep; -1 once it is gone, and always 0 where the system does not tell.
long sleeps_of(int64_t native_id);

// For how many seconds the thread has run.
double processor_time_of(int64_t native_id);

// What the system shows the thread by, and how many bytes of a name there is room for.
void read_thread_name(int64_t native_id, char *name, size_t size);
size_t longest_thread_name(void);

// The memory of this process, in bytes: what is resident, and all that is mapped, stacks too.
size_t resident_bytes(void);
size_t mapped_bytes(void);

// Loads a library, for good; NULL if it cannot be loaded. A function of it, or NULL.
void *load_library(const char *path);
void *find_function(void *library, const char *name);

#ifdef __cplusplus
}
#endif

#endif
