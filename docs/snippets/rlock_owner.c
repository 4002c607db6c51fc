// Who holds it, and how often.
#include <lowthread.h>
#include <stdio.h>

int main(void) {
    lt_rlock *rlock = lt_rlock_new();
    if (lt_rlock_acquire(rlock) != LT_OK || lt_rlock_acquire(rlock) != LT_OK) return 1;
    puts(lt_rlock_locked(rlock) && lt_rlock_is_owned(rlock) ? "mine" : "not mine"); // -> mine
    puts(lt_rlock_owner(rlock) == lt_get_ident() ? "my ident" : "another's");       // -> my ident
    printf("%d times\n", (int)lt_rlock_recursion_count(rlock));                      // -> 2 times
    printf("%d times\n", (int)lt_rlock_depth(rlock));                                // -> 2 times
    return lt_rlock_free(rlock) != LT_OK;
}
