// What the tests ask of the system, in Windows' words.
#include "harness.h"

#include <posix.h>
#include <windows.h>

#include <psapi.h>

static DWORD main_thread;

int lt_windows_lacks(const char *what) {
    printf("skipped: Windows has no %s\n", what);
    if (GetCurrentThreadId() != main_thread) {
        // Who runs the case cannot be told.
        puts("[  SKIPPED ]");
        fflush(stdout);
        ExitProcess(0);
    }
    skip();
    return -1;
}

int dprintf(int file, const char *format, ...) {
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return _write(file, text, (unsigned)length);
}

__attribute__((constructor)) static void note_main_thread(void) {
    main_thread = GetCurrentThreadId();
}

pid_t lt_windows_main_thread(void) {
    return (pid_t)main_thread;
}

// Where the thread is.
static bool look(HANDLE thread, DWORD64 *code, DWORD64 *stack) {
    CONTEXT context = {.ContextFlags = CONTEXT_CONTROL};
    if (SuspendThread(thread) == (DWORD)-1) {
        return false;
    }
    bool seen = GetThreadContext(thread, &context);
    ResumeThread(thread);
    *code = context.Rip;
    *stack = context.Rsp;
    return seen;
}

// Whether the code is that of the system calls by which threads wait.
static bool is_wait(DWORD64 code) {
    static const char *const waits[] = {"NtWaitForAlertByThreadId", "NtWaitForKeyedEvent", "NtDelayExecution",
        "NtWaitForSingleObject"};
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        DWORD64 start = (DWORD64)(uintptr_t)GetProcAddress(GetModuleHandleA("ntdll.dll"), waits[i]);
        if (start != 0 && code - start < 32) {
            return true;
        }
    }
    return false;
}

// Whether the library is among the callers, not far from the end of the stack.
static bool is_called_by_library(DWORD64 stack) {
    static DWORD64 start, size;
    if (size == 0) {
        MODULEINFO info;
        must(GetModuleInformation(GetCurrentProcess(), GetModuleHandleA("lowthread.dll"), &info, sizeof info));
        start = (DWORD64)(uintptr_t)info.lpBaseOfDll;
        size = info.SizeOfImage;
    }
    DWORD64 words[128];
    SIZE_T read = 0;
    ReadProcessMemory(GetCurrentProcess(), (const void *)(uintptr_t)stack, words, sizeof words, &read);
    for (size_t i = 0; i < read / sizeof words[0]; i++) {
        if (words[i] - start < size) {
            return true;
        }
    }
    return false;
}

// The system does not say. One that is in a wait of the system's, and stays there, sleeps.
bool lt_windows_asleep(int64_t native_id) {
    HANDLE thread = OpenThread(THREAD_SUSPEND_RESUME | THREAD_GET_CONTEXT, FALSE, (DWORD)native_id);
    if (thread == NULL) {
        return false;
    }
    DWORD64 code[2], stack[2];
    bool seen = look(thread, &code[0], &stack[0]) && is_wait(code[0]) && is_called_by_library(stack[0]);
    if (seen) {
        Sleep(2);
        seen = look(thread, &code[1], &stack[1]) && code[0] == code[1] && stack[0] == stack[1];
    }
    CloseHandle(thread);
    return seen;
}

size_t lt_windows_resident_bytes(void) {
    PROCESS_MEMORY_COUNTERS counters;
    return GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof counters) ? counters.WorkingSetSize : 0;
}
