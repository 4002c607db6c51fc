// The read-write lock.
// timeout: 60
#include "waits.h"

static lt_rwlock *new_rwlock(void) {
    lt_rwlock *rwlock = lt_rwlock_new();
    must(rwlock != NULL);
    return rwlock;
}

static void check_error(lt_status status, lt_status expected, const char *function) {
    must_for(function, status == expected);
    must_for(function, lt_last_status() == expected);
    must_for(function, last_error_names(function));
}

static void must_be_free(lt_rwlock *rwlock) {
    must(lt_rwlock_try_write_acquire(rwlock) == LT_OK);
    must(lt_rwlock_write_release(rwlock) == LT_OK);
}

// It is held, by readers or by a writer, and nobody waits.
static void must_be_read(lt_rwlock *rwlock) {
    must(lt_rwlock_try_write_acquire(rwlock) == LT_BUSY);
    must(lt_rwlock_try_read_acquire(rwlock) == LT_OK);
    must(lt_rwlock_read_release(rwlock) == LT_OK);
}

static void must_be_written(lt_rwlock *rwlock) {
    must(lt_rwlock_try_write_acquire(rwlock) == LT_BUSY);
    must(lt_rwlock_try_read_acquire(rwlock) == LT_BUSY);
}

static lt_status read_for_1000_seconds(void *rwlock) {
    return lt_rwlock_read_acquire_timeout(rwlock, 1000.0);
}

static lt_status write_for_1000_seconds(void *rwlock) {
    return lt_rwlock_write_acquire_timeout(rwlock, 1000.0);
}

TEST(readers_share_it) {
    lt_rwlock *rwlock = new_rwlock();
    assert_ok(lt_rwlock_read_acquire(rwlock));
    assert_ok(lt_rwlock_try_read_acquire(rwlock));
    const double seconds[] = {0.0, 1e-9, 1000.0, LT_FOREVER, LT_TIMEOUT_MAX};
    for (size_t i = 0; i < LENGTH(seconds); i++) {
        assert_ok(lt_rwlock_read_acquire_timeout(rwlock, seconds[i]));
    }
    waiter w;
    waiter_launch(&w, waits_read_wait, rwlock);
    assert_ok(waiter_join(&w));
    for (size_t i = 0; i < 3 + LENGTH(seconds); i++) {
        must_be_read(rwlock);
        assert_ok(lt_rwlock_read_release(rwlock));
    }
    must_be_free(rwlock);
    assert_ok(lt_rwlock_free(rwlock));
}

TEST(a_writer_excludes_everybody) {
    lt_rwlock *rwlock = new_rwlock();
    lt_status (*const forms[])(void *) = {
        waits_write_wait, waits_write_try, write_for_1000_seconds};
    for (size_t i = 0; i < LENGTH(forms); i++) {
        assert_ok(forms[i](rwlock));
        must_be_written(rwlock);
        assert_status(lt_rwlock_read_acquire_timeout(rwlock, 0.0), LT_TIMED_OUT);
        assert_status(lt_rwlock_write_acquire_timeout(rwlock, 0.0), LT_TIMED_OUT);
        assert_status(lt_rwlock_read_acquire_timeout(rwlock, 0.001), LT_TIMED_OUT);
        assert_status(lt_rwlock_write_acquire_timeout(rwlock, 0.001), LT_TIMED_OUT);
        assert_ok(lt_rwlock_write_release(rwlock));
        must_be_free(rwlock);
    }
    assert_ok(lt_rwlock_free(rwlock));
}

TEST(a_release_of_what_is_not_held_is_reported_and_changes_nothing) {
    lt_rwlock *rwlock = new_rwlock();
    check_error(lt_rwlock_read_release(rwlock), LT_NOT_HELD, "lt_rwlock_read_release");
    check_error(lt_rwlock_write_release(rwlock), LT_NOT_HELD, "lt_rwlock_write_release");
    must_be_free(rwlock);
    assert_ok(lt_rwlock_read_acquire(rwlock));
    check_error(lt_rwlock_write_release(rwlock), LT_NOT_HELD, "lt_rwlock_write_release");
    must_be_read(rwlock);
    assert_ok(lt_rwlock_read_release(rwlock));
    check_error(lt_rwlock_read_release(rwlock), LT_NOT_HELD, "lt_rwlock_read_release");
    assert_ok(lt_rwlock_write_acquire(rwlock));
    check_error(lt_rwlock_read_release(rwlock), LT_NOT_HELD, "lt_rwlock_read_release");
    must_be_written(rwlock);
    waiter w; // Not while somebody waits either.
    waiter_start(&w, waits_read_wait, rwlock);
    check_error(lt_rwlock_read_release(rwlock), LT_NOT_HELD, "lt_rwlock_read_release");
    assert_ok(lt_rwlock_write_release(rwlock));
    assert_ok(waiter_join(&w));
    check_error(lt_rwlock_write_release(rwlock), LT_NOT_HELD, "lt_rwlock_write_release");
    assert_ok(lt_rwlock_read_release(rwlock));
    must_be_free(rwlock);
    assert_ok(lt_rwlock_free(rwlock));
}

TEST(any_thread_may_release_it) {
    lt_rwlock *rwlock = new_rwlock();
    waiter w;
    waiter_launch(&w, waits_write_wait, rwlock);
    assert_ok(waiter_join(&w));
    assert_ok(lt_rwlock_write_release(rwlock));
    waiter_launch(&w, waits_read_wait, rwlock);
    assert_ok(waiter_join(&w));
    assert_ok(lt_rwlock_read_release(rwlock));
    must_be_free(rwlock);
    assert_ok(lt_rwlock_free(rwlock));
}

TEST(timeouts_are_checked_and_kept) {
    waits_check_timeouts(&READ_WAIT);
    waits_check_timeouts(&WRITE_WAIT);
}

TEST(timeouts_are_checked_and_kept_on_a_thread) {
    waits_check_timeouts_on_a_thread(&READ_WAIT);
    waits_check_timeouts_on_a_thread(&WRITE_WAIT);
}

TEST(an_acquire_blocks_until_a_release) {
    waits_check_blocks_until_satisfied(&READ_WAIT);
    waits_check_blocks_until_satisfied(&WRITE_WAIT);
}

TEST(a_time_out_that_races_with_a_release_takes_the_lock_or_leaves_it) {
    waits_check_race_with_time_out(&READ_WAIT);
    waits_check_race_with_time_out(&WRITE_WAIT);
}

TEST(free_while_a_thread_waits_is_busy) {
    waits_check_free_while_waiting(&READ_WAIT);
    waits_check_free_while_waiting(&WRITE_WAIT);
}

TEST(free_of_null_or_of_one_that_is_held_is_fine) {
    assert_ok(lt_rwlock_free(NULL));
    lt_rwlock *rwlock = new_rwlock();
    assert_ok(lt_rwlock_read_acquire(rwlock));
    assert_ok(lt_rwlock_free(rwlock));
    assert_status(lt_rwlock_read_release(rwlock), LT_BAD_HANDLE);
    rwlock = new_rwlock();
    must_be_free(rwlock);
    assert_ok(lt_rwlock_write_acquire(rwlock));
    assert_ok(lt_rwlock_free(rwlock));
    assert_status(lt_rwlock_write_release(rwlock), LT_BAD_HANDLE);
}

TEST(at_fork_reinit_makes_it_free) {
    lt_rwlock *rwlock = new_rwlock();
    assert_ok(lt_rwlock_at_fork_reinit(rwlock));
    must_be_free(rwlock);
    assert_ok(lt_rwlock_write_acquire(rwlock));
    assert_ok(lt_rwlock_at_fork_reinit(rwlock));
    must_be_free(rwlock);
    for (int i = 0; i < 1000; i++) {
        assert_ok(lt_rwlock_read_acquire(rwlock));
    }
    assert_ok(lt_rwlock_at_fork_reinit(rwlock));
    must_be_free(rwlock);
    assert_status(lt_rwlock_read_release(rwlock), LT_NOT_HELD);
    assert_ok(lt_rwlock_free(rwlock));
}

// As a release would, it lets those in who wait: they came after the fork.
TEST(at_fork_reinit_leaves_it_to_those_who_wait) {
    for (int turn = 0; turn < 4; turn++) {
        lt_rwlock *rwlock = new_rwlock();
        for (int i = 0; i < (turn < 2 ? 1 : 3); i++) {
            assert_ok(turn < 2 ? lt_rwlock_write_acquire(rwlock) : lt_rwlock_read_acquire(rwlock));
        }
        waiter writer, reader;
        waiter_start(&writer, waits_write_wait, rwlock);
        waiter_start(&reader, waits_read_wait, rwlock);
        assert_ok(lt_rwlock_at_fork_reinit(rwlock));
        assert_ok(waiter_join(&writer));
        assert_false(waiter_is_done(&reader));
        must_be_written(rwlock);
        assert_ok(lt_rwlock_write_release(rwlock));
        assert_ok(waiter_join(&reader));
        assert_ok(lt_rwlock_read_release(rwlock));
        must_be_free(rwlock);
        assert_ok(lt_rwlock_free(rwlock));
    }
}

// ---- The line

TEST(a_writer_waits_for_all_readers) {
    lt_rwlock *rwlock = new_rwlock();
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_rwlock_read_acquire(rwlock));
    }
    waiter w;
    waiter_start(&w, waits_write_wait, rwlock);
    for (int i = 0; i < 3; i++) {
        must_soon(waiter_asleep(&w));
        assert_false(waiter_is_done(&w));
        assert_ok(lt_rwlock_read_release(rwlock));
    }
    assert_ok(waiter_join(&w));
    must_be_written(rwlock);
    assert_ok(lt_rwlock_write_release(rwlock));
    must_be_free(rwlock);
    assert_ok(lt_rwlock_free(rwlock));
}

TEST(who_comes_does_not_overtake_who_waits) {
    lt_rwlock *rwlock = new_rwlock();
    assert_ok(lt_rwlock_read_acquire(rwlock));
    waiter writer, reader, second_writer;
    waiter_start(&writer, waits_write_wait, rwlock);
    // It could be read, but for the writer.
    assert_status(lt_rwlock_try_read_acquire(rwlock), LT_BUSY);
    assert_status(lt_rwlock_read_acquire_timeout(rwlock, 0.0), LT_TIMED_OUT);
    assert_status(lt_rwlock_read_acquire_timeout(rwlock, 0.001), LT_TIMED_OUT);
    waiter_start(&reader, waits_read_wait, rwlock);
    waiter_start(&second_writer, waits_write_wait, rwlock);
    assert_false(waiter_is_done(&reader));
    assert_ok(lt_rwlock_read_release(rwlock));
    assert_ok(waiter_join(&writer));
    must_be_written(rwlock);
    assert_false(waiter_is_done(&reader) || waiter_is_done(&second_writer));
    assert_ok(lt_rwlock_write_release(rwlock));
    assert_ok(waiter_join(&reader));
    assert_false(waiter_is_done(&second_writer));
    assert_status(lt_rwlock_try_read_acquire(rwlock), LT_BUSY);
    assert_ok(lt_rwlock_read_release(rwlock));
    assert_ok(waiter_join(&second_writer));
    assert_ok(lt_rwlock_write_release(rwlock));
    must_be_free(rwlock);
    assert_ok(lt_rwlock_free(rwlock));
}

// The lock stays free until a writer that was woken is there, so that a busy one need not wait for that.
TEST(who_comes_may_take_a_free_lock_before_a_writer_that_waits) {
    lt_rwlock *rwlock = new_rwlock();
    int overtaken = 0;
    for (int i = 0; i < 1000 && overtaken < 2; i++) {
        bool write = i % 2 == 0;
        waiter writer;
        assert_ok(lt_rwlock_write_acquire(rwlock));
        waiter_start(&writer, waits_write_wait, rwlock);
        assert_ok(lt_rwlock_write_release(rwlock));
        // Unless that one was very quick.
        lt_status s = write ? lt_rwlock_try_write_acquire(rwlock)
                            : lt_rwlock_try_read_acquire(rwlock);
        if (s == LT_OK) {
            overtaken += write == (overtaken == 0);
            assert_false(waiter_is_done(&writer));
            assert_ok(write ? lt_rwlock_write_release(rwlock) : lt_rwlock_read_release(rwlock));
        }
        assert_ok(waiter_join(&writer));
        must_be_written(rwlock);
        assert_ok(lt_rwlock_write_release(rwlock));
        must_be_free(rwlock);
    }
    assert_int_equal(overtaken, 2); // By a writer, and by a reader.
    assert_ok(lt_rwlock_free(rwlock));
}

// A writer that was overtaken by readers is the next: no other reader joins those.
TEST(a_writer_that_was_woken_among_readers_is_the_next) {
    lt_rwlock *rwlock = new_rwlock();
    int overtaken = 0;
    for (int i = 0; i < 1000 && overtaken < 1; i++) {
        waiter writer, reader;
        assert_ok(lt_rwlock_write_acquire(rwlock));
        waiter_start(&writer, waits_write_wait, rwlock);
        assert_ok(lt_rwlock_write_release(rwlock));
        if (lt_rwlock_try_read_acquire(rwlock) == LT_OK) {
            overtaken++;
            // It has awoken, and stands in line.
            must_soon(lt_rwlock_try_read_acquire(rwlock) == LT_BUSY
                      || lt_rwlock_read_release(rwlock) != LT_OK);
            waiter_start(&reader, waits_read_wait, rwlock);
            assert_ok(lt_rwlock_read_release(rwlock));
            // The lock goes to it, and is free for nobody in between.
            assert_status(lt_rwlock_try_read_acquire(rwlock), LT_BUSY);
            assert_ok(waiter_join(&writer));
            assert_false(waiter_is_done(&reader));
            assert_ok(lt_rwlock_write_release(rwlock));
            assert_ok(waiter_join(&reader));
            assert_ok(lt_rwlock_read_release(rwlock));
        } else {
            assert_ok(waiter_join(&writer));
            assert_ok(lt_rwlock_write_release(rwlock));
        }
        must_be_free(rwlock);
    }
    assert_int_equal(overtaken, 1);
    assert_ok(lt_rwlock_free(rwlock));
}

TEST(when_a_writer_leaves_all_readers_who_wait_go_together) {
    lt_rwlock *rwlock = waits_rwlock();
    waiter readers[4], writer;
    for (int i = 0; i < 4; i++) {
        waiter_start(&readers[i], i % 2 == 0 ? waits_read_wait : read_for_1000_seconds, rwlock);
    }
    waiter_start(&writer, write_for_1000_seconds, rwlock);
    assert_ok(lt_rwlock_write_release(rwlock));
    for (int i = 0; i < 4; i++) { // None of them releases.
        assert_ok(waiter_join(&readers[i]));
    }
    for (int i = 0; i < 4; i++) {
        assert_false(waiter_is_done(&writer));
        assert_ok(lt_rwlock_read_release(rwlock));
    }
    assert_ok(waiter_join(&writer));
    assert_ok(lt_rwlock_write_release(rwlock));
    must_be_free(rwlock);
    assert_ok(lt_rwlock_free(rwlock));
}

TEST(writers_go_one_by_one_in_their_order) {
    lt_rwlock *rwlock = new_rwlock();
    assert_ok(lt_rwlock_read_acquire(rwlock));
    waiter w[4];
    for (int i = 0; i < 4; i++) {
        waiter_start(&w[i], i % 2 == 0 ? waits_write_wait : write_for_1000_seconds, rwlock);
    }
    assert_ok(lt_rwlock_read_release(rwlock));
    for (int i = 0; i < 4; i++) {
        assert_ok(waiter_join(&w[i]));
        for (int j = i + 1; j < 4; j++) {
            assert_false(waiter_is_done(&w[j]));
        }
        assert_ok(lt_rwlock_write_release(rwlock));
    }
    must_be_free(rwlock);
    assert_ok(lt_rwlock_free(rwlock));
}

// ---- Who leaves the line lets those behind go

typedef struct leaver {
    lt_rwlock *rwlock;
    lt_thread *thread;
    double seconds;
    bool write;
    lt_status status;
} leaver;

static void leaver_run(void *arg) {
    leaver *own = arg;
    own->status = own->write ? lt_rwlock_write_acquire_timeout(own->rwlock, own->seconds)
                             : lt_rwlock_read_acquire_timeout(own->rwlock, own->seconds);
}

static void start_leaver(leaver *own, lt_rwlock *rwlock, bool write, double seconds) {
    *own = (leaver){.rwlock = rwlock, .seconds = seconds, .write = write};
    must(lt_thread_start(leaver_run, own, NULL, &own->thread) == LT_OK);
    if (seconds > 100.0) {
        must_soon(asleep(lt_thread_native_id(own->thread)));
    }
}

static lt_status end_leaver(leaver *own) {
    must(lt_thread_join(own->thread) == LT_OK && lt_thread_free(own->thread) == LT_OK);
    return own->status;
}

// Of those behind a writer that gives up, readers can join the reader that it waited for.
static void check_readers_go_when_the_writer_leaves(bool interrupt) {
    lt_rwlock *rwlock = new_rwlock();
    assert_ok(lt_rwlock_read_acquire(rwlock));
    leaver writer;
    waiter readers[3], last_writer;
    start_leaver(&writer, rwlock, true, interrupt ? 1000.0 : 0.2);
    must_soon(lt_rwlock_try_read_acquire(rwlock) == LT_BUSY
              || (lt_rwlock_read_release(rwlock) == LT_OK
                  && !lt_thread_is_alive(writer.thread)));
    for (int i = 0; i < 3; i++) {
        waiter_launch(&readers[i], waits_read_wait, rwlock);
    }
    if (interrupt) {
        for (int i = 0; i < 3; i++) {
            must_soon(waiter_asleep(&readers[i]));
        }
        waiter_start(&last_writer, waits_write_wait, rwlock);
        assert_ok(lt_thread_interrupt(writer.thread));
    }
    for (int i = 0; i < 3; i++) {
        assert_ok(waiter_join(&readers[i])); // The first reader has not released.
    }
    assert_status(end_leaver(&writer), interrupt ? LT_INTERRUPTED : LT_TIMED_OUT);
    if (interrupt) {
        assert_false(waiter_is_done(&last_writer));
        assert_status(lt_rwlock_try_read_acquire(rwlock), LT_BUSY);
    } else {
        must_be_read(rwlock);
    }
    for (int i = 0; i < 4; i++) {
        assert_ok(lt_rwlock_read_release(rwlock));
    }
    if (interrupt) {
        assert_ok(waiter_join(&last_writer));
        assert_ok(lt_rwlock_write_release(rwlock));
    }
    must_be_free(rwlock);
    assert_ok(lt_rwlock_free(rwlock));
}

TEST(a_writer_that_times_out_lets_the_readers_behind_it_go) {
    check_readers_go_when_the_writer_leaves(false);
}

TEST(a_writer_that_is_interrupted_lets_the_readers_behind_it_go) {
    check_readers_go_when_the_writer_leaves(true);
}

TEST(the_only_one_in_line_leaves_it_empty) {
    lt_rwlock *rwlock = new_rwlock();
    assert_ok(lt_rwlock_read_acquire(rwlock));
    assert_status(lt_rwlock_write_acquire_timeout(rwlock, 0.002), LT_TIMED_OUT);
    must_be_read(rwlock); // Nobody waits any more.
    assert_ok(lt_rwlock_read_release(rwlock));
    assert_ok(lt_rwlock_write_acquire(rwlock));
    assert_status(lt_rwlock_read_acquire_timeout(rwlock, 0.002), LT_TIMED_OUT);
    assert_ok(lt_rwlock_write_release(rwlock));
    must_be_free(rwlock);
    assert_ok(lt_rwlock_free(rwlock));
}

TEST(who_leaves_from_the_middle_or_the_end_of_the_line_disturbs_nobody) {
    lt_rwlock *rwlock = waits_rwlock();
    leaver w[5];
    for (int leaves = 0; leaves < 5; leaves++) {
        for (int i = 0; i < 5; i++) {
            start_leaver(&w[i], rwlock, i % 2 == 0, 1000.0); // W R W R W
        }
        assert_ok(lt_thread_interrupt(w[leaves].thread));
        assert_status(end_leaver(&w[leaves]), LT_INTERRUPTED);
        must_be_written(rwlock);
        assert_ok(lt_rwlock_write_release(rwlock));
        // All readers go together, from wherever they stand in line, the writers one by one.
        int writers = 0, readers = 0;
        for (int turn = 0; turn < 4; turn++) {
            int ended;
            for (double began = lt_monotonic();; sched_yield()) {
                assert_true(seconds_since(began) < POLL_SECONDS);
                for (ended = 0; ended < 5; ended++) {
                    if (ended != leaves && w[ended].thread != NULL
                        && !lt_thread_is_alive(w[ended].thread)) {
                        break;
                    }
                }
                if (ended < 5) {
                    break;
                }
            }
            assert_ok(end_leaver(&w[ended]));
            w[ended].thread = NULL;
            *(w[ended].write ? &writers : &readers) += 1;
            assert_ok(w[ended].write ? lt_rwlock_write_release(rwlock)
                                     : lt_rwlock_read_release(rwlock));
        }
        assert_int_equal(writers, leaves % 2 == 0 ? 2 : 3);
        assert_int_equal(readers, leaves % 2 == 0 ? 2 : 1);
        must_be_free(rwlock);
        assert_ok(lt_rwlock_write_acquire(rwlock));
    }
    assert_ok(lt_rwlock_free(rwlock));
}

// ---- Nobody starves

typedef struct crowd {
    lt_rwlock *rwlock;
    _Atomic bool stop;
    _Atomic long turns;
} crowd;

// Two of these always overlap, so that the lock is never free of readers.
static lt_status read_without_end(void *arg) {
    crowd *c = arg;
    while (!atomic_load(&c->stop)) {
        must(lt_rwlock_read_acquire(c->rwlock) == LT_OK);
        long before = atomic_fetch_add(&c->turns, 1);
        for (double began = lt_monotonic(); seconds_since(began) < 0.001;) {
            if (atomic_load(&c->turns) > before + 1) {
                break;
            }
            sched_yield();
        }
        must(lt_rwlock_read_release(c->rwlock) == LT_OK);
    }
    return LT_OK;
}

static lt_status write_without_end(void *arg) {
    crowd *c = arg;
    while (!atomic_load(&c->stop)) {
        must(lt_rwlock_write_acquire(c->rwlock) == LT_OK);
        atomic_fetch_add(&c->turns, 1);
        spend(200e-6);
        must(lt_rwlock_write_release(c->rwlock) == LT_OK);
    }
    return LT_OK;
}

static void check_no_starvation(lt_status (*without_end)(void *), bool write) {
    crowd c = {.rwlock = new_rwlock()};
    waiter w[3];
    for (size_t i = 0; i < LENGTH(w); i++) {
        waiter_launch(&w[i], without_end, &c);
    }
    must_soon(atomic_load(&c.turns) > 10);
    for (int i = 0; i < 50; i++) {
        double began = lt_monotonic();
        long before = atomic_load(&c.turns);
        assert_ok(write ? lt_rwlock_write_acquire(c.rwlock) : lt_rwlock_read_acquire(c.rwlock));
        // A turn of each, and the rest for the scheduler: which may leave the others no more of the machine than this.
        assert_true(seconds_since(began) < 1.0 || atomic_load(&c.turns) - before < 1000);
        assert_ok(write ? lt_rwlock_write_release(c.rwlock) : lt_rwlock_read_release(c.rwlock));
    }
    atomic_store(&c.stop, true);
    for (size_t i = 0; i < LENGTH(w); i++) {
        assert_ok(waiter_join(&w[i]));
    }
    must_be_free(c.rwlock);
    assert_ok(lt_rwlock_free(c.rwlock));
}

TEST(a_writer_does_not_starve_among_readers) {
    check_no_starvation(read_without_end, true);
}

TEST(a_reader_does_not_starve_among_writers) {
    check_no_starvation(write_without_end, false);
}

TEST(a_writer_does_not_starve_among_writers) {
    check_no_starvation(write_without_end, true);
}

// Readers that come without end do not get past a writer that waits.
TEST(a_writer_waits_for_those_readers_only_who_came_before) {
    lt_rwlock *rwlock = new_rwlock();
    assert_ok(lt_rwlock_read_acquire(rwlock));
    waiter writer, readers[10];
    waiter_start(&writer, waits_write_wait, rwlock);
    for (int i = 0; i < 10; i++) {
        waiter_start(&readers[i], waits_read_wait, rwlock);
    }
    assert_ok(lt_rwlock_read_release(rwlock));
    assert_ok(waiter_join(&writer));
    for (int i = 0; i < 10; i++) {
        assert_false(waiter_is_done(&readers[i]));
    }
    assert_ok(lt_rwlock_write_release(rwlock));
    for (int i = 0; i < 10; i++) {
        assert_ok(waiter_join(&readers[i]));
        assert_ok(lt_rwlock_read_release(rwlock));
    }
    must_be_free(rwlock);
    assert_ok(lt_rwlock_free(rwlock));
}

// ---- Contention

typedef struct ledger {
    lt_rwlock *rwlock;
    long entries[8]; // All alike, except for a writer.
    _Atomic int readers, writers, seed, met;
} ledger;

#define KEEPERS 5

static lt_status acquire_in_some_form(lt_rwlock *rwlock, bool write, int form) {
    const double seconds[] = {0.0, 20e-6, 100e-6, 1000.0};
    switch (form % 6) {
        case 0: return write ? lt_rwlock_write_acquire(rwlock) : lt_rwlock_read_acquire(rwlock);
        case 1:
            return write ? lt_rwlock_try_write_acquire(rwlock)
                         : lt_rwlock_try_read_acquire(rwlock);
        default:
            return write ? lt_rwlock_write_acquire_timeout(rwlock, seconds[form % 6 - 2])
                         : lt_rwlock_read_acquire_timeout(rwlock, seconds[form % 6 - 2]);
    }
}

static lt_status keep_the_ledger(void *arg) {
    ledger *l = arg;
    // All are inside at once: on a busy machine they might not meet again.
    must(lt_rwlock_read_acquire(l->rwlock) == LT_OK);
    atomic_fetch_add(&l->met, 1);
    must_soon(atomic_load(&l->met) == KEEPERS);
    must(lt_rwlock_read_release(l->rwlock) == LT_OK);
    int turn = atomic_fetch_add(&l->seed, 1) * 7;
    for (int i = 0; i < 8000; i++, turn++) {
        bool write = turn % 4 == 0;
        lt_status s = acquire_in_some_form(l->rwlock, write, turn / 4);
        if (s != LT_OK) {
            must(s == (turn / 4 % 6 == 1 ? LT_BUSY : LT_TIMED_OUT));
            must(turn / 4 % 6 != 0 && turn / 4 % 6 != 5);
            continue;
        }
        if (write) {
            must(atomic_fetch_add(&l->writers, 1) == 0 && atomic_load(&l->readers) == 0);
            for (size_t j = 0; j < LENGTH(l->entries); j++) {
                l->entries[j]++;
                if (turn % 128 == 0) {
                    spend(5e-6);
                }
            }
            must(atomic_load(&l->readers) == 0 && atomic_fetch_sub(&l->writers, 1) == 1);
            must(lt_rwlock_write_release(l->rwlock) == LT_OK);
        } else {
            atomic_fetch_add(&l->readers, 1);
            must(atomic_load(&l->writers) == 0);
            for (size_t j = 1; j < LENGTH(l->entries); j++) {
                must(l->entries[j] == l->entries[0]);
                if (turn % 64 == 1) {
                    spend(5e-6);
                }
            }
            must(atomic_load(&l->writers) == 0 && atomic_fetch_sub(&l->readers, 1) > 0);
            must(lt_rwlock_read_release(l->rwlock) == LT_OK);
        }
    }
    return LT_OK;
}

TEST(readers_see_what_a_writer_has_finished_and_never_more) {
    ledger l = {.rwlock = new_rwlock()};
    waiter w[KEEPERS];
    for (size_t i = 0; i < LENGTH(w); i++) {
        waiter_launch(&w[i], keep_the_ledger, &l);
    }
    for (size_t i = 0; i < LENGTH(w); i++) {
        assert_ok(waiter_join(&w[i]));
    }
    assert_true(l.entries[0] > 100);
    must_be_free(l.rwlock);
    assert_ok(lt_rwlock_free(l.rwlock));
}

typedef struct disturbed {
    ledger ledger;
    lt_thread *threads[3];
    _Atomic int running;
    _Atomic long interrupted;
} disturbed;

static void write_while_disturbed(void *arg) {
    disturbed *d = arg;
    ledger *l = &d->ledger;
    // Until one was interrupted, however late a busy machine lets that come.
    for (int i = 0, turn = atomic_fetch_add(&l->seed, 1); i < 2000 || d->interrupted == 0; i++, turn++) {
        bool write = turn % 2 == 0;
        lt_status s =
            write ? lt_rwlock_write_acquire(l->rwlock) : lt_rwlock_read_acquire(l->rwlock);
        if (s != LT_OK) {
            must(s == LT_INTERRUPTED);
            atomic_fetch_add(&d->interrupted, 1);
            continue;
        }
        must(atomic_load(&l->writers) == 0);
        atomic_fetch_add(write ? &l->writers : &l->readers, 1);
        spend(5e-6);
        must(!write || (atomic_load(&l->readers) == 0 && atomic_load(&l->writers) == 1));
        atomic_fetch_sub(write ? &l->writers : &l->readers, 1);
        must((write ? lt_rwlock_write_release(l->rwlock) : lt_rwlock_read_release(l->rwlock))
             == LT_OK);
    }
    atomic_fetch_sub(&d->running, 1);
}

TEST(interrupts_among_waiters_lose_no_turn) {
    disturbed d = {.ledger = {.rwlock = new_rwlock()}, .running = 3};
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_thread_start(write_while_disturbed, &d, NULL, &d.threads[i]));
    }
    for (double began = lt_monotonic(); atomic_load(&d.running) > 0;) {
        assert_true(seconds_since(began) < POLL_SECONDS); // Or one sleeps for ever.
        for (int i = 0; i < 2; i++) { // The third is never interrupted.
            assert_ok(lt_thread_interrupt(d.threads[i]));
        }
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
        if (seconds_since(began) > 1.0 && d.interrupted > 0) { // What sleeps now must be woken by a release.
            break;
        }
    }
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_thread_join_timeout(d.threads[i], POLL_SECONDS));
        assert_ok(lt_thread_free(d.threads[i]));
    }
    must_be_free(d.ledger.rwlock);
    assert_ok(lt_rwlock_free(d.ledger.rwlock));
}

// ---- Forks

typedef struct estate {
    lt_rwlock *read, *written, *own;
} estate;

static void check_child(void *arg) {
    alarm(20);
    estate *e = arg;
    // Those who stood in line are gone, those who held it are as they were.
    must_be_read(e->read);
    must(lt_rwlock_read_release(e->read) == LT_OK);
    must_be_read(e->read);
    must(lt_rwlock_at_fork_reinit(e->read) == LT_OK);
    must_be_free(e->read);
    must_be_written(e->written);
    must(lt_rwlock_read_acquire_timeout(e->written, 0.001) == LT_TIMED_OUT);
    must(lt_rwlock_at_fork_reinit(e->written) == LT_OK);
    must_be_free(e->written);
    must(lt_rwlock_write_release(e->own) == LT_OK);
    must_be_free(e->own);
    lt_rwlock *all[] = {e->read, e->written, e->own};
    for (size_t i = 0; i < LENGTH(all); i++) {
        waiter w;
        must(lt_rwlock_write_acquire(all[i]) == LT_OK);
        waiter_start(&w, waits_read_wait, all[i]);
        must(lt_rwlock_free(all[i]) == LT_BUSY);
        must(lt_rwlock_write_release(all[i]) == LT_OK);
        must(waiter_join(&w) == LT_OK);
        must(lt_rwlock_free(all[i]) == LT_OK);
    }
}

TEST(in_a_child_it_is_held_as_before_and_nobody_waits) {
    estate e = {new_rwlock(), new_rwlock(), new_rwlock()};
    waiter holders[3], waiters[6];
    for (int i = 0; i < 3; i++) { // Two readers, and a writer, that are no threads of the child.
        waiter_launch(&holders[i], i < 2 ? waits_read_wait : waits_write_wait,
            i < 2 ? e.read : e.written);
        assert_ok(waiter_join(&holders[i]));
    }
    assert_ok(lt_rwlock_write_acquire(e.own));
    lt_rwlock *all[] = {e.read, e.written, e.own};
    for (int i = 0; i < 3; i++) {
        waiter_start(&waiters[2 * i], waits_write_wait, all[i]);
        waiter_start(&waiters[2 * i + 1], waits_read_wait, all[i]);
    }
    assert_int_equal(run_in_child(check_child, &e), 0);
    assert_ok(lt_rwlock_read_release(e.read));
    assert_ok(lt_rwlock_read_release(e.read));
    assert_ok(lt_rwlock_write_release(e.written));
    assert_ok(lt_rwlock_write_release(e.own));
    for (int i = 0; i < 3; i++) {
        assert_ok(waiter_join(&waiters[2 * i]));
        assert_false(waiter_is_done(&waiters[2 * i + 1]));
        assert_ok(lt_rwlock_write_release(all[i]));
        assert_ok(waiter_join(&waiters[2 * i + 1]));
        assert_ok(lt_rwlock_read_release(all[i]));
        must_be_free(all[i]);
        assert_ok(lt_rwlock_free(all[i]));
    }
}
