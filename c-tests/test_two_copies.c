// Two copies of the library in one process: what one raises is foreign to the other.
// flags: -fexceptions
// needs: dladdr
#include "support.h"

#include "copies.h"

static __typeof__(lt_raise) *raise_of_the_other;

static void raise_there(void *arg) {
    raise_of_the_other(3, arg);
    must(!"it has returned"); // And so the call is no jump.
}

static void raise_here(void *arg) {
    lt_raise(3, arg);
}

static void check(lt_thread_fn function, int32_t kind, int32_t code) {
    lt_thread *thread;
    const lt_error_info *info;
    assert_ok(lt_thread_start(function, "raised", NULL, &thread));
    assert_status(lt_thread_join(thread), LT_FAILED);
    assert_ok(lt_thread_error(thread, &info));
    assert_int_equal(info->kind, kind);
    assert_int_equal(info->code, code);
    assert_int_not_equal(strlen(info->type_name), 0);
    assert_int_not_equal(strlen(info->message), 0);
    const char *raiser = kind == LT_ERROR_RAISED ? "raise_here" : "raise_there";
    bool traced = kind == LT_ERROR_RAISED || throws_are_traced();
    if (traced && strstr(lt_error_backtrace(info), raiser) == NULL) {
        fail_msg("no %s in the trace:\n%s", raiser, lt_error_backtrace(info));
    }
    assert_ok(lt_thread_free(thread));
}

static void ignore_error(const lt_error_info *info, void *arg) {
    (void)info;
    (void)arg;
}

TEST(an_error_of_another_copy_is_foreign) {
    skip_where_nothing_is_loaded();
    Dl_info own;
    void *address, *symbol;
    char path[4096];
    __typeof__(lt_version) *version = lt_version;
    memcpy(&address, &version, sizeof address);
    must(dladdr(address, &own) != 0);
    assert_ok(lt_set_excepthook(ignore_error, NULL));
    must(getenv("LT_SHIM_DIR") != NULL);
    copy_library(own.dli_fname, "another-lowthread.so", path, sizeof path);
    void *other = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (other == NULL) {
        skip_because(dlerror());
    }
    symbol = dlsym(other, "lt_raise");
    memcpy(&raise_of_the_other, &symbol, sizeof symbol);
    if (symbol == dlsym(RTLD_DEFAULT, "lt_raise")) {
        delete_copy(path);
        skip_because("the loader takes the copy for the library, by its soname");
    }
    for (int i = 0; i < 20; i++) {
        check(raise_there, LT_ERROR_FOREIGN, 0);
        check(raise_here, LT_ERROR_RAISED, 3);
    }
    delete_copy(path);
}
