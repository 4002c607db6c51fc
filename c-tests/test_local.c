// Thread-local storage: values, destructors at every kind of end, keys that come and go.
// timeout: 60
// flags: -fexceptions
#include "support.h"

static _Atomic int destroyed, hooked;
static void *_Atomic last_destroyed;

static void count_destroyed(void *value) {
    atomic_store(&last_destroyed, value);
    atomic_fetch_add(&destroyed, 1);
}

static void count_hooked(const lt_error_info *info, void *arg) {
    (void)info;
    (void)arg;
    atomic_fetch_add(&hooked, 1);
}

static void begin(void) {
    join_all_threads();
    destroyed = hooked = 0;
    last_destroyed = NULL;
    assert_ok(lt_set_excepthook(count_hooked, NULL));
}

static lt_status run(lt_thread_fn function, void *arg) {
    lt_thread *thread;
    must(lt_thread_start(function, arg, NULL, &thread) == LT_OK);
    lt_status status = lt_thread_join(thread);
    must(lt_thread_free(thread) == LT_OK);
    return status;
}

// ---- Values

TEST(a_value_is_unset_at_first_and_can_be_unset_again) {
    lt_local *local = lt_local_new(NULL);
    assert_non_null(local);
    assert_null(lt_local_get(local));
    int value;
    assert_ok(lt_local_set(local, &value));
    assert_ptr_equal(lt_local_get(local), &value);
    assert_ok(lt_local_set(local, NULL));
    assert_null(lt_local_get(local));
    assert_ok(lt_local_free(local));
    assert_null(lt_local_get(local));
    assert_int_equal(lt_last_status(), LT_BAD_HANDLE);
    assert_status(lt_local_set(local, &value), LT_BAD_HANDLE);
    assert_status(lt_local_free(local), LT_BAD_HANDLE);
    assert_ok(lt_local_free(NULL));
}

static void check_own_value(void *arg) {
    lt_local *local = arg;
    int own[100];
    must(lt_local_get(local) == NULL);
    for (int i = 0; i < 100; i++) {
        must(lt_local_set(local, &own[i]) == LT_OK);
        sched_yield();
        must(lt_local_get(local) == &own[i]);
    }
}

TEST(each_thread_has_a_value_of_its_own) {
    lt_local *local = lt_local_new(NULL);
    assert_ok(lt_local_set(local, local));
    for (int i = 0; i < 50; i++) {
        assert_ok(lt_start_new_thread(check_own_value, local, NULL));
    }
    join_all_threads();
    assert_ptr_equal(lt_local_get(local), local);
    assert_ok(lt_local_free(local));
}

enum { MANY = 100000 };
static lt_local *many[MANY];

static void use_many(void *arg) {
    (void)arg;
    for (size_t i = 0; i < MANY; i++) {
        must(lt_local_get(many[i]) == NULL);
        must(lt_local_set(many[i], &many[i]) == LT_OK);
    }
    for (size_t i = 0; i < MANY; i++) {
        must(lt_local_get(many[i]) == &many[i]);
    }
}

TEST(a_hundred_thousand_keys_are_fine) {
    begin();
    for (size_t i = 0; i < MANY; i++) {
        many[i] = lt_local_new(count_destroyed);
        assert_non_null(many[i]);
        assert_ok(lt_local_set(many[i], (char *)many + i));
    }
    assert_ok(run(use_many, NULL));
    assert_int_equal(destroyed, MANY);
    assert_ok(run(use_many, NULL));
    assert_int_equal(destroyed, 2 * MANY);
    for (size_t i = 0; i < MANY; i++) {
        assert_ptr_equal(lt_local_get(many[i]), (char *)many + i);
        assert_ok(lt_local_free(many[i]));
    }
    assert_int_equal(destroyed, 2 * MANY);
}

// ---- Destructors

static void set_and_return(void *local) {
    must(lt_local_set(local, local) == LT_OK);
}

static void set_and_exit(void *local) {
    set_and_return(local);
    lt_exit();
}

static void set_and_raise(void *local) {
    set_and_return(local);
    lt_raise(1, "raised");
}

static void set_and_cancel(void *local) {
    set_and_return(local);
    pthread_cancel(pthread_self());
    pthread_testcancel();
}

static void *as_pthread(void *arg) {
    lt_thread_fn *function = ((void **)arg)[0];
    (*function)(((void **)arg)[1]);
    return NULL;
}

TEST(destructors_run_however_the_thread_ends) {
    const lt_thread_fn functions[] = {set_and_return, set_and_exit, set_and_raise, set_and_cancel};
    for (size_t i = 0; i < LENGTH(functions); i++) {
        begin();
        lt_local *local = lt_local_new(count_destroyed);
        assert_status(run(functions[i], local), functions[i] == set_and_raise ? LT_FAILED : LT_OK);
        assert_int_equal(destroyed, 1);
        assert_ptr_equal(last_destroyed, local);
        assert_ok(lt_start_new_thread(functions[i], local, NULL));
        join_all_threads();
        assert_int_equal(destroyed, 2);
        assert_ok(lt_local_free(local));
        assert_int_equal(hooked, functions[i] == set_and_raise ? 2 : 0);
    }
}

TEST(destructors_run_on_threads_of_others) {
    lt_thread_fn functions[] = {set_and_return, set_and_exit, set_and_raise, set_and_cancel};
    for (size_t i = 0; i < LENGTH(functions); i++) {
        begin();
        lt_local *local = lt_local_new(count_destroyed);
        for (int j = 0; j < 3; j++) {
            void *arg[] = {&functions[i], local};
            pthread_t thread;
            assert_int_equal(pthread_create(&thread, NULL, as_pthread, arg), 0);
            assert_int_equal(pthread_join(thread, NULL), 0);
            assert_int_equal(destroyed, j + 1);
            assert_ptr_equal(last_destroyed, local);
        }
        assert_ok(lt_local_free(local));
        assert_int_equal(hooked, functions[i] == set_and_raise ? 3 : 0);
    }
}

TEST(a_value_that_is_unset_is_not_destroyed) {
    begin();
    lt_local *local = lt_local_new(count_destroyed);
    assert_ok(run(check_own_value, local)); // Which sets some.
    assert_int_equal(destroyed, 1);         // The last.
    assert_ok(lt_local_free(local));
    local = lt_local_new(NULL);
    assert_ok(run(set_and_return, local));
    assert_int_equal(destroyed, 1);
    assert_ok(lt_local_free(local));
}

static void set_and_unset(void *local) {
    set_and_return(local);
    must(lt_local_set(local, NULL) == LT_OK);
}

TEST(a_value_that_was_unset_is_not_destroyed) {
    begin();
    lt_local *local = lt_local_new(count_destroyed);
    assert_ok(run(set_and_unset, local));
    assert_int_equal(destroyed, 0);
    assert_ok(lt_local_free(local));
}

static lt_local *looked_at;
static _Atomic lt_ident ident_of_function, ident_of_destructor;

static void look_around(void *value) {
    must(lt_local_get(looked_at) == NULL);
    must(lt_thread_count() == 1);
    atomic_store(&ident_of_destructor, lt_get_ident());
    char name[64];
    must(lt_thread_name(lt_get_ident(), name, sizeof name) == LT_OK);
    must(strcmp(name, "looker") == 0);
    count_destroyed(value);
}

static void set_and_tell_ident(void *local) {
    atomic_store(&ident_of_function, lt_get_ident());
    must(lt_set_thread_name("looker") == LT_OK);
    set_and_return(local);
}

TEST(the_destructor_runs_on_its_thread_with_the_value_cleared) {
    begin();
    looked_at = lt_local_new(look_around);
    assert_ok(run(set_and_tell_ident, looked_at));
    assert_int_equal(destroyed, 1);
    assert_int_equal(ident_of_destructor, ident_of_function);
    assert_ok(lt_local_free(looked_at));
}

// ---- Rounds

static lt_local *persistent;
static int sets_wanted;

static void set_again(void *value) {
    must(lt_local_get(persistent) == NULL);
    if (atomic_fetch_add(&destroyed, 1) + 1 < sets_wanted) {
        must(lt_local_set(persistent, value) == LT_OK);
        must(lt_local_get(persistent) == value);
    }
}

TEST(a_destructor_may_set_the_value_again_up_to_four_rounds) {
    persistent = lt_local_new(set_again);
    for (sets_wanted = 1; sets_wanted <= 4; sets_wanted++) {
        begin();
        assert_ok(run(set_and_return, persistent));
        assert_int_equal(destroyed, sets_wanted);
    }
    for (int i = 0; i < 100; i++) {
        sets_wanted = INT_MAX;
        begin();
        assert_ok(run(set_and_return, persistent));
        assert_int_equal(destroyed, 4);
        assert_int_equal(lt_thread_count(), 0);
    }
    assert_ok(lt_local_free(persistent));
}

TEST(it_is_four_rounds_on_threads_of_others_too) {
    lt_thread_fn function = set_and_return;
    persistent = lt_local_new(set_again);
    sets_wanted = INT_MAX;
    begin();
    void *arg[] = {&function, persistent};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, as_pthread, arg), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(destroyed, 4);
    assert_ok(lt_local_free(persistent));
}

static lt_local *chain[6];

static void set_the_next(void *value) {
    atomic_fetch_add(&destroyed, 1);
    lt_local **next = value;
    if (next < chain + LENGTH(chain)) {
        must(lt_local_set(*next, next + 1) == LT_OK);
    }
}

static void start_chain(void *arg) {
    (void)arg;
    must(lt_local_set(chain[0], &chain[1]) == LT_OK);
}

// Whatever is in the order of the keys: a value that a destructor sets is destroyed in this round or
// in the next.
TEST(a_destructor_may_set_other_values) {
    begin();
    for (size_t i = 0; i < LENGTH(chain); i++) {
        chain[i] = lt_local_new(set_the_next);
    }
    assert_ok(run(start_chain, NULL));
    assert_true(destroyed >= 4);
    for (size_t i = 0; i < LENGTH(chain); i++) {
        assert_ok(lt_local_free(chain[i]));
    }
}

static void make_and_free_keys(void *value) {
    (void)value;
    lt_local *inner[300];
    for (size_t i = 0; i < LENGTH(inner); i++) {
        inner[i] = lt_local_new(count_destroyed);
        must(inner[i] != NULL && lt_local_set(inner[i], inner[i]) == LT_OK);
    }
    for (size_t i = 0; i < LENGTH(inner); i += 2) {
        must(lt_local_free(inner[i]) == LT_OK);
    }
}

TEST(a_destructor_may_make_keys_and_free_them) {
    begin();
    lt_local *local = lt_local_new(make_and_free_keys);
    assert_ok(run(set_and_return, local));
    assert_int_equal(destroyed, 150);
    assert_ok(lt_local_free(local));
}

static void free_own_key(void *local) {
    atomic_fetch_add(&destroyed, 1);
    must(lt_local_free(local) == LT_OK);
}

TEST(a_destructor_may_free_its_own_key) {
    begin();
    assert_ok(run(set_and_return, lt_local_new(free_own_key)));
    assert_int_equal(destroyed, 1);
}

static void destroy_and_raise(void *value) {
    count_destroyed(value);
    lt_raise(2, "from a destructor");
}

static void destroy_and_exit(void *value) {
    count_destroyed(value);
    lt_exit();
}

static void set_three(void *arg) {
    for (lt_local **local = arg; *local != NULL; local++) {
        set_and_return(*local);
    }
}

TEST(a_destructor_that_raises_is_told_and_the_others_run) {
    begin();
    lt_local *locals[] = {lt_local_new(count_destroyed), lt_local_new(destroy_and_raise),
        lt_local_new(count_destroyed), NULL};
    lt_status status = run(set_three, locals);
    assert_true(status == LT_OK || status == LT_FAILED);
    assert_int_equal(destroyed, 3);
    assert_int_equal(hooked, 1);
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_local_free(locals[i]));
    }
}

TEST(after_a_destructor_that_exits_the_others_run) {
    begin();
    lt_local *locals[] = {lt_local_new(count_destroyed), lt_local_new(destroy_and_exit),
        lt_local_new(count_destroyed), NULL};
    assert_ok(run(set_three, locals));
    assert_int_equal(destroyed, 3);
    assert_int_equal(lt_thread_count(), 0);
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_local_free(locals[i]));
    }
}

static pthread_key_t late_key;

static void set_late(void *local) {
    must(lt_local_set(local, local) == LT_OK);
}

static void *set_in_a_destructor(void *local) {
    must(pthread_setspecific(late_key, local) == 0);
    return NULL;
}

// A thread of others may call the library for the first time in a destructor of its own.
TEST(a_value_set_in_a_destructor_of_another_library_is_destroyed) {
    begin();
    assert_int_equal(pthread_key_create(&late_key, set_late), 0);
    lt_local *local = lt_local_new(count_destroyed);
    for (int i = 1; i <= 20; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, set_in_a_destructor, local), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(destroyed, i);
    }
    assert_int_equal(pthread_key_delete(late_key), 0);
    assert_ok(lt_local_free(local));
}

static _Atomic lt_ident late_ident;

static void set_late_and_tell_ident(void *local) {
    atomic_store(&late_ident, lt_get_ident());
    set_late(local);
}

TEST(such_a_thread_is_forgotten_when_it_has_ended) {
    begin();
    lt_local *local = lt_local_new(count_destroyed); // Its key is made before and behind the library's.
    assert_ok(lt_local_set(local, NULL));
    assert_int_equal(pthread_key_create(&late_key, set_late_and_tell_ident), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, set_in_a_destructor, local), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    char name[64];
    assert_int_not_equal(late_ident, 0);
    assert_status(lt_thread_name(late_ident, name, sizeof name), LT_INVALID);
    assert_int_equal(pthread_key_delete(late_key), 0);
    assert_ok(lt_local_free(local));
}

// ---- Keys that come and go

TEST(freeing_a_key_runs_no_destructor) {
    begin();
    lt_local *local = lt_local_new(count_destroyed);
    assert_ok(lt_local_set(local, local));
    assert_ok(lt_local_free(local));
    assert_int_equal(destroyed, 0);
}

typedef struct stale {
    lt_event *set, *replaced;
    lt_local *old[200], *new[200];
} stale;

static void keep_stale_values(void *arg) {
    stale *s = arg;
    for (size_t i = 0; i < LENGTH(s->old); i++) {
        must(lt_local_set(s->old[i], &s->old[i]) == LT_OK);
    }
    must(lt_event_set(s->set) == LT_OK);
    must(lt_event_wait(s->replaced) == LT_OK);
    for (size_t i = 0; i < LENGTH(s->old); i++) {
        must(lt_local_get(s->old[i]) == NULL && lt_last_status() == LT_BAD_HANDLE);
        must(lt_local_set(s->old[i], s) == LT_BAD_HANDLE);
        must(lt_local_get(s->new[i]) == NULL);
        if (i % 2 == 0) {
            must(lt_local_set(s->new[i], &s->new[i]) == LT_OK);
            must(lt_local_get(s->new[i]) == &s->new[i]);
        }
    }
}

static void must_not_run(void *value) {
    (void)value;
    must(!"the destructor of a freed key");
}

TEST(the_values_of_a_freed_key_are_forgotten_while_threads_live) {
    begin();
    static stale s;
    for (int round = 0; round < 20; round++) {
        s.set = lt_event_new();
        s.replaced = lt_event_new();
        for (size_t i = 0; i < LENGTH(s.old); i++) {
            s.old[i] = lt_local_new(must_not_run);
        }
        assert_ok(lt_start_new_thread(keep_stale_values, &s, NULL));
        assert_ok(lt_event_wait(s.set));
        for (size_t i = 0; i < LENGTH(s.old); i++) {
            assert_ok(lt_local_free(s.old[i]));
        }
        for (size_t i = 0; i < LENGTH(s.new); i++) {
            s.new[i] = lt_local_new(count_destroyed);
        }
        assert_ok(lt_event_set(s.replaced));
        join_all_threads();
        assert_int_equal(destroyed, (round + 1) * 100);
        for (size_t i = 0; i < LENGTH(s.new); i++) {
            assert_ok(lt_local_free(s.new[i]));
        }
        assert_ok(lt_event_free(s.set));
        assert_ok(lt_event_free(s.replaced));
    }
}

TEST(keys_are_recycled) {
    begin();
    lt_local *stale = lt_local_new(NULL);
    assert_ok(lt_local_set(stale, stale));
    assert_ok(lt_local_free(stale));
    size_t before = resident_bytes();
    for (int i = 0; i < 300000; i++) {
        lt_local *local = lt_local_new(count_destroyed);
        assert_null(lt_local_get(local));
        assert_ok(lt_local_set(local, local));
        assert_ptr_equal(lt_local_get(local), local);
        assert_ok(lt_local_free(local));
    }
    assert_null(lt_local_get(stale));
    assert_true(!memory_tells() || resident_bytes() < before + 1024 * 1024);
    assert_int_equal(destroyed, 0);
}

typedef struct churn {
    lt_local *_Atomic places[8];
    _Atomic bool stop;
} churn;

// A value names the key that it was set through.
static void use_churned(void *arg) {
    churn *c = arg;
    for (unsigned i = 0; !atomic_load(&c->stop); i++) {
        lt_local *local = atomic_load(&c->places[i % LENGTH(c->places)]);
        void *value = lt_local_get(local);
        must(value == NULL || value == local);
        lt_status status = lt_local_set(local, local);
        must(status == LT_OK || status == LT_BAD_HANDLE);
    }
}

TEST(a_stale_value_never_shows_through_another_key) {
    begin();
    static churn c;
    atomic_store(&c.stop, false);
    for (size_t i = 0; i < LENGTH(c.places); i++) {
        c.places[i] = lt_local_new(count_destroyed);
    }
    for (int i = 0; i < 3; i++) {
        assert_ok(lt_start_new_thread(use_churned, &c, NULL));
    }
    double began = lt_monotonic();
    for (int i = 0; i < 100000 && seconds_since(began) < 5.0; i++) {
        lt_local *old = c.places[i % LENGTH(c.places)];
        assert_ok(lt_local_free(old));
        atomic_store(&c.places[i % LENGTH(c.places)], lt_local_new(count_destroyed));
        if (i % 100 == 0) {
            sched_yield();
        }
    }
    atomic_store(&c.stop, true);
    join_all_threads();
    for (size_t i = 0; i < LENGTH(c.places); i++) {
        assert_ok(lt_local_free(c.places[i]));
    }
}
