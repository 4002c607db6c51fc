// The first error of many threads.
#include <lowthread.h>
#include <stdio.h>

static void work(void *arg) {
    (void)arg;
    lt_raise(1, "did not work");
}

int main(void) {
    lt_errors *errors = lt_errors_new();
    for (int i = 0; i < 3; i++)
        if (lt_spawn(work, NULL, errors, NULL) != LT_OK) return 1;
    while (lt_errors_count(errors) < 3)
        if (lt_sleep(0.01) != LT_OK) return 1;
    const lt_error_info *error;
    if (lt_errors_get(errors, &error) != LT_OK) return 1;
    puts(error->message); // -> did not work
    if (lt_errors_clear(errors) != LT_OK) return 1;
    puts(lt_status_name(lt_errors_get(errors, &error))); // -> LT_EMPTY
    return lt_errors_free(errors) != LT_OK;
}
