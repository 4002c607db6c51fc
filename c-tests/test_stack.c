// The stacks of threads.
#include "support.h"

#include <alloca.h>

// Thread-local storage lies on the stack of each thread: it must not come out of what was asked for.
enum { LOCAL_BYTES = 300 * 1024 };
static _Thread_local volatile char local_bytes[LOCAL_BYTES];

TEST(the_size_is_the_platforms_default_at_first) {
    assert_int_equal(lt_stack_size(), 0);
}

TEST(a_size_is_rounded_up_and_can_be_read) {
    const size_t asked[] = {4096, 4097, 16384, 32768, 32769, 65536, 1 << 20, SIZE_MAX >> 3};
    for (size_t i = 0; i < LENGTH(asked); i++) {
        assert_ok(lt_set_stack_size(asked[i]));
        assert_true(lt_stack_size() >= asked[i]);
        assert_true(lt_stack_size() % (size_t)sysconf(_SC_PAGESIZE) == 0);
        // The least that a thread can have is 128 KiB on aarch64.
        assert_true(lt_stack_size() < asked[i] + LOCAL_BYTES + 384 * 1024);
    }
    assert_ok(lt_set_stack_size(0));
    assert_int_equal(lt_stack_size(), 0);
}

TEST(a_size_that_makes_no_sense_is_invalid_and_changes_nothing) {
    const size_t before[] = {0, 128 * 1024};
    const size_t asked[] = {1, 2, 4095, SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 4095, SIZE_MAX - 4096,
        SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 2};
    for (size_t i = 0; i < LENGTH(before); i++) {
        assert_ok(lt_set_stack_size(before[i]));
        size_t effective = lt_stack_size();
        for (size_t j = 0; j < LENGTH(asked); j++) {
            assert_status(lt_set_stack_size(asked[j]), LT_INVALID);
            assert_int_equal(lt_last_status(), LT_INVALID);
            assert_true(last_error_names("lt_set_stack_size"));
            assert_int_equal(lt_stack_size(), effective);
        }
    }
    assert_ok(lt_set_stack_size(0));
}

typedef struct depth {
    size_t bytes;
    lt_event *done;
} depth;

// Writes to each page of what was asked for, below the frame of the thread's function.
static void touch(void *arg) {
    depth *d = arg;
    local_bytes[0] = 1;
    local_bytes[LOCAL_BYTES - 1] = 1;
    volatile char *block = alloca(d->bytes);
    for (size_t i = d->bytes; i > 0; i -= i < 1024 ? i : 1024) {
        block[i - 1] = 1;
    }
    block[0] = 1;
    must(lt_event_set(d->done) == LT_OK);
}

static void check_usable(size_t asked) {
    depth d = {asked, lt_event_new()};
    assert_ok(lt_set_stack_size(asked));
    assert_ok(lt_start_new_thread(touch, &d, NULL));
    assert_ok(lt_event_wait(d.done));
    join_all_threads();
    assert_ok(lt_event_free(d.done));
}

TEST(a_thread_can_use_the_stack_that_was_asked_for) {
    const size_t asked[] = {4096, 4097, 8192, 16384, 20480, 32768, 32769, 36864, 65536, 100000,
        1 << 20, 16 << 20, 100 << 20};
    for (size_t i = 0; i < LENGTH(asked); i++) {
        check_usable(asked[i]);
    }
    assert_ok(lt_set_stack_size(0));
}

TEST(a_thread_can_use_every_number_of_pages_asked_for) {
    for (size_t asked = 4096; asked < 200000; asked += 4096) {
        check_usable(asked);
        check_usable(asked - 1 < 4096 ? 4096 : asked - 1);
    }
    assert_ok(lt_set_stack_size(0));
}

TEST(a_new_size_is_for_new_threads_and_the_default_comes_back) {
    check_usable(4096);
    assert_ok(lt_set_stack_size(0));
    depth d = {100 * 1024, lt_event_new()}; // Of all defaults musl's is the smallest, 128 KiB.
    assert_ok(lt_start_new_thread(touch, &d, NULL));
    assert_ok(lt_event_wait(d.done));
    join_all_threads();
    assert_ok(lt_event_free(d.done));
}

TEST(a_stack_that_the_system_does_not_have_is_reported) {
    lt_event *untouched = lt_event_new();
    lt_ident ident = 12345;
    assert_ok(lt_set_stack_size(too_large_a_stack()));
    depth d = {4096, untouched};
    assert_status(lt_start_new_thread(touch, &d, &ident), LT_NO_THREAD);
    assert_int_equal(lt_last_status(), LT_NO_THREAD);
    assert_int_equal(lt_last_errno(), EAGAIN);
    assert_true(last_error_names("lt_start_new_thread"));
    assert_int_equal(ident, 12345);
    assert_int_equal(lt_thread_count(), 0);
    assert_ok(lt_set_stack_size(0));
    assert_ok(lt_start_new_thread(touch, &d, &ident));
    assert_ok(lt_event_wait(untouched));
    join_all_threads();
    assert_ok(lt_event_free(untouched));
}
