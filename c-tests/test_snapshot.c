// What a program tells others of the same user, by the socket that LOWTHREAD_INSIGHT=socket:PATH asks for.
// timeout: 60
// needs: sockets in the file system
#include "told.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

// The one of this program, or of the one that it was started by.
static const char *path(void) {
    static char text[64];
    const char *const known = getenv("LT_SNAPSHOT_PATH");
    snprintf(text, sizeof text, "/tmp/lowthread-snapshot-%d", (int)getpid());
    return known != NULL ? known : text;
}

static bool is_inner(void) {
    return getenv("LT_SNAPSHOT_PATH") != NULL;
}

// Runs this case once more, where it listens at path(), or at another one; the standard error is in `said`.
static int run_listening(const char *name, const char *where, char *said, size_t size) {
    char insight[160], known[96];
    snprintf(insight, sizeof insight, "LOWTHREAD_INSIGHT=owners,contention,socket:%s", where);
    snprintf(known, sizeof known, "LT_SNAPSHOT_PATH=%s", path());
    return run_program_and_listen(name, (const char *[]){insight, known, NULL}, said, size);
}

// For the first line of a case that is about a program that listens: `if (!listens(__func__)) return;`. Runs it once more
// where it does, and looks that it went well and complained of nothing.
static bool listens(const char *function) {
    if (is_inner()) {
        return true;
    }
    char said[1024];
    assert_int_equal(run_listening(function + strlen("lt_test_"), path(), said, sizeof said), 0);
    assert_null(strstr(said, "lowthread: "));
    return false;
}

static int connected(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path());
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    must(fd >= 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        const int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static char *snapshot(void) {
    static char text[1 << 18];
    const int fd = connected();
    must(fd >= 0);
    size_t length = 0;
    for (ssize_t n; (n = read(fd, text + length, sizeof text - 1 - length)) > 0;) {
        length += (size_t)n;
    }
    text[length] = 0;
    close(fd);
    return text;
}

TEST(who_connects_is_told_who_waits_for_what) {
    if (!listens(__func__)) {
        // It takes the path away when it ends.
        assert_int_equal(access(path(), F_OK), -1);
        return;
    }
    struct stat file;
    assert_int_equal(stat(path(), &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);

    lt_lock *lock = lt_allocate_lock();
    assert_ok(lt_set_name(lock, "the \"jobs\"\n"));
    assert_ok(lt_lock_acquire(lock));
    waiter w;
    waiter_start(&w, waits_lock_wait, lock);
    lt_wait_info info;
    must_soon(wait_of(w.ident, &info));
    const char *text = snapshot();
    char part[128];
    snprintf(part, sizeof part, "{\"pid\":%d,\"now\":", (int)getpid());
    assert_memory_equal(text, part, strlen(part));
    assert_string_equal(text + strlen(text) - 2, "}\n");
    assert_non_null(strstr(text, "\"name\":\"MainThread\",\"interrupt\":false,\"wait\":null}"));
    assert_non_null(strstr(text, "{\"verb\":\"acquire\",\"object\":\"lock \\\"the \\\"jobs\\\"\\u000a\\\" 0x"));
    snprintf(part, sizeof part, "\"until\":null,\"holder\":%llu}", (unsigned long long)lt_get_ident());
    assert_non_null(strstr(text, part));
    assert_non_null(strstr(text, "],\"contention\":[]}"));
    assert_ok(lt_lock_release(lock));
    assert_ok(waiter_join(&w));
    text = snapshot();
    assert_non_null(strstr(text, ",\"waits\":1,\"freed\":false,"));
    assert_ok(lt_lock_free(lock));
    assert_non_null(strstr(snapshot(), ",\"waits\":1,\"freed\":true,"));
}

static void *tell_ident(void *ident) {
    atomic_store((_Atomic lt_ident *)ident, lt_get_ident());
    return NULL;
}

TEST(lowthread_top_shows_it) {
    const char *const top = getenv("LT_TOP");
    if (under_emulator() || top == NULL || system("python3 -c ''") != 0) {
        skip_because("there is no python3, or it is not said where lowthread-top is");
    }
    if (!listens(__func__)) {
        return;
    }
    lt_pool *pool = lt_pool_new(1, "packer");
    _Atomic lt_ident worker = 0;
    lt_wait_info info;
    assert_ok(lt_pool_submit(pool, tell_ident, (void *)&worker, NULL));
    must_soon(atomic_load(&worker) != 0 && wait_of(atomic_load(&worker), &info));
    lt_lock *lock = lt_allocate_lock();
    assert_ok(lt_set_name(lock, "jobs"));
    assert_ok(lt_lock_acquire(lock));
    waiter w;
    waiter_start(&w, waits_lock_wait, lock);
    must_soon(wait_of(w.ident, &info));
    char command[512], text[4096];
    snprintf(command, sizeof command, "'%s' %s", top, path());
    FILE *const shown = popen(command, "r");
    assert_non_null(shown);
    text[fread(text, 1, sizeof text - 1, shown)] = 0;
    assert_int_equal(pclose(shown), 0);
    assert_non_null(strstr(text, ": 3 threads, 1 wait, 1 idle\n"));
    const char *const waits = strstr(text, "  acquire lock \"jobs\" 0x"), *const idle = strstr(text, "  idle pool 0x");
    assert_true(waits != NULL && idle > waits); // Though it is idle for longer.
    assert_non_null(strstr(text, "\nthread     native id "));  // As wide as MainThread.
    assert_ok(lt_pool_free(pool));
    assert_non_null(strstr(text, ", which MainThread has\n"));
    assert_non_null(strstr(text, "  runs\n"));
    assert_non_null(strstr(text, "nothing was waited for\n"));
    assert_ok(lt_lock_release(lock));
    assert_ok(waiter_join(&w));
    assert_ok(lt_lock_free(lock));
}

static void comes_and_goes(void *arg) {
    lt_semaphore *ended = arg;
    must(lt_sleep(0.0001) == LT_OK);
    must(lt_semaphore_release(ended, 1) == LT_OK);
}

TEST(threads_come_and_go_beside_it) {
    if (!listens(__func__)) {
        return;
    }
    lt_semaphore *ended = lt_semaphore_new(0);
    const int rounds = forks(300);
    for (int i = 0; i < rounds; i++) {
        for (int j = 0; j < 8; j++) {
            assert_ok(lt_start_new_thread(comes_and_goes, ended, NULL));
        }
        const char *text = snapshot();
        assert_string_equal(text + strlen(text) - 2, "}\n");
        for (int j = 0; j < 8; j++) {
            assert_ok(lt_semaphore_acquire(ended));
        }
    }
    // Who connects and reads nothing keeps no other from it.
    int silent[4];
    for (size_t i = 0; i < LENGTH(silent); i++) {
        silent[i] = connected();
    }
    assert_non_null(strstr(snapshot(), "MainThread"));
    for (size_t i = 0; i < LENGTH(silent); i++) {
        close(silent[i]);
    }
    assert_ok(lt_semaphore_free(ended));
}

static size_t waits(void) {
    size_t count = 0;
    must(lt_waits(NULL, 0, &count) == LT_OK);
    return count;
}

// So much is told that it does not fit into a socket: the thread that tells it is in the middle of that.
TEST(who_is_told_while_the_program_forks_is_not_kept_waiting) {
    if (!listens(__func__)) {
        return;
    }
    skip_without(LT_FEATURE_FORK, "a forked child may only run another program");
    char name[64]; // Each character is six in JSON.
    memset(name, 1, sizeof name - 1);
    name[sizeof name - 1] = 0;
    lt_event *event = lt_event_new();
    assert_ok(lt_set_name(event, name));
    static waiter w[400];
    for (size_t i = 0; i < LENGTH(w); i++) {
        waiter_start(&w[i], waits_event_wait, event);
    }
    must_soon(waits() == LENGTH(w));
    const int fd = connected();
    const struct timeval patience = {.tv_sec = 20};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    int length = 0;
    must_soon(ioctl(fd, FIONREAD, &length) == 0 && length > 0x10000);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    must(child >= 0);
    if (child == 0) {
        char end;
        close(ends[1]);
        must(read(ends[0], &end, 1) == 0); // It has all that it was born with until the parent says so.
        _exit(0);
    }
    char text[4096];
    ssize_t n;
    do {
        n = read(fd, text, sizeof text);
    } while (n > 0 || (n < 0 && errno == EINTR)); // Which SA_RESTART does not spare who has a time-out.
    assert_int_equal(n, 0);
    close(ends[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ends[0]);
    close(fd);
    assert_ok(lt_event_set(event));
    for (size_t i = 0; i < LENGTH(w); i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_ok(lt_event_free(event));
}

static void connects_as_another(void *arg) {
    (void)arg;
    must(setgid(65534) == 0 && setuid(65534) == 0);
    must(connected() == -1 && errno == EACCES);
}

static void is_told_nothing_as_another(void *arg) {
    (void)arg;
    must(setgid(65534) == 0 && setuid(65534) == 0);
    must(strcmp(snapshot(), "") == 0);
}

TEST(another_user_is_told_nothing) {
    if (geteuid() != 0) {
        skip_because("only root can be another user");
    }
    if (!listens(__func__)) {
        return;
    }
    skip_without(LT_FEATURE_FORK, "a forked child may only run another program");
    assert_int_equal(run_in_child(connects_as_another, NULL), 0);
    // Nor where the file lets it in.
    assert_int_equal(chmod(path(), 0777), 0);
    assert_int_equal(run_in_child(is_told_nothing_as_another, NULL), 0);
    assert_non_null(strstr(snapshot(), "MainThread"));
}

static void does_not_listen(void *arg) {
    (void)arg;
    for (int fd = 0; fd < 64; fd++) {
        int listens = 0;
        socklen_t size = sizeof listens;
        must(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || !listens);
    }
    if (under_sanitizer()) {
        _exit(0); // Whose end looks for leaks, which the parent's threads have made of what they hold.
    }
    exit(0); // At which the path is the parent's.
}

TEST(a_forked_child_leaves_it_to_the_parent) {
    if (!listens(__func__)) {
        return;
    }
    skip_without(LT_FEATURE_FORK, "a forked child may only run another program");
    assert_int_equal(run_in_child(does_not_listen, NULL), 0);
    assert_non_null(strstr(snapshot(), "MainThread"));
}

TEST(a_path_that_cannot_be_had_is_told_and_left_alone) {
    if (is_inner()) {
        return;
    }
    char said[1024];
    const char *const name = "a_path_that_cannot_be_had_is_told_and_left_alone";
    assert_int_equal(run_listening(name, "/no such folder/here", said, sizeof said), 0);
    assert_non_null(strstr(said, "lowthread: cannot listen at /no such folder/here: No such file or directory"));

    // A file that is no socket, one that somebody listens at, and one that nobody does any more.
    FILE *file = fopen(path(), "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(run_listening(name, path(), said, sizeof said), 0);
    assert_non_null(strstr(said, strerror(EADDRINUSE)));
    assert_int_equal(remove(path()), 0);

    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path());
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(run_listening(name, path(), said, sizeof said), 0);
    assert_non_null(strstr(said, strerror(EADDRINUSE)));
    close(fd);
    assert_int_equal(access(path(), F_OK), 0);
    assert_int_equal(run_listening(name, path(), said, sizeof said), 0);
    assert_null(strstr(said, "lowthread: "));
    assert_int_equal(access(path(), F_OK), -1);
}

// A file that is not the program's, in the folder where it ends: "/" and a name that no other run of this has.
static const char *innocent(void) {
    static char text[96];
    snprintf(text, sizeof text, "%s-relative", strrchr(path(), '/'));
    return text;
}

TEST(what_is_taken_away_is_the_socket_from_whatever_folder) {
    if (is_inner()) {
        assert_int_equal(access(innocent() + 1, F_OK), 0);
        assert_int_equal(chdir(path()), 0);
        fclose(fopen(innocent() + 1, "w"));
        return;
    }
    assert_int_equal(mkdir(path(), 0700), 0);
    char before[512], other[192], said[1024];
    must(getcwd(before, sizeof before) != NULL && chdir("/tmp") == 0);
    const char *const name = "what_is_taken_away_is_the_socket_from_whatever_folder";
    assert_int_equal(run_listening(name, innocent() + 1, said, sizeof said), 0);
    assert_null(strstr(said, "lowthread: "));
    assert_int_equal(access(innocent() + 1, F_OK), -1);
    snprintf(other, sizeof other, "%s%s", path(), innocent());
    assert_int_equal(remove(other), 0);
    assert_int_equal(remove(path()), 0);
    assert_int_equal(chdir(before), 0);
}

// Runs this case once more in a program that is root's, and is run by another.
static void runs_with_rights(void *arg) {
    char insight[256], known[96];
    snprintf(insight, sizeof insight, "LOWTHREAD_INSIGHT=socket:%s.socket,trace:%s.trace", path(), path());
    snprintf(known, sizeof known, "LT_SNAPSHOT_PATH=%s", path());
    const char *const program = arg;
    must(setgid(65534) == 0 && setuid(65534) == 0);
    execle(program, program, "a_program_with_rights_believes_nobody", NULL, (char *[]){insight, known, NULL});
}

TEST(a_program_with_rights_believes_nobody) {
    char file[160];
    if (is_inner()) {
        if (geteuid() == getuid()) {
            skip_because("the file system knows no such programs");
        }
        snprintf(file, sizeof file, "%s.trace", path());
        assert_int_equal(access(file, F_OK), -1);
        snprintf(file, sizeof file, "%s.socket", path());
        assert_int_equal(access(file, F_OK), -1);
        return;
    }
    if (geteuid() != 0 || under_emulator()) {
        skip_because("only root gives a program rights");
    }
    snprintf(file, sizeof file, "cp /proc/%d/exe %s && chmod 4755 %s", (int)getpid(), path(), path());
    assert_int_equal(system(file), 0);
    snprintf(file, sizeof file, "%s", path());
    assert_int_equal(run_in_child(runs_with_rights, file), 0);
    assert_int_equal(remove(path()), 0);
}

TEST(the_path_may_have_the_number_of_the_process) {
    if (is_inner()) {
        char expected[64];
        snprintf(expected, sizeof expected, "/tmp/lowthread-%%-%d-snapshot", (int)getpid());
        assert_int_equal(access(expected, F_OK), 0);
        return;
    }
    char said[1024];
    const char *const pattern = "/tmp/lowthread-%-%p-snapshot";
    assert_int_equal(run_listening("the_path_may_have_the_number_of_the_process", pattern, said, sizeof said), 0);
    assert_null(strstr(said, "lowthread: "));
}
