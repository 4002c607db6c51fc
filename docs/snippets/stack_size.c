// Threads with large stacks from here on.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    if (lt_set_stack_size(4 << 20) != LT_OK) return 1;
    puts(lt_stack_size() >= 4 << 20 ? "at least 4 MiB" : "less"); // -> at least 4 MiB
    puts(lt_status_name(lt_set_stack_size(100)));                 // -> LT_INVALID
    return lt_set_stack_size(0) != LT_OK;                         // The default again.
}
