// What the tests ask of the system: /proc.
#include "harness.h"

#include <dirent.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <unistd.h>

// A file of the thread's; NULL if there is none such.
static FILE *open_of_thread(int64_t native_id, const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%" PRId64 "/%s", native_id, name);
    return fopen(path, "r");
}

char thread_state(int64_t native_id) {
    char line[256] = "";
    FILE *file = open_of_thread(native_id, "stat");
    if (file == NULL) {
        return 0;
    }
    bool read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    const char *end_of_name = strrchr(line, ')');
    return read && end_of_name != NULL ? end_of_name[2] : 0;
}

bool asleep(int64_t native_id) {
    return thread_state(native_id) == 'S';
}

bool sleepers_are_told_from_woken(void) {
    return true;
}

size_t count_threads(void) {
    DIR *directory = opendir("/proc/self/task");
    must(directory != NULL);
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    closedir(directory);
    return count;
}

long sleeps_of(int64_t native_id) {
    char line[256];
    long sleeps = -1;
    FILE *file = open_of_thread(native_id, "status");
    if (file == NULL) {
        return -1;
    }
    while (sleeps < 0 && fgets(line, sizeof line, file) != NULL) {
        sscanf(line, "voluntary_ctxt_switches: %ld", &sleeps);
    }
    fclose(file);
    return sleeps;
}

double processor_time_of(int64_t native_id) {
    long long nanoseconds = 0;
    FILE *file = open_of_thread(native_id, "schedstat");
    must(file != NULL && fscanf(file, "%lld", &nanoseconds) == 1);
    fclose(file);
    return 1e-9 * (double)nanoseconds;
}

void read_thread_name(int64_t native_id, char *name, size_t size) {
    FILE *file = open_of_thread(native_id, "comm");
    must(file != NULL && fgets(name, (int)size, file) != NULL);
    fclose(file);
    name[strcspn(name, "\n")] = '\0';
}

size_t longest_thread_name(void) {
    return 15;
}

static void read_pages(unsigned long *mapped, unsigned long *resident) {
    FILE *file = fopen("/proc/self/statm", "r");
    must(file != NULL && fscanf(file, "%lu %lu", mapped, resident) == 2);
    fclose(file);
}

size_t resident_bytes(void) {
    unsigned long mapped, resident;
    read_pages(&mapped, &resident);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

size_t mapped_bytes(void) {
    unsigned long mapped, resident;
    read_pages(&mapped, &resident);
    return mapped * (size_t)sysconf(_SC_PAGESIZE);
}

void *load_library(const char *path) {
    return dlopen(path, RTLD_NOW);
}

void *find_function(void *library, const char *name) {
    return dlsym(library, name);
}
