// Runs programs of the fuzzer without libFuzzer: those of files, or as many random ones as are asked for.
//
//     replay [-v] FILE...              each file, or each file of a folder; -v shows every call
//     replay --calls N [--seed S]      random programs from a seed, until N calls were made
//     replay --seconds N [--seed S]    the same, for a time
//     replay --shorten FILE            writes FILE.short: what of it still shows the same
#define _GNU_SOURCE
#include "makers.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST = 4096 };

static uint64_t seed = 1;

static uint64_t next_random(void) {
    // splitmix64
    uint64_t z = seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static void keep_finding(const uint8_t *data, size_t size) {
    FILE *file = fopen("fuzz-finding", "wb");
    if (file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0) {
        fprintf(stderr, "  the program is in fuzz-finding: replay -v fuzz-finding\n");
    }
}

static size_t read_file(const char *path, uint8_t *data) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    size_t size = fread(data, 1, LONGEST, file);
    fclose(file);
    return size;
}

static unsigned files;

static void replay(const char *path) {
    static uint8_t data[LONGEST];
    struct stat is;
    if (stat(path, &is) == 0 && S_ISDIR(is.st_mode)) {
        DIR *dir = opendir(path);
        for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
            if (entry->d_name[0] != '.') {
                char name[4096];
                snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
                replay(name);
            }
        }
        closedir(dir);
        return;
    }
    if (verbose) {
        fprintf(stderr, "%s\n", path);
    }
    run_program(data, read_file(path, data));
    files++;
}

// Whether a program finds something, in a process of its own.
static bool finds(const uint8_t *data, size_t size) {
    pid_t child = fork();
    if (child == 0) {
        on_finding = NULL;
        alarm(20);
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 2);
        run_program(data, size);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status != 0;
}

static void shorten(const char *path) {
    static uint8_t data[LONGEST], shorter[LONGEST];
    size_t size = read_file(path, data);
    if (!finds(data, size)) {
        fprintf(stderr, "%s finds nothing\n", path);
        exit(1);
    }
    for (size_t part = size / 2; part > 0; part /= 2) {
        for (size_t at = 0; at + part <= size;) {
            memcpy(shorter, data, at);
            memcpy(shorter + at, data + at + part, size - at - part);
            if (finds(shorter, size - part)) {
                size -= part;
                memcpy(data, shorter, size);
            } else {
                at += part;
            }
        }
    }
    char name[4096];
    snprintf(name, sizeof name, "%s.short", path);
    FILE *file = fopen(name, "wb");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        perror(name);
        exit(2);
    }
    printf("%s: %zu bytes\n", name, size);
}

int main(int argc, char **argv) {
    unsigned long calls = 0, programs = 0;
    double seconds = 0;
    on_finding = keep_finding;
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "-v") == 0) {
            verbose = true;
        } else if (strcmp(argv[i], "--calls") == 0 && more) {
            calls = strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seconds") == 0 && more) {
            seconds = strtod(argv[++i], NULL);
        } else if (strcmp(argv[i], "--seed") == 0 && more) {
            seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--shorten") == 0 && more) {
            shorten(argv[++i]);
            return 0;
        } else {
            replay(argv[i]);
        }
    }
    double began = lt_monotonic();
    while (calls_made() < calls || lt_monotonic() - began < seconds) {
        uint8_t data[512];
        size_t size = 16 + next_random() % (sizeof data - 16);
        for (size_t i = 0; i < size; i++) {
            data[i] = (uint8_t)next_random();
        }
        run_program(data, size);
        programs++;
    }
    printf("%u files and %lu programs, %lu calls, nothing found\n", files, programs, calls_made());
    return 0;
}
