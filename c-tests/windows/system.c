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
bool asleep(int64_t native_id) {
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

// A function that MinGW's headers do not have, or for the newest systems alone.
static uintptr_t function(const char *module, const char *name) {
    uintptr_t found = (uintptr_t)GetProcAddress(GetModuleHandleA(module), name);
    must(found != 0);
    return found;
}

bool sleepers_are_told_from_woken(void) {
    return false;
}

// Whether it has ended; the handle is closed.
static bool has_ended(HANDLE thread) {
    bool ended = WaitForSingleObject(thread, 0) == WAIT_OBJECT_0;
    CloseHandle(thread);
    return ended;
}

char thread_state(int64_t native_id) {
    HANDLE thread = OpenThread(SYNCHRONIZE, FALSE, (DWORD)native_id);
    return thread == NULL || has_ended(thread) ? 0 : asleep(native_id) ? 'S' : 'R';
}

// The system's list of all threads of all processes takes it much longer.
size_t count_threads(void) {
    typedef LONG(WINAPI * next)(HANDLE, HANDLE, ACCESS_MASK, ULONG, ULONG, HANDLE *);
    next get = (next)function("ntdll.dll", "NtGetNextThread");
    size_t count = 0;
    HANDLE thread = NULL;
    for (HANDLE found; get(GetCurrentProcess(), thread, SYNCHRONIZE, 0, 0, &found) >= 0; thread = found) {
        if (thread != NULL) {
            count += !has_ended(thread);
        }
    }
    return count + (thread != NULL && !has_ended(thread));
}

long sleeps_of(int64_t native_id) {
    (void)native_id;
    return 0;
}

static double in_seconds(FILETIME time) {
    return 1e-7 * (double)((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime);
}

double processor_time_of(int64_t native_id) {
    FILETIME created, ended, kernel, user;
    HANDLE thread = OpenThread(THREAD_QUERY_LIMITED_INFORMATION, FALSE, (DWORD)native_id);
    must(thread != NULL && GetThreadTimes(thread, &created, &ended, &kernel, &user));
    CloseHandle(thread);
    return in_seconds(kernel) + in_seconds(user);
}

void read_thread_name(int64_t native_id, char *name, size_t size) {
    typedef HRESULT(WINAPI * describe)(HANDLE, PWSTR *);
    describe get = (describe)function("kernel32.dll", "GetThreadDescription");
    HANDLE thread = OpenThread(THREAD_QUERY_LIMITED_INFORMATION, FALSE, (DWORD)native_id);
    PWSTR wide = NULL;
    must(thread != NULL && get(thread, &wide) >= 0);
    must(WideCharToMultiByte(CP_UTF8, 0, wide, -1, name, (int)size, NULL, NULL) > 0);
    LocalFree(wide);
    CloseHandle(thread);
}

size_t longest_thread_name(void) {
    return 63;
}

static PROCESS_MEMORY_COUNTERS memory(void) {
    PROCESS_MEMORY_COUNTERS counters;
    must(GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof counters));
    return counters;
}

size_t resident_bytes(void) {
    return memory().WorkingSetSize;
}

size_t mapped_bytes(void) {
    return memory().PagefileUsage;
}

void *load_library(const char *path) {
    char own[MAX_PATH];
    must(GetFullPathNameA(path, sizeof own, own, NULL) != 0); // Which has no slashes.
    return LoadLibraryA(own);
}

void *find_function(void *library, const char *name) {
    return (void *)(uintptr_t)GetProcAddress(library, name);
}

long sysconf(int name) {
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return (long)(name == _SC_PAGESIZE ? info.dwPageSize : info.dwNumberOfProcessors);
}
