// Who hears of errors that nobody else takes.
#include <lowthread.h>
#include <stdio.h>
#include <string.h>

static void tell(const lt_error_info *error, void *done) {
    printf("%s: %s\n", error->thread_name, error->message);                   // -> printer: no more paper
    puts(strlen(lt_error_backtrace(error)) > 0 ? "with a trace" : "without"); // -> with a trace
    LT_IGNORE(lt_semaphore_release(done, 1));
}

static void work(void *arg) {
    (void)arg;
    LT_IGNORE(lt_set_thread_name("printer"));
    lt_raise(42, "no more paper");
}

int main(void) {
    lt_semaphore *done = lt_semaphore_new(0);
    if (lt_set_excepthook(tell, done) != LT_OK) return 1;
    if (lt_start_new_thread(work, NULL, NULL) != LT_OK) return 1;
    if (lt_semaphore_acquire(done) != LT_OK) return 1;
    return lt_set_excepthook(NULL, NULL) != LT_OK; // The default again.
}
