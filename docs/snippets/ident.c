// Who this thread is, for the library and for the system.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_ident me = lt_get_ident();
    puts(me == lt_main_ident() ? "the main thread" : "another"); // -> the main thread
    puts(lt_get_native_id() != 0 && lt_native_handle(me) != 0 ? "known to the system" : "no"); // -> known to the system
    printf("%zu others\n", lt_thread_count()); // -> 0 others
    return 0;
}
