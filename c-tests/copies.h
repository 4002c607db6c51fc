// Copies of libraries: each is a module of its own to the dynamic loader.
#ifndef LT_COPIES_H
#define LT_COPIES_H

#include "harness.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

// Copies the file to a new one of this name, in a folder of this process's own, and gives its path.
static inline void copy_library(const char *from, const char *name, char *path, size_t size) {
    snprintf(path, size, "%s/copies-%d", getenv("LT_SHIM_DIR"), (int)getpid());
    mkdir(path, 0700);
    snprintf(path + strlen(path), size - strlen(path), "/%s", name);
    unlink(path);
    int in = open(from, O_RDONLY), out = open(path, O_WRONLY | O_CREAT | O_EXCL, 0700);
    static char block[1 << 16];
    ssize_t length;
    must(in >= 0 && out >= 0);
    while ((length = read(in, block, sizeof block)) > 0) {
        must(write(out, block, (size_t)length) == length);
    }
    must(length == 0 && close(in) == 0 && close(out) == 0);
}

// Deletes it, and the folder with the last.
static inline void delete_copy(const char *path) {
    char folder[4096];
    must(unlink(path) == 0);
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    rmdir(folder);
}

// The path of one of the shims.
static inline const char *shim_path(const char *name) {
    static char path[4096];
    if (getenv("LT_SHIM_DIR") == NULL) {
        fail_msg("LT_SHIM_DIR does not say where the shims are");
    }
    snprintf(path, sizeof path, "%s/shim_%s.so", getenv("LT_SHIM_DIR"), name);
    return path;
}

// Loads a copy.
static inline void *load_copy(const char *from, const char *name, char *path, size_t size) {
    copy_library(from, name, path, size);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fail_msg("%s", dlerror());
    }
    return library;
}

#endif
