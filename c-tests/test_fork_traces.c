// Forks, and threads that render a trace or write a report meanwhile.
// timeout: 60
// flags: -fexceptions -g
// needs: fork
#include "support.h"

#include "copies.h"

#include <semaphore.h>

static sem_t inside, go_on;
static atomic_bool block;

// Called in the middle of rendering.
static void on_demangle(void) {
    if (atomic_exchange(&block, false)) {
        must(sem_post(&inside) == 0);
        while (sem_wait(&go_on) != 0) {
            must(errno == EINTR);
        }
    }
}

// Names that are made readable, one for each case: what was rendered once is known.
void _Z6raise0Pv(void *arg);
void _Z6raise1Pv(void *arg);
void _Z6raise2Pv(void *arg);

__attribute__((noinline)) void _Z6raise0Pv(void *arg) {
    lt_raise(1, arg);
}

__attribute__((noinline)) void _Z6raise1Pv(void *arg) {
    lt_raise(2, arg);
}

__attribute__((noinline)) void _Z6raise2Pv(void *arg) {
    lt_raise(3, arg);
}

static const lt_thread_fn RAISERS[] = {_Z6raise0Pv, _Z6raise1Pv, _Z6raise2Pv};
static int raiser = -1; // That of the case.

static lt_errors *an_error(void) {
    lt_errors *errors = lt_errors_new();
    must(lt_spawn(RAISERS[raiser], "rendered", errors, NULL) == LT_OK);
    must_soon(lt_errors_count(errors) == 1);
    return errors;
}

static const char *trace_of(lt_errors *errors) {
    const lt_error_info *info;
    must(lt_errors_get(errors, &info) == LT_OK);
    return lt_error_backtrace(info);
}

static bool is_rendered(const char *trace) {
    return strstr(trace, "clear _Z6raise") != NULL;
}

static char path[4096];

static void begin(void) {
    if (under_sanitizer()) {
        skip_because("a sanitizer brings a C++ runtime of its own");
    }
    must((size_t)++raiser < LENGTH(RAISERS));
    void *runtime = load_copy(shim_path("runtime"), "libc++-of-the-test.so", path, sizeof path);
    void (**hook)(void) = dlsym(runtime, "shim_on_demangle");
    must(hook != NULL);
    *hook = on_demangle;
    must(sem_init(&inside, 0, 0) == 0 && sem_init(&go_on, 0, 0) == 0);
}

typedef struct asker {
    lt_errors *errors;
    pthread_t thread;
    atomic_bool returned;
    bool rendered;
} asker;

static void *ask(void *arg) {
    asker *a = arg;
    a->rendered = is_rendered(trace_of(a->errors));
    atomic_store(&a->returned, true);
    return NULL;
}

// Starts a thread that is in the middle of rendering until `end_asker`.
static void start_asker(asker *a) {
    a->errors = an_error();
    atomic_store(&block, true);
    must(pthread_create(&a->thread, NULL, ask, a) == 0);
    must(sem_wait(&inside) == 0);
}

static void end_asker(asker *a) {
    must(sem_post(&go_on) == 0 && pthread_join(a->thread, NULL) == 0);
    must(lt_errors_free(a->errors) == LT_OK);
}

static void render_in_child(void *arg) {
    asker *a = arg;
    alarm(20);
    must(is_rendered(trace_of(a->errors))); // What the vanished thread was at.
    lt_errors *own = an_error();
    must(is_rendered(trace_of(own)));
    must(lt_errors_free(own) == LT_OK);
}

TEST(a_fork_does_not_wait_for_who_renders_and_its_child_can_render) {
    skip_where_nothing_is_loaded();
    begin();
    asker asker = {0};
    start_asker(&asker);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(run_in_child(render_in_child, &asker), 0);
    }
    assert_false(atomic_load(&asker.returned));
    end_asker(&asker);
    assert_true(atomic_load(&asker.returned));
    delete_copy(path);
}

TEST(nobody_waits_for_ever_for_who_renders) {
    skip_where_nothing_is_loaded();
    begin();
    asker asker = {0};
    start_asker(&asker);
    lt_errors *errors = an_error();
    assert_true(is_rendered(trace_of(errors)));
    assert_true(is_rendered(trace_of(asker.errors))); // The same report, too.
    assert_false(atomic_load(&asker.returned));
    assert_ok(lt_errors_free(errors));
    end_asker(&asker);
    delete_copy(path);
}

TEST(who_renders_is_cancelled_afterwards) {
    skip_where_nothing_is_loaded();
    begin();
    asker asker = {0};
    start_asker(&asker);
    assert_int_equal(pthread_cancel(asker.thread), 0);
    end_asker(&asker);
    assert_true(asker.rendered);
    // Nothing was left taken, or each would wait for it for a second.
    double fastest = 1.0;
    for (int i = 0; i < 10; i++) {
        lt_errors *errors = an_error();
        double began = lt_monotonic();
        assert_true(is_rendered(trace_of(errors)));
        double spent = seconds_since(began);
        fastest = spent < fastest ? spent : fastest;
        assert_ok(lt_errors_free(errors));
    }
    assert_true(fastest < 0.9);
    delete_copy(path);
}

// ---- Reports on their way

static int pipe_ends[2];

// The default hook's report waits for a reader.
static void fill_the_pipe(void) {
    static char block[4096];
    must(fcntl(pipe_ends[1], F_SETFL, O_NONBLOCK) == 0);
    while (write(pipe_ends[1], block, sizeof block) > 0) {
    }
    must(errno == EAGAIN && fcntl(pipe_ends[1], F_SETFL, 0) == 0);
}

static void report_in_child(void *arg) {
    (void)arg;
    alarm(20);
    int null = open("/dev/null", O_WRONLY);
    must(null >= 0 && dup2(null, STDERR_FILENO) == STDERR_FILENO);
    lt_thread *thread;
    must(lt_thread_start(_Z6raise0Pv, "of the child", NULL, &thread) == LT_OK);
    must(lt_thread_join(thread) == LT_FAILED);
}

TEST(a_fork_does_not_wait_for_who_reports_and_its_child_can_report) {
    must(pipe(pipe_ends) == 0);
    int saved = dup(STDERR_FILENO);
    must(saved >= 0 && dup2(pipe_ends[1], STDERR_FILENO) == STDERR_FILENO);
    fill_the_pipe();
    lt_thread *thread;
    must(lt_thread_start(_Z6raise0Pv, "of the parent", NULL, &thread) == LT_OK);
    int64_t id = lt_thread_native_id(thread);
    must_soon(asleep(id)); // In the write: nothing else there is waited for.
    int status = 0;
    for (int i = 0; i < 20 && status == 0; i++) {
        status = run_in_child(report_in_child, NULL);
    }
    must(lt_thread_try_join(thread) == LT_BUSY);
    static char block[1 << 20];
    must(read(pipe_ends[0], block, sizeof block) > 0);
    must(lt_thread_join(thread) == LT_FAILED);
    must(dup2(saved, STDERR_FILENO) == STDERR_FILENO);
    assert_int_equal(status, 0);
    assert_ok(lt_thread_free(thread));
}
