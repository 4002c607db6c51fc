// The first failing call of a thread is remembered too, when it is one that signal handlers may make:
// such a call makes no record of the thread. On the main thread nothing here calls the library but in
// the first case.
#include "support.h"

static lt_lock *a_lock, *a_freed_lock;
static lt_semaphore *a_full_semaphore;

static lt_status try_acquire_null(void) {
    return lt_lock_try_acquire(NULL);
}

static lt_status try_acquire_freed(void) {
    return lt_lock_try_acquire(a_freed_lock);
}

static lt_status release_null(void) {
    return lt_lock_release(NULL);
}

static lt_status release_free(void) {
    return lt_lock_release(a_lock);
}

static lt_status release_semaphore_null(void) {
    return lt_semaphore_release(NULL, 1);
}

static lt_status release_zero(void) {
    return lt_semaphore_release(a_full_semaphore, 0);
}

static lt_status release_too_much(void) {
    return lt_semaphore_release(a_full_semaphore, 1);
}

static lt_status set_null(void) {
    return lt_event_set(NULL);
}

static lt_status set_lock(void) {
    return lt_event_set((lt_event *)a_lock);
}

static lt_status interrupt_with_0(void) {
    return lt_interrupt_main(0);
}

static lt_status interrupt_with_65(void) {
    return lt_interrupt_main(65);
}

static const struct first {
    lt_status (*call)(void);
    lt_status status;
    const char *sentence;
} FIRST[] = {
    {try_acquire_null, LT_BAD_HANDLE, "lt_lock_try_acquire: lock is NULL"},
    {try_acquire_freed, LT_BAD_HANDLE, "lt_lock_try_acquire: lock is stale: it was freed before"},
    {release_null, LT_BAD_HANDLE, "lt_lock_release: lock is NULL"},
    {release_free, LT_NOT_HELD, "lt_lock_release: the lock is not held"},
    {release_semaphore_null, LT_BAD_HANDLE, "lt_semaphore_release: semaphore is NULL"},
    {release_zero, LT_INVALID, "lt_semaphore_release: n is 0"},
    {release_too_much, LT_OVERFLOW,
        "lt_semaphore_release: the value would rise above the bound of the semaphore"},
    {set_null, LT_BAD_HANDLE, "lt_event_set: event is NULL"},
    {set_lock, LT_BAD_HANDLE, "lt_event_set: event is of another type: lt_lock"},
    {interrupt_with_0, LT_INVALID, "lt_interrupt_main: signum is outside 1..64"},
    {interrupt_with_65, LT_INVALID, "lt_interrupt_main: signum is outside 1..64"},
};

static void check_remembered(const struct first *first) {
    must_for(first->sentence, strcmp(lt_last_error(), first->sentence) == 0);
    must_for(first->sentence, lt_last_status() == first->status);
    must_for(first->sentence, lt_last_errno() == 0);
}

static void *make_objects(void *unused) {
    a_lock = lt_allocate_lock();
    a_freed_lock = lt_allocate_lock();
    a_full_semaphore = lt_semaphore_new_bounded(1, 1);
    must(lt_lock_free(a_freed_lock) == LT_OK);
    return unused;
}

// Calls `run` with each row on a thread that the library does not know.
static void on_fresh_threads(void *(*run)(void *)) {
    for (size_t i = 0; i < LENGTH(FIRST); i++) {
        pthread_t thread;
        must(pthread_create(&thread, NULL, run, (void *)&FIRST[i]) == 0);
        must(pthread_join(thread, NULL) == 0);
    }
}

static void prepare(void) {
    pthread_t thread;
    must(pthread_create(&thread, NULL, make_objects, NULL) == 0);
    must(pthread_join(thread, NULL) == 0);
}

static void fail_and_check(void *row) {
    const struct first *first = row;
    must_for(first->sentence, first->call() == first->status);
    check_remembered(first);
}

TEST(a_first_error_of_the_main_thread_is_remembered) {
    prepare();
    for (size_t i = 0; i < LENGTH(FIRST); i++) {
        assert_int_equal(run_in_child(fail_and_check, (void *)&FIRST[i]), 0);
    }
    fail_and_check((void *)&FIRST[2]);
}

static void *fail_first(void *row) {
    fail_and_check(row);
    return NULL;
}

TEST(a_first_error_of_a_foreign_thread_is_remembered) {
    prepare();
    on_fresh_threads(fail_first);
}

static const struct first *in_the_handler;

static void handler(int signum) {
    (void)signum;
    must_for(in_the_handler->sentence, in_the_handler->call() == in_the_handler->status);
}

static void *fail_in_a_handler(void *row) {
    in_the_handler = row;
    must(pthread_kill(pthread_self(), SIGUSR1) == 0);
    check_remembered(in_the_handler);
    return NULL;
}

TEST(a_first_error_inside_a_signal_handler_is_remembered) {
    prepare();
    must(sigaction(SIGUSR1, &(struct sigaction){.sa_handler = handler}, NULL) == 0);
    on_fresh_threads(fail_in_a_handler);
}

static void *fail_twice(void *row) {
    const struct first *first = row;
    for (size_t i = 0; i < LENGTH(FIRST); i++) {
        must(FIRST[i].call() == FIRST[i].status);
    }
    must(first->call() == first->status);
    // What succeeds, or answers, leaves it; and so does what makes the record.
    must(lt_semaphore_release(a_full_semaphore, 1) == LT_OVERFLOW);
    must(first->call() == first->status);
    must(lt_lock_try_acquire(a_lock) == LT_OK);
    must(lt_lock_try_acquire(a_lock) == LT_BUSY);
    must(lt_lock_release(a_lock) == LT_OK);
    must(lt_get_ident() != 0);
    check_remembered(first);
    must(lt_sleep(-1.0) == LT_INVALID);
    must(lt_last_status() == LT_INVALID);
    must(strcmp(lt_last_error(), "lt_sleep: seconds is negative") == 0);
    return NULL;
}

TEST(of_several_first_errors_the_last_is_remembered_until_another_call_fails) {
    prepare();
    on_fresh_threads(fail_twice);
}

static void *fail_and_leave(void *row) {
    const struct first *first = row;
    must(first->call() == first->status);
    return NULL;
}

static void *has_no_error(void *row) {
    must(strcmp(lt_last_error(), "") == 0);
    must(lt_last_status() == LT_OK);
    return row;
}

TEST(a_first_error_ends_with_its_thread) {
    prepare();
    for (int i = 0; i < 100; i++) {
        on_fresh_threads(fail_and_leave);
        on_fresh_threads(has_no_error);
    }
}

static pthread_key_t key;

static void at_the_end(void *row) {
    check_remembered(row);
}

static void *fail_and_look_at_the_end(void *row) {
    must(pthread_setspecific(key, row) == 0);
    return fail_and_leave(row);
}

TEST(a_first_error_is_known_to_destructors_at_the_end_of_the_thread) {
    prepare();
    must(pthread_key_create(&key, at_the_end) == 0);
    on_fresh_threads(fail_and_look_at_the_end);
}

static void *fail_and_fork(void *row) {
    must(((const struct first *)row)->call() == ((const struct first *)row)->status);
    must(run_in_child((void (*)(void *))check_remembered, row) == 0);
    return NULL;
}

TEST(a_first_error_is_known_to_a_forked_child) {
    prepare();
    on_fresh_threads(fail_and_fork);
}
