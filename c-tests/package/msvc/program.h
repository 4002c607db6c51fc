// What a program has without Microsoft's libraries: a few functions of the system's.
#ifndef LT_MSVC_PROGRAM_H
#define LT_MSVC_PROGRAM_H

#include <lowthread.h>

#ifdef __cplusplus
extern "C" {
#endif

__declspec(dllimport) void ExitProcess(unsigned code);
__declspec(dllimport) void *GetStdHandle(unsigned which);
__declspec(dllimport) int WriteFile(void *file, const void *bytes, unsigned size, unsigned *written, void *overlapped);

// Says whether there is floating point.
int _fltused = 1;

static inline void say(const char *text) {
    unsigned length = 0, written;
    while (text[length] != 0) {
        length++;
    }
    WriteFile(GetStdHandle((unsigned)-11), text, length, &written, 0);
}

static inline void must_hold(int condition, const char *text) {
    if (!condition) {
        say("broken: ");
        say(text);
        say("\n");
        ExitProcess(1);
    }
}

#define must(condition) must_hold((condition) ? 1 : 0, #condition)

static inline int same(const char *a, const char *b) {
    while (*a != 0 && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

static inline void quiet(const lt_error_info *info, void *arg) {
    (void)info;
    (void)arg;
}

// Runs a thread and joins it.
static inline lt_status run(lt_thread_fn function, lt_thread **thread) {
    must(lt_thread_start(function, 0, 0, thread) == LT_OK);
    return lt_thread_join(*thread);
}

#ifdef __cplusplus
}
#endif

#endif
