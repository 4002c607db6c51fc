/*
 * Errors of threads, and where they go: to a container, to a join, to a hook.
 */
#include <lowthread.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void promise(bool kept, const char *sentence) {
    if (!kept) {
        fprintf(stderr, "broken promise: %s; last error: %s\n", sentence, lt_last_error());
        exit(EXIT_FAILURE);
    }
}

static void divide(void *arg) { // arg points at this thread's own divisor.
    const int *divisor = arg;
    if (*divisor == 0) {
        lt_raise(33, "division by zero"); // Ends this thread alone.
    }
    printf("84 / %d = %d\n", *divisor, 84 / *divisor);
}

static lt_semaphore *heard;

static void hear(const lt_error_info *error, void *arg) {
    (void)arg;
    printf("the hook heard of %s: %s (%d)\n", error->thread_name, error->message, error->code);
    promise(lt_semaphore_release(heard, 1) == LT_OK, "the hook can use the library");
}

int main(void) {
    static int divisors[] = {2, 0};
    const lt_error_info *error;

    // One container for many threads keeps the first error, and counts them all.
    lt_errors *errors = lt_errors_new();
    lt_thread_options options = {.size = sizeof options, .name = "divider", .errors = errors};
    lt_thread *threads[2];
    for (int i = 0; i < 2; i++) {
        promise(lt_thread_start(divide, &divisors[i], &options, &threads[i]) == LT_OK,
            "a thread starts");
    }
    promise(lt_thread_join(threads[0]) == LT_OK, "84 can be divided by 2");
    promise(lt_thread_join(threads[1]) == LT_FAILED, "a join tells that the thread failed");
    promise(lt_errors_count(errors) == 1, "the container got one error");
    promise(lt_errors_get(errors, &error) == LT_OK && error->code == 33, "it is the one raised");
    printf("%s failed: %s\n%s", error->thread_name, error->message, lt_error_backtrace(error));

    // A joinable thread has its own error, for as long as its handle.
    promise(lt_thread_error(threads[1], &error) == LT_OK
            && strcmp(error->message, "division by zero") == 0, "the handle has the error, too");
    for (int i = 0; i < 2; i++) {
        promise(lt_thread_free(threads[i]) == LT_OK, "what was joined can be freed");
    }
    promise(lt_errors_free(errors) == LT_OK, "the container can be freed");

    // What nothing else takes goes to the hook.
    heard = lt_semaphore_new(0);
    promise(lt_set_excepthook(hear, NULL) == LT_OK, "a hook can be set");
    promise(lt_start_new_thread(divide, &divisors[1], NULL) == LT_OK, "a thread starts");
    promise(lt_semaphore_acquire_timeout(heard, 30.0) == LT_OK, "the hook hears of the error");
    return EXIT_SUCCESS;
}
