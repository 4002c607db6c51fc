// The library is loaded by dlopen and closed under its threads. The test runs in shim_dlopen.c, in a
// program that is not linked with the library.
// needs: dlopen
#include "shims.h"

static void load(const char *how) {
    skip_where_nothing_is_loaded();
    const char *library = getenv("LT_LIBRARY");
    if (library == NULL) {
        Dl_info info;
        __typeof__(lt_version) *version = lt_version;
        void *address;
        memcpy(&address, &version, sizeof address);
        assert_int_not_equal(dladdr(address, &info), 0);
        library = realpath(info.dli_fname, NULL);
    }
    assert_non_null(library);
    assert_int_equal(setenv("LT_LIBRARY", library, 1), 0);
    char program[4096];
    snprintf(program, sizeof program, "%s/idle", getenv("LT_SHIM_DIR"));
    run_under_shims("dlopen", program, NULL, how);
}

TEST(threads_outlive_the_close_of_a_library_opened_locally) {
    load("LT_DLOPEN=local");
}

TEST(threads_outlive_the_close_of_a_library_opened_globally) {
    load("LT_DLOPEN=global");
}
