// Every thread that runs.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_thread_info threads[16] = {{.size = sizeof threads[0]}};
    size_t count;
    if (lt_enumerate(threads, 16, &count) != LT_OK) return 1;
    for (size_t i = 0; i < count && i < 16; i++) puts(threads[i].name); // -> MainThread
    return 0;
}
