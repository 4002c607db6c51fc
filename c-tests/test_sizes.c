// Structs that begin with their size: programs that know fewer members than the library, or more.
// timeout: 120
#include "support.h"

enum { LIMIT = 4096, TRIED = 5000 };

// As long as a size may be, and longer; what a byte is that nobody wrote.
static _Alignas(8) unsigned char room[3 * TRIED];
enum { CANARY = 0xa5 };

static void set_size(size_t size) {
    memcpy(room, &size, sizeof size);
}

static size_t size_in(const void *element) {
    size_t size;
    memcpy(&size, element, sizeof size);
    return size;
}

static bool is_a_size(size_t size) {
    return size >= sizeof(size_t) && size <= LIMIT;
}

// Whether a member lies within so many bytes.
#define HAS(size, type, member) ((size) >= offsetof(type, member) + sizeof(((type *)0)->member))

static void must_be_canaries(size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        must(room[i] == CANARY);
    }
}

// ---- Given to the library: lt_thread_options

static char seen_name[64];
static _Atomic int runs;

static void look_at_name(void *arg) {
    (void)arg;
    must(lt_thread_name(lt_get_ident(), seen_name, sizeof seen_name) == LT_OK);
    atomic_fetch_add(&runs, 1);
}

static lt_status start_with(lt_thread **thread) {
    return lt_thread_start(look_at_name, NULL, (const lt_thread_options *)room, thread);
}

static void must_have_started(lt_thread *thread, size_t size) {
    must(lt_thread_join(thread) == LT_OK);
    must((strcmp(seen_name, "given") == 0) == HAS(size, lt_thread_options, name));
    must(lt_thread_daemon(thread) == HAS(size, lt_thread_options, daemon));
    must(lt_thread_free(thread) == LT_OK);
}

static void fill_options(size_t size, unsigned char tail) {
    memset(room, tail, sizeof room);
    lt_thread_options options = {.size = size, .name = "given", .daemon = true};
    memcpy(room, &options, sizeof options);
}

TEST(options_of_every_size_are_read_as_far_as_they_go) {
    for (size_t size = 0; size <= TRIED; size++) {
        fill_options(size, 0);
        lt_thread *thread = NULL;
        int before = atomic_load(&runs);
        if (is_a_size(size)) {
            assert_ok(start_with(&thread));
            must_have_started(thread, size);
        } else {
            assert_status(start_with(&thread), LT_INVALID);
            assert_null(thread);
            assert_int_equal(atomic_load(&runs), before);
        }
    }
}

TEST(options_behind_those_that_are_known_must_be_zero) {
    for (size_t size = sizeof(lt_thread_options) + 1; size <= LIMIT; size++) {
        lt_thread *thread = NULL;
        fill_options(size, 0);
        room[size - 1] = 1;
        assert_status(start_with(&thread), LT_INVALID);
        assert_null(thread);
        assert_non_null(strstr(lt_last_error(), "lt_thread_start"));
        room[size - 1] = 0;
        room[sizeof(lt_thread_options)] = 0x80;
        assert_status(start_with(&thread), LT_INVALID);
    }
    // What lies behind the size is nobody's business.
    for (size_t size = sizeof(size_t); size <= sizeof(lt_thread_options); size++) {
        lt_thread *thread = NULL;
        fill_options(size, CANARY);
        assert_ok(start_with(&thread));
        must_have_started(thread, size);
    }
}

// A member is read whole or not at all: half a pointer would be a wild one.
TEST(half_an_option_is_none) {
    for (size_t size = sizeof(size_t); size < sizeof(lt_thread_options); size++) {
        fill_options(size, 0);
        lt_thread_options *options = (lt_thread_options *)room;
        if (!HAS(size, lt_thread_options, name)) {
            options->name = (const char *)(uintptr_t)1;
        }
        if (!HAS(size, lt_thread_options, stack_size)) {
            options->stack_size = 1; // Too small.
        }
        if (!HAS(size, lt_thread_options, errors)) {
            options->errors = (lt_errors *)(uintptr_t)64;
        }
        lt_thread *thread = NULL;
        assert_ok(start_with(&thread));
        must_have_started(thread, size);
    }
}

// ---- Filled by the library: lt_pool_info, lt_thread_info

#define CHECK_MEMBER(size, type, member, known)                                                    \
    (HAS(size, type, member) ? must(memcmp(room + offsetof(type, member), &(known)->member,        \
                                        sizeof(known)->member) == 0)                               \
                             : must_be_canaries(offsetof(type, member),                            \
                                   offsetof(type, member) + sizeof(known)->member))

TEST(stats_of_every_size_are_filled_as_far_as_they_go) {
    lt_pool *pool = lt_pool_new(7, NULL);
    lt_pool_info known = {.size = sizeof known};
    assert_ok(lt_pool_stats(pool, &known));
    assert_int_equal(known.size, sizeof known);
    assert_int_equal(known.max_workers, 7);
    for (size_t size = 0; size <= TRIED; size++) {
        memset(room, CANARY, sizeof room);
        set_size(size);
        lt_status status = lt_pool_stats(pool, (lt_pool_info *)room);
        assert_status(status, is_a_size(size) ? LT_OK : LT_INVALID);
        assert_int_equal(size_in(room), size);
        size_t filled = status == LT_OK ? size : 0;
        CHECK_MEMBER(filled, lt_pool_info, max_workers, &known);
        CHECK_MEMBER(filled, lt_pool_info, workers, &known);
        CHECK_MEMBER(filled, lt_pool_info, idle, &known);
        CHECK_MEMBER(filled, lt_pool_info, running, &known);
        CHECK_MEMBER(filled, lt_pool_info, queued, &known);
        CHECK_MEMBER(filled, lt_pool_info, completed, &known);
        must_be_canaries(sizeof known, sizeof room);
    }
    assert_ok(lt_pool_free(pool));
}

TEST(infos_of_every_size_are_filled_as_far_as_they_go) {
    lt_thread_info known = {.size = sizeof known};
    size_t count = 0;
    assert_ok(lt_enumerate(&known, 1, &count));
    assert_int_equal(count, 1);
    assert_string_equal(known.name, "MainThread");
    assert_int_equal(known.native_id, getpid()); // Also if main has not called the library before.
    for (size_t size = 0; size <= TRIED; size++) {
        memset(room, CANARY, sizeof room);
        set_size(size);
        count = 77;
        lt_status status = lt_enumerate((lt_thread_info *)room, 2, &count);
        assert_status(status, is_a_size(size) ? LT_OK : LT_INVALID);
        assert_int_equal(count, status == LT_OK ? 1 : 77);
        assert_int_equal(size_in(room), size);
        size_t filled = status == LT_OK ? size : 0;
        CHECK_MEMBER(filled, lt_thread_info, ident, &known);
        CHECK_MEMBER(filled, lt_thread_info, native_id, &known);
        CHECK_MEMBER(filled, lt_thread_info, daemon, &known);
        CHECK_MEMBER(filled, lt_thread_info, joinable, &known);
        CHECK_MEMBER(filled, lt_thread_info, name, &known);
        must_be_canaries(sizeof known, sizeof room);
    }
}

static void wait_for(void *event) {
    must(lt_event_wait(event) == LT_OK);
}

// Each element is as long as the first says, whatever that is a multiple of.
TEST(an_array_goes_by_the_size_of_its_first_element) {
    enum { THREADS = 3 };
    lt_event *go = lt_event_new();
    lt_thread *thread[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_ok(lt_thread_start(wait_for, go, NULL, &thread[i]));
    }
    for (size_t size = offsetof(lt_thread_info, ident) + sizeof(lt_ident); size <= LIMIT; size += 1 + size / 16) {
        size_t count = 0;
        memset(room, CANARY, sizeof room);
        set_size(size);
        size_t capacity = sizeof room / size < 1 + THREADS ? sizeof room / size : 1 + THREADS;
        assert_ok(lt_enumerate((lt_thread_info *)room, capacity, &count));
        assert_int_equal(count, 1 + THREADS);
        lt_ident all = 0, expected = lt_main_ident();
        for (size_t i = 0; i < capacity; i++) {
            lt_ident ident;
            memcpy(&ident, room + i * size + offsetof(lt_thread_info, ident), sizeof ident);
            all += ident;
            assert_int_equal(size_in(room + i * size), size);
        }
        for (int i = 0; i < THREADS; i++) {
            expected += lt_thread_ident(thread[i]);
        }
        must(capacity <= THREADS || all == expected);
        must_be_canaries(capacity * size, sizeof room);
    }
    assert_ok(lt_event_set(go));
    for (int i = 0; i < THREADS; i++) {
        assert_ok(lt_thread_join(thread[i]));
        assert_ok(lt_thread_free(thread[i]));
    }
    assert_ok(lt_event_free(go));
}

TEST(an_array_without_room_is_not_looked_at) {
    size_t count = 0;
    set_size(0);
    assert_ok(lt_enumerate((lt_thread_info *)room, 0, &count));
    assert_int_equal(count, 1);
    assert_ok(lt_enumerate(NULL, 0, NULL));
    assert_status(lt_enumerate(NULL, 1, &count), LT_INVALID);
}
